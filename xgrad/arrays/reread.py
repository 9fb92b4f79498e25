"""Combine terms over dask arrays that are cheap to read: one task per chunk, each alone.

A chunk reads the cells beside it from its neighbours' source itself.  So no task waits for another,
and the memory does not depend on the order in which dask runs them.
"""

from __future__ import annotations

import itertools
import math
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from operator import getitem
from typing import Any

import dask.array as da
import numpy as np
from dask._task_spec import Alias, DataNode, GraphNode, Task, TaskRef
from dask.highlevelgraph import HighLevelGraph, Layer, MaterializedLayer

from xgrad._typing import AnyArray
from xgrad.arrays.block_cache import BlockCache, Index, Wanted
from xgrad.arrays.chunk_alone import (
    OfColumns,
    Output,
    Part,
    Place,
    Slot,
    Sources,
    Way,
    compute,
    compute_one,
    needed_faces,
    needed_sources,
)
from xgrad.arrays.chunk_faces import merged
from xgrad.arrays.chunk_plan import OutputPlan, Plan, is_wide
from xgrad.arrays.halo import of_factor, surrounded
from xgrad.arrays.on_demand import OnDemand
from xgrad.arrays.readable import Tree, beside, is_cheap, levels, roots, trees
from xgrad.arrays.term import Combination, Positions, Term
from xgrad.kernels.cells import thin
from xgrad.kernels.stencil_kinds import OfAnAxis
from xgrad.stencils import ghosts

# A result that is read again along more axes than this counts as two levels: a Laplacian of one in
# three dimensions reads each chunk twenty to thirty times.
_MOST_AXES = 2


def fits(one: Combination, *, any_source: bool) -> bool:
    """Whether the chunks of a combination can read their own halos.

    Parameters
    ----------
    one : Combination
        Of numpy and dask arrays, at least one of them lazy.
    any_source : bool
        Whether sources may be computed again that are not known to be cheap.
    """
    # Also those without a term: the result has the chunks of the first.
    lazy = [array for array in one.arrays.values() if isinstance(array, da.Array)]
    if not lazy or any(array.chunks != lazy[0].chunks for array in lazy):
        return False
    if not all(isinstance(array.dask, HighLevelGraph) for array in lazy):  # dask's expressions
        return False
    if any(term.of for term in one.terms):
        return False
    wide = [x for x in map(_positions, one.terms) if is_wide(x, lazy[0].shape)]
    if any(x.chunks != lazy[0].chunks or not isinstance(x.dask, HighLevelGraph) for x in wide):
        return False
    return any_source or all(map(is_cheap, [*lazy, *wide]))


def _positions(term: Term) -> Any:
    return term.along.array if isinstance(term.along, Positions) else None


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
    token = plan.token
    base = f"xgrad-chunk-{token}"
    terms = [own for one in plan.outputs for own in one.terms]
    every = [one for own in terms for one in (own.factor, own.product, *own.columns)]
    factors: list[Any] = [one for one in every if isinstance(one, da.Array)]
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
        found = [levels(source) for source in plan.sources]
        own = 1 if plan.most_axes <= _MOST_AXES else 2
        self.levels = None if None in found else own + max(filter(None, found), default=0)
        self.beside = factors.union(*map(beside, plan.sources))

    def get_output_keys(self) -> AbstractSet[Any]:
        numbers, blocks = range(len(self.plan.outputs)), self.plan.numblocks
        return {(self.name, k, *index) for index in np.ndindex(blocks) for k in numbers}

    def cull(self, keys: set[Any], all_hlg_keys: Collection[Any]) -> tuple[Layer, Any]:
        del all_hlg_keys
        wanted: dict[Index, list[int]] = {}
        for key in keys:
            if isinstance(key, tuple) and key[0] == self.name:
                wanted.setdefault(key[2:], []).append(key[1])
        tasks = _Tasks(self.name, self.plan, wanted).tasks
        needed = {key: set(one.dependencies) for key, one in tasks.items()}
        return MaterializedLayer(tasks, annotations=self.annotations), needed


