from __future__ import annotations

import itertools
import subprocess
import sys
import weakref
from collections import Counter
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from tests.helpers import nothing_computed, numpy_gradient, same_bits
from xgrad.arrays import combine, faces, threads
from xgrad.errors import ChunkError
from xgrad.stencils.scheme import Scheme

DTYPES = ["f2", "f4", "f8", "c8", "c16", "i2", "u1", "i8", ">f4", ">i4"]
EIGHT = np.array([0.0, 1.0, 1.5, 3.0, 3.25, 7.0, 8.0, 8.5])


def reduced(positions: Any) -> Any:
    steps = np.diff(positions)
    return steps[0] if (steps == steps[0]).all() else steps


@st.composite
def chunkings(draw: Any, size: int) -> tuple[int, ...]:
    cuts = draw(st.lists(st.integers(1, size - 1), unique=True)) if size > 1 else []
    bounds = [0, *sorted(cuts), size]
    return tuple(b - a for a, b in itertools.pairwise(bounds))


@st.composite
def problems(draw: Any) -> tuple[Any, Any, Any, int, int]:
    """Array, its chunks, positions, axis and edge_order."""
    edge_order = draw(st.sampled_from([1, 2]))
    shape = draw(npst.array_shapes(min_dims=1, max_dims=3, min_side=edge_order + 1, max_side=7))
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    scale = 1.0 if dtype.kind in "iu" else 0.37
    values = draw(npst.arrays(np.int8, shape, elements=st.integers(0, 100)))
    values = (values * scale).astype(dtype)
    axis = draw(st.integers(0, len(shape) - 1))
    x_dtype = draw(st.sampled_from(["f2", "f4", "f8"]))
    gaps = draw(npst.arrays(np.int8, shape[axis] - 1, elements=st.integers(1, 5)))
    x = (np.concatenate([[0], np.cumsum(gaps)]) * 0.25).astype(x_dtype)
    x = x * draw(st.sampled_from([1, -1])).__int__()
    chunks = tuple(draw(chunkings(size)) for size in shape)
    return values, chunks, x.astype(x_dtype), axis, edge_order


@given(problems())
def test_lazy_equals_eager_equals_numpy(problem: tuple[Any, Any, Any, int, int]) -> None:
    values, chunks, x, axis, edge_order = problem
    expected = numpy_gradient(values, x, axis, edge_order)
    eager = combine.differentiate(values, reduced(x), axis, Scheme(edge_order=edge_order))
    assert same_bits(eager, expected)
    array = da.from_array(values, chunks=chunks)
    with nothing_computed():
        lazy = combine.differentiate(array, reduced(x), axis, Scheme(edge_order=edge_order))
    assert lazy.chunks == array.chunks
    assert lazy.dtype == expected.dtype
    computed = lazy.compute(scheduler="sync")
    assert computed.dtype == lazy.dtype
    assert same_bits(computed, expected)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("dtype", ["f4", "f8", "c16", "i4", "f2"])
def test_large_memory_in_parts_equals_numpy(axis: int, dtype: str, monkeypatch: Any) -> None:
    # Parts of 4 kB, so that a small array takes the way of a large one, cut along any axis.
    monkeypatch.setattr(threads, "_BYTES_PER_THREAD", 4096)
    monkeypatch.setattr(threads, "CPU_COUNT", 5)
    values = (np.random.default_rng(0).normal(size=(30, 31, 33)) * 50).astype(dtype)
    few = values[:3]  # parts of a single cell
    for array in (values, np.asfortranarray(values), values.transpose(2, 0, 1), few, values[:1]):
        if array.shape[axis] < 3:
            continue
        x = np.arange(array.shape[axis]) ** 1.1
        for positions in (x, 0.5):
            steps = np.diff(x) if positions is x else positions
            found = combine.differentiate(array, steps, axis, Scheme(edge_order=2))
            assert same_bits(found, numpy_gradient(array, positions, axis, 2))


@pytest.mark.parametrize(
    "chunks", [(1,) * 8, (8,), (7, 1), (1, 7), (1, 1, 6), (6, 1, 1), (3, 0, 5), (0, 8), (8, 0)]
)
@pytest.mark.parametrize("edge_order", [1, 2])
def test_awkward_chunks(chunks: tuple[int, ...], edge_order: int) -> None:
    values = np.sin(EIGHT)[:, None] * np.arange(1.0, 4.0)
    array = da.from_array(values, chunks=(8, 3)).rechunk((chunks, (1, 2)))
    lazy = combine.differentiate(array, np.diff(EIGHT), 0, Scheme(edge_order=edge_order))
    assert lazy.chunks == array.chunks
    assert same_bits(lazy.compute(), numpy_gradient(values, EIGHT, 0, edge_order))


def test_an_axis_that_is_even_in_one_chunk_only() -> None:
    # Decided chunk by chunk, the first half would be divided and the second one weighed.
    x = np.concatenate([np.arange(50) * 0.75, 37.0 + np.cumsum(np.linspace(0.1, 0.3, 50))])
    values = np.random.default_rng(5).normal(size=100)
    expected = numpy_gradient(values, x, 0)
    for size in (1, 7, 25, 50, 100):
        lazy = combine.differentiate(da.from_array(values, chunks=size), np.diff(x), 0, Scheme())
        assert same_bits(lazy.compute(), expected)


