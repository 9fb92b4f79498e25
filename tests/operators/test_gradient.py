from __future__ import annotations

import itertools
from typing import Any

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import xgrad
from tests.helpers import nothing_computed, numpy_gradient, same_bits

SECONDS = np.array([0, 3600, 7200, 21600, 86400])
LATITUDES = np.array([60.0, 50.0, 45.0, 0.0])
LEVELS = np.array([1000.0, 850.0, 500.0])


@pytest.fixture
def temperature() -> xr.DataArray:
    values = np.random.default_rng(0).normal(size=(5, 4, 3)).astype("f4")
    return xr.DataArray(
        values,
        dims=("time", "latitude", "level"),
        coords={
            "time": np.datetime64("2020-01-01", "ns") + SECONDS * np.timedelta64(10**9, "ns"),
            "latitude": ("latitude", LATITUDES, {"units": "degrees_north"}),
            "pressure": ("level", LEVELS, {"units": "hPa", "long_name": "air pressure"}),
            "station": ("level", ["a", "b", "c"]),
            "area": (("latitude", "level"), np.ones((4, 3))),
            "run": 7,
        },
        name="temperature",
        attrs={
            "units": "K",
            "long_name": "temperature at 2 m",
            "standard_name": "air_temperature",
            "valid_range": [0, 400],
            "cell_methods": "time: mean",
            "_FillValue": -1,
            "scale_factor": 0.1,
            "GRIB_name": "T",
            "grid_mapping": "crs",
        },
    )


@pytest.fixture
def weather(temperature: xr.DataArray) -> xr.Dataset:
    return xr.Dataset(
        {
            "t": temperature.rename("t"),
            "count": ("time", np.arange(5, dtype="u2")),
            "flag": ("time", np.ones(5, bool)),
            "name": ("time", list("abcde")),
            "mixed": ("time", np.array([1, "a", None, 2, 3], object)),
            "scalar": 3.0,
        },
        attrs={"title": "weather"},
    )


def test_the_promise(temperature: xr.DataArray) -> None:
    found = temperature.fdgrad.gradient("time")
    assert isinstance(found, xr.Dataset)
    assert list(found) == ["dtemperature_dtime"]
    expected = numpy_gradient(temperature.values, SECONDS, 0)
    assert same_bits(found.dtemperature_dtime.values, expected)
    xr.testing.assert_identical(found.coords.to_dataset(), temperature.coords.to_dataset())


def test_one_variable_per_dimension_in_the_order_asked_for(temperature: xr.DataArray) -> None:
    found = temperature.fdgrad.gradient(["latitude", "time"])
    assert list(found) == ["dtemperature_dlatitude", "dtemperature_dtime"]
    assert list(temperature.fdgrad.gradient()) == [
        "dtemperature_dtime",
        "dtemperature_dlatitude",
        "dtemperature_dlevel",
    ]
    assert list(temperature.rename(None).fdgrad.gradient("time")) == ["d_dtime"]
    # A dimension without a coordinate has spacing 1, as in numpy and xarray.
    all_three = temperature.fdgrad.gradient()
    expected = numpy_gradient(temperature.values, 1.0, 2)
    assert same_bits(all_three.dtemperature_dlevel.values, expected)


def test_everything_that_numpy_expresses_by_position() -> None:
    values = np.random.default_rng(1).normal(size=(4, 5))
    array = xr.DataArray(values, dims=("y", "x"))
    x, y = np.arange(5) ** 1.5, [0, 1, 3, 6]
    for edge_order in (1, 2):
        for given, called in [
            (None, ()),
            ({"y": 2.0, "x": 2.0}, (2.0,)),
            ({"y": 0.5, "x": x}, (0.5, x)),
            ({"y": y, "x": np.float32(0.25)}, (y, np.float32(0.25))),
        ]:
            found = array.fdgrad.gradient(spacing=given, edge_order=edge_order)
            expected = np.gradient(values, *called, edge_order=edge_order)
            assert same_bits(found.d_dy.values, expected[0])
            assert same_bits(found.d_dx.values, expected[1])
    only = array.fdgrad.gradient("x", spacing={"x": x})
    assert same_bits(only.d_dx.values, np.gradient(values, x, axis=1))


