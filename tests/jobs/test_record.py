"""What a complete store says of the job that made it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import xarray as xr
import zarr

import xgrad
from tests.jobs.growing import Case, data, job, write
from xgrad.jobs import record


def attribute(store: Path) -> Any:
    return zarr.open_group(store, mode="r").attrs["xgrad_job"]


def test_its_length_does_not_grow_with_the_chunks(tmp_path: Path) -> None:
    lengths = []
    for chunk in (1, 20):
        case = Case(data(20)[["u"]], (20,), chunks={"time": chunk}, along="x")
        write(case, tmp_path / f"{chunk}.zarr", 0, 20)
        job(case, tmp_path / f"{chunk}.zarr", tmp_path / f"of{chunk}.zarr")
        lengths.append(len(attribute(tmp_path / f"of{chunk}.zarr")))
    assert max(lengths) < min(lengths) + 50 < 1500


def test_it_shows_no_secret_and_is_not_that_of_the_source(tmp_path: Path) -> None:
    given = data(20)[["u"]].assign_attrs(xgrad_job="of another job")
    given.to_netcdf(tmp_path / "in.nc", engine="h5netcdf")
    options: Any = {"open_options": {"drop_variables": "secret"}, "engine": "h5netcdf"}
    xgrad.gradient_to_zarr(tmp_path / "in.nc", tmp_path / "out.zarr", dim="x", **options)
    found = attribute(tmp_path / "out.zarr")
    assert record.read(found)
    assert "secret" not in found
    assert "in.nc" not in found


def test_anything_else_is_none() -> None:
    for text in (None, 4, "", "[1]", "{}", '{"results": {}}', "{" * 10**5):
        assert record.read(text) is None


def test_a_record_travels_with_what_is_read_and_vouches_for_nothing_else(tmp_path: Path) -> None:
    case = Case(data(20)[["u"]], (20,), along="x")
    write(case, tmp_path / "in.zarr", 0, 20)
    job(case, tmp_path / "in.zarr", tmp_path / "out.zarr")
    with xr.open_zarr(tmp_path / "out.zarr") as found:
        (found.load() * 2).assign_attrs(found.attrs).to_zarr(
            tmp_path / "twice.zarr", consolidated=False
        )
    with pytest.raises(ValueError, match="'du_dx' in `target` has changed"):
        job(case, tmp_path / "in.zarr", tmp_path / "twice.zarr", append="time")
