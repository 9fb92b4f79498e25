"""Weights for derivatives of any order at any positions, by Fornberg's algorithm."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from xgrad._jit import compiled

# Greatest exponent of a scale: that of the smallest float64 would not be a float64 itself.
_LARGEST = 1000

# How far from 1 a scaled step may be: a new scale takes as long as half the weights.
_NEAR = 2.0**-10

# Relative to the greatest weight of a stencil, and less than half a unit in its last place.
_NEGLIGIBLE = 2.0**-60

_TINY = float(np.finfo(np.float64).tiny)


@compiled
def weights(steps: Any, x: Any, order: int, table: Any) -> None:
    """Compute the weights of a derivative at 0, given the positions of the values.

    The weights are exact for polynomials up to degree ``x.size - 1``.  ``c[k, i, j]`` is the weight
    of point j for the derivative of order k if only the first i + 1 points are used::

        c[k, i, j] = (x[i] c[k, i-1, j] - k c[k-1, i-1, j]) / (x[i] - x[j])              j < i
        c[k, i, i] = w[i-2] / w[i-1] (k c[k-1, i-1, i-1] - x[i-1] c[k, i-1, i-1])
        w[i]       = (x[i] - x[0]) ... (x[i] - x[i-1])

    Parameters
    ----------
    steps : float64 array of shape (n - 1,)
        Distances from each position to the next.  ``x[i] - x[j]`` is the sum of those between: the
        difference of two close positions far from 0 would have lost their digits.
    x : float64 array of shape (n,)
        Distances from the cell to the cells of its stencil.
    order : int
        Order of the derivative, less than n.
    table : float64 array of shape (order + 1, n or more)
        Overwritten: ``table[order, :n]`` are the weights.

    References
    ----------
    B. Fornberg, "Generation of Finite Difference Formulas on Arbitrarily Spaced Grids",
    Mathematics of Computation 51 (184), 1988, pages 699 to 706.

    Examples
    --------
    >>> table = np.empty((3, 3))
    >>> weights(np.array([1.0, 1.0]), np.array([-1.0, 0.0, 1.0]), 2, table)
    >>> table[2]
    array([ 1., -2.,  1.])
    """
    table[:, : x.size] = 0.0
    table[0, 0] = 1.0
    w_before = 1.0
    for i in range(1, x.size):
        for k in range(order, -1, -1):
            lower = k * table[k - 1, i - 1] if k else 0.0
            table[k, i] = lower - x[i - 1] * table[k, i - 1]
        w, between = 1.0, 0.0
        for j in range(i - 1, -1, -1):
            between += steps[j]
            w *= between
            for k in range(order, -1, -1):
                lower = k * table[k - 1, j] if k else 0.0
                table[k, j] = (x[i] * table[k, j] - lower) / between
        if abs(w) < _TINY:  # steps too different for a common scale
            w = np.nan
        for k in range(order + 1):
            table[k, i] *= w_before / w
        w_before = w


@compiled
def window(all_steps: Any, cell: int, first: int, steps: Any, x: Any, scale: float) -> float:
    """Sum up the distances from a cell to the cells of its stencil, starting at the cell.

    The distances are scaled, because the products of many small or large ones would leave the
    range of float64.  The scale is a power of two, which changes no bit of the weights.

    Parameters
    ----------
    all_steps : float64 array
        ``all_steps[i]`` is the distance from position i to position i + 1.
    cell, first : int
        Index of the cell and of the first cell of the stencil, which holds the cell.
    steps : float64 array of shape (n - 1,)
        Overwritten with the scaled steps between the cells ``first, ..., first + n - 1``.
    x : float64 array of shape (n,)
        Overwritten with the scaled distances from the cell to these cells.
    scale : float
        That of another stencil, such as 1, which is kept if it fits.

    Returns
    -------
    float
        The scale, by which the longest step is near 1.

    Examples
    --------
    >>> steps, x = np.empty(2), np.empty(3)
    >>> window(np.array([1.0, 2.0, 4.0]) * 2.0**900, 1, 0, steps, x, 1.0) == 2.0**-902
    True
    >>> steps, x
    (array([0.25, 0.5 ]), array([-0.25,  0.  ,  0.5 ]))
    """
    longest = 0.0
    for i in range(steps.size):
        step = abs(all_steps[first + i])
        if step > longest:  # noqa: PLR1730  false for the NaN of a ghost
            longest = step
    if not _NEAR <= longest * scale <= 1 / _NEAR:
        scale = math.ldexp(1.0, -max(-_LARGEST, min(_LARGEST, math.frexp(longest)[1])))
    for i in range(steps.size):
        steps[i] = all_steps[first + i] * scale
    at = cell - first
    x[at] = 0.0
    for i in range(at, steps.size):
        x[i + 1] = x[i] + steps[i]
    for i in range(at - 1, -1, -1):
        x[i] = x[i + 1] - steps[i]
    return scale


@compiled
def unscaled(weight: float, scale: float, order: int, largest: float) -> float:
    """A weight for distances that are not scaled; infinite if float64 cannot hold it."""
    found = weight
    for _ in range(order):
        found *= scale
    back = found
    for _ in range(order):
        back /= scale
    # Weights that cancel to almost zero may lose digits.
    return found if abs(back - weight) <= largest * _NEGLIGIBLE else np.inf


@compiled
def fill(steps: Any, order: int, offset: int, first: Any, count: Any, out: Any) -> None:
    """Compute the weights of all cells along an axis.

    Parameters
    ----------
    steps : float64 array
        Distances between neighbouring positions, including ghosts.
    order : int
        Order of the derivative.
    offset : int
        Number of ghosts below the first cell.
    first, count : int arrays of shape (n,)
        For each cell, the first cell of its stencil, relative to the cell itself, and the number of
        cells of its stencil.
    out : float64 array of shape (widest, n)
        Overwritten with the weights, followed by zeros where `count` is less than `widest`.
        Weights that float64 cannot hold become infinite.  They are 1 where a step is NaN: so is
        the ghost beyond it, and weights of NaN would make it uncertain which NaN remains.

    Examples
    --------
    >>> out = np.empty((3, 1))
    >>> fill(np.array([1.0, 1.0]), 2, 1, np.array([-1]), np.array([3]), out)
    >>> out[:, 0]
    array([ 1., -2.,  1.])
    """
    table = np.empty((order + 1, out.shape[0]))
    x, h = np.empty(out.shape[0]), np.empty(out.shape[0])
    out[:, :] = 0.0
    scale = 1.0
    for i in range(first.size):
        n = count[i]
        scale = window(steps, offset + i, offset + i + first[i], h[: n - 1], x[:n], scale)
        weights(h[: n - 1], x[:n], order, table)
        ghosts = x[0] - x[n - 1]
        is_known = ghosts == ghosts  # noqa: PLR0124  false for the NaN of a ghost
        largest = 0.0
        for k in range(n):
            largest = max(largest, abs(table[order, k]))
        for k in range(n):
            weight = table[order, k]
            out[k, i] = unscaled(weight, scale, order, largest) if is_known else 1.0
