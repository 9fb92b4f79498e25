"""The work on one chunk that reads its own halo: its only task, whatever else is computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from xgrad._typing import AnyArray
from xgrad.arrays import block, buffers
from xgrad.arrays.block_cache import BlockCache, Face, Index
from xgrad.arrays.halo import at_both_edges, of_factor, surrounded
from xgrad.arrays.term import Held, How, of_block
from xgrad.kernels.cells import Cells, along
from xgrad.kernels.piece import Piece
from xgrad.kernels.stencil_kinds import OfAnAxis, OwnPositions, Stencil
from xgrad.stencils import ghosts
from xgrad.stencils.scheme import Scheme

#: Computes the cells beyond an edge: of the values, or of the positions.
Beyond: TypeAlias = Callable[..., AnyArray]


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

    def cells(
        self, f: AnyArray, place: Place, faces: Mapping[Face, AnyArray],
        beyond: Beyond = ghosts.values,
    ) -> Cells:  # fmt: skip
        """A chunk with the cells beside it."""
        own = [
            None if side is None else side.nearest(faces[side], self.scheme.depth)
            for side in self.sides(place)
        ]
        return self._between(own[0], f, own[1], self.scheme, place, beyond)

    def known(
        self, blocks: Sequence[AnyArray], place: Place, scheme: Scheme, beyond: Beyond
    ) -> Cells:
        """Other cells of a chunk with those beside it, from the blocks below, here and above."""
        depth = self.scheme.depth
        below, here, above = blocks
        n = below.shape[self.axis]
        is_below, is_above = (side is not None for side in self.sides(place))
        return self._between(
            below[along(self.axis, slice(n - depth, n))] if is_below else None,
            here,
            above[along(self.axis, slice(0, depth))] if is_above else None,
            scheme,
            place,
            beyond,
        )

    def _between(
        self, below: AnyArray | None, f: AnyArray, above: AnyArray | None, scheme: Scheme,
        place: Place, beyond: Beyond,
    ) -> Cells:  # fmt: skip
        axis, depth, n = self.axis, scheme.depth, f.shape[self.axis]
        if place.counts[axis] == 1:
            return at_both_edges(f, axis, scheme, self.face, beyond)
        # Counted from the first cell that is here; a neighbour across a seam is one like any other.
        start = 0 if below is None else depth
        size = start + n + (0 if above is None else depth)

        def beside(cells: slice) -> AnyArray:
            side = below if cells.start < start else above
            assert side is not None
            return side

        own = slice(start, start + n)
        return surrounded(f, own, size, axis, scheme, self.face, beside, beyond)


class OfColumns(NamedTuple):
    """Where columns that have their own positions are, and how long their steps are.

    Attributes
    ----------
    there : Way or tuple of three slots
        How positions are read that are as wide as the data; or slots for the blocks of positions
        below, here and above.
    least, greatest : Slot
        Stand for the extreme steps of whole columns.
    period : float or None
        As of the positions.
    """

    there: Way | tuple[Slot, Slot, Slot]
    least: Slot
    greatest: Slot
    period: float | None

    def stencil(
        self, way: Way, place: Place, blocks: Mapping[int, AnyArray],
        faces: Mapping[Face, AnyArray], slots: tuple[Any, ...],
    ) -> OwnPositions:  # fmt: skip
        """The stencil of a chunk of such columns."""
        if isinstance(self.there, Way):
            x = blocks[self.there.source]
            there = self.there.cells(x, place, faces, ghosts.positions)
        else:
            given = [slots[one.number] for one in self.there]
            there = way.known(given, place, way.scheme, ghosts.positions)
        ends = slots[self.least.number], slots[self.greatest.number]
        return OwnPositions(way.scheme, there, ends, self.period)


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
    known : tuple of (Slot, tuple of three slots, or Way)
        For each array whose cells are needed as those of the data are: what stands for it with the
        cells beside it, as one value or as the blocks below, here and above; or how it is read.
    held : Held or None
        What is held constant.
    columns : OfColumns or None
        If the columns have their own positions.
    """

    source: int
    way: Way | None
    factor: Any
    component: int | None
    known: tuple[Slot | tuple[Slot, Slot, Slot] | Way, ...]
    held: Held | None = None
    columns: OfColumns | None = None

    @property
    def ways(self) -> list[Way]:
        """How the data are read, and the positions."""
        there = None if self.columns is None else self.columns.there
        return [one for one in (self.way, there, *self.known) if isinstance(one, Way)]


class Output(NamedTuple):
    """One result over a chunk.

    Attributes
    ----------
    parts : tuple of Part
        Its terms.
    how : How
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

    __slots__ = ("keys", "nodes")  # one for each chunk

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

    faces = {side: cache.face(side, read) for side in sorted(needed_faces(outputs, place))}
    cache.finish(place.chunk)
    blocks = {k: cache.own(k, place.chunk, read) for k in needed_sources(outputs)}
    own = iter(stencils)
    found = {}
    for k, one in outputs.items():
        pieces = [_piece(part, next(own), blocks, place, faces, slots) for part in one.parts]
        like = blocks[one.parts[0].source]
        found[k] = buffers.empty_like(like, one.dtype)
        if not block.fold(pieces, one.how, found[k]):
            block.report(pieces)
    return found


def compute_one(outputs: Mapping[int, Output], *arguments: Any) -> AnyArray:
    """Compute the only one of the results that is wanted; see :func:`compute`."""
    (found,) = compute(outputs, *arguments).values()
    return found


def needed_faces(outputs: Mapping[int, Output], place: Place) -> set[Face]:
    """The faces of other chunks that a chunk needs for some results."""
    ways = [way for one in outputs.values() for part in one.parts for way in part.ways]
    return {side for way in ways for side in way.sides(place) if side is not None}


def needed_sources(outputs: Mapping[int, Output]) -> list[int]:
    """The sources of which a chunk needs its own block."""
    parts = [part for one in outputs.values() for part in one.parts]
    every = [number for part in parts for number in (part.source, *(w.source for w in part.ways))]
    return list(dict.fromkeys(every))


def _piece(
    part: Part, stencil: OfAnAxis | None, blocks: Mapping[int, AnyArray], place: Place,
    faces: Mapping[Face, AnyArray], slots: tuple[Any, ...],
) -> Piece:  # fmt: skip
    f = blocks[part.source]
    factor = slots[part.factor.number] if isinstance(part.factor, Slot) else part.factor
    if part.way is None:
        return Piece(Cells.alone(f), None, factor, part.component)
    way, known = part.way, []
    for one in part.known:
        if isinstance(one, Slot):
            known.append(slots[one.number])
        elif isinstance(one, Way):
            known.append(one.cells(blocks[one.source], place, faces))
        else:
            given = [slots[each.number] for each in one]
            known.append(way.known(given, place, of_factor(way.scheme), ghosts.values))
    own: Stencil | None = stencil
    if part.columns is not None:
        own = part.columns.stencil(way, place, blocks, faces, slots)
    piece = of_block(way.cells(f, place, faces), own, known, part.held)
    return piece._replace(factor=factor, component=part.component)
