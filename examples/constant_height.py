"""Error of a horizontal derivative over a seamount: three ways to hold the height constant.

The levels follow the bottom, as in `terrain_following.py`, and temperature depends on height only,
T(z) = 3 + 17 exp(z / D) with D = 400 m: its derivative along x at constant height is zero.  The
script draws what each way gives instead, and prints the largest error, relative to the largest
derivative along the levels.

"chain" subtracts dT/dz dz/dx from the derivative along the level: two large terms that nearly
cancel.  "linear" takes each neighbouring column at the height of the cell, between two levels, and
"interpolation" by the cubic through four.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.colors import SymLogNorm

import xgrad  # noqa: F401  (registers `.fdgrad`)

LEVELS, COLUMNS = 30, 121
WAYS = ["chain", "linear", "interpolation"]


def section() -> xr.DataArray:
    """Temperature in degC, on levels whose heights are a two-dimensional coordinate `z`."""
    s = xr.DataArray((np.arange(LEVELS) + 0.5) / LEVELS - 1, dims="s")
    x = xr.DataArray(np.linspace(-60e3, 60e3, COLUMNS), dims="x", attrs={"units": "m"})
    h = 4000 - 3600 * np.exp(-((x / 20e3) ** 2))
    stretching = (1 - np.cosh(5 * s)) / (np.cosh(5) - 1)
    z = (h * (250 * s + h * stretching) / (250 + h)).transpose("s", "x")
    t = 3 + 17 * np.exp(z / 400)
    z.attrs = {"units": "m", "long_name": "height"}
    t.attrs = {"units": "degC", "long_name": "temperature"}
    return t.rename("t").assign_coords(s=s, x=x, z=z, h=h)


def main() -> None:
    """Print the errors and draw the sections."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--figure", type=Path, default="constant_height.png")
    figure = parser.parse_args().figure
    t = section()
    largest = abs(t.fdgrad.gradient("x").dt_dx).max().item()
    print("largest error of dt_dx at constant z, relative to the largest along a level")
    fig, axes = plt.subplots(1, 3, figsize=(11, 3.8), sharey=True, layout="constrained")
    for ax, way in zip(axes, WAYS, strict=True):
        found = t.fdgrad.gradient("x", constant={"s": "z"}, constant_by=way).dt_dx
        print(f"{way:14} {abs(found).max().item() / largest:7.2%}")
        drawn = ax.pcolormesh(
            np.broadcast_to(t.x / 1e3, t.shape), t.z, 1e3 * found, shading="nearest",
            cmap="RdBu_r", norm=SymLogNorm(1e-4, vmin=-0.2, vmax=0.2),
        )  # fmt: skip
        ax.plot(t.x / 1e3, t.z[::3].T, color="black", linewidth=0.3)
        ax.fill_between(t.x / 1e3, -t.h, -4000, color="tab:grey")
        ax.set(title=f'constant_by="{way}"', xlabel="x (km)", ylim=(-2500, 0), xlim=(-40, 40))
    axes[0].set(ylabel="z (m)")
    fig.colorbar(drawn, ax=axes, label="error of dT/dx, degC km⁻¹")
    fig.savefig(figure, dpi=100)


if __name__ == "__main__":
    main()
