"""The promise of lazy gradients: the peak over the process does not grow with the data."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import dask.array as da
import distributed
import numpy as np
import pytest
import xarray as xr

from tests.engines import ENGINES

CHUNKS = (8, 256, 256)

# In a process of its own: prints the peak above that before the computation, in bytes.
MEASURE = """
import json, sys
import dask, xarray as xr, zarr
import xgrad
from xgrad.workers.memory import peak_memory

if __name__ == "__main__":
    source, target, dims, engine = json.loads(sys.argv[1])
    dask.config.set(scheduler="threads", num_workers=2)
    if engine == "dask_array":
        import dask_array
        dask_array.xarray.register()
    lazy = xr.open_zarr(source).t.fdgrad.gradient(dims)
    # Load and compile what is needed, with the first chunks.
    first = lazy.isel(time=slice(16), y=slice(512), x=slice(512))
    first.max().compute()
    first.drop_encoding().to_zarr(zarr.storage.MemoryStore(), zarr_format=2)
    base = peak_memory()
    if target is None:
        lazy.max().compute()
    else:
        lazy.drop_encoding().to_zarr(target, zarr_format=2)
    print(peak_memory() - base)
"""


def write(store: Path, n: int) -> str:
    """Write `n` times 64 chunks of 2 MB."""
    shape = (n * CHUNKS[0], 8 * CHUNKS[1], 8 * CHUNKS[2])

    def waves(*index: Any) -> Any:
        parts = zip(index, shape, strict=True)
        return sum(np.sin(7 * k / (side - 1)) for k, side in parts).astype("f4")

    field = da.fromfunction(waves, chunks=CHUNKS, shape=shape, dtype="f4")
    ds = xr.Dataset({"t": (("time", "y", "x"), field)}, {"time": np.arange(shape[0]) ** 1.1})
    ds.to_zarr(store, zarr_format=2)
    return str(store)


def peak(source: str, target: Path | None, dims: Any, engine: str) -> int:
    asked = json.dumps([source, target and str(target), dims, engine])
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, asked], check=True, stdout=subprocess.PIPE, text=True
    )
    return int(done.stdout)


@pytest.mark.thorough
@pytest.mark.parametrize(("dims", "most"), [("time", 250e6), ("x", 250e6), (None, 400e6)])
@pytest.mark.parametrize("end", ["maximum", "zarr"])
@pytest.mark.parametrize("engine", ENGINES)
def test_the_peak_is_that_of_a_few_chunks(
    dims: Any, most: float, end: str, engine: str, tmp_path: Path
) -> None:
    for n in (16, 48):  # 2.1 and 6.4 GB
        source = write(tmp_path / "in.zarr", n)
        target = tmp_path / "out.zarr" if end == "zarr" else None
        assert peak(source, target, dims, engine) < (most if n == 16 else 1.3 * most)
        for store in tmp_path.iterdir():  # all cases together would fill a disk
            shutil.rmtree(store)


@pytest.mark.thorough
def test_a_store_larger_than_its_workers_goes_through_a_cluster(tmp_path: Path) -> None:
    source = write(tmp_path / "in.zarr", 32)  # 4.3 GB
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, memory_limit="800MB", dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        before = client.run(_state)
        lazy = xr.open_zarr(source).t.fdgrad.gradient()
        lazy.max().compute()
        lazy[["dt_dtime"]].drop_encoding().to_zarr(tmp_path / "out.zarr", zarr_format=2)
        after = client.run(_state)
        # No worker was lost, paused, or wrote its memory to disk.
        assert {own["pid"] for own in before.values()} == {own["pid"] for own in after.values()}
        for address, own in after.items():
            assert own["spilled"] == 0
            assert own["status"] == "running"
            assert not [
                event
                for _, event in client.get_events(address)
                if event.get("action") == "worker-status-change" and event["status"] == "paused"
            ]
        # The chunks do not travel: these are numbers for the maxima.
        assert sum(own["received"] for own in after.values()) < 0.05 * 32 * 64 * 2**21
    shutil.rmtree(tmp_path / "in.zarr")
    shutil.rmtree(tmp_path / "out.zarr")


def _state(dask_worker: Any) -> dict[str, Any]:
    import os

    return {
        "pid": os.getpid(),
        "spilled": dask_worker.data.spilled_total.disk,
        "status": dask_worker.status.name,
        "received": sum(one["total"] for one in dask_worker.transfer_incoming_log),
    }
