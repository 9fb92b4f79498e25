"""Combine terms over lazy arrays that are cheap to read: one task per chunk, each alone.

A chunk reads the cells beside it from its neighbours' source itself.  So no task waits for another,
and the memory does not depend on the order in which dask runs them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import dask.array as da
import numpy as np
from dask._task_spec import Alias, GraphNode
from dask.highlevelgraph import HighLevelGraph, Layer, MaterializedLayer

from xgrad.arrays.block_cache import Index
from xgrad.arrays.chunk_faces import of_terms
from xgrad.arrays.chunk_plan import Plan
from xgrad.arrays.chunk_tasks import ChunkTasks
from xgrad.arrays.on_demand import OnDemand
from xgrad.arrays.readable import beside, levels, roots, trees
from xgrad.arrays.term import Combination


def combine_all(wanted: Sequence[Combination]) -> list[da.Array]:
    """Combine terms; see :func:`xgrad.arrays.combine.combine_all`.

    Parameters
    ----------
    wanted : sequence of Combination
        They share their operands, which are of one shape and have the same chunks.  The results
        over a chunk that are wanted at the same time are computed by one task.  Chunks that are
        too short for a stencil are merged, and the results are cut into the original chunks again.
    """
    given = next(a.chunks for a in wanted[0].arrays.values() if isinstance(a, da.Array))
    plan = Plan.of(wanted, of_terms(given, (term for one in wanted for term in one.terms)))
    token, factors = plan.token, plan.factors
    base = f"xgrad-chunk-{token}"
    data = {name: own for source in plan.sources for name, own in roots(source).items()}
    layer = _ChunksLayer(base, plan, frozenset(one.name for one in factors))
    graph = HighLevelGraph.from_collections(base, layer, dependencies=factors)
    needed = {name: own for source in plan.sources for name, own in source.dask.dependencies.items()
              if name in data}  # fmt: skip
    layers, needed = {**data, **graph.layers}, {**needed, **graph.dependencies}
    needed[base] = needed[base] | set(data)
    found = []
    for k, one in enumerate(plan.outputs):
        name = f"xgrad-result-{k}-{token}"
        own = _ResultLayer(name, base, k, plan.numblocks)
        whole = HighLevelGraph({**layers, name: own}, {**needed, name: {base}})
        meta = np.empty_like(plan.sources[0]._meta, dtype=one.dtype)
        found.append(da.Array(whole, name, plan.chunks, meta=meta).rechunk(given))
    return found


class _ResultLayer(OnDemand):
    """The chunks of one result, each of which the layer of the chunks computes."""

    def __init__(self, name: str, base: str, number: int, numblocks: Index) -> None:
        super().__init__()
        self.name, self.base, self.number, self.numblocks = name, base, number, numblocks

    def get_output_keys(self) -> AbstractSet[Any]:
        return {(self.name, *index) for index in np.ndindex(self.numblocks)}

    def cull(self, keys: set[Any], all_hlg_keys: Collection[Any]) -> tuple[Layer, Any]:
        del all_hlg_keys
        own = [key for key in keys if isinstance(key, tuple) and key[0] == self.name]
        tasks: dict[Any, GraphNode] = {
            key: Alias(key, (self.base, self.number, *key[1:])) for key in own
        }
        needed: dict[Any, set[Any]] = {key: set(one.dependencies) for key, one in tasks.items()}
        if own:
            needed[own[0]].add(_Asking.of(self, tasks))
        return MaterializedLayer(tasks, annotations=self.annotations), needed


class _Asking(tuple[Any, ...]):
    """A key that no task has, by which the layer of the chunks knows who asks for a result.

    The layer replaces the aliases by the tasks themselves.  dask would fuse each alias with the
    task that uses it: five objects for each chunk of each result instead of one.

    Attributes
    ----------
    name : str
        Of the layer of the result.
    number : int
        Of the result.
    tasks : dict
        Those of the layer, before they are used.
    """

    name: str
    number: int
    tasks: dict[Any, GraphNode]

    @classmethod
    def of(cls, layer: _ResultLayer, tasks: dict[Any, GraphNode]) -> _Asking:
        """The key of a layer that has just made these tasks."""
        found = cls((layer.base, "asking", layer.number))
        found.name, found.number, found.tasks = layer.name, layer.number, tasks
        return found


class _ChunksLayer(OnDemand):
    """One task for each chunk, which computes those of its results that are wanted."""

    def __init__(self, name: str, plan: Plan, factors: frozenset[str]) -> None:
        super().__init__()
        self.name, self.plan = name, plan
        self.levels = plan.levels(levels)
        self.beside = factors.union(*map(beside, plan.sources))

    def get_output_keys(self) -> AbstractSet[Any]:
        numbers, blocks = range(len(self.plan.outputs)), self.plan.numblocks
        return {(self.name, k, *index) for index in np.ndindex(blocks) for k in numbers}

    def cull(self, keys: set[Any], all_hlg_keys: Collection[Any]) -> tuple[Layer, Any]:
        del all_hlg_keys
        wanted: dict[Index, list[int]] = {}
        asking: dict[int, _Asking] = {}
        for key in keys:
            if not isinstance(key, tuple) or key[0] != self.name:
                continue
            if isinstance(key, _Asking):
                asking[key.number] = key
            else:
                wanted.setdefault(key[2:], []).append(key[1])

        def name(number: int, index: Index) -> Any:
            if number in asking:
                return asking[number].name, *index
            return self.name, number, *index

        tasks = ChunkTasks(self.name, self.plan, wanted, trees, name).tasks
        needed = {key: set(one.dependencies) for key, one in tasks.items()}
        for one in asking.values():
            one.tasks.update({key: tasks.pop(key) for key in one.tasks})
        return MaterializedLayer(tasks, annotations=self.annotations), needed
