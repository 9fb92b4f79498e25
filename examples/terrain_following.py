r"""
Over a seamount on terrain-following levels
===========================================

The levels of an ocean model such as ROMS follow the bottom, so each column has heights of its own.
``spacing={"s": "z"}`` differentiates each column over its own heights.

With :math:`s` from -1 at the bottom to 0 at the surface, and the water depth :math:`h`, the levels
are at

.. math::

   z = h \frac{h_c s + h \, C(s)}{h_c + h}, \qquad C(s) = \frac{1 - \cosh 5 s}{\cosh 5 - 1}

(A. F. Shchepetkin and J. C. McWilliams, Ocean Modelling 9, 2005, pages 347 to 404).
"""

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

import xgrad  # registers .fdgrad

# %%
# The seamount rises from 4000 m to 400 m.  The temperature depends on height alone, and so does its
# gradient.

s = xr.DataArray((np.arange(30) + 0.5) / 30 - 1, dims="s")
x = xr.DataArray(np.linspace(-60, 60, 121), dims="x", attrs={"units": "km"})
h = 4000 - 3600 * np.exp(-((x / 20) ** 2))
stretching = (1 - np.cosh(5 * s)) / (np.cosh(5) - 1)
z = (h * (250 * s + h * stretching) / (250 + h)).transpose("s", "x")
z.attrs = {"units": "m", "long_name": "height"}

t = (3 + 17 * np.exp(z / 400)).rename("t").assign_coords(s=s, x=x, z=z, h=h)
t.attrs = {"units": "degC", "long_name": "temperature"}
exact = 17 / 400 * np.exp(z / 400)
t

# %%
# The coordinate ``z`` has two dimensions.  The result is named after it and has its unit.

own = t.fdgrad.gradient("s", spacing={"s": "z"}, edge_order=2).dt_dz
own

# %%
# Where each level has a single height, its mean over x, the gradient is wrong by the ratio of the
# steps: over the summit the levels are closer together than on average.  Fourth order reduces the
# error of the difference, which is small with the true heights.

gradients = {
    "mean heights": t.fdgrad.gradient(
        "s", spacing={"s": z.mean("x").rename("z")}, edge_order=2
    ).dt_dz,
    "own heights": own,
    "own heights, accuracy=4": t.fdgrad.gradient("s", spacing={"s": "z"}, accuracy=4).dt_dz,
}
for name, gradient in gradients.items():
    error = abs(gradient - exact).max() / exact.max()
    print(f"{name}: {float(error):.2%} of the largest gradient")

# %%
# The lines are every third level.

fig, axs = plt.subplots(1, 3, figsize=(12, 4), sharey=True, layout="constrained")
for ax, name in zip(axs, ["mean heights", "own heights"], strict=False):
    across, levels = np.broadcast_to(x, t.shape), np.arange(0, 61, 4)
    filled = ax.contourf(across, z, 1000 * gradients[name], levels, cmap="viridis")
    ax.plot(x, z[::3].T, color="white", linewidth=0.5)
    ax.fill_between(x, -h, -4000, color="0.6")
    ax.set(title=f"dT/dz, {name}", xlabel="x (km)")
axs[0].set(ylabel="z (m)", ylim=(-1200, 0))
fig.colorbar(filled, ax=axs[:2], label="10⁻³ °C m⁻¹", ticks=np.arange(0, 61, 12))

summit = {"x": 60}
depth = np.linspace(-400, 0)
axs[2].plot(1000 * 17 / 400 * np.exp(depth / 400), depth, color="0.5", label="exact")
for (name, gradient), marker in zip(gradients.items(), "xo", strict=False):
    axs[2].plot(1000 * gradient[summit], z[summit], marker, markersize=5, label=name)
axs[2].set(title="dT/dz over the summit", xlabel="10⁻³ °C m⁻¹", xlim=(0, None))
axs[2].tick_params(labelleft=True)
axs[2].legend()
plt.show()
