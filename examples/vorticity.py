"""
Vorticity, divergence and deformation on the globe
==================================================

With ``metric="sphere"``, ``curl`` and ``divergence`` include the curvature of the Earth, and join
the longitudes at the dateline.
"""

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

import xgrad  # registers .fdgrad

# %%
# Each hemisphere has a jet that meanders, and air flows from one half of the tropics to the other.
# The wind comes from a stream function and a velocity potential, whose gradients are taken eastward
# and northward.

globe = xr.Dataset(
    coords={
        "latitude": ("latitude", np.arange(89.5, -90, -1), {"units": "degrees_north"}),
        "longitude": ("longitude", np.arange(-180, 180.0), {"units": "degrees_east"}),
    }
)
lat, lon = globe.latitude, globe.longitude
phi, lam = np.deg2rad(lat), np.deg2rad(lon)
meander = 10 * np.cos(6 * lam) * np.sin(2 * phi) ** 2
north, south = (lat - 40 - meander) / 12, (lat + 40 + meander) / 12
stream = -4e7 * (np.tanh(north) + np.tanh(south))
potential = -3e7 * np.cos(phi) ** 4 * np.sin(lam)

along = ["longitude", "latitude"]
turning = stream.rename("s").fdgrad.gradient(along, metric="sphere")
flowing = potential.rename("p").fdgrad.gradient(along, metric="sphere")
wind = xr.Dataset(
    {
        "u": flowing.dp_dlongitude - turning.ds_dlatitude,
        "v": flowing.dp_dlatitude + turning.ds_dlongitude,
    }
)
wind.u.attrs = {"standard_name": "eastward_wind", "units": "m s-1"}
wind.v.attrs = {"standard_name": "northward_wind", "units": "m s-1"}

# %%
# The components have CF names and units, so the vorticity gets its own.

vorticity = wind.fdgrad.curl(u="u", v="v", metric="sphere", units="1e-5 s-1")
vorticity

# %%
# ``divergence`` takes the same arguments.  The deformation follows from both: each of its two
# components differs from one of them by twice a northward derivative.

divergence = wind.fdgrad.divergence(u="u", v="v", metric="sphere", units="1e-5 s-1")
northward = wind.fdgrad.gradient("latitude", metric="sphere", units="1e-5 s-1")
stretching = divergence - 2 * northward.dv_dlatitude
shearing = vorticity + 2 * northward.du_dlatitude
deformation = np.hypot(stretching, shearing)

# %%
# The maps are equal-area.

fig, axs = plt.subplots(
    2, 2, figsize=(11, 7), layout="compressed", subplot_kw={"projection": "mollweide"}
)
speed = np.hypot(wind.u, wind.v)
panels = {
    "Wind speed (m s⁻¹)": (speed, {"cmap": "viridis", "vmin": 0}),
    "Vorticity (10⁻⁵ s⁻¹)": (vorticity, {"cmap": "RdBu_r", "vmin": -8, "vmax": 8}),
    "Divergence (10⁻⁵ s⁻¹)": (divergence, {"cmap": "PuOr_r", "vmin": -0.6, "vmax": 0.6}),
    "Deformation (10⁻⁵ s⁻¹)": (deformation, {"cmap": "magma_r", "vmin": 0}),
}
for ax, (title, (values, style)) in zip(axs.flat, panels.items(), strict=True):
    mesh = ax.pcolormesh(lam, phi, values, **style)
    fig.colorbar(mesh, ax=ax, location="bottom", shrink=0.7, pad=0.04, label=title)
    ax.set(xticks=[], yticks=np.deg2rad([-60, -30, 0, 30, 60]))
    ax.grid(color="0.5", linewidth=0.4)
plt.show()
