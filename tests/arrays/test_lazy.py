"""The law of the choice: chunks of any source give the same bits, however they get their halos."""

from __future__ import annotations

from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest

from tests.helpers import same_bits
from xgrad.arrays import combine
from xgrad.arrays.term import Positions, Term
from xgrad.stencils.scheme import Scheme

VALUES = np.random.default_rng(0).normal(size=(9, 8))


def of_a_user(block: Any) -> Any:
    return block


def names(array: da.Array) -> set[str]:
    return {str(key[0]) for key in dict(array.__dask_graph__()) if isinstance(key, tuple)}


def reads_its_own_halo(array: da.Array) -> bool:
    return any(name.startswith("xgrad-chunk") for name in names(array))


@pytest.mark.parametrize(
    ("halo", "source", "expected"),
    [
        ("auto", da.from_array(VALUES, chunks=3), True),
        ("auto", da.from_array(VALUES, chunks=3).map_blocks(of_a_user), False),
        ("auto", da.from_array(VALUES, chunks=4).rechunk(3), False),
        ("shared", da.from_array(VALUES, chunks=3), False),
        ("reread", da.from_array(VALUES, chunks=3).map_blocks(of_a_user), True),
        ("reread", da.from_array(VALUES, chunks=4).rechunk(3), True),
        ("reread", da.from_array(VALUES, chunks=3).cumsum(0) - VALUES.cumsum(0) + VALUES, True),
    ],
)
def test_a_cheap_source_is_read_again(halo: str, source: da.Array, expected: bool) -> None:
    with dask.config.set({"xgrad.halo": halo}):
        lazy = combine.differentiate(source, 0.5, 0, Scheme())
    assert reads_its_own_halo(lazy) == expected
    whole = combine.differentiate(np.asarray(source), 0.5, 0, Scheme())
    assert same_bits(lazy.compute(), whole)


COSTLY = da.from_array(VALUES.cumsum(0) + 5 * np.arange(9.0)[:, None], chunks=(9, 2)).rechunk(3)


def test_what_cannot_be_read_again_shares_faces() -> None:
    term = Term("f", 0, Positions(COSTLY.rechunk((2, 3))), Scheme())
    with dask.config.set({"xgrad.halo": "reread"}):
        lazy = combine.combine({"f": da.from_array(VALUES, chunks=3)}, [term])
    assert not reads_its_own_halo(lazy)
    assert same_bits(lazy.compute(), combine.combine({"f": VALUES}, [term]))


def test_another_setting_is_refused_with_the_choices() -> None:
    array = da.from_array(VALUES, chunks=3)
    with (
        dask.config.set({"xgrad.halo": "always"}),
        pytest.raises(ValueError, match=r"xgrad\.halo='always'.*'auto', 'shared', 'reread'"),
    ):
        combine.differentiate(array, 1.0, 0, Scheme())


@pytest.mark.parametrize("halo", ["shared", "reread"])
@pytest.mark.parametrize("along", [1.0, Positions(da.from_array(VALUES.cumsum(0), chunks=4))])
def test_the_tasks_of_xgrad_have_its_name(halo: str, along: Any) -> None:
    array = da.from_array(VALUES, chunks=3)
    with dask.config.set({"xgrad.halo": halo, "optimization.fuse.active": False}):
        lazy = combine.combine({"f": array}, [Term("f", 0, along)])
        for key, task in dict(lazy.__dask_graph__()).items():
            func = getattr(task, "func", None)
            if str(getattr(func, "__module__", "")).startswith("xgrad"):
                assert str(key[0]).startswith("xgrad-"), key
