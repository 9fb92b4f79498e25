"""The work on one chunk that reads its own halo: its only task, whatever else is computed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from xgrad._typing import AnyArray
from xgrad.arrays import block
from xgrad.arrays.block_cache import BlockCache, Face, Index
from xgrad.arrays.halo import at_both_edges, surrounded
from xgrad.arrays.term import How
from xgrad.kernels.cells import Cells
from xgrad.kernels.piece import Piece
from xgrad.kernels.stencil_kinds import OfAnAxis
from xgrad.stencils import ghosts


class Slot(NamedTuple):
    """An argument of a task that stands for a value."""

    number: int


class Way(NamedTuple):
    """How a chunk is differentiated along an axis.

    Attributes
    ----------
    axis, face : int
        As in the term.
    stencil : OfAnAxis
        Cut to the chunk.
    below, above : Face or None
        The faces of the chunks on either side; None at an edge of the axis.
    is_whole : bool
        Whether the chunk spans the whole axis.
    """

    axis: int
    face: int
    stencil: OfAnAxis
    below: Face | None
    above: Face | None
    is_whole: bool

    def cells(self, f: AnyArray, faces: Mapping[Face, AnyArray]) -> Cells:
        """The chunk with the cells beside it."""
        axis, face, scheme = self.axis, self.face, self.stencil.scheme
        if self.is_whole:
            return at_both_edges(f, axis, scheme, face, ghosts.values)
        depth, n = scheme.depth, f.shape[axis]
        # Counted from the first cell that is here; a neighbour across a seam is one like any other.
        start = depth if self.below else 0
        size = start + n + (depth if self.above else 0)

        def beside(cells: slice) -> AnyArray:
            side = self.below if cells.start < start else self.above
            assert side is not None
            return side.nearest(faces[side], depth)

        own = slice(start, start + n)
        return surrounded(f, own, size, axis, scheme, face, beside, ghosts.values)


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
    inside : Slot or None
        Stands for what the cells are multiplied by, with the cells beside them.
    """

    source: int
    way: Way | None
    factor: Any
    component: int | None
    inside: Slot | None


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
    outputs: Mapping[int, Output], chunk: Index, sources: Sources, cache: BlockCache,
    *values: Any,
) -> dict[int, AnyArray]:  # fmt: skip
    """Compute some results over a chunk.

    Parameters
    ----------
    outputs : mapping of int to Output
        What to compute.
    chunk : tuple of int
        Index of the chunk.
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
    ways = [part.way for part in parts if part.way is not None]
    sides = {side for way in ways for side in (way.below, way.above) if side is not None}
    faces = {side: cache.face(side, read) for side in sorted(sides)}
    cache.finish(chunk)
    numbers = dict.fromkeys(part.source for part in parts)
    blocks = {k: cache.own(k, chunk, read) for k in numbers}
    return {k: _computed(one, blocks, faces, slots) for k, one in outputs.items()}


def _computed(
    one: Output, blocks: Mapping[int, AnyArray], faces: Mapping[Face, AnyArray],
    slots: tuple[Any, ...],
) -> AnyArray:  # fmt: skip
    pieces = [_piece(part, blocks[part.source], faces, slots) for part in one.parts]
    like = blocks[one.parts[0].source]
    out = np.empty_like(like, dtype=one.dtype, subok=False)
    block.fold(pieces, one.how, out)
    return out


def _piece(
    part: Part, f: AnyArray, faces: Mapping[Face, AnyArray], slots: tuple[Any, ...]
) -> Piece:  # fmt: skip
    factor = slots[part.factor.number] if isinstance(part.factor, Slot) else part.factor
    if part.way is None:
        return Piece(Cells.alone(f), None, factor, part.component)
    known = None if part.inside is None else slots[part.inside.number]
    return Piece(part.way.cells(f, faces), part.way.stencil, factor, part.component, known)
