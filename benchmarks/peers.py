"""A table of vector calculus in xgrad and in other libraries.

``python -m benchmarks.peers``: needs ``pip install -e ".[benchmarks]"``.  Each cell shows what its
function returns.  A cell is empty if that library was not run: it has no function for the row, or
cannot take its input.
"""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr

import xgrad

RADIUS = 6371229.0
PEERS = {
    "xgrad": "xgrad", "metpy": "MetPy", "xgcm": "xgcm", "geocat-comp": "geocat-comp",
    "findiff": "findiff", "xarray": "xarray",
}  # fmt: skip
DEGREES = np.arange(0, 360, 15.0)
UNEVEN = np.arange(6.0) ** 1.5
GAP = np.array([0.0, 1.0, 4.0, np.nan, 16.0, 25.0, 36.0])

Cell = Callable[[], str]
TABLE: dict[str, dict[str, Cell]] = {}


def cell(row: str, peer: str) -> Callable[[Cell], Cell]:
    def keep(function: Cell) -> Cell:
        TABLE.setdefault(row, {})[peer] = function
        return function

    return keep


def percent(error: Any) -> str:
    """Percent; errors below 1e-11 are rounding and count as zero."""
    error = float(error)
    return "0 %" if error < 1e-11 else f"{100 * error:.2g} %" if error < 10 else f"{error:.0f} fold"


def laziness(array: Any) -> str:
    kind = type(getattr(array, "magnitude", array))
    return "yes" if issubclass(kind, da.Array) else "no"


# A global grid of 1 degree, with a row at each pole.


def globe(latitude: Any = None) -> xr.Dataset:
    latitude = np.arange(-90, 91.0) if latitude is None else latitude
    return xr.Dataset(
        coords={
            "lat": ("lat", latitude, {"units": "degrees_north"}),
            "lon": ("lon", np.arange(360.0), {"units": "degrees_east"}),
        }
    )


def solid_body(latitude: Any = None) -> tuple[xr.DataArray, xr.DataArray, xr.DataArray]:
    """Wind of a sphere that rotates about its axis, and its exact vorticity."""
    grid = globe(latitude)
    u = 20 * np.cos(np.deg2rad(grid.lat)) * xr.ones_like(grid.lon)
    exact = 2 * 20 * np.sin(np.deg2rad(grid.lat)) / RADIUS
    u.attrs["units"] = "m s-1"
    return u.rename("u"), (0 * u).rename("v").assign_attrs(units="m s-1"), exact


def on_metpys_sphere(array: xr.DataArray) -> Any:
    return array.metpy.assign_crs(
        {"grid_mapping_name": "latitude_longitude", "earth_radius": RADIUS}
    )


#: The last row is half a degree from the pole instead of at it.
POLELESS = np.arange(-89.5, 90.0)


def vorticity_by_xgrad(latitude: float) -> float:
    u, v, exact = solid_body(POLELESS if latitude in POLELESS else None)
    found = xgrad.curl(u=u, v=v, metric="sphere")
    return float(abs(found / exact - 1).sel(lat=latitude).max())


def vorticity_by_metpy(latitude: float) -> float:
    import metpy.calc

    u, v, exact = solid_body(POLELESS if latitude in POLELESS else None)
    found = metpy.calc.vorticity(on_metpys_sphere(u), on_metpys_sphere(v)).metpy.dequantify()
    return float(abs(found / exact - 1).sel(lat=latitude).max())


for _latitude, _where in (
    (45.0, "at 45°"), (85.0, "at 85°"), (89.0, "at 89°"), (90.0, "at the pole"),
    (89.5, "at 89.5°, where there is no row at the pole"),
):  # fmt: skip
    _row = f"vorticity of solid-body rotation {_where}, error"
    cell(_row, "xgrad")(lambda at=_latitude: percent(vorticity_by_xgrad(at)))  # type: ignore[misc]
    cell(_row, "metpy")(lambda at=_latitude: percent(vorticity_by_metpy(at)))  # type: ignore[misc]

