"""Results → labelled arrays, for plain numbers and for quantities."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import xarray as xr

from xgrad.arrays.combine import combine, combine_pair
from xgrad.labels import quantities
from xgrad.labels.options import Options
from xgrad.operators.result import Result


def values_of(result: Result) -> Any:
    """Compute the array of a result, lazily if an operand is lazy."""
    arrays = {name: variable.data for name, variable in result.variables.items()}
    data = combine(arrays, result.terms, result.how)
    return data if result.seconds == 1 else data / result.seconds


def _values(results: Sequence[Result]) -> Iterator[Any]:
    """Compute the arrays of results; two derivatives in directions of one grid together."""
    rest = list(results)
    while rest:
        pair = rest[:2]
        together = _pair(*pair) if len(pair) == 2 else None
        if together is None:
            yield values_of(rest.pop(0))
        else:
            yield from together
            del rest[:2]


def _pair(one: Result, other: Result) -> list[Any] | None:
    fits = one.how == other.how == "sum" and one.seconds == other.seconds == 1
    if not fits or len(one.variables) > 1 or one.variable is not other.variable:
        return None
    return combine_pair(one.variable.data, (one.terms, other.terms))


def labelled(
    obj: xr.DataArray | xr.Dataset,
    results: Iterable[Result],
    values: Callable[[Result], Any] | None = None,
) -> xr.Dataset:
    """Dataset of the results, with their attributes and the coordinates of the source object.

    Parameters
    ----------
    obj : DataArray or Dataset
        The object that the results are computed from.
    results : iterable of Result
        Descriptions of the results.
    values : callable, optional
        Returns the array of a result.  Default: :func:`values_of`.

    Examples
    --------
    >>> from xgrad.arrays.term import Term
    >>> da = xr.DataArray([0.0, 1.0, 4.0], dims="x", name="t")
    >>> twice = Result("twice", {"t": da.variable}, (Term("t", factor=2.0),), {})
    >>> labelled(da, [twice]).twice.values
    array([0., 2., 8.])
    """
    own = list(results)
    arrays = _values(own) if values is None else map(values, own)
    found = {
        one.name: xr.Variable(one.variable.dims, array, dict(one.attrs))
        for one, array in zip(own, arrays, strict=True)
    }
    attrs = obj.attrs if isinstance(obj, xr.Dataset) else {}
    return xr.Dataset(found, obj.coords, attrs)


def like(obj: xr.DataArray | xr.Dataset, results: Iterable[Result]) -> Any:
    """Results in the type of `obj`: a DataArray or a Dataset."""
    found = labelled(obj, results)
    if isinstance(obj, xr.Dataset):
        return found
    (result,) = found.data_vars.values()
    return result


def on_numbers(
    obj: xr.DataArray | xr.Dataset, options: Mapping[str, Any], operation: Callable[..., Any]
) -> Any:
    """Run an operation on plain numbers, and convert the result to the requested units.

    Parameters
    ----------
    obj : DataArray or Dataset
        Data and coordinates may be pint quantities.
    options : mapping
        Keywords of a public function.
    operation : callable
        Takes the object without quantities, and the :class:`Options`.
    """
    own = dict(options)
    units = own.pop("units", None)
    parsed = Options(**own)
    return quantities.through(obj, lambda plain: operation(plain, parsed), units)
