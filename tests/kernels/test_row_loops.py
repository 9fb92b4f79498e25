"""Compiled loops over rows; the laws of all of them together are in test_fused.py."""

from __future__ import annotations

import numpy as np
import pytest

from tests.helpers import same_bits
from xgrad.kernels import row_loops

ZERO = np.uint64(0)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("step", [2.0, 0.3])
def test_a_quotient_has_numpys_bits_whatever_its_step(dtype: str, step: float) -> None:
    rng = np.random.default_rng(0)
    lo, hi = rng.normal(size=(2, 100)).astype(dtype)
    lo[3], hi[4] = np.inf, np.nan
    out = np.empty(100, dtype)
    wide = np.dtype(dtype).type(step)
    row_loops.divided(lo, ZERO, hi, ZERO, wide, out, ZERO, 100)
    with np.errstate(invalid="ignore"):
        assert same_bits(out, (hi - lo) / wide)


def test_a_row_beside_the_block_is_found() -> None:
    below, f, above = np.arange(4.0), np.arange(10.0, 16), np.arange(20.0, 22)
    where = np.array([row_loops.ACROSS, 3, 1, 2, 1])
    for j, expected in ((-2, 0.0), (-1, 2.0), (0, 10.0), (2, 14.0), (3, 20.0)):
        array, start = row_loops.row(below, f, above, where, 0, j, 0, 2)
        assert array[int(start)] == expected


@pytest.mark.parametrize("planes", [0, 1, 3, 8, 21])
@pytest.mark.parametrize(("period", "count"), [(1, 1), (1, 5), (6, 4), (40, 16), (7, 7)])
def test_groups_of_rows_are_all_rows_once(planes: int, period: int, count: int) -> None:
    firsts, whole = row_loops.rows_together(planes * period, period, count)
    rows = [
        row
        for first in firsts
        for row in range(first, min(first + count, (first // whole + 1) * whole))
    ]
    assert sorted(rows) == list(range(planes * period))
    if period >= count and planes > 1:
        assert firsts[1] == period, "the rows with the same factors follow one another"
