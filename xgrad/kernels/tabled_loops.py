"""Compiled loops over one block of memory, viewed as (outer, n, inner).

All weights but the first of a cell are negative here: see :mod:`xgrad.kernels.in_order`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from xgrad._jit import compiled, quotient
from xgrad._typing import FIRST, LAST, STEP, WEIGHTS, AnyArray, Table
from xgrad.kernels.in_order_compiled import less, product

# If rows have fewer cells than this, the loop runs over whole planes with weights repeated for each
# cell: a loop over, say, 3 colours takes less time than starting it.  With fewer planes than the
# second number, the repeated weights would be as large as the data.
_SHORT_ROW = 32
_MANY_PLANES = 32

# From this many rows on, the ends of planes are few enough to be written twice.
_MANY_ROWS = 16

# Cells that fit into a core's cache together with their neighbours.
_CELLS_AT_ONCE = 2**16

# Cells whose sum over a wide stencil fits into the fastest cache together with them.
_CELLS_OF_A_SUM = 2**11


@compiled
def place_of(below: Any, f: Any, above: Any, j: int) -> Any:
    """Find the array and index of row `j`: below the block if negative, above it from `n` on."""
    if j < 0:
        return below, below.shape[1] + j
    if j >= f.shape[1]:
        return above, j - f.shape[1]
    return f, j


@compiled
def _end_rows(table: Any, below: Any, f: Any, above: Any, j: int, out: Any) -> None:
    """Differentiate row `j` of all planes, whose stencil of up to three cells may reach beyond."""
    first, last = j + int(table[FIRST, j]), j + int(table[LAST, j])
    lo, j_lo = place_of(below, f, above, first)
    hi, j_hi = place_of(below, f, above, last)
    step = table[STEP, j]
    if step != 0:
        for o in range(f.shape[0]):
            for i in range(f.shape[2]):
                out[o, j, i] = quotient(hi[o, j_hi, i] - lo[o, j_lo, i], step)
        return
    mid, j_mid = place_of(below, f, above, first + 1)
    a, b, c = table[WEIGHTS, j], table[WEIGHTS + 1, j], table[WEIGHTS + 2, j]
    for o in range(f.shape[0]):
        for i in range(f.shape[2]):
            total = less(product(a, lo[o, j_lo, i]), b, mid[o, j_mid, i])
            out[o, j, i] = less(total, c, hi[o, j_hi, i])


@compiled
def _even(step: Any, f: Any, first: int, last: int, out: Any) -> None:
    """Differentiate the inside of some planes of even spacing.

    Here and below, memory is flat and offsets unsigned: slicing rows out of arrays takes up to half
    of the time, 5.1 ms instead of 2.7 ms for 6 million cells in rows of 80.  Planes of many rows
    are done in one run that includes their ends, which are overwritten afterwards.
    """
    n, inner = f.shape[1], f.shape[2]
    cells, total, one = f.reshape(-1), out.reshape(-1), np.uint64(inner)
    planes = last - first if n >= _MANY_ROWS else 1
    for o in range(first, last, planes):
        start = np.uint64((o * n + 1) * inner)
        for i in range((planes * n - 2) * inner):
            k = start + np.uint64(i)
            total[k] = quotient(cells[k + one] - cells[k - one], step)


@compiled
def _uneven_rows(table: Any, f: Any, first: int, last: int, out: Any) -> None:
    """Differentiate the inside of some planes of uneven spacing, row by row."""
    n, inner = f.shape[1], f.shape[2]
    cells, total, one = f.reshape(-1), out.reshape(-1), np.uint64(inner)
    for o in range(first, last):
        for j in range(1, n - 1):
            a, b, c = table[WEIGHTS, j], table[WEIGHTS + 1, j], table[WEIGHTS + 2, j]
            start = np.uint64((o * n + j) * inner)
            for i in range(inner):
                k = start + np.uint64(i)
                two = less(product(a, cells[k - one]), b, cells[k])
                total[k] = less(two, c, cells[k + one])


@compiled
def _uneven_cells(wide: Any, f: Any, first: int, last: int, out: Any) -> None:
    """The same for planes of short rows, in one loop over each; `wide` has a cell's weights."""
    n, inner = f.shape[1], f.shape[2]
    cells, total, one = f.reshape(-1), out.reshape(-1), np.uint64(inner)
    a, b, c = wide[0], wide[1], wide[2]
    for o in range(first, last):
        start = np.uint64((o * n + 1) * inner)
        for i in range(wide.shape[1]):
            j = np.uint64(i)
            k = start + j
            two = less(product(a[j], cells[k - one]), b[j], cells[k])
            total[k] = less(two, c[j], cells[k + one])


