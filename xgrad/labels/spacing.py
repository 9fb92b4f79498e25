"""A coordinate variable → the steps between its positions, checked, with their unit."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xgrad._typing import AnyArray, DatetimeUnit, Steps
from xgrad.errors import CoordinateError, CoordinateWarning, warn
from xgrad.labels.units import OF_TIME
from xgrad.stencils import circle

# An error of a step that is worth a warning: about that of float32 longitudes 1/12 degree apart.
_TOLERABLE_ROUNDING = 1e-4

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


@dataclass(frozen=True)
class Spacing:
    """The distances between the cells of one dimension.

    Attributes
    ----------
    dim : hashable
        The dimension.
    name : hashable
        What the derivative is taken with respect to: the name of the coordinate or, without one,
        of the dimension.
    steps : float or array of shape (n - 1,)
        Distances between neighbouring positions, in `units`.
    units : str or None
        Unit of the steps; ``"1"`` for a dimension without a coordinate, None where unknown.
    label : str
        The coordinate in words, for the ``long_name`` of the derivative.
    is_time : bool
        Whether the positions are times, so that `units` is the ``datetime_unit``.
    positions : Variable or None
        Positions of several dimensions, in place of `steps`.
    period : float or None
        Of a periodic dimension, in `units`.
    seam : float or None
        Of a periodic dimension, the step from its last cell to the first of the next period.
    """

    dim: Hashable
    name: Hashable
    steps: Steps
    units: str | None
    label: str
    is_time: bool = False
    positions: xr.Variable | None = None
    period: float | None = None
    seam: Any = None


def along_index(dim: Hashable) -> Spacing:
    """Spacing 1 of a dimension without a coordinate, as in numpy.

    Examples
    --------
    >>> along_index("x").steps
    1.0
    """
    return Spacing(dim, dim, 1.0, "1", f"{dim} index")


def from_coordinate(
    coord: xr.DataArray,
    datetime_unit: DatetimeUnit,
    dim: Hashable | None = None,
    period: float | None = None,
    *,
    warns: bool = True,
) -> Spacing:
    """Spacing of a 1-D coordinate variable.

    Parameters
    ----------
    coord : DataArray of shape (n,)
        Numbers, datetime64, timedelta64 or cftime objects, strictly monotonic.
    datetime_unit : str
        Unit of the steps where the coordinate is a time.
    dim : hashable, optional
        The dimension to differentiate along, where it must be this one.
    period : float, optional
        Of a periodic coordinate, in its unit; it may begin anew inside the array.
    warns : bool, default: True
        Whether to warn of a coordinate whose rounding costs much.

    Returns
    -------
    Spacing
        Steps of the dtype of the coordinate; float64 for integers and times.

    Raises
    ------
    CoordinateError
        If the coordinate is not 1-D, not numeric, not finite or not strictly monotonic.

    Examples
    --------
    >>> days = np.array(["2000-01-01", "2000-01-02", "2000-01-04"], "M8[D]")
    >>> from_coordinate(xr.DataArray(days, dims="time", name="time"), "h").steps
    array([24., 48.])
    """
    name = coord.name
    if coord.ndim != 1:
        raise CoordinateError(
            f"coordinate {name!r} has {coord.ndim} dimensions {coord.dims}; name the dimension to "
            f"differentiate along, as in `gradient({(coord.dims or ('x',))[0]!r}, "
            f"spacing={{{(coord.dims or ('x',))[0]!r}: {name!r}}})`"
        )
    if dim is not None and coord.dims != (dim,):
        raise CoordinateError(
            f"`spacing` for {dim!r}: coordinate {name!r} lies along {coord.dims[0]!r}, not {dim!r}"
        )
    if isinstance(coord.xindexes.get(name), xr.indexes.PandasMultiIndex) and name in coord.dims:
        raise CoordinateError(
            f"coordinate {name!r} is a MultiIndex and has no positions; name one of its levels, "
            f"or give `spacing={{{name!r}: ...}}`"
        )
    label = str(coord.attrs.get("long_name") or name)
    what = f"coordinate {name!r}"
    if is_time(coord):
        steps = _time_steps(coord.values, what, datetime_unit)
        times = Spacing(coord.dims[0], name, steps, OF_TIME[datetime_unit], label, is_time=True)
        return around(times, coord.size, period)
    steps = _number_steps(coord.values, what, period)
    if warns:
        _warn_of_rounding(coord.values, steps, name, period)
    numbers = Spacing(coord.dims[0], name, steps, coord.attrs.get("units"), label)
    return around(numbers, coord.size, period)


def uniform(
    coord: xr.DataArray, datetime_unit: DatetimeUnit, period: float | None = None
) -> Spacing:
    """Spacing of a coordinate that is a straight line within its own rounding: one exact step.

    Parameters
    ----------
    coord : DataArray of shape (n,)
        Numbers of any precision, or times that are exactly even.
    datetime_unit : str
        Unit of the step where the coordinate is a time.
    period : float, optional
        Of a periodic coordinate, in its unit; it may begin anew inside the array.

    Returns
    -------
    Spacing
        Its step is ``(x[n-1] - x[0]) / (n - 1)`` in float64, or ``period / n`` where the
        coordinate goes all the way around.

    Raises
    ------
    CoordinateError
        If a position lies farther from the line than its precision explains.

    Examples
    --------
    >>> x = xr.DataArray(np.arange(5, dtype="f4") / np.float32(12), dims="x", name="x")
    >>> uniform(x, "s").steps * 12
    np.float64(1.0000000298023224)
    """
    along = from_coordinate(coord, datetime_unit, period=period, warns=False)
    if coord.size < 2 or (along.is_time and np.ndim(along.steps) == 0):
        return along
    if along.is_time:
        steps = np.asarray(along.steps)
        i = int(np.argmax(steps != steps[0]))
        raise CoordinateError(
            f"`spacing` is 'uniform', but coordinate {coord.name!r} is uneven: the step at index "
            f"{i} is {steps[i]:g} {along.units}, the first one {steps[0]:g}; leave `spacing` out"
        )
    off, step, i, rounding = _off_the_line(coord.values, period)
    if off > 1:
        raise CoordinateError(
            f"`spacing` is 'uniform', but coordinate {coord.name!r} is uneven: at index {i} the "
            f"value {coord.values[i]} lies {off:.3g} times its own rounding off a straight line; "
            "leave `spacing` out"
        )
    if period is None:
        return replace(along, steps=step)
    around_all = np.float64(math.copysign(period / coord.size, step))
    if abs(around_all - step) * coord.size <= 2 * rounding:
        return replace(along, steps=around_all, seam=around_all)
    return around(replace(along, steps=step), coord.size, period)


def _off_the_line(values: AnyArray, period: float | None) -> tuple[float, Any, int, float]:
    """Greatest distance from a straight line, in roundings; the step; where; and the rounding.

    A position such as ``start + i * step`` is rounded twice, and so are the two ends that the line
    is drawn through: two units in the last place of the largest are no sign of unevenness.
    """
    exact = values.astype(np.float64)
    exact = exact[0] + np.cumsum([0.0, *_unrolled(np.diff(exact), period)])
    n = len(exact) - 1
    step = (exact[-1] - exact[0]) / n
    off = np.abs(exact - (exact[0] + step * np.arange(n + 1)))
    kind = values if values.dtype.kind == "f" else exact
    rounding = 2 * float(np.spacing(np.abs(kind).max()))
    i = int(np.argmax(off))
    return float(off[i] / rounding), step, i, rounding


def _warn_of_rounding(values: AnyArray, steps: Steps, name: Hashable, period: float | None) -> None:
    single = values.dtype.kind == "f" and values.dtype.itemsize <= 4
    if np.ndim(steps) == 0 or values.size < 2 or not single:
        return
    off, step, *_ = _off_the_line(values, period)
    cost = float(np.abs(np.asarray(steps, np.float64) / step - 1).max())
    if off <= 1 and cost > _TOLERABLE_ROUNDING:
        warn(
            f"coordinate {name!r} is even, but rounded to {values.dtype} its steps are wrong by up "
            f"to {cost:.1e}; `spacing={{{name!r}: 'uniform'}}` takes the exact one",
            CoordinateWarning,
        )


def around(spacing: Spacing, size: int, period: float | None) -> Spacing:
    """Close a periodic dimension: find the step across its seam.

    Parameters
    ----------
    spacing : Spacing
        With 1-D steps.
    size : int
        Cells along the dimension.
    period : float or None
        In the unit of the steps; None if the dimension is not periodic.

    Raises
    ------
    CoordinateError
        If the period is not longer than the dimension.

    Examples
    --------
    >>> around(along_index("x"), 4, 6.0).seam
    3.0
    """
    if period is None:
        return spacing
    steps = spacing.steps
    extent = steps * (size - 1) if np.ndim(steps) == 0 else np.sum(steps, dtype=np.float64)
    mean = abs(float(extent)) / max(1, size - 1)
    missing = period - abs(float(extent))
    what = f"`period` of {spacing.name!r} is {period:g}"
    # The extent is a sum of rounded steps, which takes as many roundings to miss the period.
    precision = np.finfo(steps.dtype).eps if isinstance(steps, np.ndarray | np.generic) else 2e-16
    rounding = 4 * float(precision) * period
    if abs(missing) <= max(rounding, 1e-6 * mean):
        raise CoordinateError(
            f"{what}, and its first position is given again at the end; drop one of the two, for "
            f"instance with `.isel({{{spacing.dim!r}: slice(None, -1)}})`"
        )
    if missing < 0:
        raise CoordinateError(
            f"{what}, not longer than the extent of its positions, {abs(float(extent)):g}; give "
            "the whole way around"
        )
    seam: Any = math.copysign(missing, float(extent))
    if np.ndim(steps) == 0 and abs(seam - float(steps)) <= rounding:
        seam = steps  # as even as the rest, but for rounding
    return replace(spacing, period=period, seam=seam)


def of_several_dimensions(
    coord: xr.DataArray, dim: Hashable, period: float | None = None
) -> Spacing:
    """Spacing from positions of several dimensions, the differentiated one among them.

    Parameters
    ----------
    coord : DataArray
        Numbers, in memory or lazy.
    dim : hashable
        The dimension to differentiate along.
    period : float, optional
        Of periodic positions, in their unit.

    Raises
    ------
    CoordinateError
        If the positions lack `dim` or are no numbers.

    Examples
    --------
    >>> z = xr.DataArray([[0.0, 1.0], [0.0, 2.0]], dims=("x", "z"), name="height")
    >>> of_several_dimensions(z, "z").label
    'height'
    """
    name = dim if coord.name is None else coord.name
    if dim not in coord.dims:
        raise CoordinateError(
            f"`spacing` for {dim!r}: positions {name!r} have dimensions {coord.dims}, without "
            f"{dim!r}"
        )
    if coord.dtype.kind not in "iuf":
        raise CoordinateError(
            f"`spacing` for {dim!r}: positions {name!r} have dtype {coord.dtype}; positions of "
            "several dimensions are numbers, give times as the time since one of them"
        )
    label = str(coord.attrs.get("long_name") or name)
    units = coord.attrs.get("units")
    return Spacing(dim, name, 1.0, units, label, positions=coord.variable, period=period)


def refuse_columns(along: Spacing) -> None:
    """Say which column of positions in memory is not strictly monotonic, and where.

    Parameters
    ----------
    along : Spacing
        With positions of several dimensions, some column of which is at fault.

    Raises
    ------
    CoordinateError
        Always.
    """
    positions = along.positions
    assert positions is not None
    values = np.moveaxis(positions.values, positions.get_axis_num(along.dim), -1)
    values = values if values.dtype.kind == "f" else values.astype(np.float64)
    steps = np.diff(values)
    if along.period is not None:
        up = circle.upwards(steps, along.period)
        count = steps.shape[-1]
        least, _ = circle.turns(up.min(-1), up.max(-1), up.sum(-1), count, along.period)
        good: AnyArray = np.asarray(np.isfinite(least))
    else:
        good = np.asarray((steps > 0).all(-1) | (steps < 0).all(-1)) & np.isfinite(steps).all(-1)
    column = np.unravel_index(int(np.argmin(good)), good.shape)
    others = [dim for dim in positions.dims if dim != along.dim]
    where = ", ".join(f"{dim}={int(k)}" for dim, k in zip(others, column, strict=True))
    here, extent = steps[column], float(abs(steps[column].sum()))
    one_way = (here > 0).all() or (here < 0).all()
    if along.period is not None and one_way:
        raise CoordinateError(
            f"`period` of {along.name!r} is {along.period:g}, but along {along.dim!r} its "
            f"positions go around by {extent:g} in the column {where}; drop what is given again "
            "at the end"
        )
    rises, falls = here > 0, here < 0
    i = int(np.argmin((rises if rises.sum() >= falls.sum() else falls) & np.isfinite(here)))
    raise CoordinateError(
        f"positions {along.name!r} along {along.dim!r} are not strictly monotonic in the column "
        f"{where}: {values[column][i]} at index {i}, then {values[column][i + 1]}; mend them, or "
        "give `validate=False` to get NaN in such columns"
    )


def from_value(
    dim: Hashable,
    size: int,
    value: Any,
    datetime_unit: DatetimeUnit,
    period: float | None = None,
) -> Spacing:
    """Spacing that the caller gives: a scalar step or an array of positions.

    Parameters
    ----------
    dim : hashable
        The dimension it belongs to.
    size : int
        Its number of cells.
    value : number, timedelta or array-like of shape (size,)
        One step for all cells, or the position of each.
    datetime_unit : str
        Unit of the steps where `value` is a time.
    period : float, optional
        Of a periodic dimension, in the unit of the steps.

    Returns
    -------
    Spacing
        Without a unit, unless `value` is a time or a DataArray that has one.

    Raises
    ------
    CoordinateError
        If the step is zero or not finite, or the positions do not fit the dimension.

    Examples
    --------
    >>> from_value("x", 4, [0, 1, 3, 6], "s").steps
    array([1., 2., 3.])
    """
    what = f"`spacing` for {dim!r}"
    if isinstance(value, xr.Variable):
        value = xr.DataArray(value)
    if isinstance(value, xr.DataArray) and value.ndim:
        if value.sizes != {dim: size}:
            raise CoordinateError(
                f"{what} has sizes {dict(value.sizes)}; positions along {dim!r} have {{{dim!r}: "
                f"{size}}}"
            )
        named = value.rename(dim) if value.name is None else value
        return from_coordinate(named, datetime_unit, period=period)
    if isinstance(value, dt.timedelta):
        value = np.timedelta64(value)
    if np.ma.is_masked(value):
        raise CoordinateError(f"{what} has masked positions; fill or drop them")
    positions = np.asarray(value)
    if positions.ndim == 0:
        spacing = around(_from_step(dim, value, positions, what, datetime_unit), size, period)
        attrs = {} if spacing.is_time else getattr(value, "attrs", {})
        return replace(spacing, units=attrs["units"]) if "units" in attrs else spacing
    if positions.shape != (size,):
        raise CoordinateError(
            f"{what} has shape {positions.shape}; give one step or {size} positions, or a "
            "DataArray, which names the dimensions of others"
        )
    if positions.dtype.kind == "O":
        # Python's dates and durations become numpy's, as in any coordinate; cftime stays.
        positions = xr.Variable(dim, positions).values
    if positions.dtype.kind in "mM" or _is_cftime(positions):
        steps = _time_steps(positions, what, datetime_unit)
        times = Spacing(dim, dim, steps, OF_TIME[datetime_unit], str(dim), is_time=True)
        return around(times, size, period)
    numbers = Spacing(dim, dim, _number_steps(positions, what, period), None, str(dim))
    return around(numbers, size, period)


def _from_step(
    dim: Hashable, value: Any, step: AnyArray, what: str, datetime_unit: DatetimeUnit
) -> Spacing:
    if step.dtype.kind == "m":
        if np.isnat(step) or not step.astype(np.int64):
            raise CoordinateError(f"{what} is {value!r}; a step must be finite and not zero")
        ticks = step.astype(np.int64).reshape(1)
        length = _in_unit(abs(ticks), np.datetime_data(step.dtype), what, datetime_unit)[0]
        signed = float(np.copysign(length, ticks[0]))
        return Spacing(dim, dim, signed, OF_TIME[datetime_unit], str(dim), is_time=True)
    if step.dtype.kind not in "iuf":
        raise CoordinateError(
            f"{what} is {value!r}; give a number, {dim!r} positions or the name of a coordinate"
        )
    if not np.isfinite(step) or step == 0:
        raise CoordinateError(f"{what} is {value!r}; a step must be finite and not zero")
    # A Python number is weak in numpy's promotion, a numpy scalar keeps its precision: so here.
    if isinstance(value, int | float) and not isinstance(value, np.generic):
        return Spacing(dim, dim, float(value), None, str(dim))
    strong = step if step.dtype.kind == "f" else step.astype(np.float64)
    return Spacing(dim, dim, strong[()], None, str(dim))


def is_time(values: xr.DataArray) -> bool:
    """Whether an array holds datetime64, timedelta64 or cftime values; loads 1-D objects only.

    Examples
    --------
    >>> is_time(xr.DataArray(np.array(["2000-01-01"], "M8[s]")))
    True
    """
    if values.dtype.kind in "mM":
        return True
    return values.dtype.kind == "O" and values.ndim == 1 and _is_cftime(values.values)


def _is_cftime(values: AnyArray) -> bool:
    # Without an import of cftime: who has such values has it.
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


def _in_unit(
    ticks: AnyArray, resolution: tuple[str, int], what: str, unit: DatetimeUnit
) -> NDArray[np.float64]:
    """Not negative integer numbers of ticks as float64 numbers of `unit`.

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


