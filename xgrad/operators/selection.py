"""Find and check which variables to differentiate, along which coordinates and how."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr

from xgrad._typing import Dim
from xgrad.arrays import engines
from xgrad.errors import CoordinateError, CoordinateWarning, warn
from xgrad.labels import cf, fits, lookup, mesh, quantities
from xgrad.labels.attributes import named
from xgrad.labels.on_earth import Place, with_the_globe
from xgrad.labels.options import Options
from xgrad.labels.spacing import Spacing
from xgrad.operators import components, constant
from xgrad.operators.along import (
    by_label,
    dims_of,
    independent,
    refuse_fits_of_columns,
    spacings_of,
)
from xgrad.operators.direction import Direction
from xgrad.operators.variables import variables_of, warn_of_unusable

# Options that may be given for each dimension, apart from `spacing`.
_PER_DIM = ("boundary", "period", *fits.PER_DIM)

# Modules for multi-dimensional coordinates and for places on the Earth are imported where they are
# used: most gradients need neither.


@dataclass(frozen=True, eq=False, repr=False)
class Selection:
    """The variables to differentiate, the positions along them and the options.

    Attributes
    ----------
    variables : dict
        Variables by name.
    spacings : list of Spacing
        In the order of `dim`.
    options : Options
        Completed with what follows from the coordinates.
    place : Place or None
        Where the cells are on the sphere, if `metric` is given.
    partials : list of Direction
        Multi-dimensional coordinates that are the independent variables.
    names : list of hashable
        All names of `dim`, resolved: those of the coordinates that positions are from.
    single : list of hashable
        Dimensions of one cell, which are left out because no dimension is named.
    """

    variables: dict[Hashable, xr.Variable]
    spacings: list[Spacing]
    options: Options
    place: Place | None
    partials: list[Direction]
    names: list[Hashable]
    single: list[Hashable]

    @cached_property
    def directions(self) -> list[Direction]:
        """What first derivatives are taken along: the dimensions, then the partial derivatives."""
        return [*map(self._direction, self.spacings), *self.partials]

    def _direction(self, along: Spacing) -> Direction:
        factor = None
        if self.place is not None:
            from xgrad.operators import curvilinear_grid  # noqa: PLC0415

            along = curvilinear_grid.with_path(self.place, along)
            factor = self.factor(along)
        return Direction(along.name, along.label, along.units, (along,), factor)

    @property
    def at_right_angles(self) -> list[Direction]:
        """The same, but eastward and northward for the two dimensions of a curvilinear grid."""
        place, dims = self.place, [along.dim for along in self.spacings]
        if place is None or not place.is_curvilinear or not set(place.latitude.dims) <= set(dims):
            return self.directions
        from xgrad.operators import partial_derivatives  # noqa: PLC0415

        others = [self._direction(along) for along in self.spacings if not place.has(along.dim)]
        others += [one for one in self.partials if not place.has(one.dims[0])]
        return [*others, *partial_derivatives.eastward_and_northward(place, self.options)]

    def with_right_angles(self) -> Selection:
        """The same, of a curvilinear grid whose axes must meet at right angles for a direction."""
        place = self.place
        if place is None or not place.is_curvilinear:
            return self
        from xgrad.operators import curvilinear_grid  # noqa: PLC0415

        return replace(self, place=curvilinear_grid.at_right_angles(place, self.options))

    def refuse_a_track(self, what: str) -> None:
        """Refuse what needs two horizontal directions if the places are along one dimension."""
        if self.place is not None and self.place.is_track:
            (dim,) = self.place.latitude.dims
            raise CoordinateError(
                f"{self.place.names} are both along {dim!r}, so that only the derivative along it "
                f"exists, not the {what}; `gradient({dim!r}, metric='sphere')` is that along a "
                "track, and uxarray has gradients on meshes"
            )

    def refuse_grid_lines(self, along: Iterable[Direction], what: str) -> None:
        """Refuse what the dimensions of a curvilinear grid do not have, or one of them alone.

        Parameters
        ----------
        along : iterable of Direction
            What is differentiated along.
        what : str
            What is asked for, for the message.
        """
        place = self.place
        for one in along:
            if place is None or not place.is_curvilinear or one.frame is not None:
                continue
            if place.has(one.dims[0]):
                raise CoordinateError(
                    f"`dim` names {one.name!r}, a dimension of the grid of {place.names}, along "
                    f"which there is no {what}; name {place.names[1]!r} and {place.names[0]!r}"
                )

    def warn_of_degrees(self, obj: xr.DataArray | xr.Dataset, what: str) -> None:
        """Warn if derivatives per degree of latitude and of longitude are added.

        Parameters
        ----------
        obj : DataArray or Dataset
            Has the coordinates.
        what : str
            What is asked for, for the message.
        """
        if self.place is not None:
            return
        degrees = [
            one.name
            for one in self.directions
            if cf.is_an_angle(one.units) and not cf.is_radians(one.units)
        ]
        found = [cf.meant(obj, kind, degrees) for kind in ("latitude", "longitude")]
        if all(found):
            warn(
                f"the {what} takes the degrees of {found[0][0]!r} and {found[1][0]!r} for "
                "distances on a plane; give `metric='sphere'` for the derivatives per metre on "
                "the Earth",
                CoordinateWarning,
            )

    def warn_of_single_cells(self) -> None:
        """Warn of dimensions of one cell, along which there is no derivative."""
        if self.single:
            warn(
                f"dimensions {self.single} of size 1 are left out, as `dim` names none; name the "
                "others in `dim` to silence this",
                CoordinateWarning,
            )

    def warn_of_falling(self, obj: xr.DataArray | xr.Dataset) -> None:
        """Warn if a coordinate decreases along a dimension of a curvilinear grid.

        Parameters
        ----------
        obj : DataArray or Dataset
            Has the coordinates.
        """
        place = self.place
        if place is None or not place.is_curvilinear:
            return
        for dim in (along.dim for along in self.spacings if place.has(along.dim)):
            if components.falls(obj, dim, self.options.metric):
                warn(
                    f"derivatives along {dim!r} are along growing indices, as on any curvilinear "
                    f"grid, but coordinate {dim!r} decreases along them: for those along growing "
                    f"{dim!r} reverse the data with `.isel({dim}=slice(None, None, -1))`, or give "
                    f"the CRS as `metric`; drop the coordinate to silence this",
                    CoordinateWarning,
                )

    def factor(self, along: Spacing) -> xr.Variable | None:
        """Factor of a derivative: on a sphere, ``1 / cos(φ)`` for the eastward one."""
        place = self.place
        if place is not None and place.is_curvilinear and place.has(along.dim):
            from xgrad.operators import curvilinear_grid  # noqa: PLC0415

            return curvilinear_grid.beside_gaps(place, along, self.options)
        return None if place is None else place.factor(along.dim)


def concerns(obj: xr.Dataset, dim: Dim, metric: Any = None) -> bool:
    """Whether a numeric variable can be differentiated along each of `dim`.

    Parameters
    ----------
    obj : Dataset
        Only its numeric variables are considered.
    dim : hashable, iterable of hashable or None
        As for :func:`gradient`.
    metric : object, optional
        A CRS gives the object a longitude and a latitude.

    Examples
    --------
    >>> ds = xr.Dataset({"t": ("x", [0.0, 1.0]), "name": ("y", ["a", "b"])})
    >>> concerns(ds, "x"), concerns(ds, "y"), concerns(ds, None)
    (True, False, True)
    """
    used = {d for variable in variables_of(obj).values() for d in variable.dims}
    if dim is None:
        return bool(used)
    asked = _listed(dim)
    if metric is not None:
        from xgrad.labels import crs  # noqa: PLC0415

        asked = [own for name in asked for own in crs.behind(obj, name, metric)]
    found = [lookup.find(obj, name) for name in asked]
    return all(name is not None and set(dims_of(obj, name)) <= used for name in found)


def select(obj: Any, dim: Dim, options: Options, *, partial: bool = False) -> Selection:
    """Find the variables and their positions, and check the options.

    Parameters
    ----------
    obj, dim
        As for :func:`gradient`.
    options : Options
        As the caller gave them.
    partial : bool, default: False
        Whether `dim` may name multi-dimensional coordinates.

    Raises
    ------
    TypeError, ValueError, CoordinateError
        As :func:`gradient`.
    """
    if not isinstance(obj, xr.DataArray | xr.Dataset):
        raise TypeError(
            f"`obj` is a {type(obj).__module__}.{type(obj).__qualname__}; give an xarray DataArray "
            "or Dataset"
        )
    variables = variables_of(obj)
    place = None
    if options.metric is not None:
        from xgrad.labels import crs  # noqa: PLC0415

        _refuse_planned_places(obj)
        obj, place = crs.placed(obj, options)
    options = _under_real_names(obj, options)
    asked, single = _names(obj, dim, variables, options)
    _refuse_other_arrays(obj, asked, variables, options)
    if place is not None:
        options = with_the_globe(obj, place, asked, options)
    several = independent(obj, asked) if partial else []
    spacings = spacings_of(obj, asked, several, options, place)
    jointly = _partials(obj, several, place, options)
    if place is not None:
        from xgrad.operators import curvilinear_grid  # noqa: PLC0415

        spacings = [curvilinear_grid.in_metres(place, along, options) for along in spacings]
        options = _under_dimensions(options, spacings)
    refuse_fits_of_columns(spacings, place, options)
    used = _positions(obj, options)
    variables = {name: variable for name, variable in variables.items() if name not in used}
    dims = [along.dim for along in spacings] + [own for one in jointly for own in one.dims]
    warn_of_unusable(obj, dims)
    for one in dims:
        if not any(one in variable.dims for variable in variables.values()):
            raise ValueError(f"nothing to differentiate along {one!r}: {lookup.dtypes_of(obj)}")
    mesh.refuse(obj, variables, dims)
    options = constant.resolved(obj, variables, spacings, jointly, options)
    _require_a_time(variables, spacings, options)
    own = iter(spacings)
    called = [name if name in several else next(own).name for name in asked]
    return Selection(variables, spacings, options, place, jointly, called, single)


def _positions(obj: Any, options: Options) -> list[Any]:
    """The variables of a Dataset that are positions, heights or noise: not differentiated."""
    if isinstance(obj, xr.DataArray):
        return []
    return lookup.of_positions(obj, options.spacing, options.constant, {"sigma": options.sigma})


def _partials(
    obj: xr.DataArray | xr.Dataset,
    several: list[Hashable],
    place: Place | None,
    options: Options,
) -> list[Direction]:
    if not several:
        return []
    for name in several:
        for dim in obj.coords[name].dims:
            fits.refuse_columns(options, (dim, name), name)
    from xgrad.operators import partial_derivatives  # noqa: PLC0415

    return partial_derivatives.directions(obj, several, place, options)


def _require_a_time(
    variables: Mapping[Hashable, xr.Variable], spacings: list[Spacing], options: Options
) -> None:
    if options.datetime_unit is None or any(along.is_time for along in spacings):
        return
    dims = {along.dim for along in spacings}
    if any(v.dtype.kind in "mM" and dims & set(v.dims) for v in variables.values()):
        return
    raise ValueError(
        f"`datetime_unit` is {options.datetime_unit!r}, but neither the data nor a coordinate "
        f"among {[along.name for along in spacings]} is a time; leave it out"
    )


def _refuse_other_arrays(
    obj: xr.DataArray | xr.Dataset,
    asked: list[Hashable],
    variables: Mapping[Hashable, xr.Variable],
    options: Options,
) -> None:
    """Refuse data and positions in arrays that xgrad does not know, before anything is read."""
    coords, given = obj.coords.variables, options.spacing
    coords = {name: coords[name] for name in asked if name in coords}
    every = [one._data for one in (*variables.values(), *coords.values())]
    if not isinstance(given, Mapping) and not any(map(_is_of_a_kind, every)):
        return
    dims = {dim for name in asked for dim in dims_of(obj, name)}
    data = {
        f"variable {named(name)}": one for name, one in variables.items() if dims & set(one.dims)
    }
    used = {f"coordinate {name!r}": one for name, one in coords.items()}
    given = given if isinstance(given, Mapping) else {}
    known = {*obj.coords, *getattr(obj, "data_vars", ())}
    for key, value in given.items():
        own = obj[value] if isinstance(value, str) and value in known else value
        if isinstance(own, xr.DataArray):
            used[f"`spacing` for {key!r}"] = own.variable
    for what, variable in (*data.items(), *used.items()):
        if _is_of_a_kind(variable._data):  # `data` would read what xarray has not read yet
            engines.refuse_other_kinds(what, variable._data)
    for what, variable in used.items():
        engines.refuse_as_positions(what, variable._data)


def _is_of_a_kind(array: Any) -> bool:
    """Whether an array may be of a kind that xgrad does not know; not if xarray reads it later."""
    known = type(array) is np.ndarray
    return not known and (
        hasattr(array, "__array_function__") or hasattr(array, "__array_namespace__")
    )


def _refuse_planned_places(obj: xr.DataArray | xr.Dataset) -> None:
    for kind in ("latitude", "longitude"):
        for name in cf.meant(obj, kind, obj.coords):
            engines.refuse_as_positions(f"coordinate {name!r}", obj.coords[name].variable._data)


def _names(
    obj: xr.DataArray | xr.Dataset, dim: Dim, variables: Mapping[Hashable, xr.Variable],
    options: Options,
) -> tuple[list[Hashable], list[Hashable]]:  # fmt: skip
    """The dimensions and coordinates of `dim`, resolved and without duplicates.

    If it is None, these are all dimensions but those of one cell, which come second, unless an
    option names them or there are no others.
    """
    if dim is None:
        return _every_name(obj, variables, options)
    found = [lookup.resolved(obj, name) for name in _listed(dim)]
    if not found:
        raise CoordinateError(f"`dim` is empty; {lookup.choices(obj)}")
    for i, name in enumerate(found):
        if name in found[:i]:
            raise CoordinateError(f"`dim` names {name!r} twice: {_listed(dim)}")
    return found, []


def _every_name(
    obj: xr.DataArray | xr.Dataset, variables: Mapping[Hashable, xr.Variable], options: Options
) -> tuple[list[Hashable], list[Hashable]]:
    used = [d for d in obj.dims if any(d in variable.dims for variable in variables.values())]
    used = [d for d in used if d not in (options.constant or {})]
    if not used:
        raise ValueError(f"nothing to differentiate: {lookup.dtypes_of(obj)}")
    given = [getattr(options, one) for one in (*_PER_DIM, "spacing")]
    named = {key for one in given if isinstance(one, Mapping) for key in one}
    single = [d for d in used if obj.sizes[d] == 1 and d not in named]
    if len(single) == len(used):
        return used, []
    return [d for d in used if d not in single], single


def _listed(dim: Dim) -> list[Hashable]:
    return list(dim) if isinstance(dim, Iterable) and not isinstance(dim, str) else [dim]


def _under_real_names(obj: xr.DataArray | xr.Dataset, options: Options) -> Options:
    """Options with CF names resolved to real ones, and quantities of `spacing` as numbers."""
    given = {one: getattr(options, one) for one in _PER_DIM}
    every = (options.spacing, options.constant, *given.values())
    if not any(isinstance(one, Mapping) for one in every):
        return options
    given = {name: lookup.resolved_keys(obj, one, name) for name, one in given.items()}
    spacing: Any = quantities.positions(lookup.resolved_spacing(obj, options.spacing))
    if isinstance(spacing, Mapping):
        spacing = {key: by_label(obj, key, value, "spacing") for key, value in spacing.items()}
    held: Any = quantities.positions(lookup.resolved_keys(obj, options.constant, "constant"))
    if held is not None:
        held = {key: by_label(obj, key, value, "constant") for key, value in held.items()}
    return replace(options, spacing=spacing, constant=held, **given)


def _under_dimensions(options: Options, spacings: list[Spacing]) -> Options:
    """Options whose boundaries have dimensions for keys, by which both directions of a grid go."""
    if not isinstance(options.boundary, Mapping):
        return options
    dims = {along.name: along.dim for along in spacings}
    boundary = {dims.get(key, key): value for key, value in options.boundary.items()}
    return replace(options, boundary=boundary)
