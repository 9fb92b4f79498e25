"""Derivatives on any grid: exact fields on six projections, chunks, jobs, turned and cut grids."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr

import xgrad
from tests.helpers import nothing_computed, same_bits
from tests.operators.grids import PROJECTIONS, errors, on


@pytest.mark.parametrize("name", PROJECTIONS)
def test_exact_fields_on_grids_of_20_km(name: str) -> None:
    for key, error in errors(name, 201).items():
        assert error < 1e-4, key


@pytest.mark.parametrize("name", PROJECTIONS)
def test_errors_fall_with_the_square_of_the_step(name: str) -> None:
    coarse, fine = errors(name, 41), errors(name, 81)
    for key, error in fine.items():
        assert np.log2(coarse[key] / error) > 1.7 or error < 1e-12, key


@pytest.mark.parametrize("name", ["polar stereographic", "sinusoidal", "rotated pole"])
def test_turning_reversing_and_cutting_the_grid_changes_no_value(name: str) -> None:
    ds = on(name, 31)[0].assign_coords(x=np.arange(31), y=np.arange(31))

    def derived(one: xr.Dataset) -> xr.Dataset:
        slope = one.f.fdgrad.gradient(["lon", "lat"], metric="sphere")
        spin = one.fdgrad.curl({"lon": "u", "lat": "v"}, metric="sphere")
        return slope.assign(curl=spin).sortby(["x", "y"]).transpose("y", "x")

    expected = derived(ds)
    for turned in (
        ds.transpose("x", "y"),
        ds.isel(x=slice(None, None, -1)),
        ds.isel(y=slice(None, None, -1)).transpose("x", "y"),
        ds.assign_coords(lon=(ds.lon + 400) % 360),
    ):
        for key, values in derived(turned).items():
            scale = float(abs(expected[key]).max())
            np.testing.assert_allclose(values, expected[key], rtol=0, atol=1e-12 * scale)
    part = derived(ds.isel(x=slice(4, 20), y=slice(3, 25))).isel(x=slice(1, -1), y=slice(1, -1))
    inside = expected.isel(x=slice(5, 19), y=slice(4, 24))
    for key, values in part.items():
        assert same_bits(values, inside[key])


OPERATIONS: dict[str, Callable[[xr.Dataset], Any]] = {
    "gradient": lambda ds: ds.f.fdgrad.gradient(["lon", "lat"], metric="sphere"),
    "magnitude": lambda ds: ds.f.fdgrad.magnitude(["lat", "lon"], metric="sphere"),
    "curl": lambda ds: ds.fdgrad.curl({"lon": "u", "lat": "v"}, metric="sphere"),
    "divergence": lambda ds: ds.fdgrad.divergence({"x": "u", "y": "v"}, metric="sphere"),
    "skipna": lambda ds: ds.f.fdgrad.gradient(["lon", "lat"], metric="sphere", skipna=True),
}


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_no_bit_depends_on_chunks(name: str, dtype: str) -> None:
    ds = on("Albers", 13)[0].expand_dims(time=3).copy()
    ds = ds.astype(dtype)
    expected = OPERATIONS[name](ds)
    for chunks in ({"time": 1}, {"y": 5, "x": 7}, {"time": 2, "x": 1}):
        lazy = ds.chunk(chunks)
        with nothing_computed():
            found = OPERATIONS[name](lazy)
        for one in found.values() if isinstance(found, xr.Dataset) else [found]:
            own = expected[one.name] if isinstance(expected, xr.Dataset) else expected
            assert isinstance(one.data, da.Array)
            assert same_bits(one, own)


@pytest.mark.parametrize("operation", ["gradient", "magnitude", "curl", "divergence"])
def test_a_job_has_the_same_bits(operation: str, tmp_path: Path) -> None:
    ds = on("sinusoidal", 25)[0].drop_attrs(deep=False).expand_dims(time=4)
    ds.chunk(time=1, y=10, x=9).to_zarr(tmp_path / "in.zarr", zarr_format=2)
    dim: Any = (
        ["lon", "lat"] if operation in ("gradient", "magnitude") else {"lon": "u", "lat": "v"}
    )
    names = ["f"] if operation in ("gradient", "magnitude") else None
    xgrad.to_zarr(
        operation, tmp_path / "in.zarr", tmp_path / "out.zarr", names, dim, metric="sphere"
    )
    expected: Any = (
        getattr(ds[["f"]].fdgrad, operation)(dim, metric="sphere")
        if names
        else getattr(ds.fdgrad, operation)(dim, metric="sphere").to_dataset()
    )
    with xr.open_zarr(tmp_path / "out.zarr") as found:
        for key in expected.data_vars:
            assert same_bits(found[key], expected[key])
