"""The faces of chunks: the cells that chunks of a lazy array pass on to their neighbours.

They do what ``map_overlap`` would do with whole chunks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from collections.abc import Set as AbstractSet
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from dask._task_spec import convert_legacy_graph
from dask.highlevelgraph import HighLevelGraph, Layer, MaterializedLayer
from dask.layers import ArrayValuesDep

from xgrad._typing import AnyArray
from xgrad.arrays import chunks
from xgrad.arrays.block_cache import Index
from xgrad.arrays.engines import module_of
from xgrad.arrays.in_chunks import Chunks
from xgrad.arrays.on_demand import OnDemand
from xgrad.arrays.term import Term
from xgrad.stencils.scheme import Scheme

# Extra tasks that the last chunks along an axis wait for: fewer have less effect, more no further.
_BEYOND = 3


def merged(
    given: tuple[tuple[int, ...], ...], needs: Iterable[tuple[int, Scheme, int]]
) -> tuple[tuple[int, ...], ...]:
    """Merge chunks that are too short for their neighbour's halo or for a one-sided stencil.

    Parameters
    ----------
    given : tuple of tuple of int
        Chunks of an array.
    needs : iterable of (axis, Scheme, face)
        Per derivative, its axis and scheme, and how many cells chunks pass on.

    Examples
    --------
    >>> merged(((1, 1, 3), (4,)), [(0, Scheme(edge_order=2), 1)])
    ((2, 3), (4,))
    """
    sizes = list(given)
    for axis, scheme, face in needs:
        at_ends = max(face, scheme.edge - scheme.depth)
        sizes[axis] = chunks.merged(sizes[axis], least=face, least_at_ends=at_ends)
    # dask's overlap loses empty chunks at a seam.
    return tuple(chunks.merged(own, least=1, least_at_ends=1) if 0 in own else own for own in sizes)


def of_terms(given: tuple[tuple[int, ...], ...], terms: Iterable[Term]) -> Chunks:
    """Merge the chunks that are too short for some terms, and those of columns needed whole.

    Examples
    --------
    >>> from xgrad.arrays.term import Held
    >>> of_terms(((2, 2), (4,)), [Term("f", 1, 1.0, held=Held(None, 0))])
    ((4,), (4,))
    """
    every = list(terms)
    whole = {term.held.axis for term in every if term.held is not None}
    sizes = tuple((sum(own),) if k in whole else own for k, own in enumerate(given))
    needs = [(term.axis, term.scheme, term.face) for term in every if term.axis is not None]
    return merged(sizes, needs)


@dataclass(frozen=True)
class Halo:
    """The cells on either side of each chunk.

    Attributes
    ----------
    faces : lazy array
        For each chunk ``[below], first, last, [above]``: its own first and last cells, between the
        last cells of the chunk below and the first cells of the chunk above.
    sides : four numbers for each chunk along the axis
        Whether there is a chunk below and one above; and the same without the seam of a periodic
        axis.  They are part of the tasks: as a separate array they would give each task one more
        key to wait for, which takes a tenth of the time to optimise the graph.
    """

    faces: Any
    sides: ArrayValuesDep

    @classmethod
    def of(cls, array: Any, axis: int, scheme: Scheme, face: int) -> Halo:
        """Let the chunks of an array exchange the cells that their neighbours need.

        Only the faces of the chunks (copies of their first and last cells along `axis`) pass
        through dask's overlap.  With whole chunks, each result would wait for three of them to be
        in memory, and each chunk would be copied to attach its halo (``xgrad, whole chunks`` in
        ``docs/benchmarks.md``).  ``overlap`` is the first half of ``map_overlap``; the second half
        would add a task to each chunk, which takes a sixth of the time to optimise the graph.
        """
        sizes, engine = array.chunks[axis], module_of(array)
        assert engine is not None
        periodic = "periodic" in scheme.boundary
        faces = engine.map_blocks(
            _faces,
            array,
            axis=axis,
            face=face,
            token="xgrad-faces",
            chunks=with_chunks(array, axis, [2 * face] * len(sizes)),
            dtype=array.dtype,
            meta=array._meta,
        )
        inside = np.ones((2, len(sizes)), int)
        inside[0, 0] = inside[1, -1] = 0
        sides = np.concatenate([np.ones_like(inside) if periodic else inside, inside])
        if face:
            # dask.array has a module of this name.  allow_rechunk=True would silently merge chunks.
            passed = getattr(engine.overlap, "overlap", engine.overlap)(
                faces,
                depth={axis: face},
                boundary={axis: "periodic" if periodic else "none"},
                allow_rechunk=False,
            )
            faces = passed if periodic else _from_the_end(passed, faces, axis)
        return cls(faces, ArrayValuesDep(((1,) * len(sizes),), sides.T))


def _from_the_end(halo: Any, faces: Any, axis: int) -> Any:
    """Let the last chunks along an axis wait for a few extra tasks that do nothing.

    dask starts a reduction at the chunks that depend on most tasks.  Chunks at an edge have one
    neighbour less, so dask would start in the middle, proceed in both directions and keep two
    fronts of chunks waiting for their neighbours: of 16 x 2 x 2 chunks, 12 would be in memory at a
    time, but only 5 to 8 with these tasks.  ``docs/scaling.md`` lists the alternatives that were
    tried, and ``test_a_reduction_holds_few_chunks_at_a_time`` checks the effect.
    """
    if halo.numblocks[axis] == 1 or hasattr(halo, "expr"):  # expressions have no layers
        return halo
    name = f"xgrad-{halo.name}"
    layer = _FromTheEnd(name, halo.dask.layers[halo.name], faces.name, axis, halo.numblocks)
    graph = HighLevelGraph.from_collections(name, layer, dependencies=[faces])
    return type(halo)(graph, name, halo.chunks, meta=halo._meta)


class _FromTheEnd(OnDemand):
    """The tasks of dask's overlap, and those that the last chunks along an axis wait for.

    dask's layer makes the tasks of all chunks, whichever are wanted, which takes 8 s for 100,000
    chunks.  It makes those of some if it finds only their keys.
    """

    levels = None

    def __init__(self, name: str, overlap: Any, faces: str, axis: int, numblocks: Index) -> None:
        super().__init__(annotations=overlap.annotations)
        self.name, self.overlap, self.faces = name, overlap, faces
        self.axis, self.numblocks = axis, numblocks

    def get_output_keys(self) -> AbstractSet[Any]:
        return {(self.name, *index) for index in np.ndindex(self.numblocks)}

    def cull(self, keys: set[Any], all_hlg_keys: Collection[Any]) -> tuple[Layer, Any]:
        del all_hlg_keys
        wanted = [key[1:] for key in keys if isinstance(key, tuple) and key[0] == self.name]
        part = copy(self.overlap)
        part._cached_keys = [(part.name, *index) for index in wanted]
        found: dict[Any, Any] = part._construct_graph() if wanted else {}
        made = {self._renamed(key): task for key, task in found.items()}
        for index in wanted:
            if index[self.axis] == self.numblocks[self.axis] - 1:
                beyond: list[Any] = [
                    (f"xgrad-beyond-{k}-{self.name}", *index) for k in range(_BEYOND)
                ]
                made |= dict.fromkeys(beyond, (_nothing, (self.faces, *index)))
                made[self.name, *index] = (_first, made[self.name, *index], *beyond)
        k = self.axis
        around = {(self.faces, *index[:k], index[k] + step, *index[k + 1 :])
                  for index in wanted for step in (-1, 0, 1)}  # fmt: skip
        tasks = convert_legacy_graph(made, made.keys() | around)
        needed = {key: set(task.dependencies) for key, task in tasks.items()}
        return MaterializedLayer(tasks, annotations=self.annotations), needed

    def _renamed(self, key: tuple[Any, ...]) -> tuple[Any, ...]:
        """The key here of a task of dask's layer: a result gets the name of this layer."""
        return (self.name, *key[1:]) if f"xgrad-{key[0]}" == self.name else key


def _nothing(_: AnyArray) -> None:
    """Wait for the faces of a chunk."""


def _first(halo: AnyArray, *_: None) -> AnyArray:
    return halo


def with_chunks(array: Any, axis: int, sizes: list[int]) -> tuple[tuple[int, ...], ...]:
    """Chunks of an array, with those along one axis replaced."""
    return (*array.chunks[:axis], tuple(sizes), *array.chunks[axis + 1 :])


def _faces(block: AnyArray, axis: int, face: int) -> AnyArray:
    """First and last cells of a block, copied because a view would keep the block in memory."""
    size = block.shape[axis]
    return np.take(block, [*range(face), *range(size - face, size)], axis=axis)
