"""Second derivatives on a grid of any angles: the Hessian and its trace, the Laplacian.

With the places p(i, j) of the cells, the second differences of data and places by the same stencils
``D_ab``, and the gradients ``∇a`` of the indices::

    H(e, e')  = sum over a, b of (e · ∇a) (e' · ∇b) (D_ab f - sum over c of Γ_ab^c D_c f)
    Γ_ab^c    = D_ab p · ∇c
    Laplacian = H(e, e) + H(e', e')

for directions e, e' at right angles to each other.  On a plane a field that is linear in the
coordinates is linear in p too, so its second derivatives are zero to rounding.  On a sphere the
gradients are tangential: what ``D_ab p`` has across the surface does not count.

R. Aris, *Vectors, Tensors, and the Basic Equations of Fluid Mechanics* (1962), chapters 7 and 9.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from xgrad.arrays.engines import module_of
from xgrad.arrays.term import Term
from xgrad.errors import CoordinateWarning, warn
from xgrad.labels.options import Options
from xgrad.labels.spacing import Spacing
from xgrad.operators.direction import Direction
from xgrad.operators.partials import Frame, index_along
from xgrad.operators.surface import along_index_of, dot
from xgrad.operators.terms import term_of

_Pair = tuple[Hashable, Hashable]

# Nearer to each other than this, of their distance from the origin, are two cells in one place.
_ONE_PLACE = 1e-12


@dataclass(frozen=True)
class SecondOrder:
    """Second derivatives in the directions of a frame.

    Attributes
    ----------
    frame : Frame
        The directions and the places.
    symbols : mapping of pairs of dimensions to (mapping of hashable to array)
        The Christoffel symbols ``Γ_ab^c``, by (a, b) and c.
    known : array or None
        With `skipna`: 1, and NaN where a place is missing.
    options : Options
        The stencils, of order 1.
    """

    frame: Frame
    symbols: dict[_Pair, dict[Hashable, Any]]
    known: Any
    options: Options

    @classmethod
    def of(cls, frame: Frame, options: Options) -> SecondOrder:
        """With the second differences of the places of a frame.

        Parameters
        ----------
        frame : Frame
            With weights of second order at the edges.
        options : Options
            The stencils.
        """
        first = replace(options, order=1, edge_order=2)
        symbols = {}
        for pair in itertools.combinations_with_replacement(frame.dims, 2):
            bend = [_second(place, pair, frame.dims, first) for place in frame.places]
            turned = {name: dot(frame.unit_vectors[name], bend) for name in frame.weights}
            symbols[pair] = {
                c: sum(turned[name] * own[c].data for name, own in frame.weights.items())
                for c in frame.dims
            }
        apart = _apart(frame, first)
        for pair, own in symbols.items():
            symbols[pair] = {c: symbol + apart for c, symbol in own.items()}
        missing = sum(np.isnan(place) for place in frame.places)
        known = np.where(missing, np.nan, 1.0) if first.skipna else None
        return cls(frame, symbols, known, first)

    def laplacian(self, name: Hashable, variable: xr.Variable) -> list[Term]:
        """The terms of the Laplacian of a variable."""
        each = [self._weights(one, one) for one in self.frame.weights]
        return self._terms(
            name, variable, {pair: sum(own[pair] for own in each) for pair in each[0]}
        )

    def along(
        self, one: Hashable, other: Hashable, name: Hashable, variable: xr.Variable
    ) -> list[Term]:
        """The terms of the second derivative of a variable in two directions of the frame."""
        return self._terms(name, variable, self._weights(one, other))

    def _weights(self, one: Hashable, other: Hashable) -> dict[_Pair, Any]:
        """The factor of the second difference along each pair of dimensions, both orders in one."""
        e, f = ({dim: own.data for dim, own in self.frame.weights[k].items()} for k in (one, other))
        return {
            (a, b): e[a] * f[a] if a == b else e[a] * f[b] + e[b] * f[a] for a, b in self.symbols
        }

    def _terms(
        self, name: Hashable, variable: xr.Variable, weights: dict[_Pair, Any]
    ) -> list[Term]:
        dims = self.frame.dims
        terms = [
            term
            for pair, weight in weights.items()
            for term in self._second(name, variable, pair, weight)
        ]
        for c in dims:
            bent = sum(-weight * self.symbols[pair][c] for pair, weight in weights.items())
            terms.append(self._first(name, variable, c, factor=xr.Variable(dims, bent)))
        return terms

    def _second(
        self, name: Hashable, variable: xr.Variable, pair: _Pair, weight: Any
    ) -> Iterator[Term]:
        if pair[0] == pair[1]:
            factor = xr.Variable(self.frame.dims, weight)
            yield self._first(name, variable, pair[0], order=2, factor=factor)
            return
        orders = _orders(pair, self.options)
        factor = xr.Variable(self.frame.dims, weight / len(orders))
        for inner, outer in orders:
            within = self._first(name, variable, inner)
            along = self._along(outer, variable)
            yield term_of(name, variable, along, self.options, factor=factor, of=within)

    def _first(
        self, name: Hashable, variable: xr.Variable, dim: Hashable, *, order: int = 1,
        factor: xr.Variable | None = None,
    ) -> Term:  # fmt: skip
        """A derivative along one index, of the data where the places are known."""
        inside = None if self.known is None else xr.Variable(self.frame.dims, self.known)
        options = replace(self.options, order=order)
        along = self._along(dim, variable)
        return term_of(name, variable, along, options, factor=factor, inside=inside)

    def _along(self, dim: Hashable, variable: xr.Variable) -> Spacing:
        return index_along(dim, variable.sizes[dim], self.options)


def of_directions(along: Iterable[Direction], options: Options) -> SecondOrder | None:
    """That of the frame that some of the directions are from; None if there is no frame."""
    for one in along:
        if one.frame is not None:
            return SecondOrder.of(one.frame(edge_order=2), options)
    return None


def _apart(frame: Frame, options: Options) -> Any:
    """0, or NaN where a stencil may reach over two cells in one place, at a seam or a north fold.

    Their second difference is not that of a smooth field, however small the steps are.
    """
    beside: Any = False
    squares = dot(frame.places, frame.places)
    for axis, dim in enumerate(frame.dims):
        inner = (slice(None),) * axis
        steps = [np.diff(place, axis=axis) for place in frame.places]
        over = dot(steps, steps) <= _ONE_PLACE**2 * squares[(*inner, slice(1, None))]
        reach, size = replace(options, order=2).scheme(dim).reach, squares.shape[axis]
        sides = [(reach, reach) if k == axis else (0, 0) for k in range(squares.ndim)]
        beyond = np.pad(over, sides)
        for k in range(2 * reach):
            beside = beside | beyond[(*inner, slice(k, k + size))]
    if engine := module_of(squares):
        beside = engine.map_blocks(_noted, beside.rechunk(squares.chunks), dtype=bool)
    else:
        _noted(beside)
    return np.where(beside, np.nan, 0.0)


def _noted(beside: Any) -> Any:
    """Warn if there is a repeated place, in the same words for each block."""
    if beside.any():
        warn(
            "coordinates repeat a place, as at a seam or a north fold: second derivatives are NaN "
            "beside it; drop the repeated cells with `.isel`",
            CoordinateWarning,
        )
    return beside


def _orders(pair: _Pair, options: Options) -> list[_Pair]:
    """In which orders a mixed derivative is taken.

    They differ beside missing values only, where the mean of both does not depend on how the grid
    is turned.
    """
    return [pair, pair[::-1]] if options.skipna else [pair]


def _second(place: Any, pair: _Pair, dims: tuple[Hashable, ...], options: Options) -> Any:
    """Second difference of places along two indices, by the stencils of the data."""

    def along(values: Any, dim: Hashable, order: int) -> Any:
        variable = xr.Variable(dims, values)
        return along_index_of(variable, dim, dims, replace(options, order=order))

    if pair[0] == pair[1]:
        return along(place, pair[0], 2)
    orders = _orders(pair, options)
    return sum(along(along(place, inner, 1), outer, 1) for inner, outer in orders) / len(orders)
