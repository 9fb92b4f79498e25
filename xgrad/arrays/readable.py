"""Which dask arrays are cheap to read again, and the tasks that read their blocks."""

from __future__ import annotations

import functools
import inspect
import operator
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import dask.array as da
import dask.array.chunk
import numpy as np
from dask._task_spec import Alias, DataNode, GraphNode, Task, convert_legacy_graph
from dask.array.core import concatenate_shaped, getter, getter_inline, getter_nofancy
from dask.blockwise import Blockwise, fuse_roots, optimize_blockwise
from dask.highlevelgraph import HighLevelGraph, Layer, MaterializedLayer
from dask.utils import ensure_dict

from xgrad.arrays.block_cache import Index
from xgrad.arrays.on_demand import OnDemand

# Functions that select cells, and packages whose functions are arithmetic or read from a store.
_SELECT = {operator.getitem, getter, getter_inline, getter_nofancy, dask.array.chunk.getitem}
_PACKAGES = {"operator", "numpy", "dask", "dask_array", "xarray", "xgrad"}


def levels(array: da.Array) -> int | None:
    """How many gradients, one of another, a block is read through; None if it may take long.

    It is short if the block is read by itself from a store or an array in memory, and at most
    selected from and changed cell by cell by functions of numpy, dask and xarray.  A function of
    the user may take any time, and a block that depends on several others may take as many
    readings, unless it consists of them.

    Examples
    --------
    >>> levels(da.zeros(4) * 2), levels(da.zeros(4).cumsum(0))
    (0, None)
    >>> levels(da.zeros(4, chunks=2).rechunk(4)), levels(da.zeros(4, chunks=2).rechunk(3))
    (0, None)
    """
    found = [_levels(layer) for layer in _read(array).values()]
    return None if None in found else max(filter(None, found), default=0)


def has_layers(array: da.Array) -> bool:
    """Whether an array has a graph of layers; not if it is one of dask's own expressions.

    Examples
    --------
    >>> has_layers(da.zeros(4))
    True
    """
    return isinstance(array.dask, HighLevelGraph)


def _read(array: da.Array) -> dict[str, Layer]:
    """The layers whose tasks read blocks of an array; not those that such tasks wait for."""
    layers, needs = array.dask.layers, array.dask.dependencies
    found: dict[str, Layer] = {}
    todo = [*array.__dask_layers__()]
    while todo:
        name = todo.pop()
        if name not in found:
            found[name] = layer = layers[name]
            todo += needs[name] - _beside(layer)
    return found


def beside(array: da.Array) -> frozenset[str]:
    """The layers that the tasks wait for which read blocks of an array.

    Examples
    --------
    >>> beside(da.zeros(4))
    frozenset()
    """
    return frozenset().union(*map(_beside, _read(array).values()))


def _beside(layer: Layer) -> frozenset[str]:
    return layer.beside if isinstance(layer, OnDemand) else frozenset()


def _levels(layer: Layer) -> int | None:
    if isinstance(layer, OnDemand):
        return layer.levels
    if isinstance(layer, Blockwise):
        own = set(layer.output_indices)
        by_itself = all(index is None or set(index) <= own for _, index in layer.indices)
        return 0 if by_itself and all(map(is_known, _functions(layer))) else None
    # Other layers, such as those of overlaps, would make all of their tasks here.
    if not isinstance(layer, MaterializedLayer):
        return None
    return 0 if all(map(selects, layer.values())) or _merges(layer) else None


def _merges(layer: Layer) -> bool:
    """Whether each block consists of whole blocks, as after ``rechunk`` to multiples of chunks."""
    return all(
        isinstance(task, Alias) or (isinstance(task, Task) and task.func is concatenate_shaped)
        for task in layer.values()
    ) and all(layer.keys().isdisjoint(task.dependencies) for task in layer.values())


def selects(task: Any) -> bool:
    """Whether a task is data, another name, or a selection of cells.

    Examples
    --------
    >>> selects(DataNode("f", 1.0)), selects(Task("f", np.sin, 1.0))
    (True, False)
    """
    if isinstance(task, Alias | DataNode):
        return True
    if isinstance(task, Task):
        return task.func in _SELECT
    if isinstance(task, tuple) and task and callable(task[0]):
        return task[0] in _SELECT
    # A future holds a block in the memory of a worker, which would have to send it as a whole.
    return not isinstance(task, list) and type(task).__module__.partition(".")[0] != "distributed"


