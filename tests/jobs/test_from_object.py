"""A job from an object gives the numbers of the accessor, with the promises of any job."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
import zarr

import xgrad
from tests.helpers import mostly_thorough, nothing_computed, same_bits
from tests.jobs.helpers import spoiled
from xgrad import CoordinateWarning
from xgrad.jobs.from_object import Given

CHUNKS = {"t": {"chunks": (4, 6, 20)}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("given")
    whole = dataset()
    whole.to_zarr(found / "in.zarr", encoding=CHUNKS, zarr_format=2)
    for k in range(3):
        part = whole.isel(time=slice(4 * k, 4 * k + 4))
        part.to_netcdf(found / f"{k}.nc", engine="h5netcdf")
    whole.to_netcdf(found / "all.nc", engine="h5netcdf", encoding={"t": {"chunksizes": (4, 6, 20)}})
    return found


def dataset() -> xr.Dataset:
    values = np.random.default_rng(0).normal(280, 10, (12, 18, 20))
    values[3, 2:5, 7] = np.nan
    coords = {"time": np.arange(12.0) ** 1.1, "y": np.arange(18.0), "x": np.arange(20.0)}
    return xr.Dataset(
        {"t": (("time", "y", "x"), values, {"units": "K"}), "m": (("y", "x"), np.ones((18, 20)))},
        coords,
    )


OBJECTS: dict[str, Callable[[Path], Any]] = {
    "open_zarr": lambda folder: xr.open_zarr(folder / "in.zarr"),
    "without dask": lambda folder: xr.open_zarr(folder / "in.zarr", chunks=None),
    "a part": lambda folder: xr.open_zarr(folder / "in.zarr").isel(y=slice(1, 14, 2), x=3),
    "other chunks": lambda folder: xr.open_zarr(folder / "in.zarr").chunk(time=5, y=7),
    "a file": lambda folder: xr.open_dataset(folder / "all.nc", engine="h5netcdf"),
    "many files": lambda folder: xr.open_mfdataset(
        str(folder / "*[0-9].nc"),
        engine="h5netcdf",
        combine="by_coords",
        data_vars="minimal",
        coords="minimal",
        compat="override",
        join="outer",
    ),
    "arithmetic": lambda folder: (xr.open_zarr(folder / "in.zarr").t - 273.15).where(
        xr.open_zarr(folder / "in.zarr").m > 0
    ),
    "in memory": lambda _folder: dataset(),
}


@pytest.mark.parametrize("name", mostly_thorough(OBJECTS, "open_zarr", "arithmetic"))
def test_a_job_gives_the_bits_of_the_accessor(name: str, folder: Path, tmp_path: Path) -> None:
    given = OBJECTS[name](folder)
    with nothing_computed():
        xgrad.plan_to_zarr("gradient", given, tmp_path / "out.zarr", skipna=True)
    given.fdgrad.to_zarr(tmp_path / "out.zarr", skipna=True)
    expected = given.fdgrad.gradient(skipna=True)
    with xr.open_zarr(tmp_path / "out.zarr") as found:
        assert set(found.data_vars) == set(expected.data_vars)
        for key, values in expected.items():
            assert same_bits(found[key].values, values.values), key
            assert found[key].attrs == values.attrs
    again = OBJECTS[name](folder)
    assert given.identical(again), "the object was changed or closed"


@pytest.mark.thorough  # tests/operators/test_operations.py has every operation
def test_another_operation_of_an_object(folder: Path, tmp_path: Path) -> None:
    given = OBJECTS["arithmetic"](folder)
    given.fdgrad.to_zarr(tmp_path / "out.zarr", "laplacian", ["y", "x"], accuracy=4)
    expected = given.fdgrad.laplacian(["y", "x"], accuracy=4)
    with xr.open_zarr(tmp_path / "out.zarr") as found:
        assert same_bits(found.t_laplacian.values, expected.values)


def test_values_are_not_kept(folder: Path, tmp_path: Path) -> None:
    given = OBJECTS["without dask"](folder)
    given.fdgrad.to_zarr(tmp_path / "out.zarr", dim="time")
    assert not given.t.variable._in_memory


def test_storage_is_that_of_what_was_opened(folder: Path, tmp_path: Path) -> None:
    xr.open_zarr(folder / "in.zarr", chunks={"time": 8}).fdgrad.to_zarr(tmp_path / "a.zarr")
    (OBJECTS["in memory"](folder).chunk(time=5) + 1).fdgrad.to_zarr(tmp_path / "b.zarr")
    own, computed = (zarr.open_group(tmp_path / name)["dt_dx"] for name in ("a.zarr", "b.zarr"))
    assert (own.chunks, own.metadata.zarr_format) == ((4, 6, 20), 2)
    assert (computed.chunks, computed.metadata.zarr_format) == ((5, 18, 20), 3)


@pytest.mark.parametrize(
    "name", mostly_thorough(["open_zarr", "without dask", "arithmetic"], "arithmetic")
)
def test_a_job_that_failed_resumes_from_the_same_object(
    name: str, folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(folder / "in.zarr", tmp_path / "in.zarr", copy_function=shutil.copy2)
    target = tmp_path / "out.zarr"
    with spoiled(tmp_path / "in.zarr" / "t" / "2.2.0"), pytest.raises(RuntimeError, match="'t'"):
        OBJECTS[name](tmp_path).fdgrad.to_zarr(target, dim="x", retries=0)
    report = OBJECTS[name](tmp_path).fdgrad.to_zarr(target, dim="x")
    assert report.done_before > 0
    with xr.open_zarr(target) as found:
        expected = OBJECTS[name](folder).fdgrad.gradient("x")
        assert same_bits(found.dt_dx.values, expected.dt_dx.values)


def test_another_object_does_not_resume_a_job(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "in.zarr", tmp_path / "in.zarr", copy_function=shutil.copy2)
    store = xr.open_zarr(tmp_path / "in.zarr", chunks=None)
    store["other"] = (store.t.dims, store.t.values + 1)
    store[["other"]].to_zarr(tmp_path / "in.zarr", mode="a", zarr_format=2)
    store = xr.open_zarr(tmp_path / "in.zarr", chunks=None)
    target = tmp_path / "out.zarr"
    with spoiled(tmp_path / "in.zarr" / "t" / "2.2.0"), pytest.raises(RuntimeError, match="'t'"):
        store.t.fdgrad.to_zarr(target, dim="x", retries=0)
    swapped = store.drop_vars("t").rename(other="t").t
    turned = store.t.isel(y=slice(None, None, -1)).assign_coords(y=store.y)
    for other in (swapped, turned, store.t + 0, store.t.load() + 0):
        with pytest.raises(ValueError, match="the object that is the source, or a store"):
            other.fdgrad.to_zarr(target, dim="x")


RESUMED = """
import sys, xarray as xr, xgrad
store = xr.open_zarr(sys.argv[1])
celsius = (store.t - 273.15).where(store.m > 0)
report = celsius.fdgrad.to_zarr(sys.argv[2], dim="x", retries=0)
print(report.done_before)
"""


@pytest.mark.thorough  # the same object resumes in the quick suite
def test_another_process_resumes_from_the_same_expression(folder: Path, tmp_path: Path) -> None:
    source, target = tmp_path / "in.zarr", tmp_path / "out.zarr"
    shutil.copytree(folder / "in.zarr", source, copy_function=shutil.copy2)
    command = [sys.executable, "-c", RESUMED, str(source), str(target)]
    with spoiled(source / "t" / "2.2.0"):
        assert subprocess.run(command, check=False, capture_output=True).returncode == 1
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert float(done.stdout) > 0


@pytest.mark.thorough  # tests/workers/test_sharing.py has the law
def test_processes_do_the_work(folder: Path, tmp_path: Path) -> None:
    given = OBJECTS["arithmetic"](folder)
    given.fdgrad.to_zarr(tmp_path / "out.zarr", workers=2)
    with xr.open_zarr(tmp_path / "out.zarr") as found:
        for key, values in given.fdgrad.gradient().items():
            assert same_bits(found[key].values, values.values)


def test_work_that_would_be_repeated_is_reported(folder: Path, tmp_path: Path) -> None:
    store = xr.open_zarr(folder / "in.zarr").chunk(time=1)
    with pytest.warns(CoordinateWarning, match=r"computes again, about \d+ times in all"):
        (store.t - store.t.mean("time")).fdgrad.to_zarr(tmp_path / "out.zarr", dim="x")


def test_what_cannot_be_read_box_by_box_is_refused(tmp_path: Path) -> None:
    nameless = xr.DataArray([1.0, 2.0], dims="x")
    with pytest.raises(ValueError, match=r"without a name.* `\.rename"):
        nameless.fdgrad.to_zarr(tmp_path / "out.zarr")
    tree: Any = xr.DataTree(dataset())
    with pytest.raises(TypeError, match="`source` is a DataTree; give a path or URL, a Dataset"):
        xgrad.to_zarr("gradient", tree, tmp_path / "out.zarr")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["open_zarr", "without dask", "a part", "arithmetic"])
def test_a_source_is_not_overwritten_by_what_is_computed_from_it(name: str, folder: Path) -> None:
    given = OBJECTS[name](folder)
    for one in (given, given["t"] if isinstance(given, xr.Dataset) else given + 1):
        with pytest.raises(ValueError, match="is the source"):
            one.fdgrad.to_zarr(folder / "in.zarr", overwrite=True)


READ_FROM_A_STORE: dict[str, Callable[[Path], Any]] = {
    "dask": lambda store: xr.open_zarr(store).t,
    "without dask": lambda store: xr.open_zarr(store, chunks=None).t,
    "arithmetic": lambda store: (xr.open_zarr(store).t * 2).rename("twice"),
    "renamed": lambda store: xr.open_zarr(store, chunks=None).rename(t="q")[["q"]],
    "a part": lambda store: xr.open_zarr(store, chunks=None).t.isel(y=slice(None, None, -1)),
    "a mean": lambda store: xr.open_zarr(store).t - xr.open_zarr(store).t.mean("y"),
    "as a file": lambda store: (
        xr.open_mfdataset(
            [store], engine="zarr", data_vars="minimal", coords="minimal", compat="override"
        ).t
    ),
}


def rewrite(chunk: Path) -> None:
    """Change a chunk in place, without a trace in the time of change of its folder."""
    status = chunk.stat()
    chunk.write_bytes(chunk.read_bytes())
    os.utime(chunk, ns=(status.st_atime_ns, status.st_mtime_ns + 1))


@pytest.mark.parametrize("name", mostly_thorough(READ_FROM_A_STORE, "dask"))
def test_a_store_that_changed_below_an_object_is_another_source(
    name: str, folder: Path, tmp_path: Path
) -> None:
    store, target = tmp_path / "in.zarr", tmp_path / "out.zarr"
    shutil.copytree(folder / "in.zarr", store, copy_function=shutil.copy2)
    with spoiled(store / "t" / "2.2.0"), pytest.raises(RuntimeError, match="could not be read"):
        READ_FROM_A_STORE[name](store).fdgrad.to_zarr(target, dim="x", retries=0)
    rewrite(store / "t" / "0.0.0")
    with pytest.raises(ValueError, match="the object that is the source, or a store"):
        READ_FROM_A_STORE[name](store).fdgrad.to_zarr(target, dim="x", retries=0)
    READ_FROM_A_STORE[name](store).fdgrad.to_zarr(target, dim="x", restart=True)


@pytest.mark.parametrize("name", mostly_thorough(READ_FROM_A_STORE, "dask"))
def test_a_missing_chunk_below_an_object_is_reported(
    name: str, folder: Path, tmp_path: Path
) -> None:
    store, target = tmp_path / "in.zarr", tmp_path / "out.zarr"
    shutil.copytree(folder / "in.zarr", store)
    (store / "t" / "1.0.0").unlink()
    given = READ_FROM_A_STORE[name](store)
    with pytest.raises(xgrad.ChunkError, match=r"lacks 1 of 9 chunks of '/t', the first at"):
        given.fdgrad.to_zarr(target, dim="x")
    given.fdgrad.to_zarr(target, dim="x", allow_missing=True)


def test_a_store_that_changes_below_an_object_as_it_is_read_is_noticed(
    folder: Path, tmp_path: Path
) -> None:
    store, target = tmp_path / "in.zarr", tmp_path / "out.zarr"
    shutil.copytree(folder / "in.zarr", store, copy_function=shutil.copy2)

    def change(block: Any) -> Any:
        if block.size:
            rewrite(store / "t" / "0.0.0")
        return block

    given = xr.apply_ufunc(change, xr.open_zarr(store).t, dask="parallelized", output_dtypes=["f4"])
    with pytest.raises(RuntimeError, match="`source` changed while it was read"):
        given.fdgrad.to_zarr(target, dim="x")
    assert not target.exists()


def test_other_names_of_dimensions_make_another_object(tmp_path: Path) -> None:
    store, target = tmp_path / "in.zarr", tmp_path / "out.zarr"
    values = np.random.default_rng(0).normal(size=(9, 4, 4))
    wrong = xr.DataArray(values, dims=("time", "lon", "lat"), name="t")
    wrong.to_dataset().to_zarr(store, encoding={"t": {"chunks": (3, 4, 4)}}, zarr_format=2)
    opened = xr.open_zarr(store).t
    with spoiled(store / "t" / "2.0.0"), pytest.raises(RuntimeError, match="could not be read"):
        opened.fdgrad.to_zarr(target, dim="time", retries=0)
    right = opened.rename(lon="lat", lat="lon")
    with pytest.raises(ValueError, match="the object that is the source"):
        right.fdgrad.to_zarr(target, dim="time")


def test_what_cannot_be_compared_is_never_taken_for_the_same(folder: Path) -> None:
    memory = zarr.storage.MemoryStore()
    dataset().to_zarr(memory, zarr_format=2)
    for read in (lambda: xr.open_zarr(memory).t, lambda: xr.open_zarr(memory, chunks=None).t):
        one, other = Given.of(read()), Given.of(read())
        assert one.digest(["t"], allow_missing=False) == one.digest(["t"], allow_missing=False)
        assert one.digest(["t"], allow_missing=False) != other.digest(["t"], allow_missing=False)
    stored = [Given.of(OBJECTS["arithmetic"](folder)) for _ in range(2)]
    assert len({one.digest(["t"], allow_missing=False) for one in stored}) == 1


# Prints the seconds of processor time of the plan, and the memory that is predicted and taken.
PLANNED = """
import sys, time
import xarray as xr
import xgrad
from xgrad.workers.memory import peak_memory
folder = sys.argv[1]
opened = xr.open_mfdataset(folder + "/*.nc", data_vars="minimal", coords="minimal",
                           compat="override", join="exact")
