"""The folder of an unfinished job on disk: locked, and with nothing in it but what xgrad made.

Whoever can write beside a target could put a link there that leads elsewhere.  So no link is
followed, and what a job did not make is neither read, nor written, nor removed.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO, cast

from xgrad.stores import entries

#: File that marks the folder as xgrad's, and that the process which works there has locked.
MARK = "written-by-xgrad"
#: What else a job makes: its description, also while it is written; its journal; the new store, and
#: the one that it replaces.
JOB, NEW_JOB, JOURNAL, STORE, REPLACED = (
    "job.json", "job.new", "finished", "store.zarr", "replaced.zarr"
)  # fmt: skip
_FILES, _FOLDERS = (MARK, JOB, NEW_JOB, JOURNAL), (STORE, REPLACED)
# How often a process tries to lock a folder that others make and remove at the same time.
_ATTEMPTS = 100
_MOUNTS = Path("/proc/self/mountinfo")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Make a folder, or take over that of a dead process, and lock it for the ``with`` block.

    Raises
    ------
    FileExistsError
        If another process holds it, or it has anything that xgrad did not make.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp()) / "out.zarr.partial"
    >>> with locked(folder):
    ...     print([path.name for path in folder.iterdir()])
    ...     remove(folder)
    ['written-by-xgrad']
    """
    with _locked_mark(folder):
        for name in os.listdir(folder):  # noqa: PTH208  names, not paths
            _require_own(folder / name)
        for entry in entries.below(folder / STORE):
            if entry.is_symlink():
                raise _foreign(Path(entry.path))
        yield


def _locked_mark(folder: Path) -> TextIO:
    for _ in range(_ATTEMPTS):
        _require_own_folder(folder)
        with suppress(FileExistsError):
            folder.mkdir()
        try:
            mark = opened(folder / MARK, "a")
        except FileNotFoundError:  # another process has just removed the folder
            continue
        try:
            # The system releases it when the process ends, however it ends.
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            mark.close()
            raise _held(folder) from error
        # The process that held it may have removed the file after this one had opened it.
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(mark.fileno()), (folder / MARK).lstat()):
                return mark
        mark.close()
    raise _held(folder)


def _held(folder: Path) -> FileExistsError:
    return FileExistsError(f"{str(folder)!r} is being written by another process; wait for it")


def _foreign(path: Path) -> FileExistsError:
    return FileExistsError(
        f"{str(path)!r} is in the way and was not written by xgrad; move it away"
    )


def _require_own_folder(folder: Path) -> None:
    """Refuse a folder that another user or another program made."""
    try:
        status, above = folder.lstat(), folder.parent.stat()
        # The owner of the folder above could do anything here in any case.
        is_own = stat.S_ISDIR(status.st_mode) and status.st_uid in (os.geteuid(), above.st_uid)
        names = os.listdir(folder) if is_own else []  # noqa: PTH208  names, not paths
    except FileNotFoundError:
        return
    # Empty if a process was killed before its first write.
    if not is_own or (names and MARK not in names):
        raise _foreign(folder)


def _require_own(path: Path) -> None:
    """Refuse what is not a file or a folder of a job, such as a link or a second name of a file.

    Raises
    ------
    FileNotFoundError
        If it does not exist, or is removed at this moment: it is still found, but has no name left
        (``test_a_file_that_is_removed_while_it_is_looked_at_does_not_exist``).
    """
    status = path.lstat()
    is_regular = stat.S_ISREG(status.st_mode)
    if is_regular and status.st_nlink == 0:  # some file systems count no names of folders
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    is_file = is_regular and status.st_nlink == 1 and path.name in _FILES
    is_folder = stat.S_ISDIR(status.st_mode) and path.name in _FOLDERS
    if not is_file and not is_folder:
        raise _foreign(path)


def opened(path: Path, mode: str) -> TextIO:
    """Open a file of a job, but not what a link with its name leads to.

    Raises
    ------
    FileExistsError
        If it is not a file that a job made.
    FileNotFoundError
        If it does not exist, and is only to be read.
    """
    if os.path.lexists(path):
        _require_own(path)
    try:
        # A job writes valid UTF-8.  What is not will be refused by whoever understands the text.
        return cast(
            TextIO,
            open(path, mode, encoding="utf-8", errors="replace", opener=_without_following),
        )
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise _foreign(path) from error


def _without_following(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)


def remove(folder: Path) -> None:
    """Remove a locked folder, its mark last, so that an interrupted removal can be repeated."""
    for name in _FOLDERS:
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in _FILES:
        if name != MARK:
            (folder / name).unlink(missing_ok=True)
    if os.listdir(folder) == [MARK]:  # noqa: PTH208  names, not paths
        (folder / MARK).unlink()
        with suppress(OSError):  # another process may be taking over
            folder.rmdir()


def mounted(path: Path, mounts: Path = _MOUNTS) -> Path | None:
    """A mount point at a path or below it, which cannot be renamed or removed.

    Examples
    --------
    >>> mounted(Path("/"))
    PosixPath('/')
    >>> mounted(Path("/no/such/folder"))
    """
    place = path.resolve()
    if os.path.ismount(place):
        return place
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:  # not Linux
        return None
    # Spaces are written as \040.
    fields = (re.sub(r"\\([0-7]{3})", lambda one: chr(int(one[1], 8)), line) for line in
              (line.split()[4] for line in lines))  # fmt: skip
    return next((found for found in map(Path, fields) if place in (found, *found.parents)), None)
