"""The folder of an unfinished job: one process holds it, and nothing leads out of it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from xgrad.stores import own_folder
from xgrad.stores.on_disk import in_folder


def unfinished(target: Path) -> Path:
    """The folder of a job that was begun and not finished."""
    with in_folder(target) as place:
        place.begin(3, "a run")
        place.remember("this job")
        place.finish("0:4 0")
    folder = target.with_name(f"{target.name}.partial")
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        (own_folder.JOB, own_folder.JOURNAL, own_folder.MARK, own_folder.STORE)
    )
    return folder


def everything(folder: Path) -> Any:
    return sorted(
        (str(path), path.lstat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in folder.rglob("*")
    )


WAYS: list[Callable[[Path, Path], None]] = [Path.symlink_to, Path.hardlink_to]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", own_folder._FILES)
def test_a_file_with_another_name_elsewhere_is_left_alone(
    way: Callable[[Path, Path], None], name: str, tmp_path: Path
) -> None:
    folder, victim = unfinished(tmp_path / "out.zarr"), tmp_path / "victim"
    victim.write_text("years of work")
    (folder / name).unlink(missing_ok=True)
    way(folder / name, victim)
    assert_refused(folder, folder / name)


@pytest.mark.parametrize("name", [*own_folder._FOLDERS, f"{own_folder.STORE}/t"])
def test_a_link_to_a_folder_is_left_alone(name: str, tmp_path: Path) -> None:
    folder, victim = unfinished(tmp_path / "out.zarr"), tmp_path / "victim"
    victim.mkdir()
    (victim / "thesis.tex").write_text("years of work")
    if name == own_folder.STORE:
        (folder / name).rename(tmp_path / "elsewhere")
    (folder / name).symlink_to(victim)
    assert_refused(folder, folder / name)


@pytest.mark.parametrize(
    "make", [Path.touch, Path.mkdir, os.mkfifo, lambda path: path.symlink_to("nowhere")]
)
def test_what_is_not_of_a_job_is_left_alone(make: Callable[[Path], None], tmp_path: Path) -> None:
    folder = unfinished(tmp_path / "out.zarr")
    make(folder / "notes")
    assert_refused(folder, folder / "notes")


def test_a_pipe_in_the_place_of_a_file_is_not_opened(tmp_path: Path) -> None:
    folder = unfinished(tmp_path / "out.zarr")
    (folder / own_folder.JOURNAL).unlink()
    os.mkfifo(folder / own_folder.JOURNAL)
    assert_refused(folder, folder / own_folder.JOURNAL)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_the_folder_of_another_user_is_left_alone(tmp_path: Path) -> None:
    folder = unfinished(tmp_path / "out.zarr")
    os.chown(folder, 65534, 65534)
    assert_refused(folder, folder)
    # Who owns the folder above could replace everything anyway.
    os.chown(tmp_path, 65534, 65534)
    with in_folder(tmp_path / "out.zarr") as place:
        assert place.remembered() == "this job"


def assert_refused(folder: Path, path: Path) -> None:
    before = everything(folder.parent)
    message = f"^{str(path)!r} is in the way and was not written by xgrad; move it away$"
    with pytest.raises(FileExistsError, match=message), in_folder(folder.parent / "out.zarr"):
        pass
    assert everything(folder.parent) == before


def test_a_file_that_is_removed_while_it_is_looked_at_does_not_exist(tmp_path: Path) -> None:
    journal = tmp_path / own_folder.JOURNAL
    again = f"""
import os
while True:
    os.close(os.open({str(journal)!r}, os.O_CREAT | os.O_WRONLY))
    os.unlink({str(journal)!r})
"""
    other = subprocess.Popen([sys.executable, "-c", again])
    n_changes, is_there = 0, False
    try:
        while n_changes < 2000:  # one look in ten of those that follow a change is at this moment
            before = is_there
            try:
                own_folder._require_own(journal)
                is_there = True
            except FileNotFoundError:
                is_there = False
            n_changes += is_there is not before
    finally:
        other.kill()
        other.wait()


def test_one_holds_a_folder_that_others_make_and_remove(tmp_path: Path) -> None:
    folder, inside, n_held, faults = tmp_path / "out.zarr.partial", threading.Lock(), 0, []

    def hold_often() -> None:
        nonlocal n_held
        for _ in range(400):
            try:
                with own_folder.locked(folder):
                    if not inside.acquire(blocking=False):
                        faults.append("two hold it")
                        continue
                    n_held += 1
                    inside.release()
                    own_folder.remove(folder)
            except FileExistsError as error:
                if "is being written by another process" not in str(error):
                    faults.append(str(error))

    threads = [threading.Thread(target=hold_often) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert n_held
    assert not folder.exists()


def test_mount_points_are_found_at_a_path_and_below_it(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    place = tmp_path / "out 1.zarr"
    line = "36 35 98:0 /root {} rw,noatime master:1 - ext3 /dev/root rw"
    where = str(place).replace(" ", r"\040")
    for path, found in ((f"{where}/t", place / "t"), (where, place), (f"{where}2", None)):
        mounts.write_text(f"{line.format('/')}\n{line.format(path)}\n")
        assert own_folder.mounted(place, mounts) == found
    assert own_folder.mounted(place, tmp_path / "no such file") is None


@pytest.mark.parametrize("kind", [("--bind",), ("-t", "tmpfs")])
def test_a_mount_point_is_found(kind: tuple[str, ...], tmp_path: Path) -> None:
    place = tmp_path / "out.zarr"
    place.mkdir()
    mount = ["mount", *kind, str(place), str(place)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("mounting needs root")
    try:
        assert own_folder.mounted(place) == place
    finally:
        subprocess.run(["umount", str(place)], check=True)
    assert own_folder.mounted(place) is None
