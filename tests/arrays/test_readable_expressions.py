"""The law of cheap expressions: a block is one task that needs nothing but data."""

from __future__ import annotations

from pathlib import Path

import dask_array as da
import numpy as np
import pytest

from tests import engines
from tests.arrays.sources import CHEAP, VALUES, of_a_user, stored
from tests.helpers import mostly_thorough, same_bits
from xgrad.arrays import combine
from xgrad.arrays.readable_expressions import Reader, levels
from xgrad.arrays.term import Term
from xgrad.stencils.scheme import Scheme


@pytest.mark.parametrize(
    "name", mostly_thorough(CHEAP, "a mask", "transposed", "a part", "a gradient with a factor")
)
def test_a_block_is_one_task_that_needs_nothing_but_data(name: str, tmp_path: Path) -> None:
    with engines.in_xarray("dask_array"):
        array = CHEAP[name](stored(tmp_path)).data
    for blocks in (list(np.ndindex(array.numblocks)), [tuple(n - 1 for n in array.numblocks)]):
        reader = Reader()
        for block, tree in reader.trees(array, blocks).items():
            given = {key: reader.tasks[key].value for key in tree.keys}  # type: ignore[attr-defined]
            read = tree.node(given) if hasattr(tree.node, "dependencies") else given[tree.node]
            assert same_bits(np.asarray(read), array.blocks[block].compute())


def test_the_levels_are_those_of_the_longest_chain() -> None:
    array = da.from_array(VALUES, chunks=3)
    once = combine.differentiate(array, 1.0, 0, Scheme())
    twice = combine.differentiate(once * array, 1.0, 1, Scheme())
    assert [levels(one) for one in (array, once, array + once, twice - once)] == [0, 1, 1, 2]


def test_what_a_gradient_waits_for_is_outside_of_the_tree() -> None:
    factor = da.ones((8, 1), chunks=3).cumsum(0)
    array = da.from_array(VALUES, chunks=3)
    lazy = combine.combine({"f": array}, [Term("f", 0, 1.0, factor=factor)])
    reader = Reader()
    (tree,) = reader.trees(lazy, [(0, 1)]).values()
    assert (factor.name, 0, 0) in tree.keys
    # What the factor itself needs comes with it.
    for task in reader.tasks.values():
        assert task.dependencies <= reader.tasks.keys()


@pytest.mark.parametrize("make", [da.zeros, da.ones, lambda n, chunks: da.arange(n, chunks=chunks)])
def test_blocks_that_are_made_are_cheap(make: object) -> None:
    assert levels(make(9, chunks=2)) == 0  # type: ignore[operator]


def test_what_was_computed_before_is_cheap() -> None:
    assert levels(da.from_array(VALUES, chunks=3).map_blocks(of_a_user).persist()) == 0
