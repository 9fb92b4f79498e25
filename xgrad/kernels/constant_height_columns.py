"""Columns for derivatives at constant height, compiled: their polynomials between the levels.

Columns are beside one another in a strip, an array of shape (KNOWN, levels, lanes).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from xgrad._jit import compiled

#: How the value of a column at a height is found.
CUBIC, LINEAR, CHAIN = 0, 1, 2

#: What is known of a cell.  From it up to the next level, the value at ``d`` above it is
#: ``VALUE + d * (SLOPE + d * (BEND + d * TWIST))``.
HEIGHT, VALUE, SLOPE, BEND, TWIST = 0, 1, 2, 3, 4
KNOWN = 5
#: With `CHAIN`, the derivative with respect to the height.
STEEP = TWIST

#: A layout: cells along the axis, and how far apart planes, levels and lanes are in memory.
COUNT, PLANE, LEVEL, LANE = 0, 1, 2, 3

# Cells whose polynomials are made at once: they stay in the fastest cache.
_AT_ONCE = 512

#: Levels nearer to each other or farther apart than this count as not in order: divided
#: differences, by products of three distances, would underflow to plausible numbers.
NEAREST, FARTHEST = 1e-75, 1e75


class Source(NamedTuple):
    """Cells of a tile and beside it, of shape (planes, levels, lanes), wherever they are in memory.

    Attributes
    ----------
    parts : tuple of three arrays of one dimension
        The cells below the tile, its own, and those above it.
    layout : array of shape (3, 4)
        `COUNT`, `PLANE`, `LEVEL` and `LANE` of each.
    """

    parts: Any
    layout: Any


@compiled
def fetch(source: Any, in_lanes: bool, plane: int, lane: int, out: Any) -> None:
    """The lanes of a plane from `lane` on, which are NaN where there are none.

    Parameters
    ----------
    source : Source
        Of the cells.
    in_lanes : bool
        Whether its parts are beside one another along the lanes, or along the planes.
    plane, lane : int
        Counted from the first of the tile.
    out : array of shape (levels, lanes)
        Receives the cells.
    """
    layout = source.layout
    first, end = -layout[0, COUNT], layout[1, COUNT] + layout[2, COUNT]
    begin, stop = (lane, lane + out.shape[1]) if in_lanes else (plane, plane + 1)
    if begin < first or stop > end:
        out[:] = np.nan
    for m in range(3):
        last = first + layout[m, COUNT]
        low, high = max(begin, first), min(stop, last)
        p, i, to = (plane, low - first, low - lane) if in_lanes else (plane - first, lane, 0)
        if low < high:
            count = high - low if in_lanes else out.shape[1]
            _take(source.parts[m], layout[m], p, i, out, to, to + count)
        first = last


@compiled
def _take(cells: Any, layout: Any, plane: int, lane: int, out: Any, start: int, stop: int) -> None:
    """Copy cells from `lane` on into the lanes from `start` to `stop`."""
    flat, step = out.ravel(), np.uint64(layout[LANE])
    for k in range(out.shape[0]):
        here = plane * layout[PLANE] + k * layout[LEVEL] + lane * layout[LANE]
        row, to = np.uint64(here), np.uint64(k * out.shape[1] + start)
        for i in range(stop - start):
            flat[to + np.uint64(i)] = cells[row + step * np.uint64(i)]


@compiled
def prepare(by: int, edge: int, sign: Any, columns: Any) -> bool:
    """Prepare the columns of a strip; False if one is not monotonic.

    `columns` has the shape (KNOWN, levels, lanes of the strip), with heights and values.  Heights
    get the sign by which they ascend, which is NaN for a column that is not monotonic; those beyond
    the values of a column are infinite.  With `CHAIN` there are derivatives with respect to the
    height instead of polynomials, of order `edge` at the ends of a column.
    """
    n, lanes = columns.shape[1], columns.shape[2]
    good: bool = lanes > 0  # a literal would be compiled separately
    _ascend(columns[HEIGHT], sign)
    flaws, count, rows = np.zeros(lanes), 0, max(1, _AT_ONCE // lanes)
    for first in range(0, n - 1, rows):
        last = min(first + rows, n - 1)
        count += _slopes(columns, first, last)
        if by == CHAIN:
            _steepness(columns, max(first, 1), last)
        elif by == CUBIC:
            _cubics(columns, max(first, 1), last)
    if count > 0:
        _find_flaws(columns[HEIGHT], columns[VALUE], flaws)
    for i in range(-1, lanes if count > 0 else 0):  # all columns, and then those with other ends
        first, last, some = 0, n - 1, slice(0, lanes)
        if i >= 0 and flaws[i] > 0:
            some = slice(i, i + 1)
            first, last = _ends(columns[:, :, i], sign[some])
            good = good and sign[i] == sign[i]  # false for NaN
        if i < 0 or first > 0 or last < n - 1:
            _close(columns, some, first, last, by, edge)
    return good


@compiled
def _ascend(z: Any, sign: Any) -> None:
    """Give heights the sign by which they ascend, from their ends."""
    turned = 0
    for i in range(z.shape[1]):
        sign[i] = 1.0 if z[z.shape[0] - 1, i] > z[0, i] else -1.0
        turned += sign[i] < 0
    for k in range(z.shape[0] if turned > 0 else 0):
        for i in range(z.shape[1]):
            z[k, i] *= sign[i]


@compiled
def _slopes(columns: Any, first: int, last: int) -> int:
    """Slopes above some levels; returns how many are not finite or of levels that do not ascend."""
    z, f, slopes = columns[HEIGHT].ravel(), columns[VALUE].ravel(), columns[SLOPE].ravel()
    width, flaws = columns.shape[2], 0
    here, above = np.uint64(first * width), np.uint64((first + 1) * width)
    for i in range((last - first) * width):
        j = np.uint64(i)
        h = z[above + j] - z[here + j]
        slope = (f[above + j] - f[here + j]) / h
        slopes[here + j] = slope
        flaws += not (h > NEAREST and h < FARTHEST and slope == slope)  # noqa: PLR0124  false for NaN
    return flaws


@compiled
def _find_flaws(z: Any, f: Any, flaws: Any) -> None:
    """How many steps of each column are as :func:`_slopes` counts them."""
    for k in range(z.shape[0] - 1):
        for i in range(z.shape[1]):
            h, rise = z[k + 1, i] - z[k, i], f[k + 1, i] - f[k, i]
            flaws[i] += not (h > NEAREST and h < FARTHEST and rise == rise)  # noqa: PLR0124  false for NaN


@compiled
def _cubics(columns: Any, first: int, last: int) -> None:
    """Polynomials of the levels before `last`, without it, from slopes up to there.

    Those of the levels before `first` and the one before it have been made.
    """
    z, slopes = columns[HEIGHT].ravel(), columns[SLOPE].ravel()
    bends, twists = columns[BEND].ravel(), columns[TWIST].ravel()
    width = columns.shape[2]
    row = np.uint64(width)
    below = np.uint64((first - 1) * width)
    for i in range((last - first) * width):
        j = below + np.uint64(i)
        bends[j + row] = (slopes[j + row] - slopes[j]) / (z[j + row + row] - z[j])
    first = max(first - 1, 1)
    below = np.uint64((first - 1) * width)
    for i in range((last - 1 - first) * width):
        j = below + np.uint64(i)
        twists[j + row] = (bends[j + row + row] - bends[j + row]) / (z[j + row + row + row] - z[j])
    for i in range((last - 1 - first) * width):
        j = below + np.uint64(i)
        h, g = z[j + row + row] - z[j + row], z[j + row] - z[j]
        slopes[j + row] -= h * (bends[j + row] + g * twists[j + row])
        bends[j + row] += (g - h) * twists[j + row]


@compiled
def _steepness(columns: Any, first: int, last: int) -> None:
    """Derivatives with respect to the height inside the columns, as numpy has them."""
    z, slopes, steep = columns[HEIGHT].ravel(), columns[SLOPE].ravel(), columns[STEEP].ravel()
    width = columns.shape[2]
    row, below = np.uint64(width), np.uint64((first - 1) * width)
    for i in range((last - first) * width):
        j = below + np.uint64(i)
        bend = (slopes[j + row] - slopes[j]) / (z[j + row + row] - z[j])
        steep[j + row] = slopes[j] + (z[j + row] - z[j]) * bend


@compiled
def _ends(column: Any, sign: Any) -> Any:
    """The first and the last level of a column with a value.

    The sign of a column that is not monotonic between them becomes NaN.  Infinite heights are
    missing.
    """
    z, f = column[HEIGHT], column[VALUE]
    for k in range(z.size):
        if np.isinf(z[k]):
            z[k] = np.nan
    first, last = 0, z.size - 1
    while first <= last and not (f[first] == f[first] and z[first] == z[first]):
        first += 1
    while last >= first and not (f[last] == f[last] and z[last] == z[last]):
        last -= 1
    if first < last and z[last] < z[first]:
        sign[0] = -sign[0]
        for odd in (HEIGHT, SLOPE, TWIST):
            for k in range(z.size):
                column[odd, k] = -column[odd, k]
    for k in range(first, last):
        h = z[k + 1] - z[k]
        if not (h > NEAREST and h < FARTHEST):
            sign[0] = np.nan
    return first, last


@compiled
def _close(columns: Any, lanes: Any, first: int, last: int, by: int, edge: int) -> None:
    """End columns of the same ends: what is at their ends, and what is beyond them."""
    n = columns.shape[1]
    if by == CHAIN:
        columns[STEEP, : min(first + 1, n), lanes] = np.nan
        columns[STEEP, max(last, 0) :, lanes] = np.nan
        if last - first >= edge:
            _steep_end(columns, lanes, first, first + 1, edge)
            _steep_end(columns, lanes, last, last - 1, edge)
        return
    if by == CUBIC and last - first > 2:
        _shift(columns, lanes, first + 1, first)
        _shift(columns, lanes, last - 2, last - 1)
    elif by == CUBIC:
        _few(columns, lanes, first, last)
    columns[HEIGHT, :first, lanes] = -np.inf if first <= last else np.nan
    columns[SLOPE, :first, lanes] = np.nan
    columns[HEIGHT, last + 1 :, lanes] = np.inf if first <= last else np.nan
    columns[SLOPE, max(last, 0) :, lanes] = np.nan


@compiled
def _shift(columns: Any, lanes: Any, inner: int, k: int) -> None:
    """Polynomials of the level `k` at an end, which are those of the next level."""
    z, slopes, bends, twists = columns[HEIGHT], columns[SLOPE], columns[BEND], columns[TWIST]
    for i in range(lanes.start, lanes.stop):
        d, twist = z[k, i] - z[inner, i], twists[inner, i]
        slopes[k, i] = slopes[inner, i] + d * (2 * bends[inner, i] + 3 * d * twist)
        bends[k, i] = bends[inner, i] + 3 * d * twist
        twists[k, i] = twist


@compiled
def _few(columns: Any, lanes: Any, first: int, last: int) -> None:
    """Polynomials of columns of up to three levels, through all of them."""
    z, f = columns[HEIGHT], columns[VALUE]
    for i in range(lanes.start, lanes.stop):
        for k in range(first, last):
            h, m, bend = z[k + 1, i] - z[k, i], first + 1, 0.0
            slope = (f[k + 1, i] - f[k, i]) / h
            if last - first == 2:
                above = (f[last, i] - f[m, i]) / (z[last, i] - z[m, i])
                below = (f[m, i] - f[first, i]) / (z[m, i] - z[first, i])
                bend = (above - below) / (z[last, i] - z[first, i])
            columns[SLOPE, k, i] = slope - h * bend
            columns[BEND, k, i], columns[TWIST, k, i] = bend, 0.0


@compiled
def _steep_end(columns: Any, lanes: Any, k: int, inner: int, edge: int) -> None:
    """Derivatives with respect to the height at an end of columns, as numpy has them."""
    z, f, far = columns[HEIGHT], columns[VALUE], 2 * inner - k
    for i in range(lanes.start, lanes.stop):
        found = (f[inner, i] - f[k, i]) / (z[inner, i] - z[k, i])
        if edge > 1:
            beyond = (f[far, i] - f[inner, i]) / (z[far, i] - z[inner, i])
            found += (z[k, i] - z[inner, i]) * ((beyond - found) / (z[far, i] - z[k, i]))
        columns[STEEP, k, i] = found
