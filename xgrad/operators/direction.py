"""What a first derivative is taken along."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import xarray as xr

from xgrad.labels.spacing import Spacing


@dataclass(frozen=True, eq=False, repr=False)
class Direction:
    """What a first derivative is taken along: one dimension, or a multi-dimensional coordinate.

    Attributes
    ----------
    name : hashable
        Of the coordinate or, without one, of the dimension.
    label : str
        The coordinate in words.
    units : str or None
        Of the coordinate.
    spacings : tuple of Spacing
        The derivative is the sum of those along these spacings, each times its factor.
    factor : Variable or None
        Of a direction along one dimension.
    frame : callable or None
        Of a multi-dimensional coordinate: returns the frame that the direction is one of, by
        default with the `edge_order` asked for.  All directions of the frame share it.

    Examples
    --------
    >>> from xgrad.labels.spacing import along_index
    >>> Direction("x", "x index", "1", (along_index("x"),)).dims
    ['x']
    """

    name: Hashable
    label: str
    units: str | None
    spacings: tuple[Spacing, ...] = ()
    factor: xr.Variable | None = None
    frame: Callable[..., Any] | None = None

    @cached_property
    def parts(self) -> tuple[tuple[Spacing, xr.Variable | None], ...]:
        """The spacings and the factors of the derivatives along them."""
        if self.frame is None:
            return tuple((along, self.factor) for along in self.spacings)
        weights = self.frame().weights(self.name)
        return tuple((along, weights[along.dim]) for along in self.spacings)

    @property
    def known(self) -> xr.Variable | None:
        """What the cells are multiplied by: NaN where `skipna` has no place for them."""
        found: xr.Variable | None = None if self.frame is None else self.frame().known
        return found

    def fits(self, variable: xr.Variable) -> bool:
        """Whether a variable has all dimensions that the factor depends on."""
        return self.factor is None or set(self.factor.dims) <= set(variable.dims)

    @property
    def dims(self) -> list[Hashable]:
        """The dimensions that a variable must have."""
        return [along.dim for along in self.spacings]
