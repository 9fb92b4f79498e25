"""What is held constant instead of the index along a dimension: heights, pressures, densities."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from xgrad._typing import AnyArray
from xgrad.arrays import engines
from xgrad.arrays.term import Held
from xgrad.errors import CoordinateError, CoordinateWarning, warn
from xgrad.labels import fits, formula_terms, lookup
from xgrad.labels.attributes import named
from xgrad.labels.options import Options
from xgrad.labels.spacing import Spacing
from xgrad.labels.suggestions import did_you_mean
from xgrad.operators.direction import Direction

_NOT_MONOTONIC = "is not strictly monotonic, or has a missing value inside"


class Constant(NamedTuple):
    """What is held constant along a dimension.

    Attributes
    ----------
    dim : hashable
        The dimension, whose index is not held.
    name : hashable
        Of the heights or the like.
    heights : Variable
        Of numbers, with the dimension and others.
    made_of : tuple of hashable
        Names of the variables that they are computed from.
    """

    dim: Hashable
    name: Hashable
    heights: xr.Variable
    made_of: tuple[Hashable, ...]

    def holds(self, variable: xr.Variable, dim: Hashable) -> bool:
        """Whether a derivative of a variable along a dimension differs from that along levels."""
        return self.dim in variable.dims and dim != self.dim and dim in self.heights.dims


def resolved(
    obj: xr.DataArray | xr.Dataset, variables: Mapping[Hashable, xr.Variable],
    spacings: Iterable[Spacing], jointly: Iterable[Direction], options: Options,
) -> Options:  # fmt: skip
    """Options with what is held constant as checked :class:`Constant`, by dimension.

    Parameters
    ----------
    obj : DataArray or Dataset
        Has the coordinates.
    variables : mapping
        The variables to differentiate.
    spacings : iterable of Spacing
        What is differentiated along.
    jointly : iterable of Direction
        Multi-dimensional coordinates that are the independent variables.
    options : Options
        With real names.

    Raises
    ------
    CoordinateError, TypeError, ValueError
        If nothing can be held constant.
    """
    if not options.constant:
        return options
    found = {}
    for dim, value in options.constant.items():
        if dim not in obj.dims:
            raise CoordinateError(
                f"`constant` names {dim!r}, which is not a dimension; give the dimension of "
                f"the levels, one of {list(obj.dims)}"
                f"{did_you_mean(dim, obj.dims)}"
            )
        one = Constant(dim, *_heights(obj, dim, value))
        _check(obj, one)
        found[dim] = one
    along = list(spacings)
    _refuse_its_dimension(found, along, {own for one in jointly for own in one.dims})
    _refuse_variables(found, variables, along)
    _refuse_schemes(options)
    return options.holding(found)


def _heights(
    obj: xr.DataArray | xr.Dataset, dim: Hashable, value: Any
) -> tuple[Hashable, xr.Variable, tuple[Hashable, ...]]:
    """The name of the heights, the heights, and the variables they are computed from."""
    made_of: tuple[Hashable, ...] = ()
    known = obj.coords if isinstance(obj, xr.DataArray) else obj.variables
    if isinstance(value, str) and value == formula_terms.ATTRIBUTE and value not in known:
        made_of = formula_terms.names_of(obj, dim)
        value = formula_terms.decoded(obj, dim)
    if isinstance(value, str):
        if value not in known:
            raise CoordinateError(
                f"`constant` for {dim!r} names {value!r}, which does not exist"
                f"{did_you_mean(value, known)}; {lookup.choices(obj)}; or give a DataArray"
            )
        return value, obj[value].variable, (value,)
    if not isinstance(value, xr.DataArray):
        raise TypeError(
            f"`constant` for {dim!r} is a {type(value).__name__}; give the name of a coordinate or "
            "a DataArray, such as that of the heights"
        )
    name = dim if value.name is None else value.name
    return name, value.variable, made_of or (name,)


def _check(obj: xr.DataArray | xr.Dataset, one: Constant) -> None:
    """Refuse what cannot be held constant."""
    what, heights = f"`constant` for {one.dim!r}: {one.name!r}", one.heights
    if engines.is_lazy(heights._data):
        engines.refuse_other_kinds(what, heights._data)
    engines.refuse_as_positions(what, heights._data)
    if one.dim not in heights.dims:
        raise CoordinateError(
            f"{what} has dimensions {heights.dims} without {one.dim!r}; give what varies along "
            "it, such as the height of each level"
        )
    if heights.dtype.kind not in "iuf":
        raise CoordinateError(f"{what} has dtype {heights.dtype}; it must hold numbers")
    if heights.sizes[one.dim] < 2:
        raise CoordinateError(
            f"{what} has one level, and at least two are needed to interpolate; leave `constant` "
            "out for the derivative along the level"
        )
    for dim, size in heights.sizes.items():
        if dim in obj.sizes and obj.sizes[dim] != size:
            raise CoordinateError(
                f"{what} has size {size} along {dim!r}, but the data have {obj.sizes[dim]}; select "
                "the same cells of both"
            )


def _refuse_its_dimension(
    found: Mapping[Hashable, Constant], along: list[Spacing], others: set[Hashable]
) -> None:
    """Refuse a derivative along what is held constant, unless it is with respect to the heights."""
    for one in along:
        own = found.get(one.dim)
        if own is not None and (one.positions is None or one.name != own.name):
            raise CoordinateError(
                f"`constant` is given for {one.dim!r}, which is differentiated along, so that "
                f"{own.name!r} cannot be constant; leave {one.dim!r} out of `dim`, or give "
                f"`spacing={{{one.dim!r}: {own.name!r}}}` for the derivative with respect to it"
            )
        if one.positions is not None and own is None and _holds_any(found, one):
            raise CoordinateError(
                f"positions {one.name!r} along {one.dim!r} have several dimensions, which cannot "
                "be combined with `constant`; leave one of them out"
            )
    for dim in others & set(found):
        raise CoordinateError(
            f"`constant` is given for {dim!r}, a dimension of the coordinates in `dim`, whose "
            "derivatives hold the other coordinates constant; leave `constant` out"
        )


def _holds_any(found: Mapping[Hashable, Constant], along: Spacing) -> bool:
    return any(along.dim in one.heights.dims for one in found.values())


def _refuse_variables(
    found: Mapping[Hashable, Constant], variables: Mapping[Hashable, xr.Variable],
    along: list[Spacing],
) -> None:  # fmt: skip
    """Refuse what derivatives at constant height cannot be."""
    if not any(one.dim in v.dims for one in found.values() for v in variables.values()):
        raise CoordinateError(
            f"`constant` names {list(found)}, which none of the variables has: "
            f"{ {name: v.dims for name, v in variables.items()} }; leave it out"
        )
    for name, variable in variables.items():
        own = [one for one in found.values() if one.dim in variable.dims]
        if len(own) > 1:
            raise CoordinateError(
                f"`constant` names {[one.dim for one in own]}, and {named(name)} has all of them; "
                "give one of them"
            )
        held = [one for one in own for k in along if one.holds(variable, k.dim)]
        if held and variable.dtype.kind in "mM":
            raise TypeError(
                f"{named(name)} has dtype {variable.dtype}, but times as data cannot be "
                "interpolated to a constant height; subtract a time and divide by a unit first"
            )


def held_for(
    name: Hashable, variable: xr.Variable, along: Spacing, options: Options, spread: Any
) -> Held | None:
    """What is held constant in a derivative of a variable along a dimension.

    Parameters
    ----------
    name : hashable
        Name of the variable.
    variable : Variable
        The data.
    along : Spacing
        What is differentiated along.
    options : Options
        From :func:`resolved`.
    spread : callable
        Expands the heights to the dimensions of the data.
    """
    for one in (options.constant or {}).values():
        if one.holds(variable, along.dim):
            _refuse_distances(one, along)
            _refuse_schemes(options)  # those of a Hessian differ from the options of the user
            extra = [d for d in one.heights.dims if d not in variable.dims]
            if extra:
                raise CoordinateError(
                    f"`constant` for {one.dim!r}: {one.name!r} depends on {extra}, which "
                    f"{named(name)} with {variable.dims} does not have; interpolate one to the "
                    "grid of the other, or select one index along them"
                )
            axis, by = variable.get_axis_num(one.dim), options.constant_by
            array = spread(one.heights, variable.dims, name)
            complain = partial(_complain, one, bool(options.validate))
            return Held(array, axis, by, one.name, complain, one.made_of)
    return None


def _refuse_schemes(options: Options) -> None:
    """Refuse schemes that are not for neighbours at constant height."""
    others = [
        f"`{name}={getattr(options, name)!r}`"
        for name, default in (("accuracy", 2), ("order", 1), *((one, None) for one in fits.SIZES))
        if getattr(options, name) not in (default, {})
    ]
    if options.skipna and others:
        raise ValueError(
            f"`skipna=True` with {' and '.join(others)} cannot be combined with `constant`; leave "
            "out `skipna`"
        )
    if options.constant_by == "chain" and options.order != 1:
        raise ValueError(
            f"`constant_by='chain'` is for first derivatives, but the order is {options.order}; "
            "give 'interpolation' or 'linear'"
        )


def _refuse_distances(one: Constant, along: Spacing) -> None:
    """Refuse distances along a curvilinear grid: each row has a stencil of its own."""
    if along.positions is not None:
        raise CoordinateError(
            f"`constant` for {one.dim!r}: {one.name!r} cannot be held along the distances on the "
            f"Earth that `metric` takes along {along.dim!r}, which differ from row to row; name "
            "the longitude and the latitude in `dim` for the derivatives eastward and northward"
        )


def words(variable: xr.Variable, dims: Iterable[Hashable], options: Options) -> str:
    """What is held constant, for the ``long_name`` of a result; empty if nothing is.

    Parameters
    ----------
    variable : Variable
        The data.
    dims : iterable of hashable
        What is differentiated along.
    options : Options
        From :func:`resolved`.
    """
    every = (options.constant or {}).values()
    held = {str(one.name): None for one in every for dim in dims if one.holds(variable, dim)}
    return f" at constant {' and '.join(held)}" if held else ""


def _complain(one: Constant, refuse: bool) -> None:
    """Refuse, or warn of, heights in memory that are not monotonic in some columns."""
    fault, where = _first_bad(one)
    if refuse:
        raise CoordinateError(
            f"`constant` for {one.dim!r}: {one.name!r} {fault}, in the column {where}; correct it, "
            "or give `validate=False` to get NaN in such columns"
        )
    warn(
        f"`constant` for {one.dim!r}: {one.name!r} {fault}, in columns such as {where}: "
        "derivatives there are NaN",
        CoordinateWarning,
    )


def _first_bad(one: Constant) -> tuple[str, str]:
    """What is wrong with the first column that is not strictly monotonic, and where it is."""
    others = [dim for dim in one.heights.dims if dim != one.dim]
    columns = one.heights.transpose(*others, one.dim).values
    for index in np.ndindex(columns.shape[:-1]):
        if fault := _fault(columns[index]):
            return fault, ", ".join(f"{dim}={k}" for dim, k in zip(others, index, strict=True))
    return _NOT_MONOTONIC, "where data are missing"


def _fault(column: AnyArray) -> str:
    """What is wrong with a column; empty if nothing is."""
    from xgrad.kernels.constant_height_columns import FARTHEST, NEAREST  # noqa: PLC0415  numba

    there = np.flatnonzero(np.isfinite(column))
    if there.size < 2:
        return ""
    steps = np.diff(column[there[0] : there[-1] + 1].astype(np.float64))
    if not ((steps > 0).all() or (steps < 0).all()):
        return _NOT_MONOTONIC
    if abs(steps).min() > NEAREST and abs(steps).max() < FARTHEST:
        return ""
    return f"has steps below {NEAREST} or above {FARTHEST}, where its differences underflow"
