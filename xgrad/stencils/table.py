"""Tables of weights for a whole axis.

A table (see :data:`xgrad._typing.Table`) is computed once for the whole axis; each chunk gets its
columns of it.  Whether an axis is even is also decided here and never in a chunk.  Otherwise a
chunk that happens to be even would divide where its neighbours multiply, and round differently
(``test_an_axis_that_is_even_in_one_chunk_only``).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from xgrad._typing import FIRST, LAST, STEP, WEIGHTS, AnyArray, CoastalTable, Steps, Table
from xgrad.errors import CoordinateError
from xgrad.stencils import closed_form, ghosts
from xgrad.stencils.scheme import Scheme


@np.errstate(all="ignore")
def table_of(steps: Steps, size: int, scheme: Scheme, dtype: DTypeLike, seam: Any = None) -> Table:
    """Table of a derivative along an axis.

    Parameters
    ----------
    steps : float or array of shape (size - 1,)
        The distance from each position to the next, in the unit of the coordinate.  A Python
        float is weak: it takes the precision of the data.  A numpy scalar or array keeps its
        own precision.
    size : int
        Number of cells along the axis, at least ``scheme.needed``.
    scheme : Scheme
        Order, accuracy and boundaries.
    dtype : dtype
        Real dtype of the data, and of the table if the step is weak.
    seam : float, optional
        Step from the last cell to the first cell of the next period, for a periodic axis.

    Returns
    -------
    array of shape (3 + w, size)
        One column per cell, in the layout of :data:`xgrad._typing.Table`.  It has the dtype of
        the steps for the stencil of `numpy.gradient`, and is float64 for all others, whose weights
        would lose accuracy in a smaller dtype.

    Raises
    ------
    CoordinateError
        If a weak step rounds to zero or infinity in `dtype`, or float64 cannot hold the weights.

    Examples
    --------
    >>> table_of(0.5, 3, Scheme(order=2, boundary=("reflect", "reflect")), "f8")[WEIGHTS:]
    array([[ 4.,  4.,  4.],
           [-8., -8., -8.],
           [ 4.,  4.,  4.]])
    """
    beyond = ghosts.steps(steps, scheme.boundary, scheme.half, seam)
    if not scheme.is_numpys:
        return _any_derivative(steps, size, scheme, beyond)
    edge_order = scheme.edge_order if "one-sided" in scheme.boundary else 1
    table = first_derivative(steps, size, edge_order, dtype)
    for cell, ghost in ((0, beyond[0][-1:]), (size - 1, beyond[1][:1])):
        if ghost.size:
            inner = np.asarray(steps) if np.ndim(steps) == 0 else steps[-1 if cell else 0]  # type: ignore[index]
            _fill_centre(table, cell, *((inner, ghost[0]) if cell else (ghost[0], inner)))
    return table


def of_products(table: Table, inside: AnyArray) -> Table:
    """Table of the derivative of a product ``c f``, applied to ``f`` with a known factor ``c``.

    ``d(c f)/dx = sum(w[k] c[k] f[k])``: the weights absorb the factor, so that the product is never
    computed.  Beyond an edge the factor has the value at the edge.

    Parameters
    ----------
    table : array of shape (3 + w, size)
        From :func:`table_of`.
    inside : array of shape (size,)
        The known factor, at the cells.

    Returns
    -------
    array of the shape of `table`
        At least float64.  Quotients have become weights: the row of steps is zero.

    Examples
    --------
    >>> table = table_of(1.0, 3, Scheme(), "f8")
    >>> of_products(table, np.array([1.0, 2.0, 4.0]))[WEIGHTS:]
    array([[-1. , -0.5, -2. ],
           [ 2. ,  0. ,  4. ],
           [ 0. ,  2. ,  0. ]])
    """
    cells = np.arange(table.shape[1])
    first, last = (table[row].astype(np.intp) for row in (FIRST, LAST))
    found = np.array(table, np.result_type(table.dtype, np.float64))
    two = np.flatnonzero(table[STEP] != 0)
    found[WEIGHTS, two] = -1 / found[STEP, two]
    found[WEIGHTS + (last - first)[two], two] = 1 / found[STEP, two]
    found[STEP] = 0
    for k in range(len(table) - WEIGHTS):
        of = cells + np.minimum(first + k, last)
        found[WEIGHTS + k] *= inside[np.clip(of, 0, cells[-1])]
    return found


@np.errstate(all="ignore")
def coastal_table(
    steps: Steps, size: int, scheme: Scheme, dtype: DTypeLike, seam: Any = None
) -> CoastalTable:
    """Table of the first derivative along an axis on which neighbours may be missing.

    Parameters are those of :func:`table_of`; the scheme must be that of `numpy.gradient`.

    Returns
    -------
    array of shape (12, size)
        One column per cell, in the layout of :data:`xgrad._typing.CoastalTable`.

    Examples
    --------
    >>> coastal_table(np.array([1.0, 2.0]), 3, Scheme(skipna=True), "f8")[4:6]
    array([[nan,  1.,  2.],
           [ 1.,  2., nan]])
    """
    table = table_of(steps, size, scheme, dtype, seam)
    beyond = ghosts.steps(steps, scheme.boundary, 2, seam)
    # As in Python, a weak step divides in float64; only the quotient takes the data's precision.
    along = np.full(size + 3, np.nan, np.asarray(steps).dtype)
    along[2 - len(beyond[0]) : 2], along[size + 1 : size + 1 + len(beyond[1])] = beyond
    along[2 : size + 1] = steps
    far_left, left, right, far_right = (along[k : k + size] for k in range(4))
    even = np.ndim(steps) == 0
    coastal = np.empty((12, size), table.dtype)
    coastal[:4] = table[[WEIGHTS, WEIGHTS + 1, WEIGHTS + 2, STEP]]
    coastal[4], coastal[5] = left, right
    for rows, uneven, as_even, h1, h2 in (
        (slice(6, 9), closed_form.from_left, closed_form.from_left_even(right), right, far_right),
        (slice(9, 12), closed_form.from_right, closed_form.from_right_even(left), far_left, left),
    ):
        coastal[rows] = np.where(even & (h1 == h2), as_even, uneven(h1, h2))
    # The boundary "nan" is not a gap: no one-sided difference replaces the central one there.
    if scheme.boundary[0] == "nan":
        coastal[4:, 0] = np.nan
    if scheme.boundary[1] == "nan":
        coastal[4:, -1] = np.nan
    return coastal


def fitted_table(
    steps: Steps, size: int, scheme: Scheme, dtype: DTypeLike, seam: Any = None
) -> AnyArray:
    """Table of fits, and the steps within each stencil, for fits to fewer cells.

    Parameters are those of :func:`table_of`; the scheme must have a fit.

    Returns
    -------
    float64 array of shape (3 + w + w - 1, size)
        The table, and below it the steps between the cells of each stencil.

    Examples
    --------
    >>> from xgrad.stencils.scheme import Fit
    >>> fitted_table(np.array([1.0, 2.0]), 3, Scheme(fit=Fit(1, 1)), "f8")[6:]
    array([[1., 1., 1.],
           [2., 2., 2.]])
    """
    table = table_of(steps, size, scheme, dtype, seam)
    found = np.empty((2 * len(table) - WEIGHTS - 1, size))
    found[: len(table)] = table
    _fill_steps(steps, scheme, seam, table[FIRST], found[len(table) :])
    return found


def _fill_steps(
    steps: Steps, scheme: Scheme, seam: Any, first: AnyArray, out: AnyArray
) -> None:  # fmt: skip
    """The steps within each stencil, row by row: whole arrays of indices would be larger."""
    size = first.size
    left, right = ghosts.steps(steps, scheme.boundary, scheme.half, seam)
    inside = np.broadcast_to(np.asarray(steps, np.float64), size - 1)
    along = np.concatenate([left, inside, right]).astype(np.float64)
    start = len(left) + np.arange(size) + first.astype(np.intp)
    for k, row in enumerate(out):
        row[:] = along[np.minimum(start + k, len(along) - 1)]


def error_table(
    steps: Steps, size: int, scheme: Scheme, dtype: DTypeLike, seam: Any = None
) -> AnyArray:
    """Stencils of fits, for the standard errors of their derivatives.

    Parameters are those of :func:`table_of`; the scheme must have a fit.

    Returns
    -------
    float64 array of shape (2 + w - 1 + w, size)
        The rows `FIRST` and `LAST` of the table, the steps between the cells of each stencil, and
        for each of these cells the first one of the same stencil that has the same value: itself,
        but for ghosts and the cells that they copy; -1 for a ghost that copies none.

    Examples
    --------
    >>> from xgrad.stencils.scheme import Fit
    >>> reflected = Scheme(boundary=("reflect", "extend"), fit=Fit(1, 1))
    >>> error_table(1.0, 3, reflected, "f8")[4:]
    array([[0., 0., 0.],
           [1., 1., 1.],
           [0., 2., 1.]])
    """
    table = table_of(steps, size, scheme, dtype, seam)
    widest = len(table) - WEIGHTS
    found = np.empty((2 * widest + 1, size))
    found[:2] = table[[FIRST, LAST]]
    _fill_steps(steps, scheme, seam, table[FIRST], found[2 : widest + 1])
    each = np.arange(widest)
    alike = found[widest + 1 :]
    alike[:] = each[:, np.newaxis]
    first, last = (np.arange(size) + table[row].astype(np.intp) for row in (FIRST, LAST))
    for i in np.flatnonzero((first < 0) | (last >= size)):
        own = ghosts.origins(each[: last[i] - first[i] + 1] + first[i], size, scheme.boundary)
        _, where, which = np.unique(own, return_index=True, return_inverse=True)
        alike[: len(own), i] = np.where(own < 0, -1, where[which])
    return found


def windows(steps: Steps, size: int, scheme: Scheme, seam: Any = None) -> AnyArray:
    """Steps around each cell, for stencils whose weights are computed cell by cell.

    Parameters are those of :func:`table_of`.

    Returns
    -------
    float64 array of shape (2 * depth, size)
        Row k is the step from cell ``i - depth + k`` to the next; NaN beyond a one-sided edge.

    Examples
    --------
    >>> windows(np.array([1.0, 2.0]), 3, Scheme(order=2, skipna=True), None)[2:4]
    array([[nan,  1.,  2.],
           [ 1.,  2., nan]])
    """
    depth = scheme.depth
    left, right = ghosts.steps(steps, scheme.boundary, depth, seam)
    along = np.full(size - 1 + 2 * depth, np.nan)
    along[depth : depth + size - 1] = steps
    along[depth - len(left) : depth] = left
    along[depth + size - 1 : depth + size - 1 + len(right)] = right
    return np.stack([along[k : k + size] for k in range(2 * depth)])


def _fill_centre(table: Table, cell: int, h1: Any, h2: Any) -> None:
    """Central difference between two steps: a quotient if they are equal, as in numpy."""
    table[:, cell] = 0
    table[FIRST, cell], table[LAST, cell] = -1, 1
    if h1 == h2:
        table[STEP, cell] = 2.0 * h1
        return
    # Beyond the boundary "nan" the step is NaN, and so is the ghost, which any weight keeps.
    missing = np.isnan(h1 + h2)
    table[WEIGHTS:, cell] = 1 if missing else closed_form.between(h1, h2)


def _any_derivative(
    steps: Steps, size: int, scheme: Scheme, beyond: tuple[AnyArray, AnyArray]
) -> Table:
    """Central stencils where they fit; elsewhere the one-sided stencil at the edge."""
    left, right = beyond
    inside = np.broadcast_to(np.asarray(steps, np.float64), size - 1)
    all_steps = np.concatenate([left, inside, right]).astype(np.float64)
    first, count = _extents(all_steps, size, scheme, len(left), len(right))
    widest = int(count.max())
    if scheme.fit is not None:  # wide enough not to be taken for numpy's
        widest = scheme.fit.window if scheme.fit.width is None else max(5, scheme.fit.window)
    table = np.zeros((WEIGHTS + widest, size))
    table[FIRST], table[LAST] = first, first + count - 1
    where = len(left), first, count, table[WEIGHTS:]
    if scheme.fit is None:
        from xgrad.stencils import fornberg  # noqa: PLC0415  it loads numba

        fornberg.fill(all_steps, scheme.order, *where)
    else:
        from xgrad.stencils import least_squares  # noqa: PLC0415

        fit = scheme.fit
        width = fit.width or 0.0
        least_squares.fill(all_steps, scheme.order, fit.polyorder, fit.tricube, width, *where)
    _refuse_infinite(table, all_steps[len(left) :], scheme)
    return table


def _extents(
    all_steps: AnyArray, size: int, scheme: Scheme, n_left: int, n_right: int
) -> tuple[AnyArray, AnyArray]:
    """The first cell of each stencil, relative to its own cell, and the number of its cells."""
    if scheme.fit is not None and scheme.fit.width is not None:
        from xgrad.stencils import least_squares  # noqa: PLC0415

        below, above = np.empty((2, size), np.intp)
        least_squares.neighbours(all_steps, n_left, scheme.fit.width, below, above)
        return -below, below + above + 1
    cells = np.arange(size)
    first = np.full(size, -scheme.half)
    count = np.full(size, 2 * scheme.half + 1)
    before = cells - scheme.half < -n_left
    after = cells + scheme.half > size - 1 + n_right
    first[before] = -cells[before]
    count[before | after] = scheme.edge
    first[after] = size - scheme.edge - cells[after]
    return first, count


def _refuse_infinite(table: Table, steps: AnyArray, scheme: Scheme) -> None:
    """Refuse steps whose weights float64 cannot hold: they would give 0 or NaN."""
    lost = np.isinf(table[WEIGHTS:]).any(axis=0)
    if lost.any():
        i = int(np.argmax(lost))
        near = abs(steps[max(0, i + int(table[FIRST, i])) : i + int(table[LAST, i])])
        alike = near.min() > near.max() * 1e-20
        raise CoordinateError(
            f"the weights of `order={scheme.order}` with {scheme.named} at index {i} do not fit "
            f"into float64, because the steps there are {near.min():g} to {near.max():g}; "
            + ("express the positions in another unit" if alike else "leave out some of the cells")
        )


def first_derivative(steps: Steps, size: int, edge_order: int, dtype: DTypeLike) -> Table:
    """Table of the first derivative: central differences inside, one-sided at the edges.

    With ``h1 = x[i] - x[i-1]`` and ``h2 = x[i+1] - x[i]``::

        even:    f'[i] = (f[i+1] - f[i-1]) / (2 h)
        uneven:  f'[i] =      -h2 / (h1 (h1 + h2)) f[i-1]
                         + (h2 - h1) / (h1 h2)     f[i]
                         +   h1 / (h2 (h1 + h2))   f[i+1]

    At the edges, ``edge_order=1`` is ``(f[1] - f[0]) / h1``, and ``edge_order=2`` differentiates
    the parabola through the three outermost points.

    Parameters
    ----------
    steps : float or array of shape (size - 1,)
        The distance from each position to the next, in the unit of the coordinate.  A Python
        float is weak: it takes the precision of the data.  A numpy scalar or array keeps its
        own precision.
    size : int
        Number of cells along the axis, at least ``edge_order + 1``.
    edge_order : {1, 2}
        Order of accuracy at the two edges.
    dtype : dtype
        Real dtype of the data, and of the table if the step is weak.

    Returns
    -------
    array of shape (6, size)
        One column per cell, in the layout of :data:`xgrad._typing.Table`.

    Raises
    ------
    CoordinateError
        If a single step is zero or infinite in the dtype of the table.

    References
    ----------
    Quarteroni, Sacco, Saleri, *Numerical Mathematics* (Springer 2007), section 10.10.1.  The
    order of the operations is that of `numpy.gradient`, for the same bits.

    Examples
    --------
    >>> import numpy as np
    >>> first_derivative(np.array([1.0, 2.0, 3.0]), size=4, edge_order=1, dtype="f8").round(3)
    array([[ 0.   , -1.   , -1.   , -1.   ],
           [ 1.   ,  1.   ,  1.   ,  0.   ],
           [ 1.   ,  0.   ,  0.   ,  3.   ],
           [ 0.   , -0.667, -0.3  ,  0.   ],
           [ 0.   ,  0.5  ,  0.167,  0.   ],
           [ 0.   ,  0.167,  0.133,  0.   ]])
    """
    # np.float64 is a subclass of float, so `isinstance(steps, float)` would not do.
    weak = not isinstance(steps, np.ndarray | np.generic)
    # Not within `np.zeros`: mypy would take 8 s for that line.
    kept: np.dtype[Any] = np.dtype(dtype) if weak else np.asarray(steps).dtype
    table = np.zeros((WEIGHTS + 3, size), kept)
    table[FIRST], table[LAST] = -1, 1
    table[FIRST, 0], table[LAST, -1] = 0, 0
    if edge_order == 2:
        table[LAST, 0], table[FIRST, -1] = 2, -2
    if np.ndim(steps) == 0:
        with np.errstate(over="ignore"):
            twice = abs(table.dtype.type(2.0 * steps))
        if not 0 < twice < np.inf:
            raise CoordinateError(
                f"a step of {steps!r} is {'infinite' if twice else 'zero'} in the precision of the "
                f"data, {table.dtype}; cast the data to float64"
            )
        _fill_even(table, steps, edge_order)
    else:
        _fill_uneven(table, np.asarray(steps), edge_order)
    return table


def _fill_even(table: Table, h: Steps, edge_order: int) -> None:
    table[STEP, 1:-1] = 2.0 * h
    if edge_order == 1:
        table[STEP, 0] = table[STEP, -1] = h
    else:
        table[WEIGHTS:, 0] = closed_form.from_left_even(h)
        table[WEIGHTS:, -1] = closed_form.from_right_even(h)


def _fill_uneven(table: Table, steps: NDArray[np.floating[Any]], edge_order: int) -> None:
    for row, inside in enumerate(closed_form.between(steps[:-1], steps[1:]), WEIGHTS):
        table[row, 1:-1] = inside
    if edge_order == 1:
        table[STEP, 0], table[STEP, -1] = steps[0], steps[-1]
    else:
        table[WEIGHTS:, 0] = closed_form.from_left(steps[0], steps[1])
        table[WEIGHTS:, -1] = closed_form.from_right(steps[-2], steps[-1])


def leave_range(steps: AnyArray) -> AnyArray:
    """At which inner positions numpy's formula for uneven steps over- or underflows.

    The derivative is then imprecise, 0 or NaN, as it is in numpy.

    Examples
    --------
    >>> leave_range(np.float32([1e-20, 1e-20, 1.0, 1e20]))
    array([ True, False,  True])
    """
    info, sizes = np.finfo(steps.dtype), np.abs(steps)
    if 2 * info.tiny**0.5 < sizes.min() and sizes.max() < info.max**0.5 / 2:
        return np.zeros(max(0, steps.size - 1), bool)
    with np.errstate(over="ignore", under="ignore"):
        products = np.abs(closed_form.denominators(steps[:-1], steps[1:]))
    info = np.finfo(products.dtype)
    found: AnyArray = ((products < info.tiny) | (products > info.max)).any(axis=0)
    return found
