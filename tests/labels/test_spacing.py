from __future__ import annotations

import datetime as dt
from typing import Any

import cftime
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from xgrad.errors import CoordinateError
from xgrad.labels import spacing as coordinates


def coord(values: Any, name: str = "x", **attrs: Any) -> xr.DataArray:
    return xr.DataArray(values, dims=name, name=name, attrs=attrs)


def steps(values: Any, unit: Any = "s") -> Any:
    return coordinates.from_coordinate(coord(values), unit).steps


@pytest.mark.parametrize("dtype", ["u1", "i1", "u8", "i4", "f2", "f4", "f8"])
@pytest.mark.parametrize("sign", [1, -1])
def test_numbers(dtype: str, sign: int) -> None:
    values = np.array([0, 1, 3, 7], dtype)[::sign]
    found = steps(values)
    # Unsigned integers would wrap if they were subtracted as they are.
    assert found.tolist() == ([1, 2, 4] if sign == 1 else [-4, -2, -1])
    assert found.dtype == (np.dtype(dtype) if dtype[0] == "f" else np.float64)


def test_even_positions_become_one_strong_step() -> None:
    found = steps(np.array([0, 2, 4], "f4"))
    assert isinstance(found, np.float32)
    assert found == 2


@pytest.mark.parametrize("resolution", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("kind", ["M8", "m8"])
def test_times_do_not_depend_on_their_resolution(resolution: str, kind: str) -> None:
    # 200 days are 1.7e16 ns, which float64 does not hold exactly.
    days = np.cumsum([0, 1, 200, 31]).astype("m8[D]")
    values = days.astype(f"m8[{resolution}]")
    if kind == "M8":
        values = np.datetime64("1850-01-01", resolution) + values
    assert steps(values).tolist() == [86400.0, 200 * 86400.0, 31 * 86400.0]
    assert steps(values, "D").tolist() == [1.0, 200.0, 31.0]
    assert steps(values, "ns").tolist() == [86400e9, 200 * 86400e9, 31 * 86400e9]


@given(
    st.lists(st.integers(1, 10**12), min_size=2, max_size=5, unique=True),
    st.sampled_from(["W", "h", "m", "s", "us", "as"]),
)
def test_the_same_times_give_the_same_bits_in_any_resolution(gaps: list[int], unit: Any) -> None:
    milliseconds = np.cumsum([0, *gaps]).astype("m8[ms]")
    expected = steps(milliseconds, unit)
    for resolution in ("us", "ns") if sum(gaps) < 9 * 10**12 else ("us",):
        np.testing.assert_array_equal(
            steps(milliseconds.astype(f"m8[{resolution}]"), unit), expected
        )


@pytest.mark.parametrize(
    "calendar", ["360_day", "noleap", "all_leap", "julian", "standard", "proleptic_gregorian"]
)
def test_cftime_in_any_calendar(calendar: str) -> None:
    times = [cftime.datetime(2000, 2, 28, calendar=calendar) + dt.timedelta(n) for n in (0, 1, 3)]
    index = xr.CFTimeIndex(times)
    assert steps(index).tolist() == [86400.0, 2 * 86400.0]
    assert steps(np.array(times, object), "D").tolist() == [1.0, 2.0]
    assert coordinates.from_coordinate(coord(index), "D").units == "day"


def test_pandas_indexes() -> None:
    assert steps(pd.RangeIndex(0, 6, 2)) == 2.0
    assert steps(pd.date_range("2000", periods=3, freq="D")) == 86400.0
    assert steps(pd.TimedeltaIndex(["1h", "3h", "4h"]), "h").tolist() == [2.0, 1.0]


def test_units_and_labels() -> None:
    spacing = coordinates.from_coordinate(
        coord([0.0, 1.0, 3.0], units="hPa", long_name="pressure"), "s"
    )
    assert (spacing.units, spacing.label, spacing.is_time) == ("hPa", "pressure", False)
    days = coordinates.from_coordinate(coord(np.arange(3).astype("m8[s]")), "m")
    assert (days.units, days.is_time) == ("min", True)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0, 2.0, 2.0, 3.0], r"'x' has the same position twice at index 1 and 2 .*2\.0 and 2\.0"),
        ([1.0, np.nan, 3.0], r"'x' is not finite at index 1 \(value nan\)"),
        ([1.0, np.inf, 3.0], r"'x' is not finite at index 1 \(value inf\)"),
        ([1.0, 2.0, 1.5], r"'x' is not sorted at index 1 and 2 \(values 2\.0 and 1\.5\).*sortby"),
        ([3, 2, 5], r"'x' is not sorted at index 1 and 2 \(values 2 and 5\)"),
        (np.array([1, 1], "u1"), r"'x' has the same position twice at index 0 and 1"),
        (np.array(["2000-01-01", "NaT"], "M8[s]"), r"'x' is not a time at index 1 \(value NaT\)"),
        (np.array([2, 2, 3], "M8[s]"), r"'x' has the same position twice at index 0 and 1"),
        (np.array([1, 3, 2], "m8[ns]"), r"'x' is not sorted at index 1 and 2"),
        (["a", "b"], r"'x' has dtype <U1, which is no position"),
        ([True, False], r"'x' has dtype bool"),
        ([1j, 2j], r"'x' has dtype complex128"),
        (np.array([1, "a"], object), r"'x' has dtype object"),
    ],
)
def test_bad_positions(values: Any, message: str) -> None:
    with pytest.raises(CoordinateError, match=message):
        steps(values)


