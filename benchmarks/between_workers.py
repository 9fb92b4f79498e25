"""Bytes that two workers of a cluster exchange, for what is computed from a store.

``python -m benchmarks.between_workers [CHUNKS]``: in chunks of 2 MB; two workers with one thread
and 800 MB each.  A chunk that a worker sends is counted where it arrives.
"""

from __future__ import annotations

import sys
import tempfile
from typing import Any

import dask
import distributed
import xarray as xr

import xgrad
from benchmarks import larger


def results(array: xr.DataArray, who: str, target: str) -> xr.Dataset:
    dims = ["time"] if target.startswith("time") else [*array.dims]
    if who == "xarray":
        return xr.Dataset({f"d_d{dim}": array.differentiate(dim) for dim in dims})
    with dask.config.set({"xgrad.halo": "shared" if who == "shared" else "auto"}):
        return xgrad.gradient(array, dims)


def received(dask_worker: Any) -> int:
    return sum(one["total"] for one in dask_worker.transfer_incoming_log)


def exchanged(store: str, who: str, target: str) -> tuple[int, int]:
    """Bytes between the workers, and bytes written to disk for want of memory."""
    with (
        tempfile.TemporaryDirectory(dir=".") as folder,
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, memory_limit="800MB", dashboard_address=None,
            local_directory=folder,
        ) as cluster,
        distributed.Client(cluster) as client,
    ):  # fmt: skip
        # Workers remember the last transfers only; all are to be counted.
        client.run(_remember_all)
        if who.endswith("dask-array"):
            import dask_array

            dask_array.xarray.register()
        lazy = results(xr.open_zarr(store).temperature, who, target)
        if target.endswith("max"):
            lazy.max().compute()
        else:
            lazy.drop_encoding().to_zarr(f"{folder}/out.zarr", zarr_format=2)
        spilled = client.run(lambda dask_worker: dask_worker.data.spilled_total.disk)
        return sum(client.run(received).values()), sum(spilled.values())


def _remember_all(dask_worker: Any) -> None:
    log = dask_worker.transfer_incoming_log
    dask_worker.transfer_incoming_log = type(log)(log, maxlen=None)


def main(chunks: int = 1024) -> None:
    shape = (chunks // 8, 2048, 2048)
    print("| 2 workers | who | MB between them | of the data |\n| --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory(dir=".") as folder:
        larger.write(f"{folder}/in.zarr", shape)
        for target, job in larger.JOBS.items():
            # The last one changes what xarray makes of a store, so it has processes of its own.
            for who in ("xarray", "shared", "xgrad", "xgrad, dask-array"):
                found, spilled = exchanged(f"{folder}/in.zarr", who, target)
                share = found / (shape[0] * shape[1] * shape[2] * 4)
                disk = f", {spilled / 1e6:.0f} MB spilled" if spilled > 1e6 else ""
                print(f"| {job} | {who} | {found / 1e6:.0f}{disk} | {share:.3f} |", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
