"""A job whose coordinates take more memory than it has is refused before it takes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.asked_memory import EAST_AND_NORTH, curvilinear
from benchmarks.promise import line, run

COMMANDS = {
    "east and north": ("gradient", *EAST_AND_NORTH),
    "along the grid": ("gradient", "--dim", "x", "--metric", "sphere"),
    "an ellipsoid": ("gradient", "--dim", "x", "--metric", "ellipsoid"),
    "a plane": ("gradient", "--dim", "lon", "--dim", "lat"),
    "a laplacian": ("laplacian", *EAST_AND_NORTH),
}


@pytest.mark.thorough  # tests/jobs/test_copies.py refuses a coordinate
def test_a_grid_that_does_not_fit_is_refused_before_it_is_in_memory(tmp_path: Path) -> None:
    source, target = tmp_path / "in.zarr", tmp_path / "out.zarr"
    curvilinear(1500)(source)
    operation, *options = COMMANDS["east and north"]
    status, shown, peak = run(operation, source, target, *options, "--memory", "330MB", "--dry-run")
    assert status == 1
    assert "--memory is 330 MB (as asked for), but what is computed from whole" in shown
    assert peak < 330e6


@pytest.mark.thorough
@pytest.mark.parametrize("name", COMMANDS)
def test_a_job_of_a_grid_is_done_in_its_memory_or_refused(name: str, tmp_path: Path) -> None:
    source, target = tmp_path / "in.zarr", tmp_path / "out.zarr"
    curvilinear(2000)(source)
    operation, *options = COMMANDS[name]
    outcomes = []
    for memory in (250, 400, 800, 1300, 2200):
        given = ("--memory", f"{memory}MB", "--overwrite")
        status, shown, peak = run(operation, source, target, *options, *given)
        outcomes.append(status)
        assert status == 0 or "(as asked for), but" in shown
        assert peak <= memory * 1e6, (memory, shown)
    assert outcomes == sorted(outcomes, reverse=True), "more memory never makes it worse"
    assert outcomes[-1] == 0


@pytest.mark.thorough
def test_a_periodic_axis_is_done_in_its_memory_or_refused(tmp_path: Path) -> None:
    source, target = tmp_path / "in.zarr", tmp_path / "out.zarr"
    line(20_000_000, uneven=True)(source)
    around = ("--dim", "x", "--boundary", "x=periodic", "--period", "x=1e9")
    outcomes = []
    for memory in (200, 350, 500, 700, 1300):
        given = ("--memory", f"{memory}MB", "--overwrite")
        status, shown, peak = run("gradient", source, target, *around, *given)
        outcomes.append(status)
        assert status == 0 or "(as asked for), but" in shown
        assert peak <= memory * 1e6, (memory, shown)
    assert outcomes == sorted(outcomes, reverse=True), "more memory never makes it worse"
    assert outcomes[-1] == 0
