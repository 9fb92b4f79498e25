"""Compiled loops over rows: what those of row_folds and of products have in common."""

from __future__ import annotations

from typing import Any

import numpy as np

from xgrad._jit import compiled
from xgrad._typing import FIRST, LAST, STEP, WEIGHTS

#: Most terms of a compiled loop: as many as a Laplacian on a sphere with levels has.  Tuples of
#: varying length would be compiled for each length.
MOST_TERMS = 4

#: Cells of the rows that are processed together, whose lines stay in the fastest caches.
CELLS_AT_ONCE = 2**12

#: Planes whose rows with the same factors are processed one after another.
PLANES_AT_ONCE = 8

#: Kinds of term: no derivative; a derivative along the row; one across rows.
VALUES, ALONG, ACROSS = 0, 1, 2


# The loops run over flat memory with unsigned offsets.  Slicing a row out of an array changes a
# reference count twice, which takes as long as 50 cells; and a signed index is tested at each cell,
# because -1 means the last one.


@compiled
def divided(lo: Any, p: Any, hi: Any, q: Any, step: Any, out: Any, at: Any, size: int) -> None:
    """Difference quotients of `size` cells, from `p` and `q` on, into `out` from `at` on."""
    if step == 2:  # along an index; half is exact, and faster
        half = step / (step + step)
        for i in range(size):
            k = np.uint64(i)
            out[at + k] = (hi[q + k] - lo[p + k]) * half
    else:
        for i in range(size):
            k = np.uint64(i)
            out[at + k] = (hi[q + k] - lo[p + k]) / step


@compiled
def _weighted(
    a: Any, lo: Any, p: Any, b: Any, mid: Any, q: Any, c: Any, hi: Any, r: Any, out: Any, at: Any,
    size: int,
) -> None:  # fmt: skip
    for i in range(size):
        k = np.uint64(i)
        out[at + k] = a * lo[p + k] + b * mid[q + k] + c * hi[r + k]


@compiled
def weighted_by(
    weights: Any, a: Any, b: Any, c: Any, f: Any, p: Any, out: Any, at: Any, size: int
) -> None:
    """Weighted sum along a row; the weights of its cells start at `a`, `b` and `c`."""
    one, two = np.uint64(1), np.uint64(2)
    for i in range(size):
        k = np.uint64(i)
        out[at + k] = (
            weights[a + k] * f[p + k] + weights[b + k] * f[p + k + one]
            + weights[c + k] * f[p + k + two]
        )  # fmt: skip


@compiled
def _added(weight: Any, f: Any, p: Any, total: Any, size: int) -> None:
    for i in range(size):
        k = np.uint64(i)
        total[k] = total[k] + weight * f[p + k]


@compiled
def added_by(weights: Any, a: Any, f: Any, p: Any, total: Any, size: int) -> None:
    """Add one more weight times its cell; see :func:`weighted_by`."""
    for i in range(size):
        k = np.uint64(i)
        total[k] = total[k] + weights[a + k] * f[p + k]


@compiled
def settled(number: Any) -> Any:
    """A number; any NaN is positive and without payload, whichever NaN of several terms it is."""
    return number if number == number else np.nan  # noqa: PLR0124


@compiled
def copied(cells: Any, p: Any, out: Any, at: Any, size: int) -> None:
    """Copy cells from `p` on into `out` from `at` on."""
    for i in range(size):
        k = np.uint64(i)
        out[at + k] = cells[p + k]


@compiled
def scaled_by(
    factor: Any, a: Any, lines: Any, o: Any, total: Any, at: Any, is_first: bool, size: int
) -> None:
    """Add a line times its own factor in each cell."""
    if is_first:
        for i in range(size):
            k = np.uint64(i)
            total[at + k] = factor[a + k] * lines[o + k]
    else:
        for i in range(size):
            k = np.uint64(i)
            total[at + k] = total[at + k] + factor[a + k] * lines[o + k]


