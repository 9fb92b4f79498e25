"""Fits to the cells that are there, where others of their window are missing.

As in :mod:`xgrad.kernels.tabled`, a block is viewed as (outer, n, inner).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from xgrad._jit import compiled, times
from xgrad._typing import FIRST, LAST, WEIGHTS, AnyArray, Table
from xgrad.kernels.in_order_compiled import less, product
from xgrad.kernels.layout import Planes
from xgrad.kernels.strips import NUMBERS, Parts, cut_rows, work_dtype
from xgrad.stencils import fornberg, least_squares
from xgrad.stencils.scheme import Scheme

# Cells of some planes, which stay in the cache from one row to the next.
_CELLS_AT_ONCE = 2**20

# If the missing cells leave less than this of a polynomial, it is computed again from the others.
_LITTLE = 0.01

# Patterns of missing cells whose weights are kept, as the same one often occurs again: a pattern of
# up to so many cells is a number, which decides its place among them.
_PATTERNS, _SHIFT, _BITS = 1024, np.uint64(54), 62
_SPREAD, _COMPLETE = np.uint64(0x9E3779B97F4A7C15), np.uint64(0)


@compiled
def _solved(q: Any, gone: Any, at: Any, low: Any, high: Any, y: Any) -> bool:
    """Find the derivative if some cells are missing, in the polynomials of all cells.

    The products of the polynomials over the cells that are there are those over all, which are 1
    or 0, less those over the missing ones.  So a fit is a system of a few equations, which takes a
    tenth of the time of new polynomials.  False if that would lose digits.

    The matrix is ``low @ high.T``, where `low` has ones on its diagonal; that of `high` is stored
    inverted.
    """
    for a in range(y.size):
        y[a] = at[a]
        for b in range(a + 1):
            total = 1.0 if a == b else 0.0
            for k in gone:
                total -= q[k, a] * q[k, b]
            for c in range(b):
                total -= high[a, c] * low[b, c]
            if a == b:
                if total < _LITTLE:
                    return False
                high[a, a] = 1 / total
            else:
                high[a, b], low[a, b] = total, total * high[b, b]
                y[a] -= low[a, b] * y[b]
    for a in range(y.size - 1, -1, -1):
        y[a] *= high[a, a]
        for c in range(a + 1, y.size):
            y[a] -= low[c, a] * y[c]
    return True


@compiled
def _weighted(
    x: Any, counts: Any, there: Any, q: Any, at: Any, order: int, work: Any, found: Any
) -> bool:
    """Compute the weights of the cells that are there; False if they are too few."""
    n, size = x.size, at.size
    own, usable = np.zeros(n), 0
    for k in range(n):
        if there[k] and counts[k] > 0:
            own[k] = counts[k]
            usable += 1
    if usable < size:
        return False
    y = work[0]
    if _solved(q, np.flatnonzero(~there), at, work[1 : size + 1], work[size + 1 :], y):
        for k in range(n):
            total = 0.0
            for a in range(size):
                total += q[k, a] * y[a]
            found[k] = total * np.sqrt(counts[k])
        return True
    anew, its = np.empty((size, n)), np.empty((order + 1, size))
    return least_squares.weights(x, own, size - 1, order, anew, its, found)


@compiled
def _prepared(
    steps: Any, first: int, order: int, tricube: bool, width: float, x: Any, counts: Any, q: Any,
    at: Any,
) -> float:  # fmt: skip
    """Compute the polynomials of a window; return the scale of its positions.

    0 if its cells are too few, or reach a ghost of the boundary "nan".
    """
    scale = fornberg.window(steps, -first, 0, np.empty(steps.size), x, 1.0)
    if x.size < at.size or np.isnan(x[-1] - x[0]):
        return 0.0
    least_squares.counted(x, tricube, width * scale, counts)
    own, its = np.empty((at.size, x.size)), np.empty((order + 1, at.size))
    if least_squares.basis(x, counts, at.size - 1, order, own, its) < at.size:
        return 0.0
    at[:] = its[order]
    q[:] = own.T
    return scale


@compiled
def _sum(
    weights: Any, slot: int, there: Any, n: int, cells: Any, here: Any, gap: Any, minus: float,
    order: int, scale: float,
) -> Any:  # fmt: skip
    """Sum of the cells that are there, times their weights."""
    k = 0
    while not there[k]:
        k, here = k + 1, here + gap
    total = product(weights[slot, k], cells[here])
    for later in range(k + 1, n):
        here = here + gap
        if there[later]:
            total = less(total, weights[slot, later] * minus, cells[here])
    for _ in range(order):
        total = times(total, scale)
    return total


@compiled
def _refit(  # noqa: C901
    table: Any, steps: Any, start: int, stop: int, lead: int, order: int, polyorder: int,
    tricube: bool, width: float, minus: float, f: Any, out: Any,
) -> None:  # fmt: skip
    """Fit again in some rows of `out`, where it is NaN; row `lead` of them is the first of `f`."""
    m, inner, size = f.shape[1], f.shape[2], polyorder + 1
    cells, at, work = f.reshape(-1), np.empty(size), np.empty((2 * size + 1, size))
    keys = np.empty(_PATTERNS, np.uint64)
    good = np.empty(_PATTERNS, np.bool_)
    planes = max(1, _CELLS_AT_ONCE // (m * inner))
    for part in range(0, f.shape[0], planes):
        for j in range(start, stop):
            first = int(table[FIRST, j])
            n = int(table[LAST, j]) - first + 1
            x, counts, q, there = (
                np.empty(n),
                np.empty(n),
                np.empty((n, size)),
                np.empty(n, np.bool_),
            )
            weights, scale, gap = np.empty((_PATTERNS, n)), -1.0, np.uint64(inner)
            for o in range(part, min(part + planes, f.shape[0])):
                for i in range(inner):
                    if out[o, j, i] == out[o, j, i]:
                        continue
                    if scale < 0:
                        near = steps[: n - 1, j]
                        scale = _prepared(near, first, order, tricube, width, x, counts, q, at)
                        keys[:] = 0
                    here = np.uint64((o * m + j + first - lead) * inner + i)
                    key = _pattern(cells, here, gap, there)
                    if key == _COMPLETE:
                        continue
                    out[o, j, i] = np.nan
                    if scale == 0 or not there[-first]:
                        continue
                    slot = int((key * _SPREAD) >> _SHIFT)
                    if n > _BITS or keys[slot] != key:
                        keys[slot] = key
                        good[slot] = _weighted(x, counts, there, q, at, order, work, weights[slot])
                    if good[slot]:
                        out[o, j, i] = _sum(
                            weights, slot, there, n, cells, here, gap, minus, order, scale
                        )


@compiled
def _pattern(cells: Any, here: Any, gap: Any, there: Any) -> Any:
    """Which cells of a window are there, as a number too; `_COMPLETE` if all are."""
    key, missing = np.uint64(1), 0
    for k in range(there.size):
        is_there = cells[here] == cells[here]
        there[k] = is_there
        missing += not is_there
        key = key + key + np.uint64(is_there)
        here = here + gap
    return key if missing > 0 else _COMPLETE


def to_those_there(
    parts: Parts, table: Table, steps: AnyArray, axis: int, scheme: Scheme, out: AnyArray
) -> None:
    """Fit again to the cells that are there, where a result is NaN because others are missing.

    A missing cell stays missing, and so does one with too few cells around it.

    Parameters
    ----------
    parts : tuple of three arrays
        The cells below the block that its windows reach, the block, and those above it.
    table : array of shape (3 + w, n)
        The stencils of the block's cells; see :data:`xgrad._typing.Table`.
    steps : array of shape (w - 1, n)
        The steps between the cells of each stencil.
    axis : int
        Axis of the block, not negative.
    scheme : Scheme
        With a fit.
    out : array of the shape of the block
        Has the derivatives by the table, of which those that are NaN are replaced.
    """
    fit = scheme.fit
    if out.size == 0 or fit is None:
        return
    planes = Planes.of(out, axis)
    dtype = work_dtype(out.dtype, NUMBERS)
    views = planes.view(parts[0], dtype), planes.view(parts[1], dtype), planes.view(parts[2], dtype)
    result = planes.result(out, dtype)
    if not np.may_share_memory(result, out):
        result[...] = out.transpose(planes.order).reshape(result.shape)
    where, steps = (np.ascontiguousarray(one, np.float64) for one in (table[:WEIGHTS], steps))
    options = scheme.order, fit.polyorder, fit.tricube, fit.width or 0.0, -1.0
    for start, stop, lead, cells in _strips(views, table):
        _refit(where, steps, start, stop, lead, *options, cells, result)
    planes.put(result, out)


def _strips(parts: Parts, table: Table) -> list[tuple[int, int, int, AnyArray]]:
    """Rows of the block, the first row that their stencils reach, and the cells from it on."""
    n = parts[1].shape[1]
    first, last = (np.arange(n) + table[row].astype(np.intp) for row in (FIRST, LAST))
    start, stop = int((first < 0).sum()), n - int((last >= n).sum())
    if start >= stop:
        bounds = [(0, n)]
    else:
        bounds = [(a, b) for a, b in ((0, start), (start, stop), (stop, n)) if a < b]
    found = []
    for a, b in bounds:
        if (a, b) == (start, stop):
            found.append((a, b, 0, parts[1]))
        else:
            found.append(
                (a, b, int(first[a]), cut_rows(parts, int(first[a]), int(last[b - 1]) + 1))
            )
    return found
