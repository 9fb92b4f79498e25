from __future__ import annotations

import datetime as dt
from typing import Any

import cftime
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from xgrad.errors import CoordinateError, CoordinateWarning
from xgrad.labels import spacing


def coord(values: Any, name: str = "x", **attrs: Any) -> xr.DataArray:
    return xr.DataArray(values, dims=name, name=name, attrs=attrs)


def steps(values: Any, unit: Any = "s") -> Any:
    return spacing.from_coordinate(coord(values), unit).steps


def test_pandas_indexes() -> None:
    assert steps(pd.RangeIndex(0, 6, 2)) == 2.0
    assert steps(pd.date_range("2000", periods=3, freq="D")) == 86400.0


def test_units_and_labels() -> None:
    found = spacing.from_coordinate(coord([0.0, 1.0, 3.0], units="hPa", long_name="pressure"), "s")
    assert (found.units, found.label, found.is_time) == ("hPa", "pressure", False)
    days = spacing.from_coordinate(coord(np.arange(3).astype("m8[s]")), "m")
    assert (days.units, days.is_time) == ("min", True)


def test_a_multiindex_and_its_levels() -> None:
    index = pd.MultiIndex.from_arrays([[0, 1], [2.0, 5.0]], names=["a", "b"])
    stacked = xr.Dataset(coords=xr.Coordinates.from_pandas_multiindex(index, "x"))
    with pytest.raises(CoordinateError, match="'x' is a MultiIndex"):
        spacing.from_coordinate(stacked.x, "s")
    assert spacing.from_coordinate(stacked.b, "s").steps == 3.0


def test_coordinates_of_other_ranks() -> None:
    plane = xr.DataArray(np.zeros((2, 3)), dims=("y", "x"), name="lon")
    with pytest.raises(CoordinateError, match=r"'lon' has 2 dimensions \('y', 'x'\)"):
        spacing.from_coordinate(plane, "s")
    with pytest.raises(CoordinateError, match="'h' has 0 dimensions"):
        spacing.from_coordinate(xr.DataArray(2.0, name="h"), "s")


def given_steps(value: Any, size: int = 3, unit: Any = "s") -> Any:
    return spacing.from_value("x", size, value, unit).steps


@pytest.mark.parametrize(
    ("value", "expected", "kind"),
    [
        (2, 2.0, float),
        (0.5, 0.5, float),
        (-0.5, -0.5, float),
        (np.float32(0.5), 0.5, np.float32),
        (np.float64(0.5), 0.5, np.float64),
        (np.array(0.5, "f4"), 0.5, np.float32),
        (np.int16(2), 2.0, np.float64),
        (dt.timedelta(hours=6), 21600.0, float),
        (np.timedelta64(6, "h"), 21600.0, float),
        (pd.Timedelta("6h"), 21600.0, float),
        ([0, 2, 4], 2.0, np.float64),
        (np.array([0, 6, 12], "m8[h]"), 21600.0, np.float64),
    ],
)
def test_given_steps(value: Any, expected: float, kind: type) -> None:
    found = given_steps(value)
    assert found == expected
    assert type(found) is kind


def test_given_positions_may_be_a_labelled_array() -> None:
    labelled = coord([0.0, 1.0, 5.0], units="km")
    found = spacing.from_value("x", 3, labelled, "s")
    assert found.steps.tolist() == [1.0, 4.0]  # type: ignore[union-attr]
    assert found.units == "km"
    step = spacing.from_value("x", 3, xr.DataArray(0.5, attrs={"units": "km"}), "s")
    assert (step.steps, step.units) == (0.5, "km")
    with pytest.raises(CoordinateError, match="`spacing` for 'x' has sizes"):
        spacing.from_value("x", 4, labelled, "s")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (0, "is 0; a step must be finite and not zero"),
        (0.0, "is 0.0"),
        (np.nan, "is nan"),
        (np.inf, "is inf"),
        (np.timedelta64("NaT", "s"), "a step must be finite"),
        (dt.timedelta(0), "a step must be finite"),
        (True, "is True; give a number"),
        (1j, "give a number"),
        (None, "is None; give a number"),
        ([0, 1], r"has shape \(2,\); give one step, or 3 positions"),
        (np.zeros((3, 1)), r"has shape \(3, 1\)"),
        ([0, 1, 1], "has the same position twice at index 1 and 2"),
        ([0, np.nan, 1], "is not finite at index 1"),
        (["a", "b", "c"], "has dtype <U1"),
        (dt.date(2000, 1, 1), "give a number"),
        (np.int64(5).view("m8"), "has time unit 'generic'"),
        (np.ma.masked_array([0, 1, 2], [0, 1, 0]), "has masked positions"),
        (xr.Variable("y", [0, 1, 2]), "has sizes {'y': 3}; positions along 'x' have {'x': 3}"),
    ],
)
def test_bad_spacing(value: Any, message: str) -> None:
    with pytest.raises(CoordinateError, match=f"`spacing` for 'x' .*{message}"):
        given_steps(value)


