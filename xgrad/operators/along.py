"""Names of dimensions and coordinates → the positions to differentiate along."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import xarray as xr

from xgrad.errors import CoordinateError
from xgrad.labels import fits, lookup, transforms
from xgrad.labels import spacing as coordinates
from xgrad.labels.attributes import refuse_packed
from xgrad.labels.on_earth import Place
from xgrad.labels.options import Options
from xgrad.labels.spacing import Spacing
from xgrad.labels.times import is_time


def _dim_of(obj: xr.DataArray | xr.Dataset, name: Hashable) -> Hashable:
    """The dimension of a 1-D coordinate; for anything else, the name itself."""
    dims = _dims_of(obj, name)
    return dims[0] if len(dims) == 1 else name


def dims_of(obj: xr.DataArray | xr.Dataset, name: Hashable) -> tuple[Hashable, ...]:
    """The dimensions of a coordinate; the name itself if it is a dimension."""
    dims = _dims_of(obj, name)
    return dims if len(dims) > 0 else (name,)


def is_multidimensional(obj: xr.DataArray | xr.Dataset, name: Hashable) -> bool:
    """Whether a name is that of a coordinate of several dimensions."""
    return len(_dims_of(obj, name)) > 1


def independent(obj: xr.DataArray | xr.Dataset, asked: list[Hashable]) -> list[Hashable]:
    """The names that are independent variables, each with the others held fixed.

    These are the multi-dimensional coordinates, and if there are fewer than they have dimensions,
    the one-dimensional ones that complete them, such as ``x`` beside a height ``z(s, x)``.

    Examples
    --------
    >>> coords = {"x": [0.0, 1.0], "z": (("s", "x"), [[0.0, 1.0], [2.0, 3.0]])}
    >>> da = xr.DataArray([[0.0, 1.0], [2.0, 3.0]], coords, ("s", "x"))
    >>> independent(da, ["x", "z"]), independent(da, ["x"])
    (['x', 'z'], [])
    """
    several = [name for name in asked if is_multidimensional(obj, name)]
    if not several:
        return []
    dims = obj.coords[several[0]].dims
    lines = [name for name in asked if len(own := _dims_of(obj, name)) == 1 and own[0] in dims]
    completes = len(several) < len(dims) == len(several) + len(lines)
    return [name for name in asked if name in several or (completes and name in lines)]


def _dims_of(obj: xr.DataArray | xr.Dataset, name: Hashable) -> tuple[Hashable, ...]:
    """The dimensions of a coordinate; none for a dimension without one."""
    if name not in obj.coords:
        return ()
    # `obj.coords[name]`, and all variables of the coordinates of a Dataset, take ten times as long.
    variables = obj.variables if isinstance(obj, xr.Dataset) else obj.coords.variables
    return variables[name].dims


def spacings_of(
    obj: xr.DataArray | xr.Dataset,
    asked: list[Hashable],
    several: list[Hashable],
    options: Options,
    place: Place | None,
) -> list[Spacing]:
    """The positions along each name, in the unit of their coordinate.

    Parameters
    ----------
    obj : DataArray or Dataset
        Has the coordinates.
    asked : list of hashable
        Dimensions and coordinates, resolved.
    several : list of hashable
        Those of them that are multi-dimensional coordinates, which are left out.
    options : Options
        With resolved names.
    place : Place or None
        Where `metric` puts the cells.

    Raises
    ------
    CoordinateError, TypeError, ValueError
        If positions are missing, repeated or unsorted, or an option does not fit them.
    """
    own = [dim for name in several for dim in obj.coords[name].dims]
    options.require_known_names(asked, [*(_dim_of(obj, name) for name in asked), *own])
    asked = [name for name in asked if name not in several]
    dims = [_dim_of(obj, name) for name in asked]
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
            coord = asked[dims.index(key)]
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


def refuse_fits_of_columns(spacings: list[Spacing], place: Place | None, options: Options) -> None:
    """Refuse a fit along positions of several dimensions, or along those of a curvilinear grid."""
    for along in spacings:
        names = along.dim, along.name
        if along.positions is not None:
            fits.refuse_columns(options, names, along.name)
        elif place is not None and place.is_curvilinear and place.has(along.dim):
            fits.refuse_columns(options, names, place.names[0])


def _spacing(
    obj: xr.DataArray | xr.Dataset, name: Hashable, options: Options, place: Place | None
) -> Spacing:
    """The spacing along a name; on a sphere that of latitude or longitude along its dimension."""
    given = name in (options.spacing or {})
    own = None if given or place is None else place.coordinate_along(name)
    on_sphere = place is not None and place.has(name)
    if place is not None and place.is_curvilinear:
        _refuse_a_period(obj, name, options, place)
    if not (given or on_sphere or name in obj.coords):
        transforms.refuse_steps_of_one(obj, name)
    if own is None or own == name:
        return _spacing_of(obj, name, options)
    if {own, name} <= set(options.boundary if isinstance(options.boundary, Mapping) else ()):
        raise CoordinateError(
            f"`boundary` names {name!r} and {own!r}, which are the same; give one"
        )
    return _spacing_of(obj, own, options, name)._replace(name=name)


def _refuse_a_period(
    obj: xr.DataArray | xr.Dataset, name: Hashable, options: Options, place: Place
) -> None:
    dim = _dim_of(obj, name)
    if place.has(dim) and "periodic" in options.scheme(name, dim).boundary:
        raise CoordinateError(
            f"`boundary` of {name!r} is 'periodic', but on a grid of two-dimensional latitude "
            "and longitude each row has a different length; give another `boundary`, or name "
            f"{place.names[1]!r} and {place.names[0]!r}, which go around by their index"
        )


def _spacing_of(
    obj: xr.DataArray | xr.Dataset, name: Hashable, options: Options, *also: Hashable
) -> Spacing:
    unit = options.unit_of_time
    value, found, even = _positions(obj, name, options)
    attrs = getattr(value, "attrs", {})
    refuse_packed(f"coordinate {name!r}", attrs)
    dims = value.dims if isinstance(value, xr.DataArray) and value.ndim == 1 else ()
    called = [value.name] if isinstance(value, xr.DataArray) and value.name is not None else []
    times = isinstance(value, xr.DataArray) and is_time(value)
    period = options.full_period(attrs.get("units"), *also, name, *dims, *called, is_time=times)
    if value is None:
        along = coordinates.along_index(name)
        return coordinates.around(along, obj.sizes[name], period)
    dim = name if name in (options.spacing or {}) and not even else None
    if isinstance(value, xr.DataArray) and (found or value.sizes == {dim: obj.sizes[dim]}):
        computed = transforms.evenly_spaced(obj if found else value, value, dim, period)
        if computed is not None:
            return computed
    if even:
        return coordinates.uniform(value, unit, period)
    if dim is not None and isinstance(value, xr.DataArray) and value.ndim > 1:
        return coordinates.from_multidimensional(value, name, period)
    if found:
        return coordinates.from_coordinate(value, unit, dim=dim, period=period)
    return coordinates.from_value(name, obj.sizes[name], value, unit, period)


def _positions(
    obj: xr.DataArray | xr.Dataset, name: Hashable, options: Options
) -> tuple[Any, bool, bool]:
    """The positions along a name, whether they are of the object, and whether they are 'uniform'.

    None for a dimension without a coordinate.
    """
    value: Any = (options.spacing or {}).get(name)
    if isinstance(value, str) and (value in obj.coords or value in _data_of(obj)):
        return obj[value], True, False
    even = isinstance(value, str) and value == "uniform"
    if isinstance(value, str) and not even:
        raise CoordinateError(
            f"`spacing` for {name!r} names {value!r}, which is not a coordinate; "
            f"{lookup.choices(obj)}"
        )
    if value is not None and not even:
        return value, False, False
    if name in obj.coords:
        return obj.coords[name], True, even
    if even:
        raise CoordinateError(
            f"`spacing` for {name!r} is 'uniform', but there is no such coordinate; leave it "
            "out for a spacing of 1"
        )
    return None, False, False


def _data_of(obj: xr.DataArray | xr.Dataset) -> Iterable[Hashable]:
    return obj.data_vars if isinstance(obj, xr.Dataset) else ()


def by_label(obj: xr.DataArray | xr.Dataset, key: Hashable, value: Any, argument: str) -> Any:
    """Positions in the order of the labels of the data, if they have labels."""
    if not isinstance(value, xr.DataArray):
        return value
    for dim, index in value.xindexes.items():
        own = obj.xindexes.get(dim)
        if dim not in value.dims or own is None or transforms.same_labels(index, own):
            continue
        theirs, wanted = (one.coords[dim].to_index() for one in (value, obj))
        missing = ~wanted.isin(theirs)
        if missing.any() or not theirs.is_unique:
            label: Any = wanted[missing][0] if missing.any() else theirs[theirs.duplicated()][0]
            label = getattr(label, "item", lambda label=label: label)()
            why = "lack" if missing.any() else "repeat"
            raise CoordinateError(
                f"`{argument}` for {key!r}: positions {value.name!r} {why} the label {label!r} "
                f"along {dim!r}; give positions for all labels of the data, or drop the coordinate "
                f"{dim!r} of the positions to match them by place"
            )
        value = value.isel({dim: theirs.get_indexer(wanted)})
    return value
