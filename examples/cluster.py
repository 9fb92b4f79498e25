"""
A job on a cluster
==================

With a client of ``dask.distributed``, the same call runs on its workers.  They read and write the
stores themselves; no data pass through the scheduler, and none between the workers.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from distributed import Client, LocalCluster, get_task_stream

import xgrad


def make(store: Path) -> None:
    """Write 38 MB of temperature in chunks of a day."""
    rng = np.random.default_rng(0)
    values = rng.normal(280, 5, (60, 400, 400)).astype("f4")
    t = xr.DataArray(values, dims=("time", "y", "x"))
    t.to_dataset(name="t").chunk(time=1).to_zarr(store, zarr_format=2)


# %%
# A cluster on this machine has two processes of one thread.  On SLURM or Kubernetes only the line
# of the cluster differs.  Processes import the script, so what starts them is below
# ``if __name__ == "__main__"``.

if __name__ == "__main__":
    folder = Path(tempfile.mkdtemp())
    make(folder / "in.zarr")
    # The first job after an installation compiles its loops: not on the cluster, where the figure
    # would show little else.
    day = xr.open_zarr(folder / "in.zarr").isel(time=slice(1))
    day.fdgrad.to_zarr(folder / "day.zarr", "magnitude", ["y", "x"], progress="none")
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster),
        get_task_stream() as stream,
    ):
        source, target = folder / "in.zarr", folder / "out.zarr"
        report = xgrad.to_zarr("magnitude", source, target, dim=["y", "x"])
    print(report)
    read, wrote = report.bytes_read / 1e6, report.bytes_written / 1e6
    print(f"read {read:.0f} MB, wrote {wrote:.0f} MB")

    # Each bar is a task: a run of regions, one after another.
    tasks = [task for task in stream.data if task["status"] == "OK"]
    workers = sorted({task["worker"] for task in tasks})
    fig, ax = plt.subplots(figsize=(7, 2.4), layout="constrained")
    spans = [
        (workers.index(task["worker"]), span["start"], span["stop"])
        for task in tasks
        for span in task["startstops"]
        if span["action"] == "compute"
    ]
    first = min(start for _, start, _ in spans)
    for worker, start, stop in spans:
        style = {"color": f"C{worker}", "edgecolor": "white"}
        ax.barh(worker, stop - start, left=start - first, **style)
    names = [f"worker {i + 1}" for i in range(len(workers))]
    ax.set(yticks=range(len(workers)), yticklabels=names)
    ax.set(xlabel="time since the first task began (s)")
    plt.show()
