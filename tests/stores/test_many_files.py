"""The law of several files: they are one source, whatever the order and the cuts."""

from __future__ import annotations

import itertools
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import xgrad
from tests.helpers import same_bits
from tests.jobs.helpers import seeded
from xgrad.stores.many_files import combined, files_of
from xgrad.stores.opening import Opening, dataset

SIDES = {"time": 12, "y": 9, "x": 5}


def whole() -> xr.Dataset:
    rng = np.random.default_rng(0)
    values = rng.normal(size=tuple(SIDES.values())).astype("f4")
    days = np.array("2000-01-01", "M8[ns]") + np.arange(12) ** 2 * np.timedelta64(1, "D")
    return xr.Dataset(
        {"t": (tuple(SIDES), values, {"units": "K"}), "land": (("y", "x"), values[0])},
        {"time": days, "y": np.arange(9.0)[::-1], "height": (("time", "x"), values[:, 0] ** 2)},
        {"title": "a whole"},
    )


def write(folder: Path, **cuts: list[int]) -> list[Path]:
    """Files of :func:`whole`, cut along dimensions, whose names give no order."""
    names = [f"{name}.nc" for name in "qazwsxedc"]
    sides = [[slice(*ends) for ends in itertools.pairwise([0, *c, None])] for c in cuts.values()]
    found = []
    for name, box in zip(names, itertools.product(*sides), strict=False):
        part = whole().isel(dict(zip(cuts, box, strict=True)))
        part.to_netcdf(folder / name, encoding={"time": {"units": "hours since 1999-12-31"}})
        found.append(folder / name)
    return found


CUTS: list[Any] = [{"time": [3]}, {"time": [1, 2, 9]}, {"time": [6], "y": [4, 5]}]


@pytest.mark.parametrize("cuts", CUTS)
def test_files_are_what_they_were_cut_from(cuts: dict[str, list[int]], tmp_path: Path) -> None:
    files = write(tmp_path, **cuts)
    own = [dataset(file, Opening()) for file in files]
    found, expected = combined(own, [str(file) for file in files]), whole()
    xr.testing.assert_identical(found.load(), expected)
    rng = seeded()
    again = combined(own, [str(file) for file in files]).t.variable
    for _ in range(40):
        box: list[Any] = []
        for size in SIDES.values():
            start, stop = sorted(rng.integers(0, size + 1, 2))
            step = int(rng.choice([1, 1, 2, -1, -3]))
            # xarray does not take an empty slice that goes back.
            one = slice(start, stop, step if step > 0 and start < stop else 1)
            one = slice(stop, start, step) if step < 0 and start < stop < size else one
            box.append(one if rng.random() < 0.8 else int(rng.integers(size)))
        assert same_bits(again[tuple(box)].values, expected.t.values[tuple(box)]), box
    lists = {"time": [11, 0, 3], "y": [8, 2]}
    assert same_bits(again.isel(lists).values, expected.t.isel(lists).values)
    for one in own:
        one.close()


@pytest.mark.parametrize(
    ("given", "cuts"),
    [
        pytest.param(*one, marks=[] if one[0] == "a pattern" else pytest.mark.thorough)
        for one in zip(["a list", "stores", "a pattern"], CUTS, strict=True)
    ],
)
def test_a_job_of_files_is_that_of_one_store(
    given: str, cuts: dict[str, list[int]], tmp_path: Path
) -> None:
    (tmp_path / "files").mkdir()
    source: Any = write(tmp_path / "files", **cuts)
    if given == "a pattern":
        source = tmp_path / "files" / "*.nc"
    elif given == "stores":
        for file in source:
            with xr.open_dataset(file) as part:
                part.to_zarr(file.with_suffix(".zarr"), consolidated=False)
        source = [file.with_suffix(".zarr") for file in source]
    chunks = {"time": 5, "y": 4}
    xgrad.gradient_to_zarr(source, tmp_path / "out.zarr", chunks=chunks, datetime_unit="D")
    expected = whole().fdgrad.gradient(datetime_unit="D")
    with xr.open_zarr(tmp_path / "out.zarr") as found:
        assert set(found.data_vars) == set(expected.data_vars)
        for name in expected.coords:
            assert found[name].equals(expected[name])
        for name in expected.data_vars:
            assert same_bits(found[name].values, expected[name].values)
        assert found.attrs["title"] == "a whole"
        assert "gradient of" in found.attrs["history"]
        assert "more" in found.attrs["history"]


