"""Products of vectors whose components are arrays, in one pass over memory each.

numpy makes a pass, and a new array, for each multiplication and each sum: for a million cells that
is ten times slower, because the arrays do not fit in the cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from xgrad._jit import compiled
from xgrad._typing import AnyArray


@compiled
def _dot(a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, out: Any) -> None:
    for i in range(out.size):
        # As the sum of Python has it, from 0: the sign of a zero.
        out[i] = 0.0 + a[i] * d[i] + b[i] * e[i] + c[i] * f[i]


@compiled
def _cross(
    a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, x: Any, y: Any, z: Any
) -> None:  # fmt: skip
    for i in range(x.size):
        x[i] = b[i] * f[i] - c[i] * e[i]
        y[i] = c[i] * d[i] - a[i] * f[i]
        z[i] = a[i] * e[i] - b[i] * d[i]


def fits(vectors: Sequence[Sequence[Any]]) -> bool:
    """Whether all components are arrays that the loops take.

    Examples
    --------
    >>> fits([[np.ones(3)] * 3, [np.ones(3)] * 3]), fits([[np.ones(3)] * 3, [1, 2, 3]])
    (True, False)
    """
    arrays = [x for vector in vectors for x in vector]
    first = arrays[0]
    return len(arrays) == 6 and all(
        isinstance(x, np.ndarray)
        and x.dtype == np.float64
        and x.shape == first.shape
        and x.flags.c_contiguous
        for x in arrays
    )


def dot(one: Sequence[AnyArray], other: Sequence[AnyArray], part: slice, out: AnyArray) -> None:
    """Scalar product of some cells, counted in the order of memory.

    Examples
    --------
    >>> dot([np.ones(3)] * 3, [np.arange(3.0)] * 3, slice(1, 3), out := np.zeros(3))
    >>> out
    array([0., 3., 6.])
    """
    loop: Any = _dot
    loop(*(_flat(x, part) for x in (*one, *other)), out.reshape(-1)[part])


def cross(
    one: Sequence[AnyArray], other: Sequence[AnyArray], part: slice, out: Sequence[AnyArray]
) -> None:
    """Cross product of some cells; see :func:`dot`.

    Examples
    --------
    >>> axes = [[np.array([x]) for x in axis] for axis in ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0])]
    >>> cross(*axes, slice(0, 1), out := [np.empty(1) for _ in range(3)])
    >>> [float(x[0]) for x in out]
    [0.0, 0.0, 1.0]
    """
    found = (x.reshape(-1)[part] for x in out)
    _cross(*(_flat(x, part) for x in (*one, *other)), *found)


def _flat(array: AnyArray, part: slice) -> AnyArray:
    found = array.reshape(-1)[part]
    found.flags.writeable = False  # one compiled variant serves all
    return found
