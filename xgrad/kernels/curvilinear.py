"""Loops in which a cell's stencil depends on its own column: coasts, and positions of any shape.

As in :mod:`.tabled` a block is (outer, n, inner).  The loops here take arrays that have
``depth`` more rows at either end than are differentiated: at the ends of a block these are strips
cut from it and its halo, so that the block itself is not copied.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from xgrad._jit import compiled, quotient
from xgrad._typing import AnyArray, CoastalTable
from xgrad.kernels.layout import Planes
from xgrad.stencils import circle, fornberg
from xgrad.stencils import closed_form as weights
from xgrad.stencils.scheme import Scheme

_FLOATS = frozenset(np.dtype(code) for code in "fd")
_NUMBERS = _FLOATS | frozenset(np.dtype(code) for code in "FD")

#: Cells below a block, the block, and cells above it.
Parts: TypeAlias = tuple[AnyArray, AnyArray, AnyArray]

# Where the cells of a row are fewer, one loop goes over a plane with the weights of each cell.
_SHORT_ROW = 32

# Cells that fit into a core's cache together with what they are made of.
_CELLS_AT_ONCE = 2**16

# Cells of a row that are differentiated before those of the next: longer rows of positions fall out
# of the cache before the third row that needs them.
_CELLS_OF_A_ROW = 2**12

# Columns whose extreme steps are looked for at once.
_CELLS_OF_EXTREMES = 2**13

#: ``loop(cells, first, out)`` differentiates all rows of `cells` but ``depth`` at either end into
#: the same rows of `out`; `first` is the row of the block that row 0 of `cells` is.
_Loop: TypeAlias = Callable[[AnyArray, int, AnyArray], None]


@compiled
def _near(
    a: Any, b: Any, c: Any, step: Any, left: Any, right: Any, lo: Any, mid: Any, hi: Any
) -> Any:
    """Between two valid neighbours as ever, at one of them the quotient to it."""
    has_lo, has_hi = lo == lo, hi == hi  # noqa: PLR0124  what is not itself is NaN
    rise = (hi if has_hi else mid) - (lo if has_lo else mid)
    both = has_lo and has_hi
    one_sided = right if has_hi else left
    value = quotient(rise, step if both and step != 0 else one_sided)
    if both and step == 0:
        value = a * lo + b * mid + c * hi
    return value if (mid == mid and (has_lo or has_hi)) else np.nan  # noqa: PLR0124


@compiled
def _weighed(near: Any, a: Any, b: Any, c: Any, lo: Any, mid: Any, hi: Any, beyond: Any) -> Any:
    """Second order where two valid cells lie inside and `beyond` is missing, else as `near`."""
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
                    row[i] = _near(a, b, c, step, left, right, lo[i], mid[i], hi[i])
            else:
                ll, hh = f[o, j - 2], f[o, j + 2]
                w6, w7, w8, w9, w10, w11 = w[6], w[7], w[8], w[9], w[10], w[11]
                for i in range(row.size):
                    near = _near(a, b, c, step, left, right, lo[i], mid[i], hi[i])
                    near = _weighed(near, w6, w7, w8, mid[i], hi[i], hh[i], lo[i])
                    row[i] = _weighed(near, w9, w10, w11, ll[i], lo[i], mid[i], hi[i])


@compiled
def _gather(below: Any, f: Any, above: Any, j: int, i: int, cells: Any) -> None:
    """Cell `i` of row `j` of all planes, counted in the block: negative rows lie below it."""
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
    """Differentiate row `j` of all planes, at an end of the block; `cells` collects them."""
    w, planes = table[:, j], f.shape[0]
    a, b, c, step, left, right = w[0], w[1], w[2], w[3], w[4], w[5]
    lo, mid, hi = cells[depth - 1, :planes], cells[depth, :planes], cells[depth + 1, :planes]
    ll, hh, found = cells[0, :planes], cells[2 * depth, :planes], cells[2 * depth + 1, :planes]
    for i in range(f.shape[2]):
        for k in range(2 * depth + 1):
            _gather(below, f, above, j + k - depth, i, cells[k])
        for o in range(planes):
            found[o] = _near(a, b, c, step, left, right, lo[o], mid[o], hi[o])
        if depth == 2:
            for o in range(planes):
                near = _weighed(found[o], w[6], w[7], w[8], mid[o], hi[o], hh[o], lo[o])
                found[o] = _weighed(near, w[9], w[10], w[11], ll[o], lo[o], mid[o], hi[o])
        for o in range(planes):
            out[o, j, i] = found[o]


@compiled
def _coast_inside(w: Any, depth: int, f: Any, out: Any) -> None:
    """The inside of each plane in one loop, with the weights of each cell."""
    inner = f.shape[2]
    reach, m = depth * inner, w.shape[1]
    for o in range(f.shape[0]):
        plane, row = f[o].reshape(-1), out[o].reshape(-1)[reach:]
        lo, mid, hi = plane[reach - inner :], plane[reach:], plane[reach + inner :]
        if depth == 1:
            for i in range(m):
                row[i] = _near(
                    w[0, i], w[1, i], w[2, i], w[3, i], w[4, i], w[5, i], lo[i], mid[i], hi[i]
                )
        else:
            hh = plane[2 * reach :]
            for i in range(m):
                near = _near(
                    w[0, i], w[1, i], w[2, i], w[3, i], w[4, i], w[5, i], lo[i], mid[i], hi[i]
                )
                near = _weighed(near, w[6, i], w[7, i], w[8, i], mid[i], hi[i], hh[i], lo[i])
                row[i] = _weighed(near, w[9, i], w[10, i], w[11, i], plane[i], lo[i], mid[i], hi[i])


@compiled
def _coast_planes(
    table: Any, wide: Any, depth: int, below: Any, f: Any, above: Any, out: Any
) -> None:
    """The same where rows are short; `wide` holds the weights of each cell inside a plane.

    Some planes at a time, as many as a cache holds, with their ends: a second pass over all of them
    would fetch each a second time, which along the last axis takes half as long as the first one.
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


