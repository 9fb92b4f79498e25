"""The law of selection: any name finds its coordinate, and a refusal names the remedy."""

from __future__ import annotations

import re
import warnings
from typing import Any

import dask
import dask.array as da
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import xgrad
from tests.helpers import nothing_computed, numpy_gradient, real_data, same_bits
from tests.operators.helpers import LEVELS, raises, ring
from tests.other_arrays import Chunked, Duck


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
def test_a_refused_option_names_its_remedy(field: xr.DataArray, options: Any, message: str) -> None:
    if "needs at least 12" in message:
        field = field.isel(x=slice(0, 11))
        message = message.replace("size 12", "size 11")
    with pytest.raises((ValueError, TypeError), match=message):
        field.fdgrad.derivative("x", **options)


def test_bad_names_are_refused(temperature: xr.DataArray, weather: xr.Dataset) -> None:
    error = xgrad.CoordinateError
    raises(
        temperature, error,
        r"'depth', which does not exist; dimensions are \['time', 'latitude', 'level'\], "
        r"1-D coordinates \['pressure', 'station'\]", "depth",
    )  # fmt: skip
    raises(temperature, error, "names 'time' twice", ["time", "time"])
    raises(temperature, error, "`dim` is empty", [])
    raises(temperature, error, "'station' has dtype <U1", "station")
    raises(temperature, error, r"names \['area'\] .* 2 coordinates are needed", "area")
    raises(temperature, error, "'run' has 0 dimensions", "run")
    twice = {"spacing": {"level": "pressure"}}
    raises(temperature, error, "'pressure' twice", ["level", "pressure"], **twice)
    raises(weather[["name", "flag"]], ValueError, "nothing to differentiate.*'name': \"<U1")
    raises(weather[["count", "t"]].drop_vars("t"), ValueError, "nothing.*along 'level'", "level")
    raises(weather.t.isel(time=0, latitude=0, level=0), ValueError, "'t' has no dimension")


def test_bad_spacing_is_refused(temperature: xr.DataArray) -> None:
    error = xgrad.CoordinateError
    raises(temperature, TypeError, r"`spacing` is 0.5; give a mapping", "time", spacing=0.5)
    raises(temperature, error, "names 'level', which is not among", "time", spacing={"level": 1})
    raises(temperature, error, "names 'nope', which is not", "time", spacing={"time": "nope"})
    raises(temperature, error, "is along 'level', not 'time'", "time", spacing={"time": "pressure"})
    raises(temperature, error, "name the dimension", "pressure", spacing={"pressure": 1.0})
    raises(temperature, error, r"has shape \(2,\)", "time", spacing={"time": [0, 1]})
    raises(temperature, error, "is 0; a step must be", "time", spacing={"time": 0})
    raises(temperature, error, "is nan; a step must", "time", spacing={"time": np.nan})


def test_bad_options_are_refused(temperature: xr.DataArray) -> None:
    for value in (0, 3, "2", True, None, 1.5):
        raises(temperature, ValueError, "`edge_order` is .*; give 1 or 2", "time", edge_order=value)
    for value in ("Y", "M"):
        message = f"`datetime_unit` is '{value}'.*no fixed length"
        raises(temperature, ValueError, message, "time", datetime_unit=value)
    raises(temperature, ValueError, "give one of", "time", datetime_unit="fortnights")
    message = r"`datetime_unit` is 'D', but neither the data nor a coordinate among \['latitude'\]"
    raises(temperature, ValueError, message, "latitude", datetime_unit="D")
    raises(temperature, TypeError, "positional argument", "time", 0.5)
    with pytest.raises(TypeError, match=r"`obj` is a numpy\.ndarray"):
        xgrad.gradient(temperature.values)


def test_data_without_numbers_are_refused(temperature: xr.DataArray) -> None:
    raises(temperature > 0, TypeError, r"bool.*\.astype\(float\)", "time")
    raises(temperature.astype(str), TypeError, "has dtype <U", "time")
    raises(temperature.astype(object), TypeError, "has dtype object", "time")


def test_pandas_extension_arrays_are_left_out_or_named() -> None:
    whole = xr.Dataset({"i": ("x", pd.array([1, 2, 3], "Int64")), "t": ("x", np.arange(3.0))})
    assert list(whole.fdgrad.gradient("x")) == ["dt_dx"]
    raises(whole.i, TypeError, r"'i' has dtype Int64; .*\.astype\(float\)", "x")


