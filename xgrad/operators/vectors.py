"""Vectors at each cell: products in space, and directions on a surface."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from xgrad.arrays.threads import in_threads
from xgrad.kernels import tabled

# Where the coordinates depend on each other the Jacobian is a rounding error of its terms.
_SINGULAR = 1e-10

Pair = tuple[Any, Any]


@dataclass(frozen=True)
class Directions:
    """Directions on a surface at some of its cells, as pairs of components along two axes.

    The axes are at right angles to each other: east and north, or x and y on a plane.

    Attributes
    ----------
    dims : tuple of two hashables
        The dimensions of the grid.
    axes : tuple of two hashables
        The names of the axes.
    tangents : pair of pairs
        Derivatives of the places along the two indices, ``p_i`` and ``p_j``.
    backward : tuple of hashable
        Dimensions whose direction is that of falling indices.

    Examples
    --------
    >>> skewed = Directions(("j", "i"), ("x", "y"), ((0.0, 2.0), (3.0, 3.0)))
    >>> skewed.jacobian, skewed.gradients
    (-6.0, ((3.0, -3.0), (-2.0, 0.0)))
    """

    dims: tuple[Hashable, ...]
    axes: tuple[Hashable, ...]
    tangents: tuple[Pair, Pair]
    backward: tuple[Hashable, ...] = ()

    @property
    def gradients(self) -> tuple[Pair, Pair]:
        """``p_j × n`` and ``n × p_i`` with the normal n: J times the gradients of the indices."""
        (a, b), (c, d) = self.tangents
        return (d, -c), (-b, a)

    @property
    def jacobian(self) -> Any:
        """``J = (p_i × p_j) · n``."""
        (a, b), (c, d) = self.tangents
        return a * d - b * c

    @property
    def per_area(self) -> Any:
        """``1 / J``, NaN where it is singular."""
        (a, b), (c, d) = self.tangents
        return reciprocal(self.jacobian, np.sqrt((a * a + b * b) * (c * c + d * d)))

    def unit_vector(self, name: Hashable) -> Pair:
        """The direction of an axis, or of a dimension along the grid; NaN if it has none."""
        if name in self.axes:
            return float(name == self.axes[0]), float(name == self.axes[1])
        a, b = self.tangents[self.dims.index(name)]
        length = np.sqrt(a * a + b * b)
        length = np.where(length > 0, length, np.nan) * (-1.0 if name in self.backward else 1.0)
        return a / length, b / length


def reciprocal(determinant: Any, size: Any) -> Any:
    """``1 / determinant``, NaN where it is a rounding error of terms of this size.

    Examples
    --------
    >>> reciprocal(np.array([2.0, 1e-12, np.nan]), 1.0)
    array([0.5, nan, nan])
    """
    regular = abs(determinant) > _SINGULAR * size  # a comparison that is false for NaN too
    return 1 / np.where(regular, determinant, np.nan)


def cross(one: Sequence[Any], other: Sequence[Any]) -> list[Any]:
    """Cross product of two vectors of arrays.

    Examples
    --------
    >>> cross([1, 0, 0], [0, 1, 0])
    [0, 0, 1]
    """
    if _is_large(one, other):
        from xgrad.kernels import vectors  # noqa: PLC0415  it loads numba

        if vectors.fits([one, other]):
            found = [np.empty_like(one[0]) for _ in range(3)]
            size = found[0].size
            in_threads(24 * size, size, lambda part: vectors.cross(one, other, part, found))
            return found
    (a, b, c), (d, e, f) = one, other
    return [b * f - c * e, c * d - a * f, a * e - b * d]


def dot(one: Sequence[Any], other: Sequence[Any]) -> Any:
    """Scalar product of two vectors of arrays.

    Examples
    --------
    >>> dot([1, 2, 3], [1, 0, 1])
    4
    """
    if _is_large(one, other):
        from xgrad.kernels import vectors  # noqa: PLC0415  it loads numba

        if vectors.fits([one, other]):
            found = np.empty_like(one[0])
            in_threads(
                8 * found.size, found.size, lambda part: vectors.dot(one, other, part, found)
            )
            return found
    return sum(a * b for a, b in zip(one, other, strict=True))


def _is_large(one: Sequence[Any], other: Sequence[Any]) -> bool:
    """Whether compiled loops are worth loading."""
    first = one[0]
    return (
        len(one) == len(other) == 3
        and isinstance(first, np.ndarray)
        and first.size > 1
        and tabled.are_loaded(first.size)
    )
