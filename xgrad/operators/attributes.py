"""Attributes of a variable that stay true of its derivatives."""

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


def label_of(name: Hashable, variable: xr.Variable) -> str:
    """A variable in words."""
    return str(variable.attrs.get("long_name") or ("data" if name is None else name))


def described(variable: xr.Variable, long_name: str, own_units: str | None) -> dict[Hashable, Any]:
    """Attributes of a variable that are true of what is made of it, and its own."""
    attrs = {key: value for key, value in variable.attrs.items() if _survives(key)}
    if own_units is not None:
        attrs["units"] = own_units
    return attrs | {"long_name": long_name}


def _survives(attribute: Hashable) -> bool:
    return attribute not in _OF_THE_VALUES and not str(attribute).startswith("GRIB_")
