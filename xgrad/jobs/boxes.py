"""Boxes of a dask array, each computed when it is asked for, in the thread that asks.

A scheduler with threads of its own would hold more boxes in memory than the caller planned for.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import numpy as np
from dask._task_spec import GraphNode, convert_legacy_graph, execute_graph
from dask.base import optimize
from dask.utils import ensure_dict
from xarray.backends import BackendArray
from xarray.core import indexing

from xgrad._typing import AnyArray

# Blocks whose tasks are counted, to estimate what all of them need.
_SAMPLE = 64


class Boxes(BackendArray):
    """A dask array that xarray indexes as it does a file: nothing is computed before it is asked.

    Parameters
    ----------
    array : dask array
        Of dask or of dask-array.  Its tasks are made and optimized once, here.

    Examples
    --------
    >>> import dask.array as da, xarray as xr
    >>> boxes = Boxes(da.arange(6, chunks=2) * 10)
    >>> xr.Variable("x", indexing.LazilyIndexedArray(boxes))[1:4].values
    array([10, 20, 30])
    """

    def __init__(self, array: Any) -> None:
        self.shape, self.dtype, self.chunks = array.shape, array.dtype, array.chunks
        (optimized,) = optimize(array)
        self.name = optimized.name
        graph = ensure_dict(optimized.__dask_graph__())
        self.tasks: Mapping[Hashable, GraphNode] = convert_legacy_graph(graph)
        self._edges = [np.concatenate([[0], np.cumsum(sizes)]) for sizes in self.chunks]

    def __getitem__(self, key: Any) -> Any:
        basic = indexing.IndexingSupport.BASIC
        return indexing.explicit_indexing_adapter(key, self.shape, basic, self._read)

    def _read(self, key: tuple[Any, ...]) -> AnyArray:
        # Slices never go backward: xarray turns the result around.
        box: list[slice] = []
        rest: list[slice | int] = []
        for one, size in zip(key, self.shape, strict=True):
            if isinstance(one, slice):
                start, stop, step = one.indices(size)
                box.append(slice(start, max(start, stop)))
                rest.append(slice(None, None, step))
            else:
                box.append(slice(one, one + 1))
                rest.append(0)
        found: AnyArray = self._box(tuple(box))[tuple(rest)]
        return found

    def _box(self, box: tuple[slice, ...]) -> AnyArray:
        """Cells of a box, from one block after another."""
        blocks = [
            range(np.searchsorted(edges, cells.start, "right") - 1,
                  np.searchsorted(edges, cells.stop, "left"))
            for edges, cells in zip(self._edges, box, strict=True)
        ]  # fmt: skip
        if all(len(indices) == 1 for indices in blocks):
            (index,) = itertools.product(*blocks)
            return self._block(index)[self._inside(index, box)]
        out = np.empty([cells.stop - cells.start for cells in box], self.dtype)
        for index in itertools.product(*blocks):
            values = self._block(index)[self._inside(index, box)]
            starts = [
                max(0, int(edges[k]) - cells.start)
                for edges, k, cells in zip(self._edges, index, box, strict=True)
            ]
            where = zip(starts, values.shape, strict=True)
            out[tuple(slice(start, start + n) for start, n in where)] = values
        return out

    def _inside(self, index: Iterable[int], box: tuple[slice, ...]) -> tuple[slice, ...]:
        """The cells of a block that a box has, counted from the block's first."""
        return tuple(
            slice(max(0, cells.start - int(edges[k])), cells.stop - int(edges[k]))
            for edges, k, cells in zip(self._edges, index, box, strict=True)
        )

    def _block(self, index: tuple[int, ...]) -> AnyArray:
        key = (self.name, *index)
        # Not `dask.get`, which takes several ms for one task: a chunk of 16 kB takes less.
        return np.asarray(execute_graph(self._needed(key), keys={key})[key])

    def _needed(self, key: Any) -> dict[Any, GraphNode]:
        """The tasks of a block."""
        needed: dict[Any, GraphNode] = {}
        todo = [key]
        while todo:
            here = todo.pop()
            if here not in needed:
                needed[here] = self.tasks[here]
                todo.extend(needed[here].dependencies)
        return needed

    def n_tasks(self) -> tuple[int, float]:
        """Most tasks that a block needs, and how often all blocks together do each.

        Both are estimated from some of the blocks.

        Examples
        --------
        >>> import dask.array as da
        >>> Boxes(da.ones(100, chunks=10)).n_tasks()
        (1, 1.0)
        """
        n_blocks = math.prod(map(len, self.chunks))
        some = range(0, n_blocks, max(1, n_blocks // _SAMPLE))
        shape = tuple(map(len, self.chunks))
        counts = [
            len(self._needed((self.name, *map(int, np.unravel_index(k, shape))))) for k in some
        ]
        if not counts:
            return 0, 1.0
        return max(counts), sum(counts) / len(counts) * n_blocks / len(self.tasks)
