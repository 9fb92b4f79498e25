"""The CF conventions: which coordinate is longitude, latitude, vertical or time.

``dim=``, ``boundary=``, ``period=``, ``spacing=``, ``metric=`` and the components ``u=``, ``v=``,
``w=`` all ask :func:`meant`, so that they agree.  The first rule that fits a coordinate decides:

============= =========================================================================
longitude     units (``degrees_east``), standard_name, then cf_xarray or a usual name
latitude      units (``degrees_north``), standard_name, then cf_xarray or a usual name
vertical      standard_name of a height, depth or pressure, or ``positive``; cf_xarray;
              ``axis="Z"`` or standard_name of model levels; a usual name
time, T       standard_name or ``axis="T"``; cf_xarray; a usual name
X, Y          ``axis`` or standard_name of a projection; cf_xarray; units and then
              standard_name of longitude (latitude); a usual name
Z             ``axis="Z"`` or standard_name of model levels; cf_xarray; standard_name of a
              height, depth or pressure, or ``positive``; a usual name
another name  standard_name
============= =========================================================================

An axis X alone does not make a longitude: it may be a distance.  If a rule fits several
coordinates the name is ambiguous, and the caller refuses it.  Only longitude and latitude have
copies that are not ambiguous: bounds and corners of cells have the same attributes, so a usual name
is preferred, and then a coordinate that is a dimension.

cf_xarray knows attributes beyond the conventions, such as ``long_name``, ``cartesian_axis`` and
``_CoordinateAxisType``.  It is asked if it is installed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Hashable, Iterable
from typing import Any, TypeAlias

import xarray as xr

from xgrad.labels import links

_Labelled: TypeAlias = xr.DataArray | xr.Dataset

# Finds the coordinates of an object, among these names, that one piece of evidence fits.
_Evidence: TypeAlias = Callable[[_Labelled, list[Hashable]], list[Hashable]]

# CF conventions, sections 4.1 and 4.2, and UDUNITS' radian.
_DEGREES_NORTH = frozenset(
    ["degrees_north", "degree_north", "degree_N", "degrees_N", "degreeN", "degreesN"]
)
_DEGREES_EAST = frozenset(
    ["degrees_east", "degree_east", "degree_E", "degrees_E", "degreeE", "degreesE"]
)
_RADIANS = frozenset(["radian", "radians", "rad"])
_PLAIN_DEGREES = frozenset(["degree", "degrees", "deg", "°"])
_ANY_DEGREES = re.compile(r"degrees?_?(north|east|true|[NET])")

# The names that files without attributes have.
_LATITUDES = frozenset(["latitude", "lat", "nav_lat", "lats"])
_LONGITUDES = frozenset(["longitude", "lon", "nav_lon", "lons", "long"])
_XS = frozenset(["x", "lon", "longitude"])
_YS = frozenset(["y", "lat", "latitude"])
_VERTICALS = frozenset(["z", "level", "height", "depth"])
_TIMES = frozenset(["t", "time"])

_HEIGHTS = frozenset(
    [
        "air_pressure", "altitude", "depth", "geopotential_height", "height",
        "height_above_geopotential_datum", "height_above_mean_sea_level",
        "height_above_reference_ellipsoid",
    ]
)  # fmt: skip
# CF conventions, appendix D.
_MODEL_LEVELS = frozenset(
    [
        "atmosphere_hybrid_height_coordinate", "atmosphere_hybrid_sigma_pressure_coordinate",
        "atmosphere_ln_pressure_coordinate", "atmosphere_sigma_coordinate",
        "atmosphere_sleve_coordinate", "model_level_number", "ocean_double_sigma_coordinate",
        "ocean_s_coordinate", "ocean_s_coordinate_g1", "ocean_s_coordinate_g2",
        "ocean_sigma_coordinate", "ocean_sigma_z_coordinate",
    ]
)  # fmt: skip


def meant(obj: _Labelled, name: Hashable, among: Iterable[Hashable]) -> list[Hashable]:
    """The coordinates that a name of the conventions means, by the rules of this module.

    Parameters
    ----------
    obj : DataArray or Dataset
        Has the coordinates.
    name : hashable
        A kind of coordinate such as ``"longitude"``, an axis such as ``"X"``, or a standard name.
    among : iterable of hashable
        The coordinates to look at; dimensions without a coordinate can have a usual name.

    Returns
    -------
    list of hashable
        More than one if the name is ambiguous.

    Examples
    --------
    >>> east = ("x", [0.0, 1.0], {"units": "degrees_east"})
    >>> da = xr.DataArray([0.0, 1.0], {"lon": east, "x": [1, 2]}, "x")
    >>> meant(da, "longitude", da.coords), meant(da, "X", ["x"])
    (['lon'], ['x'])
    """
    names = list(among)
    for rule in _RULES.get(name, ((_has("standard_name", {name}),),)):
        fitting = {one for evidence in rule for one in evidence(obj, names)}
        if fitting:
            return [one for one in names if one in fitting]
    return []


def listed(obj: _Labelled) -> str:
    """The names of the conventions that mean some coordinate, in words.

    Examples
    --------
    >>> listed(xr.DataArray([0.0], {"lon": [5.0]}, "lon"))
    "axes {'X': ['lon']}, coordinates {'longitude': ['lon']}"
    """
    coords = {name: variable.attrs for name, variable in obj.coords.variables.items()}
    named = [attrs.get("standard_name") for attrs in coords.values()]
    standard = dict.fromkeys(name for name in named if isinstance(name, str))
    kinds = {
        "axes": ["X", "Y", "Z", "T"],
        "coordinates": ["longitude", "latitude", "vertical", "time"],
        "standard names": list(standard),
    }
    found = {
        kind: {name: which for name in names if (which := meant(obj, name, coords))}
        for kind, names in kinds.items()
    }
    return ", ".join(f"{kind} {known}" for kind, known in found.items() if known) or "none"


def has_cf_xarray() -> bool:
    """Whether cf_xarray is installed."""
    try:
        import cf_xarray  # noqa: F401, PLC0415  (registers .cf)
    except ImportError:
        return False
    return True


def full_turn(units: Any) -> float | None:
    """The period of a coordinate whose unit says that it goes around; None of any other.

    Examples
    --------
    >>> full_turn("degrees_east"), full_turn("m")
    (360.0, None)
    """
    if is_radians(units):
        return 2 * math.pi
    return 360.0 if isinstance(units, str) and units in _DEGREES_EAST else None


def is_radians(units: Any) -> bool:
    """Whether a unit is the radian.

    Examples
    --------
    >>> is_radians("rad"), is_radians("degrees_north"), is_radians(None)
    (True, False, False)
    """
    return isinstance(units, str) and units in _RADIANS


def is_an_angle(units: Any) -> bool:
    """Whether a unit is the radian or a degree, with a direction or without.

    Examples
    --------
    >>> is_an_angle("degrees"), is_an_angle("degree_E"), is_an_angle("rad"), is_an_angle("m")
    (True, True, True, False)
    """
    degrees = isinstance(units, str) and (units in _PLAIN_DEGREES or are_degrees(units))
    return degrees or is_radians(units)


def are_degrees(units: str) -> bool:
    """Whether a unit is a degree with a direction, which pint's own registry does not know.

    Examples
    --------
    >>> are_degrees("degrees_north"), are_degrees("degree_true"), are_degrees("degC")
    (True, True, False)
    """
    return _ANY_DEGREES.fullmatch(units) is not None


def _has(attribute: str, values: Collection[Hashable]) -> _Evidence:
    """Evidence from an attribute."""

    def fitting(obj: _Labelled, names: list[Hashable]) -> list[Hashable]:
        variables = obj.coords.variables
        given = {name: variables[name].attrs.get(attribute) for name in names if name in variables}
        return [name for name, one in given.items() if isinstance(one, str) and one in values]

    return fitting


def _is_called(usual: Collection[str]) -> _Evidence:
    """Evidence from the name alone."""
    return lambda _, names: [name for name in names if str(name).lower() in usual]


def _cf_xarray_finds(kind: str) -> _Evidence:
    """Evidence from attributes that only cf_xarray knows."""

    def fitting(obj: _Labelled, names: list[Hashable]) -> list[Hashable]:
        if not has_cf_xarray():
            return []
        coords = obj.coords.to_dataset().copy()
        for variable in coords.variables.values():  # it reads attributes that are texts only
            variable.attrs = {k: v for k, v in variable.attrs.items() if isinstance(v, str)}
        # Each of the two is made for all of its kinds, which takes up to half a millisecond.
        known = coords.cf.axes if kind in ("X", "Y", "Z", "T") else coords.cf.coordinates
        found = known.get(kind, ())
        return [name for name in names if name in found]

    return fitting


def _of_the_cells(evidence: _Evidence, usual: Collection[str]) -> _Evidence:
    """The same without bounds and corners of cells, if others are named or are dimensions."""

    def fitting(obj: _Labelled, names: list[Hashable]) -> list[Hashable]:
        found = evidence(obj, names)
        if len(found) < 2:
            return found
        bounds = links.referred_by(obj.coords.variables, ("bounds",))
        found = [name for name in found if name not in bounds] or found
        named = [name for name in found if str(name).lower() in usual]
        return named or [name for name in found if name in obj.dims] or found

    return fitting


_Rules: TypeAlias = tuple[tuple[_Evidence, ...], ...]


def _rules_of_an_angle(kind: str, units: Collection[str], usual: Collection[str]) -> _Rules:
    return (
        (_of_the_cells(_has("units", units), usual),),
        (_of_the_cells(_has("standard_name", {kind}), usual),),
        # Neither of these is of the conventions: if they disagree the name is ambiguous.
        (_of_the_cells(_cf_xarray_finds(kind), usual), _is_called(usual)),
    )


def _rules_of_a_horizontal_axis(
    axis: str, kind: str, units: Collection[str], usual: Collection[str]
) -> _Rules:
    letter = axis.lower()
    projected = {
        f"projection_{letter}_coordinate", f"projection_{letter}_angular_coordinate",
        f"grid_{kind}",
    }  # fmt: skip
    return (
        (_has("axis", {axis}), _has("standard_name", projected)),
        (_cf_xarray_finds(axis),),
        (_has("units", units),),
        (_has("standard_name", {kind}),),
        (_is_called(usual),),
    )


_TIME: _Rules = (
    (_has("standard_name", {"time"}), _has("axis", {"T"})),
    (_cf_xarray_finds("time"),),
    (_is_called(_TIMES),),
)
_HEIGHT = (_has("standard_name", _HEIGHTS), _has("positive", {"up", "down"}))
_LEVEL = (_has("axis", {"Z"}), _has("standard_name", _MODEL_LEVELS))
_CALLED_VERTICAL = (_is_called(_VERTICALS),)

_RULES: dict[Hashable, _Rules] = {
    "longitude": _rules_of_an_angle("longitude", _DEGREES_EAST, _LONGITUDES),
    "latitude": _rules_of_an_angle("latitude", _DEGREES_NORTH, _LATITUDES),
    "vertical": (_HEIGHT, (_cf_xarray_finds("vertical"),), _LEVEL, _CALLED_VERTICAL),
    "time": _TIME,
    "X": _rules_of_a_horizontal_axis("X", "longitude", _DEGREES_EAST, _XS),
    "Y": _rules_of_a_horizontal_axis("Y", "latitude", _DEGREES_NORTH, _YS),
    "Z": (_LEVEL, (_cf_xarray_finds("Z"),), _HEIGHT, _CALLED_VERTICAL),
    "T": _TIME,
}
