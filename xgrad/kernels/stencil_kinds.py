"""Kinds of stencil: each can cut itself to a block and apply itself to it.

Each cell of an axis has one column of a table, whose layout only the kind knows.  To add a kind,
derive it from :class:`OfAnAxis` and append it to :data:`KINDS`; arrays in memory, dask arrays and
jobs then use it (``test_a_new_kind_of_stencil_works_everywhere``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple, Protocol, Self

import numpy as np

from xgrad._typing import WEIGHTS, AnyArray, Steps
from xgrad.kernels import tabled
from xgrad.kernels.cells import Box, Cells, along, thin
from xgrad.kernels.layout import result_dtype
from xgrad.stencils import table as tables
from xgrad.stencils.columns import Columns, Repeating, Windowed
from xgrad.stencils.scheme import Scheme

# The table of an axis with more cells than this is made in parts, for the cells at work.
LONG = 2**16

# Modules with compiled loops are imported where they are used: they load numba, which small arrays
# do not need.


class Stencil(Protocol):
    """How to differentiate a block."""

    def cut(self, box: Box, axis: int) -> Self:
        """The stencil for a part of the block."""

    def apply(self, cells: Cells, out: AnyArray) -> bool:
        """Differentiate the block into `out`; False if some positions are not monotonic."""


@dataclass(frozen=True)
class OfAnAxis(ABC):
    """A stencil that is the same for all columns.

    Attributes
    ----------
    scheme : Scheme
        Order, accuracy and boundaries.
    table : array of shape (k, n) or Columns
        One column per cell.  Whether the axis is even is decided once for the whole axis: if each
        chunk decided it, the last bits would depend on the chunks.
    """

    scheme: Scheme
    table: AnyArray | Columns

    @staticmethod
    @abstractmethod
    def fits(scheme: Scheme) -> bool:
        """Whether this kind implements `scheme`."""

    @staticmethod
    @abstractmethod
    def table_of(
        steps: Steps, size: int, scheme: Scheme, dtype: np.dtype[Any], seam: Any
    ) -> AnyArray:
        """The table of a whole axis, for data of the real `dtype`.

        With one step, only the columns of cells that a stencil at an edge reaches may differ.
        """

    @property
    def columns(self) -> AnyArray:
        """The table, written out."""
        return np.asarray(self.table)

    @abstractmethod
    def apply(self, cells: Cells, out: AnyArray) -> bool:
        """Differentiate the block into `out`."""

    @property
    def is_written_out(self) -> bool:
        """Whether the table is an array."""
        return isinstance(self.table, np.ndarray)

    def written_out(self) -> Self:
        """The same, with the table as an array."""
        return self if self.is_written_out else replace(self, table=self.columns)

    def held(self) -> Self:
        """The same, with all that the table is made from in memory."""
        return replace(self, table=self.table.held()) if isinstance(self.table, Columns) else self

    def cut(self, box: Box, axis: int) -> Self:
        """The stencil for a part of the block."""
        return replace(self, table=self.table[:, box[axis]])

    def of_products(self, known: AnyArray) -> Self:
        """The stencil for the derivative of the data times a known factor along the axis."""
        raise ValueError(f"{type(self).__name__} has no weights to multiply by {known!r}")


class Tabled(OfAnAxis):
    """Weights, or the step of a simple difference quotient."""

    @staticmethod
    def fits(scheme: Scheme) -> bool:
        """Any order and accuracy, and fits to a window, if gaps are not treated as edges."""
        return not scheme.skipna and (scheme.fit is None or scheme.fit.width is None)

    @staticmethod
    def table_of(
        steps: Steps, size: int, scheme: Scheme, dtype: np.dtype[Any], seam: Any
    ) -> AnyArray:
        """See :data:`xgrad._typing.Table`."""
        return tables.table_of(steps, size, scheme, dtype, seam)

    def apply(self, cells: Cells, out: AnyArray) -> bool:
        """See :func:`xgrad.kernels.tabled.differentiate`."""
        below, block, above = cells.parts
        tabled.differentiate(block, below, above, self.columns, cells.axis, out)
        return True

    def of_products(self, known: AnyArray) -> Self:
        """See :func:`xgrad.stencils.table.of_products`."""
        return replace(self, table=tables.of_products(self.columns, known))


class Gaps(OfAnAxis):
    """numpy's stencil, central or one-sided depending on which neighbours are missing."""

    @staticmethod
    def fits(scheme: Scheme) -> bool:
        """Order 1 and accuracy 2, with gaps as edges."""
        return scheme.skipna and scheme.is_numpys

    @staticmethod
    def table_of(
        steps: Steps, size: int, scheme: Scheme, dtype: np.dtype[Any], seam: Any
    ) -> AnyArray:
        """See :data:`xgrad._typing.CoastalTable`."""
        return tables.coastal_table(steps, size, scheme, dtype, seam)

    def apply(self, cells: Cells, out: AnyArray) -> bool:
        """See :func:`xgrad.kernels.gaps.along_coasts`."""
        from xgrad.kernels import gaps  # noqa: PLC0415

        gaps.along_coasts(cells.parts, self.columns, cells.axis, self.scheme.depth, out)
        return True


