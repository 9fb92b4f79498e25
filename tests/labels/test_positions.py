from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import xgrad  # noqa: F401
from tests.helpers import same_bits
from xgrad.errors import CoordinateError, CoordinateWarning
from xgrad.labels.positions import (
    Line,
    cost_of_conversion,
    cost_of_rounding,
    steps_between,
)


def steps(values: Any, period: float | None = None) -> Any:
    return steps_between(np.asarray(values), "coordinate 'x'", period)


@pytest.mark.parametrize("dtype", ["u1", "i1", "u8", "i4", "f2", "f4", "f8"])
@pytest.mark.parametrize("sign", [1, -1])
def test_numbers(dtype: str, sign: int) -> None:
    values = np.array([0, 1, 3, 7], dtype)[::sign]
    found = steps(values)
    # Unsigned integers would wrap if they were subtracted as they are.
    assert found.tolist() == ([1, 2, 4] if sign == 1 else [-4, -2, -1])
    assert found.dtype == (np.dtype(dtype) if dtype[0] == "f" else np.float64)


def test_even_positions_become_one_strong_step() -> None:
    found = steps(np.array([0, 2, 4], "f4"))
    assert isinstance(found, np.float32)
    assert found == 2


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0, 2.0, 2.0, 3.0], r"'x' has the same position twice at index 1 and 2 .*2\.0 and 2\.0"),
        ([1.0, np.nan, 3.0], r"'x' is not finite at index 1 \(value nan\)"),
        ([1.0, np.inf, 3.0], r"'x' is not finite at index 1 \(value inf\)"),
        ([1.0, 2.0, 1.5], r"'x' is not sorted at index 1 and 2 \(values 2\.0 and 1\.5\).*sortby"),
        ([3, 2, 5], r"'x' is not sorted at index 1 and 2 \(values 2 and 5\)"),
        (np.array([1, 1], "u1"), r"'x' has the same position twice at index 0 and 1"),
        (["a", "b"], r"'x' has dtype <U1, which cannot be positions"),
        ([True, False], r"'x' has dtype bool"),
        ([1j, 2j], r"'x' has dtype complex128"),
        (
            2**62 + np.arange(3),
            r"cannot tell apart at index 0 and 1 \(values 461.*904 and 461.*905\)",
        ),
        (
            np.array([2**64 - 1, 2**64 - 2], "u8"),
            r"values 184.*615 and 184.*614\), because it does",
        ),
        (np.array([1.0, 2.0, 2.0]) * 2**62, "has the same position twice at index 1 and 2"),
        (np.array([2**62, 2**62]), "has the same position twice at index 0 and 1"),
        ([-1e308, 1e308], r"from -1e\+308 to 1e\+308 at index 1, .* float64 cannot hold; scale it"),
        (
            np.array([0, 4e4, -4e4], "f2"),
            r"at index 2, .* float16 cannot hold; convert it to float64",
        ),
        (np.array([1, "a"], object), r"'x' has dtype object"),
    ],
)
def test_bad_positions(values: Any, message: str) -> None:
    with pytest.raises(CoordinateError, match=message):
        steps(values)


@given(st.integers(3, 20), st.data(), st.sampled_from([1, -1]))
def test_positions_may_start_over_anywhere_on_a_circle(n: int, data: Any, sign: int) -> None:
    gaps = data.draw(st.lists(st.integers(1, 10), min_size=n, max_size=n))
    period = float(sum(gaps))
    line = np.cumsum(gaps)[::sign].astype("f8")
    start = data.draw(st.floats(0, period))
    on_a_circle = np.mod(line + np.round(start), period)
    assert same_bits(steps(on_a_circle, period), steps(line))


def test_positions_that_go_around_more_than_once_are_not_sorted() -> None:
    with pytest.raises(CoordinateError, match="'x' is not sorted"):
        steps([0.0, 200.0, 40.0, 240.0], 360.0)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@given(st.integers(2, 200), st.integers(1, 50), st.integers(-100, 100))
