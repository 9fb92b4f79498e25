"""The law of tables: one column for each cell, with exact weights or numpy's quotient."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers import same_bits
from xgrad._typing import FIRST, LAST, STEP, WEIGHTS
from xgrad.errors import CoordinateError
from xgrad.stencils import closed_form
from xgrad.stencils.scheme import Scheme
from xgrad.stencils.table import (
    coastal_table,
    first_derivative,
    leave_range,
    of_products,
    table_of,
    windows,
)


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


def test_a_step_that_is_infinite_in_the_dtype_of_the_data_is_refused() -> None:
    for step, dtype in ((1e39, "f4"), (np.float16(4e4), "f8"), (1e308, "f8")):
        with pytest.raises(CoordinateError, match="is infinite in the precision of the data"):
            first_derivative(step, 3, 1, dtype)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("step", [1e-300, 1e300])
def test_weights_that_float64_cannot_hold_are_refused(step: float, sign: int) -> None:
    table_of(sign * step, 12, Scheme(accuracy=8), "f8")
    for along in (step, np.full(11, step)):
        with pytest.raises(CoordinateError, match=r"`order=2` .* in another unit"):
            table_of(sign * along, 12, Scheme(order=2), "f8")
    table_of(step, 12, Scheme(accuracy=4, boundary=("nan", "extend")), "f8")
    uneven = sign * np.repeat([1.0, 1e-90, 1.0], [1, 8, 3])
    with pytest.raises(CoordinateError, match=r"steps there are 1e-90 to 1; leave out some"):
        table_of(uneven, 13, Scheme(accuracy=8), "f8")


def applied(table: Any, f: Any) -> Any:
    """The table applied to an array that has all cells its stencils reach, cell by cell."""
    out = np.empty(len(f))
    for i, column in enumerate(table.T):
        cells = f[i + int(column[FIRST]) : i + int(column[LAST]) + 1]
        out[i] = (
            (cells[-1] - cells[0]) / column[STEP]
            if column[STEP]
            else column[WEIGHTS : WEIGHTS + len(cells)] @ cells
        )
    return out


@given(st.sampled_from([(1, 2, 1), (1, 2, 2), (1, 4, 1), (2, 2, 1)]), st.booleans(), st.data())
def test_weights_of_products_differentiate_the_product(kind: Any, even: bool, data: Any) -> None:
    scheme = Scheme(*kind)
    size = scheme.needed + data.draw(st.integers(0, 9))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    f, factor = rng.normal(size=(2, size))
    table = table_of(0.3 if even else rng.random(size - 1) + 0.3, size, scheme, "f8")
    product = applied(of_products(table, factor), f)
    np.testing.assert_allclose(product, applied(table, factor * f), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("edge", ["extend", 2.5, "reflect"])
def test_beyond_an_edge_a_known_factor_keeps_its_value_there(edge: Any) -> None:
    scheme = Scheme(boundary=(edge, edge))
    table, factor = table_of(0.5, 6, scheme, "f8", 0.5), np.arange(2.0, 8.0)
    found = of_products(table, factor)
    assert found[WEIGHTS, 0] == -factor[0]
    assert found[WEIGHTS + 2, -1] == factor[-1]


@given(st.integers(1, 2), st.integers(0, 2**32 - 1))
def test_a_coastal_table_holds_the_stencils_of_each_side(edge_order: int, seed: int) -> None:
    steps = np.random.default_rng(seed).random(7) + 0.3
    found = coastal_table(steps, 8, Scheme(edge_order=edge_order, skipna=True), "f8")
    inside = slice(1, -1)
    assert same_bits(found[4, 1:], steps)
    assert same_bits(found[5, :-1], steps)
    assert np.isnan([found[4, 0], found[5, -1]]).all()
    central = np.array(closed_form.between(steps[:-1], steps[1:]))
    assert same_bits(found[:3, inside], central)
    assert same_bits(found[6:9, :-2], np.array(closed_form.from_left(steps[:-1], steps[1:])))
    assert same_bits(found[9:12, 2:], np.array(closed_form.from_right(steps[:-1], steps[1:])))


def test_windows_hold_the_steps_around_each_cell() -> None:
    steps = np.arange(1.0, 6.0)
    scheme = Scheme(order=2, skipna=True, boundary=("extend", "one-sided"))
    found = windows(steps, 6, scheme)
    ghosts = np.full(scheme.depth, 1.0)
    along = np.concatenate([ghosts, steps, np.full(scheme.depth, np.nan)])
    for cell in range(6):
        assert same_bits(found[:, cell], along[cell : cell + 2 * scheme.depth])


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@given(st.integers(-1100, 1000), st.integers(-1100, 1000))
def test_steps_leave_the_range_if_a_denominator_loses_digits(dtype: str, a: int, b: int) -> None:
    info = np.finfo(dtype)
    with np.errstate(over="ignore"):
        h1, h2 = np.ldexp(np.ones(2), [a, b]).astype(dtype)
    if not (0 < h1 < np.inf and 0 < h2 < np.inf):
        return
    exact = [Fraction(float(x)) for x in (h1, h2)]
    total = sum(exact)
    products = [exact[0] * total, exact[0] * exact[1], exact[1] * total]
    inside = all(Fraction(float(info.tiny)) <= p <= Fraction(float(info.max)) for p in products)
    assert leave_range(np.array([h1, h2])).tolist() == [not inside]
