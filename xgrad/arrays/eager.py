"""Combine terms over arrays in memory, in threads."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence

import numpy as np

from xgrad._typing import AnyArray
from xgrad.arrays import block, buffers, column_ends
from xgrad.arrays.halo import at_both_edges, of_factor
from xgrad.arrays.term import Combination, How, Positions, Term, as_float, of_block
from xgrad.arrays.threads import in_threads
from xgrad.kernels.cells import Cells
from xgrad.kernels.piece import Piece
from xgrad.kernels.stencil_kinds import OwnPositions
from xgrad.stencils import ghosts

# Modules with compiled loops are imported where they are used: they load numba, which small arrays
# do not need.


def combine_all(wanted: Sequence[Combination]) -> Iterator[AnyArray]:
    """Combine terms of arrays in memory; see :func:`xgrad.arrays.combine.combine_all`.

    Two sums of the same two derivatives, such as the eastward and northward one on a grid of any
    angles, are computed in one pass over the data.

    Parameters
    ----------
    wanted : sequence of Combination
        Of numpy arrays.

    Yields
    ------
    numpy.ndarray
        The results.
    """
    rest = list(wanted)
    while rest:
        pair = rest[:2]
        if len(pair) == 2 and _share_derivatives(*pair):
            yield from _combine_pair(*pair)
            del rest[:2]
        else:
            yield _combine(rest.pop(0))


def _combine(one: Combination) -> AnyArray:
    arrays, terms, how = one
    out = buffers.empty_like(arrays[terms[0].operand], one.dtype)
    if out.size == 0:
        return out
    good: list[bool] = []
    size, work = _pieces(arrays, terms, how, out)
    in_threads(out.nbytes, size, lambda part: good.append(work(part)))
    if not all(good):
        for term in terms:
            if isinstance(term.along, Positions) and term.along.complain is not None:
                column_ends.checked(term)
            if term.held is not None and term.held.complain is not None:
                term.held.complain()
    return out


def _share_derivatives(one: Combination, other: Combination) -> bool:
    """Whether two sums are of the same two derivatives of one array, with factors of each cell."""
    terms = [*one.terms, *other.terms]
    if not (one.how == other.how == "sum" and len(one.terms) == len(other.terms) == 2):
        return False
    arrays = [own.arrays[term.operand] for own in (one, other) for term in own.terms]
    if any(array is not arrays[0] for array in arrays):
        return False
    if not all(type(term.factor) is np.ndarray and _is_along_index(term) for term in terms):
        return False
    bare = [[term._replace(factor=None) for term in own.terms] for own in (one, other)]
    return bare[0] == bare[1]


def _is_along_index(term: Term) -> bool:
    return isinstance(term.along, float) and term.inside is None and term.held is None


def _combine_pair(first: Combination, second: Combination) -> list[AnyArray]:
    array, pair = first.arrays[first.terms[0].operand], (first.terms, second.terms)
    outs = [buffers.empty_like(array, first.dtype) for _ in pair]
    if array.size == 0:
        return outs
    cut, whole = _longest(outs[0]), tuple(slice(0, n) for n in array.shape)
    one, other = ([_over_all(term, array, None) for term in terms] for terms in pair)

    def some(part: slice) -> None:
        box = (*whole[:cut], part, *whole[cut + 1 :])
        own, also = ([piece.cut(box) for piece in terms] for terms in (one, other))
        block.fold_pair(own, also, [out[box] for out in outs])

    in_threads(2 * outs[0].nbytes, array.shape[cut], some)
    return outs


def _longest(out: AnyArray, terms: Sequence[Term] = ()) -> int:
    """The axis whose parts are contiguous in memory, but none whose columns a term needs whole."""
    whole = {term.held.axis for term in terms if term.held is not None}
    axes = [k for k in range(out.ndim) if k not in whole]
    return max(axes, key=lambda k: (out.shape[k] > 1) * abs(out.strides[k]))


def _pieces(
    arrays: Mapping[Hashable, AnyArray], terms: Sequence[Term], how: How, out: AnyArray
) -> tuple[int, Callable[[slice], bool]]:
    """Return how many pieces threads can share, and a function that computes some of them."""
    cut = _longest(out, terms)
    first = terms[0]
    alone = len(terms) == 1 and how == "sum" and first.factor is None
    if alone and first.axis == cut and isinstance(first.along, Positions):
        from xgrad.kernels import curvilinear  # noqa: PLC0415

        x = as_float(np.asarray(first.along.array))
        whole_turn = first.along.period is not None
        work = None if whole_turn else curvilinear.side_by_side(
            arrays[first.operand], x, cut, first.scheme, out
        )  # fmt: skip
        if work is not None:
            return out.size // out.shape[cut], work
    pieces = [_over_all(term, arrays[term.operand], cut if alone else None) for term in terms]
    whole = tuple(slice(0, n) for n in out.shape)

    def some(part: slice) -> bool:
        box = (*whole[:cut], part, *whole[cut + 1 :])
        own = pieces if box == whole else [one.cut(box) for one in pieces]
        return block.fold(own, how, out[box])

    return out.shape[cut], some


def _over_all(term: Term, array: AnyArray, cut: int | None) -> Piece:
    """A term over whole arrays, later cut along axis `cut`, or along any axis if None."""
    axis, scheme, face = term.axis, term.scheme, term.face
    if axis is None:
        return Piece(Cells.alone(array), None, term.factor, term.component)
    cells = at_both_edges(array, axis, scheme, face, ghosts.values)
    if not isinstance(term.along, Positions):
        stencil = term.stencil(array.shape[axis], array.dtype)
        known = [at_both_edges(np.asarray(one), axis, of_factor(scheme), face, ghosts.values)
                 for one in term.known]  # fmt: skip
        piece = of_block(cells, stencil, known, term.held)
        return piece._replace(factor=term.factor, component=term.component)
    x, period = as_float(np.asarray(term.along.array)), term.along.period
    there = at_both_edges(x, axis, scheme, face, ghosts.positions)
    # Parts that are cut along the axis do not hold whole columns.
    ends = column_ends.of_columns(x, axis, period) if cut in (None, axis) else None
    own = OwnPositions(scheme, there, ends, period)
    return Piece(cells, own, term.factor, term.component)
