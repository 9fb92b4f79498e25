"""Quantities of pint in and out, and results in the unit asked for; pint is imported if needed."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Callable, Hashable, Iterator, Mapping
from fractions import Fraction
from tokenize import TokenError
from typing import Any, NamedTuple, Self, TypeVar

import xarray as xr

from xgrad.labels.cf import are_degrees
from xgrad.labels.units import read

_Result = TypeVar("_Result", xr.DataArray, xr.Dataset)

# Marks the variables of a Dataset that were quantities while an operation runs: an operation copies
# attributes from a variable to its result.
_MARK = "xgrad_was_a_quantity"

# The errors that pint raises for a text that is not a unit: AttributeError for an unknown name, and
# those of Python's tokenizer and operators, with which it reads the text.
_UNREADABLE = (
    AttributeError, TypeError, ValueError, LookupError, ArithmeticError, AssertionError, TokenError,
)  # fmt: skip


class Step(float):
    """A Python number with a unit: as weak in numpy's promotion as one without a unit.

    Examples
    --------
    >>> Step(0.5, "meter").attrs
    {'units': 'meter'}
    """

    attrs: dict[str, str]

    def __new__(cls, value: float, units: str) -> Self:
        """Make one."""
        step = super().__new__(cls, value)
        step.attrs = {"units": units}
        return step


def through(
    obj: xr.DataArray | xr.Dataset, operation: Callable[[Any], _Result], units: str | None = None
) -> _Result:
    """Run an operation on plain numbers, for quantities as well.

    Parameters
    ----------
    obj : DataArray or Dataset
        Data and coordinates may be quantities, also lazy ones.
    operation : callable
        Takes `obj` with plain numbers and ``units`` in the attributes, and returns a DataArray or
        Dataset with ``units`` in its attributes.
    units : str, optional
        Unit to convert the result to.

    Returns
    -------
    DataArray or Dataset
        The result of `operation`.  Results of quantities are quantities of the same registry if
        their unit is known, and coordinates are those of `obj`.  If only some variables of a
        Dataset are quantities, the results that keep the attributes of these are quantities.

    Raises
    ------
    ImportError
        If `units` needs a package that is not installed.
    ValueError
        If `units` is not a unit, or the result cannot be converted to it.
    TypeError
        If `units` is not a string, or a dask array holds quantities (a quantity may hold a dask
        array).

    Examples
    --------
    >>> import pint
    >>> metres = xr.DataArray(pint.Quantity([1.0, 2.0], "m"), dims="x")
    >>> last = through(metres, lambda plain: plain[1:]).data
    >>> last.magnitude, str(last.units)
    (array([2.]), 'meter')
    """
    own = _registry(obj)
    if own is None and units is None:
        return operation(obj)
    registry = _udunits(units) if own is None else own
    target = None if units is None else _target(units, registry)
    result: Any = operation(obj if own is None else _stripped(obj))
    every = own is not None and _is_all_quantities(obj)

    def finished(name: Hashable, variable: xr.Variable) -> xr.Variable:
        if target is not None:
            variable = _converted(name, variable, registry, target, units)
        attrs = dict(variable.attrs)
        was_one = attrs.pop(_MARK, every)
        unit = _unit(attrs.get("units"), registry) if was_one else None
        data: Any = variable._data
        if unit is not None and unit.scale == 1:  # a unit of pint has no number in front
            del attrs["units"]
            data = registry.Quantity(data, unit.unit)
        return xr.Variable(variable.dims, data, attrs, variable.encoding)

    if isinstance(result, xr.DataArray):
        variable = finished(result.name, result.variable)
        result = xr.DataArray(variable, result.coords, name=result.name)
        result.encoding = variable.encoding
    else:
        result = result.assign({name: finished(name, result.variables[name]) for name in result})
    done: _Result = _with_the_quantities(result, obj)
    return done


def is_quantity(value: Any) -> bool:
    """Whether a value is a quantity of pint, which is not imported: whoever has one has done so.

    Examples
    --------
    >>> is_quantity(3.0)
    False
    """
    pint = sys.modules.get("pint")
    return pint is not None and isinstance(value, pint.Quantity)


def positions(spacing: Mapping[Any, Any] | None) -> dict[Any, Any] | None:
    """``spacing`` with numbers that carry ``units`` instead of quantities.

    Parameters
    ----------
    spacing : mapping or None
        Per dimension a step, positions or a name.

    Examples
    --------
    >>> import pint
    >>> positions({"x": pint.UnitRegistry().Quantity(0.5, "km"), "y": "uniform"})
    {'x': 0.5, 'y': 'uniform'}
    """
    if not isinstance(spacing, Mapping):
        return spacing
    return {dim: _position(dim, value) for dim, value in spacing.items()}


def number_in(quantity: Any, units: Any, what: str, of: str = "its positions") -> float:
    """The magnitude of a quantity in a unit.

    Parameters
    ----------
    quantity : Quantity
        One number.
    units : str or anything
        Unit as the CF conventions write it, if it is known.
    what : str
        The quantity in words, for the message.
    of : str, default: "its positions"
        What has this unit.

    Raises
    ------
    ValueError
        If the unit is unknown, or measures something else.

    Examples
    --------
    >>> import pint
    >>> number_in(pint.Quantity(1.0, "km"), "m", "`period`")
    1000.0
    """
    registry = quantity._REGISTRY
    # All of these are widths: 1 degC is one degree, not 274.15 K.
    quantity = registry.Quantity(quantity.magnitude, _product(quantity.unit_items(), registry))
    unit = _unit(units, registry)
    if unit is None or not unit.unit.is_compatible_with(quantity.units):
        raise ValueError(
            f"{what} is {quantity}, but the unit of {of} is {units!r}; give a quantity "
            "that converts to this unit, or a number"
        )
    return float(quantity.to(unit.unit).magnitude / float(unit.scale))


def refuse_offsets(obj: xr.DataArray | xr.Dataset, units: Any) -> None:
    """Refuse to convert values whose unit has an offset, such as degC; :func:`through` would not.

    That function treats all results as differences, which smoothed values are not.

    Parameters
    ----------
    obj : DataArray or Dataset
        Data may be quantities.
    units : str or None
        Unit to convert the result to.

    Raises
    ------
    ValueError
        If the data are quantities in such a unit, or if `units` differs from the unit of the data
        and one of the two has an offset.
    """
    names = [obj.name] if isinstance(obj, xr.DataArray) else list(obj.data_vars)
    variables = (
        [obj.variable] if isinstance(obj, xr.DataArray) else [obj[n].variable for n in names]
    )
    own = _registry(obj)
    if own is None and units is None:
        return
    registry = _udunits(units) if own is None else own
    for name, variable in zip(names, variables, strict=True):
        data: Any = variable._data
        unit = str(data.units) if is_quantity(data) else variable.attrs.get("units")
        if is_quantity(data) and _has_offset(unit, registry):
            raise ValueError(
                f"{name!r} is a quantity in {unit}, a unit with an offset, but xgrad converts "
                "results as differences; convert it first, with `.pint.to('kelvin')`"
            )
        if units is not None and units != unit:
            for one in (units, unit):
                if _has_offset(one, registry):
                    raise ValueError(
                        f"`units` is {units!r} and {name!r} is in {unit!r}, but {one!r} has an "
                        "offset, so values do not convert like differences; leave `units` out, "
                        "and convert the result"
                    )


def _has_offset(text: Any, registry: Any) -> bool:
    try:
        return bool(registry.Quantity(0.0, text).to_base_units().magnitude != 0)
    except _UNREADABLE:
        return False


def _position(dim: Any, value: Any) -> Any:
    if isinstance(value, xr.DataArray | xr.Variable):
        return _stripped(xr.DataArray(value)) if _registry(value) is not None else value
    if not is_quantity(value):
        return value
    magnitude, units = value.magnitude, _text(value)
    if isinstance(magnitude, int | float) and not hasattr(magnitude, "dtype"):
        return Step(magnitude, units)
    if getattr(magnitude, "ndim", 2) > 1:
        return magnitude  # its dimensions have no names: refused later on
    return xr.DataArray(magnitude, dims=(dim,)[: magnitude.ndim], attrs={"units": units})


def _held(obj: Any) -> Iterator[tuple[Hashable, Any]]:
    """Names and arrays of all variables, data first, then coordinates."""
    # Not `.data`, which would load a variable of an open file.
    if isinstance(obj, xr.Dataset):
        yield from ((name, obj.variables[name]._data) for name in obj.data_vars)
    elif isinstance(obj, xr.DataArray):
        yield obj.name, obj.variable._data
    elif isinstance(obj, xr.Variable):
        yield "", obj._data
    if isinstance(obj, xr.Dataset | xr.DataArray):
        yield from ((name, one._data) for name, one in obj.coords.variables.items())


def _registry(obj: Any) -> Any:
    """The registry of the first quantity; None if there are no quantities."""
    found = None
    for name, data in _held(obj):
        if is_quantity(data):
            found = data._REGISTRY if found is None else found
        elif is_quantity(getattr(data, "_meta", None)):
            raise TypeError(
                f"{name!r} is a dask array of quantities, whose unit dask does not know; make it a "
                "quantity of a dask array: chunk it before `.pint.quantify`, or with `.pint.chunk`"
            )
    return found


def _is_all_quantities(obj: xr.DataArray | xr.Dataset) -> bool:
    if isinstance(obj, xr.DataArray):
        return is_quantity(obj.variable._data)
    data = [obj.variables[name] for name in obj.data_vars]
    return all(is_quantity(one._data) for one in data if one.dtype.kind in "iufcmM")


def _quantified(obj: xr.DataArray | xr.Dataset) -> list[Hashable]:
    return [name for name, one in obj.coords.variables.items() if is_quantity(one._data)]


def _stripped(obj: Any) -> Any:
    """Magnitudes, with their units as text."""

    def plain(variable: xr.Variable, **mark: bool) -> xr.Variable:
        data: Any = variable._data
        if not is_quantity(data):
            return variable
        attrs = {**variable.attrs, "units": _text(data), **mark}
        return xr.Variable(variable.dims, data.magnitude, attrs, variable.encoding)

    names = _quantified(obj)
    # pint-xarray's index holds a plain one, which need not be built again.
    inner = {name: getattr(obj.xindexes.get(name), "index", None) for name in names}
    indexes = {name: index for name, index in inner.items() if isinstance(index, xr.Index)}
    coords = xr.Coordinates({name: plain(obj.coords[name].variable) for name in names}, indexes)
    obj = obj.assign_coords(coords)
    if isinstance(obj, xr.DataArray):
        found = xr.DataArray(plain(obj.variable), obj.coords, name=obj.name)
        found.encoding = obj.encoding
        return found
    held = [name for name in obj.data_vars if is_quantity(obj.variables[name]._data)]
    return obj.assign({name: plain(obj.variables[name], **{_MARK: True}) for name in held})


def _with_the_quantities(result: Any, obj: xr.DataArray | xr.Dataset) -> Any:
    """Restore the quantities, and the indexes, of the coordinates of the input."""
    names = [
        name
        for name in _quantified(obj)
        if name in result.coords and result.coords[name].sizes == obj.coords[name].sizes
    ]
    if not names:
        return result
    others = [name for name in obj.coords if name not in names]
    return result.assign_coords(obj.coords.to_dataset().drop_vars(others).coords)


def _text(quantity: Any) -> str:
    """Its unit as CF writes it, or as one name in brackets if CF cannot write it."""
    units = _product(quantity.unit_items(), quantity._REGISTRY)
    items = list(quantity._REGISTRY.Quantity(1.0, units).unit_items())
    if all(power == int(power) and not re.search(r"\W|\d", name) for name, power in items):
        powers = [(name, int(power)) for name, power in items]
        return " ".join(name + (str(power) if power != 1 else "") for name, power in powers) or "1"
    return "(" + " * ".join(f"{name} ** {float(power)}" for name, power in items) + ")"


def _product(items: Any, registry: Any) -> Any:
    """Unit of differences: a unit with an offset, such as degrees Celsius, becomes its delta."""
    product = registry.Unit("dimensionless")
    for name, power in items:
        one = registry.Quantity(1.0, name)
        product = product * (one - one).units ** power
    return product


class _Unit(NamedTuple):
    """A unit of a registry, and the number in front of it."""

    scale: Fraction
    unit: Any


def _unit(text: Any, registry: Any) -> _Unit | None:
    """The unit that a registry reads in a text; None if it cannot read it."""
    if not isinstance(text, str):
        return None
    try:
        scale, powers = read(text)
        known = [(_parsed(name, registry), power) for name, power in powers.items()]
        items = [
            (name, power * outer)
            for unit, outer in known
            for name, power in registry.Quantity(1.0, unit).unit_items()
        ]
        return _Unit(scale, _product(items, registry))
    except _UNREADABLE:
        return None


def _parsed(name: str, registry: Any) -> Any:
    try:
        return registry.Unit(name)
    except AttributeError:
        if not are_degrees(name):
            raise
        return registry.Unit("degree")


def _udunits(units: Any) -> Any:
    """cf_xarray's registry, which reads units as UDUNITS does."""
    try:
        import pint  # noqa: PLC0415

        # Importing cf_xarray's registry makes it that of the whole process: undone here.
        before = pint.get_application_registry().get()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it wants matplotlib
            from cf_xarray.units import units as registry  # noqa: PLC0415
        pint.set_application_registry(before)
    except ImportError as error:
        raise ImportError(
            f"`units` is {units!r}, and conversion needs pint and cf_xarray: "
            "`pip install 'xgrad[units]'`"
        ) from error
    return registry