def _time_steps(values: AnyArray, what: str, unit: DatetimeUnit) -> Steps:
    if values.dtype.kind == "O":
        missing = np.array([not hasattr(value, "calendar") for value in values.flat])
        _refuse_first(missing, values, what, "is not a time")
        try:
            ticks = np.cumsum([0, *np.diff(values).astype("m8[us]").astype(np.int64)])
        except TypeError as error:
            raise CoordinateError(f"{what} has times of different calendars: {error}") from error
        resolution = ("us", 1)
    else:
        _refuse_first(np.isnat(values), values, what, "is not a time")
        if values.dtype.kind == "M" and np.datetime_data(values.dtype)[0] in ("Y", "M"):
            values = values.astype("M8[s]")  # dates; durations of months are refused below
        resolution = np.datetime_data(values.dtype)
        ticks = values.astype(np.int64)
    rises, falls = ticks[1:] > ticks[:-1], ticks[1:] < ticks[:-1]
    _require_monotonic(rises, falls, values, what)
    # The distance of two int64 may be too large for a third, but not for a uint64.
    ascending = np.sort(ticks).astype(np.uint64)
    lengths = _in_unit(np.diff(ascending), resolution, what, unit)
    descends = bool(falls.size and falls[0])
    return _reduced(-lengths[::-1] if descends else lengths)


