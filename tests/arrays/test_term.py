"""The law of terms: a term says the dtype of its result, and holds no data."""

from __future__ import annotations

import itertools
import pickle
from typing import Any

import dask.array as da
import numpy as np
import pytest

from tests.helpers import also_thorough, nothing_computed
from xgrad.arrays.combine import combine
from xgrad.arrays.term import Combination, How, Positions, Term, as_float, dtype_of, unchained
from xgrad.stencils.scheme import Scheme

DTYPES = also_thorough("f2 f4 f8 g c16 i2 u8 >f4", "c8")


@pytest.mark.parametrize("how", ["sum", "norm", "angle"])
def test_the_dtype_of_a_combination_is_known_before_it_is_computed(how: How) -> None:
    for kinds in itertools.product(DTYPES, ["f4", "f8", "c16", "i2"]):
        if how == "angle" and any(np.dtype(kind).kind == "c" for kind in kinds):
            continue  # complex numbers have no direction
        arrays = {k: np.arange(6.0).astype(kind) for k, kind in enumerate(kinds)}
        terms = [Term(k, 0, 0.5) for k in arrays]
        expected = dtype_of([np.dtype(kind) for kind in kinds], how)
        assert combine(arrays, terms, how).dtype == expected
        with nothing_computed():
            lazy = combine({k: da.from_array(f) for k, f in arrays.items()}, terms, how)
        assert lazy.dtype == expected
        assert lazy.compute(scheduler="sync").dtype == expected


def test_the_dtype_of_one_term_is_that_of_its_derivative() -> None:
    # Not promoted: the byte order of a single dtype stays.
    for kind in DTYPES:
        derivative = np.dtype("f8" if np.dtype(kind).kind in "iu" else kind)
        assert dtype_of([np.dtype(kind)], "sum") == derivative
    assert dtype_of([np.dtype("M8[ns]")], "sum") == np.dtype("f8")
    assert dtype_of([np.dtype("c8")], "norm") == np.dtype("f4")


def test_a_term_is_small_and_survives_a_pickle() -> None:
    scheme = Scheme(order=2, accuracy=4, boundary=("extend", 1.5))
    term = Term("temperature", 1, np.float32(0.5), scheme, seam=2.0, factor=-1.0)
    packed = pickle.dumps(term)
    assert len(packed) < 600
    assert pickle.loads(packed) == term  # noqa: S301  from this very line


def test_a_chain_is_computed_from_the_innermost_term_outwards() -> None:
    one = Term("f", 0, 1.0)
    two = Term("f", 1, 1.0, of=one)
    three = Term("f", 2, 1.0, of=two)
    assert three.chain == [three, two, one]
    given = {"f": np.ones(2, "i2")}
    seen = []

    def computed(arrays: dict[str, Any], terms: list[Term]) -> Any:
        seen.append((list(arrays), terms))
        return arrays["f"].astype("f8")

    arrays, terms, how = unchained(Combination(given, (one, three), "norm"), computed)
    assert how == "norm"
    assert seen == [(["f"], [two])]
    assert terms[0] == one
    assert terms[1] == Term(terms[1].operand, 2, 1.0)
    assert arrays["f"] is given["f"]
    assert set(arrays) == {"f", terms[1].operand}


def test_columns_pass_on_more_cells_than_an_axis_if_their_spacing_continues() -> None:
    scheme = Scheme(boundary=("extend", "one-sided"))
    assert Term("f", 0, 1.0, scheme).face == 1
    assert Term("f", 0, Positions(np.zeros((3, 1))), scheme).face == 2


@pytest.mark.parametrize("dtype", ["u1", "i8", "f2", ">f8", "g", "f4"])
def test_positions_become_floats_before_they_are_subtracted(dtype: str) -> None:
    found = as_float(np.array([3, 1, 2]).astype(dtype))
    assert found.dtype == np.dtype("f4" if dtype == "f4" else "f8")
    assert found.dtype.isnative
    assert np.diff(found).tolist() == [-2, 1]