@compiled
def _differentiate(table: Any, wide: Any, below: Any, f: Any, above: Any, out: Any) -> None:
    """Differentiate a block, plane by plane if `wide` holds the weights of each cell of a plane.

    As many planes as the cache holds are done at a time: ends and inside are written separately,
    and a second pass over the whole block would fetch each of its pages again.
    """
    n = f.shape[1]
    count = max(1, _CELLS_AT_ONCE // (n * f.shape[2]))
    for first in range(0, f.shape[0], count):
        last = min(first + count, f.shape[0])
        if n > 2:
            if table[STEP, 1] != 0:
                _even(table[STEP, 1], f, first, last, out)
            elif wide.size:
                _uneven_cells(wide, f, first, last, out)
            else:
                _uneven_rows(table, f, first, last, out)
        here = slice(first, last)
        for j in range(0, n, max(1, n - 1)):  # a literal 0 would be compiled separately
            _end_rows(table, below[here], f[here], above[here], j, out[here])


@compiled
def _sum_row(
    weights: Any, cells: Any, first: int, gap: Any, line: Any, out: Any, at: int, size: int
) -> None:
    """``out[i] = w[0] * cells[i] - w[1] * cells[gap + i] - ...``, some cells at a time.

    Memory is flat: the row starts at `first` in `cells`, and at `at` in `out`.  Each pass over a
    part of it adds four cells of the stencil: a pass for each two took a third longer.
    """
    for start in range(0, size, line.size):
        n = min(line.size, size - start)
        p, to = np.uint64(first + start), np.uint64(at + start)
        q, r = p + gap, p + gap + gap
        a, b, c = weights[0], weights[1], weights[2]
        for i in range(n):
            j = np.uint64(i)
            line[j] = less(less(product(a, cells[p + j]), b, cells[q + j]), c, cells[r + j])
        last = r
        for k in range(3, weights.size - 3, 4):
            p, q = last + gap, last + gap + gap
            r, last = q + gap, q + gap + gap
            a, b, c, d = weights[k], weights[k + 1], weights[k + 2], weights[k + 3]
            for i in range(n):
                j = np.uint64(i)
                two = less(less(line[j], a, cells[p + j]), b, cells[q + j])
                line[j] = less(less(two, c, cells[r + j]), d, cells[last + j])
        if weights.size % 4 == 1:  # the number of cells of a central stencil is odd
            p, q = last + gap, last + gap + gap
            a, b = weights[weights.size - 2], weights[weights.size - 1]
            for i in range(n):
                j = np.uint64(i)
                line[j] = less(less(line[j], a, cells[p + j]), b, cells[q + j])
        for i in range(n):
            j = np.uint64(i)
            out[to + j] = line[j]


@compiled
def _sum_plane(wide: Any, plane: Any, inner: int, line: Any, out: Any) -> None:
    """Sum over the stencils of the cells of a plane; `wide` holds the weights of each cell."""
    for start in range(0, out.size, line.size):
        end = min(start + line.size, out.size)
        part, total = out[start:end], line[: end - start]
        a, b, c = wide[0, start:end], wide[1, start:end], wide[2, start:end]
        p, q = plane[start:end], plane[start + inner : end + inner]
        r = plane[start + 2 * inner : end + 2 * inner]
        for i in range(part.size):
            total[i] = less(less(product(a[i], p[i]), b[i], q[i]), c[i], r[i])
        for k in range(3, wide.shape[0], 2):  # a central stencil has an odd number of cells
            a, b = wide[k, start:end], wide[k + 1, start:end]
            p = plane[start + k * inner : end + k * inner]
            q = plane[start + (k + 1) * inner : end + (k + 1) * inner]
            for i in range(part.size):
                total[i] = less(less(total[i], a[i], p[i]), b[i], q[i])
        for i in range(part.size):
            part[i] = total[i]


@compiled
def _five_rows(table: Any, f: Any, first: int, last: int, out: Any) -> None:
    """Sum over the five cells around each cell of the inner rows of some planes.

    Memory is flat and offsets unsigned: slicing eight rows takes as long as 256 cells.
    """
    n, inner = f.shape[1], f.shape[2]
    cells, total = f.reshape(-1), out.reshape(-1)
    one, two = np.uint64(inner), np.uint64(2 * inner)
    for o in range(first, last):
        for j in range(2, n - 2):
            a, b, c = table[WEIGHTS, j], table[WEIGHTS + 1, j], table[WEIGHTS + 2, j]
            d, e = table[WEIGHTS + 3, j], table[WEIGHTS + 4, j]
            start = np.uint64((o * n + j) * inner)
            for i in range(inner):
                k = start + np.uint64(i)
                left = less(less(product(a, cells[k - two]), b, cells[k - one]), c, cells[k])
                total[k] = less(less(left, d, cells[k + one]), e, cells[k + two])


@compiled
def _five_cells(wide: Any, f: Any, first: int, last: int, out: Any) -> None:
    """The same for planes of short rows, in one loop over each; `wide` has a cell's weights."""
    n, inner = f.shape[1], f.shape[2]
    cells, total = f.reshape(-1), out.reshape(-1)
    one, two = np.uint64(inner), np.uint64(2 * inner)
    a, b, c, d, e = wide[0], wide[1], wide[2], wide[3], wide[4]
    for o in range(first, last):
        start = np.uint64((o * n + 2) * inner)
        for i in range(wide.shape[1]):
            j = np.uint64(i)
            k = start + j
            left = less(less(product(a[j], cells[k - two]), b[j], cells[k - one]), c[j], cells[k])
            total[k] = less(less(left, d[j], cells[k + one]), e[j], cells[k + two])


@compiled
def _sum_end_row(
    table: Any, below: Any, f: Any, above: Any, j: int, line: Any, out: Any
) -> None:  # fmt: skip
    """Sum over the stencil of row `j` of all planes, which may reach beyond the block."""
    first, last = j + int(table[FIRST, j]), j + int(table[LAST, j])
    for o in range(f.shape[0]):
        for start in range(0, f.shape[2], line.size):
            size = min(line.size, f.shape[2] - start)
            for k in range(first, last + 1):
                source, row = place_of(below, f, above, k)
                weight, cells = table[WEIGHTS + k - first, j], source[o, row, start:]
                if k == first:
                    for i in range(size):
                        line[i] = product(weight, cells[i])
                else:
                    for i in range(size):
                        line[i] = less(line[i], weight, cells[i])
            for i in range(size):
                out[o, j, start + i] = line[i]


@compiled
def _sum_end_cells(
    table: Any, below: Any, f: Any, above: Any, j: int, line: Any, out: Any
) -> None:  # fmt: skip
    """The same for many planes of short rows, cell by cell of a row."""
    first, last = j + int(table[FIRST, j]), j + int(table[LAST, j])
    for start in range(0, f.shape[0], line.size):
        size = min(line.size, f.shape[0] - start)
        for i in range(f.shape[2]):
            for k in range(first, last + 1):
                source, row = place_of(below, f, above, k)
                weight, cells = table[WEIGHTS + k - first, j], source[start:, row, i]
                if k == first:
                    for o in range(size):
                        line[o] = product(weight, cells[o])
                else:
                    for o in range(size):
                        line[o] = less(line[o], weight, cells[o])
            for o in range(size):
                out[start + o, j, i] = line[o]


@compiled
def _sum_stencils(  # noqa: C901, PLR0912
    table: Any, wide: Any, half: int, short: bool, below: Any, f: Any, above: Any, line: Any,
    out: Any,
) -> None:  # fmt: skip
    """Differentiate a block with stencils of more than three cells: `half` on either side.

    `wide` has the weights of each cell of a plane if rows are short; those of one if all rows have
    the same; and otherwise none.
    """
    n, inner = f.shape[1], f.shape[2]
    cells, total, gap = f.reshape(-1), out.reshape(-1), np.uint64(inner)
    count = max(1, _CELLS_AT_ONCE // (n * inner))
    central = 2 * half + 1
    for first in range(0, f.shape[0], count):
        here = slice(first, min(first + count, f.shape[0]))
        for j in range(n):
            if half <= j < n - half:
                continue
            if short:
                _sum_end_cells(table, below[here], f[here], above[here], j, line, out[here])
            else:
                _sum_end_row(table, below[here], f[here], above[here], j, line, out[here])
        if half == 2:
            if wide.size:
                _five_cells(wide, f, here.start, here.stop, out)
            else:
                _five_rows(table, f, here.start, here.stop, out)
            continue
        for o in range(here.start, here.stop):
            start, size = o * n * inner, (n - 2 * half) * inner
            inside = start + half * inner
            if wide.shape[1] == 1:
                _sum_row(wide[:, 0], cells, start, gap, line, total, inside, size)
            elif wide.size:
                plane = cells[start : start + n * inner]
                _sum_plane(wide, plane, inner, line, total[inside : inside + size])
            else:
                for j in range(n - 2 * half):
                    weights = table[WEIGHTS : WEIGHTS + central, j + half]
                    at = j * inner
                    _sum_row(weights, cells, start + at, gap, line, total, inside + at, inner)


def differentiate(
    table: Table, below: AnyArray, f: AnyArray, above: AnyArray, out: AnyArray
) -> None:
    """Differentiate a block of a compiled dtype.

    Parameters
    ----------
    table : array of shape (3 + w, n)
        The stencils of the block's cells; see :data:`xgrad._typing.Table`.
    below, f, above : arrays of shape (outer, ..., inner)
        Read-only and contiguous.
    out : array of the shape of `f`
        Receives the derivative.

    Examples
    --------
    >>> f = np.array([0.0, 1.0, 4.0]).reshape(1, 3, 1)
    >>> f.flags.writeable = False
    >>> table = np.array([[0.0, -1, -1], [1, 1, 0], [1, 2, 1], [0, 0, 0], [0, 0, 0], [0, 0, 0]])
    >>> differentiate(table, f[:, :0], f, f[:, :0], out := np.empty((1, 3, 1)))
    >>> out.ravel()
    array([1., 2., 3.])
    """
    outer, n, inner = f.shape
    first, last = table[FIRST].astype(np.intp), table[LAST].astype(np.intp)
    cell = np.arange(below.shape[1], below.shape[1] + n)
    # Compiled code does not check indices: a halo that is too thin would read foreign memory.
    assert (cell + first).min() >= 0
    assert (cell + last).max() < below.shape[1] + n + above.shape[1]
    # float32 weights of float64 data are exact in float64, which saves compiling a variant.
    common = np.result_type(f.real.dtype, table.dtype)
    three, widest = len(table) == WEIGHTS + 3, 1 + int((last - first).max())
    table = np.array(table[: WEIGHTS + max(3, widest)], common, order="C")
    table[WEIGHTS + 1 :] *= -1
    table.flags.writeable = False
    half = int(last[first == -last].max(initial=0))
    inside = slice(half, max(half, n - half))
    if not three and ((first[inside] != -half).any() or (last[inside] != half).any()):
        half = 0  # a fit to the cells that are near enough
    short = inner == 1 or (inner < _SHORT_ROW and outer >= _MANY_PLANES)
    inside = slice(half, n - half) if half else slice(0, 0)
    wide = table[WEIGHTS : WEIGHTS + 2 * half + 1, inside]
    if half > 2 and wide.shape[1] > 0 and bool((wide == wide[:, :1]).all()):
        wide = np.ascontiguousarray(wide[:, :1])
    else:
        wide = np.repeat(wide, inner if short else 0, axis=1)
    wide.flags.writeable = False  # as `table` is: one compiled variant serves both
    if three:
        _differentiate(table, wide, below, f, above, out)
    else:
        line = np.empty(_CELLS_OF_A_SUM, np.result_type(f.dtype, table.dtype))
        _sum_stencils(table, wide, half or n, short, below, f, above, line, out)
