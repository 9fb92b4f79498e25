"""Vorticity on a polar stereographic grid that has projection coordinates only.

The wind of a reanalysis is eastward and northward on latitudes and longitudes.  Here it is
interpolated to a grid of 50 km around the north pole, as sea ice and remote sensing use it (the
projection EPSG:3413).  The grid has x and y in metres, and nothing else: the CRS says where the
cells are, and the standard names of the components that they are eastward and northward.  So
`xgrad.curl(u=u, v=v, metric="EPSG:3413")` is the vorticity, with the pole inside the grid.

The table compares it with the vorticity of the same wind on latitudes and longitudes, interpolated
to the same cells, and shows what two shortcuts give: taking the components for those along x and y,
and turning them to x and y first (`xgrad.rotate`) but taking x and y for a plane.
"""

import argparse
import os
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pyproj
import xarray as xr

import xgrad

DATA = os.environ.get("XGRAD_DATA", Path(__file__).resolve().parents[2] / "shared" / "data")
CRS = "EPSG:3413"
EASTWARD = {"standard_name": "eastward_wind", "units": "m s-1"}
NORTHWARD = {"standard_name": "northward_wind", "units": "m s-1"}


def wind_of_january() -> xr.Dataset:
    """Wind at 200 hPa: from a local file, or else from xarray's tutorial data."""
    file = Path(DATA, "eraint_uvz.nc")
    with warnings.catch_warnings():
        # The values are packed as integers, but the file declares NaN as their fill value.
        warnings.simplefilter("ignore", xr.SerializationWarning)
        ds = xr.open_dataset(file) if file.exists() else xr.tutorial.open_dataset("eraint_uvz")
    wind = ds[["u", "v"]].sel(month=1, level=200, drop=True).load()
    return wind.assign(u=wind.u.assign_attrs(EASTWARD), v=wind.v.assign_attrs(NORTHWARD))


def interpolated(field: xr.DataArray, lat: xr.DataArray, lon: xr.DataArray) -> xr.DataArray:
    """A field of latitude and longitude at other places; the seam is closed first."""
    first = field.isel(longitude=[0]).assign_coords(longitude=field.longitude[[0]] + 360)
    closed = xr.concat([field, first], "longitude")
    return closed.interp(latitude=lat, longitude=lon).drop_vars(["latitude", "longitude"])


def on_polar_grid(wind: xr.Dataset) -> tuple[xr.Dataset, xr.DataArray, xr.DataArray]:
    """The wind on the polar grid, and the latitudes and longitudes of its cells.

    The vectors are interpolated in space, because east and north turn fast near the pole.
    """
    side = np.arange(-4.5e6, 4.6e6, 5e4)
    coords = {"y": ("y", side[::-1], {"units": "m"}), "x": ("x", side, {"units": "m"})}
    to_places = pyproj.Transformer.from_crs(CRS, pyproj.CRS(CRS).geodetic_crs, always_xy=True)
    lon, lat = (
        xr.DataArray(values, coords, ("y", "x"))
        for values in to_places.transform(*np.meshgrid(side, side[::-1]))
    )

    def frame(phi: xr.DataArray, lam: xr.DataArray) -> tuple[list, list]:
        east = [-np.sin(lam), np.cos(lam), 0 * lam]
        north = [-np.sin(phi) * np.cos(lam), -np.sin(phi) * np.sin(lam), np.cos(phi)]
        return east, north

    east, north = frame(np.deg2rad(wind.latitude), np.deg2rad(wind.longitude))
    vector = [
        interpolated((wind.u * e + wind.v * n).transpose("latitude", "longitude"), lat, lon)
        for e, n in zip(east, north, strict=True)
    ]
    east, north = frame(np.deg2rad(lat), np.deg2rad(lon))
    found = {
        name: sum(a * b for a, b in zip(vector, along, strict=True)).assign_attrs(attrs)
        for name, along, attrs in (("u", east, EASTWARD), ("v", north, NORTHWARD))
    }
    return xr.Dataset(found, coords), lat, lon


def main() -> None:
    """Print the table and draw the maps."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--figure", type=Path, default="polar_vorticity.png")
    figure = parser.parse_args().figure
    wind = wind_of_january()
    polar, lat, lon = on_polar_grid(wind)
    vorticity = xgrad.curl(u=polar.u, v=polar.v, metric=CRS)

    expected = xgrad.curl(u=wind.u, v=wind.v, metric="sphere")
    reference = interpolated(expected, lat, lon)
    turned = xgrad.rotate(u=polar.u, v=polar.v, to="grid", metric=CRS)
    shortcuts = {
        "metric=EPSG:3413": vorticity,
        "components taken for those along x and y": xgrad.curl({"x": polar.u, "y": polar.v}),
        "turned to x and y, on a plane": xgrad.curl({"x": turned.u, "y": turned.v}),
    }
    inside = (lat > 40) & (lat < 88)  # the rows beside the pole are coarse on both grids
    size = float(np.sqrt((reference.where(inside) ** 2).mean()))
    print(f"vorticity at 200 hPa, 40 to 88 N; rms {1e5 * size:.2f} 1e-5 s-1; rms of the difference")
    for name, found in shortcuts.items():
        error = float(np.sqrt(((found - reference).where(inside) ** 2).mean()))
        print(f"{name:41} {100 * error / size:6.1f} %")

    fig, axes = plt.subplots(1, 2, figsize=(12, 6.2), sharey=True, layout="constrained")
    maps = {
        'curl(u=u, v=v, metric="EPSG:3413")': vorticity,
        'curl({"x": u, "y": v}): wrong': shortcuts["components taken for those along x and y"],
    }
    for ax, (title, field) in zip(axes, maps.items(), strict=True):
        km = field.assign_coords(x=field.x / 1e6, y=field.y / 1e6)
        mesh = ax.pcolormesh(km.x, km.y, 1e5 * km, vmin=-6, vmax=6, cmap="RdBu_r")
        circles = ax.contour(km.x, km.y, lat, [40, 60, 80], colors="0.35", linewidths=0.8)
        ax.clabel(circles, fmt="%d° N", fontsize=9)
        few = (slice(6, None, 12), slice(6, None, 12))
        arrows = ax.quiver(
            km.x[few[1]], km.y[few[0]], turned.u.values[few], turned.v.values[few], scale=900,
            width=0.0022,
        )  # fmt: skip
        ax.set(title=title, xlabel="x (1000 km)", aspect="equal")
    axes[0].set_ylabel("y (1000 km)")
    axes[0].quiverkey(arrows, 0.82, 1.05, 30, "30 m s⁻¹", labelpos="E")
    fig.colorbar(mesh, ax=axes, label="vorticity at 200 hPa in January (10⁻⁵ s⁻¹)", pad=0.01)
    fig.savefig(figure, dpi=100)


if __name__ == "__main__":
    main()