def test_the_same_files_resume_and_others_do_not(tmp_path: Path) -> None:
    files, target = write(tmp_path, time=[3, 7]), tmp_path / "out.zarr"
    xgrad.gradient_to_zarr(files, target, ["t"], "x")
    expected = xr.open_zarr(target).load()
    shutil.rmtree(target)
    content = files[1].read_bytes()
    with xr.open_dataset(files[1]) as part:
        bad = part.load()
    bad.t[:] = 1.5  # a derivative of 0, which is the fill value asked for
    bad.to_netcdf(files[1])

    def job(source: Any, **options: Any) -> Any:
        return xgrad.gradient_to_zarr(source, target, ["t"], "x", fill_value=0.0, **options)

    with pytest.raises(RuntimeError, match="a result is 0"):
        job(files, chunks={"time": 1})
    with pytest.raises(RuntimeError, match="a result is 0"):
        job(files[::-1], chunks={"time": 1})  # in any order it is the same job
    with pytest.raises(ValueError, match=r"differs in .*the content of the source.*`source`"):
        job(files[:2], chunks={"time": 1})
    files[1].write_bytes(content)
    with pytest.raises(ValueError, match="differs in the content of the source"):
        job(files, chunks={"time": 1})
    job(files, chunks={"time": 1}, restart=True)
    with xr.open_zarr(target) as found:
        assert same_bits(found.dt_dx.values, expected.dt_dx.values)


def test_files_that_give_no_order_are_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        xr.Dataset({"t": ("x", [1.0, 2.0])}).to_netcdf(tmp_path / f"{name}.nc")
    with pytest.raises(ValueError, match=r"2 files, .* do not combine by their coordinates"):
        xgrad.gradient_to_zarr(tmp_path / "*.nc", tmp_path / "out.zarr")


@pytest.mark.parametrize("name", ["t", "time"])
def test_files_of_different_units_are_refused(name: str, tmp_path: Path) -> None:
    for k, units in enumerate(["days since 2000-01-01", "days since 2001-01-01"]):
        ds = xr.Dataset({"t": ("time", [1.0, 2.0])}, {"time": [10.0 * k, 10.0 * k + 1]})
        ds[name].attrs["units"] = units
        ds.to_netcdf(tmp_path / f"{k}.nc")
    options: Any = {"decode_times": False}
    with pytest.raises(ValueError, match=f"`source`: '{name}' has the units 'days since 2000"):
        xgrad.gradient_to_zarr(tmp_path / "?.nc", tmp_path / "out.zarr", **options)


def test_what_is_no_path_is_refused(tmp_path: Path) -> None:
    for given in (3, None, np.ones(3), [np.ones(3)]):
        with pytest.raises(TypeError, match=r"`source` is a \w+; give a path or URL, a Dataset"):
            xgrad.gradient_to_zarr(given, tmp_path / "out.zarr")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="is a list with a Dataset; give paths, or combine"):
        files_of([whole()])  # type: ignore[list-item]
    with pytest.raises(FileNotFoundError, match=re.escape("*.nope' matches no file")):
        files_of(tmp_path / "*.nope")
    with pytest.raises(ValueError, match="an empty list"):
        files_of([])
    (tmp_path / "[a].nc").touch()
    assert files_of(tmp_path / "[a].nc") == (str(tmp_path / "[a].nc"),)


@pytest.mark.parametrize(
    "source", ["s3://key:secret@bucket/run-*.nc", "https://host/*.zarr?signature=a", "gs://b/*"]
)
def test_a_pattern_of_addresses_is_refused(source: str) -> None:
    for given in (source, ["a.nc", source]):
        with pytest.raises(
            ValueError, match=r"is a pattern in an address.*; name each store"
        ) as one:
            files_of(given)
        assert not re.search("secret|signature", str(one.value))
    assert files_of("https://host/a.zarr?by=*") == ("https://host/a.zarr?by=*",)


def test_a_group_of_several_files(tmp_path: Path) -> None:
    for file in write(tmp_path, time=[4]):
        part = xr.load_dataset(file)
        part.to_netcdf(file, group="a/b")
    options: Any = {"datetime_unit": "D", "group": "a/b"}
    pattern = f"file://{tmp_path}/*.nc"
    xgrad.gradient_to_zarr(pattern, tmp_path / "out.zarr", "t", "time", **options)
    expected = whole().fdgrad.gradient("time", datetime_unit="D")
    with xr.open_zarr(tmp_path / "out.zarr") as found:
        assert same_bits(found.dt_dtime.values, expected.dt_dtime.values)
    xr.Dataset({"t": 1.0}).to_netcdf(tmp_path / "z.nc")
    with pytest.raises(ValueError, match=r"`group` names 'a/b', which .*z.nc' lacks; it has no gr"):
        xgrad.gradient_to_zarr(pattern, tmp_path / "2.zarr", "t", "time", **options)
