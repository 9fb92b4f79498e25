"""Derivatives on any grid: exact fields on six projections, skewed planes, laws to rounding."""

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

R = 6371229.0
TILT, OMEGA = 0.7, 7e-5


def polar(x: Any, y: Any) -> Any:
    """Polar stereographic, with the pole inside the grid."""
    return np.pi / 2 - 2 * np.arctan(np.hypot(x, y) / (2 * R)), np.arctan2(y, x)


def equal_area(x: Any, y: Any) -> Any:
    """Lambert azimuthal equal-area about 50 degrees north."""
    rho, origin = np.hypot(x, y) + 1e-9, np.radians(50)
    c = 2 * np.arcsin(rho / (2 * R))
    phi = np.arcsin(np.cos(c) * np.sin(origin) + y * np.sin(c) * np.cos(origin) / rho)
    across = rho * np.cos(origin) * np.cos(c) - y * np.sin(origin) * np.sin(c)
    return phi, np.arctan2(x * np.sin(c), across)


def conic(x: Any, y: Any) -> Any:
    """Lambert conformal conic with one standard parallel, 45 degrees north."""
    origin = np.radians(45)
    n, f = np.sin(origin), np.cos(origin) * np.tan(np.pi / 4 + origin / 2) ** np.sin(origin)
    middle = R * f / np.tan(np.pi / 4 + origin / 2) ** n
    rho = np.hypot(x, middle - y)
    return 2 * np.arctan((R * f / rho) ** (1 / n)) - np.pi / 2, np.arctan2(x, middle - y) / n


def albers(x: Any, y: Any) -> Any:
    """Albers equal-area conic with standard parallels 30 and 60 degrees north."""
    one, other, origin = np.radians([30, 60, 45])
    n = (np.sin(one) + np.sin(other)) / 2
    c = np.cos(one) ** 2 + 2 * n * np.sin(one)
    middle = R * np.sqrt(c - 2 * n * np.sin(origin)) / n
    rho = np.hypot(x, middle - y)
    return np.arcsin((c - (rho * n / R) ** 2) / (2 * n)), np.arctan2(x, middle - y) / n


def sinusoidal(x: Any, y: Any) -> Any:
    """Sinusoidal, whose axes are far from a right angle away from the middle."""
    phi = np.radians(45) + y / R
    return phi, x / (R * np.cos(phi))


def rotated(x: Any, y: Any) -> Any:
    """Latitude and longitude about a pole 40 degrees away, across the dateline."""
    p, m, a = y / R, x / R + np.pi, np.radians(40)
    up = np.sin(p) * np.cos(a) - np.cos(p) * np.cos(m) * np.sin(a)
    ahead = np.cos(p) * np.cos(m) * np.cos(a) + np.sin(p) * np.sin(a)
    return np.arcsin(up), np.arctan2(np.cos(p) * np.sin(m), ahead)


PROJECTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "polar stereographic": polar, "equal-area": equal_area, "conformal conic": conic,
    "Albers": albers, "sinusoidal": sinusoidal, "rotated pole": rotated,
}  # fmt: skip


def exact(phi: Any, lam: Any) -> dict[str, Any]:
    """Solid rotation about a tilted axis, a harmonic of degree 2, and their derivatives."""
    u = OMEGA * R * (np.cos(TILT) * np.cos(phi) - np.sin(TILT) * np.sin(phi) * np.cos(lam))
    v = OMEGA * R * np.sin(TILT) * np.sin(lam)
    axis = np.sin(TILT) * np.cos(phi) * np.cos(lam) + np.cos(TILT) * np.sin(phi)
    return {
        "u": u, "v": v, "curl": 2 * OMEGA * axis, "f": np.sin(phi) * np.cos(phi) * np.cos(lam),
        "df_dlon": -np.sin(phi) * np.sin(lam) / R,
        "df_dlat": np.cos(2 * phi) * np.cos(lam) / R,
    }  # fmt: skip


def on(name: str, n: int, extent: float = 2e6) -> tuple[xr.Dataset, dict[str, Any]]:
    """A grid of n × n cells over a square of a projection, and the exact answers."""
    side = np.linspace(-extent, extent, n)
    phi, lam = PROJECTIONS[name](*np.meshgrid(side, side))
    known = exact(phi, lam)
    coords = {
        "lat": (("y", "x"), np.degrees(phi), {"units": "degrees_north"}),
        "lon": (("y", "x"), np.degrees(lam), {"units": "degrees_east"}),
    }
    winds = {"units": "m s-1"}
    return xr.Dataset(
        {
            "f": (("y", "x"), known["f"], {"units": "K"}),
            "u": (("y", "x"), known["u"], {**winds, "standard_name": "eastward_wind"}),
            "v": (("y", "x"), known["v"], {**winds, "standard_name": "northward_wind"}),
        },
        coords,
    ), known


