"""Sums of derivatives of products, such as the divergence of a flux, in one pass over the rows.

The known factor of the cells and that of the derivative vary within a row and are the same for all
planes before their first axis, as the geometry of a grid is the same at all times and levels.
Products are made in float64 where they are differentiated, and are never stored as arrays.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from xgrad._jit import compiled
from xgrad._typing import WEIGHTS, AnyArray
from xgrad.kernels import rows
from xgrad.kernels.cells import Cells
from xgrad.kernels.layout import Planes
from xgrad.kernels.piece import Piece
from xgrad.kernels.row_loops import (
    ACROSS,
    CELLS_AT_ONCE,
    MOST_TERMS,
    along,
    entry,
    is_like,
    reach,
    row,
    rows_together,
    scaled_by,
    settled,
    weights,
)  # fmt: skip
from xgrad.kernels.rows import filled, frozen, is_plain, placed, tables
from xgrad.kernels.stencil_kinds import Tabled

# Most cells that a block needs from a neighbour, and a few to spare.
_WIDEST = 16


@compiled
def _across(
    table: Any, below: Any, f: Any, above: Any, before: Any, g: Any, after: Any, where: Any,
    rows: Any, n_rows: int, size: int, lines: Any,
) -> None:  # fmt: skip
    """Differentiate a product along an axis across the rows."""
    n, stride, together = where[1], where[2], 0
    planes, gap = n_rows // (n * stride), np.uint64(stride * size)
    for r in range(rows.start, rows.stop):
        if together > 0:
            together -= 1
            continue
        o, q, j = r // (n * stride), r % stride, (r // stride) % n
        first, last, step = reach(table, n, j)
        at = np.uint64((r - rows.start) * size)
        if step == 0 or first < 0 or last >= n or last != first + 2:
            _at_an_edge(
                table, below, f, above, before, g, after, where, o, q, j, o % planes, size, lines,
                at,
            )  # fmt: skip
            continue
        while (
            stride == 1 and r + together + 1 < rows.stop and last + together + 1 < n
            and is_like(table, n, j, j + together + 1)
        ):  # fmt: skip
            together += 1
        p = np.uint64((r + (first - j) * stride) * size)
        s = np.uint64((((o % planes) * n + first) * stride + q) * size)
        _divided(f, p, g, s, gap + gap, step, lines, at, (1 + together) * size)


@compiled
def _divided(
    f: Any, p: Any, g: Any, s: Any, away: Any, step: Any, out: Any, at: Any, size: int
) -> None:
    """Difference quotients of products of cells that are `away` from each other."""
    q, t = p + away, s + away
    if step == 2:  # along an index; half is exact, and faster
        for i in range(size):
            k = np.uint64(i)
            out[at + k] = (f[q + k] * g[t + k] - f[p + k] * g[s + k]) * 0.5
    else:
        for i in range(size):
            k = np.uint64(i)
            out[at + k] = (f[q + k] * g[t + k] - f[p + k] * g[s + k]) / step


@compiled
def _at_an_edge(
    table: Any, below: Any, f: Any, above: Any, before: Any, g: Any, after: Any, where: Any,
    o: int, q: int, j: int, own: int, size: int, line: Any, at: Any,
) -> None:  # fmt: skip
    """One row whose stencil is not a central quotient within the block."""
    n = where[1]
    first, last, step = reach(table, n, j)
    lo, p = row(below, f, above, where, o, first, q, size)
    e, s = row(before, g, after, where, own, first, q, size)
    if step != 0:
        hi, p_hi = row(below, f, above, where, o, last, q, size)
        h, s_hi = row(before, g, after, where, own, last, q, size)
        for i in range(size):
            k = np.uint64(i)
            line[at + k] = (hi[p_hi + k] * h[s_hi + k] - lo[p + k] * e[s + k]) / step
        return
    a, b, c = weights(table, n, j)
    mid, p_mid = row(below, f, above, where, o, first + 1, q, size)
    m, s_mid = row(before, g, after, where, own, first + 1, q, size)
    hi, p_hi = row(below, f, above, where, o, min(first + 2, last), q, size)
    h, s_hi = row(before, g, after, where, own, min(first + 2, last), q, size)
    for i in range(size):
        k = np.uint64(i)
        line[at + k] = (
            a * (lo[p + k] * e[s + k]) + b * (mid[p_mid + k] * m[s_mid + k])
            + c * (hi[p_hi + k] * h[s_hi + k])
        )  # fmt: skip
    for t in range(3, last - first + 1):
        weight = entry(table, n, WEIGHTS + t, j)
        lo, p = row(below, f, above, where, o, first + t, q, size)
        e, s = row(before, g, after, where, own, first + t, q, size)
        for i in range(size):
            k = np.uint64(i)
            line[at + k] = line[at + k] + weight * (lo[p + k] * e[s + k])


@compiled
def _multiplied(f: Any, first: int, g: Any, n_rows: int, count: int, size: int, out: Any) -> None:
    """Rows of `size` cells from row `first` on, times those of the geometry, which repeat."""
    for r in range(count):
        p, at = np.uint64((first + r) * size), np.uint64(r * size)
        s = np.uint64(((first + r) % n_rows) * size)
        for i in range(size):
            k = np.uint64(i)
            out[at + k] = f[p + k] * g[s + k]


@compiled
def _fold(
    wheres: Any, tables: Any, below: Any, f: Any, above: Any, before: Any, g: Any, after: Any,
    factors: Any, n_rows: int, size: int, out: Any,
) -> None:  # fmt: skip
    """Sum the terms into each row of `out`; the geometry repeats after `n_rows` rows."""
    count, zero = max(1, CELLS_AT_ONCE // size), np.uint64(0)
    total, lines = np.empty(count * size, np.float64), np.empty(count * size, np.float64)
    product = np.empty(count * size, np.float64)
    faces, wide = np.empty((2, count * _WIDEST), np.float64), np.empty(size, np.float64)
    groups, period = rows_together(out.size // size, n_rows, count)
    for first in groups:
        rows = slice(first, min(first + count, (first // period + 1) * period))
        cells = rows.stop - first
        for t in range(len(wheres)):
            where = wheres[t]
            if where[0] == ACROSS:
                _across(
                    tables[t], below[t], f[t], above[t], before[t], g[t], after[t], where, rows,
                    n_rows, size, lines,
                )  # fmt: skip
            else:
                _multiplied(below[t], first, before[t], n_rows, cells, where[3], faces[0])
                _multiplied(f[t], first, g[t], n_rows, cells, size, product)
                _multiplied(above[t], first, after[t], n_rows, cells, where[4], faces[1])
                along(
                    tables[t], faces[0], product, faces[1], where, slice(0, cells), wide, lines,
                    zero,
                )  # fmt: skip
            for r in range(cells):
                at = np.uint64(r * size)
                start = np.uint64(((first + r) % n_rows) * size)
                scaled_by(factors[t], start, lines, at, total, at, t == 0, size)
        start = np.uint64(first * size)
        for i in range(cells * size):
            k = np.uint64(i)
            out[start + k] = settled(total[k])


def fold(pieces: Sequence[Piece], how: str, out: AnyArray) -> bool:
    """Sum derivatives of products over a block, if compiled code supports them.

    ``out = sum(factor * d(inside * cells))``, everything in float64 and rounded once.

    Parameters
    ----------
    pieces : sequence of Piece
        The terms, which all have an `inside`, and a factor of the same shape.
    how : str
        "sum"; nothing else is supported.
    out : array of the shape of the block
        Receives the result.

    Returns
    -------
    bool
        Whether the terms are supported.  If not, nothing has been written.

    Examples
    --------
    >>> from xgrad.kernels.cells import Cells
    >>> from xgrad.kernels.stencil_kinds import of_axis
    >>> from xgrad.stencils.scheme import Scheme
    >>> f = np.arange(64.0).reshape(1, 64)
    >>> stencil = of_axis(1.0, 64, Scheme(), f.dtype)
    >>> cells, twice = (Cells(f[:, :0], g, f[:, :0], 1, 1) for g in (f, 0 * f + 2))
    >>> piece = Piece(cells, stencil, np.full_like(f, 3.0), inside=twice)
    >>> fold([piece], "sum", out := np.empty_like(f)), out[0, 5]
    (True, np.float64(6.0))
    """
    order = Planes.of(out, 0).order
    size = out.shape[order[-1]]
    if how != "sum" or len(pieces) > MOST_TERMS or not rows.SHORT_ROW <= size <= rows.LONG_ROW:
        return False
    depth = _first_axis(pieces, order, out.shape)
    if depth is None or not all(_is_simple(one, order, depth, out.dtype) for one in pieces):
        return False
    weights = tables(pieces, np.dtype(np.float64))
    if weights is None or not is_plain(out, order, out.dtype):
        return False
    n_across = len(order) - 1
    cells, known = (
        [placed(part, one.stencil, order, n_across) for one, part in pairs]
        for pairs in ([(p, p.cells) for p in pieces], [(p, _inside(p)) for p in pieces])
    )
    wheres = [where for where, *_ in cells]
    if wheres != [where for where, *_ in known] or max(max(w[3:]) for w in wheres) > _WIDEST:
        return False
    wide = np.dtype(np.float64)
    factors = [frozen(one.factor.transpose(order), wide).reshape(-1) for one in pieces]
    columns = zip(*(a[1:] + b[1:] for a, b in zip(cells, known, strict=True)), strict=True)
    n_rows = math.prod(out.shape[k] for k in order[depth:-1])
    flat = out.transpose(order).reshape(-1)
    loop: Any = _fold
    loop(
        np.array(wheres), *map(filled, (weights, *columns, factors)),
        n_rows, size, flat,
    )  # fmt: skip
    return True


def _first_axis(pieces: Sequence[Piece], order: list[int], shape: tuple[int, ...]) -> int | None:
    """The first axis in memory that the geometry depends on; None if it is not one geometry."""
    sides = {np.shape(known) for one in pieces for known in (one.factor, _block(one))}
    if len(sides) > 1 or () in sides:
        return None
    (own,) = sides
    varying = [own[k] > 1 for k in order]
    depth = varying.index(True) if any(varying) else len(order)
    whole = all(own[k] == shape[k] for k in order[depth:])
    return depth if whole and depth < len(order) else None


def _inside(piece: Piece) -> Cells:
    assert piece.inside is not None
    return piece.inside


def _block(piece: Piece) -> Any:
    return 0.0 if piece.inside is None else piece.inside.block


def _is_simple(piece: Piece, order: list[int], depth: int, dtype: np.dtype[Any]) -> bool:
    """Whether a term has a table of weights, along an axis of the geometry, and plain rows."""
    if not isinstance(piece.stencil, Tabled) or order.index(piece.cells.axis) < depth:
        return False
    wide = np.iscomplexobj(piece.factor) or np.iscomplexobj(_block(piece))
    return not wide and is_plain(piece.cells.block, order, dtype)
