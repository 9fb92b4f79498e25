"""Vorticity of a Zarr store in this process; prints its seconds and its peak memory above the base.

``compare.py`` runs each job in a fresh process: ``python -m benchmarks.vorticity_job STORE WHO
max|zarr`` with WHO one of xgrad, job (as the command ``xgrad curl``), metpy, metpy-loaded
(``.load()`` first), and read (no vorticity: the sum of both components).  ``max`` takes the maximum
of each level, ``zarr`` writes a second store.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
import xarray as xr

import xgrad
from xgrad.workers.memory import peak_memory
from xgrad.workers.processes import own_process

COMPONENTS = {"longitude": "u", "latitude": "v"}


def write(store: str, n_times: int) -> None:
    """Wind of time × level × 721 × 1440 float32, in chunks of one time and two levels."""
    sizes = {"time": n_times, "level": 4, "latitude": 721, "longitude": 1440}
    chunks = (1, 2, 721, 1440)
    coords = {
        "time": np.datetime64("2024-01-01", "ns") + np.arange(n_times) * np.timedelta64(6, "h"),
        "level": ("level", [850.0, 700.0, 500.0, 200.0], {"units": "hPa"}),
        "latitude": ("latitude", np.linspace(90, -90, 721), {"units": "degrees_north"}),
        "longitude": ("longitude", np.arange(1440) * 0.25, {"units": "degrees_east"}),
    }
    rng = da.random.default_rng(0)
    wind = {
        name: (
            tuple(sizes),
            (10 * rng.standard_normal(tuple(sizes.values()), dtype="f4", chunks=chunks)).round(1),
            {"units": "m s-1"},
        )
        for name in "uv"
    }
    xr.Dataset(wind, coords).to_zarr(store, zarr_format=2)


def vorticity(ds: xr.Dataset, who: str) -> xr.DataArray:
    if who.startswith("metpy"):
        import metpy.calc

        if who == "metpy-loaded":
            ds = ds.load()
        found = metpy.calc.vorticity(ds.u, ds.v)
        return found.metpy.dequantify()
    if who == "read":
        return ds.u + ds.v
    return ds.fdgrad.curl(COMPONENTS, metric="sphere")


def main(store: str, who: str, target: str) -> None:
    dask.config.set(scheduler="threads", num_workers=2)
    if who == "job":
        own_process()  # as the command does
    ds = xr.open_zarr(store)
    # Compile and import everything first, so that the start is not measured.
    vorticity(ds.isel(time=[0], level=[0]).load(), "xgrad" if who == "job" else who)
    with tempfile.TemporaryDirectory(dir=Path(store).parent) as folder:
        out = f"{folder}/out.zarr"
        base, start = peak_memory(), time.perf_counter()
        if who == "job":
            xgrad.to_zarr("curl", store, out, dim=COMPONENTS, metric="sphere")
        elif target == "zarr":
            found: Any = vorticity(ds, who).to_dataset(name="vorticity")
            found.drop_encoding().to_zarr(out, zarr_format=2)
        else:
            vorticity(ds, who).max(("time", "latitude", "longitude")).compute()
        seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "MB": (peak_memory() - base) / 1e6}))


if __name__ == "__main__":
    main(*sys.argv[1:])
