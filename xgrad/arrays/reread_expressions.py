"""Combine terms over arrays of dask-array that are cheap to read: one task per chunk, each alone.

The sources of a result are hidden from the optimizer, which would pass selections on to the cells
that a result is made of, as if halos were cells too.  A selection of a result makes the tasks of
the selected chunks only.
"""

from __future__ import annotations

import itertools
import math
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from dask._task_spec import convert_legacy_graph
from dask.base import tokenize
from dask_array._new_collection import new_collection
from dask_array.slicing import SliceSlicesIntegers

from xgrad.arrays import expressions
from xgrad.arrays.block_cache import Index
from xgrad.arrays.chunk_faces import of_terms
from xgrad.arrays.chunk_plan import Plan
from xgrad.arrays.chunk_tasks import ChunkTasks
from xgrad.arrays.engines import is_lazy
from xgrad.arrays.in_chunks import Chunks
from xgrad.arrays.readable_expressions import Reader, Reread, levels
from xgrad.arrays.term import Combination


def combine_all(wanted: Sequence[Combination]) -> list[Any]:
    """Combine terms; see :func:`xgrad.arrays.reread.combine_all`.

    Parameters
    ----------
    wanted : sequence of Combination
        As there, of arrays of dask-array.
    """
    given = next(array.chunks for array in wanted[0].arrays.values() if is_lazy(array))
    plan = Plan.of(wanted, of_terms(given, (term for one in wanted for term in one.terms)))
    work = _Work(plan, plan.levels(levels))
    blocks = tuple(map(range, plan.numblocks))
    results = [new_collection(_Chunks(work, k, blocks)) for k in range(len(wanted))]
    if plan.chunks == given:
        return results
    return [
        expressions.selectable(result.rechunk(given), one, _combine)
        for result, one in zip(results, wanted, strict=True)
    ]


def _combine(one: Combination) -> Any:
    return combine_all([one])[0]


@dataclass(frozen=True)
class _Work:
    """What is computed, which the optimizer does not see.

    Attributes
    ----------
    plan : Plan
        What is computed.
    levels : int or None
        How many gradients, one of another, it is read through.
    """

    plan: Plan
    levels: int | None

    def __dask_tokenize__(self) -> Any:
        return type(self).__name__, self.token

    @cached_property
    def token(self) -> str:
        """Equal for equal results."""
        return self.plan.token


class _Graph(dict[Any, Any]):
    """The tasks of chunks, which several results share."""


# Results that are computed together ask for the same graph one after another.
_GRAPHS: weakref.WeakValueDictionary[Any, _Graph] = weakref.WeakValueDictionary()


class _Chunks(Reread):
    """Some chunks of a result."""

    _parameters = ("work", "number", "blocks")

    @property
    def plan(self) -> Plan:
        """What is computed."""
        found: Plan = self.operand("work").plan
        return found

    @property
    def levels(self) -> int | None:  # type: ignore[override]
        """How many gradients, one of another, it is read through."""
        found: int | None = self.operand("work").levels
        return found

    @property
    def factors(self) -> list[Any]:  # type: ignore[override]
        """What its tasks wait for."""
        return self.plan.factors

    @cached_property
    def family(self) -> str:
        """Equal for all results of one call over the same chunks."""
        return tokenize(self.operand("work").token, self.operand("blocks"))

    @cached_property
    def _name(self) -> str:
        return self._name_of(self.operand("number"))

    def _name_of(self, number: int) -> str:
        return f"xgrad-chunk-{number}-{self.family}"

    @cached_property
    def _meta(self) -> Any:
        dtype = self.plan.outputs[self.operand("number")].dtype
        return np.empty_like(self.plan.sources[0]._meta, dtype=dtype)

    @cached_property
    def chunks(self) -> Chunks:
        """Those of the plan that were selected."""
        return tuple(
            sizes[own.start : own.stop]
            for sizes, own in zip(self.plan.chunks, self.operand("blocks"), strict=True)
        )

    @cached_property
    def together(self) -> tuple[int, ...]:
        """The results that are computed at the same time, by one task for each chunk."""
        return (self.operand("number"),)

    def _simplify_up(self, parent: Any, dependents: Any) -> Any:
        # Noted here and not by another node: xarray has each array optimized by itself before it
        # computes several, and what changes then is noticed by its name only.
        self.__dict__["together"] = tuple(
            k for k in range(len(self.plan.outputs)) if dependents.get(self._name_of(k))
        )
        if isinstance(parent, SliceSlicesIntegers):
            return self._slice_pushdown(parent, dependents)
        return None

    def _accept_slice(self, selection: Any) -> Any:
        index = (*selection.index, *[slice(None)] * (self.ndim - len(selection.index)))
        own = expressions.blocks_of(index, self.chunks)
        if own is None:
            return None
        given = self.operand("blocks")
        if math.prod(map(len, own)) == math.prod(self.numblocks):
            return None
        part = tuple(all_of[k.start : k.stop] for all_of, k in zip(given, own, strict=True))
        box = [
            slice(sum(sizes[: k.start]), sum(sizes[: k.stop]))
            for sizes, k in zip(self.chunks, own, strict=True)
        ]
        moved = tuple(map(expressions.moved_to, index, self.shape, box))
        cut = _Chunks(self.operand("work"), self.operand("number"), part)
        return SliceSlicesIntegers(cut, moved, selection.allow_getitem_optimization)

    def _layer(self) -> dict[Any, Any]:
        key = self.family, self.together
        found = _GRAPHS.get(key)
        if found is None:
            found = _GRAPHS[key] = self._graph()
        return found

    def _graph(self) -> _Graph:
        blocks, reader = self.operand("blocks"), Reader()
        firsts = [own.start for own in blocks]

        def name(number: int, index: Index) -> Any:
            own = (i - first for i, first in zip(index, firsts, strict=True))
            return self._name_of(number), *own

        wanted = dict.fromkeys(itertools.product(*blocks), self.together)
        whole = f"xgrad-chunk-{self.family}"
        tasks = ChunkTasks(whole, self.plan, wanted, reader.trees, name).tasks
        waited: dict[Any, Any] = {}
        for factor in self.factors:
            waited |= convert_legacy_graph(factor.__dask_graph__())
        needed = {key for task in tasks.values() for key in task.dependencies}
        reader.add(waited, needed - tasks.keys() - reader.tasks.keys())
        return _Graph({**reader.tasks, **tasks})
