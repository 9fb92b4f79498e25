"""Jobs stay below the memory that they may take."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from tests.command import fails, on_a_terminal, session


def limited(kind: int, n_bytes: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(kind, (n_bytes, n_bytes))


def large(path: Path, n_bytes: int, chunk: tuple[int, int, int]) -> None:
    """Write a store of equal planes, which compresses to almost nothing and takes no time."""
    n = n_bytes // (4 * chunk[1] * chunk[2]) // chunk[0] * chunk[0]
    plane = np.add.outer(np.arange(chunk[1]) ** 2, np.arange(chunk[2])).astype("f4")
    coords = {"time": np.arange(n) * 2.0}
    lazy = xr.DataArray(plane, dims=("y", "x"), name="t").expand_dims(time=coords["time"])
    lazy.chunk(time=chunk[0]).to_dataset().to_zarr(path, zarr_format=2)


def check_within(memory: str, n_bytes: int, folder: Path) -> None:
    large(folder / "in.zarr", n_bytes, (24, 361, 720))
    status, shown = on_a_terminal(
        "gradient", folder / "in.zarr", folder / "out.zarr", "--memory", memory
    )
    assert status == 0, shown
    last = shown.strip().splitlines()[-1]
    peak, unit = last.split("peak memory ")[1].split()
    used = float(peak) * {"MB": 1e6, "GB": 1e9}[unit]
    assert used < float(memory.removesuffix("MB")) * 1e6, last
    with xr.open_zarr(folder / "in.zarr") as given, xr.open_zarr(folder / "out.zarr") as found:
        assert found.dt_dy.shape == given.t.shape
        for name, exact in {"dt_dtime": 0.0, "dt_dx": 1.0}.items():
            assert float(found[name].min()) == float(found[name].max()) == exact
        rows = found.dt_dy.isel(x=0).min("time"), found.dt_dy.isel(x=0).max("time")
        for row in rows:
            np.testing.assert_array_equal(row[1:-1], 2.0 * np.arange(1, 360))


# As the command, in a process that prints the measured and the predicted peak.
PEAKS = """
import sys
from xgrad.jobs.api import gradient_to_zarr, plan_to_zarr
from xgrad.jobs.assignment import loaded
from xgrad.workers.processes import own_process
own_process()
source, target, dim, room = sys.argv[1:]
options = {"dim": dim.split(), "memory": loaded() + int(room)}
predicted = plan_to_zarr("gradient", source, target, **options).peak
report = gradient_to_zarr(source, target, **options)
print(report.peak_memory, predicted, options["memory"])
"""


@pytest.mark.parametrize(
    ("chunk", "n_times", "dim", "room"),
    [
        pytest.param((4, 50, 50), 12, "time y x", 300_000_000, marks=pytest.mark.thorough),
        pytest.param((4, 1000, 1000), 16, "time y x", 500_000_000, marks=pytest.mark.thorough),
        pytest.param(  # one region at a time
            (4, 1000, 1000), 20, "time", 360_000_000, marks=pytest.mark.thorough
        ),
    ],
)
def test_the_peak_that_is_predicted_is_that_of_the_process(
    chunk: Any, n_times: int, dim: str, room: int, tmp_path: Path
) -> None:
    side = 200 if chunk[1] == 50 else 1000
    values = np.random.default_rng(0).random((n_times, side, side), "f4")
    encoding = {"t": {"chunks": chunk}}
    whole = xr.Dataset({"t": (("time", "y", "x"), values)})
    whole.to_zarr(tmp_path / "in.zarr", encoding=encoding, consolidated=False)
    done = subprocess.run(
        [sys.executable, "-c", PEAKS, tmp_path / "in.zarr", tmp_path / "out.zarr", dim, str(room)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    measured, predicted, memory = map(int, done.stdout.split())
    assert measured <= predicted <= memory
    assert predicted <= 2 * measured, "regions that never meet in memory take less"


@pytest.mark.parametrize(
    ("chunks", "n_rows"),
    [
        pytest.param((600, 1000), 1200, marks=pytest.mark.thorough),
        pytest.param(None, 2000, marks=pytest.mark.thorough),
        pytest.param((100, 1000), 200, marks=pytest.mark.thorough),
    ],
)
def test_times_of_other_calendars_are_planned_as_the_objects_that_they_are(
    chunks: Any, n_rows: int, tmp_path: Path
) -> None:
    values = np.random.default_rng(0).uniform(0, 1e9, (n_rows, 1000))
    attrs = {"units": "seconds since 2000-01-01", "calendar": "noleap"}
    whole = xr.Dataset({"when": (("y", "x"), values, attrs)})
    encoding: Any = {"when": {"chunksizes": chunks} if chunks else {}}
    whole.to_netcdf(tmp_path / "in.nc", engine="netcdf4", encoding=encoding)
    done = subprocess.run(
        [sys.executable, "-c", PEAKS, tmp_path / "in.nc", tmp_path / "out.zarr", "y", str(10**9)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    measured, predicted, memory = map(int, done.stdout.split())
    assert measured <= predicted <= memory


def test_memory_is_bounded(tmp_path: Path) -> None:
    # 780 MB of results; with 600 MB a job that has to compile its kernels is refused.
    check_within("700MB", 26 * 10**7, tmp_path)


@pytest.mark.thorough
def test_twelve_gigabytes_go_through_one(tmp_path: Path) -> None:
    check_within("1000MB", 12 * 10**9, tmp_path)


@pytest.mark.thorough
def test_four_gigabytes_of_small_chunks_go_through_little(tmp_path: Path) -> None:
    large(tmp_path / "in.zarr", 4 * 10**9, (4, 100, 100))
    status, shown = on_a_terminal(
        "gradient", tmp_path / "in.zarr", tmp_path / "out.zarr", "--memory", "500MB"
    )
    assert status == 0, shown
    assert float(shown.split("peak memory ")[1].split()[0]) < 500


@pytest.mark.thorough  # the refusal of a small cgroup has the law
def test_too_little_address_space_is_refused_with_numbers(tmp_path: Path) -> None:
    large(tmp_path / "in.zarr", 4 * 10**8, (96, 1000, 1000))
    common = ("gradient", tmp_path / "in.zarr", tmp_path / "out.zarr")
    with session(preexec_fn=limited(resource.RLIMIT_AS, 2 * 10**9)) as commands:
        commands.fails("that the address space of 2 GB leaves), but one chunk of 't' (96 × 1000 ×"
                       " 1000 cells)", *common)  # fmt: skip
        commands.fails("all that the address space of 2 GB leaves", *common, "--memory", "8GB")
    assert [path.name for path in tmp_path.iterdir()] == ["in.zarr"]


@pytest.mark.thorough  # test_api.py refuses too little `memory`
def test_too_little_memory_of_the_cgroup_is_refused_with_numbers(tmp_path: Path) -> None:
    for folder, name in (("memory", "memory.limit_in_bytes"), ("", "memory.max")):
        group = Path("/sys/fs/cgroup") / folder / f"xgrad-test-{os.getpid()}"
        try:
            group.mkdir()
            (group / name).write_text("900000000")
            break
        except OSError:
            if group.exists():
                group.rmdir()
    else:
        pytest.skip("this machine does not let a test make a control group")
    try:
        large(tmp_path / "in.zarr", 2 * 10**8, (48, 1000, 1000))
        fails("half of the 900 MB that its cgroup allows), but one chunk", "gradient",
              tmp_path / "in.zarr", tmp_path / "out.zarr",
              preexec_fn=lambda: (group / "cgroup.procs").write_text(str(os.getpid())))  # fmt: skip
    finally:
        group.rmdir()
