"""Data, comparisons and processes that several test modules of jobs need."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from zarr.codecs import BloscCodec

import xgrad
from tests.command import wait_until
from tests.helpers import numpy_gradient, same_bits

SIDES = {"time": 48, "y": 200, "x": 100}


def dataset() -> xr.Dataset:
    values = np.random.default_rng(0).normal(size=tuple(SIDES.values())).astype("f4")
    coords = {"time": np.cumsum(np.random.default_rng(1).random(SIDES["time"]) + 0.1)}
    return xr.Dataset({"t": (tuple(SIDES), values)}, coords)


def assert_equal(target: Path, expected: xr.Dataset) -> None:
    with xr.open_zarr(target) as found:
        assert set(found.data_vars) == set(expected.data_vars)
        for name, derivative in expected.items():
            assert same_bits(found[name].values, derivative.values)


def finished(target: Path) -> list[str]:
    journal = target.with_name(f"{target.name}.partial") / "finished"
    return journal.read_text().splitlines() if journal.exists() else []


def kill_when(process: subprocess.Popen[str], ready: Callable[[], bool]) -> bool:
    """Kill a process when it is ready, and return whether it had not ended before."""
    wait_until(ready, process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return process.returncode == -signal.SIGKILL


SMALL = {"time": 13, "level": 7, "x": 11}


def small(dtype: str = "f8") -> xr.Dataset:
    rng = np.random.default_rng(0)
    shape = tuple(SMALL.values())
    values = 100 * rng.normal(size=shape)
    if np.dtype(dtype).kind == "c":
        values = values + 1j * rng.normal(size=shape)
    if np.dtype(dtype).kind == "M":
        values = values.astype("i8")
    filled = values.astype(dtype)
    if np.dtype(dtype).kind in "fc":
        filled[rng.random(shape) < 0.1] = np.nan
    own = np.sort(rng.normal(size=shape), axis=1) + 10 * np.arange(7.0)[:, None]
    own[2, :, 3] = own[2, ::-1, 3]  # descending
    own[4, 3, 5] = own[4, 2, 5]  # a column that is bad
    turned = np.mod(np.sort(rng.uniform(0, 300, shape), axis=2) + 200, 360)
    return xr.Dataset(
        {"t": (tuple(SMALL), filled)},
        {
            "time": np.array("2000-01-01", "M8[s]") + np.arange(13) ** 2 * np.timedelta64(60, "s"),
            "level": [1000, 850, 700, 500, 300, 200, 100],
            "x": np.arange(11) * 30.0,
            "height": (tuple(SMALL), own.astype("f4" if dtype == "f4" else "f8")),
            "lon": (tuple(SMALL), turned),
        },
    )


OPTIONS: dict[str, Any] = {
    "plain": {},
    "edge order 2": {"edge_order": 2, "datetime_unit": "h"},
    "boundaries": {"boundary": {"level": ("extend", "nan"), "x": "reflect", "time": 3.0}},
    "periodic": {"boundary": {"x": "periodic"}, "period": {"x": 333.3}},
    "accuracy 4": {"accuracy": 4, "boundary": {"x": "periodic"}, "period": {"x": 333.3}},
    "gaps": {"skipna": True, "edge_order": 2},
    "gaps, accuracy 4": {"skipna": True, "accuracy": 4},
    "columns": {"dim": "level", "spacing": {"level": "height"}},
    "columns with gaps": {"dim": "level", "spacing": {"level": "height"}, "skipna": True},
    "columns around": {
        "dim": ("x", "time"),
        "spacing": {"x": "lon"},
        "boundary": {"x": "periodic"},
        "period": {"x": 360},
    },
    "a step": {"spacing": {"x": 0.25, "level": [0, 1, 3, 6, 10, 15, 21]}},
}


@contextmanager
def spoiled(chunk: Path) -> Iterator[None]:
    """Make a chunk invalid for the time of a block, with the same size and time of change."""
    whole, status = chunk.read_bytes(), chunk.stat()
    for content in (bytes(len(whole)), whole):
        chunk.write_bytes(content)
        os.utime(chunk, ns=(status.st_atime_ns, status.st_mtime_ns))
        if content != whole:
            yield


def compare(target: Path, given: xr.Dataset, options: Any) -> None:
    dim = options.get("dim")
    kept = {key: value for key, value in options.items() if key != "dim"}
    lazy = given.chunk() if "spacing" in options else given  # bad columns are NaN, not an error
    expected = xgrad.gradient(lazy, dim, **kept).compute()
    with xr.open_zarr(target) as found:
        assert set(found.data_vars) == set(expected.data_vars)
        for name, derivative in expected.items():
            assert same_bits(found[name].values, derivative.values), name
            assert found[name].attrs == derivative.attrs


TIMES = np.array("2000-01-01", "M8[s]") + np.cumsum([0, *[1, 3] * 10]) * np.timedelta64(3600, "s")


def mixed() -> xr.Dataset:
    values = np.random.default_rng(0).normal(size=(21, 12, 10)).astype("f4")
    return xr.Dataset(
        {
            "t": (("time", "y", "x"), values, {"units": "K"}),
            "u": (("time", "y", "x"), 2 * values.astype("f8")),
            "land": (("y", "x"), np.ones((12, 10), bool)),
        },
        {"time": TIMES, "y": np.arange(12.0)[::-1], "height": (("y", "x"), np.ones((12, 10)))},
        {"title": "a test", "history": "made by a test"},
    )


def write_mixed(path: Path) -> Path:
    encoding = {
        "t": {"chunks": (5, 4, 10), "compressors": [BloscCodec(cname="zstd", clevel=2)]},
        "height": {"chunks": (6, 5)},
    }
    mixed().to_zarr(path, encoding=encoding, consolidated=False)
    return path


def with_codec(folder: Path, code: str) -> dict[str, str]:
    """An environment whose Python processes have a codec that is defined by some code."""
    (folder / "sitecustomize.py").write_text(code)
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "PYTHONPATH": path}


def write_for_codec(path: Path, values: np.ndarray, codec: str) -> None:
    """Write a store that is read through a codec, which encodes each chunk as it is."""
    given = xr.Dataset({"t": (("time", "y", "x"), values)})
    encoding = {"t": {"chunks": (2, *values.shape[1:])}}
    given.to_zarr(path, encoding=encoding, zarr_format=2, consolidated=False)
    metadata = path / "t" / ".zarray"
    filters = {"filters": [{"id": codec}]}
    metadata.write_text(json.dumps(json.loads(metadata.read_text()) | filters))


def seeded() -> np.random.Generator:
    """Random numbers that differ in each run; a failure prints the variable that repeats them."""
    seed = int(os.environ.get("XGRAD_SEED", np.random.default_rng().integers(2**32)))
    print(f"XGRAD_SEED={seed}")
    return np.random.default_rng(seed)


def gradient_of_mixed(name: str, axis: int) -> Any:
    x = [(TIMES - TIMES[0]) / np.timedelta64(1, "s"), np.arange(12.0)[::-1], 1.0][axis]
    return numpy_gradient(mixed()[name].values, x, axis)
