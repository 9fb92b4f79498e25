"""The law of the closed forms: they are Fornberg's weights for three points."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from xgrad.stencils import closed_form, fornberg


def weights(*x: float) -> Any:
    table = np.empty((2, 3))
    fornberg.weights(np.array(x), 1, table)
    return table[1]


@pytest.mark.parametrize("even", [True, False])
def test_closed_forms_are_the_weights_of_three_points(even: bool) -> None:
    h1, h2 = (0.5, 0.5) if even else (0.5, 0.8)
    left = closed_form.from_left_even(h1) if even else closed_form.from_left(h1, h2)
    right = closed_form.from_right_even(h2) if even else closed_form.from_right(h1, h2)
    np.testing.assert_allclose(closed_form.between(h1, h2), weights(-h1, 0, h2), atol=1e-14)
    np.testing.assert_allclose(left, weights(0, h1, h1 + h2), atol=1e-14)
    np.testing.assert_allclose(right, weights(-h1 - h2, -h2, 0), atol=1e-14)
