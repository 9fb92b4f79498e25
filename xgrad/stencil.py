"""From the spacing of an axis to the weights of its finite differences.  numpy only.

A table (see :data:`xgrad._typing.Table`) is made once for the whole axis and then cut into the
columns of each chunk.  Whether an axis is even is decided here, never in a chunk: a chunk that
happens to be even would otherwise divide where its neighbours multiply
(``test_an_axis_that_is_even_in_one_chunk_only``).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from xgrad._typing import ROWS, SHIFT, STEP, Steps, Table
from xgrad.errors import CoordinateError


def first_derivative(steps: Steps, size: int, edge_order: int, dtype: DTypeLike) -> Table:
    """Table of the first derivative: central differences inside, one-sided ones at the edges.

    The scalar formulas, with ``h1 = x[i] - x[i-1]`` and ``h2 = x[i+1] - x[i]``::

        even:    f'[i] = (f[i+1] - f[i-1]) / (2 h)
        uneven:  f'[i] =      -h2 / (h1 (h1 + h2)) f[i-1]
                         + (h2 - h1) / (h1 h2)     f[i]
                         +   h1 / (h2 (h1 + h2))   f[i+1]

    At the edges ``edge_order=1`` is ``(f[1] - f[0]) / h1`` and ``edge_order=2`` is the derivative
    at the edge of the parabola through the three outermost points.

    Parameters
    ----------
    steps : float or array of shape (size - 1,)
        The distance from each position to the next, in the unit of the coordinate.  A Python
        float is weak: it takes the precision of the data.  A numpy scalar or array keeps its own.
    size : int
        Cells along the axis, at least ``edge_order + 1``.
    edge_order : {1, 2}
        Order of accuracy at the two edges.
    dtype : dtype
        Real dtype of the data, which a weak step takes.

    Returns
    -------
    array of shape (5, size)
        One column per cell, in the layout of :data:`xgrad._typing.Table`.

    Raises
    ------
    CoordinateError
        If a weak step vanishes in `dtype`.

    References
    ----------
    Quarteroni, Sacco, Saleri, *Numerical Mathematics* (Springer 2007), section 10.10.1 (the
    finite differences); the order of the operations is that of ``numpy.gradient``.

    Examples
    --------
    >>> import numpy as np
    >>> first_derivative(np.array([1.0, 2.0, 3.0]), size=4, edge_order=1, dtype="f8").round(3)
    array([[ 0.   , -0.667, -0.3  ,  0.   ],
           [ 0.   ,  0.5  ,  0.167,  0.   ],
           [ 0.   ,  0.167,  0.133,  0.   ],
           [ 1.   ,  0.   ,  0.   ,  3.   ],
           [ 1.   ,  0.   ,  0.   , -1.   ]])
    """
    # np.float64 is a float as well: what makes a step weak is that numpy does not know it.
    weak = not isinstance(steps, np.ndarray | np.generic)
    table = np.zeros((ROWS, size), np.dtype(dtype) if weak else np.asarray(steps).dtype)
    table[SHIFT, 0], table[SHIFT, -1] = 1, -1
    if np.ndim(steps) == 0:
        if table.dtype.type(steps) == 0:
            raise CoordinateError(
                f"a step of {steps!r} is zero in the precision of the data, {table.dtype}; cast "
                "the data to float64"
            )
        _fill_even(table, steps, edge_order)
    else:
        _fill_uneven(table, np.asarray(steps), edge_order)
    return table


def _fill_even(table: Table, h: Steps, edge_order: int) -> None:
    table[STEP, 1:-1] = 2.0 * h
    if edge_order == 1:
        table[STEP, [0, -1]] = h
    else:
        table[:STEP, 0] = -1.5 / h, 2.0 / h, -0.5 / h
        table[:STEP, -1] = 0.5 / h, -2.0 / h, 1.5 / h


def _fill_uneven(table: Table, steps: NDArray[np.floating[Any]], edge_order: int) -> None:
    h1, h2 = steps[:-1], steps[1:]
    table[0, 1:-1] = -h2 / (h1 * (h1 + h2))
    table[1, 1:-1] = (h2 - h1) / (h1 * h2)
    table[2, 1:-1] = h1 / (h2 * (h1 + h2))
    if edge_order == 1:
        table[STEP, [0, -1]] = steps[[0, -1]]
        return
    h1, h2 = steps[0], steps[1]
    table[0, 0] = -(2.0 * h1 + h2) / (h1 * (h1 + h2))
    table[1, 0] = (h1 + h2) / (h1 * h2)
    table[2, 0] = -h1 / (h2 * (h1 + h2))
    h1, h2 = steps[-2], steps[-1]
    table[0, -1] = h2 / (h1 * (h1 + h2))
    table[1, -1] = -(h2 + h1) / (h1 * h2)
    table[2, -1] = (2.0 * h2 + h1) / (h2 * (h1 + h2))
