"""The loops over one block of memory: numba and numpy only, no xarray, no dask.

A block is seen as ``(outer, n, inner)`` in C order, with the differentiated axis in the middle,
whatever the order of its memory was.  The cells that a stencil needs beyond the block come in two
thin arrays, ``below`` and ``above``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numba import types
from numba.extending import overload
from numpy.typing import NDArray

from xgrad._typing import SHIFT, STEP, AnyArray, Table

# What is compiled, six pairs of data and table in all: each costs a second on the first call ever.
# numba refuses float16 and longdouble, which take the numpy path below.  Integers and foreign byte
# orders are converted block by block.
_COMPILED = frozenset(np.dtype(code) for code in "fdFD")

# Where the cells of a row are fewer than this, the loop runs over whole planes with the weights
# repeated for each cell: a loop over 3 colours is shorter than what it takes to start it.  With
# fewer planes than the second number the repeated weights would be as large as the data.
_SHORT_ROW = 32
_MANY_PLANES = 32

# Cells that fit into a core's cache together with what they are made of.
_CELLS_AT_ONCE = 2**16

_Function = TypeVar("_Function", bound=Callable[..., Any])


def _compiled(function: _Function) -> _Function:
    # nogil, and never parallel=True: dask's threads are the parallelism, and numba's workqueue
    # aborts the process when two of them enter it.  No fastmath: it would fuse a*b + c and change
    # the last bit.  error_model="numpy": a test for division by zero would stop vectorisation.
    try:
        jitted = numba.njit(nogil=True, error_model="numpy", cache=True)(function)
    except RuntimeError:  # no folder for the cache can be written: compile in each process
        jitted = numba.njit(nogil=True, error_model="numpy")(function)
    return cast(_Function, jitted)


def _quotient(difference: Any, step: Any) -> Any:
    return difference / step


@overload(_quotient)
def _compiled_quotient(difference: Any, step: Any) -> Any:
    """Numpy's division, to the bit, for complex numbers too.

    numpy divides complex numbers by Smith's algorithm (R. L. Smith, "Algorithm 116: complex
    division", CACM 5(8), 1962) with one reciprocal; numba's own form divides twice and differs in
    the last bit.  With a real ``step``: ``ratio = 0 / step``, ``scale = 1 / (step + 0 * ratio)``,
    ``(re + im*ratio) * scale, (im - re*ratio) * scale``.
    """
    if not isinstance(difference, types.Complex):

        def plain(difference: Any, step: Any) -> Any:
            return difference / step

        return plain
    wide = difference is types.complex128 or step is types.float64
    real = np.float64 if wide else np.float32

    def smith(difference: Any, step: Any) -> Any:
        ratio = real(0) / real(step)
        scale = real(1) / (real(step) + real(0) * ratio)
        re, im = real(difference.real), real(difference.imag)
        return complex((re + im * ratio) * scale, (im - re * ratio) * scale)

    return smith


@_compiled
def _source(below: Any, f: Any, above: Any, j: int) -> Any:
    """Find row `j`, counted in the block: negative rows lie below it, `n` and more above."""
    if j < 0:
        return below, below.shape[1] + j
    if j >= f.shape[1]:
        return above, j - f.shape[1]
    return f, j


@_compiled
def _end_rows(table: Any, below: Any, f: Any, above: Any, j: int, out: Any) -> None:
    """Differentiate row `j` of all planes, wherever its stencil reaches."""
    shift = int(table[SHIFT, j])
    step = table[STEP, j]
    first, last = j + shift - 1, j + shift + 1
    if step != 0 and shift != 0:  # two points at an edge, the cell itself and its neighbour
        first, last = min(j, j + shift), max(j, j + shift)
    lo, j_lo = _source(below, f, above, first)
    hi, j_hi = _source(below, f, above, last)
    if step != 0:
        for o in range(f.shape[0]):
            for i in range(f.shape[2]):
                out[o, j, i] = _quotient(hi[o, j_hi, i] - lo[o, j_lo, i], step)
        return
    mid, j_mid = _source(below, f, above, j + shift)
    a, b, c = table[0, j], table[1, j], table[2, j]
    for o in range(f.shape[0]):
        for i in range(f.shape[2]):
            out[o, j, i] = a * lo[o, j_lo, i] + b * mid[o, j_mid, i] + c * hi[o, j_hi, i]


@_compiled
def _short_rows(table: Any, wide: Any, f: Any, out: Any) -> None:
    """Differentiate the inside of each plane in one loop; `wide` holds the weights of its cells."""
    inner = f.shape[2]
    size = f.shape[1] * inner
    a, b, c = wide[0], wide[1], wide[2]
    step = table[STEP, 1]
    for o in range(f.shape[0]):
        # Views made here, not in a function for one plane: its call costs as much as 100 cells.
        plane = f[o].reshape(-1)
        lo, mid, hi = plane[: size - 2 * inner], plane[inner : size - inner], plane[2 * inner :]
        inside = out[o].reshape(-1)[inner : size - inner]
        if step != 0:
            for i in range(inside.size):
                inside[i] = _quotient(hi[i] - lo[i], step)
        else:
            for i in range(inside.size):
                inside[i] = a[i] * lo[i] + b[i] * mid[i] + c[i] * hi[i]


@_compiled
def _long_rows(table: Any, f: Any, out: Any) -> None:
    """Differentiate the inside of each plane row by row."""
    for o in range(f.shape[0]):
        for j in range(1, f.shape[1] - 1):
            lo, mid, hi, row = f[o, j - 1], f[o, j], f[o, j + 1], out[o, j]
            step = table[STEP, j]
            if step != 0:
                for i in range(row.size):
                    row[i] = _quotient(hi[i] - lo[i], step)
            else:
                a, b, c = table[0, j], table[1, j], table[2, j]
                for i in range(row.size):
                    row[i] = a * lo[i] + b * mid[i] + c * hi[i]


@_compiled
def _differentiate(table: Any, wide: Any, below: Any, f: Any, above: Any, out: Any) -> None:
    """Differentiate a block; with `wide`, the weights of each cell of a plane, plane by plane.

    Some planes at a time, as many as a cache holds: the ends are written apart from the inside,
    and a second pass over all of the block would fetch each of its pages a second time.
    """
    n = f.shape[1]
    count = max(1, _CELLS_AT_ONCE // (n * f.shape[2]))
    for first in range(0, f.shape[0], count):
        here = slice(first, min(first + count, f.shape[0]))
        _end_rows(table, below[here], f[here], above[here], 0, out[here])
        if n > 1:
            _end_rows(table, below[here], f[here], above[here], n - 1, out[here])
        if n > 2:
            if wide.size:
                _short_rows(table, wide, f[here], out[here])
            else:
                _long_rows(table, f[here], out[here])


def _reach(table: Table, offset: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """First and last index of each cell's stencil, where cell 0 of the block has index `offset`."""
    shift = table[SHIFT].astype(np.intp)
    cell = np.arange(offset, offset + table.shape[1])
    two_points = table[STEP] != 0
    first = np.where(two_points, cell - (shift <= 0), cell + shift - 1)
    last = np.where(two_points, cell + (shift >= 0), cell + shift + 1)
    return first, last


