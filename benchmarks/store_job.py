"""One job on one Zarr store in this process; prints its seconds and its peak memory over the base.

Run by ``compare.py`` in a fresh process for each job, as memory once taken is not given back:
``python benchmarks/store_job.py STORE xgrad|xarray|read|copy max|zarr``.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import dask
import numpy as np
import xarray as xr

import xgrad


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def results(array: xr.DataArray, who: str) -> xr.Dataset:
    if who == "xgrad":
        return xgrad.gradient(array)
    if who == "xarray":
        return xr.Dataset({f"d_d{dim}": array.differentiate(dim) for dim in array.dims})
    copies = 3 if who == "copy" else 1
    return xr.Dataset({f"copy{k}": array + np.float32(k) for k in range(copies)})


def main(store: str, who: str, target: str) -> None:
    dask.config.set(scheduler="threads", num_workers=2)
    # Compile and import everything first: the job is measured, not the start.
    small = xr.DataArray(np.ones((4, 40, 40), "f4"), dims=("time", "y", "x"), name="t")
    for start in (small, small.assign_coords(time=np.array([0.0, 1, 3, 4]))):
        xgrad.gradient(start.chunk(x=20)).compute()
    array = xr.open_zarr(store).temperature
    lazy: Any = results(array, who)
    base, start_time = peak(), time.perf_counter()
    if target == "max":
        dask.compute(lazy.max())
    else:
        with tempfile.TemporaryDirectory(dir=Path(store).parent) as folder:
            start_time = time.perf_counter()
            lazy.drop_encoding().to_zarr(f"{folder}/out.zarr", zarr_format=2)
            shutil.rmtree(f"{folder}/out.zarr")
    seconds = time.perf_counter() - start_time
    print(json.dumps({"seconds": seconds, "MB": peak() - base, "pid": os.getpid()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
