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

import xgrad  # noqa: F401  (registers .fdgrad)
from tests.helpers import same_bits
from xgrad.errors import CoordinateError
from xgrad.labels import spacing
from xgrad.labels.times import is_time, length_of, seconds, steps_between, unit_of_time


def steps(values: Any, unit: Any = "s") -> Any:
    return steps_between(xr.Variable("x", values).values, "coordinate 'x'", unit)


def given_steps(value: Any, unit: Any = "s") -> Any:
    return spacing.from_value("x", 3, value, unit).steps


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


def test_pandas_times() -> None:
    assert steps(pd.date_range("2000", periods=3, freq="D")) == 86400.0
    assert steps(pd.TimedeltaIndex(["1h", "3h", "4h"]), "h").tolist() == [2.0, 1.0]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.array(["2000-01-01", "NaT"], "M8[s]"), r"'x' is not a time at index 1 \(value NaT\)"),
        (np.array([2, 2, 3], "M8[s]"), r"'x' has the same position twice at index 0 and 1"),
        (np.array([1, 3, 2], "m8[ns]"), r"'x' is not sorted at index 1 and 2"),
    ],
)
def test_bad_times(values: Any, message: str) -> None:
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


def test_times_further_apart_than_an_int64_of_nanoseconds() -> None:
    far = np.array(["1678-01-01", "2262-01-01"], "M8[ns]")
    exact = (far.astype("M8[s]")[1] - far.astype("M8[s]")[0]) / np.timedelta64(1, "s")
    assert steps(far) == exact
    assert steps(far[::-1]) == -exact


@pytest.mark.parametrize("unit", ["ps", "fs", "as"])
def test_steps_finer_than_a_nanosecond(unit: Any) -> None:
    assert given_steps(np.timedelta64(1500, unit), unit) == 1500.0
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


@given(
    st.integers(-(2**53), 2**53).filter(bool), st.sampled_from(["ns", "us", "ms", "s", "h", "D"])
)
def test_one_duration_has_the_length_that_numpy_gives_it(ticks: int, unit: str) -> None:
    duration = np.array(ticks, f"m8[{unit}]")
    assert length_of(duration, "`spacing`", unit) == ticks  # type: ignore[arg-type]
    found = length_of(duration, "`spacing`", "s")
    assert found == pytest.approx(ticks * seconds(unit), rel=1e-15)  # type: ignore[arg-type]


def test_only_times_are_times() -> None:
    day = cftime.DatetimeNoLeap(2000, 1, 1)
    for values in (np.array([1], "M8[s]"), np.array([1], "m8[s]"), np.array([day], object)):
        assert is_time(xr.DataArray(values, dims="x"))
    for values in (np.array([1.0]), np.array(["2000-01-01"]), np.array([None], object)):
        assert not is_time(xr.DataArray(values, dims="x"))


ZONED = pd.date_range("2024-03-30 12:00", periods=3, freq="12h", tz="Europe/Berlin")
OTHERS = {
    "intervals": (pd.IntervalIndex.from_breaks([0, 2, 6, 20]), np.array([1.0, 4.0, 13.0])),
    "periods": (
        pd.period_range("2024-01", periods=3, freq="M"),
        np.array(["2024-01", "2024-02", "2024-03"], "M8[M]").astype("M8[ns]"),
    ),
    "times with a zone": (ZONED, ZONED.tz_convert("UTC").tz_localize(None).values),
}


@pytest.mark.parametrize("what", OTHERS)
@pytest.mark.parametrize(("name", "as_objects"), [("x", False), ("along", False), ("along", True)])
def test_the_remedy_for_positions_of_pandas_works(name: str, as_objects: bool, what: str) -> None:
    values, positions = OTHERS[what]
    given = np.array(list(values), dtype=object) if as_objects else values
    obj = xr.DataArray([0.0, 1.0, 4.0], {name: ("x", given)}, "x", "t")
    with pytest.raises(CoordinateError, match=f"holds {what}, .*use `obj.assign_coords") as caught:
        obj.fdgrad.gradient(name)
    remedied = eval(str(caught.value).split("`")[1], {"obj": obj, "pd": pd})  # noqa: S307
    expected = obj.drop_vars(name).assign_coords({name: ("x", positions)})
    assert same_bits(remedied.fdgrad.derivative(name), expected.fdgrad.derivative(name))


@pytest.mark.parametrize(
    ("word", "unit"),
    [("hour", "h"), ("hours", "h"), ("days", "D"), ("minute", "m"), ("min", "m"), ("weeks", "W"),
     ("second", "s"), ("sec", "s"), ("milliseconds", "ms"), ("microsecond", "us"), ("µs", "us"),
     ("nanoseconds", "ns")],
)  # fmt: skip
def test_words_for_units_of_time(word: str, unit: str) -> None:
    assert unit_of_time(word) == unit_of_time(unit) == unit


@pytest.mark.parametrize("word", ["month", "Y", "fortnight", "2 hours", "h2", "m s-1", "", 3, "H"])
def test_what_has_no_fixed_length_is_no_unit_of_time(word: object) -> None:
    with pytest.raises(ValueError, match=r"`datetime_unit` is .*; give one of"):
        unit_of_time(word)
