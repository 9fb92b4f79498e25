"""Curvature terms on a sphere and on a curvilinear grid."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import replace

import xarray as xr

from xgrad.arrays.term import Term
from xgrad.labels.options import Options
from xgrad.labels.place import Place
from xgrad.labels.spacing import Spacing
from xgrad.operators.curvilinear_grid import growth
from xgrad.operators.selection import Selection
from xgrad.operators.terms import term_of, values_of


def second(
    name: Hashable, variable: xr.Variable, along: Spacing, asked: Selection
) -> Iterator[Term]:
    """Yield a second derivative and its curvature terms.

    Parameters
    ----------
    name : hashable
        Name of the variable.
    variable : Variable
        The data to differentiate.
    along : Spacing
        The positions to differentiate along.
    asked : Selection
        With options of order 2, and the place on the sphere.
    """
    place, options = asked.place, asked.options
    if place is None or not place.has(along.dim):
        yield term_of(name, variable, along, options)
        return
    # Towards a pole the tangent grows as fast as the cells shrink, so the error of a first-order
    # edge would not converge there.
    first = replace(options, order=1, edge_order=2)
    if place.is_curvilinear:
        yield term_of(name, variable, along, options, factor=asked.factor(along))
        yield term_of(name, variable, along, first, factor=growth(place, along.dim))
    elif place.is_eastward(along.dim):
        yield term_of(name, variable, along, options, factor=place.eastward() ** 2)
    else:
        yield term_of(name, variable, along, options)
        slope = place.slope(-1.0) + 0 * place.eastward()
        yield term_of(name, variable, along, first, factor=slope)


def of_component(
    name: Hashable, variable: xr.Variable, along: Spacing, asked: Selection, sign: float, *,
    form: str, on_sphere: bool,
) -> Iterator[Term]:  # fmt: skip
    """Yield ``sign`` times the derivative of a component, and its curvature terms.

    Parameters
    ----------
    name, variable, along, asked
        As for :func:`second`, with options of order 1.
    sign : {1.0, -1.0}
        Sign of the derivative.
    form : {"advective", "flux"}
        How the curvature terms are written.
    on_sphere : bool
        Whether the component is horizontal.
    """
    place, options = asked.place, asked.options
    plain = None if sign == 1 else sign
    if place is None or not place.has(along.dim):
        yield term_of(name, variable, along, options, factor=plain)
    elif not on_sphere:
        scale = asked.factor(along)
        factor = sign if scale is None else scale * sign
        yield term_of(name, variable, along, options, factor=factor)
    elif form == "flux":
        yield _in_flux_form(name, variable, along, options, place, sign)
    elif place.is_eastward(along.dim):
        eastward = place.eastward(at_the_pole=0.0)
        yield term_of(name, variable, along, options, factor=eastward * sign)
    else:
        doubled = place.northward_of_vectors()
        twice = plain if doubled is None else doubled * sign
        yield term_of(name, variable, along, options, factor=twice)
        yield values_of(name, variable, place.slope(-sign))


def _in_flux_form(
    name: Hashable, variable: xr.Variable, along: Spacing, options: Options, place: Place,
    sign: float,
) -> Term:  # fmt: skip
    widths, before = place.widths()
    inside = widths if place.is_northward(along.dim) else None
    return term_of(name, variable, along, options, factor=before * sign, inside=inside)
