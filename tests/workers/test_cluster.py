from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import distributed
import numpy as np
import pytest
import xarray as xr

from tests.helpers import numpy_gradient, same_bits
from xgrad.workers import cluster as execution

# Certificates that are none.
NONSENSE = distributed.Security(
    tls_ca_file=__file__, tls_client_cert=__file__, tls_client_key=__file__
)


@pytest.fixture(scope="module")
def cluster() -> Iterator[distributed.LocalCluster]:
    """A real one: three processes on this machine."""
    with distributed.LocalCluster(
        n_workers=3, threads_per_worker=1, dashboard_address=":0"
    ) as processes:
        yield processes


@pytest.fixture
def client(cluster: distributed.LocalCluster) -> Iterator[distributed.Client]:
    with distributed.Client(cluster) as connected:
        yield connected


@pytest.fixture
def problem() -> tuple[xr.DataArray, Any]:
    values = np.random.default_rng(0).normal(size=(60, 20, 30)).astype("f4")
    x = np.cumsum(np.random.default_rng(1).random(60) + 0.1)
    array = xr.DataArray(values, dims=("x", "y", "z"), coords={"x": x}, name="f")
    return array, numpy_gradient(values, x, 0, 2)


def test_three_processes_give_the_bits_of_threads(
    client: distributed.Client, problem: tuple[xr.DataArray, Any]
) -> None:
    array, expected = problem
    lazy = array.chunk(x=7, y=6, z=11).fdgrad.gradient(edge_order=2)
    with dask.config.set(scheduler="threads"):
        threads = lazy.compute()
    processes = lazy.compute(scheduler=client)
    assert same_bits(threads.df_dx.values, expected)
    for name in threads:
        assert same_bits(processes[name].values, threads[name].values)
    pids = client.run(os.getpid)
    assert len(set(pids.values()) | {os.getpid()}) == 4


def test_a_killed_worker_costs_no_bit(
    client: distributed.Client, problem: tuple[xr.DataArray, Any]
) -> None:
    array, expected = problem

    def gated(block: Any, block_id: Any = None) -> Any:
        # The last chunk waits until a worker is dead: the kill comes half-way, without a clock.
        # It leaves its thread: tasks queued behind it would wait for the kill that waits for them.
        if block_id[0] == 9:
            distributed.secede()
            distributed.Event("killed").wait(timeout=60)
        return block

    source = da.from_array(array.values, chunks=(6, 20, 30))
    source = da.map_blocks(gated, source, dtype="f4", meta=np.empty((0, 0, 0), "f4"))
    lazy = array.copy(data=source).fdgrad.gradient("x", edge_order=2).df_dx
    futures = [client.compute(lazy.data.blocks[i], retries=2) for i in range(10)]
    distributed.wait(futures[:3])
    assert not futures[9].done()
    victim = next(iter(client.who_has(futures[:1]).values()))[0]
    os.kill(client.run(os.getpid)[victim], signal.SIGKILL)
    distributed.Event("killed", client=client).set()
    assert same_bits(np.concatenate(client.gather(futures)), expected)


def test_cluster_starts_as_many_processes_as_asked_for() -> None:
    with execution.cluster(workers=2) as client:
        assert len(client.scheduler_info()["workers"]) == 2
        array = da.ones((4, 4), chunks=2)
        (total,) = execution.compute((array.sum(),), client)
        assert total == 16


