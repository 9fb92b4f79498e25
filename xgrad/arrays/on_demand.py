"""Layers of dask's graphs whose tasks are made for the keys that are wanted."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from dask._task_spec import Task, TaskRef
from dask.base import clone_key
from dask.graph_manipulation import chunks
from dask.highlevelgraph import Layer, MaterializedLayer


class OnDemand(Layer):
    """A layer whose tasks are made for the keys that are wanted.

    Attributes
    ----------
    levels : int or None
        How many gradients, one of another, a block is read through, if each of its tasks reads
        what it needs; None if that may take long.
    beside : frozenset of str
        The layers that its tasks wait for, which are computed once.
    """

    has_legacy_tasks = False
    levels: int | None = 0
    beside: frozenset[str] = frozenset()

    def is_materialized(self) -> bool:
        """Whether all tasks are there: no."""
        return False

    @cached_property
    def _all(self) -> Mapping[Any, Any]:
        tasks: Mapping[Any, Any] = self.cull(set(self.get_output_keys()), ())[0]
        return tasks

    def __getitem__(self, key: Any) -> Any:
        return self._all[key]

    def __iter__(self) -> Any:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_all"}

    def clone(self, keys: set[Any], seed: Any, bind_to: Any = None) -> tuple[Layer, bool]:
        """The layer under other names; dask's own looks for dependencies in legacy tasks only."""
        renamed = {key: clone_key(key, seed) for key in keys | set(self._all)}
        tasks, bound = {}, False
        for key, task in self._all.items():
            others = {other: renamed[other] for other in task.dependencies if other in renamed}
            name = renamed[key]
            tasks[name] = task.substitute(others, key=name)
            if bind_to is not None and not others:
                tasks[name] = Task(name, chunks.bind, tasks[name], TaskRef(bind_to))
                bound = True
        return MaterializedLayer(tasks), bound
