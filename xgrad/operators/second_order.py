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
import math
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import numpy as np
import xarray as xr

from xgrad._heap import ask
from xgrad._typing import AnyArray
from xgrad.arrays.engines import module_of
from xgrad.arrays.per_cell import per_cell
from xgrad.arrays.term import Term
from xgrad.errors import CoordinateWarning, warn
from xgrad.labels.options import Options
from xgrad.labels.spacing import Spacing
from xgrad.operators.direction import Direction
from xgrad.operators.partial_derivatives import Frame, index_along
from xgrad.operators.surface import along_index_of
from xgrad.operators.terms import term_of
from xgrad.operators.vectors import dot

_Pair = tuple[Hashable, Hashable]
_Key = TypeVar("_Key")

# Nearer to each other than this, of their distance from the origin, are two cells in one place.
_ONE_PLACE = 1e-12


@dataclass(frozen=True)
class SecondOrder:
    """Second derivatives in the directions of a frame.

    Attributes
    ----------
    frame : Frame
        The directions and the places.
    bends : array
        Second differences of the places along each pair of indices, in the directions.
    apart : array
        0, and NaN beside a repeated place.
    options : Options
        The stencils, of order 1.
    """

    frame: Frame
    bends: Any
    apart: Any
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
        pairs = _pairs(len(frame.dims))
        bends = [_second(frame.places, pair, frame.dims, first) for pair in pairs]
        parts, engine = [frame.components(bend) for bend in bends], module_of(bends[0])
        if engine is None:
            ask(sum(part.nbytes for part in parts))
            turned = np.concatenate(parts)
        else:
            turned = engine.concatenate(parts).rechunk({0: -1})
        return cls(frame, turned, _apart(frame, first), first)

    def laplacian(self, name: Hashable, variable: xr.Variable) -> list[Term]:
        """The terms of the Laplacian of a variable."""
        return self._terms(name, variable, [(k, k) for k in range(len(self.frame.axes))])

    def along(
        self, one: Hashable, other: Hashable, name: Hashable, variable: xr.Variable
    ) -> list[Term]:
        """The terms of the second derivative of a variable in two directions of the frame."""
        axes = self.frame.axes
        return self._terms(name, variable, [(axes.index(one), axes.index(other))])

    def _terms(
        self, name: Hashable, variable: xr.Variable, added: list[tuple[int, int]]
    ) -> list[Term]:
        """The terms of a sum of second derivatives, each in two directions."""
        frame = self.frame
        dims, pairs = frame.dims, _pairs(len(frame.dims))
        found = per_cell(
            partial(_coefficients, added=added), frame.factors, self.bends, self.apart,
            axes=len(dims),
        )  # fmt: skip
        factors = [xr.Variable(dims, one) for one in found]
        terms = [
            term
            for (a, b), factor in zip(pairs, factors, strict=False)
            for term in self._second(name, variable, (dims[a], dims[b]), factor)
        ]
        return terms + [
            self._first(name, variable, dim, factor=factor)
            for dim, factor in zip(dims, factors[len(pairs) :], strict=True)
        ]

    def _second(
        self, name: Hashable, variable: xr.Variable, pair: _Pair, factor: xr.Variable
    ) -> Iterator[Term]:
        if pair[0] == pair[1]:
            yield self._first(name, variable, pair[0], order=2, factor=factor)
            return
        orders = _orders(pair, self.options)
        factor = factor / len(orders)
        for inner, outer in orders:
            within = self._first(name, variable, inner)
            along = self._along(outer, variable)
            yield term_of(name, variable, along, self.options, factor=factor, of=within)

    def _first(
        self, name: Hashable, variable: xr.Variable, dim: Hashable, *, order: int = 1,
        factor: xr.Variable | None = None,
    ) -> Term:  # fmt: skip
        """A derivative along one index, of the data where the places are known."""
        options = replace(self.options, order=order)
        along = self._along(dim, variable)
        return term_of(name, variable, along, options, factor=factor, inside=self.frame.known)

    def _along(self, dim: Hashable, variable: xr.Variable) -> Spacing:
        return index_along(dim, variable.sizes[dim], self.options)


