"""The law of columns: each has the derivative of an axis with its positions."""

from __future__ import annotations

import itertools
from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from tests.arrays.helpers import chunkings
from tests.helpers import mostly_thorough, nothing_computed, numpy_gradient, same_bits
from tests.kernels.helpers import INEXACT
from xgrad.arrays import combine, threads
from xgrad.arrays.term import Positions
from xgrad.kernels import curvilinear
from xgrad.labels.spacing import from_coordinate
from xgrad.stencils.scheme import Scheme

# Dtypes of the data and of the positions.  Each pair that is not of integers is compiled apart.
# Complex numbers take long to compile: with threads there is one pair of them, and all are among
# the thorough ones.
USUAL = [("f4", "f8"), ("f8", "f8"), ("i4", "f8")]
PAIRS = list(itertools.product([*INEXACT, "i4"], ["f4", "f8", "i4"]))


@st.composite
def terrains(draw: Any, pairs: Any) -> Any:
    """A field, positions for each of its columns, and the chunks of both."""
    # More columns would only repeat the same, and each chunk costs a few milliseconds.
    shape = draw(st.lists(st.integers(2, 3), min_size=1, max_size=3))
    axis = draw(st.integers(0, len(shape) - 1))
    shape[axis] = draw(st.integers(2, 7))
    edge_order = draw(st.integers(1, min(2, shape[axis] - 1)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    sides = [n if k == axis or draw(st.booleans()) else 1 for k, n in enumerate(shape)]
    steps = (
        rng.integers(1, draw(st.sampled_from([2, 3, 50])), sides) * 0.25
    )  # some columns are even
    x = np.cumsum(steps, axis=axis) * draw(st.sampled_from([1, -1]))
    dtype, kind = draw(st.sampled_from(pairs))
    x = x.astype(kind if kind != "i4" or (steps % 1 == 0).all() else "f8")
    values = rng.normal(size=shape).astype(dtype)
    chunks = tuple(draw(chunkings(size)) for size in shape)
    other = tuple(draw(chunkings(size)) for size in sides)
    return values, chunks, x, other, axis, edge_order


@given(terrains([*USUAL, ("f8", "i4")]))
def test_each_column_has_numpys_bits(problem: Any) -> None:
    check_columns(problem)


@pytest.mark.thorough
@given(terrains(PAIRS))
def test_each_column_has_numpys_bits_with_any_dtypes(problem: Any) -> None:
    check_columns(problem)


def check_columns(problem: Any) -> None:
    values, chunks, x, other, axis, edge_order = problem
    spread = np.broadcast_to(x, values.shape)
    expected = np.empty(
        values.shape, np.result_type(values.dtype, "f4" if values.dtype.kind != "i" else "f8")
    )
    for index in itertools.product(*(range(n) for k, n in enumerate(values.shape) if k != axis)):
        column = (*index[:axis], slice(None), *index[axis:])
        expected[column] = numpy_gradient(values[column], spread[column], 0, edge_order)
    scheme = Scheme(edge_order=edge_order)
    assert same_bits(combine.differentiate(values, Positions(x), axis, scheme), expected)
    array = da.from_array(values, chunks=chunks)
    for positions in (x, da.from_array(x, chunks=other)):
        with nothing_computed():
            lazy = combine.differentiate(array, Positions(positions), axis, scheme)
        assert lazy.chunks == array.chunks
        assert same_bits(lazy.compute(scheduler="sync"), expected)


@pytest.mark.parametrize("dtype", ["f4", "f8", pytest.param("c16", marks=pytest.mark.thorough)])
@pytest.mark.parametrize("edge_order", [1, 2])
@pytest.mark.parametrize("order", ["C", "F"])
def test_threads_over_columns_change_no_bit(
    dtype: str, edge_order: int, order: str, monkeypatch: Any
) -> None:
    rng = np.random.default_rng(4)
    shape, axis = ((9, 70, 80), 0) if order == "C" else ((80, 70, 9), 2)
    values = np.asarray(rng.normal(size=shape), dtype, order=order)
    steps = rng.integers(1, 4, shape) * 0.25
    steps[:20, :20] = 0.5  # even columns
    x = np.asarray(np.cumsum(steps, axis=axis), order=order)
    x[5, 11] = np.nan  # bad ones
    scheme = Scheme(edge_order=edge_order)
    by_chunks = da.from_array(values, chunks=40)
    expected = combine.differentiate(by_chunks, Positions(x), axis, scheme).compute()
    monkeypatch.setattr(threads, "_BYTES_PER_THREAD", 4096)
    monkeypatch.setattr(threads, "CPU_COUNT", 5)
    assert same_bits(combine.differentiate(values, Positions(x), axis, scheme), expected)
    complaints: list[bool] = []
    combine.differentiate(
        values, Positions(x, complain=lambda good: complaints.append(good.all())), axis, scheme
    )
    assert complaints == [False]
    monkeypatch.setattr(curvilinear, "side_by_side", lambda *_: None)
    assert same_bits(combine.differentiate(values, Positions(x), axis, scheme), expected)


@pytest.mark.parametrize("skipna", [False, True])
@pytest.mark.parametrize(
    ("order", "accuracy"), [(1, 2), (1, 4), pytest.param(2, 2, marks=pytest.mark.thorough)]
)
@pytest.mark.parametrize(
    "boundary",
    mostly_thorough(
        ["one-sided", "periodic", "extend", "reflect", "nan", 2.0], "one-sided", "periodic"
    ),
)
def test_each_column_gets_the_derivative_of_an_axis_with_its_positions(
    skipna: bool, order: int, accuracy: int, boundary: Any
) -> None:
    rng = np.random.default_rng(4)
    x = np.cumsum(rng.integers(1, 9, (12, 5)), axis=0).astype("f8")
    values = rng.normal(size=(12, 5))
    if skipna:
        values[rng.random((12, 5)) < 0.2] = np.nan
    scheme = Scheme(order, accuracy, skipna=skipna, boundary=(boundary, boundary))
    period = 200.0 if boundary == "periodic" else None
    found = combine.differentiate(values, Positions(x, period), 0, scheme)
    for k in range(5):
        seam = (period or 0) - (x[-1, k] - x[0, k])
        alone = combine.differentiate(values[:, k].copy(), np.diff(x[:, k]), 0, scheme, seam=seam)
        np.testing.assert_allclose(found[:, k], alone, rtol=1e-10, atol=1e-10)
    for chunks in ((1, 5), (5, 2), (12, 1)):
        lazy = combine.differentiate(
            da.from_array(values, chunks=chunks),
            Positions(da.from_array(x, chunks=7), period),
            0,
            scheme,
        )
        assert same_bits(lazy.compute(scheduler="sync"), found)


@pytest.mark.parametrize(
    "order_accuracy", mostly_thorough([(1, 2), (1, 4), (2, 2)], (1, 2), (1, 4))
)
@pytest.mark.parametrize("skipna", [False, True])
def test_columns_may_start_over_inside_the_array(order_accuracy: Any, skipna: bool) -> None:
    rings = [
        (0, 10, 20, 30, 40, 50),  # a seam of 310
        (0, 200, 300, 330, 340, 350),  # a step of 200
        (350, 10, 30, 40, 50, 60),
        (60, 50, 40, 30, 10, 350),
        (300, 200, 150, 100, 90, 0),
        (0, 300, 290, 280, 270, 260),
    ]
    x = np.array(rings, float).T
    values = np.random.default_rng(6).normal(size=x.shape)
    order, accuracy = order_accuracy
    scheme = Scheme(order, accuracy, skipna=skipna, boundary=("periodic",) * 2)
    found = combine.differentiate(values, Positions(x, 360.0), 0, scheme)
    for k in range(len(rings)):
        axis = from_coordinate(xr.DataArray(x[:, k], dims="x", name="x"), "s", period=360.0)
        alone = combine.differentiate(values[:, k].copy(), axis.steps, 0, scheme, axis.seam)
        np.testing.assert_allclose(found[:, k], alone, rtol=1e-9, atol=1e-12)
    for chunks in ((1, 6), (4, 1), (6, 2)):
        for positions in (x, da.from_array(x, chunks=(2, 4))):
            lazy = combine.differentiate(
                da.from_array(values, chunks=chunks), Positions(positions, 360.0), 0, scheme
            )
            assert same_bits(lazy.compute(scheduler="sync"), found)


# Each dtype is compiled anew, for a second and more.
@pytest.mark.parametrize(
    "dtype",
    [
        ">f8",
        "f2",
        "u1",
        *(pytest.param(one, marks=pytest.mark.thorough) for one in (">f4", "g", "i2", "u8")),
    ],
)
@pytest.mark.parametrize("axis", [0, 1])
def test_positions_may_have_any_dtype(dtype: str, axis: int, monkeypatch: Any) -> None:
    monkeypatch.setattr(threads, "_BYTES_PER_THREAD", 64)  # parts, as of a large array
    x = np.cumsum(np.arange(1, 41).reshape(8, 5) % 7 + 1, axis=axis).astype(dtype)
    values = np.random.default_rng(8).normal(size=(8, 5))
    native = x.astype("f4" if dtype == ">f4" else "f8")
    expected = combine.differentiate(values, Positions(native), axis, Scheme())
    assert same_bits(combine.differentiate(values, Positions(x), axis, Scheme()), expected)
    for positions in (x, da.from_array(x, chunks=3)):
        lazy = combine.differentiate(
            da.from_array(values, chunks=2), Positions(positions), axis, Scheme()
        )
        assert same_bits(lazy.compute(scheduler="sync"), expected)


def test_metpy_agrees_over_multidimensional_positions() -> None:
    from metpy import calc

    rng = np.random.default_rng(5)
    x = np.cumsum(rng.random((10, 4, 3)) + 0.2, axis=0)
    values = rng.normal(size=x.shape)
    metpy = calc.first_derivative(values, x=x, axis=0).magnitude
    found = combine.differentiate(values, Positions(x), 0, Scheme(edge_order=2))
    np.testing.assert_allclose(found, metpy, rtol=1e-10, atol=1e-12)
