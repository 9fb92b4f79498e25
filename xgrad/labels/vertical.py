"""Which way vertical things count: CF's attribute ``positive``, and the words of standard names."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from typing import Any

from xgrad.errors import CoordinateWarning, warn

# Units of pressure, as CF and as pint write them.
_PRESSURE = re.compile(r"[hkM]?Pa|\w*[Pp]ascals?|\w*bars?|mb|atm")
_OMEGA = "lagrangian_tendency_of_air_pressure"


def is_depth(attrs: Mapping[Any, Any]) -> bool:
    """Whether a coordinate with these attributes grows downward and is not a pressure.

    Over a pressure the vertical component is omega, which counts the same way.

    Examples
    --------
    >>> is_depth({"positive": "down", "units": "m"}), is_depth({"positive": "down", "units": "Pa"})
    (True, False)
    """
    down = str(attrs.get("positive", "")).lower() == "down"
    pressure = "pressure" in str(attrs.get("standard_name", ""))
    return down and not pressure and not _PRESSURE.fullmatch(str(attrs.get("units", "")))


def counts_upward(attrs: Mapping[Any, Any]) -> bool | None:
    """Whether a component counts upward by its standard name; None if that does not say.

    Examples
    --------
    >>> counts_upward({"standard_name": "upward_sea_water_velocity"}), counts_upward({})
    (True, None)
    """
    name = str(attrs.get("standard_name", ""))
    words = name.split("_")
    if "upward" in words:
        return True
    return False if "downward" in words or name == _OMEGA else None


def signs_over_depth(
    coordinate: Hashable, name: Hashable, attrs: Mapping[Any, Any]
) -> tuple[float, float]:
    """Signs of the derivatives along a depth and of the component along it, with up as positive.

    A component whose standard name does not say which way is positive is taken as positive
    downward, like the depth, and a warning says so.

    Parameters
    ----------
    coordinate, name : hashable
        Names of the depth and of the component.
    attrs : mapping
        Attributes of the component.

    Examples
    --------
    >>> signs_over_depth("depth", "wo", {"standard_name": "upward_sea_water_velocity"})
    (-1.0, 1.0)
    """
    upward = counts_upward(attrs)
    if upward is None:
        warn(
            f"coordinate {coordinate!r} is `positive: down`, and {name!r} along it has no "
            "standard_name that says which way is positive: it is taken as positive downward; give "
            "it one with the word 'upward' or 'downward', such as 'upward_sea_water_velocity'",
            CoordinateWarning,
        )
    return -1.0, 1.0 if upward else -1.0
