"""Attributes of a derivative: those of the variable that stay true of it, and its own."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import xarray as xr

# Attributes that describe the values of a variable, and are untrue of its derivative.
_OF_THE_VALUES = frozenset(
    [
        "units",
        "long_name",
        "standard_name",
        "short_name",
        "calendar",
        "positive",
        "axis",
        "bounds",
        "climatology",
        "coordinates",
        "cell_methods",
        "ancillary_variables",
        "valid_min",
        "valid_max",
        "valid_range",
        "actual_range",
        "missing_value",
        "_FillValue",
        "scale_factor",
        "add_offset",
        "_Unsigned",
        "flag_values",
        "flag_masks",
        "flag_meanings",
        "number_of_significant_digits",
        "least_significant_digit",
        "dtype",
    ]
)


def described(variable: xr.Variable, long_name: str, units: str | None) -> dict[Hashable, Any]:
    """Attributes of a result: those of the variable that stay true, its units and its name.

    Parameters
    ----------
    variable : Variable
        The variable that the result is computed from.
    long_name : str
        The result in words.
    units : str or None
        Unit of the result; None if unknown.

    Examples
    --------
    >>> variable = xr.Variable("x", [1.0], {"units": "K", "source": "a buoy", "axis": "X"})
    >>> described(variable, "derivative of t", "K m-1")
    {'source': 'a buoy', 'units': 'K m-1', 'long_name': 'derivative of t'}
    """
    attrs = {key: value for key, value in variable.attrs.items() if _survives(key)}
    if units is not None:
        attrs["units"] = units
    return attrs | {"long_name": long_name}


def label_of(name: Hashable, variable: xr.Variable) -> str:
    """A variable in words: its ``long_name``, or its name.

    Examples
    --------
    >>> label_of("t", xr.Variable("x", [1.0])), label_of(None, xr.Variable("x", [1.0]))
    ('t', 'data')
    """
    return str(variable.attrs.get("long_name") or ("data" if name is None else name))


def _survives(attribute: Hashable) -> bool:
    return attribute not in _OF_THE_VALUES and not str(attribute).startswith("GRIB_")
