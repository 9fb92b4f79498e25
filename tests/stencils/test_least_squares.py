"""The law of fits: the weights are those of exact arithmetic, wherever the positions are."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers import mostly_thorough
from xgrad._typing import FIRST, LAST, WEIGHTS
from xgrad.stencils import least_squares
from xgrad.stencils.scheme import Fit, Scheme
from xgrad.stencils.table import table_of


def exact(positions: Any, at: Any, polyorder: int, order: int, counts: Any = None) -> list[float]:
    """Weights of the derivative of the best polynomial, by rational normal equations."""
    x = [Fraction(p) - Fraction(at) for p in positions]
    each = [Fraction(1)] * len(x) if counts is None else list(map(Fraction, counts))
    n = polyorder + 1
    sums = [sum(c * p**k for c, p in zip(each, x, strict=True)) for k in range(2 * n - 1)]
    rows = [[sums[i + j] for j in range(n)] + [Fraction(int(i == order))] for i in range(n)]
    for i in range(n):
        pivot = rows[i][i]
        rows[i] = [one / pivot for one in rows[i]]
        for j in range(n):
            if j != i:
                rows[j] = [a - rows[j][i] * b for a, b in zip(rows[j], rows[i], strict=True)]
    c = [row[-1] * math.factorial(order) for row in rows]
    return [float(w * sum(a * p**k for k, a in enumerate(c))) for w, p in zip(each, x, strict=True)]


def weights(x: Any, polyorder: int, order: int, counts: Any = None) -> Any:
    n, out = len(x), np.empty(len(x))
    q, at = np.empty((polyorder + 1, n)), np.empty((order + 1, polyorder + 1))
    each = np.ones(n) if counts is None else counts
    assert least_squares.weights(np.asarray(x, "f8"), each, polyorder, order, q, at, out)
    return out


def off(found: Any, expected: Any) -> float:
    return float(abs(np.asarray(found) - expected).max() / abs(np.asarray(expected)).max())


@given(st.integers(0, 5), st.integers(0, 4), st.integers(0, 20), st.integers(0, 2**32 - 1))
def test_weights_are_those_of_exact_arithmetic(p: int, order: int, more: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    p = max(p, order)
    x = np.cumsum(rng.random(p + 1 + more) + 0.1)
    x -= x[rng.integers(len(x))]
    counts = rng.random(len(x)) + 0.1
    assert off(weights(x, p, order), exact(x, 0, p, order)) < 1e-11
    assert off(weights(x, p, order, counts), exact(x, 0, p, order, counts)) < 1e-11


@pytest.mark.parametrize(("window", "polyorder"), [(11, 3), (101, 3), (101, 9), (51, 12)])
@pytest.mark.parametrize("order", mostly_thorough([0, 1, 4], 1))
def test_weights_lose_no_digits(window: int, polyorder: int, order: int) -> None:
    """Seconds since 1970 and many cells, where powers of the positions are nearly the same."""
    polyorder, half = max(polyorder, order), window // 2
    rng = np.random.default_rng(window)
    x = 1.7e9 + np.cumsum(rng.random(window + 4) * 60 + 1)
    scheme = Scheme(order, fit=Fit(half, polyorder))
    table = table_of(np.diff(x), len(x), scheme, "f8")
    for i in (0, half // 2, half + 1, len(x) - 1):
        first, last = i + int(table[FIRST, i]), i + int(table[LAST, i])
        own = exact(x[first : last + 1], x[i], polyorder, order)
        assert off(table[WEIGHTS:, i], own) < 3e-12


def test_a_unit_changes_no_bit_but_the_exponent() -> None:
    steps = np.random.default_rng(0).random(30) + 0.1
    scheme = Scheme(2, fit=Fit(4, 3))
    one, other = (table_of(steps * unit, 31, scheme, "f8") for unit in (1.0, 2.0**-60))
    assert (one[WEIGHTS:] == other[WEIGHTS:] * 2.0**-120).all()


def test_too_few_positions_determine_no_polynomial() -> None:
    q, at, out = np.empty((3, 4)), np.empty((1, 3)), np.empty(4)
    for counts in ([1.0, 0, 0, 1], [0.0, 0, 0, 0]):
        given_ = np.arange(4.0), np.array(counts)
        assert not least_squares.weights(*given_, 2, 0, q, at, out)
        assert np.isnan(out).all()


@given(st.lists(st.integers(1, 9), min_size=1, max_size=20), st.integers(0, 30))
def test_neighbours_are_those_that_are_near_enough(steps: list[int], width: int) -> None:
    x = np.cumsum([0, *steps])
    near = abs(x[:, np.newaxis] - x) <= width
    below, above = np.empty((2, len(x)), int)
    least_squares.neighbours(np.asarray(steps, "f8"), 0, float(width), below, above)
    assert (below == np.tril(near, -1).sum(axis=1)).all()
    assert (above == np.triu(near, 1).sum(axis=1)).all()
