"""The law of gaps: a missing neighbour is an edge, and nothing else changes."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.arrays.helpers import chunkings, reduced
from tests.helpers import also_thorough, nothing_computed, numpy_gradient, same_bits
from tests.kernels.helpers import INEXACT, runs
from xgrad.arrays import combine
from xgrad.arrays.term import Positions
from xgrad.stencils.scheme import Scheme


def each_run_alone(values: Any, x: Any, edge_order: int, even: bool) -> Any:
    """The oracle of a single column: numpy between the gaps."""
    out = np.full(len(values), np.nan, values.dtype)
    for run in runs(~np.isnan(values)):
        size = run.stop - run.start
        if size > 1:
            positions = x[1] - x[0] if even else x[run]
            out[run] = numpy_gradient(values[run], positions, 0, min(edge_order, size - 1))
    return out


@st.composite
def coasts(draw: Any, dtypes: Any) -> Any:
    """A field with gaps, its chunks, positions, axis and edge_order."""
    shape = tuple(draw(st.lists(st.integers(2, 9), min_size=1, max_size=3)))
    axis = draw(st.integers(0, len(shape) - 1))
    edge_order = draw(st.integers(1, min(2, shape[axis] - 1)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = rng.normal(size=shape).astype(draw(st.sampled_from(dtypes)))
    values[rng.random(shape) < draw(st.sampled_from([0.0, 0.2, 0.6, 1.0]))] = np.nan
    even = draw(st.booleans())
    # No two steps are equal: numpy would take a run of equal ones for an even axis.
    steps = np.full(shape[axis] - 1, 0.7) if even else rng.random(shape[axis] - 1) + 0.3
    x = np.arange(shape[axis]) * 0.5 if even else np.concatenate([[0], np.cumsum(steps)])
    return values, tuple(draw(chunkings(size)) for size in shape), x, axis, edge_order, even


@given(coasts(also_thorough("f8", "f4 c16")))
def test_a_missing_neighbour_counts_as_an_edge(problem: Any) -> None:
    check_edges(problem)


@pytest.mark.thorough  # another dtype is compiled for seconds
@given(coasts(INEXACT))
def test_a_missing_neighbour_counts_as_an_edge_with_any_dtype(problem: Any) -> None:
    check_edges(problem)


def check_edges(problem: Any) -> None:
    values, chunks, x, axis, edge_order, even = problem
    along = [
        each_run_alone(v, x, edge_order, even)
        for v in np.moveaxis(values, axis, -1).reshape(-1, len(x))
    ]
    expected = np.moveaxis(np.reshape(along, np.moveaxis(values, axis, -1).shape), -1, axis).astype(
        values.dtype
    )
    scheme = Scheme(edge_order=edge_order, skipna=True)
    steps = x[1] - x[0] if even else np.diff(x)
    found = combine.differentiate(values, steps, axis, scheme)
    assert same_bits(found, expected)
    array = da.from_array(values, chunks=chunks)
    with nothing_computed():
        lazy = combine.differentiate(array, steps, axis, scheme)
    assert lazy.chunks == array.chunks
    assert same_bits(lazy.compute(scheduler="sync"), expected)


@pytest.mark.parametrize(
    "dtype", ["f4", "f8", "f2", pytest.param("c16", marks=pytest.mark.thorough)]
)
@pytest.mark.parametrize("boundary", ["one-sided", "periodic", "extend", "reflect", "nan", 1.5])
@pytest.mark.parametrize(
    ("order", "accuracy", "edge_order"), [(1, 2, 1), (1, 2, 2), (1, 4, 1), (2, 2, 1)]
)
def test_without_gaps_skipna_changes_no_bit(
    dtype: str, boundary: Any, order: int, accuracy: int, edge_order: int
) -> None:
    values = np.random.default_rng(0).normal(size=(40, 12, 3)).astype(dtype)
    for steps in (np.random.default_rng(1).random(11) + 0.5, np.float64(0.4)):
        plain = Scheme(order, accuracy, edge_order, boundary=(boundary, boundary))
        skipping = Scheme(order, accuracy, edge_order, skipna=True, boundary=(boundary, boundary))
        expected = combine.differentiate(values, steps, 1, plain, seam=0.9)
        found = combine.differentiate(values, steps, 1, skipping, seam=0.9)
        if dtype == "f2":  # weighted in float64 where neighbours may be missing, as documented
            np.testing.assert_allclose(found, expected, rtol=2e-2, atol=2e-2)
        else:
            assert same_bits(found, expected)


def test_without_skipna_a_missing_value_spreads_as_in_numpy() -> None:
    values = np.array([1.0, 2.0, np.nan, 4.0, 5.0, 7.0])
    for x in (np.arange(6.0), np.arange(6.0) ** 1.5):
        found = combine.differentiate(values, reduced(x), 0, Scheme())
        assert same_bits(found, numpy_gradient(values, x, 0))
        # As documented for a missing centre.
        assert np.isnan(found[2]) == (x[2] != 2)


def test_the_boundary_nan_is_not_a_gap() -> None:
    values = np.array([1.0, np.nan, 2.0, 5.0])
    scheme = Scheme(edge_order=2, skipna=True, boundary=("nan", "nan"))
    x = np.arange(4.0)
    expected = [np.nan, np.nan, 3.0, np.nan]
    np.testing.assert_array_equal(combine.differentiate(values, 1.0, 0, scheme), expected)
    np.testing.assert_array_equal(combine.differentiate(values, Positions(x), 0, scheme), expected)
