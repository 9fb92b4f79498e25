"""Side-by-side tables of xgrad and its peers, all from one run.

``python -m benchmarks.compare [--store-size 1.6GB] [memory] [options] [store] [derived]
[vorticity] [curved] [height] [fits] [larger] [graphs] [waiting] [chunks] [tasks] [start]``: needs
``pip install -e ".[benchmarks]"``.  Every figure is the median of several rounds in which the
contenders take turns, so that a slow minute of the machine affects them all.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import zarr
from dask.utils import parse_bytes

from benchmarks import constant_height, curved_grids, fits, larger, vorticity_job
from benchmarks.contenders import (
    CONTENDERS,
    DERIVED,
    OPTIONS,
    findiff_of_order_four,
    metpy_over_columns,
    own_positions,
    versions,
)
from benchmarks.store_job import OPTIONS as LAZY_OPTIONS
from xgrad import demo
from xgrad.arrays import buffers
from xgrad.workers.dispatch import drive

SHAPE = (128, 256, 256)


def medians(jobs: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Median milliseconds of each job, over rounds in a new order each.

    In a round each job runs three times and its best counts: how fast the system provides memory
    varies by up to a half with the job that has just released its own.
    """
    order = random.Random(0)
    taken: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(rounds):
        for name in order.sample(list(jobs), len(jobs)):
            times = []
            for _ in range(3):
                start = time.perf_counter()
                jobs[name]()
                times.append(1000 * (time.perf_counter() - start))
            taken[name].append(min(times))
    return {name: statistics.median(times) for name, times in taken.items()}


def row(*cells: str) -> None:
    print("| " + " | ".join(cells) + " |", flush=True)


def along(axes: tuple[int, ...], who: Any, values: Any, positions: Any) -> None:
    """Keep all results until the last one is computed, as numpy.gradient of several axes does."""
    kept = [who(values, positions[axis], axis) for axis in axes]
    kept.clear()


def copy(values: Any, _positions: Any, _axis: int) -> Any:
    return values.copy()


def in_memory(rounds: int) -> None:
    """Milliseconds of each contender, and two ratios."""
    who = {**CONTENDERS, "copy": copy}
    row("array", "spacing", "axis", *who, "numpy / xgrad",
        "xgrad / copy")  # fmt: skip
    row(*["---"] * (len(who) + 5))
    for dtype, spacing, axes in itertools.product(
        ("float32", "float64"), ("even", "uneven"), ((0,), (1,), (2,), (0, 1, 2))
    ):
        values = np.random.default_rng(0).normal(size=SHAPE).astype(dtype)
        positions = [
            np.arange(n) * 0.75 if spacing == "even" else np.arange(n) ** 1.01 for n in SHAPE
        ]
        jobs = {name: partial(along, axes, one, values, positions) for name, one in who.items()}
        took = medians(jobs, rounds)
        row(
            dtype, spacing, "all" if len(axes) == 3 else str(axes[0]),
            *(f"{took[name]:.1f}" for name in who),
            f"{took['numpy'] / took['xgrad']:.1f}", f"{took['xgrad'] / took['copy']:.2f}",
        )  # fmt: skip


def with_options(rounds: int) -> None:
    """Cost of boundaries, gaps, accuracy and multi-dimensional coordinates, and of their peers."""
    peers = {"findiff": "accuracy 4", "metpy": "positions of its own"}
    row("array", "axis", "plain, ms", *(f"{name} / plain" for name in OPTIONS),
        *(f"{peer} / xgrad, {what}" for peer, what in peers.items()))  # fmt: skip
    row(*["---"] * (len(OPTIONS) + 5))
    for dtype, axis in itertools.product(("float32", "float64"), range(3)):
        values = np.random.default_rng(0).normal(size=SHAPE).astype(dtype)
        positions = np.arange(SHAPE[axis]) ** 1.01
        jobs: dict[str, Callable[[], Any]] = {
            "plain": partial(CONTENDERS["xgrad"], values, positions, axis)
        }
        jobs |= {name: make(values, positions, axis) for name, make in OPTIONS.items()}
        jobs["findiff"] = partial(findiff_of_order_four, values, positions, axis)
        own = own_positions(values, axis)
        jobs["metpy"] = partial(metpy_over_columns, values, own, axis)
        took = medians(jobs, rounds)
        row(dtype, str(axis), f"{took['plain']:.1f}",
            *(f"{took[name] / took['plain']:.2f}" for name in OPTIONS),
            *(f"{took[peer] / took[what]:.1f}" for peer, what in peers.items()))  # fmt: skip


