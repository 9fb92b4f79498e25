"""The law of components: the order of their dimensions and their chunks change no bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import xgrad
from tests.arrays.helpers import chunkings
from tests.helpers import nothing_computed, same_bits
from tests.operators.helpers import SHAPE, refused, wind


@settings(max_examples=max(1, settings().max_examples // 5))  # each one computes three results
@given(*(st.tuples(*(chunkings(size) for size in SHAPE.values())) for _ in "uv"))
def test_components_may_have_other_chunks_and_another_order(chunks: Any, others: Any) -> None:
    ds = wind()
    expected = ds.fdgrad.divergence({"x": "u", "y": "v"})
    u = ds.u.chunk(dict(zip(SHAPE, chunks, strict=True)))
    v = ds.v.chunk(dict(zip(SHAPE, others, strict=True))).transpose("x", "z", "y")
    with nothing_computed():
        found = xgrad.divergence(u=u, v=v)
    assert found.chunks == u.chunks
    assert same_bits(found.compute(scheduler="sync").values, expected.values)
    half = xgrad.divergence(u=u.compute(scheduler="sync"), v=v)
    assert same_bits(half.compute(scheduler="sync").transpose(*SHAPE).values, expected.values)


def test_the_accessor_takes_the_names_of_components() -> None:
    ds = wind()
    for operation, function in (("curl", xgrad.curl), ("divergence", xgrad.divergence)):
        found = getattr(ds.fdgrad, operation)(u="u", v="v")
        assert found.identical(function(u=ds.u, v=ds.v))


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        (lambda _: xgrad.divergence(), "divergence takes either .* neither was given"),
        (lambda ds: xgrad.divergence({"x": ds.u}, u=ds.u), "both were given"),
        (lambda _: xgrad.divergence({"x": 3}), "for 'x' is a int; give a DataArray"),
        (lambda ds: ds.fdgrad.curl(), "curl takes either .* neither was given"),
        (lambda ds: ds.fdgrad.curl({"x": "u", "y": "v"}, u="u"), "both were given"),
        (lambda ds: ds.fdgrad.curl(u="u", v="b"), r"`v` names 'b', which does not exist; .*'u'"),
        (lambda ds: ds.fdgrad.curl(u=ds.u, v="v"), "`u` is a DataArray; give the name .*grad.curl"),
        (lambda ds: xgrad.curl(u=ds.u, v=ds.v.isel(x=slice(3))), "sizes 9 and 3 along 'x'"),
        (lambda ds: xgrad.curl(u=ds.u, v=ds.v.isel(z=0)), "different grids"),
        (lambda ds: xgrad.curl(u=ds.u, v=ds.v.assign_coords(y=ds.y + 1)),
         "different coordinates 'y': 0.0 and 1.0 at index 0; interpolate"),
        (lambda ds: xgrad.curl(u=ds.u.rename(x="a"), v=ds.v.rename(x="a")),
         "`u` has dimensions .* do not show which one it points along"),
    ],
)  # fmt: skip
def test_components_of_different_grids_are_refused(operation: Any, message: str) -> None:
    refused(operation, message)


def test_scalar_coordinates_that_differ_are_refused_and_the_remedy_works() -> None:
    u, v = (
        xr.DataArray(np.eye(3), {"height": height}, ("y", "x"), name)
        for name, height in (("u", 10.0), ("v", 2.0))
    )
    with pytest.raises(
        xgrad.CoordinateError,
        match=r"'height': 10.0 and 2.0; drop it with `.drop_vars\('height'\)`",
    ):
        xgrad.curl(u=u, v=v)
    xgrad.curl(u=u.drop_vars("height"), v=v)
