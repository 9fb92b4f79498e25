"""The law of weights: they are exact for polynomials of the degree that the points allow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xgrad.stencils import fornberg


def weights(x: Any, order: int) -> Any:
    table = np.empty((order + 1, len(x)))
    fornberg.weights(np.asarray(x, np.float64), order, table)
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
