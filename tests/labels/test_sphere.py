"""Formulas on a sphere, against places in space."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from xgrad.labels import sphere

PLACES = st.tuples(st.floats(-np.pi / 2, np.pi / 2), st.floats(-10, 10))


def in_space(place: tuple[float, float]) -> np.ndarray:
    phi, lam = place
    return np.array([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)])


@given(PLACES, PLACES)
def test_an_arc_is_the_angle_between_two_vectors(
    one: tuple[float, float], other: tuple[float, float]
) -> None:
    chord = np.linalg.norm(in_space(one) - in_space(other))
    found = sphere.arc(*one, *other)
    np.testing.assert_allclose(2 * np.sin(found / 2), chord, atol=1e-12)
    assert found == sphere.arc(*other, *one)


@given(st.lists(PLACES, min_size=2, max_size=5))
def test_a_path_is_never_shorter_than_the_arc(places: list[tuple[float, float]]) -> None:
    phi, lam = np.array(places).T
    direct = sphere.arc(phi[0], lam[0], phi[-1], lam[-1])
    assert abs(sphere.path(phi, lam, 0)[-1]) >= direct - 1e-12


def test_neighbours_lose_no_digits() -> None:
    step = 1e-9
    np.testing.assert_allclose(sphere.arc(0.5, 1.0, 0.5 + step, 1.0), step, rtol=1e-6)


@given(st.floats(-np.pi / 2 + 1e-6, np.pi / 2 - 1e-6))
def test_factors_are_those_of_trigonometry(phi: float) -> None:
    latitude = np.array([phi])
    np.testing.assert_allclose(sphere.per_cosine(latitude) * np.cos(phi), 1)
    np.testing.assert_allclose(sphere.tangent(latitude), np.tan(phi))
    np.testing.assert_allclose(sphere.cosine(latitude), np.cos(phi))


def test_at_the_poles_no_factor_is_infinite() -> None:
    poles = np.radians([-90.0, 90.0])
    assert sphere.at_pole(poles).all()
    assert np.isnan(sphere.per_cosine(poles)).all()
    assert (sphere.tangent(poles) == 0).all()
    assert (sphere.cosine(poles) == 0).all()
    rows = np.radians([-90.0, -60.0, 0.0, 60.0, 90.0])
    assert np.isfinite(sphere.per_mean_cosine(rows)).all()
