"""The law of chunks that are given: the values stay, and so do sides of 1."""

from __future__ import annotations

import numpy as np
import pytest

from tests import engines
from tests.helpers import nothing_computed
from xgrad.arrays.in_chunks import in_chunks


@pytest.mark.parametrize("shape", [(6, 4), (6, 1), (1, 4), (1, 1)])
@pytest.mark.parametrize("is_lazy", [False, True])
@pytest.mark.parametrize("engine", engines.ENGINES)
def test_the_values_stay_and_the_chunks_are_those_asked_for(
    shape: tuple[int, int], is_lazy: bool, engine: str
) -> None:
    values = np.random.default_rng(0).normal(size=shape)
    sizes, module = ((2, 3, 1), (1, 3)), engines.module(engine)
    with nothing_computed():
        array = module.from_array(values, chunks=2) if is_lazy else values
        found = in_chunks(array, sizes, module)
    assert isinstance(found, module.Array)
    asked = zip(shape, sizes, strict=True)
    assert found.chunks == tuple(own if side > 1 else (1,) for side, own in asked)
    assert np.array_equal(found.compute(), values)


@pytest.mark.parametrize("engine", engines.ENGINES)
def test_equal_arrays_have_equal_keys(engine: str) -> None:
    module = engines.module(engine)
    one, other = (in_chunks(np.arange(6.0), ((2, 4),), module) for _ in range(2))
    assert one.name == other.name
