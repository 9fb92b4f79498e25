"""One job on one Zarr store in this process; prints its seconds and its peak memory over the base.

Run by ``compare.py`` in a fresh process for each job, as memory once taken is not given back:
``python -m benchmarks.store_job STORE WHO max|zarr|one|delayed`` with WHO one of xgrad, xarray,
job (gradient_to_zarr), whole-chunks (the engine that xgrad rejected), copying kernels (xgrad with
a copy in place of each derivative), read, copy, or one of OPTIONS: xgrad along the latitude with
that option.  ``one`` is one gradient to Zarr, ``zarr`` three.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
import xarray as xr

import xgrad.coordinates
import xgrad.kernels
import xgrad.stencil
from xgrad import execution, machine


def whole_chunks(array: xr.DataArray, dim: Any) -> Any:
    """The rejected engine: whole neighbours through map_overlap, and a copy to stick them on."""
    axis, data = array.get_axis_num(dim), array.data
    size, chunk = array.sizes[dim], data.chunks[axis][0]
    steps = xgrad.coordinates.from_coordinate(array[dim], "s").steps
    table = xgrad.stencil.first_derivative(steps, size, 1, "f4")

    def block(cells: Any, block_id: Any) -> Any:
        start = block_id[axis] * chunk
        n_below = min(1, start)
        n = min(chunk, size - start)
        below, middle, above = np.split(cells, [n_below, n_below + n], axis)
        out = np.empty_like(middle)
        columns = table[:, start : start + n]
        xgrad.kernels.differentiate(middle, below, above, columns, axis, out)
        return out

    halo = {"depth": {axis: 1}, "boundary": "none", "trim": False, "allow_rechunk": False}
    found = da.map_overlap(
        block, data, **halo, chunks=data.chunks, dtype=data.dtype, meta=data._meta
    )
    return array.copy(data=found)


def heights(array: xr.DataArray) -> xr.DataArray:
    """Positions of the shape and in the chunks of the data, made when they are needed."""
    sizes = [side.size for side in (array.time, array.latitude, array.longitude)]
    cells = da.arange(sizes[1], chunks=array.data.chunks[1], dtype="f4")[:, None]
    tilt = da.linspace(1, 2, sizes[2], chunks=array.data.chunks[2], dtype="f4")
    shift = da.zeros(sizes[0], chunks=array.data.chunks[0], dtype="f4")[:, None, None]
    return xr.DataArray(cells * tilt + shift, dims=array.dims, name="height")


def copied(f: Any, *rest: Any) -> None:
    """What a kernel costs that only copies: a stencil hardly does with less."""
    np.copyto(rest[-1], f)


OPTIONS: dict[str, Any] = {
    "plain": {},
    "periodic": {"boundary": "periodic", "period": {"latitude": 400}},
    "skipna": {"skipna": True},
    "accuracy 4": {"accuracy": 4},
    "positions of its own": {"spacing": heights},
}


def results(array: xr.DataArray, who: str) -> xr.Dataset:
    if who in OPTIONS:
        options = dict(OPTIONS[who])
        if "spacing" in options:
            options["spacing"] = {"latitude": heights(array)}
        return xgrad.gradient(array, "latitude", **options)
    if who == "copying kernels":
        xgrad.kernels.differentiate = copied
    if who in ("xgrad", "copying kernels"):
        return xgrad.gradient(array)
    if who == "read":
        return xr.Dataset({"read": array})
    if who == "xarray":
        return xr.Dataset({f"d_d{dim}": array.differentiate(dim) for dim in array.dims})
    if who == "whole-chunks":
        return xr.Dataset({f"d_d{dim}": whole_chunks(array, dim) for dim in array.dims})
    copies = 3 if who == "copy" else 1
    return xr.Dataset({f"copy{k}": array + np.float32(k) for k in range(copies)})


def run_the_job(store: str, target: str, folder: Path) -> None:
    dim = "latitude" if target == "one" else None
    base, start = machine.peak_memory(), time.perf_counter()
    out = folder / "out.zarr"
    xgrad.gradient_to_zarr(store, out, "temperature", dim)
    seconds = time.perf_counter() - start
    shutil.rmtree(out)
    print(json.dumps({"seconds": seconds, "MB": (machine.peak_memory() - base) / 1e6}))


def main(store: str, who: str, target: str) -> None:
    dask.config.set(scheduler="threads", num_workers=2)
    if who == "job":
        execution.own_process()  # as the command does
    # Compile and import everything first: the job is measured, not the start.
    small = xr.DataArray(np.ones((4, 40, 40), "f4"), dims=("time", "y", "x"), name="t")
    for start in (small, small.assign_coords(time=np.array([0.0, 1, 3, 4]))):
        for options in ({}, {"skipna": True}, {"accuracy": 4, "boundary": "extend"}):
            xgrad.gradient(start.chunk(x=20), "y", **options).compute()
        xgrad.gradient(start.chunk(x=20)).compute()
    own = xr.DataArray(da.ones((4, 40, 40), "f4").cumsum(1), dims=small.dims, name="own")
    xgrad.gradient(small, "y", spacing={"y": own}).compute()
    array = xr.open_zarr(store).temperature
    if who == "job":
        run_the_job(store, target, Path(store).parent)
        return
    lazy: Any = results(array, who)
    if target == "one":
        lazy = lazy[[name for name in lazy if name == "copy0" or str(name).endswith("latitude")]]
    base, start_time = machine.peak_memory(), time.perf_counter()
    if target == "max":
        dask.compute(lazy.max())
    elif target == "delayed":
        with tempfile.TemporaryDirectory(dir=Path(store).parent) as folder:
            lazy.drop_encoding().to_zarr(
                f"{folder}/out.zarr", zarr_format=2, compute=False
            ).compute()
    else:
        with tempfile.TemporaryDirectory(dir=Path(store).parent) as folder:
            start_time = time.perf_counter()
            lazy.drop_encoding().to_zarr(f"{folder}/out.zarr", zarr_format=2)
            shutil.rmtree(f"{folder}/out.zarr")
    seconds = time.perf_counter() - start_time
    print(json.dumps({"seconds": seconds, "MB": (machine.peak_memory() - base) / 1e6}))


if __name__ == "__main__":
    main(*sys.argv[1:])
