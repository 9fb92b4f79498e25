"""The law of chunk sizes: merging and cutting lose no cell."""

from __future__ import annotations

from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from xgrad.arrays.chunks import merged, parts

sizes_lists = st.lists(st.integers(0, 6), min_size=1, max_size=8).filter(lambda s: sum(s) >= 3)


@given(sizes_lists, st.integers(1, 3), st.integers(1, 3))
def test_merged_chunks_are_large_enough_and_end_where_old_ones_did(
    sizes: list[int], least: int, least_at_ends: int
) -> None:
    result = merged(sizes, least, max(least, least_at_ends))
    assert sum(result) == sum(sizes)
    assert set(accumulate(result)) <= set(accumulate(sizes))
    if len(result) > 1:
        assert min(result) >= least
        assert min(result[0], result[-1]) >= least_at_ends


@given(sizes_lists.filter(lambda s: min(s) >= 2))
def test_large_enough_chunks_are_left_alone(sizes: list[int]) -> None:
    assert merged(sizes, least=1, least_at_ends=2) == tuple(sizes)


@given(st.integers(1, 100), st.integers(0, 20))
def test_parts_cover_everything_once_and_are_nearly_equal(size: int, count: int) -> None:
    found = list(parts(size, count))
    assert [i for part in found for i in range(part.start, part.stop)] == list(range(size))
    lengths = {part.stop - part.start for part in found}
    assert max(lengths) - min(lengths) <= 1
    assert len(found) == max(1, min(size, count))
