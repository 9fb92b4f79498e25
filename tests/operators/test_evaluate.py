"""The law of evaluation: building a result computes nothing, and chunks change no bit."""

from __future__ import annotations

import itertools
from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr

from tests.helpers import nothing_computed, same_bits


def test_building_computes_nothing_of_the_data(temperature: xr.DataArray) -> None:
    def loud(_block: Any) -> Any:
        raise AssertionError("a block was computed")

    lazy_values = da.map_blocks(
        loud, da.zeros((5, 4, 3), chunks=(2, 2, 1)), dtype="f4", meta=np.empty((0, 0, 0), "f4")
    )
    lazy = temperature.copy(data=lazy_values)
    area = da.map_blocks(loud, da.zeros((4, 3)), dtype="f8", meta=np.empty((0, 0)))
    lazy = lazy.assign_coords(area=(("latitude", "level"), area))
    with nothing_computed():
        for obj in (lazy, lazy.to_dataset()):
            found = obj.fdgrad.gradient(["time", "pressure"], edge_order=2)
            assert isinstance(found.dtemperature_dtime.data, da.Array)
            assert found.dtemperature_dtime.chunks == lazy.chunks
            assert found.dtemperature_dpressure.dtype == np.float32
            assert isinstance(found.coords["area"].data, da.Array)


def test_any_chunking_gives_the_same_bits(temperature: xr.DataArray) -> None:
    expected = temperature.fdgrad.gradient(edge_order=2)
    for sizes in itertools.product((1, 2, 5), (1, 3), (1, 3)):
        chunked = temperature.chunk(dict(zip(temperature.dims, sizes, strict=True)))
        found = chunked.fdgrad.gradient(edge_order=2).compute()
        xr.testing.assert_identical(found, expected)
        for name in expected:
            assert same_bits(found[name].values, expected[name].values)


@pytest.mark.parametrize(
    "options",
    [
        {"boundary": "extend"},
        {"boundary": "periodic", "period": {"x": 12, "y": 20}},
        {"skipna": True, "edge_order": 2},
        {"accuracy": 6},
        {"spacing": {"y": "height"}},
        {"spacing": {"y": "height"}, "skipna": True, "accuracy": 4},
    ],
)
def test_lazy_derivatives_keep_the_chunks_and_the_bits(field: xr.DataArray, options: Any) -> None:
    height = da.from_array((field.y * (1 + 0.1 * field.x)).values, chunks=(4, 12))
    data = field.where(field > -1.5).assign_coords(height=(("y", "x"), height))
    lazily = data.chunk(y=2, x=(1, 5, 6))
    with nothing_computed():
        lazy = lazily.fdgrad.gradient(["y", "x"], **options)
    eager = data.assign_coords(height=data.height.compute()).fdgrad.gradient(["y", "x"], **options)
    for name, found in lazy.items():
        assert found.chunks == lazily.chunks
        assert same_bits(found.values, eager[name].values)
