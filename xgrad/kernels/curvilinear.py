"""Derivatives along columns that have their own positions, from multi-dimensional coordinates.

As in :mod:`xgrad.kernels.tabled`, a block is viewed as (outer, n, inner).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from xgrad._jit import compiled, quotient
from xgrad._typing import AnyArray
from xgrad.kernels.any_stencil import loop_over
from xgrad.kernels.extreme_steps import (
    extreme_steps,
    fill_extremes,
    good_columns,
    is_good,
    jumps,
    of_columns,
    single_column,
)
from xgrad.kernels.in_order_compiled import less, product
from xgrad.kernels.layout import Planes
from xgrad.kernels.strips import (
    FLOATS,
    NUMBERS,
    Loop,
    Parts,
    cut_rows,
    differentiate_ends,
    padded,
    work_dtype,
)
from xgrad.kernels.three_points import between
from xgrad.stencils import circle, closed_form
from xgrad.stencils.scheme import Scheme

# Cells of a row to differentiate before moving to the next row: longer rows of positions fall out
# of the cache before the third row that needs them.
_CELLS_OF_A_ROW = 2**12


@compiled
def _between_row(
    x: Any, p: Any, gap: Any, lowest: Any, highest: Any, plain: bool, f: Any, r: Any, out: Any,
    size: int, minus: Any,
) -> None:  # fmt: skip
    """Central differences in a row of cells that have their own positions, in flat memory.

    `p` and `r` are the offsets of the row in the positions and in the cells, and `gap` is the
    distance to the neighbouring rows: slicing rows out of the arrays would cost half as much as the
    arithmetic.  `lowest` and `highest` are the extreme steps of each column, or of the one column
    that the row is a part of; `plain` means that no column is even or bad.  `minus` is -1: see
    :mod:`xgrad.kernels.in_order`.
    """
    for i in range(size):
        k = np.uint64(i)
        x0, x1, x2 = x[p - gap + k], x[p + k], x[p + gap + k]
        h1, h2 = x1 - x0, x2 - x1
        a, b, c = between(h1, h2)
        total = less(product(a, f[r - gap + k]), b * minus, f[r + k])
        out[r + k] = less(total, c * minus, f[r + gap + k])
    if plain:
        return
    for i in range(size):
        k = np.uint64(i)
        column = i if lowest.size > 1 else 0
        first, last = lowest[column], highest[column]
        x0, x1, x2 = x[p - gap + k], x[p + k], x[p + gap + k]
        if not is_good(first, last):
            out[r + k] = np.nan
        elif first == last and x1 - x0 == first and x2 - x1 == first:
            out[r + k] = quotient(f[r + gap + k] - f[r - gap + k], first + first)


@compiled
def _between(
    x: Any, least: Any, greatest: Any, known: bool, columns: Any, f: Any, out: Any, minus: Any
) -> None:
    """Central differences inside the planes, along `columns`; `x` repeats if it has fewer planes.

    Unless they are `known` from the whole columns, the extreme steps are found in the same pass: a
    separate one would fetch all positions from memory a second time.
    """
    n, inner, one = f.shape[1], f.shape[2], np.uint64(1)
    xs, cells, result, gap = x.reshape(-1), f.reshape(-1), out.reshape(-1), np.uint64(inner)
    for o in range(f.shape[0]):
        q = o % x.shape[0]
        first, last = least[q, 0], greatest[q, 0]
        if inner == 1:
            if not known and o == q:
                single_column(x[q].reshape(-1), first, last)
            plain = is_good(first[0], last[0]) and first[0] != last[0]
            p, r = np.uint64(q * n) + one, np.uint64(o * n) + one
            _between_row(xs, p, gap, first, last, plain, cells, r, result, n - 2, minus)
            continue
        for start in range(columns.start, columns.stop, _CELLS_OF_A_ROW):
            stop = min(start + _CELLS_OF_A_ROW, columns.stop)
            lowest, highest = first[start:stop], last[start:stop]
            if not known and o == q:
                extreme_steps(x[q], start, lowest, highest)
            plain = start < stop  # a literal True would be compiled separately
            for i in range(stop - start):
                plain = plain and is_good(lowest[i], highest[i]) and lowest[i] != highest[i]
            for j in range(1, n - 1):
                p = np.uint64((q * n + j) * inner + start)
                r = np.uint64((o * n + j) * inner + start)
                _between_row(
                    xs, p, gap, lowest, highest, plain, cells, r, result, stop - start, minus
                )  # fmt: skip


def _edge_row(
    x: AnyArray, least: AnyArray, greatest: AnyArray, f: AnyArray, edge_order: int, out: AnyArray,
    *, last: bool,
) -> None:  # fmt: skip
    """Numpy's one-sided difference in the first or last row of planes, not compiled."""
    n = f.shape[1]
    rows = slice(n - 1 - edge_order, n) if last else slice(0, edge_order + 1)
    cells = f[:, rows].reshape(-1, len(x), edge_order + 1, f.shape[2])
    h = np.diff(x[:, rows], axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        if edge_order == 1:
            found = (cells[:, :, 1] - cells[:, :, 0]) / h[:, 0]
        else:
            uneven, as_even = (
                (closed_form.from_right, closed_form.from_right_even(h[:, 1])) if last
                else (closed_form.from_left, closed_form.from_left_even(h[:, 0]))
            )  # fmt: skip
            is_even = (least == greatest)[:, 0]
            pairs = zip(as_even, uneven(h[:, 0], h[:, 1]), strict=True)
            a, b, c = (np.where(is_even, *pair) for pair in pairs)
            found = less(product(a, cells[:, :, 0]), -b, cells[:, :, 1])
            found = less(found, -c, cells[:, :, 2])
    good = good_columns(least, greatest)[:, 0]
    out[:, -1 if last else 0] = np.where(good, found, np.nan).reshape(len(f), -1)


def by_column(
    parts: Parts, positions: Parts, known: tuple[AnyArray, AnyArray] | None, period: float | None,
    axis: int, scheme: Scheme, out: AnyArray,
) -> bool:  # fmt: skip
    """Any derivative along columns that have their own positions.

    Parameters
    ----------
    parts, positions : tuples of three arrays
        Up to ``scheme.depth`` cells below the block, the block, and as many above it; and their
        positions, as floats, with length 1 along the dimensions that they do not depend on.
    known : tuple of two arrays or None
        Least and greatest step of each whole column, with length 1 along `axis`, because whether
        a column is even or monotonic cannot be decided within a block.  None if the block holds
        whole columns.
    period : float or None
        Amount by which the positions of a column may jump inside the array.
    axis : int
        Axis of the block, not negative.
    scheme : Scheme
        Order and accuracy.
    out : array of the shape of the block
        Receives the derivative.

    Returns
    -------
    bool
        Whether all columns are strictly monotonic.  Columns that are not become NaN in `out`.
    """
    if out.size == 0:
        return True
    planes = Planes.of(out, axis)
    dtype = work_dtype(out.dtype, NUMBERS)
    kind = work_dtype(positions[1].dtype, FLOATS)
    result = planes.result(out, dtype)
    x0, x1, x2 = (planes.columns(part, out.shape, kind) for part in positions)
    x = (x0, x1, x2)
    n = result.shape[1]
    depth = scheme.reach
    in_place = scheme.is_numpys and not scheme.skipna and n > 2 * depth
    has_edges = scheme.longest < np.inf
    if known is not None:
        least, greatest = (np.array(planes.columns(one, out.shape, kind)) for one in known)
    elif period is not None:
        least, greatest = of_columns(x[1], 1, period)
    else:
        least, greatest = (np.empty((len(x[1]), 1, x[1].shape[2]), kind) for _ in range(2))
        if not in_place or has_edges:
            fill_extremes(x[1], slice(0, x[1].shape[2]), least, greatest)
    is_known = known is not None or period is not None or has_edges
    in_place = in_place and not (period is not None and jumps(x[1], least))
    in_place = in_place and not (has_edges and _is_cut(least, greatest, scheme.longest))

    def steps(start: int, stop: int) -> AnyArray:
        return circle.around(np.diff(cut_rows(there, start, stop), axis=1), least, period)

    there = padded(x, depth)
    loop, rows = loop_over(planes, parts, steps, (least, greatest), scheme, dtype)
    if in_place:
        _in_place(x, there, (least, greatest), period, is_known, loop, rows, scheme, result)
    else:
        differentiate_ends(loop, [(0, n)], depth, rows, result)
    planes.put(result, out)
    return bool(good_columns(least, greatest).all())


def _is_cut(least: AnyArray, greatest: AnyArray, longest: float) -> bool:
    """Whether a column has a step that is an edge."""
    return bool((np.maximum(abs(least), abs(greatest)) > longest).any())


def _in_place(
    x: Parts, there: Parts, extremes: tuple[AnyArray, AnyArray], period: float | None,
    is_known: bool, loop: Loop, rows: Parts, scheme: Scheme, out: AnyArray,
) -> None:  # fmt: skip
    """Apply numpy's stencil without copying the block; `there` includes positions beyond it."""
    every, n = slice(0, out.shape[2]), out.shape[1]
    minus = -x[1].dtype.type(1)
    _between(x[1], *extremes, is_known, every, rows[1], out, minus)
    for row in (0, n - 1):
        if row - 1 < -x[0].shape[1] or row + 1 >= n + x[2].shape[1]:
            _edge_row(x[1], *extremes, rows[1], scheme.edge_order, out, last=row > 0)
            continue
        around = cut_rows(there, row - 1, row + 2)
        if period is not None and jumps(around, extremes[0]):
            differentiate_ends(loop, [(row, row + 1)], scheme.reach, rows, out)
            continue
        cells = cut_rows(rows, row - 1, row + 2)
        ends = np.empty(cells.shape, out.dtype)
        _between(around, *extremes, True, every, cells, ends, minus)  # noqa: FBT003
        # The NaN of positions, not that of the data: ghosts of the boundary "nan".
        missing = np.isnan(around[:, 2] - around[:, 0])
        found = ends[:, 1].reshape(-1, len(missing), out.shape[2])
        out[:, row] = np.where(missing, np.nan, found).reshape(len(out), -1)


def side_by_side(
    f: AnyArray, x: AnyArray, axis: int, scheme: Scheme, out: AnyArray
) -> Callable[[slice], bool] | None:
    """Make a function that differentiates some columns of an array.

    It is for arrays whose axis is outermost in memory.  Cutting them along this axis for threads,
    as other arrays are, would take an extra pass over all positions to find the extreme steps of
    whole columns.

    Parameters
    ----------
    f, x : arrays of one shape
        The data and their positions.
    axis : int
        Axis of the data, not negative.
    scheme : Scheme
        Order, accuracy and boundaries.
    out : array of the shape of the data
        Receives the derivative.

    Returns
    -------
    callable or None
        Takes a slice of the columns, in the order of memory, and returns whether all of them are
        strictly monotonic.  None if this is impossible: with ghosts, gaps, edges inside or
        another dtype.

    Examples
    --------
    >>> x = np.array([[0.0, 1.0], [2.0, 2.0]])
    >>> work = side_by_side(x * 3, x, 0, Scheme(), out := np.empty_like(x))
    >>> work(slice(0, 1)), work(slice(1, 2)), out
    (True, True, array([[3., 3.],
           [3., 3.]]))
    """
    planes = Planes.of(out, axis)
    plain = scheme.is_numpys and not scheme.skipna and scheme.boundary == ("one-sided",) * 2
    plain = plain and not scheme.longest < np.inf
    ours = out.dtype in NUMBERS and f.dtype == out.dtype and x.dtype in FLOATS
    if not (plain and ours and planes.n_before == 0 and x.shape == out.shape):
        return None
    if not all(one.transpose(planes.order).flags.c_contiguous for one in (f, x, out)):
        return None
    cells, positions = planes.view(f, f.dtype), planes.view(x, x.dtype)
    result = planes.result(out, out.dtype)
    least, greatest = (np.empty((1, 1, result.shape[2]), x.dtype) for _ in range(2))

    def work(columns: slice) -> bool:
        minus = -x.dtype.type(1)
        _between(positions, least, greatest, False, columns, cells, result, minus)  # noqa: FBT003
        some = np.s_[..., columns]
        ends = least[some], greatest[some]
        for last in (False, True):
            _edge_row(
                positions[some], *ends, cells[some], scheme.edge_order, result[some], last=last
            )
        return bool(good_columns(*ends).all())

    return work