# A harmonic of degree 2 and a sphere that rotates about a tilted axis, on grids of 40 km in
# projections.  The components of the wind are those along x and y, or eastward and northward.
MAPS: dict[str, tuple[float, dict[str, Any]]] = {
    "polar stereographic": (0.0, {
        "grid_mapping_name": "polar_stereographic", "latitude_of_projection_origin": 90.0,
        "straight_vertical_longitude_from_pole": 0.0, "standard_parallel": 60.0,
    }),
    "equal-area": (0.0, {
        "grid_mapping_name": "lambert_azimuthal_equal_area", "latitude_of_projection_origin": 50.0,
        "longitude_of_projection_origin": 0.0,
    }),
    "sinusoidal": (RADIUS * np.pi / 4, {
        "grid_mapping_name": "sinusoidal", "longitude_of_projection_origin": 0.0,
    }),
}  # fmt: skip
TILT, SPIN = 0.7, 7e-5


def projected(name: str) -> tuple[xr.Dataset, Any, Any]:
    """A grid with x and y, latitudes and longitudes; the exact slope and vorticity."""
    import pyproj

    middle, mapping = MAPS[name]
    mapping = {**mapping, "earth_radius": RADIUS}
    crs = pyproj.CRS.from_cf(mapping)
    side = 2e4 + np.arange(-2e6, 2e6, 4e4)
    inverse = pyproj.Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
    lam, phi = np.radians(inverse.transform(*np.meshgrid(side, middle + side)))
    data = {
        "f": np.sin(phi) * np.cos(phi) * np.cos(lam),
        "u": np.cos(TILT) * np.cos(phi) - np.sin(TILT) * np.sin(phi) * np.cos(lam),
        "v": np.sin(TILT) * np.sin(lam),
    }
    ds = xr.Dataset(
        {key: (("y", "x"), values) for key, values in data.items()},
        {
            "y": ("y", middle + side, {"units": "m"}), "x": ("x", side, {"units": "m"}),
            "lat": (("y", "x"), np.degrees(phi), {"units": "degrees_north"}),
            "lon": (("y", "x"), np.degrees(lam), {"units": "degrees_east"}),
        },
    )  # fmt: skip
    ds[["u", "v"]] *= SPIN * RADIUS
    slope = np.hypot(np.sin(phi) * np.sin(lam), np.cos(2 * phi) * np.cos(lam)) / RADIUS
    axis = np.sin(TILT) * np.cos(phi) * np.cos(lam) + np.cos(TILT) * np.sin(phi)
    ds.attrs = mapping
    return ds, slope, 2 * SPIN * axis


def over_the_largest(found: Any, exact: Any) -> str:
    inner = (slice(2, -2), slice(2, -2))
    error = np.asarray(getattr(found, "magnitude", found)) - exact
    return percent(np.abs(error)[inner].max() / np.abs(exact).max())


def for_metpy(ds: xr.Dataset) -> Any:
    return ds.metpy.assign_crs(ds.attrs)


def slope_by_xgrad(name: str) -> str:
    ds, slope, _ = projected(name)
    return over_the_largest(ds.f.fdgrad.magnitude(["y", "x"], metric="sphere"), slope)


def slope_by_metpy(name: str) -> str:
    import metpy.calc

    ds, slope, _ = projected(name)
    parts = metpy.calc.geospatial_gradient(for_metpy(ds).f)
    return over_the_largest(np.hypot(*(part.magnitude for part in parts)), slope)


def curl_by_xgrad(name: str, *, true: bool) -> str:
    ds, _, exact = projected(name)
    keys = {"lon": "u", "lat": "v"}
    if not true:
        ds = ds.fdgrad.rotate(u="u", v="v", to="grid")
        keys = {"x": "u", "y": "v"}
    return over_the_largest(ds.fdgrad.curl(keys, metric="sphere"), exact)


def curl_by_metpy(name: str, *, true: bool) -> str:
    import metpy.calc

    ds, _, exact = projected(name)
    if not true:
        ds = ds.fdgrad.rotate(u="u", v="v", to="grid").assign_attrs(ds.attrs)
    own = for_metpy(ds)
    u, v = (own[key].assign_attrs(units="m s-1") for key in "uv")
    return over_the_largest(metpy.calc.vorticity(u, v).data, exact)