def _functions(layer: Blockwise) -> list[Any]:
    """The function of the tasks of a layer, and those that it is given, as by ``map_blocks``."""
    task, literals = layer.task, (value for value, index in layer.indices if index is None)
    given = (*task.args, *task.kwargs.values(), *literals)
    return [task.func, *(one for one in given if callable(one) and not isinstance(one, type))]


def is_known(func: Any) -> bool:
    """Whether a function comes from a package whose functions are cheap.

    Examples
    --------
    >>> is_known(functools.partial(np.clip, min=0)), is_known(np.vectorize(abs))
    (True, False)
    """
    while isinstance(func, functools.partial):
        func = func.func
    package = (getattr(func, "__module__", None) or type(func).__module__).partition(".")[0]
    return inspect.isbuiltin(func) or (package in _PACKAGES and not isinstance(func, np.vectorize))


def roots(array: da.Array) -> dict[str, Layer]:
    """The layers that the tasks of :func:`trees` need, and those that these need themselves.

    They hold data, such as a store that is opened or an array in memory, or are what the gradients
    that blocks are read through wait for.

    Examples
    --------
    >>> [len(layer) for layer in roots(da.from_array(np.zeros(4), chunks=2) + 1).values()]
    [2]
    """
    todo = [*beside(array)]
    found = {name: layer for name, layer in _read(array).items() if _holds_data(layer)}
    while todo:
        name = todo.pop()
        if name not in found:
            found[name] = array.dask.layers[name]
            todo += array.dask.dependencies[name]
    return found


def _holds_data(layer: Layer) -> bool:
    return isinstance(layer, MaterializedLayer) and any(map(_is_data, layer.values()))


def _is_data(task: Any) -> bool:
    if isinstance(task, GraphNode):
        return isinstance(task, DataNode)
    return not isinstance(task, tuple | list | str)


class Tree(NamedTuple):
    """How a block is read.

    Attributes
    ----------
    node : GraphNode or tuple
        A task that needs nothing but what is in the :func:`roots`, or the key of data.
    keys : tuple of hashable
        The keys of what it needs.
    """

    node: Any
    keys: tuple[Any, ...]


def trees(array: da.Array, blocks: Collection[Index]) -> dict[Index, Tree]:
    """The tasks that read some blocks of an array, each fused into one.

    Examples
    --------
    >>> array = da.from_array(np.arange(4.0), chunks=2, name="f") + 1
    >>> tree = trees(array, [(1,)])[(1,)]
    >>> tree.keys, tree.node({tree.keys[0]: np.array([2.0, 3.0])})
    ((('f', 1),), array([3., 4.]))
    """
    wanted = {(array.name, *block) for block in blocks}
    layers = optimize_blockwise(array.dask, keys=wanted)
    culled = fuse_roots(layers, keys=list(wanted)).cull(wanted)
    tasks = convert_legacy_graph(ensure_dict(culled))
    read = _read(array)
    waited = (array.dask.layers[name] for name in beside(array))
    outside = {key for layer in waited for key in layer.get_output_keys()}
    data = {key for layer in read.values() if _holds_data(layer) for key in layer}
    outside |= {key for key in data if isinstance(tasks.get(key), DataNode)}
    return {block: tree_of((array.name, *block), tasks, outside) for block in blocks}


def tree_of(key: Any, tasks: Mapping[Any, GraphNode], outside: Collection[Any]) -> Tree:
    """How a block is read by one task, which stands for all that it needs.

    Parameters
    ----------
    key : hashable
        Of the block.
    tasks : mapping
        By key.
    outside : collection of hashable
        The keys of what stays outside of the task: data, which may be large and shared.

    Examples
    --------
    >>> tasks = {"f": DataNode("f", 2.0), "g": Alias("g", "f")}
    >>> tree_of("g", tasks, {"f"}).keys
    ('f',)
    """
    if key in outside:
        return Tree(key, (key,))
    own: dict[Any, GraphNode] = {}
    keys: dict[Any, None] = {}
    todo = [key]
    while todo:
        here = todo.pop()
        if here in own:
            continue
        own[here] = tasks[here]
        for other in tasks[here].dependencies:
            if other in outside:
                keys[other] = None
            else:
                todo.append(other)
    return Tree(GraphNode.fuse(*own.values()), tuple(keys))
