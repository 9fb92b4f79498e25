"""Smoothing: the values of the polynomials fitted to noisy data."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import replace
from typing import Any, TypeVar, Unpack

import xarray as xr

from xgrad.arrays.term import Term
from xgrad.labels import fits, quantities
from xgrad.labels.keywords import LabelledOptions, spelled_out
from xgrad.labels.options import Options
from xgrad.operators.evaluate import like, on_numbers
from xgrad.operators.result import Result
from xgrad.operators.selection import Selection, select
from xgrad.operators.terms import differentiable, refuse_times, term_of
from xgrad.operators.uncertainty import with_errors

_Object = TypeVar("_Object", xr.DataArray, xr.Dataset)


@spelled_out(LabelledOptions)
def smooth(
    obj: _Object, dim: Hashable | Iterable[Hashable], **options: Unpack[LabelledOptions]
) -> _Object:
    """Values of the polynomials fitted to noisy data.

    These are what :func:`gradient` differentiates with the same `window`.

    Parameters
    ----------
    obj : DataArray or Dataset
        As for :func:`gradient`, but not times.
    dim : hashable or iterable of hashable
        Dimension, or 1-D coordinate along it.  Along several, one fit is fitted after another.
    spacing, datetime_unit, boundary, period, skipna, validate
        As for :func:`gradient`.
    units : str, optional
        Unit to convert the results to.  It must have the same zero: not ``degC`` for kelvins.
    window, bandwidth, polyorder, weights
        As for :func:`gradient`.  Each of `dim` must have a window, and `polyorder` may be 0.
    uncertainty, sigma
        As for :func:`gradient`; `sigma` of each cell for one dimension only.
    edge_order, accuracy, constant, constant_by
        Options of differences, not of fits.

    Returns
    -------
    DataArray or Dataset
        Of the type, names, attributes, shape and chunks of `obj`; in a Dataset, the variables that
        have `dim`.  With `uncertainty`, a Dataset of the fit and its standard error.

    Raises
    ------
    CoordinateError, ChunkError, TypeError, ValueError, ImportError
        As :func:`gradient`.

    Examples
    --------
    >>> import xarray as xr
    >>> da = xr.DataArray([0.0, 3.0, 0.0, 3.0], coords={"x": [0.0, 1.0, 2.0, 3.0]}, name="t")
    >>> smooth(da, "x", window=3, polyorder=1).values.round(12)
    array([1., 1., 2., 2.])
    """

    def operation(plain: Any, own: Options) -> Any:
        results = smooths(plain, dim, own)
        values: Any = obj
        if isinstance(values, xr.Dataset):
            values = values[[one.name for one in results if one.name in values]]
        quantities.refuse_offsets(values, options.get("units"))
        return like(plain, results)

    found: _Object = on_numbers(obj, options, operation)
    return found


def smooths(obj: Any, dim: Any, options: Options) -> list[Result]:
    """Check the arguments of :func:`smooth` and describe its results; compute nothing."""
    if dim is None:
        raise ValueError("`dim` is None; give the dimension to smooth along, or several")
    if options.constant:
        raise ValueError(
            f"`constant` names {list(options.constant)}, but only derivatives hold something "
            "constant; leave it out"
        )
    asked = select(obj, dim, replace(options, order=0))
    for along in asked.spacings:
        if fits.fit_of(asked.options, (along.name, along.dim)) is None:
            raise ValueError(
                f"nothing is fitted along {along.name!r}; give a `window`, such as "
                f"`window={{{along.name!r}: 11}}`, or leave {along.name!r} out of `dim`"
            )
    chain = tuple(asked.spacings)
    found = differentiable(obj, asked.variables, [chain], asked.options)
    results = [_smoothed(name, asked) for _, name, _ in found]
    return with_errors(obj, results, asked.options)


def _smoothed(name: Hashable, asked: Selection) -> Result:
    variable = asked.variables[name]
    refuse_times(name, variable)
    term: Term | None = None
    for along in asked.spacings:
        term = term_of(name, variable, along, asked.options, of=term)
    assert term is not None
    called: Any = name  # a DataArray may have none
    return Result(called, {name: variable}, (term,), dict(variable.attrs))
