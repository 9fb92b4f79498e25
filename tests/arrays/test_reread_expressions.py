"""The laws of hidden sources: results are computed together, and a selection makes few tasks."""

from __future__ import annotations

from typing import Any

import dask
import dask_array as da
import numpy as np
import pytest
from dask.base import collections_to_expr
from hypothesis import given
from hypothesis import strategies as st

from tests.arrays.helpers import chunkings
from tests.arrays.test_expressions import SHAPE, VALUES, boxes
from tests.helpers import nothing_computed, same_bits
from xgrad.arrays import combine
from xgrad.arrays.term import Combination, Positions, Term
from xgrad.stencils.scheme import Scheme


def gradients(array: Any) -> list[Any]:
    return combine.combine_all(
        [Combination({"f": array}, (Term("f", axis, 0.5),)) for axis in range(array.ndim)]
    )


def test_results_over_a_chunk_are_one_task_and_one_more_for_each() -> None:
    array = da.from_array(np.zeros((12, 12, 12)), chunks=6)
    lazy = gradients(array)

    def own_tasks(*wanted: Any) -> int:
        graph = collections_to_expr(wanted).optimize().__dask_graph__()
        return sum(str(key[0]).startswith("xgrad-chunk") for key in graph)

    assert own_tasks(lazy[1]) == array.npartitions
    assert own_tasks(*lazy[:2]) == 3 * array.npartitions
    assert own_tasks(*lazy) == 4 * array.npartitions
    # As xarray computes several: each one is optimized by itself before.
    assert own_tasks(*(one._pinned() for one in lazy)) == 4 * array.npartitions
    assert own_tasks(lazy[1]) == array.npartitions


def test_results_that_are_computed_together_have_their_own_values() -> None:
    lazy, whole = gradients(da.from_array(VALUES, chunks=4)), gradients(VALUES)
    for numbers in ((0,), (1,), (0, 1), (1, 0)):
        for k, found in zip(numbers, dask.compute(*(lazy[k] for k in numbers)), strict=True):
            assert same_bits(found, whole[k])


@given(chunks=st.tuples(*map(chunkings, SHAPE)), box=boxes(), own=boxes())
def test_selections_of_results_that_are_computed_together(chunks: Any, box: Any, own: Any) -> None:
    lazy, whole = gradients(da.from_array(VALUES, chunks=chunks)), gradients(VALUES)
    parts = [lazy[0][box], lazy[1][box], lazy[1], lazy[0][own]]
    expected = [whole[0][box], whole[1][box], whole[1], whole[0][own]]
    for found, other in zip(dask.compute(*parts, scheduler="sync"), expected, strict=True):
        assert same_bits(found, other)


@pytest.mark.parametrize("along", [1.0, Positions(da.from_array(VALUES.cumsum(0), chunks=4))])
def test_a_selection_of_a_selection_has_the_bits_of_the_whole(along: Any) -> None:
    array = da.from_array(VALUES, chunks=4)
    lazy = combine.combine({"f": array}, [Term("f", 0, along)])
    with nothing_computed():
        part = lazy[1:11, ::-1][3:, 2][::2]
    assert same_bits(part.compute(), lazy.compute()[1:11, ::-1][3:, 2][::2])


def test_a_selection_of_positions_plans_its_chunks_only() -> None:
    cells = np.arange(4000.0)[:, None] + np.zeros(3)
    array, x = (da.from_array(one, chunks=(10, 3)) for one in (np.zeros((4000, 3)), cells))
    lazy = combine.combine({"f": array}, [Term("f", 0, Positions(x))])
    own = [key for key in lazy[2005:2010].__dask_graph__() if str(key[0]).startswith("xgrad-chunk")]
    assert len(own) == 1


def test_a_plan_of_many_chunks_is_small_for_a_part() -> None:
    array = da.from_array(np.zeros((1000, 1000)), chunks=10)
    lazy = gradients(array)
    with nothing_computed():
        few = collections_to_expr([one[503, 500:505] for one in lazy]).optimize().__dask_graph__()
    assert len(few) < 20


def test_data_in_memory_and_lazy_data_are_read_together() -> None:
    terms = [Term("f", 0, 1.0), Term("g", 1, 1.0, Scheme(accuracy=4))]
    both = {"f": da.from_array(VALUES, chunks=5), "g": VALUES[::-1].copy()}
    expected = combine.combine({"f": VALUES, "g": both["g"]}, terms)
    assert same_bits(combine.combine(both, terms).compute(), expected)
