"""Names for the types and for the one data layout that several modules share."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any, Literal, TypeAlias, TypedDict

import numpy as np
from numpy.typing import NDArray

AnyArray: TypeAlias = NDArray[Any]

#: One step for a whole axis (a Python float is "weak" in numpy's promotion, a numpy scalar is
#: not), or the ``n - 1`` steps between its ``n`` positions.
Steps: TypeAlias = float | np.floating[Any] | NDArray[np.floating[Any]]

#: Which dimensions or coordinates to differentiate along.
Dim: TypeAlias = Hashable | Iterable[Hashable] | None

#: ``{dim: step | positions | name of a coordinate}``.
SpacingLike: TypeAlias = Mapping[Any, Any] | None

EdgeOrder: TypeAlias = Literal[1, 2]

DatetimeUnit: TypeAlias = Literal["W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as"]

#: Accuracy of the central stencil.
Accuracy: TypeAlias = Literal[2, 4, 6, 8]

#: What lies beyond one edge: "one-sided", "periodic", "extend", "reflect", "nan" or a number.
Boundary: TypeAlias = str | complex

#: Where the cells lie, if not on straight lines.
Metric: TypeAlias = Literal["sphere"]

#: One boundary for all edges, a (left, right) pair, or either of them for each dimension.
BoundaryLike: TypeAlias = Boundary | tuple[Boundary, Boundary] | Mapping[Any, Any]

#: The stencil of every cell along one axis: an array of shape ``(WEIGHTS + w, n)``, a column per
#: cell.  The stencil of cell i reaches from ``i + FIRST`` to ``i + LAST``.  Where row ``STEP`` is
#: not zero the derivative is the quotient ``(f[i + LAST] - f[i + FIRST]) / step``, and otherwise
#: the sum of ``weight[k] * f[i + FIRST + k]``, with the weights in the rows from ``WEIGHTS`` on.
Table: TypeAlias = NDArray[np.floating[Any]]
FIRST, LAST, STEP, WEIGHTS = 0, 1, 2, 3

#: What a cell at a coast is made of: an array of shape ``(12, n)``.  Rows 0 to 3 are the central
#: stencil ``a, b, c`` and the step of its quotient or 0; rows 4 and 5 the steps to the left and to
#: the right; rows 6 to 8 the weights of the cell and the two to its right, and rows 9 to 11 those
#: of the two to its left, the farther one first, and of the cell.
CoastalTable: TypeAlias = NDArray[np.floating[Any]]


#: What can be made of the derivatives of a store.
Operation: TypeAlias = Literal["gradient", "magnitude", "laplacian", "divergence", "curl"]

#: How a divergence or a curl on a sphere is written: with ``tan(φ)``, or as a flux.
Form: TypeAlias = Literal["advective", "flux"]


class DerivativeOptions(TypedDict, total=False):
    """The keyword options of :func:`xgrad.gradient`, for those who pass them on."""

    spacing: SpacingLike
    edge_order: EdgeOrder
    datetime_unit: DatetimeUnit | None
    boundary: BoundaryLike
    period: Mapping[Any, Any] | None
    skipna: bool
    accuracy: Accuracy
    validate: bool


class FieldOptions(DerivativeOptions, total=False):
    """The same for what may lie on a sphere."""

    metric: Metric | None
    radius: float | None


class LabelledOptions(DerivativeOptions, total=False):
    """And those that a job from store to store does not have."""

    units: str | None


class LabelledFieldOptions(FieldOptions, total=False):
    """The same for what may lie on a sphere."""

    units: str | None


class JobOptions(FieldOptions, total=False):
    """Those of a store-to-store job; see :func:`xgrad.gradient_to_zarr`."""

    form: Form | None
    chunks: Mapping[str, int] | None
    memory: int | None
    checksum: bool
    overwrite: bool
    restart: bool
    allow_missing: bool
    retries: int
    workers: int | None
    scheduler: str | None
    security: Any
    progress: bool
