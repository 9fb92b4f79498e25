"""Find and check which variables to differentiate, along which coordinates and how."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from xgrad._typing import Dim
from xgrad.errors import CoordinateError, CoordinateWarning, warn
from xgrad.labels import cf, names, quantities
from xgrad.labels import spacing as coordinates
from xgrad.labels.options import Options
from xgrad.labels.place import Sphere, with_the_globe
from xgrad.labels.spacing import Spacing
from xgrad.labels.times import is_time
from xgrad.operators.direction import Direction

# Modules for multi-dimensional coordinates and for places on the Earth are imported where they are
# used: most gradients need neither.


class Selection(NamedTuple):
    """The variables to differentiate, the positions along them and the options.

    Attributes
    ----------
    variables : dict
        Variables by name.
    spacings : list of Spacing
        In the order of `dim`.
    options : Options
        Completed with what follows from the coordinates.
    place : Sphere or None
        Where the cells are on the sphere, if `metric` is given.
    partials : list of Direction
        Multi-dimensional coordinates that are the independent variables.
    names : list of hashable
        All names of `dim`, resolved: those of the coordinates that positions are from.
    """

    variables: dict[Hashable, xr.Variable]
    spacings: list[Spacing]
    options: Options
    place: Sphere | None
    partials: list[Direction]
    names: list[Hashable]

    @property
    def directions(self) -> list[Direction]:
        """What first derivatives are taken along: the dimensions, then the partial derivatives."""
        plain = [
            Direction(along.name, along.label, along.units, ((along, self.factor(along)),))
            for along in self.spacings
        ]
        return [*plain, *self.partials]

    @property
    def at_right_angles(self) -> list[Direction]:
        """The same, but eastward and northward for the two dimensions of a curvilinear grid."""
        place, dims = self.place, [along.dim for along in self.spacings]
        if place is None or not place.is_curvilinear or not set(place.latitude.dims) <= set(dims):
            return self.directions
        from xgrad.operators import partials  # noqa: PLC0415

        others = [one for one in self.directions if not place.has(one.dims[0])]
        return [*others, *partials.eastward_and_northward(place, self.options)]

    def with_right_angles(self, what: str) -> Selection:
        """The same, of a curvilinear grid whose axes must meet at right angles."""
        place = self.place
        if place is None or not place.is_curvilinear:
            return self
        from xgrad.operators import curvilinear_grid  # noqa: PLC0415

        checked = curvilinear_grid.at_right_angles(place, replace(self.options, order=1), what)
        spacings = [
            along._replace(positions=curvilinear_grid.path(checked, along.dim))
            if checked is not place and place.has(along.dim)
            else along
            for along in self.spacings
        ]
        return self._replace(place=checked, spacings=spacings)

    def refuse_a_track(self, what: str) -> None:
        """Refuse what needs two horizontal directions if the places are along one dimension."""
        if self.place is not None and self.place.is_track:
            (dim,) = self.place.latitude.dims
            raise CoordinateError(
                f"{self.place.names} are both along {dim!r}, so that only the derivative along it "
                f"exists, not the {what}; `gradient({dim!r}, metric='sphere')` is that along a "
                "track, and uxarray has gradients on meshes"
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

    def factor(self, along: Spacing) -> xr.Variable | None:
        """Factor of a derivative: on a sphere, ``1 / cos(φ)`` for the eastward one."""
        return None if self.place is None else self.place.factor(along.dim)


def concerns(obj: xr.Dataset, dim: Dim) -> bool:
    """Whether a numeric variable can be differentiated along each of `dim`.

    Parameters
    ----------
    obj : Dataset
        Only its numeric variables are considered.
    dim : hashable, iterable of hashable or None
        As for :func:`gradient`.

    Examples
    --------
    >>> ds = xr.Dataset({"t": ("x", [0.0, 1.0]), "name": ("y", ["a", "b"])})
    >>> concerns(ds, "x"), concerns(ds, "y"), concerns(ds, None)
    (True, False, True)
    """
    used = {d for variable in _variables(obj).values() for d in variable.dims}
    if dim is None:
        return bool(used)
    found = [names.find(obj, name) for name in _listed(dim)]
    return all(name is not None and set(_dims_of(obj, name)) <= used for name in found)


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
    variables = _variables(obj)
    asked = _names(obj, dim, variables)
    options = with_the_globe(obj, asked, _under_real_names(obj, options))
    place = Sphere.of(obj, options)
    dims_of = {name: _dims_of(obj, name) for name in asked}
    several = [name for name in asked if partial and len(dims_of[name]) > 1]
    spacings = _spacings(obj, dims_of, several, options, place)
    jointly = _partials(obj, several, place, options)
    if place is not None:
        from xgrad.operators import curvilinear_grid  # noqa: PLC0415

        spacings = [curvilinear_grid.in_metres(place, along, options) for along in spacings]
    if isinstance(obj, xr.Dataset):  # its variables may be used as positions
        used = [value for value in (options.spacing or {}).values() if isinstance(value, str)]
        variables = {name: variable for name, variable in variables.items() if name not in used}
    dims = [along.dim for along in spacings] + [own for one in jointly for own in one.dims]
    for one in dims:
        if not any(one in variable.dims for variable in variables.values()):
            raise ValueError(f"nothing to differentiate along {one!r}: {dtypes_of(obj)}")
    _require_a_time(variables, spacings, options)
    own = iter(spacings)
    called = [name if name in several else next(own).name for name in asked]
    return Selection(variables, spacings, options, place, jointly, called)


def _partials(
    obj: xr.DataArray | xr.Dataset,
    several: list[Hashable],
    place: Sphere | None,
    options: Options,
) -> list[Direction]:
    if not several:
        return []
    from xgrad.operators import partials  # noqa: PLC0415

    return partials.directions(obj, several, place, options)


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


def _variables(obj: xr.DataArray | xr.Dataset) -> dict[Hashable, xr.Variable]:
    """The numeric variables of a Dataset, or a DataArray, which must be numeric."""
    if isinstance(obj, xr.Dataset):
        return {
            name: obj.variables[name]
            for name in obj.data_vars
            if _is_numeric(obj.variables[name].dtype)
        }
    if obj.dtype.kind == "b":
        raise TypeError(
            f"data {obj.name!r} is bool, which numpy cannot subtract; convert it to numbers with "
            "`.astype(float)`"
        )
    if not _is_numeric(obj.dtype):
        raise TypeError(
            f"data {obj.name!r} has dtype {obj.dtype}; convert it to numbers with `.astype(float)`"
        )
    return {obj.name: obj.variable}


def _is_numeric(dtype: Any) -> bool:
    # A pandas dtype such as Int64 also has a kind, but its arrays are not numpy arrays.
    return isinstance(dtype, np.dtype) and dtype.kind in "fciumM"


def _names(
    obj: xr.DataArray | xr.Dataset, dim: Dim, variables: Mapping[Hashable, xr.Variable]
) -> list[Hashable]:
    """The dimensions and coordinates of `dim`, resolved and without duplicates."""
    used = [d for d in obj.dims if any(d in variable.dims for variable in variables.values())]
    if dim is None:
        if not used:
            raise ValueError(f"nothing to differentiate: {dtypes_of(obj)}")
        return used
    found = [names.resolved(obj, name) for name in _listed(dim)]
    if not found:
        raise CoordinateError(f"`dim` is empty; {names.choices(obj)}")
    for i, name in enumerate(found):
        if name in found[:i]:
            raise CoordinateError(f"`dim` names {name!r} twice: {_listed(dim)}")
    return found


def _listed(dim: Dim) -> list[Hashable]:
    return list(dim) if isinstance(dim, Iterable) and not isinstance(dim, str) else [dim]


def _dims_of(obj: xr.DataArray | xr.Dataset, name: Hashable) -> tuple[Hashable, ...]:
    """The dimensions of a coordinate; the name itself if it is a dimension or a scalar."""
    return (obj.coords[name].dims if name in obj.coords else ()) or (name,)


def _under_real_names(obj: xr.DataArray | xr.Dataset, options: Options) -> Options:
    """Options with CF names resolved to real ones, and quantities of `spacing` as numbers."""
    if not any(isinstance(o, Mapping) for o in (options.spacing, options.boundary, options.period)):
        return options
    boundary = names.resolved_keys(obj, options.boundary, "boundary")
    period = names.resolved_keys(obj, options.period, "period")
    spacing: Any = quantities.positions(names.resolved_spacing(obj, options.spacing))
    if isinstance(spacing, Mapping):
        spacing = {key: _by_label(obj, key, value) for key, value in spacing.items()}
    return replace(options, spacing=spacing, boundary=boundary, period=period)


def _by_label(obj: xr.DataArray | xr.Dataset, key: Hashable, value: Any) -> Any:
    """Positions in the order of the labels of the data, if they have labels."""
    if not isinstance(value, xr.DataArray):
        return value
    for dim, index in value.indexes.items():
        if dim not in value.dims or dim not in obj.indexes or index.equals(obj.indexes[dim]):
            continue
        own = obj.indexes[dim]
        missing = ~own.isin(index)
        if missing.any() or not index.is_unique:
            label: Any = own[missing][0] if missing.any() else index[index.duplicated()][0]
            label = getattr(label, "item", lambda label=label: label)()
            why = "lack" if missing.any() else "repeat"
            raise CoordinateError(
                f"`spacing` for {key!r}: positions {value.name!r} {why} the label {label!r} along "
                f"{dim!r}; give positions for all labels of the data, or drop the coordinate "
                f"{dim!r} of the positions to match them by place"
            )
        value = value.sel({dim: own})
    return value


def dtypes_of(obj: xr.DataArray | xr.Dataset) -> str:
    """Describe the variables of an object, for the message that none of them fits."""
    if isinstance(obj, xr.DataArray):
        return f"{obj.name!r} has no dimensions"
    found = {name: f"{variable.dtype} {variable.dims}" for name, variable in obj.data_vars.items()}
    return f"no numeric variable has the requested dimensions; variables are {found}"


def _spacings(
    obj: xr.DataArray | xr.Dataset,
    dims_of: Mapping[Hashable, tuple[Hashable, ...]],
    several: list[Hashable],
    options: Options,
    place: Sphere | None,
) -> list[Spacing]:
    dim_of = {name: dims[0] if len(dims) == 1 else name for name, dims in dims_of.items()}
    own = [dim for name in several for dim in dims_of[name]]
    options.require_known_names(dim_of, [*dim_of.values(), *own])
    asked = [name for name in dim_of if name not in several]
    for key, value in (options.spacing or {}).items():
        if key not in obj.dims and not (isinstance(value, str) and value == "uniform"):
            raise CoordinateError(
                f"`spacing` names {key!r}, which is a coordinate along {obj.coords[key].dims}; "
                "name the dimension"
            )
        if key in own:
            raise CoordinateError(
                f"`spacing` is given for {key!r}, a dimension of coordinates {several}, which are "
                "the positions; leave it out"
            )
        if key not in asked:
            coord = next(name for name in asked if dim_of[name] == key)
            raise CoordinateError(
                f"`spacing` names {key!r}, but `dim` names {coord!r} along it, whose positions "
                f"would not be used; name {key!r} in both"
            )
    spacings = [_spacing(obj, name, options, place) for name in asked]
    seen: set[Hashable] = set()
    for along in spacings:
        if along.name in seen:
            raise CoordinateError(f"`dim` and `spacing` name {along.name!r} twice: {asked}")
        seen.add(along.name)
    return spacings


def _spacing(
    obj: xr.DataArray | xr.Dataset, name: Hashable, options: Options, place: Sphere | None
) -> Spacing:
    """The spacing along a name; on a sphere that of latitude or longitude along its dimension."""
    given = name in (options.spacing or {})
    own = None if given or place is None else place.coordinate_along(name)
    if own is None or own == name:
        return _spacing_of(obj, name, options)
    if {own, name} <= set(options.boundary if isinstance(options.boundary, Mapping) else ()):
        raise CoordinateError(f"`boundary` names {name!r} and {own!r}, which are one; give one")
    return _spacing_of(obj, own, options, name)._replace(name=name)


def _spacing_of(
    obj: xr.DataArray | xr.Dataset, name: Hashable, options: Options, *also: Hashable
) -> Spacing:
    unit = options.unit_of_time
    value: Any = (options.spacing or {}).get(name)
    found = isinstance(value, str) and (value in obj.coords or value in _data_of(obj))
    even = isinstance(value, str) and value == "uniform" and not found
    if value is None or even:
        # Not coords.get, which invents a coordinate for a dimension without one.
        value = obj.coords[name] if name in obj.coords else None  # noqa: SIM401
    elif found:
        value = obj[value]
    elif isinstance(value, str):
        raise CoordinateError(
            f"`spacing` for {name!r} names {value!r}, which is not a coordinate; "
            f"{names.choices(obj)}"
        )
    attrs = getattr(value, "attrs", {})
    dims = value.dims if isinstance(value, xr.DataArray) and value.ndim == 1 else ()
    called = [value.name] if isinstance(value, xr.DataArray) and value.name is not None else []
    times = isinstance(value, xr.DataArray) and is_time(value)
    period = options.full_period(attrs.get("units"), *also, name, *dims, *called, is_time=times)
    if value is None:
        if even:
            raise CoordinateError(
                f"`spacing` for {name!r} is 'uniform', but there is no such coordinate; leave it "
                "out for a spacing of 1"
            )
        along = coordinates.along_index(name)
        return coordinates.around(along, obj.sizes[name], period)
    if even:
        return coordinates.uniform(value, unit, period)
    given = name in (options.spacing or {})
    if given and isinstance(value, xr.DataArray) and value.ndim > 1:
        return coordinates.from_multidimensional(value, name, period)
    if found or not given:
        return coordinates.from_coordinate(value, unit, dim=name if given else None, period=period)
    return coordinates.from_value(name, obj.sizes[name], value, unit, period)


def _data_of(obj: xr.DataArray | xr.Dataset) -> Iterable[Hashable]:
    return obj.data_vars if isinstance(obj, xr.Dataset) else ()
