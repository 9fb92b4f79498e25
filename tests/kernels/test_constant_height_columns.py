"""Columns between their levels, and where their cells are taken from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from xgrad.kernels.constant_height_columns import (
    BEND,
    CUBIC,
    HEIGHT,
    KNOWN,
    SLOPE,
    TWIST,
    VALUE,
    Source,
    fetch,
    prepare,
)


def prepared(f: Any, z: Any) -> tuple[bool, Any, Any]:
    columns, sign = np.empty((KNOWN, *f.shape)), np.empty(f.shape[1])
    columns[HEIGHT], columns[VALUE] = z, f
    return prepare(CUBIC, 1, sign, columns), sign, columns


@pytest.mark.parametrize("n", [2, 3, 4, 9])
def test_polynomials_of_neighbouring_levels_meet(n: int) -> None:
    rng = np.random.default_rng(n)
    z, f = np.cumsum(rng.random((n, 3)) + 0.2, axis=0), rng.normal(size=(n, 3))
    good, sign, columns = prepared(f, z)
    assert good
    assert (sign == 1).all()
    d = np.diff(z, axis=0)
    slope, bend, twist = (columns[m, :-1] for m in (SLOPE, BEND, TWIST))
    np.testing.assert_allclose(f[:-1] + d * (slope + d * (bend + d * twist)), f[1:], rtol=1e-9)


def test_a_column_ends_where_its_values_do_and_another_is_not_monotonic() -> None:
    z = np.arange(6.0)[:, np.newaxis] + np.zeros(3)
    f = z**3
    f[0, 0] = np.nan
    z[4, 1] = z[3, 1]
    z[:, 2] *= -1
    good, sign, columns = prepared(f, z)
    assert not good
    np.testing.assert_array_equal(sign, [1, np.nan, -1])
    assert columns[HEIGHT, 0, 0] == -np.inf
    np.testing.assert_allclose(columns[TWIST, :5, 2], 1, rtol=1e-9)
    np.testing.assert_allclose(columns[TWIST, 1:5, 0], 1, rtol=1e-9)


@pytest.mark.parametrize("in_lanes", [True, False])
def test_cells_are_taken_from_the_parts_that_have_them(in_lanes: bool) -> None:
    axis, lane = (2, 0) if in_lanes else (0, 1)
    whole = np.arange(192.0).reshape((8, 3, 8))
    parts = [np.ascontiguousarray(one) for one in np.split(whole, [1, 6], axis=axis)]
    layout = np.array([[one.shape[axis], *(k // 8 for k in one.strides)] for one in parts])
    flats = tuple(one.reshape(-1) for one in parts)
    for flat in flats:
        flat.flags.writeable = False
    beyond = np.pad(
        whole, [(2, 2) if k == axis else (0, 0) for k in range(3)], constant_values=np.nan
    )
    for start in range(-3, 8):
        out, plane = np.empty((3, 2)), 4
        if in_lanes:
            lane = start
        else:
            plane = start
        fetch(Source(flats, layout), in_lanes, plane, lane, out)
        expected = beyond[4, :, start + 3 :] if in_lanes else beyond[start + 3, :, 1:]
        np.testing.assert_array_equal(out, expected[:, :2])


@pytest.mark.parametrize("scale", [1e-300, 1e-80, 1e80, 1e300])
def test_steps_whose_products_underflow_or_overflow_are_not_monotonic(scale: float) -> None:
    z = np.arange(6.0)[:, np.newaxis] * [1.0, scale]
    good, sign, _ = prepared(np.sin(z / z[-1]), z)
    assert not good
    np.testing.assert_array_equal(sign, [1, np.nan])