def test_cftime_has_the_unit_asked_for() -> None:
    index = xr.CFTimeIndex([cftime.DatetimeNoLeap(2000, 1, day) for day in (1, 2, 4)])
    found = spacing.from_coordinate(coord(index), "D")
    assert (found.units, found.is_time) == ("day", True)


def test_a_coordinate_along_another_dimension_is_refused() -> None:
    with pytest.raises(CoordinateError, match="'x' is along 'x', not 'y'; give a coordinate along"):
        spacing.from_coordinate(coord([0.0, 1.0]), "s", "y")


def test_rounding_that_costs_much_is_reported_and_uniform_undoes_it() -> None:
    twelfths = coord((np.arange(4320) / 12).astype("f4"))
    with pytest.warns(CoordinateWarning, match="'x' is evenly spaced, .*: 'uniform'}` uses"):
        rounded = spacing.from_coordinate(twelfths, "s")
    assert np.ndim(rounded.steps) == 1
    assert spacing.uniform(twelfths, "s").steps == pytest.approx(1 / 12, rel=1e-7)
    assert spacing.uniform(twelfths, "s", 360.0).seam == 360 / 4320


def test_uniform_refuses_what_is_uneven() -> None:
    with pytest.raises(CoordinateError, match=r"at index 2 the value 2\.5 is .* away from a str"):
        spacing.uniform(coord([0.0, 1.0, 2.5, 3.0]), "s")
    with pytest.raises(CoordinateError, match="the step at index 1 is 2 s, the first one 1; leave"):
        spacing.uniform(coord(np.array([0, 1, 3], "m8[s]")), "s")


@pytest.mark.parametrize(
    ("values", "period", "message"),
    [
        ([0.0, 180.0, 360.0], 360.0, "its last position repeats the first; drop one of them"),
        ([0.0, 180.0, 390.0], 360.0, "is not longer than the extent of its positions, 390; give"),
    ],
)
def test_a_period_is_longer_than_the_coordinate(
    values: list[float], period: float, message: str
) -> None:
    with pytest.raises(CoordinateError, match=message):
        spacing.from_coordinate(coord(values), "s", period=period)


def test_multidimensional_coordinates() -> None:
    plane = xr.DataArray([[0.0, 1.0, 3.0]] * 2, dims=("y", "x"), name="h", attrs={"units": "km"})
    found = spacing.from_multidimensional(plane, "x", 5.0)
    assert (found.name, found.units, found.period) == ("h", "km", 5.0)
    assert spacing.from_multidimensional(plane.rename(None), "x").name == "x"
    with pytest.raises(CoordinateError, match=r"'h' have dimensions \('y', 'x'\), without 'z'"):
        spacing.from_multidimensional(plane, "z")
    with pytest.raises(CoordinateError, match="must hold numbers, so give times as the time since"):
        spacing.from_multidimensional(plane.astype("m8[s]"), "x")


def test_the_column_at_fault_is_named() -> None:
    plane = xr.DataArray([[0, 1, 3], [0, 1, 1]], dims=("y", "x"), name="h")
    along, bad = spacing.from_multidimensional(plane, "x"), np.array([[True], [False]])
    with pytest.raises(CoordinateError, match="in the column y=1: 1 at index 1, then 1; cor"):
        spacing.refuse_columns(along, ("y", "x"), bad)
    plane[1] = 2**62 + np.arange(3)
    with pytest.raises(
        CoordinateError, match=r"'h' in the column y=1 .* tell apart .* 46.*904 and"
    ):
        spacing.refuse_columns(along._replace(positions=plane.variable), ("y", "x"), bad)
    circle = xr.DataArray([[0, 180, 360], [0, 10, 20]], dims=("y", "x"), name="lon")
    around = spacing.from_multidimensional(circle, "x", 360.0)
    with pytest.raises(CoordinateError, match="go around by 360 in the column y=0; drop the cells"):
        spacing.refuse_columns(around, ("y", "x"), np.array([[False], [True]]))
