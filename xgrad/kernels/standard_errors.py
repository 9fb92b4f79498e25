"""Standard errors of the derivatives of fits.

With the fit ``ŷ`` of the values ``y`` of a window, weights ``k`` of its cells, and ``w`` those of
the derivative ``Σ w y``, the standard error is ``s sqrt(Σ w²)`` with ``s² = Σ k (y - ŷ)² / ν``.
Here ``ν = tr((I - H)ᵀ K (I - H))`` makes `s`² unbiased, where ``ŷ = H y`` and `K` is the diagonal
matrix of `k`; it is the number of cells less that of coefficients if all count the same.  Ghosts
share the noise of the cells that they copy: the sum and the trace are over the cells themselves.
If the values are themselves results of fits, with independent errors ``e``, the standard error is
``sqrt(Σ (w e)²)``.

As in :mod:`xgrad.kernels.tabled`, a block is viewed as (outer, n, inner).

References
----------
J. Fan, I. Gijbels, *Local Polynomial Modelling and Its Applications* (Chapman & Hall 1996),
section 4.3: the weighted residual sum of squares and its trace.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from xgrad._jit import compiled
from xgrad._typing import FIRST, LAST, AnyArray, Table
from xgrad.kernels import error_shares
from xgrad.kernels.layout import Planes
from xgrad.kernels.strips import FLOATS, Parts, stretches, work_dtype
from xgrad.stencils import fornberg, least_squares
from xgrad.stencils.scheme import OWN_CELL, WHOLE, Error, Scheme

# Cells of some planes, which stay in the cache from one row to the next.
_CELLS_AT_ONCE = 2**20

# If residuals keep less than this share of the noise, the share is computed without losing digits;
# less than the second number is rounding error.
_LITTLE, _NOTHING = 1e-3, 1e-12

# Patterns of missing cells whose fits are kept, besides that of a complete window, which is the
# first.  A pattern of up to so many cells is a number, which determines where its fit is kept.
_PATTERNS, _SHIFT, _BITS = 256, np.uint64(56), 62
_SPREAD, _COMPLETE, _NONE = np.uint64(0x9E3779B97F4A7C15), np.uint64(0), np.uint64(1)
# A bit that every pattern with a gap has, even if it has more cells than bits and all are missing.
_GAPPY = np.uint64(2**63)

# What noise is known from, besides a positive number: the standard deviation.
_RESIDUALS, _CELLS = 0.0, -1.0


@compiled
def _freedom(q: Any, own: Any, alike: Any, plain: bool, row: Any) -> float:
    """How much of the noise is in the residuals: the trace of the module's docstring.

    If it is little, or ghosts copy cells, it is a sum of squares, which loses no digits.
    """
    size, n = q.shape
    total, usable, rest = 0.0, 0, 0.0
    for k in range(n):
        total += own[k]
        usable += own[k] > 0
        left = 1.0
        for a in range(size):
            left -= q[a, k] * q[a, k]
        rest += left * own[k]
    if usable <= size:
        return 0.0
    if plain and rest > _LITTLE * total:
        return rest
    found = 0.0
    for i in range(n):
        if own[i] > 0:
            found += _shares(q, own, alike, i, row)
    return found if found > _NOTHING * total else 0.0


@compiled
def _shares(q: Any, own: Any, alike: Any, i: int, row: Any) -> float:
    """Sum of the squares of what the noise of each cell adds to one residual."""
    row[:] = 0.0
    for k in range(row.size):
        if alike[k] >= 0:
            left = 1.0 if i == k else 0.0
            for a in range(q.shape[0]):
                left -= q[a, i] * q[a, k]
            row[int(alike[k])] += left * np.sqrt(own[k])
    squares = 0.0
    for one in row:
        squares += one * one
    return squares


@compiled
def _fit(
    x: Any, counts: Any, there: Any, alike: Any, centre: int, known: float, share: int,
    orders: Any, q: Any, root: Any, row: Any,
) -> float:  # fmt: skip
    """Fit to the cells that are there; the share of the error for a length 1 of the residuals.

    For a `known` standard deviation it is that of the derivative.  NaN if the cells are too few
    for a polynomial, infinite if they are too few for residuals.
    """
    size, n = q.shape
    own, weights, rows = np.empty(n), np.empty((orders.size, n)), np.empty((orders.size, n))
    at, n_copies = np.empty((error_shares.highest(orders) + 1, size)), 0
    for k in range(n):
        own[k] = counts[k] if there[k] else 0.0
        root[k] = np.sqrt(own[k])
        n_copies += alike[k] != k  # a flag that starts as a literal would be compiled twice
    if not error_shares.weights_of_all(x, own, size - 1, orders, q, at, weights):
        return np.nan
    error_shares.of_sources(weights, alike, np.ones(n), rows)
    for k in range(n):  # an assignment of whole rows would be compiled for seconds
        row[k] = rows[orders.size - 1, k]
    found: float = error_shares.coordinate(rows, int(alike[centre]), share)
    if known != _RESIDUALS:
        return found * known
    freedom = _freedom(q, own, alike, n_copies == 0, np.empty(n))
    return found / float(np.sqrt(freedom)) if freedom > 0 else np.inf


@compiled
def _of_residuals(q: Any, root: Any, y: Any, rest: Any) -> float:
    """Length of what the polynomials leave of the values."""
    size, n = q.shape
    for k in range(n):
        rest[k] = root[k] * y[k]
    for a in range(size):
        along = 0.0
        for k in range(n):
            along += q[a, k] * rest[k]
        for k in range(n):
            rest[k] -= along * q[a, k]
    return error_shares.length(rest)


@compiled
def _of_cells(row: Any, y: Any, own: int, share: int, rest: Any) -> float:
    """The share of the error for the errors of the cells."""
    if share == OWN_CELL:
        return float(row[own] * y[own])
    for k in range(row.size):
        rest[k] = row[k] * y[k]
    if share != WHOLE:
        rest[own] = 0.0
    return error_shares.length(rest)


@compiled
def _gathered(
    cells: Any, here: Any, gap: Any, centre: int, known: float, y: Any, there: Any
) -> Any:
    """Take the values of a window, less that of its own cell; which are there, as a number.

    So a large mean of the data does not cost the residuals digits.  Missing values become 0.
    """
    key, missing = np.uint64(1), 0
    middle = float(cells[here + np.uint64(centre) * gap]) if known != _CELLS else 0.0
    for k in range(y.size):
        one = float(cells[here])
        there[k] = one == one  # noqa: PLR0124
        missing += not there[k]
        y[k] = one - middle if there[k] else 0.0
        key = key + key + np.uint64(there[k])
        here = here + gap
    return key | _GAPPY if missing > 0 else _COMPLETE


@compiled
def _is_finite(y: Any) -> bool:
    total = 0.0
    for one in y:
        total += one - one  # of an infinite one it is NaN
    return total == 0


@compiled
def _all_alike(one: Any, other: Any) -> bool:
    """Whether two stencils are the same: column after column of an even axis."""
    n_others = 0
    for k in range(one.size):
        n_others += one[k] != other[k]
    return n_others == 0


@compiled
def _started(
    near: Any, alike: Any, centre: int, tricube: bool, width: float, known: float, share: int,
    orders: Any, x: Any, counts: Any, keys: Any, each: Any, q: Any, root: Any, weights: Any,
) -> float:  # fmt: skip
    """Fit to a complete window, and drop the fits of the last one; returns the positions' scale.

    0 if the window reaches a ghost of the boundary "nan".
    """
    scale: float = fornberg.window(near, centre, 0, np.empty(near.size), x, 1.0)
    if np.isnan(x[-1] - x[0]):
        return 0.0
    least_squares.counted(x, tricube, width * scale, counts)
    keys[:] = _NONE
    there = np.ones(x.size, np.bool_)
    keys[0] = _COMPLETE
    each[0] = _fit(
        x, counts, there, alike, centre, known, share, orders, q[0], root[0], weights[0]
    )  # fmt: skip
    return scale


@compiled
def _of_row(
    cells: Any, start: int, step: int, gap: Any, centre: int, skipna: bool, alike: Any,
    known: float, share: int, is_within: bool, orders: Any, scale: float, x: Any, counts: Any,
    keys: Any, each: Any, q: Any, root: Any, weights: Any, out: Any,
) -> None:  # fmt: skip
    """Compute the cells of one row of some planes.

    The window of the first cell begins at `start`, that of the next plane `step` cells later.
    """
    n, own, unknown = x.size, int(alike[centre]), np.inf if is_within else np.nan
    y, rest, there = np.empty(n), np.empty(n), np.empty(n, np.bool_)
    planes, inner = out.shape
    for cell in range(planes * inner):
        o, i = cell // inner, cell % inner
        out[o, i] = np.nan
        key = _gathered(cells, np.uint64(start + o * step + i), gap, centre, known, y, there)
        if key != _COMPLETE and not (skipna and there[centre]):
            continue
        slot = 0
        if key != _COMPLETE:
            slot = 1 + int((key * _SPREAD) >> _SHIFT) if n <= _BITS else 1
        if keys[slot] != key or (slot > 0 and n > _BITS):
            keys[slot] = key
            each[slot] = _fit(
                x, counts, there, alike, centre, known, share, orders, q[slot], root[slot],
                weights[slot],
            )  # fmt: skip
        found = each[slot]
        if found != found:  # noqa: PLR0124  nor is the derivative known
            continue
        if known == _RESIDUALS:
            found *= _of_residuals(q[slot], root[slot], y, rest)
        elif known == _CELLS:
            found = _of_cells(weights[slot], y, own, share, rest)
        for _ in range(orders[-1]):
            found *= scale
        out[o, i] = found if _is_finite(y) and np.isfinite(found) else unknown


@compiled
def _of_rows(
    table: Any, start: int, stop: int, lead: int, orders: Any, size: int, tricube: bool,
    width: float, skipna: bool, known: float, share: int, is_within: bool, f: Any, out: Any,
) -> None:  # fmt: skip
    """Compute some rows of `out`; row `lead` of them is the first of `f`."""
    m, inner, n_steps = f.shape[1], f.shape[2], table.shape[0] // 2 - 1
    cells, gap, n, scale = f.reshape(-1), np.uint64(f.shape[2]), 0, 0.0
    keys, each = np.empty(_PATTERNS + 1, np.uint64), np.empty(_PATTERNS + 1)
    q, root, x, counts = np.empty((1, 1, 1)), np.empty((1, 1)), np.empty(1), np.empty(1)
    weights = np.empty((1, 1))
    planes = max(1, _CELLS_AT_ONCE // (m * inner))
    for part in range(0, f.shape[0], planes):
        for j in range(start, stop):
            first = int(table[FIRST, j])
            alike = table[2 + n_steps : 2 + n_steps + int(table[LAST, j]) - first + 1, j]
            if j == start or not _all_alike(table[:, j], table[:, j - 1]):
                if n != alike.size:
                    n = alike.size
                    kept = 1 + (_PATTERNS if n <= _BITS else 1)
                    q, root = np.empty((kept, size, n)), np.empty((kept, n))
                    weights, x, counts = np.empty((kept, n)), np.empty(n), np.empty(n)
                scale = _started(
                    table[2 : 2 + n - 1, j], alike, -first, tricube, width, known, share, orders,
                    x, counts, keys, each, q, root, weights,
                )  # fmt: skip
            here = out[part : part + planes, j]
            if scale == 0:
                here[:] = np.nan
                continue
            _of_row(
                cells, (part * m + j + first - lead) * inner, m * inner, gap, -first, skipna,
                alike, known, share, is_within, orders, scale, x, counts, keys, each, q, root,
                weights, here,
            )  # fmt: skip


def of_fits(parts: Parts, table: Table, axis: int, scheme: Scheme, out: AnyArray) -> None:
    """Standard errors of the derivatives of fits, or their shares.

    They are NaN where the derivative is NaN and, if computed from residuals, where no degree of
    freedom is left.

    Parameters
    ----------
    parts : tuple of three arrays
        The cells below the block that its windows reach, the block, and those above it.
    table : array of shape (2 + w - 1 + w, n)
        The stencils of the block's cells; see :func:`xgrad.stencils.table.error_table`.
    axis : int
        Axis of the block, not negative.
    scheme : Scheme
        With a fit and the kind of its error.
    out : array of the shape of the block
        Receives the standard errors.

    Examples
    --------
    >>> from xgrad.stencils.scheme import Fit
    >>> from xgrad.stencils.table import error_table
    >>> scheme = Scheme(order=0, fit=Fit(half=1, polyorder=0, error=Error("residuals")))
    >>> f, out = np.array([1.0, 2.0, 6.0]), np.empty(3)
    >>> of_fits((f[:0], f, f[:0]), error_table(1.0, 3, scheme, "f8"), 0, scheme, out)
    >>> bool(np.allclose(out, f.std(ddof=1) / np.sqrt(3)))
    True
    """
    fit = scheme.fit
    if out.size == 0 or fit is None or fit.error is None:
        return
    planes = Planes.of(out, axis)
    dtype = work_dtype(out.dtype, FLOATS)
    views = planes.view(parts[0], dtype), planes.view(parts[1], dtype), planes.view(parts[2], dtype)
    result, error = planes.result(out, dtype), fit.error
    options = (
        np.array([*error.others, scheme.order]), fit.polyorder + 1, fit.tricube, fit.width or 0.0,
        bool(scheme.skipna), _known(error), error.share, error.is_within,
    )  # fmt: skip
    columns = np.ascontiguousarray(table, np.float64)  # one compiled variant for any part of it
    for start, stop, lead, cells in stretches(views, table):
        _of_rows(columns, start, stop, lead, *options, cells, result)
    planes.put(result, out)


def _known(error: Error) -> float:
    """What the noise is known from, as the loops have it."""
    if isinstance(error.noise, str):
        return {"residuals": _RESIDUALS, "cells": _CELLS}[error.noise]
    return float(error.noise)