def test_other_coordinates_serve_by_name(temperature: xr.DataArray) -> None:
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


def test_attributes(temperature: xr.DataArray) -> None:
    found = temperature.fdgrad.gradient(["time", "latitude"])
    assert found.dtemperature_dtime.attrs == {
        "units": "K s-1",
        "long_name": "derivative of temperature at 2 m with respect to time",
        "grid_mapping": "crs",
    }
    assert found.dtemperature_dlatitude.attrs["units"] == "K degrees_north-1"
    assert not found.dtemperature_dtime.encoding
    assert temperature.attrs["standard_name"] == "air_temperature"


def test_units_that_are_not_known_are_not_made_up(temperature: xr.DataArray) -> None:
    bare = temperature.drop_attrs()
    assert "units" not in bare.fdgrad.gradient("time").dtemperature_dtime.attrs
    overridden = temperature.fdgrad.gradient("latitude", spacing={"latitude": 0.5})
    assert "units" not in overridden.dtemperature_dlatitude.attrs
    assert temperature.fdgrad.gradient("level").dtemperature_dlevel.attrs["units"] == "K"
    stepped = temperature.fdgrad.gradient("level", spacing={"level": np.timedelta64(1, "h")})
    assert stepped.dtemperature_dlevel.attrs["units"] == "K s-1"


@pytest.mark.parametrize(
    ("unit", "length", "name"),
    [(None, 1, "s"), ("s", 1, "s"), ("m", 60, "min"), ("h", 3600, "h"), ("D", 86400, "day")],
)
def test_datetime_unit(temperature: xr.DataArray, unit: Any, length: float, name: str) -> None:
    found = temperature.fdgrad.gradient("time", datetime_unit=unit).dtemperature_dtime
    assert same_bits(found.values, numpy_gradient(temperature.values, SECONDS / length, 0))
    assert found.attrs["units"] == f"K {name}-1"


@pytest.mark.parametrize("resolution", ["s", "ms", "us", "ns"])
def test_the_resolution_of_a_time_does_not_matter(
    temperature: xr.DataArray, resolution: str
) -> None:
    other = temperature.assign_coords(time=temperature.time.astype(f"M8[{resolution}]"))
    assert same_bits(
        other.fdgrad.gradient("time").dtemperature_dtime.values,
        temperature.fdgrad.gradient("time").dtemperature_dtime.values,
    )


def test_times_as_data_give_float_seconds() -> None:
    when = xr.DataArray(
        np.array(["2000-01-01", "2000-01-03", "2000-01-04"], "M8[ns]"),
        coords={"x": ("x", [0.0, 1.0, 3.0], {"units": "km"})},
        name="arrival",
    )
    found = when.fdgrad.gradient("x").darrival_dx
    assert found.dtype == np.float64
    np.testing.assert_allclose(found[[0, -1]], [172800.0, 43200.0])
    assert found.attrs["units"] == "s km-1"
    coarse = when.fdgrad.gradient(  # in float16, in which a day of seconds overflows
        "x", spacing={"x": np.array([0, 1, 3], "f2")}, datetime_unit="D"
    )
    assert coarse.darrival_dx[0] == 2.0
    days = when.fdgrad.gradient("x", datetime_unit="D").darrival_dx
    np.testing.assert_allclose(days, found / 86400, rtol=1e-15)
    assert days.attrs["units"] == "day km-1"


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


