"""Any derivative of any column, with weights computed in the loop, cell by cell.

This is the only loop that can do everything, and the slowest: 0.1 to 0.2 µs per cell.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from xgrad._jit import compiled, quotient, times
from xgrad._typing import AnyArray
from xgrad.kernels.extreme_steps import is_good
from xgrad.kernels.in_order_compiled import less, product
from xgrad.kernels.layout import Planes
from xgrad.kernels.strips import NUMBERS, Loop, Parts, differentiate_ends, padded, work_dtype
from xgrad.kernels.three_points import (
    between,
    from_left,
    from_left_even,
    from_right,
    from_right_even,
)
from xgrad.stencils import fornberg
from xgrad.stencils.scheme import Scheme

# Cells that fit into a core's cache, with their halo and their results.
_CELLS_AT_ONCE = 2**17


@compiled
def _numpys(f: Any, h: Any, j: int, first: int, count: int, even: bool, minus: Any) -> Any:
    """Apply numpy's stencil of two or three cells, from row `first` of a column on."""
    h1 = h[first]
    if count == 2:
        return quotient(f[first + 1] - f[first], h1)
    h2 = h[first + 1]
    same = even and h1 == h2
    if first == j - 1:
        if same:
            return quotient(f[j + 1] - f[j - 1], h1 + h1)
        a, b, c = between(h1, h2)
    elif first == j:
        a, b, c = from_left_even(h1) if same else from_left(h1, h2)
    else:
        a, b, c = from_right_even(h1) if same else from_right(h1, h2)
    total = less(product(a, f[first]), b * minus, f[first + 1])
    return less(total, c * minus, f[first + 2])


@compiled
def _is_missing(steps: Any) -> bool:
    """Whether one of the outermost steps is NaN, because of a ghost of the boundary "nan"."""
    ends = steps[0] + steps[steps.size - 1]
    missing: bool = ends != ends  # noqa: PLR0124
    return missing


@compiled
def _extent(
    f: Any, h: Any, j: int, sign: int, limit: int, most: int, skipna: bool, longest: float, nan: int
) -> int:
    """Count the usable cells beside row `j` of a column, up to `most` and before `limit`.

    A step that is longer than `longest` is an edge.

    With `nan`, ghosts of the boundary "nan", whose steps are NaN, count as usable.  They are not
    gaps: a central stencil that reaches them gives NaN, and no one-sided stencil replaces it.
    """
    n = 0
    while n < most and j + sign * (n + 1) != limit:
        there = j + sign * (n + 1)
        step = h[there if sign < 0 else there - 1]
        if abs(step) > longest:
            break
        ghost = step != step  # noqa: PLR0124
        if (ghost and not nan) or (skipna and not ghost and f[there] != f[there]):
            break
        n += 1
    return n


