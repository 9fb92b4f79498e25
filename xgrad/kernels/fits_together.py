"""Weights of many windows on the same positions, of which different cells are missing.

The windows are computed side by side, as lanes of flat arrays: line `k` of an array has the number
`k` of each lane.  So a processor computes several at once, whatever is missing in each.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from xgrad._jit import compiled
from xgrad.kernels.in_order_compiled import less
from xgrad.stencils import fornberg, least_squares

#: Most windows that are computed side by side.
LANES = 128

#: Lines that one loop over the lanes adds; arrays have a multiple of so many.
TERMS = 4

# If the missing cells leave less than this of a polynomial, it is computed again from the others.
_LITTLE = 0.01

_LINE, _START = np.uint64(LANES), np.uint64(0)


@compiled
def prepared(
    steps: Any, first: int, order: int, tricube: bool, width: float, x: Any, counts: Any, q: Any,
    squares: Any, at: Any,
) -> float:  # fmt: skip
    """Compute the polynomials of a window of which no cell is missing.

    Parameters
    ----------
    steps : float64 array of shape (n - 1,)
        Distances between its cells.
    first : int
        Its first cell, relative to its own cell.
    order, tricube, width
        As for :func:`xgrad.stencils.least_squares.fill`.
    x : float64 array of shape (n,)
        Overwritten with the scaled distances from the own cell.
    counts : float64 array of shape (n or more,)
        Overwritten with how much each cell counts, then zeros.
    q : float64 array of shape (n or more, p or more)
        Overwritten with the orthonormal polynomials at the cells, among zeros.
    squares : float64 array of shape (p (p + 1) / 2 or more, n or more)
        Overwritten with the products of each of them with those up to itself, among zeros.
    at : float64 array of shape (p,)
        Overwritten with their derivatives at the own cell.

    Returns
    -------
    float
        The scale of the positions; 0 if the cells are too few, or reach a ghost of the boundary
        "nan".
    """
    n, size, row = x.size, at.size, 0
    scale = fornberg.window(steps, -first, 0, np.empty(steps.size), x, 1.0)
    if n < size or np.isnan(x[-1] - x[0]):
        return 0.0
    counts[:] = 0.0
    least_squares.counted(x, tricube, width * scale, counts[:n])
    own, its = np.empty((size, n)), np.empty((order + 1, size))
    if least_squares.basis(x, counts[:n], size - 1, order, own, its) < size:
        return 0.0
    q[:, :], squares[:, :] = 0.0, 0.0
    for a in range(size):
        at[a] = its[order, a]
        for k in range(n):
            q[k, a] = own[a, k]
        for b in range(a + 1):
            for k in range(n):
                squares[row, k] = own[a, k] * own[b, k]
            row += 1
    return scale


@compiled
def _begin(lines: Any, start: float, factors: Any, total: Any, at: Any, lanes: int) -> None:
    """Compute a line: a number and the first four lines times their factors, one after another."""
    q, r = _LINE, _LINE + _LINE
    s = r + _LINE
    a, b, c, d = factors
    for i in range(lanes):
        j = np.uint64(i)
        two = start + lines[j] * a + lines[q + j] * b
        total[at + j] = two + lines[r + j] * c + lines[s + j] * d


@compiled
def _add(lines: Any, k: int, factors: Any, total: Any, at: Any, lanes: int) -> None:
    """Add four lines from line `k` on times their factors, one after another, to another line."""
    p = np.uint64(k) * _LINE
    q, r = p + _LINE, p + _LINE + _LINE
    s = r + _LINE
    a, b, c, d = factors
    for i in range(lanes):
        j = np.uint64(i)
        two = total[at + j] + lines[p + j] * a + lines[q + j] * b
        total[at + j] = two + lines[r + j] * c + lines[s + j] * d


@compiled
def _set(total: Any, at: Any, number: float, lanes: int) -> None:
    for i in range(lanes):
        total[at + np.uint64(i)] = number


@compiled
def _subtract(
    one: Any, p: Any, other: Any, q: Any, total: Any, at: Any, lanes: int
) -> None:  # fmt: skip
    """Subtract the product of two lines from another one."""
    for i in range(lanes):
        j = np.uint64(i)
        total[at + j] -= one[p + j] * other[q + j]


@compiled
def _subtract_squares(gone: Any, squares: Any, total: Any, lanes: int) -> None:
    """Subtract what is missing from the products of the polynomials, two products at once."""
    for row in range(0, squares.shape[0], 2):
        at, to = np.uint64(row) * _LINE, np.uint64(row + 1) * _LINE
        one, other = squares[row], squares[row + 1]
        for k in range(0, one.size, TERMS):
            a, b, c, d = one[k], one[k + 1], one[k + 2], one[k + 3]
            e, f, g, h = other[k], other[k + 1], other[k + 2], other[k + 3]
            p = np.uint64(k) * _LINE
            q, r = p + _LINE, p + _LINE + _LINE
            s = r + _LINE
            for i in range(lanes):
                j = np.uint64(i)
                k1, k2, k3, k4 = gone[p + j], gone[q + j], gone[r + j], gone[s + j]
                total[at + j] = total[at + j] - k1 * a - k2 * b - k3 * c - k4 * d
                total[to + j] = total[to + j] - k1 * e - k2 * f - k3 * g - k4 * h


@compiled
def _eliminate(low: Any, high: Any, least: Any, y: Any, size: int, lanes: int) -> None:
    """Factorise the matrix, whose lower triangle is in `high`, and solve for the lower factor."""
    for a in range(size):
        own, up = np.uint64(a) * _LINE, a * (a + 1) // 2
        for b in range(a + 1):
            here, before = np.uint64(up + b) * _LINE, np.uint64(b) * _LINE
            down = b * (b + 1) // 2
            for c in range(b):
                one, other = np.uint64(up + c) * _LINE, np.uint64(down + c) * _LINE
                _subtract(high, one, low, other, high, here, lanes)
            if a == b:
                for i in range(lanes):
                    j = np.uint64(i)
                    least[j] = min(least[j], high[here + j])
                    high[here + j] = 1 / high[here + j]
            else:
                diagonal = np.uint64(down + b) * _LINE
                for i in range(lanes):
                    j = np.uint64(i)
                    low[here + j] = high[here + j] * high[diagonal + j]
                    y[own + j] -= low[here + j] * y[before + j]


@compiled
def _solve(
    squares: Any, gone: Any, at: Any, low: Any, high: Any, least: Any, y: Any, lanes: int
) -> None:  # fmt: skip
    """Find the derivatives if some cells are missing, in the polynomials of all cells.

    The products of the polynomials over the cells that are there are those over all, which are 1
    or 0, less those over the missing ones.  So a fit is a system of a few equations.

    The matrix is ``low @ high.T``, where `low` has ones on its diagonal; that of `high` is stored
    inverted.  `least` receives its least element: if that is small, digits are lost.
    """
    size = at.size
    _set(least, _START, 1.0, lanes)
    for row in range(squares.shape[0]):
        _set(high, np.uint64(row) * _LINE, 0.0, lanes)
    for a in range(size):
        _set(high, np.uint64(a * (a + 1) // 2 + a) * _LINE, 1.0, lanes)
        _set(y, np.uint64(a) * _LINE, at[a], lanes)
    _subtract_squares(gone, squares, high, lanes)
    _eliminate(low, high, least, y, size, lanes)
    for a in range(size - 1, -1, -1):
        own, diagonal = np.uint64(a) * _LINE, np.uint64(a * (a + 1) // 2 + a) * _LINE
        for i in range(lanes):
            j = np.uint64(i)
            y[own + j] *= high[diagonal + j]
        for c in range(a + 1, size):
            here = np.uint64(c * (c + 1) // 2 + a) * _LINE
            _subtract(low, here, y, np.uint64(c) * _LINE, y, own, lanes)


@compiled
def _by_itself(
    x: Any, counts: Any, gone: Any, lane: int, polyorder: int, order: int, found: Any
) -> None:
    """Compute the weights of one window from its own polynomials; NaN if its cells are too few."""
    n, usable = x.size, 0
    own, its = np.zeros(n), np.full(n, np.nan)
    for k in range(n):
        if gone[k * LANES + lane] == 0 and counts[k] > 0:
            own[k] = counts[k]
            usable += 1
    if usable > polyorder:
        q, at = np.empty((polyorder + 1, n)), np.empty((order + 1, polyorder + 1))
        least_squares.weights(x, own, polyorder, order, q, at, its)
    for k in range(n):
        found[k * LANES + lane] = its[k]


@compiled
def weigh(
    x: Any, counts: Any, q: Any, squares: Any, at: Any, order: int, gone: Any, found: Any,
    lanes: int,
) -> None:  # fmt: skip
    """Compute the weights of windows of which some cells are missing.

    Parameters
    ----------
    x, counts, q, squares, at, order
        As :func:`prepared` leaves them.
    gone : float64 array
        Lines of 1 where a cell is missing, and 0 elsewhere.
    found : float64 array
        Lines that are overwritten with the weights of the cells, NaN if those that are there are
        too few.  The weights of missing cells mean nothing.
    lanes : int
        Number of windows.
    """
    n, size = x.size, at.size
    low, high = np.empty(squares.shape[0] * LANES), np.empty(squares.shape[0] * LANES)
    least, left, y = np.empty(LANES), np.empty(LANES), np.empty(q.shape[1] * LANES)
    for a in range(size, q.shape[1]):
        _set(y, np.uint64(a) * _LINE, 0.0, lanes)
    _solve(squares, gone, at, low, high, least, y, lanes)
    for k in range(n):
        here, root = np.uint64(k) * _LINE, np.sqrt(counts[k])
        _begin(y, 0.0, (q[k, 0], q[k, 1], q[k, 2], q[k, 3]), found, here, lanes)
        for a in range(TERMS, q.shape[1], TERMS):
            _add(y, a, (q[k, a], q[k, a + 1], q[k, a + 2], q[k, a + 3]), found, here, lanes)
        if root != 1:
            for i in range(lanes):
                found[here + np.uint64(i)] *= root
    usable = counts > 0
    _set(left, _START, 1.0 * usable.sum(), lanes)
    for k in range(0, counts.size, TERMS):
        one, two, three, four = usable[k], usable[k + 1], usable[k + 2], usable[k + 3]
        _add(gone, k, (-1.0 * one, -1.0 * two, -1.0 * three, -1.0 * four), left, _START, lanes)
    for lane in range(lanes):
        if left[lane] < size or not least[lane] >= _LITTLE:
            _by_itself(x, counts, gone, lane, size - 1, order, found)


@compiled
def sums(
    weights: Any, cells: Any, gone: Any, n: int, minus: float, total: Any, lanes: int
) -> None:  # fmt: skip
    """Sum over the cells of windows that are there, times their weights.

    Parameters
    ----------
    weights, gone
        As for :func:`weigh`.
    cells : array
        Lines of the cells; those of missing cells mean nothing.
    n : int
        Number of cells of each window.
    minus : float
        -1, which the compiler must not know; see :mod:`xgrad.kernels.in_order_compiled`.
    total : array of shape (LANES or more,)
        Overwritten with the sums.
    lanes : int
        Number of windows.
    """
    for i in range(lanes):
        total[i] = -0.0  # which leaves the sign of a zero that is added to it
    for k in range(n):
        here = np.uint64(k) * _LINE
        for i in range(lanes):
            j = np.uint64(i)
            more = less(total[j], weights[here + j] * minus, cells[here + j])
            total[j] = more if gone[here + j] == 0 else total[j]
