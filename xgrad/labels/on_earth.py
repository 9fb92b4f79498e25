"""Where cells are on the Earth: spacings in metres, and the factors of its figure."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from xgrad._heap import ask
from xgrad._typing import AnyArray
from xgrad.errors import CoordinateError
from xgrad.labels import cf, latitude_factors, positions
from xgrad.labels.ellipsoid import Figure
from xgrad.labels.options import Options
from xgrad.labels.spacing import Spacing


class Place(NamedTuple):
    """The places of the cells of an object on the Earth.

    Attributes
    ----------
    figure : Figure
        A sphere or an ellipsoid.
    latitude, longitude : Variable
        In radians; each with one dimension or none, or both with the same two dimensions.
    names : tuple of hashable
        The names of the two coordinates.
    backward : tuple of hashable
        Dimensions whose own coordinate decreases along the index.  Directions along a dimension of
        two-dimensional places are those of growing indices, but for these.
    """

    figure: Figure
    latitude: xr.Variable
    longitude: xr.Variable
    names: tuple[Hashable, Hashable]
    backward: tuple[Hashable, ...] = ()

    @classmethod
    def of(
        cls, obj: xr.DataArray | xr.Dataset, metric: str, figure: Figure,
        backward: tuple[Hashable, ...] = (),
    ) -> Place:  # fmt: skip
        """Find latitude and longitude of an object.

        Parameters
        ----------
        obj : DataArray or Dataset
            Has the coordinates.
        metric : str
            What was asked for, for messages.
        figure : Figure
            That of `metric`.
        backward : tuple of hashable, optional
            See the class.

        Raises
        ------
        CoordinateError
            If one of them is missing, is ambiguous, is not an angle, or is beyond a pole.
        """
        names = _both(obj, metric, figure)
        latitude, longitude = (_in_radians(obj.coords[name], metric) for name in names)
        _require_two_dimensions(latitude, longitude, names, metric)
        if latitude.chunks is None:
            latitude = _within_the_poles(names[0], latitude)
        return cls(figure, latitude, longitude, names, backward)

    @property
    def is_track(self) -> bool:
        """Whether latitude and longitude are along one and the same dimension."""
        return self.latitude.ndim == 1 and self.latitude.dims == self.longitude.dims

    @property
    def is_curvilinear(self) -> bool:
        """Whether latitude and longitude have two dimensions."""
        return self.latitude.ndim == 2

    def has(self, dim: Hashable) -> bool:
        """Whether latitude or longitude has this dimension."""
        return dim in self.latitude.dims or dim in self.longitude.dims

    def is_eastward(self, dim: Hashable) -> bool:
        """Whether a dimension is that of longitude alone."""
        return self._is_rectilinear and dim in self.longitude.dims

    def is_northward(self, dim: Hashable) -> bool:
        """Whether a dimension is that of latitude alone."""
        return self._is_rectilinear and dim in self.latitude.dims

    @property
    def _is_rectilinear(self) -> bool:
        return not self.is_curvilinear and not self.is_track

    def coordinate_along(self, dim: Hashable) -> Hashable | None:
        """The coordinate of the sphere along a dimension of its own; None if there is none."""
        if self.is_eastward(dim):
            return self.names[1]
        return self.names[0] if self.is_northward(dim) else None

    def across(self, dim: Hashable) -> Hashable:
        """The other dimension of a curvilinear grid."""
        (other,) = (one for one in self.latitude.dims if one != dim)
        return other

    def spacing(self, along: Spacing) -> Spacing:
        """The same spacing in metres; an eastward one at the equator.

        Parameters
        ----------
        along : Spacing
            Along a dimension of 1-D latitudes or longitudes, in degrees or radians.

        Raises
        ------
        CoordinateError
            If the spacing is that of a multi-dimensional coordinate, or not an angle.
        """
        if along.positions is not None:
            raise CoordinateError(
                f"`spacing` for {along.dim!r} is a multi-dimensional coordinate, but `metric` "
                "takes the positions from a 1-D latitude or longitude; leave one of them out"
            )
        if self.is_track:
            return self._along_the_track(along)
        if along.name not in self.names and along.units is not None:
            self._require_an_angle(along)
        unit = 1.0 if cf.is_radians(along.units) else np.pi / 180
        # In float64: float32 steps would be rounded once more.
        steps = along.steps if isinstance(along.steps, float) else np.float64(along.steps)
        lengths = self._meridian if self.is_northward(along.dim) else self._equator
        seam = None if along.seam is None else float(np.mean(lengths(float(along.seam) * unit)))
        found = lengths(steps * unit)
        longest = float(np.max(found / steps, initial=0.0))  # degrees of an ellipsoid differ
        return along._replace(steps=found, seam=seam, units="m", unit=longest)

    def _equator(self, steps: Any) -> Any:
        return steps * self.figure.semi_major

    def _meridian(self, steps: Any) -> Any:
        phi = self.latitude.values
        return self.figure.meridian((phi[1:] + phi[:-1]) / 2, steps)

    def _along_the_track(self, along: Spacing) -> Spacing:
        """The shortest way from place to place."""
        if along.period is not None:
            raise CoordinateError(
                f"`boundary` of {along.dim!r} is 'periodic', but a track of latitudes and "
                "longitudes does not close; give another `boundary`"
            )
        phi, lam = self.latitude.values, self.longitude.values
        steps = self.figure.arc(phi[:-1], lam[:-1], phi[1:], lam[1:])
        steps = positions.checked_steps(steps, phi, f"the track of {self.names}")
        return Spacing(along.dim, along.name, steps, "m", f"distance along {along.dim}")

    def _require_an_angle(self, along: Spacing) -> None:
        """Refuse an index, or metres, along a dimension that also has a latitude or longitude."""
        if not cf.is_an_angle(along.units):
            name = self.names[1 if self.is_eastward(along.dim) else 0]
            raise CoordinateError(
                f"`metric` needs angles, but the positions along {along.dim!r} are "
                f"{along.label!r} with units {along.units!r}; give "
                f"`spacing={{{along.dim!r}: {name!r}}}`, or name {name!r} instead of {along.dim!r}"
            )

    def factor(self, dim: Hashable) -> xr.Variable | None:
        """What a derivative along a dimension is multiplied by: that of `eastward`, else None.

        NaN at a pole.
        """
        return self.eastward() if self.is_eastward(dim) else None

    def eastward(self, at_the_pole: Any = np.nan) -> xr.Variable:
        """``a / (N cos φ)``, with another value at a pole; the equator has the radius a."""
        widening = self.figure.widening
        return self._of_latitude(
            lambda phi: latitude_factors.per_cosine(phi, at_the_pole) / widening(phi)
        )

    def northward_of_vectors(self) -> xr.Variable | None:
        """The factor of the northward derivative of a vector: 2 at a pole, otherwise 1.

        It is the limit of ``1/(N cos φ) d(u)/dλ + dv/ds - v tan(φ)/N`` if the shear is the same
        at all longitudes, as in solid-body rotation.  None if there is no pole.
        """
        poles = latitude_factors.at_pole(self.latitude.values)
        return xr.Variable(self.latitude.dims, 1.0 + poles) if poles.any() else None

    def slope(self, sign: float) -> xr.Variable:
        """``sign * tan(φ) / N``."""
        a, widening = self.figure.semi_major, self.figure.widening
        return self._of_latitude(
            lambda phi: sign * latitude_factors.tangent(phi) / (a * widening(phi))
        )

    def widths(self) -> tuple[AnyArray, xr.Variable]:
        """``N cos(φ) / a`` inside the derivative of the flux form, and the factor before it."""
        phi = self.latitude.values
        widths = latitude_factors.cosine(phi) * self.figure.widening(phi)
        return widths, self._of_latitude(lambda phi: latitude_factors.per_mean(phi, widths))

    def _of_latitude(self, function: Callable[[AnyArray], AnyArray]) -> xr.Variable:
        return xr.Variable(self.latitude.dims, function(self.latitude.values))


def with_the_globe(
    obj: xr.DataArray | xr.Dataset, place: Place, names: list[Hashable], options: Options
) -> Options:
    """Make a longitude that spans the globe periodic, unless its boundary is given.

    Parameters
    ----------
    obj : DataArray or Dataset
        Has the coordinates.
    place : Place
        Its places.
    names : list of hashable
        The dimensions or coordinates to differentiate along.
    options : Options
        As they were given.
    """
    if place.longitude.ndim != 1 or place.is_track:
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
    in_radians = cf.is_radians(obj.coords[place.names[1]].attrs.get("units"))
    boundary = {**(given if isinstance(given, Mapping) else {}), name: "periodic"}
    period = {name: 2 * np.pi if in_radians else 360.0, **(options.period or {})}
    return replace(options, boundary=boundary, period=period)


def _dims_of(obj: xr.DataArray | xr.Dataset, name: Hashable) -> tuple[Hashable, ...]:
    return tuple(obj.coords[name].dims) if name in obj.coords else ()


def _spans_the_globe(longitude: AnyArray) -> bool:
    """Whether the gap between the two ends is a step like the others, or there is no gap."""
    steps = (np.diff(longitude) + np.pi) % (2 * np.pi) - np.pi
    total = abs(steps.sum())
    largest = float(np.abs(steps).max())
    return bool(2 * np.pi - total < 1.5 * largest)


def _both(obj: xr.DataArray | xr.Dataset, metric: str, figure: Figure) -> tuple[Hashable, Hashable]:
    """The names of latitude and longitude; those of a rotated pole if there are no others."""
    true = [cf.meant(obj, kind, obj.coords) for kind in ("latitude", "longitude")]
    rotated = [] if any(true) else [
        cf.meant(obj, f"grid_{kind}", obj.coords) for kind in ("latitude", "longitude")
    ]  # fmt: skip
    if rotated and all(rotated):
        if figure.flattening:
            raise CoordinateError(
                f"`metric` is {metric!r}, but {rotated[0][0]!r} and {rotated[1][0]!r} refer to a "
                "rotated pole, which only a sphere allows; give `metric='sphere'`, or the CRS"
            )
        true = rotated
    latitude, longitude = (
        _only(obj, found, kind, metric)
        for found, kind in zip(true, ("latitude", "longitude"), strict=True)
    )
    return latitude, longitude


def _only(
    obj: xr.DataArray | xr.Dataset, found: list[Hashable], kind: str, metric: str
) -> Hashable:
    if len(found) > 1:
        raise CoordinateError(
            f"`metric` is {metric!r}, but {found} are all a {kind}; drop those that are not "
            "coordinates of the data"
        )
    if not found:
        raise CoordinateError(
            f"`metric` is {metric!r}, but there is no coordinate of {kind} among "
            f"{list(obj.coords)}; name it {kind!r}, or give it the units "
            f"{'degrees_north' if kind == 'latitude' else 'degrees_east'!r} or the standard_name "
            f"{kind!r}"
        )
    return found[0]


def _require_two_dimensions(
    latitude: xr.Variable, longitude: xr.Variable, names: tuple[Hashable, Hashable], metric: str
) -> None:
    if latitude.ndim < 2 and longitude.ndim < 2:
        return
    if latitude.ndim == 2 and set(latitude.dims) == set(longitude.dims):
        return
    remedy = "give both the same two, or one each"
    if latitude.ndim == 3 and latitude.dims == longitude.dims:  # the model WRF writes these
        first = {latitude.dims[0]: 0}
        places = ", ".join(f"{name!r}: ds[{name!r}].isel({first}, drop=True)" for name in names)
        remedy = (
            f"if they are constant along {latitude.dims[0]!r}, use `ds.assign_coords({{{places}}})`"
        )
    raise CoordinateError(
        f"`metric` is {metric!r}, but latitude {names[0]!r} has dimensions {latitude.dims} "
        f"and longitude {names[1]!r} has {longitude.dims}; {remedy}"
    )


def _in_radians(coord: xr.DataArray, metric: str) -> xr.Variable:
    if coord.dtype.kind not in "iuf":
        raise CoordinateError(
            f"`metric` is {metric!r}, but {coord.name!r} has dtype {coord.dtype}; give degrees"
        )
    units = coord.attrs.get("units")
    if units and not cf.is_an_angle(units):
        raise CoordinateError(
            f"`metric` is {metric!r}, but {coord.name!r} has units {units!r}, which are not an "
            "angle; correct its attribute `units` if these are degrees, or leave `metric` out"
        )
    if coord.chunks is None:
        # As stored, in float64 if that is another dtype, and in radians.
        ask((coord.dtype.itemsize + 8 * (coord.dtype != np.float64) + 8) * coord.size)
    data = coord.values if coord.chunks is None else coord.data
    values = data.astype(np.float64, copy=False)
    in_radians = cf.is_radians(units)
    return xr.Variable(coord.dims, values if in_radians else values * (np.pi / 180))


def _within_the_poles(name: Hashable, latitude: xr.Variable) -> xr.Variable:
    """The same with a pole that was rounded up, such as 90.0000076 in float32, at the pole."""
    values = latitude.values
    ask(9 * values.size)
    beyond = np.abs(values) > np.pi / 2 * (1 + 1e-7)
    if beyond.any():
        index = tuple(int(k) for k in np.argwhere(beyond)[0])
        value = float(np.degrees(values[index]))
        where = index[0] if len(index) == 1 else index
        raise CoordinateError(
            f"latitude {name!r} is {value:g} degrees at index {where}, beyond a pole; give "
            "latitudes from -90 to 90"
        )
    return xr.Variable(latitude.dims, np.clip(values, -np.pi / 2, np.pi / 2))
