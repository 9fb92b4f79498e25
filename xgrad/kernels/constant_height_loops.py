"""Derivatives at constant height: compiled loops over a strip of columns.

A strip is some lanes of a tile, an array of shape (planes, levels, lanes).  Neighbours are in the
next planes or in the next lanes.  The polynomials of a column are made once and serve the
neighbours on both sides.  Adjacent cells on a level need only a few levels of their neighbours, so
each of these levels is evaluated for a whole row of cells, without a search for each cell.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from xgrad._jit import compiled
from xgrad._typing import FIRST, LAST, STEP, WEIGHTS
from xgrad.kernels.constant_height_columns import (
    CHAIN,
    CUBIC,
    HEIGHT,
    KNOWN,
    LANE,
    LEVEL,
    PLANE,
    STEEP,
    VALUE,
    fetch,
    prepare,
)
from xgrad.kernels.gaps import of_near, of_three


class Plan(NamedTuple):
    """How a tile is differentiated.

    Attributes
    ----------
    gaps : bool
        Whether missing neighbours are edges, and the table is one of :mod:`xgrad.kernels.gaps`.
    in_lanes : bool
        Whether neighbours are in the next lanes, or in the next planes.
    reach : int
        How far neighbours are away.
    start : int
        The first level to differentiate.
    by, edge : int
        See :func:`xgrad.kernels.constant_height_columns.prepare`.
    """

    gaps: bool
    in_lanes: bool
    reach: int
    start: int
    by: int
    edge: int


@compiled
def beside(
    z: Any, layout: Any, at: int, own: Any, columns: Any, sign: Any, shift: int, cells: Any,
    by: int, start: int, out: Any,
) -> None:  # fmt: skip
    """Values of columns at the heights of cells.

    Parameters
    ----------
    z : array of one dimension
        Heights, of which those of the strip begin at `at`.
    layout : array of shape (4,)
        Their layout.
    own : array of shape (cells of the strip,)
        Their signs.
    columns, sign : array of shape (KNOWN, levels, lanes of the strip), (lanes of the strip,)
        From :func:`prepare`.  The column for cell i is that of lane ``i + shift``.
    cells : slice
        Those of the strip to take values for.
    start : int
        Their first level.
    out : array of shape (levels, cells of the strip)
        Receives the values: NaN beyond the levels of a column.
    """
    size, n, width = cells.stop - cells.start, columns.shape[1], columns.shape[2]
    known, found, lane = columns.ravel(), out.ravel(), cells.start + shift
    step, kind = np.uint64(layout[LANE]), np.uint64(n * width)
    turn, t, level = np.empty(size), np.empty(size), start - 1
    for i in range(size):
        c = cells.start + i
        turn[i] = sign[c + shift] * (own[c] * own[c])  # NaN if either is
    found[:] = np.nan
    for k in range(out.shape[0]):
        row = np.uint64(at + (start + k) * layout[LEVEL] + cells.start * layout[LANE])
        place = np.uint64(k * out.shape[1] + cells.start)
        for i in range(size):
            t[i] = z[row + step * np.uint64(i)] * turn[i]
        # Levels are nearly parallel: the next one is the best guess of one that no cell is below.
        level, climbs, lowest, less, more = min(level + 1, n - 1), False, 0, 0, 1
        while more > 0 and level < n:
            here = np.uint64(level * width + lane)
            above = np.uint64(min(level + 1, n - 1) * width + lane)
            if less == 0:
                lowest = level
            below, less, more = _evaluate(t, known, here, above, kind, by, found, place)
            climbs = climbs or below == 0 or level == 0
            if climbs:
                level += 1
            else:
                level, less, more = level - 1, 0, 1
        level = lowest


@compiled
def _evaluate(
    t: Any, known: Any, here: Any, above: Any, kind: Any, by: int, out: Any, place: Any
) -> Any:
    """Values of the cells that are not below a level, which is at `here` of what is known.

    Returns how many cells are below it, how many are below the next one, and how many are not.
    """
    below, less, more = 0, 0, 0
    f, s = here + kind, here + np.uint64(2) * kind
    b, w = here + np.uint64(3) * kind, here + np.uint64(4) * kind
    for i in range(t.size):
        j, kept = np.uint64(i), out[place + np.uint64(i)]
        d, value, slope = t[i] - known[here + j], known[f + j], known[s + j]
        if by == CUBIC:
            slope += d * (known[b + j] + d * known[w + j])
        # At a level the others do not count: they may be missing.
        value = value if d == 0 else value + d * slope
        out[place + j] = value if d >= 0 else kept
        below += d < 0
        less += t[i] < known[above + j]
        more += t[i] >= known[above + j]
    return below, less, more


@compiled
def along_level(
    own: Any, own_sign: Any, pad: int, columns: Any, sign: Any, shift: int, cells: Any, start: int,
    out: Any,
) -> None:  # fmt: skip
    """The same from the values at the same level, and the derivatives along the cells' columns.

    The column of cell i is that of lane ``pad + i`` of `own`.
    """
    width, size = columns.shape[2], cells.stop - cells.start
    z, f, zs, steep, found = (
        columns[HEIGHT].ravel(), columns[VALUE].ravel(), own[HEIGHT].ravel(), own[STEEP].ravel(),
        out.ravel(),
    )  # fmt: skip
    here, there = own_sign[cells.start :].copy(), sign[cells.start + shift :].copy()
    for k in range(out.shape[0]):
        c = np.uint64((start + k) * width + cells.start + pad)
        n = np.uint64((start + k) * width + cells.start + shift)
        place = np.uint64(k * out.shape[1] + cells.start)
        for i in range(size):
            j = np.uint64(i)
            rise = zs[c + j] * here[j] - z[n + j] * there[j]
            value = f[n + j]
            found[place + j] = value if rise == 0 else value + rise * (steep[c + j] * here[j])


@compiled
def weigh(table: Any, reach: int, values: Any, out: Any) -> None:
    """Derivative over a plane from the values of the columns from ``-reach`` to ``reach``.

    The stencil of cell i is in column i of the table.
    """
    if _is_quotient(table):
        _divide(table, values[reach - 1], values[reach], values[reach + 1], out)
        return
    for k in range(out.shape[0]):
        for i in range(values.shape[2]):
            low, high, step = int(table[FIRST, i]), int(table[LAST, i]), table[STEP, i]
            if step != 0:
                total = (values[reach + high, k, i] - values[reach + low, k, i]) / step
            else:
                total = table[WEIGHTS, i] * values[reach + low, k, i]
                for m in range(1, high - low + 1):
                    total += table[WEIGHTS + m, i] * values[reach + low + m, k, i]
            out[k, i] = total


@compiled
def _is_quotient(table: Any) -> bool:
    """Whether all cells have a quotient of neighbours or of a neighbour and the cell."""
    found: bool = table.size > 0
    for i in range(table.shape[1]):
        near = table[FIRST, i] >= -1 and table[LAST, i] <= 1
        found = found and table[STEP, i] != 0 and near
    return found


@compiled
def _divide(table: Any, below: Any, here: Any, above: Any, out: Any) -> None:
    """Quotients over a plane, from the values of three columns; those of two have the middle."""
    for k in range(out.shape[0]):
        for i in range(out.shape[1]):
            low, mid, high = below[k, i], here[k, i], above[k, i]
            rise = (mid if table[LAST, i] == 0 else high) - (mid if table[FIRST, i] == 0 else low)
            out[k, i] = rise / table[STEP, i]


@compiled
def weigh_beside_gaps(w: Any, reach: int, values: Any, out: Any) -> None:
    """The same from the neighbours that a cell has; see :mod:`xgrad.kernels.gaps`."""
    for k in range(out.shape[0]):
        for i in range(out.shape[1]):
            lo, mid, hi = values[reach - 1, k, i], values[reach, k, i], values[reach + 1, k, i]
            found = of_near(w[0, i], w[1, i], w[2, i], w[3, i], w[4, i], w[5, i], lo, mid, hi)
            if reach == 2:
                ll, hh = values[0, k, i], values[4, k, i]
                found = of_three(found, w[6, i], w[7, i], w[8, i], mid, hi, hh, lo)
                found = of_three(found, w[9, i], w[10, i], w[11, i], ll, lo, mid, hi)
            out[k, i] = found


@compiled
def _needed(table: Any, o: int) -> Any:
    """The cells, without those at either end, whose stencils have the neighbour `o`."""
    first, last = 0, table.shape[1]
    while first < last and not table[FIRST, first] <= o <= table[LAST, first]:
        first += 1
    while last > first and not table[FIRST, last - 1] <= o <= table[LAST, last - 1]:
        last -= 1
    return slice(first, last)


@compiled
def _stencils(table: Any, at: int, each: int, own: Any) -> None:
    """Columns ``at + i * each`` of the table, beside one another."""
    for m in range(own.shape[0]):
        for i in range(own.shape[1]):
            own[m, i] = table[m, at + i * each]


@compiled
def _put(found: Any, out: Any, layout: Any, at: int) -> None:
    """Copy the cells of a strip into memory, from `at` on; all NaN are the same."""
    flat, step = found.ravel(), np.uint64(layout[LANE])
    for k in range(found.shape[0]):
        row, here = np.uint64(at + k * layout[LEVEL]), np.uint64(k * found.shape[1])
        for i in range(found.shape[1]):
            value = flat[here + np.uint64(i)]
            out[row + step * np.uint64(i)] = value if value == value else np.nan  # noqa: PLR0124


def size_of_room(plan: Plan, sizes: tuple[int, int, int], cells: int) -> int:
    """Cells of the room for a strip of so many lanes; see :func:`differentiate`."""
    _, levels, n = sizes
    sides = 2 * plan.reach + 1
    kept, width = (1, cells + 2 * plan.reach) if plan.in_lanes else (sides, cells)
    return kept * KNOWN * n * width + (sides + 1) * levels * cells


@compiled
def differentiate(
    table: Any, plan: Any, sizes: Any, f: Any, z: Any, first: int, cells: int, room: Any, out: Any,
    layout: Any,
) -> bool:  # fmt: skip
    """Differentiate a strip of a tile; False if some columns are not monotonic.

    Parameters
    ----------
    table : array
        The stencils.
    plan : Plan
        How.
    sizes : tuple of three int
        Planes and levels of the cells, and levels of the columns.
    f, z : Source
        Values and heights.
    first, cells : int
        First lane of the strip, and how many there are.
    room : array of one dimension
        For what is known of the strip; see :func:`size_of_room`.
    out, layout : array of one dimension, array of shape (4,)
        Receives the derivatives, in this layout.
    """
    planes, levels, n = sizes
    pad, sides = plan.reach if plan.in_lanes else 0, 2 * plan.reach + 1
    kept, beyond = (1, 0) if plan.in_lanes else (sides, plan.reach)
    width = cells + 2 * pad
    size = kept * KNOWN * n * width
    columns = room[:size].reshape(kept, KNOWN, n, width)
    values = room[size : size + (sides + 1) * levels * cells].reshape(sides + 1, levels, cells)
    signs, own_table = np.empty((kept, width)), np.empty((table.shape[0], cells))
    good: bool = cells > 0  # a literal would be compiled separately
    for plane in range(-beyond, planes + beyond):
        slot = (plane + beyond) % kept
        fetch(f, plan.in_lanes, plane, first - pad, columns[slot, VALUE])
        fetch(z, plan.in_lanes, plane, first - pad, columns[slot, HEIGHT])
        sound = prepare(plan.by, plan.edge, signs[slot], columns[slot])
        good = good and sound
        p = plane - beyond
        if p < 0:
            continue
        _stencils(table, first if plan.in_lanes else p, 1 if plan.in_lanes else 0, own_table)
        at = p * z.layout[1, PLANE] + first * z.layout[1, LANE]
        _neighbours(own_table, plan, z, at, columns, signs, (p + beyond) % kept, values)
        if plan.gaps:
            weigh_beside_gaps(own_table, plan.reach, values, values[sides])
        else:
            weigh(own_table, plan.reach, values, values[sides])
        _put(values[sides], out, layout, p * layout[PLANE] + first * layout[LANE])
    return good


@compiled
def _neighbours(
    table: Any, plan: Any, z: Any, at: int, columns: Any, signs: Any, mine: int, values: Any
) -> None:
    """Values of the columns from ``-reach`` to ``reach`` at the heights of the cells of a strip.

    These heights begin at `at`, and the columns of the cells are in the slot `mine`.
    """
    kept, pad, start = columns.shape[0], plan.reach if plan.in_lanes else 0, plan.start
    own, sign, cells = columns[mine], signs[mine, pad:], values.shape[2]
    for k in range(values.shape[1]):
        for i in range(cells):
            values[plan.reach, k, i] = own[VALUE, start + k, pad + i]
    for o in range(-plan.reach, plan.reach + 1):
        slot, shift = (mine, pad + o) if plan.in_lanes else ((mine + o) % kept, 0)
        other, turn, found = columns[slot], signs[slot], values[plan.reach + o]
        some = slice(0, cells) if plan.gaps else _needed(table, o)
        if o != 0 and plan.by == CHAIN:
            along_level(own, sign, pad, other, turn, shift, some, start, found)
        elif o != 0:
            beside(
                z.parts[1], z.layout[1], at, sign, other, turn, shift, some, plan.by, start, found
            )
