"""A term over one block of memory, the form in which all terms are computed."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from xgrad._typing import AnyArray
from xgrad.kernels.cells import Box, Cells, thin
from xgrad.kernels.layout import result_dtype
from xgrad.kernels.stencil_kinds import OfAnAxis, Stencil


class Piece(NamedTuple):
    """``factor * d cells / d axis`` over a block, or ``factor * cells``.

    Attributes
    ----------
    cells : Cells
        The block and the cells beside it.
    stencil : Stencil or None
        How to differentiate the cells; None for the unchanged values.
    factor : float, array or None
        An array has length 1 along the dimensions that it does not depend on.
    component : int or None
        Of a norm or an angle: terms of one component are added first.  Default: each term is one.
    inside : Cells or None
        What the cells are multiplied by before they are differentiated.

    Examples
    --------
    >>> Piece(Cells.alone(np.array([1.0, 2.0])), factor=3.0).values(np.dtype("f8"), [])
    array([3., 6.])
    """

    cells: Cells
    stencil: Stencil | None = None
    factor: Any = None
    component: int | None = None
    inside: Cells | None = None

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of the term without its factor."""
        return result_dtype(self.cells.block.dtype)

    def cut(self, box: Box) -> Piece:
        """The term over a part of the block."""
        factor = self.factor if np.ndim(self.factor) == 0 else thin(self.factor, box)
        stencil = self.stencil and self.stencil.cut(box, self.cells.axis)
        inside = self.inside and self.inside.cut(box)
        return Piece(self.cells.cut(box), stencil, factor, self.component, inside)

    @property
    def long_axis(self) -> int | None:
        """The axis along which the table of the stencil is to be made in parts, if it is long."""
        made = isinstance(self.stencil, OfAnAxis) and not self.stencil.is_written_out
        return self.cells.axis if made else None

    def written_out(self) -> Piece:
        """The term with the table of its stencil as an array."""
        if not isinstance(self.stencil, OfAnAxis):
            return self
        return self._replace(stencil=self.stencil.written_out())

    def fill(self, out: AnyArray) -> bool:
        """Write the derivative without its factor; False if some positions are not monotonic."""
        assert self.stencil is not None
        cells = self.cells if self.inside is None else self.cells.times(self.inside)
        return self.stencil.apply(cells, out)

    def values(self, dtype: np.dtype[Any], good: list[bool]) -> AnyArray:
        """The term in `dtype`; appends to `good` whether all columns are monotonic."""
        found = self.cells.block
        if self.stencil is not None:
            own = self.dtype if self.inside is None else np.result_type(self.dtype, np.float64)
            found = np.empty_like(found, dtype=own, subok=False)
            good.append(self.fill(found))
        if self.factor is None:
            return found.astype(dtype, copy=False)
        weighted: AnyArray = np.multiply(found, self.factor, dtype=dtype)
        return weighted