class _Tasks:
    """The tasks of the chunks that are wanted.

    Attributes
    ----------
    tasks : dict
        By key.
    """

    def __init__(self, name: str, plan: Plan, wanted: Mapping[Index, Sequence[int]]) -> None:
        self.name, self.plan = name, plan
        self.bounds = [np.cumsum([0, *sizes]).tolist() for sizes in plan.chunks]
        self.cuts: dict[tuple[int, int, int], OfAnAxis] = {}
        self.tasks: dict[Any, GraphNode] = {}
        self.outputs: dict[tuple[int, ...], dict[int, Output]] = {}
        blocks: list[set[Index]] = [set() for _ in plan.sources]
        for index, numbers in wanted.items():
            for source, one in self._blocks(index, numbers):
                blocks[source].add(one)
        nodes = [trees(one, own) for one, own in zip(plan.sources, blocks, strict=True)]
        cache = BlockCache(self._wanted(blocks))
        for index, numbers in wanted.items():
            around = {(k, one): nodes[k][one] for k, one in self._blocks(index, numbers)}
            self._add(index, numbers, around, cache)

    def _outputs(self, numbers: Sequence[int]) -> dict[int, Output]:
        """What the chunks compute of which these results are wanted, one object for all of them."""
        key = tuple(sorted(numbers))
        if key not in self.outputs:
            slots = itertools.count()
            self.outputs[key] = {k: _output(self.plan.outputs[k], slots) for k in key}
        return self.outputs[key]

    def _blocks(self, index: Index, numbers: Sequence[int]) -> set[tuple[int, Index]]:
        """The blocks of the sources that a chunk may read."""
        outputs = self._outputs(numbers)
        faces = needed_faces(outputs, Place(index, self.plan.numblocks))
        own = {(source, index) for source in needed_sources(outputs)}
        return own | {(face.source, face.block) for face in faces}

    def _wanted(self, blocks: list[set[Index]]) -> Wanted:
        plan = self.plan
        largest = max(
            source.dtype.itemsize * math.prod(map(max, plan.chunks)) for source in plan.sources
        )
        counts = {k: source.numblocks for k, source in enumerate(plan.sources)}
        n_bytes = largest * sum(map(len, blocks))
        return Wanted(uuid.uuid4().hex, n_bytes, largest, plan.depths, plan.around, counts)

    def _add(
        self, index: Index, numbers: Sequence[int], around: Mapping[tuple[int, Index], Tree],
        cache: BlockCache,
    ) -> None:  # fmt: skip
        """Add the task of a chunk, and one for each result that takes it from what that returns."""
        outputs, place = self._outputs(numbers), Place(index, self.plan.numblocks)
        keys = dict.fromkeys(key for tree in around.values() for key in tree.keys)
        sources = Sources({where: tree.node for where, tree in around.items()}, tuple(keys))
        every: list[Any] = [*self._slots(index, outputs), *keys]
        given = [TaskRef(key) for key in every]
        stencils = tuple(self._stencil(index, k, n) for k, n in self._terms(outputs))
        arguments = outputs, stencils, place, sources, cache, *given
        if len(outputs) == 1:
            key: Any = (self.name, *outputs, *index)
            self.tasks[key] = Task(key, compute_one, *arguments)
            return
        # Other results over the chunk are another task, perhaps of a graph that a cluster also has.
        whole: Any = (f"{self.name}-{'-'.join(map(str, outputs))}", *index)
        self.tasks[whole] = Task(whole, compute, *arguments)
        for k in outputs:
            key = (self.name, k, *index)
            self.tasks[key] = Task(key, getitem, TaskRef(whole), k)

    def _terms(self, outputs: Iterable[int]) -> list[tuple[int, int]]:
        """The terms of some outputs, one after another."""
        return [(k, n) for k in outputs for n in range(len(self.plan.outputs[k].terms))]

    def _slots(self, index: Index, outputs: Iterable[int]) -> Iterator[Any]:
        """The keys that the slots of a chunk stand for, in the order of the slots."""
        for k, n in self._terms(outputs):
            own = self.plan.outputs[k].terms[n]
            if isinstance(own.factor, da.Array):
                yield _block_key(own.factor, index)
            if isinstance(own.product, da.Array):
                yield from self._around(own.product, own.term, index)
            elif own.product is not None:
                yield self._known(k, n, own.term, index)
            if own.columns:
                x, *ends = own.columns
                if isinstance(x, da.Array):
                    yield from self._around(x, own.term, index)
                yield from (_block_key(end, index) for end in ends)

    def _around(self, array: da.Array, term: Term, index: Index) -> Iterator[Any]:
        """The keys of the blocks below, here and above; at an edge any will do: it is not used."""
        assert term.axis is not None
        place = Place(index, self.plan.numblocks)
        for step in (-1, 0, 1):
            yield _block_key(array, place.beside(term.axis, step, around=True) or index)

    def _stencil(self, index: Index, k: int, n: int) -> OfAnAxis | None:
        """The stencil of a term for the cells of a chunk, one object for all chunks in line."""
        own = self.plan.outputs[k].terms[n]
        if own.stencil is None or own.term.axis is None:
            return None
        key = k, n, index[own.term.axis]
        if key not in self.cuts:
            self.cuts[key] = own.stencil.cut(self._box(index), own.term.axis)
        return self.cuts[key]

    def _box(self, index: Index) -> tuple[slice, ...]:
        return tuple(slice(b[i], b[i + 1]) for b, i in zip(self.bounds, index, strict=True))

    def _known(self, k: int, n: int, term: Term, index: Index) -> Any:
        """The key of the known factor of a chunk and of the cells beside it."""
        product, axis = term.product, term.axis
        assert axis is not None
        place = tuple(0 if side == 1 else i for i, side in zip(index, product.shape, strict=True))
        key = (f"{self.name}-known", k, n, *place)
        if key not in self.tasks:
            box = self._box(index)

            def beside(cells: slice) -> AnyArray:
                return thin(product, (*box[:axis], cells, *box[axis + 1 :]))

            size, scheme = self.plan.sources[0].shape[axis], of_factor(term.scheme)
            cells = surrounded(
                beside(box[axis]), box[axis], size, axis, scheme, term.face, beside, ghosts.values
            )
            self.tasks[key] = DataNode(key, cells)
        return key


