"""The law of the order: the values are dask's, and few chunks are in memory."""

from __future__ import annotations

import weakref
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr

import xgrad
from tests.helpers import same_bits
from xgrad.workers.order import get, without_final_task

VALUES = np.random.default_rng(0).normal(size=(12, 9))


class Counted:
    """Blocks that count how many of them are in memory."""

    def __init__(self) -> None:
        self.alive: set[int] = set()
        self.most = 0

    def block(self, block_id: Any = None) -> Any:
        cells = np.full((3, 3, 3), float(sum(block_id)))
        self.alive.add(id(cells))
        self.most = max(self.most, len(self.alive))
        weakref.finalize(cells, self.alive.discard, id(cells))
        return cells

    def field(self, *grid: int) -> xr.DataArray:
        chunks = tuple((3,) * n for n in grid)
        data = da.map_blocks(self.block, chunks=chunks, dtype="f8", meta=np.ones((0, 0, 0)))
        return xr.DataArray(data, dims=("z", "y", "x"), name="f")


def stored(field: xr.DataArray) -> Any:
    found = field.fdgrad.gradient("z").df_dz.data
    target = np.empty(field.shape)
    da.store(found, target, lock=False)
    return target


def test_few_chunks_are_in_memory_when_a_costly_source_is_stored() -> None:
    most = {}
    with dask.config.set(scheduler="sync"):
        for n in (4, 8):
            counted = Counted()
            with without_final_task():
                found = stored(counted.field(n, 6, 6))
            most[n] = counted.most
            whole = counted.field(n, 6, 6).compute(scheduler="sync")
            assert same_bits(found, np.gradient(whole.values, axis=0))
        plain = Counted()
        stored(plain.field(8, 6, 6))
    assert most[4] <= 6
    assert most[8] <= 6
    # Otherwise this test no longer shows anything, and the function is no longer needed.
    assert plain.most > 36


@pytest.mark.parametrize(
    "scheduler", ["sync", "threads", pytest.param("processes", marks=pytest.mark.thorough)]
)
def test_the_results_are_those_of_dask(scheduler: str) -> None:
    array = da.from_array(VALUES, chunks=(4, 3))
    asked = [array + 1, array.sum(), array[:4, :3], array.mean(axis=0)]
    expected = dask.compute(*asked, scheduler="sync")
    with dask.config.set(scheduler=scheduler, num_workers=2), without_final_task():
        found = dask.compute(*asked)
    for one, other in zip(found, expected, strict=True):
        assert same_bits(np.asarray(one), np.asarray(other))


def test_a_task_that_another_needs_is_not_left_out() -> None:
    graph = {"a": 1, "b": 2, "both": (max, "a", "b"), "more": (pow, "both", "b")}
    assert get(dask.get, graph, ["both", "more"]) == [2, 4]
    assert get(dask.get, graph, ["more", "a"]) == [4, 1]


def test_an_error_of_a_task_is_raised() -> None:
    def fails(block: Any) -> Any:
        raise OSError(f"no block of {block.shape}")

    array = da.zeros((4, 4), chunks=2).map_blocks(fails, dtype="f8", meta=np.ones((0, 0)))
    with without_final_task(), pytest.raises(OSError, match="no block of"):
        array.compute()


def test_the_configuration_is_as_before_after_the_block() -> None:
    with dask.config.set(scheduler="sync"):
        with xgrad.without_final_task():
            assert dask.config.get("scheduler") != "sync"
        assert dask.config.get("scheduler") == "sync"
