"""The law of arrays in memory: no bit depends on the parts that threads share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.helpers import numpy_gradient, same_bits
from xgrad.arrays import combine, threads
from xgrad.stencils.scheme import Scheme


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("dtype", ["f4", "f8", "c16", "i4", "f2"])
def test_large_memory_in_parts_equals_numpy(axis: int, dtype: str, monkeypatch: Any) -> None:
    # Parts of 4 kB, so that a small array is cut into parts as a large one is, along any axis.
    monkeypatch.setattr(threads, "_BYTES_PER_THREAD", 4096)
    monkeypatch.setattr(threads, "CPU_COUNT", 5)
    values = (np.random.default_rng(0).normal(size=(30, 31, 33)) * 50).astype(dtype)
    few = values[:3]  # parts of a single cell
    for array in (values, np.asfortranarray(values), values.transpose(2, 0, 1), few, values[:1]):
        if array.shape[axis] < 3:
            continue
        x = np.arange(array.shape[axis]) ** 1.1
        for positions in (x, 0.5):
            steps = np.diff(x) if positions is x else positions
            found = combine.differentiate(array, steps, axis, Scheme(edge_order=2))
            assert same_bits(found, numpy_gradient(array, positions, axis, 2))
