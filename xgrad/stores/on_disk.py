"""A workplace on disk: the folder ``<target>.partial``, whose store is renamed when it is complete.

Under the name of the target there is nothing or a complete store, whenever a process is killed.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from xgrad.stores.urls import is_zarr, local_path, shown
from xgrad.stores.workplace import Workplace, consolidate, make_root, unmark

# File that marks a workplace as xgrad's.  Nothing else is ever deleted.
_MARK = "written-by-xgrad"


def _workplace(target: Path) -> Path:
    return target.with_name(f"{target.name}.partial")


def checked_path(
    source: str | Path, target: str | Path, *, overwrite: bool, tidies: bool = False
) -> Path:
    """Path of a target on disk that can be written without loss.

    Parameters
    ----------
    source, target : path
        What is read and what is to be written.
    overwrite : bool
        Whether an existing Zarr store may be replaced.
    tidies : bool, default: False
        Whether to remove the workplace of a process that was killed after it had published.

    Returns
    -------
    Path
        The target.

    Raises
    ------
    ValueError
        If the target is not local, overlaps the source, or is inside a store whose metadata are
        consolidated.
    FileExistsError
        If the target exists and may not be replaced.
    FileNotFoundError
        If the folder of the target does not exist.

    Examples
    --------
    >>> checked_path("in.zarr", "in.zarr", overwrite=True)
    Traceback (most recent call last):
      ...
    ValueError: `target` 'in.zarr' is the source; give another path
    """
    place, origin = local_path(target), local_path(source)
    if place is None or not place.name:
        raise ValueError(f"`target` is {shown(target)!r}; give the path of a store")
    if origin is not None:
        _refuse_overlap(origin, place)
    if place.is_symlink() and not place.exists():
        raise FileExistsError(f"`target` {str(place)!r} is a broken link; remove it first")
    if tidies and place.exists():
        _tidy(_workplace(place))
    _refuse_existing(place, overwrite=overwrite)
    _refuse_consolidated(place)
    if not place.parent.is_dir():
        raise FileNotFoundError(f"the folder of `target` {str(place)!r} does not exist")
    return place


def _refuse_existing(place: Path, *, overwrite: bool) -> None:
    if place.exists() and not is_zarr(place):
        raise FileExistsError(
            f"`target` {str(place)!r} exists but is not a Zarr store, so it is never overwritten; "
            "choose another path"
        )
    if place.exists() and not overwrite:
        raise FileExistsError(
            f"`target` {str(place)!r} exists; choose another, or replace it with `overwrite`"
        )


def _refuse_consolidated(place: Path) -> None:
    """Consolidated metadata list the contents of a store in one file, which would miss a group."""
    for above in place.resolve().parents:
        if (above / ".zmetadata").exists() or _is_consolidated(above / "zarr.json"):
            raise ValueError(
                f"`target` {str(place)!r} is inside the store {str(above)!r}, whose consolidated "
                "metadata would not list it; give a path outside"
            )


def _is_consolidated(metadata: Path) -> bool:
    try:
        return bool(json.loads(metadata.read_text(encoding="utf-8")).get("consolidated_metadata"))
    except (OSError, ValueError, AttributeError):
        return False


def _refuse_overlap(origin: Path, place: Path) -> None:
    here, there = origin.resolve(), place.resolve()
    if here == there or (here.exists() and there.exists() and here.samefile(there)):
        raise ValueError(f"`target` {str(place)!r} is the source; give another path")
    for written in (there, _workplace(place).resolve()):
        if here == written or here in written.parents or written in here.parents:
            raise ValueError(
                f"`target` {str(place)!r} and source {str(origin)!r} contain one another; give "
                "a path outside"
            )


class _Folder:
    """The workplace ``<target>.partial``.

    Its journal has a line for each finished region.  A killed process may leave an incomplete last
    line, which is ignored.
    """

    zarr_format = None

    def __init__(self, target: Path, journal: TextIO, *, overwrite: bool) -> None:
        self.target, self.overwrite, self._journal = target, overwrite, journal
        self._folder = _workplace(target)
        self._replaced = self._folder / "replaced.zarr"
        self._job = self._folder / "job.json"
        self.store = self._folder / "store.zarr"

    def begin(self, zarr_format: int, run: str) -> None:
        self._job.unlink(missing_ok=True)
        self._journal.truncate(0)
        for rest in (self.store, self._replaced):
            shutil.rmtree(rest, ignore_errors=True)
        make_root(self.store, zarr_format, run)

    def remember(self, job: str) -> None:
        new = self._job.with_suffix(".new")
        new.write_text(job, encoding="utf-8")
        new.replace(self._job)

    def remembered(self) -> str | None:
        return self._job.read_text(encoding="utf-8") if self._job.exists() else None

    def finish(self, line: str) -> None:
        self._journal.write(f"{line}\n")
        self._journal.flush()

    def finished(self) -> Iterable[str]:
        self._journal.seek(0)
        whole, _, _ = self._journal.read().rpartition("\n")
        lines = whole.split("\n") if whole else []
        self._journal.truncate(sum(len(f"{line}\n".encode()) for line in lines))
        return lines

    def publish(self) -> None:
        for where, _, names in os.walk(self.store):
            for name in names:
                if name.endswith(".partial"):  # what zarr was writing when a process was killed
                    (Path(where) / name).unlink()
        _refuse_existing(self.target, overwrite=self.overwrite)
        unmark(self.store)
        consolidate(self.store)
        self.rename()
        _remove(self._folder)

    def rename(self) -> None:
        """Give the store its name, and bring back the store to be replaced if that fails."""
        try:
            if self.target.exists():
                self.target.rename(self._replaced)
            self.store.rename(self.target)
        except BaseException:
            self.restore()
            raise

    def restore(self) -> None:
        """Bring back the store to be replaced, if a run ended between its two renames."""
        if self._replaced.exists() and not self.target.exists():
            self._replaced.rename(self.target)


def _remove(workplace: Path) -> None:
    """Remove a workplace, its mark last, so that an interrupted removal can be repeated."""
    for rest in workplace.iterdir() if workplace.is_dir() else ():
        if rest.is_dir():
            shutil.rmtree(rest, ignore_errors=True)
        elif rest.name != _MARK:
            rest.unlink(missing_ok=True)
    (workplace / _MARK).unlink(missing_ok=True)
    if workplace.is_dir() and not any(workplace.iterdir()):
        workplace.rmdir()


def _tidy(workplace: Path) -> None:
    """Remove the workplace of a process that was killed after it had published."""
    stores = (workplace / "store.zarr", workplace / "replaced.zarr")
    if workplace.exists() and not any(store.exists() for store in stores):
        with suppress(FileExistsError), _locked(workplace):
            _remove(workplace)


@contextmanager
def in_folder(target: Path, *, overwrite: bool = False) -> Iterator[Workplace]:
    """Open the workplace beside a target on disk, for this process alone.

    Parameters
    ----------
    target : Path
        From :func:`checked_path`.
    overwrite : bool, default: False
        Whether publishing may replace a store.  Without it, a store that appears under the name
        of the target while the new one is being written is left alone.

    Yields
    ------
    Workplace
        In ``<target>.partial``.

    Raises
    ------
    FileExistsError
        If ``<target>.partial`` was not written by xgrad or another process is writing it, or if
        the target exists by now and may not be replaced.

    Examples
    --------
    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "out.zarr"
    >>> with in_folder(target) as place:
    ...     place.begin(3, "a run")
    ...     place.publish()
    >>> target.is_dir()
    True
    """
    workplace = _workplace(target)
    with _locked(workplace), (workplace / "finished").open("a+", encoding="utf-8") as journal:
        place = _Folder(target, journal, overwrite=overwrite)
        place.restore()
        try:
            _refuse_existing(target, overwrite=overwrite)
            yield place
        finally:
            if place.remembered() is None:  # the next run could not resume it
                _remove(workplace)


@contextmanager
def _locked(workplace: Path) -> Iterator[None]:
    """Make a workplace, or take over that of a dead process, and lock it."""
    is_empty = workplace.is_dir() and not any(workplace.iterdir())  # killed before its first write
    is_own = is_empty or (workplace / _MARK).exists()
    if workplace.is_symlink() or (workplace.exists() and not is_own):
        raise FileExistsError(
            f"{str(workplace)!r} is in the way and was not written by xgrad; move it away"
        )
    workplace.mkdir(exist_ok=True)
    with (workplace / _MARK).open("a") as mark:
        try:
            # The system releases it when the process ends, however it ends.
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FileExistsError(
                f"{str(workplace)!r} is being written by another process; wait for it"
            ) from error
        yield
