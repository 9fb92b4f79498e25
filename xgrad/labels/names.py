"""Names of coordinates: as they are, or as the CF conventions know them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, TypeAlias

import xarray as xr

from xgrad.errors import CoordinateError

_Labelled: TypeAlias = xr.DataArray | xr.Dataset


def resolved(obj: _Labelled, name: Hashable, argument: str = "dim") -> Hashable:
    """The dimension or coordinate that a name means.

    Parameters
    ----------
    obj : DataArray or Dataset
        What has it.
    name : hashable
        A dimension or coordinate; else, where cf_xarray is installed, an axis such as ``"X"``, a
        kind of coordinate such as ``"longitude"``, or a standard name, of one 1-D coordinate.
    argument : str, default: "dim"
        Where the name was given, for the message.

    Returns
    -------
    hashable
        Its real name.

    Raises
    ------
    CoordinateError
        If there is none, or several.

    Examples
    --------
    >>> lon = ("lon", [0.0, 1.0], {"standard_name": "longitude"})
    >>> resolved(xr.DataArray([0.0, 1.0], {"lon": lon}, "lon"), "longitude")
    'lon'
    """
    found = find(obj, name, argument)
    if found is None:
        raise CoordinateError(
            f"`{argument}` names {name!r}, which does not exist; {choices(obj)}{_in_cf(obj)}"
        )
    return found


def resolved_keys(obj: _Labelled, given: Any, argument: str) -> Any:
    """A mapping of dimensions or coordinates to anything, under their real names.

    Parameters
    ----------
    obj : DataArray or Dataset
        What has them.
    given : mapping or anything
        What is no mapping stays as it is, and so do names that mean nothing.
    argument : str
        Where it was given, for the message.

    Raises
    ------
    CoordinateError
        If a name means several coordinates, or two names one.

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


def find(obj: _Labelled, name: Hashable, argument: str = "dim") -> Hashable | None:
    """As :func:`resolved`; None if the name means nothing.

    Examples
    --------
    >>> find(xr.DataArray([0.0, 1.0], dims="x"), "depth") is None
    True
    """
    if name in obj.dims or name in obj.coords:
        return name
    kinds = _cf(obj) or {}
    found = list(dict.fromkeys(one for known in kinds.values() for one in known.get(name, ())))
    lines = [one for one in found if obj.coords[one].ndim == 1]
    if len(lines) == 1:
        return lines[0]
    if lines:
        raise CoordinateError(
            f"`{argument}` names {name!r}, which is several coordinates: {lines}; name one"
        )
    if found:
        dims = {one: obj.coords[one].dims for one in found}
        raise CoordinateError(
            f"`{argument}` names {name!r}, whose coordinates are not of one dimension: {dims}; "
            f"name the dimension to differentiate along, with `spacing={{dim: {found[0]!r}}}`"
        )
    return None


def choices(obj: _Labelled) -> str:
    """The names that there are, in words.

    Examples
    --------
    >>> choices(xr.DataArray([0.0, 1.0], dims="x", coords={"p": ("x", [1, 2])}))
    "dimensions are ['x'], 1-D coordinates ['p']"
    """
    coords = [name for name, coord in obj.coords.items() if coord.ndim == 1]
    others = [name for name in coords if name not in obj.dims]
    also = f", 1-D coordinates {others}" if others else ""
    return f"dimensions are {list(obj.dims)}{also}"


def _in_cf(obj: _Labelled) -> str:
    kinds = _cf(obj)
    if kinds is None:
        return "; with `pip install 'xgrad[cf]'` CF names would be looked for as well"
    found = [f"{kind} {known}" for kind, known in kinds.items() if known]
    return "; CF names are " + (", ".join(found) if found else "none")


def _cf(obj: _Labelled) -> dict[str, dict[Any, list[Hashable]]] | None:
    """What cf_xarray finds among the coordinates, per kind of name; None without it."""
    try:
        import cf_xarray  # noqa: F401, PLC0415  (registers .cf)
    except ImportError:
        return None
    cf = obj.cf
    kinds = {
        "axes": cf.axes, "coordinates": cf.coordinates, "standard names": cf.standard_names,
    }  # fmt: skip
    return {
        kind: {
            called: coords
            for called, names in known.items()
            if (coords := [name for name in names if name in obj.coords])
        }
        for kind, known in kinds.items()
    }
