from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from xgrad.labels.suggestions import nearest

NAMES = st.lists(st.text("abcdeXYZ_1", min_size=4, max_size=10), min_size=1, max_size=6)


@given(NAMES, st.data())
def test_a_name_of_the_list_with_one_letter_too_many_finds_one_at_least_as_near(
    names: list[str], data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(names))
    at = data.draw(st.integers(0, len(name)))
    assert nearest(name[:at] + "q" + name[at:], names) in names


@given(NAMES, st.data())
def test_capitals_do_not_count(names: list[str], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(names))
    found = nearest(name.swapcase(), names)
    assert found is not None
    assert found.casefold() == name.casefold()


def test_nothing_is_near_a_name_that_is_no_string() -> None:
    assert nearest(3, ["3"]) is None
    assert nearest("lat", [3, ("lat",)]) is None
    assert nearest("lat", []) is None


@given(NAMES, st.data())
def test_the_start_of_one_name_finds_it(names: list[str], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(names))
    start = name[: data.draw(st.integers(1, len(name)))]
    those = {one.casefold(): one for one in names if one.casefold().startswith(start.casefold())}
    if len(those) == 1:
        assert nearest(start, names) is not None


def test_a_name_that_shares_three_letters_of_six_is_not_near() -> None:
    assert nearest("dims", ["u", "v", "radius"]) is None
    assert nearest("lno", ["lat", "lon"]) == "lon"


FIELD = xr.DataArray(
    np.zeros((3, 4)), {"lat": [0.0, 1.0, 2.0], "lon": np.arange(4.0)}, ("lat", "lon"), "t"
)


@pytest.mark.parametrize(
    ("right", "ask"),
    [
        ("lat", lambda: FIELD.fdgrad.gradient("latt")),
        ("lat", lambda: FIELD.fdgrad.gradient("Lat")),
        ("lat", lambda: FIELD.fdgrad.gradient("lat", boundary={"latt": "extend"})),
        ("lon", lambda: FIELD.fdgrad.gradient("lon", spacing={"lno": 2.0})),
        ("periodic", lambda: FIELD.fdgrad.gradient("lat", boundary="perodic")),
        ("boundary", lambda: FIELD.fdgrad.gradient("lat", bounday="nan")),
        ("sphere", lambda: FIELD.fdgrad.gradient("lat", metric="shpere")),
        ("hour", lambda: FIELD.fdgrad.gradient("lat", datetime_unit="huor")),
        ("wind_u", lambda: FIELD.to_dataset(name="wind_u").fdgrad.divergence({"lat": "windu"})),
        ("wind_u", lambda: FIELD.to_dataset(name="wind_u").fdgrad.divergence(u="windu")),
    ],
)
def test_messages_suggest_what_exists(right: str, ask: Callable[[], object]) -> None:
    with pytest.raises((ValueError, TypeError), match=f"did you mean '{right}'\\?"):
        ask()
