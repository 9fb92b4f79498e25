"""The law of depths: names say which way things count, and silence is reported."""

from __future__ import annotations

from typing import Any

import pytest

from xgrad.errors import CoordinateWarning
from xgrad.labels.vertical import counts_upward, is_depth, signs_over_depth


@pytest.mark.parametrize(
    ("attrs", "expected"),
    [
        ({"positive": "down"}, True),
        ({"positive": "Down", "standard_name": "depth", "units": "m"}, True),
        ({"positive": "up"}, False),
        ({"standard_name": "depth"}, False),
        ({"positive": "down", "units": "hPa"}, False),
        ({"positive": "down", "units": "dbar"}, False),
        ({"positive": "down", "units": "millibars"}, False),
        ({"positive": "down", "units": "hectopascal"}, False),
        ({"positive": "down", "standard_name": "air_pressure"}, False),
        ({"positive": "down", "standard_name": "sea_water_pressure", "units": "1"}, False),
        ({}, False),
    ],
)
def test_a_depth_is_positive_down_and_no_pressure(attrs: Any, expected: bool) -> None:
    assert is_depth(attrs) is expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("upward_air_velocity", True),
        ("downward_sea_water_velocity", False),
        ("lagrangian_tendency_of_air_pressure", False),
        ("sea_water_x_velocity", None),
        ("upwardly", None),
        ("", None),
    ],
)
def test_a_standard_name_says_which_way_a_component_counts(name: str, expected: Any) -> None:
    assert counts_upward({"standard_name": name}) is expected


def test_a_component_that_does_not_say_its_way_counts_as_the_depth_with_a_warning() -> None:
    with pytest.warns(CoordinateWarning, match="'wo' along it has no standard_name"):
        assert signs_over_depth("depth", "wo", {}) == (-1.0, -1.0)
    down = {"standard_name": "downward_air_velocity"}
    assert signs_over_depth("depth", "wo", down) == (-1.0, -1.0)
