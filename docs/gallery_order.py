"""The order of the pages of the gallery: first what most readers look for."""

from __future__ import annotations

from pathlib import Path

ORDER = (
    "fronts",
    "vorticity",
    "polar_vorticity",
    "terrain_following",
    "constant_height",
    "noisy_series",
    "heat_budget",
    "slopes",
    "edges",
    "blobs",
    "resumed_job",
    "cluster",
)


class InThisOrder:
    """A sort key for sphinx-gallery, which refers to it by its name in ``conf.py``."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def __call__(self, file: str) -> int:
        return ORDER.index(Path(file).stem)
