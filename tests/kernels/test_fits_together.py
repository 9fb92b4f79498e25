"""The law of lanes: the weights of a window do not depend on those beside it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.helpers import same_bits
from xgrad.kernels.fits_together import LANES, TERMS, prepared, sums, weigh
from xgrad.stencils import least_squares


def window(steps: Any, polyorder: int, *, tricube: bool = False) -> tuple[Any, ...]:
    """What :func:`prepared` computes of a window around its middle cell, and its scale."""
    n, size = len(steps) + 1, polyorder + 1
    # Strided, as a column of a table is: so one compiled variant serves both.
    steps = np.repeat(steps, 2)[::2]
    wide, deep = (-(-one // TERMS) * TERMS for one in (n, size))
    found = (
        np.empty(n), np.empty(wide), np.empty((wide, deep)),
        np.empty((-(-size * (size + 1) // 4) * 2, wide)), np.empty(size),
    )  # fmt: skip
    return *found, prepared(steps, -(n // 2), 1, tricube, 0.0, *found)


def lines(values: Any) -> Any:
    """Values of shape (n, windows) as lines."""
    found = np.zeros((-(-len(values) // TERMS) * TERMS, LANES), values.dtype)
    found[: len(values), : values.shape[1]] = values
    return found.ravel()


def weights_of(known: Any, gone: Any) -> Any:
    """The weights of windows of which the cells `gone`, of shape (n, windows), are missing."""
    *own, _ = known
    found, lanes = np.empty(len(own[1]) * LANES), gone.shape[1]
    weigh(*own, 1, lines(gone.astype(float)), found, lanes)
    return found.reshape(-1, LANES)[: len(gone), :lanes]


@pytest.mark.parametrize("tricube", [False, True])
@pytest.mark.parametrize(("n", "polyorder"), [(5, 1), (11, 3), (13, 4)])
def test_weights_are_those_of_a_fit_to_the_cells_that_are_there(
    n: int, polyorder: int, tricube: bool
) -> None:
    rng = np.random.default_rng(n)
    known = window(rng.random(n - 1) + 0.3, polyorder, tricube=tricube)
    gone = rng.random((n, LANES)) < np.linspace(0, 0.8, LANES)
    found = weights_of(known, gone)
    x, counts, scale = known[0], known[1][:n], known[-1]
    q, at, expected = np.empty((polyorder + 1, n)), np.empty((2, polyorder + 1)), np.empty(n)
    assert scale > 0
    for lane, missing in enumerate(gone.T):
        own = np.where(missing, 0.0, counts)
        if (own > 0).sum() <= polyorder:
            assert np.isnan(found[:, lane]).all()
            continue
        assert least_squares.weights(x, own, polyorder, 1, q, at, expected)
        size = abs(expected).max()
        assert np.allclose(found[~missing, lane], expected[~missing], rtol=0, atol=1e-9 * size)


@pytest.mark.parametrize("lanes", [1, 7, 8, 100])
def test_a_window_alone_has_the_same_bits_as_among_others(lanes: int) -> None:
    rng = np.random.default_rng(lanes)
    known = window(rng.random(10) + 0.3, 3)
    gone = rng.random((11, LANES)) < 0.3
    assert same_bits(weights_of(known, gone[:, :lanes]), weights_of(known, gone)[:, :lanes])


@pytest.mark.parametrize("dtype", ["f8", pytest.param("F", marks=pytest.mark.thorough)])
def test_a_sum_skips_what_is_missing_and_keeps_the_sign_of_zero(dtype: str) -> None:
    rng = np.random.default_rng(0)
    gone, weights = rng.random((6, LANES)) < 0.4, rng.normal(size=(6, LANES))
    cells = rng.choice([0.0, -0.0, 1.5, -2.5, np.inf], size=(6, LANES)).astype(dtype)
    gone[0] = False
    total = np.empty(LANES, np.result_type(dtype, np.float64))
    missing = lines(gone.astype(float))
    sums(lines(weights), lines(np.where(gone, np.nan, cells)), missing, 6, -1.0, total, LANES)
    with np.errstate(invalid="ignore"):
        for lane in range(LANES):
            there = ~gone[:, lane]
            first, *others = weights[there, lane] * cells[there, lane]
            expected = sum(others, start=first)
            assert np.array_equal(total[lane], expected, equal_nan=True)
            assert np.signbit(total[lane].real) == np.signbit(expected.real) or np.isnan(expected)
