"""Least and greatest step of columns that have their own positions.

Whether a column is even or monotonic is always decided for the whole column, never for a block.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from xgrad._jit import compiled
from xgrad._typing import AnyArray
from xgrad.kernels.cells import along
from xgrad.kernels.layout import Planes
from xgrad.kernels.strips import FLOATS, work_dtype
from xgrad.stencils import circle

# Number of columns whose extreme steps are found together.
_CELLS_OF_EXTREMES = 2**13


@compiled
def is_good(least: Any, greatest: Any) -> bool:
    """Whether all steps of a column have the same sign, and none is NaN or infinite."""
    good: bool = (least > 0 or greatest < 0) and greatest - least < np.inf
    return good


@compiled
def extreme_steps(x: Any, start: int, least: Any, greatest: Any) -> None:
    """Least and greatest step of the columns of a plane from `start` on; NaN if a step is NaN."""
    least[:], greatest[:] = np.inf, -np.inf
    # Some columns at a time: the results of many would fall out of the cache between rows.
    none = np.empty(min(_CELLS_OF_EXTREMES, least.size), least.dtype)
    for first in range(0, least.size, _CELLS_OF_EXTREMES):
        end = min(first + _CELLS_OF_EXTREMES, least.size)
        lows, highs, nans = least[first:end], greatest[first:end], none[: end - first]
        nans[:] = 0
        for j in range(1, x.shape[0]):
            before = x[j - 1, start + first : start + end]
            here = x[j, start + first : start + end]
            for i in range(lows.size):
                step = here[i] - before[i]
                # min and max would take twice as long, because of their rules for NaN.
                lows[i] = step if step < lows[i] else lows[i]  # noqa: FURB136
                highs[i] = step if step > highs[i] else highs[i]  # noqa: FURB136
                nans[i] += step - step  # 0, or NaN that stays NaN
        for i in range(lows.size):
            lows[i], highs[i] = lows[i] + nans[i], highs[i] + nans[i]


@compiled
def single_column(x: Any, least: Any, greatest: Any) -> None:
    """Stand-ins for the extreme steps of a single column, with its sign and evenness.

    Counts are vectorised, whereas each running minimum or maximum waits for the one before it.
    """
    rising, falling, same = 0, 0, 0
    first = x[1] - x[0]
    for j in range(x.size - 1):
        step = x[j + 1] - x[j]
        rising += step > 0
        falling += step < 0
        same += step == first
    least[0] = greatest[0] = first
    if same < x.size - 1:
        greatest[0] = first + first
    one_way = rising == x.size - 1 or falling == x.size - 1
    if not one_way or not abs(x[x.size - 1] - x[0]) < np.inf:
        least[0] = greatest[0] = np.nan


def good_columns(least: AnyArray, greatest: AnyArray) -> AnyArray:
    """Columns whose steps all have the same sign, and none of them is NaN or infinite.

    Examples
    --------
    >>> good_columns(np.array([1.0, -1.0, np.nan, 1.0]), np.array([2.0, 2.0, np.nan, np.inf]))
    array([ True, False, False, False])
    """
    with np.errstate(invalid="ignore"):
        good: AnyArray = ((least > 0) | (greatest < 0)) & (greatest - least < np.inf)
    return good


def jumps(x: AnyArray, least: AnyArray) -> bool:
    """Whether a column jumps back by its period between two of these rows."""
    steps = np.diff(x, axis=1)
    return bool((((least > 0) & (steps < 0)) | ((least < 0) & (steps > 0))).any())


def of_part(x: AnyArray, axis: int, period: float | None) -> AnyArray:
    """Extreme steps of each column in a part of an array, as five cells along `axis`.

    Parameters
    ----------
    x : array of shape (..., n, ...)
        Float positions, n at least 1.
    axis : int
        Not negative.
    period : float or None
        On a circle, all steps are taken upwards; see :mod:`xgrad.stencils.circle`.

    Returns
    -------
    array of shape (..., 5, ...)
        The least step, the greatest step and, on a circle, the sum of the steps; then the first
        and the last position.

    Examples
    --------
    >>> of_part(np.array([0.0, 1.0, 3.0]), 0, None)
    array([1., 2., 2., 0., 3.])
    >>> of_part(np.array([340.0, 350.0, 0.0, 20.0]), 0, 360.0)[:3]
    array([10., 20., 40.])
    """
    first, last = x[along(axis, slice(0, 1))], x[along(axis, slice(-1, None))]
    if x.shape[axis] == 1:
        none = np.full_like(first, np.inf), np.full_like(first, -np.inf), np.zeros_like(first)
        return np.concatenate([*none, first, last], axis=axis)
    if period is None:
        least, greatest = _extremes(x, axis)
        return np.concatenate([least, greatest, greatest, first, last], axis=axis)
    up = circle.upwards(_finite(np.diff(x, axis=axis)), period)
    total = up.sum(axis, keepdims=True, dtype=x.dtype)
    ends = up.min(axis, keepdims=True), up.max(axis, keepdims=True)
    return np.concatenate([*ends, total, first, last], axis=axis)


def merged(parts: AnyArray, axis: int, period: float | None) -> AnyArray:
    """Extreme steps of an array, from those of its parts.

    Parameters
    ----------
    parts : array of shape (..., 5 k, ...)
        The results of :func:`of_part` for k parts, one after another.
    axis : int
        Not negative.
    period : float or None
        As for the parts.

    Examples
    --------
    >>> x = np.array([0.0, 1.0, 3.0, 3.5])
    >>> halves = [of_part(half, 0, None) for half in (x[:2], x[2:])]
    >>> merged(np.concatenate(halves), 0, None)
    array([0.5, 2. , 3.5, 0. , 3.5])
    """
    least, greatest, total, first, last = (parts[along(axis, slice(k, None, 5))] for k in range(5))
    # From the last position of each part to the first one of the next.
    with np.errstate(invalid="ignore"):
        between = _finite(first[along(axis, slice(1, None))] - last[along(axis, slice(-1))])
    if period is not None:
        between = circle.upwards(between, period)
    steps = [np.concatenate([one, between], axis=axis) for one in (least, greatest, total)]
    ends = first[along(axis, slice(0, 1))], last[along(axis, slice(-1, None))]
    return np.concatenate(
        [
            steps[0].min(axis, keepdims=True),
            steps[1].max(axis, keepdims=True),
            steps[2].sum(axis, keepdims=True, dtype=parts.dtype),
            *ends,
        ],
        axis=axis,
    )


def _finite(steps: AnyArray) -> AnyArray:
    """The steps, with NaN for infinite ones, so that parts and whole columns have the same."""
    with np.errstate(invalid="ignore"):
        steps += steps - steps
    return steps


def decided(
    found: AnyArray, axis: int, count: int, period: float | None
) -> tuple[AnyArray, AnyArray]:
    """Signed least and greatest step of whole columns.

    Parameters
    ----------
    found : array of shape (..., 5, ...)
        From :func:`of_part` or :func:`merged`.
    axis : int
        Not negative.
    count : int
        Number of steps in a column.
    period : float or None
        On a circle, columns that go around once or more give NaN.

    Examples
    --------
    >>> x = np.array([20.0, 10.0, 0.0, 350.0])
    >>> decided(of_part(x, 0, 360.0), 0, 3, 360.0)
    (array([-10.]), array([-10.]))
    """
    least, greatest, total = (found[along(axis, slice(k, k + 1))] for k in range(3))
    if period is None:
        return least, greatest
    return circle.turns(least, greatest, total, count, period)


def of_columns(x: AnyArray, axis: int, period: float | None) -> tuple[AnyArray, AnyArray]:
    """Least and greatest step of whole columns in memory, with length 1 along `axis`.

    Examples
    --------
    >>> of_columns(np.array([[0.0, 1.0, 3.0]]), 1, None)
    (array([[1.]]), array([[2.]]))
    """
    return decided(of_part(x, axis, period), axis, x.shape[axis] - 1, period)


def _extremes(x: AnyArray, axis: int) -> tuple[AnyArray, AnyArray]:
    planes = Planes.of(x, axis)
    flat = planes.view(x, work_dtype(x.dtype, FLOATS))
    least, greatest = (np.empty((len(flat), 1, flat.shape[2]), flat.dtype) for _ in range(2))
    fill_extremes(flat, slice(0, flat.shape[2]), least, greatest)
    thin = np.empty_like(np.take(x, [0], axis=axis), flat.dtype)
    found = thin, thin.copy()
    planes.put(least, found[0])
    planes.put(greatest, found[1])
    return found


def fill_extremes(flat: AnyArray, columns: slice, least: AnyArray, greatest: AnyArray) -> None:
    """Fill in the extreme steps of some columns of each plane.

    Parameters
    ----------
    flat : array of shape (outer, n, inner)
        Positions.
    columns : slice
        Range of the inner dimension.
    least, greatest : arrays of shape (outer, 1, inner)
        Receive the steps.
    """
    for o in range(len(flat)):
        extreme_steps(flat[o], columns.start, least[o, 0, columns], greatest[o, 0, columns])
