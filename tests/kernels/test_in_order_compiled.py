"""The law of compiled sums in order: they have the bytes of numpy's, wherever a loop puts them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers import mostly_thorough, same_bytes, wild
from xgrad._jit import compiled
from xgrad.kernels import in_order
from xgrad.kernels.in_order_compiled import less, product


@compiled
def _sum(weights: Any, cells: Any, out: Any) -> None:
    for i in range(out.size):
        two = less(product(weights[0], cells[0, i]), weights[1], cells[1, i])
        out[i] = less(two, weights[2], cells[2, i])


@pytest.mark.parametrize("dtype", mostly_thorough(["f4", "f8", "c8", "c16"], "f8", "c16"))
@given(seed=st.integers(0, 2**32 - 1), size=st.integers(1, 40))
def test_compiled_sums_have_the_bytes_of_numpys(dtype: str, seed: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    cells = wild(rng, (3, size), dtype)
    if rng.random() < 0.5 and cells.dtype.kind == "c":
        cells.imag = rng.choice([0.0, -0.0], cells.shape)
    weights = rng.normal(size=3).astype(cells.real.dtype)
    _sum(weights, cells, out := np.empty(size, dtype))
    with np.errstate(all="ignore"):
        two = in_order.less(in_order.product(weights[0], cells[0]), weights[1], cells[1])
        assert same_bytes(out, in_order.less(two, weights[2], cells[2]))
