"""What a user may ask for, and what one may not: labels, names, units, messages."""

from __future__ import annotations

import re
import warnings
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr

import xgrad
from tests.helpers import nothing_computed, numpy_gradient, real_data, same_bits


def ring(x: Any, dim: str = "x", **attrs: Any) -> xr.DataArray:
    x = np.asarray(x)
    values = np.sin(np.deg2rad(x.astype("f8")))
    return xr.DataArray(values, dims=dim, coords={dim: (dim, x, attrs)}, name="f")


@pytest.fixture
def field() -> xr.DataArray:
    values = np.random.default_rng(0).normal(size=(9, 12))
    return xr.DataArray(
        values, dims=("y", "x"), coords={"y": np.arange(9.0) ** 1.2, "x": np.arange(12.0)}, name="f"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"boundary": "wrap"}, "`boundary` is 'wrap'; give a number or one of"),
        ({"boundary": True}, "`boundary` is True"),
        ({"boundary": ("extend", "nan", 1)}, "give one value or a"),
        ({"boundary": ("periodic", "extend")}, "give 'periodic' for both"),
        ({"boundary": {"z": "extend"}}, "`boundary` names 'z', which is not among"),
        ({"boundary": "periodic"}, r"period is unknown .* give `period=\{'x': \.\.\.\}`"),
        ({"boundary": "periodic", "period": {"x": 11.0}}, "`period` of 'x' is 11, and its last"),
        (
            {"boundary": "periodic", "period": {"x": 5}},
            "`period` of 'x' is 5, which is not longer than",
        ),
        ({"boundary": "periodic", "period": {"x": -5}}, "`period` of 'x' is -5; give a positive"),
        ({"boundary": "periodic", "period": {"x": np.nan}}, "is nan; give a positive number"),
        ({"boundary": "periodic", "period": {"x": "a"}}, "`period` of 'x' is 'a'; give a number"),
        ({"boundary": "periodic", "period": 360}, "`period` is 360; give a mapping"),
        ({"period": {"x": 360}}, "whose `boundary` is not 'periodic'"),
        ({"boundary": np.timedelta64(1, "s")}, "give a number or one of"),
        ({"boundary": 10**400}, "give a number or one of"),
        ({"boundary": "periodic", "period": {"x": 10**400}}, "give a number"),
        ({"boundary": "periodic", "period": {"x": 6j}}, "`period` of 'x' is 6j; give a number"),
        ({"validate": "no"}, "`validate` is 'no'; give True or False"),
        ({"edge_order": np.array([1, 2])}, "`edge_order` is array"),
        ({"datetime_unit": np.array(["s", "h"])}, "`datetime_unit` is array"),
        ({"boundary": 1j}, "`boundary` of 'x' is 1j, which 'f' of dtype float64 cannot hold"),
        ({"accuracy": 3}, "`accuracy` is 3; give 2, 4, 6 or 8"),
        ({"accuracy": 0}, "`accuracy` is 0; give 2, 4, 6 or 8"),
        ({"accuracy": True}, "`accuracy` is True"),
        ({"skipna": "yes"}, "`skipna` is 'yes'; give True or False"),
        ({"order": 5}, "`order` is 5; give 1, 2, 3 or 4"),
        ({"order": 4, "accuracy": 8}, r"size 12; `order=4` with `accuracy=8` .* needs at least 12"),
        ({"spacing": {"x": "uneven"}}, "names 'uneven', which is not a coordinate"),
    ],
)
def test_bad_options_say_what_would_do(field: xr.DataArray, options: Any, message: str) -> None:
    if "needs at least 12" in message:
        field = field.isel(x=slice(0, 11))
        message = message.replace("size 12", "size 11")
    with pytest.raises((ValueError, TypeError), match=message):
        field.fdgrad.derivative("x", **options)


