"""Fits to windows of 11 cells, beside the plain gradient and scipy's filter.

``python -m benchmarks.fits WHERE WHAT`` prints the peak memory of one derivative along y above that
of the process before it, in MB: of 268 MB of float32 in ``memory``, or of the same made and reduced
chunk by chunk with ``dask``; WHAT is plain, fit or gaps.  A process does not return freed memory,
so ``compare.py`` runs each in a fresh one.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from scipy.signal import savgol_filter

import xgrad  # noqa: F401  (registers `.fdgrad`)
from xgrad.workers.memory import peak_memory

DIMS = ("t", "y", "x")
STEP = 0.75
OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "fit": {"window": 11, "polyorder": 3},
    "gaps": {"window": 11, "polyorder": 3, "skipna": True},
}


def noise(shape: tuple[int, ...], missing: float = 0.0) -> Any:
    """Random float32 without temporary arrays of the same size, of which a share is missing."""
    rng = np.random.default_rng(0)
    values = rng.standard_normal(shape, dtype=np.float32)
    for plane in values:
        plane[rng.random(plane.shape) < missing] = np.nan
    return values


def labelled(values: Any) -> xr.DataArray:
    """The same on even positions."""
    coords = {dim: np.arange(n) * STEP for dim, n in zip(DIMS, values.shape, strict=True)}
    return xr.DataArray(values, coords, DIMS, name="f")


def contenders(shape: tuple[int, ...], dim: str) -> dict[str, Callable[[], Any]]:
    """What is measured, by name."""
    values = noise(shape)
    full = labelled(values)
    found: dict[str, Callable[[], Any]] = {
        "plain": partial(full.fdgrad.gradient, dim),
        "fit": partial(full.fdgrad.gradient, dim, **OPTIONS["fit"]),
        "savgol_filter": partial(
            savgol_filter, values, 11, 3, deriv=1, delta=STEP, axis=DIMS.index(dim)
        ),
    }
    for share in (0.01, 0.1):
        gaps = labelled(noise(shape, share)).fdgrad
        found[f"{share:.0%}"] = partial(gaps.gradient, dim, **OPTIONS["gaps"])
    return found


def main(where: str, what: str) -> None:
    missing = 0.1 if what == "gaps" else 0.0
    for n in (16, 256):  # the first one loads the compiled loops
        shape = (n, 512, 512)
        if where == "memory":
            field = labelled(noise(shape, missing))
        else:
            chunks = (16, 128, 512)
            made = da.random.default_rng(0).random(shape, dtype=np.float32, chunks=chunks)
            field = labelled(da.where(made < missing, np.float32(np.nan), made))
        base = peak_memory()
        found = field.fdgrad.gradient("y", **OPTIONS[what])
        if where == "dask":
            found.max().compute(num_workers=2)
    print(json.dumps({"MB": (peak_memory() - base) / 1e6}))


if __name__ == "__main__":
    main(*sys.argv[1:])
