"""What the first call of an operation takes, whose loops are compiled or loaded from the cache.

``python -m benchmarks.compiling``: each call is in a process of its own, once with an empty cache,
and once more.  Seconds are of processor time; MB are what stays with the process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from typing import Any

import numpy as np
import xarray as xr

from xgrad._heap import trim
from xgrad.jobs.assignment import loaded
from xgrad.workers.memory import resident

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "gradient": ("gradient", {}),
    "gradient, `accuracy=4`": ("gradient", {"accuracy": 4}),
    "gradient, `skipna=True`": ("gradient", {"skipna": True}),
    "gradient, `window=9`": ("gradient", {"window": 9}),
    "gradient, `window=9, skipna=True`": ("gradient", {"window": 9, "skipna": True}),
    "the same, `uncertainty=True`": (
        "gradient",
        {"window": 9, "skipna": True, "uncertainty": True},
    ),
    "magnitude": ("magnitude", {}),
}


def first_call(name: str) -> None:
    """Print what one call takes in this process."""
    operation, options = CASES[name]
    array = xr.DataArray(np.ones((16, 32, 32), "f4"), dims=("t", "y", "x"), name="f")
    before, start = loaded(), time.process_time()
    getattr(array.fdgrad, operation)(["t", "y", "x"], **options)
    seconds = time.process_time() - start
    trim()
    print(json.dumps({"seconds": seconds, "MB": (resident() - before) / 1e6}))


def main() -> None:
    if sys.argv[1:]:
        first_call(sys.argv[1])
        return
    print("| first call | compiled, s | MB | from the cache, s | MB |")
    print("| --- | --- | --- | --- | --- |")
    for name in CASES:
        cells = [name]
        with tempfile.TemporaryDirectory() as cache:
            for _ in range(2):
                done = subprocess.run(
                    [sys.executable, "-m", "benchmarks.compiling", name],
                    env={**os.environ, "NUMBA_CACHE_DIR": cache},
                    check=True, stdout=subprocess.PIPE, text=True,
                )  # fmt: skip
                found = json.loads(done.stdout)
                cells += [f"{found['seconds']:.1f}", f"{found['MB']:.0f}"]
        print("|", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
