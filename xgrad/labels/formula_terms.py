"""CF's ``formula_terms``: heights and pressures of levels, computed from their terms."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from xgrad.errors import CoordinateError
from xgrad.labels.suggestions import did_you_mean
from xgrad.labels.units import as_one

#: What stands for heights that are made from the attribute.
ATTRIBUTE = "formula_terms"

_Terms = Mapping[str, Any]


def _ocean_s_g1(of: _Terms) -> Any:
    stretched = of["depth_c"] * of["s"] + (of["depth"] - of["depth_c"]) * of["c"]
    return stretched + of["eta"] * (1 + stretched / of["depth"])


def _ocean_s_g2(of: _Terms) -> Any:
    depth, least = of["depth"], of["depth_c"]
    return of["eta"] + (of["eta"] + depth) * (least * of["s"] + depth * of["c"]) / (least + depth)


def _ocean_sigma(of: _Terms) -> Any:
    return of["eta"] + of["sigma"] * (of["depth"] + of["eta"])


def _atmosphere_sigma(of: _Terms) -> Any:
    return of["ptop"] + of["sigma"] * (of["ps"] - of["ptop"])


def _hybrid_pressure(of: _Terms) -> Any:
    first = of["ap"] if "ap" in of else of["a"] * of["p0"]
    return first + of["b"] * of["ps"]


def _hybrid_height(of: _Terms) -> Any:
    return of["a"] + of["b"] * of["orog"]


# Terms of heights, and of pressures, which are added up as they are.
_ADDED = {
    "height": ("eta", "depth", "depth_c", "a", "orog"), "pressure": ("ap", "p0", "ps", "ptop"),
}  # fmt: skip

# By standard_name: the formula, its terms, and what it makes: name, units and direction.
_HEIGHT, _PRESSURE = ("height", "m", "up"), ("pressure", "Pa", "down")
_FORMULAS: dict[str, tuple[Callable[[_Terms], Any], tuple[str, ...], tuple[str, str, str]]] = {
    "ocean_s_coordinate_g1": (_ocean_s_g1, ("s", "c", "eta", "depth", "depth_c"), _HEIGHT),
    "ocean_s_coordinate_g2": (_ocean_s_g2, ("s", "c", "eta", "depth", "depth_c"), _HEIGHT),
    "ocean_sigma_coordinate": (_ocean_sigma, ("sigma", "eta", "depth"), _HEIGHT),
    "atmosphere_sigma_coordinate": (_atmosphere_sigma, ("sigma", "ps", "ptop"), _PRESSURE),
    "atmosphere_hybrid_sigma_pressure_coordinate": (_hybrid_pressure, ("b", "ps"), _PRESSURE),
    "atmosphere_hybrid_height_coordinate": (_hybrid_height, ("a", "b", "orog"), _HEIGHT),
}


def decoded(obj: xr.DataArray | xr.Dataset, dim: Hashable) -> xr.DataArray:
    """Heights or pressures of the levels along a dimension, lazy if one of the terms is not read.

    Parameters
    ----------
    obj : DataArray or Dataset
        Has a coordinate along the dimension with the attribute, and the terms.
    dim : hashable
        The dimension.

    Raises
    ------
    CoordinateError
        If there is no such coordinate, its formula is not known, a term is missing, or terms have
        different units.

    Examples
    --------
    >>> attrs = {"standard_name": "atmosphere_sigma_coordinate",
    ...          "formula_terms": "sigma: lev ps: ps ptop: top"}
    >>> coords = {"lev": ("lev", [0.5, 1.0], attrs), "ps": 1e5, "top": 0.0}
    >>> decoded(xr.DataArray([1.0, 2.0], coords, "lev"), "lev").values
    array([ 50000., 100000.])
    """
    name, text = _coordinate(obj, dim)
    kind = str(obj[name].attrs.get("standard_name", ""))
    if kind not in _FORMULAS:
        raise CoordinateError(
            f"`constant` for {dim!r} is 'formula_terms', but {name!r} has the standard_name "
            f"{kind!r}, whose formula is not known{did_you_mean(kind, _FORMULAS)}; known are "
            f"{list(_FORMULAS)}; make the heights yourself, and give them as a DataArray"
        )
    formula, needed, (called, units, positive) = _FORMULAS[kind]
    terms = _terms(obj, text)
    if formula is _hybrid_pressure:
        needed = (*needed, *(("ap",) if "ap" in terms else ("a", "p0")))
    missing = [one for one in needed if one not in terms]
    if missing:
        raise CoordinateError(
            f"`constant` for {dim!r} is 'formula_terms', but {name!r} has {text!r}, without the "
            f"terms {missing} of {kind!r}; add them to the attribute, or give the heights as a "
            "DataArray"
        )
    given = _units(dim, {one: terms[one] for one in _ADDED[called] if one in needed})
    found, attrs = formula(terms), {"units": given or units}
    made: xr.DataArray = found.drop_vars([one for one in found.coords if one not in found.dims])
    return made.rename(called).drop_attrs(deep=False).assign_attrs(attrs, positive=positive)


def names_of(obj: xr.DataArray | xr.Dataset, dim: Hashable) -> tuple[Hashable, ...]:
    """Names of the terms of the levels along a dimension.

    Examples
    --------
    >>> attrs = {"formula_terms": "sigma: lev ps: ps ptop: top"}
    >>> names_of(xr.DataArray([1.0, 2.0], {"lev": ("lev", [0.5, 1.0], attrs)}, "lev"), "lev")
    ('lev', 'ps', 'top')
    """
    return tuple(_pairs(_coordinate(obj, dim)[1]).values())


def _units(dim: Hashable, added: _Terms) -> str | None:
    """The unit of terms that are added up, if it is given: they must have the same one."""
    given = {key: str(term.attrs["units"]) for key, term in added.items() if "units" in term.attrs}
    if len({as_one(text) for text in given.values()}) > 1:
        raise CoordinateError(
            f"`constant` for {dim!r} is 'formula_terms', but its terms have different units, "
            f"{given}; convert them to the same one"
        )
    return next(iter(given.values()), None)


def _coordinate(obj: xr.DataArray | xr.Dataset, dim: Hashable) -> tuple[Hashable, str]:
    """The coordinate along a dimension that has the attribute, and its text."""
    for name, coord in obj.coords.items():
        text = coord.attrs.get(ATTRIBUTE, coord.encoding.get(ATTRIBUTE))
        if coord.dims == (dim,) and isinstance(text, str):
            return name, text
    raise CoordinateError(
        f"`constant` for {dim!r} is 'formula_terms', but no coordinate along {dim!r} has this "
        "attribute; give the heights as a coordinate by name, or as a DataArray"
    )


def _pairs(text: str) -> dict[str, str]:
    """Names of variables by those of the terms."""
    words = text.replace(":", " ").split()
    return dict(zip(words[::2], words[1::2], strict=False))


def _terms(obj: xr.DataArray | xr.Dataset, text: str) -> dict[str, xr.DataArray]:
    """The terms by their names in the formula, in small letters."""
    pairs = _pairs(text)
    known = obj.coords if isinstance(obj, xr.DataArray) else obj.variables
    lost = [name for name in pairs.values() if name not in known]
    if lost:
        raise CoordinateError(
            f"`constant` is 'formula_terms', but {lost} of {text!r} are not among the coordinates; "
            f"take the derivative of the Dataset that has them, or call `ds.set_coords({lost})` "
            "before you select a variable"
        )
    return {key.lower(): _lazily(obj[name]) for key, name in pairs.items()}


def _lazily(term: xr.DataArray) -> xr.DataArray:
    """A term that is in memory or lazy: one that xarray would read as a whole becomes lazy."""
    in_memory = isinstance(term.variable._data, np.ndarray) or term.ndim < 2
    return term if in_memory or term.chunks is not None else term.chunk()
