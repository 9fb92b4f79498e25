"""The law of the lock on an object store: one live process holds it, and no dead one keeps it.

The lock of another process is a file with its name, host, process and time, so these tests write
such files into a store in memory.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
import xarray as xr

import xgrad
from tests.helpers import same_bits
from xgrad.stores import on_object_store

TARGET = "memory://bucket/out.zarr"
LOCK = "/bucket/out.zarr.partial/lock"
GIVEN = xr.Dataset({"t": ("x", np.arange(6.0) ** 2)}, {"x": np.arange(6.0)})


@pytest.fixture
def fs() -> Iterator[Any]:
    found = fsspec.filesystem("memory")
    yield found
    if found.exists("/bucket"):
        found.rm("/bucket", recursive=True)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    GIVEN.to_zarr(tmp_path / "in.zarr", encoding={"t": {"chunks": 2}}, zarr_format=2)
    return tmp_path / "in.zarr"


def lock(host: str, pid: int, age: float = 0) -> bytes:
    found = {"name": "another", "host": host, "pid": pid, "time": time.time() - age}
    return json.dumps(found).encode()


def ended_process() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
        return process.pid


def assert_refused(source: Path, fs: Any, held: bytes) -> None:
    with pytest.raises(FileExistsError, match=r"'memory://bucket/out.zarr' is being written by an"):
        xgrad.gradient_to_zarr(source, TARGET)
    assert fs.cat_file(LOCK) == held
    assert fs.find("/bucket") == [LOCK], "and nothing was written"


def assert_taken_over(source: Path, fs: Any) -> None:
    xgrad.gradient_to_zarr(source, TARGET)
    with xr.open_zarr(TARGET) as found:
        assert same_bits(found.dt_dx.values, xgrad.gradient(GIVEN).dt_dx.values)
    assert not fs.exists(LOCK)


# A lock that missed four renewals is not stale yet.
@pytest.mark.parametrize("age", [0, 4 * on_object_store._HEARTBEAT])
def test_a_fresh_lock_of_another_host_is_respected(age: float, source: Path, fs: Any) -> None:
    # Whether its process is alive cannot be seen from here.
    fs.pipe_file(LOCK, held := lock("elsewhere", ended_process(), age))
    assert_refused(source, fs, held)


def test_an_old_lock_of_another_host_is_taken_over(source: Path, fs: Any) -> None:
    fs.pipe_file(LOCK, lock("elsewhere", os.getpid(), on_object_store._PATIENCE + 1))
    assert_taken_over(source, fs)


def test_a_lock_of_a_living_process_of_this_host_is_respected(source: Path, fs: Any) -> None:
    fs.pipe_file(LOCK, held := lock(socket.gethostname(), os.getpid()))
    assert_refused(source, fs, held)


def test_a_lock_of_a_dead_process_of_this_host_is_taken_over_at_once(source: Path, fs: Any) -> None:
    fs.pipe_file(LOCK, lock(socket.gethostname(), ended_process()))
    assert_taken_over(source, fs)


def test_an_unfinished_store_of_another_host_is_replaced_once_its_lock_is_old(
    source: Path, fs: Any
) -> None:
    whole = (source / "t" / "2").read_bytes()
    (source / "t" / "2").write_bytes(b"")
    with pytest.raises(RuntimeError, match="could not be read"):
        xgrad.gradient_to_zarr(source, TARGET, retries=0)
    (source / "t" / "2").write_bytes(whole)
    fs.pipe_file(LOCK, lock("elsewhere", 1))
    before = {path: fs.cat_file(path) for path in fs.find("/bucket")}
    with pytest.raises(FileExistsError, match="is being written by another process"):
        xgrad.gradient_to_zarr(source, TARGET, restart=True)
    assert {path: fs.cat_file(path) for path in fs.find("/bucket")} == before
    fs.pipe_file(LOCK, lock("elsewhere", 1, on_object_store._PATIENCE + 1))
    xgrad.gradient_to_zarr(source, TARGET, restart=True)
    with xr.open_zarr(TARGET) as found:
        assert same_bits(found.dt_dx.values, xgrad.gradient(GIVEN).dt_dx.values)


def test_the_heartbeat_renews_a_lock_that_is_almost_stale(
    source: Path, fs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_object_store, "_HEARTBEAT", 0.001)
    with on_object_store.at_url(TARGET):
        held = json.loads(fs.cat_file(LOCK))
        fs.pipe_file(LOCK, json.dumps(held | {"time": 0}).encode())
        renewed = (json.loads(fs.cat_file(LOCK)) for _ in range(10**6))
        assert next(one for one in renewed if one["time"]) | {"time": 0} == held | {"time": 0}
        with pytest.raises(FileExistsError, match="is being written by another process"):
            xgrad.gradient_to_zarr(source, TARGET)
    assert not fs.exists(LOCK)