def test_positions_that_do_not_fit(field: xr.DataArray) -> None:
    z = xr.DataArray(np.ones((9, 3)), dims=("y", "level"), name="z")
    with pytest.raises(xgrad.CoordinateError, match="without 'x'"):
        field.fdgrad.gradient("x", spacing={"x": z})
    with pytest.raises(xgrad.CoordinateError, match=r"do not broadcast against .f. .* lacks"):
        field.fdgrad.gradient("y", spacing={"y": z})
    words = xr.DataArray(np.full((9, 12), "a"), dims=("y", "x"), name="z")
    with pytest.raises(xgrad.CoordinateError, match="positions 'z' have dtype"):
        field.fdgrad.gradient("y", spacing={"y": words})
    times = field.astype("i8").astype("M8[s]")
    z = xr.DataArray(np.cumsum(np.ones((9, 12)), 0), dims=("y", "x"), name="z")
    with pytest.raises(TypeError, match="times as data cannot be combined"):
        times.fdgrad.gradient("y", spacing={"y": z})


def test_a_bad_column_in_memory_is_named(field: xr.DataArray) -> None:
    z = field.y + 0.1 * field.x
    z[5, 7] = z[4, 7].item()
    with pytest.raises(
        xgrad.CoordinateError,
        match=r"column x=7: 5\.97\S+ at index 4, then 5\.97\S+; .*validate=False",
    ):
        field.fdgrad.gradient("y", spacing={"y": z})
    lazily = field.chunk(x=5)
    with pytest.raises(xgrad.CoordinateError, match="column x=7"):
        lazily.fdgrad.gradient("y", spacing={"y": z})
    for positions, data, validate in (
        (z, field, False), (z.chunk(x=3), field, True), (z, lazily, False),
    ):  # fmt: skip
        found = data.fdgrad.derivative("y", spacing={"y": positions}, validate=validate)
        assert np.isnan(found[:, 7]).all()
        assert np.isfinite(found.drop_isel(x=7)).all()


def test_positions_by_name_also_of_a_variable_of_a_dataset(field: xr.DataArray) -> None:
    z = (field.y * (1 + 0.1 * field.x)).rename("height").assign_attrs(units="m")
    expected = np.stack(
        [numpy_gradient(field.values[:, k], z.values[:, k], 0) for k in range(12)], 1
    )
    named = field.assign_attrs(units="K").assign_coords(height=z)
    found = named.fdgrad.gradient("y", spacing={"y": "height"})
    assert list(found) == ["df_dheight"]
    assert found.df_dheight.attrs["units"] == "K m-1"
    assert same_bits(found.df_dheight.values, expected)
    ds = xr.Dataset({"f": field, "height": z})
    assert list(ds.fdgrad.gradient("y", spacing={"y": "height"})) == ["df_dheight"]


@pytest.mark.parametrize(
    "x",
    [
        np.arange(0, 360, 30),
        np.arange(0, 360, 30)[::-1],
        np.roll(np.arange(0, 360, 30), 5),
        np.roll(np.arange(0, 360, 30)[::-1], 3),
        np.array([340.0, 350.0, 0.0, 10.0, 40.0, 90.0, 170.0, 240.0, 300.0]),
        np.array([-170.0, -90.0, -20.0, 30.0, 80.0, 170.0], "f4"),
    ],
)
def test_the_seam_of_degrees_east(x: Any) -> None:
    degrees = ring(x, units="degrees_east")
    found = degrees.fdgrad.gradient("x", boundary="periodic").df_dx.values
    # Three turns in a row, in which the middle one has no edge.
    f = np.tile(degrees.values, 3)
    along = np.unwrap(np.tile(x.astype("f8"), 3), period=360)
    expected = numpy_gradient(f, along, 0)[len(x) : 2 * len(x)]
    # Weights of float32 positions are float32, as in numpy.
    precision = 1e-6 if x.dtype == "f4" else 1e-12
    np.testing.assert_allclose(found, expected, rtol=precision, atol=precision)
    lazy = degrees.chunk(x=2).fdgrad.gradient("x", boundary={"x": "periodic"}).df_dx
    assert same_bits(lazy.values, found)


