"""The law of the closed forms: they are Fornberg's weights for three points."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xgrad.stencils import closed_form, fornberg


def weights(*x: float) -> Any:
    table = np.empty((2, 3))
    fornberg.weights(np.diff(x), np.array(x), 1, table)
    return table[1]


steps = st.floats(0.1, 10.0)


@given(steps, steps)
def test_closed_forms_are_the_weights_of_three_points(h1: float, h2: float) -> None:
    np.testing.assert_allclose(closed_form.between(h1, h2), weights(-h1, 0, h2), atol=1e-10)
    np.testing.assert_allclose(closed_form.from_left(h1, h2), weights(0, h1, h1 + h2), atol=1e-10)
    np.testing.assert_allclose(
        closed_form.from_right(h1, h2), weights(-h1 - h2, -h2, 0), atol=1e-10
    )


@given(steps)
def test_closed_forms_of_an_even_axis_are_those_of_equal_steps(h: float) -> None:
    for even, uneven in (
        (closed_form.from_left_even(h), closed_form.from_left(h, h)),
        (closed_form.from_right_even(h), closed_form.from_right(h, h)),
    ):
        np.testing.assert_allclose(even, uneven, rtol=1e-14)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "g"])
def test_weights_keep_the_precision_of_the_steps(dtype: str) -> None:
    h1, h2 = np.array([0.3, 0.7], dtype)
    for found in (
        closed_form.between(h1, h2), closed_form.from_left(h1, h2), closed_form.from_right(h1, h2),
        closed_form.from_left_even(h1), closed_form.from_right_even(h1),
    ):  # fmt: skip
        assert {weight.dtype for weight in found} == {np.dtype(dtype)}
