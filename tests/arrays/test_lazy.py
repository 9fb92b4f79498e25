"""The law of the choice: chunks of any source give the same bits, however they get their halos."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest

from tests import engines
from tests.arrays.sources import CHEAP, COSTLY, of_a_user, stored
from tests.helpers import mostly_thorough, same_bits
from xgrad.arrays import combine
from xgrad.arrays.lazy import is_cheap
from xgrad.arrays.term import Positions, Term
from xgrad.stencils.scheme import Scheme

VALUES = np.random.default_rng(0).normal(size=(9, 8))


def names(array: Any) -> set[str]:
    return {str(key[0]) for key in dict(array.__dask_graph__()) if isinstance(key, tuple)}


def reads_its_own_halo(array: Any) -> bool:
    return any(name.startswith("xgrad-chunk") for name in names(array))


SOURCES: dict[str, Any] = {
    "in memory": lambda array, _: array,
    "a function of the user": lambda array, _: array.map_blocks(of_a_user),
    "other chunks": lambda array, _: (2 * array).cumsum(0).rechunk((4, 2)),
    "several blocks": lambda array, module: array.cumsum(0) - module.from_array(VALUES.cumsum(0)),
}


@pytest.mark.parametrize("engine", engines.ENGINES)
@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("halo", mostly_thorough(["auto", "shared", "reread"], "auto"))
def test_a_cheap_source_is_read_again(halo: str, name: str, engine: str) -> None:
    source = SOURCES[name](engines.lazy(engine, VALUES, 3), engines.module(engine))
    with dask.config.set({"xgrad.halo": halo}):
        lazy = combine.differentiate(source, 0.5, 0, Scheme())
    expected = halo == "reread" or (halo == "auto" and name == "in memory")
    assert reads_its_own_halo(lazy) == expected
    whole = combine.differentiate(np.asarray(source), 0.5, 0, Scheme())
    assert same_bits(lazy.compute(), whole)


@pytest.mark.parametrize("engine", mostly_thorough(engines.ENGINES, "dask.array"))
@pytest.mark.parametrize("name", [*CHEAP, *COSTLY])
def test_reading_and_arithmetic_are_cheap(name: str, engine: str, tmp_path: Path) -> None:
    with engines.in_xarray(engine):
        try:
            array = (CHEAP | COSTLY)[name](stored(tmp_path)).data
        except TypeError as error:
            if engine == "dask.array":
                raise
            pytest.skip(f"old releases of xarray roll arrays of dask only: {error}")
        assert is_cheap(array) == (name in CHEAP)


@pytest.mark.parametrize("engine", engines.ENGINES)
def test_a_gradient_of_a_gradient_is_not_cheap(engine: str) -> None:
    array = engines.lazy(engine, VALUES, 3)
    once = combine.differentiate(array, 1.0, 0, Scheme())
    twice = combine.differentiate(once * array, 1.0, 1, Scheme())
    assert [is_cheap(one) for one in (array + once, twice - once)] == [True, False]


@pytest.mark.parametrize("engine", engines.ENGINES)
def test_what_cannot_be_read_again_shares_faces(engine: str) -> None:
    x = engines.lazy(engine, VALUES.cumsum(0) + 5 * np.arange(9.0)[:, None], (9, 2)).rechunk((2, 3))
    term = Term("f", 0, Positions(x), Scheme())
    with dask.config.set({"xgrad.halo": "reread"}):
        lazy = combine.combine({"f": engines.lazy(engine, VALUES, 3)}, [term])
    assert not reads_its_own_halo(lazy)
    assert same_bits(lazy.compute(), combine.combine({"f": VALUES}, [term]))


def test_another_setting_is_refused_with_the_choices() -> None:
    array = da.from_array(VALUES, chunks=3)
    with (
        dask.config.set({"xgrad.halo": "always"}),
        pytest.raises(ValueError, match=r"xgrad\.halo='always'.*'auto', 'shared', 'reread'"),
    ):
        combine.differentiate(array, 1.0, 0, Scheme())


@pytest.mark.parametrize("engine", engines.ENGINES)
@pytest.mark.parametrize("halo", ["shared", "reread"])
@pytest.mark.parametrize("own", [True, False])
def test_the_tasks_of_xgrad_have_its_name(halo: str, own: bool, engine: str) -> None:
    array = engines.lazy(engine, VALUES, 3)
    along: Any = Positions(engines.lazy(engine, VALUES.cumsum(0), 4)) if own else 1.0
    with dask.config.set({"xgrad.halo": halo, "optimization.fuse.active": False}):
        lazy = combine.combine({"f": array}, [Term("f", 0, along)])
        for key, task in dict(lazy.__dask_graph__()).items():
            func = getattr(task, "func", None)
            if str(getattr(func, "__module__", "")).startswith("xgrad"):
                assert str(key[0]).startswith("xgrad-"), key