@compiled
def row(below: Any, f: Any, above: Any, where: Any, o: int, j: int, q: int, size: int) -> Any:
    """Find the array and offset of row `q` at cell `j` along the axis, in or beside the block.

    ``where[1:]`` holds the number of cells of the block along the axis, the rows from one cell to
    the next, and the numbers of cells below and above.
    """
    n, stride, n_below, n_above = where[1], where[2], where[3], where[4]
    if j < 0:
        return below, np.uint64(((o * n_below + n_below + j) * stride + q) * size)
    if j >= n:
        return above, np.uint64(((o * n_above + j - n) * stride + q) * size)
    return f, np.uint64(((o * n + j) * stride + q) * size)


@compiled
def entry(table: Any, n: int, row: int, j: int) -> Any:
    """The entry of a row of a table at cell `j`."""
    return table[np.uint64(row * n + j)]


@compiled
def reach(table: Any, n: int, j: int) -> Any:
    """First and last cell of the stencil of cell `j`, and the step of its quotient, or 0."""
    first, last = int(entry(table, n, FIRST, j)), int(entry(table, n, LAST, j))
    return j + first, j + last, entry(table, n, STEP, j)


@compiled
def weights(table: Any, n: int, j: int) -> Any:
    """The first three weights; unused ones are zero."""
    a, b = entry(table, n, WEIGHTS, j), entry(table, n, WEIGHTS + 1, j)
    return a, b, entry(table, n, WEIGHTS + 2, j)


@compiled
def is_like(table: Any, n: int, j: int, k: int) -> bool:
    """Whether two cells have the same difference quotient."""
    same = True
    for row in (FIRST, LAST, STEP):
        same = same and entry(table, n, row, j) == entry(table, n, row, k)
    return same


@compiled
def across(
    table: Any, below: Any, f: Any, above: Any, where: Any, rows: Any, size: int, wide: Any,
    lines: Any, at: Any,
) -> None:  # fmt: skip
    """Differentiate rows along an axis across them, into lines from `at` on."""
    n, stride = where[1], where[2]
    gap, zero = np.uint64(stride * size), np.uint64(0)
    together = 0  # rows that are done already
    for r in range(rows.start, rows.stop):
        if together > 0:
            together -= 1
            at += np.uint64(size)
            continue
        o, q, j = r // (n * stride), r % stride, (r // stride) % n
        first, last, step = reach(table, n, j)
        a, b, c = weights(table, n, j)
        p = np.uint64((r + (first - j) * stride) * size)
        if first >= 0 and last == first + 2 and last < n:  # the inside of any block
            if step != 0:
                # Rows with the same quotient are one long row.
                while (
                    stride == 1 and r + together + 1 < rows.stop and last + together + 1 < n
                    and is_like(table, n, j, j + together + 1)
                ):  # fmt: skip
                    together += 1
                divided(f, p, f, p + gap + gap, step, lines, at, (1 + together) * size)
            else:
                _weighted(a, f, p, b, f, p + gap, c, f, p + gap + gap, lines, at, size)
        elif step != 0:
            lo, p = row(below, f, above, where, o, first, q, size)
            hi, p_hi = row(below, f, above, where, o, last, q, size)
            divided(lo, p, hi, p_hi, step, lines, at, size)
        else:
            lo, p = row(below, f, above, where, o, first, q, size)
            mid, p_mid = row(below, f, above, where, o, first + 1, q, size)
            hi, p_hi = row(below, f, above, where, o, min(first + 2, last), q, size)
            _weighted(a, lo, p, b, mid, p_mid, c, hi, p_hi, wide, zero, size)
            for k in range(3, last - first + 1):
                lo, p = row(below, f, above, where, o, first + k, q, size)
                _added(entry(table, n, WEIGHTS + k, j), lo, p, wide, size)
            copied(wide, zero, lines, at, size)
        at += np.uint64(size)


