"""Derivatives with heights held constant in place of the index of a level."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dask
import numpy as np
import pytest
import xarray as xr

import xgrad
from tests.helpers import mostly_thorough, nothing_computed, same_bits
from tests.operators.seas import of_height, seamount

HELD = {"constant": {"s": "z"}}


def error(slope: float, field: Callable[[Any], Any], **options: Any) -> float:
    """The greatest error, relative to the greatest derivative along the levels."""
    z = seamount(slope, 401, levels=50)
    q = of_height(z, field(z))
    held = q.fdgrad.gradient("x", **HELD, **options).dq_dx
    inner = held.isel(x=slice(1, -1))
    assert float(inner.isnull().mean()) <= 0.05
    return float(abs(held).max() / abs(q.fdgrad.gradient("x").dq_dx).max())


@pytest.mark.parametrize("slope", [0.3, 0.9])
@pytest.mark.parametrize("power", [1, 2, 3])
def test_a_cubic_in_height_has_no_derivative_at_constant_height(slope: float, power: int) -> None:
    assert error(slope, lambda z: z**power) < 1e-12


@pytest.mark.parametrize(("slope", "most"), [(0.3, 1e-3), (0.9, 2e-4)])
def test_a_smooth_profile_has_a_small_one(slope: float, most: float) -> None:
    profile = lambda z: np.exp(z / 500)  # noqa: E731
    cubic = error(slope, profile)
    assert cubic < most
    assert cubic < error(slope, profile, constant_by="linear")
    assert 20 * cubic < error(slope, profile, constant_by="chain")


@pytest.mark.parametrize("by", ["interpolation", "linear", "chain"])
def test_a_known_slope_is_found_to_order_2(by: str) -> None:
    def largest(nx: int) -> float:
        z = seamount(0.3, nx, levels=4000 if by != "interpolation" else 400)
        q = of_height(z, np.sin(z.x / 9e3) * (1 + z / 4000))
        exact = np.cos(z.x / 9e3) / 9e3 * (1 + z / 4000)
        held = q.fdgrad.gradient("x", **HELD, constant_by=by).dq_dx
        return float(abs(held - exact).isel(x=slice(2, -2)).max())

    assert largest(101) / largest(201) > 3.5


def test_the_chain_rule_is_that_of_the_plain_derivatives() -> None:
    z = seamount(0.3, 41, 5, levels=12)
    q = of_height(z, np.exp(z / 700) * np.sin(z.x / 9e3 + z.y / 5e3))
    for edge_order in (1, 2):
        along = q.fdgrad.gradient(["x", "y"], edge_order=edge_order)
        steep = q.fdgrad.gradient("s", spacing={"s": "z"}, edge_order=edge_order).dq_dz
        rises = z.drop_vars("z", errors="ignore").fdgrad.gradient(["x", "y"], edge_order=edge_order)
        held = q.fdgrad.gradient(["x", "y"], **HELD, constant_by="chain", edge_order=edge_order)
        for dim in "xy":
            expected = along[f"dq_d{dim}"] - steep * rises[f"dz_d{dim}"]
            atol = 1e-12 * float(abs(along[f"dq_d{dim}"]).max())
            np.testing.assert_allclose(held[f"dq_d{dim}"], expected, rtol=0, atol=atol)


@pytest.mark.parametrize("dtype", ["f8", pytest.param("c16", marks=pytest.mark.thorough)])
@pytest.mark.parametrize(
    "options",
    [{}, {"edge_order": 2}, {"skipna": True, "edge_order": 2}, {"accuracy": 4},
     {"boundary": {"x": "periodic"}, "period": {"x": 101e3}}, {"boundary": ("extend", "reflect")},
     {"boundary": 0.5}, {"boundary": "nan"}],
)  # fmt: skip
def test_on_flat_levels_it_is_the_plain_derivative(options: dict[str, Any], dtype: str) -> None:
    z = seamount(0.3, 23, levels=7)
    rng = np.random.default_rng(1)
    q = of_height(z, z.copy(data=rng.normal(size=z.shape))).astype(dtype)
    if "skipna" in options:
        q = q.where(rng.random(z.shape[1]) > 0.2)
    q = q.assign_coords(z=(0 * z + z.isel(x=0)).assign_attrs(units="m"))
    for by in ("interpolation", "linear"):
        held = q.fdgrad.gradient("x", **HELD, constant_by=by, **options).dq_dx
        plain = q.fdgrad.gradient("x", **options).dq_dx
        if dtype == "f8":
            np.testing.assert_array_equal(held, plain)
        else:  # a quotient of complex numbers is rounded in another order
            np.testing.assert_allclose(held, plain, rtol=1e-14)


def field(*, in_time: bool = True) -> xr.DataArray:
    """Data in time over a seamount, some of them missing, whose heights vary in time or not."""
    z = seamount(0.5, 17, 6, levels=8)
    q = of_height(z, np.exp(z / 700) * np.sin(z.x / 9e3 + z.y / 5e3))
    t = xr.DataArray([0.0, 1.0, 2.0], dims="time")
    q = (q.drop_vars("z") * (1 + t)).transpose("time", ...).where(q.x + q.y < 55e3)
    z = (z * (1 + 0.01 * t)).transpose("time", ...) if in_time else z
    return of_height(z, q)


CHUNKS = [{"x": 5, "y": 2, "s": 3, "time": 1}, {"x": -1, "y": 1, "s": 1}, {"s": -1, "x": 1}]


@pytest.mark.parametrize("halo", ["auto", pytest.param("shared", marks=pytest.mark.thorough)])
@pytest.mark.parametrize(
    "heights", mostly_thorough(["lazy", "in memory", "constant in time"], "lazy", "in memory")
)
@pytest.mark.parametrize(
    "chunks", [CHUNKS[0], *(pytest.param(one, marks=pytest.mark.thorough) for one in CHUNKS[1:])]
)
def test_any_chunks_give_the_same_bits(chunks: dict[str, int], heights: str, halo: str) -> None:
    q = field(in_time=heights != "constant in time")
    with dask.config.set({"xgrad.halo": halo}), nothing_computed():
        lazy = q.chunk(chunks)
        if heights == "in memory":
            lazy = lazy.assign_coords(z=q.z.variable)
        kept = {dim: size for dim, size in lazy.chunksizes.items() if dim in q.dims}
        found = lazy.fdgrad.gradient(["x", "y"], **HELD, skipna=True)
        assert dict(found.dq_dx.chunksizes) == kept
        magnitude = lazy.fdgrad.magnitude(["x", "y"], **HELD, constant_by="chain")
    expected = q.fdgrad.gradient(["x", "y"], **HELD, skipna=True)
    with dask.config.set({"xgrad.halo": halo}):
        for name in expected:
            assert same_bits(found[name].compute(), expected[name])
        other = q.fdgrad.magnitude(["x", "y"], **HELD, constant_by="chain")
        assert same_bits(magnitude.compute(), other)


@pytest.mark.parametrize(
    "order", [("x", "s", "y", "time"), ("s", "time", "x", "y"), ("y", "x", "time", "s")]
)
def test_the_order_of_dimensions_does_not_matter(order: tuple[str, ...]) -> None:
    q = field()
    expected = q.fdgrad.gradient(["x", "y"], **HELD)
    moved = q.transpose(*order).copy(deep=True).fdgrad.gradient(["x", "y"], **HELD)
    for name in expected:
        assert same_bits(moved[name].transpose(*q.dims), expected[name])


def test_levels_may_descend_and_columns_may_be_turned_around() -> None:
    q = field().isel(time=0)
    expected = q.fdgrad.gradient("x", **HELD).dq_dx
    turned = q.isel(s=slice(None, None, -1)).fdgrad.gradient("x", **HELD).dq_dx
    np.testing.assert_allclose(turned.isel(s=slice(None, None, -1)), expected, rtol=1e-9)
    depth = q.assign_coords(z=-q.z).fdgrad.gradient("x", **HELD).dq_dx
    assert same_bits(depth, expected)


def test_beyond_a_neighbour_it_is_missing_or_one_sided() -> None:
    z = seamount(0.9, 101, levels=30)
    q = of_height(z, z.x + 0 * z)
    plain = q.fdgrad.gradient("x", **HELD).dq_dx
    kept = q.fdgrad.gradient("x", **HELD, skipna=True).dq_dx
    lowest = plain.isel(s=0, x=slice(1, -1))
    assert lowest.isnull().any()
    assert kept.notnull().sum() > plain.notnull().sum()
    np.testing.assert_allclose(kept.where(kept.notnull(), 1.0), 1.0, rtol=1e-9)


@pytest.mark.parametrize("options", [{}, {"boundary": "extend"}])
def test_integers_are_missing_where_a_neighbour_does_not_reach(options: Any) -> None:
    z = seamount(0.9, 41, levels=8)
    q = of_height(z, np.round(z))
    found, expected = (
        one.fdgrad.gradient("x", **HELD, skipna=True, **options).dq_dx
        for one in (q.astype("i4"), q)
    )
    assert same_bits(found, expected)
    assert found.notnull().sum() > q.fdgrad.gradient("x", **HELD, **options).dq_dx.notnull().sum()


def test_missing_values_at_the_end_of_a_column_end_it() -> None:
    z = seamount(0.3, 31, levels=12)
    q = of_height(z, z**3)
    cut = q.where(z > -2500)
    found = cut.fdgrad.gradient("x", **HELD).dq_dx
    assert found.notnull().any()
    assert float(abs(found).max()) < 1e-12 * float(abs(q.fdgrad.gradient("x").dq_dx).max())


@pytest.mark.parametrize("by", ["interpolation", "linear", "chain"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_on_flat_levels_a_missing_value_does_not_spread_along_its_column(
    value: float, by: str
) -> None:
    z = seamount(0.3, 9, levels=8)
    q = of_height(z, np.sin(z)).assign_coords(z=z.isel(x=0, drop=True) + 0 * z)
    q[4, 3] = value
    held = q.fdgrad.gradient("x", **HELD, constant_by=by).dq_dx
    np.testing.assert_array_equal(held, q.fdgrad.gradient("x").dq_dx)


@pytest.mark.parametrize("by", ["interpolation", "linear", "chain"])
@pytest.mark.parametrize("level", [0, -1])
def test_infinite_heights_are_missing(level: int, by: str) -> None:
    q = of_height(z := seamount(0.3, 9, levels=8), np.sin(z / 500))
    found, expected = (
        q.assign_coords(z=z.where(z != z[level, 3], value)).fdgrad.gradient(
            "x", **HELD, constant_by=by
        )
        for value in (np.inf if level else -np.inf, np.nan)
    )
    assert same_bits(found.dq_dx, expected.dq_dx)


@pytest.mark.parametrize("levels", [2, 3])
def test_fewer_than_four_levels_are_used_as_they_come(levels: int) -> None:
    z = seamount(0.3, 31, levels=levels)
    q = of_height(z, z ** (levels - 1))
    found = q.fdgrad.gradient("x", **HELD).dq_dx
    assert found.notnull().any()
    assert float(abs(found).max()) < 1e-12 * float(abs(q.fdgrad.gradient("x").dq_dx).max())


def test_names_units_and_words() -> None:
    q = field()
    found = q.fdgrad.gradient(["x", "time"], **HELD)
    assert found.dq_dx.attrs["long_name"] == "derivative of q with respect to x at constant z"
    assert found.dq_dtime.attrs["long_name"].endswith("at constant z")
    assert found.dq_dx.attrs["units"] == "K m-1"
    given = q.drop_vars("z").fdgrad.gradient("x", constant={"s": q.z.rename("height")})
    assert same_bits(given.dq_dx, found.dq_dx)
    assert given.dq_dx.attrs["long_name"].endswith("at constant height")
    assert list(q.isel(time=0).fdgrad.gradient(**HELD)) == ["dq_dy", "dq_dx"]
    second = q.fdgrad.derivative("x", order=2, **HELD)
    assert second.attrs["long_name"].endswith("at constant z")


def test_variables_without_the_dimension_are_differentiated_as_always() -> None:
    q = field()
    flat = q.isel(s=-1, drop=True).drop_vars("z")
    found = xr.Dataset({"q": q, "flat": flat}).fdgrad.gradient("x", **HELD)
    assert same_bits(found.dq_dx, q.fdgrad.gradient("x", **HELD).dq_dx)
    assert same_bits(found.dflat_dx, flat.rename("flat").fdgrad.gradient("x").dflat_dx)
    assert "constant" not in found.dflat_dx.attrs["long_name"]


def test_the_gradient_may_have_the_derivative_with_respect_to_the_height() -> None:
    q = field().isel(time=0)
    found = q.fdgrad.gradient(["x", "s"], spacing={"s": "z"}, **HELD)
    assert same_bits(found.dq_dx, q.fdgrad.gradient("x", **HELD).dq_dx)
    assert same_bits(found.dq_dz, q.fdgrad.gradient("s", spacing={"s": "z"}).dq_dz)


def test_operators_are_made_of_derivatives_at_constant_height() -> None:
    q = field().isel(time=0)
    ds = xr.Dataset({"u": q, "v": q * q})
    g = ds.fdgrad.gradient(["x", "y"], **HELD)
    across = ds.fdgrad.divergence({"x": "u", "y": "v"}, **HELD)
    np.testing.assert_allclose(across, g.du_dx + g.dv_dy, rtol=1e-12)
    assert across.attrs["long_name"].endswith("at constant z")
    curl = ds.fdgrad.curl({"x": "u", "y": "v"}, **HELD)
    np.testing.assert_allclose(curl, g.dv_dx - g.du_dy, rtol=1e-12)
    magnitude = q.fdgrad.magnitude(["x", "y"], **HELD)
    one = q.fdgrad.gradient(["x", "y"], **HELD)
    np.testing.assert_allclose(magnitude, np.hypot(one.dq_dx, one.dq_dy), rtol=1e-12)
    second = sum(q.fdgrad.derivative(dim, order=2, **HELD) for dim in "xy")
    np.testing.assert_allclose(q.fdgrad.laplacian(["x", "y"], **HELD), second, rtol=1e-12)


def test_angles_and_second_derivatives_are_made_of_them_too() -> None:
    q = field().isel(time=0)
    one = q.fdgrad.gradient(["x", "y"], **HELD)
    angle = q.fdgrad.direction(["y", "x"], **HELD)
    np.testing.assert_allclose(angle, np.arctan2(one.dq_dy, one.dq_dx), rtol=1e-12)
    assert angle.attrs["long_name"].endswith("at constant z")
    every = q.fdgrad.hessian(["x", "y"], **HELD)
    alone: dict[str, dict[str, Any]] = {
        "d2q_dx2": {"dim": "x", "order": 2}, "d2q_dxdy": {"dim": ["x", "y"]},
        "d2q_dy2": {"dim": "y", "order": 2},
    }  # fmt: skip
    for name, own in alone.items():
        assert same_bits(every[name], q.fdgrad.derivative(**own, **HELD))
        assert every[name].attrs["long_name"].endswith("at constant z")


def test_an_empty_mapping_holds_nothing() -> None:
    q = field().isel(time=0)
    found, expected = q.fdgrad.gradient("x", constant={}), q.fdgrad.gradient("x")
    xr.testing.assert_identical(found, expected)


def test_remedies_for_a_height_of_three_dimensions_work() -> None:
    q = field().isel(time=0)
    with pytest.raises(xgrad.CoordinateError, match=r"name 3 of them.*`spacing={'s': 'z'}`"):
        q.fdgrad.gradient(["x", "z"])
    assert list(q.fdgrad.gradient(["x", "y", "z"])) == ["dq_dx", "dq_dy", "dq_dz"]
    assert list(q.fdgrad.gradient(["x", "s"], spacing={"s": "z"})) == ["dq_dx", "dq_dz"]


def test_heights_may_be_a_variable_of_the_dataset() -> None:
    q = field().isel(time=0)
    ds = xr.Dataset({"u": q, "v": q * q})
    for operator in ("divergence", "curl"):
        found = getattr(ds.reset_coords("z").fdgrad, operator)({"x": "u", "y": "v"}, **HELD)
        assert same_bits(found, getattr(ds.fdgrad, operator)({"x": "u", "y": "v"}, **HELD))
        assert "z" not in found.coords


def on_earth(kind: str) -> xr.DataArray:
    """Heights over places on a sphere, and a field that depends on height and latitude only."""
    z = seamount(0.05, 21, 9, levels=10)
    lat = 40 + (z.y / 2e4 - 0.5) * 4 + (0.3 * z.x / 5e4 if kind == "curvilinear" else 0)
    lon = 10 + z.x / 5e4 * 3 - (0.4 * z.y / 2e4 if kind == "curvilinear" else 0)
    z = z.drop_vars(["x", "y", "s"])
    q = of_height(z, z**2 + 0 * lat)
    lat.attrs, lon.attrs = {"units": "degrees_north"}, {"units": "degrees_east"}
    if kind == "curvilinear":
        return q.assign_coords(lat=lat.drop_vars(["x", "y"]), lon=lon.drop_vars(["x", "y"]))
    return q.rename(x="lon", y="lat").assign_coords(lon=lon.values, lat=lat.values).assign_coords(
        lon=("lon", lon.values, lon.attrs), lat=("lat", lat.values, lat.attrs)
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["sphere", "curvilinear"])
def test_on_the_earth_too_a_function_of_height_has_no_derivative(kind: str) -> None:
    q = on_earth(kind)
    plain = q.fdgrad.gradient(["lon", "lat"], metric="sphere")
    held = q.fdgrad.gradient(["lon", "lat"], metric="sphere", **HELD)
    for name in plain:
        assert held[name].notnull().any()
        assert float(abs(held[name]).max()) < 1e-11 * float(abs(plain[name]).max())
    bent = q.fdgrad.laplacian(["lon", "lat"], metric="sphere", **HELD)
    along = q.fdgrad.laplacian(["lon", "lat"], metric="sphere")
    assert float(abs(bent).max()) < 1e-11 * float(abs(along).max())


def test_distances_along_a_curvilinear_grid_are_refused() -> None:
    q = on_earth("curvilinear")
    for one in (q, q.chunk(x=4)):
        with pytest.raises(xgrad.CoordinateError, match="name the longitude and the latitude"):
            one.fdgrad.gradient("x", metric="sphere", **HELD)


@pytest.mark.parametrize("kind", ["sphere", "curvilinear"])
def test_a_flow_that_varies_with_height_only_diverges_as_on_flat_levels(kind: str) -> None:
    q = on_earth(kind)
    ds = xr.Dataset({"u": 0 * q, "v": 1 + q / 1e7})
    names = {"lon": "u", "lat": "v"}
    held = ds.fdgrad.divergence(names, metric="sphere", **HELD)
    expected = -ds.v * np.tan(np.radians(q.lat)) / 6371229.0
    inner = {dim: slice(1, -1) for dim in q.dims[1:]}
    atol = 2e-3 * float(abs(expected).max())
    found, expected = held.isel(inner), expected.transpose(*held.dims).isel(inner)
    np.testing.assert_allclose(found.where(found.notnull(), expected), expected, rtol=0, atol=atol)
    assert held.notnull().mean() > 0.5


def bad() -> xr.DataArray:
    q = field().isel(time=0).copy(deep=True)
    heights = q.z.copy(deep=True)
    heights[3, 2, 5] = heights[2, 2, 5]
    return q.assign_coords(z=heights)


def test_columns_that_are_not_monotonic_are_refused_or_missing() -> None:
    q, good = bad(), field().isel(time=0)
    with pytest.raises(xgrad.CoordinateError, match=r"in the column y=2, x=5.*validate=False"):
        q.fdgrad.gradient("x", **HELD)
    with pytest.warns(xgrad.CoordinateWarning, match="y=2, x=5") as caught:
        found = q.fdgrad.gradient("x", **HELD, validate=False).dq_dx
    assert len(caught) == 1
    expected = good.fdgrad.gradient("x", **HELD).dq_dx
    assert found.isel(y=2, x=slice(4, 7)).isnull().all()
    away = {"y": [0, 1, 3, 4, 5]}
    assert same_bits(found.isel(away), expected.isel(away))
    with pytest.warns(xgrad.CoordinateWarning, match="not strictly monotonic"):
        lazy = q.chunk(x=4).fdgrad.gradient("x", **HELD).dq_dx.compute()
    assert same_bits(lazy, found)


def test_a_column_on_land_is_missing_without_a_word() -> None:
    q = field().isel(time=0)
    land = q.assign_coords(z=q.z.where(q.z.x < 0)).where(q.x < 0)
    found = land.fdgrad.gradient("x", **HELD).dq_dx
    assert found.isel(x=slice(9, None)).isnull().all()
    assert found.notnull().any()


@pytest.mark.parametrize(
    ("constant", "more", "message"),
    [
        ({"level": "z"}, {}, "names 'level', which is not a dimension.*'s'"),
        ({"s": "zz"}, {}, "names 'zz', which does not exist; did you mean 'z'"),
        ({"s": "h"}, {}, "has dimensions .* without 's'"),
        ({"s": "z"}, {"dim": "s"}, "`constant` is given for 's', which is differentiated along"),
        ({"s": "z"}, {"skipna": True, "accuracy": 4}, "leave out `skipna`"),
        ({"s": "z"}, {"skipna": True, "window": 5}, "`window=5` cannot .* leave out `skipna`"),
        (
            {"s": "z"},
            {"skipna": True, "bandwidth": 5},
            "`bandwidth=5` cannot .* leave out `skipna`",
        ),
        ({"s": "z"}, {"constant_by": "cubic"}, "give one of .*'interpolation'"),
        ({}, {"constant_by": "chain"}, "'chain' without `constant`"),
        ({"s": "words"}, {}, "must hold numbers"),
    ],
)
def test_what_cannot_be_held_is_refused(
    constant: dict[str, Any], more: dict[str, Any], message: str
) -> None:
    q = field().isel(time=0)
    words = xr.DataArray(["a"] * q.sizes["s"], dims="s")
    q = q.assign_coords(h=q.z.isel(s=0, drop=True).variable, words=words)
    with pytest.raises((xgrad.CoordinateError, ValueError), match=message):
        q.fdgrad.gradient(**{"dim": "x", **more}, constant=constant)


def test_other_bad_input_is_refused() -> None:
    q = field().isel(time=0)
    with pytest.raises(TypeError, match="give a mapping of a dimension"):
        q.fdgrad.gradient("x", constant="z")
    with pytest.raises(TypeError, match="give the name of a coordinate or a DataArray"):
        q.fdgrad.gradient("x", constant={"s": 3.0})
    with pytest.raises(xgrad.CoordinateError, match="has one level"):
        q.isel(s=[0]).fdgrad.gradient("x", **HELD)
    for operation in (q.fdgrad.laplacian, q.fdgrad.hessian):
        with pytest.raises(ValueError, match="leave out `skipna`"):
            operation(["x", "y"], **HELD, skipna=True)
        with pytest.raises(ValueError, match="give 'interpolation' or 'linear'"):
            operation(["x", "y"], **HELD, constant_by="chain")
    few = q.z.isel(s=slice(7))
    with pytest.raises(xgrad.CoordinateError, match="lack the label"):
        q.drop_vars("z").fdgrad.gradient("x", constant={"s": few})
    with pytest.raises(xgrad.CoordinateError, match="size 7 along 's'"):
        q.drop_vars("z").fdgrad.gradient("x", constant={"s": few.drop_vars("s")})
    with pytest.raises(xgrad.CoordinateError, match="does not have"):
        q.isel(y=0).drop_vars("z").fdgrad.gradient("x", constant={"s": q.z})
    with pytest.raises(ValueError, match="only derivatives hold something constant"):
        q.fdgrad.smooth("x", window=5, **HELD)
    with pytest.raises(TypeError, match="times as data"):
        q.astype("m8[s]").fdgrad.gradient("x", **HELD)


def test_second_derivatives_hold_the_height_twice() -> None:
    z = seamount(0.1, 61, 9, levels=30)
    q = of_height(z, z**2 + (z.x / 1e4) ** 2 + z.x * z.y / 1e8)
    found = q.fdgrad.derivative("x", order=2, **HELD)
    np.testing.assert_allclose(found.where(found.notnull(), 2e-8), 2e-8, rtol=1e-5)
    mixed = q.fdgrad.derivative(["x", "y"], **HELD)
    inner = mixed.isel(x=slice(2, -2), y=slice(2, -2))
    np.testing.assert_allclose(inner.where(inner.notnull(), 1e-8), 1e-8, rtol=1e-3)


def test_coordinates_that_hold_each_other_give_the_same_partial() -> None:
    z = seamount(0.2, 61, levels=40)
    q = of_height(z, np.exp(z / 2000) * np.sin(z.x / 2e4)).assign_coords(along=z.x + 0 * z)
    both = q.fdgrad.gradient(["along", "z"], edge_order=2)
    inner = {"x": slice(1, -1), "s": slice(1, -1)}
    scale = float(abs(both.dq_dalong).max())
    chain = q.fdgrad.gradient("x", **HELD, constant_by="chain", edge_order=2).dq_dx
    difference = abs(both.dq_dalong - chain).isel(inner)
    assert float(difference.max()) < 0.05 * scale
    held = q.fdgrad.gradient("x", **HELD).dq_dx
    exact = np.exp(z / 2000) * np.cos(z.x / 2e4) / 2e4
    errors = [float(abs(one - exact).isel(inner).max()) for one in (held, chain, both.dq_dalong)]
    assert errors[0] < min(errors[1:])
    with pytest.raises(xgrad.CoordinateError, match="leave `constant` out"):
        q.fdgrad.gradient(["along", "z"], **HELD)
    lines = q.fdgrad.gradient(["x", "z"], edge_order=2)
    assert list(lines) == ["dq_dx", "dq_dz"]
    assert same_bits(lines.dq_dx, both.dq_dalong)
    assert same_bits(lines.dq_dz, both.dq_dz)
    lazy = q.chunk(x=9, s=7).fdgrad.gradient(["x", "z"], edge_order=2)
    assert same_bits(lazy.dq_dx.compute(), lines.dq_dx)