for _map in MAPS:
    _row = f"magnitude of a gradient, {_map} grid, error"
    cell(_row, "xgrad")(lambda name=_map: slope_by_xgrad(name))  # type: ignore[misc]
    cell(_row, "metpy")(lambda name=_map: slope_by_metpy(name))  # type: ignore[misc]
for _map in MAPS:
    for _true, _kind in ((False, "components along the grid"), (True, "eastward and northward")):
        _row = f"vorticity, {_map} grid, {_kind}, error"
        cell(_row, "xgrad")(  # type: ignore[misc]
            lambda name=_map, true=_true: curl_by_xgrad(name, true=true)
        )
        cell(_row, "metpy")(  # type: ignore[misc]
            lambda name=_map, true=_true: curl_by_metpy(name, true=true)
        )

# sin(λ) along longitude: d/dx at the equator is cos(λ) / R.  The error of a central difference over
# 1 degree is 0.005 %, that of a one-sided one 0.9 %.
SEAM = "eastward derivative of sin λ + cos λ beside the dateline, error"


def wave() -> xr.DataArray:
    grid = globe(np.arange(-80, 81.0))
    angle = np.deg2rad(grid.lon)
    found = xr.ones_like(grid.lat) * (np.sin(angle) + np.cos(angle))
    return found.rename("f").assign_attrs(units="K")


def at_the_seam(eastward: Any) -> str:
    """Error of a derivative per metre at the equator and 0 degrees east, where it is 1/R."""
    return percent(abs(RADIUS * float(np.asarray(eastward)[80, 0]) - 1))


@cell(SEAM, "xgrad")
def _() -> str:
    return at_the_seam(xgrad.gradient(wave(), "lon", metric="sphere").df_dlon)


@cell(SEAM, "metpy")
def _() -> str:
    import metpy.calc

    return at_the_seam(metpy.calc.geospatial_gradient(on_metpys_sphere(wave()))[0].magnitude)


@cell(SEAM, "geocat-comp")
def _() -> str:
    import geocat.comp

    return at_the_seam(geocat.comp.gradient(wave())[1])


@cell(SEAM, "xgcm")
def _() -> str:
    # On the faces between the cells, half a degree to the west.
    slope = xgcm_grid("periodic").derivative(xgcm_data().f, "X")[0]
    angle = np.deg2rad(-7.5)
    return percent(abs(float(slope) / (np.cos(angle) - np.sin(angle)) - 1)) + ", 15° faces"


@cell(SEAM, "findiff")
def _() -> str:
    import findiff

    along = findiff.Diff(1, np.deg2rad(1.0) * RADIUS, periodic=True)
    return at_the_seam(along(wave().values))


@cell(SEAM, "xarray")
def _() -> str:
    return at_the_seam(wave().differentiate("lon") * 180 / np.pi / RADIUS)


def xgcm_data() -> xr.Dataset:
    angle = np.deg2rad(DEGREES)
    return xr.Dataset(
        {"f": ("centre", np.sin(angle) + np.cos(angle))},
        {"centre": DEGREES, "left": DEGREES - 7.5, "dx": ("left", np.full(24, np.deg2rad(15)))},
    )


def xgcm_grid(padding: str) -> Any:
    import xgcm

    return xgcm.Grid(
        xgcm_data(), coords={"X": {"center": "centre", "left": "left"}}, padding=padding,
        metrics={("X",): ["dx"]}, autoparse_metadata=False,
    )  # fmt: skip


# |∇ sin φ| = cos φ / R on a grid of two-dimensional latitude and longitude, rotated by 30 degrees.
TURNED = "magnitude of a gradient on a curvilinear grid, error"