class AnyStencil(OfAnAxis):
    """Weights computed cell by cell, from the neighbours that exist."""

    @staticmethod
    def fits(scheme: Scheme) -> bool:
        """Any order and accuracy, with gaps as edges."""
        return scheme.skipna and not scheme.is_numpys and scheme.fit is None

    @staticmethod
    def table_of(
        steps: Steps, size: int, scheme: Scheme, dtype: np.dtype[Any], seam: Any
    ) -> AnyArray:
        """The steps around each cell; see :func:`xgrad.stencils.table.windows`."""
        del dtype  # the weights are always float64
        return tables.windows(steps, size, scheme, seam)

    def apply(self, cells: Cells, out: AnyArray) -> bool:
        """See :func:`xgrad.kernels.any_stencil.in_steps`."""
        from xgrad.kernels import any_stencil  # noqa: PLC0415

        steps = np.concatenate([self.columns[:, 0], self.columns[-1, 1:]])
        any_stencil.in_steps(cells.parts, steps, cells.axis, self.scheme, out)
        return True


class Fitted(OfAnAxis):
    """Fits to the cells that are there, or to those that are near enough."""

    @staticmethod
    def fits(scheme: Scheme) -> bool:
        """Fits to fewer cells beside others than elsewhere."""
        return scheme.fit is not None and (scheme.skipna or scheme.fit.width is not None)

    @staticmethod
    def table_of(
        steps: Steps, size: int, scheme: Scheme, dtype: np.dtype[Any], seam: Any
    ) -> AnyArray:
        """See :func:`xgrad.stencils.table.fitted_table`."""
        return tables.fitted_table(steps, size, scheme, dtype, seam)

    @property
    def _parts(self) -> tuple[AnyArray, AnyArray]:
        """The table of :class:`Tabled`, and the steps below it."""
        columns = self.columns
        n_rows = WEIGHTS + (len(columns) - WEIGHTS + 1) // 2
        return columns[:n_rows], columns[n_rows:]

    def of_products(self, known: AnyArray) -> Self:
        """See :func:`xgrad.stencils.table.of_products`; not for fits to the cells that are there.

        Their weights are computed again without the factor.
        """
        if self.scheme.skipna:
            return super().of_products(known)
        table, steps = self._parts
        return replace(self, table=np.concatenate([tables.of_products(table, known), steps]))

    def apply(self, cells: Cells, out: AnyArray) -> bool:
        """The sums of :class:`Tabled`, and fits to fewer cells where these are NaN."""
        (table, steps), (below, block, above) = self._parts, cells.parts
        tabled.differentiate(block, below, above, table, cells.axis, out)
        # Too few cells are near enough: which NaN a sum of NaN is depends on the loop.
        out[along(cells.axis, np.isnan(table[WEIGHTS]))] = np.nan
        if self.scheme.skipna:
            from xgrad.kernels import fitted  # noqa: PLC0415

            fitted.to_those_there(cells.parts, table, steps, cells.axis, self.scheme, out)
        return True


