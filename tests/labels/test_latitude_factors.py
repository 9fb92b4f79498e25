"""Functions of latitude: trigonometry, and finite at the poles."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from xgrad.labels import latitude_factors


@given(st.floats(-np.pi / 2 + 1e-6, np.pi / 2 - 1e-6))
def test_factors_are_those_of_trigonometry(phi: float) -> None:
    latitude = np.array([phi])
    np.testing.assert_allclose(latitude_factors.per_cosine(latitude) * np.cos(phi), 1)
    np.testing.assert_allclose(latitude_factors.tangent(latitude), np.tan(phi))
    np.testing.assert_allclose(latitude_factors.cosine(latitude), np.cos(phi))


def test_at_the_poles_no_factor_is_infinite() -> None:
    poles = np.radians([-90.0, 90.0])
    assert latitude_factors.at_pole(poles).all()
    assert np.isnan(latitude_factors.per_cosine(poles)).all()
    assert (latitude_factors.tangent(poles) == 0).all()
    assert (latitude_factors.cosine(poles) == 0).all()
    rows = np.radians([-90.0, -60.0, 0.0, 60.0, 90.0])
    assert np.isfinite(latitude_factors.per_mean(rows, latitude_factors.cosine(rows))).all()