def test_periods_by_unit_and_by_hand() -> None:
    x = np.arange(0, 360, 45)
    expected = ring(x, units="degrees_east").fdgrad.gradient("x", boundary="periodic").df_dx
    by_hand = ring(x).fdgrad.gradient("x", boundary="periodic", period={"x": 360})
    assert same_bits(by_hand.df_dx.values, expected.values)
    radians = ring(x).assign_coords(x=("x", np.deg2rad(x), {"units": "radian"}))
    found = radians.fdgrad.gradient("x", boundary="periodic").df_dx
    np.testing.assert_allclose(np.deg2rad(found), expected, atol=1e-15)
    days = ring(x).assign_coords(x=np.datetime64("2001-01-01", "ns") + x * np.timedelta64(1, "D"))
    for period in (np.timedelta64(360, "D"), 360.0):
        yearly = days.fdgrad.gradient(
            "x", boundary="periodic", period={"x": period}, datetime_unit="D"
        )
        np.testing.assert_allclose(yearly.df_dx, expected, atol=1e-15)
    steps = (
        ring(x)
        .drop_vars("x")
        .fdgrad.gradient("x", spacing={"x": 45.0}, boundary="periodic", period={"x": 360})
    )
    assert same_bits(steps.df_dx.values, expected.values)


def test_a_cyclic_point_is_to_be_dropped() -> None:
    with pytest.raises(
        xgrad.CoordinateError, match=r"last position repeats the first; drop one .*slice"
    ):
        ring(np.arange(0, 361, 30), units="degrees_east").fdgrad.gradient("x", boundary="periodic")


@pytest.mark.filterwarnings("ignore::xarray.SerializationWarning")  # the file's fill value
@pytest.mark.parametrize("accuracy", [2, 4])
def test_the_dateline_of_the_reanalysis(accuracy: Any) -> None:
    with xr.open_dataset(real_data("eraint_uvz.nc")) as ds:
        z = ds.z.isel(month=0).load()
    half = z.sizes["longitude"] // 2
    options: Any = {"boundary": {"longitude": "periodic"}, "accuracy": accuracy}
    found = z.fdgrad.gradient("longitude", **options).dz_dlongitude
    rolled = z.roll(longitude=half, roll_coords=True)
    again = rolled.fdgrad.gradient("longitude", **options).dz_dlongitude
    for side in (0, -1, 1, -2):
        east = found.isel(longitude=side)
        west = again.sel(longitude=float(east.longitude))
        np.testing.assert_allclose(east, west, rtol=1e-12)
    lazy = z.chunk(longitude=77).fdgrad.gradient("longitude", **options).dz_dlongitude
    assert same_bits(lazy.values, found.values)


def test_only_the_two_end_chunks_meet_at_the_seam() -> None:
    array = da.from_array(np.arange(100.0), chunks=10, name="source")
    data = xr.DataArray(
        array, dims="x", coords={"x": ("x", np.arange(100) * 3.6, {"units": "degrees_east"})}
    )
    lazy = data.rename("f").fdgrad.gradient("x", boundary="periodic").df_dx.data
    for block, met in ((0, {9, 0, 1}), (4, {3, 4, 5}), (9, {8, 9, 0})):
        (graph,) = dask.optimize(lazy.blocks[block])
        keys = [key for key in graph.dask if isinstance(key, tuple) and key[0] == "source"]
        assert {key[1] for key in keys} <= met
        assert graph.compute().shape == (10,)


@pytest.mark.parametrize("n", [12, 100, 4320])
def test_uniform_takes_the_exact_step(n: int) -> None:
    exact = np.arange(n) / 12
    rounded = exact.astype("f4")
    x = xr.DataArray(np.sin(exact), dims="x", coords={"x": rounded}, name="f")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = x.fdgrad.gradient("x", spacing={"x": "uniform"}).df_dx
    np.testing.assert_allclose(found, numpy_gradient(x.values, 1 / 12, 0), rtol=1e-5, atol=1e-9)
    if n > 1000:
        with pytest.warns(xgrad.CoordinateWarning, match=re.escape("{'x': 'uniform'}")) as caught:
            x.fdgrad.gradient("x")
        assert len(caught) == 1
        assert caught[0].filename == __file__


