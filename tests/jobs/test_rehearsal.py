"""A rehearsal loads or compiles all that a job runs, so that the plan can count it."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from benchmarks.promise import run
from xgrad.jobs.rehearsal import MadeUp, rehearse
from xgrad.jobs.request import Job, Request

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "numpy's": ("gradient", {"edge_order": 2}),
    "weights, with gaps": ("gradient", {"accuracy": 4, "skipna": True, "boundary": "reflect"}),
    "fits, with errors": ("gradient", {"window": 5, "uncertainty": True}),
    "a Laplacian": ("laplacian", {"metric": "sphere"}),
    "missing neighbours, in long rows": ("gradient", {"skipna": True, "dim": "time"}),
    "own positions, in float32": ("gradient", {"dim": "time", "spacing": {"time": "height"}}),
}


JOBS = """
import sys
from pathlib import Path
import xgrad
from numba.core.dispatcher import Dispatcher
from xgrad.jobs.assignment import loaded
from xgrad.jobs.rehearsal import rehearse
from xgrad.jobs.request import Job, Request

def variants():
    modules = [module for name, module in sys.modules.items() if name.startswith("xgrad.kernels.")]
    every = [one for module in modules for one in vars(module).values()]
    return {one.py_func.__qualname__: len(one.overloads)
            for one in every if isinstance(one, Dispatcher)}

loaded()
source, target = sys.argv[1:]
for operation, options in CASES.values():
    seen = variants()
    dim, own = options.get("dim"), {k: v for k, v in options.items() if k != "dim"}
    job = Job(Request(source, ("t",), dim, {}, own, "a run", operation))
    for group in job.groups:
        rehearse(group, 0)
    rehearsed = variants()
    assert rehearsed != seen
    xgrad.to_zarr(operation, source, target, **options, overwrite=Path(target).exists())
    assert variants() == rehearsed, (operation, options)
"""


def on_earth(path: Path, sides: tuple[int, int, int] = (24, 30, 40)) -> Path:
    rng = np.random.default_rng(0)
    coords = {
        "time": ("time", np.arange(sides[0]) + 0.2 * rng.random(sides[0])),
        "lat": ("lat", np.linspace(-60, 60, sides[1]), {"units": "degrees_north"}),
        "lon": ("lon", np.linspace(0, 90, sides[2]), {"units": "degrees_east"}),
    }
    values = rng.random(sides, "f4")
    values[0, 3:9, 4] = np.nan
    height = np.cumsum(rng.random(sides, "f4") + 1, axis=0, dtype="f4")
    whole = xr.Dataset({"t": (tuple(coords), values)}, coords)
    whole.coords["height"] = tuple(coords), height
    whole.to_zarr(path, zarr_format=2, encoding={"t": {"chunks": tuple(-(-n // 3) for n in sides)}})
    return path


@pytest.mark.thorough
@pytest.mark.parametrize(
    "names", [["numpy's"], pytest.param([*CASES], marks=pytest.mark.thorough)], ids=["one", "all"]
)
def test_a_job_compiles_nothing_after_its_rehearsal(names: list[str], tmp_path: Path) -> None:
    given = [on_earth(tmp_path / "in.zarr"), tmp_path / "out.zarr"]
    script = f"CASES = { {name: CASES[name] for name in names}!r}{JOBS}"
    done = subprocess.run(
        [sys.executable, "-c", script, *given], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_rehearsal_warns_of_nothing_and_takes_the_same_cells_of_any_column(
    tmp_path: Path,
) -> None:
    taken = set()
    for n in (1000, 70_000):  # float16 ends at 65504
        data = xr.Dataset(
            {"t": (("z", "x"), np.ones((n, 3), "f2"))},
            {"height": (("z", "x"), np.arange(n, dtype="f8")[:, None] + np.zeros(3))},
        )
        data.to_zarr(tmp_path / f"{n}.zarr", zarr_format=2)
        options: Any = {"spacing": {"z": "height"}}
        job = Job(Request(str(tmp_path / f"{n}.zarr"), None, "z", {}, options, "a run"))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            rehearse(job.groups[0], 0)
        box = slice(0, 4), slice(0, 3)
        taken.add(MadeUp(job.groups[0].work, box, 0, {}).column(0))
    assert taken == {8}


@pytest.mark.thorough
def test_what_the_compiler_takes_is_within_the_promise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without a rehearsal, this job takes 780 MB of 660 where no kernel is compiled yet.
    source, target = on_earth(tmp_path / "in.zarr", (40, 700, 700)), tmp_path / "out.zarr"
    common = ("gradient", source, target, "--window", "9", "--skipna", "--overwrite")
    for memory in (660, 560):
        monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / f"numba-{memory}"))
        status, shown, peak = run(*common, "--memory", f"{memory}MB")
        assert status == 0 or "MB in all; give more --memory" in shown, shown
        assert peak <= memory * 1e6, shown