def _number_steps(values: AnyArray, what: str, period: float | None = None) -> Steps:
    if values.dtype.kind not in "iuf":
        raise CoordinateError(
            f"{what} has dtype {values.dtype}, which is no position; give numbers or times with "
            "`spacing`"
        )
    _refuse_first(~np.isfinite(values), values, what, "is not finite")
    # Integers become float64 before they are subtracted: unsigned ones would wrap.
    positions = values if values.dtype.kind == "f" else values.astype(np.float64)
    steps = np.diff(positions)
    if period is not None and not ((steps > 0).all() or (steps < 0).all()):
        steps = _unrolled(steps, period)
    _require_monotonic(steps > 0, steps < 0, values, what)
    return _reduced(steps)


def _unrolled(differences: AnyArray, period: float | None) -> AnyArray:
    """Steps of an axis that may begin anew inside the array, if it goes around less than once."""
    if period is None or (differences > 0).all() or (differences < 0).all():
        return differences
    up = circle.upwards(differences, period)
    least, _ = circle.turns(up.min(), up.max(), up.sum(), up.size, period)
    return circle.around(differences, least, period) if np.isfinite(least) else differences


def _reduced(steps: NDArray[np.floating[Any]]) -> Steps:
    """One step instead of many where all are the same, bit for bit: decided as numpy does."""
    even = steps.size > 0 and bool((steps == steps[0]).all())
    return steps[0] if even else steps


def _refuse_first(bad: AnyArray, values: AnyArray, what: str, why: str) -> None:
    if bad.any():
        i = int(np.argmax(bad))
        raise CoordinateError(
            f"{what} {why} at index {i} (value {values[i]}); drop or fill such positions, for "
            "instance with `.dropna` or `.interpolate_na`"
        )


def _require_monotonic(rises: AnyArray, falls: AnyArray, values: AnyArray, what: str) -> None:
    """Strictly ascending or strictly descending, else the message shows the first pair at fault."""
    if rises.all() or falls.all():
        return
    equal = ~(rises | falls)
    if equal.any():
        i, why = int(np.argmax(equal)), "has the same position twice"
        remedy = "drop one with `.drop_duplicates`"
    else:
        wrong = falls if rises[0] else rises
        i, why, remedy = int(np.argmax(wrong)), "is not sorted", "sort with `.sortby`"
    raise CoordinateError(
        f"{what} {why} at index {i} and {i + 1} (values {values[i]} and {values[i + 1]}); {remedy}"
    )
