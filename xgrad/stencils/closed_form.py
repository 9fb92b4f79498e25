"""Closed formulas for the weights of `numpy.gradient`."""

from __future__ import annotations

from typing import Any


def between(h1: Any, h2: Any) -> tuple[Any, Any, Any]:
    """Weights of three cells for the first derivative at the middle one.

    Parameters
    ----------
    h1, h2 : number or array
        Steps from the first cell to the second and from the second to the third.

    Returns
    -------
    tuple of three numbers or arrays
        The weights, in the order of the cells.

    References
    ----------
    Quarteroni, Sacco, Saleri, *Numerical Mathematics* (Springer 2007), section 10.10.1.

    Examples
    --------
    >>> between(1.0, 1.0)
    (-0.5, 0.0, 0.5)
    """
    return -h2 / (h1 * (h1 + h2)), (h2 - h1) / (h1 * h2), h1 / (h2 * (h1 + h2))


def from_left(h1: Any, h2: Any, *, even: bool) -> tuple[Any, Any, Any]:
    """Weights of three cells for the first derivative at the leftmost one.

    Parameters and result are those of :func:`between`.  `even` picks the formula that
    `numpy.gradient` uses for even steps, which rounds differently.

    Examples
    --------
    >>> from_left(1.0, 1.0, even=True)
    (-1.5, 2.0, -0.5)
    """
    if even:
        return -1.5 / h1, 2.0 / h1, -0.5 / h1
    return -(2.0 * h1 + h2) / (h1 * (h1 + h2)), (h1 + h2) / (h1 * h2), -h1 / (h2 * (h1 + h2))


def from_right(h1: Any, h2: Any, *, even: bool) -> tuple[Any, Any, Any]:
    """Weights of three cells for the first derivative at the rightmost one.

    Parameters and result are those of :func:`from_left`.

    Examples
    --------
    >>> from_right(1.0, 1.0, even=True)
    (0.5, -2.0, 1.5)
    """
    if even:
        return 0.5 / h2, -2.0 / h2, 1.5 / h2
    return h2 / (h1 * (h1 + h2)), -(h2 + h1) / (h1 * h2), (2.0 * h2 + h1) / (h2 * (h1 + h2))
