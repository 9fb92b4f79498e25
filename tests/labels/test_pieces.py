"""The law of pieces: together they are the whole, in whole chunks."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers import same_bits
from xgrad.labels.pieces import OF_A_PIECE, overlapping, pieces


@given(st.integers(0, 40), st.integers(1, 12), st.integers(1, 12))
def test_pieces_are_whole_chunks_and_together_the_whole(size: int, length: int, chunk: int) -> None:
    values = np.arange(float(size))
    for given_values in (values, xr.Variable("x", values, encoding={"chunks": (chunk,)})):
        found: Any = list(pieces(given_values, length))
        assert same_bits(np.concatenate([values[:0], *(part for _, part in found)]), values)
        assert all(values[start] == part[0] for start, part in found)
        if isinstance(given_values, xr.Variable):
            assert all(start % chunk == 0 for start, _ in found)


def test_pieces_that_overlap_have_each_step_once() -> None:
    values = np.arange(OF_A_PIECE + 3, dtype="i4") ** 2
    found = list(overlapping(values))
    assert [start for start, _ in found] == [0, OF_A_PIECE - 1]
    assert same_bits(np.concatenate([np.diff(part) for _, part in found]), np.diff(values))
