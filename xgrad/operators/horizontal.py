"""Two components of a vector field on a surface: divergence and curl, whatever the angles.

The components are along coordinates (eastward and northward, or along X and Y), or along the grid:
``V = a e_i + b e_j`` with the unit vectors along growing indices.  Both give the vector field, and
:mod:`xgrad.operators.surface` has the formulas.  Products such as ``V · p_j`` are differentiated as
they are, so the curl of a gradient is zero to rounding on any grid.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any, NamedTuple

import xarray as xr

from xgrad.arrays.term import Term
from xgrad.labels.options import Options
from xgrad.operators.partial_derivatives import Frame, index_along
from xgrad.operators.surface import Surface
from xgrad.operators.terms import term_of
from xgrad.operators.vectors import Directions, dot


class Horizontal(NamedTuple):
    """A vector field on a surface.

    Attributes
    ----------
    surface : Surface
        With the directions of the components.
    components : mapping of hashable to hashable
        Per direction the name of the component; two of them.
    variables : mapping of hashable to Variable
        By name.
    options : Options
        The stencils.
    """

    surface: Surface
    components: Mapping[Hashable, Hashable]
    variables: Mapping[Hashable, xr.Variable]
    options: Options

    def divergence(self) -> list[Term]:
        """``(D_i (V · (p_j × n)) + D_j (V · (n × p_i))) / J``."""
        return self._terms(_across)

    def rotation(self) -> list[Term]:
        """``(D_i (V · p_j) - D_j (V · p_i)) / J``."""
        return self._terms(_along)

    def along(self, direction: Hashable, name: Hashable, sign: float) -> list[Term]:
        """``sign`` times the derivative of another variable in a direction."""
        frame = Frame.of_surface(self.surface, self.options)
        variable, weights = self.variables[name], frame.weights(direction)
        return [
            term_of(
                name, variable, index_along(dim, variable.sizes[dim], self.options), self.options,
                factor=weight * sign, inside=frame.known,
            )
            for dim, weight in weights.items()
        ]  # fmt: skip

    def _terms(self, products: Callable[..., list[Any]]) -> list[Term]:
        surface = self.surface
        inside = iter(surface.each(products, names=tuple(self.components)))
        factor = surface.variable(surface.per_area)
        return [
            term_of(
                name,
                self.variables[name],
                index_along(dim, self.variables[name].sizes[dim], self.options),
                self.options,
                factor=factor,
                inside=surface.variable(next(inside)),
            )
            for name in self.components.values()
            for dim in surface.dims
        ]


def _across(at: Directions, names: tuple[Hashable, ...]) -> list[Any]:
    """``V · (p_j × n)`` and ``V · (n × p_i)`` of V in each direction."""
    return [dot(at.unit_vector(name), vector) for name in names for vector in at.gradients]


def _along(at: Directions, names: tuple[Hashable, ...]) -> list[Any]:
    """``V · p_j`` and ``-V · p_i``."""
    one, (a, b) = at.tangents[1], at.tangents[0]
    units = [at.unit_vector(name) for name in names]
    return [dot(unit, vector) for unit in units for vector in (one, (-a, -b))]
