"""The law of the lock on an object store: one live process holds it, and no dead one keeps it."""

from __future__ import annotations

import json
import logging
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
import xarray as xr

import xgrad
from tests.helpers import mostly_thorough, same_bits
from xgrad.stores import object_lock
from xgrad.stores.object_lock import ObjectLock
from xgrad.stores.on_object_store import at_url

TARGET = "memory://bucket/out.zarr"
LOCK = "/bucket/out.zarr.partial/lock"
GIVEN = xr.Dataset({"t": ("x", np.arange(6.0) ** 2)}, {"x": np.arange(6.0)})
FOREVER = 1e9


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


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(object_lock, "_LOOK", 0.001)
    return lambda seconds: monkeypatch.setattr(object_lock, "_PATIENCE", seconds)


def lock(**own: Any) -> bytes:
    """The lock of this process, with some differences."""
    return json.dumps({"name": "another", "beat": 1} | object_lock._own_process() | own).encode()


def ended_process() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
        return process.pid


def assert_refused(source: Path, fs: Any) -> None:
    with pytest.raises(FileExistsError, match=r"'memory://bucket/out.zarr' is being written by an"):
        xgrad.gradient_to_zarr(source, TARGET)
    assert fs.find("/bucket") == [LOCK], "and nothing was written"


def assert_taken_over(source: Path, fs: Any) -> None:
    xgrad.gradient_to_zarr(source, TARGET)
    with xr.open_zarr(TARGET) as found:
        assert same_bits(found.dt_dx.values, xgrad.gradient(GIVEN).dt_dx.values)
    assert not fs.exists(LOCK)


# What says nothing about the process here: another namespace, a clock, the name of the host, and
# the lock of an earlier release.
ELSEWHERE: list[dict[str, Any]] = [
    {"system": "another"},
    {"system": "another", "pid": 2**22 + 1},
    {"system": None},
    {"start": None},
    {"pid": None},
    {"pid": -1},
    {"system": "another", "host": socket.gethostname(), "time": 0},
]


@pytest.mark.parametrize("own", mostly_thorough(ELSEWHERE, *ELSEWHERE[::3]))
def test_a_lock_from_elsewhere_that_is_not_renewed_is_taken_over_in_the_end(
    own: Any, source: Path, fs: Any, patience: Any
) -> None:
    fs.pipe_file(LOCK, lock(**own))
    patience(0.05)
    assert_taken_over(source, fs)


@pytest.mark.parametrize("own", [*ELSEWHERE, {}])
def test_a_lock_that_is_renewed_is_respected_whatever_it_says(
    own: Any, source: Path, fs: Any, patience: Any
) -> None:
    patience(FOREVER)
    over = threading.Event()

    def renew() -> None:
        beat = 0
        while not over.wait(0.01):
            beat += 1
            fs.pipe_file(LOCK, lock(**own, beat=beat))

    fs.pipe_file(LOCK, lock(**own))
    other = threading.Thread(target=renew)
    other.start()
    try:
        assert_refused(source, fs)
    finally:
        over.set()
        other.join()


def test_a_lock_that_is_released_meanwhile_is_taken(source: Path, fs: Any, patience: Any) -> None:
    patience(FOREVER)
    fs.pipe_file(LOCK, lock(system="another"))
    timer = threading.Timer(0.1, fs.rm, (LOCK,))
    timer.start()
    assert_taken_over(source, fs)
    timer.join()


def test_of_a_process_of_this_system_nothing_is_waited_for(
    source: Path, fs: Any, patience: Any
) -> None:
    patience(FOREVER)
    if object_lock._system() is None:
        pytest.skip("this system does not say which processes see each other")
    fs.pipe_file(LOCK, lock())
    assert_refused(source, fs)
    for dead in ({"pid": ended_process()}, {"start": "1"}):  # its number may be used again
        fs.pipe_file(LOCK, lock(**dead))
        assert_taken_over(source, fs)
        fs.rm("/bucket", recursive=True)


def test_a_heart_beats(fs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_lock, "_HEARTBEAT", 0.001)
    with at_url(TARGET):
        found = (json.loads(fs.cat_file(LOCK))["beat"] for _ in range(10**6))
        assert next(beat for beat in found if beat > 2)
    assert not fs.exists(LOCK)


