"""Latitude and longitude of a labelled object → spacings in metres, and the terms of a sphere."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr

from xgrad._typing import AnyArray
from xgrad.arrays.combine import differentiate
from xgrad.arrays.term import Positions
from xgrad.errors import CoordinateError
from xgrad.labels import sphere
from xgrad.labels.options import Options
from xgrad.labels.spacing import Spacing
from xgrad.stencils.scheme import Scheme

# CF conventions, sections 4.1 and 4.2, and the names that files without attributes have.
_LATITUDE = {
    "units": {"degrees_north", "degree_north", "degree_N", "degrees_N", "degreeN", "degreesN"},
    "standard_name": {"latitude"},
    "name": {"latitude", "lat", "nav_lat", "lats"},
}
_LONGITUDE = {
    "units": {"degrees_east", "degree_east", "degree_E", "degrees_E", "degreeE", "degreesE"},
    "standard_name": {"longitude"},
    "name": {"longitude", "lon", "nav_lon", "lons", "long"},
}
_RADIANS = {"radian", "radians", "rad"}


@dataclass(frozen=True)
class Sphere:
    """A sphere, and where on it the cells of an object lie.

    Attributes
    ----------
    radius : float
        In metres.
    latitude, longitude : Variable
        In radians; of one or no dimension each, or of the same two dimensions both.
    names : tuple of hashable
        What the two are called.
    """

    radius: float
    latitude: xr.Variable
    longitude: xr.Variable
    names: tuple[Hashable, Hashable]

    @classmethod
    def of(cls, obj: xr.DataArray | xr.Dataset, options: Options) -> Sphere | None:
        """Find latitude and longitude of an object; None where no metric is asked for.

        Raises
        ------
        CoordinateError
            If one of them is missing, is there twice, or lies beyond a pole.
        """
        if options.metric is None:
            return None
        names = tuple(_found(obj, *which) for which in (("latitude", _LATITUDE),
                                                        ("longitude", _LONGITUDE)))  # fmt: skip
        latitude, longitude = (_in_radians(obj.coords[name]) for name in names)
        flat = latitude.ndim < 2 and longitude.ndim < 2
        if not flat and (latitude.ndim != 2 or set(latitude.dims) != set(longitude.dims)):
            raise CoordinateError(
                f"`metric` is 'sphere', but latitude {names[0]!r} has dimensions {latitude.dims} "
                f"and longitude {names[1]!r} has {longitude.dims}; give both the same two, or one "
                "each"
            )
        if not isinstance(latitude.data, da.Array):
            _require_latitudes(names[0], latitude.values)
        return cls(options.length_of_radius, latitude, longitude, (names[0], names[1]))

    @property
    def is_curvilinear(self) -> bool:
        """Whether latitude and longitude have two dimensions."""
        return self.latitude.ndim == 2

    def has(self, dim: Hashable) -> bool:
        """Whether positions along a dimension lie on the sphere."""
        return dim in self.latitude.dims or dim in self.longitude.dims

    def is_eastward(self, dim: Hashable) -> bool:
        """Whether a dimension is that of longitude alone."""
        return not self.is_curvilinear and dim in self.longitude.dims

    def is_northward(self, dim: Hashable) -> bool:
        """Whether a dimension is that of latitude alone."""
        return not self.is_curvilinear and dim in self.latitude.dims

    def spacing(self, along: Spacing, options: Options) -> Spacing:
        """The same spacing in metres; eastward ones at the equator."""
        if not self.has(along.dim):
            return along
        if self.is_curvilinear:
            return self._along_the_grid(along, options)
        if along.positions is not None:
            raise CoordinateError(
                f"`spacing` for {along.dim!r} has positions of several dimensions, and `metric` is "
                "'sphere' with a latitude of its own; leave out one of them"
            )
        unit = self.radius * (1.0 if along.units in _RADIANS else np.pi / 180)
        # In float64: float32 steps would be rounded once more.
        steps = along.steps if isinstance(along.steps, float) else np.float64(along.steps)
        seam = None if along.seam is None else float(along.seam) * unit
        return replace(along, steps=steps * unit, seam=seam, units="m")

    def _along_the_grid(self, along: Spacing, options: Options) -> Spacing:
        if along.period is not None:
            raise CoordinateError(
                f"`boundary` of {along.dim!r} is 'periodic', but along a grid of two-dimensional "
                "latitude and longitude each row has a length of its own; give another `boundary`"
            )
        if {along.dim, along.name} & set(options.spacing or {}):
            raise CoordinateError(
                f"`spacing` is given for {along.dim!r}, whose positions `metric` takes from "
                f"{self.names}; leave it out"
            )
        label = f"distance along {along.dim}"
        found = Spacing(along.dim, along.name, 1.0, "m", label)
        return replace(found, positions=self._path(along.dim))

    def _path(self, dim: Hashable) -> xr.Variable:
        """Metres along a dimension of a curvilinear grid, whole columns at a time."""
        latitude = self.latitude
        longitude = self.longitude.transpose(*latitude.dims)
        axis = latitude.get_axis_num(dim)
        both = [latitude.data, longitude.data]
        if any(isinstance(one, da.Array) for one in both):
            lazy = [da.asarray(one) for one in both]
            # The sum along a column must not depend on how it is cut.
            chunks = tuple(
                (n,) if k == axis else own
                for k, (n, own) in enumerate(zip(latitude.shape, lazy[0].chunks, strict=True))
            )
            phi, lam = (one.rechunk(chunks) for one in lazy)
            meta = np.empty((0, 0))
            data = da.map_blocks(sphere.path, phi, lam, axis=axis, dtype=float, meta=meta)
        else:
            data = sphere.path(latitude.values, longitude.values, axis)
        return xr.Variable(latitude.dims, data * self.radius)

    def eastward(self, at_the_pole: Any = np.nan) -> xr.Variable:
        """``1 / cos(φ)``."""
        return self._of_latitude(lambda phi: sphere.per_cosine(phi, at_the_pole))

    def _of_latitude(self, function: Any) -> xr.Variable:
        return xr.Variable(self.latitude.dims, function(self.latitude.values))

    def northward_of_vectors(self) -> xr.Variable | None:
        """What a northward derivative of a vector has for a factor: 2 at a pole, else 1.

        The limit of ``1/(R cos φ) d(u)/dλ + 1/R dv/dφ - v tan(φ)/R`` where the shear is the same
        at all longitudes, as in solid-body rotation.
        """
        poles = sphere.at_pole(self.latitude.values)
        return xr.Variable(self.latitude.dims, 1.0 + poles) if poles.any() else None

    def slope(self, sign: float) -> xr.Variable:
        """``sign * tan(φ) / R``."""
        return self._of_latitude(lambda phi: sign * sphere.tangent(phi) / self.radius)

    def cosines(self) -> tuple[AnyArray, xr.Variable]:
        """``cos(φ)`` inside the derivative of the flux form, and what stands before it."""
        return sphere.cosine(self.latitude.values), self._of_latitude(sphere.per_mean_cosine)

    def growth(self, dim: Hashable, across: Hashable) -> xr.Variable:
        """``d ln(h) / ds`` along `dim`, with h the width of the cells along `across`.

        For orthogonal curvilinear coordinates: Batchelor, *An Introduction to Fluid Dynamics*
        (1967), appendix 2.
        """
        own, other = self._path(dim), self._path(across)
        axis, beside = own.get_axis_num(dim), own.get_axis_num(across)
        scheme = Scheme(edge_order=2)
        width = abs(differentiate(other.data, 1.0, beside, scheme))
        columns = Positions(own.data)
        return xr.Variable(own.dims, differentiate(np.log(width), columns, axis, scheme))


def with_the_globe(
    obj: xr.DataArray | xr.Dataset, names: list[Hashable], options: Options
) -> Options:
    """Longitude that spans the globe is periodic by itself, unless its boundary is given.

    Parameters
    ----------
    obj : DataArray or Dataset
        What has the coordinates.
    names : list of hashable
        The dimensions or coordinates that are differentiated along.
    options : Options
        As they were given.
    """
    place = Sphere.of(obj, options)
    if place is None or place.longitude.ndim != 1:
        return options
    (dim,) = place.longitude.dims
    values = place.longitude.values
    name = next((n for n in names if n == dim or _dims_of(obj, n) == (dim,)), None)
    if name is None or len(values) < 3 or not _spans_the_globe(values):
        return options
    given = options.boundary
    if isinstance(given, Mapping):
        if {name, dim, place.names[1]} & set(given):
            return options
    elif given != "one-sided":
        return options
    whole = 2 * np.pi if obj.coords[place.names[1]].attrs.get("units") in _RADIANS else 360.0
    boundary = {**(given if isinstance(given, Mapping) else {}), name: "periodic"}
    period = {name: whole, **(options.period or {})}
    return replace(options, boundary=boundary, period=period)


def _dims_of(obj: xr.DataArray | xr.Dataset, name: Hashable) -> tuple[Hashable, ...]:
    return tuple(obj.coords[name].dims) if name in obj.coords else ()


def _spans_the_globe(longitude: AnyArray) -> bool:
    """Whether the gap between the two ends is a step like the others, or there is none."""
    steps = (np.diff(longitude) + np.pi) % (2 * np.pi) - np.pi
    total = abs(steps.sum())
    largest = float(np.abs(steps).max())
    return bool(2 * np.pi - total < 1.5 * largest)


def _found(obj: xr.DataArray | xr.Dataset, what: str, known: Mapping[str, set[str]]) -> Hashable:
    for key in ("units", "standard_name"):
        found = [name for name, c in obj.coords.items() if c.attrs.get(key) in known[key]]
        if len(found) > 1:
            # Bounds and cell corners have the units too; those of the data have their dimensions.
            named = [name for name in found if str(name).lower() in known["name"]]
            found = named or [name for name in found if name in obj.dims] or found
        if len(found) > 1:
            raise CoordinateError(
                f"`metric` is 'sphere', but {found} are all a {what}; drop those that the data do "
                "not lie on"
            )
        if found:
            return found[0]
    found = [name for name in obj.coords if str(name).lower() in known["name"]]
    if len(found) != 1:
        raise CoordinateError(
            f"`metric` is 'sphere', but there is no coordinate of {what} among "
            f"{list(obj.coords)}; name it {what!r}, or give it the units "
            f"{'degrees_north' if what == 'latitude' else 'degrees_east'!r} or the standard_name "
            f"{what!r}"
        )
    return found[0]


def _in_radians(coord: xr.DataArray) -> xr.Variable:
    if coord.dtype.kind not in "iuf":
        raise CoordinateError(
            f"`metric` is 'sphere', but {coord.name!r} has dtype {coord.dtype}; give degrees"
        )
    data = coord.variable.data if isinstance(coord.variable.data, da.Array) else coord.values
    in_radians = coord.attrs.get("units") in _RADIANS
    values = data.astype(np.float64)
    return xr.Variable(coord.dims, values if in_radians else values * (np.pi / 180))


def _require_latitudes(name: Hashable, latitude: AnyArray) -> None:
    beyond = np.abs(latitude) > np.pi / 2 * (1 + 1e-9)
    if beyond.any():
        index = tuple(int(k) for k in np.argwhere(beyond)[0])
        value = float(np.degrees(latitude[index]))
        where = index[0] if len(index) == 1 else index
        raise CoordinateError(
            f"latitude {name!r} is {value:g} degrees at index {where}, beyond a pole; give "
            "latitudes from -90 to 90"
        )
