"""A box of a dask array is what dask computes of it."""

from __future__ import annotations

from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from xarray.core import indexing

from tests.helpers import mostly_thorough, same_bits
from xgrad.jobs.boxes import Boxes

SHAPE = (7, 5, 9)
VALUES = np.random.default_rng(0).normal(size=SHAPE)
WHOLE = da.from_array(VALUES, chunks=((3, 4), (5,), (2, 3, 4)))
ARRAYS: dict[str, Any] = {
    "as it is": WHOLE,
    "arithmetic": da.where(WHOLE > 0, WHOLE * 2, np.nan),
    "other chunks": WHOLE.rechunk((2, 2, 2)),
    "of all before": WHOLE.cumsum(0),
    "backward": WHOLE[::-1],
    "joined": da.concatenate([WHOLE, -WHOLE], 1),
    "less their mean": WHOLE - WHOLE.mean(0),
}


def lazily(array: Any) -> xr.Variable:
    return xr.Variable(("z", "y", "x"), indexing.LazilyIndexedArray(Boxes(array)))


@st.composite
def keys(draw: st.DrawFn, size: int) -> Any:
    if draw(st.booleans()):
        return draw(st.integers(-size, size - 1))
    start = draw(st.integers(0, size - 1))
    return slice(start, draw(st.integers(start + 1, size)), draw(st.integers(1, 3)))


@pytest.mark.parametrize(
    "name", mostly_thorough(ARRAYS, "as it is", "other chunks", "of all before", "joined")
)
@given(st.data())
def test_any_box_has_the_bits_of_dask(name: str, data: st.DataObject) -> None:
    array = ARRAYS[name]
    key = tuple(data.draw(keys(size)) for size in array.shape)
    assert same_bits(lazily(array)[key].values, array[key].compute())


def test_a_box_needs_its_blocks_only_and_no_scheduler() -> None:
    seen = []

    def note(block: Any, block_info: Any = None) -> Any:
        seen.append(block_info[0]["chunk-location"])
        return block

    array = WHOLE.map_blocks(note, dtype=float)
    variable = lazily(array)
    seen.clear()

    def refuse(*_args: Any, **_kwargs: Any) -> Any:
        raise AssertionError("a scheduler was asked")

    with dask.config.set(scheduler=refuse):
        assert same_bits(variable[3:5, 1:2, 6:].values, VALUES[3:5, 1:2, 6:])
    assert seen == [(1, 0, 2)]


def test_work_that_blocks_share_is_estimated() -> None:
    assert Boxes(WHOLE).n_tasks()[1] == 1
    most, times = Boxes(da.ones(50, chunks=1).cumsum(0, method="sequential")).n_tasks()
    assert most > 50
    assert times > 10
