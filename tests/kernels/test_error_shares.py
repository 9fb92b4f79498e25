"""The law of shares: the coordinates that a QR decomposition gives, whatever their signs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xgrad.kernels import error_shares
from xgrad.stencils import least_squares
from xgrad.stencils.scheme import OWN_CELL, VALUE, WHOLE


@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.sampled_from([1.0, 1e180, 1e-180]))
def test_shares_are_those_of_a_qr_decomposition(seed: int, n_rows: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    rows, own = rng.normal(size=(n_rows, 7)) * scale, int(rng.integers(7))
    axes = np.vstack([np.eye(7)[own], rows])
    triangle = np.linalg.qr(axes.T, mode="r")[:, -1] / scale
    found = [
        error_shares.coordinate(rows.copy(), own, share) / scale for share in range(n_rows + 1)
    ]
    assert np.allclose(np.abs(found), np.abs(triangle), rtol=1e-9, atol=1e-12)
    whole = error_shares.coordinate(rows.copy(), own, WHOLE) / scale
    assert np.isclose(whole, np.linalg.norm(rows[-1] / scale), rtol=1e-12)
    assert np.isclose(whole, np.linalg.norm(found), rtol=1e-12)
    assert found[OWN_CELL] * scale == rows[-1, own]
    assert error_shares.coordinate(rows.copy(), own, VALUE) == 1


@given(st.integers(0, 2**32 - 1))
def test_sums_of_shares_are_shares_of_sums(seed: int) -> None:
    """Also of derivatives whose weights are the same, which leave nothing."""
    rng = np.random.default_rng(seed)
    one, other, a, b = rng.normal(size=7), rng.normal(size=7), *rng.normal(size=2)
    for second in (other, one, 0 * one):
        first = np.array([error_shares.coordinate(one[np.newaxis].copy(), 3, k) for k in (0, 1)])
        rows = np.stack([one, second])
        along = np.array([error_shares.coordinate(rows.copy(), 3, k) for k in (0, 1, 2)])
        total = np.linalg.norm(a * np.append(first, 0) + b * along)
        assert np.isclose(total, np.linalg.norm(a * one + b * second), rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("cells", [[3e200, 4e200], [3e-200, 4e-200], [0.0, 0.0], [np.inf, 1.0]])
def test_a_length_neither_overflows_nor_underflows(cells: Any) -> None:
    unit = max(*cells, 1e-300)
    expected = np.inf if np.inf in cells else unit * np.hypot(*(one / unit for one in cells))
    assert np.isclose(error_shares.length(np.array(cells)), expected, rtol=1e-15)
    assert np.isnan(error_shares.length(np.array([np.nan, 1.0])))


def test_weights_of_all_are_those_of_each() -> None:
    x, counts = np.array([-1.0, -0.4, 0.0, 0.7, 1.0]), np.array([1.0, 0.5, 1.0, 1.0, 0.0])
    orders, q, at = np.array([2, 0, 1]), np.empty((3, 5)), np.empty((3, 3))
    found = np.empty((3, 5))
    assert error_shares.weights_of_all(x, counts, 2, orders, q, at, found)
    for row, order in zip(found, orders, strict=True):
        own = np.empty(5)
        assert least_squares.weights(x, counts, 2, order, q, np.empty((order + 1, 3)), own)
        assert (row == own).all()
    assert not error_shares.weights_of_all(x, counts * 0, 2, orders, q, at, found)


def test_noise_of_ghosts_is_that_of_the_cells_that_they_copy() -> None:
    alike, found = np.array([-1.0, 1.0, 2.0, 1.0]), np.empty((1, 4))
    weights, noise = np.array([[5.0, 1.0, 2.0, 3.0]]), np.array([9.0, 2.0, 1.0, 2.0])
    error_shares.of_sources(weights, alike, noise, found)
    assert found.tolist() == [[0.0, 8.0, 2.0, 0.0]]