def test_the_accessor_and_the_function_are_one(temperature: xr.DataArray) -> None:
    options: dict[str, Any] = {"edge_order": 2, "datetime_unit": "h"}
    xr.testing.assert_identical(
        xgrad.gradient(temperature, "time", **options),
        temperature.fdgrad.gradient("time", **options),
    )
    dataset = temperature.to_dataset()
    xr.testing.assert_identical(
        xgrad.gradient(dataset, "time", **options), dataset.fdgrad.gradient("time", **options)
    )


def test_building_computes_nothing_of_the_data(temperature: xr.DataArray) -> None:
    def loud(_block: Any) -> Any:
        raise AssertionError("a block was computed")

    lazy_values = da.map_blocks(
        loud, da.zeros((5, 4, 3), chunks=(2, 2, 1)), dtype="f4", meta=np.empty((0, 0, 0), "f4")
    )
    lazy = temperature.copy(data=lazy_values)
    area = da.map_blocks(loud, da.zeros((4, 3)), dtype="f8", meta=np.empty((0, 0)))
    lazy = lazy.assign_coords(area=(("latitude", "level"), area))
    with nothing_computed():
        for obj in (lazy, lazy.to_dataset()):
            found = obj.fdgrad.gradient(["time", "pressure"], edge_order=2)
            assert isinstance(found.dtemperature_dtime.data, da.Array)
            assert found.dtemperature_dtime.chunks == lazy.chunks
            assert found.dtemperature_dpressure.dtype == np.float32
            assert isinstance(found.coords["area"].data, da.Array)


def test_any_chunking_gives_the_same_bits(temperature: xr.DataArray) -> None:
    expected = temperature.fdgrad.gradient(edge_order=2)
    for sizes in itertools.product((1, 2, 5), (1, 3), (1, 3)):
        chunked = temperature.chunk(dict(zip(temperature.dims, sizes, strict=True)))
        found = chunked.fdgrad.gradient(edge_order=2).compute()
        xr.testing.assert_identical(found, expected)
        for name in expected:
            assert same_bits(found[name].values, expected[name].values)


@pytest.mark.parametrize("edge_order", [1, 2])
def test_convergence(edge_order: int) -> None:
    # The error falls as h^p: p = 2 inside, p = edge_order at the edges, on an uneven smooth grid.
    inside, edge, sizes = [], [], np.array([50, 100, 200, 400])
    for n in sizes:
        s = np.linspace(0, 1, n)
        x = s + 0.1 * np.sin(3 * s)
        array = xr.DataArray(np.exp(2 * x), coords={"x": x}, name="f")
        found = array.fdgrad.gradient("x", edge_order=edge_order).df_dx
        error = np.abs(found.values - 2 * np.exp(2 * x))
        inside.append(error[1:-1].max())
        edge.append(max(error[0], error[-1]))
    slopes = [np.polyfit(np.log(sizes), np.log(error), 1)[0] for error in (inside, edge)]
    np.testing.assert_allclose(slopes, [-2, -edge_order], atol=0.15)


def raises(obj: Any, kind: type[Exception], message: str, *args: Any, **kwargs: Any) -> None:
    with nothing_computed(), pytest.raises(kind, match=message):
        obj.fdgrad.gradient(*args, **kwargs)


def test_bad_names(temperature: xr.DataArray, weather: xr.Dataset) -> None:
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


def test_two_results_of_one_name_are_refused() -> None:
    one = np.zeros(3)
    pair = xr.Dataset({"a_db": ("c", one), "a": ("b_dc", one)})
    raises(pair, ValueError, "two results would be called 'da_db_dc'")
    both = xr.Dataset({1: ("c", one), "1": ("c", one)})
    raises(both, ValueError, "two results would be called 'd1_dc'")
    dim = xr.DataArray(np.zeros((3, 3)), dims=("x", "dt_dx"), name="t")
    raises(dim, ValueError, "two results would be called 'dt_dx'", "x")
    coord = xr.DataArray(one, dims="x", coords={"dt_dx": 1.0}, name="t")
    raises(coord, ValueError, "'t' with respect to 'x'; rename one", "x")


