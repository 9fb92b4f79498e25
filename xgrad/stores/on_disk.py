"""A workplace on disk: the folder ``<target>.partial``, whose store is renamed when it is complete.

Under the name of the target there is nothing or a complete store, whenever a process is killed.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from xgrad.stores import entries, own_folder
from xgrad.stores.urls import is_zarr, local_path, shown
from xgrad.stores.workplace import METADATA, Keeps, Workplace, consolidate, make_root, unmark


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
        If the target exists and may not be replaced, or is a link or a mount point, which cannot
        be replaced.
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
    if place.is_symlink():
        raise FileExistsError(
            f"`target` {str(place)!r} is a link, which is never replaced; give the path that it "
            f"leads to, {str(place.resolve())!r}, or remove it first"
        )
    for one in (place, _workplace(place)):
        fixed = own_folder.mounted(one)
        if fixed is not None:
            raise FileExistsError(
                f"`target` {str(place)!r} cannot be renamed into place, as {str(fixed)!r} is a "
                "mount point; give a path inside the mounted folder, or unmount it"
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
                f"`target` {str(place)!r} and source {str(origin)!r}: one is inside the other; "
                "give a path outside"
            )


class _Folder:
    """The workplace ``<target>.partial``.

    Its journal has a line for each finished region.  A killed process may leave an incomplete last
    line, which is ignored.
    """

    zarr_format = None

    def __init__(self, target: Path, journal: TextIO, *, overwrite: bool) -> None:
        self.target, self.overwrite, self._journal = target, overwrite, journal
        folder = _workplace(target)
        self._job, self._new_job = folder / own_folder.JOB, folder / own_folder.NEW_JOB
        self._replaced, self.store = folder / own_folder.REPLACED, folder / own_folder.STORE

    def begin(self, zarr_format: int, run: str) -> None:
        self._job.unlink(missing_ok=True)
        self._journal.truncate(0)
        for rest in (self.store, self._replaced):
            shutil.rmtree(rest, ignore_errors=True)
        make_root(self.store, zarr_format, run)

    def grow(self, zarr_format: int, run: str, keeps: Keeps) -> None:
        self.begin(zarr_format, run)
        for entry in entries.below(self.target):
            own = Path(entry.path).relative_to(self.target)
            if not entry.is_dir() and _is_kept(own, keeps):
                (self.store / own.parent).mkdir(parents=True, exist_ok=True)
                _link(Path(entry.path), self.store / own)

    def remember(self, job: str) -> None:
        with own_folder.opened(self._new_job, "w") as new:
            new.write(job)
        self._new_job.replace(self._job)

    def remembered(self) -> str | None:
        try:
            with own_folder.opened(self._job, "r") as job:
                return job.read()
        except FileNotFoundError:
            return None

    def finish(self, line: str) -> None:
        self._journal.write(f"{line}\n")
        self._journal.flush()

    def finished(self) -> Iterator[str]:
        self._journal.seek(0)
        end = 0
        for line in self._journal:  # there may be millions
            if not line.endswith("\n"):
                break
            end += len(line.encode())
            yield line.removesuffix("\n")
        self._journal.truncate(end)

    def publish(self, record: str = "") -> None:
        for entry in entries.below(self.store):
            if entry.name.endswith(".partial"):  # what zarr was writing when a process was killed
                Path(entry.path).unlink()
        _refuse_existing(self.target, overwrite=self.overwrite)
        unmark(self.store, record)
        consolidate(self.store)
        self.rename()
        self._job.unlink(missing_ok=True)  # there is nothing to resume

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


def _is_kept(path: Path, keeps: Keeps) -> bool:
    array, *rest = path.parts
    return bool(rest) and path.name not in METADATA and keeps(array, "/".join(rest))


def _link(old: Path, new: Path) -> None:
    """Give a file that will not be changed a second name, or copy it where none is possible."""
    try:
        if not old.is_symlink():
            new.hardlink_to(old)
            return
    except OSError:  # the file system has no links, or no more of this file
        pass
    shutil.copy2(old, new)


def is_replacing(target: str | Path) -> bool:
    """Whether a job has published its store here, and still removes the one that this replaced.

    Examples
    --------
    >>> is_replacing("nowhere.zarr")
    False
    """
    path = local_path(target)
    if path is None:
        return False
    workplace = _workplace(path)
    old, new = workplace / own_folder.REPLACED, workplace / own_folder.STORE
    return old.exists() and path.exists() and not new.exists()


def _tidy(workplace: Path) -> None:
    """Remove the workplace of a process that was killed after it had published."""
    if workplace.exists() and not (workplace / own_folder.STORE).exists():
        with suppress(FileExistsError), own_folder.locked(workplace):
            own_folder.remove(workplace)


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
    with (
        own_folder.locked(workplace),
        own_folder.opened(workplace / own_folder.JOURNAL, "a+") as journal,
    ):
        place = _Folder(target, journal, overwrite=overwrite)
        place.restore()
        try:
            _refuse_existing(target, overwrite=overwrite)
            yield place
        finally:
            if place.remembered() is None:  # the next run could not resume it
                own_folder.remove(workplace)
