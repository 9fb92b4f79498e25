"""Names of dimensions and coordinates: as they are, or as the CF conventions know them."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any, TypeAlias

import xarray as xr

from xgrad.errors import CoordinateError
from xgrad.labels import cf, links
from xgrad.labels.suggestions import did_you_mean

_Labelled: TypeAlias = xr.DataArray | xr.Dataset


def resolved(obj: _Labelled, name: Hashable, argument: str = "dim") -> Hashable:
    """The dimension or coordinate that a name means.

    Parameters
    ----------
    obj : DataArray or Dataset
        Has the dimension or coordinate.
    name : hashable
        A dimension or coordinate; otherwise an axis such as ``"X"``, a kind of coordinate such as
        ``"longitude"``, or a standard name, of one 1-D coordinate.
    argument : str, default: "dim"
        The argument that holds the name, for the message.

    Returns
    -------
    hashable
        Its real name.

    Raises
    ------
    CoordinateError
        If the name means nothing, or several coordinates.

    Examples
    --------
    >>> lon = ("lon", [0.0, 1.0], {"standard_name": "longitude"})
    >>> resolved(xr.DataArray([0.0, 1.0], {"lon": lon}, "lon"), "longitude")
    'lon'
    """
    found = find(obj, name, argument)
    if found is None:
        near = did_you_mean(name, [*obj.dims, *obj.coords])
        more = "" if cf.has_cf_xarray() else "; `pip install 'xgrad[cf]'` finds more of them"
        raise CoordinateError(
            f"`{argument}` names {name!r}, which does not exist{near}; {choices(obj)}; CF names "
            f"are {cf.listed(obj)}{more}"
        )
    return found


def resolved_keys(obj: _Labelled, given: Any, argument: str) -> Any:
    """A mapping of dimensions or coordinates to anything, under their real names.

    Parameters
    ----------
    obj : DataArray or Dataset
        Has the dimensions and coordinates.
    given : mapping or anything
        Anything but a mapping is returned as it is, and so are names that mean nothing.
    argument : str
        The argument that holds the mapping, for the message.

    Raises
    ------
    CoordinateError
        If a name means several coordinates, or two names mean the same one.

    Examples
    --------
    >>> lon = ("lon", [0.0, 1.0], {"axis": "X"})
    >>> resolved_keys(xr.DataArray([0.0, 1.0], {"lon": lon}, "lon"), {"X": "periodic"}, "boundary")
    {'lon': 'periodic'}
    """
    if not isinstance(given, Mapping):
        return given
    real: dict[Hashable, Hashable] = {}
    for key in given:
        found = find(obj, key, argument)
        name = key if found is None else found
        if name in real:
            raise CoordinateError(
                f"`{argument}` names {real[name]!r} and {key!r}, which are both {name!r}; leave "
                "one out"
            )
        real[name] = key
    return {name: given[key] for name, key in real.items()}


def resolved_spacing(obj: _Labelled, given: Any) -> Any:
    """``spacing`` with the real names of dimensions and of the coordinates that it names.

    Parameters
    ----------
    obj : DataArray or Dataset
        Has the dimensions and coordinates.
    given : mapping or anything
        Per dimension a step, positions or a name.  Names that mean nothing stay as they are.

    Raises
    ------
    CoordinateError
        If a name means several coordinates, or two names mean the same dimension.

    Examples
    --------
    >>> coords = {"p": ("x", [1.0, 2.0], {"standard_name": "air_pressure"})}
    >>> resolved_spacing(xr.DataArray([0.0, 1.0], coords, "x"), {"x": "vertical"})
    {'x': 'p'}
    """
    keyed = resolved_keys(obj, given, "spacing")
    if not isinstance(keyed, Mapping):
        return keyed
    return {dim: _positions_named(obj, dim, value) for dim, value in keyed.items()}


def _positions_named(obj: _Labelled, dim: Hashable, value: Any) -> Any:
    variables = obj.variables if isinstance(obj, xr.Dataset) else obj.coords
    if not isinstance(value, str) or value in variables:
        return value
    along = [name for name, coord in obj.coords.items() if dim in coord.dims]
    lines = [name for name in along if obj.coords[name].ndim == 1]
    found = _the_one(obj, value, "spacing", lines)
    found = _the_one(obj, value, "spacing", along) if found is None else found
    return value if found is None else found


def find(obj: _Labelled, name: Hashable, argument: str = "dim") -> Hashable | None:
    """As :func:`resolved`; None if the name means nothing.

    Examples
    --------
    >>> find(xr.DataArray([0.0, 1.0], dims="x"), "depth") is None
    True
    """
    if name in obj.dims or name in obj.coords:
        return name
    variables = obj.coords.variables
    lines = [one for one, variable in variables.items() if variable.ndim == 1]
    found = _the_one(obj, name, argument, lines)
    others = cf.meant(obj, name, variables) if found is None else []
    if others:
        dims = {one: variables[one].dims for one in others}
        raise CoordinateError(
            f"`{argument}` names {name!r}, whose coordinates are not 1-D: {dims}; name the "
            f"dimension to differentiate along, with `spacing={{dim: {others[0]!r}}}`"
        )
    return found


def _the_one(
    obj: _Labelled, name: Hashable, argument: str, among: Iterable[Hashable]
) -> Hashable | None:
    """The only coordinate that a CF name means; None if there is none."""
    found = cf.meant(obj, name, among)
    if len(found) > 1:
        raise CoordinateError(
            f"`{argument}` names {name!r}, which matches several coordinates: {found}; name one"
        )
    return found[0] if found else None


def choices(obj: _Labelled) -> str:
    """The dimensions and 1-D coordinates of an object, in words.

    Examples
    --------
    >>> choices(xr.DataArray([0.0, 1.0], dims="x", coords={"p": ("x", [1, 2])}))
    "dimensions are ['x'], 1-D coordinates ['p']"
    """
    coords = [name for name, coord in obj.coords.items() if coord.ndim == 1]
    others = [name for name in coords if name not in obj.dims]
    also = f", 1-D coordinates {others}" if others else ""
    return f"dimensions are {list(obj.dims)}{also}"


def dtypes_of(obj: _Labelled) -> str:
    """The variables of an object in words, for the message that none of them fits.

    Examples
    --------
    >>> dtypes_of(xr.DataArray(0.0, name="t"))
    "'t' has no dimensions"
    """
    if isinstance(obj, xr.DataArray):
        return f"{obj.name!r} has no dimensions"
    found = {name: f"{variable.dtype} {variable.dims}" for name, variable in obj.data_vars.items()}
    text = f"no numeric variable has the requested dimensions; variables are {found}"
    if belonging := links.belonging(obj):
        text += (
            f"; {belonging} belong to other variables and are differentiated only if they are "
            f"named alone, as in `ds[[{belonging[0]!r}]]`, or in `variables`"
        )
    return text


def of_positions(obj: xr.Dataset, *given: Any) -> list[Hashable]:
    """The variables that options name: positions, heights or noise.

    Examples
    --------
    >>> of_positions(xr.Dataset({"q": 1.0, "z": 2.0}), None, {"s": "z", "x": 5.0})
    ['z']
    """
    every = [one for mapping in given if isinstance(mapping, Mapping) for one in mapping.values()]
    return [one for one in every if isinstance(one, str) and one in obj.data_vars]
