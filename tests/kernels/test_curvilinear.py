"""Coasts, and positions of any shape."""

from __future__ import annotations

import itertools
from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from tests.arrays.test_lazy import chunkings, reduced
from tests.helpers import nothing_computed, numpy_gradient, same_bits
from xgrad.arrays import combine, threads
from xgrad.arrays.term import Positions
from xgrad.kernels import curvilinear
from xgrad.labels.spacing import from_coordinate
from xgrad.stencils.scheme import Scheme

DTYPES = ["f4", "f8", "c8", "c16"]


def runs(valid: Any) -> list[slice]:
    """Where neighbouring cells are all valid."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], valid.astype(int), [0]])))
    return [slice(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def each_run_alone(values: Any, x: Any, edge_order: int, even: bool) -> Any:
    """The oracle of a single column: numpy between the gaps."""
    out = np.full(len(values), np.nan, values.dtype)
    for run in runs(~np.isnan(values)):
        size = run.stop - run.start
        if size > 1:
            positions = x[1] - x[0] if even else x[run]
            out[run] = numpy_gradient(values[run], positions, 0, min(edge_order, size - 1))
    return out


@st.composite
def coasts(draw: Any) -> Any:
    """A field with gaps, its chunks, positions, axis and edge_order."""
    shape = tuple(draw(st.lists(st.integers(2, 9), min_size=1, max_size=3)))
    axis = draw(st.integers(0, len(shape) - 1))
    edge_order = draw(st.integers(1, min(2, shape[axis] - 1)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = rng.normal(size=shape).astype(draw(st.sampled_from(DTYPES)))
    values[rng.random(shape) < draw(st.sampled_from([0.0, 0.2, 0.6, 1.0]))] = np.nan
    even = draw(st.booleans())
    # No two steps are equal: numpy would take a run of equal ones for an even axis.
    steps = np.full(shape[axis] - 1, 0.7) if even else rng.random(shape[axis] - 1) + 0.3
    x = np.arange(shape[axis]) * 0.5 if even else np.concatenate([[0], np.cumsum(steps)])
    return values, tuple(draw(chunkings(size)) for size in shape), x, axis, edge_order, even


@given(coasts())
def test_a_missing_neighbour_is_an_edge(problem: Any) -> None:
    values, chunks, x, axis, edge_order, even = problem
    along = [
        each_run_alone(v, x, edge_order, even)
        for v in np.moveaxis(values, axis, -1).reshape(-1, len(x))
    ]
    expected = np.moveaxis(np.reshape(along, np.moveaxis(values, axis, -1).shape), -1, axis).astype(
        values.dtype
    )
    scheme = Scheme(edge_order=edge_order, skipna=True)
    steps = x[1] - x[0] if even else np.diff(x)
    found = combine.differentiate(values, steps, axis, scheme)
    assert same_bits(found, expected)
    array = da.from_array(values, chunks=chunks)
    with nothing_computed():
        lazy = combine.differentiate(array, steps, axis, scheme)
    assert lazy.chunks == array.chunks
    assert same_bits(lazy.compute(scheduler="sync"), expected)


@pytest.mark.parametrize(("order", "accuracy"), [(1, 4), (1, 6), (2, 2), (3, 2), (4, 2)])
@pytest.mark.parametrize("layout", ["C", "F"])
def test_between_gaps_any_derivative_is_as_if_alone(order: int, accuracy: int, layout: str) -> None:
    # The shape of a coast: land that reaches into the sea, an island, a strait of one cell.
    y, x = np.mgrid[0:40, 0:60]
    land = (y < 8 + 6 * np.sin(x / 7.0)) | (np.hypot(y - 25, x - 30) < 5) | (x == 50) | (x == 52)
    values = np.asarray(np.where(land, np.nan, np.cos(x / 5.0) * np.sin(y / 6.0)), order=layout)
    positions = np.cumsum(1 + 0.3 * np.sin(np.arange(60)))
    scheme = Scheme(order=order, accuracy=accuracy, skipna=True)
    found = combine.differentiate(values, np.diff(positions), 1, scheme)
    assert np.isnan(found[land]).all()
    alone = Scheme(order=order, accuracy=accuracy)
    for row, valid in enumerate(~land):
        for run in runs(valid):
            size = run.stop - run.start
            if size >= alone.needed:
                expected = combine.differentiate(
                    values[row, run], np.diff(positions[run]), 0, alone
                )
                assert same_bits(found[row, run], expected)
            else:
                assert np.isnan(found[row, run]).all() == (size <= order)
    for chunks in ((40, 7), (9, 60), (3, 1)):
        lazy = combine.differentiate(
            da.from_array(values, chunks=chunks), np.diff(positions), 1, scheme
        )
        assert same_bits(lazy.compute(scheduler="sync"), found)


@pytest.mark.parametrize("dtype", ["f4", "f8", "c16", "f2"])
@pytest.mark.parametrize("boundary", ["one-sided", "periodic", "extend", "reflect", "nan", 1.5])
@pytest.mark.parametrize(
    ("order", "accuracy", "edge_order"), [(1, 2, 1), (1, 2, 2), (1, 4, 1), (2, 2, 1)]
)
def test_without_gaps_skipna_changes_no_bit(
    dtype: str, boundary: Any, order: int, accuracy: int, edge_order: int
) -> None:
    values = np.random.default_rng(0).normal(size=(40, 12, 3)).astype(dtype)
    for steps in (np.random.default_rng(1).random(11) + 0.5, np.float64(0.4)):
        plain = Scheme(order, accuracy, edge_order, boundary=(boundary, boundary))
        skipping = Scheme(order, accuracy, edge_order, skipna=True, boundary=(boundary, boundary))
        expected = combine.differentiate(values, steps, 1, plain, seam=0.9)
        found = combine.differentiate(values, steps, 1, skipping, seam=0.9)
        if dtype == "f2":  # weighed in float64 where neighbours may be missing, as documented
            np.testing.assert_allclose(found, expected, rtol=2e-2, atol=2e-2)
        else:
            assert same_bits(found, expected)


def test_numpys_bits_without_skipna() -> None:
    values = np.array([1.0, 2.0, np.nan, 4.0, 5.0, 7.0])
    for x in (np.arange(6.0), np.arange(6.0) ** 1.5):
        found = combine.differentiate(values, reduced(x), 0, Scheme())
        assert same_bits(found, numpy_gradient(values, x, 0))
        # What the documentation says of a missing centre.
        assert np.isnan(found[2]) == (x[2] != 2)


@st.composite
def terrains(draw: Any) -> Any:
    """A field over positions of its own, and how both are chunked."""
    # Other columns are only repetitions: few of them, as each chunk costs a few milliseconds.
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
    x = x.astype(
        draw(st.sampled_from(["f4", "f8", "i4"] if (steps % 1 == 0).all() else ["f4", "f8"]))
    )
    values = rng.normal(size=shape).astype(draw(st.sampled_from([*DTYPES, "i4"])))
    chunks = tuple(draw(chunkings(size)) for size in shape)
    other = tuple(draw(chunkings(size)) for size in sides)
    return values, chunks, x, other, axis, edge_order


@given(terrains())
def test_each_column_has_numpys_bits(problem: Any) -> None:
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


@pytest.mark.parametrize("dtype", ["f4", "f8", "c8"])
@pytest.mark.parametrize("edge_order", [1, 2])
@pytest.mark.parametrize("order", ["C", "F"])
def test_columns_side_by_side_in_threads(
    dtype: str, edge_order: int, order: str, monkeypatch: Any
) -> None:
    rng = np.random.default_rng(4)
    shape, axis = ((9, 70, 80), 0) if order == "C" else ((80, 70, 9), 2)
    values = np.asarray(rng.normal(size=shape), dtype, order=order)  # type: ignore[call-overload]
    steps = rng.integers(1, 4, shape) * 0.25
    steps[:20, :20] = 0.5  # even columns
    x = np.asarray(np.cumsum(steps, axis=axis), order=order)  # type: ignore[call-overload]
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


def test_data_in_memory_over_lazy_positions_are_lazy() -> None:
    values, x = np.random.default_rng(0).normal(size=(2, 8, 5))
    with nothing_computed():
        lazy = combine.differentiate(
            values, Positions(da.from_array(x.cumsum(0), chunks=3)), 0, Scheme()
        )
    assert isinstance(lazy, da.Array)
    assert same_bits(
        lazy.compute(), combine.differentiate(values, Positions(x.cumsum(0)), 0, Scheme())
    )


@pytest.mark.parametrize("bad", [np.nan, "twice", "back", "endless"])
@pytest.mark.parametrize("chunks", [(6, 4), (1, 1), (4, 2), (2, 4)])
def test_a_bad_column_is_missing_and_no_other(bad: Any, chunks: Any) -> None:
    x = np.cumsum(np.random.default_rng(2).random((6, 4)) + 0.1, axis=0)
    if bad == "endless":
        x[5, 1] = np.inf
    else:
        x[3, 1] = {"twice": x[2, 1], "back": x[1, 1] - 1}.get(bad, bad)
    values = np.random.default_rng(3).normal(size=(6, 4))
    for scheme in (Scheme(), Scheme(edge_order=2), Scheme(accuracy=4), Scheme(skipna=True)):
        whole = combine.differentiate(values, Positions(x), 0, scheme)
        assert np.isnan(whole[:, 1]).all()
        assert np.isfinite(whole[:, [0, 2, 3]]).all()
        lazy = combine.differentiate(
            da.from_array(values, chunks=chunks),
            Positions(da.from_array(x, chunks=chunks[::-1])),
            0,
            scheme,
        )
        assert same_bits(lazy.compute(scheduler="sync"), whole)


@pytest.mark.parametrize("skipna", [False, True])
@pytest.mark.parametrize(("order", "accuracy"), [(1, 2), (1, 4), (2, 2)])
@pytest.mark.parametrize("boundary", ["one-sided", "periodic", "extend", "reflect", "nan", 2.0])
def test_a_column_of_many_is_as_the_axis_alone(
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


@pytest.mark.parametrize("order_accuracy", [(1, 2), (1, 4), (2, 2)])
@pytest.mark.parametrize("skipna", [False, True])
def test_columns_may_begin_anew_inside_the_array(order_accuracy: Any, skipna: bool) -> None:
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


@pytest.mark.parametrize("end", [359.9999999, 360.0, 400.0])
def test_a_column_that_goes_around_once_or_more_is_bad(end: float) -> None:
    x = np.stack([np.linspace(0, end, 7), np.linspace(0, 300, 7)], axis=1)
    values = np.random.default_rng(7).normal(size=x.shape)
    scheme = Scheme(boundary=("periodic",) * 2)
    for positions in (x, da.from_array(x, chunks=(2, 1))):
        found = np.asarray(combine.differentiate(values, Positions(positions, 360.0), 0, scheme))
        assert np.isnan(found[:, 0]).all()
        assert np.isfinite(found[:, 1]).all()


@pytest.mark.parametrize("dtype", [">f4", ">f8", "f2", "g", "i2", "u1", "u8"])
@pytest.mark.parametrize("axis", [0, 1])
def test_positions_of_any_dtype(dtype: str, axis: int, monkeypatch: Any) -> None:
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


@pytest.mark.parametrize("chunks", [((6,), (0, 1)), ((6,), (0, 0, 0, 1)), ((0, 3, 3), (1,))])
@pytest.mark.parametrize("boundary", ["one-sided", "periodic", "extend"])
def test_empty_chunks_beside_the_axis(chunks: Any, boundary: Any) -> None:
    values = np.random.default_rng(9).normal(size=(6, 1))
    scheme = Scheme(boundary=(boundary, boundary))
    array = da.from_array(values, chunks=chunks)
    lazy = combine.differentiate(array, 1.0, 0, scheme, seam=1.0)
    assert lazy.chunks == array.chunks
    assert same_bits(lazy.compute(), combine.differentiate(values, 1.0, 0, scheme, seam=1.0))
    x = np.arange(6.0).reshape(6, 1) ** 1.5
    lazy = combine.differentiate(array, Positions(da.from_array(x), 99.0), 0, scheme)
    assert same_bits(lazy.compute(), combine.differentiate(values, Positions(x, 99.0), 0, scheme))


def test_beyond_the_boundary_nan_lies_no_gap() -> None:
    values = np.array([1.0, np.nan, 2.0, 5.0])
    scheme = Scheme(edge_order=2, skipna=True, boundary=("nan", "nan"))
    x = np.arange(4.0)
    expected = [np.nan, np.nan, 3.0, np.nan]
    np.testing.assert_array_equal(combine.differentiate(values, 1.0, 0, scheme), expected)
    np.testing.assert_array_equal(combine.differentiate(values, Positions(x), 0, scheme), expected)


def test_metpy_agrees_over_positions_of_several_dimensions() -> None:
    from metpy import calc

    rng = np.random.default_rng(5)
    x = np.cumsum(rng.random((10, 4, 3)) + 0.2, axis=0)
    values = rng.normal(size=x.shape)
    metpy = calc.first_derivative(values, x=x, axis=0).magnitude
    found = combine.differentiate(values, Positions(x), 0, Scheme(edge_order=2))
    np.testing.assert_allclose(found, metpy, rtol=1e-10, atol=1e-12)


def test_positions_are_loaded_chunk_by_chunk() -> None:
    values = da.zeros((40, 30), chunks=(10, 10))
    x = da.map_blocks(
        lambda b: b, da.from_array(np.arange(40.0)[:, None] + np.zeros(30), chunks=(40, 5))
    )
    lazy = combine.differentiate(values, Positions(x), 0, Scheme())
    largest = max(np.prod(shape) for shape in itertools.product(*lazy.chunks))
    assert largest == 100
    assert lazy.compute(scheduler="sync").shape == (40, 30)
