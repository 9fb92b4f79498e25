"""Geostrophic wind from the gradient of geopotential, compared with the wind of a reanalysis.

Where the Coriolis force balances the slope of a pressure surface, the wind is::

    u_g = -1/f dPhi/dy        dPhi/dy = dPhi/dlat / (R pi/180)
    v_g = +1/f dPhi/dx        dPhi/dx = dPhi/dlon / (R cos(lat) pi/180)

with the geopotential Phi in m2 s-2, f = 2 Omega sin(lat), Omega = 7.292e-5 s-1 and R = 6371229 m,
the radius of ECMWF's spherical Earth (Holton and Hakim, *An Introduction to Dynamic Meteorology*,
5th edition, 2013, section 3.1).

The data are ERA-Interim monthly means at 500 hPa, every 0.75 degrees.  The table compares u, v
with u_g, v_g between 25 and 75 degrees in each hemisphere, with each cell weighted by cos(lat): the
correlation r, the root mean square (rms) of the difference, and the standard deviation (std) of
the reanalysis.  r(wind) is the correlation of the vectors: it adds the (co)variances of u and v.

r is above 0.99 for u and for the vectors, but only 0.95 to 0.98 for v.  In m s-1, v departs less
from balance than u, but it also varies much less than u in a monthly mean.

Longitude is periodic, but here its first and last columns use one-sided differences.
"""

import argparse
import os
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

import xgrad  # noqa: F401  (registers `.fdgrad`)

OMEGA = 7.292e-5  # rotation of the Earth, s-1
METRES_PER_DEGREE = 6371229 * np.pi / 180
BANDS = {"25N-75N": slice(75, 25), "25S-75S": slice(-25, -75)}  # latitude descends in the file
DATA = os.environ.get("XGRAD_DATA", Path(__file__).resolve().parents[2] / "shared" / "data")


def reanalysis() -> xr.Dataset:
    """Geopotential and wind at 500 hPa: from a local file, or else from xarray's tutorial data."""
    file = Path(DATA, "eraint_uvz.nc")
    with warnings.catch_warnings():
        # The values are packed as integers, but the file declares NaN as their fill value.
        warnings.simplefilter("ignore", xr.SerializationWarning)
        ds = xr.open_dataset(file) if file.exists() else xr.tutorial.open_dataset("eraint_uvz")
    return ds.sel(level=500, month=[1, 7], drop=True).assign_coords(month=["January", "July"])


def geostrophic(z: xr.DataArray) -> xr.Dataset:
    """Geostrophic wind in m s-1, between 25 and 75 degrees."""
    slope = z.fdgrad.gradient(["latitude", "longitude"]) / METRES_PER_DEGREE
    lat = np.deg2rad(z.latitude.where((abs(z.latitude) >= 25) & (abs(z.latitude) <= 75)))
    f = 2 * OMEGA * np.sin(lat)
    return xr.Dataset({"u": -slope.dz_dlatitude / f, "v": slope.dz_dlongitude / np.cos(lat) / f})


def compare(wind: xr.Dataset, other: xr.Dataset) -> xr.Dataset:
    """Correlations, root mean square differences and standard deviations, for each month."""
    space, area = ["latitude", "longitude"], np.cos(np.deg2rad(wind.latitude))
    a, b = (w - w.weighted(area).mean(space) for w in (wind, other))
    rms, std = ((d**2).weighted(area).mean(space) ** 0.5 for d in (wind - other, a))
    vectors = a.to_array(), b.to_array()
    return xr.Dataset(
        {
            "r(u)": xr.corr(a.u, b.u, space, area),
            "r(v)": xr.corr(a.v, b.v, space, area),
            "r(wind)": xr.corr(*vectors, ["variable", *space], area),
            "rms(u)": rms.u,
            "rms(v)": rms.v,
            "std(u)": std.u,
            "std(v)": std.v,
        }
    )


def draw(winds: dict[str, xr.Dataset], figure: Path) -> None:
    """Maps of speed and direction: one row per month, one column per wind."""
    fig, axes = plt.subplots(2, 2, figsize=(13, 6), sharex=True, sharey=True, layout="constrained")
    for column, (name, wind) in zip(axes.T, winds.items(), strict=True):
        for ax, month in zip(column, wind.month.values, strict=True):
            now = wind.sel(month=month)
            speed = np.hypot(now.u, now.v)
            mesh = ax.pcolormesh(now.longitude, now.latitude, speed, vmin=0, vmax=45, cmap="YlOrRd")
            few = now.isel(latitude=slice(4, None, 8), longitude=slice(8, None, 16))
            arrows = ax.quiver(few.longitude, few.latitude, few.u, few.v, scale=750)
            ax.set(title=f"{name}, {month}", facecolor="lightgrey", ylim=(-80, 80))
            ax.set(xticks=range(-180, 181, 60), yticks=range(-75, 76, 25))
    ax.quiverkey(arrows, 0.5, 0.5, 20, "20 m s$^{-1}$", labelpos="E")
    fig.supxlabel("longitude (°E)")
    fig.supylabel("latitude (°N)")
    fig.colorbar(mesh, ax=axes, label="wind speed at 500 hPa (m s$^{-1}$)")
    fig.savefig(figure, dpi=120)


def main() -> None:
    """Print the table and draw the maps."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--figure", type=Path, default="geostrophic_wind.png")
    figure = parser.parse_args().figure
    ds = reanalysis()
    wind, balanced = ds[["u", "v"]], geostrophic(ds.z)
    bands = [compare(wind.sel(latitude=b), balanced.sel(latitude=b)) for b in BANDS.values()]
    table = xr.concat(bands, xr.Variable("band", list(BANDS))).to_dataframe()
    print(table.to_string(float_format="%.4f"))
    print("r has no unit; rms and std are in m s-1.")
    draw({"reanalysis": wind.where(balanced.notnull()), "geostrophic": balanced}, figure)


if __name__ == "__main__":
    main()