@pytest.mark.parametrize("x", [np.arange(10.0) ** 1.1, np.array([0.0, 1, 2, 3.001, 4])])
def test_uniform_refuses_what_is_uneven(x: Any) -> None:
    with pytest.raises(xgrad.CoordinateError, match="is uneven: at index"):
        ring(x.astype("f4")).fdgrad.gradient("x", spacing={"x": "uniform"})
    with pytest.raises(xgrad.CoordinateError, match="no such coordinate; leave it out"):
        ring(x).drop_vars("x").fdgrad.gradient("x", spacing={"x": "uniform"})


def test_skipna_of_integers_is_the_plain_gradient(field: xr.DataArray) -> None:
    whole = (field * 100).astype("i4")
    expected = whole.fdgrad.gradient("y").df_dy
    assert same_bits(whole.fdgrad.gradient("y", skipna=True).df_dy.values, expected.values)


def test_numbers_beyond_the_edges_of_integers(field: xr.DataArray) -> None:
    whole = (field * 100).astype("i4")
    options: Any = {"boundary": {"x": (0.5, "nan")}}
    found = whole.fdgrad.gradient("x", **options).df_dx
    assert same_bits(found[:, 0].values, ((whole[:, 1] - 0.5) / 2).values)
    assert np.isnan(found[:, -1]).all()
    for chunks in (1, 5):
        lazy = whole.chunk(x=chunks).fdgrad.gradient("x", **options).df_dx
        assert same_bits(lazy.values, found.values)


def test_names_units_and_words(field: xr.DataArray) -> None:
    t = field.rename("t").assign_attrs(units="K", long_name="temperature")
    t = t.assign_coords(x=t.x.assign_attrs(units="m"), y=t.y.assign_attrs(units="m"))
    second = t.fdgrad.derivative("x", order=2)
    assert isinstance(second, xr.DataArray)
    assert second.name == "d2t_dx2"
    assert second.attrs["units"] == "K m-2"
    assert second.attrs["long_name"] == "second derivative of temperature with respect to x"
    mixed = t.fdgrad.derivative(["x", "y"])
    assert mixed.name == "d2t_dxdy"
    assert mixed.attrs["units"] == "K m-2"
    assert mixed.attrs["long_name"] == "mixed derivative of temperature with respect to x and y"
    assert t.fdgrad.derivative(["x", "y"], order=2).name == "d4t_dx2dy2"
    assert t.fdgrad.derivative("x").identical(t.fdgrad.gradient("x").dt_dx)
    both = xr.Dataset({"t": t, "s": 2 * t, "only_y": t.y}).fdgrad.derivative(["x", "y"])
    assert list(both) == ["d2t_dxdy", "d2s_dxdy"]
    xr.testing.assert_identical(both.d2t_dxdy, mixed)


def test_mixed_derivatives(field: xr.DataArray) -> None:
    exact = field.copy(data=(field.y**2 * field.x**3).transpose("y", "x").values)
    found = exact.fdgrad.derivative(["x", "y"], accuracy=4)
    np.testing.assert_allclose(
        found, (2 * field.y * 3 * field.x**2).T.transpose("y", "x"), atol=1e-9
    )
    # The value beyond an edge is a constant, whose derivative along the other one is 0.
    beyond: Any = {"boundary": {"x": 5.0}}
    one = exact.fdgrad.derivative(["x", "y"], **beyond)
    other = exact.fdgrad.derivative(["y", "x"], **beyond)
    np.testing.assert_allclose(one, other.values, atol=1e-9)


def test_times_as_data_in_higher_orders() -> None:
    seconds = np.array([0, 1, 4, 9, 16, 25])
    t = xr.DataArray(
        np.datetime64("2020-01-01", "ns") + seconds * np.timedelta64(10**9, "ns"),
        dims="x",
        name="t",
    )
    found = t.fdgrad.derivative("x", order=2)
    np.testing.assert_allclose(found, 2.0)
    assert found.attrs["units"] == "s"
    hours = t.fdgrad.derivative("x", order=2, datetime_unit="h")
    np.testing.assert_allclose(hours, 2 / 3600)


