"""Fits to the cells that are there, where others of their window are missing.

As in :mod:`xgrad.kernels.tabled`, a block is viewed as (outer, n, inner).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from xgrad._jit import compiled, times
from xgrad._typing import FIRST, LAST, WEIGHTS, AnyArray, Table
from xgrad.kernels.fits_together import LANES, TERMS, prepared, sums, weigh
from xgrad.kernels.layout import Planes
from xgrad.kernels.strips import NUMBERS, Parts, stretches, work_dtype
from xgrad.stencils.scheme import Scheme

# Cells of a piece, which stay in the cache from one of its rows to the next.
_CELLS_AT_ONCE, _CELLS_OF_A_ROW = 2**18, 2**11

# Windows whose cells are copied one after another: their lines of memory stay in the fastest cache.
_FEW = 8


class _Rows(NamedTuple):
    """Where the cells of each row's windows are, and how to fit to them."""

    table: Any
    steps: Any
    order: int
    tricube: bool
    width: float
    minus: float


class _Window(NamedTuple):
    """The window of the row `row`, as :func:`fits_together.prepared` describes it."""

    row: Any
    scale: Any
    x: Any
    counts: Any
    q: Any
    squares: Any
    at: Any


class _Queue(NamedTuple):
    """Windows that wait for others like them: where each begins, and where its result is."""

    here: Any
    to: Any
    cells: Any
    gone: Any
    missing: Any
    weights: Any
    total: Any


@compiled
def _are_same(rows: Any, j: int, k: int) -> bool:
    """Whether the windows of two rows have the same positions."""
    table = rows.table
    same = table[FIRST, j] == table[FIRST, k] and table[LAST, j] == table[LAST, k]
    for i in range(int(table[LAST, j] - table[FIRST, j])):
        same = same and rows.steps[i, j] == rows.steps[i, k]
    return bool(same)


@compiled
def _prepare(rows: Any, j: int, window: Any) -> None:
    """Compute what all windows with the positions of row `j` have in common."""
    if window.row[0] == j or (window.row[0] >= 0 and _are_same(rows, j, window.row[0])):
        return
    first = int(rows.table[FIRST, j])
    n = 1 + int(rows.table[LAST, j]) - first
    window.row[0], near = j, rows.steps[: n - 1, j]
    window.scale[0] = prepared(
        near, first, rows.order, rows.tricube, rows.width, window.x[:n], window.counts, window.q,
        window.squares, window.at,
    )  # fmt: skip


@compiled
def _gather(f: Any, gap: Any, n: int, lanes: int, queue: Any) -> None:
    """Copy the cells of the first windows, and note which are missing."""
    here, cells, gone, missing = queue.here, queue.cells, queue.gone, queue.missing
    missing[:lanes] = 0
    for start in range(0, lanes, _FEW):
        for k in range(n):
            line, away = np.uint64(k * LANES), np.uint64(k) * gap
            for i in range(start, start + _FEW):
                lane = np.uint64(i)
                cells[line + lane] = f[here[lane] + away]
    for k in range(n):
        line = np.uint64(k * LANES)
        for i in range(lanes):
            lane = np.uint64(i)
            cell = cells[line + lane]
            gone[line + lane] = 0.0 if cell == cell else 1.0  # noqa: PLR0124
            missing[lane] += gone[line + lane]


