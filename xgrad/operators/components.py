"""Components of a vector field: separate arrays combined on one grid."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from xgrad._typing import AnyArray
from xgrad.errors import CoordinateError
from xgrad.labels import cf, crs, transforms
from xgrad.labels.suggestions import did_you_mean

_AXES = {"u": "X", "v": "Y", "w": "Z"}


def together(
    components: Mapping[Any, xr.DataArray] | None,
    loose: Mapping[str, Any],
    what: str,
    metric: object = None,
) -> tuple[xr.Dataset, dict[Hashable, Hashable]]:
    """Combine components into a Dataset, and find the dimension that each one points along."""
    given = _either(components, loose, what)
    if given:
        components = {_direction_of(key, value, metric): value for key, value in given.items()}
    if not isinstance(components, Mapping):
        raise TypeError(f"`components` is {components!r}; give a mapping of dimensions to arrays")
    for dim, array in components.items():
        if not isinstance(array, xr.DataArray):
            raise TypeError(
                f"`components` for {dim!r} is a {type(array).__name__}; give a DataArray"
            )
    names = [array.name for array in components.values()]
    if None in names or len(set(names)) < len(names):
        names = [f"component_{dim}" for dim in components]
    arrays = list(components.values())
    for array, name in zip(arrays[1:], names[1:], strict=True):
        _require_one_grid(arrays[0], names[0], array, name)
    found = xr.Dataset(coords=arrays[0].coords)
    for name, array in zip(names, arrays, strict=True):
        found[name] = array.variable
    return found, dict(zip(components, names, strict=True))


def named(
    obj: xr.Dataset,
    components: Mapping[Any, Hashable] | None,
    loose: Mapping[str, Hashable | None],
    what: str,
    metric: object = None,
) -> Mapping[Any, Hashable]:
    """The names of components by direction, from a mapping or from `u`, `v` and `w`.

    Parameters
    ----------
    obj : Dataset
        Has the components.
    components : mapping of hashable to hashable, or None
        Per direction the name of a component.
    loose : mapping of str to hashable or None
        The names given as `u`, `v` and `w`.
    what : str
        What is asked for, for the message.
    metric : object
        The metric as given.

    Raises
    ------
    TypeError, ValueError, CoordinateError
        If one is an array, if both or neither are given, if a name does not exist, or if its
        direction is not known.

    Examples
    --------
    >>> ds = xr.Dataset({"a": ("x", [0.0, 1.0])})
    >>> named(ds, None, {"u": "a", "v": None}, "divergence")
    {'x': 'a'}
    """
    given = _either(components, loose, what)
    for key, name in given.items():
        if isinstance(name, xr.DataArray):
            raise TypeError(
                f"`{key}` is a DataArray; give the name of a variable, or pass arrays to "
                f"`xgrad.{what}`"
            )
        if name not in obj:
            raise ValueError(
                f"`{key}` names {name!r}, which does not exist; variables are "
                f"{list(obj.data_vars)}{did_you_mean(name, obj.data_vars)}"
            )
    found = {_direction_of(key, obj[name], metric): name for key, name in given.items()}
    return found if components is None else components


def _either(components: object, loose: Mapping[str, Any], what: str) -> dict[str, Any]:
    """The components given as `u`, `v` and `w`, which must be none if there is a mapping."""
    given = {key: value for key, value in loose.items() if value is not None}
    if (components is None) == (not given):
        were = "neither was" if components is None else "both were"
        raise ValueError(
            f"{what} takes either `components`, a mapping of dimensions to components, or `u`, `v` "
            f"and `w`; {were} given"
        )
    return given


def _direction_of(key: str, array: Any, metric: object) -> Hashable:
    """The dimension or coordinate that a component points along."""
    if not isinstance(array, xr.DataArray):
        raise TypeError(f"`{key}` is a {type(array).__name__}; give a DataArray")
    kind = {"u": "longitude", "v": "latitude"}.get(key)
    if metric is None or kind is None:
        return dim_of(key, array)
    found = cf.meant(array, kind, array.coords)
    places = [name for name in found if array[name].ndim > 1]
    if len(places) == 1:
        return _by_standard_name(key, array, places[0], metric)
    if crs.without_places(array, metric):
        return _by_standard_name(key, array, kind, metric)
    rotated = cf.meant(array, f"grid_{kind}", array.coords)
    if rotated and not found and is_true(array):
        raise CoordinateError(
            f"`{key}` is {array.attrs['standard_name']!r}, but {rotated[0]!r} refers to a "
            "rotated pole, and north is in another direction; give the CRS as `metric`"
        )
    return dim_of(key, array)


def is_true(component: xr.DataArray) -> bool:
    """Whether the standard_name of a component says that it is eastward or northward.

    Examples
    --------
    >>> is_true(xr.DataArray(0.0, attrs={"standard_name": "eastward_wind"}))
    True
    """
    words = set(str(component.attrs.get("standard_name", "")).split("_"))
    return "grid" not in words and bool({"eastward", "northward"} & words)


def is_along_the_grid(component: xr.DataArray) -> bool:
    """Whether the standard_name of a component says that it is along the grid.

    Examples
    --------
    >>> is_along_the_grid(xr.DataArray(0.0, attrs={"standard_name": "x_wind"}))
    True
    """
    words = set(str(component.attrs.get("standard_name", "")).split("_"))
    return "grid" in words or bool({"x", "y"} & words)


def _by_standard_name(key: str, array: xr.DataArray, place: Hashable, metric: object) -> Hashable:
    """On a curvilinear grid: the true direction, or that along the grid."""
    if is_true(array):
        return place
    dim = dim_of(key, array)
    if is_along_the_grid(array):
        require_growth(f"`{key}`", array, dim, metric)
        return dim
    raise CoordinateError(
        f"`{key}` is on a grid of two-dimensional {place!r} and has no standard_name that says "
        f"whether it is eastward (northward) or along the grid; give `components={{{place!r}: "
        f"{key}, ...}}` for the first, or `components={{{dim!r}: {key}, ...}}` for the second"
    )


def falls(obj: xr.DataArray | xr.Dataset, dim: Hashable, metric: object) -> bool:
    """Whether a coordinate decreases along its index, and the metric has no directions of its own.

    Examples
    --------
    >>> da = xr.DataArray([0.0, 0.0], {"y": [2.0, 1.0]}, "y")
    >>> falls(da, "y", "sphere"), falls(da, "y", "EPSG:3413")
    (True, False)
    """
    own = obj.coords.variables.get(dim)
    if metric not in ("sphere", "ellipsoid") or own is None or own.dtype.kind not in "iuf":
        return False
    return own.size > 1 and bool(own.values[-1] < own.values[0])


def require_growth(said: str, array: xr.DataArray, dim: Hashable, metric: object) -> None:
    """Refuse a component along a coordinate that decreases: directions are those of the index.

    Parameters
    ----------
    said : str
        The component, for the message.
    array : DataArray
        Has the coordinate.
    dim : hashable
        The dimension of the grid.
    metric : object
        As given; a CRS has directions of its own.

    Raises
    ------
    CoordinateError
        If the coordinate decreases along the index.
    """
    if falls(array, dim, metric):
        raise CoordinateError(
            f"{said} is along growing {dim!r} by its standard_name, but {dim!r} decreases along "
            f"the index; reverse the data with `.isel({dim}=slice(None, None, -1))`, or give the "
            "CRS as `metric`"
        )


def dim_of(key: str, array: xr.DataArray) -> Hashable:
    """The dimension that a component points along, by CF attributes or by name.

    Raises
    ------
    CoordinateError
        If they do not show one.
    """
    named = cf.meant(array, _AXES[key], array.dims)
    if len(named) != 1:
        raise CoordinateError(
            f"`{key}` has dimensions {array.dims}, whose attributes and names do not show which "
            f"one it points along; give `components={{dim: {key}, ...}}`"
        )
    return named[0]


def _require_one_grid(
    first: xr.DataArray, name: Hashable, other: xr.DataArray, other_name: Hashable
) -> None:
    both = f"`components` {name!r} and {other_name!r}"
    remedy = "interpolate one of them, or select what they share"
    if set(first.dims) != set(other.dims):
        raise CoordinateError(
            f"{both} have dimensions {first.dims} and {other.dims}: different grids; {remedy}"
        )
    for dim in first.dims:
        if first.sizes[dim] != other.sizes[dim]:
            raise CoordinateError(
                f"{both} have sizes {first.sizes[dim]} and {other.sizes[dim]} along {dim!r}: "
                f"different grids; {remedy}"
            )
    for coord in set(first.coords) & set(other.coords):
        indexes = [one.xindexes[coord] for one in (first, other) if coord in one.xindexes]
        if len(indexes) == 2 and transforms.same_labels(*indexes):
            continue  # without a table of labels that an index computes
        one, another = first.coords[coord].variable, other.coords[coord].variable
        if one.chunks is not None or another.chunks is not None:
            continue
        different = _first_difference(one, another)
        if different is not None:
            if one.ndim == another.ndim == 0:
                remedy = f"drop it with `.drop_vars({coord!r})` if they belong together"
            raise CoordinateError(
                f"{both} have different coordinates {coord!r}{different}; {remedy}"
            )


def _first_difference(one: xr.Variable, other: xr.Variable) -> str | None:
    if one.dims != other.dims:
        return f", of dimensions {one.dims} and {other.dims}"
    if one.equals(other):
        return None
    same: AnyArray = np.asarray(one.values == other.values)
    index = tuple(int(k) for k in np.argwhere(~same)[0]) if not same.all() else ()
    where = f" at index {index[0] if len(index) == 1 else index}" if index else ""
    return f": {one.values[index]} and {other.values[index]}{where}"


def on_grid(obj: xr.Dataset, name: Hashable, first: Hashable) -> xr.Variable:
    """A component with its dimensions in the order of the first component's."""
    variable, like = obj.variables[name], obj.variables[first]
    if set(variable.dims) != set(like.dims):
        raise CoordinateError(
            f"`components` {first!r} with dimensions {like.dims} and {name!r} with "
            f"{variable.dims} are on different grids; select or interpolate one of them first"
        )
    return variable.transpose(*like.dims)