def test_a_multiindex_needs_a_spacing() -> None:
    index = pd.MultiIndex.from_product([[0, 1], [2.0, 5.0]], names=["a", "b"])
    coords = xr.Coordinates.from_pandas_multiindex(index, "x")
    stacked = xr.DataArray(np.arange(4.0), coords=coords, dims="x", name="f")
    raises(stacked, xgrad.CoordinateError, "'x' is a MultiIndex", "x")
    found = stacked.fdgrad.gradient("x", spacing={"x": 0.5})
    assert found.df_dx.values.tolist() == [2.0] * 4
    assert isinstance(found.indexes["x"], pd.MultiIndex)


def test_other_coordinates_may_be_named_as_positions(temperature: xr.DataArray) -> None:
    expected = numpy_gradient(temperature.values, LEVELS, 2)
    by_name = temperature.fdgrad.gradient("pressure")
    by_spacing = temperature.fdgrad.gradient("level", spacing={"level": "pressure"})
    for found in (by_name, by_spacing):
        assert list(found) == ["dtemperature_dpressure"]
        assert same_bits(found.dtemperature_dpressure.values, expected)
        assert found.dtemperature_dpressure.attrs["units"] == "K hPa-1"
        assert found.dtemperature_dpressure.attrs["long_name"] == (
            "derivative of temperature at 2 m with respect to air pressure"
        )


def test_a_dataset_gives_its_numeric_variables_only(weather: xr.Dataset) -> None:
    found = weather.fdgrad.gradient("time")
    assert list(found) == ["dt_dtime", "dcount_dtime"]
    assert found.dcount_dtime.dtype == np.float64
    assert found.attrs == {"title": "weather"}
    assert list(weather.fdgrad.gradient(["pressure", "time"])) == [
        "dt_dpressure",
        "dt_dtime",
        "dcount_dtime",
    ]
    every = weather.fdgrad.gradient()
    assert list(every) == ["dt_dtime", "dt_dlatitude", "dt_dlevel", "dcount_dtime"]
    assert same_bits(every.dt_dtime.values, weather.t.fdgrad.gradient("time").dt_dtime.values)


def test_positions_may_be_a_named_coordinate_or_variable(field: xr.DataArray) -> None:
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


def test_spacing_names_the_coordinate_that_dim_names() -> None:
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
def test_too_short_a_coordinate_of_single_precision_is_refused(size: int) -> None:
    short = xr.DataArray(np.zeros(size), dims="x", coords={"x": np.zeros(size, "f4")}, name="f")
    for options in ({}, {"spacing": {"x": "uniform"}}):
        with pytest.raises(ValueError, match=f"has size {size}; .* needs at least 2"):
            short.fdgrad.gradient("x", **options)


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
def test_the_seam_of_degrees_east_does_not_show(x: Any) -> None:
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


def test_a_period_comes_from_the_unit_or_is_given() -> None:
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


def test_a_repeated_cyclic_point_is_refused() -> None:
    with pytest.raises(
        xgrad.CoordinateError, match=r"last position repeats the first; drop one .*slice"
    ):
        ring(np.arange(0, 361, 30), units="degrees_east").fdgrad.gradient("x", boundary="periodic")


@pytest.mark.filterwarnings("ignore::xarray.SerializationWarning")  # the file's fill value
@pytest.mark.parametrize("accuracy", [2, 4])
def test_the_dateline_does_not_show_in_the_reanalysis(accuracy: Any) -> None:
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
def test_uniform_finds_the_exact_step_of_rounded_positions(n: int) -> None:
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
def test_uniform_refuses_an_uneven_coordinate(x: Any) -> None:
    with pytest.raises(xgrad.CoordinateError, match="is uneven: at index"):
        ring(x.astype("f4")).fdgrad.gradient("x", spacing={"x": "uniform"})
    with pytest.raises(xgrad.CoordinateError, match="no such coordinate; leave it out"):
        ring(x).drop_vars("x").fdgrad.gradient("x", spacing={"x": "uniform"})