@compiled
def _fit(f: Any, gap: Any, rows: Any, j: int, window: Any, queue: Any, count: Any, out: Any) -> Any:
    """Fit to windows of row `j`, and leave those that follow them as the first ones."""
    queued = int(np.int64(count))  # compiled, the minimum of an unsigned number would be a float
    n, fitted = 1 + int(rows.table[LAST, j] - rows.table[FIRST, j]), min(queued, LANES)
    _prepare(rows, j, window)
    lanes = -(-fitted // _FEW) * _FEW
    queue.here[fitted:lanes] = queue.here[0]
    _gather(f, gap, n, lanes, queue)
    if window.scale[0] == 0:
        queue.weights[:lanes] = np.nan
    else:
        weigh(
            window.x[:n], window.counts, window.q, window.squares, window.at, rows.order,
            queue.gone, queue.weights, lanes,
        )  # fmt: skip
        sums(queue.weights, queue.cells, queue.gone, n, rows.minus, queue.total, lanes)
    for i in range(fitted):
        if queue.missing[i] > 0:  # and if not, what is there has no sum
            total = queue.total[i]
            for _ in range(rows.order):
                total = times(total, window.scale[0])
            is_fit = queue.weights[i] == queue.weights[i]
            out[queue.to[i]] = total if is_fit else np.nan
    rest = queued - fitted
    for i in range(rest):
        queue.here[i], queue.to[i] = queue.here[LANES + i], queue.to[LANES + i]
    return np.uint64(rest)


@compiled
def _note(f: Any, out: Any, places: Any, steps: Any, size: int, queue: Any, count: Any) -> Any:
    """Add the windows of NaN whose own cell is not missing; return the number of all windows."""
    first, own, at = places
    step, leap = steps
    are_nan = 0
    for i in range(size):
        number = out[at + np.uint64(i) * leap]
        are_nan += 0 if number == number else 1  # noqa: PLR0124
    if are_nan == 0:
        return count
    for i in range(size):
        k, to = np.uint64(i) * step, at + np.uint64(i) * leap
        number, cell = out[to], f[own + k]
        is_there, is_nan = cell == cell, number != number  # noqa: PLR0124
        out[to] = number if is_there else np.nan
        # Without a branch, which a processor would often take wrongly.
        queue.here[count], queue.to[count] = first + k, to
        count += np.uint64(is_there & is_nan)
    return count


@compiled
def _refit(
    rows: Any, start: int, stop: int, lead: int, f: Any, window: Any, queue: Any, out: Any
) -> None:
    """Fit again in some rows of `out`, where it is NaN; row `lead` of them is the first of `f`."""
    m, inner, n_rows, last = f.shape[1], f.shape[2], out.shape[1], start
    cells, results, gap, count = f.reshape(-1), out.reshape(-1), np.uint64(inner), np.uint64(0)
    across = min(inner, max(_CELLS_OF_A_ROW, _CELLS_AT_ONCE // m))
    planes = max(1, _CELLS_AT_ONCE // (m * across))
    lanes, one = (LANES if inner == 1 else 1), np.uint64(1)
    steps = (np.uint64(m), np.uint64(n_rows)) if inner == 1 else (one, one)
    for part in range(0, f.shape[0], planes):
        end = min(part + planes, f.shape[0])
        for side in range(0, inner, across):
            there = min(side + across, inner)
            for j in range(start, stop):
                while count > 0 and j != last and not _are_same(rows, j, last):
                    count = _fit(cells, gap, rows, last, window, queue, count, results)
                first, last = j + int(rows.table[FIRST, j]) - lead, j
                for o in range(part, end, lanes):
                    for i in range(side, there, LANES):
                        size = min(LANES, end - o if inner == 1 else there - i)
                        here = np.uint64((o * m + first) * inner + i)
                        own = np.uint64((o * m + j - lead) * inner + i)
                        at = np.uint64((o * n_rows + j) * inner + i)
                        where = here, own, at
                        count = _note(cells, results, where, steps, size, queue, count)
                        if count >= LANES:
                            count = _fit(cells, gap, rows, j, window, queue, count, results)
    if count > 0:
        _fit(cells, gap, rows, last, window, queue, count, results)


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
    rows = _Rows(where, steps, scheme.order, fit.tricube, fit.width or 0.0, -1.0)
    for start, stop, lead, cells in stretches(views, table):
        window, queue = _buffers(len(steps) + 1, fit.polyorder + 1, dtype)
        _refit(rows, start, stop, lead, cells, window, queue, result)
    planes.put(result, out)


def _buffers(n: int, size: int, dtype: np.dtype[Any]) -> tuple[_Window, _Queue]:
    """Memory for windows of up to `n` cells, and polynomials of `size` terms."""
    wide, deep = (-(-one // TERMS) * TERMS for one in (n, size))
    window = _Window(
        np.array([-1]), np.zeros(1), np.empty(n), np.zeros(wide), np.zeros((wide, deep)),
        np.zeros((-(-size * (size + 1) // 4) * 2, wide)), np.empty(size),
    )  # fmt: skip
    here, to = np.zeros((2, 2 * LANES), np.uint64)
    gone, weights = np.zeros((2, wide * LANES))
    queue = _Queue(
        here, to, np.zeros(wide * LANES, dtype), gone, np.zeros(LANES), weights,
        np.zeros(LANES, np.result_type(dtype, np.float64)),
    )  # fmt: skip
    return window, queue
