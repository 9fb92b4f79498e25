"""
At constant height over a seamount
==================================

On levels that follow the bottom, a derivative along ``x`` mixes the horizontal change with the
vertical one.  ``constant`` takes it at constant height.
"""

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.colors import SymLogNorm

import xgrad  # registers .fdgrad

# %%
# The temperature depends on height alone, so its derivative at constant height is zero.

s = xr.DataArray((np.arange(30) + 0.5) / 30 - 1, dims="s")
x = xr.DataArray(np.linspace(-60, 60, 121), dims="x", attrs={"units": "km"})
h = 4000 - 3600 * np.exp(-((x / 20) ** 2))
stretching = (1 - np.cosh(5 * s)) / (np.cosh(5) - 1)
z = (h * (250 * s + h * stretching) / (250 + h)).transpose("s", "x")
z.attrs = {"units": "m", "long_name": "height"}

t = (3 + 17 * np.exp(z / 400)).rename("t").assign_coords(s=s, x=x, z=z, h=h)
t.attrs = {"units": "degC", "long_name": "temperature"}

t.fdgrad.gradient("x", constant={"s": "z"}).dt_dx

# %%
# There are three ways.  ``"chain"`` takes the derivative along the level and subtracts
# :math:`\partial T/\partial z \; \partial z/\partial x`: two large terms that nearly cancel.
# ``"linear"`` interpolates each neighbouring column to the height of the cell, between two levels.
# ``"interpolation"``, the default, does so by the cubic through four levels.

ways = ["chain", "linear", "interpolation"]
errors = {
    way: t.fdgrad.gradient("x", constant={"s": "z"}, constant_by=way).dt_dx  # exactly: zero
    for way in ways
}
largest = abs(t.fdgrad.gradient("x").dt_dx).max()

print("largest error, relative to the largest derivative along a level")
for way, error in errors.items():
    print(f"{way:14} {float(abs(error).max() / largest):7.2%}")

# %%
# The lines are every third level.  Cells are white where a neighbouring column does not reach their
# height.

fig, axs = plt.subplots(1, 3, figsize=(10, 3.6), sharey=True, layout="constrained")
for ax, (way, error) in zip(axs, errors.items(), strict=True):
    mesh = ax.pcolormesh(
        np.broadcast_to(x, t.shape), z, error, shading="nearest",
        cmap="RdBu_r", norm=SymLogNorm(1e-4, vmin=-0.2, vmax=0.2),
    )  # fmt: skip
    ax.plot(x, z[::3].T, color="black", linewidth=0.3)
    ax.fill_between(x, -h, -4000, color="0.6")
    ax.set(title=f'constant_by="{way}"', xlabel="x (km)", ylim=(-2500, 0), xlim=(-40, 40))
axs[0].set_ylabel("z (m)")
fig.colorbar(mesh, ax=axs, label="error of dT/dx (°C km⁻¹)")
plt.show()
