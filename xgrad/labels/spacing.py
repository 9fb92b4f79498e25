"""The steps between the cells of a dimension: from a coordinate, a value or the index."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Hashable
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from xgrad._heap import ask
from xgrad._typing import AnyArray, DatetimeUnit, Steps
from xgrad.errors import CoordinateError
from xgrad.labels import long_steps, times
from xgrad.labels import positions as numbers
from xgrad.labels.attributes import label_of
from xgrad.labels.cf import full_turn
from xgrad.labels.units import OF_TIME


class Spacing(NamedTuple):
    """The distances between the cells of one dimension.

    Attributes
    ----------
    dim : hashable
        The dimension.
    name : hashable
        What the derivative is with respect to: the coordinate or, without one, the dimension.
    steps : float or array of shape (n - 1,)
        Distances between neighbouring positions, in `units`.
    units : str or None
        Unit of the steps; ``"1"`` for a dimension without a coordinate, None if unknown.
    label : str
        The coordinate in words, for the ``long_name`` of the derivative.
    is_time : bool
        Whether the positions are times, so that `units` is the ``datetime_unit``.
    positions : Variable or None
        A multi-dimensional coordinate, which replaces `steps`.
    period : float or None
        Of a periodic dimension, in `units`.
    seam : float or None
        Of a periodic dimension, the step from its last cell to the first of the next period.
    longest : float
        With `positions`: a longer step is an edge of both cells.
    unit : float
        Length of one unit of the coordinate in `units`: of a degree, if `units` are metres.
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
    longest: float = math.inf
    unit: float = 1.0


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
        Unit of the steps if the coordinate is a time.
    dim : hashable, optional
        The dimension that the coordinate must be along.
    period : float, optional
        Of a periodic coordinate, in its unit; its values may start over once inside the array.
    warns : bool, default: True
        Whether to warn of a coordinate whose rounding makes the steps much less precise.

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
    require_one_dimension(coord, dim)
    label = label_of(name, coord.variable)
    what = f"coordinate {name!r}"
    times.refuse_other_objects(coord)
    if times.is_time(coord):
        steps = long_steps.of_times(coord, what, datetime_unit)
        found = Spacing(coord.dims[0], name, steps, OF_TIME[datetime_unit], label, is_time=True)
        return around(found, coord.size, period)
    turn = full_turn(coord.attrs.get("units"))
    steps = long_steps.of_numbers(coord, what, period, turn)
    if warns:
        numbers.warn_of_rounding(long_steps.readable(coord), what, steps, period, name)
    found = Spacing(coord.dims[0], name, steps, coord.attrs.get("units"), label)
    return around(found, coord.size, period)


def require_one_dimension(coord: xr.DataArray, dim: Hashable | None) -> None:
    """Refuse a coordinate that is not along one dimension, which is `dim` if it is given."""
    name = coord.name
    if coord.ndim != 1:
        example = (coord.dims or ("x",))[0]
        raise CoordinateError(
            f"coordinate {name!r} has {coord.ndim} dimensions {coord.dims}; name the dimension to "
            f"differentiate along, as in `gradient({example!r}, spacing={{{example!r}: {name!r}}})`"
        )
    if dim is not None and coord.dims != (dim,):
        raise CoordinateError(
            f"`spacing` for {dim!r}: coordinate {name!r} is along {coord.dims[0]!r}, not {dim!r}; "
            f"give a coordinate along {dim!r}"
        )
    if isinstance(coord.xindexes.get(name), xr.indexes.PandasMultiIndex) and name in coord.dims:
        raise CoordinateError(
            f"coordinate {name!r} is a MultiIndex and has no positions; name one of its levels, "
            f"or give `spacing={{{name!r}: ...}}`"
        )


