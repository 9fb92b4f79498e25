"""The disk is full in the middle of a job."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
import xarray as xr

from tests.command import Session, started, wait_until
from tests.jobs.helpers import assert_equal, finished
from xgrad import gradient_to_zarr


@pytest.mark.thorough  # tests/jobs/test_resume.py has the rule
def test_a_job_that_filled_the_disk_is_resumed(
    commands: Session, source: Path, tmp_path: Path, expected: xr.Dataset
) -> None:
    target = tmp_path / "out.zarr"
    process = started("gradient", source, target)
    assert wait_until(lambda: len(finished(target)) >= 2, process)
    # From now on no file may grow beyond this, as if the disk were full.
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (1000, 1000))
    _, shown = process.communicate()
    assert process.returncode == 1
    assert "File too large" in shown
    assert len(shown.splitlines()) == 1
    assert not target.exists()
    assert len(finished(target)) >= 2
    assert commands.run("gradient", source, target).returncode == 0
    assert_equal(target, expected)


def test_a_disk_that_is_full_from_the_beginning_is_named(source: Path, tmp_path: Path) -> None:
    gradient_to_zarr(source, tmp_path / "other.zarr")  # no kernel is written to numba's cache later
    target = tmp_path / "out.zarr"
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, unlimited[1]))
    try:
        with pytest.raises(
            OSError, match=r"`target` '.*out\.zarr' could not be created: .*; free some"
        ):
            gradient_to_zarr(source, target)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    assert not target.exists()
    gradient_to_zarr(source, target)
