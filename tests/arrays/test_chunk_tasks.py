"""The laws of the tasks of chunks: one for each chunk, and none waits for another."""

from __future__ import annotations

from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest

from tests.helpers import same_bits
from xgrad.arrays import combine
from xgrad.arrays.chunk_plan import Plan
from xgrad.arrays.chunk_tasks import ChunkTasks
from xgrad.arrays.readable import roots, trees
from xgrad.arrays.term import Combination, Term

VALUES = np.random.default_rng(0).normal(size=(8, 6))
F = da.from_array(VALUES, chunks=(4, 3), name="f")
WANTED = [Combination({"f": F}, (Term("f", axis, 0.5),)) for axis in range(2)]


def key(number: int, index: Any) -> Any:
    return f"result-{number}", *index


@pytest.mark.parametrize("numbers", [(0,), (1,), (0, 1), (1, 0)])
def test_the_tasks_need_nothing_but_data_and_give_the_values_of_the_whole(numbers: Any) -> None:
    wanted = dict.fromkeys(((0, 0), (1, 1)), numbers)
    tasks = ChunkTasks("chunk", Plan.of(WANTED, F.chunks), wanted, trees, key).tasks
    assert len(tasks) == len(wanted) * (1 if len(numbers) == 1 else 1 + len(numbers))
    data = {name: task for layer in roots(F).values() for name, task in layer.items()}
    for task in tasks.values():
        assert task.dependencies <= {*data, *tasks}
    for number in numbers:
        whole = combine.combine({"f": VALUES}, [Term("f", number, 0.5)])
        for i, j in wanted:
            found = dask.get({**data, **tasks}, key(number, (i, j)))
            assert same_bits(found, whole[4 * i : 4 * i + 4, 3 * j : 3 * j + 3])


def test_chunks_in_line_share_what_is_equal() -> None:
    wanted = dict.fromkeys(np.ndindex(2, 2), (0,))
    tasks = ChunkTasks("chunk", Plan.of(WANTED, F.chunks), wanted, trees, key).tasks
    outputs, stencils, *_ = zip(*(task.args for task in tasks.values()), strict=True)
    assert len({id(one) for one in outputs}) == 1
    assert len({id(one) for (one,) in stencils}) == 2
