"""The law of extreme steps: those of the parts of a column decide as those of the whole."""

from __future__ import annotations

import itertools
from typing import Any

import dask.array as da
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.arrays.helpers import chunkings
from tests.helpers import also_thorough, same_bits
from xgrad.arrays import combine
from xgrad.arrays.term import Positions
from xgrad.kernels import extreme_steps
from xgrad.kernels.cells import along
from xgrad.stencils.scheme import Scheme

PERIOD = 360.0


@st.composite
def columns(draw: Any) -> tuple[Any, int, float | None]:
    """Columns of float positions, most of them monotonic; their axis, and their period."""
    shape = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    axis = draw(st.integers(0, len(shape) - 1))
    shape[axis] = draw(st.integers(3, 9))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    # Quarters, whose sums are exact in any order; the last kind goes around more than once.
    steps = rng.integers(draw(st.sampled_from([-1, 1])), draw(st.sampled_from([2, 9, 400])), shape)
    x = np.cumsum(steps * 0.25, axis=axis) * draw(st.sampled_from([1, -1]))
    period = draw(st.sampled_from([None, PERIOD]))
    if period is not None:
        x = np.mod(x + draw(st.integers(0, 359)), period)
    x[rng.random(shape) < draw(st.sampled_from([0, 0.05]))] = np.nan
    x[rng.random(shape) < draw(st.sampled_from([0, 0.05]))] = np.inf
    return x.astype(draw(st.sampled_from(also_thorough("f8", "f4")))), axis, period


def of_parts(x: Any, axis: int, period: float | None, sizes: tuple[int, ...]) -> Any:
    """The extreme steps of chunks, each by itself."""
    stops = np.cumsum(sizes)
    cells = [slice(stop - size, stop) for stop, size in zip(stops, sizes, strict=True)]
    parts = [extreme_steps.of_part(x[along(axis, one)], axis, period) for one in cells]
    return np.concatenate(parts, axis=axis)


INFINITE = np.array([0.75, 1.75, 3.25, np.inf], "f4")


@pytest.mark.parametrize("period", [None, PERIOD])
@pytest.mark.parametrize("x", [INFINITE, INFINITE[::-1], -INFINITE])
def test_an_infinite_position_decides_alike_within_and_between_parts(
    x: Any, period: float | None
) -> None:
    parts = of_parts(x, 0, period, (1, 1, 1, 1))
    found = extreme_steps.decided(extreme_steps.merged(parts, 0, period), 0, 3, period)
    for one, other in zip(found, extreme_steps.of_columns(x, 0, period), strict=True):
        assert same_bits(one, other)
        assert np.isnan(one).all()


@pytest.mark.filterwarnings("ignore:invalid value")  # infinity less infinity
@given(columns(), st.data())
def test_parts_of_columns_decide_as_whole_columns(problem: Any, data: Any) -> None:
    x, axis, period = problem
    count = x.shape[axis] - 1
    parts = of_parts(x, axis, period, data.draw(chunkings(count + 1)))
    found = extreme_steps.decided(extreme_steps.merged(parts, axis, period), axis, count, period)
    # Merging is associative: so dask's tree of merges may have any shape.
    k = 5 * data.draw(st.integers(1, parts.shape[axis] // 5))
    halves = [part for part in (parts[along(axis, slice(0, k))], parts[along(axis, slice(k, None))])
              if part.shape[axis]]  # fmt: skip
    twice = np.concatenate([extreme_steps.merged(half, axis, period) for half in halves], axis=axis)
    again = extreme_steps.decided(extreme_steps.merged(twice, axis, period), axis, count, period)
    expected = extreme_steps.of_columns(x, axis, period)
    for end in range(2):
        assert same_bits(found[end], expected[end])
        assert same_bits(again[end], expected[end])


@pytest.mark.filterwarnings("ignore:invalid value")
@given(columns())
def test_whole_columns_decide_as_numpy_would(problem: Any) -> None:
    x, axis, period = problem
    least, greatest = extreme_steps.of_columns(x, axis, period)
    for column in itertools.product(*(range(n) for k, n in enumerate(x.shape) if k != axis)):
        one = (*column[:axis], slice(None), *column[axis:])
        ends = least[one].item(), greatest[one].item()
        steps = np.diff(x[one])
        if period is not None:
            # The way up, or the way down, that is shorter than a turn.
            up, down = steps % PERIOD, steps % PERIOD - PERIOD
            goes_up = up.all() and up.sum() < PERIOD
            goes_down = up.all() and down.sum() > -PERIOD
            steps = up if goes_up else down if goes_down else np.full_like(up, np.nan)
        one_way = (steps > 0).all() or (steps < 0).all()
        good = bool(one_way and np.isfinite(steps).all())
        assert extreme_steps.good_columns(*(np.array(end) for end in ends)) == good
        assert extreme_steps.is_good(*ends) == good
        if good:
            assert ends == (steps.min(), steps.max())


@pytest.mark.filterwarnings("ignore:invalid value")
@given(columns())
def test_a_single_column_decides_as_its_extremes(problem: Any) -> None:
    x, axis, _ = problem
    column = np.moveaxis(x, axis, -1).reshape(-1, x.shape[axis])[0].copy()
    least, greatest = np.empty((2, 1), x.dtype)
    extreme_steps.single_column(column, least, greatest)
    expected = extreme_steps.of_columns(column, 0, None)
    good = extreme_steps.good_columns(*expected)
    assert extreme_steps.good_columns(least, greatest) == good
    if good:
        assert (least == greatest) == (expected[0] == expected[1])
        assert np.sign(least) == np.sign(expected[0])


@pytest.mark.parametrize("bad", [np.nan, "twice", "back", "endless"])
@pytest.mark.parametrize("chunks", [
    (4, 2), *(pytest.param(one, marks=pytest.mark.thorough) for one in ((6, 4), (1, 1), (2, 4))),
])  # fmt: skip
def test_only_bad_columns_are_missing(bad: Any, chunks: Any) -> None:
    x = np.cumsum(np.random.default_rng(2).random((6, 4)) + 0.1, axis=0)
    if bad == "endless":
        x[5, 1] = np.inf
    else:
        x[3, 1] = {"twice": x[2, 1], "back": x[1, 1] - 1}.get(bad, bad)
    values = np.random.default_rng(3).normal(size=(6, 4))
    for scheme in (Scheme(), Scheme(edge_order=2), Scheme(accuracy=4), Scheme(skipna=True)):
        whole = combine.differentiate(values, Positions(x), 0, scheme)
        assert np.isnan(whole[:, 1]).all()
        assert np.isfinite(whole[:, [0, 2, 3]]).all()
        lazy = combine.differentiate(
            da.from_array(values, chunks=chunks),
            Positions(da.from_array(x, chunks=chunks[::-1])),
            0,
            scheme,
        )
        assert same_bits(lazy.compute(scheduler="sync"), whole)


@pytest.mark.parametrize("end", [359.9999999, 360.0, 400.0])
def test_a_column_that_goes_around_once_or_more_is_missing(end: float) -> None:
    x = np.stack([np.linspace(0, end, 7), np.linspace(0, 300, 7)], axis=1)
    values = np.random.default_rng(7).normal(size=x.shape)
    scheme = Scheme(boundary=("periodic",) * 2)
    for positions in (x, da.from_array(x, chunks=(2, 1))):
        found = np.asarray(combine.differentiate(values, Positions(positions, 360.0), 0, scheme))
        assert np.isnan(found[:, 0]).all()
        assert np.isfinite(found[:, 1]).all()
