"""What a first derivative is taken along."""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

import xarray as xr

from xgrad.labels.spacing import Spacing


class Direction(NamedTuple):
    """What a first derivative is taken along: one dimension, or a multi-dimensional coordinate.

    Attributes
    ----------
    name : hashable
        Of the coordinate or, without one, of the dimension.
    label : str
        The coordinate in words.
    units : str or None
        Of the coordinate.
    parts : tuple of (Spacing, Variable or None)
        The derivative is the sum of those along these spacings, each times its factor.

    Examples
    --------
    >>> from xgrad.labels.spacing import along_index
    >>> Direction("x", "x index", "1", ((along_index("x"), None),)).dims
    ['x']
    """

    name: Hashable
    label: str
    units: str | None
    parts: tuple[tuple[Spacing, xr.Variable | None], ...]

    @property
    def spacings(self) -> tuple[Spacing, ...]:
        """Along what."""
        return tuple(along for along, _ in self.parts)

    @property
    def dims(self) -> list[Hashable]:
        """The dimensions that a variable must have."""
        return [along.dim for along, _ in self.parts]
