"""Results → the same with their standard errors."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import xarray as xr

from xgrad.arrays.term import Term
from xgrad.labels import noise
from xgrad.labels.attributes import described, label_of
from xgrad.labels.noise import RESIDUALS
from xgrad.labels.options import Options
from xgrad.operators.result import Result
from xgrad.stencils.scheme import Fit

# Ending of the names, and the modifier of a ``standard_name`` in CF.
_CALLED = "standard_error"


def with_errors(obj: Any, results: list[Result], options: Options) -> list[Result]:
    """Each result, followed by its standard error if that is asked for.

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
    if not options.uncertainty:
        return results
    if options.constant:
        raise ValueError(
            "`uncertainty` is True, but derivatives at constant height have no standard error: "
            "interpolated neighbours share their noise; leave out `uncertainty` or `constant`"
        )
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


def _pair(one: Result, options: Options) -> list[Result]:
    """A result that names its standard error, and this."""
    (term,) = one.terms
    name, variable = term.operand, one.variable
    if one.name is None:
        raise ValueError(
            "the data have no name, after which the fit and its standard error are called; name "
            "them with `.rename('...')`"
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
            f"`uncertainty` is True, but along {dims[::-1]} one fit is fitted to another, whose "
            "values share the noise of their cells; leave it out, or name one dimension"
        )
    if term.scheme.fit is None:
        raise ValueError(
            f"`uncertainty` is True, but nothing is fitted along {dims[0]!r}; give a `window` or a "
            f"`bandwidth` for {dims[0]!r} too, or leave {dims[0]!r} out of `dim`"
        )
    return term.scheme.fit


def _require_residuals(fit: Fit) -> None:
    """Refuse a window whose polynomial goes through all cells."""
    least = fit.polyorder + (4 if fit.tricube else 2)
    if fit.width is None and fit.window < least:
        raise ValueError(
            f"`uncertainty` is True, but a polynomial of order {fit.polyorder} goes through all "
            f"cells of `window={fit.window}` that count, which leaves no residuals; give "
            f"`window={least + 1 - least % 2}`, a smaller `polyorder`, or `sigma`, the standard "
            "deviation of the noise of the data"
        )


def _leaves_the_same(term: Term, fit: Fit) -> bool:
    """Whether the residuals of all cells have the same degrees of freedom."""
    copied = {"one-sided", "periodic", "nan"}.issuperset(map(str, term.scheme.boundary))
    return copied and not (fit.tricube or term.scheme.skipna) and fit.width is None


def _attributes(one: Result, name: Hashable, variable: xr.Variable) -> dict[Hashable, Any]:
    units, kind = one.attrs.get("units"), one.attrs.get("standard_name")
    text = one.attrs.get("long_name") or label_of(name, variable)
    attrs = described(variable, f"standard error of {text}", units)
    return attrs | ({"standard_name": f"{kind} {_CALLED}"} if kind else {})