@compiled
def _is_good(least: Any, greatest: Any) -> bool:
    """Whether all steps of a column have one sign, none is NaN, and none leads to infinity."""
    good: bool = (least > 0 or greatest < 0) and greatest - least < np.inf
    return good


@compiled
def _between_row(
    x: Any, p: Any, gap: Any, lowest: Any, highest: Any, plain: bool, f: Any, r: Any, out: Any,
    size: int,
) -> None:  # fmt: skip
    """Cells between two neighbours, each with positions of its own, in flat memory.

    `p` and `r` are where the positions and the cells of the row begin, and `gap` the way to the
    neighbours': to cut rows out of the arrays would take as long as half of the arithmetic.
    `lowest` and `highest` are the extreme steps of each column, or of the one column that the row
    is cut from; `plain` says that no column is even or bad.
    """
    for i in range(size):
        k = np.uint64(i)
        x0, x1, x2 = x[p - gap + k], x[p + k], x[p + gap + k]
        h1, h2 = x1 - x0, x2 - x1
        a = -h2 / (h1 * (h1 + h2))
        b = (h2 - h1) / (h1 * h2)
        c = h1 / (h2 * (h1 + h2))
        out[r + k] = a * f[r - gap + k] + b * f[r + k] + c * f[r + gap + k]
    if plain:
        return
    for i in range(size):
        k = np.uint64(i)
        column = i if lowest.size > 1 else 0
        first, last = lowest[column], highest[column]
        x0, x1, x2 = x[p - gap + k], x[p + k], x[p + gap + k]
        if not _is_good(first, last):
            out[r + k] = np.nan
        elif first == last and x1 - x0 == first and x2 - x1 == first:
            out[r + k] = quotient(f[r + gap + k] - f[r - gap + k], first + first)


@compiled
def _extreme_steps(x: Any, start: int, least: Any, greatest: Any) -> None:
    """Least and greatest step of columns of one plane from `start` on, NaN where one is NaN."""
    least[:], greatest[:] = np.inf, -np.inf
    # Some columns at a time: what is kept of many would fall out of the cache from row to row.
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
                # Not min and max, whose rules for NaN take as long again.
                lows[i] = step if step < lows[i] else lows[i]  # noqa: FURB136
                highs[i] = step if step > highs[i] else highs[i]  # noqa: FURB136
                nans[i] += step - step  # zero, or NaN for good
        for i in range(lows.size):
            lows[i], highs[i] = lows[i] + nans[i], highs[i] + nans[i]


