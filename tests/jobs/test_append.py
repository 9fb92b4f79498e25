"""Stores that grow with their source become what a full run makes, bit for bit."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
import xarray as xr
import zarr

import xgrad
from tests.command import commands_of_all_tests, run, started
from tests.helpers import mostly_thorough
from tests.jobs.bucket import Bucket
from tests.jobs.growing import (
    Case,
    data,
    grown,
    job,
    random_case,
    refused,
    require_same,
    tree,
    write,
)
from tests.jobs.helpers import finished, kill_when, seeded
from xgrad.jobs.api import plan_to_zarr, to_zarr
from xgrad.stores import on_object_store
from xgrad.stores.workplace import RECORD

EVEN = np.arange(32) * 2.0
BENT = np.where(EVEN > 50, EVEN + 0.7, EVEN)
UNEVEN = np.cumsum(np.random.default_rng(1).random(32) + 0.1)
DATES = np.datetime64("2000-01-01", "s") + np.arange(32) * np.timedelta64(21600, "s")
AROUND: Any = {"boundary": {"time": "periodic"}, "period": {"time": 1000.0}}

HEIGHTS = {"constant": {"y": "height"}}
LEVELS = data(EVEN)  # those of a model, whose surface varies in time
LEVELS = LEVELS.assign_coords(
    y=("y", np.linspace(-1.0, 0.0, LEVELS.sizes["y"]),
       {"standard_name": "ocean_sigma_coordinate",
        "formula_terms": "sigma: y eta: eta depth: depth"}),
    depth=("x", np.linspace(50.0, 90.0, LEVELS.sizes["x"])),
    eta=(("time", "x"), LEVELS.u.values[:, 0].astype("f8") / 100),
)  # fmt: skip

# Cases, and whether anything but the field that does not change in time can be reused.
CASES: dict[str, tuple[Case, bool]] = {
    "uneven": (Case(data(UNEVEN), (21, 30, 32)), True),
    "even, and dates": (Case(data(DATES), (20, 32), zarr_format=2), True),
    "no longer even": (Case(data(BENT), (20, 32)), False),
    "an older end of chunks": (Case(data(UNEVEN), (20, 32), options={"edge_order": 2}), True),
    "shards": (Case(data(EVEN), (17, 32), shards={"time": 8}, along="time"), True),
    "other chunks": (Case(data(EVEN), (17, 32), options={"chunks": {"time": 3}}), True),
    "around": (Case(data(EVEN), (21, 32), options=AROUND, along="time"), True),
    "ghosts": (Case(data(EVEN), (24, 32), options={"boundary": "extend"}), True),
    "gaps": (
        Case(data(EVEN, gaps=0.2), (24, 32), options={"skipna": True, "accuracy": 4}), True
    ),
    "columns": (
        Case(data(EVEN), (24, 32), along="y", options={"spacing": {"y": "height"}}), True
    ),
    "heights": (Case(data(EVEN)[["u"]], (24, 32), along="x", options=HEIGHTS), True),
    "heights that do not change": (
        Case(LEVELS.assign_coords(height=LEVELS.height[0].variable), (24, 32),
             along=["time", "x"], options=HEIGHTS), True
    ),
    "formula_terms": (
        Case(LEVELS[["u"]].drop_vars("height"), (24, 32), along="x",
             options={"constant": {"y": "formula_terms"}}), True
    ),
    "chunks of a cell": (
        Case(data(UNEVEN), (24, 25), chunks={"time": 1}, along="time", options={"accuracy": 6}),
        True,
    ),
    "a derivative of a derivative": (
        Case(data(UNEVEN), (24, 32), "derivative", along=["time", "x"]), True
    ),
    "a sphere": (
        Case(data(EVEN), (24, 32), "curl", along={"x": "u", "y": "v"},
             options={"metric": "sphere"}), True
    ),
    "along another one": (
        Case(data(EVEN), (6, 10), dim="x", chunks={"x": 2}, along=["time", "x"]), True
    ),
    "kept cells that are fewer than a halo": (
        Case(data(EVEN, gaps=0.2), (9, 10), dim="x", chunks={"x": 3}, along="x",
             options={"accuracy": 4, "skipna": True}), False
    ),
    "less than a chunk": (Case(data(EVEN), (5, 32), chunks={"time": 8}), False),
}  # fmt: skip


# What the quick suite has; the others are much the same, and compile more.
QUICK = ("shards",)


@pytest.mark.parametrize(
    "name",
    [pytest.param(one, marks=[] if one in QUICK else pytest.mark.thorough) for one in CASES],
)
def test_a_store_that_grows_is_what_a_full_run_makes(name: str, tmp_path: Path) -> None:
    case, is_reused = CASES[name]
    for share in grown(case, tmp_path)[1:]:
        assert (share > 0.05) == is_reused


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore:the .* takes the degrees:xgrad.CoordinateWarning")
def test_any_store_that_grows_is_what_a_full_run_makes(tmp_path: Path) -> None:
    rng, done, reused = seeded(), 0, 0
    while done < 100:
        case, folder = random_case(rng), tmp_path / str(done)
        folder.mkdir()
        if not refused(case, folder):
            done += 1
            reused += sum(share > 0 for share in grown(case, folder)[1:])
        shutil.rmtree(folder)
    assert reused > 50


PLAIN = Case(data(UNEVEN)[["u"]], (20, 32), along="time")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A source that has grown, and the store of its first part."""
    write(PLAIN, tmp_path / "in.zarr", 0, 20)
    job(PLAIN, tmp_path / "in.zarr", tmp_path / "out.zarr")
    write(PLAIN, tmp_path / "in.zarr", 20, 32)
    return tmp_path


