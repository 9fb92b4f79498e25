"""Velocity and acceleration from positions at uneven times, compared with the exact ones.

A damped oscillation, the real part of a complex exponential::

    x(t) = Re(A exp(s t))        v(t) = Re(A s exp(s t))        a(t) = Re(A s^2 exp(s t))

with A = 1 m and s = -0.3 + 2 pi i / 2.5 in s-1: the period is 2.5 s, and the amplitude falls to 1/e
after 3.3 s.  A camera takes 25 frames per second for 6 s and loses a quarter of them, so the times
are uneven.

The velocity is the gradient of the position, and the acceleration is the gradient of the velocity.
Both come from the parabola through three neighbours, even at the two ends (`edge_order=2`).  In the
interior, the slope of the parabola has an error of about h1 h2 x'''(t) / 6, with steps h1 and h2 to
the neighbours (Quarteroni, Sacco, Saleri, *Numerical Mathematics*, 2007, section 10.10.1).  The
steps jump, and so does this error; that makes the acceleration, a difference of velocities, less
accurate.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from numpy.typing import NDArray

import xgrad  # noqa: F401  (registers `.fdgrad`)

AMPLITUDE = 1.0  # m
RATE = -0.3 + 2j * np.pi / 2.5  # s-1
START = np.datetime64("2024-06-01T12:00:00", "ms")
FRAME = np.timedelta64(40, "ms")


def exact(t: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Position in m, velocity in m s-1 and acceleration in m s-2, t seconds after the start."""
    return [(AMPLITUDE * RATE**order * np.exp(RATE * t)).real for order in range(3)]


def main() -> None:
    """Print the errors and draw the curves."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--figure", type=Path, default="motion.png")
    figure = parser.parse_args().figure
    kept = np.sort(np.random.default_rng(0).choice(150, 112, replace=False))
    seconds = kept * (FRAME / np.timedelta64(1, "s"))
    position = xr.DataArray(
        exact(seconds)[0], {"time": START + kept * FRAME}, name="x", attrs={"units": "m"}
    )
    velocity = position.fdgrad.gradient("time", edge_order=2).dx_dtime
    acceleration = velocity.fdgrad.gradient("time", edge_order=2).ddx_dtime_dtime
    steps = np.diff(seconds)
    print(f"{len(kept)} positions, {steps.min():.2f} to {steps.max():.2f} s apart")

    quantities = {"position": position, "velocity": velocity, "acceleration": acceleration}
    fig, axes = plt.subplots(3, 1, figsize=(8, 8), sharex=True, layout="constrained")
    fine = np.linspace(seconds[0], seconds[-1], 1000)
    curves = zip(axes, quantities.items(), exact(fine), exact(seconds), strict=True)
    for ax, (name, computed), curve, true in curves:
        if name != "position":
            error = abs(computed - true).max().item()
            scale = f"the largest {name} is {abs(curve).max():.3f} {computed.units}"
            print(f"{name}: largest error {error:.4f} {computed.units}; {scale}")
        ax.plot(fine, curve, color="tab:grey", label="exact")
        label = "camera" if name == "position" else "gradient"
        ax.plot(seconds, computed, ".", color="tab:red", label=label)
        ax.set_ylabel(f"{name} ({computed.units})")
        ax.legend(loc="upper right")
    axes[-1].set_xlabel("time (s)")
    fig.savefig(figure, dpi=120)


if __name__ == "__main__":
    main()
