"""The installed command is killed, and resumed without a lost bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import xarray as xr

from tests.command import Session, started, stopped
from tests.jobs.helpers import assert_equal, finished, kill_when, seeded


@pytest.mark.parametrize("kills", [1, pytest.param(10, marks=pytest.mark.thorough)])
def test_a_job_that_is_killed_several_times_loses_no_bit(
    commands: Session, kills: int, source: Path, tmp_path: Path, expected: xr.Dataset
) -> None:
    target, partial = tmp_path / "out.zarr", tmp_path / "out.zarr.partial"
    rng = seeded()
    # At two moments of the start, at random ones while regions are written, and as the last are.
    start = [partial.exists, (partial / "store.zarr").exists][: kills - 1]
    more = [*sorted(rng.integers(0, 3, size=kills - len(start) - 1)), 3]
    killed = 0
    for k in range(kills):
        before = finished(target)
        process = started("gradient", source, target)
        if k < len(start):
            ready: Callable[[], bool] = start[k]
        else:
            wanted = len(before) + more[k - len(start)]
            ready = lambda wanted=wanted: len(finished(target)) >= wanted  # noqa: E731
        killed += kill_when(process, ready)
        if target.exists():  # a busy machine: the job ended before the kill
            break
        after = finished(target)
        assert after[: len(before)] == before, "nothing that was finished is forgotten"
        assert len(set(after)) == len(after), "and nothing is done twice"
    assert killed, "else nothing was tried"
    if not target.exists():
        assert commands.run("gradient", source, target).returncode == 0
    assert_equal(target, expected)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.zarr", "out.zarr"]
    leftover = [path for path in target.rglob("*") if path.name.endswith(".partial")]
    assert leftover == []


@pytest.mark.thorough  # tests/stores/test_on_disk.py has the lock
def test_two_processes_do_not_write_one_target(
    commands: Session, source: Path, tmp_path: Path
) -> None:
    target = tmp_path / "out.zarr"
    first = started("gradient", source, target, "--dim", "x")
    with stopped(first, lambda: bool(finished(target))):
        commands.fails("is being written by another process; wait for it", "gradient", source,
                       target, "--dim", "x")  # fmt: skip
    _, shown = first.communicate()
    assert (first.returncode, shown) == (0, "")
    assert target.exists()
