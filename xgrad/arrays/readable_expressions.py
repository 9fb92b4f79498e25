"""Which arrays of dask-array are cheap to read again, and the tasks that read their blocks."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable
from typing import Any

from dask._task_spec import DataNode, GraphNode, convert_legacy_graph
from dask_array._blockwise import Blockwise
from dask_array._broadcast_to import BroadcastTo
from dask_array._expr import ArrayExpr, ChunksOverride
from dask_array._rechunk import TasksRechunk
from dask_array.creation._arange import Arange
from dask_array.creation._ones_zeros import BroadcastTrick
from dask_array.io._from_array import FromArray
from dask_array.io._from_graph import FromGraph
from dask_array.io._from_map import FromMap
from dask_array.manipulation._expand import ExpandDims
from dask_array.manipulation._squeeze import Squeeze
from dask_array.slicing import SliceSlicesIntegers
from dask_array.stacking._concatenate import Concatenate
from dask_array.stacking._stack import Stack

from xgrad.arrays.block_cache import Index
from xgrad.arrays.readable import Tree, is_known, selects, tree_of

# Blocks that are read or made by themselves, and those that are parts of one other.
_BY_THEMSELVES = (FromArray, BroadcastTrick, Arange)
_OF_ONE = (SliceSlicesIntegers, ExpandDims, Squeeze, BroadcastTo, Concatenate, Stack,
           ChunksOverride)  # fmt: skip


class Reread(ArrayExpr):  # type: ignore[misc]  # the package has no annotations
    """A result whose blocks read what they need, hidden from the optimizer.

    Attributes
    ----------
    levels : int or None
        How many gradients, one of another, a block is read through; None if that may take long.
    factors : list of lazy array
        What its tasks wait for.
    """

    levels: int | None
    factors: list[Any]


def levels(array: Any) -> int | None:
    """How many gradients, one of another, a block is read through; None if it may take long.

    As :func:`xgrad.arrays.readable.levels`.

    Examples
    --------
    >>> import dask_array as da
    >>> levels(da.zeros(4) * 2), levels(da.zeros(4).cumsum(0))
    (0, None)
    """
    found = [_levels(node) for node in array.expr.optimize(fuse=False).walk()]
    return None if None in found else max(filter(None, found), default=0)


def _levels(node: Any) -> int | None:
    if isinstance(node, Reread):
        return node.levels
    if isinstance(node, _BY_THEMSELVES + _OF_ONE):
        return 0
    if isinstance(node, Blockwise):
        return 0 if _is_by_itself(node) and all(map(is_known, _functions(node))) else None
    if isinstance(node, FromMap):
        return 0 if is_known(node.operand("func")) else None
    if isinstance(node, FromGraph):
        return 0 if all(map(selects, dict(node.operand("layer")).values())) else None
    return 0 if isinstance(node, TasksRechunk) and _merges(node) else None


def _is_by_itself(node: Blockwise) -> bool:
    """Whether a block needs one block of each argument."""
    own = set(node.out_ind)
    return all(index is None or set(index) <= own for index in node.args[1::2])


def _functions(node: Blockwise) -> Iterable[Any]:
    """The function of a node, and those that it is given, as by ``map_blocks``."""
    pairs = zip(node.args[::2], node.args[1::2], strict=True)
    literals = [arg for arg, index in pairs if index is None]
    given = (*literals, *node.kwargs.values())
    return [node.func, *(one for one in given if callable(one) and not isinstance(one, type))]


def _merges(node: TasksRechunk) -> bool:
    """Whether each block consists of whole blocks."""
    return all(
        set(itertools.accumulate(own)) <= set(itertools.accumulate(given))
        for own, given in zip(node.chunks, node.array.chunks, strict=True)
    )


class Reader:
    """How the blocks of some arrays are read.

    Attributes
    ----------
    tasks : dict
        Those that the trees need, and those that these need themselves.
    """

    def __init__(self) -> None:
        self.tasks: dict[Any, GraphNode] = {}

    def trees(self, array: Any, blocks: Collection[Index]) -> dict[Index, Tree]:
        """The tasks that read some blocks of an array, each fused into one.

        Examples
        --------
        >>> import dask_array as da
        >>> import numpy as np
        >>> array = da.from_array(np.arange(4.0), chunks=2) + 1
        >>> reader = Reader()
        >>> tree = reader.trees(array, [(1,)])[(1,)]
        >>> tree.node({key: reader.tasks[key].value for key in tree.keys})
        array([3., 4.])
        """
        if not blocks:
            return {}
        part, first = _around(array, blocks)
        tasks = convert_legacy_graph(part.__dask_graph__())
        outside = {key for key, task in tasks.items() if isinstance(task, DataNode)}
        for node in part.expr.optimize(fuse=False).walk():
            if isinstance(node, Reread):
                outside |= {key for factor in node.factors for key in factor.__dask_graph__()}
        found = {
            block: tree_of((part.name, *(i - k for i, k in zip(block, first, strict=True))),
                           tasks, outside)
            for block in blocks
        }  # fmt: skip
        self.add(tasks, {key for tree in found.values() for key in tree.keys})
        return found

    def add(self, tasks: Any, keys: Iterable[Any]) -> None:
        """Add the tasks of some keys, and those that these need."""
        todo = [*keys]
        while todo:
            key = todo.pop()
            if key not in self.tasks:
                self.tasks[key] = tasks[key]
                todo += tasks[key].dependencies


def _around(array: Any, blocks: Collection[Index]) -> tuple[Any, Index]:
    """The part of an array that has some blocks, and the index of its first block."""
    firsts, lasts = [], []
    for own in zip(*blocks, strict=True):
        firsts.append(min(own))
        lasts.append(max(own) + 1)
    ends = [[0, *itertools.accumulate(sizes)] for sizes in array.chunks]
    box = tuple(
        slice(end[first], end[last]) for end, first, last in zip(ends, firsts, lasts, strict=True)
    )
    return array[box], tuple(firsts)