def on_a_store(rounds: int, n_bytes: int) -> None:
    with tempfile.TemporaryDirectory(dir=".") as folder:
        store = f"{folder}/source.zarr"
        chunks = {"time": 24, "latitude": 361, "longitude": 720}
        # Whole chunks only: xarray refuses a last chunk of one time step.
        n_times = n_bytes // (721 * 1440 * 4 * 24) * 24
        field = demo.field(n_times).chunk(chunks)
        field.to_zarr(store, zarr_format=2)
        peak_of_options(store, rounds)
        row("job, 2 threads", "who", "seconds", "of xarray's", "peak over base, MB", "of xarray's")
        row(*["---"] * 6)
        for target, others in {
            "max": {
                "xgrad, whole chunks": "whole-chunks",
                "xgrad's kernels in two bare threads": "bare threads",
                "reading it once": "read",
            },
            "one": {"xgrad's job": "job", "copying it once": "copy"},
            "zarr": {
                "xgrad's job": "job",
                "xgrad, one Delayed": "xgrad",
                "copying it three times": "copy",
            },
        }.items():
            jobs = {"xarray": "xarray", "xgrad": "xgrad", **others}
            runs: dict[str, list[dict[str, float]]] = {who: [] for who in jobs}
            order = random.Random(0)
            for _ in range(rounds):
                for who in order.sample(list(jobs), len(jobs)):
                    how = "delayed" if who.endswith("Delayed") else target
                    runs[who].append(run_job(store, jobs[who], how))
            middle = {
                who: {key: statistics.median(r[key] for r in results) for key in ("seconds", "MB")}
                for who, results in runs.items()
            }
            job = {
                "max": "three gradients → the maximum of each",
                "one": "one gradient → Zarr",
                "zarr": "three gradients → Zarr",
            }[target]
            for who, found in middle.items():
                base = middle["xarray"]
                row(job, who, f"{found['seconds']:.2f}",
                    f"{found['seconds'] / base['seconds']:.2f}", f"{found['MB']:.0f}",
                    f"{found['MB'] / base['MB']:.2f}")  # fmt: skip


def run_job(store: str, who: str, how: str, script: str = "store_job") -> dict[str, float]:
    command = [sys.executable, "-m", f"benchmarks.{script}", store, who, how]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout))


def peak_of_options(store: str, rounds: int) -> None:
    """Seconds and memory of a gradient along the latitude → its maximum, with each option."""
    row("one gradient → its maximum", "seconds", "peak over base, MB")
    row("---", "---", "---")
    for who in LAZY_OPTIONS:
        found = [run_job(store, who, "max") for _ in range(rounds)]
        seconds, peak = (statistics.median(one[key] for one in found) for key in ("seconds", "MB"))
        row(who, f"{seconds:.1f}", f"{peak:.0f}")
    print()


def derived(rounds: int) -> None:
    """Magnitude and Laplacian over three dimensions: times and peak memory."""
    shape = (256, 256, 256)
    row("array", "spacing", "what", "numpy, ms", "xgrad, ms", "numpy / xgrad",
        "numpy's peak / result", "xgrad's peak / result")  # fmt: skip
    row(*["---"] * 8)
    for dtype, spacing in itertools.product(("float32", "float64"), ("even", "uneven")):
        values = np.random.default_rng(0).normal(size=shape).astype(dtype)
        positions = [
            np.arange(n) * 0.75 if spacing == "even" else (np.arange(n) ** 1.01).astype(dtype)
            for n in shape
        ]
        for what, (with_numpy, with_xgrad) in DERIVED.items():
            jobs = {
                "numpy": partial(with_numpy, values, positions),
                "xgrad": partial(with_xgrad, values, positions),
            }
            took = medians(jobs, min(3, rounds))
            peaks = {who: peak_of(job) / values.nbytes for who, job in jobs.items()}
            row(dtype, spacing, what, *(f"{took[who]:.0f}" for who in jobs),
                f"{took['numpy'] / took['xgrad']:.1f}",
                *(f"{peak:.2f}" for peak in peaks.values()))  # fmt: skip


