"""Derivatives on any grid: exact fields on six projections, chunks, jobs, turned and cut grids."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pyproj
import pytest
import xarray as xr

import xgrad
from tests.helpers import mostly_thorough, nothing_computed, same_bits
from tests.operators.grids import (
    CRS,
    HARMONICS,
    PROJECTIONS,
    SPHERE,
    R,
    errors,
    errors_on_the_ellipsoid,
    exact,
    on,
    projected,
)  # fmt: skip


@pytest.mark.parametrize("name", PROJECTIONS)
def test_exact_fields_on_grids_of_20_km(name: str) -> None:
    for key, error in errors(name, 201).items():
        assert error < 1e-4, key


@pytest.mark.parametrize("name", PROJECTIONS)
def test_errors_fall_with_the_square_of_the_step(name: str) -> None:
    coarse, fine = errors(name, 41), errors(name, 81)
    for key, error in fine.items():
        assert np.log2(coarse[key] / error) > 1.7 or error < 1e-12, key


@pytest.mark.parametrize("name", PROJECTIONS)
@pytest.mark.parametrize("harmonic", HARMONICS)
def test_slopes_of_harmonics_up_to_degree_3(name: str, harmonic: str) -> None:
    ds, _ = on(name, 201)
    phi, lam = np.radians(ds.lat.values), np.radians(ds.lon.values)
    place = np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)
    east = -np.sin(lam), np.cos(lam), 0 * lam
    north = -np.sin(phi) * np.cos(lam), -np.sin(phi) * np.sin(lam), np.cos(phi)
    _, value, gradient, _ = HARMONICS[harmonic]
    slope = ds.f.copy(data=value(place)).fdgrad.gradient(["lon", "lat"], **SPHERE)
    known = [
        sum(a * b for a, b in zip(gradient(place), along, strict=True)) / R
        for along in (east, north)
    ]
    size = np.hypot(*known).max()
    for found, exactly in zip((slope.df_dlon, slope.df_dlat), known, strict=True):
        assert abs(found - exactly).max() < 1e-4 * size


@pytest.mark.parametrize("name", mostly_thorough(CRS, *[*CRS][::4]))
def test_exact_fields_on_the_ellipsoid_from_projection_coordinates(name: str) -> None:
    for key, error in errors_on_the_ellipsoid(name, 200).items():
        assert error < 1e-4, key


@pytest.mark.parametrize("name", mostly_thorough(CRS, *[*CRS][::4]))
def test_errors_on_the_ellipsoid_fall_with_the_square_of_the_step(name: str) -> None:
    coarse, fine = errors_on_the_ellipsoid(name, 40), errors_on_the_ellipsoid(name, 80)
    for key, error in fine.items():
        assert np.log2(coarse[key] / error) > 1.7, key


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


@pytest.mark.parametrize("name", mostly_thorough(OPERATIONS, "curl", "skipna"))
@pytest.mark.parametrize("dtype", ["f4", pytest.param("f8", marks=pytest.mark.thorough)])
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


@pytest.mark.parametrize(
    "operation",
    mostly_thorough(["gradient", "magnitude", "curl", "divergence"], "curl"),
)
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


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore::xgrad.CoordinateWarning")
def test_a_job_has_the_same_bits_where_places_are_missing_or_repeated(tmp_path: Path) -> None:
    ds = on("Albers", 25)[0][["f"]].drop_attrs(deep=False).expand_dims(time=3)
    ds = ds.isel(y=[*range(12), *range(11, 25)])
    land = xr.DataArray(np.random.default_rng(0).random((26, 25)) < 0.1, dims=("y", "x"))
    ds = ds.assign_coords(lat=ds.lat.where(~land), lon=ds.lon.where(~land))
    ds.chunk(time=1, y=10, x=9).to_zarr(tmp_path / "in.zarr", zarr_format=2)
    options: dict[str, Any] = {"metric": "sphere", "skipna": True}
    for dim in (["lon", "lat"], ["y"], ["x"]):
        target = tmp_path / "out.zarr"
        xgrad.gradient_to_zarr(tmp_path / "in.zarr", target, ["f"], dim, overwrite=True, **options)
        expected = ds.f.fdgrad.gradient(dim, **options)
        with xr.open_zarr(target) as found:
            for key in expected.data_vars:
                assert same_bits(found[key], expected[key])


@pytest.mark.thorough  # test_operations.py has jobs of each operation
@pytest.mark.parametrize(
    "metric",
    [
        *(
            pytest.param(one, marks=pytest.mark.thorough)
            for one in ("EPSG:3035", pyproj.CRS("EPSG:3035"))
        ),
        "grid_mapping",
    ],
    ids=type,
)
def test_a_job_has_the_same_bits_from_projection_coordinates(metric: Any, tmp_path: Path) -> None:
    ds = projected("equal-area", 24)[0].expand_dims(time=3)
    ds["crs"] = ((), 0, pyproj.CRS("EPSG:3035").to_cf())
    for name in "fuv":
        ds[name].attrs["grid_mapping"] = "crs"
    ds.chunk(time=1, y=10, x=9).to_zarr(tmp_path / "in.zarr", zarr_format=2)
    for operation, names, dim in (
        ("gradient", ["f"], ["longitude", "latitude"]),
        ("gradient", ["f"], ["x", "y"]),
        ("curl", None, {"longitude": "u", "latitude": "v"}),
    ):
        target = tmp_path / "out.zarr"
        xgrad.to_zarr(operation, tmp_path / "in.zarr", target, names, dim,  # type: ignore[arg-type]
                      metric=metric, overwrite=True)  # fmt: skip
        own = ds.fdgrad if names is None else ds.set_coords("crs")[names].fdgrad
        expected = getattr(own, operation)(dim, metric=metric)
        with xr.open_zarr(target) as found:
            for one in expected.data_vars.values() if names else [expected]:
                assert same_bits(found[one.name], one)
                assert found[one.name].attrs == one.attrs
            assert found.crs.attrs["grid_mapping_name"] == "lambert_azimuthal_equal_area"
            assert "latitude" not in found.variables


@pytest.mark.parametrize("metric", ["sphere", "ellipsoid"])
def test_one_and_two_dimensional_places_have_the_same_derivatives(metric: str) -> None:
    lat, lon = np.linspace(70, 20, 101), np.linspace(10, 60, 101)
    phi, lam = np.meshgrid(np.radians(lat), np.radians(lon), indexing="ij")
    known = exact(phi, lam)
    lines = {"lat": ("y", lat), "lon": ("x", lon)}
    plane = {"lat": (("y", "x"), np.degrees(phi)), "lon": (("y", "x"), np.degrees(lam))}
    data = {name: (("y", "x"), known[name]) for name in ("f", "u", "v")}
    options: dict[str, Any] = {"metric": metric, "edge_order": 2}
    flat, curved = xr.Dataset(data, lines), xr.Dataset(data, plane)
    pair, winds = ["lon", "lat"], {"lon": "u", "lat": "v"}
    spin = np.abs(known["curl"]).max()
    for derive, scale in (
        (lambda ds: ds.f.fdgrad.gradient(pair, **options).df_dlat, None),
        (lambda ds: ds.f.fdgrad.gradient(pair, **options).df_dlon, None),
        (lambda ds: ds.f.fdgrad.magnitude(pair, **options), None),
        (lambda ds: ds.fdgrad.curl(winds, **options), spin),
        (lambda ds: ds.fdgrad.divergence(winds, **options), spin),
    ):
        one, other = derive(flat), derive(curved)
        size = float(abs(one).max()) if scale is None else scale
        np.testing.assert_allclose(other, one, rtol=0, atol=1e-4 * size)


@pytest.mark.parametrize("why", ["missing", "not independent"])
def test_lazy_places_warn_when_they_are_computed(why: str) -> None:
    j, i = np.meshgrid(np.arange(9.0), np.arange(12.0), indexing="ij")
    lat, lon = 30 + j + 0.1 * i, 5 + i
    if why == "missing":
        lat[6:, 1:3] = np.nan
    else:
        lat[:, :5] = lon[:, :5] = 40.0
    units = {"lat": "degrees_north", "lon": "degrees_east"}
    places = {name: (("j", "i"), one, {"units": units[name]})
              for name, one in (("lat", lat), ("lon", lon))}  # fmt: skip
    f = xr.DataArray(np.sin(j * i), places, ("j", "i"), "f")
    with pytest.warns(xgrad.CoordinateWarning, match=f"{why}.* in [0-9]+ of 108 cells"):
        expected = f.fdgrad.gradient(["lon", "lat"], metric="sphere")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lazy = f.chunk(j=3, i=4).fdgrad.gradient(["lon", "lat"], metric="sphere")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = lazy.compute(scheduler="sync")
    xr.testing.assert_identical(found, expected)
    (text,) = {str(one.message) for one in caught}
    assert text.startswith("coordinates ['lon', 'lat'] are missing, or not independent of")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        lazy.compute()
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lazy.isel(j=slice(0, 2), i=slice(8, None)).compute()  # chunks without a gap
