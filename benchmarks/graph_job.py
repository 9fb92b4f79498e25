"""Build and optimise the graph of 64,000 chunks; print the seconds and the number of tasks left.

``compare.py`` runs this in a fresh process each time, because leftover objects slow down Python's
garbage collector: ``python -m benchmarks.graph_job WHO DIMS`` with WHO as ``xgrad``, ``xarray`` or
``dask-array``, which is xgrad with its arrays, and DIMS as ``x`` or ``xyz``.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import dask
import dask.array as da
import xarray as xr
from dask.base import collections_to_expr

import xgrad


def main(who: str, dims: str) -> None:
    engine: Any = da
    if who == "dask-array":
        import dask_array as engine

        engine.xarray.register()
    data = engine.zeros((160, 160, 160), chunks=4)
    array = xr.DataArray(data, dims=("x", "y", "z"), name="t")
    start = time.perf_counter()
    if who == "xarray":
        results: list[Any] = [array.differentiate(dim) for dim in dims]
    else:
        results = list(xgrad.gradient(array, list(dims)).data_vars.values())
    if engine is da:
        graphs = [one.__dask_graph__() for one in dask.optimize(*results)]
    else:  # as `dask.compute` does
        graphs = [collections_to_expr([one.data for one in results]).optimize().__dask_graph__()]
    seconds = time.perf_counter() - start
    tasks = {key for graph in graphs for key in dict(graph)}
    print(json.dumps({"seconds": seconds, "tasks": len(tasks) / data.npartitions / len(dims)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
