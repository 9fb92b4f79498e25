"""Attributes that are lists: their variable is named, and the others go on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray as xr
import zarr

from tests.command import Session
from tests.helpers import same_bits

LINKS = (
    "coordinates", "bounds", "grid_mapping", "cell_measures", "ancillary_variables",
    "formula_terms", "climatology",
)  # fmt: skip
VALUES = np.arange(4.0) ** 3


def in_hdf5(path: Path, attrs: dict[str, Any]) -> None:
    with h5py.File(path, "w") as file:
        x = file.create_dataset("x", data=np.arange(4.0) ** 2)
        x.make_scale("x")
        for name in ("a", "b", "lat"):
            made = file.create_dataset(name, data=VALUES)
            made.dims[0].attach_scale(x)
        for key, value in attrs.items():
            texts = isinstance(value[0], str)
            kind = h5py.string_dtype() if texts else None
            file["a"].attrs[key] = np.array(value, dtype=kind)


def in_zarr(path: Path, attrs: dict[str, Any]) -> None:
    own = xr.Dataset(dict.fromkeys(("a", "b", "lat"), ("x", VALUES)), {"x": np.arange(4.0) ** 2})
    own.to_zarr(path, consolidated=False)
    zarr.open_group(path)["a"].attrs.update(attrs)


@pytest.mark.parametrize("write", [in_hdf5, in_zarr])
@pytest.mark.parametrize(("value", "is_text"), [(["lat", "lon"], True), ([1, 2], False)])
@pytest.mark.parametrize("decode_coords", ["true", "all"])
def test_a_list_is_named_and_nothing_stops(
    write: Any, value: list[Any], is_text: bool, decode_coords: str, commands: Session,
    tmp_path: Path,
) -> None:  # fmt: skip
    links = ("coordinates", "ancillary_variables") if is_text else LINKS
    write(tmp_path / "in", {**dict.fromkeys(links, value), "units": ["K", "K"]})
    options = {in_hdf5: ("--engine", "h5netcdf"), in_zarr: ("--engine", "zarr")}[write]
    done = commands.run(
        "gradient", tmp_path / "in", tmp_path / "out.zarr", *options,
        "--open", f"decode_coords={decode_coords}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with xr.open_zarr(tmp_path / "out.zarr") as found:
        assert {"da_dx", "db_dx"} <= set(found.data_vars)
        for name in ("da_dx", "db_dx"):
            assert same_bits(found[name].values, np.gradient(VALUES, np.arange(4.0) ** 2))
        assert ("lat" in found.coords) == is_text
    end = "read as one" if is_text else "left out"
    assert done.stderr
    for line in done.stderr.splitlines():
        assert "Warning: the attribute '" in line
        assert f"of 'a' is not text but {value}, and is {end}" in line
