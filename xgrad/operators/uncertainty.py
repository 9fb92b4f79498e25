"""Results → the same results, weighted by the noise of the data, with their standard errors."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import xarray as xr

from xgrad.arrays.term import Noise, Term
from xgrad.errors import CoordinateError
from xgrad.labels import noise, quantities
from xgrad.labels.attributes import described, label_of
from xgrad.labels.noise import RESIDUALS
from xgrad.labels.options import Options
from xgrad.labels.suggestions import did_you_mean
from xgrad.labels.units import as_one
from xgrad.operators.along import by_label
from xgrad.operators.result import Result
from xgrad.operators.terms import spread
from xgrad.stencils.scheme import Fit

# Ending of the names, and the modifier of a ``standard_name`` in CF.
_CALLED = "standard_error"


def with_errors(obj: Any, results: list[Result], options: Options) -> list[Result]:
    """Each result, weighted if each cell has its own noise, and its standard error if asked for.

    Parameters
    ----------
    obj : DataArray or Dataset
        What the results are computed from.
    results : list of Result
        Each is one derivative.
    options : Options
        As the user gave them.

    Raises
    ------
    TypeError, ValueError
        If a result has no standard error.

    Examples
    --------
    >>> da = xr.DataArray([0.0, 1.0, 4.0], dims="x", name="t")
    >>> term = Term("t", 0, 1.0, Options(window=3, polyorder=1).scheme("x"))
    >>> slope = Result("dt_dx", {"t": da.variable}, (term,), {})
    >>> options = Options(window=3, polyorder=1, uncertainty=True)
    >>> [one.name for one in with_errors(da, [slope], options)]
    ['dt_dx', 'dt_dx_standard_error']
    """
    if not options.uncertainty and options.sigma is None:
        return results
    if options.constant:
        raise ValueError(
            "`uncertainty` or `sigma` is given, but at constant height neighbours are "
            "interpolated, so cells share their noise; leave out both, or `constant`"
        )
    if noise.is_array(options.sigma):
        results = _weighted(obj, results, options)
    if not options.uncertainty:
        return results
    _require_one_unit(results, options)
    found = [each for one in results for each in _pair(one, options)]
    names: set[Hashable] = {*obj.coords, *obj.dims}
    for one in found:
        if one.name in names:
            raise ValueError(
                f"two results would be called {one.name!r}, one of them a standard error; rename "
                "one of the variables"
            )
        names.add(one.name)
    return found


def _require_one_unit(results: list[Result], options: Options) -> None:
    """Refuse one number for data in several units."""
    every = [one.variable.attrs.get("units") for one in results]
    known = {as_one(units): units for units in every if isinstance(units, str)}
    if len(known) > 1 and isinstance(options.sigma, int | float | np.number):
        raise ValueError(
            f"`sigma` is {options.sigma!r}, one number, but the data are in "
            f"{list(known.values())}; select variables in one unit"
        )


def _weighted(obj: Any, results: list[Result], options: Options) -> list[Result]:
    """Results of fits whose cells count by their own noise."""
    _require_a_name(obj, options.sigma)
    names = {name for one in results for name in one.variables}
    if len(names) > 1:
        raise ValueError(
            "`sigma` is an array, the noise of one variable, but it would weight "
            f"{sorted(map(str, names))}; select one of them"
        )
    found = []
    for one in results:
        (term,) = one.terms
        fit = _checked(term, one.variable)
        assert term.axis is not None
        called, sigma = _sigma_of(obj, term.operand, one.variable, options)
        dim = one.variable.dims[term.axis]
        if dim not in sigma.dims:
            sigma = sigma.set_dims({dim: one.variable.sizes[dim], **sigma.sizes})
        # Integers have no missing value, but their noise may have.
        scheme = term.scheme._replace(fit=fit._replace(weighted=True), skipna=bool(options.skipna))
        array = spread(sigma, one.variable.dims, term.operand)
        own = term._replace(scheme=scheme, sigma=Noise(array, called))
        found.append(one._replace(terms=(own,)))
    return found


def _require_a_name(obj: Any, sigma: Any) -> None:
    """Refuse the name of no variable, before the variable that was meant counts as data."""
    known = obj.coords if isinstance(obj, xr.DataArray) else obj.variables
    if isinstance(sigma, str) and sigma not in known:
        raise CoordinateError(
            f"`sigma` is {sigma!r}, which does not exist{did_you_mean(sigma, known)}; it has "
            f"{list(known)}; or give a DataArray"
        )


def _sigma_of(
    obj: Any, name: Hashable, variable: xr.Variable, options: Options
) -> tuple[Hashable, xr.Variable]:
    """Name and values of the noise of each cell, checked."""
    given, what = options.sigma, "`sigma`"
    if isinstance(given, str):
        what, given = f"`sigma` {given!r}", obj[given]
    called: Hashable = given.name or "sigma"
    given = by_label(obj, name, quantities.positions({"": given})[""], "sigma")  # type: ignore[index]
    found: xr.Variable = given.variable
    if found.dtype.kind not in "iuf":
        raise TypeError(f"{what} has dtype {found.dtype}; it must hold numbers")
    for dim, size in found.sizes.items():
        if variable.sizes.get(dim) != size:
            raise CoordinateError(
                f"{what} has size {size} along {dim!r}, but {name!r} has {dict(variable.sizes)}; "
                "give the noise of the same cells"
            )
    own, theirs = found.attrs.get("units"), variable.attrs.get("units")
    if isinstance(own, str) and isinstance(theirs, str) and as_one(own) != as_one(theirs):
        raise ValueError(
            f"{what} is in {own!r}, but {name!r} in {theirs!r}; convert it to the same unit"
        )
    if options.validate and found.chunks is None:
        _require_positive(what, found)
    return called, found


def _require_positive(what: str, sigma: xr.Variable) -> None:
    """Refuse noise in memory that is neither positive nor NaN, which marks a missing cell."""
    bad = ~(np.isnan(sigma.values) | ((sigma.values > 0) & (sigma.values < np.inf)))
    if bad.any():
        index = tuple(int(k) for k in np.argwhere(bad)[0])
        where = ", ".join(f"{dim}={k}" for dim, k in zip(sigma.dims, index, strict=True))
        raise ValueError(
            f"{what} is {sigma.values[index]} at {where or 'its cell'}; give a positive number to "
            "each cell, NaN where the data are missing, or `validate=False` to take such cells as "
            "missing"
        )


def _pair(one: Result, options: Options) -> list[Result]:
    """A result that names its standard error, and that standard error."""
    (term,) = one.terms
    name, variable = term.operand, one.variable
    if one.name is None:
        raise ValueError(
            "the data have no name, and the fit and its standard error are named after it; give "
            "one with `.rename('...')`"
        )
    fit = _checked(term, variable)
    error = noise.kind_of(options, variable, repr(name))
    if error == RESIDUALS:
        _require_residuals(fit)
    scheme = term.scheme._replace(fit=fit._replace(error=error))
    factor = None if term.factor is None else abs(term.factor)
    called = f"{one.name}_{_CALLED}"
    before = one.attrs.get("ancillary_variables")
    links = [before, called] if isinstance(before, str) and before else [called]
    named: dict[Hashable, Any] = {"ancillary_variables": " ".join(links)}
    attrs = _attributes(one, name, variable)
    if error == RESIDUALS and _leaves_the_same(term, fit):
        attrs["degrees_of_freedom"] = fit.window - fit.polyorder - 1
    own = one._replace(
        name=called, terms=(term._replace(scheme=scheme, factor=factor),), attrs=attrs
    )
    return [one._replace(attrs={**one.attrs, **named}), own]


def _checked(term: Term, variable: xr.Variable) -> Fit:
    """The fit of a term, which must be one, of real numbers."""
    if variable.dtype.kind in "mMc":
        remedy = "give its `.real` and `.imag`"
        if variable.dtype.kind != "c":
            remedy = "subtract a time and divide by a unit first"
        raise TypeError(
            f"{term.operand!r} has dtype {variable.dtype}, but standard errors are those of real "
            f"numbers; {remedy}"
        )
    dims = [variable.dims[step.axis] for step in term.chain if step.axis is not None]
    if term.of is not None:
        raise ValueError(
            f"`uncertainty` or `sigma` is given, but along {dims[::-1]} one fit is fitted to "
            "another, whose values share the noise of the same cells; leave it out, or name one "
            "dimension"
        )
    if term.scheme.fit is None:
        raise ValueError(
            f"`uncertainty` or `sigma` is given, but nothing is fitted along {dims[0]!r}; give a "
            f"`window` or a `bandwidth` for {dims[0]!r} too, or leave {dims[0]!r} out of `dim`"
        )
    return term.scheme.fit


def _require_residuals(fit: Fit) -> None:
    """Refuse a window whose polynomial goes through all its cells."""
    least = fit.polyorder + (4 if fit.tricube else 2)
    if fit.width is None and fit.window < least:
        raise ValueError(
            f"`uncertainty` is True, but a polynomial of order {fit.polyorder} goes through all "
            f"cells of `window={fit.window}` that count, which leaves no residuals; give "
            f"`window={least + 1 - least % 2}`, a smaller `polyorder`, or `sigma`, the standard "
            "deviation of the noise"
        )


def _leaves_the_same(term: Term, fit: Fit) -> bool:
    """Whether the residuals of all fits have the same degrees of freedom."""
    copied = {"one-sided", "periodic", "nan"}.issuperset(map(str, term.scheme.boundary))
    return copied and not (fit.tricube or term.scheme.skipna) and fit.width is None


def _attributes(one: Result, name: Hashable, variable: xr.Variable) -> dict[Hashable, Any]:
    units, kind = one.attrs.get("units"), one.attrs.get("standard_name")
    text = one.attrs.get("long_name") or label_of(name, variable)
    attrs = described(variable, f"standard error of {text}", units)
    return attrs | ({"standard_name": f"{kind} {_CALLED}"} if kind else {})
