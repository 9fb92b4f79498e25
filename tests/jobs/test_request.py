"""What a request may name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from xgrad.jobs.api import gradient_to_zarr


def test_invalid_names_of_results_and_useless_variables_are_refused(tmp_path: Path) -> None:
    made = xr.Dataset({"t": ("m/z", np.arange(4.0)), "text": ("m/z", list("abcd")), "one": 1.0})
    made.to_zarr(tmp_path / "in.zarr", zarr_format=2)
    with pytest.raises(ValueError, match=r"would be called 'dt_dm/z', .*; rename the dimension"):
        gradient_to_zarr(tmp_path / "in.zarr", tmp_path / "out.zarr")
    made.rename({"m/z": "mz"}).to_zarr(tmp_path / "in.zarr", mode="w", zarr_format=2)
    for name in ("text", "one"):
        with pytest.raises(ValueError, match=f"`variables` names '{name}', .*; leave it out"):
            gradient_to_zarr(tmp_path / "in.zarr", tmp_path / "out.zarr", ["t", name])
    assert [path.name for path in tmp_path.iterdir()] == ["in.zarr"]
