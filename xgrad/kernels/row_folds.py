"""The compiled loops of :mod:`xgrad.kernels.fused`: terms over rows, with their factors."""

from __future__ import annotations

from typing import Any

import numpy as np

from xgrad._jit import compiled
from xgrad.kernels.row_loops import (
    ACROSS,
    ALONG,
    CELLS_AT_ONCE,
    MOST_TERMS,
    across,
    along,
    copied,
    rows_together,
    scaled_by,
    settled,
)  # fmt: skip

# Padding between the lines of the terms: without it, most sizes would map them to the same place
# in the cache.
_APART = 24


@compiled
def _combined(
    lines: Any, o: Any, apart: Any, factors: Any, is_norm: bool, out: Any, at: Any, size: int
) -> None:
    """Sum, or root of the sum of squares, in float64; unused lines are -0, which changes no sum."""
    p, q, r = o + apart, o + apart + apart, o + apart + apart + apart
    a, b, c, d = factors[0], factors[1], factors[2], factors[3]
    if is_norm:
        for i in range(size):
            k = np.uint64(i)
            t, u, v, w = a * lines[o + k], b * lines[p + k], c * lines[q + k], d * lines[r + k]
            out[at + k] = settled(np.sqrt(t * t + u * u + v * v + w * w))
    else:
        for i in range(size):
            k = np.uint64(i)
            out[at + k] = settled(
                a * lines[o + k] + b * lines[p + k] + c * lines[q + k] + d * lines[r + k]
            )  # fmt: skip


@compiled
def _squared(total: Any, squares: Any, is_first: bool, size: int) -> None:
    for i in range(size):
        k = np.uint64(i)
        square = total[k] * total[k]
        squares[k] = square if is_first else squares[k] + square


@compiled
def _two(
    one: Any, other: Any, a: Any, lines: Any, o: Any, p: Any, out: Any, at: Any, size: int
) -> None:
    for i in range(size):
        k = np.uint64(i)
        out[at + k] = settled(one[a + k] * lines[o + k] + other[a + k] * lines[p + k])


@compiled
def _two_by_two(
    f: Any, g: Any, h: Any, e: Any, a: Any, lines: Any, o: Any, apart: Any, out: Any, at: Any,
    size: int,
) -> None:  # fmt: skip
    p, q, r = o + apart, o + apart + apart, o + apart + apart + apart
    for i in range(size):
        k = np.uint64(i)
        t = f[a + k] * lines[o + k] + g[a + k] * lines[p + k]
        u = h[a + k] * lines[q + k] + e[a + k] * lines[r + k]
        out[at + k] = settled(np.sqrt(t * t + u * u))


@compiled
def _combined_by_cell(
    lines: Any, o: Any, apart: Any, factors: Any, a: Any, components: Any, is_norm: bool,
    totals: Any, out: Any, at: Any, size: int,
) -> None:  # fmt: skip
    """The same with factors of each cell; `components` says which terms a norm adds first."""
    n, is_two_by_two = len(components), False
    if n == 4:
        is_two_by_two = components[0] == components[1] and components[2] == components[3]
    if n == 2 and not is_norm:
        _two(factors[0], factors[1], a, lines, o, o + apart, out, at, size)
        return
    if is_two_by_two and is_norm:
        _two_by_two(
            factors[0], factors[1], factors[2], factors[3], a, lines, o, apart, out, at, size
        )
        return
    total, squares, zero = totals[0], totals[1], np.uint64(0)
    for t in range(len(components)):
        is_new = t == 0 or (is_norm and components[t] != components[t - 1])
        if is_new and t > 0:
            _squared(total, squares, components[t - 1] == components[0], size)
        scaled_by(factors[t], a, lines, o + np.uint64(t) * apart, total, zero, is_new, size)
    if is_norm:
        _squared(total, squares, components[-1] == components[0], size)
        for i in range(size):
            k = np.uint64(i)
            out[at + k] = settled(np.sqrt(squares[k]))
    else:
        for i in range(size):
            k = np.uint64(i)
            out[at + k] = settled(total[k])


