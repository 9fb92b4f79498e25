"""The law of weights: they are exact for polynomials of the degree that the points allow."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations
from math import factorial, prod
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers import same_bits
from xgrad.stencils import fornberg


def weights(x: Any, order: int) -> Any:
    points = np.asarray(x, np.float64)
    return from_steps(np.diff(points), points, order)


def from_steps(steps: Any, x: Any, order: int) -> Any:
    table = np.empty((order + 1, len(x)))
    fornberg.weights(steps, np.asarray(x), order, table)
    return table[order]


@given(st.lists(st.integers(-30, 30), min_size=2, max_size=9, unique=True), st.integers(1, 4))
def test_weights_are_exact_up_to_the_degree_that_the_points_allow(x: Any, order: int) -> None:
    if len(x) <= order:
        return
    points = np.array(x) / 10
    w = weights(points, order)
    for degree in range(len(x)):
        exact = float(np.prod(np.arange(1, order + 1))) if degree == order else 0.0
        scale = np.abs(w * points**degree).sum() + 1
        assert abs(w @ points**degree - exact) < 1e-10 * scale


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("accuracy", [2, 4, 6, 8])
def test_central_weights_equal_those_of_findiff(order: int, accuracy: int) -> None:
    import findiff

    central = findiff.coefficients(deriv=order, acc=accuracy)["center"]
    found = weights(central["offsets"], order)
    np.testing.assert_allclose(found, np.asarray(central["coefficients"], float), atol=1e-11)


def test_weights_equal_published_ones() -> None:
    # Fornberg (1988), table 1: order 4 of accuracy 4.
    expected = [-1 / 6, 2, -13 / 2, 28 / 3, -13 / 2, 2, -1 / 6]
    np.testing.assert_allclose(weights(range(-3, 4), 4), expected, atol=1e-12)


def test_second_derivatives_are_those_of_the_parabola() -> None:
    h1, h2 = 0.3, 1.1
    expected = [2 / (h1 * (h1 + h2)), -2 / (h1 * h2), 2 / (h2 * (h1 + h2))]
    np.testing.assert_allclose(weights([-h1, 0, h2], 2), expected, rtol=1e-14)


def filled(steps: Any, order: int, first: int, cell: int = 0) -> Any:
    n = len(steps) + 1
    out = np.empty((n, 1))
    fornberg.fill(steps, order, cell, np.array([first - cell]), np.array([n]), out)
    return out[:, 0]


@given(
    st.lists(st.floats(1e-3, 1e3), min_size=5, max_size=11), st.integers(1, 4),
    st.integers(-240, 240), st.integers(0, 5), st.sampled_from([1, -1]),
)  # fmt: skip
def test_the_scale_of_the_steps_changes_no_bit(
    steps: Any, order: int, power: int, cell: int, sign: int
) -> None:
    h = sign * np.array(steps)
    found = filled(h, order, 0, cell)
    # As if the distances were not scaled.
    x = [
        sum(h[cell:k], 0.0) if k >= cell else -sum(h[k:cell][::-1], 0.0) for k in range(len(h) + 1)
    ]
    assert same_bits(found, from_steps(h, x, order))
    scaled = filled(h * 2.0**power, order, 0, cell)
    assert same_bits(scaled, found * 2.0 ** (-power * order))


def exactly(h: Any, order: int, cell: int) -> list[tuple[Fraction, Fraction]]:
    """Each weight in exact arithmetic, and what it would be if all its terms had one sign."""
    steps = [Fraction(step) for step in h]
    x = [sum(steps[cell:k], Fraction()) - sum(steps[k:cell]) for k in range(len(steps) + 1)]
    found = []
    for j in range(len(x)):
        others = x[:j] + x[j + 1 :]
        factor = Fraction(factorial(order))
        for one in others:
            factor /= x[j] - one
        terms = [
            factor * prod((-one for one in some), start=Fraction(1))
            for some in combinations(others, len(others) - order)
        ]
        found.append((sum(terms, Fraction()), sum(map(abs, terms), Fraction())))
    return found


@given(
    st.lists(st.floats(-9, 9), min_size=5, max_size=10), st.integers(1, 4), st.integers(0, 5),
    st.sampled_from([1, -1]),
)  # fmt: skip
def test_very_uneven_steps_lose_no_digits(powers: Any, order: int, cell: int, sign: int) -> None:
    h = sign * 10.0 ** np.array(powers)
    found, exact = filled(h, order, 0, cell), exactly(h, order, cell)
    if not np.isfinite(found).all():  # refused
        return
    few_ulp = Fraction(2.0**-53) * 4 * len(found)
    error = max(abs(Fraction(a) - b) for a, (b, _) in zip(found, exact, strict=True))
    assert error <= few_ulp * sum(most for _, most in exact)
    if order == 1:
        assert error <= few_ulp * sum(abs(one) for one, _ in exact)


@given(st.integers(-1000, 1000), st.integers(1, 4), st.sampled_from([4, 6, 8, 10, 12]))
def test_weights_are_right_or_infinite(power: int, order: int, n: int) -> None:
    h = np.arange(1.0, n)
    found, exact = filled(h * 2.0**power, order, 0), filled(h, order, 0)
    for weight, one in zip(found, exact, strict=True):
        if np.isfinite(weight):
            rebuilt = np.ldexp(
                np.ldexp(weight, order * power // 2), order * power - order * power // 2
            )
            assert abs(rebuilt - one) <= 2.0**-60 * abs(exact).max()
        else:
            assert abs(power * order) > 900
    if abs(power * order) < 900:
        assert np.isfinite(found).all()


def test_steps_too_different_for_a_common_scale_give_infinite_weights() -> None:
    h = np.array([1.0, 1e-100, 1e-100, 1e-100, 1e-100, 1e-100, 1.0, 1.0])
    assert np.isinf(filled(h, 1, 0, 3)).any()