SPHERE: dict[str, Any] = {"metric": "sphere", "edge_order": 2}


def errors(name: str, n: int) -> dict[str, float]:
    """Largest error of each derivative, over the largest value."""
    ds, known = on(name, n)
    slope = ds.f.fdgrad.gradient(["lon", "lat"], **SPHERE)
    steepest = np.hypot(known["df_dlon"], known["df_dlat"])
    spin = np.abs(known["curl"]).max()
    found = {
        "eastward": (slope.df_dlon - known["df_dlon"], steepest.max()),
        "northward": (slope.df_dlat - known["df_dlat"], steepest.max()),
        "magnitude": (ds.f.fdgrad.magnitude(["lon", "lat"], **SPHERE) - steepest, steepest.max()),
        "curl": (ds.fdgrad.curl({"lon": "u", "lat": "v"}, **SPHERE) - known["curl"], spin),
        "divergence": (ds.fdgrad.divergence({"lon": "u", "lat": "v"}, **SPHERE), spin),
    }
    return {key: float(abs(error).max() / scale) for key, (error, scale) in found.items()}


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
def test_components_along_the_grid_are_the_same_field(name: str) -> None:
    """V = a e_i + b e_j: the same curl and divergence as from eastward and northward ones."""
    ds, _ = on(name, 41)
    phi, lam = np.radians(ds.lat.values), np.radians(ds.lon.values)
    places = np.stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)])
    east = np.stack([-np.sin(lam), np.cos(lam), 0 * lam])
    north = np.stack([-np.sin(phi) * np.cos(lam), -np.sin(phi) * np.sin(lam), np.cos(phi)])
    along = []
    for axis in (1, 0):  # x, then y
        tangent = np.gradient(places, axis=1 + axis, edge_order=2)
        tangent /= np.sqrt((tangent**2).sum(0))
        along.append(((tangent * east).sum(0), (tangent * north).sum(0)))
    (ax, ay), (bx, by) = along
    determinant = ax * by - ay * bx
    u, v = ds.u.values, ds.v.values
    ds["a"] = ("y", "x"), (u * by - v * bx) / determinant
    ds["b"] = ("y", "x"), (v * ax - u * ay) / determinant
    for operation in (ds.fdgrad.curl, ds.fdgrad.divergence):
        expected = operation({"lon": "u", "lat": "v"}, **SPHERE)
        found = operation({"x": "a", "y": "b"}, **SPHERE)
        # Places on a sphere have tangents a little off the surface: of second order.
        assert abs(found - expected).max() < 1e-3 * 2 * OMEGA


def skewed(seed: int, shape: tuple[int, ...] = (30, 40)) -> list[xr.DataArray]:
    """Smooth coordinates of a random, skewed grid of two or three dimensions."""
    rng, dims = np.random.default_rng(seed), ("k", "j", "i")[-len(shape) :]
    index = np.meshgrid(*(np.linspace(0, 1, n) for n in shape), indexing="ij")
    matrix = np.eye(len(shape)) + 0.3 * rng.normal(size=(len(shape),) * 2)
    found = []
    for row, name in zip(matrix, ("XC", "YC", "ZC"), strict=False):
        plain = sum(weight * 100 * one for weight, one in zip(row, index[::-1], strict=True))
        bent = plain + 2 * np.sin(rng.uniform(1, 3) * index[0] + rng.uniform(1, 3) * index[-1])
        found.append(xr.DataArray(bent, dims=dims, name=name, attrs={"units": "m"}))
    return found


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("shape", [(30, 40), (9, 11, 13)])
@pytest.mark.parametrize("options", [{}, {"edge_order": 2}, {"accuracy": 4}, {"skipna": True}])
def test_linear_fields_are_exact_on_skewed_grids(
    seed: int, shape: tuple[int, ...], options: dict[str, Any]
) -> None:
    coords = skewed(seed, shape)
    slopes = np.random.default_rng(seed).normal(size=len(shape))
    f = sum(slope * coord for slope, coord in zip(slopes, coords, strict=True)) + 7.0
    f = f.rename("f").assign_coords({coord.name: coord for coord in coords})
    names = [coord.name for coord in coords]
    found = f.fdgrad.gradient(names, **options)
    for slope, name in zip(slopes, names, strict=True):
        np.testing.assert_allclose(found[f"df_d{name}"], slope, rtol=0, atol=1e-12 * 20)
    backwards = f.fdgrad.gradient(names[::-1], **options)
    assert list(backwards) == [f"df_d{name}" for name in names[::-1]]
    magnitude = f.fdgrad.magnitude(names, **options)
    np.testing.assert_allclose(magnitude, np.sqrt((slopes**2).sum()), rtol=1e-12)


