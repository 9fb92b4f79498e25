"""The tasks of chunks that read their own halos, for the graphs of any engine of dask."""

from __future__ import annotations

import itertools
import math
import uuid
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from operator import getitem
from typing import Any, TypeAlias

import numpy as np
from dask._task_spec import DataNode, GraphNode, Task, TaskRef

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
from xgrad.arrays.chunk_plan import OutputPlan, Plan
from xgrad.arrays.engines import is_lazy
from xgrad.arrays.halo import of_factor, surrounded
from xgrad.arrays.readable import Tree
from xgrad.arrays.term import Term
from xgrad.kernels.cells import thin
from xgrad.kernels.stencil_kinds import OfAnAxis
from xgrad.stencils import ghosts

#: Returns how some blocks of a source are read.
Reader: TypeAlias = Callable[[Any, Collection[Index]], Mapping[Index, Tree]]


class _ByItself(Task):
    """A task that dask does not fuse with what uses its result.

    A fused task would hold all of its parts, and another task its old name.
    """

    __slots__ = ()

    @property
    def block_fusion(self) -> bool:
        """Whether it is left as it is."""
        return True


class ChunkTasks:
    """The tasks of the chunks that are wanted.

    Parameters
    ----------
    name : str
        Of the tasks that compute several results.
    plan : Plan
        What is computed.
    wanted : mapping of tuple of int to sequence of int
        The numbers of the results that are wanted over some chunks.
    read : callable
        How some blocks of a source are read.
    key : callable
        Returns the key of a result, by its number, over a chunk.

    Attributes
    ----------
    tasks : dict
        By key.
    """

    def __init__(
        self, name: str, plan: Plan, wanted: Mapping[Index, Sequence[int]], read: Reader,
        key: Callable[[int, Index], Hashable],
    ) -> None:  # fmt: skip
        self.name, self.plan, self.key = name, plan, key
        self.bounds = [np.cumsum([0, *sizes]).tolist() for sizes in plan.chunks]
        self.cuts: dict[tuple[int, int, int], OfAnAxis] = {}
        self.tasks: dict[Any, GraphNode] = {}
        self.outputs: dict[tuple[int, ...], dict[int, Output]] = {}
        blocks: list[set[Index]] = [set() for _ in plan.sources]
        for index, numbers in wanted.items():
            for source, one in self._blocks(index, numbers):
                blocks[source].add(one)
        nodes = [read(one, own) for one, own in zip(plan.sources, blocks, strict=True)]
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
            key: Any = self.key(numbers[0], index)
            self.tasks[key] = _ByItself(key, compute_one, *arguments)
            return
        # Other results over the chunk are another task, perhaps of a graph that a cluster also has.
        whole: Any = (f"{self.name}-{'-'.join(map(str, outputs))}", *index)
        self.tasks[whole] = Task(whole, compute, *arguments)
        for k in outputs:
            key = self.key(k, index)
            self.tasks[key] = _ByItself(key, getitem, TaskRef(whole), k)

    def _terms(self, outputs: Iterable[int]) -> list[tuple[int, int]]:
        """The terms of some outputs, one after another."""
        return [(k, n) for k in outputs for n in range(len(self.plan.outputs[k].terms))]

    def _slots(self, index: Index, outputs: Iterable[int]) -> Iterator[Any]:
        """The keys that the slots of a chunk stand for, in the order of the slots."""
        for k, n in self._terms(outputs):
            own = self.plan.outputs[k].terms[n]
            if is_lazy(own.factor):
                yield _block_key(own.factor, index)
            for number, one in enumerate(own.known):
                if is_lazy(one):
                    yield from self._around(one, own.term, index)
                elif not isinstance(one, int):
                    yield self._known((k, n, number), one, own.term, index)
            if own.columns:
                x, *ends = own.columns
                if is_lazy(x):
                    yield from self._around(x, own.term, index)
                yield from (_block_key(end, index) for end in ends)

    def _around(self, array: Any, term: Term, index: Index) -> Iterator[Any]:
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

    def _known(self, which: tuple[int, ...], known: AnyArray, term: Term, index: Index) -> Any:
        """The key of what is known over a chunk and of the cells beside it."""
        axis = term.axis
        assert axis is not None
        place = tuple(0 if side == 1 else i for i, side in zip(index, known.shape, strict=True))
        key = (f"{self.name}-known", *which, *place)
        if key not in self.tasks:
            box = self._box(index)

            def beside(cells: slice) -> AnyArray:
                return thin(known, (*box[:axis], cells, *box[axis + 1 :]))

            size, scheme = self.plan.sources[0].shape[axis], of_factor(term.scheme)
            cells = surrounded(
                beside(box[axis]), box[axis], size, axis, scheme, term.face, beside, ghosts.values
            )
            self.tasks[key] = DataNode(key, cells)
        return key


def _block_key(array: Any, index: Index) -> Any:
    """The key of the block beside a chunk, of an array with sides of 1."""
    counts = zip(index, array.numblocks, strict=True)
    return (array.name, *(0 if count == 1 else i for i, count in counts))


def _output(plan: OutputPlan, slots: Iterator[int]) -> Output:
    """What chunks compute of a result; slots for arrays are numbered in the order of the terms."""
    parts = []
    for planned in plan.terms:
        source, term, _, factor, known, columns = planned
        way = None if term.axis is None else Way(source, term.axis, term.face, term.scheme)
        own = Slot(next(slots)) if is_lazy(factor) else factor
        beside = tuple(_beside(one, way, slots) for one in known)
        positions = None
        if columns and way is not None:
            there = _three(slots) if is_lazy(columns[0]) else way._replace(
                source=columns[0]
            )  # fmt: skip
            positions = OfColumns(there, Slot(next(slots)), Slot(next(slots)), planned.period)
        held = None if term.held is None else term.held.bare
        parts.append(Part(source, way, own, term.component, beside, held, positions))
    return Output(tuple(parts), plan.how, plan.dtype)


def _beside(known: Any, way: Way | None, slots: Iterator[int]) -> Any:
    """Where the cells of something known are."""
    if isinstance(known, int):
        assert way is not None
        return way._replace(source=known, scheme=of_factor(way.scheme))
    return _three(slots) if is_lazy(known) else Slot(next(slots))


def _three(slots: Iterator[int]) -> tuple[Slot, Slot, Slot]:
    return Slot(next(slots)), Slot(next(slots)), Slot(next(slots))
