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
from xgrad._typing import STEP, WEIGHTS, AnyArray
from xgrad.kernels import rows
from xgrad.kernels.cells import Cells
from xgrad.kernels.layout import Planes
from xgrad.kernels.piece import Piece
from xgrad.kernels.row_loops import (
    ACROSS,
    MOST_TERMS,
    added_by,
    copied,
    divided,
    entry,
    reach,
    row,
    scaled_by,
    weighed_by,
    weights,
)  # fmt: skip
from xgrad.kernels.rows import filled, frozen, is_plain, placed, tables
from xgrad.kernels.stencil_kinds import Tabled


@compiled
def _across(
    table: Any, below: Any, f: Any, above: Any, before: Any, g: Any, after: Any, where: Any, r: int,
    n_rows: int, size: int, line: Any,
) -> None:  # fmt: skip
    """Differentiate a product along an axis across the rows, in row `r`."""
    n, stride = where[1], where[2]
    o, q, j = r // (n * stride), r % stride, (r // stride) % n
    own = o % (n_rows // (n * stride))
    first, last, step = reach(table, n, j)
    lo, p = row(below, f, above, where, o, first, q, size)
    e, s = row(before, g, after, where, own, first, q, size)
    if step != 0:
        hi, p_hi = row(below, f, above, where, o, last, q, size)
        h, s_hi = row(before, g, after, where, own, last, q, size)
        for i in range(size):
            k = np.uint64(i)
            line[k] = (hi[p_hi + k] * h[s_hi + k] - lo[p + k] * e[s + k]) / step
        return
    a, b, c = weights(table, n, j)
    mid, p_mid = row(below, f, above, where, o, first + 1, q, size)
    m, s_mid = row(before, g, after, where, own, first + 1, q, size)
    hi, p_hi = row(below, f, above, where, o, min(first + 2, last), q, size)
    h, s_hi = row(before, g, after, where, own, min(first + 2, last), q, size)
    for i in range(size):
        k = np.uint64(i)
        line[k] = (
            a * (lo[p + k] * e[s + k]) + b * (mid[p_mid + k] * m[s_mid + k])
            + c * (hi[p_hi + k] * h[s_hi + k])
        )  # fmt: skip
    for t in range(3, last - first + 1):
        weight = entry(table, n, WEIGHTS + t, j)
        lo, p = row(below, f, above, where, o, first + t, q, size)
        e, s = row(before, g, after, where, own, first + t, q, size)
        for i in range(size):
            k = np.uint64(i)
            line[k] = line[k] + weight * (lo[p + k] * e[s + k])


@compiled
def _multiplied(f: Any, p: Any, g: Any, s: Any, out: Any, at: Any, size: int) -> None:
    for i in range(size):
        k = np.uint64(i)
        out[at + k] = f[p + k] * g[s + k]


@compiled
def _along(
    table: Any, below: Any, f: Any, above: Any, before: Any, g: Any, after: Any, where: Any, r: int,
    n_rows: int, product: Any, line: Any,
) -> None:  # fmt: skip
    """Differentiate a product along row `r`; all but ``where[2]`` cells at its ends are uniform."""
    n, half, n_below, n_above = where[1], where[2], where[3], where[4]
    own, start, zero = r % n_rows, np.uint64(n_below), np.uint64(0)
    _multiplied(
        below, np.uint64(r * n_below), before, np.uint64(own * n_below), product, zero, n_below
    )
    _multiplied(f, np.uint64(r * n), g, np.uint64(own * n), product, start, n)
    _multiplied(
        above, np.uint64(r * n_above), after, np.uint64(own * n_above), product,
        start + np.uint64(n), n_above,
    )  # fmt: skip
    for j in range(n):
        if half <= j < n - half:
            continue
        first, last, step = reach(table, n, j)
        lo, hi = product[n_below + first], product[n_below + last]
        if step != 0:
            line[j] = (hi - lo) / step
            continue
        a, b, c = weights(table, n, j)
        total = a * lo + b * product[n_below + first + 1]
        total += c * product[n_below + min(first + 2, last)]
        for k in range(3, last - first + 1):
            total += entry(table, n, WEIGHTS + k, j) * product[n_below + first + k]
        line[j] = total
    size, inside, columns = n - 2 * half, np.uint64(half), np.uint64(n)
    if size <= 0:
        return
    step = entry(table, n, STEP, half)
    if step != 0:
        divided(product, start, product, start + inside + inside, step, line, inside, size)
        return
    a = np.uint64(WEIGHTS) * columns + inside
    weighed_by(table, a, a + columns, a + columns + columns, product, start, line, inside, size)
    for t in range(3, 2 * half + 1):
        at = np.uint64(t)
        added_by(table, a + at * columns, product, start + at, line[half:], size)


@compiled
def _fold(
    wheres: Any, tables: Any, below: Any, f: Any, above: Any, before: Any, g: Any, after: Any,
    factors: Any, n_rows: int, size: int, out: Any,
) -> None:  # fmt: skip
    """Sum the terms into each row of `out`; the geometry repeats after `n_rows` rows."""
    total, line = np.empty(size, np.float64), np.empty(size, np.float64)
    product, zero = np.empty(size + 64, np.float64), np.uint64(0)
    for r in range(out.size // size):
        for t in range(len(wheres)):
            if wheres[t, 0] == ACROSS:
                _across(
                    tables[t], below[t], f[t], above[t], before[t], g[t], after[t], wheres[t], r,
                    n_rows, size, line,
                )  # fmt: skip
            else:
                _along(
                    tables[t], below[t], f[t], above[t], before[t], g[t], after[t], wheres[t], r,
                    n_rows, product, line,
                )  # fmt: skip
            start = np.uint64((r % n_rows) * size)
            scaled_by(factors[t], start, line, zero, total, t == 0, size)
        copied(total, zero, out, np.uint64(r * size), size)


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
    if [where for where, *_ in cells] != [where for where, *_ in known]:
        return False
    wide = np.dtype(np.float64)
    factors = [frozen(one.factor.transpose(order), wide).reshape(-1) for one in pieces]
    columns = zip(*(a[1:] + b[1:] for a, b in zip(cells, known, strict=True)), strict=True)
    n_rows = math.prod(out.shape[k] for k in order[depth:-1])
    flat = out.transpose(order).reshape(-1)
    loop: Any = _fold
    loop(
        np.array([where for where, *_ in cells]), *map(filled, (weights, *columns, factors)),
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
