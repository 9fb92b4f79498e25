"""The law of standard errors: those of linear algebra, window by window, and of simulated noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xgrad.arrays.halo import at_both_edges
from xgrad.kernels.stencil_kinds import of_axis
from xgrad.stencils import ghosts
from xgrad.stencils.scheme import Error, Fit, Scheme

SIDES: Any = ["one-sided", "extend", "reflect", 0.5]


def errors(f: Any, steps: Any, axis: int, scheme: Scheme) -> Any:
    cells = at_both_edges(f, axis, scheme, scheme.face, ghosts.values)
    stencil = of_axis(steps, f.shape[axis], scheme, f.dtype)
    out = np.empty_like(f)
    assert stencil.apply(cells, out)
    return out


def continued(x: Any, boundary: tuple[Any, Any], depth: int) -> tuple[Any, Any]:
    """Positions with those of ghosts, and the cell that each is or copies; -1 for none."""
    n = len(x)
    which: list[int] = list(range(n))
    places = list(x)
    for k in range(1, depth + 1):
        if boundary[0] == "reflect":
            places.insert(0, 2 * x[0] - x[k])
            which.insert(0, k)
        elif boundary[0] != "one-sided":
            places.insert(0, x[0] - k * (x[1] - x[0]))
            which.insert(0, 0 if boundary[0] == "extend" else -1)
        if boundary[1] == "reflect":
            places.append(2 * x[-1] - x[-1 - k])
            which.append(n - 1 - k)
        elif boundary[1] != "one-sided":
            places.append(x[-1] + k * (x[-1] - x[-2]))
            which.append(n - 1 if boundary[1] == "extend" else -1)
    return np.array(places), np.array(which)


def by_matrices(away: Any, values: Any, which: Any, counts: Any, fit: Fit, order: int) -> float:
    """The standard error of one fit, by its hat matrix; values share the noise of cell `which`."""
    there = ~np.isnan(values) & (counts > 0)
    if there.sum() <= fit.polyorder + (fit.error.noise == "residuals"):
        return np.nan
    away, y, which, k = away[there], values[there], which[there], counts[there]
    unit = abs(away).max() or 1.0
    powers = np.vander(away / unit, fit.polyorder + 1, increasing=True)
    coefficients = np.linalg.lstsq((powers.T * np.sqrt(k)).T, np.diag(np.sqrt(k)), rcond=None)[0]
    weights = coefficients[order] * np.prod(np.arange(1, order + 1)) / unit**order
    cells = np.unique(which[which >= 0])
    copies = (which[:, np.newaxis] == cells).astype(float)
    length = np.sqrt(((weights @ copies) ** 2).sum())
    if fit.error.noise != "residuals":
        return float(length * fit.error.noise)
    rest = np.eye(len(y)) - powers @ coefficients
    left = rest @ (y - y.mean())
    freedom = np.trace(copies.T @ rest.T @ np.diag(k) @ rest @ copies)
    if freedom < 1e-12 * k.sum():
        return np.nan  # reflected values that every polynomial fits
    return float(length * np.sqrt((k * left**2).sum() / freedom))


def expected(f: Any, x: Any, scheme: Scheme) -> Any:
    """The standard errors of a series."""
    fit = scheme.fit
    assert fit is not None
    n, found = len(x), np.empty(len(x))
    depth = fit.half
    places, which = continued(x, scheme.boundary, depth)
    left = 0 if scheme.boundary[0] == "one-sided" else depth
    constant = next((side for side in scheme.boundary if isinstance(side, float)), np.nan)
    values = np.where(which < 0, constant, f[which])
    for i in range(n):
        at = left + i
        if fit.width is None:
            first = min(max(0, at - fit.half), len(places) - fit.window)
            own = slice(first, first + fit.window)
        else:
            near = np.flatnonzero(abs(places - x[i]) <= fit.width * (1 + 1e-9))
            own = slice(near[0], near[-1] + 1)
        away = places[own] - x[i]
        counts = np.ones(len(away))
        if fit.tricube:
            farthest = fit.width or abs(away).max()
            counts = (1 - (abs(away) / farthest) ** 3).clip(0) ** 3
            counts[abs(away) > farthest * (1 - 1e-9)] = 0  # but for rounding errors
        gone = np.isnan(f[i]) or (not scheme.skipna and np.isnan(values[own]).any())
        found[i] = (
            np.nan
            if gone
            else by_matrices(away, values[own], which[own], counts, fit, scheme.order)
        )
    return found


def within(scheme: Scheme, steps: Any, width: float) -> Scheme:
    """The scheme of a bandwidth, as :mod:`xgrad.labels.bandwidths` makes it."""
    assert scheme.fit is not None
    n = len(steps) + 1
    places, _ = continued(np.append(0.0, np.cumsum(steps)), scheme.boundary, n - 1)
    start = 0 if scheme.boundary[0] == "one-sided" else n - 1
    near = [abs(places - places[start + i]) <= width for i in range(n)]
    sides = [(own[: start + i].sum(), own[start + i + 1 :].sum()) for i, own in enumerate(near)]
    half = max(1, int(np.max(sides)))
    found = scheme._replace(fit=scheme.fit._replace(half=half, width=width))
    return found if n >= found.needed else scheme


@st.composite
def cases(draw: Any) -> tuple[Any, Any, Scheme]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    half, tricube = draw(st.integers(1, 7)), draw(st.booleans())
    most = 2 * half - 3 * tricube
    polyorder = min(draw(st.integers(0, 4)), max(0, most))
    order = min(draw(st.integers(0, 4)), polyorder)
    side = st.sampled_from(SIDES)
    skipna, error = draw(st.booleans()), draw(st.sampled_from(["residuals", 0.3]))
    fit = Fit(half, polyorder, tricube, error=Error(error))
    scheme = Scheme(order, skipna=skipna, boundary=(draw(side), draw(side)), fit=fit)
    n = scheme.needed + int(rng.integers(0, 20))
    unit = draw(st.sampled_from([1.0, -1e-5, 1e7]))
    steps = (rng.random(n - 1) + 0.2) * unit
    if draw(st.booleans()):
        scheme = within(scheme, steps, abs(unit) * half * 0.7)
    f = rng.normal(size=(n, 3)) + 5
    f[rng.random(f.shape) < draw(st.sampled_from([0.0, 0.02, 0.3])) * (1 + skipna)] = np.nan
    return f, steps, scheme


@given(cases())
def test_a_standard_error_is_that_of_linear_algebra(case: Any) -> None:
    f, steps, scheme = case
    found = errors(f, steps, 0, scheme)
    x = np.append(0.0, np.cumsum(steps))
    for k in range(f.shape[1]):
        own = expected(f[:, k], x, scheme)
        least = 1e-11 * abs(steps).mean() ** -scheme.order  # at a mirror a slope is 0
        assert np.allclose(found[:, k], own, rtol=1e-9, atol=least, equal_nan=True)


@pytest.mark.parametrize("error", ["residuals", 0.3])
def test_a_wide_window_may_lack_half_of_its_cells(error: Any) -> None:
    rng = np.random.default_rng(0)
    steps, f = rng.random(199) + 0.3, rng.normal(size=(200, 2))
    f[101:, 0], f[:99, 1] = np.nan, np.nan
    scheme = Scheme(skipna=True, fit=Fit(75, 2, error=Error(error)))
    found = errors(f, steps, 0, scheme)
    x = np.append(0.0, np.cumsum(steps))
    for k in range(2):
        own = expected(f[:, k], x, scheme)
        assert np.allclose(found[:, k], own, rtol=1e-9, atol=0, equal_nan=True)
        assert np.isfinite(own).sum() > 95
