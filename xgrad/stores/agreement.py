"""What several files must have in common to be one source: values, units and packing."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import xarray as xr

from xgrad.stores.urls import shown

# Variables of more bytes are compared by their shapes, types and attributes.
_IN_FULL = 2**24
# Without them, numbers of the same variable may mean different things.
_MEANING = ("units", "calendar", "scale_factor", "add_offset")
# Attributes with these names differ from file to file and say nothing about the numbers.
_OF_THE_FILE = frozenset({"actual_range", "valid_range", "valid_min", "valid_max", "history"})


def require_the_same_meaning(datasets: Sequence[xr.Dataset], names: Sequence[str]) -> None:
    """Refuse files in which the numbers of a variable have different units or packing.

    Raises
    ------
    ValueError
        With the variable, both files and what differs.

    Examples
    --------
    >>> files = [xr.Dataset({"t": ("x", [1.0], {"units": one})}) for one in ("K", "degC")]
    >>> require_the_same_meaning(files, ["a.nc", "b.nc"])
    Traceback (most recent call last):
      ...
    ValueError: `source`: 't' has the units 'K' in 'a.nc', but 'degC' in 'b.nc'; convert one of them
    """
    known: dict[tuple[Hashable, str], tuple[Any, str]] = {}
    for own, where in zip(datasets, names, strict=True):
        for name, variable in own.variables.items():
            found = {f"the {key} ": _plain(variable.attrs.get(key)) for key in _MEANING}
            for key, value in {"": _kind(variable), **found}.items():
                before, there = known.setdefault((name, key), (value, where))
                if not np.array_equal(before, value):
                    one, other = (f"{key}{v!r}" if key else v for v in (before, value))
                    raise ValueError(
                        f"`source`: {name!r} has {one} in {shown(there)!r}, but "
                        f"{other.removeprefix(key)} in {shown(where)!r}; convert one of them"
                    )


def _kind(variable: xr.Variable) -> str:
    """What values are, in words.  Times of a calendar are not read for it.

    Examples
    --------
    >>> _kind(xr.Variable("x", np.array([0], "M8[s]"))), _kind(xr.Variable("x", [1.0]))
    ('times', 'numbers')
    """
    if variable.dtype.kind == "O" and (calendar := variable.encoding.get("calendar")):
        return f"times of the calendar {calendar!r}"
    kinds = {"M": "times", "m": "spans of time", "O": "texts", "S": "texts", "U": "texts"}
    return kinds.get(variable.dtype.kind, "numbers")


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def require_the_same_values(datasets: Sequence[xr.Dataset], names: Sequence[str]) -> None:
    """Refuse files that have different values of a variable for the same cells.

    Parameters
    ----------
    datasets : sequence of Dataset
        They combine by their coordinates.
    names : sequence of str
        Those of the files, for messages.

    Raises
    ------
    ValueError
        With the variable, both files and the first difference.

    Examples
    --------
    >>> files = [xr.Dataset(coords={"x": [k], "height": h}) for k, h in enumerate((2.0, 10.0))]
    >>> require_the_same_values(files, ["a.nc", "b.nc"])
    Traceback (most recent call last):
      ...
    ValueError: `source`: 'height' is 2.0 in 'a.nc', but 10.0 in 'b.nc'; correct one of them, or ...
    """
    known: dict[tuple[Any, ...], tuple[xr.Variable, str]] = {}
    for own, where in zip(datasets, names, strict=True):
        for name, variable in own.variables.items():
            if name in own.xindexes:
                continue
            place = (name, *begins(own, variable.dims))
            before, there = known.setdefault(place, (variable, where))
            if before is variable:
                continue
            if before.nbytes <= _IN_FULL:
                before = before.copy(deep=False).load()  # once, not for each file
                known[place] = before, there
            found = difference(before, variable)
            if found is not None:
                at, one, other = found
                raise ValueError(
                    f"`source`: {name!r}{at} is {one} in {shown(there)!r}, but {other} in "
                    f"{shown(where)!r}; correct one of them, or leave it out with drop_variables "
                    "in `open_options`"
                )


def begins(data: xr.Dataset, dims: Sequence[Hashable]) -> tuple[tuple[Hashable, Any], ...]:
    """Where a file begins along some dimensions, which says which of its cells are in others too.

    Examples
    --------
    >>> begins(xr.Dataset(coords={"x": [3, 4], "y": [0]}), ["x"])
    (('x', np.int64(3)),)
    """
    ordered = sorted((dim for dim in dims if dim in data.xindexes and data.sizes[dim]), key=str)
    return tuple((dim, data.indexes[dim][0]) for dim in ordered)


def difference(one: xr.Variable, other: xr.Variable) -> tuple[str, Any, Any] | None:
    """Where two variables differ first, and what each has there; None where they are the same.

    Examples
    --------
    >>> difference(xr.Variable("x", [1.0, np.nan, 3]), xr.Variable("x", [1.0, np.nan, 4]))
    (' at x=2', '3.0', '4.0')
    """
    if dict(one.sizes) != dict(other.sizes):
        return " in its shape", dict(one.sizes), dict(other.sizes)
    other = other.transpose(*one.dims)
    if max(one.nbytes, other.nbytes) > _IN_FULL:
        return _in_outline(one, other)
    a, b = one.values, other.values
    same = np.asarray(a == b) | (one.isnull().values & other.isnull().values)
    if same.all():
        return None
    at = np.unravel_index(int(np.argmin(same)), same.shape)
    where = ", ".join(f"{dim}={k}" for dim, k in zip(one.dims, at, strict=True))
    return f" at {where}" if where else "", str(a[at]), str(b[at])


def _in_outline(one: xr.Variable, other: xr.Variable) -> tuple[str, Any, Any] | None:
    if one.dtype != other.dtype:
        return " in its dtype", one.dtype, other.dtype
    for key in (*one.attrs, *other.attrs):
        a, b = _plain(one.attrs.get(key)), _plain(other.attrs.get(key))
        if key not in _OF_THE_FILE and not np.array_equal(a, b):
            return f" in its attribute {key!r}", repr(a), repr(b)
    return None
