"""The choices that define a stencil, and the number of cells that follow from them."""

from __future__ import annotations

import math
from typing import NamedTuple

from xgrad._typing import Boundary

#: Shares of a standard error: all of it, that of the value of the cell itself instead of a
#: derivative, and the part of the derivative's error that is due to the noise of its own cell.
WHOLE, VALUE, OWN_CELL = -1, -2, 0


class Error(NamedTuple):
    """The standard error of a derivative, or one of the shares that it is composed of.

    Several derivatives at one cell use some of the same cells, so the error of their sum is the
    length of the sum of their weights.  Shares are the coordinates of these weights on orthogonal
    axes, and sums of coordinates are those of sums.  The first axis is the cell itself, the only
    one that derivatives along different dimensions share.  The next are for derivatives of one
    dimension: the first takes one, each other one what those before it leave (Gram, Schmidt).

    Attributes
    ----------
    noise : str or float
        What the noise is known from: the "residuals" of the fit, this standard deviation of the
        data, the "sigma" of each cell, or the "cells": each holds its own standard error.
    share : int
        Number of the axis, or :data:`WHOLE` or :data:`VALUE`.  Shares on the cell itself, and on
        the axes of `others`, have a sign.
    others : tuple of int
        Orders of the derivatives that the axes after the first one are along.
    is_within : bool
        Whether the derivative is itself differentiated.  Where its error is unknown but its value
        is not, it is then infinite, not NaN: a missing cell would be left out.
    """

    noise: str | float
    share: int = WHOLE
    others: tuple[int, ...] = ()
    is_within: bool = False


class Fit(NamedTuple):
    """A polynomial that is fitted to the cells around each cell, whose derivative is wanted.

    Attributes
    ----------
    half : int
        Number of cells on each side of a cell in the middle; the most of any cell, if `width` is
        given.
    polyorder : int
        Order of the polynomial.
    tricube : bool
        Whether a cell counts by ``(1 - |d|³)³``, with its distance d from the cell relative to that
        of the farthest one, or to `width`.
    width : float or None
        The polynomial is fitted to the cells that are at most so far away.
    error : Error or None
        If given, the standard error of the derivative is wanted instead of the derivative.
    weighted : bool
        Whether cells are also weighted by ``1 / σ²``, each with its own standard deviation.

    Examples
    --------
    >>> Fit(half=5, polyorder=3).window
    11
    """

    half: int
    polyorder: int
    tricube: bool = False
    width: float | None = None
    error: Error | None = None
    weighted: bool = False

    @property
    def window(self) -> int:
        """Number of cells that a polynomial is fitted to, far from the edges."""
        return 2 * self.half + 1

    @property
    def edge(self) -> int:
        """Number of cells at an edge: the outermost window, or those that are near enough."""
        return self.window if self.width is None else self.half + 1


class Scheme(NamedTuple):
    """What defines a stencil, apart from the positions of the cells.

    Attributes
    ----------
    order : int
        Order of the derivative, 1 to 4; 0 for the value of a fit.
    accuracy : int
        Order of accuracy, 2, 4, 6 or 8.
    edge_order : int
        Order of accuracy at one-sided edges, 1 or 2.  Only for the stencil of `numpy.gradient`
        (order 1, accuracy 2).
    skipna : bool
        Whether a missing neighbour is treated as an edge.
    boundary : tuple of (str or number)
        What is assumed beyond the left and the right edge; see :mod:`xgrad.stencils.ghosts`.
    longest : float
        The longest step between neighbours: a longer one is an edge of both cells.  Only for
        columns that have their own positions.
    fit : Fit or None
        The polynomial that is differentiated, instead of `accuracy` and `edge_order`.

    Examples
    --------
    >>> Scheme().half, Scheme().edge, Scheme().needed
    (1, 2, 2)
    >>> Scheme(accuracy=4).half, Scheme(accuracy=4).edge
    (2, 5)
    >>> Scheme(order=2, boundary=("reflect", "nan")).face
    2
    >>> Scheme(fit=Fit(half=3, polyorder=2)).edge
    7
    """

    order: int = 1
    accuracy: int = 2
    edge_order: int = 1
    skipna: bool = False
    boundary: tuple[Boundary, Boundary] = ("one-sided", "one-sided")
    longest: float = math.inf
    fit: Fit | None = None

    @property
    def is_numpys(self) -> bool:
        """Whether this is the stencil of `numpy.gradient`."""
        return self.order == 1 and self.accuracy == 2 and self.fit is None

    @property
    def named(self) -> str:
        """The option that decides how many cells a stencil has, as the user gave it."""
        if self.fit is None:
            return f"`accuracy={self.accuracy}`"
        width = self.fit.width
        return f"`window={self.fit.window}`" if width is None else f"`bandwidth={2 * width:g}`"

    @property
    def half(self) -> int:
        """Number of cells on each side of a central stencil."""
        if self.fit is not None:
            return self.fit.half
        return (self.order - 1) // 2 + self.accuracy // 2

    @property
    def edge(self) -> int:
        """Number of cells of a one-sided stencil."""
        if self.fit is not None:
            return self.fit.edge
        return self.edge_order + 1 if self.is_numpys else self.order + self.accuracy

    @property
    def reach(self) -> int:
        """How many cells away any of the stencils reaches."""
        return max(self.half, self.edge - 1)

    @property
    def depth(self) -> int:
        """Number of halo cells; with edges inside, any cell may need a one-sided stencil."""
        edges_inside = self.longest < math.inf or (self.skipna and self.fit is None)
        return self.reach if edges_inside else self.half

    @property
    def face(self) -> int:
        """Number of end cells of a chunk that its neighbour's halo or its own ghosts need."""
        return self.depth + ("reflect" in self.boundary)

    @property
    def face_of_columns(self) -> int:
        """As `face`, for positions: continuing the edge spacing takes two of them."""
        continued = set(self.boundary) - {"one-sided", "periodic", "reflect"}
        return max(self.face, 2) if continued else self.face

    @property
    def needed(self) -> int:
        """Smallest number of cells along the dimension."""
        periodic = "periodic" in self.boundary
        one_sided = "one-sided" in self.boundary
        fitted = 0 if self.fit is None else self.fit.edge
        return max(2, self.face, one_sided * self.edge, periodic * (2 * self.half + 1), fitted)
