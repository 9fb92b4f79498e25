"""Shares of standard errors: the coordinates of weights that several derivatives have in common.

See :class:`xgrad.stencils.scheme.Error`.

References
----------
G. H. Golub, C. F. Van Loan, *Matrix Computations* (2013), section 5.2.7: Gram-Schmidt.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from xgrad._jit import compiled
from xgrad.stencils import least_squares
from xgrad.stencils.scheme import OWN_CELL, VALUE, WHOLE

# Squares of lengths beyond these lose digits, or overflow.
_SMALL, _LARGE = 1e-280, 1e280


@compiled
def length(cells: Any) -> float:
    """Root of the sum of squares.

    Examples
    --------
    >>> length(np.array([3e200, 0.0]))
    3e+200
    """
    squares = 0.0
    for one in cells:
        squares += one * one
    if _SMALL < squares < _LARGE:
        found: float = np.sqrt(squares)
        return found
    largest = 0.0
    for one in cells:
        largest = max(largest, abs(one))
        if one != one:  # noqa: PLR0124
            return float(one)
    if not 0 < largest < np.inf:
        return largest
    squares = 0.0
    for one in cells:
        squares += (one / largest) * (one / largest)
    return largest * float(np.sqrt(squares))


@compiled
def highest(orders: Any) -> int:
    """The highest order."""
    found = 0
    for k in range(orders.size):
        found = max(found, int(orders[k]))
    return found


@compiled
def weights_of_all(
    x: Any, counts: Any, polyorder: int, orders: Any, q: Any, at: Any, out: Any
) -> bool:
    """Weights of several derivatives of one fit.

    Parameters
    ----------
    x, counts, polyorder, q
        As for :func:`xgrad.stencils.least_squares.weights`.
    orders : int array of shape (k,)
        Orders of the derivatives.
    at : float64 array of shape (at least the highest order + 1, polyorder + 1)
        Overwritten.
    out : float64 array of shape (k, n)
        Overwritten with the weights.

    Returns
    -------
    bool
        Whether the polynomial is determined.
    """
    is_known = True
    for k in range(orders.size):
        order = int(orders[k])
        is_known = least_squares.weights(
            x, counts, polyorder, order, q, at[: order + 1], out[k]
        ) and is_known  # fmt: skip
    return is_known


@compiled
def of_sources(weights: Any, alike: Any, noise: Any, out: Any) -> None:
    """Weights times noise, of ghosts added to those of the cells that they copy.

    Parameters
    ----------
    weights : float64 array of shape (k, n)
        Those of several derivatives.
    alike : array of shape (n,)
        For each cell the first one with the same value; -1 for a ghost that copies none.
    noise : float64 array of shape (n,)
        Standard deviations.
    out : float64 array of shape (k, n)
        Overwritten.
    """
    out[:, :] = 0.0
    for k in range(alike.size):
        if alike[k] >= 0:
            for i in range(len(weights)):
                out[i, int(alike[k])] += weights[i, k] * noise[k]


@compiled
def coordinate(rows: Any, own: int, share: int) -> float:
    """One coordinate of the last row, on axes along the own cell and along the rows before it.

    Parameters
    ----------
    rows : float64 array of shape (k, n)
        Weights times noise, those of the derivative last.  Overwritten.
    own : int
        Number of the cell itself.
    share : int
        See :class:`xgrad.stencils.scheme.Error`.

    Examples
    --------
    >>> rows = np.array([[2.0, 3.0, 0.0], [1.0, 5.0, 4.0]])
    >>> [coordinate(rows.copy(), 0, share) for share in (-1, 0, 1, 2)]
    [6.48074069840786, 1.0, 5.0, 4.0]
    """
    last = rows[len(rows) - 1]
    if share == WHOLE:
        return length(last)
    if share == VALUE:
        return 1.0
    if share == OWN_CELL:
        return float(last[own])
    rows[:, own] = 0.0
    for i in range(len(rows) - 1):
        away = length(rows[i])
        scale = away if away > 0 else 1.0
        for k in range(last.size):  # a quotient of whole rows would be compiled for seconds
            rows[i, k] /= scale
        for j in range(i + 1, len(rows)):
            along = 0.0
            for k in range(last.size):
                along += rows[i, k] * rows[j, k]
            for k in range(last.size):
                rows[j, k] -= along * rows[i, k]
        if share == i + 1:
            return along
    return length(last)
