"""The law of copies: large coordinates arrive unchanged, in the memory of the plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
import zarr

import xgrad
from tests.helpers import same_bits
from xgrad.jobs.api import gradient_to_zarr, plan_to_zarr
from xgrad.jobs.assignment import loaded

N = 2**21 + 2**17  # more than 16 MiB of float64


def long(path: Path, **encoding: Any) -> xr.Dataset:
    rng = np.random.default_rng(0)
    x = np.cumsum(rng.random(N) + 0.3)
    when = np.datetime64("2000-01-01", "ns") + np.cumsum(rng.integers(1, 9, N)).astype("m8[s]")
    given = xr.Dataset({"t": ("x", rng.random(N, "f4"))}, {"x": x, "when": ("x", when)})
    given.to_zarr(path, encoding={"t": {"chunks": 2**19}} | encoding, consolidated=False)
    return given


@pytest.mark.thorough
def test_long_coordinates_are_read_in_windows_and_copied(tmp_path: Path) -> None:
    encoding = {"x": {"chunks": 2**18}, "when": {"chunks": 2**18, "dtype": "i8"}}
    given = long(tmp_path / "in.zarr", **encoding)
    gradient_to_zarr(tmp_path / "in.zarr", tmp_path / "out.zarr")
    with xr.open_zarr(tmp_path / "out.zarr") as found:
        assert same_bits(found.dt_dx.values, xgrad.gradient(given, "x").dt_dx.values)
        for name in ("x", "when"):
            assert np.array_equal(found[name].values, given[name].values)
            assert found[name].dims == ("x",)
    gradient_to_zarr(
        tmp_path / "in.zarr", tmp_path / "by_time.zarr", dim="x", spacing={"x": "when"}
    )
    with xr.open_zarr(tmp_path / "by_time.zarr") as found:
        (name,) = found.data_vars
        expected = xgrad.gradient(given, "x", spacing={"x": "when"})[name]
        assert same_bits(found[name].values, expected.values)


def test_a_chunk_of_a_coordinate_that_does_not_fit_is_refused_with_numbers(tmp_path: Path) -> None:
    group = zarr.open_group(tmp_path / "in.zarr", mode="w", zarr_format=3)
    shape, dims = (40, 1000, 1000), ("time", "y", "x")
    common: dict[str, Any] = {"shape": shape, "dtype": "f4", "dimension_names": dims}
    group.create_array("t", chunks=(1, 100, 100), **common, attributes={"coordinates": "c"})
    group.create_array("c", chunks=shape, **common)
    with pytest.raises(MemoryError, match="copy one chunk of the coordinate 'c' takes 640 MB"):
        plan_to_zarr(
            "gradient", tmp_path / "in.zarr", tmp_path / "out.zarr", memory=loaded() + 5 * 10**8,
            allow_missing=True,
        )  # fmt: skip


def test_copies_are_planned_for_the_boxes_there_are(tmp_path: Path) -> None:
    for most, chunk in ((1, N), (2, N // 2)):
        given = xr.Dataset({"t": ("x", np.zeros(N, "f4"))}, {"c": ("x", np.zeros(N))})
        own = {"t": {"chunks": 2**19}, "c": {"chunks": chunk}}
        given.to_zarr(tmp_path / f"{most}.zarr", encoding=own, consolidated=False)
        plan = plan_to_zarr("gradient", tmp_path / f"{most}.zarr", tmp_path / "out.zarr")
        assert 1 <= plan.n_copies <= most
