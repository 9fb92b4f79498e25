"""The faces of chunks: the cells that the chunks of a dask array pass on to their neighbours.

``map_overlap``'s halo is built here.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

import dask.array as da
import numpy as np
from dask.highlevelgraph import HighLevelGraph
from dask.layers import ArrayValuesDep

from xgrad._typing import AnyArray
from xgrad.arrays import chunks
from xgrad.stencils.scheme import Scheme

# Tasks that the last chunks along an axis wait for.  Fewer do less, and more do no more.
_TASKS_BEYOND = 3


def merged(
    given: tuple[tuple[int, ...], ...], needs: Iterable[tuple[int, Scheme, int]]
) -> tuple[tuple[int, ...], ...]:
    """Merge chunks that are too short for their neighbour's halo or for a one-sided stencil.

    Parameters
    ----------
    given : tuple of tuple of int
        Chunks of an array.
    needs : iterable of (axis, Scheme, face)
        What is differentiated along which axis, with so many cells passed on.

    Examples
    --------
    >>> merged(((1, 1, 3), (4,)), [(0, Scheme(edge_order=2), 1)])
    ((2, 3), (4,))
    """
    sizes = list(given)
    for axis, scheme, face in needs:
        at_ends = max(face, scheme.edge - scheme.depth)
        sizes[axis] = chunks.merged(sizes[axis], least=face, least_at_ends=at_ends)
    # Chunks without a cell are lost at a seam by dask's overlap.
    return tuple(chunks.merged(own, least=1, least_at_ends=1) if 0 in own else own for own in sizes)


@dataclass(frozen=True)
class Halo:
    """What lies on either side of each chunk, thin arrays both.

    Attributes
    ----------
    faces : dask array
        Of each chunk ``[below], first, last, [above]``: its own first and last cells, between the
        last of the chunk below it and the first of the one above.
    sides : four numbers for each chunk along the axis
        Whether one lies below and whether one lies above it; and the same without the seam of a
        periodic axis.  They travel within the tasks: as an array of their own they would be one
        more key that each task waits for, a tenth of the time that dask optimises the graph.
    """

    faces: da.Array
    sides: ArrayValuesDep

    @classmethod
    def of(cls, array: da.Array, axis: int, scheme: Scheme, face: int) -> Halo:
        """Let the chunks of an array pass on the cells that they need of each other.

        Only the faces of the chunks (copies of their first and last cells along `axis`) pass
        through dask's overlap.  With whole chunks in its place each result waits for three of them
        to be in memory, and each chunk is copied once more to stick its halo on (``xgrad, whole
        chunks`` in ``docs/benchmarks.md``).  ``overlap`` is the first half of ``map_overlap``:
        with all of it each chunk has a task more, which takes a sixth of the time that dask
        optimises the graph.
        """
        sizes = array.chunks[axis]
        periodic = "periodic" in scheme.boundary
        faces = da.map_blocks(
            _faces,
            array,
            axis=axis,
            face=face,
            chunks=with_chunks(array, axis, [2 * face] * len(sizes)),
            dtype=array.dtype,
            meta=array._meta,
        )
        inside = np.ones((2, len(sizes)), int)
        inside[0, 0] = inside[1, -1] = 0
        sides = np.concatenate([np.ones_like(inside) if periodic else inside, inside])
        if face:
            # allow_rechunk: it would merge chunks without a word.
            passed = da.overlap.overlap(
                faces,
                depth={axis: face},
                boundary={axis: "periodic" if periodic else "none"},
                allow_rechunk=False,
            )
            faces = passed if periodic else _from_the_end(passed, faces, axis)
        return cls(faces, ArrayValuesDep(((1,) * len(sizes),), sides.T))


def _from_the_end(halo: da.Array, faces: da.Array, axis: int) -> da.Array:
    """Let the last chunks along an axis wait for a few tasks more, which do nothing.

    dask begins a reduction with the chunks that most tasks lead to.  Those at an edge have a
    neighbour less, so it would begin in the middle, go from there in both directions and keep two
    fronts of chunks that wait for their neighbours: of 16 x 2 x 2 chunks 12 are in memory at a
    time then, and 5 to 8 with these tasks.  What else was tried is in ``docs/scaling.md``;
    ``test_a_reduction_holds_few_chunks_at_a_time`` guards it.
    """
    graph, name, last = halo.dask, halo.name, halo.numblocks[axis] - 1
    if last == 0 or not isinstance(graph, HighLevelGraph):  # dask's expressions have no layers
        return halo
    tasks = dict(graph.layers[name])
    across = (range(n) if k != axis else [last] for k, n in enumerate(halo.numblocks))
    for place in itertools.product(*across):
        beyond = [(f"beyond-{k}-{name}", *place) for k in range(_TASKS_BEYOND)]
        tasks |= dict.fromkeys(beyond, (_nothing, (faces.name, *place)))
        tasks[name, *place] = (_first, tasks[name, *place], *beyond)
    longer = HighLevelGraph({**graph.layers, name: tasks}, graph.dependencies)
    return da.Array(longer, name, halo.chunks, meta=halo._meta)


def _nothing(_: AnyArray) -> None:
    """Wait for the faces of a chunk."""


def _first(halo: AnyArray, *_: None) -> AnyArray:
    return halo


def with_chunks(array: da.Array, axis: int, sizes: list[int]) -> tuple[tuple[int, ...], ...]:
    """Chunks of an array, with others along one axis."""
    return (*array.chunks[:axis], tuple(sizes), *array.chunks[axis + 1 :])


def _faces(block: AnyArray, axis: int, face: int) -> AnyArray:
    """First and last cells of a block: a copy, as a view would keep the block in memory."""
    size = block.shape[axis]
    return np.take(block, [*range(face), *range(size - face, size)], axis=axis)
