"""Combine terms over lazy arrays: one task per chunk, after those that exchange faces."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from xgrad._typing import AnyArray
from xgrad.arrays import block, column_ends
from xgrad.arrays.chunk_faces import Halo, of_terms
from xgrad.arrays.engines import is_expression, is_lazy, module_of
from xgrad.arrays.halo import at_both_edges, between_faces, of_factor
from xgrad.arrays.in_chunks import Chunks, in_chunks
from xgrad.arrays.term import (
    Combination,
    Held,
    How,
    Positions,
    Term,
    as_float,
    dtype_of,
    of_block,
)
from xgrad.kernels.cells import Cells, along
from xgrad.kernels.piece import Piece
from xgrad.kernels.stencil_kinds import OfAnAxis, OwnPositions
from xgrad.stencils import ghosts
from xgrad.stencils.scheme import Scheme


def combine(one: Combination) -> Any:
    """Combine terms of lazy arrays whose chunks wait for the faces of their neighbours.

    Chunks that are too short for their stencil are merged with their neighbours first, and the
    result is cut into the original chunks again.

    Parameters
    ----------
    one : Combination
        Of numpy arrays and those of one engine.
    """
    arrays, terms, how = one
    dtype = one.dtype
    first = one.lazy[0]
    engine: Any = module_of(first)
    given = _chunks_of(one, first)
    sizes = of_terms(given, terms)
    operands = {name: in_chunks(array, sizes, engine) for name, array in arrays.items()}
    index = tuple(range(len(given)))
    arguments: list[Any] = [part for array in operands.values() for part in (array, index)]
    labels = itertools.count(len(given))
    recipes = []
    for term in terms:
        way, its_own = _way(term, operands[term.operand], index, labels)
        factor, is_given = term.factor, np.ndim(term.factor) > 0
        if is_given:
            its_own += [in_chunks(factor, sizes, engine), index]
        recipes.append(
            _Recipe(term.operand, way, None if is_given else factor, is_given, term.component)
        )
        arguments += its_own
    meta = np.empty_like(next(iter(operands.values()))._meta, dtype=dtype)
    result = engine.blockwise(
        _block, index, *arguments, recipes=recipes, names=tuple(operands), how=how,
        concatenate=True, align_arrays=False, dtype=dtype, meta=meta, token="xgrad-combine",
    )  # fmt: skip
    if is_expression(result):
        from xgrad.arrays import expressions  # noqa: PLC0415  an optional dependency

        result = expressions.of_whole_chunks(result)
    return result.rechunk(given)


def _chunks_of(one: Combination, lazy: Any) -> Chunks:
    """Chunks of a lazy array, which may be positions or a factor of data in memory."""
    shape = one.arrays[one.terms[0].operand].shape
    return tuple(
        own if len(own) > 1 else (size,) for own, size in zip(lazy.chunks, shape, strict=True)
    )


@dataclass(frozen=True)
class _OnAxis:
    """The halo and the stencil of a chunk of an axis.

    Attributes
    ----------
    axis, face : int
        As in the term.
    is_whole : bool
        Whether the chunk spans the whole axis, so that it needs no neighbours.
    scheme : Scheme
        That of the stencil, which arrives with the chunk.
    n_known : int
        How many arrays arrive with the chunk whose cells are needed as those of the data are.
    held : Held or None
        What is held constant.
    """

    axis: int
    face: int
    is_whole: bool
    scheme: Scheme
    n_known: int
    held: Held | None

    @classmethod
    def of(cls, term: Term, array: Any, index: tuple[int, ...]) -> tuple[_OnAxis, list[Any]]:
        """Return it with the arguments that :meth:`take` needs."""
        axis = term.axis
        assert axis is not None
        stencil = term.stencil(array.shape[axis], array.dtype)
        own = [_stencils(stencil, array.chunks[axis], axis, module_of(array)), (axis,)]
        is_whole = array.numblocks[axis] == 1
        held = None if term.held is None else term.held.bare
        way = cls(axis, term.face, is_whole, stencil.scheme, len(term.known), held)
        halos = [] if is_whole else way._halo(array, index)
        for one in term.known:
            known = in_chunks(one, array.chunks, module_of(array))
            halos += [known, index, *([] if is_whole else way._halo(known, index)[:2])]
        return way, [*own, *halos]

    def _halo(self, array: Any, index: tuple[int, ...]) -> list[Any]:
        halo = Halo.of(array, self.axis, self.scheme, self.face)
        return [halo.faces, index, halo.sides, (self.axis,)]

    def take(self, f: AnyArray, given: Iterator[AnyArray]) -> Piece:
        """Build the piece from the next arguments of a task."""
        axis, scheme, face = self.axis, self.scheme, self.face
        stencil = next(given).item()
        if self.is_whole:
            cells = at_both_edges(f, axis, scheme, face, ghosts.values)
        else:
            faces, sides = next(given), next(given)
            cells = between_faces(f, faces, sides, axis, scheme, face, ghosts.values)
        known, own = [], of_factor(scheme)
        for _ in range(self.n_known):
            one = next(given)
            if self.is_whole:
                known.append(at_both_edges(one, axis, own, face, ghosts.values))
            else:
                beside = next(given)
                known.append(between_faces(one, beside, sides, axis, own, face, ghosts.values))
        return of_block(cells, stencil, known, self.held)


def _stencils(stencil: OfAnAxis, chunks: tuple[int, ...], axis: int, engine: Any) -> Any:
    """An array with one item for each chunk: the stencil for its cells."""
    found = np.empty(len(chunks), object)
    bounds = itertools.pairwise([0, *itertools.accumulate(chunks)])
    for k, cells in enumerate(itertools.starmap(slice, bounds)):
        found[k] = stencil.cut(along(axis, cells), axis)
    return engine.from_array(found, chunks=1)


@dataclass(frozen=True)
class _OnPositions:
    """The halo and the stencil of a chunk whose columns have their own positions.

    Attributes
    ----------
    axis, face : int
        As in the term.
    scheme : Scheme
        As in the term.
    period : float or None
        Period of the positions.
    """

    axis: int
    face: int
    scheme: Scheme
    period: float | None

    @classmethod
    def of(
        cls, term: Term, array: Any, index: tuple[int, ...], labels: Iterator[int]
    ) -> tuple[_OnPositions, list[Any]]:
        """Return it with the arguments that :meth:`take` needs; positions get the data's chunks."""
        assert isinstance(term.along, Positions)
        assert term.axis is not None
        axis, scheme, face, period = term.axis, term.scheme, term.face, term.along.period
        if term.along.complain is not None and not is_lazy(term.along.array):
            column_ends.checked(term)
        x = as_float(in_chunks(term.along.array, array.chunks, module_of(array)))
        halo, x_halo = (Halo.of(one, axis, scheme, face) for one in (array, x))
        least, greatest = column_ends.of_columns(x, axis, period)
        # A separate label for the single chunk along the axis, so that blocks get their columns.
        thin = (*index[:axis], next(labels), *index[axis + 1 :])
        return cls(axis, face, scheme, period), [
            halo.faces, index, halo.sides, (axis,), x, index, x_halo.faces, index,
            least, thin, greatest, thin,
        ]  # fmt: skip

    def take(self, f: AnyArray, given: Iterator[AnyArray]) -> Piece:
        """Build the piece from the next arguments of a task."""
        axis, scheme, face = self.axis, self.scheme, self.face
        faces, sides, x, x_faces = (next(given) for _ in range(4))
        cells = between_faces(f, faces, sides, axis, scheme, face, ghosts.values)
        there = between_faces(x, x_faces, sides, axis, scheme, face, ghosts.positions)
        ends = next(given), next(given)
        return Piece(cells, OwnPositions(scheme, there, ends, self.period))


