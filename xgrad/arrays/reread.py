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
from dask._task_spec import Alias
from dask.highlevelgraph import HighLevelGraph, Layer, MaterializedLayer

from xgrad.arrays.block_cache import Index
from xgrad.arrays.chunk_faces import merged
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
    needs = [(term.axis, term.scheme, term.face) for one in wanted for term in one.terms
             if term.axis is not None]  # fmt: skip
    plan = Plan.of(wanted, merged(given, needs))
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
    """The chunks of one result, each another name for what the layer of the chunks computes."""

    def __init__(self, name: str, base: str, number: int, numblocks: Index) -> None:
        super().__init__()
        self.name, self.base, self.number, self.numblocks = name, base, number, numblocks

    def get_output_keys(self) -> AbstractSet[Any]:
        return {(self.name, *index) for index in np.ndindex(self.numblocks)}

    def cull(self, keys: set[Any], all_hlg_keys: Collection[Any]) -> tuple[Layer, Any]:
        del all_hlg_keys
        own = [key for key in keys if isinstance(key, tuple) and key[0] == self.name]
        tasks = {key: Alias(key, (self.base, self.number, *key[1:])) for key in own}
        return MaterializedLayer(tasks, annotations=self.annotations), {
            key: set(one.dependencies) for key, one in tasks.items()
        }


class _ChunksLayer(OnDemand):
    """One task for each chunk, which computes those of its results that are wanted."""

    def __init__(self, name: str, plan: Plan, factors: frozenset[str]) -> None:
        super().__init__()
        self.name, self.plan = name, plan
        self.levels = plan.levels(levels)
        self.beside = factors.union(*map(beside, plan.sources))

    def _key(self, number: int, index: Index) -> Any:
        return self.name, number, *index

    def get_output_keys(self) -> AbstractSet[Any]:
        numbers, blocks = range(len(self.plan.outputs)), self.plan.numblocks
        return {self._key(k, index) for index in np.ndindex(blocks) for k in numbers}

    def cull(self, keys: set[Any], all_hlg_keys: Collection[Any]) -> tuple[Layer, Any]:
        del all_hlg_keys
        wanted: dict[Index, list[int]] = {}
        for key in keys:
            if isinstance(key, tuple) and key[0] == self.name:
                wanted.setdefault(key[2:], []).append(key[1])
        tasks = ChunkTasks(self.name, self.plan, wanted, trees, self._key).tasks
        needed = {key: set(one.dependencies) for key, one in tasks.items()}
        return MaterializedLayer(tasks, annotations=self.annotations), needed
