"""The law of results: their dtype and shape are known before they are computed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.operators.helpers import volume, wind
from xgrad.labels.options import Options
from xgrad.operators.evaluate import values_of
from xgrad.operators.gradient import gradients
from xgrad.operators.scalar import laplacians, magnitudes
from xgrad.operators.vector import curls, divergences


@pytest.mark.parametrize(
    "dtype", ["f2", "f4", "f8", "i2", ">f4", "g", pytest.param("c8", marks=pytest.mark.thorough)]
)
@pytest.mark.parametrize("operation", [gradients, magnitudes, laplacians])
def test_a_result_has_the_dtype_and_shape_that_it_says(operation: Any, dtype: str) -> None:
    f = volume("f8" if dtype != "c8" else dtype).astype(dtype)
    for one in (f, f.chunk(x=4)):
        for result in operation(one, None, Options(order=2 if operation is laplacians else 1)):
            (found,) = values_of([result])
            assert found.dtype == result.dtype
            assert found.shape == result.variable.shape


@pytest.mark.parametrize("operation", [divergences, curls])
def test_a_result_has_the_dimensions_of_the_first_component(operation: Any) -> None:
    ds = wind()
    ds["v"] = ds.v.transpose("x", "z", "y")
    (result,) = operation(ds, {"x": "u", "y": "v"}, Options())
    assert {variable.dims for variable in result.variables.values()} == {ds.u.dims}
    assert values_of([result])[0].shape == ds.u.shape