def peak_of(job: Callable[[], Any]) -> int:
    """The most bytes that a job has allocated at a time, including its result."""
    buffers.give_back()
    tracemalloc.start()
    try:
        job()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def vorticity_on_a_store(rounds: int) -> None:
    """Vorticity of time × level × 721 × 1440 float32, for stores of several sizes."""
    row("wind, MB", "vorticity →", "who", "seconds", "of xgrad's", "peak over base, MB")
    row(*["---"] * 6)
    for n_times in (4, 12):
        with tempfile.TemporaryDirectory(dir=".") as folder:
            store = f"{folder}/wind.zarr"
            vorticity_job.write(store, n_times)
            for target, jobs in {
                "the maximum of each level": ["xgrad", "metpy", "metpy-loaded", "read"],
                "Zarr": ["job", "xgrad", "metpy"],
            }.items():
                how = "zarr" if target == "Zarr" else "max"
                found = {
                    who: [run_job(store, who, how, "vorticity_job") for _ in range(min(3, rounds))]
                    for who in jobs
                }
                middle = {
                    who: {key: statistics.median(r[key] for r in runs) for key in ("seconds", "MB")}
                    for who, runs in found.items()
                }
                for who, one in middle.items():
                    row(f"{n_times * 4 * 721 * 1440 * 8 / 1e6:.0f}", target, NAMES.get(who, who),
                        f"{one['seconds']:.2f}",
                        f"{one['seconds'] / middle[jobs[0]]['seconds']:.1f}",
                        f"{one['MB']:.0f}")  # fmt: skip


def on_curved_grids(rounds: int) -> None:
    """Derivatives with the metric of a polar grid over a plain gradient; vorticity beside MetPy."""
    shapes = (256, 256, 256), (64, 512, 512), (24, 1000, 1000)
    row("time × y × x", "plain, ms", *list(curved_grids.derivatives((2, 8, 8)))[1:])
    row(*["---"] * 6)
    for shape in shapes:
        took = medians(curved_grids.derivatives(shape), rounds)
        plain = took.pop("plain")
        row(
            " × ".join(map(str, shape)),
            f"{plain:.0f}",
            *(f"{t / plain:.1f}" for t in took.values()),
        )
    row("time × level × y × x", "xgrad, ms", "MetPy / xgrad")
    row(*["---"] * 3)
    for sizes in ((2, 3), (4, 6), (8, 6)):
        took = medians(curved_grids.vorticity(*sizes), rounds)
        row(f"{sizes[0]} × {sizes[1]} × 1000 × 1000", f"{took['xgrad']:.0f}",
            f"{took['metpy'] / took['xgrad']:.1f}")  # fmt: skip


NAMES = {
    "job": "xgrad's job",
    "metpy": "MetPy",
    "metpy-loaded": "MetPy, after `.load()`",
    "read": "reading the wind once",
}


WHO = {"job": "xgrad's job", "dask-array": "xgrad, dask-array"}


def at_constant_height(rounds: int) -> None:
    """One horizontal derivative over a seamount, at constant height and along the levels."""
    q = constant_height.section()
    row("along", "what", "ms", "/ plain", "/ interpolation")
    row(*["---"] * 5)
    for dim in "xy":
        took = medians(constant_height.contenders(q, dim), min(3, rounds))
        for what, ms in took.items():
            ratios = (f"{ms / took[other]:.1f}" for other in ("plain", "interpolation"))
            row(dim, what, f"{ms:.1f}", *ratios)
    print()
    row("chunks", "what", "peak, chunks of the data")
    row(*["---"] * 3)
    q = constant_height.section(ny=400)
    for chunks in ({"y": 25, "x": 100}, {"s": 10, "y": 50, "x": 100}):
        cells = {**q.sizes, **chunks}
        n_bytes = q.dtype.itemsize * int(np.prod(list(cells.values())))
        for what, options in (("plain", {}), ("interpolation", constant_height.HELD)):
            peak = peak_of(constant_height.lazily(q, chunks, **options))
            row(str(cells), what, f"{peak / n_bytes:.1f}")


