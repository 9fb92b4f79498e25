"""Combine terms over one block of memory: the arithmetic of every result.

Arrays in memory, chunks of dask arrays and regions of jobs all use it, so they give the same bits.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from xgrad._typing import AnyArray
from xgrad.arrays.term import How
from xgrad.errors import CoordinateWarning, warn
from xgrad.kernels import tabled
from xgrad.kernels.constant_height import AtHeight
from xgrad.kernels.layout import tiles
from xgrad.kernels.piece import Piece

# Cells of a tile, whose terms and their sum stay in the cache of a core.
_CELLS_OF_A_TILE = 2**16
# Columns of a table that are made at once, where there are fewer cells beside each than the second
# number: there the tables and what is made of them take more memory than the data.
COLUMNS, ROWS = 2**15, 32


def fold(pieces: Sequence[Piece], how: How, out: AnyArray) -> bool:
    """Combine terms over a block.

    Parameters
    ----------
    pieces : sequence of Piece
        The terms over the block, those of one component after another.
    how : How
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
    axis = next((one.long_axis for one in pieces if one.long_axis is not None), None)
    if axis is None or not _is_thin(out, axis):
        return _fold([one.written_out() for one in pieces], how, out)
    if tabled.are_loaded(out.size):
        from xgrad.kernels import fused  # noqa: F401, PLC0415  the parts alone may be too few cells
    good = []
    for start in range(0, out.shape[axis], COLUMNS):
        box = [slice(0, n) for n in out.shape]
        box[axis] = slice(start, min(start + COLUMNS, out.shape[axis]))
        part = tuple(box)
        good.append(_fold([one.cut(part).written_out() for one in pieces], how, out[part]))
    return all(good)


def _is_thin(out: AnyArray, axis: int) -> bool:
    """Whether the tables of a long axis would take more memory than the block."""
    n = out.shape[axis]
    return bool(n > COLUMNS and out.size < ROWS * n)


def _fold(pieces: Sequence[Piece], how: How, out: AnyArray) -> bool:
    """The same for pieces whose tables are written out."""
    if _is_plain(pieces, how):
        return pieces[0].fill(out)
    if tabled.are_loaded(out.size):
        from xgrad.kernels import fused, products  # noqa: PLC0415  they load numba

        if fused.fold(pieces, how, out) or products.fold(pieces, how, out):
            return True
    components = _by_component(pieces) if how != "sum" else [[one] for one in pieces]
    real = np.empty(0, out.dtype).real.dtype
    work = np.result_type(np.float64, real, *(one.dtype for one in pieces))
    good: list[bool] = []
    # Overflow and infinity minus infinity show in the result, as in the kernels: no warnings.
    with np.errstate(all="ignore"):
        strides = [0 if k in _whole(pieces) else step for k, step in enumerate(out.strides)]
        for tile in tiles(tuple(slice(0, n) for n in out.shape), tuple(strides), _CELLS_OF_A_TILE):
            sums = (_sum(one.cut(tile).values(work, good) for one in terms) for terms in components)
            out[tile] = _FOLDED[how](sums)
            _settle(out[tile])
    return all(good)


def _whole(pieces: Sequence[Piece]) -> set[int]:
    """The axes along which columns are needed as a whole."""
    return {one.stencil.levels for one in pieces if isinstance(one.stencil, AtHeight)}


def report(pieces: Iterable[Piece]) -> None:
    """Warn that columns of what is held constant are not monotonic."""
    for name in {one.stencil.name for one in pieces if isinstance(one.stencil, AtHeight)}:
        warn(
            f"{name!r}, which `constant` holds, is not strictly monotonic in some of its columns, "
            "or has a missing value inside: derivatives there are NaN",
            CoordinateWarning,
        )


def fold_pair(one: Sequence[Piece], other: Sequence[Piece], outs: Sequence[AnyArray]) -> bool:
    """Two sums of the same derivatives, with different factors; see :func:`fold`."""
    if tabled.are_loaded(outs[0].size):
        from xgrad.kernels import fused  # noqa: PLC0415  it loads numba

        first, second = ([piece.written_out() for piece in pieces] for pieces in (one, other))
        if fused.fold_pair(first, second, outs):
            return True
    good = [fold(pieces, "sum", out) for pieces, out in zip((one, other), outs, strict=True)]
    return all(good)


def _settle(out: AnyArray) -> None:
    """Make all NaN equal: which one of several terms remains depends on the loop."""
    for part in (out.real, out.imag) if out.dtype.kind == "c" else (out,):
        np.copyto(part, np.nan, where=np.isnan(part))


def _is_plain(pieces: Sequence[Piece], how: How) -> bool:
    """Whether a kernel writes the result itself: one derivative, without a factor."""
    one = pieces[0]
    alone = len(pieces) == 1 and how == "sum" and one.stencil is not None
    return alone and one.factor is None and one.inside is None


def _by_component(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """The terms of each component of a vector; a term without a component is one by itself."""
    keys = [(k, None) if one.component is None else one.component for k, one in enumerate(pieces)]
    pairs = itertools.groupby(zip(keys, pieces, strict=True), key=operator.itemgetter(0))
    return [[one for _, one in group] for _, group in pairs]


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


def _length(values: Iterable[AnyArray]) -> AnyArray:
    """The norm of errors, which does not overflow or vanish where their squares do."""
    total: AnyArray = np.zeros(1)
    for value in values:
        total = np.hypot(total, value)
        total += value - value  # the length of infinity and NaN would be infinity
    return total


def _error_of_norm(values: Iterator[AnyArray]) -> AnyArray:
    """NaN where the norm is 0, which has no slope."""
    components, own, beside = _with_errors(values)
    size = _length(components)
    return _propagated([one / size for one in components], own, beside)


def _error_of_angle(values: Iterator[AnyArray]) -> AnyArray:
    """NaN where both components are 0, which have no direction."""
    (y, x), own, beside = _with_errors(values)
    size = _length([y, x])
    return _propagated([x / size / size, -(y / size / size)], own, beside)


def _with_errors(
    values: Iterator[AnyArray],
) -> tuple[list[AnyArray], list[AnyArray], list[AnyArray]]:
    """Components, and the shares of their errors on the own cell and on others."""
    every = list(values)
    return every[::3], every[1::3], every[2::3]


def _propagated(slopes: list[AnyArray], own: list[AnyArray], beside: list[AnyArray]) -> AnyArray:
    """The error of a function of components that share the noise of their own cell."""
    pairs = zip(slopes, own, strict=True)
    shared = _sum(slope * one for slope, one in pairs)
    alone = [slope * one for slope, one in zip(slopes, beside, strict=True)]
    return _length([shared, *alone])


_FOLDED: dict[str, Callable[[Iterator[AnyArray]], AnyArray]] = {
    "sum": _sum,
    "norm": _norm,
    "angle": _angle,
    "error of sum": _length,
    "error of norm": _error_of_norm,
    "error of angle": _error_of_angle,
}
