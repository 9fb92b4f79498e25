"""The law of strips: rows copied together with their halo are those of the whole array."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers import same_bits
from xgrad.kernels.strips import cut_rows, differentiate_ends, padded, stretches, two_ends


def rows(*sizes: int) -> tuple[Any, tuple[Any, ...]]:
    """Planes of consecutive rows, and the same in three parts."""
    whole = np.random.default_rng(0).normal(size=(2, sum(sizes), 3))
    return whole, tuple(np.split(whole, np.cumsum(sizes)[:-1], axis=1))


@given(st.integers(0, 3), st.integers(1, 6), st.integers(0, 3), st.data())
def test_cut_rows_are_those_of_the_three_parts_together(
    below: int, size: int, above: int, data: Any
) -> None:
    whole, parts = rows(below, size, above)
    start = data.draw(st.integers(-below, size + above - 1))
    stop = data.draw(st.integers(start + 1, size + above))
    found = cut_rows(parts, start, stop)
    assert same_bits(found, whole[:, below + start : below + stop])
    assert found.flags.c_contiguous
    assert not found.flags.writeable
    assert parts[1].flags.writeable


@given(st.integers(1, 3), st.integers(0, 3), st.integers(0, 3))
def test_rows_beyond_the_halo_are_missing(depth: int, below: int, above: int) -> None:
    whole, parts = rows(min(below, depth), 4, min(above, depth))
    filled = np.concatenate(padded(parts, depth), axis=1)
    missing = depth - min(below, depth), depth - min(above, depth)
    assert filled.shape == (2, 4 + 2 * depth, 3)
    assert same_bits(filled[:, missing[0] : filled.shape[1] - missing[1]], whole)
    assert np.isnan(filled[:, : missing[0]]).all()
    assert np.isnan(filled[:, filled.shape[1] - missing[1] :]).all()


@given(st.integers(1, 4), st.integers(1, 12))
def test_the_two_ends_and_the_inside_cover_each_row_once(depth: int, size: int) -> None:
    whole, parts = rows(depth, size, depth)

    def loop(cells: Any, first: int, out: Any) -> None:
        inside = np.arange(depth, cells.shape[1] - depth)
        out[:, inside] = (
            cells[:, inside + depth] - cells[:, inside - depth] + first + inside[:, None]
        )

    out = np.full_like(parts[1], np.nan)
    differentiate_ends(loop, two_ends(size, depth), depth, parts, out)
    reached = [k for k in range(size) if k < depth or k >= size - depth]
    assert np.flatnonzero(~np.isnan(out[0, :, 0])).tolist() == reached
    if size > 2 * depth:
        inside = np.full_like(out, np.nan)
        loop(parts[1], 0, inside)
        out[:, depth:-depth] = inside[:, depth:-depth]
    expected = whole[:, 2 * depth :] - whole[:, :size] + np.arange(size)[:, None]
    np.testing.assert_allclose(out, expected, rtol=1e-14, atol=1e-14)


@given(st.integers(1, 3), st.integers(1, 8), st.booleans())
def test_stretches_are_all_rows_with_what_their_stencils_reach(
    half: int, size: int, one_sided: bool
) -> None:
    whole, parts = rows(half, size, 0 if one_sided else half)
    i = np.arange(size)
    last = np.minimum(half, size - 1 - i) if one_sided else np.full(size, half)
    table = np.array([np.full(size, -half), last], float)
    done = []
    for start, stop, lead, cells in stretches(parts, table):
        done += range(start, stop)
        for row in range(start, stop):
            first, end = row - half, row + int(last[row]) + 1
            own = cells[:, first - lead : end - lead]
            assert same_bits(own, whole[:, half + first : half + end])
    assert done == list(i)