@compiled
def _single_column(x: Any, least: Any, greatest: Any) -> None:
    """Two steps that tell of a single column what its extremes would: its sign, and if it is even.

    Counting is done for several cells at once, where a comparison waits for the one before it.
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


@compiled
def _between(
    x: Any, least: Any, greatest: Any, known: bool, columns: Any, f: Any, out: Any
) -> None:
    """Central differences inside the planes; `x` repeats after so many planes as it has.

    The extreme steps are found on the way, unless they are `known` from the whole columns: a
    pass of its own would fetch all positions from memory once more.  Only `columns` are worked on.
    """
    n, inner, one = f.shape[1], f.shape[2], np.uint64(1)
    xs, cells, result, gap = x.reshape(-1), f.reshape(-1), out.reshape(-1), np.uint64(inner)
    for o in range(f.shape[0]):
        q = o % x.shape[0]
        first, last = least[q, 0], greatest[q, 0]
        if inner == 1:
            if not known and o == q:
                _single_column(x[q].reshape(-1), first, last)
            plain = _is_good(first[0], last[0]) and first[0] != last[0]
            p, r = np.uint64(q * n) + one, np.uint64(o * n) + one
            _between_row(xs, p, gap, first, last, plain, cells, r, result, n - 2)
            continue
        for start in range(columns.start, columns.stop, _CELLS_OF_A_ROW):
            stop = min(start + _CELLS_OF_A_ROW, columns.stop)
            lowest, highest = first[start:stop], last[start:stop]
            if not known and o == q:
                _extreme_steps(x[q], start, lowest, highest)
            plain = True
            for i in range(stop - start):
                plain = plain and _is_good(lowest[i], highest[i]) and lowest[i] != highest[i]
            for j in range(1, n - 1):
                p = np.uint64((q * n + j) * inner + start)
                r = np.uint64((o * n + j) * inner + start)
                _between_row(
                    xs, p, gap, lowest, highest, plain, cells, r, result, stop - start
                )  # fmt: skip


@compiled
def _numpys(f: Any, h: Any, j: int, first: int, count: int, even: bool) -> Any:
    """Sum numpy's stencil of two or three cells that begins at row `first` of a column."""
    h1 = h[first]
    if count == 2:
        return quotient(f[first + 1] - f[first], h1)
    h2 = h[first + 1]
    same = even and h1 == h2
    if first == j - 1:
        if same:
            return quotient(f[j + 1] - f[j - 1], h1 + h1)
        a, b, c = -h2 / (h1 * (h1 + h2)), (h2 - h1) / (h1 * h2), h1 / (h2 * (h1 + h2))
        return a * f[first] + b * f[first + 1] + c * f[first + 2]
    # The numbers take the precision of the steps, as Python's do in numpy's expressions.
    two, half, more = h1 / h1 + h1 / h1, h1 / (h1 + h1), (h1 + h1 + h1) / (h1 + h1)
    if first == j:
        a, b, c = -(two * h1 + h2) / (h1 * (h1 + h2)), (h1 + h2) / (h1 * h2), -h1 / (h2 * (h1 + h2))
        if same:
            a, b, c = -more / h1, two / h1, -half / h1
    else:
        a, b, c = h2 / (h1 * (h1 + h2)), -(h2 + h1) / (h1 * h2), (two * h2 + h1) / (h2 * (h1 + h2))
        if same:
            a, b, c = half / h1, -two / h1, more / h1
    return a * f[first] + b * f[first + 1] + c * f[first + 2]


@compiled
def _extent(
    f: Any, h: Any, j: int, sign: int, limit: int, most: int, skipna: bool, nan: int
) -> int:
    """How many cells beside row `j` of a column can be used, up to `most`; `limit` ends it.

    With `nan` the ghosts of the boundary "nan", whose steps are NaN, are counted too: they are no
    gap, so that what a central stencil has of them is NaN and no one-sided one stands in for it.
    """
    n = 0
    while n < most and j + sign * (n + 1) != limit:
        there = j + sign * (n + 1)
        step = h[there if sign < 0 else there - 1]
        ghost = step != step  # noqa: PLR0124
        if (ghost and not nan) or (skipna and not ghost and f[there] != f[there]):
            break
        n += 1
    return n


