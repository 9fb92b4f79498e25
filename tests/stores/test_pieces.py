"""The state of the pieces in which a source is stored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from xgrad.stores.pieces import states_of
from xgrad.stores.source import opened

GIVEN = xr.Dataset(
    {"t": (("time", "x"), np.random.default_rng(0).normal(size=(12, 4)))},
    {"time": np.arange(12.0)},
)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_the_rows_of_a_store(zarr_format: Any, tmp_path: Path) -> None:
    encoding, path = {"t": {"chunks": (4, 2)}}, tmp_path / "in.zarr"
    GIVEN.isel(time=slice(10)).to_zarr(
        path, encoding=encoding, zarr_format=zarr_format, consolidated=False
    )
    before = states_of(opened(path), ["t"])["t"]
    (all_of_it, state), (whole, first) = before.cuts("time")
    assert (all_of_it, whole) == (10, 8)
    GIVEN.isel(time=slice(10, 12)).to_zarr(path, append_dim="time", consolidated=False)
    now = states_of(opened(path), ["t"])["t"]
    assert now.metadata == before.metadata
    assert now.before("time", 8) == first
    assert now.before("time", 10) != state, "the last row was written again"
    assert [cells for cells, _ in now.cuts("x")] == [4, 2]


def test_files_at_their_places_whatever_their_order(tmp_path: Path) -> None:
    for k, name in enumerate("cab"):
        part = GIVEN.isel(time=slice(4 * k, 4 * k + 4))
        part.to_netcdf(tmp_path / f"{name}.nc", engine="scipy")
    names = [str(tmp_path / f"{name}.nc") for name in "cab"]
    found = states_of(opened(names), ["t"])["t"]
    assert [cells for cells, _ in found.cuts("time")] == [12, 8]
    assert found.cuts("time") == states_of(opened(names[::-1]), ["t"])["t"].cuts("time")
    assert states_of(opened(names[:2]), ["t"])["t"].cuts("time")[0] == found.cuts("time")[1]


def test_a_file_is_one_piece(tmp_path: Path) -> None:
    GIVEN.to_netcdf(tmp_path / "in.nc", engine="scipy")
    found = states_of(opened(tmp_path / "in.nc"), ["t"])["t"]
    assert found.cuts("time")[1] == (0, 0)


def test_a_store_that_does_not_tell_when_a_chunk_changed_has_none() -> None:
    GIVEN.to_zarr("memory://pieces.zarr", consolidated=False)
    assert states_of(opened("memory://pieces.zarr"), ["t"]) == {}
