"""Combine terms over one block of memory: the arithmetic of every result.

Arrays in memory, chunks of dask arrays and regions of jobs all use it, so they give the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from xgrad._typing import AnyArray
from xgrad.arrays.term import How
from xgrad.kernels import tabled
from xgrad.kernels.layout import tiles
from xgrad.kernels.piece import Piece

# Cells of a tile, whose terms and their sum stay in the cache of a core.
_CELLS_OF_A_TILE = 2**16


def fold(pieces: Sequence[Piece], how: How, out: AnyArray) -> bool:
    """Combine terms over a block.

    Parameters
    ----------
    pieces : sequence of Piece
        The terms over the block.
    how : {"sum", "norm", "angle"}
        How they are combined.
    out : array of the shape of the block
        Receives the result.

    Returns
    -------
    bool
        Whether all columns of positions are strictly monotonic.

    Examples
    --------
    >>> from xgrad.kernels.cells import Cells
    >>> f = Cells.alone(np.array([0.0, 1.0, 4.0]))
    >>> fold([Piece(f, factor=2.0), Piece(f, factor=-1.0)], "sum", out := np.empty(3)), out
    (True, array([0., 1., 4.]))
    """
    if len(pieces) == 1 and how == "sum" and pieces[0].stencil and pieces[0].factor is None:
        return pieces[0].fill(out)
    if tabled.are_loaded(out.size):
        from xgrad.kernels import fused  # noqa: PLC0415  it loads numba

        if fused.fold(pieces, how, out):
            return True
    real = np.empty(0, out.dtype).real.dtype
    work = np.result_type(np.float64, real, *(one.dtype for one in pieces))
    good: list[bool] = []
    # Overflow and infinity minus infinity show in the result, as in the kernels: no warnings.
    with np.errstate(all="ignore"):
        for tile in tiles(tuple(slice(0, n) for n in out.shape), out.strides, _CELLS_OF_A_TILE):
            values = (one.cut(tile).values(work, good) for one in pieces)
            out[tile] = _FOLDED[how](values)
    return all(good)


def _sum(values: Iterator[AnyArray]) -> AnyArray:
    total = next(values)
    for value in values:
        total = np.add(total, value, out=total if total.flags.owndata else None)
    return total


def _norm(values: Iterator[AnyArray]) -> AnyArray:
    total: AnyArray | None = None
    for value in values:
        squares = value.real * value.real
        if value.dtype.kind == "c":
            squares += value.imag * value.imag
        total = squares if total is None else np.add(total, squares, out=total)
    assert total is not None
    return np.sqrt(total, out=total)


def _angle(values: Iterator[AnyArray]) -> AnyArray:
    y, x = values
    found: AnyArray = np.arctan2(y, x)
    return found


_FOLDED: dict[str, Callable[[Iterator[AnyArray]], AnyArray]] = {
    "sum": _sum,
    "norm": _norm,
    "angle": _angle,
}