def turned() -> tuple[xr.DataArray, xr.DataArray]:
    y, x = np.meshgrid(np.deg2rad(np.arange(-20, 21.0)), np.deg2rad(np.arange(-20, 21.0)))
    place = [np.cos(y) * np.cos(x), np.cos(y) * np.sin(x), np.sin(y)]
    tilt = np.deg2rad(30)
    latitude = np.arcsin(np.sin(tilt) * place[1] + np.cos(tilt) * place[2])
    longitude = np.arctan2(np.cos(tilt) * place[1] - np.sin(tilt) * place[2], place[0])
    found = xr.DataArray(
        np.sin(latitude), dims=("x", "y"), name="f", attrs={"units": "K"},
        coords={
            "lat": (("x", "y"), np.rad2deg(latitude), {"units": "degrees_north"}),
            "lon": (("x", "y"), np.rad2deg(longitude), {"units": "degrees_east"}),
        },
    )  # fmt: skip
    return found.transpose("y", "x"), np.cos(np.deg2rad(found.lat)).transpose("y", "x")


def inside(magnitude: Any, exact: Any) -> str:
    relative = abs(RADIUS * np.asarray(magnitude) / np.asarray(exact) - 1)
    return percent(relative[1:-1, 1:-1].max())


@cell(TURNED, "xgrad")
def _() -> str:
    f, exact = turned()
    return inside(f.fdgrad.magnitude(metric="sphere"), exact)


@cell(TURNED, "metpy")
def _() -> str:
    import metpy.calc
    import pyproj

    f, exact = turned()
    sphere = pyproj.Geod(a=RADIUS, b=RADIUS)
    dx, dy = metpy.calc.lat_lon_grid_deltas(f.lon.values, f.lat.values, geod=sphere)
    parts = metpy.calc.geospatial_gradient(f.values, dx=abs(dx), dy=abs(dy))
    return inside(np.hypot(*(part.magnitude for part in parts)), exact)


@cell(TURNED, "geocat-comp")
def _() -> str:
    import geocat.comp

    f, exact = turned()
    return inside(np.hypot(*(part.values for part in geocat.comp.gradient(f))), exact)


# x²: the parabola through three uneven neighbours has the exact derivative.
SQUARE = "derivative of x² over uneven positions, error inside"


def of_square(derivative: Any) -> str:
    found = np.asarray(derivative)[1:-1]
    return percent(np.max(abs(found / (2 * UNEVEN[1:-1]) - 1)))


@cell(SQUARE, "xgrad")
def _() -> str:
    return of_square(xr.DataArray(UNEVEN**2, {"x": UNEVEN}, name="f").fdgrad.gradient("x").df_dx)


@cell(SQUARE, "metpy")
def _() -> str:
    import metpy.calc

    return of_square(metpy.calc.first_derivative(UNEVEN**2, x=UNEVEN).magnitude)


@cell(SQUARE, "geocat-comp")
def _() -> str:
    import geocat.comp

    # Only along the latitude: lat² over uneven positions.
    latitude = 2 * UNEVEN
    field = xr.DataArray(
        np.deg2rad(latitude)[:, None] ** 2 * np.ones(4),
        {"lat": latitude, "lon": np.arange(4.0)}, ("lat", "lon"),
    )  # fmt: skip
    found = geocat.comp.gradient(field)[0].values[:, 0]
    return percent(np.max(abs(found * RADIUS / (2 * np.deg2rad(latitude)) - 1)[1:-1]))


@cell(SQUARE, "findiff")
def _() -> str:
    import findiff

    return of_square(findiff.Diff(0, UNEVEN)(UNEVEN**2))


@cell(SQUARE, "xarray")
def _() -> str:
    return of_square(xr.DataArray(UNEVEN**2, {"x": UNEVEN}).differentiate("x"))


MISSING = "cells with a derivative, of 6 around a missing one"


def counted(derivative: Any) -> str:
    return str(int((np.isfinite(np.asarray(derivative)) & np.isfinite(GAP)).sum()))


@cell(MISSING, "xgrad")
def _() -> str:
    gap = xr.DataArray(GAP, dims="x", name="f")
    return counted(gap.fdgrad.gradient("x", skipna=True).df_dx)


@cell(MISSING, "metpy")
def _() -> str:
    import metpy.calc

    return counted(metpy.calc.first_derivative(GAP, delta=1.0).magnitude)