def test_uniform_times_have_the_unit_that_was_asked_for() -> None:
    days = np.arange("2000-01-01", "2000-01-05", dtype="M8[D]")
    t = xr.DataArray(np.arange(4.0), dims="time", coords={"time": days}, name="f")
    options: Any = {"spacing": {"time": "uniform"}, "datetime_unit": "D"}
    assert t.fdgrad.derivative("time", **options).values.tolist() == [1, 1, 1, 1]
    with pytest.raises(xgrad.CoordinateError, match="is uneven: the step at index 1 is 2 day"):
        t[[0, 1, 3]].fdgrad.derivative("time", **options)


@pytest.mark.parametrize("shift", [0, 2000])
def test_uniform_longitudes_are_exact_around_the_globe(shift: int) -> None:
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


def test_uniform_accepts_what_arange_and_linspace_return() -> None:
    rng = np.random.default_rng(0)
    for _ in range(100):
        start, step, n = rng.normal() * 300, rng.random() * 8, int(rng.integers(3, 400))
        for x in (start + step * np.arange(n), np.linspace(start, start + step * n, n)):
            f = xr.DataArray(x, dims="x", coords={"x": x}, name="f")
            found = f.fdgrad.derivative("x", spacing={"x": "uniform"})
            np.testing.assert_allclose(found, 1, rtol=1e-9)


NORTH, EAST = {"units": "degrees_north"}, {"units": "degrees_east"}


@pytest.mark.parametrize("metres", [False, True])
def test_latitude_and_longitude_along_other_dimensions_serve_under_any_name(metres: bool) -> None:
    lat, lon = np.arange(10.0, 31, 0.5), np.arange(100.0, 121, 0.5)
    values = np.sin(3 * np.radians(lat))[:, None] * np.cos(2 * np.radians(lon))
    plain = xr.DataArray(values, {"lat": lat, "lon": lon}, ("lat", "lon"), "t")
    plain.lat.attrs.update(NORTH), plain.lon.attrs.update(EAST)
    other = xr.DataArray(
        values, {"lat": ("y", lat, NORTH), "lon": ("x", lon, EAST)}, ("y", "x"), "t"
    )
    if metres:
        other = other.assign_coords(y=np.arange(lat.size) * 55e3, x=np.arange(lon.size) * 5e4)
        other.y.attrs["units"] = other.x.attrs["units"] = "m"
    expected = plain.fdgrad.magnitude(metric="sphere")
    for dim in (None, ["y", "x"], ["lat", "lon"], ["y", "lon"]):
        assert same_bits(other.fdgrad.magnitude(dim, metric="sphere"), expected)
    slope = plain.fdgrad.gradient("lon", metric="sphere").dt_dlon
    assert same_bits(other.fdgrad.gradient("x", metric="sphere").dt_dx, slope)
    assert same_bits(
        other.fdgrad.laplacian(metric="sphere"), plain.fdgrad.laplacian(metric="sphere")
    )


def test_a_track_has_a_derivative_along_it_and_nothing_else() -> None:
    k = np.arange(50)
    lat, lon = 10 + 0.05 * k, (359.5 + 0.02 * k) % 360
    phi, lam = np.radians(lat), np.radians(lon)
    places = np.stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)])
    chords = np.sqrt((np.diff(places) ** 2).sum(0))
    distance = np.r_[0, np.cumsum(2 * 6371229.0 * np.arcsin(chords / 2))]
    coords = {"lat": ("obs", lat, NORTH), "lon": ("obs", lon, EAST)}
    ssh = xr.DataArray(np.sin(k / 5), coords, ("obs",), "ssh", {"units": "m"})
    found = ssh.fdgrad.gradient("obs", metric="sphere").dssh_dobs
    np.testing.assert_allclose(found, np.gradient(ssh.values, distance), rtol=1e-6)
    assert found.attrs["units"] == "1"
    for operation in ("magnitude", "laplacian"):
        with pytest.raises(xgrad.CoordinateError, match=r"both along 'obs', .*uxarray"):
            getattr(ssh.fdgrad, operation)(metric="sphere")
    with pytest.raises(xgrad.CoordinateError, match="repeats a place at index 3 and 4"):
        ssh.isel(obs=[0, 1, 2, 3, 3, 4]).fdgrad.gradient("obs", metric="sphere")
    with pytest.raises(xgrad.CoordinateError, match="both along 'obs'"):
        xr.Dataset({"u": ssh}).fdgrad.divergence({"obs": "u"}, metric="sphere")