@pytest.mark.parametrize(
    "options",
    [
        {"boundary": "extend"},
        {"boundary": "periodic", "period": {"x": 12, "y": 20}},
        {"skipna": True, "edge_order": 2},
        {"accuracy": 6},
        {"spacing": {"y": "height"}},
        {"spacing": {"y": "height"}, "skipna": True, "accuracy": 4},
    ],
)
def test_laziness_and_chunks(field: xr.DataArray, options: Any) -> None:
    height = da.from_array((field.y * (1 + 0.1 * field.x)).values, chunks=(4, 12))
    data = field.where(field > -1.5).assign_coords(height=(("y", "x"), height))
    lazily = data.chunk(y=2, x=(1, 5, 6))
    with nothing_computed():
        lazy = lazily.fdgrad.gradient(["y", "x"], **options)
    eager = data.assign_coords(height=data.height.compute()).fdgrad.gradient(["y", "x"], **options)
    for name, found in lazy.items():
        assert found.chunks == lazily.chunks
        assert same_bits(found.values, eager[name].values)


def test_uniform_times_have_the_unit_asked_for() -> None:
    days = np.arange("2000-01-01", "2000-01-05", dtype="M8[D]")
    t = xr.DataArray(np.arange(4.0), dims="time", coords={"time": days}, name="f")
    options: Any = {"spacing": {"time": "uniform"}, "datetime_unit": "D"}
    assert t.fdgrad.derivative("time", **options).values.tolist() == [1, 1, 1, 1]
    with pytest.raises(xgrad.CoordinateError, match="is uneven: the step at index 1 is 2 day"):
        t[[0, 1, 3]].fdgrad.derivative("time", **options)


@pytest.mark.parametrize("shift", [0, 2000])
def test_uniform_around_the_globe(shift: int) -> None:
    exact = np.roll(np.arange(4320) / 12, shift)
    f = xr.DataArray(
        np.sin(np.deg2rad(exact)), dims="longitude", name="f",
        coords={"longitude": ("longitude", exact.astype("f4"), {"units": "degrees_east"})},
    )  # fmt: skip
    options: Any = {"spacing": {"longitude": "uniform"}, "boundary": "periodic"}
    found = f.fdgrad.derivative("longitude", **options)
    h = np.deg2rad(1 / 12)
    expected = np.cos(np.deg2rad(exact)) * np.sin(h) / h * np.deg2rad(1)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-14)
    with pytest.warns(xgrad.CoordinateWarning, match="'longitude' is evenly spaced, but rounding"):
        f.fdgrad.derivative("longitude", boundary="periodic")


@pytest.mark.parametrize(("end", "turns"), [(360, 360), (400, 400)])
def test_columns_that_go_around_once_or_more(end: float, turns: float) -> None:
    lon = xr.DataArray(
        np.linspace(0, end, 13) + np.zeros((2, 1)), dims=("j", "i"), name="lon",
        attrs={"units": "degrees_east"},
    )  # fmt: skip
    f = np.sin(np.deg2rad(lon)).rename("f")
    options: Any = {"spacing": {"i": lon}, "boundary": {"lon": "periodic"}}
    with pytest.raises(xgrad.CoordinateError, match=f"go around by {turns} in the column j=0"):
        f.fdgrad.gradient("i", spacing={"i": lon}, boundary="periodic")
    named = f.assign_coords(lon=lon)
    with pytest.raises(xgrad.CoordinateError, match="drop the cells at the end that repeat"):
        named.fdgrad.gradient("i", spacing={"i": "lon"}, boundary={"lon": "periodic"})
    assert f.fdgrad.gradient("i", validate=False, **{**options, "boundary": "periodic"})