def uniform(
    coord: xr.DataArray, datetime_unit: DatetimeUnit, period: float | None = None
) -> Spacing:
    """Spacing of a coordinate that is a straight line within its own rounding: one exact step.

    Parameters
    ----------
    coord : DataArray of shape (n,)
        Numbers of any precision, or times that are exactly even.
    datetime_unit : str
        Unit of the step if the coordinate is a time.
    period : float, optional
        Of a periodic coordinate, in its unit; its values may start over once inside the array.

    Returns
    -------
    Spacing
        Its step is ``(x[n-1] - x[0]) / (n - 1)`` in float64, or ``period / n`` if the coordinate
        goes all the way around.

    Raises
    ------
    CoordinateError
        If a position is farther from the line than its precision explains.

    Examples
    --------
    >>> x = xr.DataArray(np.arange(5, dtype="f4") / np.float32(12), dims="x", name="x")
    >>> uniform(x, "s").steps * 12
    np.float64(1.0000000298023224)
    """
    along = from_coordinate(coord, datetime_unit, period=period, warns=False)
    if coord.size < 2 or (along.is_time and np.ndim(along.steps) == 0):
        return along
    uneven = f"`spacing` is 'uniform', but coordinate {coord.name!r} is uneven"
    if along.is_time:
        steps = np.asarray(along.steps)
        i = int(np.argmax(steps != steps[0]))
        raise CoordinateError(
            f"{uneven}: the step at index {i} is {steps[i]:g} {along.units}, the first one "
            f"{steps[0]:g}; leave `spacing` out"
        )
    values = long_steps.readable(coord)
    line = numbers.Line.through(values, period)
    if line.off > 1:
        raise CoordinateError(
            f"{uneven}: at index {line.at} the value {values[line.at].values} is {line.off:.3g} "
            "times its own rounding away from a straight line; leave `spacing` out"
        )
    if period is None:
        return along._replace(steps=line.step)
    around_all = np.float64(math.copysign(period / coord.size, line.step))
    if abs(around_all - line.step) * coord.size <= 2 * line.rounding:
        return along._replace(steps=around_all, seam=around_all)
    return around(along._replace(steps=line.step), coord.size, period)


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
    if isinstance(steps, long_steps.LongSteps):
        ask(2 * steps.positions.nbytes)  # all positions, and the steps between them
    extent = steps * (size - 1) if np.ndim(steps) == 0 else np.sum(steps, dtype=np.float64)
    mean = abs(float(extent)) / max(1, size - 1)
    missing = period - abs(float(extent))
    what = f"`period` of {spacing.name!r} is {period:g}"
    # The extent is a sum of rounded steps, which takes as many roundings to miss the period.
    precision = np.finfo(steps.dtype).eps if isinstance(steps, np.ndarray | np.generic) else 2e-16
    rounding = 4 * float(precision) * period
    if abs(missing) <= max(rounding, 1e-6 * mean):
        raise CoordinateError(
            f"{what}, and its last position repeats the first; drop one of them, for instance with "
            f"`.isel({{{spacing.dim!r}: slice(None, -1)}})`"
        )
    if missing < 0:
        raise CoordinateError(
            f"{what}, which is not longer than the extent of its positions, "
            f"{abs(float(extent)):g}; give the length of the whole circle"
        )
    seam: Any = math.copysign(missing, float(extent))
    if np.ndim(steps) == 0 and abs(seam - float(steps)) <= rounding:
        seam = steps  # as even as the rest, but for rounding
    return spacing._replace(period=period, seam=seam)


