"""What a curvilinear grid costs: derivatives over a plain gradient, and vorticity beside MetPy."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pyproj
import xarray as xr

import xgrad

RADIUS = 6371229.0
POLAR = {
    "grid_mapping_name": "polar_stereographic", "latitude_of_projection_origin": 90.0,
    "straight_vertical_longitude_from_pole": 0.0, "standard_parallel": 60.0,
    "earth_radius": RADIUS,
}  # fmt: skip

Jobs = dict[str, Callable[[], Any]]


def polar(shape: tuple[int, ...], dims: tuple[str, ...]) -> xr.Dataset:
    """Components along x and y on a polar stereographic grid, of random numbers in float32."""
    crs, (n_y, n_x) = pyproj.CRS.from_cf(POLAR), shape[-2:]
    y, x = np.linspace(-2e6, 2e6, n_y), np.linspace(-2e6, 2e6, n_x)
    inverse = pyproj.Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
    lon, lat = inverse.transform(*np.meshgrid(x, y))
    rng = np.random.default_rng(0)
    names, speed = {"u": "x_wind", "v": "y_wind"}, {"units": "m/s"}
    return xr.Dataset(
        {
            key: (dims, rng.normal(size=shape).astype("f4"), {**speed, "standard_name": name})
            for key, name in names.items()
        },
        {
            "y": ("y", y, {"units": "m"}), "x": ("x", x, {"units": "m"}),
            "lat": (("y", "x"), lat, {"units": "degrees_north"}),
            "lon": (("y", "x"), lon, {"units": "degrees_east"}),
        },
    )  # fmt: skip


def derivatives(shape: tuple[int, ...]) -> Jobs:
    """A plain gradient along the two dimensions, and derivatives with the true metric."""
    ds = polar(shape, ("time", "y", "x"))
    f, sphere = ds.u.fdgrad, {"metric": "sphere"}
    return {
        "plain": partial(f.gradient, ["y", "x"]),
        "eastward and northward": partial(f.gradient, ["lon", "lat"], **sphere),
        "magnitude": partial(f.magnitude, ["y", "x"], **sphere),
        "vorticity": partial(xgrad.curl, u=ds.u, v=ds.v, **sphere),
        "Laplacian": partial(f.laplacian, ["y", "x"], **sphere),
    }


def vorticity(n_times: int, n_levels: int, n: int = 1000) -> Jobs:
    """Vorticity of the same wind by xgrad and by MetPy."""
    import metpy.calc

    ds = polar((n_times, n_levels, n, n), ("time", "level", "y", "x"))
    theirs = ds.metpy.assign_crs(POLAR)
    return {
        "xgrad": partial(xgrad.curl, u=ds.u, v=ds.v, metric="sphere"),
        "metpy": partial(metpy.calc.vorticity, theirs.u, theirs.v),
    }
