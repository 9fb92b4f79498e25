"""On a system without POSIX the accessor works, and jobs are refused by name."""

from __future__ import annotations

import subprocess
import sys

# The libraries are loaded first: they look at the platform, too.
SCRIPT = """
import os, sys
import dask.array, numba, numpy as np, xarray as xr
for name in ("fcntl", "resource", "termios", "pwd", "grp"):
    sys.modules[name] = None
del os.register_at_fork, os.fork
sys.platform = "win32"

import xgrad
da = xr.DataArray(np.arange(12.0).reshape(3, 4) ** 2, dims=("x", "y"), name="t")
for one in (da, da.chunk(x=1)):
    for found in (
        one.fdgrad.gradient("x").dt_dx, one.fdgrad.gradient("x", accuracy=2, skipna=True).dt_dx
    ):
        assert np.array_equal(found, np.gradient(da.values, axis=0))
assert one.fdgrad.magnitude().shape == (3, 4)
for job in (lambda: xgrad.to_zarr("gradient", da, "out.zarr"), lambda: da.fdgrad.to_zarr("o.zarr")):
    try:
        job()
    except ImportError as error:
        print(error)
"""


def test_the_accessor_works_and_jobs_are_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("jobs and commands need Linux or macOS") for line in lines)
