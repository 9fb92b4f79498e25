"""Curvilinear grids on the Earth: distances along grid lines, and the angles between them."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import xarray as xr

from xgrad._typing import AnyArray
from xgrad.arrays.engines import module_of
from xgrad.errors import CoordinateError, CoordinateWarning, warn
from xgrad.labels import ellipsoid
from xgrad.labels.on_earth import Place
from xgrad.labels.options import Options
from xgrad.labels.spacing import Spacing
from xgrad.operators.surface import Surface
from xgrad.operators.vectors import Directions, dot
from xgrad.stencils.scheme import Scheme

# In semi-major axes: what is longer than any way on the Earth, and than a step between two cells in
# one place.
_LONGEST = (np.pi + ellipsoid.NO_WAY) / 2
_TO_NOWHERE = (ellipsoid.NO_WAY + ellipsoid.NOWHERE) / 2

# Cosine of an angle that counts as right: the error of what assumes one is of this size.
_RIGHT_ANGLE = 0.02


def in_metres(place: Place, along: Spacing, options: Options) -> Spacing:
    """Spacing along a dimension in metres, if its positions are on the Earth.

    Along a curvilinear grid its positions are left to :func:`with_path`: what needs the surface
    does not need them.

    Parameters
    ----------
    place : Place
        Latitudes and longitudes of the cells.
    along : Spacing
        Spacing in the unit of the coordinate.
    options : Options
        As the caller gave them.

    Raises
    ------
    CoordinateError
        If the options give positions, which the grid already determines.
    """
    if not place.has(along.dim):
        return along
    return _along_the_grid(place, along, options) if place.is_curvilinear else place.spacing(along)


def _along_the_grid(place: Place, along: Spacing, options: Options) -> Spacing:
    if {along.dim, along.name} & set(options.spacing or {}):
        raise CoordinateError(
            f"`spacing` names {along.dim!r}, but `metric` takes the positions along it from "
            f"{place.names}; leave it out"
        )
    return Spacing(along.dim, along.name, 1.0, "m", f"distance along {along.dim}")


def with_path(place: Place | None, along: Spacing) -> Spacing:
    """The same spacing with the distances along a dimension of a curvilinear grid.

    Two cells in one place are edges, at the seam of a grid that repeats its first columns or at the
    north fold of a tripolar grid.  So are cells beside a missing place; see :func:`beside_gaps`.

    Parameters
    ----------
    place : Place or None
        Latitudes and longitudes of the cells.
    along : Spacing
        From :func:`in_metres`.
    """
    if place is None or not place.is_curvilinear or not place.has(along.dim):
        return along
    longest = _LONGEST * place.figure.semi_major
    return along._replace(positions=path(place, along.dim), longest=longest)


def path(place: Place, dim: Hashable) -> xr.Variable:
    """Distance along a dimension of a curvilinear grid in metres; if lazy, in whole columns."""
    latitude = place.latitude
    longitude = place.longitude.transpose(*latitude.dims)
    axis = latitude.get_axis_num(dim)
    both = [latitude.data, longitude.data]
    if engine := next(filter(None, map(module_of, both)), None):
        lazy = [engine.asarray(one) for one in both]
        # The sum along a column must not depend on the chunks.
        chunks = tuple(
            (n,) if k == axis else own
            for k, (n, own) in enumerate(zip(latitude.shape, lazy[0].chunks, strict=True))
        )
        phi, lam = (one.rechunk(chunks) for one in lazy)
        meta = np.empty((0, 0))
        data = engine.map_blocks(
            place.figure.path,
            phi,
            lam,
            axis=axis,
            dtype=float,
            meta=meta,
            token="xgrad-geometry",
        )
    else:
        data = place.figure.path(latitude.values, longitude.values, axis)
    return xr.Variable(latitude.dims, -data if dim in place.backward else data)


def beside_gaps(place: Place, along: Spacing, options: Options) -> xr.Variable | None:
    """Factor of a derivative along the grid: NaN where it would reach to a missing place.

    None with `skipna`, by which a missing place is an edge, or if places in memory are all there.

    Parameters
    ----------
    place : Place
        With latitudes and longitudes of two dimensions.
    along : Spacing
        From :func:`in_metres`.
    options : Options
        The stencils.
    """
    positions = along.positions
    if positions is None or options.skipna:
        return None
    given: dict[str, Any] = {
        "axis": positions.get_axis_num(along.dim), "scheme": options.scheme(along.name, along.dim),
        "limit": _TO_NOWHERE * place.figure.semi_major,
        "what": f"coordinates {list(place.names)} lack a place along {along.dim!r}",
    }  # fmt: skip
    if engine := module_of(positions.data):
        meta = np.empty((0, 0))
        data = engine.map_blocks(
            _beside, positions.data, dtype=float, meta=meta, token="xgrad-geometry", **given
        )
        return xr.Variable(positions.dims, data)
    found = _beside(positions.data, **given)
    return xr.Variable(positions.dims, found) if np.isnan(found).any() else None


def _beside(travelled: AnyArray, axis: int, scheme: Scheme, limit: float, what: str) -> AnyArray:
    """1, or NaN where a stencil reaches over a step that is longer than `limit`."""
    over = np.moveaxis(abs(np.diff(travelled, axis=axis)) > limit, axis, -1)
    if not over.any():
        return np.ones_like(travelled)
    warn(
        f"{what}, as on land: derivatives along it are NaN beside it; give `skipna=True` for edges "
        "there",
        CoordinateWarning,
    )
    depth, steps = scheme.half, scheme.edge - 1
    beyond = np.pad(over, [*[(0, 0)] * (over.ndim - 1), (depth, depth)])
    windows = np.lib.stride_tricks.sliding_window_view(beyond, 2 * depth, axis=-1)
    beside: AnyArray = np.asarray(windows.any(axis=-1))
    beside[..., : scheme.half] |= over[..., :steps].any(axis=-1, keepdims=True)
    beside[..., -scheme.half :] |= over[..., -steps:].any(axis=-1, keepdims=True)
    return np.moveaxis(np.where(beside, np.nan, 1.0), -1, axis)


def at_right_angles(place: Place, options: Options) -> Place:
    """Require that the axes of a curvilinear grid meet at right angles, for a direction along them.

    Parameters
    ----------
    place : Place
        With latitudes and longitudes of two dimensions.
    options : Options
        The stencils.

    Returns
    -------
    Place
        The same places.  Lazy ones are checked when they are computed.

    Raises
    ------
    CoordinateError
        If the cosine of an angle inside the grid is above 0.02.
    """
    surface = Surface.on_earth(place, options)
    (cosine,) = surface.each(_cosine)
    inside = cosine[1:-1, 1:-1]
    engine = module_of(inside)
    if engine is None:
        _require_small(inside, place.latitude.dims, place.names)
        return place
    latitude = engine.asarray(place.latitude.data)
    cosines = engine.pad(inside, 1, constant_values=0.0).rechunk(latitude.chunks)
    data = engine.map_blocks(
        _checked, latitude, cosines, dims=place.latitude.dims, names=place.names, dtype=float,
        meta=np.empty((0, 0)), token="xgrad-geometry",
    )  # fmt: skip
    return place._replace(latitude=xr.Variable(place.latitude.dims, data))


def _cosine(at: Directions) -> list[Any]:
    one, other = (at.unit_vector(dim) for dim in at.dims)
    return [abs(dot(one, other))]


def _checked(
    latitude: AnyArray, cosines: AnyArray, dims: tuple[Hashable, ...], names: tuple[Hashable, ...]
) -> AnyArray:
    _require_small(cosines, dims, names)
    return latitude


def _require_small(
    cosines: AnyArray, dims: tuple[Hashable, ...], names: tuple[Hashable, ...]
) -> None:
    worst = float(np.nanmax(cosines, initial=0.0))
    if worst > _RIGHT_ANGLE:
        degrees = float(np.degrees(np.arccos(min(worst, 1.0))))
        raise CoordinateError(
            f"the direction along {dims} needs a grid at right angles, but its axes meet at "
            f"{degrees:.0f} degrees somewhere; name {names[0]!r} and {names[1]!r} instead"
        )
