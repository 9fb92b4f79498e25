"""Derivatives at constant height: compiled loops over a tile of columns.

A tile is an array of shape (planes, levels, lanes).  Neighbours are in the next planes or in the
next lanes.  The divided differences of each column are computed once, and each cell evaluates the
polynomial of a neighbouring column at its own height: both neighbours of a column use them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from xgrad._jit import compiled
from xgrad._typing import FIRST, LAST, STEP, WEIGHTS
from xgrad.kernels.gaps import of_near, of_three

#: How the value of a neighbouring column at the height of a cell is found.
CUBIC, LINEAR, CHAIN = 0, 1, 2


@compiled
def prepare(
    f: Any, z: Any, sign: Any, ends: Any, slopes: Any, bends: Any, twists: Any, by: int
) -> bool:
    """Divided differences of each column of a tile; False if a column is not monotonic.

    Heights get the sign by which they ascend.  `ends` receives the first and the last level with a
    value.  Row k of `slopes` is of the levels k and k + 1, that of `bends` also of k - 1, and that
    of `twists` also of k - 1 and k + 2; at the ends of a column they are those of the next row.
    """
    good: bool = f.size > 0  # a literal would be compiled separately
    least, flaw = np.empty(f.shape[2]), np.empty(f.shape[2])
    for p in range(f.shape[0]):
        _slopes(f[p], z[p], sign[p], slopes[p], least, flaw)
        for i in range(f.shape[2]):
            ends[p, i, 0], ends[p, i, 1] = 0, f.shape[1] - 1
            if not (least[i] > 0 and flaw[i] == 0):
                own = sign[p, i : i + 1]
                sound = _ends(f[p, :, i], z[p, :, i], own, slopes[p, :, i], ends[p, i])
                good = good and sound
        if by != LINEAR:
            _bends(z[p], ends[p], slopes[p], bends[p], twists[p])
    return good


@compiled
def _slopes(f: Any, z: Any, sign: Any, slopes: Any, least: Any, flaw: Any) -> None:
    """First differences of a plane, the least step of each column, and NaN where one is missing."""
    n, lanes = f.shape
    for i in range(lanes):
        sign[i] = 1.0 if z[n - 1, i] > z[0, i] else -1.0
        least[i], flaw[i] = np.inf, 0.0
    for k in range(n):
        for i in range(lanes):
            z[k, i] *= sign[i]
    for k in range(n - 1):
        for i in range(lanes):
            h = z[k + 1, i] - z[k, i]
            slopes[k, i] = (f[k + 1, i] - f[k, i]) / h
            least[i] = min(h, least[i])
            flaw[i] += 0.0 * h + 0.0 * slopes[k, i]


@compiled
def _ends(f: Any, z: Any, sign: Any, slopes: Any, ends: Any) -> bool:
    """Find the first and the last level of a column with a value; False if it is not monotonic.

    A column that is not monotonic between them loses its heights, and so do its cells.  Infinite
    heights are missing.
    """
    n: int = z.size
    for k in range(n):
        if np.isinf(z[k]):
            z[k] = np.nan
    first, last = 0, n - 1
    while first < n and not (f[first] == f[first] and z[first] == z[first]):
        first += 1
    while last >= first and not (f[last] == f[last] and z[last] == z[last]):
        last -= 1
    ends[0], ends[1] = first, last
    if first < last and z[last] < z[first]:
        sign[0] = -sign[0]
        z *= -1.0
        slopes *= -1.0
    for k in range(first, last):
        if not z[k + 1] > z[k]:
            ends[0], ends[1] = 1, 0
            z[:] = np.nan
            return k < first  # a literal would be compiled separately
    return n > 0


@compiled
def _bends(z: Any, ends: Any, slopes: Any, bends: Any, twists: Any) -> None:
    """Second and third differences of a plane."""
    n, lanes = z.shape
    for k in range(1, n - 1):
        for i in range(lanes):
            bends[k, i] = (slopes[k, i] - slopes[k - 1, i]) / (z[k + 1, i] - z[k - 1, i])
    for k in range(1, n - 2):
        for i in range(lanes):
            twists[k, i] = (bends[k + 1, i] - bends[k, i]) / (z[k + 2, i] - z[k - 1, i])
    for i in range(lanes):
        first, last = ends[i, 0], ends[i, 1]
        if first < last:
            bends[first, i] = bends[first + 1, i] if last - first > 1 else 0.0
            if last - first > 2:
                twists[first, i] = twists[first + 1, i]
                twists[last - 1, i] = twists[last - 2, i]
            else:
                twists[first, i] = twists[last - 1, i] = 0.0


@compiled
def beside(
    f: Any, z: Any, sign: Any, ends: Any, slopes: Any, bends: Any, twists: Any, by: int,
    own: int, other: int, shift: int, cells: Any, start: int, out: Any,
) -> None:  # fmt: skip
    """Values of the lanes of plane `other` at the heights of those of plane `own`.

    Lane i is beside lane ``i + shift``.  `out` receives the values over the lanes in `cells`, from
    level `start` on: NaN beyond the levels of a column.
    """
    n, lanes = f.shape[1], f.shape[2]
    fs, zs, ss = f.reshape(-1), z.reshape(-1), slopes.reshape(-1)
    bs, ts, to = bends.reshape(-1), twists.reshape(-1), np.uint64(lanes)
    low, high, turn = np.full(lanes, np.inf), np.full(lanes, -np.inf), np.empty(lanes)
    here, bottom = np.zeros(lanes, np.uint64), np.zeros(lanes, np.uint64)
    top = np.zeros(lanes, np.uint64)
    for i in range(cells.start, cells.stop):
        first, last = ends[other, i + shift, 0], ends[other, i + shift, 1]
        turn[i] = sign[own, i] * sign[other, i + shift]
        if first <= last:
            column = other * n * lanes + i + shift
            bottom[i], top[i] = column + first * lanes, column + last * lanes
            here[i] = column + max(first, min(start, last - 1)) * lanes
            low[i], high[i] = zs[bottom[i]], zs[top[i]]
    for k in range(out.shape[0]):
        row = np.uint64((own * n + start + k) * lanes)
        for i in range(cells.start, cells.stop):
            t, c, value = zs[row + np.uint64(i)] * turn[i], here[i], np.nan
            if t == high[i]:
                value = fs[top[i]]
            elif low[i] <= t < high[i]:
                while zs[c + to] <= t:
                    c += to
                while zs[c] > t:
                    c -= to
                here[i] = c
                slope = ss[c]
                if by == CUBIC:
                    far = c - to if c > bottom[i] else min(c + to + to, top[i])
                    slope += (t - zs[c + to]) * (bs[c] + (t - zs[far]) * ts[c])
                # At a level the others do not count: they may be missing.
                value = fs[c] + (t - zs[c]) * slope if t > zs[c] else fs[c]
            out[k, i] = value


@compiled
def along_level(
    f: Any, z: Any, sign: Any, steep: Any, own: int, other: int, shift: int, cells: Any,
    start: int, out: Any,
) -> None:  # fmt: skip
    """The same from the values at the same level, and the derivative `steep` along the columns."""
    for k in range(out.shape[0]):
        for i in range(cells.start, cells.stop):
            j = i + shift
            there = z[other, start + k, j] * (sign[own, i] * sign[other, j])
            rise = z[own, start + k, i] - there
            out[k, i] = f[other, start + k, j]
            if rise != 0:
                out[k, i] += rise * steep[k, i]


@compiled
def steepness(
    z: Any, ends: Any, slopes: Any, bends: Any, edge: int, cells: Any, start: int, out: Any
) -> None:
    """Derivatives along the columns of a plane, as numpy has them, with a sign as the heights."""
    for k in range(start, start + out.shape[0]):
        for i in range(cells.start, cells.stop):
            first, last = ends[i, 0], ends[i, 1]
            at_end, found = k in (first, last), np.nan
            if first <= k <= last and last - first >= (edge if at_end else 2):
                m = max(k - 1, first)
                found = slopes[m, i]
                if not at_end:
                    found += (z[k, i] - z[m, i]) * bends[k, i]
                elif edge > 1:
                    found += (z[k, i] - z[m + 1 if k == first else m, i]) * bends[m, i]
            out[k - start, i] = found


@compiled
def _divide(table: Any, pad: int, plane: int, values: Any, out: Any) -> None:
    """Quotients over a plane, from the values of three columns; those of two have the middle."""
    below, here, above = values[0], values[1], values[2]
    for i in range(out.shape[1]):
        c = i if pad else plane
        if table[FIRST, c] == 0:
            below[:, i + pad] = here[:, i + pad]
        if table[LAST, c] == 0:
            above[:, i + pad] = here[:, i + pad]
    for k in range(out.shape[0]):
        for i in range(out.shape[1]):
            step = table[STEP, i if pad else plane]
            out[k, i] = (above[k, i + pad] - below[k, i + pad]) / step


@compiled
def weigh(table: Any, pad: int, plane: int, reach: int, values: Any, out: Any) -> None:
    """Derivative over a plane from the values of the columns from ``-reach`` to ``reach``."""
    if _is_quotient(table, pad, plane, out.shape[1]):
        _divide(table, pad, plane, values[reach - 1 : reach + 2], out)
        return
    for k in range(out.shape[0]):
        for i in range(out.shape[1]):
            c, j = i if pad else plane, i + pad
            low, high, step = int(table[FIRST, c]), int(table[LAST, c]), table[STEP, c]
            if step != 0:
                out[k, i] = (values[reach + high, k, j] - values[reach + low, k, j]) / step
            else:
                total = table[WEIGHTS, c] * values[reach + low, k, j]
                for m in range(1, high - low + 1):
                    total += table[WEIGHTS + m, c] * values[reach + low + m, k, j]
                out[k, i] = total


@compiled
def _is_quotient(table: Any, pad: int, plane: int, lanes: int) -> bool:
    """Whether all cells of a plane have a quotient of neighbours or of a neighbour and the cell."""
    first, last = (0, lanes) if pad else (plane, plane + 1)
    found: bool = first < last
    for c in range(first, last):
        near = table[FIRST, c] >= -1 and table[LAST, c] <= 1
        found = found and table[STEP, c] != 0 and near
    return found


@compiled
def weigh_beside_gaps(table: Any, pad: int, plane: int, reach: int, values: Any, out: Any) -> None:
    """The same from the neighbours that a cell has; see :mod:`xgrad.kernels.gaps`."""
    for k in range(out.shape[0]):
        for i in range(out.shape[1]):
            w, j = table[:, i if pad else plane], i + pad
            lo, mid, hi = values[reach - 1, k, j], values[reach, k, j], values[reach + 1, k, j]
            found = of_near(w[0], w[1], w[2], w[3], w[4], w[5], lo, mid, hi)
            if reach == 2:
                ll, hh = values[0, k, j], values[4, k, j]
                found = of_three(found, w[6], w[7], w[8], mid, hi, hh, lo)
                found = of_three(found, w[9], w[10], w[11], ll, lo, mid, hi)
            out[k, i] = found


@compiled
def differentiate(
    table: Any, gaps: bool, pad: int, reach: int, start: int, f: Any, z: Any, sign: Any,
    ends: Any, slopes: Any, bends: Any, twists: Any, by: int, edge: int, values: Any, out: Any,
) -> None:  # fmt: skip
    """Differentiate the cells of a tile that have `reach` columns on either side.

    Neighbours are in the next planes if `pad` is 0, and in the next lanes if it is `reach`.  With
    `gaps` the table is one for missing neighbours, as of :mod:`xgrad.kernels.gaps`.  `values` is
    room for ``2 * reach + 2`` planes.
    """
    levels, steep = out.shape[1], values[2 * reach + 1]
    for p in range(out.shape[0]):
        own, here = p if pad else p + reach, slice(pad, pad + out.shape[2])
        if by == CHAIN:
            steepness(z[own], ends[own], slopes[own], bends[own], edge, here, start, steep)
        values[reach] = f[own, start : start + levels]
        for o in range(-reach, reach + 1):
            cells = here if gaps else _needed(table, here, p, pad, o)
            other, shift = own if pad else own + o, o if pad else 0
            if o == 0:
                continue
            if by == CHAIN:
                along_level(f, z, sign, steep, own, other, shift, cells, start, values[reach + o])
            else:
                beside(
                    f, z, sign, ends, slopes, bends, twists, by, own, other, shift, cells, start,
                    values[reach + o],
                )  # fmt: skip
        if gaps:
            weigh_beside_gaps(table, pad, p, reach, values, out[p])
        else:
            weigh(table, pad, p, reach, values, out[p])


@compiled
def _needed(table: Any, cells: Any, plane: int, pad: int, o: int) -> Any:
    """The lanes, without those at either end, whose stencils have the neighbour `o`."""
    first, last = cells.start, cells.stop
    while first < last:
        c = first - pad if pad else plane
        if table[FIRST, c] <= o <= table[LAST, c]:
            break
        first += 1
    while last > first:
        c = last - 1 - pad if pad else plane
        if table[FIRST, c] <= o <= table[LAST, c]:
            break
        last -= 1
    return slice(first, last)
