"""
Fronts up to the coast
======================

A front is where the magnitude of the temperature gradient is large.  With ``metric="sphere"`` the
gradient is per metre on the Earth, and with ``skipna=True`` it reaches up to the coast.
"""

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.colors import ListedColormap

import xgrad  # registers .fdgrad

# %%
# The data are a sea surface temperature on a grid of 0.1°, with a meandering front, a warm eddy, a
# coast and an island.  Land is missing.

axes = xr.Dataset(
    coords={
        "latitude": ("latitude", np.linspace(30, 48, 181), {"units": "degrees_north"}),
        "longitude": ("longitude", np.linspace(-78, -50, 281), {"units": "degrees_east"}),
    }
)
lat, lon = axes.latitude, axes.longitude
front = 38 + 1.2 * np.sin(0.7 * (lon + 75))
eddy = 3 * np.exp(-((lat - 42.5) ** 2) / 0.64 - (lon + 58) ** 2 / 1.2)
coast = -75 + 0.35 * (lat - 30) + 1.2 * np.sin(1.3 * lat) + 0.5 * np.sin(4.1 * lat)
land = (coast - lon > 0) | ((lat - 33.5) ** 2 + (lon + 62) ** 2 < 0.8)

sst = 17 - (lat - 39) / 3 - 4 * np.tanh((lat - front) / 0.5) + eddy
sst = sst.where(~land).rename("sst")
sst.attrs = {"units": "degC", "long_name": "sea surface temperature"}
sst

# %%
# One call gives the magnitude of the gradient, in the unit that oceanographers use.

options = {"metric": "sphere", "units": "degC (100 km)-1"}
fronts = sst.fdgrad.magnitude(skipna=True, **options)
fronts

# %%
# A cell beside land has no neighbour on one side.  Without ``skipna`` it has no gradient, and the
# coast moves out to sea by one cell.  With ``skipna=True`` it takes the neighbour that is there.

plain = sst.fdgrad.magnitude(**options)
lost = plain.isnull() & ~land
left = fronts.isnull() & ~land
print(f"sea cells: {int((~land).sum())}")
print(f"without a gradient: {int(lost.sum())}, with skipna=True: {int(left.sum())}")

# %%
# The cells that are left have land on both sides.  The figure shows them all.

grey, blue = ListedColormap(["0.6"]), ListedColormap(["deepskyblue"])

fig, axs = plt.subplots(1, 3, figsize=(10, 4.2), layout="compressed")
panels = {
    "Temperature (°C)": (sst, {"cmap": "cividis"}),
    "Gradient, °C (100 km)⁻¹": (fronts, {"cmap": "magma_r", "vmin": 0, "vmax": 11}),
    "Without skipna": (plain, {"cmap": "magma_r", "vmin": 0, "vmax": 11}),
}
for ax, (values, style) in zip(axs, panels.values(), strict=True):
    mesh = values.plot(ax=ax, add_colorbar=False, **style)
    land.where(land).plot(ax=ax, cmap=grey, add_colorbar=False)
    fig.colorbar(mesh, ax=ax, location="bottom", shrink=0.9)
lost.where(lost).plot(ax=axs[2], cmap=blue, add_colorbar=False)
axs[2].set(xlim=(-76, -69), ylim=(37, 42.5))
for ax, title in zip(axs, panels, strict=True):
    ax.set(title=title, xlabel="longitude (°E)", ylabel="latitude (°N)")
    ax.set_aspect(1.3)  # a degree of latitude is 1.3 times as long as one of longitude here
axs[2].plot([], [], "s", color="deepskyblue", label="sea without a gradient")
axs[2].legend(loc="upper left")
plt.show()
