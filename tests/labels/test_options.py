"""Options → a scheme per dimension."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xgrad.labels.options import Options

SIDES = st.sampled_from(["one-sided", "extend", "reflect", "nan"]) | st.floats(allow_nan=False)


@given(SIDES, SIDES)
def test_one_value_a_pair_and_a_mapping_say_the_same(left: Any, right: Any) -> None:
    for given_, pair in ((left, (left, left)), ((left, right), (left, right))):
        for boundary in (given_, {"x": given_}, {"lon": given_}):
            assert Options(boundary=boundary).scheme("lon", "x").boundary == pair
    assert Options(boundary={"x": left}).scheme("y").boundary == ("one-sided", "one-sided")


@pytest.mark.parametrize("field", ["order", "accuracy", "edge_order", "skipna"])
def test_a_scheme_has_the_options(field: str) -> None:
    value = {"order": 3, "accuracy": 6, "edge_order": 2, "skipna": True}[field]
    plain, own = Options().scheme("x"), Options(**{field: value}).scheme("x")
    assert getattr(own, field) == value
    assert own._replace(**{field: getattr(plain, field)}) == plain


@given(st.floats(min_value=1e-6, max_value=1e6))
def test_a_period_is_a_number_a_time_or_that_of_the_unit(number: float) -> None:
    around = Options(boundary="periodic", period={"x": number})
    assert around.full_period("m", "x") == number
    assert Options(boundary="periodic").full_period("degrees_east", "x") == 360.0
    hours = Options(boundary="periodic", period={"x": np.timedelta64(90, "m")}, datetime_unit="h")
    assert hours.full_period(None, "x", is_time=True) == 1.5


def test_without_a_periodic_boundary_there_is_no_period() -> None:
    assert Options().full_period("degrees_east", "x") is None
    with pytest.raises(ValueError, match="whose `boundary` is not 'periodic'"):
        Options(period={"x": 3.0}).full_period("m", "x")


@pytest.mark.parametrize("radius", [0, -1.0, np.inf, np.nan, 1j, "a", True])
def test_a_radius_is_a_positive_number(radius: Any) -> None:
    with pytest.raises(ValueError, match=r"`radius` is .*; give a positive number of metres"):
        Options(metric="sphere", radius=radius)
    assert Options(metric="sphere", radius=2).length_of_radius == 2.0