@pytest.mark.parametrize("units", [None, "degrees_east"])
def test_longitudes_go_the_short_way_around(units: str | None) -> None:
    lon, true = np.array([350.0, 355, 0, 5, 10]), np.array([-10.0, -5, 0, 5, 10])
    f = xr.DataArray(true**2, {"lon": ("lon", lon, {"units": units} if units else {})}, name="f")
    if units is None:
        with pytest.raises(xgrad.CoordinateError, match="is not sorted"):
            f.fdgrad.gradient("lon")
        return
    assert same_bits(f.fdgrad.gradient("lon").df_dlon, np.gradient(true**2, true))
    there = f.isel(lon=slice(None, None, -1)).fdgrad.gradient("lon").df_dlon
    np.testing.assert_array_equal(there[::-1], np.gradient(true**2, true))
    with pytest.raises(xgrad.CoordinateError, match="is not sorted"):
        f.assign_coords(lon=("lon", [0.0, 90, 45, 50, 60], EAST)).fdgrad.gradient("lon")


def test_with_a_metric_no_dimension_means_the_horizontal_ones() -> None:
    coords = {
        "time": [0.0, 1, 3],
        "lat": ("lat", [30.0, 35, 40, 44], NORTH),
        "lon": ("lon", [0.0, 5, 15, 17], EAST),
    }
    values = np.random.default_rng(0).normal(size=(3, 4, 4))
    t = xr.DataArray(values, coords, ("time", "lat", "lon"), "t")
    for operation in ("magnitude", "laplacian"):
        found = getattr(t.fdgrad, operation)(metric="sphere")
        assert same_bits(found, getattr(t.fdgrad, operation)(["lat", "lon"], metric="sphere"))


def test_a_pole_that_was_rounded_up_is_a_pole() -> None:
    lat = np.array([88.0, 89.0, 90.0000076], "f4")
    f = xr.DataArray(
        np.ones((3, 4)),
        {"lat": ("lat", lat, NORTH), "lon": ("lon", [0.0, 90, 180, 270], EAST)},
        ("lat", "lon"),
        "f",
    )
    assert f.fdgrad.gradient("lon", metric="sphere").df_dlon.isel(lat=-1).isnull().all()
    with pytest.raises(xgrad.CoordinateError, match="beyond a pole"):
        f.assign_coords(lat=("lat", [88.0, 89, 90.1], NORTH)).fdgrad.gradient(
            "lon", metric="sphere"
        )


@pytest.mark.parametrize(
    ("north", "east", "metric", "warned"),
    [
        ("degrees_north", "degrees_east", None, 1),
        ("degrees", "degrees", None, 1),
        ("degrees_north", "degrees_east", "sphere", 0),
        ("m", "m", None, 0),
    ],
)
def test_degrees_that_are_added_as_on_a_plane_are_warned_of(
    north: str, east: str, metric: Any, warned: int
) -> None:
    ds = xr.Dataset(
        {"u": (("lat", "lon"), np.eye(4)), "v": (("lat", "lon"), np.eye(4)), "t": ("time", [0.0])},
        {"lat": ("lat", np.arange(4.0), {"units": north}),
         "lon": ("lon", np.arange(4.0), {"units": east})},
    )  # fmt: skip
    options = {} if metric is None else {"metric": metric}
    operations = [
        lambda: ds.u.fdgrad.magnitude(["lat", "lon"], **options),
        lambda: ds.u.fdgrad.direction(["lat", "lon"], **options),
        lambda: ds.u.fdgrad.laplacian(["lat", "lon"], **options),
        lambda: ds.fdgrad.curl(u="u", v="v", **options),
        lambda: ds.fdgrad.divergence({"lon": "u", "lat": "v"}, **options),
    ]
    for operation in operations:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            operation()
        assert [one.category for one in caught] == [xgrad.CoordinateWarning] * warned
        assert all("give `metric='sphere'`" in str(one.message) for one in caught)
        assert all(one.filename == __file__ for one in caught)


