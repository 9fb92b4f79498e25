"""The law of gradients: numpy's bits, and the labels of the array."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

import xgrad
from tests.helpers import numpy_gradient, run, same_bits
from tests.operators.helpers import SECONDS


def test_a_gradient_has_numpys_bits_and_the_labels_of_its_array(temperature: xr.DataArray) -> None:
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


def test_spacing_can_say_what_numpys_arguments_can() -> None:
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


def test_attributes_are_those_of_the_derivative(temperature: xr.DataArray) -> None:
    found = temperature.fdgrad.gradient(["time", "latitude"])
    assert found.dtemperature_dtime.attrs == {
        "units": "K s-1",
        "long_name": "derivative of temperature at 2 m with respect to time",
    }
    with_its_mapping = temperature.assign_coords(crs=0).fdgrad.gradient("time")
    assert with_its_mapping.dtemperature_dtime.attrs["grid_mapping"] == "crs"
    assert found.dtemperature_dlatitude.attrs["units"] == "K degrees_north-1"
    assert not found.dtemperature_dtime.encoding
    assert temperature.attrs["standard_name"] == "air_temperature"


@pytest.mark.parametrize(
    ("unit", "length", "name"),
    [(None, 1, "s"), ("s", 1, "s"), ("m", 60, "min"), ("h", 3600, "h"), ("D", 86400, "day")],
)
def test_datetime_unit_sets_the_unit_of_the_result(
    temperature: xr.DataArray, unit: Any, length: float, name: str
) -> None:
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


def test_the_accessor_and_the_function_give_the_same(temperature: xr.DataArray) -> None:
    options: dict[str, Any] = {"edge_order": 2, "datetime_unit": "h"}
    xr.testing.assert_identical(
        xgrad.gradient(temperature, "time", **options),
        temperature.fdgrad.gradient("time", **options),
    )
    dataset = temperature.to_dataset()
    xr.testing.assert_identical(
        xgrad.gradient(dataset, "time", **options), dataset.fdgrad.gradient("time", **options)
    )


@pytest.mark.parametrize("edge_order", [1, 2])
def test_the_error_falls_with_the_order_of_accuracy(edge_order: int) -> None:
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


def test_a_derivative_says_its_order_in_name_and_attributes(field: xr.DataArray) -> None:
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


def test_mixed_derivatives_take_one_dimension_after_the_other(field: xr.DataArray) -> None:
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


def test_second_derivatives_of_times_follow_datetime_unit() -> None:
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


def test_a_gradient_loads_no_other_operator_and_no_job() -> None:
    code = (
        "import sys, xarray as xr, xgrad\n"
        "xr.DataArray([0.0, 1.0], dims='x', name='t').fdgrad.gradient('x')\n"
        "others = ('operators.vector', 'operators.surface', 'operators.metric_terms', 'jobs')\n"
        "print([name for name in others if f'xgrad.{name}' in sys.modules])\n"
    )
    assert run(code) == "[]\n"
