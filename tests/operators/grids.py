"""Grids of six projections with exact fields on them, and skewed planes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

R = 6371229.0
TILT, OMEGA = 0.7, 7e-5


def polar(x: Any, y: Any) -> Any:
    """Polar stereographic, with the pole inside the grid."""
    return np.pi / 2 - 2 * np.arctan(np.hypot(x, y) / (2 * R)), np.arctan2(y, x)


def equal_area(x: Any, y: Any) -> Any:
    """Lambert azimuthal equal-area about 50 degrees north."""
    rho, origin = np.hypot(x, y) + 1e-9, np.radians(50)
    c = 2 * np.arcsin(rho / (2 * R))
    phi = np.arcsin(np.cos(c) * np.sin(origin) + y * np.sin(c) * np.cos(origin) / rho)
    across = rho * np.cos(origin) * np.cos(c) - y * np.sin(origin) * np.sin(c)
    return phi, np.arctan2(x * np.sin(c), across)


def conic(x: Any, y: Any) -> Any:
    """Lambert conformal conic with one standard parallel, 45 degrees north."""
    origin = np.radians(45)
    n, f = np.sin(origin), np.cos(origin) * np.tan(np.pi / 4 + origin / 2) ** np.sin(origin)
    middle = R * f / np.tan(np.pi / 4 + origin / 2) ** n
    rho = np.hypot(x, middle - y)
    return 2 * np.arctan((R * f / rho) ** (1 / n)) - np.pi / 2, np.arctan2(x, middle - y) / n


def albers(x: Any, y: Any) -> Any:
    """Albers equal-area conic with standard parallels 30 and 60 degrees north."""
    one, other, origin = np.radians([30, 60, 45])
    n = (np.sin(one) + np.sin(other)) / 2
    c = np.cos(one) ** 2 + 2 * n * np.sin(one)
    middle = R * np.sqrt(c - 2 * n * np.sin(origin)) / n
    rho = np.hypot(x, middle - y)
    return np.arcsin((c - (rho * n / R) ** 2) / (2 * n)), np.arctan2(x, middle - y) / n


def sinusoidal(x: Any, y: Any) -> Any:
    """Sinusoidal, whose axes are far from a right angle away from the middle."""
    phi = np.radians(45) + y / R
    return phi, x / (R * np.cos(phi))


def rotated(x: Any, y: Any) -> Any:
    """Latitude and longitude about a pole 40 degrees away, across the dateline."""
    p, m, a = y / R, x / R + np.pi, np.radians(40)
    up = np.sin(p) * np.cos(a) - np.cos(p) * np.cos(m) * np.sin(a)
    ahead = np.cos(p) * np.cos(m) * np.cos(a) + np.sin(p) * np.sin(a)
    return np.arcsin(up), np.arctan2(np.cos(p) * np.sin(m), ahead)


PROJECTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "polar stereographic": polar, "equal-area": equal_area, "conformal conic": conic,
    "Albers": albers, "sinusoidal": sinusoidal, "rotated pole": rotated,
}  # fmt: skip


def exact(phi: Any, lam: Any) -> dict[str, Any]:
    """Solid rotation about a tilted axis, a harmonic of degree 2, and their derivatives."""
    u = OMEGA * R * (np.cos(TILT) * np.cos(phi) - np.sin(TILT) * np.sin(phi) * np.cos(lam))
    v = OMEGA * R * np.sin(TILT) * np.sin(lam)
    axis = np.sin(TILT) * np.cos(phi) * np.cos(lam) + np.cos(TILT) * np.sin(phi)
    return {
        "u": u, "v": v, "curl": 2 * OMEGA * axis, "f": np.sin(phi) * np.cos(phi) * np.cos(lam),
        "df_dlon": -np.sin(phi) * np.sin(lam) / R,
        "df_dlat": np.cos(2 * phi) * np.cos(lam) / R,
    }  # fmt: skip


def on(name: str, n: int, extent: float = 2e6) -> tuple[xr.Dataset, dict[str, Any]]:
    """A grid of n × n cells over a square of a projection, and the exact answers."""
    side = np.linspace(-extent, extent, n)
    phi, lam = PROJECTIONS[name](*np.meshgrid(side, side))
    known = exact(phi, lam)
    coords = {
        "lat": (("y", "x"), np.degrees(phi), {"units": "degrees_north"}),
        "lon": (("y", "x"), np.degrees(lam), {"units": "degrees_east"}),
    }
    winds = {"units": "m s-1"}
    return xr.Dataset(
        {
            "f": (("y", "x"), known["f"], {"units": "K"}),
            "u": (("y", "x"), known["u"], {**winds, "standard_name": "eastward_wind"}),
            "v": (("y", "x"), known["v"], {**winds, "standard_name": "northward_wind"}),
        },
        coords,
    ), known


SPHERE: dict[str, Any] = {"metric": "sphere", "edge_order": 2}


def errors(name: str, n: int) -> dict[str, float]:
    """Largest error of each derivative, over the largest value."""
    ds, known = on(name, n)
    slope = ds.f.fdgrad.gradient(["lon", "lat"], **SPHERE)
    steepest = np.hypot(known["df_dlon"], known["df_dlat"])
    spin = np.abs(known["curl"]).max()
    found = {
        "eastward": (slope.df_dlon - known["df_dlon"], steepest.max()),
        "northward": (slope.df_dlat - known["df_dlat"], steepest.max()),
        "magnitude": (ds.f.fdgrad.magnitude(["lon", "lat"], **SPHERE) - steepest, steepest.max()),
        "curl": (ds.fdgrad.curl({"lon": "u", "lat": "v"}, **SPHERE) - known["curl"], spin),
        "divergence": (ds.fdgrad.divergence({"lon": "u", "lat": "v"}, **SPHERE), spin),
    }
    return {key: float(abs(error).max() / scale) for key, (error, scale) in found.items()}


def skewed(seed: int, shape: tuple[int, ...] = (30, 40)) -> list[xr.DataArray]:
    """Smooth coordinates of a random, skewed grid of two or three dimensions."""
    rng, dims = np.random.default_rng(seed), ("k", "j", "i")[-len(shape) :]
    index = np.meshgrid(*(np.linspace(0, 1, n) for n in shape), indexing="ij")
    matrix = np.eye(len(shape)) + 0.3 * rng.normal(size=(len(shape),) * 2)
    found = []
    for row, name in zip(matrix, ("XC", "YC", "ZC"), strict=False):
        plain = sum(weight * 100 * one for weight, one in zip(row, index[::-1], strict=True))
        bent = plain + 2 * np.sin(rng.uniform(1, 3) * index[0] + rng.uniform(1, 3) * index[-1])
        found.append(xr.DataArray(bent, dims=dims, name=name, attrs={"units": "m"}))
    return found
