"""Terms as rows of flat memory, in the form that the compiled loops over rows take."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from xgrad._typing import FIRST, LAST, WEIGHTS, AnyArray, Table
from xgrad.kernels.cells import Cells
from xgrad.kernels.piece import Piece
from xgrad.kernels.row_loops import ACROSS, ALONG, MOST_TERMS, VALUES
from xgrad.kernels.stencil_kinds import Tabled

_COMPILED = frozenset(np.dtype(code) for code in "fd")

#: Below this, a row takes less time than finding its neighbours.
SHORT_ROW = 32

#: Longer rows would fall out of the fastest caches before their terms are added.
LONG_ROW = 2**13


def is_plain(array: AnyArray, order: list[int], dtype: np.dtype[Any]) -> bool:
    """Whether compiled code can read an array as rows without a copy."""
    return dtype in _COMPILED and array.dtype == dtype and array.transpose(order).flags.c_contiguous


def tables(pieces: Sequence[Piece], dtype: np.dtype[Any]) -> list[Table] | None:
    """Stencils of all terms in one dtype; None if their dtypes differ."""
    given = [table for one in pieces if (table := _table(one)) is not None]
    # float32 weights of float64 data are exact in float64, which saves compiling a variant.
    dtypes = {np.result_type(dtype, table.dtype) for table in given}
    if len(dtypes) > 1 or not dtypes <= _COMPILED:
        return None
    (common,) = dtypes or {dtype}
    none = np.empty((WEIGHTS, 0), common)
    tables = (none if (table := _table(one)) is None else table for one in pieces)
    return [frozen(table, common).reshape(-1) for table in tables]


def _table(piece: Piece) -> Table | None:
    return piece.stencil.columns if isinstance(piece.stencil, Tabled) else None


def placed(
    cells: Cells, stencil: Any, order: list[int], n_across: int
) -> tuple[tuple[int, ...], AnyArray, AnyArray, AnyArray]:
    """The memory layout of a term, and its cells as flat arrays.

    Parameters
    ----------
    cells : Cells
        What is differentiated.
    stencil : Tabled or None
        How.
    order : list of int
        The axes in the order of memory.
    n_across : int
        The number of axes before those of a row.
    """
    dtype, place, shape = cells.block.dtype, order.index(cells.axis), cells.block.shape
    below, f, above = (frozen(one.transpose(order), dtype) for one in cells.parts)
    flat = below.reshape(-1), f.reshape(-1), above.reshape(-1)
    if stencil is None:
        return (VALUES, 0, 0, 0, 0), *flat
    n, n_below, n_above = f.shape[place], below.shape[place], above.shape[place]
    first, last = (stencil.columns[row].astype(np.intp) for row in (FIRST, LAST))
    # Compiled code does not check indices: a halo that is too thin would read foreign memory.
    assert (first + np.arange(n)).min() >= -n_below
    assert (last + np.arange(n)).max() < n + n_above
    if place >= n_across:
        half = int(last[first == -last].max(initial=0)) or n
        return (ALONG, n, half, n_below, n_above), *flat
    stride = math.prod(shape[k] for k in order[place + 1 : n_across])
    return (ACROSS, n, stride, n_below, n_above), *flat


def frozen(array: AnyArray, dtype: np.dtype[Any]) -> AnyArray:
    """A C-contiguous, read-only view or copy, so that one compiled variant serves all arrays."""
    found = np.require(array, dtype, ["C", "A"]).view()
    found.flags.writeable = False
    return found


def filled(arrays: Sequence[AnyArray]) -> tuple[AnyArray, ...]:
    """Fill up to the number of arrays that the compiled loop takes; it ignores the added ones."""
    return (*arrays, *[arrays[0]] * (MOST_TERMS - len(arrays)))