def fitted(rounds: int) -> None:
    """Time and peak memory of fits to 11 cells, without and with missing cells."""
    row("axis", "plain, ms", "fit / plain", "savgol_filter / fit",
        "1 % missing / fit", "10 % missing / fit")  # fmt: skip
    row(*["---"] * 6)
    for dim in fits.DIMS:
        took = medians(fits.contenders(SHAPE, dim), rounds)
        fit = took["fit"]
        row(dim, f"{took['plain']:.1f}", f"{fit / took['plain']:.1f}",
            *(f"{took[name] / fit:.1f}" for name in ("savgol_filter", "1%", "10%")))  # fmt: skip
    print()
    row("peak over base, MB", *fits.OPTIONS)
    row(*["---"] * (1 + len(fits.OPTIONS)))
    for where in ("memory", "dask"):
        peaks = []
        for what in fits.OPTIONS:
            command = [sys.executable, "-m", "benchmarks.fits", where, what]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            peaks.append(f"{json.loads(done.stdout)['MB']:.0f}")
        row(where, *peaks)


def larger_than_memory(rounds: int) -> None:
    """Seconds and memory of lazy gradients, and memory for four times as many chunks of 2 MB."""
    row("1024 chunks, 2 threads", "who", "seconds", "of xarray's", "peak over base, MB",
        "with 4096 chunks, of that")  # fmt: skip
    row(*["---"] * 6)
    with tempfile.TemporaryDirectory(dir=".") as folder:
        stores = [f"{folder}/{n}.zarr" for n in (1024, 4096)]
        for store, shape in zip(stores, ((128, 2048, 2048), (256, 4096, 2048)), strict=True):
            larger.write(store, shape)
        for target, job in larger.JOBS.items():
            runs: dict[str, list[Any]] = {who: [] for who in larger.who(target)}
            for _ in range(rounds):
                for who, found in runs.items():
                    found.append(run_job(stores[0], who, target))
            middle = {who: medians_of(found) for who, found in runs.items()}
            for who, (seconds, peak) in middle.items():
                more = "" if who == "xarray" else run_job(stores[1], who, target)["MB"] / peak
                row(job, WHO.get(who, who), f"{seconds:.1f}",
                    f"{seconds / middle['xarray'][0]:.2f}", f"{peak:.0f}",
                    more and f"{more:.2f}")  # fmt: skip


def medians_of(runs: list[dict[str, float]]) -> tuple[float, float]:
    """Median seconds and megabytes."""
    seconds, peak = (statistics.median(one[key] for one in runs) for key in ("seconds", "MB"))
    return seconds, peak


def with_many_chunks(rounds: int) -> None:
    """Building and optimising graphs of 64,000 chunks, and the number of tasks left."""
    row("64,000 chunks", "who", "tasks a chunk and dimension", "seconds", "of xarray's")
    row(*["---"] * 5)
    for dims in ("x", "xyz"):
        found: dict[str, list[dict[str, float]]] = {
            who: [] for who in ("xarray", "xgrad", "dask-array")
        }
        for _ in range(min(3, rounds)):
            for who, rest in found.items():
                command = [sys.executable, "-m", "benchmarks.graph_job", who, dims]
                done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
                rest.append(json.loads(done.stdout))
        taken = {who: statistics.median(r["seconds"] for r in rest) for who, rest in found.items()}
        for who, seconds in taken.items():
            row(f"{len(dims)} dimension(s)", who, f"{found[who][0]['tasks']:.1f}",
                f"{seconds:.1f}", f"{seconds / taken['xarray']:.2f}")  # fmt: skip


def waiting(_rounds: int) -> None:
    """Chunks in memory at a time, with and without the tasks that tell dask where to begin."""
    row("chunks", "without", "with")
    row(*["---"] * 3)
    for grid in ((16, 2, 2), (64, 2, 2), (24, 1, 2), (4, 4, 4), (1, 8, 8), (12, 12, 3), (20, 4, 4)):
        cells = []
        for tasks in (0, 3):
            command = ["benchmarks.waiting_job", ",".join(map(str, grid)), str(tasks)]
            found = [
                int(subprocess.run(
                    [sys.executable, "-m", *command], check=True, stdout=subprocess.PIPE,
                    text=True, env=os.environ | {"PYTHONHASHSEED": str(seed)},
                ).stdout)
                for seed in range(5)
            ]  # fmt: skip
            least, most = min(found), max(found)
            cells.append(str(most) if least == most else f"{least} to {most}")
        row(" × ".join(map(str, grid)), *cells)