@compiled
def _free(
    h: Any, lowest: Any, highest: Any, begin: int, end: int, order: int, half: int, edge: int,
    depth: int, numpys: bool, skipna: bool, f: Any, out: Any,
) -> None:  # fmt: skip
    """Differentiate any column: the stencil that fits it, with weights made on the spot.

    `h` are the steps between the rows of `f`, of which those from `begin` to `end` exist.  Central
    where `half` valid cells lie on either side; else up to `edge` cells, from the nearest gap on.
    """
    table, x = np.empty((order + 1, 2 * depth + 2)), np.empty(2 * depth + 2)
    for o in range(f.shape[0]):
        for i in range(f.shape[2]):
            q, k = o % h.shape[0], i if h.shape[2] > 1 else 0
            good = _is_good(lowest[q, 0, k], highest[q, 0, k])
            even = lowest[q, 0, k] == highest[q, 0, k]
            cells, steps = f[o, :, i], h[q, :, k]
            for j in range(depth, f.shape[1] - depth):
                out[o, j, i] = np.nan
                if not good or (skipna and cells[j] != cells[j]):
                    continue
                below = _extent(cells, steps, j, -1, begin - 1, depth, skipna, 1)
                above = _extent(cells, steps, j, 1, end, depth, skipna, 1)
                first, count = j - half, 2 * half + 1
                if below < half or above < half:
                    below = _extent(cells, steps, j, -1, begin - 1, depth, skipna, 0)
                    above = _extent(cells, steps, j, 1, end, depth, skipna, 0)
                    count = min(edge, below + above + 1)
                    first = j - below if below < half else j + above - count + 1
                if count <= order:
                    continue
                if numpys:
                    out[o, j, i] = _numpys(cells, steps, j, first, count, even)
                    continue
                fornberg.window(steps, j, first, x[:count])
                fornberg.weights(x[:count], order, table)
                total = table[order, 0] * cells[first]
                for m in range(1, count):
                    total = total + table[order, m] * cells[first + m]
                out[o, j, i] = total


def _work_dtype(dtype: np.dtype[Any], compiled_ones: frozenset[np.dtype[Any]]) -> np.dtype[Any]:
    """What numba computes with: float16 and longdouble become float64, and so do integers."""
    native = dtype.newbyteorder("=")
    if native in compiled_ones:
        return native
    return np.dtype(np.complex128 if native.kind == "c" else np.float64)


def _filled(parts: Parts, depth: int) -> Parts:
    """`depth` rows on either side of the block, with NaN beyond an edge that has no ghosts."""
    below, f, above = parts
    missing = [np.full((len(f), depth - part.shape[1], f.shape[2]), np.nan, f.dtype)
               for part in (below, above)]  # fmt: skip
    return (
        np.concatenate([missing[0], below], axis=1),
        f,
        np.concatenate([above, missing[1]], axis=1),
    )


def _rows(parts: Parts, start: int, stop: int) -> AnyArray:
    """Rows of the block and its halo, counted from the first row of the block."""
    below, f, above = parts
    b, n = below.shape[1], f.shape[1]
    found = (
        np.concatenate(
            [
                below[:, b + start : b + min(stop, 0)],
                f[:, max(start, 0) : max(stop, 0)],
                above[:, max(start - n, 0) : max(stop - n, 0)],
            ],
            axis=1,
        )
        if start < 0 or stop > n
        else np.ascontiguousarray(f[:, start:stop])
    )
    found.flags.writeable = False
    return found


def _ends(
    loop: _Loop, ranges: list[tuple[int, int]], depth: int, parts: Parts, out: AnyArray
) -> None:
    """Differentiate the rows of `ranges` in copies of them and their halo."""
    for start, stop in ranges:
        cells = _rows(parts, start - depth, stop + depth)
        ends = np.empty(cells.shape, out.dtype)
        loop(cells, start - depth, ends)
        out[:, start:stop] = ends[:, depth:-depth]


def _two_ends(n: int, depth: int) -> list[tuple[int, int]]:
    return [(0, n)] if n <= 2 * depth else [(0, depth), (n - depth, n)]


