"""First derivatives with missing neighbours as edges: numpy's stencil, compiled.

As in :mod:`xgrad.kernels.tabled`, a block is viewed as (outer, n, inner).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from xgrad._jit import compiled, quotient
from xgrad._typing import AnyArray, CoastalTable
from xgrad.kernels.layout import Planes
from xgrad.kernels.strips import (
    FLOATS,
    NUMBERS,
    Parts,
    differentiate_ends,
    padded,
    two_ends,
    work_dtype,
)

# Rows with fewer cells are differentiated a plane at a time, with weights repeated for each cell.
_SHORT_ROW = 32

# Cells that fit into a core's cache together with their results.
_CELLS_AT_ONCE = 2**16


@compiled
def of_near(
    a: Any, b: Any, c: Any, step: Any, left: Any, right: Any, lo: Any, mid: Any, hi: Any
) -> Any:
    """Central difference between two valid neighbours, quotient to the only valid one, or NaN."""
    has_lo, has_hi = lo == lo, hi == hi  # noqa: PLR0124  false for NaN
    rise = (hi if has_hi else mid) - (lo if has_lo else mid)
    both = has_lo and has_hi
    one_sided = right if has_hi else left
    value = quotient(rise, step if both and step != 0 else one_sided)
    if both and step == 0:
        value = a * lo + b * mid + c * hi
    return value if (mid == mid and (has_lo or has_hi)) else np.nan  # noqa: PLR0124


@compiled
def of_three(near: Any, a: Any, b: Any, c: Any, lo: Any, mid: Any, hi: Any, beyond: Any) -> Any:
    """Second-order stencil if its cells are valid and `beyond` is missing; otherwise `near`."""
    reaches = lo == lo and mid == mid and hi == hi and beyond != beyond  # noqa: PLR0124
    return a * lo + b * mid + c * hi if reaches else near


@compiled
def _coast_rows(table: Any, depth: int, f: Any, out: Any) -> None:
    for o in range(f.shape[0]):
        for j in range(depth, f.shape[1] - depth):
            w = table[:, j - depth]
            a, b, c, step, left, right = w[0], w[1], w[2], w[3], w[4], w[5]
            lo, mid, hi, row = f[o, j - 1], f[o, j], f[o, j + 1], out[o, j]
            if depth == 1:
                for i in range(row.size):
                    row[i] = of_near(a, b, c, step, left, right, lo[i], mid[i], hi[i])
            else:
                ll, hh = f[o, j - 2], f[o, j + 2]
                w6, w7, w8, w9, w10, w11 = w[6], w[7], w[8], w[9], w[10], w[11]
                for i in range(row.size):
                    near = of_near(a, b, c, step, left, right, lo[i], mid[i], hi[i])
                    near = of_three(near, w6, w7, w8, mid[i], hi[i], hh[i], lo[i])
                    row[i] = of_three(near, w9, w10, w11, ll[i], lo[i], mid[i], hi[i])


@compiled
def _gather(below: Any, f: Any, above: Any, j: int, i: int, cells: Any) -> None:
    """Collect cell `i` of row `j` of all planes; negative rows are below the block."""
    n, source, row = f.shape[1], f, j
    if j < 0:
        source, row = below, below.shape[1] + j
    elif j >= n:
        source, row = above, j - n
    for o in range(f.shape[0]):
        cells[o] = source[o, row, i]


@compiled
def _coast_ends(
    table: Any, depth: int, below: Any, f: Any, above: Any, j: int, cells: Any, out: Any
) -> None:
    """Differentiate row `j` of all planes at an end of the block, with `cells` as work space."""
    w, planes = table[:, j], f.shape[0]
    a, b, c, step, left, right = w[0], w[1], w[2], w[3], w[4], w[5]
    lo, mid, hi = cells[depth - 1, :planes], cells[depth, :planes], cells[depth + 1, :planes]
    ll, hh, found = cells[0, :planes], cells[2 * depth, :planes], cells[2 * depth + 1, :planes]
    for i in range(f.shape[2]):
        for k in range(2 * depth + 1):
            _gather(below, f, above, j + k - depth, i, cells[k])
        for o in range(planes):
            found[o] = of_near(a, b, c, step, left, right, lo[o], mid[o], hi[o])
        if depth == 2:
            for o in range(planes):
                near = of_three(found[o], w[6], w[7], w[8], mid[o], hi[o], hh[o], lo[o])
                found[o] = of_three(near, w[9], w[10], w[11], ll[o], lo[o], mid[o], hi[o])
        for o in range(planes):
            out[o, j, i] = found[o]


@compiled
def _coast_inside(w: Any, depth: int, f: Any, out: Any) -> None:
    """Differentiate the inside of each plane in one loop, with weights repeated for each cell."""
    inner = f.shape[2]
    reach, m = depth * inner, w.shape[1]
    for o in range(f.shape[0]):
        plane, row = f[o].reshape(-1), out[o].reshape(-1)[reach:]
        lo, mid, hi = plane[reach - inner :], plane[reach:], plane[reach + inner :]
        if depth == 1:
            for i in range(m):
                row[i] = of_near(
                    w[0, i], w[1, i], w[2, i], w[3, i], w[4, i], w[5, i], lo[i], mid[i], hi[i]
                )
        else:
            hh = plane[2 * reach :]
            for i in range(m):
                near = of_near(
                    w[0, i], w[1, i], w[2, i], w[3, i], w[4, i], w[5, i], lo[i], mid[i], hi[i]
                )
                near = of_three(near, w[6, i], w[7, i], w[8, i], mid[i], hi[i], hh[i], lo[i])
                row[i] = of_three(near, w[9, i], w[10, i], w[11, i], plane[i], lo[i], mid[i], hi[i])


@compiled
def _coast_planes(
    table: Any, wide: Any, depth: int, below: Any, f: Any, above: Any, out: Any
) -> None:
    """Differentiate planes of short rows; `wide` holds the weights of each cell inside a plane.

    As many planes as the cache holds are done at a time, with their ends: a second pass over all
    planes would fetch them again, which along the last axis takes half as long as the first pass.
    """
    n = f.shape[1]
    count = max(1, _CELLS_AT_ONCE // (n * f.shape[2]))
    cells = np.empty((2 * depth + 2, min(count, f.shape[0])), f.dtype)
    for first in range(0, f.shape[0], count):
        here = slice(first, min(first + count, f.shape[0]))
        for j in range(n):
            if j < depth or j >= n - depth:
                _coast_ends(table, depth, below[here], f[here], above[here], j, cells, out[here])
        if wide.shape[1]:
            _coast_inside(wide, depth, f[here], out[here])


def along_coasts(parts: Parts, table: CoastalTable, axis: int, depth: int, out: AnyArray) -> None:
    """First derivative with numpy's stencil and missing neighbours as edges.

    Parameters
    ----------
    parts : tuple of three arrays
        Up to `depth` cells below the block, the block, and as many above it.
    table : array of shape (12, n)
        The weights of the block's cells; see :data:`xgrad._typing.CoastalTable`.
    axis : int
        Axis of the block, not negative.
    depth : {1, 2}
        The `edge_order`, which is how many cells away a one-sided stencil reaches.
    out : array of the shape of the block
        Receives the derivative.
    """
    if out.size == 0:
        return
    planes = Planes.of(out, axis)
    dtype = work_dtype(out.dtype, NUMBERS)
    below, f, above = (planes.view(part, dtype) for part in parts)
    result = planes.result(out, dtype)
    common = np.result_type(f.real.dtype, table.dtype)
    of_cells = np.ascontiguousarray(table, work_dtype(common, FLOATS))
    n, inner = f.shape[1:]

    filled = padded((below, f, above), depth)
    if inner < _SHORT_ROW:
        wide = np.repeat(of_cells[:, depth : max(depth, n - depth)], inner, axis=1)
        _coast_planes(of_cells, wide, depth, *filled, result)
        planes.put(result, out)
        return

    def loop(cells: AnyArray, first: int, ends: AnyArray) -> None:
        here = np.ascontiguousarray(of_cells[:, first + depth : first + cells.shape[1] - depth])
        _coast_rows(here, depth, cells, ends)

    if n > 2 * depth:
        loop(f, 0, result)
    differentiate_ends(loop, two_ends(n, depth), depth, filled, result)
    planes.put(result, out)
