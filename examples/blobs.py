"""
Blobs in a volume
=================

A blob is a minimum of the Laplacian.  The voxels are deeper than they are wide, and the coordinates
know by how much, so that all three second derivatives have the same unit.
"""

import itertools

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

import xgrad  # registers .fdgrad

# %%
# The volume is like one from a confocal microscope: 27 glowing blobs and some noise, on voxels of
# 0.3 × 0.1 × 0.1 µm.

rng = np.random.default_rng(3)
step = {"z": 0.3, "y": 0.1, "x": 0.1}
cells = {"z": 40, "y": 120, "x": 120}
axes = {dim: (dim, step[dim] * np.arange(n), {"units": "um"}) for dim, n in cells.items()}
light = xr.DataArray(rng.normal(0, 0.0002, tuple(cells.values())), axes, list(cells), "I")

middles = itertools.product([2.4, 6.0, 9.6], [2.0, 5.6, 9.2], [2.0, 5.6, 9.2])
centres = np.array(list(middles)) + rng.uniform(-0.4, 0.4, (27, 3))
for z, y, x in centres:
    away = (light.z - z) ** 2 + (light.y - y) ** 2 + (light.x - x) ** 2
    light += np.exp(-away / (2 * 0.5**2))

# %%
# In chunks, the Laplacian is one task per chunk.

laplacian = light.chunk(z=20, y=60, x=60).fdgrad.laplacian()
laplacian

# %%
# At the centre of a Gaussian of width 0.5 µm the Laplacian is -3 / 0.5² = -12 µm⁻².  A blob is a
# voxel below a third of that, and lowest among its 26 neighbours.

laplacian = laplacian.compute()
around = laplacian.rolling(dict.fromkeys(cells, 3), center=True, min_periods=1).min()
lowest = (laplacian == around) & (laplacian < -12 / 3)
found = np.argwhere(lowest.values) * list(step.values())
apart = np.linalg.norm(found[:, None] - centres, axis=-1).min(axis=0)
print(f"{len(centres)} blobs, {len(found)} found, at most {apart.max():.2f} µm away")

# %%
# Two cuts through the blob in the middle, with what was found within a voxel of them.

z, y, x = found[abs(found - [6, 5.6, 5.6]).sum(axis=1).argmin()]
cuts = [("z", z, "x", "y"), ("y", y, "x", "z")]
panels = {
    "Brightness": (light, {"cmap": "gray", "vmin": 0, "vmax": 1}),
    "Laplacian (µm⁻²)": (laplacian, {"cmap": "RdBu_r", "vmin": -12, "vmax": 12}),
}
fig, axs = plt.subplots(2, 2, figsize=(8.5, 9), layout="compressed", sharex=True)
for column, (title, (values, style)) in zip(axs.T, panels.items(), strict=True):
    for ax, (dim, at, across, up) in zip(column, cuts, strict=True):
        plane = values.sel({dim: at}, method="nearest")
        mesh = ax.pcolormesh(plane[across], plane[up], plane, **style)
        near = found[abs(found[:, list(cells).index(dim)] - at) <= 1.01 * step[dim]]
        spots = dict(zip(cells, near.T, strict=True))
        ax.plot(spots[across], spots[up], "+", color="tab:orange", ms=12, mew=2)
        ax.set(aspect="equal", xlabel=f"{across} (µm)", ylabel=f"{up} (µm)")
        ax.set_title(f"{dim} = {at:.1f} µm", fontsize="medium")
    fig.colorbar(mesh, ax=column, label=title, location="top", shrink=0.8)
plt.show()