def _pairs(n: int) -> list[tuple[int, int]]:
    return list(itertools.combinations_with_replacement(range(n), 2))


def _coefficients(factors: Any, bends: Any, apart: Any, added: list[tuple[int, int]]) -> list[Any]:
    """The factors of the second differences along each pair of indices, and of the first ones."""
    n = math.isqrt(len(factors))
    toward = [factors[k * n : (k + 1) * n] for k in range(n)]
    pairs, seconds, firsts = _pairs(n), [], [0.0] * n
    for p, (a, b) in enumerate(pairs):
        weight: Any = 0.0
        for k, m in added:
            e, f = toward[k], toward[m]
            weight = weight + (e[a] * f[a] if a == b else e[a] * f[b] + e[b] * f[a])
        seconds.append(weight)
        for c in range(n):
            symbol = sum(bends[p * n + k] * toward[k][c] for k in range(n)) + apart
            firsts[c] = firsts[c] - weight * symbol
    return [*seconds, *firsts]


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
    dims, places = frame.dims, frame.places
    reaches = [replace(options, order=2).scheme(dim).reach for dim in dims]
    if engine := module_of(places):
        found = engine.map_overlap(
            _beside, places, depth={0: 0, **{k + 1: reach for k, reach in enumerate(reaches)}},
            boundary="none", reaches=reaches, dtype=bool, meta=np.empty((0,) * places.ndim, bool),
            token="xgrad-geometry",
        )  # fmt: skip
        beside = engine.map_blocks(
            _noted, found[0].rechunk(places.chunks[1:]), dtype=bool, token="xgrad-geometry"
        )
    else:
        ask(3 * places.nbytes)  # steps, their squares, and sums of these
        beside = _noted(_beside(places, reaches)[0])
    return np.where(beside, np.nan, 0.0)


def _beside(places: AnyArray, reaches: list[int]) -> AnyArray:
    """Whether a stencil may reach over two cells in one place; of the shape of the places."""
    squares: AnyArray = dot([*places], [*places])
    beside = np.zeros(squares.shape, bool)
    for axis, reach in enumerate(reaches):
        steps = [*np.diff(places, axis=axis + 1)]
        later = squares[(slice(None),) * axis + (slice(1, None),)]
        over = np.moveaxis(dot(steps, steps) <= _ONE_PLACE**2 * later, axis, 0)
        found = np.moveaxis(beside, axis, 0)
        for k in range(-reach, reach):  # the step after cell i + k
            first, last = max(0, -k), min(len(found), len(over) - k)
            found[first:last] |= over[first + k : last + k]
    return np.broadcast_to(beside, places.shape)


def _noted(beside: Any) -> Any:
    """Warn if there is a repeated place, in the same words for each block."""
    if beside.any():
        warn(
            "coordinates repeat a place, as at a seam or a north fold: second derivatives are NaN "
            "beside it; drop the repeated cells with `.isel`",
            CoordinateWarning,
        )
    return beside


def _orders(pair: tuple[_Key, _Key], options: Options) -> list[tuple[_Key, _Key]]:
    """In which orders a mixed derivative is taken.

    They differ beside missing values only, where the mean of both does not depend on how the grid
    is turned.
    """
    return [pair, pair[::-1]] if options.skipna else [pair]


def _second(
    places: Any, pair: tuple[int, int], dims: tuple[Hashable, ...], options: Options
) -> Any:
    """Second difference of places along two indices, by the stencils of the data."""

    def along(values: Any, k: int, order: int) -> Any:
        return along_index_of(values, k + 1, replace(options, order=order).scheme(dims[k]))

    if pair[0] == pair[1]:
        return along(places, pair[0], 2)
    orders = _orders(pair, options)
    if module_of(places) is None:
        ask(2 * places.nbytes)  # the sum, and the mean
    return sum(along(along(places, inner, 1), outer, 1) for inner, outer in orders) / len(orders)
