"""The law of the compiled formulas: they have the bits of those that numpy computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xgrad.kernels import three_points
from xgrad.stencils import closed_form


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("name", ["between", "from_left", "from_right"])
@pytest.mark.parametrize("sign", [1, -1])
@given(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_compiled_weights_have_the_bits_of_the_closed_forms(
    name: str, dtype: str, sign: int, one: float, other: float
) -> None:
    kind: Any = np.dtype(dtype).type
    for steps in ((kind(sign * one), kind(sign * other)), (kind(sign * one),) * 2):
        expected = getattr(closed_form, name)(*steps)
        assert all(isinstance(weight, kind) for weight in expected)
        # As Python's floats: a weight that was computed in float64 would differ from a float32.
        found = [float(weight) for weight in getattr(three_points, name)(*steps)]
        assert found == [float(weight) for weight in expected]
        assert np.signbit(found).tolist() == np.signbit(expected).tolist()


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("name", ["from_left_even", "from_right_even"])
@given(st.floats(1e-3, 1e3))
def test_compiled_weights_of_even_steps_have_the_bits_of_the_closed_forms(
    name: str, dtype: str, step: float
) -> None:
    h = np.dtype(dtype).type(step)
    found = [float(weight) for weight in getattr(three_points, name)(h)]
    assert found == [float(weight) for weight in getattr(closed_form, name)(h)]
