"""Stores and files that are read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import xarray as xr

from xgrad.jobs.api import gradient_to_zarr


def test_the_dimensions_of_a_netcdf_zarr_store_are_read(tmp_path: Path) -> None:
    source = tmp_path / "in.zarr"
    xr.Dataset({"t": ("x", np.arange(4.0))}).to_zarr(source, zarr_format=2, consolidated=False)
    (source / "t" / ".zattrs").unlink()
    metadata = source / "t" / ".zarray"
    changed = {**json.loads(metadata.read_text()), "_NCZARR_ARRAY": {"dimrefs": ["/x"]}}
    metadata.write_text(json.dumps(changed))
    gradient_to_zarr(source, tmp_path / "out.zarr")
    with xr.open_zarr(tmp_path / "out.zarr") as found:
        assert found.dt_dx.values.tolist() == [1.0] * 4
