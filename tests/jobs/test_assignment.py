"""What a worker does."""

from __future__ import annotations

from pathlib import Path

import pytest
import zarr

from tests.jobs.helpers import write_mixed
from xgrad.jobs.api import gradient_to_zarr
from xgrad.jobs.assignment import assignments, forget
from xgrad.jobs.cutting import Layout
from xgrad.jobs.request import Job, Request
from xgrad.stores.workplace import INCOMPLETE, mark


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_mixed(tmp_path / "source.zarr")


def test_a_worker_of_a_dead_run_does_not_write_to_a_target_that_was_started_over(
    source: Path, tmp_path: Path
) -> None:
    # A worker whose coordinator was killed, and which finishes its run of regions.
    target = tmp_path / "target.zarr"
    gradient_to_zarr(source, target, ["t"], "time")
    job = Job(Request(str(source), ("t",), "time", {}, {}, "a run"))
    layouts = [Layout(((5, 5, 5, 6), (12,), (10,)), sweep=0, length=4)]
    mark(target, "a run")
    (run,) = assignments(job, layouts, str(target), 1, 1, lambda *_: False)
    regions = run.regions()
    next(regions)
    group = zarr.open_group(target, mode="r+", use_consolidated=False)
    group["dt_dtime"][:] = 0
    group.attrs[INCOMPLETE] = "another run"
    with pytest.raises(RuntimeError, match="another run has taken over the target"):
        next(regions)
    assert not group["dt_dtime"][:].any()
    forget(job)


def test_a_worker_that_does_not_see_the_source_says_so(source: Path, tmp_path: Path) -> None:
    job = Job(Request(str(source), ("t",), "time", {}, {}, "a run"))
    layouts = [Layout(((5, 5, 5, 6), (12,), (10,)), sweep=0, length=4)]
    (run,) = assignments(job, layouts, str(tmp_path / "target.zarr"), 0, 1, lambda *_: False)
    forget(job)
    source.rename(tmp_path / "elsewhere.zarr")
    message = r"a worker could not open the source, .*: `source` '.*source\.zarr' does not exist"
    with pytest.raises(RuntimeError, match=message):
        next(run.regions())
    assert str(run) == "variable 't', time 0:21, y 0:12, x 0:10"