@pytest.mark.parametrize("operation", ["gradient", "magnitude", "laplacian", "hessian", "curl"])
def test_other_kinds_of_array_are_refused_before_anything_is_read(operation: str) -> None:
    values = np.random.default_rng(0).normal(size=(6, 4))
    whole = xr.Dataset(dict.fromkeys("uv", (("y", "x"), values)))
    args = [{"x": "u", "y": "v"}] if operation == "curl" else [["y", "x"]]
    for kind, remedy in ((Duck, "as_numpy"), (Chunked, "open it with dask")):
        ds = whole.copy(data={name: kind(values, may_be_read=False) for name in "uv"})
        with pytest.raises(TypeError, match=rf"variable 'u' is a tests.*{remedy}"):
            getattr(ds.fdgrad, operation)(*args)
    chunks = da.from_array(values).map_blocks(Duck, meta=Duck(np.empty((0, 0))))
    lazy = whole.copy(data=dict.fromkeys("uv", chunks))
    with nothing_computed(), pytest.raises(TypeError, match="'u' is a dask array of tests"):
        getattr(lazy.fdgrad, operation)(*args)


def test_as_numpy_is_a_remedy_and_what_is_not_used_may_be_of_any_kind() -> None:
    values = np.random.default_rng(0).normal(size=(6, 4))
    unread = xr.Variable(("y", "x"), Duck(values, may_be_read=False))
    ds = xr.Dataset({"t": (("y", "x"), values), "other": ("z", Duck([1.0], may_be_read=False))})
    expected = ds.fdgrad.gradient("y").dt_dy
    xr.testing.assert_identical(
        ds.assign_coords(mask=unread).fdgrad.gradient("y").dt_dy.drop_vars("mask"), expected
    )
    duck = ds[["t"]].copy(data={"t": Duck(values)})
    xr.testing.assert_identical(duck.as_numpy().fdgrad.gradient("y").dt_dy, expected)


@pytest.mark.parametrize("name", ["h", None])
def test_positions_of_another_kind_are_refused_before_they_are_read(name: str | None) -> None:
    f = xr.DataArray(np.zeros((6, 4)), dims=("y", "x"), name="f")
    h = xr.DataArray(Duck(np.zeros((6, 4)), may_be_read=False), dims=("y", "x"), name="h")
    with pytest.raises(TypeError, match=r"`spacing` for 'y' is a tests.*as_numpy"):
        f.assign_coords(h=h).fdgrad.gradient("y", spacing={"y": name or h})
    with pytest.raises(TypeError, match=r"coordinate 'h' is a tests.*as_numpy"):
        f.assign_coords(h=h, x2=h.copy(data=np.ones((6, 4)))).fdgrad.gradient(["h", "x2"])


def test_what_xarray_has_not_read_yet_is_read_when_it_is_differentiated(tmp_path: Any) -> None:
    f = xr.DataArray(np.random.default_rng(0).normal(size=(6, 4)), dims=("y", "x"), name="f")
    f.to_dataset().to_zarr(tmp_path / "f.zarr", consolidated=False)
    with xr.open_zarr(tmp_path / "f.zarr", chunks=None, consolidated=False) as stored:
        xr.testing.assert_identical(stored.f.fdgrad.gradient(), f.fdgrad.gradient())


def test_dimensions_of_one_cell_are_left_out_with_a_note() -> None:
    values = np.random.default_rng(0).normal(size=(1, 5, 6))
    single = xr.DataArray(
        values, {"time": [0.0], "x": np.arange(6.0) ** 2}, ("time", "y", "x"), "t"
    )
    note = r"dimensions \['time'\] of size 1 are left out"
    for operation in ("gradient", "magnitude", "laplacian", "hessian"):
        with pytest.warns(xgrad.CoordinateWarning, match=note):
            found = getattr(single.fdgrad, operation)()
        xr.testing.assert_identical(found, getattr(single.fdgrad, operation)(["y", "x"]))
    with pytest.raises(ValueError, match=r"dimension 'time' .* has size 1"):
        single.fdgrad.gradient(["time", "x"])
    with pytest.raises(ValueError, match=r"dimension 'time' .* has size 1"):
        single.isel(y=0, x=0).fdgrad.gradient()
    with pytest.raises(ValueError, match=r"dimension 'time' .* has size 1"):
        single.fdgrad.gradient(boundary={"time": "extend"})
    # Of data on the Earth a magnitude is horizontal anyway.
    single.rename(y="lat", x="lon").assign_coords(lat=np.arange(5)).fdgrad.magnitude(
        metric="sphere"
    )
