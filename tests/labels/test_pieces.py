"""The law of pieces: together they are the whole, and chunks are read as a whole, once."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers import same_bits
from xgrad.labels.pieces import OF_A_PIECE, overlapping, pieces


class InAFile:
    """Values that are read in parts, which are noted."""

    def __init__(self, values: Any, chunk: int) -> None:
        self.values, self.encoding, self.read = values, {"chunks": (chunk,)}, list[slice]()

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, part: slice) -> Any:
        self.read.append(part)
        return self.values[part]


@given(st.integers(0, 40), st.integers(1, 12), st.integers(1, 12))
def test_pieces_are_together_the_whole_which_is_read_in_whole_chunks(
    size: int, length: int, chunk: int
) -> None:
    values = np.arange(float(size))
    file = InAFile(values, chunk)
    for one in (values, xr.Variable("x", values, encoding={"chunks": (chunk,)}), file):
        found: Any = list(pieces(one, length))
        assert same_bits(np.concatenate([values[:0], *(part for _, part in found)]), values)
        assert all(values[start] == part[0] and len(part) <= length for start, part in found)
    assert all(part.start % chunk == 0 for part in file.read)
    assert sum(len(values[part]) for part in file.read) == size, "each chunk is read once"


def test_pieces_that_overlap_have_each_step_once() -> None:
    values = np.arange(OF_A_PIECE + 3, dtype="i4") ** 2
    found = list(overlapping(values))
    assert [start for start, _ in found] == [0, OF_A_PIECE - 1]
    assert same_bits(np.concatenate([np.diff(part) for _, part in found]), np.diff(values))