def test_cluster_joins_a_running_one(client: distributed.Client) -> None:
    with execution.cluster(scheduler=client.scheduler.address) as joined:
        assert joined.scheduler.address == client.scheduler.address


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"workers": 0}, ValueError, "`workers` is 0; give a positive number"),
        ({"workers": 2, "scheduler": "tcp://x:1"}, ValueError, "give one of the two"),
        ({"security": distributed.Security()}, ValueError, "`security` is given without"),
        ({"scheduler": "tls://127.0.0.1:9"}, ValueError, "wants certificates; give them with"),
        ({"scheduler": "tls://127.0.0.1:9", "security": NONSENSE}, OSError, "cannot be read"),
        ({"scheduler": "tcp://127.0.0.1:9"}, OSError, "no dask scheduler answers at `scheduler`"),
        ({"scheduler": "nonsense://a"}, OSError, "no dask scheduler answers at `scheduler`"),
    ],
)
def test_bad_clusters(options: Any, kind: type[Exception], message: str, monkeypatch: Any) -> None:
    monkeypatch.setattr(execution, "_PATIENCE", "1s")
    with pytest.raises(kind, match=message), execution.cluster(**options):
        pass
    # What comes next is computed as if nothing had been.
    assert dask.config.get("scheduler", None) is None
    assert da.ones(4, chunks=2).sum().compute() == 4


def test_without_distributed_the_error_names_the_extra(monkeypatch: Any) -> None:
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    message = r"pip install 'xgrad\[distributed\]'"
    with pytest.raises(ImportError, match=message), execution.cluster(workers=1):
        pass


def test_the_command_speaks_alone() -> None:
    # What befalls a worker is mended or told in one line: distributed must not tell it as well.
    code = (
        "from xgrad.workers import cluster; cluster.own_process()\n"
        "import distributed, logging\n"
        "loggers = [logging.getLogger(n) for n in logging.root.manager.loggerDict]\n"
        "loud = [one.name for one in loggers if one.name.startswith('distributed')\n"
        "        and one.isEnabledFor(logging.ERROR)]\n"
        "assert len(loggers) > 10 and not loud, loud"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_workers_leave_an_interrupt_to_this_process() -> None:
    # In a process of its own: here others have started processes before.
    code = (
        "import signal\n"
        "from xgrad.workers import cluster as execution\n"
        "if __name__ == '__main__':\n"
        "    with execution.cluster(workers=2) as client:\n"
        "        client.wait_for_workers(2)\n"
        "        blocked = client.run(signal.pthread_sigmask, signal.SIG_BLOCK, [])\n"
        "    print([signal.SIGINT in one for one in blocked.values()])\n"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True
    )
    assert shown.stdout == "[True, True]\n"


class Dying:
    """A part whose first journey ends the worker that did it, with all that the worker holds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> Any:
        try:
            (self.folder / "has died").touch(exist_ok=False)
        except FileExistsError:
            return (Dying, (self.folder,))
        return os.kill(os.getpid(), signal.SIGKILL)


def test_a_result_that_dies_with_its_worker_is_made_again(
    client: distributed.Client, tmp_path: Path
) -> None:
    seen: list[tuple[int, str]] = []
    execution.drive(
        client, range(12), lambda task: [task, Dying(tmp_path)],
        lambda task, part: seen.append((task, type(part).__name__)), n_lanes=1, retries=0,
    )  # fmt: skip
    assert (tmp_path / "has died").exists()
    assert sorted(seen) == [(task, name) for task in range(12) for name in ("Dying", "int")]


def test_a_cluster_that_is_restarted_gets_its_tasks_again() -> None:
    # Processes of its own: distributed loses one that is restarted while it starts, as those of the
    # test above may be.
    seen: list[int] = []
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0"
        ) as processes,
        distributed.Client(processes) as client,
    ):

        def finished(task: int, _part: int) -> None:
            if not seen:
                client.restart(wait_for_workers=False)  # they come back while `drive` goes on
            seen.append(task)

        execution.drive(client, range(12), lambda task: [task], finished, n_lanes=1, retries=0)
    assert sorted(seen) == list(range(12))


def test_an_error_is_told_while_others_are_at_work(client: distributed.Client) -> None:
    def work(task: int) -> list[int]:
        if task == 3:
            raise ValueError("the third")
        return [task] if task < 3 else [task] * distributed.Event("never").wait(timeout=600)

    with pytest.raises(ValueError, match="the third"):
        execution.drive(client, range(12), work, lambda *_: None, n_lanes=1, retries=0)
    distributed.Event("never", client=client).set()
