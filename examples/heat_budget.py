r"""
A heat budget that closes
=========================

A warm eddy drifts past while the sun warms the water.  At a fixed place the temperature changes for
both reasons:

.. math:: \frac{\partial T}{\partial t} = -\mathbf{u} \cdot \nabla T + Q

The tendency without the advection is the heating Q.
"""

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

import xgrad  # registers .fdgrad

# %%
# The water is heated by 0.1 °C a day, in the north more than in the south, and flows with 0.3 m/s
# to the east and 0.1 m/s to the north.

hours = np.arange(0, 73, 3)
metres = {"units": "m"}
grid = xr.Dataset(
    coords={
        "time": np.datetime64("2024-06-01", "ns") + hours * np.timedelta64(1, "h"),
        "y": ("y", np.arange(0, 200e3, 4e3), metres),
        "x": ("x", np.arange(0, 300e3, 4e3), metres),
    }
)
u, v, day = 0.3, 0.1, 86400.0  # m/s, m/s, s
seconds = xr.DataArray(3600.0 * hours, {"time": grid.time})
x, y = grid.x - u * seconds, grid.y - v * seconds  # where the water was at the start
eddy = 3 * np.exp(-((x - 110e3) ** 2 + (y - 85e3) ** 2) / 30e3**2)
warmed = 0.1 / day * seconds * (1 + y / 200e3)
t = (15 + eddy + warmed).transpose("time", "y", "x").rename("t")
t.attrs = {"units": "degC", "long_name": "temperature"}

# %%
# The times and the distances come from the coordinates.

tendency = t.fdgrad.derivative("time", datetime_unit="day")
slope = t.fdgrad.gradient(["x", "y"])
advection = -day * (u * slope.dt_dx + v * slope.dt_dy)
heating = tendency - advection
tendency

# %%
# The terms on the second day, with contours of 16 and 17 °C.  The two large ones cancel, and the
# heating is left, on a scale ten times as fine.

noon = {"time": "2024-06-02T12:00"}
panels = {
    "Tendency": tendency,
    "Advection": advection,
    "Their difference: heating": heating,
}
fig, axs = plt.subplots(3, 1, figsize=(6.5, 9), layout="compressed", sharex=True)
for ax, (title, values) in zip(axs, panels.items(), strict=True):
    largest = 0.3 if values is heating else 3
    style = {"cmap": "RdBu_r", "vmin": -largest, "vmax": largest}
    mesh = ax.pcolormesh(t.x / 1000, t.y / 1000, values.sel(noon), **style)
    ax.contour(t.x / 1000, t.y / 1000, t.sel(noon), [16, 17], colors="0.3", linewidths=0.8)
    fig.colorbar(mesh, ax=ax, label="°C day⁻¹")
    ax.set(title=title, ylabel="y (km)", aspect="equal")
axs[-1].set_xlabel("x (km)")
plt.show()

# %%
# How well the budget closes depends on the differences.  Cells of 4 km resolve an eddy of 30 km
# well, so a higher accuracy pays.

inside = {"time": slice(3, -3), "y": slice(3, -3), "x": slice(3, -3)}
for accuracy in (2, 4, 6):
    tendency = t.fdgrad.derivative("time", accuracy=accuracy, datetime_unit="day")
    slope = t.fdgrad.gradient(["x", "y"], accuracy=accuracy)
    heating = tendency + day * (u * slope.dt_dx + v * slope.dt_dy)
    error = abs(heating - 0.1 * (1 + y / 200e3)).isel(inside).max()
    print(f"accuracy={accuracy}: largest error {float(error):.0e} °C a day")
