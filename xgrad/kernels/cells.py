"""A block of memory and the cells beside it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from xgrad._typing import AnyArray

Parts = tuple[AnyArray, AnyArray, AnyArray]
Box = tuple[slice, ...]


def along(axis: int, cells: slice) -> Box:
    """Index that selects cells along an axis.

    Examples
    --------
    >>> along(1, slice(2, 4))
    (slice(None, None, None), slice(2, 4, None))
    """
    return (*(slice(None),) * axis, cells)


def thin(array: AnyArray, box: Box) -> AnyArray:
    """Part of an array that has length 1 along the dimensions it does not depend on.

    Examples
    --------
    >>> thin(np.array([[1.0], [2.0], [3.0]]), (slice(1, 3), slice(0, 9))).ravel()
    array([2., 3.])
    """
    return array[tuple(b if n > 1 else slice(None) for b, n in zip(box, array.shape, strict=True))]


class Cells(NamedTuple):
    """A block in memory and the cells beside it, to be cut into parts without copying the block.

    Attributes
    ----------
    below, block, above : arrays
        Cells below the block along `axis`, the block, and the cells above it.
    axis : int
        Not negative.
    reach : int
        Number of cells that a stencil needs on either side; 0 if values are used unchanged.

    Examples
    --------
    >>> f = np.arange(5.0)
    >>> Cells(f[:1] - 1, f, f[:0], axis=0, reach=1).cut((slice(0, 3),)).parts
    (array([-1.]), array([0., 1., 2.]), array([3.]))
    """

    below: AnyArray
    block: AnyArray
    above: AnyArray
    axis: int = 0
    reach: int = 0

    @classmethod
    def alone(cls, block: AnyArray) -> Cells:
        """A block without neighbours."""
        return cls(block[:0], block, block[:0])

    @property
    def parts(self) -> Parts:
        """The cells below, the block and the cells above."""
        return self.below, self.block, self.above

    def times(self, factor: Cells) -> Cells:
        """The product with other cells, which may have sides of 1, in float64 at least."""
        pairs = zip(self.parts, factor.parts, strict=True)
        below, block, above = (cells * other for cells, other in pairs)
        return Cells(below, block, above, self.axis, self.reach)

    def cut(self, box: Box) -> Cells:
        """A part of the block and the cells beside it."""
        axis, part, reach = self.axis, box[self.axis], self.reach
        size = self.block.shape[axis]
        # Positions have length 1 along the dimensions that they do not depend on.
        across = tuple(
            slice(None) if k == axis or side == 1 else cells
            for k, (cells, side) in enumerate(zip(box, self.block.shape, strict=True))
        )
        array = self.block[across]
        below = array[along(axis, slice(max(0, part.start - reach), part.start))]
        above = array[along(axis, slice(part.stop, part.stop + reach))]
        more = max(0, reach - part.start), max(0, reach - (size - part.stop))
        if more[0] and self.below.size:
            beyond = self.below[across][along(axis, slice(-more[0], None))]
            below = np.concatenate([beyond, below], axis=axis) if below.size else beyond
        if more[1] and self.above.size:
            beyond = self.above[across][along(axis, slice(None, more[1]))]
            above = np.concatenate([above, beyond], axis=axis) if above.size else beyond
        return Cells(below, array[along(axis, part)], above, axis, reach)
