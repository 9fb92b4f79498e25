"""Edges of an image: magnitude and direction of its gradient.

The gradient of an image I points towards greater brightness; its magnitude and direction are
`image.fdgrad.magnitude()` and `image.fdgrad.direction(("y", "x"))`::

    magnitude = sqrt((dI/dx)^2 + (dI/dy)^2)        direction = atan2(dI/dy, dI/dx)

(Gonzalez and Woods, *Digital Image Processing*, 4th edition, 2018, section 10.2).  The dimensions
y and x have no coordinates, so the step is 1 pixel.  The numbers equal those of `numpy.gradient`,
even if the image is a dask array in chunks.

The image has 160 x 240 pixels and is drawn by this script: 0 is black and 1 is white, with a disc,
a ring, a bar, a tilted bar and a soft ramp.  The noise has a standard deviation of 0.005.  Where
the magnitude is small the noise determines the direction: the figure leaves those pixels white.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from numpy.typing import NDArray

import xgrad  # noqa: F401  (registers `.fdgrad`)

FAINT = 0.015  # per pixel: four times the slope of the noise, and below that of the soft ramp


def draw_image() -> xr.DataArray:
    """Shapes with edges about 3 pixels wide, from the distance of each pixel to their border."""
    y, x = np.mgrid[:160, :240].astype(float)

    def shape(inside: NDArray[np.float64]) -> NDArray[np.float64]:
        return 1 / (1 + np.exp(-inside / 0.8))

    disc = shape(30 - np.hypot(y - 110, x - 45))
    ring = shape(8 - abs(np.hypot(y - 110, x - 120) - 25))
    bar = shape(np.minimum(10 - abs(y - 35), 55 - abs(x - 75)))
    along, across = (x + y - 305) / np.sqrt(2), (x - y - 85) / np.sqrt(2)
    tilted = shape(np.minimum(8 - abs(across), 35 - abs(along)))
    ramp = np.clip((x - 150) / 40, 0, 1) * shape(np.minimum(25 - abs(y - 35), 40 - abs(x - 185)))
    noise = np.random.default_rng(0).normal(0, 0.005, x.shape)
    return xr.DataArray(disc + ring + bar + tilted + ramp + noise, dims=["y", "x"], name="I")


def main() -> None:
    """Compare with numpy and draw the panels."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--figure", type=Path, default="edges.png")
    figure = parser.parse_args().figure
    image = draw_image()
    slope = image.fdgrad.gradient()
    lazy = image.chunk(y=64, x=64).fdgrad.gradient()
    expected = np.gradient(image.values)
    for name, result in {"in memory": slope, "dask chunks of 64 x 64": lazy}.items():
        pairs = zip((result.dI_dy, result.dI_dx), expected, strict=True)
        same = all(mine.values.tobytes() == numpys.tobytes() for mine, numpys in pairs)
        print(f"{name}: {'equal' if same else 'NOT equal'} to numpy.gradient bit for bit")

    magnitude = image.fdgrad.magnitude()
    steep = np.sqrt(slope.dI_dy**2 + slope.dI_dx**2)
    same = magnitude.values.tobytes() == steep.values.tobytes()
    print(f"magnitude: {'equal' if same else 'NOT equal'} to the root of the squares bit for bit")
    direction = image.fdgrad.direction(("y", "x"))
    off = abs(direction - np.arctan2(slope.dI_dy, slope.dI_dx)).max().item()
    print(f"direction: within {off:.1e} rad of arctan2")
    # On the rim of the disc, brightness increases towards the centre.
    y, x = magnitude.y - 110, magnitude.x - 45
    rim = abs(np.hypot(y, x) - 30) < 0.5
    turned = np.rad2deg(direction - np.arctan2(-y, -x)).where(rim)
    turned = (turned + 180) % 360 - 180
    print(f"rim of the disc: within {abs(turned).max().item():.1f} degrees of its centre")
    direction = np.rad2deg(direction).where(magnitude > FAINT)
    panels = [
        (image, "gray", (0, 1), "image: brightness"),
        (magnitude, "magma", (0, 0.4), "magnitude (per pixel)"),
        (direction, "hsv", (-180, 180), "direction (degrees from x towards y)"),
    ]
    apart = {"wspace": 0.08}  # for the labels of the colour bars
    fig, axes = plt.subplots(
        1, 3, figsize=(14, 4), sharey=True, layout="constrained", gridspec_kw=apart
    )
    for ax, (values, colours, limits, label) in zip(axes, panels, strict=True):
        shown = ax.imshow(values, cmap=colours, clim=limits, origin="lower", interpolation="none")
        ax.set_xlabel("x (pixel)")
        fig.colorbar(shown, ax=ax, label=label, location="top", ticks=np.linspace(*limits, 5))
    axes[0].set_ylabel("y (pixel)")
    fig.savefig(figure, dpi=120)


if __name__ == "__main__":
    main()
