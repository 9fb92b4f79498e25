"""The law of columns: those that are asked for are those of the whole table."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers import same_bits
from xgrad._typing import AnyArray
from xgrad.stencils.columns import Columns, Repeating, Windowed
from xgrad.stencils.scheme import Scheme
from xgrad.stencils.table import table_of

BOUNDARIES = [("one-sided", "one-sided"), ("reflect", "extend"), ("periodic", "periodic")]


def of_scheme(steps: Any, size: int, scheme: Scheme, seam: Any) -> AnyArray:
    return table_of(steps, size, scheme, "f8", seam)


def check(found: Columns, expected: AnyArray, data: Any) -> None:
    assert found.shape == expected.shape
    start = data.draw(st.integers(0, expected.shape[1]))
    stop = data.draw(st.integers(start, expected.shape[1]))
    part = found[:, start:stop]
    assert same_bits(np.asarray(part), expected[:, start:stop])
    assert same_bits(np.asarray(part.held()[:, 1:]), expected[:, start:stop][:, 1:])
    assert same_bits(found[2:4, start:stop], expected[2:4, start:stop])


@given(st.sampled_from(BOUNDARIES), st.sampled_from([2, 4]), st.booleans(), st.data())
def test_some_columns_are_those_of_the_whole_table(
    boundary: Any, accuracy: int, even: bool, data: Any
) -> None:
    scheme = Scheme(accuracy=accuracy, boundary=boundary)
    near = scheme.needed + scheme.reach
    size = 2 * near + 1 + data.draw(st.integers(0, 60))
    seam = 0.75 if boundary[0] == "periodic" else None
    make = partial(of_scheme, scheme=scheme, seam=seam)
    if even:
        found: Columns = Repeating.of(make(0.5, 2 * near + 1), size)
        check(found, make(0.5, size), data)
    else:
        steps = np.random.default_rng(size).random(size - 1) + 0.3
        found = Windowed.of(steps, size, near, make, around=seam is not None)
        check(found, make(steps, size), data)


def test_far_steps_are_not_looked_at() -> None:
    """Steps of which float64 cannot weigh one beside another, far from each other."""
    steps = np.geomspace(1e-150, 1e150, 999)
    make = partial(of_scheme, scheme=Scheme(), seam=None)
    expected = make(steps, 1000)
    found = Windowed.of(steps, 1000, 6, make)
    for start in range(0, 1000, 50):
        assert same_bits(np.asarray(found[:, start : start + 50]), expected[:, start : start + 50])
