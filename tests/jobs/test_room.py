"""A job whose coordinates take more memory than it has is refused before it takes it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from benchmarks.promise import run

COMMANDS = {
    "east and north": ("gradient", "--dim", "lon", "--dim", "lat", "--metric", "sphere"),
    "along the grid": ("gradient", "--dim", "x", "--metric", "sphere"),
    "an ellipsoid": ("gradient", "--dim", "x", "--metric", "ellipsoid"),
    "a plane": ("gradient", "--dim", "lon", "--dim", "lat"),
    "a laplacian": ("laplacian", "--dim", "lon", "--dim", "lat", "--metric", "sphere"),
}


def curvilinear(path: Path, side: int) -> Path:
    """A store of a grid whose axes lead nowhere in particular."""
    y, x = np.mgrid[0:side, 0:side] * (20 / side)
    places = {"lat": 30 + y + 0.1 * x, "lon": 10 + x - 0.1 * y}
    units = {"lat": "degrees_north", "lon": "degrees_east"}
    coords = {
        name: (("y", "x"), values.astype("f4"), {"units": units[name]})
        for name, values in places.items()
    }
    data = np.random.default_rng(0).random((2, side, side), "f4")
    whole = xr.Dataset({"t": (("time", "y", "x"), data)}, coords)
    sides = {"t": (1, 250, 250), "lat": (250, 250), "lon": (250, 250)}
    encoding = {name: {"chunks": own} for name, own in sides.items()}
    whole.to_zarr(path, zarr_format=2, encoding=encoding)
    return path


def test_a_grid_that_does_not_fit_is_refused_before_it_is_in_memory(tmp_path: Path) -> None:
    source, target = curvilinear(tmp_path / "in.zarr", 1500), tmp_path / "out.zarr"
    operation, *options = COMMANDS["east and north"]
    status, shown, peak = run(operation, source, target, *options, "--memory", "330MB", "--dry-run")
    assert status == 1
    assert "--memory is 330 MB (as asked for), but what is computed from whole" in shown
    assert peak < 330e6


@pytest.mark.thorough
@pytest.mark.parametrize("name", COMMANDS)
def test_a_job_of_a_grid_is_done_in_its_memory_or_refused(name: str, tmp_path: Path) -> None:
    source, target = curvilinear(tmp_path / "in.zarr", 2000), tmp_path / "out.zarr"
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