def _target(units: Any, registry: Any) -> _Unit:
    if not isinstance(units, str):
        raise TypeError(f"`units` is {units!r}; give a string such as 'K km-1'")
    unit = _unit(units, registry)
    if unit is None:
        raise ValueError(
            f"`units` is {units!r}, which pint does not know; give a unit such as 'K km-1'"
        )
    return unit


def _converted(
    name: Hashable, variable: xr.Variable, registry: Any, target: _Unit, units: Any
) -> xr.Variable:
    own: Any = variable.attrs.get("units")
    unit = _unit(own, registry)
    if unit is None:
        known = "unknown" if own is None else f"{own!r}, which pint does not know"
        raise ValueError(
            f"`units` is {units!r}, but the unit of {name!r} is {known}; set `attrs['units']` of "
            "the data and of the coordinate, or leave `units` out"
        )
    if not unit.unit.is_compatible_with(target.unit):
        raise ValueError(
            f"`units` is {units!r}, but {name!r} is in {own!r}, which does not convert to it; give "
            "a unit of the same dimension"
        )
    # A Python number, weak in promotion, keeps the dtype.
    # The numbers in front are divided exactly: 1 / 1e-5 is 100000.
    factor = float(unit.scale / target.scale) * float((1.0 * unit.unit).to(target.unit).magnitude)
    data: Any = variable._data
    attrs = {**variable.attrs, "units": units}
    return xr.Variable(variable.dims, data * factor, attrs, variable.encoding)