def _way(
    term: Term, array: Any, index: tuple[int, ...], labels: Iterator[int]
) -> tuple[_OnAxis | _OnPositions | None, list[Any]]:
    if term.axis is None:
        return None, []
    if isinstance(term.along, Positions):
        return _OnPositions.of(term, array, index, labels)
    return _OnAxis.of(term, array, index)


@dataclass(frozen=True)
class _Recipe:
    """How to build a term over a chunk from the arguments of a task."""

    operand: Hashable
    way: _OnAxis | _OnPositions | None
    factor: Any
    factor_is_given: bool
    component: int | None

    def piece(self, blocks: Mapping[Hashable, AnyArray], given: Iterator[AnyArray]) -> Piece:
        """Build the term from the next arguments."""
        f = blocks[self.operand]
        piece = Piece(Cells.alone(f)) if self.way is None else self.way.take(f, given)
        factor = next(given) if self.factor_is_given else self.factor
        return piece._replace(factor=factor, component=self.component)


def _block(
    *given: AnyArray, recipes: Sequence[_Recipe], names: tuple[Hashable, ...], how: How
) -> AnyArray:
    rest = iter(given)
    blocks = {name: next(rest) for name in names}
    pieces = [recipe.piece(blocks, rest) for recipe in recipes]
    like = blocks[names[0]]
    dtype = dtype_of([blocks[recipe.operand].dtype for recipe in recipes], how)
    out = np.empty_like(like, dtype=dtype, subok=False)
    if not block.fold(pieces, how, out):
        block.report(pieces)
    return out
