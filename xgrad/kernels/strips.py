"""Rows of a block with its halo, for loops that need ``depth`` rows on either side.

The block is never copied: a loop runs over it in place, and only the rows at its ends, whose
stencils reach into the halo, are copied into strips together with their neighbours.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from xgrad._typing import FIRST, LAST, AnyArray, Table

FLOATS = frozenset(np.dtype(code) for code in "fd")
NUMBERS = FLOATS | frozenset(np.dtype(code) for code in "FD")

#: Cells below a block, the block, and cells above it.
Parts: TypeAlias = tuple[AnyArray, AnyArray, AnyArray]

#: ``loop(cells, first, out)`` differentiates all rows of `cells`, except ``depth`` at either end,
#: into the same rows of `out`; row 0 of `cells` is row `first` of the block.
Loop: TypeAlias = Callable[[AnyArray, int, AnyArray], None]


def work_dtype(dtype: np.dtype[Any], compiled_ones: frozenset[np.dtype[Any]]) -> np.dtype[Any]:
    """Dtype that numba computes with: float16, longdouble and integers become float64."""
    native = dtype.newbyteorder("=")
    if native in compiled_ones:
        return native
    return np.dtype(np.complex128 if native.kind == "c" else np.float64)


def padded(parts: Parts, depth: int) -> Parts:
    """Fill up to `depth` rows on either side of the block, with NaN where there are no ghosts."""
    below, f, above = parts
    missing = [np.full((len(f), depth - part.shape[1], f.shape[2]), np.nan, f.dtype)
               for part in (below, above)]  # fmt: skip
    return (
        np.concatenate([missing[0], below], axis=1),
        f,
        np.concatenate([above, missing[1]], axis=1),
    )


def cut_rows(parts: Parts, start: int, stop: int) -> AnyArray:
    """Rows `start` to `stop` of the block and its halo; row 0 is the first row of the block."""
    below, f, above = parts
    b, n = below.shape[1], f.shape[1]
    found = (
        np.concatenate(
            [
                below[:, b + start : b + min(stop, 0)],
                f[:, max(start, 0) : max(stop, 0)],
                above[:, max(start - n, 0) : max(stop - n, 0)],
            ],
            axis=1,
        )
        if start < 0 or stop > n
        else np.ascontiguousarray(f[:, start:stop])
    )
    found.flags.writeable = False
    return found


def differentiate_ends(
    loop: Loop, ranges: list[tuple[int, int]], depth: int, parts: Parts, out: AnyArray
) -> None:
    """Differentiate the rows in `ranges`, each range in a copy that includes its halo."""
    for start, stop in ranges:
        cells = cut_rows(parts, start - depth, stop + depth)
        ends = np.empty(cells.shape, out.dtype)
        loop(cells, start - depth, ends)
        out[:, start:stop] = ends[:, depth:-depth]


def two_ends(n: int, depth: int) -> list[tuple[int, int]]:
    """Ranges of the rows whose stencils reach into the halo.

    Examples
    --------
    >>> two_ends(5, 1), two_ends(2, 1)
    ([(0, 1), (4, 5)], [(0, 2)])
    """
    return [(0, n)] if n <= 2 * depth else [(0, depth), (n - depth, n)]


def stretches(parts: Parts, table: Table) -> list[tuple[int, int, int, AnyArray]]:
    """Rows of a block, the first row that their stencils reach, and the cells from it on.

    Those that reach into the halo are by themselves.

    Parameters
    ----------
    parts : tuple of three arrays
        Of shape (outer, n, inner).
    table : array of shape (k, n)
        With the rows `FIRST` and `LAST`.

    Returns
    -------
    list of tuple
        ``(start, stop, lead, cells)``: rows `start` to `stop`, and the cells from row `lead` on.

    Examples
    --------
    >>> f = np.arange(4.0).reshape(1, 4, 1)
    >>> table = np.array([[-1, -1, -1, -1], [1, 1, 1, 0]])
    >>> found = stretches((f[:, :1] - 1, f, f[:, :0]), table)
    >>> [(start, stop, lead, cells.size) for start, stop, lead, cells in found]
    [(0, 1, -1, 3), (1, 4, 0, 4)]
    """
    n = parts[1].shape[1]
    first, last = (np.arange(n) + table[row].astype(np.intp) for row in (FIRST, LAST))
    start, stop = int((first < 0).sum()), n - int((last >= n).sum())
    if start >= stop:
        return [(0, n, int(first.min()), cut_rows(parts, int(first.min()), int(last.max()) + 1))]
    found = [(start, stop, 0, parts[1])]
    for a, b in ((0, start), (stop, n)):
        if a < b:
            lowest, highest = int(first[a:b].min()), int(last[a:b].max())
            found.append((a, b, lowest, cut_rows(parts, lowest, highest + 1)))
    return sorted(found, key=lambda one: one[:3])
