"""How many chunks dask's order keeps in memory when a stencil is stored, without computing it.

``python -m benchmarks.dask_order``: needs nothing but dask and numpy, so that it also runs by
itself, ``python dask_order.py``, with any release of dask.  The stencil is written with dask alone:
each chunk waits for one cell of the chunks beside it.  A scheduler that takes one task after
another in dask's order is simulated, and the chunks counted that a later task still needs.
"""

from __future__ import annotations

from typing import Any

import dask
import dask.array as da
import numpy as np
from dask.core import get_dependencies
from dask.order import order
from dask.utils import ensure_dict


def load(block_id: Any = None) -> Any:  # noqa: ARG001
    return np.zeros((1, 1, 1))


def edges(block: Any) -> Any:
    return block[:1]


def stencil(block: Any, edges: Any) -> Any:  # noqa: ARG001
    return block


def stored(grid: tuple[int, ...], axis: int) -> dict[Any, Any]:
    """The graph of a stencil along an axis, stored, as dask's scheduler receives it."""
    chunks = tuple((3,) * n for n in grid)
    whole = da.map_blocks(load, chunks=chunks, dtype="f8", meta=np.ones((0, 0, 0)))
    one = tuple((1,) * n if k == axis else (3,) * n for k, n in enumerate(grid))
    thin = whole.map_blocks(edges, chunks=one, dtype="f8")
    passed = da.overlap.overlap(thin, {axis: 1}, {axis: "none"}, allow_rechunk=False)
    index = tuple(range(3))
    found = da.blockwise(
        stencil, index, whole, index, passed, index, align_arrays=False, dtype="f8",
        adjust_chunks={axis: list(chunks[axis])},
    )  # fmt: skip
    received = {}

    def receive(graph: Any, keys: Any, **_: Any) -> Any:
        received.update(ensure_dict(getattr(graph, "__dask_graph__", lambda: graph)()))
        return keys

    da.store(found, np.zeros(found.shape), lock=False, scheduler=receive)
    return received


def chunks_in_memory(graph: dict[Any, Any], *, without_last: bool) -> int:
    """Most chunks in memory at a time, if a single thread takes the tasks in dask's order."""
    needs = {key: set(get_dependencies(graph, key)) for key in graph}
    users: dict[Any, set[Any]] = {key: set() for key in graph}
    for key, own in needs.items():
        for other in own:
            users[other].add(key)
    last = {key for key in graph if not users[key] and len(needs[key]) > 1}
    if without_last:
        graph = {key: task for key, task in graph.items() if key not in last}
    place = order(graph)
    alive: set[Any] = set()
    most = 0
    left = {key: len(users[key] - last if without_last else users[key]) for key in graph}
    for key in sorted(graph, key=place.__getitem__):
        if is_whole(key):
            alive.add(key)
        most = max(most, len(alive))
        for other in needs[key]:
            left[other] -= 1
            if left[other] == 0:
                alive.discard(other)
    return most


def is_whole(key: Any) -> bool:
    name = str(key[0] if isinstance(key, tuple) else key)
    return name.startswith(("load-", "stencil-"))


def main() -> None:
    print(f"dask {dask.__version__}")
    print("| chunks | axis | with the last task | without it |")
    print("| --- | --- | --- | --- |")
    for grid, axis in (((16, 8, 8), 0), ((16, 8, 8), 2), ((32, 8, 16), 0)):
        graph = stored(grid, axis)
        found = [chunks_in_memory(graph, without_last=one) for one in (False, True)]
        print(f"| {' × '.join(map(str, grid))} | {axis} | {found[0]} | {found[1]} |")


if __name__ == "__main__":
    main()
