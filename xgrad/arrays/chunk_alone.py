"""The work on one chunk that reads its own halo: its only task, whatever else is computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from xgrad._typing import AnyArray
from xgrad.arrays import block
from xgrad.arrays.block_cache import BlockCache, Face, Index
from xgrad.arrays.halo import at_both_edges, of_factor, surrounded
from xgrad.arrays.term import How
from xgrad.kernels.cells import Cells, along
from xgrad.kernels.piece import Piece
from xgrad.kernels.stencil_kinds import OfAnAxis
from xgrad.stencils import ghosts
from xgrad.stencils.scheme import Scheme


class Slot(NamedTuple):
    """An argument of a task that stands for a value."""

    number: int


class Place(NamedTuple):
    """Where a chunk is.

    Attributes
    ----------
    chunk : tuple of int
        Index of the chunk, counted in chunks along each axis.
    counts : tuple of int
        How many chunks there are along each axis.
    """

    chunk: Index
    counts: Index

    def beside(self, axis: int, step: int, *, around: bool) -> Index | None:
        """The next chunk along an axis, across the seam of a periodic one; None at an edge.

        Examples
        --------
        >>> place = Place((0, 2), (4, 3))
        >>> place.beside(1, -1, around=False), place.beside(1, 1, around=False)
        ((0, 1), None)
        >>> place.beside(1, 1, around=True)
        (0, 0)
        """
        chunk, counts = self
        other = chunk[axis] + step
        if not (around or 0 <= other < counts[axis]):
            return None
        return (*chunk[:axis], other % counts[axis], *chunk[axis + 1 :])


class Way(NamedTuple):
    """How chunks are differentiated along an axis.

    Attributes
    ----------
    source : int
        Number of the operand.
    axis, face : int
        As in the term.
    scheme : Scheme
        As in the term.
    """

    source: int
    axis: int
    face: int
    scheme: Scheme

    def sides(self, place: Place) -> tuple[Face | None, Face | None]:
        """The faces of the chunks below and above that a chunk needs."""
        if not self.scheme.depth or place.counts[self.axis] == 1:
            return None, None
        around = "periodic" in self.scheme.boundary
        below, above = (place.beside(self.axis, step, around=around) for step in (-1, 1))
        return (
            None if below is None else Face(self.source, below, self.axis, is_last=True),
            None if above is None else Face(self.source, above, self.axis, is_last=False),
        )

    def cells(self, f: AnyArray, place: Place, faces: Mapping[Face, AnyArray]) -> Cells:
        """A chunk with the cells beside it."""
        own = [
            None if side is None else side.nearest(faces[side], self.scheme.depth)
            for side in self.sides(place)
        ]
        return self._between(own[0], f, own[1], self.scheme, place)

    def known(self, blocks: Sequence[AnyArray], place: Place) -> Cells:
        """A known factor of a chunk with the cells beside it, from the blocks below and above."""
        depth = self.scheme.depth
        below, here, above = blocks
        n = below.shape[self.axis]
        is_below, is_above = (side is not None for side in self.sides(place))
        return self._between(
            below[along(self.axis, slice(n - depth, n))] if is_below else None,
            here,
            above[along(self.axis, slice(0, depth))] if is_above else None,
            of_factor(self.scheme),
            place,
        )

    def _between(
        self, below: AnyArray | None, f: AnyArray, above: AnyArray | None, scheme: Scheme,
        place: Place,
    ) -> Cells:  # fmt: skip
        axis, depth, n = self.axis, scheme.depth, f.shape[self.axis]
        if place.counts[axis] == 1:
            return at_both_edges(f, axis, scheme, self.face, ghosts.values)
        # Counted from the first cell that is here; a neighbour across a seam is one like any other.
        start = 0 if below is None else depth
        size = start + n + (0 if above is None else depth)

        def beside(cells: slice) -> AnyArray:
            side = below if cells.start < start else above
            assert side is not None
            return side

        own = slice(start, start + n)
        return surrounded(f, own, size, axis, scheme, self.face, beside, ghosts.values)


class Part(NamedTuple):
    """A term over a chunk.

    Attributes
    ----------
    source : int
        Number of the operand.
    way : Way or None
        How it is differentiated; None for the values as they are.
    factor : float, Slot or None
        As in the term; a slot for an array.
    component : int or None
        As in the term.
    inside : Slot, tuple of three slots or None
        Stands for what the cells are multiplied by, with the cells beside them: as one value, or as
        the blocks below, here and above.
    """

    source: int
    way: Way | None
    factor: Any
    component: int | None
    inside: Slot | tuple[Slot, Slot, Slot] | None


class Output(NamedTuple):
    """One result over a chunk.

    Attributes
    ----------
    parts : tuple of Part
        Its terms.
    how : {"sum", "norm", "angle"}
        How they are combined.
    dtype : numpy.dtype
        Its dtype.
    """

    parts: tuple[Part, ...]
    how: How
    dtype: np.dtype[Any]


class Sources:
    """The tasks that read the blocks around a chunk, hidden from dask, which would run them all.

    Attributes
    ----------
    nodes : mapping of (source, block) to task or key
        A task is run with the values of its dependencies; a key is that of a value.
    keys : tuple of hashable
        The keys of the values that the task of the chunk receives.
    """

    def __init__(self, nodes: Mapping[tuple[int, Index], Any], keys: tuple[Any, ...]) -> None:
        self.nodes, self.keys = nodes, keys

    def read(self, values: Mapping[Any, Any], source: int, index: Index) -> AnyArray:
        """Read a block."""
        node = self.nodes[source, index]
        if not hasattr(node, "dependencies"):
            return np.asarray(values[node])
        return np.asarray(node({key: values[key] for key in node.dependencies}))


def compute(
    outputs: Mapping[int, Output], stencils: Sequence[OfAnAxis | None], place: Place,
    sources: Sources, cache: BlockCache, *values: Any,
) -> dict[int, AnyArray]:  # fmt: skip
    """Compute some results over a chunk.

    Parameters
    ----------
    outputs : mapping of int to Output
        What to compute.
    stencils : sequence of OfAnAxis or None
        The stencil of each part, one after another, cut to the chunk.
    place : Place
        Where the chunk is.
    sources : Sources
        Read the chunk and those beside it.
    cache : BlockCache
        What other chunks have read.
    *values : object
        What the slots stand for, then the values of the keys of `sources`.
    """
    n_slots = len(values) - len(sources.keys)
    slots, given = values[:n_slots], dict(zip(sources.keys, values[n_slots:], strict=True))

    def read(source: int, index: Index) -> AnyArray:
        return sources.read(given, source, index)

    parts = [part for one in outputs.values() for part in one.parts]
    faces = {side: cache.face(side, read) for side in sorted(needed_faces(outputs, place))}
    cache.finish(place.chunk)
    numbers = dict.fromkeys(part.source for part in parts)
    blocks = {k: cache.own(k, place.chunk, read) for k in numbers}
    own = iter(stencils)
    found = {}
    for k, one in outputs.items():
        pieces = [_piece(part, next(own), blocks, place, faces, slots) for part in one.parts]
        like = blocks[one.parts[0].source]
        found[k] = np.empty_like(like, dtype=one.dtype, subok=False)
        block.fold(pieces, one.how, found[k])
    return found


def needed_faces(outputs: Mapping[int, Output], place: Place) -> set[Face]:
    """The faces of other chunks that a chunk needs for some results."""
    ways = [part.way for one in outputs.values() for part in one.parts if part.way is not None]
    return {side for way in ways for side in way.sides(place) if side is not None}


def _piece(
    part: Part, stencil: OfAnAxis | None, blocks: Mapping[int, AnyArray], place: Place,
    faces: Mapping[Face, AnyArray], slots: tuple[Any, ...],
) -> Piece:  # fmt: skip
    f = blocks[part.source]
    factor = slots[part.factor.number] if isinstance(part.factor, Slot) else part.factor
    if part.way is None:
        return Piece(Cells.alone(f), None, factor, part.component)
    inside, known = part.inside, None
    if isinstance(inside, Slot):
        known = slots[inside.number]
    elif inside is not None:
        known = part.way.known([slots[one.number] for one in inside], place)
    return Piece(part.way.cells(f, place, faces), stencil, factor, part.component, known)