def along_coasts(parts: Parts, table: CoastalTable, axis: int, depth: int, out: AnyArray) -> None:
    """First derivative with numpy's stencil, in which a missing neighbour is an edge.

    Parameters
    ----------
    parts : tuple of three arrays
        Up to `depth` cells below the block, the block, and as many above it.
    table : array of shape (12, n)
        The weights of the block's cells, see :data:`xgrad._typing.CoastalTable`.
    axis : int
        Axis of the block, not negative.
    depth : {1, 2}
        The `edge_order`: how many cells a one-sided stencil reaches away.
    out : array of the shape of the block
        Where the derivative goes.
    """
    if out.size == 0:
        return
    planes = Planes.of(out, axis)
    dtype = _work_dtype(out.dtype, _NUMBERS)
    below, f, above = (planes.view(part, dtype) for part in parts)
    result = planes.result(out, dtype)
    common = np.result_type(f.real.dtype, table.dtype)
    of_cells = np.ascontiguousarray(table, _work_dtype(common, _FLOATS))
    n, inner = f.shape[1:]

    filled = _filled((below, f, above), depth)
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
    _ends(loop, _two_ends(n, depth), depth, filled, result)
    planes.put(result, out)


def _any_stencil(
    planes: Planes, parts: Parts, h: Callable[[int, int], AnyArray],
    extremes: tuple[AnyArray, AnyArray],
    scheme: Scheme, dtype: np.dtype[Any],
) -> tuple[_Loop, Parts]:  # fmt: skip
    """The loop over free columns, and the rows that it takes."""
    depth = scheme.reach
    below, f, above = (planes.view(part, dtype) for part in parts)
    n_below, end = below.shape[1], f.shape[1] + above.shape[1]

    def loop(cells: AnyArray, first: int, ends: AnyArray) -> None:
        _free(
            h(first, first + cells.shape[1]), extremes[0], extremes[1], max(0, -n_below - first),
            min(cells.shape[1], end - first), scheme.order, scheme.half, scheme.edge, depth,
            scheme.is_numpys, scheme.skipna, cells, ends,
        )  # fmt: skip

    return loop, _filled((below, f, above), depth)


def in_steps(parts: Parts, steps: AnyArray, axis: int, scheme: Scheme, out: AnyArray) -> None:
    """Any derivative over 1-D positions in which a missing neighbour is an edge.

    Parameters
    ----------
    parts : tuple of three arrays
        Up to ``scheme.depth`` cells below the block, the block, and as many above it.
    steps : array of shape (n + 2 * depth - 1,)
        Distances from each cell of the three to the next; beyond an edge without ghosts anything.
    axis : int
        Axis of the block, not negative.
    scheme : Scheme
        Order and accuracy.
    out : array of the shape of the block
        Where the derivative goes.
    """
    if out.size == 0:
        return
    planes = Planes.of(out, axis)
    dtype = _work_dtype(out.dtype, _NUMBERS)
    result = planes.result(out, dtype)
    uneven = np.ones((1, 1, 1)), np.full((1, 1, 1), 2.0)
    h = np.asarray(steps, np.float64).reshape(1, -1, 1)
    depth = scheme.reach
    loop, rows = _any_stencil(
        planes, parts, lambda start, stop: h[:, start + depth : stop + depth], uneven, scheme, dtype
    )
    _ends(loop, [(0, result.shape[1])], depth, rows, result)
    planes.put(result, out)


