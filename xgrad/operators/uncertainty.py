"""Results → the same results, weighted by the noise of the data, with their standard errors."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import xarray as xr

from xgrad.arrays.term import Noise, Term
from xgrad.errors import CoordinateError
from xgrad.labels import noise, quantities
from xgrad.labels.attributes import described, label_of, named
from xgrad.labels.options import Options
from xgrad.labels.suggestions import did_you_mean
from xgrad.labels.units import as_one
from xgrad.operators.along import by_label
from xgrad.operators.error_terms import error_terms
from xgrad.operators.result import Result
from xgrad.operators.terms import spread
from xgrad.stencils.scheme import Fit

# Cells of noise that are checked together.
_CELLS_AT_ONCE = 2**20

# Ending of the names, and the modifier of a ``standard_name`` in CF.
_CALLED = "standard_error"


def with_errors(obj: Any, results: list[Result], options: Options) -> list[Result]:
    """Each result, weighted if each cell has its own noise, and its standard error if asked for.

    Parameters
    ----------
    obj : DataArray or Dataset
        What the results are computed from.
    results : list of Result
        Their terms are fits.
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
            f"{sorted(map(str, names))}; select one of them, or give one number"
        )
    return [
        one._replace(
            terms=tuple(_weighted_term(obj, term, one.variable, options) for term in one.terms)
        )
        for one in results
    ]


def _weighted_term(obj: Any, term: Term, variable: xr.Variable, options: Options) -> Term:
    if term.axis is None:
        return term
    fit = _checked(term, variable)
    dim = variable.dims[term.axis]
    if term.of is not None:
        dims = [variable.dims[step.axis] for step in term.chain if step.axis is not None]
        raise ValueError(
            f"`sigma` is an array, but along {dims[::-1]} one fit is fitted to another, whose "
            "values do not have the noise of a cell; give one number, or name one dimension"
        )
    called, sigma = _sigma_of(obj, term.operand, variable, options)
    if dim not in sigma.dims:
        sigma = sigma.set_dims({dim: variable.sizes[dim], **sigma.sizes})
    # Integers have no missing value, but their noise may have.
    scheme = term.scheme._replace(fit=fit._replace(weighted=True), skipna=bool(options.skipna))
    array = spread(sigma, variable.dims, term.operand)
    return term._replace(scheme=scheme, sigma=Noise(array, called))


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
                f"{what} has size {size} along {dim!r}, but {named(name)} has "
                f"{dict(variable.sizes)}; give the noise of the same cells"
            )
    own, theirs = found.attrs.get("units"), variable.attrs.get("units")
    if isinstance(own, str) and isinstance(theirs, str) and as_one(own) != as_one(theirs):
        raise ValueError(
            f"{what} is in {own!r}, but {named(name)} in {theirs!r}; convert it to the same unit"
        )
    if options.validate and found.chunks is None:
        _require_positive(what, found)
    return called, found


def _require_positive(what: str, sigma: xr.Variable) -> None:
    """Refuse noise that is neither positive nor NaN, which marks a missing cell.

    It is read part by part: that of a store may not fit in memory.
    """
    rows = sigma if sigma.ndim else sigma.set_dims({"cell": 1})
    step = max(1, _CELLS_AT_ONCE * len(rows) // max(1, rows.size))
    for start in range(0, len(rows), step):
        part = rows[start : start + step].values
        bad = ~(np.isnan(part) | ((part > 0) & (part < np.inf)))
        if bad.any():
            first = np.argwhere(bad)[0]
            index = [int(first[0]) + start, *map(int, first[1:])]
            where = ", ".join(f"{dim}={k}" for dim, k in zip(sigma.dims, index, strict=False))
            raise ValueError(
                f"{what} is {part[tuple(first)]} at {where or 'its cell'}; give a positive number "
                "to each cell, NaN where the data are missing, or `validate=False` to take such "
                "cells as missing"
            )


def _pair(one: Result, options: Options) -> list[Result]:
    """A result that names its standard error, and that standard error."""
    if one.name is None:
        raise ValueError(
            "the data have no name, and the fit and its standard error are named after it; give "
            "one with `.rename('...')`"
        )
    _require_fits(one, options)

    def noise_of(term: Term) -> str | float:
        return noise.kind_of(options, one.variables[term.operand], repr(term.operand))

    terms, how = error_terms(one.terms, one.how, noise_of)
    called = f"{one.name}_{_CALLED}"
    before = one.attrs.get("ancillary_variables")
    links = [before, called] if isinstance(before, str) and before else [called]
    named: dict[Hashable, Any] = {"ancillary_variables": " ".join(links)}
    own = one._replace(name=called, terms=terms, how=how, attrs=_attributes(one, options))
    return [one._replace(attrs={**one.attrs, **named}), own]


def _require_fits(one: Result, options: Options) -> None:
    """Refuse terms that are not fits, or that leave no residuals if these are needed."""
    for term in one.terms:
        if term.axis is None:
            continue
        _checked(term, one.variables[term.operand])
        if term.inside is not None:
            raise ValueError(
                "`uncertainty` is True, but with `form='flux'` products of the data are fitted, "
                "whose noise is not that of the data; give `form='advective'`"
            )
        innermost = term.chain[-1].scheme.fit
        if options.sigma is None and innermost is not None:
            _require_residuals(innermost)


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
    for step in term.chain:
        if step.axis is not None and step.scheme.fit is None:
            dim = variable.dims[step.axis]
            raise ValueError(
                f"`uncertainty` or `sigma` is given, but nothing is fitted along {dim!r}; give a "
                f"`window` or a `bandwidth` for {dim!r} too, or leave {dim!r} out of `dim`"
            )
    assert term.scheme.fit is not None
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


def _attributes(one: Result, options: Options) -> dict[Hashable, Any]:
    name, variable = one.terms[0].operand, one.variable
    units, kind = one.attrs.get("units"), one.attrs.get("standard_name")
    text = one.attrs.get("long_name") or label_of(name, variable)
    attrs = described(variable, f"standard error of {text}", units)
    if kind:
        attrs["standard_name"] = f"{kind} {_CALLED}"
    fit = one.terms[0].scheme.fit
    if fit is not None and options.sigma is None and _leave_the_same(one):
        attrs["degrees_of_freedom"] = fit.window - fit.polyorder - 1
    return attrs


def _leave_the_same(one: Result) -> bool:
    """Whether the residuals of all fits have the same degrees of freedom, and are of one fit."""
    scheme, fit = one.terms[0].scheme, one.terms[0].scheme.fit
    copied = {"one-sided", "periodic", "nan"}.issuperset(map(str, scheme.boundary))
    alone = len(one.terms) == 1 and one.terms[0].of is None and one.how == "sum"
    complete = fit is not None and not (fit.tricube or scheme.skipna) and fit.width is None
    return alone and copied and complete