@compiled
def _free(  # noqa: C901
    h: Any, lowest: Any, highest: Any, begin: int, end: int, order: int, half: int, edge: int,
    depth: int, numpys: bool, skipna: bool, longest: float, f: Any, out: Any,
) -> None:  # fmt: skip
    """Differentiate any column with a fitting stencil, whose weights are computed on the spot.

    `h` holds the steps between the rows of `f`; only the rows from `begin` to `end` exist.  The
    stencil is central if there are `half` valid cells on either side; otherwise it has up to
    `edge` cells and starts at the nearest gap.
    """
    table = np.empty((order + 1, 2 * depth + 2))
    x, scaled = np.empty(2 * depth + 2), np.empty(2 * depth + 2)
    for o in range(f.shape[0]):
        for i in range(f.shape[2]):
            q, k = o % h.shape[0], i if h.shape[2] > 1 else 0
            good = is_good(lowest[q, 0, k], highest[q, 0, k])
            even = lowest[q, 0, k] == highest[q, 0, k]
            cells, steps, scale = f[o, :, i], h[q, :, k], 1.0
            minus = -lowest[q, 0, k] / lowest[q, 0, k]  # -1, which the compiler does not know
            for j in range(depth, f.shape[1] - depth):
                out[o, j, i] = np.nan
                if not good or (skipna and cells[j] != cells[j]):
                    continue
                for nan in range(1, -1, -1):  # a literal would be compiled separately
                    below = _extent(cells, steps, j, -1, begin - 1, depth, skipna, longest, nan)
                    above = _extent(cells, steps, j, 1, end, depth, skipna, longest, nan)
                    if below >= half and above >= half:
                        break
                first, count = j - half, 2 * half + 1
                if below < half or above < half:
                    count = min(edge, below + above + 1)
                    first = j - below if below < half else j + above - count + 1
                if count <= order:
                    continue
                if _is_missing(steps[first : first + count - 1]):
                    out[o, j, i] = product(np.nan, out[o, j, i])  # both parts of a complex one
                    continue
                if numpys:
                    out[o, j, i] = _numpys(cells, steps, j, first, count, even, minus)
                    continue
                near = scaled[: count - 1]
                scale = fornberg.window(steps, j, first, near, x[:count], scale)
                fornberg.weights(near, x[:count], order, table)
                total = product(table[order, 0], cells[first])
                for m in range(1, count):
                    total = less(total, table[order, m] * minus, cells[first + m])
                for _ in range(order):
                    total = times(total, scale)
                out[o, j, i] = total


def loop_over(
    planes: Planes, parts: Parts, h: Callable[[int, int], AnyArray],
    extremes: tuple[AnyArray, AnyArray],
    scheme: Scheme, dtype: np.dtype[Any],
) -> tuple[Loop, Parts]:  # fmt: skip
    """Return the loop over any columns, and the rows to pass to it."""
    depth = scheme.reach
    below, f, above = (planes.view(part, dtype) for part in parts)
    n_below, end = below.shape[1], f.shape[1] + above.shape[1]

    def loop(cells: AnyArray, first: int, ends: AnyArray) -> None:
        _free(
            h(first, first + cells.shape[1]), extremes[0], extremes[1], max(0, -n_below - first),
            min(cells.shape[1], end - first), scheme.order, scheme.half, scheme.edge, depth,
            scheme.is_numpys, scheme.skipna, scheme.longest, cells, ends,
        )  # fmt: skip

    return loop, padded((below, f, above), depth)


def in_steps(parts: Parts, steps: AnyArray, axis: int, scheme: Scheme, out: AnyArray) -> None:
    """Any derivative over 1-D positions, with missing neighbours as edges.

    Parameters
    ----------
    parts : tuple of three arrays
        Up to ``scheme.depth`` cells below the block, the block, and as many above it.
    steps : array of shape (n + 2 * depth - 1,)
        Steps between neighbouring cells of the three arrays; arbitrary beyond an edge that has no
        ghosts.
    axis : int
        Axis of the block, not negative.
    scheme : Scheme
        Order and accuracy.
    out : array of the shape of the block
        Receives the derivative.
    """
    if out.size == 0:
        return
    planes = Planes.of(out, axis)
    dtype = work_dtype(out.dtype, NUMBERS)
    result = planes.result(out, dtype)
    uneven = np.ones((1, 1, 1)), np.full((1, 1, 1), 2.0)
    h = np.asarray(steps, np.float64).reshape(1, -1, 1)
    depth = scheme.reach
    loop, rows = loop_over(
        planes, parts, lambda start, stop: h[:, start + depth : stop + depth], uneven, scheme, dtype
    )
    # In parts of the cross-section, as each is copied with its halo.
    outer, n, inner = result.shape
    width = max(1, _CELLS_AT_ONCE // (n + 2 * depth))
    for k, i in itertools.product(range(0, outer, max(1, width // inner)), range(0, inner, width)):
        part = slice(k, k + max(1, width // inner)), slice(None), slice(i, i + width)
        own = rows[0][part], rows[1][part], rows[2][part]
        differentiate_ends(loop, [(0, n)], depth, own, result[part])
    planes.put(result, out)
