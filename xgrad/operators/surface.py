"""The surface that a grid of two dimensions covers: a plane or the Earth, at any angles.

The places are points in space, p(i, j), and n is the normal.  With ``p_i`` and ``p_j`` the
derivatives of the places along the indices, by the stencil of the data, and
``J = (p_i × p_j) · n``::

    gradient     grad f = ((p_j × n) f_i + (n × p_i) f_j) / J
    curl                  (D_i (V · p_j) - D_j (V · p_i)) / J
    divergence            (D_i (V · (p_j × n)) + D_j (V · (n × p_i))) / J

The dateline and the poles are no special cases, and the axes of the grid need no right angle.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr

from xgrad._typing import AnyArray
from xgrad.arrays.combine import differentiate
from xgrad.arrays.engines import module_of
from xgrad.arrays.threads import in_threads
from xgrad.errors import CoordinateError, CoordinateWarning, warn
from xgrad.kernels import tabled
from xgrad.labels.options import Options
from xgrad.labels.place import Place
from xgrad.stencils import ghosts
from xgrad.stencils.scheme import Scheme

# Where the coordinates depend on each other the Jacobian is a rounding error of its terms.
_SINGULAR = 1e-10


@dataclass(frozen=True)
class Surface:
    """A surface, and directions on it.

    Attributes
    ----------
    dims : tuple of two hashables
        The dimensions of the grid.
    places : vector
        The places of the cells in space.
    tangents : pair of vectors
        Derivatives of the places along the two indices.
    normal : vector
        Of length 1.
    per_area : array
        ``1 / J``.
    coordinates : mapping of hashable to vector
        The directions of coordinates, of length 1.
    backward : tuple of hashable
        Dimensions whose direction is that of falling indices.
    """

    dims: tuple[Hashable, ...]
    places: list[Any]
    tangents: tuple[list[Any], list[Any]]
    normal: list[Any]
    per_area: Any
    coordinates: Mapping[Hashable, list[Any]]
    backward: tuple[Hashable, ...] = ()

    @classmethod
    def _of(
        cls, dims: tuple[Hashable, ...], places: list[Any], normal: list[Any],
        coordinates: dict[Hashable, list[Any]], options: Options,
        backward: tuple[Hashable, ...] = (),
    ) -> Surface:  # fmt: skip
        one, other = (
            [along_index_of(xr.Variable(dims, x), dim, dims, options) for x in places]
            for dim in dims
        )
        size = np.sqrt(dot(one, one) * dot(other, other))
        per_area = reciprocal(dot(cross(one, other), normal), size, list(coordinates))
        return cls(dims, places, (one, other), normal, per_area, coordinates, backward)

    @classmethod
    def on_earth(cls, place: Place, options: Options) -> Surface:
        """A curvilinear grid on a sphere or ellipsoid, with the directions east and north."""
        dims = place.latitude.dims
        phi, lam = place.latitude.data, place.longitude.transpose(*dims).data
        normal, north, east = place.figure.frame(phi, lam)
        coordinates = dict(zip(place.names, (north, east), strict=True))
        places = place.figure.point(normal)
        return cls._of(dims, places, normal, coordinates, options, place.backward)

    @classmethod
    def on_plane(
        cls, coords: Sequence[xr.DataArray], dims: tuple[Hashable, ...], options: Options
    ) -> Surface:
        """A grid on a plane, with the directions of its two coordinates."""
        x, y = (coord.variable.transpose(*dims).data.astype(np.float64) for coord in coords)
        zero = 0 * x
        names = [coord.name for coord in coords]
        coordinates = dict(
            zip(names, ([1 + zero, zero, zero], [zero, 1 + zero, zero]), strict=True)
        )
        return cls._of(dims, [x, y, zero], [zero, zero, 1 + zero], coordinates, options)

    @cached_property
    def gradients(self) -> tuple[list[Any], list[Any]]:
        """``p_j × n`` and ``n × p_i``: J times the gradients of the two indices."""
        one, other = self.tangents
        return cross(other, self.normal), cross(self.normal, one)

    def unit_vector(self, name: Hashable) -> list[Any]:
        """The direction of a coordinate, or of a dimension along the grid."""
        if name in self.coordinates:
            return self.coordinates[name]
        tangent = self.tangents[self.dims.index(name)]
        # A difference of places is not exactly along the surface.
        above = dot(tangent, self.normal)
        flat = [x - above * n for x, n in zip(tangent, self.normal, strict=True)]
        unit = unit_vector(flat)
        return [-x for x in unit] if name in self.backward else unit

    def variable(self, array: Any) -> xr.Variable:
        """An array of the grid with its dimensions."""
        return xr.Variable(self.dims, array)

    def weights(self, name: Hashable) -> dict[Hashable, xr.Variable]:
        """Per dimension the factor of the derivative along its index, in the direction `name`."""
        unit = self.unit_vector(name)
        return {
            dim: self.variable(dot(unit, vector) * self.per_area)
            for dim, vector in zip(self.dims, self.gradients, strict=True)
        }


def along_index_of(
    variable: xr.Variable, dim: Hashable, dims: tuple[Hashable, ...], options: Options
) -> Any:
    """Derivative of a coordinate along an index, with the stencil of the data.

    Parameters
    ----------
    variable : Variable
        The coordinate.
    dim : hashable
        The dimension of the index.
    dims : tuple of hashable
        Dimensions of the result.
    options : Options
        The stencils.
    """
    values = variable.transpose(*dims).data.astype(np.float64)
    return _padded_derivative(values, dims.index(dim), options.scheme(dim))


def _padded_derivative(values: Any, axis: int, scheme: Scheme) -> Any:
    """Derivative along an index, with the ghost positions that go with the ghosts of the data."""
    if "periodic" in scheme.boundary:
        return differentiate(values, 1.0, axis, scheme, 1.0)
    size, index = values.shape[axis], (slice(None),) * axis
    plain = Scheme(scheme.order, scheme.accuracy, scheme.edge_order, scheme.skipna)
    face = min(size, scheme.half + 1)
    own = ("one-sided", "reflect")  # the places go on at the edge spacing beyond all others
    sides = [side if side in own else "extend" for side in scheme.boundary]
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


def cross(one: Sequence[Any], other: Sequence[Any]) -> list[Any]:
    """Cross product of two vectors of arrays.

    Examples
    --------
    >>> cross([1, 0, 0], [0, 1, 0])
    [0, 0, 1]
    """
    if _is_large(one, other):
        from xgrad.kernels import vectors  # noqa: PLC0415  it loads numba

        if vectors.fits([one, other]):
            found = [np.empty_like(one[0]) for _ in range(3)]
            size = found[0].size
            in_threads(24 * size, size, lambda part: vectors.cross(one, other, part, found))
            return found
    (a, b, c), (d, e, f) = one, other
    return [b * f - c * e, c * d - a * f, a * e - b * d]


def dot(one: Sequence[Any], other: Sequence[Any]) -> Any:
    """Scalar product of two vectors of arrays.

    Examples
    --------
    >>> dot([1, 2, 3], [1, 0, 1])
    4
    """
    if _is_large(one, other):
        from xgrad.kernels import vectors  # noqa: PLC0415  it loads numba

        if vectors.fits([one, other]):
            found = np.empty_like(one[0])
            in_threads(
                8 * found.size, found.size, lambda part: vectors.dot(one, other, part, found)
            )
            return found
    return sum(a * b for a, b in zip(one, other, strict=True))


def _is_large(one: Sequence[Any], other: Sequence[Any]) -> bool:
    """Whether compiled loops are worth loading."""
    first = one[0]
    return (
        len(one) == len(other) == 3
        and isinstance(first, np.ndarray)
        and first.size > 1
        and tabled.are_loaded(first.size)
    )


def unit_vector(vector: Sequence[Any]) -> list[Any]:
    """A vector of arrays at length 1; NaN where it has no direction.

    Examples
    --------
    >>> unit_vector([np.array([3.0]), np.array([4.0])])
    [array([0.6]), array([0.8])]
    """
    length = np.sqrt(dot(vector, vector))
    length = np.where(length > 0, length, np.nan)
    return [x / length for x in vector]


def reciprocal(determinant: Any, size: Any, names: Sequence[Hashable]) -> Any:
    """``1 / determinant``, NaN where it is a rounding error of terms of this size.

    Parameters
    ----------
    determinant, size : arrays
        Of each cell, and the most that it could be.
    names : sequence of hashable
        The coordinates, for the message.

    Raises
    ------
    CoordinateError
        If no cell has one.  Lazy places are not read to find out: they warn when they are computed.
    """
    singular = ~(abs(determinant) > _SINGULAR * size)  # NaN too
    if engine := module_of(singular):
        singular = engine.map_blocks(
            _complained, singular, list(names), dtype=bool, meta=singular._meta
        )
    else:
        _complain(singular, determinant, names)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(singular, np.nan, 1 / np.where(singular, 1.0, determinant))


def _complained(singular: AnyArray, names: list[Hashable]) -> AnyArray:
    """Warn of a chunk with singular cells: in the same words for each, which Python shows once."""
    if singular.any():
        warn(
            f"coordinates {names} are missing, or not independent of each other, in some cells: "
            "derivatives with respect to them are NaN there",
            CoordinateWarning,
        )
    return singular


def _complain(singular: AnyArray, determinant: AnyArray, names: Sequence[Hashable]) -> None:
    if not singular.any():
        return
    missing = np.isnan(determinant)
    if singular.all():
        why = "are missing" if missing.all() else "depend on each other"
        raise CoordinateError(
            f"coordinates {list(names)} {why} in all cells, so that there is no derivative with "
            "respect to one of them; name coordinates that vary independently, or dimensions"
        )
    count, index = int(singular.sum()), tuple(int(k) for k in np.argwhere(singular)[0])
    why = "missing" if missing[index] else "not independent of each other"
    warn(
        f"coordinates {list(names)} are {why} in {count} of {singular.size} cells, the first "
        f"at index {index}: derivatives with respect to them are NaN there",
        CoordinateWarning,
    )
