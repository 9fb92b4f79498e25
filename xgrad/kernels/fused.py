"""Several terms and their sum or norm in one pass, row by row of memory.

The general way, tile by tile (``arrays.block.fold``), makes a pass over some cells for each term,
square and sum, and takes 2 to 8 times as long (``derived`` in ``docs/benchmarks.md``).  It remains
for other dtypes and memory orders, and for columns that have their own positions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xgrad._jit import compiled
from xgrad._typing import FIRST, LAST, STEP, WEIGHTS, AnyArray, Table
from xgrad.kernels.layout import Planes
from xgrad.kernels.piece import Piece
from xgrad.kernels.stencil_kinds import Tabled

_COMPILED = frozenset(np.dtype(code) for code in "fd")

# Most terms of the compiled loop: as many as a Laplacian on a sphere with levels has.  Tuples of
# varying length would be compiled for each length.
_MOST_TERMS = 4

# Below this, a row takes less time than finding its neighbours.
_SHORT_ROW = 32

# Longer rows would fall out of the fastest caches before their terms are added.
_LONG_ROW = 2**13

# Cells of the rows that are processed together, whose lines stay in the fastest caches.
_CELLS_AT_ONCE = 2**12

# Padding between the lines of the terms: without it, most sizes would map them to the same place
# in the cache.
_APART = 24

#: Kinds of term: no derivative; a derivative along the row; one across rows.
_VALUES, _ALONG, _ACROSS = 0, 1, 2


# The loops run over flat memory with unsigned offsets.  Slicing a row out of an array changes a
# reference count twice, which takes as long as 50 cells; and a signed index is tested at each cell,
# because -1 means the last one.


@compiled
def _divided(lo: Any, p: Any, hi: Any, q: Any, step: Any, out: Any, at: Any, size: int) -> None:
    for i in range(size):
        k = np.uint64(i)
        out[at + k] = (hi[q + k] - lo[p + k]) / step


@compiled
def _weighed(
    a: Any, lo: Any, p: Any, b: Any, mid: Any, q: Any, c: Any, hi: Any, r: Any, out: Any, at: Any,
    size: int,
) -> None:  # fmt: skip
    for i in range(size):
        k = np.uint64(i)
        out[at + k] = a * lo[p + k] + b * mid[q + k] + c * hi[r + k]


@compiled
def _weighed_by(
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
def _added_by(weights: Any, a: Any, f: Any, p: Any, total: Any, size: int) -> None:
    for i in range(size):
        k = np.uint64(i)
        total[k] = total[k] + weights[a + k] * f[p + k]


@compiled
def _copied(cells: Any, p: Any, out: Any, at: Any, size: int) -> None:
    for i in range(size):
        k = np.uint64(i)
        out[at + k] = cells[p + k]


@compiled
def _combined(
    lines: Any, o: Any, apart: Any, factors: Any, is_norm: bool, out: Any, at: Any, size: int
) -> None:
    """Sum, or root of the sum of squares, in float64; unused lines are -0, which changes no sum."""
    p, q, r = o + apart, o + apart + apart, o + apart + apart + apart
    a, b, c, d = factors[0], factors[1], factors[2], factors[3]
    if is_norm:
        for i in range(size):
            k = np.uint64(i)
            t, u, v, w = a * lines[o + k], b * lines[p + k], c * lines[q + k], d * lines[r + k]
            out[at + k] = np.sqrt(t * t + u * u + v * v + w * w)
    else:
        for i in range(size):
            k = np.uint64(i)
            out[at + k] = (
                a * lines[o + k] + b * lines[p + k] + c * lines[q + k] + d * lines[r + k]
            )  # fmt: skip


@compiled
def _row(below: Any, f: Any, above: Any, where: Any, o: int, j: int, q: int, size: int) -> Any:
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
def _entry(table: Any, n: int, row: int, j: int) -> Any:
    return table[np.uint64(row * n + j)]


@compiled
def _reach(table: Any, n: int, j: int) -> Any:
    """First and last cell of the stencil of cell `j`, and the step of its quotient, or 0."""
    first, last = int(_entry(table, n, FIRST, j)), int(_entry(table, n, LAST, j))
    return j + first, j + last, _entry(table, n, STEP, j)


@compiled
def _weights(table: Any, n: int, j: int) -> Any:
    """The first three weights; unused ones are zero."""
    a, b = _entry(table, n, WEIGHTS, j), _entry(table, n, WEIGHTS + 1, j)
    return a, b, _entry(table, n, WEIGHTS + 2, j)


@compiled
def _across(
    table: Any, below: Any, f: Any, above: Any, where: Any, rows: Any, size: int, wide: Any,
    lines: Any, at: Any,
) -> None:  # fmt: skip
    """Differentiate rows along an axis across them, into lines from `at` on."""
    n, stride = where[1], where[2]
    gap, zero = np.uint64(stride * size), np.uint64(0)
    for r in range(rows.start, rows.stop):
        o, q, j = r // (n * stride), r % stride, (r // stride) % n
        first, last, step = _reach(table, n, j)
        a, b, c = _weights(table, n, j)
        p = np.uint64((r + (first - j) * stride) * size)
        if first >= 0 and last == first + 2 and last < n:  # the inside of any block
            if step != 0:
                _divided(f, p, f, p + gap + gap, step, lines, at, size)
            else:
                _weighed(a, f, p, b, f, p + gap, c, f, p + gap + gap, lines, at, size)
        elif step != 0:
            lo, p = _row(below, f, above, where, o, first, q, size)
            hi, p_hi = _row(below, f, above, where, o, last, q, size)
            _divided(lo, p, hi, p_hi, step, lines, at, size)
        else:
            lo, p = _row(below, f, above, where, o, first, q, size)
            mid, p_mid = _row(below, f, above, where, o, first + 1, q, size)
            hi, p_hi = _row(below, f, above, where, o, min(first + 2, last), q, size)
            _weighed(a, lo, p, b, mid, p_mid, c, hi, p_hi, wide, zero, size)
            for k in range(3, last - first + 1):
                lo, p = _row(below, f, above, where, o, first + k, q, size)
                _added(_entry(table, n, WEIGHTS + k, j), lo, p, wide, size)
            _copied(wide, zero, lines, at, size)
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
    first, last, step = _reach(table, n, j)
    a, b, c = _weights(table, n, j)
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
            total = total + _entry(table, n, WEIGHTS + k, j) * cell
        lines[here] = total


@compiled
def _along(
    table: Any, below: Any, f: Any, above: Any, where: Any, rows: Any, wide: Any, lines: Any,
    at: Any,
) -> None:  # fmt: skip
    """Differentiate rows along themselves; all but ``where[2]`` cells at either end are uniform."""
    n, half = where[1], where[2]
    for j in range(min(half, n)):
        _ends(table, below, f, above, where, rows, j, lines, at)
    for j in range(max(half, n - half), n):
        _ends(table, below, f, above, where, rows, j, lines, at)
    size, columns, zero = n - 2 * half, np.uint64(n), np.uint64(0)
    if size <= 0:
        return
    inside, step = np.uint64(half), _entry(table, n, STEP, half)
    a = np.uint64(WEIGHTS) * columns + inside
    b, c = a + columns, a + columns + columns
    for r in range(rows.start, rows.stop):
        p, here = np.uint64(r * n), at + np.uint64((r - rows.start) * n + half)
        if step != 0:
            _divided(f, p, f, p + inside + inside, step, lines, here, size)
        elif half == 1:
            _weighed_by(table, a, b, c, f, p, lines, here, size)
        else:
            _weighed_by(table, a, b, c, f, p, wide, zero, size)
            for k in range(3, 2 * half + 1):
                _added_by(table, a + np.uint64(k) * columns, f, p + np.uint64(k), wide, size)
            _copied(wide, zero, lines, here, size)


@compiled
def _fold(
    wheres: Any, tables: Any, below: Any, f: Any, above: Any, factors: Any, is_norm: bool,
    size: int, out: Any,
) -> None:  # fmt: skip
    """Combine the terms into each row of `out`; ``wheres[t]`` is the memory layout of term `t`.

    Several short rows are done together, because taking an array out of a tuple also changes
    reference counts.
    """
    count = max(1, _CELLS_AT_ONCE // size)
    apart = np.uint64(count * size + _APART)
    lines = np.full(_MOST_TERMS * (count * size + _APART), -0.0, out.dtype)
    wide = np.empty(size, tables[0].dtype)
    n_rows = out.size // size
    for first in range(0, n_rows, count):
        rows = slice(first, min(first + count, n_rows))
        cells = (rows.stop - first) * size
        for t in range(len(wheres)):
            where, at = wheres[t], np.uint64(t) * apart
            if where[0] == _ACROSS:
                _across(
                    tables[t], below[t], f[t], above[t], where, rows, size, wide, lines, at
                )  # fmt: skip
            elif where[0] == _ALONG:
                _along(tables[t], below[t], f[t], above[t], where, rows, wide, lines, at)
            else:
                _copied(f[t], np.uint64(first * size), lines, at, cells)
        if len(factors) == 1:
            start, zero = np.uint64(first * size), np.uint64(0)
            _combined(lines, zero, apart, factors[0], is_norm, out, start, cells)
            continue
        for r in range(first, rows.stop):
            start, line = np.uint64(r * size), np.uint64((r - first) * size)
            _combined(lines, line, apart, factors[r], is_norm, out, start, size)


def fold(pieces: Sequence[Piece], how: str, out: AnyArray) -> bool:
    """Combine terms over a block row by row, if compiled code supports them.

    ``out = sum(factor * term)`` or ``sqrt(sum((factor * term)**2))``.  Terms have the dtype of the
    data; everything else is computed in float64 and rounded once.

    Parameters
    ----------
    pieces : sequence of Piece
        The terms.
    how : str
        "sum" or "norm"; nothing else is supported.
    out : array of the shape of the block
        Receives the result.

    Returns
    -------
    bool
        Whether the terms are supported.  If not, nothing has been written.

    Examples
    --------
    >>> from xgrad.kernels.cells import Cells
    >>> f = np.arange(64.0)
    >>> fold([Piece(Cells.alone(f), factor=3.0)], "norm", out := f * 0), out[4]
    (True, np.float64(12.0))
    """
    order = Planes.of(out, 0).order
    n_across = _axes_across(pieces, order, out.shape)
    size = math.prod(out.shape[k] for k in order[n_across:])
    fits = _SHORT_ROW <= size <= _LONG_ROW and len(pieces) <= _MOST_TERMS
    if not fits or how not in ("sum", "norm") or not _is_plain(out, order, out.dtype):
        return False
    if not all(_is_simple(one, order, out.dtype) for one in pieces):
        return False
    own = [one.component for one in pieces if one.component is not None]
    if how == "norm" and len(set(own)) < len(own):
        return False
    tables = _tables(pieces, out.dtype)
    factors = _factors(pieces, order, n_across, out.shape)
    if tables is None or factors is None:
        return False
    placed = [_placed(one, order, n_across, out.shape) for one in pieces]
    wheres, below, f, above = zip(*placed, strict=True)
    flat = out.transpose(order).reshape(-1)
    assert np.may_share_memory(flat, out)
    _fold(
        np.array(wheres), _filled(tables), _filled(below), _filled(f), _filled(above), factors,
        how == "norm", size, flat,
    )  # fmt: skip
    return True


def _axes_across(pieces: Sequence[Piece], order: list[int], shape: tuple[int, ...]) -> int:
    """How many axes, in the order of memory, come before those of a row.

    A row spans the last axes, at least one, after all axes that terms are differentiated along or
    factors depend on.
    """
    places = [order.index(one.cells.axis) for one in pieces if one.stencil is not None]
    for one in pieces:
        sides = np.shape(one.factor)
        places += [k for k, axis in enumerate(order) if sides and sides[axis] > 1]
    found = min(max(places, default=-1) + 1, len(shape) - 1)
    while found < len(shape) - 1 and math.prod(shape[k] for k in order[found:]) > _LONG_ROW:
        found += 1
    return found


def _is_simple(piece: Piece, order: list[int], dtype: np.dtype[Any]) -> bool:
    """Whether a term has a table of weights or no stencil, and its cells are plain rows."""
    tabled = piece.stencil is None or isinstance(piece.stencil, Tabled)
    return tabled and piece.inside is None and _is_plain(piece.cells.block, order, dtype)


def _is_plain(array: AnyArray, order: list[int], dtype: np.dtype[Any]) -> bool:
    """Whether compiled code can read an array as rows without a copy."""
    return dtype in _COMPILED and array.dtype == dtype and array.transpose(order).flags.c_contiguous


def _tables(pieces: Sequence[Piece], dtype: np.dtype[Any]) -> list[Table] | None:
    """Stencils of all terms in one dtype; None if their dtypes differ."""
    given = [table for one in pieces if (table := _table(one)) is not None]
    # float32 weights of float64 data are exact in float64, which saves compiling a variant.
    dtypes = {np.result_type(dtype, table.dtype) for table in given}
    if len(dtypes) > 1 or not dtypes <= _COMPILED:
        return None
    (common,) = dtypes or {dtype}
    none = np.empty((WEIGHTS, 0), common)
    tables = (none if (table := _table(one)) is None else table for one in pieces)
    return [_frozen(table, common).reshape(-1) for table in tables]


def _table(piece: Piece) -> Table | None:
    return piece.stencil.columns if isinstance(piece.stencil, Tabled) else None


def _factors(
    pieces: Sequence[Piece], order: list[int], n_across: int, shape: tuple[int, ...]
) -> NDArray[np.float64] | None:
    """Factors of each row, or one set for all rows; None if they vary within a row."""
    found = [1.0 if one.factor is None else one.factor for one in pieces]
    if any(np.iscomplexobj(factor) for factor in found):
        return None
    across = [shape[k] for k in order[:n_across]]
    if all(np.ndim(factor) == 0 for factor in found):
        across = [1] * n_across
    rows = np.ones((*across, _MOST_TERMS))
    for t, factor in enumerate(found):
        if np.ndim(factor):
            spread = np.transpose(factor, order)
            if any(side > 1 for side in spread.shape[n_across:]):
                return None
            rows[..., t] = spread.reshape(spread.shape[:n_across])
        else:
            rows[..., t] = factor
    return _frozen(rows.reshape(-1, _MOST_TERMS), np.dtype(np.float64))


def _placed(
    one: Piece, order: list[int], n_across: int, shape: tuple[int, ...]
) -> tuple[tuple[int, ...], AnyArray, AnyArray, AnyArray]:
    """The memory layout of a term, and its cells as flat arrays."""
    dtype, place = one.cells.block.dtype, order.index(one.cells.axis)
    below, f, above = (_frozen(cells.transpose(order), dtype) for cells in one.cells.parts)
    flat = below.reshape(-1), f.reshape(-1), above.reshape(-1)
    table = _table(one)
    if table is None:
        return (_VALUES, 0, 0, 0, 0), *flat
    n, n_below, n_above = f.shape[place], below.shape[place], above.shape[place]
    first, last = table[FIRST].astype(np.intp), table[LAST].astype(np.intp)
    # Compiled code does not check indices: a halo that is too thin would read foreign memory.
    assert (first + np.arange(n)).min() >= -n_below
    assert (last + np.arange(n)).max() < n + n_above
    if place >= n_across:
        half = int(last[first == -last].max(initial=0)) or n
        return (_ALONG, n, half, n_below, n_above), *flat
    stride = math.prod(shape[k] for k in order[place + 1 : n_across])
    return (_ACROSS, n, stride, n_below, n_above), *flat


def _frozen(array: AnyArray, dtype: np.dtype[Any]) -> AnyArray:
    """A C-contiguous, read-only view or copy, so that one compiled variant serves all arrays."""
    found = np.require(array, dtype, ["C", "A"]).view()
    found.flags.writeable = False
    return found


def _filled(arrays: Sequence[AnyArray]) -> tuple[AnyArray, ...]:
    """Fill up to the number of arrays that the compiled loop takes; it ignores the added ones."""
    return (*arrays, *[arrays[0]] * (_MOST_TERMS - len(arrays)))
