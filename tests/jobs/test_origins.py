"""Whatever is read lazily, the arrays and files that it is read from are found."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr
import zarr

from xgrad.jobs.origins import Origins

LAZY: dict[str, Callable[[Any], Any]] = {
    "as it is": lambda array: da.from_array(array, chunks=2),
    "inlined": lambda array: da.from_array(array, chunks=2, inline_array=True),
    "rechunked": lambda array: da.from_array(array, chunks=2).rechunk(3),
    "closed over": lambda array: da.zeros(6, chunks=2).map_blocks(lambda block: block + array[:2]),
    "of several": lambda array: da.concatenate([da.from_array(array), da.zeros(3)]),
}


@pytest.mark.parametrize("name", LAZY)
def test_a_zarr_array_is_found_in_a_graph(name: str, tmp_path: Path) -> None:
    array = zarr.create_array(tmp_path / "a.zarr", shape=6, chunks=2, dtype="f8")
    array[:] = 1
    origins = Origins(LAZY[name](array))
    assert [one.store_path for one in origins.arrays] == [array.store_path]
    before = origins.digest(allow_missing=False)
    assert origins.digest(allow_missing=False) == before
    array[2:4] = 2
    assert origins.digest(allow_missing=False) != before


@pytest.mark.parametrize("engine", ["h5netcdf", "netcdf4", "scipy"])
@pytest.mark.parametrize("chunks", [None, {}])
def test_a_file_is_found(engine: Any, chunks: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    xr.Dataset({"t": ("x", np.arange(4.0))}).to_netcdf(path, engine=engine)
    with xr.open_dataset(path, engine=engine, chunks=chunks) as opened:
        lazy = opened.t.variable[1:]._data
        origins = Origins(lazy)
        before = origins.digest(allow_missing=False)
        assert origins.digest(allow_missing=False) == before
        path.touch()
        assert origins.digest(allow_missing=False) != before


def test_what_cannot_be_pickled_is_like_nothing_else() -> None:
    lock = threading.Lock()
    digests = {Origins(lock).digest(allow_missing=False) for _ in range(2)}
    assert len(digests) == 2
