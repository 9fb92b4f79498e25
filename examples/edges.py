"""
Edges of an image
=================

The gradient of an image points towards greater brightness.  Its magnitude shows edges, and its
direction which way they face.
"""

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from numpy.typing import NDArray

import xgrad  # registers .fdgrad

# %%
# The image has shapes with soft edges, and a little noise.  ``y`` and ``x`` have no coordinates, so
# the step is one pixel.

y, x = np.mgrid[:160, :240].astype(float)


def shape(inside: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bright inside, dark outside, from the distance of each pixel to the edge."""
    return 1 / (1 + np.exp(-inside / 0.8))


disc = shape(30 - np.hypot(y - 110, x - 45))
ring = shape(8 - abs(np.hypot(y - 110, x - 120) - 25))
bar = shape(np.minimum(10 - abs(y - 35), 55 - abs(x - 75)))
along, across = (x + y - 305) / np.sqrt(2), (x - y - 85) / np.sqrt(2)
tilted = shape(np.minimum(8 - abs(across), 35 - abs(along)))
ramp = np.clip((x - 150) / 40, 0, 1) * shape(np.minimum(25 - abs(y - 35), 40 - abs(x - 185)))
noise = np.random.default_rng(0).normal(0, 0.005, x.shape)
image = xr.DataArray(disc + ring + bar + tilted + ramp + noise, dims=["y", "x"], name="I")

# %%
# Two calls give the magnitude and the direction, here as angles from ``x`` towards ``y``.  They
# work on dask arrays too, chunk by chunk, with the same bits.

edges = image.fdgrad.magnitude()
facing = image.fdgrad.direction(("y", "x"))
facing

# %%
# Where the gradient is faint, noise decides its direction: those pixels are grey.  An angle wants
# a cyclic colour map.

fig, axs = plt.subplots(1, 3, figsize=(12, 3.6), sharey=True, layout="compressed")
panels = {
    "Brightness": (image, {"cmap": "gray", "vmin": 0, "vmax": 1}),
    "Magnitude (per pixel)": (edges, {"cmap": "magma", "vmin": 0, "vmax": 0.4}),
    "Direction": (
        facing.where(edges > 0.015),
        {"cmap": "twilight_shifted", "vmin": -np.pi, "vmax": np.pi},
    ),
}
for ax, (title, (values, style)) in zip(axs, panels.items(), strict=True):
    shown = ax.imshow(values, origin="lower", interpolation="none", **style)
    bar_of = fig.colorbar(shown, ax=ax, location="bottom", shrink=0.9)
    ax.set(title=title, xlabel="x (pixel)")
bar_of.set_ticks([-np.pi, -np.pi / 2, 0, np.pi / 2, np.pi])
bar_of.set_ticklabels(["−x", "−y", "+x", "+y", "−x"])
axs[0].set_ylabel("y (pixel)")
axs[2].set_facecolor("0.5")
plt.show()
