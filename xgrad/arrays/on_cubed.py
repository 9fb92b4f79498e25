"""Combine terms over cubed arrays: one task per chunk, which reads the cells beside it from blocks.

cubed plans the memory of a task before it runs, from the blocks that it reads and what it says that
it needs besides.  A task reads block after block, and keeps of each what it needs.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from xgrad._typing import AnyArray
from xgrad.arrays import block
from xgrad.arrays.chunk_faces import of_terms
from xgrad.arrays.engines import is_lazy
from xgrad.arrays.halo import sides, surrounded
from xgrad.arrays.in_chunks import Chunks
from xgrad.arrays.term import Combination, How, Positions, Term
from xgrad.kernels.cells import Cells, thin
from xgrad.kernels.piece import Piece
from xgrad.kernels.stencil_kinds import OfAnAxis
from xgrad.stencils import ghosts

Box: TypeAlias = tuple[slice, ...]
Index: TypeAlias = tuple[int, ...]

# Bytes that a task uses for a tile of its chunk, whatever the size of that.
_BYTES_OF_TILES = 2**24


def combine(one: Combination) -> Any:
    """Combine terms of cubed arrays; see :func:`xgrad.arrays.combine.combine`.

    Parameters
    ----------
    one : Combination
        Of numpy and cubed arrays, at least one of them lazy.

    Raises
    ------
    TypeError
        If it needs what cubed does not offer, with the reason.
    """
    from cubed.core.ops import general_blockwise  # noqa: PLC0415  an optional dependency
    from cubed.primitive.blockwise import ChunkKey, FunctionArgs  # noqa: PLC0415

    _refuse_what_cannot_be_planned(one)
    arrays = _in_same_chunks(one)
    work = _Work.of(one, arrays)
    sources = list(arrays.values())

    def keys(out: Any) -> Any:
        wanted = (work.blocks(k, out.coords) for k in range(len(sources)))
        return FunctionArgs(
            *(
                iter([ChunkKey(source.name, index) for index in own])
                for source, own in zip(sources, wanted, strict=True)
            ),
            output_name=out.name,
        )

    return general_blockwise(
        _chunk, keys, *sources, shapes=[sources[0].shape], dtypes=[one.dtype],
        chunkss=[work.chunks], num_input_blocks=(work.most_blocks,) * len(sources),
        extra_projected_mem=work.extra_bytes, op_name="xgrad-chunk", work=work,
    )  # fmt: skip


def _refuse_what_cannot_be_planned(one: Combination) -> None:
    why = None
    for term in one.terms:
        if term.held is not None:
            why = f"{term.held.name!r} is held constant: tasks need whole columns"
        elif isinstance(term.along, Positions):
            name = term.along.name
            why = f"the positions {name!r} have several dimensions: tasks need whole columns"
        elif is_lazy(term.factor) or is_lazy(term.inside):
            why = "a factor of the derivative is lazy: tasks read the data only"
        elif term.sigma is not None:
            why = "`sigma` is an array: tasks read the data only"
        elif term.product is not None:
            why = "a factor within the derivative has several dimensions: tasks have it in chunks"
    if why is not None:
        raise TypeError(
            f"cubed arrays cannot be differentiated here, because {why}; open the data with "
            "`chunked_array_type='dask'`"
        )


def _in_same_chunks(one: Combination) -> dict[Hashable, Any]:
    """The operands in the chunks of the first lazy one."""
    from cubed import from_array  # noqa: PLC0415

    first = one.lazy[0]
    used = dict.fromkeys(term.operand for term in one.terms)
    found = {}
    for name in used:
        array = one.arrays[name]
        if not is_lazy(array):
            array = from_array(array, first.chunksize, spec=first.spec)
        found[name] = array if array.chunks == first.chunks else array.rechunk(first.chunksize)
    return found


@dataclass(frozen=True)
class _Work:
    """What a task computes.

    Attributes
    ----------
    terms : tuple of (int, Term, OfAnAxis or None)
        The number of the operand, the term, and the stencil of the whole axis.
    how : How
        How they are combined.
    dtypes : tuple of numpy.dtype
        Of the operands.
    dtype : numpy.dtype
        Of the result.
    chunks : tuple of tuple of int
        Of the operands and of the result.
    computed : tuple of tuple of int
        The chunks with those merged that are too short for their stencils.
    """

    terms: tuple[tuple[int, Term, OfAnAxis | None], ...]
    how: How
    dtypes: tuple[np.dtype[Any], ...]
    dtype: np.dtype[Any]
    chunks: Chunks
    computed: Chunks

    @classmethod
    def of(cls, one: Combination, arrays: Mapping[Hashable, Any]) -> _Work:
        """Prepare the stencils."""
        numbers = {name: k for k, name in enumerate(arrays)}
        first = next(iter(arrays.values()))
        terms = tuple(
            (
                numbers[term.operand],
                term,
                None
                if term.axis is None
                else term.stencil(first.shape[term.axis], arrays[term.operand].dtype),
            )
            for term in one.terms
        )
        chunks = tuple(map(tuple, first.chunks))
        dtypes = tuple(array.dtype for array in arrays.values())
        return cls(terms, one.how, dtypes, one.dtype, chunks, of_terms(chunks, one.terms))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the operands."""
        return tuple(map(sum, self.chunks))

    def own(self, index: Index) -> tuple[Box, Box]:
        """The cells of a chunk, and those of the merged chunk that it is a part of."""
        box = tuple(_cells(sizes, i) for sizes, i in zip(self.chunks, index, strict=True))
        around = tuple(
            next(_cells(sizes, i) for i in _beside(sizes, own))
            for sizes, own in zip(self.computed, box, strict=True)
        )
        return box, around

    def boxes(self, source: int, index: Index) -> list[Box]:
        """The cells of an operand that a chunk needs: those beside it, and its own."""
        _, box = self.own(index)
        found = []
        for number, term, _ in self.terms:
            if number == source and term.axis is not None:
                axis = term.axis
                beside = sides(box[axis], self.shape[axis], term.scheme)
                found += [
                    (*box[:axis], cells, *box[axis + 1 :]) for cells in beside if cells is not None
                ]
        return [*found, box]

    def blocks(self, source: int, index: Index) -> list[Index]:
        """The blocks of an operand that have these cells; that of the chunk itself comes last."""
        found = dict.fromkeys(
            place
            for box in self.boxes(source, index)
            for place in itertools.product(*map(_beside, self.chunks, box))
        )
        found.pop(tuple(index))
        return [*found, tuple(index)]

    @property
    def most_blocks(self) -> int:
        """At least as many blocks as a chunk reads of an operand."""
        spans = [
            int(np.diff(np.searchsorted(np.cumsum([0, *own]), np.cumsum([0, *sizes]))).max())
            for own, sizes in zip(self.chunks, self.computed, strict=True)
        ]
        axes = {term.axis for _, term, _ in self.terms if term.axis is not None}
        return math.prod(spans) * (1 + 2 * len(axes))

    @property
    def extra_bytes(self) -> int:
        """What a task holds besides a block of each operand and its result."""
        cells = math.prod(map(max, self.computed))
        wide = max(dtype.itemsize for dtype in self.dtypes)
        thickness = sum(
            2 * term.scheme.depth / max(self.computed[term.axis])
            for _, term, _ in self.terms
            if term.axis is not None
        )
        copies = 0 if self.computed == self.chunks else 1 + len(self.dtypes)
        factors = sum(getattr(term.factor, "nbytes", 0) for _, term, _ in self.terms)
        # One more block is here while it is cut, and its decoded copy; merged chunks are copies.
        held = cells * wide * (2 + copies + thickness) + copies * cells * self.dtype.itemsize
        return math.ceil(held) + factors + _BYTES_OF_TILES

    def compute(self, index: Index, given: Sequence[Iterator[AnyArray]]) -> AnyArray:
        """Compute a chunk from the blocks of each operand."""
        own, box = self.own(index)
        cells = [self._read(k, index, blocks) for k, blocks in enumerate(given)]
        pieces = [self._piece(cells[k], term, stencil, box) for k, term, stencil in self.terms]
        out = np.empty([side.stop - side.start for side in box], self.dtype)
        block.fold(pieces, self.how, out)
        return out[_within(own, box)]

    def _read(self, source: int, index: Index, blocks: Iterator[AnyArray]) -> dict[Any, AnyArray]:
        """Cut what is needed from one block after another."""
        boxes = {_key(box): box for box in self.boxes(source, index)}
        found: dict[Any, AnyArray] = {}
        for place, values in zip(self.blocks(source, index), blocks, strict=True):
            here = tuple(_cells(sizes, i) for sizes, i in zip(self.chunks, place, strict=True))
            for key, box in boxes.items():
                if box == here:
                    found[key] = np.asarray(values)
                    continue
                common = tuple(map(_common, box, here))
                if key not in found:
                    found[key] = np.empty([s.stop - s.start for s in box], self.dtypes[source])
                if all(part.start < part.stop for part in common):
                    found[key][_within(common, box)] = values[_within(common, here)]
        return found

    def _piece(
        self, cells: Mapping[Any, AnyArray], term: Term, stencil: OfAnAxis | None, box: Box
    ) -> Piece:
        factor = thin(term.factor, box) if np.ndim(term.factor) else term.factor
        f = cells[_key(box)]
        if term.axis is None or stencil is None:
            return Piece(Cells.alone(f), None, factor, term.component)
        axis = term.axis

        def beside(part: slice) -> AnyArray:
            return cells[_key((*box[:axis], part, *box[axis + 1 :]))]

        around = surrounded(
            f, box[axis], self.shape[axis], axis, term.scheme, term.face, beside, ghosts.values
        )
        return Piece(around, stencil.cut(box, axis), factor, term.component)


def _chunk(*given: Iterator[AnyArray], work: _Work, block_id: Index) -> AnyArray:
    return work.compute(block_id, given)


def _cells(sizes: tuple[int, ...], i: int) -> slice:
    start = sum(sizes[:i])
    return slice(start, start + sizes[i])


def _beside(sizes: tuple[int, ...], cells: slice) -> range:
    """The chunks along an axis that have some of these cells."""
    bounds = np.cumsum([0, *sizes])
    first = int(np.searchsorted(bounds, cells.start, side="right")) - 1
    return range(first, int(np.searchsorted(bounds, cells.stop, side="left")))


def _common(one: slice, other: slice) -> slice:
    return slice(max(one.start, other.start), min(one.stop, other.stop))


def _within(box: Box, whole: Box) -> Box:
    """A box counted from the first cell of another one."""
    return tuple(
        slice(own.start - all_.start, own.stop - all_.start)
        for own, all_ in zip(box, whole, strict=True)
    )


def _key(box: Box) -> tuple[tuple[int, int], ...]:
    return tuple((side.start, side.stop) for side in box)
