"""The law of long coordinates: their steps are those of the whole, read in pieces."""

from __future__ import annotations

import pickle
import tracemalloc
from typing import Any

import numpy as np
import pytest
import xarray as xr
from dask.base import tokenize

import xgrad
from tests.helpers import nothing_computed, same_bits
from xgrad._heap import asking
from xgrad.errors import CoordinateError
from xgrad.labels import positions, times
from xgrad.labels.long_steps import LongSteps
from xgrad.labels.positions import Line, cost_of_rounding
from xgrad.labels.spacing import from_coordinate, uniform

N = 2**20 + 99
RNG = np.random.default_rng(0)
UNEVEN = np.cumsum(RNG.random(N) + 0.3)
SECONDS = np.datetime64("2000-01-01", "ns") + np.cumsum(RNG.integers(1, 9, N)).astype("m8[ms]")
LATE = np.arange(N) * 0.5
LATE[-1] += 0.25  # uneven at the end only, in the last piece


def of(values: Any) -> xr.DataArray:
    return xr.DataArray(values, dims="x", name="x", coords={"x": values}).x


@pytest.mark.parametrize(
    "values",
    [UNEVEN, UNEVEN[::-1], LATE, np.arange(N) * 3, np.arange(N, dtype="u4")[::-1], LATE - 1e5],
)
def test_steps_of_numbers_are_those_of_the_whole(values: Any) -> None:
    found = from_coordinate(of(values), "s").steps
    expected = positions.steps_between(values, "x")
    assert isinstance(found, LongSteps) == (np.ndim(expected) == 1)
    assert same_bits(np.asarray(found), expected)
    if isinstance(found, LongSteps):
        part = pickle.loads(pickle.dumps(found[5:50][2:]))  # noqa: S301
        assert same_bits(np.asarray(part), np.asarray(expected)[7:50])
        assert tokenize(found) == tokenize(from_coordinate(of(values), "s").steps)
        assert tokenize(found) != tokenize(found[1:])


@pytest.mark.parametrize(
    "values", [SECONDS, SECONDS[::-1], SECONDS[0] + np.arange(N)], ids=range(3)
)
def test_steps_of_times_are_those_of_the_whole(values: Any) -> None:
    found = from_coordinate(of(values), "h").steps
    expected = times.steps_between(of(values).values, "x", "h")
    assert same_bits(np.asarray(found), expected)
    assert isinstance(found, LongSteps) == (np.ndim(expected) == 1)


@pytest.mark.parametrize("at", [7, 2**20 - 1, 2**20, N - 2])
def test_bad_positions_are_found_in_any_piece(at: int) -> None:
    for wrong, why in ((np.nan, "is not finite at index"), (UNEVEN[at - 1], "position twice")):
        values = UNEVEN.copy()
        values[at] = wrong
        with pytest.raises(CoordinateError, match=why) as error:
            from_coordinate(of(values), "s")
        assert f" {at} " in str(error.value)
    turned = UNEVEN.copy()
    turned[at:] -= 10 * N
    with pytest.raises(CoordinateError, match=f"not sorted at index {at - 1} and {at} "):
        from_coordinate(of(turned), "s")


def test_the_line_is_that_of_the_whole() -> None:
    values = np.linspace(3, 17, N)
    period = 1e9  # the same, in one piece
    assert Line.through(values, None) == Line.through(values, period)
    assert uniform(of(values), "s").steps == Line.through(values, None).step
    single = np.arange(N, dtype="f4") / np.float32(3)
    steps = np.diff(single)
    assert cost_of_rounding(single, steps, None) == cost_of_rounding(single, steps, period) > 0


@pytest.mark.parametrize("values", [UNEVEN, SECONDS], ids=["numbers", "times"])
def test_a_periodic_axis_is_not_read_as_a_whole_without_asking(values: Any) -> None:
    asked: list[int] = []
    with asking(asked.append):
        from_coordinate(of(values), "s", period=1e9)
        assert max(asked) >= 2 * values.nbytes
        asked.clear()
        from_coordinate(of(values), "s")
        assert not asked


def test_a_long_axis_takes_no_table_of_its_length() -> None:
    data = xr.DataArray(RNG.random(N, "f4"), dims="x", coords={"x": UNEVEN}, name="t")
    expected = np.gradient(data.values, UNEVEN)
    xgrad.gradient(data[: N // 2], "x")  # modules are imported and kernels loaded
    tracemalloc.start()
    try:
        with nothing_computed():
            lazy = xgrad.gradient(data.chunk(x=2**16), "x").dt_dx
        built = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        eager = xgrad.gradient(data, "x").dt_dx
        used = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert max(built, used) < 6 * UNEVEN.nbytes, "a table alone has that size"
    assert same_bits(eager.values, expected.astype("f8").astype("f4"))
    assert same_bits(lazy.values, eager.values)