@compiled
def _cell(below: Any, f: Any, above: Any, where: Any, r: int, j: int) -> Any:
    n, n_below, n_above = where[1], where[3], where[4]
    if j < 0:
        return below[np.uint64(r * n_below + n_below + j)]
    return above[np.uint64(r * n_above + j - n)] if j >= n else f[np.uint64(r * n + j)]


@compiled
def _ends(
    table: Any, below: Any, f: Any, above: Any, where: Any, rows: Any, j: int, lines: Any, at: Any
) -> None:
    """Differentiate cell `j` of each row along the row; its stencil may reach beyond."""
    n = where[1]
    first, last, step = reach(table, n, j)
    a, b, c = weights(table, n, j)
    if step != 0 and first >= 0 and last < n:
        # Without the search for each cell, which takes as long as a hundred other cells.
        one, other = np.uint64(rows.start * n + first), np.uint64(rows.start * n + last)
        here, gap = at + np.uint64(j), np.uint64(n)
        for _ in range(rows.start, rows.stop):
            lines[here] = (f[other] - f[one]) / step
            one, other, here = one + gap, other + gap, here + gap
        return
    for r in range(rows.start, rows.stop):
        here = at + np.uint64((r - rows.start) * n + j)
        lo = _cell(below, f, above, where, r, first)
        if step != 0:
            lines[here] = (_cell(below, f, above, where, r, last) - lo) / step
            continue
        mid = _cell(below, f, above, where, r, first + 1)
        total = a * lo + b * mid + c * _cell(below, f, above, where, r, min(first + 2, last))
        for k in range(3, last - first + 1):
            cell = _cell(below, f, above, where, r, first + k)
            total = total + entry(table, n, WEIGHTS + k, j) * cell
        lines[here] = total


@compiled
def along(
    table: Any, below: Any, f: Any, above: Any, where: Any, rows: Any, wide: Any, lines: Any,
    at: Any,
) -> None:  # fmt: skip
    """Differentiate rows along themselves; all but ``where[2]`` cells at either end are uniform."""
    n, half = where[1], where[2]
    size, columns, zero = n - 2 * half, np.uint64(n), np.uint64(0)
    inside, step = np.uint64(half), entry(table, n, STEP, min(half, n - 1))
    if size > 0 and step != 0:
        # All rows as one: what is wrong at their ends is written again below.
        cells, p = (rows.stop - rows.start) * n - 2 * half, np.uint64(rows.start * n)
        divided(f, p, f, p + inside + inside, step, lines, at + inside, cells)
    elif size > 0:
        a = np.uint64(WEIGHTS) * columns + inside
        b, c = a + columns, a + columns + columns
        for r in range(rows.start, rows.stop):
            p, here = np.uint64(r * n), at + np.uint64((r - rows.start) * n + half)
            if half == 1:
                weighted_by(table, a, b, c, f, p, lines, here, size)
                continue
            weighted_by(table, a, b, c, f, p, wide, zero, size)
            for k in range(3, 2 * half + 1):
                added_by(table, a + np.uint64(k) * columns, f, p + np.uint64(k), wide, size)
            copied(wide, zero, lines, here, size)
    for j in range(min(half, n)):
        _ends(table, below, f, above, where, rows, j, lines, at)
    for j in range(max(half, n - half), n):
        _ends(table, below, f, above, where, rows, j, lines, at)


@compiled
def rows_together(n_rows: int, period: int, count: int) -> Any:
    """First rows of groups of `count` rows, and the number of rows that groups are cut from.

    Groups with the same factors follow one another, some planes at a time, as those of all rows of
    a plane fall out of the cache before the next plane needs them.
    """
    if period < count:
        period = max(n_rows, 1)
    planes, each = n_rows // period, -(-period // count)
    firsts, k = np.empty(planes * each, np.int64), 0
    for block in range(0, planes, PLANES_AT_ONCE):
        for group in range(each):
            for plane in range(block, min(block + PLANES_AT_ONCE, planes)):
                firsts[k] = plane * period + group * count
                k += 1
    return firsts, period
