"""The law of sums in order: they are the sums, and of several NaN the first remains."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers import same_bytes, wild
from xgrad.kernels.in_order import less, product


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "c8", "c16"])
@given(seed=st.integers(0, 2**32 - 1))
def test_sums_are_those_of_numpy(dtype: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    cells = wild(rng, (2, 40), dtype)
    if rng.random() < 0.5 and cells.dtype.kind == "c":
        cells.imag = rng.choice([0.0, -0.0], cells.shape)
    a, b = rng.normal(size=2).astype(cells.real.dtype)
    with np.errstate(all="ignore"):
        found = less(product(a, cells[0]), -b, cells[1])
        plain = a * cells[0] + b * cells[1]
    assert found.dtype == plain.dtype
    known = ~(np.isnan(plain.real) | np.isnan(plain.imag))
    assert same_bytes(found[known], plain[known])
    assert np.array_equal(np.isnan(found), np.isnan(plain))


def _complex(real: Any, imag: Any) -> Any:
    found = np.empty(real.shape, np.result_type(real, np.complex64))
    found.real, found.imag = real, imag
    return found


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_of_two_nan_the_first_remains(dtype: str) -> None:
    bits = np.array([[0x7FC00001, 0xFFC00002]] * 64, "u4").T
    one, other = (row.view("f4").astype(dtype) for row in bits)
    assert same_bytes(less(product(1.0, one), -1.0, other).astype(dtype), one)
    assert same_bytes(less(product(1.0, other), -1.0, one).astype(dtype), other)
    both = less(_complex(one, other), -1.0, _complex(other, one))
    assert same_bytes(both.real, one)
    assert same_bytes(both.imag, other)


@pytest.mark.parametrize("dtype", ["f4", "c8", "c16"])
@pytest.mark.parametrize("sides", [(), (1,), (7,), (5, 1), (5, 7)])
def test_weights_may_vary_along_any_axis(dtype: str, sides: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    one, other = (wild(rng, (3, 5, 14), dtype)[..., ::2] for _ in range(2))
    a, b = (np.float64(rng.normal(size=sides)) for _ in range(2))
    with np.errstate(all="ignore"):
        found = less(product(a, one), b, other)
        for at in np.ndindex(one.shape):
            alone = [np.broadcast_to(each, one.shape)[at] for each in (a, one, b, other)]
            first, second = (np.atleast_1d(alone[k]) for k in (1, 3))
            expected = less(product(alone[0], first), alone[2], second)
            assert same_bytes(found[at], expected[0])