options = {"dim": "x", "memory": 600_000_000, "chunks": {"time": 500}}
before = time.process_time()
plan = xgrad.plan_to_zarr("gradient", opened, folder + "/out.zarr", **options)
seconds = time.process_time() - before
report = xgrad.to_zarr("gradient", opened, folder + "/out.zarr", **options)
print(seconds, plan.peak, peak_memory())
"""


@pytest.mark.thorough
def test_100_files_are_planned_soon_and_take_the_memory_that_was_asked_for(tmp_path: Path) -> None:
    values = 273 + np.random.default_rng(0).normal(size=(10_000, 40)).astype("f4")
    whole = xr.Dataset({"t": (("time", "x"), values)}, {"time": np.arange(10_000.0)})
    for k in range(100):
        whole.isel(time=slice(100 * k, 100 * k + 100)).to_netcdf(tmp_path / f"{k:03d}.nc")
    done = subprocess.run(
        [sys.executable, "-c", PLANNED, tmp_path], capture_output=True, text=True, check=True
    )
    seconds, predicted, taken = map(float, done.stdout.split())
    assert seconds < 30
    assert taken <= predicted <= 600e6
    with xr.open_zarr(tmp_path / "out.zarr") as found:
        assert same_bits(found.dt_dx.values, whole.fdgrad.gradient("x").dt_dx.values)