@compiled
def _combined_group(
    lines: Any, apart: Any, by_cell: Any, starts: Any, components: Any, is_norm: bool, totals: Any,
    out: Any, first: int, size: int,
) -> None:  # fmt: skip
    """The same for some rows from `first` on, in one go if their factors follow one another."""
    n, zero = len(starts), np.uint64(0)
    if starts[n - 1] - starts[0] == np.uint64((n - 1) * size):
        _combined_by_cell(
            lines, zero, apart, by_cell, starts[0], components, is_norm, totals, out,
            np.uint64(first * size), n * size,
        )  # fmt: skip
        return
    for r in range(n):
        _combined_by_cell(
            lines, np.uint64(r * size), apart, by_cell, starts[r], components, is_norm, totals, out,
            np.uint64((first + r) * size), size,
        )  # fmt: skip


@compiled
def _line(
    table: Any, below: Any, f: Any, above: Any, where: Any, rows: Any, size: int, wide: Any,
    lines: Any, at: Any,
) -> None:  # fmt: skip
    """A term without its factor over some rows, into lines from `at` on."""
    if where[0] == ACROSS:
        across(table, below, f, above, where, rows, size, wide, lines, at)
    elif where[0] == ALONG:
        along(table, below, f, above, where, rows, wide, lines, at)
    else:
        first = np.uint64(rows.start * size)
        copied(f, first, lines, at, (rows.stop - rows.start) * size)


@compiled
def fold_rows(
    wheres: Any, tables: Any, below: Any, f: Any, above: Any, factors: Any, by_cell: Any,
    starts: Any, components: Any, period: int, is_norm: bool, size: int, out: Any,
) -> None:  # fmt: skip
    """Combine the terms into each row of `out`; ``wheres[t]`` is the memory layout of term `t`.

    Factors are those of each row or, if there are `starts`, `by_cell`: the factors of row r begin
    at ``starts[r]`` there, and are the same for each `period` of rows.

    Several short rows are done together, because taking an array out of a tuple also changes
    reference counts.
    """
    count = max(1, CELLS_AT_ONCE // size)
    apart = np.uint64(count * size + _APART)
    lines = np.full(MOST_TERMS * (count * size + _APART), -0.0, out.dtype)
    wide = np.empty(size, tables[0].dtype)
    totals = np.empty((2, count * size if len(starts) else 0), np.float64)
    groups, period = rows_together(out.size // size, period, count)
    for first in groups:
        rows = slice(first, min(first + count, (first // period + 1) * period))
        cells = (rows.stop - first) * size
        for t in range(len(wheres)):
            _line(
                tables[t], below[t], f[t], above[t], wheres[t], rows, size, wide, lines,
                np.uint64(t) * apart,
            )  # fmt: skip
        if len(starts):
            _combined_group(
                lines, apart, by_cell, starts[first : rows.stop], components, is_norm, totals, out,
                first, size,
            )  # fmt: skip
            continue
        if len(factors) == 1:
            start, zero = np.uint64(first * size), np.uint64(0)
            _combined(lines, zero, apart, factors[0], is_norm, out, start, cells)
            continue
        for r in range(first, rows.stop):
            start, line = np.uint64(r * size), np.uint64((r - first) * size)
            _combined(lines, line, apart, factors[r], is_norm, out, start, size)


@compiled
def fold_pair(
    wheres: Any, tables: Any, below: Any, f: Any, above: Any, factors: Any, starts: Any,
    period: int, size: int, out: Any, also: Any,
) -> None:  # fmt: skip
    """Two sums of the same two terms, the second with the last two of `factors`, in one pass."""
    count = max(1, CELLS_AT_ONCE // size)
    apart = np.uint64(count * size + _APART)
    lines = np.empty(2 * (count * size + _APART), out.dtype)
    wide = np.empty(size, tables[0].dtype)
    groups, period = rows_together(out.size // size, period, count)
    for first in groups:
        rows = slice(first, min(first + count, (first // period + 1) * period))
        for t in range(2):
            _line(
                tables[t], below[t], f[t], above[t], wheres[t], rows, size, wide, lines,
                np.uint64(t) * apart,
            )  # fmt: skip
        n, together = rows.stop - first, 1
        if starts[rows.stop - 1] - starts[first] == np.uint64((n - 1) * size):
            n, together = 1, n
        for r in range(n):
            a, line = starts[first + r], np.uint64(r * size)
            at, cells = np.uint64((first + r) * size), together * size
            _two(factors[0], factors[1], a, lines, line, line + apart, out, at, cells)
            _two(factors[2], factors[3], a, lines, line, line + apart, also, at, cells)
