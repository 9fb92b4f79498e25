"""The law of faces: chunks of any size pass on what their neighbours need, and nothing else."""

from __future__ import annotations

import weakref
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
from dask.graph_manipulation import clone

from tests.helpers import numpy_gradient, same_bits
from xgrad.arrays import chunk_faces, combine
from xgrad.arrays.term import Positions
from xgrad.stencils.scheme import Scheme

pytestmark = pytest.mark.usefixtures("shared_faces")

EIGHT = np.array([0.0, 1.0, 1.5, 3.0, 3.25, 7.0, 8.0, 8.5])


@pytest.mark.parametrize(
    "chunks", [(1,) * 8, (8,), (7, 1), (1, 7), (1, 1, 6), (6, 1, 1), (3, 0, 5), (0, 8), (8, 0)]
)
@pytest.mark.parametrize("edge_order", [1, 2])
def test_chunks_of_any_size_equal_numpy(chunks: tuple[int, ...], edge_order: int) -> None:
    values = np.sin(EIGHT)[:, None] * np.arange(1.0, 4.0)
    array = da.from_array(values, chunks=(8, 3)).rechunk((chunks, (1, 2)))
    lazy = combine.differentiate(array, np.diff(EIGHT), 0, Scheme(edge_order=edge_order))
    assert lazy.chunks == array.chunks
    assert same_bits(lazy.compute(), numpy_gradient(values, EIGHT, 0, edge_order))


@pytest.mark.parametrize("chunks", [((6,), (0, 1)), ((6,), (0, 0, 0, 1)), ((0, 3, 3), (1,))])
@pytest.mark.parametrize("boundary", ["one-sided", "periodic", "extend"])
def test_empty_chunks_change_nothing(chunks: Any, boundary: Any) -> None:
    values = np.random.default_rng(9).normal(size=(6, 1))
    scheme = Scheme(boundary=(boundary, boundary))
    array = da.from_array(values, chunks=chunks)
    lazy = combine.differentiate(array, 1.0, 0, scheme, seam=1.0)
    assert lazy.chunks == array.chunks
    assert same_bits(lazy.compute(), combine.differentiate(values, 1.0, 0, scheme, seam=1.0))
    x = np.arange(6.0).reshape(6, 1) ** 1.5
    lazy = combine.differentiate(array, Positions(da.from_array(x), 99.0), 0, scheme)
    assert same_bits(lazy.compute(), combine.differentiate(values, Positions(x, 99.0), 0, scheme))


def test_faces_do_not_keep_their_chunk_in_memory() -> None:
    block = np.zeros((100, 100))
    assert chunk_faces._faces(block, axis=0, face=1).base is None


def test_a_cell_depends_only_on_the_chunks_beside_it() -> None:
    array = da.from_array(np.arange(100.0), chunks=10, name="source")
    lazy = combine.differentiate(array, 1.0, 0, Scheme())
    (graph,) = dask.optimize(lazy.blocks[5])
    sources = {key for key in graph.dask if isinstance(key, tuple) and key[0] == "source"}
    assert {key[1] for key in sources} <= {4, 5, 6}
    assert graph.compute().tolist() == [1.0] * 10


def test_tasks_are_made_for_the_chunks_that_are_wanted() -> None:
    array = da.from_array(np.arange(1000.0), chunks=10, name="source")
    lazy = combine.differentiate(array, 1.0, 0, Scheme())
    (layer,) = [x for x in lazy.dask.layers.values() if isinstance(x, chunk_faces._FromTheEnd)]
    assert lazy.blocks[98:].compute().tolist() == [1.0] * 20
    assert "_all" not in vars(layer)
    # The cells below, its own and those above, together; and those that the last chunk waits for.
    sizes = [len(layer.cull({(layer.name, k)}, ())[0]) for k in range(100)]
    assert sizes == [3, *[4] * 98, 6]
    parts = [dict(layer.cull({(layer.name, k)}, ())[0]) for k in range(100)]
    assert set(layer) == {key for part in parts for key in part}


def test_a_clone_has_the_same_bits() -> None:
    values = np.arange(100.0) ** 1.5
    lazy = combine.differentiate(da.from_array(values, chunks=10), 1.0, 0, Scheme())
    assert same_bits(clone(lazy).compute(), lazy.compute())


@pytest.mark.parametrize(("grid", "most"), [
    ((16, 2, 2), 8), ((24, 1, 2), 6), pytest.param((64, 1, 1), 4, marks=pytest.mark.thorough),
])  # fmt: skip
def test_a_reduction_holds_few_chunks_at_a_time(grid: tuple[int, ...], most: int) -> None:
    # Without the tasks beyond the ends it is 12, 5 and 7 chunks.
    held: set[int] = set()
    counts = []

    def chunk(block_id: tuple[int, ...]) -> Any:
        cells = np.full((2,) * len(grid), float(sum(block_id)))
        held.add(id(cells))
        counts.append(len(held))
        weakref.finalize(cells, held.discard, id(cells))
        return cells

    cells = da.map_blocks(chunk, chunks=tuple((2,) * n for n in grid), dtype="f8", meta=np.ones(0))
    found = [combine.differentiate(cells, 1.0, axis, Scheme()).max() for axis in range(len(grid))]
    dask.compute(found, scheduler="synchronous")
    assert len(counts) == np.prod(grid)
    assert max(counts) <= most
