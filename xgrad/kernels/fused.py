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

from xgrad._typing import AnyArray
from xgrad.kernels import row_folds, rows
from xgrad.kernels.layout import Planes
from xgrad.kernels.piece import Piece
from xgrad.kernels.row_loops import MOST_TERMS
from xgrad.kernels.stencil_kinds import Tabled


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
    order, n_across, size = _rows(pieces, out)
    if how not in ("sum", "norm") or not _fits(pieces, order, size, out):
        return False
    weights = rows.tables(pieces, out.dtype)
    factors = _factors(pieces, order, n_across, out.shape)
    if weights is None or factors is None:
        return False
    placed = [rows.placed(one.cells, one.stencil, order, n_across) for one in pieces]
    wheres, *parts = zip(*placed, strict=True)
    flat = out.transpose(order).reshape(-1)
    assert np.may_share_memory(flat, out)
    loop: Any = row_folds.fold_rows
    loop(
        np.array(wheres), *map(rows.filled, (weights, *parts)), *factors, how == "norm", size, flat
    )
    return True


def fold_pair(one: Sequence[Piece], other: Sequence[Piece], outs: Sequence[AnyArray]) -> bool:
    """Two sums of the same two derivatives, with different factors, in one pass.

    Each derivative is computed once, and the cells are read once.

    Parameters
    ----------
    one, other : sequences of two Pieces
        The terms of the two sums; all but their factors is the same.
    outs : two arrays of the shape of the block
        Receive the sums.

    Returns
    -------
    bool
        Whether the terms are supported.  If not, nothing has been written.

    Examples
    --------
    >>> from xgrad.kernels.cells import Cells
    >>> f = np.arange(64.0)
    >>> terms = [[Piece(Cells.alone(f), factor=f * 0 + k)] * 2 for k in (1, 2)]
    >>> fold_pair(*terms, [one := f * 0, other := f * 0]), one[5], other[5]
    (True, np.float64(10.0), np.float64(20.0))
    """
    pieces, out = [*one, *other], outs[0]
    order, n_across, size = _rows(pieces, out)
    if not all(_fits(pieces, order, size, each) for each in outs):
        return False
    weights = rows.tables(one, out.dtype)
    factors = [np.asarray(piece.factor) for piece in pieces]
    if weights is None or any(each.ndim == 0 or np.iscomplexobj(each) for each in factors):
        return False
    shape = [out.shape[k] for k in order]
    spread = [np.transpose(each, order) for each in factors]
    _, by_cell, starts, _, period = _of_cells(spread, [0, 0, 1, 1], n_across, shape)
    placed = [rows.placed(each.cells, each.stencil, order, n_across) for each in one]
    wheres, *parts = zip(*placed, strict=True)
    loop: Any = row_folds.fold_pair
    loop(
        np.array(wheres), *map(rows.filled, (weights, *parts)), by_cell, starts, period, size,
        *(each.transpose(order).reshape(-1) for each in outs),
    )  # fmt: skip
    return True


def _rows(pieces: Sequence[Piece], out: AnyArray) -> tuple[list[int], int, int]:
    """The axes in the order of memory, how many of them come before those of a row, its size."""
    order = Planes.of(out, 0).order
    n_across = _axes_across(pieces, order, out.shape)
    return order, n_across, math.prod(out.shape[k] for k in order[n_across:])


def _fits(pieces: Sequence[Piece], order: list[int], size: int, out: AnyArray) -> bool:
    few = rows.SHORT_ROW <= size <= rows.LONG_ROW and len(pieces) <= MOST_TERMS
    plain = few and rows.is_plain(out, order, out.dtype)
    return plain and all(_is_simple(one, order, out.dtype) for one in pieces)


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
    while found < len(shape) - 1 and math.prod(shape[k] for k in order[found:]) > rows.LONG_ROW:
        found += 1
    return found


def _is_simple(piece: Piece, order: list[int], dtype: np.dtype[Any]) -> bool:
    """Whether a term has a table of weights or no stencil, and its cells are plain rows."""
    tabled = piece.stencil is None or isinstance(piece.stencil, Tabled)
    return tabled and piece.inside is None and rows.is_plain(piece.cells.block, order, dtype)


def _factors(
    pieces: Sequence[Piece], order: list[int], n_across: int, shape: tuple[int, ...]
) -> tuple[AnyArray, tuple[AnyArray, ...], AnyArray, AnyArray, int] | None:
    """Factors of each row, or one set for all rows, or factors of each cell; None if complex."""
    found = [np.asarray(1.0 if one.factor is None else one.factor) for one in pieces]
    if any(np.iscomplexobj(factor) for factor in found):
        return None
    spread = [np.transpose(one, order) if one.ndim else one for one in found]
    own = [k if one.component is None else -1 - one.component for k, one in enumerate(pieces)]
    if len(set(own)) < len(own) or any(
        one.ndim and math.prod(one.shape[n_across:]) > 1 for one in spread
    ):
        return _of_cells(spread, own, n_across, [shape[k] for k in order])
    across = [shape[k] for k in order[:n_across]] if any(one.ndim for one in found) else [1]
    by_row = np.ones((*across, MOST_TERMS))
    for t, factor in enumerate(spread):
        by_row[..., t] = factor.reshape(factor.shape[:n_across]) if factor.ndim else factor
    none = rows.frozen(np.empty(0), np.dtype(np.float64))
    by_row = rows.frozen(by_row.reshape(-1, MOST_TERMS), np.dtype(np.float64))
    n_rows = math.prod(shape[k] for k in order[:n_across])
    return by_row, rows.filled([none]), np.empty(0, np.uint64), np.empty(0, np.int64), n_rows


def _of_cells(
    factors: list[AnyArray], components: list[int], n_across: int, shape: list[int]
) -> tuple[AnyArray, tuple[AnyArray, ...], AnyArray, AnyArray, int]:
    """Factors that vary within rows; they are not expanded along the axes before them."""
    common = np.broadcast_shapes(*(one.shape for one in factors), (1,) * n_across + (1,))
    sides = (*common[:n_across], *shape[n_across:])
    number = np.arange(math.prod(common[:n_across]), dtype=np.uint64)
    starts = np.broadcast_to(number.reshape(common[:n_across]), shape[:n_across]).reshape(-1)
    spread = [
        rows.frozen(np.broadcast_to(one, sides), np.dtype(np.float64)).reshape(-1)
        for one in factors
    ]
    by_row = rows.frozen(np.ones((1, MOST_TERMS)), np.dtype(np.float64))
    size = np.uint64(math.prod(shape[n_across:]))
    alone = next((k for k, side in enumerate(common[:n_across]) if side > 1), n_across)
    period = math.prod(shape[alone:n_across])
    return by_row, rows.filled(spread), starts * size, np.array(components), period
