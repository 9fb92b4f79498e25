"""Positions that are times: datetime64, timedelta64 and cftime → steps in a unit of time."""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from xarray.backends import BackendArray
from xarray.core import indexing

from xgrad._typing import AnyArray, DatetimeUnit, Steps
from xgrad.errors import CoordinateError
from xgrad.labels.positions import reduced, refuse_first, require_monotonic
from xgrad.labels.suggestions import did_you_mean
from xgrad.labels.units import OF_TIME, read

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

_OF_SYMBOL = {symbol: cast(DatetimeUnit, unit) for unit, symbol in OF_TIME.items()}

# Objects of pandas: what they are, the index of them, and what makes times or numbers of that.
_OTHER_OBJECTS = {
    "Interval": ("intervals", "IntervalIndex", "mid"),
    "Period": ("periods", "PeriodIndex", "to_timestamp()"),
    "DatetimeTZ": ("times with a zone", "DatetimeIndex", "tz_convert(None)"),
}


def unit_of_time(name: Any) -> DatetimeUnit | None:
    """The unit of numpy for a unit of time, or for a usual word.

    Parameters
    ----------
    name : str or None
        Such as ``"h"``, ``"hour"`` or ``"hours"``; None is returned as it is.

    Raises
    ------
    ValueError
        If it is anything else.

    Examples
    --------
    >>> [unit_of_time(name) for name in ("h", "hours", "min", "days", "milliseconds")]
    ['h', 'h', 'm', 'D', 'ms']
    """
    if name is None or (isinstance(name, str) and name in OF_TIME):
        return cast(DatetimeUnit | None, name)
    found = _OF_SYMBOL.get(str(read(name))) if isinstance(name, str) else None
    if found is None:
        why = ", as months and years have no fixed length" if _is_a_calendars(name) else ""
        raise ValueError(
            f"`datetime_unit` is {name!r}; give one of {tuple(OF_TIME)} or a word such as 'hour'"
            f"{why}{did_you_mean(name, ['week', 'day', 'hour', 'minute', 'second'])}"
        )
    return found


def _is_a_calendars(name: Any) -> bool:
    return str(name).removesuffix("s") in ("M", "Y", "month", "year")


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
    return values.dtype.kind == "O" and _are_of_cftime(values)


def refuse_other_objects(coord: xr.DataArray) -> None:
    """Refuse intervals, periods and times with a zone, each with what makes positions of them.

    Parameters
    ----------
    coord : DataArray of shape (n,)
        Anything; only values that are objects are looked at.

    Raises
    ------
    CoordinateError
        If its values are such objects.

    Examples
    --------
    >>> refuse_other_objects(xr.DataArray([0.0, 1.0], dims="x"))
    """
    kind = _other_objects(coord.variable)
    if kind is None:
        return
    what, index, how = _OTHER_OBJECTS[kind]
    name, (dim,) = coord.name, coord.dims
    own = f"obj.indexes[{name!r}]"
    if name not in coord.indexes:
        own = f"pd.{index}(obj[{name!r}].to_index())"
    raise CoordinateError(
        f"coordinate {name!r} holds {what}, which cannot be positions; use "
        f"`obj.assign_coords({{{name!r}: ({dim!r}, {own}.{how})}})`"
    )


def remedy_for_data(variable: xr.Variable) -> str:
    """What makes data of another dtype ones that can be differentiated.

    Examples
    --------
    >>> remedy_for_data(xr.Variable("x", ["1.5", "2"]))
    'convert it to numbers with `.astype(float)`'
    """
    kind = _other_objects(variable)
    if kind is not None and kind != "Interval":
        _, index, how = _OTHER_OBJECTS[kind]
        return f"use `obj.copy(data=pd.{index}(obj.to_index()).{how})`"
    if variable.dtype == np.dtype(object) and not isinstance(variable._data, np.ndarray):
        return (
            "if its values are times, compute it first with `.compute()`, or convert it to numbers "
            "with `.astype(float)`"
        )
    if variable.dtype == np.dtype(object):
        return "convert it to numbers, as with `.astype(float)` where its objects allow that"
    return "convert it to numbers with `.astype(float)`"


def _other_objects(variable: xr.Variable) -> str | None:
    """Which objects of pandas a variable holds; only objects in memory are looked at."""
    kind = type(variable.dtype).__name__.removesuffix("Dtype")
    if isinstance(variable.dtype, np.dtype):
        if variable.dtype.kind != "O" or variable.chunks is not None:
            return None
        first = next(iter(variable.values.flat), None)
        has_zone = getattr(first, "tzinfo", None) is not None
        kind = "DatetimeTZ" if has_zone else type(first).__name__
    return kind if kind in _OTHER_OBJECTS else None


