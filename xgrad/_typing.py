"""Names for the types and for the one data layout that several modules share."""

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

#: The weights of every cell along one axis: an array of shape ``(ROWS, n)``, a column per cell.
#: Rows 0 to 2 are ``a, b, c`` of ``a*f[j-1] + b*f[j] + c*f[j+1]`` with ``j = i + SHIFT``.  Where
#: row ``STEP`` is not zero the derivative is the quotient ``(f[hi] - f[lo]) / step`` instead.
#: Row ``SHIFT`` is 0 where the cell lies in the middle of its stencil, +1 at the left edge (the
#: stencil lies to its right: ``lo, hi = i, i + 1``) and -1 at the right edge.
Table: TypeAlias = NDArray[np.floating[Any]]
STEP, SHIFT, ROWS = 3, 4, 5