def from_multidimensional(
    coord: xr.DataArray, dim: Hashable, period: float | None = None
) -> Spacing:
    """Spacing of a multi-dimensional coordinate, by which each column has its own positions.

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
        If the coordinate does not have dimension `dim` or is not numeric.

    Examples
    --------
    >>> z = xr.DataArray([[0.0, 1.0], [0.0, 2.0]], dims=("x", "z"), name="height")
    >>> from_multidimensional(z, "z").label
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
            f"`spacing` for {dim!r}: positions {name!r} have dtype {coord.dtype}; a "
            "multi-dimensional coordinate must hold numbers, so give times as the time since one "
            "of them"
        )
    label = label_of(name, coord.variable)
    units = coord.attrs.get("units")
    return Spacing(dim, name, 1.0, units, label, positions=coord.variable, period=period)


def refuse_columns(along: Spacing, dims: tuple[Hashable, ...], good: AnyArray) -> None:
    """Name the first column of positions that is not strictly monotonic, and the place in it.

    Parameters
    ----------
    along : Spacing
        With multi-dimensional positions in memory.
    dims : tuple of hashable
        Dimensions of the data.
    good : array of bool
        Which columns are strictly monotonic, with as many dimensions as the data, and sides of 1
        along `along` and where the positions do not depend on a dimension.

    Raises
    ------
    CoordinateError
        Always.
    """
    positions = along.positions
    assert positions is not None
    values = np.moveaxis(positions.values, positions.get_axis_num(along.dim), -1)
    steps = np.diff(values if values.dtype.kind == "f" else values.astype(np.float64))
    others = [dim for dim in positions.dims if dim != along.dim]
    first = {dim: 0 for dim in dims if dim not in others}
    of_columns = xr.Variable(dims, good).isel(first).transpose(*others).values
    column = np.unravel_index(int(np.argmin(of_columns)), of_columns.shape)
    where = ", ".join(f"{dim}={int(k)}" for dim, k in zip(others, column, strict=True))
    here, extent = steps[column], float(abs(steps[column].sum()))
    rises, falls = here > 0, here < 0
    if along.period is not None and (rises.all() or falls.all()):
        raise CoordinateError(
            f"`period` of {along.name!r} is {along.period:g}, but along {along.dim!r} its "
            f"positions go around by {extent:g} in the column {where}; drop the cells at the end "
            "that repeat the first ones"
        )
    i = int(np.argmin((rises if rises.sum() >= falls.sum() else falls) & np.isfinite(here)))
    if here[i] == 0 and values[column][i] != values[column][i + 1]:
        numbers.refuse_alike(i, values[column], f"`spacing` {along.name!r} in the column {where}")
    raise CoordinateError(
        f"positions {along.name!r} along {along.dim!r} are not strictly monotonic in the column "
        f"{where}: {values[column][i]} at index {i}, then {values[column][i + 1]}; correct them, "
        "or give `validate=False` to get NaN in such columns"
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
        Unit of the steps if `value` is a time.
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
    values = np.asarray(value)
    if values.ndim == 0:
        spacing = around(_from_step(dim, value, values, what, datetime_unit), size, period)
        attrs = {} if spacing.is_time else getattr(value, "attrs", {})
        return spacing._replace(units=attrs["units"]) if "units" in attrs else spacing
    if values.shape != (size,):
        raise CoordinateError(
            f"{what} has shape {values.shape}; give one step, or {size} positions, or a DataArray, "
            "whose dimensions have names"
        )
    return around(_from_array(dim, values, what, datetime_unit, period), size, period)


def _from_array(
    dim: Hashable, values: AnyArray, what: str, datetime_unit: DatetimeUnit, period: float | None
) -> Spacing:
    if values.dtype.kind == "O":
        # Python's dates and durations become numpy's, as in any coordinate; cftime stays.
        values = xr.Variable(dim, values).values
    if times.are_times(values):
        steps = times.steps_between(values, what, datetime_unit)
        return Spacing(dim, dim, steps, OF_TIME[datetime_unit], str(dim), is_time=True)
    found = Spacing(dim, dim, numbers.steps_between(values, what, period), None, str(dim))
    numbers.warn_of_conversion(values, what)
    return found


def _from_step(
    dim: Hashable, value: Any, step: AnyArray, what: str, datetime_unit: DatetimeUnit
) -> Spacing:
    bad = CoordinateError(f"{what} is {value!r}; a step must be finite and not zero")
    if step.dtype.kind == "m":
        if np.isnat(step) or not step.astype(np.int64):
            raise bad
        length = times.length_of(step, what, datetime_unit)
        return Spacing(dim, dim, length, OF_TIME[datetime_unit], str(dim), is_time=True)
    if step.dtype.kind not in "iuf":
        raise CoordinateError(
            f"{what} is {value!r}; give a number, {dim!r} positions or the name of a coordinate"
        )
    if not np.isfinite(step) or step == 0:
        raise bad
    # A Python number is weak in numpy's promotion, a numpy scalar keeps its precision: so here.
    if isinstance(value, int | float) and not isinstance(value, np.generic):
        return Spacing(dim, dim, float(value), None, str(dim))
    strong = step if step.dtype.kind == "f" else step.astype(np.float64)
    return Spacing(dim, dim, strong[()], None, str(dim))