def test_bad_cftime() -> None:
    day = cftime.DatetimeNoLeap(2000, 1, 1)
    with pytest.raises(CoordinateError, match="'x' has the same position twice at index 0 and 1"):
        steps(np.array([day, day], object))
    with pytest.raises(CoordinateError, match="'x' is not a time at index 1"):
        steps(np.array([day, None], object))


def test_mixed_calendars() -> None:
    mixed = [cftime.DatetimeNoLeap(2000, 1, 1), cftime.Datetime360Day(2000, 1, 2)]
    with pytest.raises(CoordinateError, match="'x' has times of different calendars"):
        steps(np.array(mixed, object))


def test_a_multiindex_and_its_levels() -> None:
    index = pd.MultiIndex.from_arrays([[0, 1], [2.0, 5.0]], names=["a", "b"])
    stacked = xr.Dataset(coords=xr.Coordinates.from_pandas_multiindex(index, "x"))
    with pytest.raises(CoordinateError, match="'x' is a MultiIndex"):
        coordinates.from_coordinate(stacked.x, "s")
    assert coordinates.from_coordinate(stacked.b, "s").steps == 3.0


def test_coordinates_of_other_ranks() -> None:
    plane = xr.DataArray(np.zeros((2, 3)), dims=("y", "x"), name="lon")
    with pytest.raises(CoordinateError, match=r"'lon' has 2 dimensions \('y', 'x'\)"):
        coordinates.from_coordinate(plane, "s")
    with pytest.raises(CoordinateError, match="'h' has 0 dimensions"):
        coordinates.from_coordinate(xr.DataArray(2.0, name="h"), "s")


def given_steps(value: Any, size: int = 3, unit: Any = "s") -> Any:
    return coordinates.from_value("x", size, value, unit).steps


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


def test_times_further_apart_than_an_int64_of_nanoseconds() -> None:
    far = np.array(["1678-01-01", "2262-01-01"], "M8[ns]")
    exact = (far.astype("M8[s]")[1] - far.astype("M8[s]")[0]) / np.timedelta64(1, "s")
    assert steps(far) == exact
    assert steps(far[::-1]) == -exact


@pytest.mark.parametrize("unit", ["ps", "fs", "as"])
def test_steps_finer_than_a_nanosecond(unit: Any) -> None:
    assert given_steps(np.timedelta64(1500, unit), unit=unit) == 1500.0
    assert given_steps(np.array([0, 5, 11], f"m8[{unit}]"), unit=unit).tolist() == [5.0, 6.0]


def test_python_and_cftime_times_as_spacing() -> None:
    days = [dt.datetime(2000, 1, n) for n in (1, 2, 5)]  # noqa: DTZ001  xarray knows no zones
    assert given_steps(days, unit="D").tolist() == [1.0, 3.0]
    assert given_steps([dt.timedelta(n) for n in (0, 1, 5)], unit="D").tolist() == [1.0, 4.0]
    model_days = [cftime.Datetime360Day(2000, 2, n) for n in (28, 29, 30)]
    for value in (model_days, xr.CFTimeIndex(model_days)):
        assert given_steps(value, unit="D") == 1.0


def test_months_and_years() -> None:
    months = np.array(["2000-01", "2000-02", "2000-04"], "M8[M]")
    assert given_steps(months, unit="D").tolist() == [31.0, 60.0]
    for value in (np.timedelta64(5, "M"), np.timedelta64(5, "Y"), np.array([0, 1, 2], "m8[M]")):
        with pytest.raises(CoordinateError, match=r"'x' has time unit .*no fixed length"):
            given_steps(value)


def test_given_positions_may_be_a_labelled_array() -> None:
    labelled = coord([0.0, 1.0, 5.0], units="km")
    spacing = coordinates.from_value("x", 3, labelled, "s")
    assert spacing.steps.tolist() == [1.0, 4.0]  # type: ignore[union-attr]
    assert spacing.units == "km"
    step = coordinates.from_value("x", 3, xr.DataArray(0.5, attrs={"units": "km"}), "s")
    assert (step.steps, step.units) == (0.5, "km")
    with pytest.raises(CoordinateError, match="`spacing` for 'x' has sizes"):
        coordinates.from_value("x", 4, labelled, "s")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (0, "is 0; a step must be finite and not zero"),
        (0.0, "is 0.0"),
        (np.nan, "is nan"),
        (np.inf, "is inf"),
        (np.timedelta64("NaT"), "a step must be finite"),
        (dt.timedelta(0), "a step must be finite"),
        (True, "is True; give a number"),
        (1j, "give a number"),
        (None, "is None; give a number"),
        ([0, 1], r"has shape \(2,\); give one step or 3 positions"),
        (np.zeros((3, 1)), r"has shape \(3, 1\)"),
        ([0, 1, 1], "has the same position twice at index 1 and 2"),
        ([0, np.nan, 1], "is not finite at index 1"),
        (["a", "b", "c"], "has dtype <U1"),
        (dt.date(2000, 1, 1), "give a number"),
        (np.timedelta64(5), "has time unit 'generic'"),
        (np.ma.masked_array([0, 1, 2], [0, 1, 0]), "has masked positions"),
        (xr.Variable("y", [0, 1, 2]), "has sizes {'y': 3}; positions along 'x' have {'x': 3}"),
    ],
)
def test_bad_spacing(value: Any, message: str) -> None:
    with pytest.raises(CoordinateError, match=f"`spacing` for 'x' .*{message}"):
        given_steps(value)
