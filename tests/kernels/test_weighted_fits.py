"""The law of weighted fits: those of weighted least squares, and their covariance."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.kernels.test_standard_errors import cases, continued
from xgrad.arrays.halo import at_both_edges, of_factor
from xgrad.kernels.stencil_kinds import of_axis
from xgrad.kernels.weighted_fits import BesideSigma
from xgrad.stencils import ghosts
from xgrad.stencils.scheme import Error, Scheme


def weighted(f: Any, sigma: Any, steps: Any, axis: int, scheme: Scheme) -> Any:
    """Derivatives, or their errors, of a block and its ghosts."""
    cells, noise = (
        at_both_edges(one, axis, own, own.face, ghosts.values)
        for one, own in ((f, scheme), (sigma, of_factor(scheme)))
    )
    stencil = of_axis(steps, f.shape[axis], scheme, f.dtype)
    out = np.empty_like(f)
    assert BesideSigma(stencil, noise).apply(cells, out)
    return out


def expected(f: Any, sigma: Any, x: Any, scheme: Scheme) -> Any:
    """Derivatives and errors of a series, by a pseudo-inverse for each window."""
    fit, order = scheme.fit, scheme.order
    assert fit is not None
    places, which = continued(x, scheme.boundary, fit.half)
    left = 0 if scheme.boundary[0] == "one-sided" else fit.half
    constant = next((side for side in scheme.boundary if isinstance(side, float)), np.nan)
    values, edges = np.where(which < 0, constant, f[which]), np.arange(len(which)) < left
    noise = np.where(which < 0, np.where(edges, sigma[0], sigma[-1]), sigma[which])
    found = np.full((2, len(x)), np.nan)
    for i in range(len(x)):
        at = left + i
        if fit.width is None:
            first = min(max(0, at - fit.half), len(places) - fit.window)
            own = slice(first, first + fit.window)
        else:
            near = np.flatnonzero(abs(places - x[i]) <= fit.width * (1 + 1e-9))
            own = slice(near[0], near[-1] + 1)
        away, y, s, cells = places[own] - x[i], values[own], noise[own], which[own]
        k = np.ones(len(away))
        if fit.tricube:
            farthest = fit.width or abs(away).max()
            k = (1 - (abs(away) / farthest) ** 3).clip(0) ** 3
            k[abs(away) > farthest * (1 - 1e-9)] = 0
        there = ~np.isnan(y) & (s > 0) & (s < np.inf)
        if not there[at - own.start] or not (scheme.skipna or there.all()):
            continue
        away, y, s, cells, k = (one[there & (k > 0)] for one in (away, y, s, cells, k))
        if len(away) <= fit.polyorder:
            continue
        unit, root = abs(away).max() or 1.0, np.sqrt(k) / s
        powers = np.vander(away / unit, fit.polyorder + 1, increasing=True)
        w = np.linalg.lstsq((powers.T * root).T, np.diag(root), rcond=1e-18)[0][order]
        w = w * np.prod(np.arange(1, order + 1)) / unit**order
        middle = y[away == 0][0]
        found[0, i] = w @ (y - middle) + (middle if order == 0 else 0)
        parts = [(w * s)[cells == cell].sum() for cell in np.unique(cells[cells >= 0])]
        found[1, i] = np.sqrt(np.square(parts).sum())
    return found


@given(cases(), st.integers(0, 2**32 - 1))
def test_a_weighted_fit_is_that_of_weighted_least_squares(case: Any, seed: int) -> None:
    f, steps, scheme = case
    rng, fit = np.random.default_rng(seed), scheme.fit._replace(error=None, weighted=True)
    sigma = 10.0 ** rng.uniform(-1, 1, f.shape)
    sigma[rng.random(f.shape) < 0.02] = rng.choice([np.nan, 0.0, -1.0, np.inf])
    x = np.append(0.0, np.cumsum(steps))
    own = [scheme._replace(fit=fit), scheme._replace(fit=fit._replace(error=Error("sigma")))]
    found = [weighted(f, sigma, steps, 0, one) for one in own]
    for k in range(f.shape[1]):
        both = expected(f[:, k], sigma[:, k], x, own[0])
        least = 1e-10 * abs(steps).mean() ** -scheme.order
        assert np.allclose(found[0][:, k], both[0], rtol=1e-8, atol=least, equal_nan=True)
        assert np.allclose(found[1][:, k], both[1], rtol=1e-8, atol=least, equal_nan=True)
