"""
Vorticity on a polar stereographic grid
=======================================

Satellite and sea ice products have ``x`` and ``y`` in metres, but often eastward and northward
components.  With a CRS as ``metric``, ``curl`` knows where the cells are and which way is east.
"""

import matplotlib.pyplot as plt
import numpy as np
import pyproj
import xarray as xr

import xgrad

# %%
# A polar vortex with waves at its rim, as a stream function on a grid of 50 km around the pole.

CRS = "EPSG:3413"
side = np.arange(-4.5e6, 4.6e6, 5e4)
metres = {"units": "m"}
grid = xr.Dataset(coords={"y": ("y", side[::-1], metres), "x": ("x", side, metres)})
x, y = grid.x, grid.y
r, angle = np.hypot(x, y), np.arctan2(y, x)
rim = 2.2e6 + 3e5 * np.cos(5 * angle) * np.tanh(r / 2e6) ** 5
stream = 2.5e7 * np.tanh((r**2 - rim**2) / 4e12)
stream = stream.transpose("y", "x").rename("stream")
stream.attrs["units"] = "m2 s-1"

# %%
# The wind blows along the stream function.  Longitude and latitude name directions: the grid has no
# such coordinates.

slope = stream.fdgrad.gradient(["longitude", "latitude"], metric=CRS)
wind = xr.Dataset({"u": -slope.dstream_dlatitude, "v": slope.dstream_dlongitude})
wind.u.attrs = {"standard_name": "eastward_wind", "units": "m s-1"}
wind.v.attrs = {"standard_name": "northward_wind", "units": "m s-1"}

# %%
# The standard names say that the components are eastward and northward.

vorticity = wind.fdgrad.curl(u="u", v="v", metric=CRS)
vorticity

# %%
# Differentiated as if they were components along ``x`` and ``y``, they give a wrong field, on the
# right.  ``rotate`` turns them to the grid for the arrows.

mistaken = xgrad.curl({"x": wind.u, "y": wind.v})
turned = wind.fdgrad.rotate(u="u", v="v", to="grid", metric=CRS)
few = turned.isel(x=slice(8, None, 15), y=slice(8, None, 15))

places = pyproj.Transformer.from_crs(CRS, pyproj.CRS(CRS).geodetic_crs, always_xy=True)
_, latitude = places.transform(*np.meshgrid(x, y))

fig, axs = plt.subplots(1, 2, figsize=(11, 6), sharey=True, layout="compressed")
panels = {'curl(…, metric="EPSG:3413")': vorticity, "Taken along x and y: wrong": mistaken}
for ax, (title, values) in zip(axs, panels.items(), strict=True):
    mesh = ax.pcolormesh(x / 1e6, y / 1e6, 1e5 * values, cmap="RdBu_r", vmin=-6, vmax=6)
    circles = ax.contour(x / 1e6, y / 1e6, latitude, [60, 80], colors="0.4", linewidths=0.7)
    ax.clabel(circles, fmt="%d° N", fontsize=9, manual=[(-2.3, -2.3), (-0.73, -0.78)])
    arrows = ax.quiver(few.x / 1e6, few.y / 1e6, few.u, few.v, scale=450, width=0.004)
    ax.set(title=title, xlabel="x (1000 km)", aspect="equal")
axs[0].set_ylabel("y (1000 km)")
axs[1].quiverkey(arrows, 0.84, 0.05, 30, "30 m s⁻¹", labelpos="N")
fig.colorbar(mesh, ax=axs, location="bottom", shrink=0.6, label="vorticity (10⁻⁵ s⁻¹)")
plt.show()

# %%
# The vorticity agrees with the Laplacian of the stream function, at the pole too.

laplacian = stream.fdgrad.laplacian(metric=CRS)
off = abs(vorticity - laplacian).max() / abs(laplacian).max()
print(f"largest difference from the Laplacian: {float(off):.1%}")
