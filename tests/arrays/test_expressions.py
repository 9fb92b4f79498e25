"""The law of selections: they have the bits of the whole, and only their chunks are planned."""

from __future__ import annotations

import pickle
from typing import Any

import dask_array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.arrays.helpers import chunkings
from tests.helpers import mostly_thorough, nothing_computed, same_bits
from xgrad.arrays import combine
from xgrad.arrays.term import Positions, Term
from xgrad.stencils.scheme import Scheme

SHAPE = (12, 9)
VALUES = np.random.default_rng(0).normal(size=SHAPE)
GAPS = np.where(np.abs(VALUES) > 1.5, np.nan, VALUES)
OTHER = VALUES[::-1].copy()
FACTOR = np.linspace(1, 3, SHAPE[0])[:, None]
STEPS = np.linspace(0.5, 2, SHAPE[0] - 1)
AROUND = Scheme(boundary=("periodic", "periodic"))
TERMS = {
    "plain": [Term("f", 0, STEPS, Scheme(edge_order=2))],
    "accuracy 4": [Term("f", 0, STEPS, Scheme(accuracy=4))],
    "second": [Term("f", 1, 0.5, Scheme(order=2))],
    "boundaries": [Term("f", 0, STEPS, Scheme(boundary=("reflect", 1.5)))],
    "around": [Term("f", 0, STEPS, AROUND, 1.5), Term("f", 1, 0.5), Term("f", 0, STEPS)],
    "gaps": [Term("gaps", 0, STEPS, Scheme(skipna=True)), Term("f")],
    "factors": [
        Term("f", 0, 1.0, factor=FACTOR),
        Term("g", 1, 2.0, Scheme(boundary=("extend", "nan")), inside=np.linspace(1, 2, SHAPE[1])),
        Term("g", 0, 2.0, inside=np.abs(VALUES)),
    ],
}


@st.composite
def boxes(draw: Any) -> Any:
    """A selection along each axis: a number, a range, backwards, or with steps."""
    found = []
    for size in SHAPE:
        ends = st.none() | st.integers(-size, size)
        step = st.sampled_from([None, 1, 2, -1])
        any_range = st.builds(slice, ends, ends, step)
        found.append(draw(any_range | st.integers(-size, size - 1)))
    return tuple(found)


@pytest.mark.parametrize("name", mostly_thorough(TERMS, "accuracy 4", "around", "gaps", "factors"))
@settings(max_examples=max(1, settings().max_examples // 2))  # each one plans two selections
@given(chunks=st.tuples(*map(chunkings, SHAPE)), box=boxes())
def test_a_selection_has_the_bits_of_the_whole(name: str, chunks: Any, box: Any) -> None:
    arrays = {"f": VALUES, "g": OTHER, "gaps": GAPS}
    terms = TERMS[name]
    used = {term.operand for term in terms}
    how = "norm" if len(terms) > 1 else "sum"
    whole = combine.combine({k: arrays[k] for k in used}, terms, how)
    lazy = combine.combine({k: da.from_array(arrays[k], chunks=chunks) for k in used}, terms, how)
    found = lazy[box]
    assert found.shape == whole[box].shape
    assert same_bits(found.compute(scheduler="sync"), whole[box])
    if found.ndim == 2 and found.size:
        rows = slice(1, None), slice(None, -1)
        expected = whole[box][rows[0]] - whole[box][rows[1]]
        between = found[rows[0]] - found[rows[1]]
        assert same_bits(between.compute(scheduler="sync"), expected)


@pytest.mark.parametrize("chunks", [3, 5])
def test_a_selection_is_of_whole_blocks_of_the_source(chunks: int) -> None:
    # dask_array itself selects cells before they go through a function of whole blocks.
    f = da.from_array(VALUES, chunks=2)
    g = da.from_array(OTHER, chunks=chunks).map_blocks(np.cumsum, axis=0, dtype="f8")
    lazy = combine.combine({"f": f, "g": g}, [Term("f", 0, 1.0), Term("g", 0, 2.0)])
    assert same_bits(lazy[6, 4:].compute(), lazy.compute()[6, 4:])


def test_only_the_selected_chunks_and_their_neighbours_are_planned() -> None:
    array = da.from_array(np.zeros((1000, 1000)), chunks=10)
    lazy = combine.combine({"f": array}, [Term("f", 0, 1.0), Term("f", 1, 1.0)], "norm")
    with nothing_computed():
        few = dict(lazy[503, 500:505].__dask_graph__())
    assert len(few) < 150


def test_columns_with_their_own_positions_are_planned_as_a_whole() -> None:
    x = da.from_array(VALUES.cumsum(0) + 5 * np.arange(12.0)[:, None], chunks=4)
    lazy = combine.combine({"f": da.from_array(VALUES, chunks=4)}, [Term("f", 0, Positions(x))])
    assert same_bits(lazy[5, 2:].compute(), lazy.compute()[5, 2:])


def test_a_result_survives_a_pickle() -> None:
    lazy = combine.differentiate(da.from_array(VALUES, chunks=4), 1.0, 0, Scheme())
    again = pickle.loads(pickle.dumps(lazy))  # noqa: S301  from this very line
    assert again.name == lazy.name
    assert same_bits(again[3].compute(), lazy.compute()[3])