@pytest.mark.parametrize("layout", ["F", "strided", "read-only"])
def test_chunks_of_any_layout(layout: str) -> None:
    values = np.random.default_rng(6).normal(size=(12, 10))
    base = np.asfortranarray(values) if layout == "F" else np.repeat(values, 2, 0)[::2]
    base.flags.writeable = layout != "read-only"
    array = da.from_array(base, chunks=(5, 4))
    assert same_bits(
        combine.differentiate(array, 0.1, 0, Scheme(edge_order=2)).compute(),
        numpy_gradient(values, 0.1, 0, 2),
    )


class Counting:
    """An array that counts how often each part of it is read."""

    ndim, dtype = 2, np.dtype("f8")

    def __init__(self, values: Any) -> None:
        self.values, self.shape = values, values.shape
        self.reads: Counter[str] = Counter()

    def __getitem__(self, index: Any) -> Any:
        self.reads[str(index)] += 1
        return self.values[index]


def test_each_chunk_is_loaded_once_when_all_gradients_are_computed_together() -> None:
    source = Counting(np.random.default_rng(7).normal(size=(40, 30)))
    array = da.from_array(source, chunks=(10, 10), name="source", asarray=False)
    source.reads.clear()  # from_array looks at no cells, to learn the kind of array
    results = [combine.differentiate(array, 0.5, axis, Scheme(edge_order=2)) for axis in (0, 1)]
    assert not source.reads
    found = dask.compute(*results)
    assert len(source.reads) == 12
    assert set(source.reads.values()) == {1}
    for axis in (0, 1):
        assert same_bits(found[axis], numpy_gradient(source.values, 0.5, axis, 2))


def test_faces_do_not_keep_their_chunk_in_memory() -> None:
    block = np.zeros((100, 100))
    assert faces._faces(block, axis=0, face=1).base is None


def test_a_cell_depends_on_the_chunks_beside_it_only() -> None:
    array = da.from_array(np.arange(100.0), chunks=10, name="source")
    lazy = combine.differentiate(array, 1.0, 0, Scheme())
    (graph,) = dask.optimize(lazy.blocks[5])
    sources = {key for key in graph.dask if isinstance(key, tuple) and key[0] == "source"}
    assert {key[1] for key in sources} <= {4, 5, 6}
    assert graph.compute().tolist() == [1.0] * 10


def test_unknown_chunk_sizes_name_the_remedy() -> None:
    array = da.from_array(np.arange(10.0), chunks=5)
    unknown = array[array > 3]
    with pytest.raises(ChunkError, match="compute_chunk_sizes"):
        combine.differentiate(unknown, 1.0, 0, Scheme())
    unknown.compute_chunk_sizes()
    assert combine.differentiate(unknown, 1.0, 0, Scheme()).compute().tolist() == [1.0] * 6


def test_other_kinds_of_array_are_refused() -> None:
    with pytest.raises(TypeError, match=r"builtins\.list.*as_numpy"):
        combine.differentiate([1.0, 2.0], 1.0, 0, Scheme())


def test_times_in_chunks() -> None:
    days = np.array("2000-01-01", "M8[ns]") + np.cumsum(np.arange(9)) * np.timedelta64(1, "D")
    whole = combine.differentiate(days, 2.0, 0, Scheme(edge_order=2))
    assert whole.dtype == np.float64
    assert whole[1] == 1.5 * 86400 / 2
    for size in (1, 2, 4):
        lazy = combine.differentiate(da.from_array(days, chunks=size), 2.0, 0, Scheme(edge_order=2))
        assert lazy.dtype == np.float64
        assert same_bits(lazy.compute(), whole)


@pytest.mark.parametrize(("grid", "most"), [((16, 2, 2), 8), ((64, 1, 1), 4), ((24, 1, 2), 6)])
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


@pytest.mark.parametrize("boundary", ["one-sided", "periodic", "extend", "reflect"])
def test_an_axis_in_one_chunk_has_no_halo(boundary: Any) -> None:
    values = np.random.default_rng(0).normal(size=(6, 5))
    scheme = Scheme(boundary=(boundary, boundary))
    seam = 1.0 if boundary == "periodic" else None
    cells = da.from_array(values, chunks=(1, 5))
    lazy = combine.differentiate(cells, 1.0, 1, scheme, seam)
    (found,) = dask.optimize(lazy)
    names = {key[0] for key in found.__dask_graph__() if isinstance(key, tuple)}
    assert not [name for name in names if "faces" in name or "overlap" in name]
    assert same_bits(lazy.compute(), combine.differentiate(values, 1.0, 1, scheme, seam))


@pytest.mark.parametrize("planning", ["True", "False"])
def test_both_array_engines_of_dask(planning: str) -> None:
    # The engine is chosen when dask.array is imported, hence in a fresh process.
    code = (
        f"import dask; dask.config.set({{'array.query-planning': {planning}}})\n"
        "import dask.array as da, numpy as np\n"
        "from xgrad.arrays import combine\n"
        "from xgrad.stencils.scheme import Scheme\n"
        "v = np.random.default_rng(0).normal(size=(20, 9))\n"
        "for c in (1, 4, 20):\n"
        "    a = da.from_array(v, chunks=(c, 3))\n"
        "    r = combine.differentiate(a, .5, 0, Scheme(edge_order=2)).compute()\n"
        "    assert (r == np.gradient(v, .5, axis=0, edge_order=2)).all()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
