"""The law of cheap sources: a block is one task that needs nothing but data."""

from __future__ import annotations

from pathlib import Path

import dask.array as da
import numpy as np
import pytest

from tests.arrays.sources import CHEAP, VALUES, stored
from tests.helpers import same_bits
from xgrad.arrays import combine
from xgrad.arrays.readable import beside, levels, roots, trees
from xgrad.arrays.term import Term
from xgrad.stencils.scheme import Scheme


@pytest.mark.parametrize("name", CHEAP)
def test_a_block_is_one_task_that_needs_nothing_but_data(name: str, tmp_path: Path) -> None:
    array = CHEAP[name](stored(tmp_path)).data
    blocks = list(np.ndindex(array.numblocks))
    found = trees(array, blocks)
    data = {key: value for layer in roots(array).values() for key, value in layer.items()}
    for block in blocks:
        tree = found[block]
        assert set(tree.keys) <= set(data)
        given = {key: getattr(data[key], "value", data[key]) for key in tree.keys}
        read = tree.node(given)
        assert same_bits(np.asarray(read), array.blocks[block].compute())


def test_the_levels_are_those_of_the_longest_chain() -> None:
    array = da.from_array(VALUES, chunks=3)
    once = combine.differentiate(array, 1.0, 0, Scheme())
    twice = combine.differentiate(once * array, 1.0, 1, Scheme())
    assert [levels(one) for one in (array, once, array + once, twice - once)] == [0, 1, 1, 2]


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
    assert trees(array, [(1, 0)])[1, 0] == (("f", 1, 0), (("f", 1, 0),))


def test_a_block_of_several_others_is_one_task_all_the_same() -> None:
    array = da.from_array(VALUES, chunks=(4, 3), name="f").rechunk(6)
    tree = trees(array, [(0, 0)])[0, 0]
    assert set(tree.keys) == {("f", i, j) for i in range(2) for j in range(2)}
