"""The crash rule: what is resumed, and what is not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import xarray as xr
import zarr

import xgrad
from tests.command import Session, started, stopped
from tests.helpers import same_bits
from tests.jobs.helpers import compare, finished, small, spoiled
from xgrad.jobs.api import gradient_to_zarr
from xgrad.jobs.resume import require_current
from xgrad.stores.workplace import INCOMPLETE, marked, unmark


def test_a_chunk_that_vanished_from_the_result_is_noticed(tmp_path: Path) -> None:
    source, target = tmp_path / "in.zarr", tmp_path / "out.zarr"
    small()[["t"]].to_zarr(source, encoding={"t": {"chunks": (4, 7, 11)}}, zarr_format=2)
    with spoiled(source / "t" / "3.0.0"), pytest.raises(RuntimeError, match="variable 't'"):
        gradient_to_zarr(source, target, dim="x", retries=0)
    (tmp_path / "out.zarr.partial" / "store.zarr" / "dt_dx" / "0.0.0").unlink()
    with pytest.raises(RuntimeError, match=r"chunk \(0, 0, 0\) of 'dt_dx' has disappeared"):
        gradient_to_zarr(source, target, dim="x")
    assert not target.exists()
    gradient_to_zarr(source, target, dim="x", restart=True)
    compare(target, small(), {"dim": "x"})


def test_changed_coordinates_are_noticed_even_if_they_are_only_copied(tmp_path: Path) -> None:
    source, target = tmp_path / "in.zarr", tmp_path / "out.zarr"
    y, x = 1500, 1600
    coords = {
        "y": np.arange(y),
        "place": ("y", [f"place {k}" for k in range(y)]),
        "when": ("y", xr.date_range("2000-01-01", periods=y, calendar="360_day", use_cftime=True)),
        "far": ("y", np.zeros(y)),  # of fill values: no chunk is written
        "height": (("y", "x"), np.ones((y, x))),  # large: by its chunks, not its values
    }
    whole = xr.Dataset({"t": (("y", "x"), np.ones((y, x), "f4"))}, coords)
    whole.to_zarr(source, encoding={"t": {"chunks": (500, x)}}, zarr_format=2, consolidated=False)

    def differs() -> None:
        with pytest.raises(ValueError, match=r"differs in the coordinates; .*`restart`"):
            gradient_to_zarr(source, target, dim="x", retries=0)

    with spoiled(source / "t" / "2.0"), pytest.raises(RuntimeError, match="variable 't'"):
        gradient_to_zarr(source, target, dim="x", retries=0)
    stored: Any = zarr.open_group(source, mode="r+")
    for name in ("y", "place", "when", "far"):
        before = stored[name][7]
        stored[name][7] = "elsewhere" if name == "place" else before + 1
        differs()
        stored[name][7] = before
    chunk = next((source / "height").glob("0.*"))
    status = chunk.stat()
    os.utime(chunk, ns=(0, 0))
    differs()
    os.utime(chunk, ns=(status.st_atime_ns, status.st_mtime_ns))
    gradient_to_zarr(source, target, dim="x")


def test_an_unfinished_job_is_resumed_with_its_own_options_only(tmp_path: Path) -> None:
    source, target = tmp_path / "in.zarr", tmp_path / "out.zarr"
    small()[["t"]].to_zarr(source, encoding={"t": {"chunks": (4, 7, 11)}}, zarr_format=2)
    with spoiled(source / "t" / "3.0.0"), pytest.raises(RuntimeError, match="not be read"):
        gradient_to_zarr(source, target, dim="x", retries=0)
    journal = (tmp_path / "out.zarr.partial" / "finished").read_text()
    assert journal.count("\n") == 3
    for different, words in {
        "edge_order": r"`edge_order` \(not given then, 2 now\)",
        "dim": r"the coordinates, `dim` \(\['dt_dx'\] then, \['dt_dlevel'\] now\)",
        "spacing": "the coordinates",
        "chunks": "`chunks`",
        "checksum": r"`checksum` \(False then, True now\)",
    }.items():
        options: Any = {
            "dim": "x",
            different: {"edge_order": 2, "dim": "level", "spacing": {"x": 2.0},
                        "chunks": {"time": 2}, "checksum": True}[different],
        }  # fmt: skip
        with pytest.raises(ValueError, match=f"differs in {words}.*`restart`"):
            gradient_to_zarr(source, target, **options)
    # Finished regions are not done again: a chunk that is changed now stays changed.
    written = tmp_path / "out.zarr.partial" / "store.zarr" / "dt_dx" / "0.0.0"
    values = numcodecs.Blosc().encode(np.full((4, 7, 11), 7, "f8"))
    written.write_bytes(values)
    gradient_to_zarr(source, target, dim="x")
    with xr.open_zarr(target) as found:
        assert (found.dt_dx[:4] == 7).all()
        assert same_bits(found.dt_dx[4:].values, xgrad.gradient(small().t, "x").dt_dx[4:].values)


@pytest.mark.thorough  # tests/jobs/test_from_object.py has a store that changes as it is read
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda chunk: os.utime(chunk, ns=(0, 0)), "SRC changed while it was read"),
        (
            lambda chunk: chunk.unlink(),
            "SRC lacks 1 of 48 chunks of 't', the first at (0, 0, 0)",
        ),
    ],
)
def test_a_source_that_changes_while_it_is_read_is_reported(
    commands: Session, source: Path, tmp_path: Path, change: Callable[[Path], None], message: str
) -> None:
    target = tmp_path / "out.zarr"
    process = started("gradient", source, target)
    with stopped(process, lambda: bool(finished(target))):
        change(source / "t" / "0.0.0")
    _, shown = process.communicate()
    assert process.returncode == 1
    assert message in shown
    assert len(shown.splitlines()) == 1
    assert not target.exists()
    commands.fails(
        "differs in the content of the source", "gradient", source, target, "--allow-missing"
    )


def unfinished(tmp_path: Path, **options: Any) -> Path:
    """The store of a job that failed at its last chunk."""
    source, target = tmp_path / "in.zarr", tmp_path / "out.zarr"
    if not source.exists():
        small()[["t"]].to_zarr(source, encoding={"t": {"chunks": (4, 7, 11)}}, zarr_format=2)
    with spoiled(source / "t" / "3.0.0"), pytest.raises(RuntimeError, match="not be read"):
        gradient_to_zarr(source, target, dim="x", retries=0, **options)
    return tmp_path / "out.zarr.partial" / "store.zarr"


def test_a_run_that_starts_over_within_the_same_second_is_told_from_the_first(
    tmp_path: Path,
) -> None:
    store = unfinished(tmp_path)
    first, history = marked(store), zarr.open_group(store).attrs["history"]
    assert first is not None
    unfinished(tmp_path, restart=True)
    zarr.open_group(store, mode="r+").attrs["history"] = history  # as in the same second
    second = marked(store)
    assert second is not None
    require_current(store, second)
    with pytest.raises(RuntimeError, match="another run has taken over the target"):
        require_current(store, first)


def test_a_run_that_resumes_another_takes_over_its_target(tmp_path: Path) -> None:
    store = unfinished(tmp_path)
    first = marked(store)
    assert first is not None
    unfinished(tmp_path)
    with pytest.raises(RuntimeError, match="another run has taken over the target"):
        require_current(store, first)


def test_a_run_that_was_killed_as_it_published_is_resumed(tmp_path: Path) -> None:
    store, target = unfinished(tmp_path), tmp_path / "out.zarr"
    before = (store / "dt_dx" / "0.0.0").stat().st_mtime_ns
    unmark(store)  # what comes before the store is renamed
    gradient_to_zarr(tmp_path / "in.zarr", target, dim="x")
    assert (target / "dt_dx" / "0.0.0").stat().st_mtime_ns == before
    assert INCOMPLETE not in zarr.open_group(target).attrs
    compare(target, small(), {"dim": "x"})


def test_a_job_whose_unfinished_store_was_deleted_starts_over(tmp_path: Path) -> None:
    shutil.rmtree(unfinished(tmp_path))
    gradient_to_zarr(tmp_path / "in.zarr", tmp_path / "out.zarr", dim="x")
    compare(tmp_path / "out.zarr", small(), {"dim": "x"})


@pytest.mark.parametrize("name", ["dt_dx", "level"])
def test_an_array_that_was_deleted_by_hand_is_named(
    name: str, commands: Session, tmp_path: Path
) -> None:
    shutil.rmtree(unfinished(tmp_path) / name)
    job = ("gradient", tmp_path / "in.zarr", tmp_path / "out.zarr", "--dim", "x")
    commands.fails(f"the array '{name}' of the unfinished target has disappeared", *job)
    commands.fails("; start over with --restart", *job)
    assert commands.run(*job, "--restart").returncode == 0
    compare(tmp_path / "out.zarr", small(), {"dim": "x"})


def test_what_a_command_began_is_continued_in_python_with_every_default_spelled_out(
    commands: Session, tmp_path: Path
) -> None:
    source, target = tmp_path / "in.zarr", tmp_path / "out.zarr"
    small()[["t"]].to_zarr(source, encoding={"t": {"chunks": (4, 7, 11)}}, zarr_format=2)
    with spoiled(source / "t" / "3.0.0"):
        commands.fails("could not be read", "gradient", source, target, "--dim", "x",
                       "--retries", 0)  # fmt: skip
    report = gradient_to_zarr(
        source, target, None, ["x"], spacing=None, edge_order=1,
        boundary="one-sided", period=None, skipna=False, accuracy=2, metric=None, radius=None,
        validate=True, group=None, engine=None, open_options={}, chunks={}, fill_value=None,
        checksum=False, allow_missing=False, memory=4 * 10**9, retries=5,
    )  # fmt: skip
    assert report.done_before > 0.9
    compare(target, small(), {"dim": "x"})


@pytest.mark.parametrize("kept", [
    "[" * 10**5,
    *(pytest.param(one, marks=pytest.mark.thorough)
      for one in (b"\xff\xfe", "[]", "", '{"version": 3}', "3", "null", "{", b"\0")),
])  # fmt: skip
def test_a_damaged_description_of_a_job_is_refused(kept: str | bytes, tmp_path: Path) -> None:
    job = unfinished(tmp_path).parent / "job.json"
    job.write_bytes(kept if isinstance(kept, bytes) else kept.encode())
    assert_refused_until_restart("whose description is damaged, or not written by xgrad", tmp_path)


@pytest.mark.parametrize("line", [
    "0:99,0:7,0:11 0",
    *(pytest.param(one, marks=pytest.mark.thorough)
      for one in ("nonsense", "0:4,0:7,0:11", "0:4,0:7,0:11 1", "0:4 0", "0:4,0:7,0:11 -1",
                  "4:0,0:7,0:11 0")),
])  # fmt: skip
def test_a_journal_of_another_job_is_refused(line: str, tmp_path: Path) -> None:
    (unfinished(tmp_path).parent / "finished").write_text(f"{line}\n")
    assert_refused_until_restart(f"whose journal has the line '{line}', which", tmp_path)


def assert_refused_until_restart(message: str, tmp_path: Path) -> None:
    before = sorted((str(path), path.lstat().st_mtime_ns) for path in tmp_path.rglob("*"))
    with pytest.raises(ValueError, match=rf"{message}.*; start over with `restart`"):
        gradient_to_zarr(tmp_path / "in.zarr", tmp_path / "out.zarr", dim="x")
    after = sorted((str(path), path.lstat().st_mtime_ns) for path in tmp_path.rglob("*"))
    assert {path for path, _ in before} == {path for path, _ in after}
    gradient_to_zarr(tmp_path / "in.zarr", tmp_path / "out.zarr", dim="x", restart=True)
    compare(tmp_path / "out.zarr", small(), {"dim": "x"})


def test_finished_regions_of_several_groups_are_kept_apart(tmp_path: Path) -> None:
    """A variable may be named like two others together."""
    shape = {"y": 6, "x": 4}
    values = np.random.default_rng(0).normal(size=(3, *shape.values()))
    names = ["u", "v", "u, v"]
    given = xr.Dataset({name: (tuple(shape), own) for name, own in zip(names, values, strict=True)})
    given.to_zarr(tmp_path / "in.zarr", encoding={n: {"chunks": (2, 4)} for n in names},
                  zarr_format=2)  # fmt: skip
    with (
        spoiled(tmp_path / "in.zarr" / "v" / "2.0"),
        pytest.raises(RuntimeError, match="variable 'v'"),
    ):
        gradient_to_zarr(tmp_path / "in.zarr", tmp_path / "out.zarr", dim="x", retries=0)
    gradient_to_zarr(tmp_path / "in.zarr", tmp_path / "out.zarr", dim="x")
    compare(tmp_path / "out.zarr", given, {"dim": "x"})