def test_a_plan_says_what_is_reused_and_nothing_is_done_twice(folder: Path) -> None:
    source, target = folder / "in.zarr", folder / "out.zarr"
    before = tree(target)
    plan = plan_to_zarr("gradient", source, target, dim="time", append="time")
    # The last row of chunks had a one-sided end.
    assert plan.bytes_reused == plan.bytes_written * 16 // 32
    assert "reused    50%; 7.68 kB computed" in str(plan)
    assert tree(target) == before
    command = ("gradient", source, target, "--dim", "time", "--append", "time")
    commands = commands_of_all_tests()
    assert "reused    50%" in commands.run(*command, "--dry-run").stdout
    done = commands.run(*command, "--progress", "log")
    assert done.returncode == 0
    assert "reused: 50%" in done.stderr
    kept = {path: path.stat().st_mtime_ns for path in target.rglob("*")}
    done = commands.run(*command)
    assert done.returncode == 0
    assert done.stderr == f"{target}: nothing to compute: the target has all of it\n"
    assert {path: path.stat().st_mtime_ns for path in target.rglob("*")} == kept
    to_zarr("gradient", source, folder / "full.zarr", dim="time")
    require_same(target, folder / "full.zarr")


def _touch(folder: Path) -> None:
    chunk = folder / "in.zarr" / "u" / "c" / "1" / "0" / "0"
    os.utime(chunk, ns=(0, chunk.stat().st_mtime_ns + 1))


def _attribute(folder: Path) -> None:
    zarr.open_group(folder / "in.zarr")["u"].attrs["units"] = "K"


def _coordinate(folder: Path) -> None:
    array: Any = zarr.open_group(folder / "in.zarr")["time"]
    array[3] = float(array[3]) + 1e-3


def _variable(folder: Path) -> None:
    (2 * data(UNEVEN)[["v"]]).to_zarr(folder / "in.zarr", mode="a", consolidated=False)


def _shorter(folder: Path) -> None:
    for array in dict(zarr.open_group(folder / "in.zarr").arrays()).values():
        if array.shape[0] == 32:
            array.resize((16, *array.shape[1:]))


def _made_by_hand(folder: Path) -> None:
    zarr.open_group(folder / "out.zarr").attrs[RECORD] = "mine"


def _result(folder: Path) -> None:
    array: Any = zarr.open_group(folder / "out.zarr")["du_dtime"]
    array[:] = array[:] * 86400


def _addition(folder: Path) -> None:
    zarr.open_group(folder / "out.zarr").create_array("mine", shape=(2,), dtype="f8")


