"""True partial derivatives: multi-dimensional coordinates as the independent variables.

``f`` is known on a grid of indices, and so are the coordinates.  The derivatives along the indices
are those of the chain rule, ``D_i f = sum over k of (D_i x_k) df/dx_k``, which is solved for
``df/dx_k``, each with the other coordinates held fixed.  ``D`` is the stencil of the data, also for
the coordinates, so the derivative of a field that is linear in the coordinates is exact.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from xgrad.errors import CoordinateError
from xgrad.labels.attributes import label_of
from xgrad.labels.on_earth import Place
from xgrad.labels.options import Options
from xgrad.labels.spacing import Spacing, along_index
from xgrad.operators.direction import Direction
from xgrad.operators.surface import (
    Surface,
    along_index_of,
    as_they_are,
    known_of,
    reported,
    stacked,
)
from xgrad.operators.vectors import cross, dot, reciprocal


class Frame(NamedTuple):
    """Directions at right angles to each other, and how they are made of those of the grid.

    Attributes
    ----------
    dims : tuple of hashable
        The dimensions of the grid.
    axes : tuple of hashable
        The names of the directions.
    places : array
        Where the cells are: in space, or the coordinates themselves.
    components : callable
        Takes vectors like the places, and returns their components in the directions.
    factors : array
        Per direction and dimension the factor of the derivative along the index, one by one.
    known : Variable or None
        With `skipna`: 1, and NaN where a place is missing, which is a missing neighbour too.
    """

    dims: tuple[Hashable, ...]
    axes: tuple[Hashable, ...]
    places: Any
    components: Callable[[Any], Any]
    factors: Any
    known: xr.Variable | None

    @classmethod
    def of_surface(cls, surface: Surface, options: Options) -> Frame:
        """The two directions of a surface."""
        return cls(
            surface.dims, surface.axes, surface.places, surface.components, surface.weights,
            surface.known(options),
        )  # fmt: skip

    @classmethod
    def on_plane(cls, coords: Sequence[xr.DataArray], options: Options) -> Frame:
        """Along two or three coordinates, each with the others held fixed."""
        dims, names = coords[0].dims, tuple(coord.name for coord in coords)
        if len(coords) == 2:
            return cls.of_surface(Surface.on_plane(coords, dims, options), options)
        places = stacked([one.variable.transpose(*dims).data.astype(np.float64) for one in coords])
        factors = stacked(_of_three(places, dims, names, options))
        return cls(dims, names, places, as_they_are, factors, known_of(places, dims, options))

    def weights(self, name: Hashable) -> dict[Hashable, xr.Variable]:
        """Per dimension the factor of the derivative along the index, in a direction."""
        n = len(self.dims)
        first = self.axes.index(name) * n
        return {dim: xr.Variable(self.dims, self.factors[first + k])
                for k, dim in enumerate(self.dims)}  # fmt: skip


def directions(
    obj: xr.DataArray | xr.Dataset,
    names: Sequence[Hashable],
    place: Place | None,
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
    place : Place or None
        Where `metric` puts the cells.
    options : Options
        The stencils.

    Raises
    ------
    CoordinateError
        If there are too few or too many, they have different dimensions, or are not numeric.
    """
    wide = max((obj.coords[name] for name in names), key=lambda coord: coord.ndim)
    coords = [obj.coords[name] for name in names]
    coords = [one.broadcast_like(wide) if one.ndim < wide.ndim else one for one in coords]
    dims = wide.dims
    _check(coords, place, options)
    if place is not None and place.is_curvilinear and set(names) == set(place.names):
        return _on_earth(place, names, options)
    for dim in dims:
        if "periodic" in options.scheme(dim).boundary:
            raise CoordinateError(
                f"`boundary` of {dim!r} is 'periodic', but coordinates {list(names)} "
                "have no period on a plane; give another `boundary`, or `metric='sphere'`"
            )
    frame = _once(lambda own: Frame.on_plane(coords, own), options)
    spacings = tuple(index_along(dim, wide.sizes[dim], options) for dim in dims)
    labels = [label_of(coord.name, coord.variable) for coord in coords]
    return [
        Direction(coord.name, label, coord.attrs.get("units"), spacings, frame=frame)
        for coord, label in zip(coords, labels, strict=True)
    ]


def _check(coords: Sequence[xr.DataArray], place: Place | None, options: Options) -> None:
    """Refuse coordinates that cannot be the independent variables."""
    names, dims = [coord.name for coord in coords], coords[0].dims
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
        if key in names and key not in dims:
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


def _of_three(
    places: Any, dims: tuple[Hashable, ...], names: tuple[Hashable, ...], options: Options
) -> list[Any]:
    """The inverse of the matrix of derivatives, by cofactors."""
    along = [along_index_of(places, k + 1, options.scheme(dim)) for k, dim in enumerate(dims)]
    one, two, three = ([tangent[k] for tangent in along] for k in range(3))
    columns = [cross(two, three), cross(three, one), cross(one, two)]
    size = np.sqrt(dot(one, one) * dot(two, two) * dot(three, three))
    volume = dot(one, columns[0])
    per_volume = reported(reciprocal(volume, size), lambda: volume, names)
    return [part * per_volume for column in columns for part in column]


def eastward_and_northward(place: Place, options: Options) -> list[Direction]:
    """The two directions of a curvilinear grid on a sphere, at right angles to each other.

    Parameters
    ----------
    place : Place
        With latitudes and longitudes of two dimensions.
    options : Options
        The stencils.
    """
    return _on_earth(place, place.names[::-1], options)


def _on_earth(place: Place, names: Sequence[Hashable], options: Options) -> list[Direction]:
    """Longitude and latitude: eastward and northward, per metre."""
    frame = _once(lambda own: Frame.of_surface(Surface.on_earth(place, own), own), options)
    spacings = tuple(index_along(dim, size, options) for dim, size in place.latitude.sizes.items())
    return [Direction(name, str(name), "m", spacings, frame=frame) for name in names]


def _once(made: Callable[[Options], Frame], options: Options) -> Callable[..., Frame]:
    """Make a frame when it is needed, once for each `edge_order`."""

    @cache
    def frame(edge_order: int = options.edge_order) -> Frame:
        return made(replace(options, order=1, edge_order=edge_order))

    return frame
