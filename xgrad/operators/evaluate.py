"""Results → labelled arrays, for plain numbers and for quantities."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import xarray as xr

from xgrad.arrays.combine import combine_all
from xgrad.arrays.term import Combination
from xgrad.labels import links, quantities
from xgrad.labels.options import Options
from xgrad.operators.result import Result


def values_of(results: Sequence[Result]) -> list[Any]:
    """Compute the arrays of results, lazily where an operand is lazy."""
    wanted = [
        Combination({name: one.data for name, one in own.variables.items()}, own.terms, own.how)
        for own in results
    ]
    return [
        data if own.seconds == 1 else data / own.seconds
        for own, data in zip(results, combine_all(wanted), strict=True)
    ]


def labelled(
    obj: xr.DataArray | xr.Dataset,
    results: Iterable[Result],
    values: Callable[[Sequence[Result]], list[Any]] = values_of,
) -> xr.Dataset:
    """Dataset of the results, with their attributes and the coordinates of the source object.

    Links such as ``grid_mapping`` stay where the source has them, in attributes or encoding.

    Parameters
    ----------
    obj : DataArray or Dataset
        The object that the results are computed from.
    results : iterable of Result
        Descriptions of the results.
    values : callable, default: values_of
        Returns the arrays of results.

    Examples
    --------
    >>> from xgrad.arrays.term import Term
    >>> da = xr.DataArray([0.0, 1.0, 4.0], dims="x", name="t")
    >>> twice = Result("twice", {"t": da.variable}, (Term("t", factor=2.0),), {})
    >>> labelled(da, [twice]).twice.values
    array([0., 2., 8.])
    """
    every = list(results)
    found = {
        one.name: xr.Variable(
            one.variable.dims, data, dict(one.attrs), links.surviving(one.variable.encoding)
        )
        for one, data in zip(every, values(every), strict=True)
    }
    if isinstance(obj, xr.Dataset):
        return xr.Dataset(found, obj.coords, obj.attrs)
    if len(found) > 1:
        return xr.Dataset(found, obj.coords)
    # The coordinates fit already: merging them with one result takes as long as a small gradient.
    ((name, only),) = found.items()
    alone = obj.copy(deep=False, data=only.data).to_dataset(name=name)
    alone.variables[name].attrs, alone.variables[name].encoding = only.attrs, only.encoding
    return alone


def like(obj: xr.DataArray | xr.Dataset, results: Iterable[Result]) -> Any:
    """Results in the type of `obj`: a DataArray or a Dataset; several always in a Dataset."""
    found = labelled(obj, results)
    if isinstance(obj, xr.Dataset) or len(found.data_vars) > 1:
        return found
    (result,) = found.data_vars.values()
    return result


def on_numbers(
    obj: xr.DataArray | xr.Dataset, options: Mapping[str, Any], operation: Callable[..., Any]
) -> Any:
    """Run an operation on plain numbers, and convert the result to the requested units.

    What belongs to other variables is a coordinate, see :mod:`xgrad.labels.links`.

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
    data = links.as_coordinates(obj)
    return links.without_dangling(
        quantities.through(data, lambda plain: operation(plain, parsed), units)
    )
