"""The derivative of a noisy series at uneven times, by differences and by fits.

The series is sin(t) at 1001 random times from 0 to 10, with noise of a standard deviation of 0.01,
so that its derivative cos(t) is known.  The table has the root-mean-square error of

- `numpy.gradient`, whose differences of two near cells divide the noise by a small step;
- `scipy.signal.savgol_filter` with the mean step, as it knows only even positions;
- `.fdgrad.derivative("t", window=41)`, the same cubic fitted at the true positions;

first with all cells, then with a tenth of them missing: numpy and scipy without the missing cells,
xgrad with `skipna=True`.  The last lines are for the choice of the window: the standard deviation
of what the fit leaves, which is that of the noise (0.01) as long as the fit follows the signal.

scipy is needed for its row only.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.signal import savgol_filter

import xgrad  # noqa: F401  (registers `.fdgrad`)

N, NOISE, WINDOW = 1001, 0.01, 41
WINDOWS = [5, 11, 21, 41, 81, 161, 321]


def series() -> xr.DataArray:
    """The noisy series."""
    rng = np.random.default_rng(0)
    t = np.sort(rng.uniform(0, 10, N))
    return xr.DataArray(np.sin(t) + rng.normal(0, NOISE, N), {"t": t}, "t", "f")


def error(found: NDArray[np.float64], t: NDArray[np.float64]) -> float:
    """Root-mean-square error of a derivative."""
    return float(np.sqrt(np.nanmean((found - np.cos(t)) ** 2)))


def table(f: xr.DataArray) -> None:
    """Print the errors, with all cells and with gaps."""
    gaps = f.where(np.random.default_rng(1).random(N) > 0.1)
    for what, own in (("all cells", f), ("a tenth missing", gaps)):
        left = own.dropna("t")
        t, values = left.t.values, left.values
        step = float(np.diff(t).mean())
        fit = own.fdgrad.derivative("t", window=WINDOW, skipna=True)
        print(f"{what}:")
        print(f"  numpy.gradient  {error(np.gradient(values, t), t):8.3f}")
        print(f"  savgol_filter   {error(savgol_filter(values, WINDOW, 3, 1, step), t):8.3f}")
        print(f"  xgrad           {error(fit.values, own.t.values):8.3f}")


def residuals(f: xr.DataArray) -> dict[int, float]:
    """Standard deviation of what is left of the series beside each fit."""
    # A fit of four numbers to `window` cells takes a part of the noise with it.
    return {
        window: float((f - f.fdgrad.smooth("t", window=window)).std() / np.sqrt(1 - 4 / window))
        for window in WINDOWS
    }


def main() -> None:
    """Print the tables and draw the derivatives."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--figure", type=Path, default="noisy_series.png")
    figure = parser.parse_args().figure
    f = series()
    table(f)
    for window, left in residuals(f).items():
        rms = error(f.fdgrad.derivative("t", window=window).values, f.t.values)
        print(f"window {window:3}: residuals {left:.4f}, error of the derivative {rms:.3f}")
    fig, axes = plt.subplots(1, 3, figsize=(10, 3.6), sharey=True, layout="constrained")
    for axis, window in zip(axes, (11, 41, 321), strict=True):
        axis.plot(f.t, f.fdgrad.derivative("t", window=window), lw=0.8)
        axis.plot(f.t, np.cos(f.t), "k--", lw=0.8)
        axis.set(title=f"window={window}", xlabel="t", ylim=(-2, 2))
    axes[0].set_ylabel("df/dt (dashed: exact)")
    fig.savefig(figure, dpi=100)


if __name__ == "__main__":
    main()
