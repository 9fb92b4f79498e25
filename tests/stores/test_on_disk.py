"""A workplace on disk, and targets that may not be written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import zarr

from xgrad.stores import on_disk, own_folder


def store(path: Path, content: int) -> Path:
    zarr.open_group(path, mode="w", attributes={"content": content})
    return path


def content(path: Path) -> object:
    return zarr.open_group(path, mode="r").attrs["content"]


@pytest.mark.parametrize("prefix", ["", "file://", "local://", "simplecache::file://"])
def test_the_source_is_recognised_under_any_name(prefix: str, tmp_path: Path) -> None:
    source = store(tmp_path / "s.zarr", 1)
    for target in (source, f"file://{source}"):
        with pytest.raises(ValueError, match="is the source"):
            on_disk.checked_path(f"{prefix}{source}", target, overwrite=True)


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.filterwarnings("ignore:Consolidated metadata:zarr.errors.ZarrUserWarning")
def test_no_group_is_written_into_a_consolidated_store(zarr_format: Any, tmp_path: Path) -> None:
    source, above = store(tmp_path / "s.zarr", 1), tmp_path / "above.zarr"
    zarr.open_group(above, mode="w", zarr_format=zarr_format).create_group("old")
    on_disk.checked_path(source, above / "new", overwrite=False)
    zarr.consolidate_metadata(above, zarr_format=zarr_format)
    for name in ("new", "old"):
        with pytest.raises(ValueError, match="would not list it; give a path outside"):
            on_disk.checked_path(source, above / name, overwrite=True)


@pytest.mark.parametrize("inside", ["store.zarr", "replaced.zarr"])
def test_a_source_in_the_workplace_is_not_deleted(inside: str, tmp_path: Path) -> None:
    source = tmp_path / "out.zarr.partial" / inside
    with pytest.raises(ValueError, match="one is inside the other"):
        on_disk.checked_path(source, tmp_path / "out.zarr", overwrite=True)


def test_broken_links_and_other_odd_targets_are_refused(tmp_path: Path) -> None:
    link = tmp_path / "link.zarr"
    link.symlink_to(tmp_path / "gone")
    with pytest.raises(FileExistsError, match="is a broken link"):
        on_disk.checked_path("in.zarr", link, overwrite=True)
    for target in ("", ".", "/", "s3://bucket/out.zarr"):
        with pytest.raises(ValueError, match="give the path of a store"):
            on_disk.checked_path("in.zarr", target, overwrite=True)
    with pytest.raises(FileNotFoundError, match="the folder of `target`"):
        on_disk.checked_path("in.zarr", tmp_path / "no" / ".." / "out.zarr", overwrite=True)


def test_a_link_and_a_mount_point_are_never_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link, real = tmp_path / "link.zarr", store(tmp_path / "real.zarr", 1)
    link.symlink_to(real)
    with pytest.raises(FileExistsError, match=f"is a link, .* leads to, '{real}', or remove it"):
        on_disk.checked_path("in.zarr", link, overwrite=True)
    assert on_disk.checked_path("in.zarr", real, overwrite=True) == real, "the remedy works"
    link.unlink()
    with on_disk.in_folder(link, overwrite=True) as place:
        place.begin(3, "a run")
        link.symlink_to(real)
        with pytest.raises(FileExistsError, match="is a link"):
            place.publish()
    assert (content(real), link.is_symlink()) == (1, True)
    mounts = tmp_path / "mounts"
    monkeypatch.setattr(own_folder.mounted, "__defaults__", (mounts,))
    for name in ("real.zarr", "real.zarr.partial"):
        mounts.write_text(f"36 35 98:0 / {tmp_path / name} rw - ext3 /dev/root rw\n")
        with pytest.raises(FileExistsError, match=f"as '{tmp_path / name}' is a mount point"):
            on_disk.checked_path("in.zarr", real, overwrite=True)


def test_an_error_between_the_two_renames_brings_the_old_store_back(tmp_path: Path) -> None:
    target = store(tmp_path / "out.zarr", 1)
    # There is no new store, so the second rename fails.
    with (
        pytest.raises(FileNotFoundError),
        on_disk.in_folder(target, overwrite=True) as place,
    ):
        place.rename()
    assert content(target) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["out.zarr"]


def test_a_death_between_the_two_renames_is_repaired_by_the_next_run(tmp_path: Path) -> None:
    target = tmp_path / "out.zarr"
    workplace = tmp_path / "out.zarr.partial"
    store(workplace / "replaced.zarr", 1)
    (workplace / own_folder.MARK).touch()
    # Without leave to overwrite, the old store that comes back is not replaced.
    with pytest.raises(FileExistsError, match="exists"), on_disk.in_folder(target):
        pass
    assert content(target) == 1
    with on_disk.in_folder(target, overwrite=True) as place:
        store(place.store, 2)
        place.publish()
    assert content(target) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["out.zarr"]


def test_a_store_that_appears_meanwhile_is_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "out.zarr"
    with on_disk.in_folder(target) as place:
        store(place.store, 2)
        place.remember("this job")
        store(target, 1)
        with pytest.raises(FileExistsError, match="exists"):
            place.publish()
    assert content(target) == 1
    assert content(tmp_path / "out.zarr.partial" / "store.zarr") == 2


def test_finished_regions_are_remembered(tmp_path: Path) -> None:
    target = tmp_path / "out.zarr"
    with on_disk.in_folder(target) as place:
        assert place.remembered() is None
        place.begin(3, "a run")
        place.remember("this job")
        place.finish("0:4 t")
        place.finish("4:8 t")
    with (tmp_path / "out.zarr.partial" / "finished").open("a") as journal:
        journal.write("8:1")  # a process that was killed in the middle of a line
    with on_disk.in_folder(target) as place:
        assert place.remembered() == "this job"
        assert list(place.finished()) == ["0:4 t", "4:8 t"]
        place.finish("8:12 t")
    with on_disk.in_folder(target) as place:
        assert list(place.finished()) == ["0:4 t", "4:8 t", "8:12 t"]
        place.begin(3, "a run")
        assert list(place.finished()) == []
    assert not (tmp_path / "out.zarr.partial").exists()


def test_an_empty_workplace_of_a_killed_process_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / "out.zarr.partial").mkdir()
    with on_disk.in_folder(tmp_path / "out.zarr") as place:
        assert place.remembered() is None


def test_two_processes_do_not_share_a_workplace(tmp_path: Path) -> None:
    target = tmp_path / "out.zarr"
    code = (
        "import sys, pathlib; from xgrad.stores.on_disk import in_folder\n"
        "with in_folder(pathlib.Path(sys.argv[1])) as place:\n"
        "    place.store.mkdir(); print('held', flush=True); sys.stdin.read()\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(target)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert other.stdin is not None
    assert other.stdout is not None
    assert other.stdout.readline() == b"held\n"
    message = "is being written by another process"
    with pytest.raises(FileExistsError, match=message), on_disk.in_folder(target):
        pass
    other.kill()
    other.wait()
    other.stdin.close()
    other.stdout.close()
    assert not target.exists()
    with on_disk.in_folder(target) as place:  # the lock of the dead is taken over
        place.begin(3, "a run")
        place.publish()
    assert target.is_dir()
    assert os.listdir(tmp_path) == ["out.zarr"]  # noqa: PTH208  names, not paths
