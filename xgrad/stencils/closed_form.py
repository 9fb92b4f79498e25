"""Weights of numpy's three-point stencils in closed form.

The only place with these formulas: arrays of steps are passed to them as they are, and
:mod:`xgrad.kernels.three_points` compiles them for single cells.  No number stands in them, since
numba would compute ``2.0 * h`` of a float32 step in float64, and numpy does not.
"""

from __future__ import annotations

from typing import Any


def between(h1: Any, h2: Any) -> tuple[Any, Any, Any]:
    """Weights of three cells, for the first derivative at the middle one.

    Parameters
    ----------
    h1, h2 : number or array
        Steps from the first to the second cell and from there to the third.

    References
    ----------
    Quarteroni, Sacco, Saleri, *Numerical Mathematics* (Springer 2007), section 10.10.1.

    Examples
    --------
    >>> between(1.0, 1.0)
    (-0.5, 0.0, 0.5)
    """
    return -h2 / (h1 * (h1 + h2)), (h2 - h1) / (h1 * h2), h1 / (h2 * (h1 + h2))


def denominators(h1: Any, h2: Any) -> tuple[Any, Any, Any]:
    """The denominators of :func:`between`, which may overflow or vanish.

    Examples
    --------
    >>> denominators(1e200, 1e-200)
    (inf, 1.0, 1.0)
    """
    return h1 * (h1 + h2), h1 * h2, h2 * (h1 + h2)


def from_left(h1: Any, h2: Any) -> tuple[Any, Any, Any]:
    """Weights of three cells, for the first derivative at the leftmost; see :func:`between`.

    Examples
    --------
    >>> from_left(1.0, 2.0)
    (-1.3333333333333333, 1.5, -0.16666666666666666)
    """
    return -(h1 + h1 + h2) / (h1 * (h1 + h2)), (h1 + h2) / (h1 * h2), -h1 / (h2 * (h1 + h2))


def from_right(h1: Any, h2: Any) -> tuple[Any, Any, Any]:
    """Weights of three cells, for the first derivative at the rightmost; see :func:`between`.

    Examples
    --------
    >>> from_right(2.0, 1.0)
    (0.16666666666666666, -1.5, 1.3333333333333333)
    """
    return h2 / (h1 * (h1 + h2)), -(h2 + h1) / (h1 * h2), (h2 + h2 + h1) / (h2 * (h1 + h2))


def from_left_even(h: Any) -> tuple[Any, Any, Any]:
    """Weights ``-3/2, 2, -1/2`` over `h`, with numpy's bits for an even axis.

    Examples
    --------
    >>> from_left_even(1.0)
    (-1.5, 2.0, -0.5)
    """
    one = h / h
    two = one + one
    half = one / two
    return -(one + half) / h, two / h, -half / h


def from_right_even(h: Any) -> tuple[Any, Any, Any]:
    """Weights ``1/2, -2, 3/2`` over `h`, with numpy's bits for an even axis.

    Examples
    --------
    >>> from_right_even(1.0)
    (0.5, -2.0, 1.5)
    """
    one = h / h
    two = one + one
    half = one / two
    return half / h, -two / h, (one + half) / h
