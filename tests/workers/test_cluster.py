"""Clusters that are started and joined, and lazy gradients on them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import distributed
import numpy as np
import pytest
import xarray as xr

import xgrad
from tests.helpers import numpy_gradient, same_bits
from xgrad.workers import cluster as clusters

# Files that are not certificates.
NONSENSE = distributed.Security(
    tls_ca_file=__file__, tls_client_cert=__file__, tls_client_key=__file__
)


@pytest.fixture
def problem() -> tuple[xr.DataArray, Any]:
    values = np.random.default_rng(0).normal(size=(60, 20, 30)).astype("f4")
    x = np.cumsum(np.random.default_rng(1).random(60) + 0.1)
    array = xr.DataArray(values, dims=("x", "y", "z"), coords={"x": x}, name="f")
    return array, numpy_gradient(values, x, 0, 2)


@pytest.mark.thorough  # a cluster takes seconds to start; docs/clusters.md has one
def test_processes_give_the_bits_of_threads(
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
    assert len(set(pids.values()) | {os.getpid()}) == 3


@pytest.mark.thorough  # a cluster takes seconds to start; docs/clusters.md has one
def test_a_job_uses_the_active_client(
    client: distributed.Client, problem: tuple[xr.DataArray, Any], tmp_path: Path
) -> None:
    array, expected = problem
    array.chunk(x=7).to_dataset().to_zarr(tmp_path / "in.zarr", zarr_format=2)
    options: Any = {"dim": "x", "edge_order": 2}
    xgrad.gradient_to_zarr(tmp_path / "in.zarr", tmp_path / "out.zarr", **options)
    done = client.run(
        lambda: (
            "xgrad.jobs.assignment" in sys.modules
            and len(sys.modules["xgrad.jobs.assignment"]._OPEN)
        )
    )
    assert any(done.values()), "the workers have worked"
    with xr.open_zarr(tmp_path / "out.zarr") as found:
        assert same_bits(found.df_dx.values, expected)


@pytest.mark.thorough  # test_processes.py has the law without a cluster
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


@pytest.mark.thorough  # a cluster takes seconds to start; docs/clusters.md has one
def test_cluster_joins_a_running_one(client: distributed.Client) -> None:
    with clusters.cluster(scheduler=client.scheduler.address) as joined:
        assert joined.scheduler.address == client.scheduler.address


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"workers": 0}, ValueError, "`workers` is 0; give a positive number"),
        ({"workers": 2, "scheduler": "tcp://x:1"}, ValueError, "give one of the two"),
        ({"security": distributed.Security()}, ValueError, "`security` is given without"),
        ({"scheduler": "tls://127.0.0.1:9"}, ValueError, "needs certificates; give an authority"),
        ({"scheduler": "tls://127.0.0.1:9", "security": NONSENSE}, OSError, "cannot be read"),
        ({"scheduler": "tcp://127.0.0.1:9"}, OSError, "no dask scheduler answers at `scheduler`"),
        ({"scheduler": "nonsense://a"}, OSError, "no dask scheduler answers at `scheduler`"),
    ],
)
def test_bad_clusters(options: Any, kind: type[Exception], message: str, monkeypatch: Any) -> None:
    monkeypatch.setattr(clusters, "_PATIENCE", "1s")
    with pytest.raises(kind, match=message), clusters.cluster(**options):
        pass
    # What comes next is computed as if nothing had been.
    assert dask.config.get("scheduler", None) is None
    assert da.ones(4, chunks=2).sum().compute() == 4


def test_without_distributed_the_error_names_the_extra(monkeypatch: Any) -> None:
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    message = r"pip install 'xgrad\[distributed\]'"
    with pytest.raises(ImportError, match=message), clusters.cluster(scheduler="tcp://127.0.0.1:9"):
        pass


@pytest.mark.thorough  # a cluster takes seconds to start
def test_distributed_logs_nothing_beside_the_command() -> None:
    # The command reports errors of workers itself, in one line.
    code = (
        "from xgrad.workers.processes import own_process; own_process()\n"
        "import distributed, logging\n"
        "loggers = [logging.getLogger(n) for n in logging.root.manager.loggerDict]\n"
        "loud = [one.name for one in loggers if one.name.startswith('distributed')\n"
        "        and one.isEnabledFor(logging.ERROR)]\n"
        "assert len(loggers) > 10 and not loud, loud"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
