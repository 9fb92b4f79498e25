"""Count the chunks in memory at a time, for the maxima of all gradients of a grid of chunks.

``compare.py`` runs this with several seeds of Python's string hash, because dask's order depends on
it: ``python -m benchmarks.waiting_job GRID TASKS`` with GRID as ``16,2,2`` and TASKS the number of
tasks that the last chunks along an axis wait for.
"""

from __future__ import annotations

import sys
import weakref
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr

import xgrad
from xgrad.arrays import chunk_faces


def main(grid: tuple[int, ...], tasks: int) -> None:
    chunk_faces._TASKS_BEYOND = tasks
    held: set[int] = set()
    most = 0

    def chunk(block_id: tuple[int, ...]) -> Any:
        nonlocal most
        cells = np.full((2,) * len(grid), float(sum(block_id)))
        held.add(id(cells))
        most = max(most, len(held))
        weakref.finalize(cells, held.discard, id(cells))
        return cells

    chunks = tuple((2,) * n for n in grid)
    cells = da.map_blocks(chunk, chunks=chunks, dtype="f8", meta=np.ones((0,) * len(grid)))
    array = xr.DataArray(cells, dims=tuple("tyx"[: len(grid)]), name="f")
    xgrad.gradient(array).max().compute(scheduler="synchronous")
    print(most)


if __name__ == "__main__":
    main(tuple(map(int, sys.argv[1].split(","))), int(sys.argv[2]))