class StandardErrors(OfAnAxis):
    """Standard errors of the derivatives of fits."""

    @staticmethod
    def fits(scheme: Scheme) -> bool:
        """Fits whose errors are asked for, or whose cells are weighted by their own noise.

        The latter need the noise beside a block: see :mod:`xgrad.kernels.weighted_fits`.
        """
        return scheme.fit is not None and (scheme.fit.error is not None or scheme.fit.weighted)

    @staticmethod
    def table_of(
        steps: Steps, size: int, scheme: Scheme, dtype: np.dtype[Any], seam: Any
    ) -> AnyArray:
        """See :func:`xgrad.stencils.table.error_table`."""
        return tables.error_table(steps, size, scheme, dtype, seam)

    def apply(self, cells: Cells, out: AnyArray) -> bool:
        """See :func:`xgrad.kernels.standard_errors.of_fits`."""
        from xgrad.kernels import standard_errors  # noqa: PLC0415

        standard_errors.of_fits(cells.parts, self.columns, cells.axis, self.scheme, out)
        return True


class OwnPositions(NamedTuple):
    """A stencil for columns that have their own positions.

    Attributes
    ----------
    scheme : Scheme
        Order, accuracy and boundaries.
    positions : Cells
        Positions of the block, with length 1 along the dimensions that they do not depend on.
    ends : tuple of two arrays or None
        Least and greatest step of the whole columns, with length 1 along the axis; None if the
        block holds whole columns.
    period : float or None
        Amount by which the positions of a column may jump.
    """

    scheme: Scheme
    positions: Cells
    ends: tuple[AnyArray, AnyArray] | None = None
    period: float | None = None

    def cut(self, box: Box, axis: int) -> Self:
        """The stencil for a part of the block."""
        del axis  # the positions have the same one
        ends = self.ends and (thin(self.ends[0], box), thin(self.ends[1], box))
        return self._replace(positions=self.positions.cut(box), ends=ends)

    def apply(self, cells: Cells, out: AnyArray) -> bool:
        """See :func:`xgrad.kernels.curvilinear.by_column`."""
        from xgrad.kernels import curvilinear  # noqa: PLC0415

        return curvilinear.by_column(
            cells.parts, self.positions.parts, self.ends, self.period, cells.axis, self.scheme, out
        )


#: All kinds, tried from the last to the first.
KINDS: list[type[OfAnAxis]] = [Tabled, Gaps, AnyStencil, Fitted, StandardErrors]


def kind_of(scheme: Scheme) -> type[OfAnAxis]:
    """The kind of stencil that implements a scheme.

    Examples
    --------
    >>> kind_of(Scheme(skipna=True)).__name__, kind_of(Scheme(skipna=True, accuracy=4)).__name__
    ('Gaps', 'AnyStencil')
    """
    return next(kind for kind in reversed(KINDS) if kind.fits(scheme))


def of_axis(
    steps: Steps, size: int, scheme: Scheme, dtype: np.dtype[Any], seam: Any = None
) -> OfAnAxis:
    """The stencil of a whole axis.

    Parameters
    ----------
    steps : float or array of shape (size - 1,)
        Distances between neighbouring positions.
    size : int
        Number of cells along the axis.
    scheme : Scheme
        Order, accuracy, boundaries, and whether missing neighbours are edges.
    dtype : numpy.dtype
        Dtype of the data.
    seam : float, optional
        For a periodic axis, the step across its seam.

    Examples
    --------
    >>> of_axis(1.0, 3, Scheme(), np.dtype("f8")).table[:3]
    array([[ 0., -1., -1.],
           [ 1.,  1.,  0.],
           [ 1.,  2.,  1.]])
    """
    real = np.empty(0, result_dtype(dtype)).real.dtype.newbyteorder("=")
    kind = kind_of(scheme)
    table_of = partial(_table_of, kind, scheme, real, seam)
    if size <= LONG:
        return kind(scheme, table_of(steps, size))
    near = scheme.needed + scheme.reach
    if np.ndim(steps) == 0:
        return kind(scheme, Repeating.of(table_of(steps, 2 * near + 1), size))
    around = "periodic" in scheme.boundary
    return kind(scheme, Windowed.of(steps, size, near, table_of, around=around))


def _table_of(
    kind: type[OfAnAxis], scheme: Scheme, dtype: np.dtype[Any], seam: Any, steps: Steps, size: int
) -> AnyArray:
    return kind.table_of(steps, size, scheme, dtype, seam)
