"""Fits whose cells are weighted by their own noise: by ``1 / σ²``, with a `σ` for each value.

With the weights ``w`` of the derivative ``Σ w y``, its standard error is the root of ``Σ (w σ)²``:
that of the covariance ``(Xᵀ W X)⁻¹`` of weighted least squares, if nothing else weights the cells.

As in :mod:`xgrad.kernels.tabled`, a block is viewed as (outer, n, inner).
"""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np

from xgrad._jit import compiled
from xgrad._typing import FIRST, LAST, AnyArray
from xgrad.kernels import error_shares
from xgrad.kernels.cells import Box, Cells
from xgrad.kernels.layout import Planes
from xgrad.kernels.stencil_kinds import OfAnAxis
from xgrad.kernels.strips import FLOATS, stretches, work_dtype
from xgrad.stencils import fornberg, least_squares
from xgrad.stencils.scheme import VALUE

# Instead of a share of the standard error, see :class:`xgrad.stencils.scheme.Error`.
_DERIVATIVE = -3


class BesideSigma(NamedTuple):
    """The stencil of a block whose cells have their own noise.

    Attributes
    ----------
    stencil : OfAnAxis
        With a fit.
    sigma : Cells
        Standard deviations of the noise, of length 1 along dimensions that they do not have.
        A cell without a positive one is missing.
    """

    stencil: OfAnAxis
    sigma: Cells

    def cut(self, box: Box, axis: int) -> Self:
        """The stencil for a part of the block."""
        return self._replace(stencil=self.stencil.cut(box, axis), sigma=self.sigma.cut(box))

    def apply(self, cells: Cells, out: AnyArray) -> bool:
        """Write derivatives, or their standard errors, into `out`."""
        scheme = self.stencil.scheme
        fit = scheme.fit
        if out.size == 0 or fit is None:
            return True
        planes = Planes.of(out, cells.axis)
        dtype = work_dtype(out.dtype, FLOATS)
        below, block, above = (planes.view(part, dtype) for part in cells.parts)
        values = below, block, above
        noise = tuple(
            planes.view(np.broadcast_to(part, like.shape), np.dtype(np.float64))
            for part, like in zip(self.sigma.parts, cells.parts, strict=True)
        )
        result = planes.result(out, dtype)
        error = fit.error
        orders = np.array([*(error.others if error else ()), scheme.order])
        options = (
            orders, fit.polyorder + 1, fit.tricube, fit.width or 0.0, bool(scheme.skipna),
            _DERIVATIVE if error is None else error.share,
        )  # fmt: skip
        table = np.ascontiguousarray(self.stencil.columns, np.float64)
        for (start, stop, lead, f), (*_, sigma) in zip(
            stretches(values, table), stretches((noise[0], noise[1], noise[2]), table), strict=True
        ):
            _of_rows(table, start, stop, lead, *options, f, sigma, result)
        planes.put(result, out)
        return True


@compiled
def _gathered(
    f: Any, sigma: Any, here: int, gap: int, centre: int, counts: Any, y: Any, s: Any, own: Any
) -> int:
    """Take a window's values, less that of its own cell, their noise, and how much they count.

    What is missing counts 0.  Returns how many are missing, or -1 if the own cell is.
    """
    missing, least = 0, np.inf
    middle = float(f[here + centre * gap])
    for k in range(y.size):
        one, noise = float(f[here]), float(sigma[here])
        is_there = one == one and 0 < noise < np.inf  # noqa: PLR0124
        if not is_there:
            missing += 1
            if k == centre:
                return -1
        y[k], s[k] = (one - middle, noise) if is_there else (0.0, 0.0)
        if is_there:
            least = min(least, noise)
        here += gap
    for k in range(y.size):
        share = least / s[k] if s[k] > 0 else 0.0
        own[k] = counts[k] * share * share
    return missing


@compiled
def _weights(
    x: Any, own: Any, before: Any, orders: Any, q: Any, at: Any, weights: Any
) -> None:  # fmt: skip
    """Compute the weights of a window, unless they are those of the cell before."""
    n_others = 0
    for k in range(x.size):
        n_others += own[k] != before[k]
        before[k] = own[k]
    if n_others > 0:
        error_shares.weights_of_all(x, own, q.shape[0] - 1, orders, q, at, weights)


@compiled
def _of_window(
    weights: Any, alike: Any, centre: int, share: int, y: Any, s: Any, rows: Any
) -> float:
    """The derivative, less that of the value of the own cell, or a share of its standard error."""
    last, total = len(weights) - 1, 0.0
    if share == _DERIVATIVE:
        for k in range(y.size):
            total += weights[last, k] * y[k]
        return total
    for k in range(y.size):
        total += y[k] - y[k]  # NaN if a value is infinite
        total += 0 * weights[last, k]
    error_shares.of_sources(weights, alike, s, rows)
    found = error_shares.coordinate(rows, int(alike[centre]), share)
    return total + found * (s[centre] if share == VALUE else 1.0)


@compiled
def _of_rows(
    table: Any, start: int, stop: int, lead: int, orders: Any, size: int, tricube: bool,
    width: float, skipna: bool, share: int, f: Any, sigma: Any, out: Any,
) -> None:  # fmt: skip
    """Compute some rows of `out`; row `lead` of them is the first of `f` and `sigma`."""
    m, inner, n_steps = f.shape[1], f.shape[2], table.shape[0] // 2 - 1
    values, noise, order = f.reshape(-1), sigma.reshape(-1), orders[-1]
    at = np.empty((error_shares.highest(orders) + 1, size))
    for j in range(start, stop):
        first = int(table[FIRST, j])
        n = int(table[LAST, j]) - first + 1
        alike = table[2 + n_steps : 2 + n_steps + n, j]
        # Arrays of their own: for rows of one array, all that is called would be compiled again.
        x, counts, y, s = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
        own, before = np.zeros(n), np.zeros(n)
        weights, rows = np.zeros((orders.size, n)), np.zeros((orders.size, n))
        before[:] = -1.0  # as no cell counts
        q = np.empty((size, n))
        near = table[2 : 2 + n - 1, j]
        scale = fornberg.window(near, -first, 0, np.empty(n - 1), x, 1.0)
        known = not np.isnan(x[-1] - x[0])
        if known:
            least_squares.counted(x, tricube, width * scale, counts)
        for o in range(f.shape[0]):
            for i in range(inner):
                out[o, j, i] = np.nan
                here = (o * m + j + first - lead) * inner + i
                if not known:
                    continue
                missing = _gathered(values, noise, here, inner, -first, counts, y, s, own)
                if missing < 0 or (missing > 0 and not skipna):
                    continue
                _weights(x, own, before, orders, q, at, weights)
                found = _of_window(weights, alike, -first, share, y, s, rows)
                for _ in range(order):
                    found *= scale
                if order == 0 and share == _DERIVATIVE:
                    found += float(values[here - first * inner])
                if found == found:  # noqa: PLR0124
                    out[o, j, i] = found
