"""How often chunks are read that read their own halos: ``python -m benchmarks.readings``.

The array has 1024 chunks of 2 MB, as ``benchmarks.larger`` has, and the cache has room for 32 of
them.  It is a table of counts, which depend on dask's order and hardly on the machine.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import dask
import dask.array as da
import numpy as np
import xarray as xr

import xgrad  # noqa: F401  (registers the accessor)
from xgrad.arrays import block_cache

_SHAPE, _CHUNKS = (128, 2048, 2048), (8, 256, 256)
_DIMS = ("time", "latitude", "longitude")


class Source:
    """An array of zeros that counts how often each part of it is read."""

    shape, ndim, dtype = _SHAPE, 3, np.dtype("f4")

    def __init__(self) -> None:
        self.reads: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __getitem__(self, index: Any) -> Any:
        found = np.zeros([len(range(n)[k]) for n, k in zip(_SHAPE, index, strict=True)], self.dtype)
        if found.size:
            with self._lock:
                self.reads[str(index)] += 1
        return found


class Nowhere:
    """A target that forgets what is written."""

    def __setitem__(self, index: Any, values: Any) -> None:
        pass


def _laplacian_of_laplacian(f: xr.DataArray) -> xr.DataArray:
    return f.fdgrad.laplacian(["latitude", "time"]).fdgrad.laplacian(["latitude", "time"])


RESULTS: dict[str, Callable[[xr.DataArray], xr.Dataset]] = {
    **{f"one derivative, {dim}": lambda f, dim=dim: f.fdgrad.gradient(dim) for dim in _DIMS},
    "three derivatives": lambda f: f.fdgrad.gradient(list(_DIMS)),
    "a time derivative of a time derivative": lambda f: f.fdgrad.derivative("time").fdgrad.gradient(
        "time"
    ),
    "a mixed second derivative": lambda f: f.fdgrad.derivative(["time", "longitude"]).to_dataset(
        name="mixed"
    ),
    "the Laplacian of a Laplacian": lambda f: _laplacian_of_laplacian(f).to_dataset(name="of it"),
}
ENDS: dict[str, Callable[[list[Any]], Any]] = {
    "stored": lambda arrays: da.store(arrays, [Nowhere() for _ in arrays], lock=False),
    "maximum": lambda arrays: dask.compute([one.max() for one in arrays]),
    "mean over the times": lambda arrays: dask.compute([one.mean(axis=0) for one in arrays]),
}


def readings(result: Callable[[xr.DataArray], xr.Dataset], end: Callable[[list[Any]], Any]) -> Any:
    """How often each chunk is read."""
    source = Source()
    f = xr.DataArray(da.from_array(source, _CHUNKS, asarray=False), dims=_DIMS, name="f")
    source.reads.clear()
    with dask.config.set(scheduler="threads", num_workers=2, **{"xgrad.halo": "reread"}):
        end([one.data for one in result(f).values()])
    return np.array(list(source.reads.values()))


if __name__ == "__main__":
    block_cache._SHARE = 2**60  # as if the memory were short
    print("| readings of a chunk, mean (most) |", " | ".join(ENDS), "|")
    print("| --- " * (len(ENDS) + 1) + "|")
    for name, result in RESULTS.items():
        counts = [readings(result, end) for end in ENDS.values()]
        print(
            f"| {name} |",
            " | ".join(f"{n.mean():.2f} ({n.max()})" for n in counts),
            "|",
            flush=True,
        )
