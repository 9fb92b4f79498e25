"""Which variables of an object are numbers or times, and can be differentiated."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np
import xarray as xr

from xgrad.errors import CoordinateWarning, warn
from xgrad.labels import times


def variables_of(obj: xr.DataArray | xr.Dataset) -> dict[Hashable, xr.Variable]:
    """The numeric variables of a Dataset, or a DataArray, which must be numeric.

    Times that are objects of cftime become durations.

    Parameters
    ----------
    obj : DataArray or Dataset
        Its coordinates do not count.

    Raises
    ------
    TypeError
        If a DataArray is not numeric.
    ValueError
        If a DataArray has a dimension twice, or one whose name is a tuple; such variables of a
        Dataset are left out.

    Examples
    --------
    >>> list(variables_of(xr.Dataset({"t": ("x", [0.0]), "name": ("x", ["a"])})))
    ['t']
    """
    if isinstance(obj, xr.Dataset):
        each = {name: times.as_durations(obj.variables[name]) for name in obj.data_vars}
        return {
            name: variable
            for name, variable in each.items()
            if _is_numeric(variable.dtype) and _unusable(variable) is None
        }
    if obj.dtype.kind == "b":
        raise TypeError(
            f"data {obj.name!r} is bool, which numpy cannot subtract; convert it to numbers with "
            "`.astype(float)`"
        )
    variable = times.as_durations(obj.variable)
    if not _is_numeric(variable.dtype):
        remedy = times.remedy_for_data(variable)
        raise TypeError(f"data {obj.name!r} has dtype {obj.dtype}; {remedy}")
    if why := _unusable(variable):
        raise ValueError(f"data {obj.name!r} cannot be differentiated: {why}")
    return {obj.name: variable}


def _unusable(variable: xr.Variable) -> str | None:
    """Why a variable cannot be differentiated by the names of its dimensions; None if it can."""
    dims = variable.dims
    for dim in dims:
        if dims.count(dim) > 1:
            remedy = "rename one, as in `xr.DataArray(obj.values, dims=...)`"
            return f"it has dimensions {dims}, of which {dim!r} is there twice; {remedy}"
        if isinstance(dim, tuple):
            remedy = f"rename it, as in `obj.rename({{{dim!r}: 'name'}})`"
            return f"its dimension {dim!r} is a tuple, which xarray takes for several; {remedy}"
    return None


def warn_of_unusable(obj: Any, dims: Iterable[Hashable]) -> None:
    """Warn of variables of a Dataset that are left out because of the names of their dimensions.

    Parameters
    ----------
    obj : DataArray or Dataset
        A DataArray has been checked before.
    dims : iterable of hashable
        Dimensions that are differentiated along.
    """
    for name in obj.data_vars if isinstance(obj, xr.Dataset) else ():
        own = obj.variables[name]
        if set(own.dims) & set(dims) and (why := _unusable(own)):
            warn(f"variable {name!r} is left out: {why}", CoordinateWarning)


def _is_numeric(dtype: Any) -> bool:
    # A pandas dtype such as Int64 also has a kind, but its arrays are not numpy arrays.
    return isinstance(dtype, np.dtype) and dtype.kind in "fciumM"
