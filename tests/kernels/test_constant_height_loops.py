"""Compiled loops over columns: the polynomial through the levels around a height."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.interpolate import BarycentricInterpolator

from xgrad.kernels import constant_height_loops as loops
from xgrad.kernels.constant_height_columns import CUBIC, HEIGHT, KNOWN, LINEAR, VALUE, prepare


def column(f: Any, z: Any, heights: Any, by: int) -> Any:
    """A column at other heights."""
    n = len(f)
    heights.flags.writeable = False  # as it is in a tile: no variant of its own
    columns, sign = np.empty((KNOWN, n, 1)), np.empty(1)
    columns[HEIGHT, :, 0], columns[VALUE, :, 0] = z, f
    prepare(by, 1, sign, columns)
    out, layout = np.full((n, 1), np.nan), np.array([1, 0, 1, 1])
    loops.beside(heights, layout, 0, np.ones(1), columns, sign, 0, slice(0, 1), by, 0, out)
    return out[:, 0]


@pytest.mark.parametrize("turned", [1, -1])
@pytest.mark.parametrize("n", [2, 3, 4, 9])
def test_a_column_is_the_polynomial_through_the_nearest_levels(n: int, turned: int) -> None:
    rng = np.random.default_rng(n)
    z, f = np.cumsum(rng.random(n) + 0.1)[::turned], rng.normal(size=n)
    heights = np.sort(rng.uniform(z.min() - 0.2, z.max() + 0.2, n))
    found = column(f, z, heights, CUBIC)
    up = np.argsort(z)
    z, f = z[up], f[up]
    for height, value in zip(heights, found, strict=True):
        if not z[0] <= height <= z[-1]:
            assert np.isnan(value)
            continue
        below = min(int(np.searchsorted(z, height, "right")) - 1, n - 2)
        start = int(np.clip(below - 1, 0, max(0, n - 4)))
        near = slice(start, start + 4)
        assert value == pytest.approx(BarycentricInterpolator(z[near], f[near])(height), rel=1e-9)


def test_a_height_of_a_level_gives_its_value() -> None:
    rng = np.random.default_rng(1)
    z, f = np.cumsum(rng.random(9) + 0.1), rng.normal(size=9)
    for by in (CUBIC, LINEAR):
        np.testing.assert_array_equal(column(f, z, z, by), f)