def _in_numpy(table: Table, below: AnyArray, f: AnyArray, above: AnyArray, out: AnyArray) -> None:
    """The same for the dtypes that numba refuses, with numpy's own loops."""
    cells = np.concatenate([below, f, above], axis=1)
    first, last = _reach(table, below.shape[1])
    a, b, c, step = table[:SHIFT, :, np.newaxis]
    two, three = table[STEP] != 0, table[STEP] == 0
    lo, hi = cells[:, first], cells[:, last]
    out[:, two] = (hi[:, two] - lo[:, two]) / step[two]
    mid = cells[:, first[three] + 1]
    out[:, three] = a[three] * lo[:, three] + b[three] * mid + c[three] * hi[:, three]


def _of_times(table: Table, below: AnyArray, f: AnyArray, above: AnyArray, out: AnyArray) -> None:
    """Times as data: ``a*f[lo] + b*f[mid] + c*f[hi]`` with ``b = -a - c`` is a sum of differences.

    ``c*(f[hi] - f[mid]) - a*(f[mid] - f[lo])`` subtracts integers, so that no tick is lost, where
    seconds since 1970 in float64 would be rounded to 2e-7 s.  NaT becomes NaN.
    """
    cells = np.concatenate([below, f, above], axis=1)
    first, last = _reach(table, below.shape[1])
    middle = np.minimum(first + 1, last)
    a, _, c, step = table[:SHIFT, :, np.newaxis]
    second = np.timedelta64(1, "s")
    rise, fall = (cells[:, last] - cells[:, middle]), (cells[:, middle] - cells[:, first])
    with np.errstate(divide="ignore", invalid="ignore"):
        quotient = (cells[:, last] - cells[:, first]) / second / step
    out[...] = np.where(step != 0, quotient, c * (rise / second) - a * (fall / second))


