"""Run jobs in a given memory, which earlier versions exceeded, and print what they used.

``python -m benchmarks.asked_memory [NAME …]``: each job is the command in a process of its own.
Used is the largest VmHWM of the command and of its workers.  A job that does not fit is refused.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
import zarr

from benchmarks.promise import copied, field, line, run


class Asked(NamedTuple):
    """A store, how it is differentiated, and in how many MB."""

    make: Callable[[Path], None]
    memory: int
    options: tuple[str, ...] = ()
    operation: str = "gradient"


class Used(NamedTuple):
    """What a job printed, predicted and took, in MB and seconds."""

    status: int
    shown: str
    predicted: str
    used: float
    seconds: float


def _deflated(n_bytes: int) -> Iterator[bytes]:
    """So many zeros, as gzip writes them."""
    stream, part = zlib.compressobj(wbits=31), bytes(2**24)
    for _ in range(n_bytes // len(part)):
        yield stream.compress(part)
    yield stream.flush()


def bomb(path: Path) -> None:
    """A chunk of 4 MB that unpacks to 4.3 GB, where the metadata say 4 MB."""
    group = zarr.open_group(path, mode="w", zarr_format=2)
    attributes = {"_ARRAY_DIMENSIONS": ["y", "x"]}
    codec: Any = {"id": "gzip", "level": 1}
    array = group.create_array(
        "t", shape=(2000, 1000), chunks=(1000, 1000), dtype="f4", compressors=codec,
        attributes=attributes, fill_value=0,
    )  # fmt: skip
    array[:] = 1.0
    with (path / "t" / "1.0").open("wb") as chunk:
        chunk.writelines(_deflated(2**32))


def many_files(path: Path, sides: tuple[int, ...] = (1000, 1000)) -> None:
    """A store of a million chunks of one cell, each a file: a thousand folders of as many.

    Most are further names of others, so that they take no space; what lists and looks at files
    cannot tell.
    """
    group = zarr.open_group(path, mode="w", zarr_format=3)
    array = group.create_array(
        "t", shape=sides, chunks=(1, 1), dtype="f4", dimension_names=("y", "x"), fill_value=0,
        compressors=None,
    )  # fmt: skip
    array[:, 0] = 1.0
    for row in range(sides[0]):
        folder = path / "t" / "c" / str(row)
        for k in range(1, sides[1]):
            os.link(folder / "0", folder / str(k))


WIDE = (200, 1000, 1000)
PLANES = field((60, 1000, 1000), (1, 1000, 1000))


def curvilinear(side: int) -> Callable[[Path], None]:
    """A store of a grid whose axes lead nowhere in particular."""

    def make(path: Path) -> None:
        y, x = np.mgrid[0:side, 0:side] * (20 / side)
        places = {"lat": 30 + y + 0.1 * x, "lon": 10 + x - 0.1 * y}
        units = {"lat": "degrees_north", "lon": "degrees_east"}
        coords = {
            name: (("y", "x"), values.astype("f4"), {"units": units[name]})
            for name, values in places.items()
        }
        data = np.random.default_rng(0).random((2, side, side), "f4")
        whole = xr.Dataset({"t": (("time", "y", "x"), data)}, coords)
        sides = {"t": (1, 250, 250), "lat": (250, 250), "lon": (250, 250)}
        encoding = {name: {"chunks": own} for name, own in sides.items()}
        whole.to_zarr(path, zarr_format=2, encoding=encoding)

    return make


ALONG_TIME = ("--dim", "time")
EAST_AND_NORTH = ("--dim", "lon", "--dim", "lat", "--metric", "sphere")
GRID = curvilinear(4000)
MANY = "a million chunks, planned"

CASES = {
    "1e8 cells, no coordinate": Asked(line(10**8, uneven=False), 1000),
    "3e7 cells, uneven": Asked(line(3 * 10**7, uneven=True), 1000),
    "3e7 cells, uneven, a worker": Asked(line(3 * 10**7, uneven=True), 1000, ("--workers", "1")),
    "a coordinate in one chunk of 800 MB": Asked(copied(WIDE, WIDE), 500),
    "a coordinate in chunks of 40 MB": Asked(copied(WIDE, (10, 1000, 1000)), 500),
    "a gzip bomb": Asked(bomb, 500),
    "accuracy 4 with gaps": Asked(PLANES, 400, (*ALONG_TIME, "--accuracy", "4", "--skipna")),
    "accuracy 8": Asked(PLANES, 400, (*ALONG_TIME, "--accuracy", "8")),
    "accuracy 8 with gaps": Asked(PLANES, 400, (*ALONG_TIME, "--accuracy", "8", "--skipna")),
    "east and north": Asked(GRID, 905, EAST_AND_NORTH),
    "east and north, in 3 GB": Asked(GRID, 3000, EAST_AND_NORTH),
    "along a grid": Asked(GRID, 900, ("--dim", "x", "--metric", "sphere")),
    "a Laplacian of a grid": Asked(GRID, 900, EAST_AND_NORTH, "laplacian"),
    MANY: Asked(many_files, 300, ("--dry-run",)),
}


def used(case: Asked, folder: Path) -> Used:
    """Run a case in the memory that it is given."""
    source, target = folder / "in.zarr", folder / "out.zarr"
    case.make(source)
    command = (case.operation, source, target, *case.options, "--memory", f"{case.memory}MB")
    _, plan, _ = run(*command, "--dry-run")
    predicted = re.search(r"peak +(\S+ \S+) predicted", plan)
    start = time.perf_counter()
    status, shown, peak = run(*command)
    seconds = time.perf_counter() - start
    return Used(status, shown, predicted[1] if predicted else "", peak / 1e6, seconds)


def main() -> None:
    print("| job | promised, MB | predicted | used, MB | seconds | |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name in sys.argv[1:] or CASES:
        with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
            one = used(CASES[name], Path(folder))
        said = one.shown.strip().splitlines()[-1] if one.status else "done"
        numbers = f"{one.predicted} | {one.used:.0f} | {one.seconds:.0f}"
        print(f"| {name} | {CASES[name].memory} | {numbers} | {said} |", flush=True)


if __name__ == "__main__":
    main()
