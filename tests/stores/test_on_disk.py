from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import fsspec
import pytest
import zarr

from xgrad.stores import on_disk as publishing
from xgrad.stores import on_object_store as object_store


def store(path: Path, content: int) -> Path:
    zarr.open_group(path, mode="w", attributes={"content": content})
    return path


def content(path: Path) -> object:
    return zarr.open_group(path, mode="r").attrs["content"]


@pytest.mark.parametrize("prefix", ["", "file://", "local://", "simplecache::file://"])
def test_the_source_is_known_under_any_name(prefix: str, tmp_path: Path) -> None:
    source = store(tmp_path / "s.zarr", 1)
    for target in (source, f"file://{source}"):
        with pytest.raises(ValueError, match="is the source"):
            publishing.checked_target(f"{prefix}{source}", target, overwrite=True)


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.filterwarnings("ignore:Consolidated metadata:zarr.errors.ZarrUserWarning")
def test_a_consolidated_store_takes_no_group(zarr_format: Any, tmp_path: Path) -> None:
    source, above = store(tmp_path / "s.zarr", 1), tmp_path / "above.zarr"
    zarr.open_group(above, mode="w", zarr_format=zarr_format).create_group("old")
    publishing.checked_target(source, above / "new", overwrite=False)
    zarr.consolidate_metadata(above, zarr_format=zarr_format)
    for name in ("new", "old"):
        with pytest.raises(ValueError, match="would not know of it; give a path outside"):
            publishing.checked_target(source, above / name, overwrite=True)


@pytest.mark.parametrize("inside", ["store.zarr", "replaced.zarr"])
def test_a_source_in_the_workplace_is_not_deleted(inside: str, tmp_path: Path) -> None:
    source = tmp_path / "out.zarr.partial" / inside
    with pytest.raises(ValueError, match="one in the other"):
        publishing.checked_target(source, tmp_path / "out.zarr", overwrite=True)


def test_a_link_to_nothing_and_other_odd_targets(tmp_path: Path) -> None:
    link = tmp_path / "link.zarr"
    link.symlink_to(tmp_path / "gone")
    with pytest.raises(FileExistsError, match="is a link to nothing"):
        publishing.checked_target("in.zarr", link, overwrite=True)
    for target in ("", ".", "/", "s3://bucket/out.zarr"):
        with pytest.raises(ValueError, match="give the path of a store"):
            publishing.checked_target("in.zarr", target, overwrite=True)
    with pytest.raises(FileNotFoundError, match="the folder of `target`"):
        publishing.checked_target("in.zarr", tmp_path / "no" / ".." / "out.zarr", overwrite=True)


def test_an_error_between_the_two_renames_brings_the_old_store_back(tmp_path: Path) -> None:
    target = store(tmp_path / "out.zarr", 1)
    # Nothing was written to the place given, so that the second rename fails.
    with (
        pytest.raises(FileNotFoundError),
        publishing.in_folder(target, overwrite=True) as place,
    ):
        place.publish()
    assert content(target) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["out.zarr"]


def test_a_death_between_the_two_renames_is_mended_by_the_next_run(tmp_path: Path) -> None:
    target = tmp_path / "out.zarr"
    workplace = tmp_path / "out.zarr.partial"
    store(workplace / "replaced.zarr", 1)
    (workplace / publishing._MARK).touch()
    # Without leave to overwrite, the old store that comes back is not replaced.
    with pytest.raises(FileExistsError, match="exists"), publishing.in_folder(target):
        pass
    assert content(target) == 1
    with publishing.in_folder(target, overwrite=True) as place:
        store(place.store, 2)
        place.publish()
    assert content(target) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["out.zarr"]


def test_a_store_that_appears_meanwhile_is_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "out.zarr"
    with publishing.in_folder(target) as place:
        store(place.store, 2)
        place.remember({"job": "this"})
        store(target, 1)
        with pytest.raises(FileExistsError, match="exists"):
            place.publish()
    assert content(target) == 1
    assert content(tmp_path / "out.zarr.partial" / "store.zarr") == 2