def result_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Dtype of the derivative: inexact ones are kept, integers and times become float64.

    Raises
    ------
    TypeError
        If values of `dtype` have no differences: bool, strings, objects.

    Examples
    --------
    >>> result_dtype(np.dtype(">f4")), result_dtype(np.dtype("u1"))
    (dtype('>f4'), dtype('float64'))
    """
    if np.issubdtype(dtype, np.inexact):
        return dtype
    if dtype.kind in "iumM":
        return np.dtype(np.float64)
    raise TypeError(f"values of dtype {dtype} cannot be differentiated")


def _planes(array: AnyArray, dtype: np.dtype[Any], order: list[int], n_before: int) -> AnyArray:
    """View (or copy, where no view exists) of `array` as read-only (outer, n, inner) of `dtype`."""
    shape = [array.shape[k] for k in order]
    laid_out = np.require(array.transpose(order), dtype, ["C", "A"])
    flat = laid_out.reshape(
        math.prod(shape[:n_before]), shape[n_before], math.prod(shape[n_before + 1 :])
    )
    # One compiled variant serves writable and read-only memory alike.
    flat.flags.writeable = False
    return flat


def differentiate(
    f: AnyArray, below: AnyArray, above: AnyArray, table: Table, axis: int, out: AnyArray
) -> None:
    """Differentiate one block along `axis` into `out`.

    Parameters
    ----------
    f : array of shape (..., n, ...)
        The block, in any memory order; read only.
    below, above : arrays of shape (..., 0 or more, ...)
        The cells next to the block along `axis`; without any where the array ends.
    table : array of shape (5, n)
        The weights of the block's cells, see :data:`xgrad._typing.Table`.
    axis : int
        Axis of `f`, not negative.
    out : array of the shape of `f`
        Where the derivative goes, of dtype :func:`result_dtype`.

    Notes
    -----
    The arithmetic is done in the common dtype of data and table and rounded once, as
    ``numpy.gradient`` does: float32 data over float64 positions are weighed in float64.
    """
    if out.size == 0:
        return
    # Largest stride first: the order in which the memory lies.
    order = sorted(range(out.ndim), key=lambda k: (-abs(out.strides[k]), k))
    n_before = order.index(axis)
    times = f.dtype.kind in "mM"
    native = out.dtype.newbyteorder("=")
    data_dtype = f.dtype.newbyteorder("=") if times else native
    below, f, above = (_planes(part, data_dtype, order, n_before) for part in (below, f, above))
    target = out.transpose(order)
    plain = out.dtype.isnative and target.flags.c_contiguous
    result = target.reshape(f.shape) if plain else np.empty(f.shape, native)
    if times:
        _of_times(table, below, f, above, result)
    elif native in _COMPILED and table.dtype in _COMPILED:
        _in_numba(table, below, f, above, result)
    else:
        _in_numpy(table, below, f, above, result)
    if not plain:
        target[...] = result.reshape(target.shape)


def _in_numba(table: Table, below: AnyArray, f: AnyArray, above: AnyArray, out: AnyArray) -> None:
    outer, n, inner = f.shape
    first, last = _reach(table[:, [0, -1]], below.shape[1])
    # Compiled code checks no index: a halo that is too thin would read foreign memory.
    assert min(first[0], first[1] + n - 2) >= 0
    assert max(last[0], last[1] + n - 2) < below.shape[1] + n + above.shape[1]
    # float32 weights of float64 data are exact in float64: one variant less to compile.
    common = np.result_type(f.real.dtype, table.dtype)
    table = np.ascontiguousarray(table, common).view()
    table.flags.writeable = False
    short = inner == 1 or (inner < _SHORT_ROW and outer >= _MANY_PLANES)
    wide = np.repeat(table[:STEP, 1:-1] if short else table[:STEP, :0], inner, axis=1)
    _differentiate(table, wide, below, f, above, out)
