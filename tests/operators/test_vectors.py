"""Directions on a surface: the laws of vectors in a plane."""

from __future__ import annotations

import numpy as np
import pytest

from xgrad.operators.vectors import Directions, cross, dot, reciprocal

TANGENTS = np.random.default_rng(0).normal(size=(2, 2, 50))
AT = Directions(("j", "i"), ("x", "y"), (tuple(TANGENTS[0]), tuple(TANGENTS[1])))


def test_gradients_of_indices_are_the_inverse_of_the_tangents() -> None:
    for k, tangent in enumerate(AT.tangents):
        for m, vector in enumerate(AT.gradients):
            product = dot(tangent, vector) * AT.per_area
            np.testing.assert_allclose(product, float(k == m), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["j", "i"])
def test_a_dimension_has_a_direction_of_length_one_that_may_be_backward(name: str) -> None:
    unit, tangent = AT.unit_vector(name), AT.tangents[AT.dims.index(name)]
    np.testing.assert_allclose(dot(unit, unit), 1.0, rtol=1e-14)
    np.testing.assert_allclose(dot(unit, tangent), np.hypot(*tangent), rtol=1e-14)
    other = Directions(AT.dims, AT.axes, AT.tangents, backward=(name,))
    np.testing.assert_array_equal(other.unit_vector(name), [-unit[0], -unit[1]])


def test_axes_are_at_right_angles() -> None:
    assert AT.unit_vector("x") == (1.0, 0.0)
    assert AT.unit_vector("y") == (0.0, 1.0)


def test_where_tangents_depend_on_each_other_there_is_no_area() -> None:
    one = np.array([1.0, 2.0, np.nan, 0.0])
    at = Directions(("j", "i"), ("x", "y"), ((one, 2 * one), (3 * one, 6 * one)))
    assert np.isnan(at.per_area).all()
    assert np.isnan(at.unit_vector("j")[0]).tolist() == [False, False, True, True]
    assert reciprocal(np.array([2.0, -4.0]), 1.0).tolist() == [0.5, -0.25]


def test_a_cross_product_is_at_right_angles_to_both() -> None:
    one, other = np.random.default_rng(1).normal(size=(2, 3, 20))
    found = cross(one, other)
    for vector in (one, other):
        np.testing.assert_allclose(dot(found, vector), 0.0, rtol=0, atol=1e-13)
