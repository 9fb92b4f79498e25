"""Fronts in the sea surface temperature: magnitude of its gradient, up to the coast.

A synthetic sea on a grid of 0.1 degrees, with a meandering front and a warm eddy.  With the
latitude phi and the longitude lam in degrees::

    T = 17 - (phi - 39) / 3 - 4 tanh((phi - phi0(lam)) / 0.5) + 3 exp(-(r / 0.8)^2)     in degC
    phi0(lam) = 38 + 1.2 sin(2 pi (lam + 75) / 9)
    r^2 = (phi - 42.5)^2 + ((lam + 58) cos(42.5 degrees))^2

The gradient on the sphere is known, with R = 6371229 m::

    |grad T| = sqrt((dT/dphi)^2 + (dT/dlam / cos(phi))^2) 180 / (pi R)

(Holton and Hakim, *An Introduction to Dynamic Meteorology*, 5th edition, 2013, section 2.3).  The
printed error is the difference from this gradient, away from the coast and the edges.

Land is missing.  A cell beside it has no central difference: without `skipna` its gradient is
missing too, and the coast moves out to sea by one cell.  With `skipna=True` it is one-sided.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.colors import ListedColormap

import xgrad  # noqa: F401  (registers `.fdgrad`)

METRES_PER_DEGREE = 6371229 * np.pi / 180
PER_100_KM = 1e5


def sea() -> tuple[xr.DataArray, xr.DataArray, xr.DataArray]:
    """Temperature with NaN on land, the mask of the land, and the exact magnitude."""
    latitude = np.linspace(30, 48, 181)
    longitude = np.linspace(-78, -50, 281)
    coords = {
        "latitude": ("latitude", latitude, {"units": "degrees_north"}),
        "longitude": ("longitude", longitude, {"units": "degrees_east"}),
    }
    phi, lam = np.meshgrid(latitude, longitude, indexing="ij")
    phase = 2 * np.pi * (lam + 75) / 9
    s = (phi - 38 - 1.2 * np.sin(phase)) / 0.5
    steep = -4 / np.cosh(s) ** 2 / 0.5
    shrink = np.cos(np.deg2rad(42.5))
    up, across = phi - 42.5, (lam + 58) * shrink
    eddy = 3 * np.exp(-(up**2 + across**2) / 0.8**2)
    to_north = -1 / 3 + steep - 2 * up / 0.8**2 * eddy
    to_east = -steep * 1.2 * np.cos(phase) * 2 * np.pi / 9 - 2 * across * shrink / 0.8**2 * eddy
    exact = np.hypot(to_north, to_east / np.cos(np.deg2rad(phi))) / METRES_PER_DEGREE
    coast = -75 + 0.35 * (phi - 30) + 1.2 * np.sin(1.3 * phi) + 0.5 * np.sin(4.1 * phi)
    island = np.hypot(phi - 33.5, lam + 62) < 0.9
    land = xr.DataArray((lam < coast) | island, coords, ["latitude", "longitude"])
    temperature = (
        land.copy(data=17 - (phi - 39) / 3 - 4 * np.tanh(s) + eddy).where(~land).rename("sst")
    )
    temperature.attrs = {"units": "degC", "long_name": "sea surface temperature"}
    return temperature, land, land.copy(data=exact)


def main() -> None:
    """Print the errors and the numbers of cells, and draw the maps."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--figure", type=Path, default="fronts.png")
    figure = parser.parse_args().figure
    sst, land, exact = sea()
    # A lazy array gives the same numbers.
    magnitude = sst.chunk(latitude=60).fdgrad.magnitude(metric="sphere", skipna=True).compute()
    plain = sst.fdgrad.magnitude(metric="sphere")
    inside = plain.notnull() & ~land & (exact > 0)
    inside[[0, -1]] = inside[:, [0, -1]] = False
    strongest = exact.where(inside).max().item()
    error = abs(magnitude - exact).where(inside).max().item()
    print(
        f"strongest front {strongest * PER_100_KM:.3f}, largest error {error * PER_100_KM:.3f} "
        "degC per 100 km"
    )
    lost, left = (int((one.isnull() & ~land).sum()) for one in (plain, magnitude))
    print(f"cells of sea: {int((~land).sum())}, without a gradient: {lost}, with skipna: {left}")

    fig, axes = plt.subplots(1, 3, figsize=(15, 4.4), layout="constrained")
    shown = [
        (sst, "RdYlBu_r", (10, 24), "temperature (°C)"),
        (magnitude * PER_100_KM, "magma_r", (0, 11), "its gradient (°C per 100 km)"),
        (plain * PER_100_KM, "magma_r", (0, 11), "at the coast, without skipna (°C per 100 km)"),
    ]
    for ax, (values, colours, (low, high), label) in zip(axes, shown, strict=True):
        mesh = ax.pcolormesh(sst.longitude, sst.latitude, values, cmap=colours, vmin=low, vmax=high)
        grey = land.where(land)
        ax.pcolormesh(sst.longitude, sst.latitude, grey, cmap=ListedColormap(["tab:grey"]))
        ax.set_xlabel("longitude (°E)")
        fig.colorbar(mesh, ax=ax, label=label, location="top")
    near = {"latitude": slice(37, 42), "longitude": slice(-76, -69)}
    gone = (plain.isnull() & ~land).sel(near)
    mesh = axes[2].pcolormesh(
        gone.longitude, gone.latitude, gone.where(gone), cmap=ListedColormap(["deepskyblue"])
    )
    axes[2].set(xlim=(-76, -69), ylim=(37, 42))
    axes[2].plot([], [], "s", color="deepskyblue", label="sea without a gradient")
    axes[2].legend(loc="upper left")
    axes[0].set_ylabel("latitude (°N)")
    for ax in axes[:2]:
        ax.set(yticks=range(30, 49, 3), xticks=range(-75, -49, 5))
    fig.savefig(figure, dpi=110)


if __name__ == "__main__":
    main()
