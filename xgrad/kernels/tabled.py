"""Derivatives of one block of memory from a table of stencils, in numpy or in compiled loops.

A block is viewed as ``(outer, n, inner)`` in C order, with the differentiated axis in the middle,
whatever its memory order.  The cells that a stencil needs beyond the block are in two thin arrays,
``below`` and ``above``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from xgrad._typing import FIRST, LAST, STEP, WEIGHTS, AnyArray, Table
from xgrad.kernels.in_order import less, product
from xgrad.kernels.layout import Planes

# Dtypes to compile for.  They make six pairs of data and table, and each pair takes a second on its
# first call ever.  numba does not support float16 and longdouble, which numpy's loops handle.
# Integers and foreign byte orders are converted block by block.
_COMPILED = frozenset(np.dtype(code) for code in "fdFD")

# Cells of one block, and of all blocks together, up to which numpy's loops are used before the
# compiled ones are loaded: numba takes half a second to load, and numpy differentiates ten million
# cells in that time.
_FEW_CELLS, _MANY_CELLS = 2**18, 2**22
_cells_without = 0
_WITH_NUMBA = ("xgrad.kernels.tabled_loops", "xgrad.kernels.fused")


def are_loaded(cells: int) -> bool:
    """Whether compiled loops are loaded, or worth loading for another `cells` cells.

    A few small arrays need not wait for numba, and get the same bits
    (``test_numpys_loops_have_the_bits_of_the_compiled_ones``).

    Examples
    --------
    >>> are_loaded(2**20)
    True
    """
    loaded = any(module in sys.modules for module in _WITH_NUMBA)
    return loaded or cells > _FEW_CELLS or _cells_without + cells > _MANY_CELLS


def _count(cells: int) -> None:
    """Count the cells that numpy's loops differentiate before compiled ones are loaded."""
    global _cells_without  # noqa: PLW0603
    _cells_without += cells


def _reach(table: Table, offset: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """First and last index of each cell's stencil, if cell 0 of the block has index `offset`."""
    cell = np.arange(offset, offset + table.shape[1])
    return cell + table[FIRST].astype(np.intp), cell + table[LAST].astype(np.intp)


def _in_numpy(table: Table, below: AnyArray, f: AnyArray, above: AnyArray, out: AnyArray) -> None:
    """Use numpy's loops, for dtypes that numba does not support and for small arrays."""
    cells = np.concatenate([below, f, above], axis=1)
    for run in _alike(table):
        first, last = (below.shape[1] + int(table[row, run.start]) for row in (FIRST, LAST))
        step, *weights = table[STEP:, run, np.newaxis]

        def away(k: int, run: slice = run) -> AnyArray:
            return cells[:, run.start + k : run.stop + k]

        if step[0] != 0:
            out[:, run] = (away(last) - away(first)) / step
            continue
        total = product(weights[0], away(first))
        # Add three products, as the compiled loops for stencils of three cells do.
        for k in range(1, 3 if len(weights) == 3 else 1 + last - first):
            total = less(total, -weights[k], away(min(first + k, last)), total)
        out[:, run] = total


def _alike(table: Table) -> Iterator[slice]:
    """Cells side by side whose stencils reach as far: those inside are slices of the array."""
    changes = (np.diff(table[FIRST : LAST + 1]) != 0).any(axis=0) | np.diff(table[STEP] != 0)
    ends = [0, *(1 + np.flatnonzero(changes)).tolist(), table.shape[1]]
    return map(slice, ends[:-1], ends[1:])


def _of_times(table: Table, below: AnyArray, f: AnyArray, above: AnyArray, out: AnyArray) -> None:
    """Differentiate times, as a weighted sum of differences: the weights add up to zero.

    ``sum(w[k] * (f[k] - f[i]))`` subtracts integers and so is exact, whereas seconds since 1970 in
    float64 would be rounded to 2e-7 s.  NaT becomes NaN.
    """
    cells = np.concatenate([below, f, above], axis=1)
    first, last = _reach(table, below.shape[1])
    step, weights = table[STEP, :, np.newaxis], table[WEIGHTS:, :, np.newaxis]
    total = np.zeros(f.shape)
    for k in range(len(weights)):
        away = _seconds_between(f, cells[:, np.minimum(first + k, last)])
        total = np.where((first + k <= last)[:, np.newaxis], total + weights[k] * away, total)
    with np.errstate(divide="ignore", invalid="ignore"):
        divided = _seconds_between(cells[:, first], cells[:, last]) / step
    out[...] = np.where(step != 0, divided, total)


def _seconds_between(start: AnyArray, end: AnyArray) -> AnyArray:
    """Seconds from one time to another, rounded once.

    The distance of two int64 may be too large for a third, but not for a uint64.

    Examples
    --------
    >>> ends = np.array([-(2**63) + 1, 2**63 - 1], "m8[s]")
    >>> _seconds_between(ends, ends[::-1])
    array([ 1.84467441e+19, -1.84467441e+19])
    """
    if np.datetime_data(start.dtype)[0] in ("Y", "M"):  # only dates: a day has a fixed length
        return _seconds_between(start.astype("M8[D]"), end.astype("M8[D]"))
    tick, milli = np.array(1, start.dtype.str.replace("M", "m", 1)), np.timedelta64(1, "ms")
    one, other = start.view(np.int64), end.view(np.int64)
    ahead = other >= one
    ticks = np.where(ahead, other - one, one - other).view(np.uint64).astype(np.float64)
    signed = np.where(ahead, ticks, -ticks)
    signed[np.isnat(start) | np.isnat(end)] = np.nan
    # Of a unit and a second, one is a multiple of the other, so one of the two factors is 1; from
    # attoseconds to seconds in one go would overflow.
    long, short = max(1.0, tick / milli / 1000), max(1.0, milli / tick * 1000)
    seconds: AnyArray = signed * long / short
    return seconds


def differentiate(
    f: AnyArray, below: AnyArray, above: AnyArray, table: Table, axis: int, out: AnyArray
) -> None:
    """Differentiate one block along `axis` into `out`.

    Parameters
    ----------
    f : array of shape (..., n, ...)
        The block, in any memory order; it is not changed.
    below, above : arrays of shape (..., 0 or more, ...)
        The cells next to the block along `axis`; none at an end of the array.
    table : array of shape (3 + w, n)
        The stencils of the block's cells; see :data:`xgrad._typing.Table`.
    axis : int
        Axis of `f`, not negative.
    out : array of the shape of `f`
        Receives the derivative; of dtype :func:`xgrad.kernels.layout.result_dtype`.

    Notes
    -----
    The arithmetic is done in the common dtype of data and table, and rounded once, as in
    ``numpy.gradient``: float32 data over float64 positions are weighted in float64.
    """
    if out.size == 0:
        return
    planes = Planes.of(out, axis)
    times = f.dtype.kind in "mM"
    native = out.dtype.newbyteorder("=")
    compilable = native in _COMPILED and table.dtype in _COMPILED
    data_dtype = f.dtype.newbyteorder("=") if times else native
    below, f, above = (planes.view(part, data_dtype) for part in (below, f, above))
    result = planes.result(out, native)
    if times:
        _of_times(table, below, f, above, result)
    elif compilable and are_loaded(out.size):
        from xgrad.kernels import tabled_loops  # noqa: PLC0415  it loads numba

        tabled_loops.differentiate(table, below, f, above, result)
    else:
        if compilable:
            _count(out.size)
        # Overflow and infinity minus infinity show in the result, as in compiled code.
        with np.errstate(all="ignore"):
            _in_numpy(table, below, f, above, result)
    planes.put(result, out)