def _block_key(array: da.Array, index: Index) -> Any:
    """The key of the block beside a chunk, of an array with sides of 1."""
    counts = zip(index, array.numblocks, strict=True)
    return (array.name, *(0 if count == 1 else i for i, count in counts))


def _output(plan: OutputPlan, slots: Iterator[int]) -> Output:
    """What chunks compute of a result; slots for arrays are numbered in the order of the terms."""
    parts = []
    for planned in plan.terms:
        source, term, _, factor, product, columns = planned
        way = None if term.axis is None else Way(source, term.axis, term.face, term.scheme)
        own = Slot(next(slots)) if isinstance(factor, da.Array) else factor
        inside: Any = None
        if isinstance(product, da.Array):
            inside = _three(slots)
        elif product is not None:
            inside = Slot(next(slots))
        positions = None
        if columns and way is not None:
            there = _three(slots) if isinstance(columns[0], da.Array) else way._replace(
                source=columns[0]
            )  # fmt: skip
            positions = OfColumns(there, Slot(next(slots)), Slot(next(slots)), planned.period)
        parts.append(Part(source, way, own, term.component, inside, positions))
    return Output(tuple(parts), plan.how, plan.dtype)


def _three(slots: Iterator[int]) -> tuple[Slot, Slot, Slot]:
    return Slot(next(slots)), Slot(next(slots)), Slot(next(slots))
