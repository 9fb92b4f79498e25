"""Relative vorticity of the wind of a reanalysis, and the shear on either side of the jets.

With the wind u eastward and v northward on a sphere of radius R::

    zeta = 1/(R cos(lat)) dv/dlon - 1/R du/dlat + u tan(lat)/R

(Holton and Hakim, *An Introduction to Dynamic Meteorology*, 5th edition, 2013, section 4.2).  This
is `xgrad.curl(u=u, v=v, metric="sphere")`: longitude is treated as periodic, and the row at a pole
gets the limit.

The data are ERA-Interim means of January at 200 and 850 hPa, every 0.75 degrees.  The table shows
the strongest westerly of each hemisphere at 200 hPa, and the vorticity beside it on its meridian,
averaged from 3 to 8 degrees of latitude to the north and to the south.  North of a westerly jet the
wind weakens to the left, so the shear turns it to the left: the vorticity is positive there, and
negative to the south.  The positive side is cyclonic in the northern hemisphere, and the negative
side in the southern: in both, the side towards the pole.

At 850 hPa the mountains stand out: there the pressure surface is below the ground, and the wind on
it is extrapolated.
"""

import argparse
import os
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

import xgrad

DATA = os.environ.get("XGRAD_DATA", Path(__file__).resolve().parents[2] / "shared" / "data")
HEMISPHERES = {"northern": slice(90, 0), "southern": slice(0, -90)}  # latitude descends


def wind_of_january() -> xr.Dataset:
    """Wind at both levels: from a local file, or else from xarray's tutorial data."""
    file = Path(DATA, "eraint_uvz.nc")
    with warnings.catch_warnings():
        # The values are packed as integers, but the file declares NaN as their fill value.
        warnings.simplefilter("ignore", xr.SerializationWarning)
        ds = xr.open_dataset(file) if file.exists() else xr.tutorial.open_dataset("eraint_uvz")
    return ds[["u", "v"]].sel(month=1, level=[200, 850], drop=True).load()


def jet(u: xr.DataArray) -> tuple[float, float, float]:
    """Latitude, longitude and speed of the strongest westerly."""
    latitude, longitude = u.stack(at=u.dims).idxmax().item()
    return float(latitude), float(longitude), float(u.max())


def main() -> None:
    """Print the table and draw the maps."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--figure", type=Path, default="vorticity.png")
    figure = parser.parse_args().figure
    wind = wind_of_january()
    vorticity = xgrad.curl(u=wind.u, v=wind.v, metric="sphere")
    jets = {}
    print(f"jets at 200 hPa; vorticity in 1e-5 {vorticity.units}")
    for hemisphere, half in HEMISPHERES.items():
        latitude, longitude, speed = jets[hemisphere] = jet(wind.u.sel(level=200, latitude=half))
        meridian = vorticity.sel(level=200, longitude=longitude)
        north = meridian.sel(latitude=slice(latitude + 8, latitude + 3)).mean().item()
        south = meridian.sel(latitude=slice(latitude - 3, latitude - 8)).mean().item()
        print(
            f"{hemisphere}: {speed:.1f} m s-1 at {latitude:.2f} N, {longitude:.2f} E; "
            f"north of it {1e5 * north:.2f}, south of it {1e5 * south:.2f}"
        )

    fig, axes = plt.subplots(2, 1, figsize=(11, 10), sharex=True, layout="constrained")
    for ax, (level, largest) in zip(axes, {200: 8, 850: 4}.items(), strict=True):
        now, zeta = wind.sel(level=level), vorticity.sel(level=level)
        mesh = ax.pcolormesh(
            zeta.longitude, zeta.latitude, 1e5 * zeta, vmin=-largest, vmax=largest, cmap="RdBu_r"
        )
        fig.colorbar(mesh, ax=ax, label="vorticity (10⁻⁵ s⁻¹)", pad=0.01)
        few = now.isel(latitude=slice(8, -8, 8), longitude=slice(4, None, 12))
        arrows = ax.quiver(
            few.longitude, few.latitude, few.u, few.v, scale=2000 if level == 200 else 600,
            width=0.0012,
        )  # fmt: skip
        ax.quiverkey(
            arrows, 0.9, 1.04, 50 if level == 200 else 15,
            f"{50 if level == 200 else 15} m s⁻¹", labelpos="E",
        )  # fmt: skip
        ax.set(title=f"January, {level} hPa", ylabel="latitude (°N)", ylim=(-85, 85))
        ax.set(xticks=range(-180, 181, 60), yticks=range(-60, 61, 30))
    speed = np.hypot(wind.u, wind.v).sel(level=200)
    axes[0].contour(
        speed.longitude, speed.latitude, speed, [40, 60], colors="darkgreen", linewidths=1.2
    )
    for latitude, longitude, _speed in jets.values():
        axes[0].plot(longitude, latitude, "*", color="gold", markeredgecolor="black", markersize=15)
    axes[0].set_title("January, 200 hPa; green: 40 and 60 m s⁻¹, stars: the jets")
    axes[1].set_xlabel("longitude (°E)")
    fig.savefig(figure, dpi=100)


if __name__ == "__main__":
    main()
