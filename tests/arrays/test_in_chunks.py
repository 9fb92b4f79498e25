"""The law of chunks that are given: the values stay, and so do sides of 1."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest

from tests.helpers import nothing_computed
from xgrad.arrays.in_chunks import in_chunks


@pytest.mark.parametrize("shape", [(6, 4), (6, 1), (1, 4), (1, 1)])
@pytest.mark.parametrize("is_lazy", [False, True])
def test_the_values_stay_and_the_chunks_are_those_asked_for(
    shape: tuple[int, int], is_lazy: bool
) -> None:
    values = np.random.default_rng(0).normal(size=shape)
    sizes = ((2, 3, 1), (1, 3))
    with nothing_computed():
        found = in_chunks(da.from_array(values, chunks=2) if is_lazy else values, sizes)
    asked = zip(shape, sizes, strict=True)
    assert found.chunks == tuple(own if side > 1 else (1,) for side, own in asked)
    assert np.array_equal(found.compute(), values)


def test_equal_arrays_have_equal_keys() -> None:
    one, other = (in_chunks(np.arange(6.0), ((2, 4),)) for _ in range(2))
    assert one.name == other.name