@cell(MISSING, "findiff")
def _() -> str:
    import findiff

    return counted(findiff.Diff(0, 1.0)(GAP))


@cell(MISSING, "xarray")
def _() -> str:
    return counted(xr.DataArray(GAP, {"x": np.arange(7.0)}).differentiate("x"))


# (x², y², z²) over uneven positions: 2x + 2y + 2z.
VOLUME = "divergence of three components, error inside"


def volume() -> tuple[xr.Dataset, Any]:
    axes = {dim: xr.DataArray(1 + UNEVEN, dims=dim, coords={dim: 1 + UNEVEN}) for dim in "zyx"}
    one = sum(0 * axis for axis in axes.values()) + 1.0
    wind = xr.Dataset({name: axes[dim] ** 2 * one for name, dim in zip("wvu", "zyx", strict=True)})
    wind = wind.transpose("x", "y", "z")
    return wind, (2 * sum(axes.values())).transpose("x", "y", "z").values


def of_volume(divergence: Any) -> str:
    core = (slice(1, -1),) * 3
    return percent(np.max(abs(np.asarray(divergence)[core] / volume()[1][core] - 1)))


@cell(VOLUME, "xgrad")
def _() -> str:
    wind, _exact = volume()
    return of_volume(xgrad.divergence(u=wind.u, v=wind.v, w=wind.w))


@cell(VOLUME, "findiff")
def _() -> str:
    import findiff

    wind, _exact = volume()
    found = findiff.Divergence(coords=[1 + UNEVEN] * 3)
    return of_volume(found(np.stack([wind.u, wind.v, wind.w])))


# +1, -1, +1, ...: the second difference is -4 f.  Two first differences give 0.
BOARD = "Laplacian of a checkerboard, over its true -8 f"


def board() -> Any:
    return np.power.outer(-1.0, np.add.outer(np.arange(8), np.arange(8)))


def of_board(laplacian: Any) -> str:
    return f"{(np.asarray(laplacian) / (-8 * board()))[3, 3] + 0:.0f}"


@cell(BOARD, "xgrad")
def _() -> str:
    return of_board(xr.DataArray(board(), dims=("y", "x"), name="f").fdgrad.laplacian())


@cell(BOARD, "metpy")
def _() -> str:
    import metpy.calc

    return of_board(metpy.calc.laplacian(board(), deltas=(1.0, 1.0)).magnitude)


@cell(BOARD, "findiff")
def _() -> str:
    import findiff

    return of_board(findiff.Laplacian(h=[1.0, 1.0])(board()))


@cell(BOARD, "xarray")
def _() -> str:
    field = xr.DataArray(board(), {"y": np.arange(8.0), "x": np.arange(8.0)}, ("y", "x"))
    return of_board(
        field.differentiate("x").differentiate("x") + field.differentiate("y").differentiate("y")
    )


UNITS = "units of a vorticity, or of a derivative, of `m s-1` over `m`"


@cell(UNITS, "xgrad")
def _() -> str:
    u, v, _exact = solid_body()
    return f"`{xgrad.curl(u=u, v=v, metric='sphere').attrs['units']}`"


@cell(UNITS, "metpy")
def _() -> str:
    import metpy.calc

    u, v, _exact = solid_body()
    return f"`{metpy.calc.vorticity(u, v).metpy.units:~}`"


@cell(UNITS, "geocat-comp")
def _() -> str:
    import geocat.comp

    return geocat.comp.gradient(solid_body()[0])[0].attrs.get("units", "none")


@cell(UNITS, "xgcm")
def _() -> str:
    data = xgcm_data().f.assign_attrs(units="m s-1")
    return f"`{xgcm_grid('periodic').derivative(data, 'X').attrs.get('units')}`"


@cell(UNITS, "xarray")
def _() -> str:
    metres = xr.DataArray(
        [0.0, 1.0, 4.0], {"x": ("x", [0.0, 1.0, 2.0], {"units": "m"})}, attrs={"units": "m s-1"}
    )
    return str(metres.differentiate("x").attrs.get("units", "none"))