def test_pandas_extension_arrays_are_left_out_or_named() -> None:
    whole = xr.Dataset({"i": ("x", pd.array([1, 2, 3], "Int64")), "t": ("x", np.arange(3.0))})
    assert list(whole.fdgrad.gradient("x")) == ["dt_dx"]
    raises(whole.i, TypeError, r"'i' has dtype Int64; .*\.astype\(float\)", "x")


def test_bad_spacing(temperature: xr.DataArray) -> None:
    error = xgrad.CoordinateError
    raises(temperature, TypeError, r"`spacing` is 0.5; give a mapping", "time", spacing=0.5)
    raises(temperature, error, "names 'level', which is not among", "time", spacing={"level": 1})
    raises(temperature, error, "names 'nope', which is not", "time", spacing={"time": "nope"})
    raises(temperature, error, "is along 'level', not 'time'", "time", spacing={"time": "pressure"})
    raises(temperature, error, "name the dimension", "pressure", spacing={"pressure": 1.0})
    raises(temperature, error, r"has shape \(2,\)", "time", spacing={"time": [0, 1]})
    raises(temperature, error, "is 0; a step must be", "time", spacing={"time": 0})
    raises(temperature, error, "is nan; a step must", "time", spacing={"time": np.nan})


def test_bad_options(temperature: xr.DataArray) -> None:
    for value in (0, 3, "2", True, None, 1.5):
        raises(temperature, ValueError, "`edge_order` is .*; give 1 or 2", "time", edge_order=value)
    for value in ("Y", "M"):
        message = f"`datetime_unit` is '{value}'.*no fixed length"
        raises(temperature, ValueError, message, "time", datetime_unit=value)
    raises(temperature, ValueError, "give one of", "time", datetime_unit="seconds")
    message = r"`datetime_unit` is 'D', but neither the data nor a coordinate among \['latitude'\]"
    raises(temperature, ValueError, message, "latitude", datetime_unit="D")
    raises(temperature, TypeError, "positional argument", "time", 0.5)
    with pytest.raises(TypeError, match=r"`obj` is a numpy\.ndarray"):
        xgrad.gradient(temperature.values)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [0, 1, 2])
def test_too_short_dimensions(temperature: xr.DataArray, size: int) -> None:
    short = temperature.isel(time=slice(size))
    message = f"dimension 'time' of 'temperature' has size {size}; `edge_order=2` needs at least 3"
    raises(short, ValueError, message, "time", edge_order=2)
    if size < 2:
        message = "`edge_order=1` needs at least 2; name other dimensions in `dim`"
        raises(short, ValueError, message, "time")


def test_bad_data(temperature: xr.DataArray) -> None:
    raises(temperature > 0, TypeError, r"bool.*\.astype\(float\)", "time")
    raises(temperature.astype(str), TypeError, "has dtype <U", "time")
    raises(temperature.astype(object), TypeError, "has dtype object", "time")


def test_unknown_chunks() -> None:
    array = da.from_array(np.arange(10.0), chunks=5)
    unknown = xr.DataArray(array[array > 3], dims="x")
    raises(unknown, xgrad.ChunkError, "compute_chunk_sizes", "x")


def test_a_multiindex() -> None:
    index = pd.MultiIndex.from_product([[0, 1], [2.0, 5.0]], names=["a", "b"])
    coords = xr.Coordinates.from_pandas_multiindex(index, "x")
    stacked = xr.DataArray(np.arange(4.0), coords=coords, dims="x", name="f")
    raises(stacked, xgrad.CoordinateError, "'x' is a MultiIndex", "x")
    found = stacked.fdgrad.gradient("x", spacing={"x": 0.5})
    assert found.df_dx.values.tolist() == [2.0] * 4
    assert isinstance(found.indexes["x"], pd.MultiIndex)
