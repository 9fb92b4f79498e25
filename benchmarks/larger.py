"""Stores of many chunks of 2 MB, and what is computed from them."""

from __future__ import annotations

import dask.array as da
import numpy as np
import xarray as xr

#: Targets of ``store_job``, in words.
JOBS = {
    "time max": "one gradient → its maximum",
    "time zarr": "one gradient → Zarr",
    "max": "three gradients → their maxima",
    "zarr": "three gradients → Zarr",
}
_CHUNKS = (8, 256, 256)
# Hours between the times.
_HOURS = (1, 1, 3, 3, 6, 2)


def who(target: str) -> list[str]:
    """Who computes a target."""
    shared = ["shared", "shared, without the final task"] if target == "time zarr" else []
    return ["xarray", "xgrad", "dask-array", *shared, *(["job"] if target.endswith("zarr") else [])]


def write(store: str, shape: tuple[int, int, int]) -> None:
    """Write a wave in float32, in chunks of 2 MB."""
    coords = {
        "time": np.cumsum(np.resize(_HOURS, shape[0])).astype(float),
        "latitude": np.linspace(-80.0, 80.0, shape[1]),
        "longitude": np.linspace(0.0, 350.0, shape[2]),
    }
    t, phi, lam = (
        da.from_array(
            x.reshape(*(-1 if k == axis else 1 for k in range(3))),
            chunks=tuple(_CHUNKS[axis] if k == axis else 1 for k in range(3)),
        )
        for axis, x in enumerate((coords["time"], *(np.radians(coords[name]) for name in
                                                    ("latitude", "longitude"))))
    )  # fmt: skip
    wave = 280 + 20 * da.cos(phi) ** 2 + 15 * da.cos(phi) * da.sin(3 * lam - 0.02 * t)
    ds = xr.Dataset({"temperature": (tuple(coords), wave.astype("f4"))}, coords)
    ds.to_zarr(store, zarr_format=2)
