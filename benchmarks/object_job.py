"""A job of an object: arithmetic on a dask array of many chunks, in the memory asked for.

``python -m benchmarks.object_job [CHUNKS] [BYTES]`` prints how long the plan takes, the peak that
it predicts and the peak of the process.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import xarray as xr

import xgrad
from xgrad.workers.memory import peak_memory


def main(n_chunks: int, memory: int) -> None:
    """Plan and run the job, in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "source.zarr", Path(folder) / "target.zarr"
        values = np.random.default_rng(0).normal(280, 10, (n_chunks, 8, 16)).astype("f4")
        stored = xr.Dataset({"t": (("time", "y", "x"), values)}, {"x": np.arange(16.0)})
        del values
        stored.chunk(time=500).to_zarr(source, zarr_format=2)
        del stored
        opened = xr.open_zarr(source).chunk(time=1)
        warm = (opened.t - 273.15).where(opened.t > 273).to_dataset(name="t")
        options = {"dim": "x", "memory": memory, "chunks": {"time": 500}}
        start = time.perf_counter()
        plan = xgrad.plan_to_zarr("gradient", warm, target, **options)
        planned = time.perf_counter() - start
        report = xgrad.to_zarr("gradient", warm, target, **options)
        print(f"{n_chunks} chunks, {memory / 1e6:.0f} MB asked for")
        print(f"planned in {planned:.1f} s, {plan.peak / 1e6:.0f} MB predicted")
        print(f"done in {report.seconds:.1f} s, peak of the process {peak_memory() / 1e6:.0f} MB")


if __name__ == "__main__":
    main(*(int(one) for one in (sys.argv[1:] + ["50000", "800000000"][len(sys.argv) - 1 :])))