def test_what_was_finished_is_remembered(tmp_path: Path) -> None:
    target = tmp_path / "out.zarr"
    with publishing.in_folder(target) as place:
        assert place.remembered() is None
        place.begin(3)
        place.remember({"job": "this"})
        place.finish("0:4 t")
        place.finish("4:8 t")
    with (tmp_path / "out.zarr.partial" / "finished").open("a") as journal:
        journal.write("8:1")  # a process that was killed in the middle of a line
    with publishing.in_folder(target) as place:
        assert place.remembered() == {"job": "this"}
        assert list(place.finished()) == ["0:4 t", "4:8 t"]
        place.finish("8:12 t")
    with publishing.in_folder(target) as place:
        assert list(place.finished()) == ["0:4 t", "4:8 t", "8:12 t"]
        place.begin(3)
        assert list(place.finished()) == []
    assert not (tmp_path / "out.zarr.partial").exists()


def test_an_empty_workplace_of_a_killed_process_is_taken(tmp_path: Path) -> None:
    (tmp_path / "out.zarr.partial").mkdir()
    with publishing.in_folder(tmp_path / "out.zarr") as place:
        assert place.remembered() is None


def test_two_processes_do_not_share_a_workplace(tmp_path: Path) -> None:
    target = tmp_path / "out.zarr"
    code = (
        "import sys, pathlib; from xgrad.stores import on_disk as publishing\n"
        "with publishing.in_folder(pathlib.Path(sys.argv[1])) as place:\n"
        "    place.store.mkdir(); print('held', flush=True); sys.stdin.read()\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(target)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert other.stdin is not None
    assert other.stdout is not None
    assert other.stdout.readline() == b"held\n"
    message = "is being written by another process"
    with pytest.raises(FileExistsError, match=message), publishing.in_folder(target):
        pass
    other.kill()
    other.wait()
    other.stdin.close()
    other.stdout.close()
    assert not target.exists()
    with publishing.in_folder(target) as place:  # the lock of the dead is taken over
        place.begin(3)
        place.store.mkdir()
        place.publish()
    assert target.is_dir()
    assert os.listdir(tmp_path) == ["out.zarr"]  # noqa: PTH208  names, not paths


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_what_lies_on_an_object_store_is_known(zarr_format: int) -> None:
    url, memory = f"memory://{zarr_format}/out.zarr", fsspec.filesystem("memory")
    with object_store.at_url(url) as place:
        place.begin(zarr_format)
        place.remember({"job": "this"})
        place.finish("0:4 t")
        assert place.remembered() == {"job": "this"}
        place.publish()
        assert place.remembered() is None
    assert dict(zarr.open_group(url, mode="r").attrs) == {}
    with pytest.raises(FileExistsError, match="exists; choose another, or remove it first"):
        object_store.refuse("in.zarr", url, overwrite=False)
    # Who removes an unfinished store has left nothing to go on with, and the next may begin.
    memory.rm(f"/{zarr_format}/out.zarr", recursive=True)
    with object_store.at_url(url) as place:
        place.begin(zarr_format)
        place.remember({"job": "this"})
    memory.rm(f"/{zarr_format}/out.zarr", recursive=True)
    object_store.refuse("in.zarr", url, overwrite=False)
    with object_store.at_url(url) as place:
        assert place.remembered() is None
        memory.pipe_file(f"/{zarr_format}/out.zarr/thesis.tex", b"years of work")
    with (
        pytest.raises(FileExistsError, match="exists; choose another"),
        object_store.at_url(url),
    ):
        pass
    assert memory.cat_file(f"/{zarr_format}/out.zarr/thesis.tex") == b"years of work"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("s3://key:secret@bucket/in.zarr", "s3://bucket/in.zarr"),
        ("https://me:secret@host/in.zarr?signature=secret", "https://host/in.zarr"),
        ("simplecache::s3://key:secret@b/in.zarr", "simplecache::s3://b/in.zarr"),
        ("'az://k@c/x' and 's3://k:secret@b'", "'az://c/x' and 's3://b'"),
        ("/data/who?.zarr", "/data/who?.zarr"),
    ],
)
def test_credentials_are_not_shown(given: str, shown: str) -> None:
    assert publishing.shown(given) == shown