def _edge_row(
    x: AnyArray, least: AnyArray, greatest: AnyArray, f: AnyArray, edge_order: int, out: AnyArray,
    *, last: bool,
) -> None:  # fmt: skip
    """Numpy's one-sided difference in the first or last row of planes, in numpy."""
    n = f.shape[1]
    rows = slice(n - 1 - edge_order, n) if last else slice(0, edge_order + 1)
    cells = f[:, rows].reshape(-1, len(x), edge_order + 1, f.shape[2])
    h = np.diff(x[:, rows], axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        if edge_order == 1:
            found = (cells[:, :, 1] - cells[:, :, 0]) / h[:, 0]
        else:
            one_sided = weights.from_right if last else weights.from_left
            even = (least == greatest)[:, 0]
            a, b, c = (
                np.where(even, if_even, if_not)
                for if_even, if_not in zip(
                    one_sided(h[:, 0], h[:, 1], even=True),
                    one_sided(h[:, 0], h[:, 1], even=False),
                    strict=True,
                )
            )
            found = a * cells[:, :, 0] + b * cells[:, :, 1] + c * cells[:, :, 2]
    good = good_columns(least, greatest)[:, 0]
    out[:, -1 if last else 0] = np.where(good, found, np.nan).reshape(len(f), -1)


def good_columns(least: AnyArray, greatest: AnyArray) -> AnyArray:
    """Columns all of whose steps have one sign, and none is NaN or leads to infinity.

    Examples
    --------
    >>> good_columns(np.array([1.0, -1.0, np.nan, 1.0]), np.array([2.0, 2.0, np.nan, np.inf]))
    array([ True, False, False, False])
    """
    with np.errstate(invalid="ignore"):
        good: AnyArray = ((least > 0) | (greatest < 0)) & (greatest - least < np.inf)
    return good


def _jumps(x: AnyArray, least: AnyArray) -> bool:
    """Whether a column begins anew between two of these rows."""
    steps = np.diff(x, axis=1)
    return bool((((least > 0) & (steps < 0)) | ((least < 0) & (steps > 0))).any())


def extremes(x: AnyArray, axis: int) -> tuple[AnyArray, AnyArray]:
    """Least and greatest step of each column, with a side of 1 along `axis`.

    Parameters
    ----------
    x : array of shape (..., n, ...)
        Float positions, n at least 2.
    axis : int
        Not negative.

    Examples
    --------
    >>> extremes(np.array([[0.0, 1.0, 3.0]]), 1)
    (array([[1.]]), array([[2.]]))
    """
    planes = Planes.of(x, axis)
    flat = planes.view(x, _work_dtype(x.dtype, _FLOATS))
    least, greatest = (np.empty((len(flat), 1, flat.shape[2]), flat.dtype) for _ in range(2))
    fill_extremes(flat, slice(0, flat.shape[2]), least, greatest)
    thin = np.empty_like(np.take(x, [0], axis=axis), flat.dtype)
    found = thin, thin.copy()
    planes.put(least, found[0])
    planes.put(greatest, found[1])
    return found


def extremes_of_turns(x: AnyArray, axis: int, period: float) -> tuple[AnyArray, AnyArray]:
    """The same for columns on a circle, which may begin anew; see :func:`circle.turns`.

    Examples
    --------
    >>> extremes_of_turns(np.array([340.0, 350.0, 0.0, 20.0]), 0, 360.0)
    (array([10.]), array([20.]))
    """
    up = circle.upwards(np.diff(x, axis=axis), period)
    least, greatest, total = (
        reduce(up, axis=axis, keepdims=True) for reduce in (np.min, np.max, np.sum)
    )
    return circle.turns(least, greatest, total, up.shape[axis], period)


def fill_extremes(flat: AnyArray, columns: slice, least: AnyArray, greatest: AnyArray) -> None:
    """Fill in the extreme steps of some columns of each plane.

    Parameters
    ----------
    flat : array of shape (outer, n, inner)
        Positions.
    columns : slice
        Which of the inner ones.
    least, greatest : arrays of shape (outer, 1, inner)
        Where the steps go.
    """
    for o in range(len(flat)):
        _extreme_steps(flat[o], columns.start, least[o, 0, columns], greatest[o, 0, columns])


def by_column(
    parts: Parts, positions: Parts, known: tuple[AnyArray, AnyArray] | None, period: float | None,
    axis: int, scheme: Scheme, out: AnyArray,
) -> bool:  # fmt: skip
    """Any derivative over positions that each column has of its own.

    Parameters
    ----------
    parts, positions : tuples of three arrays
        Up to ``scheme.depth`` cells below the block, the block, and as many above it; and their
        positions, float, with sides of 1 where they do not depend on a dimension.
    known : tuple of two arrays or None
        Least and greatest step of each column as a whole, with a side of 1 along `axis`: whether
        a column is even, or not monotonic, is not decided in a block.  None where the block has
        whole columns.
    period : float or None
        What the positions of a column may jump by, where it begins anew inside the array.
    axis : int
        Axis of the block, not negative.
    scheme : Scheme
        Order and accuracy.
    out : array of the shape of the block
        Where the derivative goes.

    Returns
    -------
    bool
        Whether all columns are strictly monotonic.  The others are NaN in `out`.
    """
    if out.size == 0:
        return True
    planes = Planes.of(out, axis)
    dtype = _work_dtype(out.dtype, _NUMBERS)
    kind = _work_dtype(positions[1].dtype, _FLOATS)
    result = planes.result(out, dtype)
    x0, x1, x2 = (planes.columns(part, out.shape, kind) for part in positions)
    x = (x0, x1, x2)
    n = result.shape[1]
    depth = scheme.reach
    in_place = scheme.is_numpys and not scheme.skipna and n > 2 * depth
    if known is not None:
        least, greatest = (np.array(planes.columns(one, out.shape, kind)) for one in known)
    elif period is not None:
        least, greatest = extremes_of_turns(x[1], 1, period)
    else:
        least, greatest = (np.empty((len(x[1]), 1, x[1].shape[2]), kind) for _ in range(2))
        if not in_place:
            fill_extremes(x[1], slice(0, x[1].shape[2]), least, greatest)
    is_known = known is not None or period is not None
    in_place = in_place and not (period is not None and _jumps(x[1], least))

    def steps(start: int, stop: int) -> AnyArray:
        return circle.around(np.diff(_rows(there, start, stop), axis=1), least, period)

    there = _filled(x, depth)
    loop, rows = _any_stencil(planes, parts, steps, (least, greatest), scheme, dtype)
    if in_place:
        _in_place(x, there, (least, greatest), period, is_known, loop, rows, scheme, result)
    else:
        _ends(loop, [(0, n)], depth, rows, result)
    planes.put(result, out)
    return bool(good_columns(least, greatest).all())


def _in_place(
    x: Parts, there: Parts, extremes: tuple[AnyArray, AnyArray], period: float | None,
    is_known: bool, loop: _Loop, rows: Parts, scheme: Scheme, out: AnyArray,
) -> None:  # fmt: skip
    """Numpy's stencil, without a copy of the block; `there` are the positions beyond it as well."""
    every, n = slice(0, out.shape[2]), out.shape[1]
    _between(x[1], *extremes, is_known, every, rows[1], out)
    for row in (0, n - 1):
        if row - 1 < -x[0].shape[1] or row + 1 >= n + x[2].shape[1]:
            _edge_row(x[1], *extremes, rows[1], scheme.edge_order, out, last=row > 0)
            continue
        around = _rows(there, row - 1, row + 2)
        if period is not None and _jumps(around, extremes[0]):
            _ends(loop, [(row, row + 1)], scheme.reach, rows, out)
            continue
        cells = _rows(rows, row - 1, row + 2)
        ends = np.empty(cells.shape, out.dtype)
        _between(around, *extremes, True, every, cells, ends)  # noqa: FBT003
        out[:, row] = ends[:, 1]


def side_by_side(
    f: AnyArray, x: AnyArray, axis: int, scheme: Scheme, out: AnyArray
) -> Callable[[slice], bool] | None:
    """What differentiates some columns of an array whose axis lies outermost in memory.

    To cut such an array along its axis, as others are cut for threads, would take a pass over all
    positions before, for the extreme steps of whole columns.

    Parameters
    ----------
    f, x : arrays of one shape
        The data and their positions.
    axis : int
        Axis of the data, not negative.
    scheme : Scheme
        That of the derivative.
    out : array of the shape of the data
        Where the derivative goes.

    Returns
    -------
    callable or None
        Takes which columns, in the order of memory, and says whether all of them are strictly
        monotonic.  None where it cannot be done: with ghosts, gaps or in another dtype.

    Examples
    --------
    >>> x = np.array([[0.0, 1.0], [2.0, 2.0]])
    >>> work = side_by_side(x * 3, x, 0, Scheme(), out := np.empty_like(x))
    >>> work(slice(0, 1)), work(slice(1, 2)), out
    (True, True, array([[3., 3.],
           [3., 3.]]))
    """
    planes = Planes.of(out, axis)
    plain = scheme.is_numpys and not scheme.skipna and scheme.boundary == ("one-sided",) * 2
    ours = out.dtype in _NUMBERS and f.dtype == out.dtype and x.dtype in _FLOATS
    if not (plain and ours and planes.n_before == 0 and x.shape == out.shape):
        return None
    if not all(one.transpose(planes.order).flags.c_contiguous for one in (f, x, out)):
        return None
    cells, positions = planes.view(f, f.dtype), planes.view(x, x.dtype)
    result = planes.result(out, out.dtype)
    least, greatest = (np.empty((1, 1, result.shape[2]), x.dtype) for _ in range(2))

    def work(columns: slice) -> bool:
        _between(positions, least, greatest, False, columns, cells, result)  # noqa: FBT003
        some = np.s_[..., columns]
        ends = least[some], greatest[some]
        for last in (False, True):
            _edge_row(
                positions[some], *ends, cells[some], scheme.edge_order, result[some], last=last
            )
        return bool(good_columns(*ends).all())

    return work
