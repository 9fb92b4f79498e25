"""The law of a chunk alone: with its neighbours' faces it has the values of the whole array."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest

from tests.helpers import same_bits
from xgrad.arrays import buffers, combine
from xgrad.arrays.block_cache import BlockCache, Wanted
from xgrad.arrays.chunk_alone import Output, Part, Place, Slot, Sources, Way, compute
from xgrad.kernels.stencil_kinds import of_axis
from xgrad.stencils.scheme import Scheme

F = np.random.default_rng(0).normal(size=24)
# Three blocks of eight cells.
BLOCKS = {(k,): F[8 * k : 8 * k + 8] for k in range(3)}


def cache(depth: int) -> BlockCache:
    return BlockCache(Wanted("mine", 10**6, 64, {(0, 0): depth}, frozenset([(0, 0)]), {0: (3,)}))


@pytest.mark.parametrize("boundary", ["one-sided", "periodic", "extend", "reflect", "nan"])
@pytest.mark.parametrize("accuracy", [2, 4])
@pytest.mark.parametrize("skipna", [False, True])
def test_the_chunks_are_those_of_the_whole(boundary: Any, accuracy: Any, skipna: bool) -> None:
    scheme = Scheme(1, accuracy, 1, skipna, (boundary, boundary))
    seam = 0.5 if boundary == "periodic" else None
    whole = combine.differentiate(F, 0.5, 0, scheme, seam)
    stencil = of_axis(0.5, 24, scheme, F.dtype, seam)
    way = Way(0, 0, scheme.face, scheme)
    outputs = {7: Output((Part(0, way, None, None, ()),), "sum", np.dtype("f8"))}
    # Each block under a key of its own, as those of an array in memory.
    keys = {(0, block): f"block {block[0]}" for block in BLOCKS}
    sources = Sources(keys, tuple(keys.values()))
    for k in range(3):
        cut, place = stencil.cut((slice(8 * k, 8 * k + 8),), 0), Place((k,), (3,))
        found = compute(outputs, [cut], place, sources, cache(scheme.depth), *BLOCKS.values())
        assert list(found) == [7]
        assert same_bits(found[7], whole[8 * k : 8 * k + 8])


def test_slots_stand_for_values_that_arrive_with_the_task() -> None:
    parts = (Part(0, None, Slot(1), None, ()), Part(0, None, -2.0, None, ()))
    outputs = {0: Output(parts, "sum", np.dtype("f8"))}
    sources = Sources({(0, (0,)): "f"}, ("f",))
    found = compute(
        outputs,
        [None, None],
        Place((0,), (3,)),
        sources,
        cache(1),
        "not used",
        np.full(8, 3.0),
        BLOCKS[0,],
    )
    assert same_bits(found[0], BLOCKS[0,] * 3.0 + BLOCKS[0,] * -2.0)


def test_the_memory_of_a_freed_result_is_reused_and_that_of_a_live_one_is_not() -> None:
    values = np.random.default_rng(1).normal(size=(4, 300, 500))  # a chunk of 1.2 MB
    whole = combine.differentiate(values, 1.0, 1, Scheme())
    lazy = combine.differentiate(da.from_array(values, chunks=(1, -1, -1)), 1.0, 1, Scheme())
    buffers.give_back()
    live = lazy.persist(scheduler="synchronous")
    assert not buffers._kept()
    assert same_bits(lazy.compute(scheduler="synchronous"), whole)
    assert buffers._kept() >= whole[:1].nbytes
    assert same_bits(live.compute(), whole)
