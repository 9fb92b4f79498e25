"""Places that an index or an affine transform computes: even steps, and grids that are turned."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Any

import numpy as np
import xarray as xr
from xarray.indexes import CoordinateTransformIndex, RangeIndex

from xgrad.errors import CoordinateError
from xgrad.labels import cf
from xgrad.labels.attributes import label_of
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
    label = label_of(coord.name, coord.variable)
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


def refuse_steps_of_one(obj: xr.DataArray | xr.Dataset, dim: Hashable) -> None:
    """Refuse a dimension without a coordinate whose cells are placed by a transform.

    Parameters
    ----------
    obj : DataArray or Dataset
        Has the dimension.
    dim : hashable
        A dimension without a coordinate.

    Raises
    ------
    CoordinateError
        If an index computes coordinates of several dimensions along it, as of an image that is
        turned, or a grid mapping has a GeoTransform for it.
    """
    for name, index in obj.xindexes.items():
        dims = obj.coords[name].dims
        if dim in dims and len(dims) > 1 and _is_a_transform(index):
            both = [other for other in obj.xindexes if obj.xindexes[other] is index]
            raise CoordinateError(
                f"dimension {dim!r} has no coordinate of its own, and its cells are at the "
                f"coordinates {both}, which an index computes for {dims} together; name {both} for "
                f"the derivatives with respect to them, or give `spacing={{{dim!r}: 1.0}}` for the "
                "derivative per cell"
            )
    _refuse_an_image(obj, dim)


def _is_a_transform(index: xr.Index) -> bool:
    # rasterix's RasterIndex has one, and is not one.
    return isinstance(index, CoordinateTransformIndex) or hasattr(index, "transform")


def _refuse_an_image(obj: xr.DataArray | xr.Dataset, dim: Hashable) -> None:
    """Refuse a dimension of an image that has only GDAL's GeoTransform, of six numbers."""
    everything = obj.variables if isinstance(obj, xr.Dataset) else obj.coords.variables
    for name, variable in everything.items():
        if variable.ndim or "GeoTransform" not in variable.attrs:
            continue
        y, x = _dims_of_an_image(obj, dim)
        if dim not in (y, x):
            continue
        where = f"dimension {dim!r} has no coordinate, but the GeoTransform of {name!r} places it"
        per_cell = f"`spacing={{{dim!r}: 1.0}}` for the derivative per cell"
        try:
            _, dx, turn, _, other_turn, dy = map(float, variable.attrs["GeoTransform"].split())
        except (AttributeError, ValueError):
            turn = other_turn = math.nan
        if turn or other_turn:
            places = [one for one, coord in obj.coords.items() if {y, x} == set(coord.dims)]
            remedy = f"name {places} for the derivatives with respect to them"
            if len(places) != 2:
                remedy = (
                    "give it two-dimensional coordinates, for instance with "
                    "`rasterix.assign_index`, and name both"
                )
            raise CoordinateError(f"{where} on a rotated grid; {remedy}, or give {per_cell}")
        step = dx if dim == x else dy
        raise CoordinateError(
            f"{where}; give its step, `spacing={{{dim!r}: {step}}}`, or {per_cell}"
        )


def _dims_of_an_image(
    obj: xr.DataArray | xr.Dataset, dim: Hashable
) -> tuple[Hashable, Hashable] | tuple[None, None]:
    """The vertical and the horizontal one: by name or attributes, or else the last two."""
    named = [found for axis in "YX" if len(found := cf.meant(obj, axis, obj.dims)) == 1]
    if len(named) == 2:
        return named[0][0], named[1][0]
    held = obj.data_vars.values() if isinstance(obj, xr.Dataset) else [obj]
    last = [one.dims[-2:] for one in held if one.ndim > 1 and dim in one.dims[-2:]]
    return (last[0][0], last[0][1]) if last else (None, None)


def same_labels(one: xr.Index, other: xr.Index) -> bool:
    """Whether two indexes have the same labels: those of a range to the bit, without a table.

    Examples
    --------
    >>> one, other = (RangeIndex.arange(n, n + 3.0, dim="x") for n in (1e6, 1e6 + 1))
    >>> same_labels(one, one), same_labels(one, other)  # equal within the tolerance of xarray
    (True, False)
    """
    if isinstance(one, RangeIndex) and isinstance(other, RangeIndex):
        return (one.start, one.step, one.size) == (other.start, other.step, other.size)
    return one.equals(other)
