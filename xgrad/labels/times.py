"""Positions that are times: datetime64, timedelta64 and cftime → steps in a unit of time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xgrad._typing import AnyArray, DatetimeUnit, Steps
from xgrad.errors import CoordinateError
from xgrad.labels.positions import reduced, refuse_first, require_monotonic

_ATTOSECONDS = {
    "W": 604800 * 10**18,
    "D": 86400 * 10**18,
    "h": 3600 * 10**18,
    "m": 60 * 10**18,
    "s": 10**18,
    "ms": 10**15,
    "us": 10**12,
    "ns": 10**9,
    "ps": 10**6,
    "fs": 10**3,
    "as": 1,
}


def is_time(values: xr.DataArray) -> bool:
    """Whether an array holds datetime64, timedelta64 or cftime values; loads 1-D objects only.

    Examples
    --------
    >>> is_time(xr.DataArray(np.array(["2000-01-01"], "M8[s]")))
    True
    """
    if values.dtype.kind in "mM":
        return True
    return values.dtype.kind == "O" and values.ndim == 1 and are_times(values.values)


def are_times(values: AnyArray) -> bool:
    """Whether a numpy array holds times: of dtype datetime64 or timedelta64, or cftime objects.

    Examples
    --------
    >>> are_times(np.array([1, 2], "m8[s]")), are_times(np.array([1, 2]))
    (True, False)
    """
    if values.dtype.kind in "mM":
        return True
    # cftime is not imported here: whoever has such values has imported it.
    first = next(iter(values.flat), None)
    return type(first).__module__.partition(".")[0] == "cftime"


def seconds(unit: DatetimeUnit) -> float:
    """Length of a unit of time in seconds.

    Examples
    --------
    >>> seconds("h"), seconds("ns")
    (3600.0, 1e-09)
    """
    return float(_ATTOSECONDS[unit] / _ATTOSECONDS["s"])


def steps_between(values: AnyArray, what: str, unit: DatetimeUnit) -> Steps:
    """Distances between neighbouring times.

    Parameters
    ----------
    values : array of shape (n,)
        datetime64, timedelta64 or cftime objects of one calendar, strictly monotonic.
    what : str
        What they are, for the message.
    unit : str
        Unit of the steps.

    Returns
    -------
    float64 or float64 array of shape (n - 1,)
        One number if all steps are equal.  Times are subtracted as integers, so that the steps do
        not depend on the resolution of the dtype.

    Raises
    ------
    CoordinateError
        If a time is missing, the times are not strictly monotonic, or they have no fixed length.

    Examples
    --------
    >>> steps_between(np.array([0, 1, 3], "m8[h]"), "`time`", "m")
    array([ 60., 120.])
    """
    ticks, resolution, values = _ticks(values, what)
    rises, falls = ticks[1:] > ticks[:-1], ticks[1:] < ticks[:-1]
    require_monotonic(rises, falls, values, what)
    # The distance of two int64 may be too large for a third, but not for a uint64.
    ascending = np.sort(ticks).astype(np.uint64)
    lengths = _in_unit(np.diff(ascending), resolution, what, unit)
    descends = bool(falls.size and falls[0])
    return reduced(-lengths[::-1] if descends else lengths)


def length_of(step: AnyArray, what: str, unit: DatetimeUnit) -> float:
    """Length of one timedelta64 in a unit, with its sign.

    Parameters
    ----------
    step : timedelta64 array of shape ()
        Not NaT.
    what : str
        What it is, for the message.
    unit : str
        Unit of the result.

    Raises
    ------
    CoordinateError
        If the timedelta has no fixed length.

    Examples
    --------
    >>> length_of(np.array(-90, "m8[m]"), "`spacing`", "h")
    -1.5
    """
    ticks = step.astype(np.int64).reshape(1)
    length = _in_unit(abs(ticks), np.datetime_data(step.dtype), what, unit)[0]
    return float(np.copysign(length, ticks[0]))


def _ticks(values: AnyArray, what: str) -> tuple[NDArray[Any], tuple[str, int], AnyArray]:
    """Times as integers, the length of a tick, and the times, of which none is missing."""
    if values.dtype.kind == "O":
        missing = np.array([not hasattr(value, "calendar") for value in values.flat])
        refuse_first(missing, values, what, "is not a time")
        try:
            ticks = np.cumsum([0, *np.diff(values).astype("m8[us]").astype(np.int64)])
        except TypeError as error:
            raise CoordinateError(f"{what} has times of different calendars: {error}") from error
        return ticks, ("us", 1), values
    refuse_first(np.isnat(values), values, what, "is not a time")
    if values.dtype.kind == "M" and np.datetime_data(values.dtype)[0] in ("Y", "M"):
        values = values.astype("M8[s]")  # dates; durations of months are refused below
    return values.astype(np.int64), np.datetime_data(values.dtype), values


def _in_unit(
    ticks: AnyArray, resolution: tuple[str, int], what: str, unit: DatetimeUnit
) -> NDArray[np.float64]:
    """Integer numbers of ticks, none negative, as float64 numbers of `unit`.

    The whole units are divided off as integers: 200 days are 1.7e16 ns, more than float64 holds
    exactly, and would give other bits than the same 200 days counted in seconds.
    """
    name, count = resolution
    if name not in _ATTOSECONDS:
        raise CoordinateError(
            f"{what} has time unit {name!r}, which has no fixed length; give weeks or shorter units"
        )
    tick, one = _ATTOSECONDS[name] * count, _ATTOSECONDS[unit]
    common = math.gcd(tick, one)
    per_tick, in_one = float(tick // common), one // common
    if in_one > np.iinfo(np.int64).max:  # attoseconds in weeks: no whole unit to divide off
        return np.asarray(ticks * (per_tick / in_one), np.float64)
    whole, rest = np.divmod(ticks.astype(np.uint64), np.uint64(in_one))
    if whole.size and whole.max() > 2**53:  # more than float64 holds: rounded once, as an integer
        exact = [int(one) * (tick // common) for one in whole]
        return np.array(exact, np.float64) + rest * per_tick / in_one
    return np.asarray(whole * per_tick + rest * per_tick / in_one, np.float64)
