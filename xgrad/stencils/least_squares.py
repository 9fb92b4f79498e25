"""Weights for derivatives of polynomials that are fitted to the cells around each cell.

The derivative of a polynomial fitted by least squares is a weighted sum of the values, as any
finite difference is; only the weights are others.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from xgrad._jit import compiled
from xgrad.stencils.fornberg import unscaled, window

# A polynomial that is shorter than this, relative to the one before, consists of rounding errors.
_NOTHING = 1e-10

# A distance that is nearer than this to the width, relative to it, is the width but for rounding
# errors: its weight would be rounding errors too, by which a polynomial must not be determined.
_AT_THE_WIDTH = 2e-9


@compiled
def _orthogonal(q: Any, at: Any, k: int, order: int) -> float:
    """Make polynomial `k` orthogonal to those before it, and return its length."""
    n, squares = q.shape[1], 0.0
    for _ in range(2):  # once leaves rounding errors of what is taken away
        for i in range(k):
            along = 0.0
            for j in range(n):
                along += q[k, j] * q[i, j]
            for j in range(n):
                q[k, j] -= along * q[i, j]
            for d in range(order + 1):
                at[d, k] -= along * at[d, i]
    for j in range(n):
        squares += q[k, j] * q[k, j]
    length: float = np.sqrt(squares)
    return length


@compiled
def basis(x: Any, counts: Any, polyorder: int, order: int, q: Any, at: Any) -> int:
    """Compute polynomials that are orthonormal on some positions, and their derivatives at 0.

    Each is the one before times the position, made orthogonal to all before it.  Unlike powers of
    the positions they are never nearly the same, so that no digits are lost however many cells
    there are (``test_weights_lose_no_digits``).

    Parameters
    ----------
    x : float64 array of shape (n,)
        Distances from the cell.
    counts : float64 array of shape (n,)
        How much each position counts: 0 if it is left out.
    polyorder : int
        Order of the last polynomial.
    order : int
        Order of the derivative.
    q : float64 array of shape (polyorder + 1, n)
        Overwritten with the polynomials, times the root of `counts`.
    at : float64 array of shape (order + 1, polyorder + 1)
        Overwritten with their derivatives at 0, of each order.

    Returns
    -------
    int
        How many polynomials there are: fewer than ``polyorder + 1`` if there are too few positions.

    References
    ----------
    P. D. Brubeck, Y. Nakatsukasa, L. N. Trefethen, "Vandermonde with Arnoldi", SIAM Review 63 (2),
    2021, pages 405 to 415.

    Examples
    --------
    >>> q, at = np.empty((2, 3)), np.empty((2, 2))
    >>> basis(np.array([-1.0, 0.0, 1.0]), np.ones(3), 1, 1, q, at)
    2
    >>> (at[1] @ q).round(12)
    array([-0.5,  0. ,  0.5])
    """
    n = x.size
    middle = 0.5 * (x[0] + x[n - 1])
    total = 0.0
    for j in range(n):
        total += counts[j]
    if not total > 0:
        return 0
    for j in range(n):
        q[0, j] = np.sqrt(counts[j] / total)
    at[:, 0] = 0.0
    at[0, 0] = 1 / np.sqrt(total)
    for k in range(1, polyorder + 1):
        before = 0.0
        for j in range(n):
            q[k, j] = (x[j] - middle) * q[k - 1, j]
            before += q[k, j] * q[k, j]
        for d in range(order + 1):
            lower = d * at[d - 1, k - 1] if d else 0.0
            at[d, k] = lower - middle * at[d, k - 1]
        length = _orthogonal(q, at, k, order)
        if not length > _NOTHING * np.sqrt(before):
            return k
        for j in range(n):
            q[k, j] /= length
        for d in range(order + 1):
            at[d, k] /= length
    return polyorder + 1


@compiled
def counted(x: Any, tricube: bool, width: float, counts: Any) -> None:
    """Compute how much each position counts by its distance from the cell.

    Parameters
    ----------
    x : float64 array of shape (n,)
        Distances from the cell.
    tricube : bool
        Whether a position counts by ``(1 - |x / width|³)³``, and not as much as any other.
    width : float
        Where that is 0; 0 for the distance of the farthest one.
    counts : float64 array of shape (n,)
        Overwritten.

    Examples
    --------
    >>> counts = np.empty(3)
    >>> counted(np.array([-1.0, 0.0, 2.0]), True, 0.0, counts)
    >>> counts.round(3)
    array([0.67, 1.  , 0.  ])
    """
    farthest = width
    if width == 0:
        for j in range(x.size):
            farthest = max(farthest, abs(x[j]))
    for j in range(x.size):
        near = 1.0
        if tricube:
            away = abs(x[j]) / farthest
            near = 1 - away * away * away if away <= 1 - _AT_THE_WIDTH else 0.0
        counts[j] = near * near * near


@compiled
def weights(x: Any, counts: Any, polyorder: int, order: int, q: Any, at: Any, out: Any) -> bool:
    """Compute the weights of a derivative at 0 of the polynomial that fits best.

    Parameters
    ----------
    x, counts, polyorder, order, q, at
        As for :func:`basis`.
    out : float64 array of shape (n,)
        Overwritten with the weights.

    Returns
    -------
    bool
        Whether the polynomial is determined; if not, the weights are NaN.

    Examples
    --------
    >>> q, at, out = np.empty((3, 5)), np.empty((1, 3)), np.empty(5)
    >>> weights(np.arange(-2.0, 3.0), np.ones(5), 2, 0, q, at, out)
    True
    >>> (out * 35).round(12)
    array([-3., 12., 17., 12., -3.])
    """
    if basis(x, counts, polyorder, order, q, at) <= polyorder:
        out[:] = np.nan
        return False
    for j in range(x.size):
        total = 0.0
        for k in range(polyorder + 1):
            total += q[k, j] * at[order, k]
        out[j] = total * np.sqrt(counts[j])
    return True


@compiled
def fill(
    steps: Any, order: int, polyorder: int, tricube: bool, width: float, offset: int, first: Any,
    count: Any, out: Any,
) -> None:  # fmt: skip
    """Compute the weights of all cells along an axis.

    Parameters
    ----------
    steps, order, offset, first, count, out
        As for :func:`xgrad.stencils.fornberg.fill`.
    polyorder : int
        Order of the polynomials.
    tricube, width
        As for :func:`counted`.

    Notes
    -----
    The weights are NaN where too few positions count.

    Examples
    --------
    >>> out = np.empty((5, 1))
    >>> where = np.array([-2]), np.array([5])
    >>> fill(np.ones(4), 1, 1, False, 0.0, 2, *where, out)
    >>> out[:, 0].round(12)
    array([-0.2, -0.1,  0. ,  0.1,  0.2])
    """
    widest = out.shape[0]
    x, h, counts, found = np.empty(widest), np.empty(widest), np.empty(widest), np.empty(widest)
    room, at = np.empty((polyorder + 1) * widest), np.empty((order + 1, polyorder + 1))
    out[:, :] = 0.0
    scale = 1.0
    for i in range(first.size):
        n, start = count[i], offset + i + first[i]
        if i > 0 and first[i] == first[i - 1] and n == count[i - 1]:
            same = True
            for k in range(n - 1):
                same = same and steps[start + k] == steps[start + k - 1]
            if same:  # as on most of an even axis
                for k in range(n):
                    out[k, i] = out[k, i - 1]
                continue
        scale = window(steps, offset + i, start, h[: n - 1], x[:n], scale)
        ghosts = x[0] - x[n - 1]
        if ghosts != ghosts:  # noqa: PLR0124  beyond the boundary "nan"
            out[:n, i] = 1.0
            continue
        counted(x[:n], tricube, width * scale, counts[:n])
        q = room[: (polyorder + 1) * n].reshape(polyorder + 1, n)
        if not weights(x[:n], counts[:n], polyorder, order, q, at, found[:n]):
            out[:n, i] = np.nan
            continue
        largest = 0.0
        for k in range(n):
            largest = max(largest, abs(found[k]))
        for k in range(n):
            out[k, i] = unscaled(found[k], scale, order, largest)


@compiled
def neighbours(steps: Any, offset: int, width: float, below: Any, above: Any) -> None:
    """Count the neighbours on either side that are at most `width` away.

    Parameters
    ----------
    steps : float64 array
        Distances between neighbouring positions, including ghosts.
    offset : int
        Number of ghosts below the first cell.
    width : float
        A distance.  A neighbour that is farther by no more than rounding errors counts.
    below, above : int arrays of shape (n,)
        Overwritten with the numbers for each cell.

    Examples
    --------
    >>> below, above = np.empty((2, 4), int)
    >>> neighbours(np.array([1.0, 1.0, 3.0]), 0, 2.0, below, above)
    >>> below, above
    (array([0, 1, 2, 0]), array([2, 1, 0, 0]))
    """
    limit = width * (1 + 1e-9)
    for i in range(below.size):
        at, n, away = offset + i, 0, 0.0
        while at - n > 0:
            away += abs(steps[at - n - 1])
            if away > limit:
                break
            n += 1
        below[i] = n
        n, away = 0, 0.0
        while at + n < steps.size:
            away += abs(steps[at + n])
            if away > limit:
                break
            n += 1
        above[i] = n
