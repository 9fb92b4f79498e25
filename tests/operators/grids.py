"""Grids of six projections with exact fields on them, and skewed planes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyproj
import xarray as xr

import xgrad

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


#: Homogeneous harmonic polynomials of the places n: degree, value, gradient, second derivatives.
HARMONICS: dict[str, tuple[int, Callable[..., Any], Callable[..., Any], Callable[..., Any]]] = {
    "z": (
        1,
        lambda n: n[2],
        lambda n: (0 * n[0], 0 * n[0], 1 + 0 * n[0]),
        lambda n: [[0 * n[0]] * 3] * 3,
    ),
    "xz": (
        2,
        lambda n: n[0] * n[2],
        lambda n: (n[2], 0 * n[0], n[0]),
        lambda n: [[0 * n[0], 0, 1], [0, 0, 0], [1, 0, 0 * n[0]]],
    ),
    "z(x² - y²)": (
        3,
        lambda n: n[2] * (n[0] ** 2 - n[1] ** 2),
        lambda n: (2 * n[0] * n[2], -2 * n[1] * n[2], n[0] ** 2 - n[1] ** 2),
        lambda n: [[2 * n[2], 0, 2 * n[0]], [0, -2 * n[2], -2 * n[1]], [2 * n[0], -2 * n[1], 0]],
    ),
}


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


# By name: a CRS on an ellipsoid, and the middle of the grid in its coordinates.
CRS: dict[str, tuple[str, tuple[float, float]]] = {
    "polar stereographic": ("EPSG:3413", (0.0, 0.0)),
    "equal-area": ("EPSG:3035", (4321000.0, 3210000.0)),
    "conformal conic": ("+proj=lcc +lat_0=45 +lon_0=170 +lat_1=30 +lat_2=60 +ellps=GRS80", (0, 0)),
    "Albers": ("EPSG:5070", (0.0, 1500000.0)),
    "sinusoidal": ("+proj=sinu +lon_0=0 +datum=WGS84", (0.0, 5000000.0)),
    "Bessel": ("+proj=laea +lat_0=-30 +lon_0=20 +ellps=bessel", (0.0, 0.0)),
}


def projected(name: str, n: int, extent: float = 2e6) -> tuple[xr.Dataset, dict[str, Any]]:
    """A grid with projection coordinates only, and the exact answers on the ellipsoid."""
    text, (x0, y0) = CRS[name]
    crs = pyproj.CRS(text)
    side = np.linspace(-extent, extent, n)
    x, y = x0 + side, y0 + side[::-1]  # rows from north to south, as images have them
    inverse = pyproj.Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
    lam, phi = np.radians(inverse.transform(*np.meshgrid(x, y)))
    a, e2 = crs.ellipsoid.semi_major_metre, crs.get_geod().es
    across = a / np.sqrt(1 - e2 * np.sin(phi) ** 2)
    along = across * (1 - e2) / (1 - e2 * np.sin(phi) ** 2)
    known = exact(phi, lam)
    u_lam = OMEGA * R * np.sin(TILT) * np.sin(phi) * np.sin(lam)
    u_phi = -OMEGA * R * (np.cos(TILT) * np.sin(phi) + np.sin(TILT) * np.cos(phi) * np.cos(lam))
    v_lam = OMEGA * R * np.sin(TILT) * np.cos(lam)
    known["df_dlon"] *= R / across
    known["df_dlat"] *= R / along
    width = across * np.cos(phi)
    known["curl"] = v_lam / width - u_phi / along + known["u"] * np.tan(phi) / across
    known["divergence"] = u_lam / width - known["v"] * np.tan(phi) / across
    coords = {"y": ("y", y, {"units": "m"}), "x": ("x", x, {"units": "m"})}
    winds = {"units": "m s-1"}
    return xr.Dataset(
        {
            "f": (("y", "x"), known["f"], {"units": "K"}),
            "u": (("y", "x"), known["u"], {**winds, "standard_name": "eastward_wind"}),
            "v": (("y", "x"), known["v"], {**winds, "standard_name": "northward_wind"}),
        },
        coords,
    ), known


def errors_on_the_ellipsoid(name: str, n: int) -> dict[str, float]:
    """Largest error of each derivative from projection coordinates, over the largest value.

    With an even `n` no cell is at the pole, where the exact answers have an infinite tangent.
    """
    ds, known = projected(name, n, 1.99e6)
    options: dict[str, Any] = {"metric": CRS[name][0], "edge_order": 2}
    slope = ds.f.fdgrad.gradient(["longitude", "latitude"], **options)
    steepest = np.hypot(known["df_dlon"], known["df_dlat"])
    winds = {"u": ds.u, "v": ds.v}
    scale, spin = steepest.max(), np.abs(known["curl"]).max()
    along = xgrad.rotate(**winds, to="grid", **options)
    by_grid = {"x": along.u, "y": along.v}
    found = {
        "eastward": (slope.df_dlongitude - known["df_dlon"], scale),
        "northward": (slope.df_dlatitude - known["df_dlat"], scale),
        "magnitude": (ds.f.fdgrad.magnitude(["x", "y"], **options) - steepest, scale),
        "curl": (xgrad.curl(**winds, **options) - known["curl"], spin),
        "divergence": (xgrad.divergence(**winds, **options) - known["divergence"], spin),
        "curl along the grid": (xgrad.curl(by_grid, **options) - known["curl"], spin),
        "divergence along the grid": (
            xgrad.divergence(by_grid, **options) - known["divergence"], spin,
        ),
    }  # fmt: skip
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
