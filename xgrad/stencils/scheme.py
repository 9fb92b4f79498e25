"""The choices that define a stencil, and the number of cells that follow from them."""

from __future__ import annotations

import math
from typing import NamedTuple

from xgrad._typing import Boundary


class Scheme(NamedTuple):
    """What defines a stencil, apart from the positions of the cells.

    Attributes
    ----------
    order : int
        Order of the derivative, 1 to 4.
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

    Examples
    --------
    >>> Scheme().half, Scheme().edge, Scheme().needed
    (1, 2, 2)
    >>> Scheme(accuracy=4).half, Scheme(accuracy=4).edge
    (2, 5)
    >>> Scheme(order=2, boundary=("reflect", "nan")).face
    2
    """

    order: int = 1
    accuracy: int = 2
    edge_order: int = 1
    skipna: bool = False
    boundary: tuple[Boundary, Boundary] = ("one-sided", "one-sided")
    longest: float = math.inf

    @property
    def is_numpys(self) -> bool:
        """Whether this is the stencil of `numpy.gradient`."""
        return self.order == 1 and self.accuracy == 2

    @property
    def half(self) -> int:
        """Number of cells on each side of a central stencil."""
        return (self.order - 1) // 2 + self.accuracy // 2

    @property
    def edge(self) -> int:
        """Number of cells of a one-sided stencil."""
        return self.edge_order + 1 if self.is_numpys else self.order + self.accuracy

    @property
    def reach(self) -> int:
        """How many cells away any of the stencils reaches."""
        return max(self.half, self.edge - 1)

    @property
    def depth(self) -> int:
        """Number of halo cells; with edges inside, any cell may need a one-sided stencil."""
        return self.reach if self.skipna or self.longest < math.inf else self.half

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
        return max(2, self.face, one_sided * self.edge, periodic * (2 * self.half + 1))
