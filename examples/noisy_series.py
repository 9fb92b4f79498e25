"""
Derivative of a noisy series at uneven times
============================================

Differences of two near cells divide the noise by a small step.  A polynomial fitted to more cells,
at their true positions, follows the signal and leaves the noise.
"""

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from scipy.signal import savgol_filter

import xgrad  # registers .fdgrad

# %%
# The series is sin t at 1001 random times, with noise of a standard deviation of 0.01, so the
# derivative is known.

rng = np.random.default_rng(0)
t = np.sort(rng.uniform(0, 10, 1001))
f = xr.DataArray(np.sin(t) + rng.normal(0, 0.01, t.size), {"t": t}, "t", "f")
f.fdgrad.derivative("t", window=41)

# %%
# The root-mean-square error of three ways, with all cells and with a tenth of them missing.
# ``savgol_filter`` knows even positions only, so it gets the mean step; it and ``numpy.gradient``
# get the series without its gaps.  Two times that are a millionth apart dominate the error of
# ``numpy.gradient``.


def error(found, at):
    """Root-mean-square error of the derivative of sin t."""
    return float(np.sqrt(((found - np.cos(at)) ** 2).mean()))


for what, own in (
    ("all cells", f),
    ("a tenth missing", f.where(np.random.default_rng(1).random(t.size) > 0.1)),
):
    left = own.dropna("t")
    step = float(left.t.diff("t").mean())
    fit = own.fdgrad.derivative("t", window=41, skipna=True)
    print(f"{what}:")
    print(f"  numpy.gradient {error(np.gradient(left, left.t), left.t):8.3f}")
    print(f"  savgol_filter  {error(savgol_filter(left, 41, 3, 1, step), left.t):8.3f}")
    print(f"  xgrad          {error(fit, t):8.3f}")

# %%
# The residuals help to choose the window: their standard deviation is that of the noise as long as
# the fit follows the signal.  The root corrects for the noise that a fit of four numbers absorbs.

for window in [5, 11, 21, 41, 81, 161, 321]:
    residuals = f - f.fdgrad.smooth("t", window=window)
    noise = float(residuals.std() / np.sqrt(1 - 4 / window))
    rms = error(f.fdgrad.derivative("t", window=window), t)
    print(f"window {window:3}: residuals {noise:.4f}, error of the derivative {rms:.3f}")

# %%
# A window that is too short leaves noise, and one that is too long flattens the signal.

fig, axs = plt.subplots(1, 3, figsize=(9, 3.2), sharey=True, layout="constrained")
for ax, window in zip(axs, (11, 161, 641), strict=True):
    ax.plot(t, np.cos(t), color="0.75", linewidth=5, label="exact")
    ax.plot(t, f.fdgrad.derivative("t", window=window), linewidth=1, label="fit")
    ax.set(title=f"window={window}", xlabel="t", ylim=(-2, 2))
axs[0].set_ylabel("df/dt")
axs[2].legend(loc="upper right")
plt.show()

# %%
# How far does the noise move the derivative?  The standard error says so: about 95 % of the errors
# are smaller than two of them.  With 161 cells fewer are, because the window begins to be too wide
# for the signal, which the standard error does not know.

fig, axs = plt.subplots(1, 2, figsize=(9, 3.2), sharey=True, layout="constrained")
for ax, window in zip(axs, (41, 161), strict=True):
    found = f.fdgrad.gradient("t", window=window, uncertainty=True)
    error_of_fit, half = found.df_dt - np.cos(t), 2 * found.df_dt_standard_error
    inside = float((abs(error_of_fit) <= half).mean())
    print(f"window {window}: {inside:.0%} of the errors are within two standard errors")
    ax.fill_between(t, -half, half, alpha=0.3, label="two standard errors")
    ax.plot(t, error_of_fit, linewidth=1, label="fit - exact")
    ax.set(title=f"window={window}", xlabel="t", ylim=(-0.15, 0.15))
axs[0].set_ylabel("error of df/dt")
axs[1].legend(loc="lower left")
plt.show()
