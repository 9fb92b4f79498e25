"""Warming in K per decade, from the time gradient of a climate model in a 360-day calendar.

The rate of a year is the difference of its neighbours::

    dT/dt[i] = (T[i+1] - T[i-1]) / (t[i+1] - t[i-1])        (`numpy.gradient`, even steps)

in K per day; a decade of this calendar has 3600 days.  The mean of the rates over 2000 to 2098
telescopes: only the years 1999, 2000, 2098 and 2099 remain.  The table compares it with two other
rates for the same period: the last year minus the first, divided by the years between them, and the
slope of the least-squares line, which uses all years.  The column "mean" averages over the area,
with each cell weighted by cos(lat).

The data are yearly means of air temperature at 1.5 m in K over North America, 1860 to 2099, from
the Met Office Unified Model under scenario A1B (Iris sample data, (C) British Crown copyright 2018,
UK Open Government Licence).
"""

import argparse
import os
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

import xgrad  # noqa: F401  (registers `.fdgrad`)

FIRST, LAST = 2000, 2098  # 2099 is the last year, so its difference is one-sided
DAYS_PER_DECADE = 10 * 360
DATA = os.environ.get("XGRAD_DATA", Path(__file__).resolve().parents[2] / "shared" / "data")


def temperature() -> xr.DataArray:
    """Yearly mean air temperature in K; exits if the file is missing."""
    file = Path(DATA, "A1B_north_america.nc")
    if not file.exists():
        sys.exit(f"{file} is absent; set XGRAD_DATA to a folder that has {file.name}")
    return xr.open_dataset(file)["air_temperature"]


def rates(t: xr.DataArray) -> dict[str, xr.DataArray]:
    """Maps of warming in K per decade, by three estimates."""
    period = slice(str(FIRST), str(LAST))
    per_day = t.fdgrad.gradient("time", datetime_unit="D").dair_temperature_dtime
    years = t.sel(time=period).assign_coords(time=np.arange(FIRST, LAST + 1)).astype(float)
    line = years.polyfit("time", 1).polyfit_coefficients
    return {
        "mean of the gradient": per_day.sel(time=period).mean("time") * DAYS_PER_DECADE,
        "last less first year": (years[-1] - years[0]) / (LAST - FIRST) * 10,
        "least squares slope": line.sel(degree=1) * 10,
    }


def main() -> None:
    """Print the table and draw the maps."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--figure", type=Path, default="warming_rate.png")
    figure = parser.parse_args().figure
    maps = rates(temperature())
    print(f"K per decade, {FIRST}-{LAST}     mean      min      max")
    for name, rate in maps.items():
        mean = rate.weighted(np.cos(np.deg2rad(rate.latitude))).mean()
        print(f"{name:23}", *(f"{float(x):8.4f}" for x in (mean, rate.min(), rate.max())))

    fig, axes = plt.subplots(1, 3, figsize=(14, 3.4), sharey=True, layout="constrained")
    for ax, (name, rate) in zip(axes, maps.items(), strict=True):
        mesh = ax.pcolormesh(
            360 - rate.longitude, rate.latitude, rate, vmin=0, vmax=1.3, cmap="inferno_r"
        )
        ax.set(title=name, xlabel="longitude (°W)")
        ax.invert_xaxis()
    axes[0].set_ylabel("latitude (°N)")
    fig.suptitle(f"Air temperature, {FIRST} to {LAST}")
    fig.colorbar(mesh, ax=axes, label="K per decade")
    fig.savefig(figure, dpi=120)


if __name__ == "__main__":
    main()
