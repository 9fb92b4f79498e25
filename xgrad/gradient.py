"""The labelled operation: which variables and dimensions, what the results are called."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any, get_args

import numpy as np
import xarray as xr

from xgrad import coordinates, overlap, units
from xgrad._typing import DatetimeUnit, Dim, EdgeOrder, SpacingLike
from xgrad.coordinates import Spacing
from xgrad.errors import ChunkError, CoordinateError

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


def gradient(
    obj: xr.DataArray | xr.Dataset,
    dim: Dim = None,
    *,
    spacing: SpacingLike = None,
    edge_order: EdgeOrder = 1,
    datetime_unit: DatetimeUnit | None = None,
) -> xr.Dataset:
    """Gradient of labelled data with the numbers of ``numpy.gradient``.

    Central differences inside, one-sided ones at the two edges of each dimension:
    ``f'[i] = (f[i+1] - f[i-1]) / (2 h)`` for even positions, the derivative of the parabola
    through three neighbours for uneven ones.  Dask arrays stay lazy.

    Parameters
    ----------
    obj : DataArray or Dataset
        Data of float, complex, integer or time dtype.  Of a Dataset every such variable that has
        the dimension is differentiated, and the others are left out.
    dim : hashable or iterable of hashable, optional
        Dimensions, or 1-D coordinates along them, to differentiate along.  Default: every
        dimension.
    spacing : mapping, optional
        Per dimension, in place of its coordinate: a scalar step, an array of positions of shape
        ``(n,)``, or the name of a 1-D coordinate.
    edge_order : {1, 2}, default: 1
        Order of accuracy of the differences at the two edges.
    datetime_unit : {"W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as"}, optional
        Unit of time of the result where a coordinate or the data are times.  Default: seconds,
        whatever the resolution of the dtype.

    Returns
    -------
    Dataset
        A variable ``d<name>_d<coord>`` (``d_d<coord>`` without a name) for each variable and each
        of `dim`, in this order.  Shapes, dimensions, coordinates and chunks are those of `obj`;
        inexact dtypes are kept and others become float64.  ``units`` is the quotient of the two
        units where both are known, as in ``K s-1``.

    Raises
    ------
    CoordinateError
        If a name is unknown or given twice, or positions are missing, repeated or unsorted.
    ChunkError
        If the chunk sizes of a dask array are unknown.
    TypeError
        If `obj` is no xarray object, or its values have no differences (bool, str, object).
    ValueError
        If a dimension has fewer than ``edge_order + 1`` cells, or an option is not one of its
        choices.

    See Also
    --------
    numpy.gradient : the same numbers, without labels and in memory.

    References
    ----------
    Quarteroni, Sacco, Saleri, *Numerical Mathematics* (Springer 2007), section 10.10.1.

    Examples
    --------
    >>> import xarray as xr
    >>> da = xr.DataArray(
    ...     [0.0, 1.0, 9.0], coords={"x": [0.0, 1.0, 3.0]}, name="t", attrs={"units": "K"}
    ... )
    >>> gradient(da, "x").dt_dx.values
    array([1., 2., 4.])
    """
    if not isinstance(obj, xr.DataArray | xr.Dataset):
        raise TypeError(
            f"`obj` is a {type(obj).__module__}.{type(obj).__qualname__}; give an xarray DataArray "
            "or Dataset"
        )
    _check_options(edge_order, datetime_unit)
    variables = _variables(obj)
    names = _names(obj, dim, variables)
    spacings = _spacings(obj, names, spacing or {}, datetime_unit or "s")
    for along in spacings:
        if not any(along.dim in variable.dims for variable in variables.values()):
            raise ValueError(f"nothing to differentiate along {along.dim!r}: {_dtypes(obj)}")
    pairs = [
        (name, variable, along)
        for name, variable in variables.items()
        for along in spacings
        if along.dim in variable.dims
    ]
    if datetime_unit is not None and not any(
        along.is_time or variable.dtype.kind in "mM" for _, variable, along in pairs
    ):
        raise ValueError(
            f"`datetime_unit` is {datetime_unit!r}, but neither the data nor a coordinate among "
            f"{[along.name for along in spacings]} is a time; leave it out"
        )
    for name, variable, along in pairs:
        _check_size(name, variable, along, edge_order)
    results: dict[Hashable, xr.Variable] = {}
    for name, variable, along in pairs:
        called = derivative_name(name, along.name)
        if called in results or called in obj.coords or called in obj.dims:
            raise ValueError(
                f"two things would be called {called!r}, one of them the derivative of {name!r} "
                f"with respect to {along.name!r}; rename one"
            )
        results[called] = _derivative(name, variable, along, edge_order, datetime_unit or "s")
    attrs = obj.attrs if isinstance(obj, xr.Dataset) else {}
    return xr.Dataset(results, obj.coords, attrs)


def derivative_name(name: Hashable, coord: Hashable) -> str:
    """Name of a derivative.

    Examples
    --------
    >>> derivative_name("temperature", "time"), derivative_name(None, "time")
    ('dtemperature_dtime', 'd_dtime')
    """
    return f"d{'' if name is None else name}_d{coord}"


def _check_options(edge_order: Any, datetime_unit: Any) -> None:
    if isinstance(edge_order, bool) or edge_order not in (1, 2):
        raise ValueError(f"`edge_order` is {edge_order!r}; give 1 or 2")
    choices = get_args(DatetimeUnit)
    if datetime_unit is not None and datetime_unit not in choices:
        why = ", as months and years have no fixed length" if datetime_unit in ("M", "Y") else ""
        raise ValueError(f"`datetime_unit` is {datetime_unit!r}; give one of {choices}{why}")


def _variables(obj: xr.DataArray | xr.Dataset) -> dict[Hashable, xr.Variable]:
    """What can be differentiated: of a Dataset the numeric variables, a DataArray must be one."""
    if isinstance(obj, xr.Dataset):
        return {
            name: obj.variables[name]
            for name in obj.data_vars
            if _is_numeric(obj.variables[name].dtype)
        }
    if obj.dtype.kind == "b":
        raise TypeError(
            f"data {obj.name!r} is bool, whose differences numpy does not define; cast it with "
            "`.astype(float)`"
        )
    if not _is_numeric(obj.dtype):
        raise TypeError(
            f"data {obj.name!r} has dtype {obj.dtype}; convert it to numbers with `.astype(float)`"
        )
    return {obj.name: obj.variable}


def _is_numeric(dtype: Any) -> bool:
    # A pandas dtype such as Int64 has a kind as well, but its arrays are not numpy's.
    return isinstance(dtype, np.dtype) and dtype.kind in "fciumM"


def _names(
    obj: xr.DataArray | xr.Dataset, dim: Dim, variables: Mapping[Hashable, xr.Variable]
) -> list[Hashable]:
    """The names of the dimensions and coordinates asked for, each once and each of some use."""
    used = [d for d in obj.dims if any(d in variable.dims for variable in variables.values())]
    if dim is None:
        if not used:
            raise ValueError(f"nothing to differentiate: {_dtypes(obj)}")
        return used
    names = list(dim) if isinstance(dim, Iterable) and not isinstance(dim, str) else [dim]
    if not names:
        raise CoordinateError(f"`dim` is empty; {_choices(obj)}")
    for i, name in enumerate(names):
        if name in names[:i]:
            raise CoordinateError(f"`dim` names {name!r} twice: {names}")
        if name not in obj.dims and name not in obj.coords:
            raise CoordinateError(f"`dim` names {name!r}, which does not exist; {_choices(obj)}")
    return names


def _dtypes(obj: xr.DataArray | xr.Dataset) -> str:
    if isinstance(obj, xr.DataArray):
        return f"{obj.name!r} has no dimension"
    found = {name: f"{variable.dtype} {variable.dims}" for name, variable in obj.data_vars.items()}
    return f"no variable is numeric and has a dimension asked for; variables are {found}"


def _choices(obj: xr.DataArray | xr.Dataset) -> str:
    coords = [name for name, coord in obj.coords.items() if coord.ndim == 1]
    others = [name for name in coords if name not in obj.dims]
    also = f", 1-D coordinates {others}" if others else ""
    return f"dimensions are {list(obj.dims)}{also}"


def _spacings(
    obj: xr.DataArray | xr.Dataset,
    names: list[Hashable],
    given: Mapping[Any, Any],
    datetime_unit: DatetimeUnit,
) -> list[Spacing]:
    if not isinstance(given, Mapping):
        raise TypeError(
            f"`spacing` is {given!r}; give a mapping such as {{{names[0]!r}: {given!r}}}"
        )
    for key in given:
        if key not in names:
            raise CoordinateError(
                f"`spacing` names {key!r}, which is not among the dimensions asked for: {names}"
            )
        if key not in obj.dims:
            raise CoordinateError(
                f"`spacing` names {key!r}, which is a coordinate along {obj.coords[key].dims}; "
                "name the dimension"
            )
    spacings = [_spacing(obj, name, given, datetime_unit) for name in names]
    seen: set[Hashable] = set()
    for along in spacings:
        if along.name in seen:
            raise CoordinateError(f"`dim` and `spacing` name {along.name!r} twice: {names}")
        seen.add(along.name)
    return spacings


def _spacing(
    obj: xr.DataArray | xr.Dataset,
    name: Hashable,
    given: Mapping[Any, Any],
    datetime_unit: DatetimeUnit,
) -> Spacing:
    if name in given:
        value = given[name]
        if not isinstance(value, str):
            return coordinates.from_value(name, obj.sizes[name], value, datetime_unit)
        if value not in obj.coords:
            raise CoordinateError(
                f"`spacing` for {name!r} names {value!r}, which is no coordinate; {_choices(obj)}"
            )
        return coordinates.from_coordinate(obj.coords[value], datetime_unit, dim=name)
    if name in obj.coords:
        return coordinates.from_coordinate(obj.coords[name], datetime_unit)
    return coordinates.along_index(name)


def _check_size(name: Hashable, variable: xr.Variable, along: Spacing, edge_order: int) -> None:
    size = variable.sizes[along.dim]
    if np.isnan(size):
        raise ChunkError(
            f"variable {name!r} has unknown chunk sizes along {along.dim!r}, so that its edges "
            "cannot be found; call `.compute_chunk_sizes()` on the dask array first"
        )
    if size < edge_order + 1:
        raise ValueError(
            f"dimension {along.dim!r} of {name!r} has size {size}; `edge_order={edge_order}` "
            f"needs at least {edge_order + 1}"
        )


def _derivative(
    name: Hashable,
    variable: xr.Variable,
    along: Spacing,
    edge_order: int,
    datetime_unit: DatetimeUnit,
) -> xr.Variable:
    times = variable.dtype.kind in "mM"
    # The kernel gives seconds for times as data; another unit stretches the steps by as much.
    steps = along.steps
    if times:
        steps = np.multiply(steps, coordinates.seconds(datetime_unit), dtype=np.float64)
    data = overlap.differentiate(variable.data, steps, variable.get_axis_num(along.dim), edge_order)
    own_units = units.OF_TIME[datetime_unit] if times else variable.attrs.get("units")
    attrs = {key: value for key, value in variable.attrs.items() if _survives(key)}
    if isinstance(own_units, str) and isinstance(along.units, str):
        attrs["units"] = units.quotient(own_units, along.units)
    label = variable.attrs.get("long_name") or ("data" if name is None else name)
    attrs["long_name"] = f"derivative of {label} with respect to {along.label}"
    return xr.Variable(variable.dims, data, attrs)


def _survives(attribute: Hashable) -> bool:
    return attribute not in _OF_THE_VALUES and not str(attribute).startswith("GRIB_")
