"""Which blocks of an object that grows are what they were."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr

import xgrad
from tests.helpers import mostly_thorough
from tests.jobs.growing import Case, data, require_same, write
from xgrad.jobs.from_object import Given
from xgrad.jobs.lineage import states_of_object

TIMES = np.cumsum(np.random.default_rng(1).random(32) + 0.1)
PLAIN = Case(data(TIMES)[["u", "v"]].drop_vars("height"), ())


def lazily(path: Path) -> xr.Dataset:
    return xr.open_zarr(path, consolidated=False)


def celsius(zero: float) -> Callable[[Path], xr.Dataset]:
    return lambda path: (ds := lazily(path)).assign(u=(ds.u - zero).where(ds.v > 0))


def mapped(factor: float) -> Callable[[Path], xr.Dataset]:
    def times(block: Any) -> Any:
        return block * factor

    return lambda path: xr.apply_ufunc(times, lazily(path), dask="allowed", keep_attrs=True)


# Ways to make an object of a store.
WAYS: dict[str, Callable[[Path], xr.Dataset]] = {
    "dask": lazily,
    "without dask": lambda path: xr.open_zarr(path, consolidated=False, chunks=None),
    "arithmetic": celsius(273.15),
    "a function": mapped(2.0),
    "in memory": lambda path: lazily(path).load(),
    "a part": lambda path: lazily(path).isel(y=slice(2, 11)),
    "a part without dask": lambda path: xr.open_zarr(path, consolidated=False, chunks=None).isel(
        y=slice(2, 11)
    ),
    "turned around": lambda path: lazily(path).isel(x=slice(None, None, -1)),
    "other blocks": lambda path: lazily(path).chunk(time=8),
}
# Ways that make other values of the same store, beside the one that they are compared with.
OTHERS: dict[str, tuple[Callable[[Path], xr.Dataset], Callable[[Path], xr.Dataset]]] = {
    "a number": (celsius(273.15), celsius(273.0)),
    "a function": (mapped(2.0), mapped(3.0)),
    "a part": (WAYS["a part"], lambda path: lazily(path).isel(y=slice(1, 10))),
    "a part without dask": (
        WAYS["a part without dask"],
        lambda path: xr.open_zarr(path, consolidated=False, chunks=None).isel(y=slice(1, 10)),
    ),
    "the order": (lazily, WAYS["turned around"]),
    "a shift": (lazily, lambda path: lazily(path).shift(time=1)),
    "a mean of all": (
        lambda path: (ds := lazily(path)) - ds.isel(time=slice(0, 8)).mean("time"),
        lambda path: (ds := lazily(path)) - ds.mean("time"),
    ),
    "values": (WAYS["in memory"], lambda path: lazily(path).load() + 1),
}  # fmt: skip


def pieces(obj: xr.Dataset) -> Any:
    return states_of_object(Given.of(obj), ["u"])["u"]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    write(PLAIN, tmp_path / "in.zarr", 0, 21)
    return tmp_path / "in.zarr"


@pytest.mark.parametrize(
    "way",
    [
        pytest.param(one, marks=[] if one == "arithmetic" else [pytest.mark.thorough])
        for one in WAYS
    ],
)
def test_a_store_that_grows_with_an_object(way: str, source: Path) -> None:
    make, target = WAYS[way], source.with_name("out.zarr")
    options: Any = {"dim": "time", "append": "time"}
    xgrad.to_zarr("gradient", make(source), target, **options)
    write(PLAIN, source, 21, 32)
    assert xgrad.to_zarr("gradient", make(source), target, **options).reused > 0.35
    assert xgrad.to_zarr("gradient", make(source), target, **options).is_of_nothing
    xgrad.to_zarr("gradient", make(source), source.with_name("full.zarr"), dim="time")
    require_same(target, source.with_name("full.zarr"))


@pytest.mark.parametrize(
    "way",
    mostly_thorough(WAYS, "dask", "without dask", "arithmetic", "turned around", "other blocks"),
)
def test_a_chunk_that_changed_changes_the_state(way: str, source: Path) -> None:
    before = pieces(WAYS[way](source))
    assert pieces(WAYS[way](source)).cuts("time") == before.cuts("time"), "nothing changed"
    for chunk in sorted((source / "u" / "c" / "1").rglob("0")):
        if chunk.is_file():
            if way == "in memory":
                shutil.copy(source / "u" / "c" / "0" / "0" / "0", chunk)
            os.utime(chunk, ns=(0, 0))
    now = pieces(WAYS[way](source))
    assert now.before("time", 16) != before.before("time", 16)
    assert (now.before("time", 4) == before.before("time", 4)) == (way != "other blocks")


@pytest.mark.parametrize("what", OTHERS)
def test_blocks_that_are_made_otherwise_are_others(what: str, source: Path) -> None:
    one, other = (pieces(make(source)) for make in OTHERS[what])
    for cells in (8, 16, 21):
        assert one.before("time", cells) != other.before("time", cells)


@pytest.mark.filterwarnings("ignore:each chunk of 'u' needs:xgrad.CoordinateWarning")
def test_an_anomaly_is_computed_again(source: Path) -> None:
    def anomaly(path: Path) -> xr.Dataset:
        ds = lazily(path)[["u"]]
        return ds - ds.mean("time")

    target, full = source.with_name("out.zarr"), source.with_name("full.zarr")
    xgrad.to_zarr("gradient", anomaly(source), target, dim="time")
    write(PLAIN, source, 21, 32)
    report = xgrad.to_zarr("gradient", anomaly(source), target, dim="time", append="time")
    assert report.reused == 0
    xgrad.to_zarr("gradient", anomaly(source), full, dim="time")
    require_same(target, full)


def test_files_that_are_opened_together(tmp_path: Path) -> None:
    parts = [PLAIN.data.isel(time=slice(8 * k, 8 * k + 8)) for k in range(4)]
    for k, part in enumerate(parts):
        part.to_netcdf(tmp_path / f"{k}.nc", engine="h5netcdf")
    paths = sorted(tmp_path.glob("*.nc"))
    first, every = (
        xr.open_mfdataset(some, engine="h5netcdf", chunks={"time": 4})
        for some in (paths[:2], paths)
    )
    with first, every:
        assert pieces(first).before("time", 16) == pieces(every).before("time", 16)


def _by_delayed(count: int) -> Any:
    parts = [dask.delayed(np.load, pure=True)(f"day{k}.npy") for k in range(count)]
    return da.concatenate([da.from_delayed(one, (4, 3), "f8") for one in parts])


def _by_function(count: int) -> Any:
    def read(block_info: Any = None) -> Any:
        return np.load(f"day{block_info[None]['chunk-location'][0]}.npy")

    return da.map_blocks(read, chunks=((4,) * count, (3,)), dtype="f8")


@pytest.mark.parametrize("read", [_by_delayed, _by_function])
def test_files_that_tasks_read_by_themselves_are_read_again(
    read: Callable[[int], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    values = np.random.default_rng(1).normal(size=(24, 3))

    def run(count: int) -> None:
        for k in range(6):
            np.save(f"day{k}.npy", values[4 * k : 4 * k + 4])
        source = xr.Dataset({"t": (("time", "x"), read(count))}, {"time": np.arange(4.0 * count)})
        xgrad.to_zarr("gradient", source, "out.zarr", dim="time", append="time")

    run(4)
    values[1:3] += 1
    run(6)
    with xr.open_zarr("out.zarr") as found:
        assert np.array_equal(found.dt_dtime, np.gradient(values, axis=0))
