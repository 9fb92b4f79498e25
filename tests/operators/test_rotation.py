"""Components between east and north and the directions of a grid."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr

import xgrad
from tests.helpers import nothing_computed, same_bits
from tests.operators.grids import CRS, PROJECTIONS, R, on, projected, sinusoidal
from xgrad.errors import CoordinateError


def turned(ds: xr.Dataset, to: Any, **options: Any) -> xr.Dataset:
    return xgrad.rotate(u=ds.u, v=ds.v, to=to, **options)


@pytest.mark.parametrize("name", PROJECTIONS)
def test_there_and_back_is_where_it_was(name: str) -> None:
    ds, _ = on(name, 31)
    again = turned(turned(ds, "grid"), "earth")
    scale = float(abs(ds.u).max())
    for key in ("u", "v"):
        np.testing.assert_allclose(again[key], ds[key], rtol=0, atol=1e-13 * scale)
        assert again[key].attrs == ds[key].attrs


@pytest.mark.parametrize("name", PROJECTIONS)
def test_curl_and_divergence_are_those_of_the_components_along_the_grid(name: str) -> None:
    ds, _ = on(name, 31)
    grid = turned(ds, "grid")
    assert (grid.u.attrs["standard_name"], grid.v.attrs["standard_name"]) == ("x_wind", "y_wind")
    for operation in ("curl", "divergence"):
        true = getattr(ds.fdgrad, operation)({"lon": "u", "lat": "v"}, metric="sphere")
        own = getattr(grid.fdgrad, operation)({"x": "u", "y": "v"}, metric="sphere")
        scale = 1e-13 * 2e6 / 15 * float(abs(ds.u).max()) / 1e5
        np.testing.assert_allclose(own, true, rtol=0, atol=scale)
        found = getattr(grid.fdgrad, operation)(u="u", v="v", metric="sphere")
        assert same_bits(found, own)


def test_along_meridians_and_parallels_the_angle_is_known() -> None:
    """Rows of a sinusoidal grid are parallels: its columns lean by ``tan(a) = x tan(φ) / R``."""
    ds, _ = on("sinusoidal", 41)
    side = np.linspace(-2e6, 2e6, 41)
    phi, _ = sinusoidal(*np.meshgrid(side, side))
    lean = np.arctan(side * np.tan(phi) / R)
    found = turned(ds, "grid", accuracy=8)
    b = ds.v / np.cos(lean)
    a = ds.u - b * np.sin(lean)
    np.testing.assert_allclose(found.v, b, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found.u, a, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("dtype", [pytest.param("f4", marks=pytest.mark.thorough), "f8"])
def test_no_bit_depends_on_chunks_or_on_lazy_places(dtype: str) -> None:
    ds = on("Albers", 23)[0].expand_dims(time=3).copy().astype(dtype)
    expected = turned(ds, "grid")
    assert expected.u.dtype == dtype
    for chunks in ({"time": 1}, {"y": 5, "x": 7}):
        lazy = ds.chunk(chunks)
        for one in (lazy, lazy.assign_coords(lat=ds.lat.chunk(), lon=ds.lon.chunk())):
            with nothing_computed():
                found = turned(one, "grid")
            assert isinstance(found.u.data, da.Array)
            assert all(same_bits(found[key], expected[key]) for key in ("u", "v"))


def test_a_crs_turns_to_growing_projection_coordinates() -> None:
    ds, _ = projected("conformal conic", 30)
    metric = CRS["conformal conic"][0]
    expected = turned(ds, "grid", metric=metric)
    other = turned(ds.isel(y=slice(None, None, -1)), "grid", metric=metric)
    for key in ("u", "v"):
        np.testing.assert_allclose(
            other[key].isel(y=slice(None, None, -1)), expected[key], rtol=1e-12, atol=1e-10
        )
    # On a conformal map a rotation keeps the length.
    speed = np.hypot(expected.u, expected.v)
    np.testing.assert_allclose(speed, np.hypot(ds.u, ds.v), rtol=2e-3)


def test_a_component_along_a_coordinate_that_falls_along_the_index_is_refused() -> None:
    ds, _ = on("Albers", 9)
    ds = ds.assign_coords(y=np.arange(9.0), x=np.arange(9.0))
    grid = turned(ds, "grid")
    expected = grid.fdgrad.curl({"x": "u", "y": "v"}, metric="sphere")
    down = {"y": slice(None, None, -1)}
    for operation in (
        lambda: turned(ds.isel(down), "grid"),
        lambda: turned(grid.isel(down), "earth"),
        lambda: grid.isel(down).fdgrad.curl({"x": "u", "y": "v"}, metric="sphere"),
        lambda: grid.isel(down).fdgrad.divergence(u="u", v="v", metric="sphere"),
    ):
        with pytest.raises(CoordinateError, match=r"decreases along the index; reverse the data"):
            operation()
    again = grid.isel(down).isel(y=slice(None, None, -1))  # as the message says
    assert same_bits(again.fdgrad.curl({"x": "u", "y": "v"}, metric="sphere"), expected)
    # Without a standard_name a component counts along the index, as its key says.
    own = grid.isel(down).drop_attrs()
    own["v"] = -own.v
    found = own.fdgrad.curl({"x": "u", "y": "v"}, metric="sphere").isel(down)
    scale = 1e-12 * float(abs(expected).max())
    np.testing.assert_allclose(found, expected, rtol=0, atol=scale)


def test_names_and_a_mapping_are_the_same() -> None:
    ds, _ = on("Albers", 9)
    by_name = ds.fdgrad.rotate(u="u", v="v", to="grid")
    xr.testing.assert_identical(by_name, ds.fdgrad.rotate({"x": "u", "y": "v"}, to="grid"))
    renamed = ds.rename(x="xi", y="eta")
    found = renamed.fdgrad.rotate({"xi": "u", "eta": "v"}, to="grid")
    assert same_bits(found.u, by_name.u)


def test_a_standard_name_without_a_counterpart_is_dropped() -> None:
    ds, _ = on("Albers", 9)
    ds.u.attrs["standard_name"] = "surface_downward_eastward_stress"
    found = turned(ds, "grid")
    assert "standard_name" not in found.u.attrs
    assert found.u.attrs["units"] == "m s-1"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda ds: turned(ds, "north"), "`to` is 'north'; give 'earth' or 'grid'"),
        (lambda ds: turned(ds, "earth"), "'u' has that direction by its standard_name 'eastward_w"),
        (lambda ds: turned(turned(ds, "grid"), "grid"), "by its standard_name 'x_wind'; leave it"),
        (lambda ds: turned(ds, "grid", metric=None), "`metric` is None; give 'sphere', 'ellips"),
        (lambda ds: ds.fdgrad.rotate({"x": "u"}, to="grid"), "give both components of a horizon"),
        (lambda ds: turned(ds.isel(x=0, drop=True).expand_dims(x=3), "grid"),
         "on a grid of 1-D latitude and longitude, such as 'lat' along .'y',., both directions"),
        (lambda ds: turned(ds.rename(x="xi"), "grid"), "give `components={dim: u, ...}`"),
        (lambda ds: xgrad.rotate(u=ds.u, v=ds.v), "missing 1 required keyword-only argument: 'to'"),
        (lambda ds: turned(ds.astype("M8[s]"), "grid"), "numbers are needed; subtract a time"),
    ],
)  # fmt: skip
def test_bad_input_is_refused(call: Any, message: str) -> None:
    with pytest.raises((CoordinateError, ValueError, TypeError), match=message):
        call(on("Albers", 9)[0])
