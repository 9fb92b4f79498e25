"""The figure of the Earth, against geodesics of pyproj and places in space."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyproj
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xgrad.labels.ellipsoid import Figure

WGS84 = Figure(6378137.0, 1 / 298.257223563)
PLACES = st.tuples(st.floats(-np.pi / 2, np.pi / 2), st.floats(-10, 10))
FIGURES = pytest.mark.parametrize("figure", [Figure(6371229.0), WGS84, Figure(2.0, 0.2)], ids=str)


@given(PLACES, PLACES)
def test_an_arc_on_a_sphere_is_the_angle_between_two_vectors(
    one: tuple[float, float], other: tuple[float, float]
) -> None:
    sphere = Figure(1.0)
    chord = np.linalg.norm(np.subtract(sphere.normal(*one), sphere.normal(*other)))
    found = sphere.arc(*one, *other)
    np.testing.assert_allclose(2 * np.sin(found / 2), chord, atol=1e-12)
    assert found == sphere.arc(*other, *one)


@given(st.lists(PLACES, min_size=2, max_size=5))
def test_a_path_is_never_shorter_than_the_arc(places: list[tuple[float, float]]) -> None:
    phi, lam = np.array(places).T
    sphere = Figure(1.0)
    direct = sphere.arc(phi[0], lam[0], phi[-1], lam[-1])
    assert sphere.path(phi, lam, 0)[-1] >= direct - 1e-12


def test_neighbours_lose_no_digits() -> None:
    step = 1e-9
    np.testing.assert_allclose(Figure(1.0).arc(0.5, 1.0, 0.5 + step, 1.0), step, rtol=1e-6)


def ends(kilometres: float) -> tuple[Any, Any, Any, Any, Any]:
    """Pairs of places in all parts of the Earth, and their true distance."""
    rng = np.random.default_rng(0)
    size = 5000
    phi, lam = np.arcsin(rng.uniform(-1, 1, size)), rng.uniform(-np.pi, np.pi, size)
    phi[:3] = [-np.pi / 2, 0.0, np.pi / 2]
    earth = pyproj.Geod(ellps="WGS84")
    azimuth = rng.uniform(0, 2 * np.pi, size)
    length = np.full(size, 1000 * kilometres)
    there, up, _ = earth.fwd(lam, phi, azimuth, length, radians=True)
    return phi, lam, up, there, earth.inv(lam, phi, there, up, radians=True)[2]


@pytest.mark.parametrize(("kilometres", "error"), [(1, 1e-10), (300, 1e-9), (2000, 1e-6)])
def test_an_arc_on_the_ellipsoid_is_the_geodesic(kilometres: float, error: float) -> None:
    *places, length = ends(kilometres)
    np.testing.assert_allclose(WGS84.arc(*places), length, rtol=error)


@FIGURES
def test_between_equal_places_is_no_distance(figure: Figure) -> None:
    for phi in (-np.pi / 2, 0.3, np.pi / 2):
        assert figure.arc(phi, 1.0, phi, 1.0) == 0


def test_a_missing_place_has_no_distance() -> None:
    with np.errstate(invalid="raise"):
        assert np.isnan(WGS84.arc(np.array([np.nan]), np.array([0.0]), 0.1, 0.1)).all()


def test_a_meridian_is_the_geodesic() -> None:
    phi = np.radians(np.linspace(-90, 90, 361))
    lengths = WGS84.meridian((phi[1:] + phi[:-1]) / 2, np.diff(phi))
    zero = np.zeros(360)
    exact = pyproj.Geod(ellps="WGS84").inv(zero, phi[:-1], zero, phi[1:], radians=True)[2]
    np.testing.assert_allclose(lengths, exact, rtol=0, atol=1e-6)


def test_on_a_sphere_even_steps_stay_one_number() -> None:
    assert Figure(2.0).meridian(np.zeros(4), 0.25) == 0.5


@FIGURES
def test_a_point_is_on_the_ellipsoid_and_its_normal_is_across(figure: Figure) -> None:
    phi, lam = np.meshgrid(np.linspace(-1.5, 1.5, 31), np.linspace(-3, 3, 41))
    x, y, z = figure.point(figure.normal(phi, lam))
    semi_minor = figure.semi_major * (1 - figure.flattening)
    inside = (x**2 + y**2) / figure.semi_major**2 + z**2 / semi_minor**2
    np.testing.assert_allclose(inside, 1, rtol=1e-14)
    slope = [x / figure.semi_major**2, y / figure.semi_major**2, z / semi_minor**2]
    size = np.sqrt(sum(a**2 for a in slope))
    for one, other in zip(slope, figure.normal(phi, lam), strict=True):
        np.testing.assert_allclose(one / size, other, atol=1e-14)


@FIGURES
def test_the_widening_is_the_radius_of_a_parallel(figure: Figure) -> None:
    phi = np.linspace(-1.5, 1.5, 31)
    x, y, _ = figure.point(figure.normal(phi, 0.7))
    wide = figure.semi_major * figure.widening(phi) * np.cos(phi)
    np.testing.assert_allclose(np.hypot(x, y), wide, rtol=1e-14)
