"""The law of cheap sources: a block is one task that needs nothing but data."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr

from tests.helpers import same_bits
from xgrad.arrays import combine
from xgrad.arrays.readable import beside, is_cheap, levels, roots, trees
from xgrad.arrays.term import Term
from xgrad.stencils.scheme import Scheme

VALUES = np.random.default_rng(0).normal(size=(8, 6))


def of_a_user(block: Any) -> Any:
    return block


def numbered(block: Any, block_info: Any = None) -> Any:
    return block * len(block_info)


@pytest.fixture
def stored(tmp_path: Path) -> xr.DataArray:
    coords = {
        "y": ("y", np.arange(8.0), {"units": "degrees_north"}),
        "x": ("x", np.arange(6.0), {"units": "degrees_east"}),
    }
    ds = xr.Dataset({"t": (("y", "x"), VALUES, {}, {"chunks": (4, 3)})}, coords)
    ds.to_zarr(tmp_path / "in.zarr", zarr_format=2)
    return xr.open_zarr(tmp_path / "in.zarr").t


CHEAP: dict[str, Any] = {
    "as it is stored": lambda t: t,
    "arithmetic": lambda t: (t - 273.15) / 2,
    "a mask": lambda t: (t + 1).where(t.x > 2),
    "another dtype": lambda t: np.sqrt(abs(t)).astype("f4"),
    "gaps filled": lambda t: t.fillna(0).clip(0, 1),
    "a part": lambda t: t.sel(y=slice(1, 6)).isel(x=slice(0, 4)),
    "a row": lambda t: t.isel(y=3),
    "transposed": lambda t: t.transpose(),
    "joined": lambda t: xr.concat([t, t + 1], "y"),
    "longer chunks": lambda t: (t + 1).chunk(y=8) * 2,
    "two variables": lambda t: t * t.rename("u"),
    "a gradient": lambda t: 2 * t.fdgrad.gradient("x").dt_dx,
    "a gradient with a factor": lambda t: t.fdgrad.gradient(
        ["y", "x"], metric="sphere"
    ).dt_dx.where(t > 0),
}
COSTLY: dict[str, Any] = {
    "other chunks": lambda t: t.chunk(y=3),
    "a function of the user": lambda t: t.copy(data=t.data.map_blocks(of_a_user)),
    "with an option": lambda t: t.copy(data=t.data.map_blocks(functools.partial(of_a_user))),
    "with what dask knows of the block": lambda t: t.copy(
        data=t.data.map_blocks(numbered, dtype="f8")
    ),
    "for each cell": lambda t: xr.apply_ufunc(
        of_a_user, t, vectorize=True, dask="parallelized", output_dtypes=["f8"]
    ),
    "a mixed derivative": lambda t: t.fdgrad.derivative(["x", "y"]),
    "a running sum": lambda t: t.cumsum("y"),
    "less a mean": lambda t: t - t.mean("y"),
    "a running mean": lambda t: t.rolling(y=3).mean(),
    "interpolated": lambda t: t.interp(y=[0.5, 1.5]),
}


@pytest.mark.parametrize("name", CHEAP)
def test_reading_and_arithmetic_are_cheap(name: str, stored: xr.DataArray) -> None:
    array = CHEAP[name](stored).data
    assert is_cheap(array)
    blocks = list(np.ndindex(array.numblocks))
    found = trees(array, blocks)
    data = {key: value for layer in roots(array).values() for key, value in layer.items()}
    for block in blocks:
        tree = found[block]
        assert set(tree.keys) <= set(data)
        given = {key: getattr(data[key], "value", data[key]) for key in tree.keys}
        read = tree.node(given)
        assert same_bits(np.asarray(read), array.blocks[block].compute())


@pytest.mark.parametrize("name", COSTLY)
def test_what_may_take_long_or_needs_several_blocks_is_not(name: str, stored: xr.DataArray) -> None:
    assert not is_cheap(COSTLY[name](stored).data)


def test_the_levels_are_those_of_the_longest_chain() -> None:
    array = da.from_array(VALUES, chunks=3)
    once = combine.differentiate(array, 1.0, 0, Scheme())
    twice = combine.differentiate(once * array, 1.0, 1, Scheme())
    assert [levels(one) for one in (array, once, array + once, twice - once)] == [0, 1, 1, 2]
    assert [is_cheap(one) for one in (array + once, twice - once)] == [True, False]


def test_a_gradient_along_three_axes_counts_twice() -> None:
    array = da.from_array(np.zeros((4, 4, 4)), chunks=2)
    terms = [Term("f", axis, 1.0) for axis in range(3)]
    assert [levels(combine.combine({"f": array}, terms[:n])) for n in (1, 2, 3)] == [1, 1, 2]


def test_what_a_gradient_waits_for_is_outside_of_the_tree() -> None:
    array = da.from_array(VALUES, chunks=3)
    factor = da.ones((8, 1), chunks=3).cumsum(0)
    lazy = combine.combine({"f": array}, [Term("f", 0, 1.0, factor=factor)])
    assert beside(lazy) == {factor.name}
    keys = {key[0] for tree in trees(lazy, [(0, 1)]).values() for key in tree.keys}
    assert keys == {array.name, factor.name}
    assert factor.name in roots(lazy)


def test_a_block_of_an_array_in_memory_is_its_own_key() -> None:
    array = da.from_array(VALUES, chunks=(4, 3), name="f")
    assert is_cheap(array)
    assert trees(array, [(1, 0)])[1, 0] == (("f", 1, 0), (("f", 1, 0),))


def test_a_block_of_several_others_is_one_task_all_the_same() -> None:
    array = da.from_array(VALUES, chunks=(4, 3), name="f").rechunk(6)
    tree = trees(array, [(0, 0)])[0, 0]
    assert set(tree.keys) == {("f", i, j) for i in range(2) for j in range(2)}
