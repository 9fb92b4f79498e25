"""True partial derivatives: multi-dimensional coordinates as the independent variables.

``f`` is known on a grid of indices i, j, and so are the coordinates.  The derivatives along the
indices are those of the chain rule::

    D_i f = sum over the coordinates k of  (D_i x_k) df/dx_k

which is solved for ``df/dx_k``, each with the other coordinates held fixed.  On a sphere the places
are points in space, p(latitude, longitude), n is the normal and ``J = (D_i p × D_j p) · n``::

    grad f = ((D_j p × n) D_i f + (n × D_i p) D_j f) / J

The dateline and the poles are no special cases.  ``D`` is the stencil of the data, also for the
coordinates, so the derivative of a field that is linear in the coordinates is exact.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from xgrad._typing import AnyArray
from xgrad.arrays.combine import differentiate
from xgrad.errors import CoordinateError, CoordinateWarning, warn
from xgrad.labels.options import Options
from xgrad.labels.place import Sphere
from xgrad.labels.spacing import Spacing, along_index
from xgrad.stencils import ghosts
from xgrad.stencils.scheme import Scheme

# Where the coordinates depend on each other the Jacobian is a rounding error of its terms.
_SINGULAR = 1e-10


@dataclass(frozen=True)
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
    parts : tuple of (Spacing, Variable or None)
        The derivative is the sum of those along these spacings, each times its factor.
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
    if len(coords) != len(dims):
        raise CoordinateError(
            f"`dim` names {list(names)} with dimensions {dims}: {len(dims)} coordinates are needed "
            f"for derivatives that hold the others fixed; name {len(dims)} of them, or a dimension "
            f"with `spacing={{{dims[0]!r}: {names[0]!r}}}`"
        )
    if place is not None and place.is_curvilinear and set(names) == set(place.names):
        return _on_sphere(place, names, options)
    return _on_plane(coords, dims, options)


def _index(dim: Hashable, size: int, options: Options) -> Spacing:
    """Steps of one, around the axis if it is periodic."""
    along = along_index(dim)
    around = "periodic" in options.scheme(dim).boundary
    return replace(along, period=float(size), seam=1.0) if around else along


def _on_plane(
    coords: Sequence[xr.DataArray], dims: tuple[Hashable, ...], options: Options
) -> list[Direction]:
    for dim in dims:
        if "periodic" in options.scheme(dim).boundary:
            raise CoordinateError(
                f"`boundary` of {dim!r} is 'periodic', but coordinates {[c.name for c in coords]} "
                "have no period on a plane; give another `boundary`, or `metric='sphere'`"
            )
    rows = [[_along(coord.variable, dim, dims, options) for dim in dims] for coord in coords]
    inverse, determinant = _inverse(rows)
    size: Any = 1.0
    for row in rows:
        size = size * np.sqrt(_dot(row, row))
    per_cell = _reciprocal(determinant, size, [coord.name for coord in coords])
    found = []
    for k, coord in enumerate(coords):
        label = str(coord.attrs.get("long_name") or coord.name)
        parts = tuple(
            (_index(dim, coord.sizes[dim], options), xr.Variable(dims, inverse[d][k] * per_cell))
            for d, dim in enumerate(dims)
        )
        found.append(Direction(coord.name, label, coord.attrs.get("units"), parts))
    return found


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
    dims = place.latitude.dims
    phi, lam = place.latitude.data, place.longitude.transpose(*dims).data
    sin_phi, cos_phi, sin_lam, cos_lam = np.sin(phi), np.cos(phi), np.sin(lam), np.cos(lam)
    normal = [cos_phi * cos_lam, cos_phi * sin_lam, sin_phi]
    north = [-sin_phi * cos_lam, -sin_phi * sin_lam, cos_phi]
    unit_vectors = dict(zip(place.names, (north, [-sin_lam, cos_lam, 0 * lam]), strict=True))
    one, other = (
        [_along(xr.Variable(dims, place.radius * x), dim, dims, options) for x in normal]
        for dim in dims
    )
    area = np.sqrt(_dot(one, one) * _dot(other, other))
    per_cell = _reciprocal(_dot(_cross(one, other), normal), area, list(place.names))
    gradients = [_cross(other, normal), _cross(normal, one)]
    sizes = dict(zip(dims, place.latitude.shape, strict=True))
    found = []
    for name in names:
        parts = tuple(
            (
                _index(dim, sizes[dim], options),
                xr.Variable(dims, _dot(unit_vectors[name], vector) * per_cell),
            )
            for dim, vector in zip(dims, gradients, strict=True)
        )
        found.append(Direction(name, str(name), "m", parts))
    return found


def _along(
    variable: xr.Variable, dim: Hashable, dims: tuple[Hashable, ...], options: Options
) -> Any:
    """Derivative of a coordinate along an index, with the stencil of the data."""
    values = variable.transpose(*dims).data.astype(np.float64)
    return _padded_derivative(values, dims.index(dim), options.scheme(dim))


def _padded_derivative(values: Any, axis: int, scheme: Scheme) -> Any:
    """Derivative along an index, with the ghost positions that go with the ghosts of the data."""
    if "periodic" in scheme.boundary:
        return differentiate(values, 1.0, axis, scheme, 1.0)
    size, index = values.shape[axis], (slice(None),) * axis
    plain = Scheme(scheme.order, scheme.accuracy, scheme.edge_order, scheme.skipna)
    face = min(size, scheme.half + 1)
    sides = [side if isinstance(side, str) else "extend" for side in scheme.boundary]
    depths = [0 if side == "one-sided" else scheme.half for side in sides]
    first, last = values[(*index, slice(0, face))], values[(*index, slice(size - face, size))]
    whole = np.concatenate(
        [
            ghosts.positions(first, sides[0], depths[0], axis, below=True),
            values,
            ghosts.positions(last, sides[1], depths[1], axis, below=False),
        ],
        axis=axis,
    )
    found = differentiate(whole, 1.0, axis, plain)
    return found[(*index, slice(depths[0], depths[0] + size))]


def _cross(one: Sequence[Any], other: Sequence[Any]) -> list[Any]:
    (a, b, c), (d, e, f) = one, other
    return [b * f - c * e, c * d - a * f, a * e - b * d]


def _dot(one: Sequence[Any], other: Sequence[Any]) -> Any:
    return sum(a * b for a, b in zip(one, other, strict=True))


def _inverse(rows: list[list[Any]]) -> tuple[list[list[Any]], Any]:
    """The inverse of a matrix of two or three rows, times its determinant; and that."""
    if len(rows) == 2:
        (a, b), (c, d) = rows
        return [[d, -b], [-c, a]], a * d - b * c
    one, two, three = rows
    columns = [_cross(two, three), _cross(three, one), _cross(one, two)]
    return [list(row) for row in zip(*columns, strict=True)], _dot(one, columns[0])


def _reciprocal(determinant: Any, size: Any, names: Sequence[Hashable]) -> Any:
    """``1 / determinant``, NaN where it is a rounding error of terms of this size."""
    singular = ~(abs(determinant) > _SINGULAR * size)  # NaN too
    if isinstance(determinant, np.ndarray):
        _complain(singular, np.isnan(determinant), names)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(singular, np.nan, 1 / np.where(singular, 1.0, determinant))


def _complain(singular: AnyArray, missing: AnyArray, names: Sequence[Hashable]) -> None:
    if singular.all():
        why = "are missing" if missing.all() else "depend on each other"
        raise CoordinateError(
            f"coordinates {list(names)} {why} in all cells, so that there is no derivative with "
            "respect to one of them; name coordinates that vary independently, or dimensions"
        )
    if singular.any():
        count, index = int(singular.sum()), tuple(int(k) for k in np.argwhere(singular)[0])
        why = "missing" if missing[index] else "not independent of each other"
        warn(
            f"coordinates {list(names)} are {why} in {count} of {singular.size} cells, the first "
            f"at index {index}: derivatives with respect to them are NaN there",
            CoordinateWarning,
        )
