"""Build and optimise the graph of 64,000 chunks; print the seconds and the number of tasks left.

``compare.py`` runs this in a fresh process each time, because leftover objects slow down Python's
garbage collector: ``python -m benchmarks.graph_job xgrad|xarray DIMS`` with DIMS as ``x`` or
``xyz``.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import dask
import dask.array as da
import xarray as xr

import xgrad


def main(who: str, dims: str) -> None:
    data = da.zeros((160, 160, 160), chunks=4)
    array = xr.DataArray(data, dims=("x", "y", "z"), name="t")
    start = time.perf_counter()
    if who == "xgrad":
        results: list[Any] = list(xgrad.gradient(array, list(dims)).data_vars.values())
    else:
        results = [array.differentiate(dim) for dim in dims]
    lazy = dask.optimize(*results)
    seconds = time.perf_counter() - start
    tasks = {key for one in lazy for key in dict(one.__dask_graph__())}
    print(json.dumps({"seconds": seconds, "tasks": len(tasks) / data.npartitions / len(dims)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
