"""Sources of lazy gradients, as users make them from what they have opened."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

VALUES = np.random.default_rng(0).normal(size=(8, 6))


def of_a_user(block: Any) -> Any:
    return block


def numbered(block: Any, block_info: Any = None) -> Any:
    return block * len(block_info)


def stored(folder: Path) -> xr.DataArray:
    """A variable of a store, opened with the engine that xarray uses."""
    coords = {
        "y": ("y", np.arange(8.0), {"units": "degrees_north"}),
        "x": ("x", np.arange(6.0), {"units": "degrees_east"}),
    }
    ds = xr.Dataset({"t": (("y", "x"), VALUES, {}, {"chunks": (4, 3)})}, coords)
    ds.to_zarr(folder / "in.zarr", zarr_format=2)
    return xr.open_zarr(folder / "in.zarr").t


#: Made from a variable of a store; cheap to read, and not.
CHEAP: dict[str, Any] = {
    "as it is stored": lambda t: t,
    "arithmetic": lambda t: (t - 273.15) / 2,
    "a mask": lambda t: (t + 1).where(t.x > 2),
    "another dtype": lambda t: np.sqrt(abs(t)).astype("f4"),
    "gaps filled": lambda t: t.fillna(0).clip(0, 1),
    "a part": lambda t: t.sel(y=slice(1, 6)).isel(x=slice(0, 4)),
    "a row": lambda t: t.isel(y=3),
    "transposed": lambda t: t.transpose(),
    "joined": lambda t: xr.concat([t, t + 1], "y"),
    "longer chunks": lambda t: (t + 1).chunk(y=8) * 2,
    "two variables": lambda t: t * t.rename("u"),
    "a gradient": lambda t: 2 * t.fdgrad.gradient("x").dt_dx,
    "a gradient with a factor": lambda t: t.fdgrad.gradient(
        ["y", "x"], metric="sphere"
    ).dt_dx.where(t > 0),
}
COSTLY: dict[str, Any] = {
    "other chunks": lambda t: t.chunk(y=3),
    "a function of the user": lambda t: t.copy(data=t.data.map_blocks(of_a_user)),
    "with an option": lambda t: t.copy(data=t.data.map_blocks(functools.partial(of_a_user))),
    "with what dask knows of the block": lambda t: t.copy(
        data=t.data.map_blocks(numbered, dtype="f8")
    ),
    "for each cell": lambda t: xr.apply_ufunc(
        of_a_user, t, vectorize=True, dask="parallelized", output_dtypes=["f8"]
    ),
    "a mixed derivative": lambda t: t.fdgrad.derivative(["x", "y"]),
    "a running sum": lambda t: t.cumsum("y"),
    "less a mean": lambda t: t - t.mean("y"),
    "a running mean": lambda t: t.rolling(y=3).mean(),
    "interpolated": lambda t: t.interp(y=[0.5, 1.5]),
}
