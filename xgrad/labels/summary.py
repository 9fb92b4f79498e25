"""What ``.fdgrad`` takes an object for: the text that ``repr`` shows."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

import xarray as xr

from xgrad.labels import cf, links, times

_KINDS = ("longitude", "latitude", "vertical", "time")


def of(obj: xr.DataArray | xr.Dataset, methods: Iterable[str]) -> str:
    """The variables, the coordinates along each dimension and their kinds, and the methods.

    Parameters
    ----------
    obj : DataArray or Dataset
        Nothing of it is loaded.
    methods : iterable of str
        Names of the methods.

    Examples
    --------
    >>> lat = ("lat", [50.0, 60.0], {"units": "degrees_north"})
    >>> print(of(xr.DataArray([[1.0, 2.0]], {"lat": lat}, ("x", "lat"), "t"), ["gradient"]))
    xgrad for 't'
      x    1 cell: no coordinate, steps of 1
      lat  2 cells: latitude in degrees_north
    methods: gradient
    """
    lines = [f"xgrad for {_variables(obj)}"]
    width = max((len(str(dim)) for dim in obj.dims), default=0)
    lines += [f"  {dim!s:<{width}}  {_along(obj, dim)}" for dim in obj.dims]
    others = [name for name, coord in obj.coords.items() if coord.ndim and name not in obj.dims]
    lines += [f"  also by {name!r} {obj.coords[name].dims}{_kind(obj, name)}" for name in others]
    places = [cf.meant(obj, kind, obj.coords) for kind in ("latitude", "longitude")]
    if all(len(found) == 1 for found in places):
        lines.append('  on the Earth: `metric="sphere"` or "ellipsoid" gives derivatives per metre')
    return "\n".join([*lines, f"methods: {', '.join(methods)}"])


def _variables(obj: xr.DataArray | xr.Dataset) -> str:
    if isinstance(obj, xr.DataArray):
        return "an array without a name" if obj.name is None else repr(obj.name)
    own = set(links.belonging(obj))
    numeric = [name for name, one in obj.data_vars.items() if one.dtype.kind in "iufcmM"]
    names = [name for name in numeric if name not in own and obj[name].ndim]
    return ", ".join(map(repr, names)) or "no variables that can be differentiated"


def _along(obj: xr.DataArray | xr.Dataset, dim: Hashable) -> str:
    size = f"{obj.sizes[dim]} cell{'s' if obj.sizes[dim] != 1 else ''}"
    if dim not in obj.coords:
        return f"{size}: no coordinate, steps of 1"
    return f"{size}{_kind(obj, dim)}"


def _kind(obj: xr.DataArray | xr.Dataset, name: Hashable) -> str:
    coord = obj.coords[name]
    if coord.dtype.kind in "mM" or (name in obj.dims and times.is_time(coord)):
        return ": times, derivatives per second"
    kinds = [kind for kind in _KINDS if name in cf.meant(obj, kind, [name])]
    units = coord.attrs.get("units")
    kind = kinds[0] if kinds else "positions"
    return f": {kind}" + (f" in {units}" if isinstance(units, str) else ", no units")
