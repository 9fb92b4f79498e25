"""The law of extreme steps: those of lazy columns are those of columns in memory, in any chunks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests import engines
from tests.helpers import mostly_thorough, nothing_computed, same_bits
from xgrad.arrays import column_ends
from xgrad.arrays.term import Positions, Term


def positions(axis: int, period: float | None) -> Any:
    x = np.random.default_rng(0).uniform(0.5, 2, (9, 8)).cumsum(axis)
    if period is not None:
        return (x + 355) % period
    x[4, 3] = np.nan
    x[2, 5] = x[1, 5]
    return x


@pytest.mark.parametrize("engine", mostly_thorough(engines.ENGINES, "dask.array"))
@pytest.mark.parametrize("period", [None, 360.0])
@pytest.mark.parametrize("axis", [0, 1])
def test_chunks_change_no_bit(engine: str, period: float | None, axis: int) -> None:
    x = positions(axis, period)
    expected = column_ends.of_columns(x, axis, period)
    for chunks in (1, 4, (9, 3)):
        with nothing_computed():
            found = column_ends.of_columns(engines.lazy(engine, x, chunks), axis, period)
        for one, other in zip(found, expected, strict=True):
            assert same_bits(one.compute(), other)


def test_columns_that_turn_back_are_reported() -> None:
    reported: list[Any] = []
    term = Term("f", 0, Positions(positions(0, None), complain=reported.append))
    ends = column_ends.checked(term)
    (good,) = reported
    assert np.flatnonzero(~good).tolist() == [3, 5]
    assert same_bits(ends[0], column_ends.of_columns(term.along.array, 0, None)[0])
