"""What tests of loops over blocks share."""

from __future__ import annotations

from typing import Any

import numpy as np

from xgrad.kernels import layout, tabled
from xgrad.stencils.table import first_derivative

DTYPES = ["f2", "f4", "f8", "g", "F", "D", "G", "b", "B", "i4", "u8", ">f4", ">f8", ">c16", ">i2"]
INEXACT = ["f4", "f8", "c8", "c16"]


def runs(valid: Any) -> list[slice]:
    """Where neighbouring cells are all valid."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], valid.astype(int), [0]])))
    return [slice(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def whole(values: Any, steps: Any, axis: int, edge_order: int) -> Any:
    """Differentiate one block that is the whole array."""
    dtype = layout.result_dtype(values.dtype)
    real = np.empty(0, dtype).real.dtype.newbyteorder("=")
    out = np.empty_like(values, dtype=dtype)
    nothing = np.take(values, [], axis=axis)
    table = first_derivative(steps, values.shape[axis], edge_order, real)
    tabled.differentiate(values, nothing, nothing, table, axis, out)
    return out


def values_of(dtype: str, shape: tuple[int, ...]) -> Any:
    rng = np.random.default_rng(1)
    numbers = rng.normal(size=shape) * 40 + 60
    if np.dtype(dtype).kind == "c":
        return (numbers + 1j * rng.normal(size=shape)).astype(dtype)
    return numbers.astype(dtype)
