"""The law of curvilinear grids: rows and columns of another pole see the same fields."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pyproj
import pytest
import xarray as xr

import xgrad
from tests.helpers import mostly_thorough, nothing_computed, same_bits
from tests.operators.grids import CRS, exact
from tests.operators.grids import on as projected
from tests.operators.grids import projected as on_ellipsoid
from tests.operators.helpers import OMEGA, R, globe, on, slope


def tilted(n: int) -> tuple[xr.Dataset, Any, Any, Any]:
    """Rows and columns of another pole, 35 degrees away."""
    own_phi, own_lam = np.radians(np.linspace(-40, 40, n)), np.radians(np.linspace(-50, 50, n + 7))
    p, m = np.meshgrid(own_phi, own_lam, indexing="ij")
    x, y, z = np.cos(p) * np.cos(m), np.cos(p) * np.sin(m), np.sin(p)
    a = np.radians(35)
    up, along = x * np.sin(a) + z * np.cos(a), x * np.cos(a) - z * np.sin(a)
    ds = xr.Dataset(
        coords={
            "lat": (("j", "i"), np.degrees(np.arcsin(up)), {"units": "degrees_north"}),
            "lon": (("j", "i"), np.degrees(np.arctan2(y, along)), {"units": "degrees_east"}),
        }
    )
    # Rotation about the x axis of the grid's own frame, along its rows and columns.
    velocity = np.stack([0 * x, -z, y]) * OMEGA * R
    east = np.stack([-np.sin(m), np.cos(m), 0 * m])
    north = np.stack([-np.sin(p) * np.cos(m), -np.sin(p) * np.sin(m), np.cos(p)])
    ds["u"] = ("j", "i"), (velocity * east).sum(0)
    ds["v"] = ("j", "i"), (velocity * north).sum(0)
    ds["f"] = ("j", "i"), z
    return ds, x, z, (slice(n // 5, -(n // 5)),) * 2


def test_operators_converge_on_a_curvilinear_grid() -> None:
    def errors(n: int) -> list[float]:
        ds, x, z, inside = tilted(n)
        components = {"i": "u", "j": "v"}
        found = [
            ds.fdgrad.curl(components, metric="sphere") / OMEGA - 2 * x,
            ds.fdgrad.divergence(components, metric="sphere") / OMEGA,
            ds.f.fdgrad.laplacian(metric="sphere") * R**2 + 2 * z,
        ]
        return [float(abs(one[inside]).max()) for one in found]

    for k in (0, 2):
        assert slope(lambda n, k=k: errors(n)[k], (40, 80)) > 1.7
    assert errors(40)[1] < 1e-12, "the grid is that of the rotation: no product changes along it"


@pytest.mark.parametrize(
    "operation",
    mostly_thorough(["curl", "divergence", "magnitude", "laplacian"], "curl", "laplacian"),
)
def test_on_a_sphere_no_bit_depends_on_the_chunks(operation: str) -> None:
    flat, (bent, *_) = globe(20, poles=True), tilted(20)
    flat["u"] = on(flat, lambda p, m: np.cos(p) + np.sin(2 * m) * np.cos(p) ** 2)
    flat["v"] = on(flat, lambda p, m: np.cos(p) * np.sin(m + p))
    for ds, components, sizes in (
        (flat, {"longitude": "u", "latitude": "v"}, {"latitude": 4, "longitude": 9}),
        (bent, {"i": "u", "j": "v"}, {"i": 5, "j": 7}),
    ):
        lazy = ds.chunk(sizes)
        if ds is bent:
            lazy = lazy.assign_coords(lat=ds.lat.chunk(i=3), lon=ds.lon.chunk(j=11))
        of_a_vector = operation in ("curl", "divergence")

        def made(one: xr.Dataset, named: Any = components if of_a_vector else None) -> Any:
            return getattr(one.fdgrad if named else one.u.fdgrad, operation)(named, metric="sphere")

        with nothing_computed():
            found = made(lazy)
        assert found.chunks == lazy.u.chunks
        assert same_bits(found.compute(scheduler="sync").values, made(ds).values)


@pytest.mark.parametrize(
    "lazy", mostly_thorough([[], ["lat"], ["lon"], ["lat", "lon"]], [], ["lat"])
)
def test_a_direction_along_the_grid_needs_right_angles(lazy: list[str]) -> None:
    def of(ds: xr.Dataset) -> xr.DataArray:
        return ds.f.fdgrad.direction(["y", "x"], metric="sphere")

    skewed, right = (projected(name, 21)[0] for name in ("sinusoidal", "conformal conic"))
    expected = of(right)
    skewed, right = (
        ds.assign_coords({name: ds[name].chunk(x=5, y=9) for name in lazy})
        for ds in (skewed, right)
    )
    with pytest.raises(xgrad.CoordinateError, match="needs a grid at right angles"):
        of(skewed).compute(scheduler="sync")
    with nothing_computed():
        found = of(right)
    assert np.isfinite(skewed.f.fdgrad.direction(["lat", "lon"], metric="sphere")).all()
    assert same_bits(found.compute(scheduler="sync"), expected)


@pytest.mark.parametrize("cut", [slice(None), slice(0, 8), slice(9, None)])
def test_the_sign_along_the_grid_is_that_of_the_index(cut: slice) -> None:
    ds, _ = projected("polar stereographic", 21)
    grows = ds.f.copy(data=np.broadcast_to(np.arange(21.0), (21, 21)))
    assert (grows.isel(x=cut).fdgrad.gradient("x", metric="sphere").df_dx > 0).all()


def test_a_coordinate_that_falls_along_the_index_is_reported_with_remedies_that_work() -> None:
    ds, _ = on_ellipsoid("polar stereographic", 21)  # rows from north to south
    crs = pyproj.CRS(CRS["polar stereographic"][0])
    inverse = pyproj.Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
    lon, lat = inverse.transform(*np.meshgrid(ds.x, ds.y))
    places = {"lat": (("y", "x"), lat), "lon": (("y", "x"), lon)}
    f = ds.f.assign_coords(places)
    down, options = slice(None, None, -1), {"metric": "ellipsoid"}
    message = r"coordinate 'y' decreases along them.* `\.isel\(y=slice\(None, None, -1\)\)`"
    with pytest.warns(xgrad.CoordinateWarning, match=message):
        found = f.fdgrad.gradient("y", **options).df_dy
    with pytest.warns(xgrad.CoordinateWarning, match=message):
        turned = f.fdgrad.direction(["y", "x"], **options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reverse = f.isel(y=down).fdgrad
        growing = reverse.gradient("y", **options).df_dy.isel(y=down)
        by_crs = ds.f.fdgrad.gradient("y", metric=crs).df_dy
        by_index = f.drop_vars("y").fdgrad.gradient("y", **options).df_dy
        f.fdgrad.gradient(["x"], **options)
        f.fdgrad.gradient(["lon", "lat"], **options)
        f.fdgrad.magnitude(["y", "x"], **options)
        anticlockwise = reverse.direction(["y", "x"], **options).isel(y=down)
    assert same_bits(by_index.values, found.values)
    size = {"rtol": 0, "atol": 1e-9 * float(abs(found).max())}
    np.testing.assert_allclose(growing, -found, **size)
    np.testing.assert_allclose(growing, by_crs, **size)
    np.testing.assert_allclose(np.sin(anticlockwise), -np.sin(turned), rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", ["sinusoidal", "polar stereographic"])
def test_a_magnitude_does_not_depend_on_the_directions(name: str) -> None:
    ds, _ = projected(name, 21)
    expected = ds.f.fdgrad.magnitude(["lon", "lat"], metric="sphere")
    for dim in (None, ["y", "x"], ["x", "y"]):
        assert same_bits(ds.f.fdgrad.magnitude(dim, metric="sphere"), expected)


def tripolar(rows: int = 60, columns: int = 120) -> xr.Dataset:
    """Confocal ellipses about two northern poles, as of NEMO, and exact fields.

    The first two columns are repeated at the end, and the last row is the third last one from the
    other side: the second last is the fold, each of whose places it has twice.
    """
    mu = np.linspace(2.5, 0, rows - 1)
    mu = np.append(mu, -mu[-2])
    theta = 2 * np.pi * (np.arange(columns + 2) % columns) / columns
    z = 0.3 * np.cosh(mu[:, None] + 1j * theta)
    phi, lam = np.pi / 2 - 2 * np.arctan(np.abs(z) / 2), np.angle(z)
    dims, known = ("y", "x"), exact(phi, lam)
    return xr.Dataset(
        {name: (dims, known[name]) for name in ("f", "u", "v", "df_dlon", "df_dlat")},
        {"nav_lat": (dims, np.degrees(phi)), "nav_lon": (dims, np.degrees(lam))},
    )


NAMES = ["nav_lon", "nav_lat"]


def test_over_the_north_fold_of_a_tripolar_grid_derivatives_are_true() -> None:
    def worst(k: int) -> float:
        ds = tripolar(30 * k, 60 * k)
        with pytest.warns(xgrad.CoordinateWarning, match="not independent .* in [1-4] of"):
            found = ds.f.fdgrad.gradient(NAMES, metric="sphere", edge_order=2)
        errors = [abs(found[f"df_d{n}"] - ds[f"df_d{n[4:]}"]) * R for n in NAMES]
        # A pole of the grid is a cell of the fold, where its axes have no direction.
        away = abs(np.sin(2 * np.pi * ds.x / (60 * k))) > 0.2
        assert not (np.isnan(errors[0]) & away).any()
        return float(max(error.where(away).max() for error in errors))

    assert slope(worst, (2, 4)) > 1.7


def test_columns_that_are_repeated_at_the_seam_are_a_boundary_or_are_dropped() -> None:
    ds = tripolar()
    once = ds.isel(x=slice(1, -1))
    with pytest.warns(xgrad.CoordinateWarning, match="not independent"):
        whole = ds.f.fdgrad.gradient(NAMES, metric="sphere")
    with pytest.warns(xgrad.CoordinateWarning, match="not independent"):
        closed = once.f.fdgrad.gradient(NAMES, metric="sphere", boundary={"x": "periodic"})
    xr.testing.assert_equal(whole.isel(x=slice(1, -1)), closed)
    with pytest.warns(xgrad.CoordinateWarning, match="not independent"):
        twice = ds.f.fdgrad.gradient(NAMES, metric="sphere", boundary={"x": "periodic"})
    assert np.isnan(twice.df_dnav_lon.isel(x=[0, -1])).all()
    xr.testing.assert_equal(twice.isel(x=slice(1, -1)), closed)


OPERATIONS: dict[str, Any] = {
    "gradient": lambda ds: ds.f.fdgrad.gradient(NAMES, metric="sphere"),
    "along y": lambda ds: ds.f.fdgrad.gradient("y", metric="sphere"),
    "along y, wide": lambda ds: ds.f.fdgrad.gradient("y", metric="sphere", accuracy=4),
    "along x": lambda ds: ds.f.fdgrad.gradient("x", metric="sphere"),
    "magnitude": lambda ds: ds.f.fdgrad.magnitude(metric="sphere"),
    "divergence": lambda ds: ds.fdgrad.divergence(
        dict(zip(NAMES, "uv", strict=True)), metric="sphere"
    ),
    "along the grid": lambda ds: ds.fdgrad.curl({"x": "u", "y": "v"}, metric="sphere"),
}


@pytest.mark.filterwarnings("ignore::xgrad.CoordinateWarning")
@pytest.mark.parametrize(
    "name",
    mostly_thorough(OPERATIONS, "gradient", "along y, wide", "divergence", "along the grid"),
)
def test_a_repeated_row_is_an_edge(name: str) -> None:
    # Without a pole of the grid, and the last row twice.
    plain = tripolar().isel(x=slice(5, 50), y=slice(0, -2))
    last = plain.sizes["y"] - 1
    repeated = plain.isel(y=[*range(last + 1), last])
    operation = OPERATIONS[name]
    found, expected = operation(repeated), operation(plain)
    if isinstance(found, xr.Dataset):
        found, expected = (next(iter(one.data_vars.values())) for one in (found, expected))
    assert not np.isinf(found).any()
    reach = {"along the grid": 2}.get(name, 0)
    np.testing.assert_allclose(
        found.isel(y=slice(0, last + 1 - reach)), expected.isel(y=slice(0, last + 1 - reach)),
        rtol=1e-9, atol=1e-9 * float(abs(expected).max()),
    )  # fmt: skip
    if name != "along x":
        assert np.isnan(found.isel(y=-1)).all()
    for chunks in ({"y": 7}, {"x": 9}):
        lazy = operation(repeated.chunk(chunks))
        lazy = lazy if isinstance(lazy, xr.DataArray) else next(iter(lazy.data_vars.values()))
        assert same_bits(lazy.values, found.values)


@pytest.mark.parametrize(
    "options",
    [
        {}, {"edge_order": 2}, {"skipna": True}, {"accuracy": 4}, {"boundary": {"x": "extend"}},
        {"boundary": {"x": ("reflect", "nan")}, "edge_order": 2},
    ],
)  # fmt: skip
def test_a_repeated_place_is_an_edge_along_the_grid(options: dict[str, Any]) -> None:
    plain = tripolar().isel(x=slice(5, 50), y=slice(0, -2))
    plain["f"] = plain.f.where(plain.y % 7 > 0) if "skipna" in options else plain.f
    options = {"metric": "sphere", **options}
    repeated = plain.isel(x=[*range(20), *range(19, 45)]).f
    found = repeated.fdgrad.gradient("x", **options).df_dx
    beyond = options.get("boundary", {}).get("x", "one-sided")
    left, right = (beyond, beyond) if isinstance(beyond, str) else beyond
    for part, own in (
        (slice(0, 20), {"x": (left, "one-sided")}), (slice(19, 45), {"x": ("one-sided", right)}),
    ):  # fmt: skip
        expected = plain.f.isel(x=part).fdgrad.gradient("x", **options | {"boundary": own}).df_dx
        there = slice(0, 20) if part.start == 0 else slice(20, 46)
        np.testing.assert_allclose(
            found.isel(x=there), expected, rtol=1e-8, atol=1e-9 * float(abs(found).max())
        )
    for chunks in ({"y": 9}, {"x": 8}, {"x": 23, "y": 20}):
        lazy = repeated.chunk(chunks).fdgrad.gradient("x", **options).df_dx
        assert same_bits(lazy.values, found.values)


def test_second_derivatives_beside_a_repeated_place_are_reported() -> None:
    ds, _ = projected("polar stereographic", 21)
    twice = ds.isel(x=[0, *range(21)]).f
    with pytest.warns(xgrad.CoordinateWarning):
        bent = twice.fdgrad.laplacian(metric="sphere")
    assert np.isnan(bent.isel(x=slice(0, 2))).all()
    expected = ds.f.fdgrad.laplacian(metric="sphere").isel(x=slice(4, None))
    np.testing.assert_allclose(bent.isel(x=slice(5, None)), expected, rtol=0, atol=1e-24)


def test_missing_places_take_only_what_is_beside_them() -> None:
    ds, _ = projected("Albers", 21)
    land = np.zeros((21, 21), bool)
    land[8:12, 5:9] = land[0, 0] = True
    whole = ds.f.fdgrad.gradient("x", metric="sphere").df_dx
    holes = ds.f.assign_coords(lat=ds.lat.where(~land), lon=ds.lon.where(~land))
    message = "lack a place along 'x'.* give `skipna=True`"
    with pytest.warns(xgrad.CoordinateWarning, match=message):
        found = holes.fdgrad.gradient("x", metric="sphere").df_dx
    beside = land.copy()
    beside[:, 1:] |= land[:, :-1]
    beside[:, :-1] |= land[:, 1:]
    assert (np.isnan(found) == beside).all()
    size = 1e-9 * float(abs(whole).max())  # of the rounding of longer distances
    np.testing.assert_allclose(found.where(~beside), whole.where(~beside), rtol=0, atol=size)
    lazy = holes.assign_coords(lat=holes.lat.chunk(y=9), lon=holes.lon.chunk(x=9)).chunk(x=8)
    with pytest.warns(xgrad.CoordinateWarning, match=message):
        assert same_bits(lazy.fdgrad.gradient("x", metric="sphere").df_dx.values, found.values)


@pytest.mark.parametrize("dtype", mostly_thorough(["f4", "f8", "i4"], "f8", "i4"))
@pytest.mark.parametrize("more", [{}, {"edge_order": 2}, {"accuracy": 4}])
def test_with_skipna_a_missing_place_is_an_edge_along_the_grid(
    dtype: str, more: dict[str, Any]
) -> None:
    ds, _ = projected("Albers", 21)
    land = xr.DataArray(np.random.default_rng(0).random((21, 21)) < 0.15, dims=("y", "x"))
    f = (1e6 * ds.f).astype(dtype).expand_dims(time=3)
    options: dict[str, Any] = {"metric": "sphere", "skipna": True, **more}
    holes = f.assign_coords(lat=ds.lat.where(~land), lon=ds.lon.where(~land))
    for dim in ("y", "x"):
        name = f"df_d{dim}"
        expected = f.where(~land).fdgrad.gradient(dim, **options)[name]
        found = holes.fdgrad.gradient(dim, **options)[name]
        assert found.notnull().mean() > 0.5
        size = 1e-9 if dtype != "f4" else 1e-5
        np.testing.assert_allclose(found, expected, rtol=0, atol=size * float(abs(expected).max()))
        lazy = holes.assign_coords(lat=holes.lat.chunk(y=9), lon=holes.lon.chunk(x=9)).chunk(x=8)
        assert same_bits(lazy.fdgrad.gradient(dim, **options)[name].values, found.values)
