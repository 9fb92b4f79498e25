"""The law of layers on demand: tasks are made for the keys that are wanted, and do not travel."""

from __future__ import annotations

import pickle
from collections.abc import Collection
from collections.abc import Set as AbstractSet
from typing import Any

from dask._task_spec import DataNode, Task, TaskRef
from dask.core import get
from dask.highlevelgraph import Layer, MaterializedLayer

from xgrad.arrays.on_demand import OnDemand


class Doubles(OnDemand):
    """Twice each of a hundred numbers, of which the first is outside."""

    made = 0

    def get_output_keys(self) -> AbstractSet[Any]:
        return {("double", k) for k in range(100)}

    def cull(self, keys: set[Any], all_hlg_keys: Collection[Any]) -> tuple[Layer, Any]:
        del all_hlg_keys
        self.made += len(keys)
        tasks = {key: Task(key, int.__mul__, 2, TaskRef(("one", key[1]))) for key in keys}
        return MaterializedLayer(tasks), {key: set(one.dependencies) for key, one in tasks.items()}


def test_tasks_are_made_when_they_are_looked_at() -> None:
    layer = Doubles()
    assert not layer.is_materialized()
    layer.cull({("double", 3)}, ())
    assert layer.made == 1
    assert len(layer) == len(dict(layer)) == 100
    assert layer.made == 101
    assert len(pickle.dumps(layer)) < 500


def test_a_clone_has_other_names_and_the_same_values() -> None:
    data = {("one", k): DataNode(("one", k), k) for k in range(100)}
    layer = Doubles()
    cloned, _ = layer.clone(set(layer.get_output_keys()), "seed")
    assert not set(cloned) & set(layer)
    graph = {**data, **dict(cloned)}
    assert sorted(get(graph, list(cloned))) == [2 * k for k in range(100)]


def test_a_bound_clone_waits() -> None:
    layer = Doubles()
    cloned, bound = layer.clone(set(layer.get_output_keys()), "seed", bind_to="first")
    assert bound
    assert all("first" in task.dependencies for task in cloned.values())