def test_the_curl_of_a_gradient_and_the_divergence_of_a_rotated_one_vanish() -> None:
    x, y = skewed(3, (50, 60))
    f = (np.sin(x / 9) * np.cos(y / 7)).rename("f").assign_coords(XC=x, YC=y)
    slope = f.fdgrad.gradient(["XC", "YC"])
    terms = float(abs(slope.df_dXC.fdgrad.gradient(["XC", "YC"])).to_array().max())
    spin = slope.fdgrad.curl({"XC": "df_dXC", "YC": "df_dYC"})
    turned = slope.assign(left=-slope.df_dYC)
    spread = turned.fdgrad.divergence({"XC": "left", "YC": "df_dXC"})
    assert abs(spin).max() < 1e-13 * terms * 100
    assert abs(spread).max() < 1e-13 * terms * 100


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
    ds = on("Albers", 23)[0].expand_dims(time=3).copy()
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


def test_standard_names_say_which_components_they_are() -> None:
    ds, _ = on("conformal conic", 21)
    expected = ds.fdgrad.curl({"lon": "u", "lat": "v"}, metric="sphere")
    assert same_bits(xgrad.curl(u=ds.u, v=ds.v, metric="sphere"), expected)
    along = {"u": "x_wind", "v": "y_wind"}
    grid = ds.assign({k: ds[k].assign_attrs(standard_name=name) for k, name in along.items()})
    expected = grid.fdgrad.curl({"x": "u", "y": "v"}, metric="sphere")
    assert same_bits(xgrad.curl(u=grid.u, v=grid.v, metric="sphere"), expected)
    nameless = ds.drop_attrs()
    nameless["lat"].attrs["units"], nameless["lon"].attrs["units"] = "degrees_north", "degrees_east"
    with pytest.raises(xgrad.CoordinateError, match=r"no standard_name .*'lon': u.*'x': u"):
        xgrad.curl(u=nameless.u, v=nameless.v, metric="sphere")


def test_places_missing_on_land_are_missing_in_the_result_only() -> None:
    ds, _ = on("polar stereographic", 21)
    land = (ds.lat.y < 5) & (ds.lat.x < 6)
    holes = ds.assign_coords(lat=ds.lat.where(~land), lon=ds.lon.where(~land)).f.where(~land)
    with pytest.warns(xgrad.CoordinateWarning, match="missing in .* cells"):
        found = holes.fdgrad.gradient(["lon", "lat"], metric="sphere")
    expected = ds.f.fdgrad.gradient(["lon", "lat"], metric="sphere")
    away = found.isel(x=slice(8, None))
    assert same_bits(away.df_dlon, expected.df_dlon.isel(x=slice(8, None)))
    with pytest.warns(xgrad.CoordinateWarning):
        kept = holes.fdgrad.gradient(["lon", "lat"], metric="sphere", skipna=True)
    assert kept.df_dlon.notnull().sum() == (~land).sum()


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["XC"], r"names \['XC'\] .* 2 coordinates are needed .*spacing=\{'j': 'XC'\}"),
        (["XC", "twice"], "depend on each other in all cells"),
        (["XC", "text"], "'text' has dtype <U1; multi-dimensional coordinates must hold numbers"),
        (["XC", "other"], "'XC' and 'other' have dimensions"),
    ],
)
def test_coordinates_that_cannot_be_independent_are_refused(names: list[str], message: str) -> None:
    x, y = skewed(0)
    more = {
        "twice": 2 * x + 1, "text": (x > 3).astype("U1"),
        "other": x.rename(i="m").assign_coords(),
    }  # fmt: skip
    f = xr.DataArray(np.ones((*x.shape, 40)), dims=("j", "i", "m"), name="f")
    f = f.assign_coords(XC=x, YC=y, **more)
    with pytest.raises(xgrad.CoordinateError, match=message):
        f.fdgrad.gradient(names)


def test_one_direction_of_a_horizontal_field_is_refused() -> None:
    ds, _ = on("Albers", 11)
    for components in ({"x": "u"}, {"lon": "u"}, {"lon": "u", "y": "v"}):
        with pytest.raises(xgrad.CoordinateError, match="coordinates"):
            ds.fdgrad.divergence(components, metric="sphere")


def test_a_laplacian_needs_right_angles() -> None:
    with pytest.raises(xgrad.CoordinateError, match="needs a grid at right angles"):
        on("sinusoidal", 21)[0].f.fdgrad.laplacian(metric="sphere")
    assert np.isfinite(on("conformal conic", 21)[0].f.fdgrad.laplacian(metric="sphere")).all()