def jobs_of_many_chunks(_rounds: int) -> None:
    """The command on stores of 1,000 and of 100,000 small chunks."""
    row("chunks", "seconds", "ms a chunk", "peak, MB")
    row(*["---"] * 4)
    for count in (1000, 100_000):
        with tempfile.TemporaryDirectory(dir=".") as folder:
            shape, chunks = (count // 100 * 4, 80, 160), (4, 8, 16)
            array: Any = zarr.create_array(
                f"{folder}/in.zarr/t", shape=shape, chunks=chunks, dtype="f4", zarr_format=2,
                compressors=None, fill_value=np.nan, attributes={"_ARRAY_DIMENSIONS": list("xyz")},
            )  # fmt: skip
            for start in range(0, shape[0], 400):
                rows = min(400, shape[0] - start)
                array[start : start + rows] = np.random.default_rng(0).random((rows, 80, 160))
            zarr.open_group(f"{folder}/in.zarr", mode="a", zarr_format=2)
            code = (
                "import xgrad; from xgrad.workers.processes import own_process; own_process();"
                f"r = xgrad.gradient_to_zarr('{folder}/in.zarr', '{folder}/out.zarr', dim='x');"
                "print(r.seconds, r.peak_memory / 1e6)"
            )
            done = subprocess.run(
                [sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True
            )
            seconds, peak = map(float, done.stdout.split())
            row(f"{count:,}", f"{seconds:.1f}", f"{1000 * seconds / count:.2f}", f"{peak:.0f}")


def nothing(task: int) -> list[int]:
    return [task]


def handing_out(_rounds: int) -> None:
    """Time of the coordinator and the scheduler for a task that does nothing."""
    import distributed

    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0"
        ) as processes,
        distributed.Client(processes) as client,
    ):
        counts = (200, 3000)
        taken = []
        for count in counts:
            start = time.perf_counter()
            drive(client, range(count), nothing, lambda _task, _part: None, n_lanes=1)
            taken.append(time.perf_counter() - start)
    row("tasks that do nothing, on 2 processes", "ms a task")
    row("---", "---")
    for count, seconds in zip(counts, taken, strict=True):
        row(f"{count:,}", f"{1000 * seconds / count:.1f}")


def starting(rounds: int) -> None:
    """Seconds of ``import xgrad`` after its dependencies, and of the first gradient."""
    code = (
        "import time; import xarray, dask.array; a = time.perf_counter(); import xgrad;"
        "b = time.perf_counter(); import numpy as np;"
        "f = xarray.DataArray(np.ones((50, 60, 70), 'f4'), coords={'x': np.arange(70) ** 1.5},"
        "dims=('z', 'y', 'x'), name='f'); f.fdgrad.gradient('x');"
        "print(b - a, time.perf_counter() - b)"
    )
    taken = []
    for _ in range(rounds + 1):
        done = subprocess.run(
            [sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True
        )
        taken.append([float(part) for part in done.stdout.split()])
    first, second = (statistics.median(part) for part in zip(*taken[1:], strict=True))
    row("start of a fresh process", "seconds")
    row("---", "---")
    row("`import xgrad` after `import xarray, dask.array`", f"{first:.2f}")
    row("the first gradient, kernels cached", f"{second:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "tables",
        nargs="*",
        default=[],
        help="memory, options, store, derived, vorticity, curved, height, fits, larger, graphs, "
        "waiting, chunks, tasks, start",
    )
    parser.add_argument("--store-size", type=parse_bytes, default="1.6GB")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    print(versions() + "\n")
    for name, table in {
        "memory": lambda: in_memory(options.rounds),
        "options": lambda: with_options(options.rounds),
        "store": lambda: on_a_store(options.rounds, options.store_size),
        "derived": lambda: derived(options.rounds),
        "vorticity": lambda: vorticity_on_a_store(options.rounds),
        "curved": lambda: on_curved_grids(options.rounds),
        "height": lambda: at_constant_height(options.rounds),
        "fits": lambda: fitted(options.rounds),
        "larger": lambda: larger_than_memory(options.rounds),
        "graphs": lambda: with_many_chunks(options.rounds),
        "waiting": lambda: waiting(options.rounds),
        "chunks": lambda: jobs_of_many_chunks(options.rounds),
        "tasks": lambda: handing_out(options.rounds),
        "start": lambda: starting(options.rounds),
    }.items():
        if not options.tables or name in options.tables:
            table()
            print()


if __name__ == "__main__":
    main()
