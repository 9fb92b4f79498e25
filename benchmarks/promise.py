"""Run jobs of many shapes, and print what memory was promised, predicted and used.

``python -m benchmarks.promise [NAME …]``: each job is the command in a process of its own, twice:
with the least memory that it takes, and with twice that.  Used is the largest VmHWM of the command
and of its workers.  The numbers are random, so that they do not compress.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import zarr

RNG = np.random.default_rng(0)


class Case(NamedTuple):
    """A store, and how it is differentiated."""

    make: Callable[[Path], None]
    options: tuple[str, ...] = ()


class Peaks(NamedTuple):
    """What a job was promised, was predicted to take, and took, in bytes."""

    promised: int
    predicted: int
    used: int


def _random(shape: tuple[int, ...], dtype: str) -> Any:
    kind = np.dtype(dtype).kind
    if kind in "iu":
        return RNG.integers(1, 2**15, shape).astype(dtype)
    values = RNG.random(shape, "f4").astype(dtype)
    return values + 1j * RNG.random(shape, "f4") if kind == "c" else values


def _array(
    group: Any, name: str, chunks: Any, dims: tuple[str, ...], shape: Any, **more: Any
) -> None:
    attributes = more.pop("attributes", {})
    if group.metadata.zarr_format == 2:
        attributes = {"_ARRAY_DIMENSIONS": list(dims), **attributes}
    else:
        more["dimension_names"] = dims
    # xarray reads a fill value of format 2 as missing.
    fill = None if name == "x" else 0
    array = group.create_array(
        name, shape=shape, chunks=chunks, attributes=attributes, fill_value=fill, **more
    )
    step = (more.get("shards") or chunks)[0]
    for start in range(0, shape[0], step):
        part = array[start : start + step]
        array[start : start + step] = _random(part.shape, more["dtype"])


def field(
    shape: tuple[int, ...], chunks: tuple[int, ...], dtype: str = "f4", **more: Any
) -> Callable[[Path], None]:
    """A store with one variable; of format 3 with shards."""

    def make(path: Path) -> None:
        group = zarr.open_group(path, mode="w", zarr_format=3 if "shards" in more else 2)
        _array(group, "t", chunks, ("time", "y", "x")[-len(shape) :], shape, dtype=dtype, **more)

    return make


def line(n_cells: int, *, uneven: bool) -> Callable[[Path], None]:
    """A store of one dimension, which is cut into chunks of 2**20 cells."""

    def make(path: Path) -> None:
        group = zarr.open_group(path, mode="w", zarr_format=2)
        _array(group, "t", (2**20,), ("x",), (n_cells,), dtype="f4")
        if uneven:
            _array(group, "x", (2**20,), ("x",), (n_cells,), dtype="f8")
            for start in range(0, n_cells, 2**20):
                x = np.arange(start, min(n_cells, start + 2**20), dtype="f8")
                group["x"][start : start + len(x)] = x + 0.3 * np.sin(x)

    return make


def copied(shape: tuple[int, ...], chunks: tuple[int, ...]) -> Callable[[Path], None]:
    """A store with a large coordinate, which is only copied."""

    def make(path: Path) -> None:
        field(shape, (1, *shape[1:]), attributes={"coordinates": "c"})(path)
        group = zarr.open_group(path, mode="r+")
        _array(group, "c", chunks, ("time", "y", "x"), shape, dtype="f4")

    return make


PACKED = {"scale_factor": 0.01, "add_offset": 3.0, "_FillValue": -32768}
ALONG_TIME = ("--dim", "time")
PLANES = field((24, 1000, 1000), (1, 1000, 1000))

CASES = {
    "float32": Case(field((24, 1000, 1000), (4, 1000, 1000))),
    "float32, one dimension": Case(field((24, 1000, 1000), (4, 1000, 1000)), ALONG_TIME),
    "float64": Case(field((16, 1000, 1000), (4, 1000, 1000), "f8")),
    "float64, big-endian": Case(field((16, 1000, 1000), (4, 1000, 1000), ">f8")),
    "complex64": Case(field((24, 1000, 1000), (4, 500, 1000), "c8")),
    "int32": Case(field((24, 1000, 1000), (4, 1000, 1000), "i4")),
    "packed int16": Case(field((24, 1000, 1000), (4, 1000, 1000), "i2", attributes=PACKED)),
    "small chunks": Case(field((48, 400, 400), (4, 50, 50))),
    "one chunk of 268 MB": Case(field((67, 1000, 1000), (67, 1000, 1000))),
    "shards": Case(field((32, 1000, 1000), (2, 250, 1000), shards=(8, 1000, 1000))),
    "chunks of one time": Case(PLANES, ALONG_TIME),
    "accuracy 4, with gaps": Case(PLANES, (*ALONG_TIME, "--accuracy", "4", "--skipna")),
    "accuracy 8": Case(PLANES, (*ALONG_TIME, "--accuracy", "8")),
    "accuracy 8, with gaps": Case(PLANES, (*ALONG_TIME, "--accuracy", "8", "--skipna")),
    "reflected": Case(PLANES, ("--boundary", "reflect", "--edge-order", "2")),
    "one dimension of 1e8 cells": Case(line(10**8, uneven=False)),
    "uneven, 3e7 cells": Case(line(3 * 10**7, uneven=True)),
    "uneven, accuracy 4": Case(line(3 * 10**7, uneven=True), ("--accuracy", "4")),
    "uneven, within a bandwidth": Case(line(3 * 10**7, uneven=True), ("--bandwidth", "9")),
    "uneven, with gaps": Case(line(3 * 10**7, uneven=True), ("--skipna",)),
    "a coordinate that is copied": Case(copied((40, 1000, 1000), (10, 1000, 1000))),
    "the same in one chunk": Case(copied((40, 1000, 1000), (40, 1000, 1000))),
    "one worker": Case(field((24, 1000, 1000), (4, 1000, 1000)), ("--workers", "1")),
    "uneven, one worker": Case(line(3 * 10**7, uneven=True), ("--workers", "1")),
}


def _processes(parent: int) -> Iterator[int]:
    yield parent
    for threads in Path(f"/proc/{parent}/task").glob("*/children"):
        try:
            children = threads.read_text().split()
        except OSError:
            continue
        for child in children:
            yield from _processes(int(child))


def _peak(process: int) -> int:
    try:
        text = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"VmHWM:\s+(\d+)", text)
    return 1024 * int(found[1]) if found else 0


def run(*arguments: Any) -> tuple[int, str, int]:
    """Run the command: its exit status, what it prints, and the peak of any of its processes."""
    command = [sys.executable, "-m", "xgrad", *map(str, arguments)]
    with tempfile.TemporaryFile("w+") as text:
        job = subprocess.Popen(command, stdout=text, stderr=subprocess.STDOUT)
        peak = 0
        while job.poll() is None:
            peak = max(peak, *map(_peak, list(_processes(job.pid))))
            time.sleep(0.01)
        text.seek(0)
        return job.returncode, text.read(), peak


def _bytes(text: str) -> int:
    number, unit = text.split()
    return int(float(number) * {"kB": 1e3, "MB": 1e6, "GB": 1e9}[unit])


def peaks(case: Case, folder: Path) -> Iterator[Peaks]:
    """Run a case in the least memory that it takes with compiled kernels, and in twice that."""
    source, target = folder / "in.zarr", folder / "out.zarr"
    case.make(source)
    common = ("gradient", source, target, *case.options, "--overwrite")
    _, refusal, _ = run(*common, "--memory", "1MB", "--dry-run")
    found = re.search(r": ([\d.]+ [MG]B) in all", refusal)
    assert found is not None, refusal
    # What a process takes before it works differs from run to run, by up to 20 MB where a long
    # coordinate is read.  In whole MB, as the plan shows what it predicts.
    least = (int(1.02 * _bytes(found[1])) // 10**6 + 16) * 10**6
    # A job that must compile its kernels first needs more than the plan of one that need not.
    run(*common, "--memory", 4 * least)
    for promised in (least, 2 * least):
        status, plan, _ = run(*common, "--memory", promised, "--dry-run")
        assert status == 0, plan
        predicted = re.search(r"peak +(\S+ \S+) predicted", plan)
        assert predicted is not None, plan
        yield Peaks(promised, _bytes(predicted[1]), _used(common, promised, _bytes(predicted[1])))


def _used(command: tuple[Any, ...], promised: int, predicted: int) -> int:
    """The largest peak of up to three runs.

    How much the threads hold at the same time differs from run to run, and is less on a machine
    that does other work.
    """
    used = 0
    for _ in range(3):
        status, shown, peak = run(*command, "--memory", promised)
        assert status == 0, shown
        used = max(used, peak)
        if predicted <= 1.5 * used:
            break
    return used


def main() -> None:
    print("| job | promised, MB | predicted, MB | used, MB | predicted of used |")
    print("| --- | --- | --- | --- | --- |")
    for name in sys.argv[1:] or CASES:
        with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
            for one in peaks(CASES[name], Path(folder)):
                sizes = " | ".join(f"{n / 1e6:.0f}" for n in one)
                print(f"| {name} | {sizes} | {one.predicted / one.used:.2f} |", flush=True)


if __name__ == "__main__":
    main()