OTHERWISE: dict[str, tuple[Any, dict[str, Any], str]] = {
    "values": (_touch, {}, "values of 'u' in `source` have changed"),
    "an attribute": (_attribute, {}, "differs in the coordinates|attributes .* of 'u'"),
    "a coordinate": (_coordinate, {}, "differs in the coordinates"),
    "a variable": (_variable, {}, r"differs in .*`variables` \(\['u'\] then, \['u', 'v'\] now\)"),
    "an option": (None, {"edge_order": 2}, r"differs in `edge_order` \(not given then, 2 now\)"),
    "the chunks": (None, {"chunks": {"time": 5}}, "differs in `chunks`"),
    "a checksum": (None, {"checksum": True}, "differs in `checksum`"),
    "fewer cells": (_shorter, {}, "16 cells along 'time', fewer than the 20"),
    "no record": (_made_by_hand, {}, "does not say what job made it"),
    "a result": (_result, {}, "'du_dtime' in `target` has changed"),
    "an addition": (
        _addition,
        {},
        r"\['mine'\], which this job does not write and which would be lost",
    ),
    "no dimension": (None, {"append": "tiem"}, "names 'tiem', which is not a dimension"),
    "everything": (None, {"overwrite": True}, "`overwrite` computes everything; leave one out"),
}


@pytest.mark.parametrize(
    "what",
    mostly_thorough(OTHERWISE, "values", "an option", "fewer cells"),
)
def test_what_changed_otherwise_is_named_and_refused(what: str, folder: Path) -> None:
    change, options, message = OTHERWISE[what]
    if change is not None:
        change(folder)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    asked = {"dim": "time", "append": "time", **options}
    for call in (to_zarr, plan_to_zarr):
        with pytest.raises(ValueError, match=message):
            call("gradient", folder / "in.zarr", folder / "out.zarr", **asked)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    if what in ("values", "no record"):
        remedy = {**asked, "append": None, "overwrite": True}
        to_zarr("gradient", folder / "in.zarr", folder / "out.zarr", **remedy)
        to_zarr("gradient", folder / "in.zarr", folder / "full.zarr", **remedy)
        require_same(folder / "out.zarr", folder / "full.zarr")


@pytest.mark.thorough  # compiles for 20 s; old values of data are below
def test_old_values_of_what_heights_are_made_of_are_refused(tmp_path: Path) -> None:
    case, source, target = CASES["formula_terms"][0], tmp_path / "in.zarr", tmp_path / "out.zarr"
    write(case, source, 0, 24)
    job(case, source, target)
    write(case, source, 24, 32)
    array: Any = zarr.open_group(source)["eta"]
    array[3] = np.asarray(array[3]) + 0.5
    with pytest.raises(ValueError, match=r"differs in the coordinates; .* `overwrite`"):
        job(case, source, target, append="time")
    job(case, source, target, overwrite=True)
    job(case, source, tmp_path / "full.zarr")
    require_same(target, tmp_path / "full.zarr")


@pytest.mark.thorough  # twenty kills are below; tests/jobs/test_kills.py has the crash rule
def test_a_killed_append_goes_on(folder: Path) -> None:
    source, target = folder / "in.zarr", folder / "out.zarr"
    before = tree(target)
    command = ("gradient", source, target, "--dim", "time", "--append", "time")
    process = started(*command)
    if kill_when(process, lambda: bool(finished(target))):
        workplace = target.with_name("out.zarr.partial")
        shutil.move(workplace, folder / "aside")
        assert tree(target) == before
        shutil.move(folder / "aside", workplace)
    assert run(*command).returncode == 0
    to_zarr("gradient", source, folder / "full.zarr", dim="time")
    require_same(target, folder / "full.zarr")