LAZY = "a dask array stays lazy"


@cell(LAZY, "xgrad")
def _() -> str:
    u, v, _exact = solid_body()
    return laziness(xgrad.curl(u=u.chunk(lat=60), v=v.chunk(lat=60), metric="sphere").data)


@cell(LAZY, "metpy")
def _() -> str:
    import metpy.calc

    u, v, _exact = solid_body()
    return laziness(metpy.calc.vorticity(u.chunk(lat=60), v.chunk(lat=60)).data)


@cell(LAZY, "geocat-comp")
def _() -> str:
    import geocat.comp

    return laziness(geocat.comp.gradient(wave().chunk(lat=60))[0].data)


@cell(LAZY, "xgcm")
def _() -> str:
    return laziness(xgcm_grid("periodic").derivative(xgcm_data().f.chunk(centre=6), "X").data)


@cell(LAZY, "findiff")
def _() -> str:
    import findiff

    return laziness(findiff.Diff(0, 1.0)(da.ones(20, chunks=5)))


@cell(LAZY, "xarray")
def _() -> str:
    return laziness(wave().chunk(lat=60).differentiate("lat").data)


# Peak memory above that of the process, for the largest vorticity of winds generated by dask.
MEMORY = "largest vorticity of winds of {}, peak memory over the process's"
SIZES = {"0.2 GB": 24, "0.8 GB": 96}


def winds(n_times: int) -> tuple[xr.DataArray, xr.DataArray]:
    """Two components of float64, 8 levels × 171 × 360, two times per chunk."""
    grid = globe().isel(lat=slice(5, -5))
    shape = (n_times, 8, grid.sizes["lat"], grid.sizes["lon"])
    made = [
        xr.DataArray(
            da.random.default_rng(seed).random(shape, chunks=(2, *shape[1:])),
            grid.coords, ("time", "level", "lat", "lon"), name, {"units": "m s-1"},
        )
        for seed, name in enumerate("uv")
    ]  # fmt: skip
    return made[0], made[1]


def largest_by_xgrad(u: Any, v: Any) -> Any:
    return abs(xgrad.curl(u=u, v=v, metric="sphere")).max()


def largest_by_metpy(u: Any, v: Any) -> Any:
    import metpy.calc

    return abs(metpy.calc.vorticity(on_metpys_sphere(u), on_metpys_sphere(v)).data.magnitude).max()


JOBS = {"xgrad": largest_by_xgrad, "metpy": largest_by_metpy}


def peak(peer: str, n_times: int) -> str:
    """Measured in a separate process, which first does the same on little data."""
    command = [sys.executable, "-m", "benchmarks.peers", "--peak", peer, str(n_times)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return f"{json.loads(done.stdout.splitlines()[-1]):.0f} MB"


def print_peak(peer: str, n_times: int) -> None:
    import dask
    import psutil

    with dask.config.set(scheduler="threads", num_workers=2):
        JOBS[peer](*winds(2)).compute()
        Path("/proc/self/clear_refs").write_text("5")  # resets the peak
        before = psutil.Process().memory_info().rss
        JOBS[peer](*winds(n_times)).compute()
    status = Path("/proc/self/status").read_text()
    after = 1024 * int(status.split("VmHWM:")[1].split()[0])
    print(json.dumps((after - before) / 1e6))


for _size, _n_times in SIZES.items():
    for _peer in JOBS:
        cell(MEMORY.format(_size), _peer)(
            lambda peer=_peer, n=_n_times: peak(peer, n)  # type: ignore[misc]
        )


def main() -> None:
    if sys.argv[1:2] == ["--peak"]:
        print_peak(sys.argv[2], int(sys.argv[3]))
        return
    print(", ".join(f"{name} {version(name)}" for name in PEERS) + "\n")
    print("| | " + " | ".join(PEERS.values()) + " |")
    print("|---" * (len(PEERS) + 1) + "|")
    for row, cells in TABLE.items():
        shown = [cells[peer]() if peer in cells else "" for peer in PEERS]
        print(f"| {row} | " + " | ".join(shown) + " |", flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