def as_durations(variable: xr.Variable) -> xr.Variable:
    """Times given as objects of cftime as the time since 2000, as integers; others as they are.

    Parameters
    ----------
    variable : Variable
        Data.  What is not in memory counts as times if its encoding or attributes name a calendar,
        and is converted when it is read.

    Returns
    -------
    Variable
        Of dtype timedelta64[us], the precision of cftime.  Its derivatives are those of the times.

    Examples
    --------
    >>> import cftime
    >>> days = [cftime.DatetimeNoLeap(2000, 3, 1), cftime.DatetimeNoLeap(2000, 3, 2)]
    >>> as_durations(xr.Variable("x", days)).values.astype("m8[D]")
    array([59, 60], dtype='timedelta64[D]')
    """
    if not isinstance(variable.dtype, np.dtype) or variable.dtype.kind != "O":
        return variable
    in_memory = isinstance(variable._data, np.ndarray)
    named = "calendar" in variable.encoding or "calendar" in variable.attrs
    if not (_are_of_cftime(variable.values) if in_memory else named):
        return variable
    data: Any = variable._data
    if in_memory or variable.chunks is not None:
        data = xr.apply_ufunc(
            _since_2000, variable, dask="parallelized", output_dtypes=[np.dtype("m8[us]")]
        ).data
    else:
        data = indexing.LazilyIndexedArray(_Durations(variable))
    return xr.Variable(variable.dims, data, variable.attrs, variable.encoding)


class _Durations(BackendArray):
    """The times of a variable as durations, converted when they are read."""

    def __init__(self, variable: xr.Variable) -> None:
        self._variable = variable
        self.shape, self.dtype = variable.shape, np.dtype("m8[us]")

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        way = indexing.IndexingSupport.OUTER
        return indexing.explicit_indexing_adapter(key, self.shape, way, self._read)

    def _read(self, key: tuple[Any, ...]) -> AnyArray:
        return _since_2000(self._variable[key].values)


def _since_2000(values: AnyArray) -> AnyArray:
    """Microseconds since the start of 2000 in the calendar of the values; NaT where one is missing.

    Differences, and so derivatives, do not depend on what is counted from.
    """
    is_date = np.array([hasattr(value, "calendar") for value in values.flat], bool)
    found = np.full(values.size, "NaT", "m8[us]")
    if is_date.any():
        dates = values.reshape(-1)[is_date]
        origin = dates[0].replace(year=2000, month=1, day=1, hour=0, minute=0, second=0)
        found[is_date] = (dates - origin.replace(microsecond=0)).astype("m8[us]")
    return found.reshape(values.shape)


def _are_of_cftime(values: AnyArray) -> bool:
    # cftime is not imported here: whoever has such values has imported it.
    first = next((one for one in values.flat if not isinstance(one, float | None)), None)
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
    return reduced(lengths_between(values, what, unit))


def lengths_between(
    values: AnyArray, what: str, unit: DatetimeUnit, start: int = 0
) -> NDArray[np.float64]:
    """The same as an array, also of a part of the times that begins at index `start`.

    Examples
    --------
    >>> lengths_between(np.array([3, 2, 1], "m8[h]"), "`time`", "m")
    array([-60., -60.])
    """
    ticks, resolution, values = _ticks(values, what, start)
    rises, falls = ticks[1:] > ticks[:-1], ticks[1:] < ticks[:-1]
    require_monotonic(rises, falls, values, what, start)
    # The distance of two int64 may be too large for a third, but not for a uint64.
    ascending = np.sort(ticks).astype(np.uint64)
    lengths = _in_unit(np.diff(ascending), resolution, what, unit)
    descends = bool(falls.size and falls[0])
    return -lengths[::-1] if descends else lengths


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


def _ticks(
    values: AnyArray, what: str, start: int
) -> tuple[NDArray[Any], tuple[str, int], AnyArray]:
    """Times as integers, the length of a tick, and the times, of which none is missing."""
    if values.dtype.kind == "O":
        missing = np.array([not hasattr(value, "calendar") for value in values.flat])
        refuse_first(missing, values, what, "is not a time")
        try:
            ticks = np.cumsum([0, *np.diff(values).astype("m8[us]").astype(np.int64)])
        except TypeError as error:
            raise CoordinateError(f"{what} has times of different calendars: {error}") from error
        return ticks, ("us", 1), values
    refuse_first(np.isnat(values), values, what, "is not a time", start)
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