@pytest.mark.thorough  # tests/stores/test_many_files.py has a job of files
def test_files_that_follow_one_another(tmp_path: Path) -> None:
    given, target, full = data(DATES)[["u"]], tmp_path / "out.zarr", tmp_path / "full.zarr"
    pattern, shares = str(tmp_path / "part*.nc"), []
    for k, cells in enumerate((slice(0, 8), slice(8, 16), slice(16, 24), slice(24, 29))):
        given.isel(time=cells).to_netcdf(tmp_path / f"part{k}.nc", engine="h5netcdf")
        options: Any = {"dim": "time", "chunks": {"time": 4}}
        if k:
            shares.append(to_zarr("gradient", pattern, target, append="time", **options).reused)
    assert shares[0] == 0
    assert min(shares[1:]) > 0.4
    to_zarr("gradient", pattern, full, **options)
    require_same(target, full)
    # The last file grows, and then an old one is replaced.
    given.isel(time=slice(24, 32)).to_netcdf(tmp_path / "part3.nc", engine="h5netcdf")
    assert to_zarr("gradient", pattern, target, append="time", **options).reused > 0.5
    to_zarr("gradient", pattern, full, overwrite=True, **options)
    require_same(target, full)
    given.isel(time=slice(8, 16)).to_netcdf(tmp_path / "part1.nc", engine="h5netcdf")
    with pytest.raises(ValueError, match="values of 'u' in `source` have changed"):
        to_zarr("gradient", pattern, target, append="time", **options)


@pytest.mark.thorough  # a store that grows is tested above
def test_a_file_that_grows_is_computed_again(tmp_path: Path) -> None:
    given, target = data(DATES)[["u"]], tmp_path / "out.zarr"
    for n in (20, 32):
        given.isel(time=slice(n)).to_netcdf(tmp_path / "in.nc", engine="h5netcdf")
        assert to_zarr("gradient", tmp_path / "in.nc", target, append="time").reused == 0
    assert to_zarr("gradient", tmp_path / "in.nc", target, append="time").reused == 1
    to_zarr("gradient", tmp_path / "in.nc", tmp_path / "full.zarr")
    require_same(target, tmp_path / "full.zarr")


def test_an_object_gives_the_same(folder: Path) -> None:
    with xr.open_zarr(folder / "in.zarr", consolidated=False) as given:
        for path in ("out.zarr", "full.zarr"):
            shutil.rmtree(folder / path, ignore_errors=True)
            for n in (20, 32) if path == "out.zarr" else (32,):
                part = given.isel(time=slice(n))
                part.fdgrad.to_zarr(folder / path, "gradient", "time", append="time")
    require_same(folder / "out.zarr", folder / "full.zarr")


@pytest.mark.thorough  # tests/stores/test_snapshots.py has a result that grows
def test_a_repository_gets_one_commit(folder: Path) -> None:
    icechunk = pytest.importorskip("icechunk")
    found = {}
    for name, sizes in (("out", (20, 32)), ("full", (32,))):
        shutil.rmtree(folder / "in.zarr")
        for before, n in zip((0, *sizes), sizes, strict=False):
            write(PLAIN, folder / "in.zarr", before, n)
            report = job(PLAIN, folder / "in.zarr", f"icechunk:{folder / name}", append="time")
        storage = icechunk.local_filesystem_storage(str(folder / name))
        repository = icechunk.Repository.open(storage)
        store = repository.readonly_session("main").store
        with xr.open_zarr(store, consolidated=False) as read:
            found[name] = read.load()
        assert len(list(repository.ancestry(branch="main"))) == 1 + len(sizes)
        assert report.reused == (0.5 if name == "out" else 0)
    assert found["out"].du_dtime.values.tobytes() == found["full"].du_dtime.values.tobytes()
    xr.testing.assert_identical(found["out"].drop_attrs(), found["full"].drop_attrs())


def test_a_store_on_an_object_store_grows(folder: Path) -> None:
    case, source = replace(PLAIN, data=PLAIN.data.isel(x=slice(2))), folder / "small.zarr"
    for before, n in ((0, 20), (20, 32)):
        write(case, source, before, n)
        report = job(case, source, "memory://grows.zarr", append="time")
    assert report.reused == 0.5
    job(case, source, "memory://full.zarr")
    found = [_files_in_memory(name) for name in ("grows.zarr", "full.zarr")]
    assert found[0] == found[1]
    assert not fsspec.filesystem("memory").exists("/grows.zarr.partial/job.json")


