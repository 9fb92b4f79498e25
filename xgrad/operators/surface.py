"""The surface that a grid of two dimensions covers: a plane or the Earth, at any angles.

The places are points in space, p(i, j), and n is the normal.  With ``p_i`` and ``p_j`` the
derivatives of the places along the indices, by the stencil of the data, and
``J = (p_i × p_j) · n``::

    gradient     grad f = ((p_j × n) f_i + (n × p_i) f_j) / J
    curl                  (D_i (V · p_j) - D_j (V · p_i)) / J
    divergence            (D_i (V · (p_j × n)) + D_j (V · (n × p_i))) / J

The dateline and the poles are no special cases, and the axes of the grid need no right angle.  Only
what the tangents have along the surface counts: two components, east and north.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import xarray as xr

from xgrad._typing import AnyArray
from xgrad.arrays import buffers
from xgrad.arrays.combine import differentiate
from xgrad.arrays.engines import module_of
from xgrad.arrays.per_cell import per_cell
from xgrad.errors import CoordinateError, CoordinateWarning, warn
from xgrad.labels.ellipsoid import Figure
from xgrad.labels.on_earth import Place
from xgrad.labels.options import Options
from xgrad.operators.vectors import Directions, dot
from xgrad.stencils import ghosts
from xgrad.stencils.scheme import Scheme

# What is computed for some cells, from their directions and ``1 / J``.
_Function = Callable[[Directions, Any], Sequence[Any]]


@dataclass(frozen=True)
class Surface:
    """A surface, and directions on it.

    Attributes
    ----------
    dims : tuple of two hashables
        The dimensions of the grid.
    axes : tuple of two hashables
        The coordinates that have directions: those of longitude and latitude, or of x and y.
    places : array of shape (3, ...)
        The places of the cells in space.
    components : callable
        Takes vectors in space, and returns their components along the two axes.
    tangents : array of shape (4, ...)
        Components along the axes of the derivatives of the places along the two indices.
    backward : tuple of hashable
        Dimensions whose direction is that of falling indices.
    """

    dims: tuple[Hashable, ...]
    axes: tuple[Hashable, ...]
    places: Any
    components: Callable[[Any], Any]
    tangents: Any
    backward: tuple[Hashable, ...] = ()

    @classmethod
    def on_earth(cls, place: Place, options: Options) -> Surface:
        """A curvilinear grid on a sphere or ellipsoid, with the directions east and north."""
        dims, axes = place.latitude.dims, place.names[::-1]
        both = place.latitude.data, place.longitude.transpose(*dims).data
        found = per_cell(partial(_angles_and_places, figure=place.figure), *both)
        angles, places = found[:4], found[4:]

        along = _along_indices(places, dims, options)
        tangents = per_cell(_eastward_and_northward, angles, *along)
        components = partial(per_cell, _eastward_and_northward, angles)
        return cls(dims, axes, places, components, tangents, place.backward)

    @classmethod
    def on_plane(
        cls, coords: Sequence[xr.DataArray], dims: tuple[Hashable, ...], options: Options
    ) -> Surface:
        """A grid on a plane, with the directions of its two coordinates."""
        x, y = (coord.variable.transpose(*dims).data.astype(np.float64) for coord in coords)
        axes, flat = tuple(coord.name for coord in coords), stacked([x, y])
        one, other = _along_indices(flat, dims, options)
        tangents = stacked([*one, *other])
        return cls(dims, axes, flat, as_they_are, tangents)

    @cached_property
    def per_area(self) -> Any:
        """``1 / J``; see :func:`reported`."""
        (found,) = self.each(_per_area)
        return reported(found, lambda: self.each(_jacobian)[0], self.axes)

    def each(self, function: Callable[..., Sequence[Any]], *also: Any, **options: Any) -> Any:
        """Arrays of the grid that a function makes of the directions of some cells.

        Parameters
        ----------
        function : callable
            Of a module, so that lazy arrays have the same names in all processes.
        *also : arrays of the grid
            More of what it takes.
        **options
            The same for all cells.
        """
        made = partial(Directions, self.dims, self.axes, backward=self.backward)
        return per_cell(
            partial(_evaluated, partial(function, **options), made), self.tangents, *also
        )

    def known(self, options: Options) -> xr.Variable | None:
        """See :func:`known_of`."""
        return known_of(self.places, self.dims, options)

    def variable(self, array: Any) -> xr.Variable:
        """An array of the grid with its dimensions."""
        return xr.Variable(self.dims, array)

    @property
    def weights(self) -> Any:
        """Per axis and dimension the factor of the derivative along the index, one by one."""
        return self.each(_weights, self.per_area)


def _angles_and_places(latitude: Any, longitude: Any, figure: Figure) -> list[Any]:
    """Sine and cosine of latitude and of longitude, and the places in space."""
    angles = [np.sin(latitude), np.cos(latitude), np.sin(longitude), np.cos(longitude)]
    return [*angles, *figure.point(figure.normal_of(*angles))]


def as_they_are(vectors: Any) -> Any:
    """Components of vectors along the axes that they are given in."""
    return vectors


def _eastward_and_northward(angles: Any, *vectors: Any) -> list[Any]:
    """Components of vectors in space."""
    up, across, sine, cosine = angles
    east = [-sine, cosine, np.zeros_like(sine)]
    axes = east, [-up * cosine, -up * sine, across]
    return [dot(axis, vector) for vector in vectors for axis in axes]


def _evaluated(
    function: Callable[..., Sequence[Any]], directions: Callable[..., Directions], tangents: Any,
    *also: Any,
) -> Sequence[Any]:  # fmt: skip
    a, b, c, d = tangents
    return function(directions(((a, b), (c, d))), *also)


def _per_area(at: Directions) -> list[Any]:
    return [at.per_area]


def _jacobian(at: Directions) -> list[Any]:
    return [at.jacobian]


def _weights(at: Directions, per_area: Any) -> list[Any]:
    units = [at.unit_vector(name) for name in at.axes]
    return [dot(unit, vector) * per_area for unit in units for vector in at.gradients]


def stacked(arrays: Sequence[Any]) -> Any:
    """Arrays of the grid as one, in one chunk along its first axis."""
    engine = next(filter(None, map(module_of, arrays)), None)
    if engine is None:
        like = np.broadcast_to(np.zeros(1), (len(arrays), *arrays[0].shape))
        return np.stack(arrays, out=buffers.empty_like(like, np.result_type(*arrays)))
    return engine.stack([engine.asarray(one) for one in arrays]).rechunk({0: -1})


def _along_indices(places: Any, dims: tuple[Hashable, ...], options: Options) -> tuple[Any, Any]:
    """Derivatives of the places along the two indices."""
    one, other = (along_index_of(places, k + 1, options.scheme(dim)) for k, dim in enumerate(dims))
    return one, other


def known_of(
    places: Sequence[Any], dims: tuple[Hashable, ...], options: Options
) -> xr.Variable | None:
    """With `skipna`: 1, and NaN where a place is missing; otherwise None.

    Data times this factor are missing there too.  Of the smallest dtype, so that the product has
    the dtype of the data.

    Parameters
    ----------
    places : vector
        Where the cells are.
    dims : tuple of hashable
        Their dimensions.
    options : Options
        As the caller gave them.

    Examples
    --------
    >>> known_of([np.array([0.0, np.nan])], ("x",), Options(skipna=True)).values
    array([ 1., nan], dtype=float16)
    """
    if not options.skipna:
        return None
    missing: Any = sum(np.isnan(place) for place in places)
    return xr.Variable(dims, np.where(missing, np.nan, 1.0).astype(np.float16))


def along_index_of(values: Any, axis: int, scheme: Scheme) -> Any:
    """Derivative of coordinates along an index, with the stencil of the data.

    Beyond an edge are the ghost positions that go with the ghosts of the data.

    Parameters
    ----------
    values : array
        Of float64.
    axis : int
        That of the index.
    scheme : Scheme
        The stencil.
    """
    if "periodic" in scheme.boundary:
        return differentiate(values, 1.0, axis, scheme, 1.0)
    size, index = values.shape[axis], (slice(None),) * axis
    plain = Scheme(scheme.order, scheme.accuracy, scheme.edge_order, scheme.skipna)
    face = min(size, scheme.half + 1)
    own = ("one-sided", "reflect")  # the places go on at the edge spacing beyond all others
    sides = [side if side in own else "extend" for side in scheme.boundary]
    depths = [0 if side == "one-sided" else scheme.half for side in sides]
    first, last = values[(*index, slice(0, face))], values[(*index, slice(size - face, size))]
    if depths == [0, 0]:
        return differentiate(values, 1.0, axis, plain)
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


def reported(per_volume: Any, determinant: Callable[[], Any], names: Sequence[Hashable]) -> Any:
    """The reciprocal of a Jacobian, and a warning if some of it is NaN.

    Parameters
    ----------
    per_volume : array
        From :func:`xgrad.operators.vectors.reciprocal`.
    determinant : callable
        Returns what it is the reciprocal of.
    names : sequence of hashable
        The coordinates, for the message.

    Raises
    ------
    CoordinateError
        If all of it is NaN.  Lazy places are not read to find out: they warn when they are
        computed.
    """
    if engine := module_of(per_volume):
        return engine.map_blocks(
            _complained,
            per_volume,
            list(names),
            dtype=np.float64,
            meta=per_volume._meta,
            token="xgrad-geometry",
        )
    _complain(np.isnan(per_volume), determinant, names)
    return per_volume


def _complained(per_volume: AnyArray, names: list[Hashable]) -> AnyArray:
    """Warn of a chunk with singular cells: in the same words for each, which Python shows once."""
    if np.isnan(per_volume).any():
        warn(
            f"coordinates {names} are missing, or not independent of each other, in some cells: "
            "derivatives with respect to them are NaN there",
            CoordinateWarning,
        )
    return per_volume


def _complain(
    singular: AnyArray, determinant: Callable[[], Any], names: Sequence[Hashable]
) -> None:
    if not singular.any():
        return
    missing = np.isnan(determinant())
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
