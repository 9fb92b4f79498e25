"""Horizontal vectors, turned between east and north and the directions of a grid."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, Unpack

import xarray as xr

from xgrad._typing import To
from xgrad.errors import CoordinateError
from xgrad.labels import links
from xgrad.labels.crs import placed
from xgrad.labels.keywords import PlaceOptions, spelled_out
from xgrad.labels.lookup import resolved
from xgrad.labels.on_earth import Place
from xgrad.labels.options import Options
from xgrad.operators.components import (
    is_along_the_grid,
    is_true,
    on_grid,
    require_growth,
    together,
)
from xgrad.operators.evaluate import labelled, on_numbers
from xgrad.operators.result import Result
from xgrad.operators.surface import Surface
from xgrad.operators.terms import refuse_times, values_of
from xgrad.operators.vectors import Directions, dot

# CF's names of components by direction; others are dropped, because they would be wrong.
_STANDARD_NAMES = {
    "eastward_wind": "x_wind", "northward_wind": "y_wind",
    "eastward_sea_water_velocity": "sea_water_x_velocity",
    "northward_sea_water_velocity": "sea_water_y_velocity",
    "eastward_sea_ice_velocity": "sea_ice_x_velocity",
    "northward_sea_ice_velocity": "sea_ice_y_velocity",
}  # fmt: skip


@spelled_out(PlaceOptions)
def rotate(
    components: Mapping[Any, xr.DataArray] | None = None,
    *,
    u: xr.DataArray | None = None,
    v: xr.DataArray | None = None,
    to: To,
    **options: Unpack[PlaceOptions],
) -> xr.Dataset:
    """Turn horizontal components to east and north, or to the directions of the grid.

    With the unit vectors E and N, and e_i and e_j along the grid, ``V = a e_i + b e_j`` has the
    components ``u = V · E = a e_i · E + b e_j · E`` and ``v = V · N``; to the grid, these two
    equations are solved for a and b.  The axes of the grid may meet at any angle.

    Parameters
    ----------
    components : mapping of hashable to DataArray, optional
        Per dimension of the grid, the component along it or, to the grid, the one that turns into
        it.  The first is or becomes the eastward one, the second the northward one.
    u, v : DataArray, optional
        Instead of `components`; the dimensions are those along x and y, by their CF attributes or
        names.
    to : {"earth", "grid"}
        What the result is along.
    metric, radius
        As for :func:`gradient`.
    edge_order, boundary, accuracy
        As for :func:`gradient`: how directions along the grid follow from the places.

    Returns
    -------
    Dataset
        Both components under their names, lazy if they or the places are.  Their standard_name
        changes from ``x_wind`` to ``eastward_wind`` and so on, or is dropped.

    Raises
    ------
    CoordinateError
        If the places are along one dimension, the components are on different grids, or their
        standard_name says that they have the directions already.
    ImportError, TypeError, ValueError
        As :func:`gradient`.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> lon, lat = np.meshgrid([2.0, 1.0, 0.0], [-1.0, 0.0, 1.0])  # to the west, to the north
    >>> places = {"lat": (("y", "x"), lat), "lon": (("y", "x"), lon)}
    >>> a = xr.DataArray(np.full((3, 3), 2.0), places, ("y", "x"), "a")
    >>> true = rotate(u=a, v=(3 * a).rename("b"), to="earth")
    >>> float(true.a[1, 1].round(9)), float(true.b[1, 1].round(9))
    (-2.0, 6.0)
    """
    obj, names = together(components, {"u": u, "v": v}, "rotate")
    return rotate_of(obj, names, to, **options)


def rotate_of(
    obj: xr.Dataset, components: Mapping[Any, Hashable], to: To, **options: Unpack[PlaceOptions]
) -> xr.Dataset:
    """:func:`rotate` of variables of a Dataset."""
    given: dict[str, Any] = {"metric": "sphere", **options}
    names = list(components.values())
    obj = links.only(links.as_coordinates(obj, names), names)
    found: xr.Dataset = on_numbers(
        obj, given, lambda plain, own: labelled(plain, rotations(plain, components, to, own))
    )
    return found


def rotations(
    obj: xr.Dataset, components: Mapping[Any, Hashable], to: To, options: Options
) -> list[Result]:
    """Check the arguments of :func:`rotate` and describe its results; compute nothing."""
    if to not in ("earth", "grid"):
        raise ValueError(f"`to` is {to!r}; give 'earth' or 'grid'")
    if len(components) != 2:
        raise CoordinateError(
            f"`components` names {list(components)}; give both components of a horizontal vector"
        )
    located, place = placed(obj, options)
    if place is None:
        raise ValueError("`metric` is None; give 'sphere', 'ellipsoid', 'grid_mapping' or a CRS")
    first = next(iter(components.values()))
    variables = {name: on_grid(obj, name, first) for name in components.values()}
    for name, variable in variables.items():
        refuse_times(name, variable)
        _require_other_directions(located[name], to)
    dims = _dims(located, list(components))
    for name, dim in zip(variables, dims, strict=True):
        # Also to the grid: the result would be called a `y_wind`.
        if is_true(located[name]) or is_along_the_grid(located[name]):
            require_growth(f"component {name!r}", located[name], dim, options.metric)
    turned = _matrix(place, dims, options, to)
    return [
        Result(
            str(name),
            variables,
            tuple(values_of(one, variables[one], xr.Variable(place.latitude.dims, factor))
                  for one, factor in zip(variables, row, strict=True)),
            _attributes(located[name], to),
        )
        for name, row in zip(variables, turned, strict=True)
    ]  # fmt: skip


def _require_other_directions(component: xr.DataArray, to: To) -> None:
    if is_true(component) if to == "earth" else is_along_the_grid(component):
        raise CoordinateError(
            f"`to` is {to!r}, but {component.name!r} has that direction by its standard_name "
            f"{component.attrs['standard_name']!r}; leave it as it is, or correct the attribute"
        )


def _dims(obj: xr.DataArray | xr.Dataset, keys: list[Hashable]) -> list[Hashable]:
    """The dimensions of two names."""
    found = [resolved(obj, key) for key in keys]
    return [obj.coords[name].dims[0] if name in obj.coords else name for name in found]


def _matrix(place: Place, dims: list[Hashable], options: Options, to: To) -> list[list[Any]]:
    """What each result takes of each component."""
    if not place.is_curvilinear:
        raise CoordinateError(
            f"on a grid of 1-D latitude and longitude, such as {place.names[0]!r} along "
            f"{place.latitude.dims}, both directions are the same: components along the grid are "
            "eastward and northward already; leave them as they are"
        )
    if set(dims) != set(place.latitude.dims):
        raise CoordinateError(
            f"`components` are along {dims}, but the directions of a grid follow from latitudes "
            f"and longitudes of two dimensions, and {place.names[0]!r} has {place.latitude.dims}"
        )
    surface = Surface.on_earth(place, options)
    given = {"dims": tuple(dims), "places": place.names, "to": to}
    found = surface.each(_turns, **given)
    return [found[:2], found[2:]]


def _turns(
    at: Directions, dims: tuple[Hashable, ...], places: tuple[Hashable, ...], to: To
) -> list[Any]:
    north, east = (at.unit_vector(name) for name in places)
    one, other = (at.unit_vector(dim) for dim in dims)
    a, b, c, d = dot(one, east), dot(other, east), dot(one, north), dot(other, north)
    if to == "earth":
        return [a, b, c, d]
    sine = a * d - b * c
    return [d / sine, -b / sine, -c / sine, a / sine]


def _attributes(component: xr.DataArray, to: To) -> dict[Hashable, Any]:
    """Those of a component, with a standard_name for its new direction if there is one."""
    attrs = dict(component.attrs)
    known = _STANDARD_NAMES if to == "grid" else {b: a for a, b in _STANDARD_NAMES.items()}
    name = attrs.pop("standard_name", None)
    return {**attrs, "standard_name": known[name]} if name in known else attrs
