"""What the curl and the divergence of a flow are called: by the names of its components."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import xarray as xr

from xgrad.labels import cf
from xgrad.labels.units import as_one

# CF standard names of the components, and of the vorticity and divergence of the two.
_WIND = ("atmosphere_relative_vorticity", "divergence_of_wind")
_SEA = ("ocean_relative_vorticity", None)
_ICE = (None, "divergence_of_sea_ice_velocity")
_OF_EAST_AND_NORTH: Mapping[Any, tuple[str | None, str | None]] = {
    ("eastward_wind", "northward_wind"): _WIND,
    ("eastward_sea_water_velocity", "northward_sea_water_velocity"): _SEA,
    ("eastward_sea_ice_velocity", "northward_sea_ice_velocity"): _ICE,
}
_OF_X_AND_Y: Mapping[Any, tuple[str | None, str | None]] = {
    ("x_wind", "y_wind"): _WIND,
    ("sea_water_x_velocity", "sea_water_y_velocity"): _SEA,
    ("sea_ice_x_velocity", "sea_ice_y_velocity"): _ICE,
}


def named(
    obj: xr.Dataset, components: Mapping[Hashable, Hashable], units: str | None
) -> tuple[str, dict[Hashable, Any], dict[Hashable, Any]]:
    """What curl and divergence of two components are called.

    Parameters
    ----------
    obj : Dataset
        Has the components and the coordinates.
    components : mapping of hashable to hashable
        Per dimension or coordinate the component along it.  The first is the one that comes first
        in the right-handed system of the curl.
    units : str or None
        Unit of the curl and the divergence.

    Returns
    -------
    str
        ``"vorticity"`` for a velocity along x and y, else ``"curl"``.
    dict, dict
        ``standard_name`` of the curl and of the divergence; empty if it is not certain.

    Examples
    --------
    >>> east = ("x", [0.0, 1.0], {"standard_name": "eastward_wind"})
    >>> north = ("x", [0.0, 1.0], {"standard_name": "northward_wind"})
    >>> obj = xr.Dataset({"u": east, "v": north}, {"lat": 0.0, "lon": 0.0})
    >>> named(obj, {"lon": "u", "lat": "v"}, "s-1")[:2]
    ('vorticity', {'standard_name': 'atmosphere_relative_vorticity'})
    >>> named(obj, {"lon": "u", "lat": "v"}, None)
    ('curl', {}, {})
    """
    if len(components) != 2 or units is None or as_one(units) != as_one("s-1"):
        return "curl", {}, {}
    (x, one), (y, other) = components.items()
    pair = (obj[one].attrs.get("standard_name"), obj[other].attrs.get("standard_name"))
    if _are(obj, x, y, "longitude", "latitude"):
        known = _OF_EAST_AND_NORTH.get(pair)
    elif _are(obj, x, y, "X", "Y"):
        known = _OF_X_AND_Y.get(pair)
    else:
        return "curl", {}, {}
    vorticity, divergence = known or (None, None)
    return "vorticity", _attribute(vorticity), _attribute(divergence)


def _are(obj: xr.Dataset, x: Hashable, y: Hashable, first: str, second: str) -> bool:
    return bool(cf.meant(obj, first, [x])) and bool(cf.meant(obj, second, [y]))


def _attribute(standard_name: str | None) -> dict[Hashable, Any]:
    return {} if standard_name is None else {"standard_name": standard_name}
