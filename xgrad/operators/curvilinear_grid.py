"""Curvilinear grids on a sphere: distances along grid lines, and how the cells widen."""

from __future__ import annotations

from collections.abc import Hashable

import dask.array as da
import numpy as np
import xarray as xr

from xgrad._typing import AnyArray
from xgrad.arrays.combine import differentiate
from xgrad.arrays.term import Positions
from xgrad.errors import CoordinateError
from xgrad.labels import sphere
from xgrad.labels.options import Options
from xgrad.labels.place import Sphere
from xgrad.labels.spacing import Spacing
from xgrad.operators.surface import Surface, dot
from xgrad.stencils.scheme import Scheme

# Cosine of an angle that counts as right: the error of what assumes one is of this size.
_RIGHT_ANGLE = 0.02


def in_metres(place: Sphere, along: Spacing, options: Options) -> Spacing:
    """Spacing along a dimension in metres, if its positions are on the sphere.

    Parameters
    ----------
    place : Sphere
        Latitudes and longitudes of the cells.
    along : Spacing
        Spacing in the unit of the coordinate.
    options : Options
        As the caller gave them.

    Raises
    ------
    CoordinateError
        If the options give positions or a period, which the grid already determines.
    """
    if not place.has(along.dim):
        return along
    return _along_the_grid(place, along, options) if place.is_curvilinear else place.spacing(along)


def _along_the_grid(place: Sphere, along: Spacing, options: Options) -> Spacing:
    if along.period is not None:
        raise CoordinateError(
            f"`boundary` of {along.dim!r} is 'periodic', but on a grid of two-dimensional latitude "
            "and longitude each row has a different length; give another `boundary`"
        )
    if {along.dim, along.name} & set(options.spacing or {}):
        raise CoordinateError(
            f"`spacing` names {along.dim!r}, but `metric` takes the positions along it from "
            f"{place.names}; leave it out"
        )
    found = Spacing(along.dim, along.name, 1.0, "m", f"distance along {along.dim}")
    return found._replace(positions=path(place, along.dim))


def path(place: Sphere, dim: Hashable) -> xr.Variable:
    """Distance along a dimension of a curvilinear grid in metres; if lazy, in whole columns."""
    latitude = place.latitude
    longitude = place.longitude.transpose(*latitude.dims)
    axis = latitude.get_axis_num(dim)
    both = [latitude.data, longitude.data]
    if any(isinstance(one, da.Array) for one in both):
        lazy = [da.asarray(one) for one in both]
        # The sum along a column must not depend on the chunks.
        chunks = tuple(
            (n,) if k == axis else own
            for k, (n, own) in enumerate(zip(latitude.shape, lazy[0].chunks, strict=True))
        )
        phi, lam = (one.rechunk(chunks) for one in lazy)
        meta = np.empty((0, 0))
        data = da.map_blocks(sphere.path, phi, lam, axis=axis, dtype=float, meta=meta)
    else:
        data = sphere.path(latitude.values, longitude.values, axis)
    return xr.Variable(latitude.dims, data * place.radius)


def growth(place: Sphere, dim: Hashable) -> xr.Variable:
    """``d ln(h) / ds`` along `dim`, with h the width of the cells along the other dimension.

    It holds for orthogonal curvilinear coordinates: Batchelor, *An Introduction to Fluid
    Dynamics* (1967), appendix 2.
    """
    across = place.across(dim)
    own, other = path(place, dim), path(place, across)
    axis, beside = own.get_axis_num(dim), own.get_axis_num(across)
    scheme = Scheme(edge_order=2)
    width = abs(differentiate(other.data, 1.0, beside, scheme))
    columns = Positions(own.data)
    return xr.Variable(own.dims, differentiate(np.log(width), columns, axis, scheme))


def at_right_angles(place: Sphere, options: Options, what: str) -> Sphere:
    """Require that the axes of a curvilinear grid meet at right angles.

    Parameters
    ----------
    place : Sphere
        With latitudes and longitudes of two dimensions.
    options : Options
        The stencils.
    what : str
        What is asked for, for the message.

    Returns
    -------
    Sphere
        The same places.  Lazy ones are checked when they are computed.

    Raises
    ------
    CoordinateError
        If the cosine of an angle inside the grid is above 0.02.
    """
    surface = Surface.on_sphere(place, options)
    one, other = (surface.unit_vectors[dim] for dim in surface.dims)
    inside = abs(dot(one, other))[1:-1, 1:-1]
    asked = f"the {what} along {place.latitude.dims}"
    remedy = "interpolate to a grid at right angles"
    if what == "direction":
        remedy = f"name {place.names[0]!r} and {place.names[1]!r} instead"
    if isinstance(inside, np.ndarray):
        _require_small(inside, asked, remedy)
        return place
    latitude = da.asarray(place.latitude.data)
    cosines = da.pad(inside, 1, constant_values=0.0).rechunk(latitude.chunks)
    data = da.map_blocks(
        _checked, latitude, cosines, asked=asked, remedy=remedy, dtype=float, meta=np.empty((0, 0))
    )
    return place._replace(latitude=xr.Variable(place.latitude.dims, data))


def _checked(latitude: AnyArray, cosines: AnyArray, asked: str, remedy: str) -> AnyArray:
    _require_small(cosines, asked, remedy)
    return latitude


def _require_small(cosines: AnyArray, asked: str, remedy: str) -> None:
    worst = float(np.nanmax(cosines, initial=0.0))
    if worst > _RIGHT_ANGLE:
        degrees = float(np.degrees(np.arccos(min(worst, 1.0))))
        raise CoordinateError(
            f"{asked} needs a grid at right angles, but its axes meet at {degrees:.0f} degrees "
            f"somewhere; {remedy}"
        )
