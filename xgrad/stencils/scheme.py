"""Which cells a derivative is made of: how many, how far, and what stands beyond the edges."""

from __future__ import annotations

from dataclasses import dataclass

from xgrad._typing import Boundary


@dataclass(frozen=True)
class Scheme:
    """The choices that do not depend on the positions.

    Attributes
    ----------
    order : int
        Order of the derivative, 1 to 4.
    accuracy : int
        Order of accuracy, 2, 4, 6 or 8.
    edge_order : int
        Order of accuracy at one-sided edges, where numpy's stencil (order 1, accuracy 2) is used.
    skipna : bool
        Whether a missing neighbour is an edge.
    boundary : tuple of (str or number)
        What lies beyond the left and the right edge.

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

    @property
    def is_numpys(self) -> bool:
        """Whether the stencil is that of ``numpy.gradient``."""
        return self.order == 1 and self.accuracy == 2

    @property
    def half(self) -> int:
        """Cells of a central stencil on either side of its own."""
        return (self.order - 1) // 2 + self.accuracy // 2

    @property
    def edge(self) -> int:
        """Cells of a one-sided stencil."""
        return self.edge_order + 1 if self.is_numpys else self.order + self.accuracy

    @property
    def reach(self) -> int:
        """How far a stencil of either kind reaches away from its cell."""
        return max(self.half, self.edge - 1)

    @property
    def depth(self) -> int:
        """Cells of the halo.  A one-sided stencil may begin at any cell that lies at a gap."""
        return self.reach if self.skipna else self.half

    @property
    def face(self) -> int:
        """Cells at the end of a chunk that make its neighbour's halo, or its own mirror image."""
        return self.depth + ("reflect" in self.boundary)

    @property
    def face_of_columns(self) -> int:
        """The same where ghost positions continue the edge spacing, which takes two cells."""
        continued = set(self.boundary) - {"one-sided", "periodic", "reflect"}
        return max(self.face, 2) if continued else self.face

    @property
    def needed(self) -> int:
        """Fewest cells of a dimension."""
        periodic = "periodic" in self.boundary
        one_sided = "one-sided" in self.boundary
        return max(2, self.face, one_sided * self.edge, periodic * (2 * self.half + 1))
