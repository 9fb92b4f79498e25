"""The law of tables: one column for each cell, with exact weights or numpy's quotient."""

from __future__ import annotations

import numpy as np
import pytest

from xgrad._typing import FIRST, LAST, STEP, WEIGHTS
from xgrad.errors import CoordinateError
from xgrad.stencils.table import first_derivative


@pytest.mark.parametrize("edge_order", [1, 2])
def test_weights_are_exact_for_polynomials_of_their_degree(edge_order: int) -> None:
    # Over integers the sums are exact enough to ask for 1e-12.
    x = np.array([0.0, 1.0, 3.0, 4.0, 8.0, 9.0])
    table = first_derivative(np.diff(x), len(x), edge_order, "f8")
    for i in range(1 if edge_order == 1 else 0, len(x) - (1 if edge_order == 1 else 0)):
        first = i + int(table[FIRST, i])
        for degree in range(3):
            cells = x[first : first + 3] ** degree
            exact = degree * x[i] ** max(degree - 1, 0)
            assert table[WEIGHTS:, i] @ cells == pytest.approx(exact, abs=1e-12)


def test_edges_of_order_one_are_stored_as_quotients() -> None:
    table = first_derivative(np.array([1.0, 2.0, 4.0]), 4, 1, "f8")
    assert table[STEP].tolist() == [1.0, 0.0, 0.0, 4.0]
    assert table[FIRST].tolist() == [0.0, -1.0, -1.0, -1.0]
    assert table[LAST].tolist() == [1.0, 1.0, 1.0, 0.0]


def test_even_steps_are_stored_as_divisors() -> None:
    table = first_derivative(0.5, 4, 1, "f8")
    assert table[STEP].tolist() == [0.5, 1.0, 1.0, 0.5]


@pytest.mark.parametrize(
    ("step", "dtype", "expected"),
    [
        (0.5, "f4", "f4"),
        (np.float64(0.5), "f4", "f8"),
        (np.float32(0.5), "f8", "f4"),
        (np.array([0.5, 0.25], "f4"), "f8", "f4"),
    ],
)
def test_a_python_step_is_weak_and_a_numpy_step_is_not(
    step: float, dtype: str, expected: str
) -> None:
    assert first_derivative(step, 3, 1, dtype).dtype == np.dtype(expected)


def test_a_step_that_rounds_to_zero_in_the_dtype_of_the_data_is_refused() -> None:
    with pytest.raises(CoordinateError, match="1e-50 is zero in the precision of the data"):
        first_derivative(1e-50, 3, 1, "f4")
    assert first_derivative(1e-50, 3, 1, "f8")[STEP, 0] == 1e-50
