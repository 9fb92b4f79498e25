"""Selections of results over arrays of dask-array: only what the selected chunks need is planned.

Its expressions pass a selection on to the cells that they are made of, as if halos were cells too:
wrong numbers.  A result passes it on in whole chunks and their neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from numbers import Integral
from typing import Any

import numpy as np
from dask_array._blockwise import Blockwise
from dask_array._expr import ArrayExpr
from dask_array._new_collection import new_collection
from dask_array.slicing import SliceSlicesIntegers

from xgrad.arrays.chunk_faces import merged
from xgrad.arrays.engines import is_lazy
from xgrad.arrays.in_chunks import Chunks, in_chunks
from xgrad.arrays.term import Combination, Positions, Term
from xgrad.kernels.cells import Box, thin


def selectable(result: Any, one: Combination, combine: Callable[[Combination], Any]) -> Any:
    """A result of which a part is computed from a part of the data.

    Parameters
    ----------
    result : dask_array.Array
        The combination.
    one : Combination
        What it is computed from.
    combine : callable
        Computes a combination.
    """
    if any(isinstance(term.along, Positions) for term in one.terms):  # needs whole columns
        return result
    return new_collection(_Selectable(result.expr, _Parts(result.name, one, combine)))


def of_whole_chunks(result: Any) -> Any:
    """A result of blocks that no selection gets past, to the cells that it is computed from.

    Parameters
    ----------
    result : dask_array.Array
        From ``dask_array.blockwise``.
    """
    operands = list(result.expr.operands)
    # Another name: expressions are known by their names, which do not tell their classes.
    operands[Blockwise._parameters.index("token")] = "xgrad-whole-chunk"
    return new_collection(_WholeChunks(*operands))


class _WholeChunks(Blockwise):  # type: ignore[misc]  # the package has no annotations
    """Blocks, each of which needs all cells of its arguments."""

    def _simplify_up(self, parent: Any, dependents: Any) -> None:
        del parent, dependents

    def _requires_grid_preservation(self, dependency: Any) -> bool:
        del dependency
        return True


@dataclass(frozen=True)
class _Parts:
    """How parts of a result are computed.

    Attributes
    ----------
    name : str
        Of the result.
    one : Combination
        What it is computed from.
    combine : callable
        Computes a combination.
    """

    name: str
    one: Combination
    combine: Callable[[Combination], Any]

    def __dask_tokenize__(self) -> Any:
        return type(self).__name__, self.name

    def cells(self, chunks: Chunks, blocks: Sequence[range]) -> Box:
        """The cells of some chunks, and of their neighbours where a stencil needs them."""
        needs = [(term.axis, term.scheme, term.face) for term in self.one.terms
                 if term.axis is not None]  # fmt: skip
        periodic = {axis for axis, scheme, _ in needs if "periodic" in scheme.boundary}
        axes = {axis for axis, _, _ in needs}
        box = []
        for axis, (sizes, own) in enumerate(zip(merged(chunks, needs), blocks, strict=True)):
            bounds, given = np.cumsum([0, *sizes]), np.cumsum([0, *chunks[axis]])
            first = int(np.searchsorted(bounds, given[own.start], side="right")) - 1
            last = int(np.searchsorted(bounds, given[own.stop], side="left"))
            if axis in axes:
                first = 0 if axis in periodic else max(first - 1, 0)
                last = len(sizes) if axis in periodic else min(last + 1, len(sizes))
            box.append(slice(int(bounds[first]), int(bounds[last])))
        return tuple(box)

    def over(self, box: Box, chunks: Chunks) -> Any:
        """The result over a box, right but in the first and last cells along a cut axis."""

        def part(array: Any) -> Any:
            # In whole chunks: a selection of other cells gets past the user's own functions too.
            return thin(in_chunks(array, chunks, None) if is_lazy(array) else array, box)

        shape = self.one.arrays[self.one.terms[0].operand].shape
        terms = tuple(self._cut(term, box, shape, part) for term in self.one.terms)
        arrays = {name: part(array) for name, array in self.one.arrays.items()}
        return self.combine(Combination(arrays, terms, self.one.how))

    def _cut(
        self, term: Term, box: Box, shape: tuple[int, ...], part: Callable[[Any], Any]
    ) -> Term:
        factor = part(term.factor) if np.ndim(term.factor) else term.factor
        if term.axis is None:
            return term._replace(factor=factor)
        size, cells = shape[term.axis], box[term.axis]
        stencil = term.stencil(size, self.one.arrays[term.operand].dtype).cut(box, term.axis)
        left, right = term.scheme.boundary
        # Beside a cut are no cells, so any will do.
        ends = left if cells.start == 0 else "extend", right if cells.stop == size else "extend"
        scheme = term.scheme._replace(boundary=ends)
        inside = None if term.product is None else part(term.product)
        return term._replace(
            along=replace(stencil, scheme=scheme), scheme=scheme, factor=factor, inside=inside,
            sigma=term.sigma and term.sigma._replace(array=part(term.sigma.array)),
        )  # fmt: skip


class _Selectable(ArrayExpr):  # type: ignore[misc]  # the package has no annotations
    """A result that knows how to compute a part of itself, until tasks are made."""

    _parameters = ("array", "parts")

    @cached_property
    def _meta(self) -> Any:
        return self.array._meta

    @cached_property
    def chunks(self) -> Chunks:
        """Those of the result."""
        found: Chunks = self.array.chunks
        return found

    def _lower(self) -> Any:
        return self.array

    def _simplify_up(self, parent: Any, dependents: Any) -> Any:
        if isinstance(parent, SliceSlicesIntegers):
            return self._slice_pushdown(parent, dependents)
        return None

    def _accept_slice(self, selection: Any) -> Any:
        index = (*selection.index, *[slice(None)] * (self.ndim - len(selection.index)))
        blocks = blocks_of(index, self.chunks)
        if blocks is None:
            return None
        box = self.operand("parts").cells(self.chunks, blocks)
        if all(side == slice(0, size) for side, size in zip(box, self.shape, strict=True)):
            return None
        part = self.operand("parts").over(box, self.chunks)
        chunks = tuple(
            tuple(n for n, end in zip(sizes, np.cumsum(sizes), strict=True)
                  if side.start < end <= side.stop)
            for sizes, side in zip(self.chunks, box, strict=True)
        )  # fmt: skip
        moved = tuple(map(moved_to, index, self.shape, box))
        same = part.rechunk(chunks).expr
        return SliceSlicesIntegers(same, moved, selection.allow_getitem_optimization)


def blocks_of(index: Sequence[Any], chunks: Chunks) -> list[range] | None:
    """The chunks along each axis that have selected cells; None if none has, or it is unknown.

    Examples
    --------
    >>> blocks_of((slice(1, 5), -1), ((2, 2, 2), (3, 3)))
    [range(0, 3), range(1, 2)]
    """
    if any(not isinstance(own, Integral | slice) for own in index):
        return None
    found = [_blocks(own, sizes) for own, sizes in zip(index, chunks, strict=True)]
    return found if all(found) else None


def _blocks(index: Any, sizes: tuple[int, ...]) -> range:
    """The chunks along an axis that have selected cells."""
    cells = range(sum(sizes))[index]
    if isinstance(cells, int):
        cells = range(cells, cells + 1)
    if not cells:
        return range(0)
    ends = np.cumsum(sizes)
    first, last = np.searchsorted(ends, [min(cells), max(cells)], side="right")
    return range(int(first), int(last) + 1)


def moved_to(index: Any, size: int, side: slice) -> Any:
    """A selection counted from the first cell of a part.

    Examples
    --------
    >>> moved_to(slice(5, 8), 10, slice(4, 10)), moved_to(-1, 10, slice(4, 10))
    (slice(1, 4, 1), 5)
    """
    if isinstance(index, slice):
        start, stop, step = index.indices(size)
        if step < 0:
            return slice(start - side.start, None if stop < side.start else stop - side.start, step)
        return slice(start - side.start, stop - side.start, step)
    return int(range(size)[index]) - side.start
