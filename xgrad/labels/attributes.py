"""Attributes of a derivative: those of the variable that stay true of it, and its own."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import xarray as xr

# Attributes that describe the values of a variable, and are untrue of its derivative.
_OF_THE_VALUES = (
    "units", "calendar", "positive", "axis", "units_metadata", "cell_methods", "parent_stat",
    "statistic", "statistics", "online_operation", "bounds", "climatology", "coordinates",
    "ancillary_variables", "formula_terms", "standard_error_multiplier",
    "valid_min", "valid_max", "valid_range", "actual_min", "actual_max", "actual_range",
    "data_min", "data_max", "minimum", "maximum", "colorbarminimum", "colorbarmaximum",
    "missing_value", "_fillvalue", "fillvalue", "fill_value", "nodata", "nodatavals", "nodata_vals",
    "scale_factor", "add_offset", "scales", "offsets", "_unsigned",
    "flag_values", "flag_masks", "flag_meanings",
    "number_of_significant_digits", "least_significant_digit", "significant_digits", "precision",
    "quantization_nsd", "quantization_nsb", "dtype",
)  # fmt: skip
# Attributes that name the quantity: in the conventions, and in the tables of centres, tools, models
# and GRIB.
_OF_THE_QUANTITY = (
    "long_name", "standard_name", "short_name", "variable_id", "variable_name", "var_name",
    "varname", "var_desc", "description", "descriptions", "display_name", "original_name",
    "original_long_name", "original_standard_name", "original_units", "original_variable",
    "orig_name", "orig_units", "cmor_name", "out_name",
    "stash", "um_stash_source", "ukmo__um_stash_source", "ukmo__process_flags",
    "code", "table", "table_id", "table_number", "param", "paramid", "param_id", "parameter",
    "parameter_id", "parameter_name", "parameter_number", "parameter_category",
    "parameter_discipline_and_category", "parameter_template_discipline_category_number",
    "parameter_table_version", "discipline", "abbreviation", "_earthkit",
)  # fmt: skip
# In small letters: the case varies.
_UNTRUE = frozenset([*_OF_THE_VALUES, *_OF_THE_QUANTITY])
# Those of cfgrib and of GDAL.
_UNTRUE_PREFIXES = ("grib_", "grib2_", "statistics_")


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
    given = variable.attrs.get("long_name")
    if isinstance(given, str) and given:
        return given
    return "data" if name is None else str(name)


def named(name: Hashable) -> str:
    """The name of a variable in a message; that of an array without one is as xarray has it.

    Examples
    --------
    >>> named("t"), named(None)
    ("'t'", '<this-array>')
    """
    return "<this-array>" if name is None else repr(name)


def refuse_packed(what: str, attrs: Mapping[Any, Any]) -> None:
    """Refuse numbers that are still packed, but have the units of what they unpack to.

    Parameters
    ----------
    what : str
        The variable in words.
    attrs : mapping
        Its attributes.  Those that change nothing, as a factor of 1, are no packing.

    Raises
    ------
    ValueError
        With the attribute.

    Examples
    --------
    >>> refuse_packed("variable 't'", {"scale_factor": 1.0, "add_offset": 0.0, "units": "K"})
    >>> refuse_packed("variable 't'", {"scale_factor": 0.5, "units": "K"})
    Traceback (most recent call last):
      ...
    ValueError: variable 't' has packed numbers, with scale_factor 0.5 in its attributes, and ...
    """
    for key, neutral in (("scale_factor", 1), ("add_offset", 0)):
        if "units" in attrs and np.any(np.asarray(attrs.get(key, neutral)) != neutral):
            raise ValueError(
                f"{what} has packed numbers, with {key} {attrs[key]} in its attributes, and its "
                f"units {attrs['units']!r} are those of unpacked ones; unpack it, as `xr.decode_cf"
                "(ds)` and opening without mask_and_scale=False do, or delete one of the two "
                "attributes"
            )


def _survives(attribute: Hashable) -> bool:
    key = str(attribute).lower()
    return key not in _UNTRUE and not key.startswith(_UNTRUE_PREFIXES)
