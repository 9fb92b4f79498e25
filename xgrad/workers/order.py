"""The order in which dask computes what is stored: chunk by chunk, not edge by edge.

``docs/order.md`` shows what is wrong with dask's own order, since which release, and how large the
difference is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeAlias

import dask
import dask.threaded
from dask._task_spec import GraphNode, Task, convert_legacy_graph
from dask.base import get_scheduler
from dask.utils import ensure_dict

_Get: TypeAlias = Callable[..., Any]


@contextmanager
def without_final_task() -> Iterator[None]:
    """Let dask order tasks as if nothing collected the results.

    `to_zarr`, `compute` and `dask.array.store` end in one task that depends on all others.  dask's
    order then begins at the edges of the array, and keeps a large part of it in memory if chunks
    wait for their neighbours, as in gradients whose source is not cheap to read and in
    `dask.array.map_overlap`.  Here that task is left out, and done in this process when the others
    are done.

    Yields
    ------
    None
        Until the end of the block, dask's configuration has a `scheduler` that calls the one that
        it had: threads, processes, a :class:`dask.distributed.Client`.  A `scheduler` that is given
        to `compute` by name takes precedence.

    Examples
    --------
    >>> import dask.array as da
    >>> with without_final_task():
    ...     (da.arange(6, chunks=2) + 1).compute()
    array([1, 2, 3, 4, 5, 6])
    """
    with dask.config.set(scheduler=partial(get, get_scheduler() or dask.threaded.get)):
        yield


def get(scheduler: _Get, graph: Any, keys: Sequence[Any], **options: Any) -> list[Any]:
    """Compute the keys of a graph, but those that collect others here, after all others.

    Parameters
    ----------
    scheduler : callable
        dask's, which takes a graph and keys.
    graph : mapping or dask expression
        What dask hands to a scheduler.
    keys : sequence of hashable
        What is computed.
    **options : object
        Passed on.

    Examples
    --------
    >>> graph = {"a": 1, "b": 2, "both": (max, "a", "b")}
    >>> get(dask.get, graph, ["both"])
    [2]
    """
    given = graph.__dask_graph__() if hasattr(graph, "__dask_graph__") else graph
    tasks: dict[Any, GraphNode] = convert_legacy_graph(ensure_dict(given))
    last = _collectors(tasks, keys)
    wanted = dict.fromkeys(
        other for key in keys for other in (last[key].dependencies if key in last else (key,))
    )
    rest = {key: task for key, task in tasks.items() if key not in last}
    found = dict(zip(wanted, scheduler(rest, list(wanted), **options), strict=True))
    return [
        last[key]({other: found[other] for other in last[key].dependencies})
        if key in last
        else found[key]
        for key in keys
    ]


def _collectors(tasks: Mapping[Any, GraphNode], keys: Sequence[Any]) -> dict[Any, GraphNode]:
    """The tasks among `keys` that depend on several others, and that no other task depends on."""
    needed = {other for task in tasks.values() for other in task.dependencies}
    return {
        key: tasks[key]
        for key in keys
        if key not in needed and isinstance(tasks[key], Task) and len(tasks[key].dependencies) > 1
    }
