"""Seas over a seamount, on levels that follow the bottom."""

from __future__ import annotations

import numpy as np
import xarray as xr


def seamount(slope: float, nx: int = 101, ny: int | None = None, levels: int = 40) -> xr.DataArray:
    """Heights over a seamount of this greatest slope, stretched towards the surface.

    The levels are those of A. F. Shchepetkin, J. C. McWilliams, Ocean Modelling 9, 2005.
    """
    s = xr.DataArray((np.arange(levels) + 0.5) / levels - 1, dims="s")
    x = xr.DataArray(np.linspace(-50e3, 50e3, nx), dims="x", attrs={"units": "m"})
    rise, width = 3600.0, 3600.0 * np.sqrt(2 / np.e) / slope  # that of a Gaussian
    depth = 4000.0 - rise * np.exp(-((x / width) ** 2))
    if ny is not None:
        y = xr.DataArray(np.linspace(0, 20e3, ny), dims="y", attrs={"units": "m"})
        depth = (depth * (1 + 0.1 * np.sin(y / 6e3))).transpose("y", "x").assign_coords(y=y)
    stretched = (1 - np.cosh(5 * s)) / (np.cosh(5.0) - 1)
    z = depth * (250 * s + depth * stretched) / (250 + depth)
    z = z.transpose("s", ..., "x").assign_coords(s=s, x=x)
    return z.rename("z").assign_attrs(units="m", long_name="height")


def of_height(z: xr.DataArray, value: xr.DataArray) -> xr.DataArray:
    """Values on these heights."""
    return value.rename("q").assign_coords(z=z).drop_attrs(deep=False).assign_attrs(units="K")
