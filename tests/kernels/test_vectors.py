"""Products of vectors in one pass: the bits of numpy's passes."""

from __future__ import annotations

import numpy as np
import pytest

from tests.helpers import same_bits
from xgrad.kernels import vectors
from xgrad.operators import vectors as operators


@pytest.mark.parametrize("shape", [(7,), (40, 50)])
def test_products_have_the_bits_of_numpys_passes(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    one, other = ([*rng.normal(size=(3, *shape))] for _ in range(2))
    one[0].flat[0], other[1].flat[1], one[2].flat[2] = np.nan, -np.inf, -0.0
    other[0].flat[3] = other[1].flat[3] = other[2].flat[3] = 0.0
    found, turned = np.empty(shape), [np.empty(shape) for _ in range(3)]
    for part in (slice(0, 5), slice(5, found.size)):
        vectors.dot(one, other, part, found)
        vectors.cross(one, other, part, turned)
    (a, b, c), (d, e, f) = one, other
    assert same_bits(found, sum(x * y for x, y in zip(one, other, strict=True)))
    for x, y in zip(turned, [b * f - c * e, c * d - a * f, a * e - b * d], strict=True):
        assert same_bits(x, y)


def test_a_surface_uses_them_for_many_cells_with_the_same_bits() -> None:
    rng = np.random.default_rng(1)
    one, other = ([*rng.normal(size=(3, 600, 500))] for _ in range(2))
    rows = [[x[:1].copy() for x in vector] for vector in (one, other)]
    assert same_bits(operators.dot(one, other)[:1], sum(x * y for x, y in zip(*rows, strict=True)))


def test_what_the_loops_cannot_take() -> None:
    x = [np.ones((4, 4))] * 3
    assert vectors.fits([x, x])
    for other in ([np.ones((4, 4), "f4")] * 3, [np.ones((4, 3))] * 3, [np.ones((4, 4)).T[::2]] * 3,
                  [1.0, 2.0, 3.0], x[:2]):  # fmt: skip
        assert not vectors.fits([x, other])
