"""Sources that change as they grow: the store is what a full run makes, or the job is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
import zarr

import xgrad
from tests.command import run, started
from tests.jobs.growing import Case, data, require_same, tree, write
from tests.jobs.helpers import dataset, finished, kill_when

N, FIRST = 30, 20
DATES = np.datetime64("2000-01-01", "ns") + np.arange(N) * np.timedelta64(6, "h")
HOURS = "hours since 2000-01-01"


def given(calendar: str | None = None) -> xr.Dataset:
    found = data(DATES)[["u"]].drop_vars("height")
    if calendar is None:
        return found
    times = xr.date_range("2000-01-01", periods=N, freq="6h", calendar=calendar, use_cftime=True)
    return found.assign_coords(time=times)


def appended(source: Any, folder: Path, **options: Any) -> float:
    """Let the store of a source grow; it is what a full run makes.  Returns what was reused."""
    target, full = folder / "out.zarr", folder / "full.zarr"
    report = xgrad.gradient_to_zarr(source, target, append="time", **options)
    xgrad.gradient_to_zarr(source, full, **options)
    require_same(target, full)
    return report.reused


# How the units, the calendar and the packing of the last of four files differ from the others.
FILES: dict[str, tuple[str | None, dict[str, Any], dict[str, Any]]] = {
    "units that move": (None, {"units": "days since 2000-01-05"}, {}),
    "units of another time": (None, {"units": "seconds since 1970-01-01"}, {}),
    "a calendar": ("noleap", {"units": "days since 1999-12-01"}, {}),
    "another calendar": ("360_day", {"units": "hours since 1999-01-01"}, {}),
    "a scale factor": (None, {}, {"scale_factor": 0.02}),
    "a fill value": (None, {}, {"_FillValue": -32767}),
}


# What the quick profile has of these.
QUICK = ("units that move", "the unit", "noleap", "the times", "the scale")


def each(cases: Iterable[str]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "what",
        [pytest.param(one, marks=[] if one in QUICK else pytest.mark.thorough) for one in cases],
    )


@each(FILES)
def test_files_that_encode_the_same_in_other_ways(what: str, tmp_path: Path) -> None:
    calendar, times, packing = FILES[what]
    pattern, chunks = str(tmp_path / "month*.nc"), {"time": 4}
    for k in range(4):
        encoding: dict[str, Any] = {
            "time": {"units": HOURS, "dtype": "f8"},
            "u": {"dtype": "i2", "scale_factor": 0.01, "_FillValue": -32768},
        }
        if k == 3:
            xgrad.gradient_to_zarr(pattern, tmp_path / "out.zarr", chunks=chunks)
            encoding["time"] |= times
            encoding["u"] |= packing
        part = given(calendar).isel(time=slice(8 * k, 8 * k + 8))
        part.to_netcdf(tmp_path / f"month{k}.nc", encoding=encoding, engine="h5netcdf")
    assert appended(pattern, tmp_path, chunks=chunks) > 0.5


def _as_they_were(group: Any) -> None:
    pass


def _later_reference(group: Any) -> None:
    group["time"][:] -= 24
    group["time"].attrs["units"] = "hours since 2000-01-02"


def _in_minutes(group: Any) -> None:
    group["time"][:] *= 60
    group["time"].attrs["units"] = "minutes since 2000-01-01"


def _attribute(name: str, key: str, value: Any) -> Callable[[Any], None]:
    def change(group: Any) -> None:
        group[name].attrs[key] = value

    return change


SAME = {"nothing": _as_they_were, "the reference": _later_reference, "the unit": _in_minutes}
OTHERS = {
    "the times": (_attribute("time", "units", "hours since 2000-01-02"), "the coordinates"),
    "the calendar": (_attribute("time", "calendar", "noleap"), "the coordinates"),
    "the scale": (_attribute("u", "scale_factor", 0.02), "storage of 'u' in `source`"),
    "the offset": (_attribute("u", "add_offset", 2.0), "storage of 'u' in `source`"),
    "the fill value": (_attribute("u", "_FillValue", -9998), "storage of 'u' in `source`"),
    "a missing value": (_attribute("u", "missing_value", 12), "storage of 'u' in `source`"),
}


def changed(folder: Path, change: Callable[[Any], None], calendar: str | None = None) -> Path:
    """A packed source, of whose first part there is a store, which has grown and changed."""
    source, own = folder / "in.zarr", given(calendar)
    packing = {"chunks": (4, 12, 10), "dtype": "i2", "scale_factor": 0.01, "_FillValue": -9999}
    times = {"units": HOURS, "dtype": "i8"}
    own.isel(time=slice(FIRST)).to_zarr(
        source, encoding={"u": packing, "time": times}, zarr_format=2, consolidated=False
    )
    xgrad.gradient_to_zarr(source, folder / "out.zarr")
    own.isel(time=slice(FIRST, N)).drop_vars(["x", "y"]).to_zarr(
        source, append_dim="time", consolidated=False
    )
    change(zarr.open_group(source))
    return source


@each(SAME)
def test_the_same_times_in_other_units(what: str, tmp_path: Path) -> None:
    assert appended(changed(tmp_path, SAME[what]), tmp_path) > 0.5


@pytest.mark.thorough  # a calendar is among the cases above
@each(["noleap", "360_day", "julian"])
def test_any_calendar(what: str, tmp_path: Path) -> None:
    assert appended(changed(tmp_path, _as_they_were, what), tmp_path) > 0.5


@pytest.mark.filterwarnings("ignore:variable 'u' has multiple fill values")
@each(OTHERS)
def test_another_meaning_of_the_same_numbers_is_refused(what: str, tmp_path: Path) -> None:
    change, message = OTHERS[what]
    source, target = changed(tmp_path, change), tmp_path / "out.zarr"
    before = tree(target)
    with pytest.raises(ValueError, match=f"{message}.*compute everything with `overwrite`"):
        xgrad.gradient_to_zarr(source, target, append="time")
    assert tree(target) == before


def test_a_variable_that_lags_behind_is_refused(tmp_path: Path) -> None:
    case = Case(data(DATES)[["u", "v"]], (FIRST, N))
    source, target = tmp_path / "in.zarr", tmp_path / "out.zarr"
    write(case, source, 0, FIRST)
    xgrad.gradient_to_zarr(source, target)
    before = tree(target)
    write(case, source, FIRST, N)
    group: Any = zarr.open_group(source)
    values = group["v"][:]
    for size, kept, message in (
        (FIRST, FIRST, "conflicting sizes for dimension 'time'"),
        (N, FIRST, "`source` lacks 3 of 8 chunks of 'v', the first at \\(5, 0, 0\\)"),
    ):
        group["v"].resize((kept, 12, 10))
        group["v"].resize((size, 12, 10))
        with pytest.raises(ValueError, match=message):
            xgrad.gradient_to_zarr(source, target, append="time")
        assert tree(target) == before
    group["v"][FIRST:] = values[FIRST:]
    assert appended(source, tmp_path) > 0.5


@pytest.mark.thorough
@pytest.mark.parametrize("is_begun", [False, True])
def test_a_source_that_grows_after_a_kill(is_begun: bool, tmp_path: Path) -> None:
    case = Case(dataset(), (), chunks={"time": 1, "y": 50}, along="x")
    source, target = tmp_path / "in.zarr", tmp_path / "out.zarr"
    command = ("gradient", source, target, "--dim", "x", "--append", "time")
    write(case, source, 0, 40 if not is_begun else 8)
    if is_begun:
        assert run(*command).returncode == 0
        write(case, source, 8, 40)
    assert kill_when(started(*command), lambda: len(finished(target)) > 1)
    write(case, source, 40, 48)
    refused = run(*command)
    assert refused.returncode == 1
    assert "differs in the content of the source" in refused.stderr
    assert refused.stderr.endswith("; start over with --restart\n")
    assert run(*command, "--restart").returncode == 0
    xgrad.gradient_to_zarr(source, tmp_path / "full.zarr", dim="x")
    require_same(target, tmp_path / "full.zarr")
