"""Variables that belong to others, as the CF conventions and UGRID link them by attributes.

Bounds, areas of cells, grid mappings, quality flags and the terms of a vertical coordinate are not
data of their own.  They are coordinates for every operation: carried along unchanged, and
differentiated only if they are named.  A link is an attribute of a variable, which xarray moves to
the encoding if it opens a file with ``decode_coords="all"``: both places count here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import xarray as xr

_Labelled = TypeVar("_Labelled", xr.DataArray, xr.Dataset)

# Attributes of names, and those of pairs such as "area: cell_area", by roles.
_OF_NAMES = (
    "ancillary_variables", "bounds", "climatology", "coordinates", "geometry", "grid_mapping",
    "interior_ring", "mesh", "node_coordinates", "node_count", "part_node_count",
)  # fmt: skip
_OF_ROLES = ("cell_measures", "formula_terms")
_EVERY = frozenset([*_OF_NAMES, *_OF_ROLES])
# The links of data that are those of a derivative too: its cells are the same.
_OF_THE_CELLS = frozenset(["cell_measures", "geometry", "grid_mapping", "mesh"])
# By this one, derivatives of a result know that neighbours are not those of the index.
_KEPT = "mesh"
# Each variable that this attribute names is useful without the others.
_ANCILLARY = "ancillary_variables"
# The attributes of a mesh topology end like this, as "face_node_connectivity".
_OF_A_TOPOLOGY = ("_connectivity", "_coordinates")


def as_coordinates(obj: Any, named: Collection[Hashable] = ()) -> Any:
    """The same Dataset, whose variables that belong to others are coordinates.

    Parameters
    ----------
    obj : Dataset or anything
        Anything but a Dataset is returned as it is.
    named : collection of hashable, optional
        Variables that are data because the caller names them.  Without names, variables that are
        selected alone are data: those of a Dataset of nothing else.

    Examples
    --------
    >>> lon = ("lon", [1.0, 3.0], {"bounds": "lon_bnds"})
    >>> given = {"t": ("lon", [4.0, 5.0]), "lon_bnds": (("lon", "nv"), [[0.0, 2.0], [2.0, 4.0]])}
    >>> ds = xr.Dataset(given, {"lon": lon})
    >>> list(as_coordinates(ds).data_vars), list(as_coordinates(ds[["lon_bnds"]]).data_vars)
    (['t'], ['lon_bnds'])
    """
    if not isinstance(obj, xr.Dataset):
        return obj
    variables = obj.variables
    referred, data = referred_by(variables), list(obj.data_vars)
    mappings = [name for name in data if is_mapping(variables[name])]
    own = [name for name in data if name in referred and name not in mappings]
    if not named and len(own) + len(mappings) == len(data):
        own = []
    found = [name for name in (*own, *mappings) if name not in named]
    return obj.set_coords(found) if found else obj


def only(obj: xr.Dataset, names: Iterable[Hashable]) -> xr.Dataset:
    """A Dataset of these variables alone, with the coordinates that they and theirs refer to.

    Parameters
    ----------
    obj : Dataset
        From :func:`as_coordinates`.
    names : iterable of hashable
        Its variables.

    Examples
    --------
    >>> lon = ("lon", [1.0, 3.0], {"bounds": "lon_bnds"})
    >>> bounds = (("lon", "nv"), [[0.0, 2.0], [2.0, 4.0]])
    >>> ds = xr.Dataset({"t": ("lon", [4.0, 5.0])}, {"lon": lon, "lon_bnds": bounds})
    >>> list(ds[["t"]].coords), sorted(only(ds, ["t"]).coords)
    (['lon'], ['lon', 'lon_bnds'])
    """
    wanted = list(dict.fromkeys(names))
    found = obj[wanted]
    while more := _lacking(found, obj):
        wanted += more
        found = obj[wanted]
    return found


def _lacking(found: xr.Dataset, obj: xr.Dataset) -> list[Hashable]:
    """Coordinates that the results of variables, or their coordinates, would refer to."""
    data = {name: found.variables[name] for name in found.data_vars}
    referred = referred_by(data, {*_OF_THE_CELLS, "coordinates"})
    referred |= referred_by(found.coords.variables)
    return [name for name in obj.coords if name in referred and name not in found.variables]


def referred_by(
    variables: Mapping[Any, xr.Variable], keys: Collection[str] = _EVERY
) -> set[Hashable]:
    """Names that variables refer to, each to others than itself.

    Parameters
    ----------
    variables : mapping of hashable to Variable
        By name.
    keys : collection of str, optional
        The attributes to look at.  Default: all that are links.

    Examples
    --------
    >>> attrs = {"cell_measures": "area: areacella", "grid_mapping": "crs: x y"}
    >>> sorted(referred_by({"t": xr.Variable("x", [0.0], attrs)}))
    ['areacella', 'crs', 'x', 'y']
    """
    found: set[Hashable] = set()
    for own, variable in variables.items():
        for given in (variable.attrs, variable.encoding):
            for key in _links_in(given):
                if key in keys or key not in _EVERY:
                    found.update(name for name in _names(key, given[key]) if name != own)
    return found


def belonging(obj: xr.DataArray | xr.Dataset) -> list[Hashable]:
    """Coordinates along dimensions, but not of them, that belong to other variables.

    Examples
    --------
    >>> area, t = ("x", [1.0]), ("x", [0.0], {"cell_measures": "area: cell_area"})
    >>> belonging(xr.Dataset({"t": t}, {"cell_area": area}))
    ['cell_area']
    """
    variables = obj.variables if isinstance(obj, xr.Dataset) else obj.coords.variables
    referred = referred_by(variables, _EVERY - {"coordinates"})
    coords = obj.coords.variables
    return [name for name in coords if name in referred and coords[name].ndim]


def surviving(encoding: Mapping[Any, Any]) -> dict[Any, Any]:
    """The links in an encoding that are those of a derivative too.

    Examples
    --------
    >>> surviving({"grid_mapping": "crs", "bounds": "b", "dtype": "f4"})
    {'grid_mapping': 'crs'}
    """
    return {key: encoding[key] for key in sorted(_OF_THE_CELLS.intersection(encoding))}


def without_dangling(result: _Labelled) -> _Labelled:
    """The same result without links to what it does not have, in place.

    Of several ancillary variables, those that exist stay.

    A Dataset may declare variables of other files in its attribute ``external_variables``.  A link
    to the topology of a mesh stays.

    Parameters
    ----------
    result : DataArray or Dataset
        Its variables are its own: their attributes change.

    Examples
    --------
    >>> da = xr.DataArray([0.0], {"x": ("x", [1.0], {"bounds": "x_bnds", "units": "m"})}, "x")
    >>> without_dangling(da).x.attrs
    {'units': 'm'}
    """
    if isinstance(result, xr.Dataset):
        variables: dict[Hashable, xr.Variable] = dict(result.variables)
        known = {*variables, *_names("", result.attrs.get("external_variables"))}
    else:
        variables = dict(result.coords.variables)
        known = set(variables)
        variables[result.name] = result.variable
    for variable in variables.values():
        for given in (variable.attrs, variable.encoding):
            for key in list(_links_in(given)) if given else ():
                names = _names(key, given[key])
                if key == _KEPT or known.issuperset(names):
                    continue
                found = [name for name in names if name in known]
                if key == _ANCILLARY and found:
                    given[key] = " ".join(found)
                else:
                    del given[key]
    return result


def is_mapping(variable: xr.Variable) -> bool:
    """Whether a variable is a grid mapping, by its own attributes.

    Examples
    --------
    >>> is_mapping(xr.Variable((), 0, {"grid_mapping_name": "latitude_longitude"}))
    True
    """
    return bool({"grid_mapping_name", "crs_wkt", "spatial_ref"} & set(variable.attrs))


def _links_in(given: Mapping[Any, Any]) -> Iterator[str]:
    """The keys of attributes, or of an encoding, that are links."""
    yield from _EVERY.intersection(given)
    if given.get("cf_role") == "mesh_topology":
        ends = (key for key in given if str(key).endswith(_OF_A_TOPOLOGY))
        yield from (key for key in ends if key not in _EVERY)


def _names(key: str, text: Any) -> list[str]:
    """The names of variables in a link; none in what is no text."""
    if not isinstance(text, str):
        return []
    return re.findall(r":\s*([^\s:]+)" if key in _OF_ROLES else r"[^\s:]+", text)
