"""A function of each cell has the same bits in strips, in threads and in chunks."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest

from tests.helpers import mostly_thorough, nothing_computed, same_bits
from xgrad.arrays import per_cell as module
from xgrad.arrays.per_cell import per_cell


def mixed(pair: Any, one: Any) -> list[Any]:
    return [pair[0] * one, np.sin(pair[1]), pair[0] - one]


@pytest.mark.parametrize("shape", [(0, 5), (1, 1), (7, 5), (700, 900)])
@pytest.mark.parametrize("cells", mostly_thorough([1, 40, 2**15], 40))
def test_strips_and_chunks_have_the_bits_of_the_whole(
    shape: tuple[int, int], cells: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CELLS_OF_A_STRIP", cells)
    pair, one = np.random.default_rng(0).normal(size=(2, *shape)), np.ones(shape)
    expected = np.stack(mixed(pair, one))
    found = per_cell(mixed, pair, one)
    assert same_bits(found, expected)
    if shape[0] == 0:
        return
    with nothing_computed():
        lazy = per_cell(mixed, da.from_array(pair, chunks=(2, 3, 400)), one)
    assert isinstance(lazy, da.Array)
    assert lazy.numblocks[0] == 1
    assert same_bits(lazy.compute(), expected)


def test_a_lazy_result_has_one_task_for_each_chunk() -> None:
    pair = da.zeros((2, 40, 60), chunks=(2, 10, 20))
    found = per_cell(mixed, pair, pair[0])
    assert len(found.dask.layers[found.name]) == 12
