"""Coordinates that an index computes and nobody stores: their even steps, without a table."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Any

import numpy as np
import xarray as xr
from xarray.indexes import RangeIndex

from xgrad.labels.spacing import Spacing, around, require_one_dimension


def evenly_spaced(
    obj: xr.DataArray | xr.Dataset,
    coord: xr.DataArray,
    dim: Hashable | None = None,
    period: float | None = None,
) -> Spacing | None:
    """Spacing of a coordinate whose index knows its step; None of any other.

    Parameters
    ----------
    obj : DataArray or Dataset
        Has the index of the coordinate: `coord` alone loses one that it shares with others.
    coord : DataArray of shape (n,)
        The coordinate, which is not read.
    dim : hashable, optional
        The dimension that the coordinate must be along.
    period : float, optional
        Of a periodic coordinate, in its unit.

    Raises
    ------
    CoordinateError
        If the coordinate is not along `dim`, or the period is not longer than it.

    Examples
    --------
    >>> index = RangeIndex.arange(0.0, 1e12, 0.5, dim="x")
    >>> ds = xr.Dataset(coords=xr.Coordinates.from_xindex(index))
    >>> evenly_spaced(ds, ds.x).steps
    np.float64(0.5)
    """
    step = _step_of(obj.xindexes.get(coord.name), coord.name)
    if not (math.isfinite(step) and step):
        return None
    require_one_dimension(coord, dim)
    label = str(coord.attrs.get("long_name") or coord.name)
    units = coord.attrs.get("units")
    # A numpy scalar is as strong in numpy's promotion as the coordinate that it stands for.
    along = Spacing(coord.dims[0], coord.name, np.float64(step), units, label)
    return around(along, coord.size, period)


def _step_of(index: Any, name: Hashable) -> float:
    """The step that an index knows; NaN if it knows none."""
    if isinstance(index, RangeIndex):
        return index.step
    # rasterix's RasterIndex of x and y, which is not imported here: whoever has one has it.
    names: Any = getattr(index, "xy_coord_names", ())
    if name in names and name in getattr(index, "xy_dims", ()):
        affine: Any = index.transform()
        return float(affine.a if name == names[0] else affine.e)
    return math.nan


def same_labels(one: xr.Index, other: xr.Index) -> bool:
    """Whether two indexes have the same labels: those of a range to the bit, without a table.

    Examples
    --------
    >>> one, other = (RangeIndex.arange(n, n + 3.0, dim="x") for n in (1e6, 1e6 + 1))
    >>> same_labels(one, other), one.equals(other)
    (False, True)
    """
    if isinstance(one, RangeIndex) and isinstance(other, RangeIndex):
        return (one.start, one.step, one.size) == (other.start, other.step, other.size)
    return one.equals(other)
