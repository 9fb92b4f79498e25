"""True partial derivatives: multi-dimensional coordinates as the independent variables.

``f`` is known on a grid of indices, and so are the coordinates.  The derivatives along the indices
are those of the chain rule, ``D_i f = sum over k of (D_i x_k) df/dx_k``, which is solved for
``df/dx_k``, each with the other coordinates held fixed.  ``D`` is the stencil of the data, also for
the coordinates, so the derivative of a field that is linear in the coordinates is exact.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import numpy as np
import xarray as xr

from xgrad.errors import CoordinateError
from xgrad.labels.options import Options
from xgrad.labels.place import Sphere
from xgrad.labels.spacing import Spacing, along_index
from xgrad.operators.direction import Direction
from xgrad.operators.surface import Surface, along_index_of, cross, dot, reciprocal


def directions(
    obj: xr.DataArray | xr.Dataset,
    names: Sequence[Hashable],
    place: Sphere | None,
    options: Options,
) -> list[Direction]:
    """Multi-dimensional coordinates as independent variables, each with the others held fixed.

    Parameters
    ----------
    obj : DataArray or Dataset
        Has the coordinates.
    names : sequence of hashable
        As many coordinates as they have dimensions: two or three, or with a `place` its longitude
        and latitude.
    place : Sphere or None
        Where `metric` puts the cells.
    options : Options
        The stencils.

    Raises
    ------
    CoordinateError
        If there are too few or too many, they have different dimensions, are not numeric, or
        depend on one another in all cells.
    """
    coords = [obj.coords[name] for name in names]
    dims = coords[0].dims
    for coord in coords:
        if set(coord.dims) != set(dims):
            raise CoordinateError(
                f"coordinates {names[0]!r} and {coord.name!r} have dimensions {dims} and "
                f"{coord.dims}; name coordinates of the same dimensions"
            )
        if coord.dtype.kind not in "iuf":
            raise CoordinateError(
                f"coordinate {coord.name!r} has dtype {coord.dtype}; multi-dimensional coordinates "
                "must hold numbers"
            )
    for key in options.boundary if isinstance(options.boundary, Mapping) else ():
        if key in names:
            raise CoordinateError(
                f"`boundary` names {key!r}, which has dimensions {dims}; name the dimension whose "
                "edges are meant"
            )
    if len(coords) != len(dims):
        alone = f"a dimension with `spacing={{{dims[0]!r}: {names[0]!r}}}`"
        other = alone if place is None else f"dimensions among {dims}"
        raise CoordinateError(
            f"`dim` names {list(names)} with dimensions {dims}: {len(dims)} coordinates are needed "
            f"for derivatives that hold the others fixed; name {len(dims)} of them, or "
            f"{other}"
        )
    if place is not None and place.is_curvilinear and set(names) == set(place.names):
        return _on_sphere(place, names, options)
    return _on_plane(coords, dims, options)


def index_along(dim: Hashable, size: int, options: Options) -> Spacing:
    """Steps of one, around the axis if it is periodic.

    Examples
    --------
    >>> index_along("x", 5, Options(boundary="periodic")).seam
    1.0
    """
    along = along_index(dim)
    around = "periodic" in options.scheme(dim).boundary
    return along._replace(period=float(size), seam=1.0) if around else along


def _on_plane(
    coords: Sequence[xr.DataArray], dims: tuple[Hashable, ...], options: Options
) -> list[Direction]:
    for dim in dims:
        if "periodic" in options.scheme(dim).boundary:
            raise CoordinateError(
                f"`boundary` of {dim!r} is 'periodic', but coordinates {[c.name for c in coords]} "
                "have no period on a plane; give another `boundary`, or `metric='sphere'`"
            )
    if len(coords) == 2:
        surface = Surface.on_plane(coords, dims, options)
        weights = [surface.weights(coord.name) for coord in coords]
    else:
        weights = _of_three(coords, dims, options)
    return [
        Direction(
            coord.name,
            str(coord.attrs.get("long_name") or coord.name),
            coord.attrs.get("units"),
            _parts(own, options),
        )
        for coord, own in zip(coords, weights, strict=True)
    ]


def _of_three(
    coords: Sequence[xr.DataArray], dims: tuple[Hashable, ...], options: Options
) -> list[dict[Hashable, xr.Variable]]:
    """The inverse of the matrix of derivatives, by cofactors."""
    one, two, three = (
        [along_index_of(coord.variable, dim, dims, options) for dim in dims] for coord in coords
    )
    columns = [cross(two, three), cross(three, one), cross(one, two)]
    size = np.sqrt(dot(one, one) * dot(two, two) * dot(three, three))
    per_volume = reciprocal(dot(one, columns[0]), size, [coord.name for coord in coords])
    return [
        {dim: xr.Variable(dims, column[d] * per_volume) for d, dim in enumerate(dims)}
        for column in columns
    ]


def eastward_and_northward(place: Sphere, options: Options) -> list[Direction]:
    """The two directions of a curvilinear grid on a sphere, at right angles to each other.

    Parameters
    ----------
    place : Sphere
        With latitudes and longitudes of two dimensions.
    options : Options
        The stencils.
    """
    return _on_sphere(place, place.names[::-1], options)


def _on_sphere(place: Sphere, names: Sequence[Hashable], options: Options) -> list[Direction]:
    """Longitude and latitude: eastward and northward, per metre."""
    surface = Surface.on_sphere(place, options)
    return [
        Direction(name, str(name), "m", _parts(surface.weights(name), options)) for name in names
    ]


def _parts(
    weights: dict[Hashable, xr.Variable], options: Options
) -> tuple[tuple[Spacing, xr.Variable], ...]:
    return tuple((index_along(dim, own.sizes[dim], options), own) for dim, own in weights.items())
