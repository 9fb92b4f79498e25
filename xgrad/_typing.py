"""Types, data layouts and keywords that several modules share."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any, Literal, TypeAlias

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

#: The usual words for them.
DatetimeUnitLike: TypeAlias = (
    DatetimeUnit
    | Literal[
        "week", "weeks", "day", "days", "hour", "hours", "minute", "minutes", "min", "second",
        "seconds", "millisecond", "milliseconds", "microsecond", "microseconds", "nanosecond",
        "nanoseconds",
    ]
)  # fmt: skip

#: How much the cells of a fit count: all the same, or those that are near more.
FitWeights: TypeAlias = Literal["uniform", "tricube"]

#: Accuracy of the central stencil.
Accuracy: TypeAlias = Literal[2, 4, 6, 8]

#: What is beyond one edge: "one-sided", "periodic", "extend", "reflect", "nan" or a number.
Boundary: TypeAlias = str | complex

#: The surface that the cells are on: "sphere", "ellipsoid", "grid_mapping" for CF's, or a CRS in
#: any form that pyproj takes.
Metric: TypeAlias = Any

#: One boundary for all edges, a (left, right) pair, or either of them for each dimension.
BoundaryLike: TypeAlias = Boundary | tuple[Boundary, Boundary] | Mapping[Any, Any]

#: The stencil of every cell along one axis: an array of shape ``(WEIGHTS + w, n)``, one column per
#: cell.  The stencil of cell i reaches from ``i + FIRST`` to ``i + LAST``.  If row ``STEP`` is not
#: zero, the derivative is the quotient ``(f[i + LAST] - f[i + FIRST]) / step``; otherwise it is the
#: sum of ``weight[k] * f[i + FIRST + k]``, with the weights in the rows from ``WEIGHTS`` on.
Table: TypeAlias = NDArray[np.floating[Any]]
FIRST, LAST, STEP, WEIGHTS = 0, 1, 2, 3

#: The stencils that a cell beside a gap may need: an array of shape ``(12, n)``.  Rows 0 to 3 are
#: the central weights ``a, b, c`` and the step of their quotient, or 0; rows 4 and 5 the steps to
#: the left and to the right; rows 6 to 8 the weights of the cell and the two cells to its right;
#: rows 9 to 11 the weights of the two cells to its left, the farther one first, and of the cell.
CoastalTable: TypeAlias = NDArray[np.floating[Any]]


#: The operations of a store-to-store job.
Operation: TypeAlias = Literal[
    "gradient", "derivative", "magnitude", "direction", "laplacian", "hessian", "divergence",
    "curl", "rotate", "smooth",
]  # fmt: skip

#: The order of a derivative.
Order: TypeAlias = Literal[1, 2, 3, 4]

#: How the curvature terms of a divergence or curl on a sphere are written: with ``tan(φ)``, or as a
#: flux.
Form: TypeAlias = Literal["advective", "flux"]

#: ``{dim: what is held constant instead of its index}``, by name or as a DataArray.
ConstantLike: TypeAlias = Mapping[Any, Any] | None

#: How a neighbouring column is taken at the height of a cell.
ConstantBy: TypeAlias = Literal["interpolation", "linear", "chain"]

#: How the progress of a job is shown on stderr.
Progress: TypeAlias = Literal["auto", "bar", "log", "none"]

#: The directions of turned components: east and north, or the dimensions of the grid.
To: TypeAlias = Literal["earth", "grid"]
