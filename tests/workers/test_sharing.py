"""What is shared reaches every process once, also one that starts later."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from xgrad.workers.cluster import cluster
from xgrad.workers.dispatch import drive
from xgrad.workers.sharing import everywhere


class Noted:
    """Something that notes in a file where it arrives."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return _arrived, (self.path,)


def _arrived(path: Path) -> Noted:
    with path.open("a") as file:
        file.write(f"{os.getpid()}\n")
    return Noted(path)


SHARED: list[Noted] = []


def keep(noted: Noted) -> None:
    SHARED.append(noted)


def has_it(task: Path) -> Any:
    assert len(SHARED) == 1
    if not task.exists():
        task.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    yield os.getpid()


@pytest.mark.thorough  # starts three processes
def test_a_process_that_replaces_a_dead_one_has_it_too(tmp_path: Path) -> None:
    places = tmp_path / "places"
    done: list[int] = []
    with cluster(workers=1) as client, everywhere(client, keep, Noted(places)):
        drive(client, [tmp_path / "a", tmp_path / "b"], has_it, lambda _task, pid: done.append(pid),
              n_lanes=1)  # fmt: skip
    pids = [int(line) for line in places.read_text().split()]
    assert len(pids) == len(set(pids)) == 3, "two processes died"
    assert set(done) <= set(pids)


@pytest.mark.thorough  # a cluster takes seconds to start
def test_a_worker_that_joins_a_cluster_has_it_too(tmp_path: Path) -> None:
    import distributed

    places = tmp_path / "places"
    options: Any = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": ":0"}
    with distributed.LocalCluster(**options) as running, distributed.Client(running) as client:
        with everywhere(client, keep, Noted(places)):
            running.scale(2)
            client.wait_for_workers(2)
            assert len(set(client.run(os.getpid).values())) == 2
            pids = [int(line) for line in places.read_text().split()]
            assert {*client.run(os.getpid).values()} == {pid for pid in pids if pid != os.getpid()}
        running.scale(3)
        client.wait_for_workers(3)
        assert len(places.read_text().split()) == len(pids)
