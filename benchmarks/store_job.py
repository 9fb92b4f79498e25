"""Run one job on one Zarr store in this process; print its seconds and peak memory above the base.

``compare.py`` runs each job in a fresh process, because a process does not return freed memory:
``python -m benchmarks.store_job STORE WHO TARGET`` with TARGET one of max, zarr, one, "time max",
"time zarr" or delayed and WHO one of xgrad, xarray, dask-array (xgrad with its arrays), shared
(xgrad with shared halos; also "shared, without the final task"), job (gradient_to_zarr),
whole-chunks (the engine that xgrad rejected), bare threads (its kernels without dask and halos),
read, copy, or one of OPTIONS: xgrad along the latitude with that option.
``one`` writes one gradient to Zarr, ``zarr`` three; ``time`` is a gradient along the time alone.
"""

from __future__ import annotations

import gc
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
import xarray as xr
import zarr
from dask.array.core import slices_from_chunks
from xarray.namedarray.parallelcompat import list_chunkmanagers

import xgrad.kernels.tabled
import xgrad.labels.spacing
import xgrad.stencils.table
from xgrad.workers.memory import peak_memory
from xgrad.workers.processes import own_process


def whole_chunks(array: xr.DataArray, dim: Any) -> Any:
    """The rejected engine: whole neighbours through map_overlap, and a copy to attach them."""
    axis, data = array.get_axis_num(dim), array.data
    size, chunk = array.sizes[dim], data.chunks[axis][0]
    steps = xgrad.labels.spacing.from_coordinate(array[dim], "s").steps
    table = xgrad.stencils.table.first_derivative(steps, size, 1, "f4")

    def block(cells: Any, block_id: Any) -> Any:
        start = block_id[axis] * chunk
        n_below = min(1, start)
        n = min(chunk, size - start)
        below, middle, above = np.split(cells, [n_below, n_below + n], axis)
        out = np.empty_like(middle)
        columns = table[:, start : start + n]
        xgrad.kernels.tabled.differentiate(middle, below, above, columns, axis, out)
        return out

    halo = {"depth": {axis: 1}, "boundary": "none", "trim": False, "allow_rechunk": False}
    found = da.map_overlap(
        block, data, **halo, chunks=data.chunks, dtype=data.dtype, meta=data._meta
    )
    return array.copy(data=found)


def heights(array: xr.DataArray) -> xr.DataArray:
    """Lazy positions with the shape and the chunks of the data."""
    sizes = [side.size for side in (array.time, array.latitude, array.longitude)]
    cells = da.arange(sizes[1], chunks=array.data.chunks[1], dtype="f4")[:, None]
    tilt = da.linspace(1, 2, sizes[2], chunks=array.data.chunks[2], dtype="f4")
    shift = da.zeros(sizes[0], chunks=array.data.chunks[0], dtype="f4")[:, None, None]
    return xr.DataArray(cells * tilt + shift, dims=array.dims, name="height")


def in_bare_threads(array: xr.DataArray, store: str) -> list[Any]:
    """Two threads read chunk by chunk, differentiate each in isolation and take the maxima.

    This needs neither a graph nor halos, so it is a lower bound for xgrad's time.  Its values are
    one-sided at the edges of each chunk.
    """
    cells = zarr.open_group(store, mode="r")["temperature"]
    steps = [xgrad.labels.spacing.from_coordinate(array[dim], "s").steps for dim in array.dims]

    def maxima(box: tuple[slice, ...]) -> list[Any]:
        f = cells[box]
        found = []
        for axis, n in enumerate(f.shape):
            first, own = box[axis].start, steps[axis]
            own = own[first : first + n - 1] if np.ndim(own) else own
            table = xgrad.stencils.table.first_derivative(own, n, 1, "f4")
            out = np.empty_like(f)
            none = f[(*(slice(None),) * axis, slice(0, 0))]
            xgrad.kernels.tabled.differentiate(f, none, none, table, axis, out)
            found.append(np.nanmax(out))
            del out
        return found

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(maxima, slices_from_chunks(array.chunks)))


# The dimensions along which a job differentiates.
WANTED = {"one": "latitude", "zarr": None, "time zarr": "time"}

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
    if who.startswith(("xgrad", "dask-array", "shared")):
        with dask.config.set({"xgrad.halo": "shared" if who.startswith("shared") else "auto"}):
            return xgrad.gradient(array)
    if who == "read":
        return xr.Dataset({"read": array})
    if who == "xarray":
        return xr.Dataset({f"d_d{dim}": array.differentiate(dim) for dim in array.dims})
    if who == "whole-chunks":
        return xr.Dataset({f"d_d{dim}": whole_chunks(array, dim) for dim in array.dims})
    copies = 3 if who == "copy" else 1
    return xr.Dataset({f"copy{k}": array + np.float32(k) for k in range(copies)})


@contextmanager
def measured() -> Iterator[None]:
    """Print the seconds of a block, and its peak memory above the base."""
    base, start = peak_memory(), time.perf_counter()
    yield
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "MB": (peak_memory() - base) / 1e6}))


def start() -> None:
    """Compile and import everything, so that the start is not measured."""
    small = xr.DataArray(np.ones((4, 40, 40), "f4"), dims=("time", "y", "x"), name="t")
    for field in (small, small.assign_coords(time=np.array([0.0, 1, 3, 4]))):
        for options in ({}, {"skipna": True}, {"accuracy": 4, "boundary": "extend"}):
            xgrad.gradient(field.chunk(x=20), "y", **options).compute()
        xgrad.gradient(field.chunk(x=20)).compute()
    own = xr.DataArray(da.ones((4, 40, 40), "f4").cumsum(1), dims=small.dims, name="own")
    xgrad.gradient(small, "y", spacing={"y": own}).compute()
    # Large enough to use the compiled loops.
    large = xr.DataArray(np.ones((24, 128, 128), "f4"), dims=small.dims)
    for steps in (1, np.arange(24.0) ** 2):
        xgrad.gradient(large, "time", spacing={"time": steps})
    # The first job imports more of xgrad, and the first computation all chunk managers.
    assert xgrad.gradient_to_zarr is not None
    list_chunkmanagers()
    # Garbage collection looks through all that was imported, a quarter of a second, in one job or
    # another.
    gc.collect()
    gc.freeze()


def main(store: str, who: str, target: str) -> None:
    dask.config.set(scheduler="threads", num_workers=2)
    if who == "job":
        own_process()  # as the command does
    start()
    if who == "dask-array":
        import dask_array

        dask_array.xarray.register()
    array = xr.open_zarr(store).temperature
    with tempfile.TemporaryDirectory(dir=Path(store).parent) as folder:
        out = f"{folder}/out.zarr"
        if who == "job":
            with measured():
                xgrad.gradient_to_zarr(store, out, "temperature", WANTED[target])
            return
        if who == "bare threads":
            with measured():
                in_bare_threads(array, store)
            return
        lazy: Any = results(array, who)
        if target not in ("max", "zarr", "delayed"):
            dim = "latitude" if target == "one" else "time"
            lazy = lazy[[n for n in lazy if n == "copy0" or str(n).endswith(dim)]]
        with measured():
            if target.endswith("max"):
                dask.compute(lazy.max())
            elif who == "shared, without the final task":
                with xgrad.without_final_task():
                    lazy.drop_encoding().to_zarr(out, zarr_format=2)
            elif target == "delayed":
                lazy.drop_encoding().to_zarr(out, zarr_format=2, compute=False).compute()
            else:
                lazy.drop_encoding().to_zarr(out, zarr_format=2)


if __name__ == "__main__":
    main(*sys.argv[1:])