@pytest.mark.parametrize("beats", [True, False], ids=["heart", "no heart"])
def test_a_job_that_lost_its_lock_stops_at_its_next_region(
    beats: bool, fs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_lock, "_HEARTBEAT", 0.001 if beats else FOREVER)
    message = "another run has taken over the target"
    with at_url(TARGET) as place:
        place.begin(3, "a run")
        place.remember("this job")
        place.finish("0:4 0")
        # Where a store has no conditions, a renewal under way would write over it.
        with place.lock._one_at_a_time:
            fs.pipe_file(LOCK, taken := lock(system="another"))
        monkeypatch.setattr(object_lock, "_HEARTBEAT", -1)  # so long ago that it looks again
        for step in (lambda: place.finish("4:8 0"), lambda: place.begin(3, "a run"), place.publish):
            with pytest.raises(RuntimeError, match=message):
                step()
        assert list(place.finished()) == ["0:4 0"]
    assert fs.cat_file(LOCK) == taken, "and leaves that of the other alone"


def test_marks_of_a_run_that_was_superseded_do_not_count(
    fs: Any, patience: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    patience(0)
    monkeypatch.setattr(object_lock, "_HEARTBEAT", FOREVER)
    with at_url(TARGET) as first:
        first.begin(3, "first")
        first.remember("this job")
        first.finish("0:4 0")
        fs.pipe_file(LOCK, lock(system="another"))
        with at_url(TARGET) as second:  # it resumes the first
            assert second.remembered() == "this job"
            assert list(second.finished()) == ["0:4 0"]
            first.finish("4:8 0")  # which has not looked at the lock again
            assert set(second.finished()) == {"0:4 0", "4:8 0"}, "a region of the same job"
            second.begin(3, "second")
            second.remember("another job")
            first.finish("8:12 0")
            assert list(second.finished()) == []
            second.finish("0:6 0")
        with at_url(TARGET) as third:
            assert third.remembered() == "another job"
            assert list(third.finished()) == ["0:6 0"]


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    import s3fs
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    found = s3fs.S3FileSystem(
        key="a", secret="b", endpoint_url=f"http://{host}:{port}", use_listings_cache=False,
        skip_instance_cache=True,
    )  # fmt: skip
    found.mkdir("locks")  # all servers of this process have the same buckets
    yield found
    server.stop()


@pytest.mark.thorough  # starts a server
@pytest.mark.parametrize("is_stale", [False, True])
def test_one_of_many_takes_a_lock_on_s3(is_stale: bool, s3: Any, patience: Any) -> None:
    patience(0)
    path = f"locks/{is_stale}/lock"
    for _ in range(2):
        if is_stale:
            s3.pipe_file(path, lock(system="another"))
        locks = [ObjectLock(s3, path) for _ in range(8)]
        with ThreadPoolExecutor(8) as pool:
            taken = list(pool.map(ObjectLock.take, locks))
        assert sum(taken) == 1
        (holder,) = [one for one, has in zip(locks, taken, strict=True) if has]
        holder.renew()
        for other in locks:
            other.release()
        assert not s3.exists(path)


@pytest.mark.parametrize("is_stale", [False, True])
def test_s3_refuses_a_write_if_another_came_after_the_last_look(is_stale: bool, s3: Any) -> None:
    path, before = f"locks/between/{is_stale}/lock", lock(system="another") if is_stale else None
    if before is not None:
        s3.pipe_file(path, before)
    conditions = ObjectLock(s3, path)._conditions(before)
    assert conditions
    s3.pipe_file(path, taken := lock(system="a third"))
    with pytest.raises(OSError, match="pre-conditions") as caught:
        s3.pipe_file(path, b"mine", **conditions)
    assert object_lock._is_conflict(caught.value)
    assert s3.cat_file(path) == taken


def test_a_lock_on_s3_that_was_taken_is_not_written_over(s3: Any, patience: Any) -> None:
    patience(-1)
    first, second = ObjectLock(s3, "locks/lock"), ObjectLock(s3, "locks/lock")
    assert first.take()
    s3.pipe_file("locks/lock", lock(system="another"))
    assert second.take()
    held = s3.cat_file("locks/lock")
    with pytest.raises(RuntimeError, match="another run has taken over the target"):
        first.renew()
    first.release()
    assert s3.cat_file("locks/lock") == held
    second.renew()
    second.release()


def test_a_write_to_s3_that_is_repeated_because_its_answer_was_lost_is_no_conflict(s3: Any) -> None:
    one = ObjectLock(s3, "locks/repeated/lock")
    s3.pipe_file("locks/repeated/lock", one._content())
    assert one._write(None)
    before = one._content()
    one._beat += 1
    s3.pipe_file("locks/repeated/lock", one._content())
    one._beat -= 1
    assert not one._write(lock(system="another"))
    one._beat += 1
    one.renew()
    assert json.loads(s3.cat_file("locks/repeated/lock"))["beat"] == 2 > json.loads(before)["beat"]
    one.release()
