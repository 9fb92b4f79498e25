"""The options of a fit: each dimension has its own, and they go together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xgrad.errors import CoordinateError
from xgrad.labels.fits import fit_of, is_asked, refuse_columns, require_one_way
from xgrad.labels.options import Options
from xgrad.stencils.scheme import Fit


@given(st.integers(2, 50), st.integers(1, 3))
def test_one_value_and_a_mapping_say_the_same(half: int, polyorder: int) -> None:
    window = 2 * half + 1
    for size in (window, {"x": window}, {"lon": window}, np.int32(window), float(window)):
        found = fit_of(Options(window=size, polyorder=polyorder), ("lon", "x"))
        assert found == Fit(half, polyorder)
    assert fit_of(Options(window={"x": window}), ("y",)) is None


def test_options_may_differ_between_dimensions() -> None:
    options = Options(window=9, polyorder={"x": 5}, weights={"y": "tricube"})
    assert fit_of(options, ("x",)) == Fit(4, 5)
    assert fit_of(options, ("y",)) == Fit(4, 3, tricube=True)


@pytest.mark.parametrize("argument", ["polyorder", "weights"])
def test_an_option_of_a_fit_needs_a_fit(argument: str) -> None:
    value: Any = {"polyorder": 2, "weights": "tricube"}[argument]
    with pytest.raises(
        ValueError, match="but nothing is fitted; give a `window` or a `bandwidth` too"
    ):
        require_one_way(Options(**{argument: value}))
    own = Options(window={"y": 9}, **{argument: {"x": value}})
    with pytest.raises(ValueError, match="is given for 'x', along which nothing is fitted"):
        fit_of(own, ("x",))
    require_one_way(own)


def test_no_window_is_no_fit() -> None:
    assert not is_asked(Options())
    assert not is_asked(Options(window={}))
    assert is_asked(Options(window={"x": 3}))


def test_columns_without_a_fit_are_not_refused() -> None:
    options = Options(window={"x": 9})
    refuse_columns(options, ("y",), "height")
    with pytest.raises(CoordinateError, match="`window` is 9 along 'x', where the positions 'h'"):
        refuse_columns(options, ("x",), "h")
