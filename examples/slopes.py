"""
Slope and aspect of terrain
===========================

Slope is the steepest angle of the ground; aspect is the compass direction downhill.
"""

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

import xgrad  # registers .fdgrad

# %%
# The elevation model has cells of 30 m, rows from north to south as in a GeoTIFF, and ridges of
# random phase.

size, step = 300, 30.0
rng = np.random.default_rng(4)
kx, ky = np.meshgrid(np.fft.rfftfreq(size), np.fft.fftfreq(size))
spectrum = np.maximum(np.hypot(kx, ky), 1 / size) ** -2.1 * np.exp(-25 * np.hypot(kx, ky))
rough = np.fft.irfft2(spectrum * np.exp(2j * np.pi * rng.random(kx.shape)), s=(size, size))

metres = {"units": "m"}
height = xr.DataArray(
    1200 + 350 * rough / rough.std(),
    {
        "y": ("y", step * np.arange(size)[::-1], metres),
        "x": ("x", step * np.arange(size), metres),
    },
    ("y", "x"),
    "height",
    metres,
)

# %%
# The size of the cells and the order of the rows come from the coordinates.  ``direction`` counts
# from its second dimension towards its first: with ``("x", "y")`` from north towards east, as a
# compass does.  The gradient of ``-height`` points downhill.

slope = np.rad2deg(np.arctan(height.fdgrad.magnitude()))
aspect = (-height).fdgrad.direction(("x", "y"), units="degree") % 360
aspect

# %%
# Light from the northwest, 45° above the horizon, gives the relief.

uphill = height.fdgrad.gradient()
lit = 1 + (uphill.dheight_dx - uphill.dheight_dy) / np.sqrt(2)
shade = lit / np.sqrt(2 * (1 + uphill.dheight_dx**2 + uphill.dheight_dy**2))

fig, axs = plt.subplots(1, 3, figsize=(10, 4.2), sharey=True, layout="compressed")
km = {"x": height.x / 1000, "y": height.y / 1000}
panels = {
    "Relief (elevation in m)": (height, {"cmap": "cividis", "alpha": 0.5}),
    "Slope (°)": (slope, {"cmap": "viridis", "vmin": 0}),
    "Aspect": (aspect, {"cmap": "twilight", "vmin": 0, "vmax": 360}),
}
for ax, (title, (values, style)) in zip(axs, panels.items(), strict=True):
    mesh = ax.pcolormesh(km["x"], km["y"], values, **style)
    bar = fig.colorbar(mesh, ax=ax, location="bottom", shrink=0.9)
    ax.set(title=title, xlabel="x (km)", aspect="equal")
axs[0].pcolormesh(km["x"], km["y"], shade, cmap="gray", vmin=0, vmax=1, zorder=-1)
bar.set_ticks([0, 90, 180, 270, 360], labels=["N", "E", "S", "W", "N"])
axs[0].set_ylabel("y (km)")
plt.show()
