"""The law of steps on a circle: where a column of positions starts does not change its steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers import same_bits
from xgrad.stencils import circle

PERIOD = 360.0


def extremes(x: Any, period: float = PERIOD) -> tuple[Any, Any]:
    up = circle.upwards(np.diff(x, axis=0), period)
    return circle.turns(up.min(0), up.max(0), up.sum(0), len(up), period)


@st.composite
def columns(draw: Any) -> tuple[Any, Any, int]:
    """Whole steps that go around less than once, where they start, and their direction."""
    steps = draw(st.lists(st.integers(1, 35), min_size=2, max_size=10))
    return np.array(steps), draw(st.integers(0, 359)), draw(st.sampled_from([1, -1]))


@given(columns(), st.sampled_from(["f4", "f8"]), st.sampled_from([0, -180]))
def test_steps_do_not_depend_on_where_the_positions_jump(
    column: Any, dtype: str, lowest: int
) -> None:
    steps, start, direction = column
    straight = start + direction * np.concatenate([[0], np.cumsum(steps)])
    x = (np.mod(straight - lowest, 360) + lowest).astype(dtype)
    least, greatest = extremes(x)
    expected = (direction * steps).astype(dtype)
    assert (least, greatest) == (expected.min(), expected.max())
    found = circle.around(np.diff(x), least, PERIOD)
    assert same_bits(found, expected)


@given(columns(), st.integers(0, 10))
def test_a_part_of_a_column_has_the_steps_of_the_whole(column: Any, cut: int) -> None:
    steps, start, direction = column
    x = np.mod(start + 0.1 + direction * np.concatenate([[0], np.cumsum(steps)]), 360)
    least, _ = extremes(x)
    whole = circle.around(np.diff(x), least, PERIOD)
    parts = [circle.around(part, least, PERIOD) for part in np.split(np.diff(x), [cut])]
    assert same_bits(np.concatenate(parts), whole)


@pytest.mark.parametrize(
    "x",
    [
        [0, 90, 180, 270, 0],
        [0, 170, 340, 150],
        [0, -90, -180, -270, 0],
        [0, 10, 10, 20],
        [0, 10, 5, 15],
        [0, np.nan, 20, 30],
    ],
)
def test_columns_without_one_direction_or_with_too_many_turns_are_nan(x: Any) -> None:
    beside = np.array([350.0, 0.0, 10.0, 20.0, 30.0])[: len(x)]
    least, greatest = extremes(np.stack([np.array(x, float), beside], axis=1))
    assert np.isnan([least[0], greatest[0]]).all()
    assert (least[1], greatest[1]) == (10, 10)


def test_without_a_period_steps_stay_as_they_are() -> None:
    differences = np.diff([340.0, 350.0, 0.0, 10.0])
    assert circle.around(differences, np.array([10.0]), None) is differences
