"""The law of terms: lazy, eager and numpy's results are the same to the bit."""

from __future__ import annotations

from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from tests import engines
from tests.arrays.helpers import chunkings, reduced
from tests.helpers import (
    also_thorough,
    mostly_thorough,
    nothing_computed,
    numpy_gradient,
    same_bits,
)
from xgrad.arrays import combine
from xgrad.arrays.term import Positions, Term
from xgrad.errors import ChunkError
from xgrad.stencils.scheme import Scheme

DTYPES = also_thorough("f2 f4 f8 i2 u1 i8 >f4 >i4", "c8 c16")


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


@pytest.mark.parametrize(
    ("engine", "halo"),
    [("dask.array", "shared"), ("dask.array", "reread"), ("dask_array", "auto")],
)
@given(problem=problems())
def test_lazy_equals_eager_equals_numpy(
    engine: str, halo: str, problem: tuple[Any, Any, Any, int, int]
) -> None:
    values, chunks, x, axis, edge_order = problem
    expected = numpy_gradient(values, x, axis, edge_order)
    eager = combine.differentiate(values, reduced(x), axis, Scheme(edge_order=edge_order))
    assert same_bits(eager, expected)
    array = engines.module(engine).from_array(values, chunks=chunks)
    with nothing_computed(), dask.config.set({"xgrad.halo": halo}):
        lazy = combine.differentiate(array, reduced(x), axis, Scheme(edge_order=edge_order))
    assert type(lazy) is type(array)
    assert lazy.chunks == array.chunks
    assert lazy.dtype == expected.dtype
    computed = lazy.compute(scheduler="sync")
    assert computed.dtype == lazy.dtype
    assert same_bits(computed, expected)


@pytest.mark.parametrize("engine", engines.ENGINES)
def test_times_in_chunks_lose_no_tick(engine: str) -> None:
    days = np.array("2000-01-01", "M8[ns]") + np.cumsum(np.arange(9)) * np.timedelta64(1, "D")
    whole = combine.differentiate(days, 2.0, 0, Scheme(edge_order=2))
    assert whole.dtype == np.float64
    assert whole[1] == 1.5 * 86400 / 2
    days[[3, 6]] = np.array([-(2**63) + 1, 2**63 - 1]).view("M8[ns]")
    whole = combine.differentiate(days, 2.0, 0, Scheme(edge_order=2))
    np.testing.assert_allclose(whole[4:6], [2.54e9, 2.06e9], rtol=1e-2)
    for size in (1, 2, 4):
        array = engines.module(engine).from_array(days, chunks=size)
        lazy = combine.differentiate(array, 2.0, 0, Scheme(edge_order=2))
        assert lazy.dtype == np.float64
        assert same_bits(lazy.compute(), whole)


@pytest.mark.parametrize("engine", engines.ENGINES)
def test_lazy_positions_make_data_in_memory_lazy(engine: str) -> None:
    module = engines.module(engine)
    values, x = np.random.default_rng(0).normal(size=(2, 8, 5))
    with nothing_computed():
        lazy = combine.differentiate(
            values, Positions(module.from_array(x.cumsum(0), chunks=3)), 0, Scheme()
        )
    assert isinstance(lazy, module.Array)
    assert same_bits(
        lazy.compute(), combine.differentiate(values, Positions(x.cumsum(0)), 0, Scheme())
    )


@pytest.mark.parametrize("engine", engines.ENGINES)
def test_unknown_chunk_sizes_name_the_remedy(engine: str) -> None:
    array = engines.module(engine).from_array(np.arange(10.0), chunks=5)
    unknown = array[array > 3]
    with pytest.raises(ChunkError, match="compute_chunk_sizes"):
        combine.differentiate(unknown, 1.0, 0, Scheme())
    unknown.compute_chunk_sizes()
    assert combine.differentiate(unknown, 1.0, 0, Scheme()).compute().tolist() == [1.0] * 6


def test_other_kinds_of_array_are_refused() -> None:
    with pytest.raises(TypeError, match=r"builtins\.list.*as_numpy"):
        combine.differentiate([1.0, 2.0], 1.0, 0, Scheme())


@pytest.mark.parametrize("dtype", mostly_thorough(["f4", "f8", "i4", "c8"], "f4", "i4"))
@pytest.mark.parametrize(
    "chunks", [(2, 3), pytest.param((1, 1), marks=pytest.mark.thorough), (7, 4)]
)
@pytest.mark.parametrize("factor", ["in memory", "lazy"])
@pytest.mark.parametrize("engine", engines.ENGINES)
def test_a_term_of_a_term_is_a_derivative_of_a_derivative(
    dtype: str, chunks: tuple[int, int], factor: str, engine: str
) -> None:
    module = engines.module(engine)
    rng = np.random.default_rng(0)
    values, weight = (100 * rng.normal(size=(7, 9))).astype(dtype), rng.normal(size=(7, 9))
    scheme = Scheme(boundary=("extend", "reflect"))
    inner = Term("f", 0, 2.0, scheme, factor=3.0)
    whole = combine.combine({"f": values}, [inner])
    expected = combine.combine({"g": whole}, [Term("g", 1, 0.5, scheme, factor=weight)])
    own = weight if factor == "in memory" else module.from_array(weight, chunks=(3, 9))
    term = Term("f", 1, 0.5, scheme, factor=own, of=inner)
    for array in (values, module.from_array(values, chunks=chunks)):
        with nothing_computed():
            found = combine.combine({"f": array}, [term])
        assert found.dtype == expected.dtype
        assert same_bits(np.asarray(found), expected)


def test_what_a_term_is_taken_of_alone_may_be_lazy() -> None:
    values, weight = np.random.default_rng(0).normal(size=(2, 6, 8))
    lazy = da.from_array(weight, chunks=3)
    for inner in (Term("f", 0, 1.0, factor=weight), Term("f", 0, 1.0, inside=weight)):
        expected = combine.combine({"f": values}, [Term("f", 1, 1.0, of=inner)])
        key = "factor" if inner.inside is None else "inside"
        with nothing_computed():
            found = combine.combine(
                {"f": values}, [Term("f", 1, 1.0, of=inner._replace(**{key: lazy}))]
            )
        assert isinstance(found, da.Array)
        assert same_bits(found.compute(), expected)
