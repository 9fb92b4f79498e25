"""The law of needs: a larger region needs more, and so does one that reads ahead."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from tests.jobs.helpers import small
from xgrad.jobs.needs import Needs
from xgrad.jobs.request import Job, Request


def needs(path: Path, **options: object) -> Needs:
    job = Job(Request(str(path), ("t",), "time", {}, options, "token"))
    return Needs.of(job, job.groups[0])


def test_needs_grow_with_the_region_and_with_what_is_asked(tmp_path: Path) -> None:
    small()[["t"]].to_zarr(tmp_path / "in.zarr", consolidated=False)
    plain = needs(tmp_path / "in.zarr")
    sides = (100, 200, 300)
    for k in range(3):
        larger = tuple(2 * n if j == k else n for j, n in enumerate(sides))
        assert plain.of_region(larger, 0, ahead=False) > plain.of_region(sides, 0, ahead=False)
    assert plain.of_region(sides, 0, ahead=True) > plain.of_region(sides, 0, ahead=False)
    wide = needs(tmp_path / "in.zarr", accuracy=8)
    assert wide.of_region(sides, 0, ahead=True) > plain.of_region(sides, 0, ahead=True)
    gaps = needs(tmp_path / "in.zarr", accuracy=8, skipna=True)
    assert gaps.of_region((4, 2000, 300), 0, ahead=True) > wide.of_region(
        (4, 2000, 300), 0, ahead=True
    )


def test_a_region_of_many_small_chunks_needs_more(tmp_path: Path) -> None:
    for chunk in (2, 4, 50):
        path, grid = tmp_path / f"{chunk}.zarr", {"chunks": (chunk, chunk)}
        field = xr.Dataset({"t": (("time", "y"), np.zeros((50, 50), "f4"))})
        field.to_zarr(path, encoding={"t": grid}, consolidated=False)
    found = [needs(tmp_path / f"{n}.zarr").of_region((50, 50), 0, ahead=False) for n in (2, 4)]
    one = needs(tmp_path / "50.zarr").of_region((50, 50), 0, ahead=False)
    assert found[0] - found[1] > 2000 * (25 * 25 - 13 * 13)
    assert found[1] - one > 2000 * (13 * 13 - 1)


def test_wide_windows_need_their_tables(tmp_path: Path) -> None:
    """On a long axis those of the cells at work, on a short one those of all cells."""
    for n in (1000, 100_000):
        path, chunks = tmp_path / f"{n}.zarr", {"t": {"chunks": (1000,)}}
        field = xr.Dataset({"t": ("time", np.zeros(n, "f4"))})
        field.to_zarr(path, encoding=chunks, consolidated=False)
        plain, fit, error = (
            needs(path, **options).of_region((1000,), 0, ahead=False)
            for options in ({}, {"window": 101}, {"window": 101, "uncertainty": True})
        )
        assert fit - plain > 1000 * 8 * 2 * 101
        assert error - fit > 1000 * 8 * 3 * 101


def test_positions_of_a_long_axis_are_not_in_memory_with_the_tables(tmp_path: Path) -> None:
    """They are read, and freed but for the steps, before there is a table."""
    n, chunks = 2**21, {"chunks": (2**20,)}
    x = np.cumsum(1.0 + np.arange(n) % 2)
    field = xr.Dataset({"t": ("time", np.zeros(n, "f4"))}, {"time": x})
    path = tmp_path / "in.zarr"
    field.to_zarr(path, encoding={"t": chunks, "time": chunks}, consolidated=False)
    one, other = (
        needs(path, **options).of_region((2**20,), 0, ahead=True)
        for options in ({}, {"accuracy": 4})
    )
    assert one > 1.1 * (4 * 8 + 4 * 8 + 3 * 4) * 2**20
    assert 0 <= other - one < 100, "one more cell of the halo"
