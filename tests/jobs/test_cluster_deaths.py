"""Workers and schedulers that die."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import distributed
import numpy as np
import psutil
import pytest
import xarray as xr

from tests.command import fails, started, stopped, wait_until
from tests.jobs.helpers import assert_equal, finished, with_codec, write_for_codec


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:

    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=":0"
    ) as processes:
        yield processes


@pytest.mark.thorough  # a cluster takes seconds to start
def test_a_killed_worker_costs_its_tasks_only(
    source: Path, tmp_path: Path, expected: xr.Dataset, cluster: Any
) -> None:
    target = tmp_path / "out.zarr"
    process = started("gradient", source, target, "--scheduler", cluster.scheduler_address)
    assert wait_until(lambda: bool(finished(target)), process), "it was to be killed half-way"
    os.kill(next(iter(cluster.workers.values())).pid, signal.SIGKILL)
    _, shown = process.communicate()
    assert process.returncode == 0, shown
    assert_equal(target, expected)


@pytest.mark.thorough  # tests/workers/test_processes.py has both laws without a job
def test_a_killed_process_of_a_job_costs_no_bit_and_none_listens(
    source: Path, tmp_path: Path, expected: xr.Dataset
) -> None:
    target = tmp_path / "out.zarr"
    process = started("gradient", source, target, "--workers", 2)
    with stopped(process, lambda: bool(finished(target))):
        _tracker, *children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) == 2
        for one in (psutil.Process(process.pid), *children):
            assert [c for c in one.net_connections("all") if c.laddr] == [], "no port, no name"
        children[0].kill()
    _, shown = process.communicate()
    assert (process.returncode, shown) == (0, "")
    assert_equal(target, expected)


@pytest.mark.thorough
def test_a_scheduler_that_dies_is_reported_in_one_line(source: Path, tmp_path: Path) -> None:
    address, target = tmp_path / "scheduler.json", tmp_path / "out.zarr"
    of_it = ["--scheduler-file", str(address), "--dashboard-address", ":0"]
    python = [sys.executable, "-m"]
    scheduler = subprocess.Popen(
        [*python, "distributed.cli.dask_scheduler", "--port", "0", *of_it],
        stderr=subprocess.DEVNULL,
    )
    worker = subprocess.Popen(
        [*python, "distributed.cli.dask_worker", "--nthreads", "1", *of_it],
        stderr=subprocess.DEVNULL,
    )
    try:
        # The scheduler creates the file before it writes it.
        assert wait_until(lambda: address.exists() and bool(address.read_text()), scheduler)
        where = json.loads(address.read_text())["address"]
        process = started("gradient", source, target, "--scheduler", where)
        assert wait_until(lambda: bool(finished(target)), process)
        scheduler.kill()
        _, shown = process.communicate()
        assert process.returncode == 1
        assert shown == f"Error: lost the connection to the dask scheduler at {where}\n"
        assert not target.exists()
    finally:
        for one in (scheduler, worker):
            one.kill()
            one.wait()


# A codec that kills its process when it decodes a chunk that begins with 666.
DEADLY = """
import os, signal
import numcodecs
import numpy as np

class Deadly(numcodecs.abc.Codec):
    codec_id = "deadly"

    def encode(self, buf):
        return buf

    def decode(self, buf, out=None):
        if np.frombuffer(buf, "f4")[0] == 666:
            os.kill(os.getpid(), signal.SIGKILL)
        return buf

numcodecs.register_codec(Deadly)
"""


@pytest.mark.thorough  # tests/workers/test_processes.py has the same law
def test_a_region_that_kills_its_workers_is_named(tmp_path: Path) -> None:
    values = np.ones((40, 50, 60), "f4")
    values[36, 0, 0] = 666
    write_for_codec(tmp_path / "in.zarr", values, "deadly")
    target = tmp_path / "out.zarr"
    fails("every worker that was given variable 't', time", "gradient", tmp_path / "in.zarr",
          target, "--workers", 1, "--retries", 1, "--dim", "x",
          env=with_codec(tmp_path, DEADLY))  # fmt: skip
    assert not target.exists()
    assert finished(target), "the others are kept for the next run"


@pytest.mark.thorough  # tests/workers/test_cluster.py has a cluster in the quick suite
def test_an_error_of_a_worker_is_reported_in_one_line(
    source: Path, tmp_path: Path, cluster: Any
) -> None:
    (source / "t" / "20.1.0").write_bytes(b"rubbish")
    fails("variable 't' could not be read in the region time", "gradient", source,
          tmp_path / "out.zarr", "--scheduler", cluster.scheduler_address, "--retries", 0,
          "--dim", "x")  # fmt: skip
    assert not (tmp_path / "out.zarr").exists()
