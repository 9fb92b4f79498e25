"""Steps between positions on a circle, such as longitudes that jump from 359 to 0 degrees.

A column of positions that goes around a circle jumps by a period somewhere.  Taking all its steps
upwards first (:func:`upwards`) shows in which direction it goes and whether it goes around once or
more (:func:`turns`); then the jumps can be taken out of its steps (:func:`around`).
"""

from __future__ import annotations

import numpy as np

from xgrad._typing import AnyArray


def upwards(differences: AnyArray, period: float) -> AnyArray:
    """Steps on a circle, all taken upwards: a negative one plus the period.

    Parameters
    ----------
    differences : array
        Differences of neighbouring positions, each less than a period.
    period : float
        The whole way around, in the unit of the positions.

    Returns
    -------
    array of the shape and dtype of `differences`

    Examples
    --------
    >>> upwards(np.array([10.0, -350.0]), 360.0)
    array([10., 10.])
    """
    whole = differences.dtype.type(period)
    steps: AnyArray = np.where(differences < 0, differences + whole, differences)
    return steps


def turns(
    least: AnyArray, greatest: AnyArray, total: AnyArray, count: int, period: float
) -> tuple[AnyArray, AnyArray]:
    """Smallest and largest step of each column; NaN for columns that go around once or more.

    Parameters
    ----------
    least, greatest, total : arrays of the same shape
        Minimum, maximum and sum of the steps of each column, from :func:`upwards`.
    count : int
        Number of steps of a column, at least 2.
    period : float
        The whole way around, in the unit of the positions.

    Returns
    -------
    tuple of two arrays
        Both positive where the column ascends, both negative where it descends, and both NaN
        where it repeats a position, turns back or goes around once or more.

    Examples
    --------
    >>> steps = upwards(np.diff([20.0, 10.0, 0.0, 350.0]), 360.0)
    >>> turns(steps.min(), steps.max(), steps.sum(), 3, 360.0)
    (np.float64(-10.0), np.float64(-10.0))
    """
    almost = period * (1 - 1e-6)
    up = (least > 0) & (total < almost)
    down = (least > 0) & (count * period - total < almost)
    shift = np.where(up, 0, np.where(down, -period, np.nan)).astype(np.asarray(least).dtype)
    return least + shift, greatest + shift


def around(differences: AnyArray, least: AnyArray, period: float | None) -> AnyArray:
    """Steps of columns on a circle without the jump by a period.

    Each step is corrected by itself.  If whole blocks of positions were shifted by a period
    instead, their rounding would depend on the chunks.

    Parameters
    ----------
    differences : array
        Differences of neighbouring positions, including the one across the seam.
    least : array that broadcasts against `differences`
        Smallest step of each column, from :func:`turns`: positive where the column ascends.
    period : float or None
        The whole way around, in the unit of the positions.  None: nothing is corrected.

    Returns
    -------
    array of the shape and dtype of `differences`

    Examples
    --------
    >>> around(np.diff([340.0, 350.0, 0.0, 10.0]), np.array([10.0]), 360.0)
    array([10., 10., 10.])
    """
    if period is None:
        return differences
    back, ahead = (least > 0) & (differences < 0), (least < 0) & (differences > 0)
    shift = np.where(back, period, np.where(ahead, -period, 0)).astype(differences.dtype)
    steps: AnyArray = np.where(back | ahead, differences + shift, differences)
    return steps
