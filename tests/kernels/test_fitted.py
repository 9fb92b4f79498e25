"""The law of gaps: a fit takes the cells that are there, and no others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers import mostly_thorough, same_bits
from xgrad._typing import FIRST, LAST
from xgrad.arrays.halo import at_both_edges
from xgrad.kernels.stencil_kinds import Fitted, Tabled, kind_of, of_axis
from xgrad.stencils import ghosts
from xgrad.stencils.scheme import Fit, Scheme


def fitted(f: Any, steps: Any, axis: int, scheme: Scheme) -> Any:
    cells = at_both_edges(f, axis, scheme, scheme.face, ghosts.values)
    stencil = of_axis(steps, f.shape[axis], scheme, f.dtype)
    out = np.empty_like(f)
    assert stencil.apply(cells, out)
    return out


def best(x: Any, values: Any, counts: Any, polyorder: int, order: int) -> Any:
    """The derivative at 0 of the polynomial that numpy fits to the cells that are there."""
    there = ~np.isnan(values) & (counts > 0)
    if there.sum() <= polyorder:
        return np.nan
    root = np.sqrt(counts[there])
    powers = np.vander(x[there], polyorder + 1, increasing=True) * root[:, np.newaxis]
    found = np.linalg.lstsq(powers, values[there] * root, rcond=None)[0][order]
    return found * np.prod(np.arange(1, order + 1))


@given(
    st.integers(2, 6), st.integers(0, 3), st.integers(0, 2), st.booleans(),
    st.sampled_from([0.05, 0.3, 0.6]), st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_a_fit_with_gaps_is_that_of_numpys_lstsq(
    half: int, polyorder: int, order: int, tricube: bool, share: float, seed: int
) -> None:
    rng, order = np.random.default_rng(seed), min(order, polyorder)
    polyorder = min(polyorder, 2 * half - 2)
    order = min(order, polyorder)
    n = 2 * half + 1 + int(rng.integers(0, 9))
    steps = rng.random(n - 1) + 0.3
    x, f = np.append(0.0, np.cumsum(steps)), rng.normal(size=(n, 3))
    f[rng.random(f.shape) < share] = np.nan
    scheme = Scheme(order, skipna=True, fit=Fit(half, polyorder, tricube))
    found = fitted(f, steps, 0, scheme)
    for i, k in np.ndindex(found.shape):
        first = min(max(0, i - half), n - 2 * half - 1)
        away = x[first : first + 2 * half + 1] - x[i]
        counts = np.ones(len(away))
        if tricube:
            counts = (1 - (abs(away) / abs(away).max()) ** 3).clip(0) ** 3
        own = f[first : first + 2 * half + 1, k]
        expected = np.nan if np.isnan(f[i, k]) else best(away, own, counts, polyorder, order)
        size = np.nanmax(abs(own)) if np.isfinite(own).any() else 1
        assert np.isclose(found[i, k], expected, rtol=1e-6, atol=1e-6 * size, equal_nan=True)


# float32 takes seconds to compile, and differs in the dtype only.
@pytest.mark.parametrize("dtype", [pytest.param("f4", marks=pytest.mark.thorough), "f8"])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_complete_window_has_the_bits_of_the_table(dtype: str, axis: int) -> None:
    rng = np.random.default_rng(0)
    f = rng.normal(size=(40, 41, 42)).astype(dtype)
    gappy = np.where(rng.random(f.shape) < 0.02, np.nan, f).astype(dtype)
    steps = rng.random(f.shape[axis] - 1) + 0.3
    scheme = Scheme(fit=Fit(4, 3))
    table = of_axis(steps, f.shape[axis], scheme, f.dtype)
    assert type(table) is Tabled
    plain, found = (
        fitted(f, steps, axis, scheme),
        fitted(gappy, steps, axis, scheme._replace(skipna=True)),
    )
    first, last = (
        np.arange(f.shape[axis]) + table.columns[row].astype(int) for row in (FIRST, LAST)
    )
    whole = np.moveaxis(~np.isnan(gappy), axis, 0)
    whole = np.array([whole[a : b + 1].all(axis=0) for a, b in zip(first, last, strict=True)])
    plain, found = np.moveaxis(plain, axis, 0), np.moveaxis(found, axis, 0)
    assert same_bits(found[whole], plain[whole])
    assert 0.7 < whole.mean() < 1
    assert (np.isnan(found) == np.isnan(np.moveaxis(gappy, axis, 0))).all()


@pytest.mark.parametrize("window", [9, 71])
def test_polynomials_are_exact_with_random_gaps(window: int) -> None:
    rng = np.random.default_rng(window)
    steps = rng.random(199) + 0.1
    x = np.append(0.0, np.cumsum(steps)) / steps.sum()
    f = np.repeat((1 - 2 * x + x**3)[:, np.newaxis], 4, axis=1)
    f[rng.random(f.shape) < 0.2] = np.nan
    found = fitted(f, steps / steps.sum(), 0, Scheme(skipna=True, fit=Fit(window // 2, 3)))
    expected = np.where(np.isnan(f), np.nan, (3 * x**2 - 2)[:, np.newaxis])
    there = ~np.isnan(found)
    assert np.allclose(found[there], expected[there], rtol=0, atol=1e-9)
    assert there.sum() > 0.95 * (~np.isnan(f)).sum()


@pytest.mark.parametrize("even", [True, False])
@pytest.mark.parametrize("axis", mostly_thorough([0, 1, 2], 1))
def test_a_fit_does_not_depend_on_those_beside_it(even: bool, axis: int) -> None:
    rng = np.random.default_rng(axis)
    f = rng.normal(size=(17, 18, 19))
    f[rng.random(f.shape) < 0.3] = np.nan
    steps = np.ones(f.shape[axis] - 1) if even else rng.random(f.shape[axis] - 1) + 0.3
    scheme = Scheme(skipna=True, fit=Fit(3, 2))
    together = np.moveaxis(fitted(f, steps, axis, scheme), axis, 0)
    columns = np.moveaxis(f, axis, 0)
    for i, k in np.ndindex(columns.shape[1:]):
        alone = fitted(np.ascontiguousarray(columns[:, i, k]), steps, 0, scheme)
        assert same_bits(together[:, i, k], alone)


def test_a_scheme_with_a_fit_decides_the_kind() -> None:
    assert kind_of(Scheme(fit=Fit(4, 3))) is Tabled
    assert kind_of(Scheme(fit=Fit(4, 3), skipna=True)) is Fitted
    assert kind_of(Scheme(fit=Fit(4, 3, width=2.0))) is Fitted
