"""The laws of the cache: each block is read once while there is room, and the room is limited."""

from __future__ import annotations

import math
import pickle
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xgrad.arrays import block_cache
from xgrad.arrays.block_cache import BlockCache, Face, Wanted
from xgrad.errors import ChunkError

COUNT, SIDE = 6, 5


class Source:
    """A row of blocks that counts how often each is read."""

    def __init__(self) -> None:
        self.reads: Counter[Any] = Counter()

    def read(self, source: int, block: Any) -> Any:
        self.reads[source, block] += 1
        return np.arange(SIDE) + 10.0 * block[0] + 1000 * source


def wanted(name: str = "mine") -> Wanted:
    depths, counts = {(0, 0): 2, (1, 0): 1}, {0: (COUNT,), 1: (COUNT,)}
    return Wanted(name, 10**6, 8 * SIDE, depths, frozenset([(1, 0)]), counts)


def use(cache: BlockCache, source: Source, chunk: int) -> None:
    for number, depth in ((0, 2), (1, 1)):
        for next_one, is_last in ((chunk - 1, True), (chunk + 1, False)):
            beside = next_one % COUNT if number == 1 else next_one  # the second one is periodic
            if 0 <= beside < COUNT:
                face = cache.face(Face(number, (beside,), 0, is_last), source.read)
                whole = source_values(number, beside)
                assert face.tolist() == (whole[-depth:] if is_last else whole[:depth])
    cache.finish((chunk,))
    for number in (0, 1):
        own = cache.own(number, (chunk,), source.read)
        assert own.tolist() == source_values(number, chunk)


def source_values(source: int, block: int) -> list[float]:
    return [float(n + 10 * block + 1000 * source) for n in range(SIDE)]


@given(st.permutations(range(COUNT)))
def test_each_block_is_read_once_in_any_order_while_there_is_room(order: list[int]) -> None:
    cache, source = BlockCache(wanted()), Source()
    for chunk in order:
        use(cache, source, chunk)
    assert set(source.reads.values()) == {1}
    assert len(source.reads) == 2 * COUNT
    assert not cache._held


@given(order=st.permutations(range(COUNT)), room=st.integers(0, 5))
def test_no_more_is_kept_than_the_limit_allows(order: list[int], room: int) -> None:
    cache, source = BlockCache(wanted()), Source()
    cache._limit = room * 8 * SIDE
    for chunk in order:
        use(cache, source, chunk)
        assert sum(k.values.nbytes for k in cache._held.values()) == cache._bytes <= cache._limit
    assert max(source.reads.values()) <= 3


@pytest.mark.parametrize("step", [1, -1])
def test_part_of_a_slab_is_kept_until_its_turn(step: int) -> None:
    slabs, slab, rows, room = 6, 8, 10, 5
    cache = BlockCache(Wanted("slabs", 10**6, 8, {(0, 0): 1}, frozenset(), {0: (slabs, slab)}))
    cache._limit = room * 8 * rows
    reads: Counter[Any] = Counter()

    def read(_: int, block: Any) -> Any:
        reads[block] += 1
        return np.full((rows, 1), 10.0 * block[0] + block[1])

    for i, j in list(np.ndindex(slabs, slab))[::step]:
        for beside, is_last in ((i - 1, True), (i + 1, False)):
            if 0 <= beside < slabs:
                face = cache.face(Face(0, (beside, j), 0, is_last), read)
                assert face == 10 * beside + j
        cache.finish((i, j))
        assert (cache.own(0, (i, j), read) == 10 * i + j).all()
    # The first slab is read once, and so is what is kept; the rest for a face and for itself.
    expected = slab + (slabs - 1) * (2 * slab - room // 2)
    assert sum(reads.values()) <= expected
    assert max(reads.values()) == 2


def test_a_block_waits_for_its_turn_which_leaves_its_faces_and_nothing_later() -> None:
    cache, source = BlockCache(wanted()), Source()
    below, above = (Face(0, (2,), 0, is_last) for is_last in (False, True))
    cache.face(above, source.read)
    assert set(cache._held) == {(0, (2,))}
    cache.finish((2,))
    cache.own(0, (2,), source.read)
    assert set(cache._held) == {below, above}
    for _ in range(2):  # kept, then read again
        cache.face(below, source.read)
        assert set(cache._held) == {above}


@pytest.mark.parametrize(
    ("n_bytes", "largest", "expected"),
    [(2**20, 2**10, math.inf), (2**60, 2**10, 2**26), (2**60, 2**30, 2**33)],
)
def test_the_limit_is_some_chunks_unless_all_of_them_are_few(
    n_bytes: int, largest: int, expected: float
) -> None:
    cache = BlockCache(wanted()._replace(n_bytes=n_bytes, largest=largest))
    assert cache._limit == expected


def test_faces_do_not_keep_their_block_in_memory() -> None:
    values = np.zeros((100, 100))
    for is_last in (False, True):
        assert Face(0, (0, 0), 1, is_last).of(values, 2).base is None


def test_threads_that_want_the_same_block_wait_for_one_reading() -> None:
    cache, source, face = BlockCache(wanted()), Source(), Face(0, (3,), 0, is_last=True)

    def refuse(*_: Any) -> Any:
        raise AssertionError("the block is read twice")

    def read(number: int, block: Any) -> Any:
        # Until the other thread waits for this reading, or has failed.
        mine = cache._reading[number, block]
        other = pool.submit(cache.face, face, refuse)
        others.append(other)
        while not mine._condition._waiters and not other.done():  # type: ignore[attr-defined]
            pass
        return source.read(number, block)

    others: list[Any] = []
    with ThreadPoolExecutor(1) as pool:
        assert cache.face(face, read).tolist() == [33.0, 34.0]
    assert [other.result().tolist() for other in others] == [[33.0, 34.0]]


def test_a_reading_that_fails_is_tried_again_by_the_next_who_asks() -> None:
    cache, source = BlockCache(wanted()), Source()

    def broken(*_: Any) -> Any:
        raise OSError("no such chunk")

    for _ in range(2):
        with pytest.raises(OSError, match="no such chunk"):
            cache.own(0, (1,), broken)
    assert cache.own(0, (1,), source.read).tolist() == source_values(0, 1)


def test_a_source_that_changes_between_two_readings_is_refused() -> None:
    cache, source = BlockCache(wanted()), Source()
    cache._limit = 0
    cache.face(Face(0, (2,), 0, is_last=True), source.read)
    assert cache.own(0, (2,), source.read).tolist() == source_values(0, 2)
    with pytest.raises(ChunkError, match=r"block \(2,\).*changed.*xgrad.halo"):
        cache.own(0, (2,), lambda *_: np.zeros(SIDE))


def received(cache: BlockCache) -> Any:
    return pickle.loads(pickle.dumps(cache))  # noqa: S301  what this process has sent


def test_tasks_that_arrive_one_by_one_find_the_same_cache() -> None:
    one, other = (received(BlockCache(wanted())) for _ in range(2))
    assert one is other
    assert received(BlockCache(wanted("another"))) is not one


def test_a_process_keeps_a_few_caches_only() -> None:
    for k in range(20):
        received(BlockCache(wanted(f"computation {k}")))
    assert len(block_cache._LATEST) <= 4


def test_a_process_of_several_keeps_to_the_limit() -> None:
    # It does not know how much of the memory of the system is its own.
    few = wanted("few")._replace(n_bytes=1)
    assert BlockCache(few)._limit == math.inf
    assert received(BlockCache(few))._limit < math.inf
