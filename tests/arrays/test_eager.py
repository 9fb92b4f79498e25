"""The law of arrays in memory: no bit depends on the parts that threads share."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest

from tests.helpers import mostly_thorough, numpy_gradient, same_bits
from xgrad.arrays import block, combine, threads
from xgrad.arrays.term import Combination, Positions, Term
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


@pytest.mark.parametrize("how", ["sum", "norm"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_threads_change_no_bit_of_a_combination(how: Any, order: Any, monkeypatch: Any) -> None:
    rng = np.random.default_rng(0)
    shape = (30, 31, 33)
    f = np.asarray(rng.normal(size=shape), "f4", order=order)
    x = Positions(np.cumsum(rng.random((30, 31, 1)) + 0.3, axis=0))
    terms = [
        Term("f", 0, x),
        Term("f", 1, 0.5, factor=rng.normal(size=(30, 1, 33))),
        Term("f", factor=-2.0),
    ]
    expected = combine.combine({"f": f}, terms, how)
    monkeypatch.setattr(threads, "_BYTES_PER_THREAD", 4096)
    monkeypatch.setattr(threads, "CPU_COUNT", 5)
    found = combine.combine({"f": f}, terms, how)
    assert same_bits(found, expected)
    assert found.strides == f.strides


@pytest.mark.parametrize("period", [None, 360.0])
@pytest.mark.parametrize("count", [1, 2])
def test_bad_columns_are_reported_once_computed(period: Any, count: int) -> None:
    x = np.cumsum(np.full((6, 4), 10.0), axis=0)
    x[3, 1] = x[2, 1]
    reported: list[Any] = []
    terms = [Term("f", 0, Positions(x, period, complain=reported.append))] * count
    found = combine.combine({"f": np.ones((6, 4))}, terms)
    assert np.isnan(found).all(axis=0).tolist() == [False, True, False, False]
    assert [good.tolist() for good in reported] == [[[True, False, True, True]]] * count


@pytest.mark.parametrize(
    "dtype", mostly_thorough(["f2", "f4", "f8", "c16", "i4"], "f2", "f8", "i4")
)
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(9, 60, 70), (2, 5, 6), (0, 4, 4)])
def test_a_pair_of_sums_has_the_bits_of_each(
    dtype: str, order: Any, shape: tuple[int, ...]
) -> None:
    rng = np.random.default_rng(0)
    f = np.asarray((30 * rng.normal(size=shape)).astype(dtype), order=order)
    rise, across = Term("f", 1, 1.0), Term("f", 2, 1.0, Scheme(boundary=("extend", "reflect")))
    pair = tuple(
        [term._replace(factor=rng.normal(size=(1, *shape[1:]))) for term in (rise, across)]
        for _ in range(2)
    )
    one, other = pair
    # The second sum as it is, and with a change that keeps the two from being computed in one pass.
    changes: list[dict[str, Any]] = [
        {}, {"inside": np.ones(shape)}, {"factor": 2.0}, {"along": 2.0}, {"of": rise},
    ]  # fmt: skip
    for change in changes:
        others = [other[0]._replace(**change), other[1]]
        wanted = [Combination({"f": f}, tuple(terms)) for terms in (one, others, other[:1])]
        for own, each in zip(combine.combine_all(wanted), wanted, strict=True):
            assert same_bits(own, combine.combine({"f": f}, each.terms))


def test_two_derivatives_of_each_cell_are_computed_in_one_pass(monkeypatch: Any) -> None:
    passes = []
    fold_pair = block.fold_pair

    def counted(*arguments: Any) -> None:
        passes.append(1)
        fold_pair(*arguments)

    monkeypatch.setattr(block, "fold_pair", counted)
    f, weight = np.random.default_rng(0).normal(size=(2, 5, 6))
    rise, across = (Term("f", axis, 1.0, factor=weight) for axis in (0, 1))
    wanted = [Combination({"f": f}, (rise, across)) for _ in range(2)]
    combine.combine_all(wanted)
    assert passes
    passes.clear()
    combine.combine_all([Combination({"f": da.from_array(f)}, one.terms) for one in wanted])
    combine.combine_all([Combination({"f": f.copy()}, one.terms) for one in wanted])
    assert not passes
