"""Curvature terms on a sphere whose latitude and longitude have one dimension each."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import replace

import xarray as xr

from xgrad.arrays.term import Term
from xgrad.errors import CoordinateError
from xgrad.labels.on_earth import Place
from xgrad.labels.options import Options
from xgrad.labels.spacing import Spacing
from xgrad.operators.direction import Direction
from xgrad.operators.second_order import SecondOrder
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
    if place.is_eastward(along.dim):
        yield term_of(name, variable, along, options, factor=place.eastward() ** 2)
    else:
        yield term_of(name, variable, along, options)
        slope = place.slope(-1.0) + 0 * place.eastward()
        yield term_of(name, variable, along, first, factor=slope)


def of_pair(
    name: Hashable, variable: xr.Variable, one: Direction, other: Direction, asked: Selection,
    bent: SecondOrder | None,
) -> list[Term]:  # fmt: skip
    """The second derivative in two directions, or twice in one.

    Parameters
    ----------
    name : hashable
        Name of the variable.
    variable : Variable
        The data to differentiate.
    one, other : Direction
        The same, or at right angles to each other.
    asked : Selection
        With options of order 1, and the place on the sphere.
    bent : SecondOrder or None
        That of multi-dimensional coordinates.
    """
    place, options = asked.place, asked.options
    if bent is not None and one.frame is not None and other.frame is not None:
        return bent.along(one.name, other.name, name, variable)
    if place is not None and all(place.has(k.dims[0]) and k.frame is None for k in (one, other)):
        return _on_sphere(name, variable, one.spacings[0], other.spacings[0], asked)
    if one is other:
        return [term_of(name, variable, one.spacings[0], replace(options, order=2))]
    is_plain = one.frame is None and one.factor is None
    inner, outer = (one, other) if is_plain else (other, one)
    within = term_of(name, variable, inner.spacings[0], options)
    return [
        term_of(name, variable, along, options, factor=factor, inside=outer.known, of=within)
        for along, factor in outer.parts
    ]


def _on_sphere(
    name: Hashable, variable: xr.Variable, one: Spacing, other: Spacing, asked: Selection
) -> list[Term]:
    """The same for longitude and latitude of one dimension each."""
    place = asked.place
    assert place is not None
    first, twice = (replace(asked.options, order=k, edge_order=2) for k in (1, 2))
    if one is other and place.is_northward(one.dim):
        return [term_of(name, variable, one, twice)]
    if one is other:
        beside = [along for along in asked.spacings if place.is_northward(along.dim)]
        if not beside:
            raise CoordinateError(
                f"`dim` names {one.name!r} without a latitude, but the second derivative eastward "
                f"depends on the first northward; name {place.names[0]!r} too"
            )
        slope = place.slope(-1.0) + 0 * place.eastward()
        return [
            term_of(name, variable, one, twice, factor=place.eastward() ** 2),
            term_of(name, variable, beside[0], first, factor=slope),
        ]
    east = one if place.is_eastward(one.dim) else other
    within = term_of(name, variable, one, first)
    return [
        term_of(name, variable, other, first, factor=place.eastward(), of=within),
        term_of(name, variable, east, first, factor=place.slope(1.0) * place.eastward()),
    ]


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
