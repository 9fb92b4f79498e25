"""Whole jobs: what they write, replace and leave alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
import zarr

from tests.helpers import numpy_gradient, same_bits
from tests.jobs.helpers import gradient_of_mixed, mixed, write_mixed
from xgrad.jobs.api import gradient_to_zarr, plan_to_zarr
from xgrad.jobs.assignment import loaded


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_mixed(tmp_path / "source.zarr")


def test_the_store_holds_numpys_gradients(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "target.zarr"
    report = gradient_to_zarr(source, target)
    with xr.open_zarr(target) as found:
        assert sorted(found.data_vars) == [f"d{v}_d{d}" for v in "tu" for d in ("time", "x", "y")]
        for name in "tu":
            for axis, dim in enumerate(("time", "y", "x")):
                assert same_bits(found[f"d{name}_d{dim}"].values, gradient_of_mixed(name, axis))
        same_times = found.assign_coords(time=found.time.astype("M8[s]"))  # older xarray: ns
        xr.testing.assert_equal(same_times.coords.to_dataset(), mixed().coords.to_dataset())
        assert found.dt_dtime.attrs["units"] == "K s-1"
    size = mixed().t.nbytes
    assert report.bytes_written == 9 * size
    assert report.bytes_read == 3 * size
    assert report.seconds > 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source.zarr", "target.zarr"]


@pytest.mark.parametrize("engine", ["h5netcdf", "scipy"])
def test_netcdf(engine: Any, tmp_path: Path) -> None:
    mixed().drop_vars("land").to_netcdf(tmp_path / "source.nc", engine=engine)
    gradient_to_zarr(tmp_path / "source.nc", tmp_path / "target.zarr", ["t"], "time")
    with xr.open_zarr(tmp_path / "target.zarr") as found:
        assert same_bits(found.dt_dtime.values, gradient_of_mixed("t", 0))


@pytest.mark.parametrize("engine", ["h5netcdf", pytest.param("scipy", marks=pytest.mark.thorough)])
def test_a_file_without_chunks_goes_through_little_memory(engine: Any, tmp_path: Path) -> None:
    source, target = tmp_path / "source.nc", tmp_path / "target.zarr"
    values = np.random.default_rng(0).normal(size=(8, 1000, 1000)).astype("f4")
    xr.Dataset({"t": (("time", "y", "x"), values)}).to_netcdf(source, engine=engine)
    # Any box can be read alone: other chunks cost no more than their halos.
    small = {"time": 8, "y": 100, "x": 50}
    plan = plan_to_zarr("gradient", source, tmp_path / "small.zarr", dim="x", chunks=small)
    assert plan.n_chunks == 200
    assert plan.bytes_decoded <= 1.04 * plan.bytes_read
    # Read as a whole it would take 200 MB and more, beside the 80 MB of a process.
    room = 220_000_000
    gradient_to_zarr(source, target, dim="time", memory=loaded() + room)
    array = zarr.open_group(target)["dt_dtime"]
    assert array.chunks == (2, 1000, 1000), "8 MB of contiguous values"
    assert same_bits(array[:], numpy_gradient(values, 1.0, 0))


@pytest.mark.thorough  # tests/jobs/test_from_object.py has the same law
def test_processes_give_the_same_store(source: Path, tmp_path: Path) -> None:
    gradient_to_zarr(source, tmp_path / "target.zarr", workers=2)
    with xr.open_zarr(tmp_path / "target.zarr") as found:
        assert same_bits(found.dt_dtime.values, gradient_of_mixed("t", 0))


def test_an_existing_target_is_replaced_on_request_only(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "target.zarr"
    gradient_to_zarr(source, target, ["t"], "x")
    with pytest.raises(FileExistsError, match=r"target\.zarr' exists.*`overwrite`"):
        gradient_to_zarr(source, target, ["t"], "y")
    gradient_to_zarr(source, target, ["t"], "y", overwrite=True)
    assert "dt_dy" in zarr.open_group(target)
    assert "dt_dx" not in zarr.open_group(target)


def test_nothing_but_a_zarr_store_is_replaced(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "thesis"
    folder.mkdir()
    (folder / "thesis.tex").write_text("years of work")
    for overwrite in (False, True):  # a remedy that does not work is not named
        with pytest.raises(FileExistsError, match=r"is not a Zarr store.*; choose another path$"):
            gradient_to_zarr(source, folder, overwrite=overwrite)
    beside = tmp_path / "target.zarr.partial"
    beside.mkdir()
    (beside / "notes").write_text("mine")
    with pytest.raises(FileExistsError, match="was not written by xgrad"):
        gradient_to_zarr(source, tmp_path / "target.zarr")
    assert (folder / "thesis.tex").exists()
    assert (beside / "notes").exists()


def test_the_source_is_never_the_target(source: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.zarr"
    link.symlink_to(source)
    folder_link = tmp_path / "folder"
    folder_link.symlink_to(tmp_path)
    for target in (source, link, folder_link / "source.zarr", source / ".." / "source.zarr"):
        for overwrite in (False, True):
            with pytest.raises(ValueError, match="is the source"):
                gradient_to_zarr(source, target, overwrite=overwrite)
    for target in (source / "inside.zarr", link / "t"):
        with pytest.raises(ValueError, match="one is inside the other"):
            gradient_to_zarr(source, target, overwrite=True)
    with pytest.raises(ValueError, match="one is inside the other"):
        gradient_to_zarr(source, tmp_path, overwrite=True)
    with xr.open_zarr(source, consolidated=False) as untouched:
        xr.testing.assert_identical(untouched.load(), mixed())


def test_arrays_without_cells(tmp_path: Path) -> None:
    empty = xr.Dataset({"t": (("y", "x"), np.zeros((5, 0))), "u": ("y", np.arange(5.0))})
    empty.to_zarr(tmp_path / "source.zarr", consolidated=False)
    gradient_to_zarr(tmp_path / "source.zarr", tmp_path / "target.zarr", dim="y")
    with xr.open_zarr(tmp_path / "target.zarr") as found:
        assert found.dt_dy.shape == (5, 0)
        assert found.du_dy.values.tolist() == [1.0] * 5


@pytest.mark.parametrize("workers", [None, pytest.param(2, marks=pytest.mark.thorough)])
def test_an_error_names_the_region_and_finished_ones_are_kept(
    workers: Any, source: Path, tmp_path: Path
) -> None:
    chunk, target = source / "t" / "c" / "2" / "1" / "0", tmp_path / "target.zarr"
    whole = chunk.read_bytes()
    chunk.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RuntimeError, match="variable 't' could not be read in the region time"):
        gradient_to_zarr(source, target, retries=0, workers=workers, chunks={"y": 4})
    assert not target.exists()
    finished = (tmp_path / "target.zarr.partial" / "finished").read_text().splitlines()
    chunk.write_bytes(whole)
    os.utime(chunk, ns=(0, 0))  # another chunk than the one that the job began with
    with pytest.raises(ValueError, match="differs in the content of the source"):
        gradient_to_zarr(source, target, chunks={"y": 4})
    assert (tmp_path / "target.zarr.partial" / "finished").read_text().splitlines() == finished
    gradient_to_zarr(source, target, restart=True, chunks={"y": 4})
    with xr.open_zarr(target) as found:
        assert same_bits(found.dt_dtime.values, gradient_of_mixed("t", 0))


def test_an_error_leaves_the_store_that_was_to_be_replaced(source: Path, tmp_path: Path) -> None:
    gradient_to_zarr(source, tmp_path / "target.zarr", ["u"])
    (source / "t" / "c" / "2" / "1" / "0").write_bytes(b"rubbish")
    with pytest.raises(RuntimeError, match="variable 't'"):
        gradient_to_zarr(source, tmp_path / "target.zarr", overwrite=True, retries=0)
    assert "du_dx" in zarr.open_group(tmp_path / "target.zarr")