@pytest.mark.thorough
def test_a_death_before_an_object_store_can_resume_loses_nothing(folder: Path) -> None:
    case, source = replace(PLAIN, data=PLAIN.data.isel(x=slice(2))), folder / "small.zarr"
    url = "memory://dies.zarr"
    write(case, source, 0, 20)
    job(case, source, url)
    write(case, source, 20, 32)
    with on_object_store.at_url(url, grows=True) as place:  # and no more
        place.grow(3, "a run", lambda _, key: key < "c/3")
    report = job(case, source, url, append="time")
    assert 0 < report.reused < 0.5
    job(case, source, "memory://whole.zarr")
    assert _files_in_memory("dies.zarr") == _files_in_memory("whole.zarr")


def _files_in_memory(name: str) -> dict[str, bytes]:
    memory, root = fsspec.filesystem("memory"), f"/{name}"
    found = {path.removeprefix(root): memory.cat_file(path) for path in memory.find(root)}
    attrs = json.loads(found.pop("/zarr.json"))["attributes"]
    del attrs["history"]
    return found | {"attributes": json.dumps(attrs).encode()}


@pytest.mark.thorough
def test_an_object_store_says_that_it_is_incomplete(bucket: Bucket, folder: Path) -> None:
    case = Case(data(UNEVEN)[["u"]].drop_vars("height"), (20, 32), chunks={"time": 8}, along="x")
    url, source, env = "s3://bucket/grows.zarr", folder / "small.zarr", bucket.environment
    command = ("gradient", source, url, "--dim", "x", "--append", "time")
    write(case, source, 0, 20)
    assert run(*command, env=env).returncode == 0
    write(case, source, 20, 32)
    process = started(*command, env=env)
    marks = "grows.zarr.partial/finished"
    if kill_when(process, lambda: bool(bucket.keys(marks))):
        seen = json.loads(bucket.content("grows.zarr/zarr.json"))
        assert "xgrad_incomplete" in seen["attributes"]
    assert run(*command, env=env).returncode == 0
    to_zarr("gradient", source, folder / "full.zarr", dim="x")
    require_same(bucket.get("grows.zarr", folder / "seen"), folder / "full.zarr")
    assert not bucket.keys("grows.zarr.partial")


@pytest.mark.thorough
@pytest.mark.parametrize("kind", ["disk", "workers", "s3", "icechunk"])
def test_twenty_appends_with_random_kills_equal_one_full_run(
    kind: str, bucket: Bucket, tmp_path: Path
) -> None:
    rng, source = seeded(), tmp_path / "in.zarr"
    case = Case(data(np.cumsum(rng.random(90) + 0.1), gaps=0.1), (), chunks={"time": 2})
    targets: dict[str, Any] = {
        "s3": "s3://bucket/killed.zarr", "icechunk": f"icechunk:{tmp_path / 'out.zarr'}",
    }  # fmt: skip
    command = ["gradient", source, targets.get(kind, tmp_path / "out.zarr"), "--append", "time"]
    command += ["--workers", 2] if kind == "workers" else []
    env = bucket.environment if kind == "s3" else None
    before, killed, length = 0, 0, 3.0
    for n in [4 * k + 10 for k in range(20)]:
        write(case, source, before, n)
        before = n
        for _ in range(3):
            process, start = started(*command, env=env), time.perf_counter()
            try:
                process.communicate(timeout=rng.uniform(0.3, 1.1) * length)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                killed += 1
            else:
                assert process.returncode == 0
                length = time.perf_counter() - start
        assert run(*command, env=env).returncode == 0
    xgrad.to_zarr("gradient", source, tmp_path / "full.zarr")
    if kind == "icechunk":
        xgrad.to_zarr("gradient", source, f"icechunk:{tmp_path / 'full'}")
        assert _values(tmp_path / "out.zarr") == _values(tmp_path / "full")
    elif kind == "s3":
        require_same(bucket.get("killed.zarr", tmp_path / "seen"), tmp_path / "full.zarr")
        assert not bucket.keys("killed.zarr.partial")
    else:
        require_same(tmp_path / "out.zarr", tmp_path / "full.zarr")
    assert killed >= 10


def _values(repository: Path) -> dict[Any, bytes]:
    icechunk = pytest.importorskip("icechunk")
    storage = icechunk.local_filesystem_storage(str(repository))
    store = icechunk.Repository.open(storage).readonly_session("main").store
    with xr.open_zarr(store, consolidated=False) as found:
        return {name: variable.values.tobytes() for name, variable in found.variables.items()}