def test_a_rounded_line_is_a_line(dtype: str, n: int, parts: int, start: int) -> None:
    exact = start + np.arange(n) / parts
    line = Line.through(exact.astype(dtype), None)
    assert line.off <= 1
    assert abs(line.step * (n - 1) - (exact[-1] - exact[0])) <= line.rounding


def test_an_uneven_position_is_off_the_line() -> None:
    line = Line.through(np.array([0.0, 1.0, 2.5, 3.0, 4.0]), None)
    assert line.off > 1e9
    assert line.at == 2


def test_only_rounded_lines_have_a_cost_of_rounding() -> None:
    twelfths = (np.arange(100) / 12 + 100).astype("f4")
    assert 1e-5 < cost_of_rounding(twelfths, steps(twelfths), None) < 1e-3
    for values in (twelfths.astype("f8"), np.arange(5, dtype="f4"), np.float32([0, 1, 3])):
        assert cost_of_rounding(values, steps(values), None) == 0


@given(st.integers(-(2**63), 2**63 - 10**7), st.integers(1, 10**6), st.booleans())
def test_the_cost_of_converting_integers_is_that_of_their_steps(
    start: int, step: int, descends: bool
) -> None:
    x = np.array([start + step * k for k in range(5)])[:: -1 if descends else 1]
    floats = [float(one) for one in x.tolist()]
    errors = [abs(abs(b - a) / step - 1) for a, b in itertools.pairwise(floats)]
    assert cost_of_conversion(x) == max(errors)


@pytest.mark.parametrize("as_spacing", [False, True])
def test_integers_that_float64_rounds_are_reported_with_a_remedy(as_spacing: bool) -> None:
    x = 1_700_000_000_000_000_000 + 1000 * np.array([0, 1, 3, 4])
    exact = xr.DataArray(np.arange(4.0) ** 2, {"x": x - x.min()}, name="f").fdgrad.gradient("x")
    f = xr.DataArray(np.arange(4.0) ** 2, {"x": np.arange(4) if as_spacing else x}, name="f")
    with pytest.warns(CoordinateWarning, match=r"steps are wrong by up to 2\.\de-02, as in numpy"):
        found = f.fdgrad.gradient("x", spacing={"x": x} if as_spacing else None)
    assert same_bits(found.df_dx, np.gradient(f.values, x))
    assert abs(found.df_dx / exact.df_dx.values - 1).max() > 1e-2
    smaller = f.x - f.x.min() if not as_spacing else x - x.min()
    assert same_bits(f.fdgrad.gradient("x", spacing={"x": smaller}).df_dx, exact.df_dx)
    if not as_spacing:
        assert same_bits(f.assign_coords(x=f.x - f.x.min()).fdgrad.gradient("x").df_dx, exact.df_dx)


def test_longitudes_that_were_sorted_across_their_seam_are_refused_with_a_remedy() -> None:
    true = np.array([-10.0, -5.0, 0.0, 5.0, 10.0])
    degrees = {"units": "degrees_east"}
    f = xr.DataArray(true**2, {"lon": ("lon", true % 360, degrees)}, name="f")
    expected = np.gradient(true**2, true)
    assert same_bits(f.fdgrad.gradient("lon").df_dlon, expected)
    with pytest.raises(CoordinateError, match=r"from 10.0 to 350.0 at index 3, more than half"):
        f.sortby("lon").fdgrad.gradient("lon")
    east = f.sortby("lon")
    east = east.assign_coords(lon=((east.lon + 180) % 360 - 180).assign_attrs(degrees))
    assert same_bits(east.sortby("lon").fdgrad.gradient("lon").df_dlon, expected)
    plain = east.sortby("lon").assign_coords(lon=("lon", [0.0, 5, 10, 350, 355]))
    plain.fdgrad.gradient("lon")  # without a unit these may be any numbers
