from __future__ import annotations

import gc
import threading
from typing import Any

import numpy as np
import pytest

import xgrad
from tests.helpers import numpy_gradient, same_bits
from xgrad.arrays import buffers, combine
from xgrad.stencils.scheme import Scheme

SHAPE = (300, 1000)


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    gc.collect()
    buffers._FREE.clear()


def address(array: Any) -> int:
    return int(array.__array_interface__["data"][0])


def test_memory_is_used_again_only_when_the_last_view_is_gone() -> None:
    first = buffers.empty_like(np.zeros(SHAPE), np.dtype("f8"))
    first[:] = 1
    where, view = address(first), first[5:7, ::2].T
    del first
    gc.collect()
    second = buffers.empty_like(np.zeros(SHAPE), np.dtype("f8"))
    second[:] = 2
    assert address(second) != where
    assert (view == 1).all()
    del view
    gc.collect()
    third = buffers.empty_like(np.zeros(SHAPE), np.dtype("f8"))
    assert address(third) == where


@pytest.mark.parametrize(
    "like",
    [
        np.zeros((200, 30, 40)),
        np.zeros((200, 30, 40), order="F"),
        np.zeros((200, 30, 40)).transpose(1, 2, 0),
        np.zeros((400, 30, 80))[::2, :, ::-2],
        np.broadcast_to(np.zeros(40), (200, 30, 40)),
        np.zeros((3, 4)),
        np.zeros((0, 4)),
    ],
)
@pytest.mark.parametrize("dtype", [">f4", "f8", "c16", "g"])
def test_order_and_shape_are_those_of_numpy(like: Any, dtype: str) -> None:
    expected = np.empty_like(like, dtype=dtype)
    found = buffers.empty_like(like, np.dtype(dtype))
    assert (found.shape, found.dtype, found.strides) == (
        expected.shape,
        expected.dtype,
        expected.strides,
    )
    assert found.flags.writeable


def test_no_more_than_a_limit_is_kept() -> None:
    held = [buffers.empty_like(np.zeros((2**k, 1000)), np.dtype("f8")) for k in range(8, 14)]
    held += [buffers.empty_like(np.zeros((2**12, 1000)), np.dtype("f8")) for _ in range(5)]
    del held
    gc.collect()
    assert 0 < sum(memory.nbytes for memory in buffers._FREE) <= buffers._MOST


def test_results_of_many_threads_do_not_share_memory() -> None:
    values = np.random.default_rng(0).normal(size=(200, 50, 40))
    expected = numpy_gradient(values, 1.0, 0)
    wrong = []

    def work() -> None:
        kept = []
        for k in range(20):
            found = combine.differentiate((k + 1) * values, 1.0, 0, Scheme())
            kept = [*kept[-2:], (k + 1, found)]
            if any(not np.allclose(one, n * expected, rtol=1e-12) for n, one in kept):
                wrong.append(k)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_result_that_is_kept_stays_what_it_is() -> None:
    import xarray as xr

    values = np.random.default_rng(0).normal(size=(200, 50, 40))
    kept = [
        xgrad.gradient(xr.DataArray(k * values, dims=("x", "y", "z")), "x").d_dx for k in range(6)
    ]
    for k, found in enumerate(kept):
        assert same_bits(found.values, numpy_gradient(k * values, 1.0, 0))