def test_positions_of_another_size_and_durations_of_numbers(field: xr.DataArray) -> None:
    z = (field.y * (1 + 0.1 * field.x)).rename("z").drop_vars(["x", "y"])
    for wrong, side in ((z[:3], 3), (z[:, :1], 1)):
        with pytest.raises(xgrad.CoordinateError, match=f"positions 'z' have size {side} along"):
            field.fdgrad.gradient("y", spacing={"y": wrong})
    with pytest.raises(xgrad.CoordinateError, match="a DataArray, whose dimensions have names"):
        field.fdgrad.gradient("y", spacing={"y": z.values})
    with pytest.raises(TypeError, match="its positions are not times"):
        field.fdgrad.gradient("x", boundary="periodic", period={"x": np.timedelta64(1, "D")})
    with pytest.raises(ValueError, match="`boundary` is array"):
        field.fdgrad.gradient("x", boundary=np.array([0, 1]))


def test_variables_without_the_dimensions_of_positions_are_left_out(field: xr.DataArray) -> None:
    z = (field.y * (1 + 0.1 * field.x)).rename("z")
    ds = xr.Dataset({"f": field, "profile": field[:, 0]}).assign_coords(z=z)
    assert list(ds.fdgrad.gradient("y", spacing={"y": "z"})) == ["df_dz"]


@pytest.mark.parametrize("shape", [(4, 0), (0, 4)])
def test_no_columns_at_all(shape: tuple[int, int]) -> None:
    empty = xr.DataArray(np.zeros(shape), dims=("s", "x"), name="f")
    z = xr.DataArray(np.zeros(shape), dims=("s", "x"), name="z")
    if shape[0] == 0:
        with pytest.raises(ValueError, match="has size 0"):
            empty.fdgrad.gradient("s", spacing={"s": z})
        return
    for data in (empty, empty.chunk()):
        assert data.fdgrad.gradient("s", spacing={"s": z}).df_dz.compute().shape == shape


def test_a_coordinate_of_its_own_and_the_spacing_of_its_dimension() -> None:
    rounded = (np.arange(4320) / 12).astype("f4")
    f = xr.DataArray(np.sin(rounded), dims="x", coords={"lon": ("x", rounded)}, name="f")
    even = f.fdgrad.derivative("lon", spacing={"lon": "uniform"})
    assert same_bits(even.values, f.swap_dims(x="lon").fdgrad.derivative(
        "lon", spacing={"lon": "uniform"}).values)  # fmt: skip
    with pytest.raises(xgrad.CoordinateError, match="would not be used; name 'x' in both"):
        f.fdgrad.derivative("lon", spacing={"x": 2.0})
    named = f.swap_dims(x="lon").rename("uniform")
    assert same_bits(named.fdgrad.derivative("lon", spacing={"lon": "uniform"}).values, even.values)


@pytest.mark.parametrize("size", [0, 1])
def test_too_short_a_coordinate_of_single_precision(size: int) -> None:
    short = xr.DataArray(np.zeros(size), dims="x", coords={"x": np.zeros(size, "f4")}, name="f")
    for options in ({}, {"spacing": {"x": "uniform"}}):
        with pytest.raises(ValueError, match=f"has size {size}; .* needs at least 2"):
            short.fdgrad.gradient("x", **options)


def test_uniform_takes_what_arange_and_linspace_make() -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        start, step, n = rng.normal() * 300, rng.random() * 8, int(rng.integers(3, 400))
        for x in (start + step * np.arange(n), np.linspace(start, start + step * n, n)):
            f = xr.DataArray(x, dims="x", coords={"x": x}, name="f")
            found = f.fdgrad.derivative("x", spacing={"x": "uniform"})
            np.testing.assert_allclose(found, 1, rtol=1e-9)


def test_the_same_derivative_has_the_same_name_in_the_graph(field: xr.DataArray) -> None:
    lazy = field.chunk(x=5)
    assert lazy.fdgrad.derivative("x").data.name == lazy.fdgrad.derivative("x").data.name
    height = lazy.copy(data=np.cumsum(np.ones(lazy.shape), lazy.get_axis_num("x")))
    own = [
        lazy.fdgrad.derivative("x", spacing={"x": one}).data.name
        for one in (height, height.copy(), 2 * height)
    ]
    assert own[0] == own[1] != own[2]
