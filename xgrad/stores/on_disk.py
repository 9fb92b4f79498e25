"""Where a store is made: which places may be written to, and how a finished one gets its name.

A *workplace* holds what an unfinished job has done, so that the next run can go on: a store, which
job it is of, and which of its regions are finished.  There are three kinds, for a disk, for an
object store and for a versioned one; the last two are in modules of their own.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar, Protocol, TextIO, cast

import zarr

_ZARR_FILES = ("zarr.json", ".zgroup", ".zarray", ".zmetadata")
# In the folder where a store is being written, to know one's own: nothing else is ever deleted.
_MARK = "written-by-xgrad"
# ``s3://key:secret@bucket`` and the signatures in the query of a URL.
_KEYS = re.compile(r"(?<=://)[^/@\s'\"]*@|[^/@\s'\"]+:[^/@\s'\"]+@")
_SIGNATURE = re.compile(r"(://[^\s'\"?]*)\?[^\s'\"]*")


class Workplace(Protocol):
    """What a job needs of the place where its store is made."""

    @property
    def store(self) -> Any:
        """What zarr opens to write to."""

    @property
    def attributes(self) -> dict[str, str]:
        """Those of the root of a store that is not complete."""

    def remembered(self) -> dict[str, str] | None:
        """What the unfinished job that is here was, None if there is none."""

    @property
    def zarr_format(self) -> int | None:
        """The one that it can hold, None if it can hold each."""

    def begin(self, zarr_format: int) -> None:
        """Remove what an earlier job has left, to make a store of this Zarr format."""

    def remember(self, job: dict[str, str]) -> None:
        """Say what the job is, once its metadata are complete."""

    def finished(self) -> Iterable[str]:
        """Names of the regions that were finished."""

    def finish(self, region: str) -> None:
        """Mark a region as finished."""

    def publish(self) -> None:
        """Give the store its name."""


def consolidate(store: Any, zarr_format: int) -> None:
    """Collect all metadata of a store in one place.

    They are no part of format 3 yet, but xarray looks for them first, and would warn each user who
    opens a store without.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Consolidated metadata", zarr.errors.ZarrUserWarning)
        zarr.consolidate_metadata(store, zarr_format=cast(Any, zarr_format))


def shown(text: object) -> str:
    """A path, or a text with URLs in it, without the credentials that a URL may hold.

    Examples
    --------
    >>> shown("neither s3://key:secret@bucket/in.zarr nor https://me@host/in.zarr?signature=abc")
    'neither s3://bucket/in.zarr nor https://host/in.zarr'
    """
    return _SIGNATURE.sub(r"\1", _KEYS.sub("", str(text)))


def local_path(store: str | Path) -> Path | None:
    """Path of a store on this machine, None for one elsewhere.

    Examples
    --------
    >>> local_path("file:///data/in.zarr"), local_path("s3://bucket/in.zarr")
    (PosixPath('/data/in.zarr'), None)
    """
    # "simplecache::file:///data/in.zarr" is a chain whose last part says where the bytes are.
    last = str(store).split("::")[-1]
    protocol, separator, path = last.partition("://")
    if not separator:
        return Path(last)
    return Path(path) if protocol in ("file", "local") else None


def is_zarr(path: Path) -> bool:
    """Whether a folder holds a Zarr group or array.

    Examples
    --------
    >>> is_zarr(Path("/"))
    False
    """
    return path.is_dir() and any((path / name).exists() for name in _ZARR_FILES)


def _workplace(target: Path) -> Path:
    return target.with_name(f"{target.name}.partial")


def checked_target(
    source: str | Path, target: str | Path, *, overwrite: bool, tidies: bool = False
) -> Path:
    """Path to write to, if that can destroy nothing.

    Parameters
    ----------
    source, target : path
        What is read and what is to be written.
    overwrite : bool
        Whether an existing Zarr store may be replaced.
    tidies : bool, default: False
        Whether to remove what a process left that was killed after it had given the store its name.

    Returns
    -------
    Path
        The target.

    Raises
    ------
    ValueError
        If the target is not local, is the source, or one lies in the other; or if it lies in
        a store whose metadata are consolidated.
    FileExistsError
        If the target exists and may not be replaced.
    FileNotFoundError
        If the folder of the target does not exist.

    Examples
    --------
    >>> checked_target("in.zarr", "in.zarr", overwrite=True)
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
        raise FileExistsError(f"`target` {str(place)!r} is a link to nothing; remove it first")
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
            f"`target` {str(place)!r} exists and is no Zarr store, and is not replaced by one; "
            "choose another"
        )
    if place.exists() and not overwrite:
        raise FileExistsError(
            f"`target` {str(place)!r} exists; choose another, or replace it with `overwrite`"
        )


def _refuse_consolidated(place: Path) -> None:
    """A consolidated store lists what is in it in one file, which would not know of a new group."""
    for above in place.resolve().parents:
        if (above / ".zmetadata").exists() or _is_consolidated(above / "zarr.json"):
            raise ValueError(
                f"`target` {str(place)!r} lies in the store {str(above)!r}, whose consolidated "
                "metadata would not know of it; give a path outside"
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
                f"`target` {str(place)!r} and source {str(origin)!r} lie one in the other; give "
                "a path outside"
            )


class _Folder:
    """A workplace on disk: ``<target>.partial``, renamed when it is complete.

    Its journal has a line for each finished region.  A process that is killed may leave half a
    line at its end, which is not taken for a region.
    """

    zarr_format = None
    attributes: ClassVar[dict[str, str]] = {}

    def __init__(self, target: Path, journal: TextIO, *, overwrite: bool) -> None:
        self.target, self.overwrite, self._journal = target, overwrite, journal
        self._folder = _workplace(target)
        self._replaced = self._folder / "replaced.zarr"
        self._job = self._folder / "job.json"
        self.store = self._folder / "store.zarr"

    def remembered(self) -> dict[str, str] | None:
        try:
            return dict(json.loads(self._job.read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError):
            return None

    def begin(self, zarr_format: int) -> None:  # noqa: ARG002  the store comes with its metadata
        self._job.unlink(missing_ok=True)
        self._journal.truncate(0)
        for rest in (self.store, self._replaced):
            shutil.rmtree(rest, ignore_errors=True)

    def remember(self, job: dict[str, str]) -> None:
        new = self._job.with_suffix(".new")
        new.write_text(json.dumps(job), encoding="utf-8")
        new.replace(self._job)

    def finished(self) -> Iterable[str]:
        self._journal.seek(0)
        whole, _, _ = self._journal.read().rpartition("\n")
        lines = whole.split("\n") if whole else []
        self._journal.truncate(sum(len(f"{line}\n".encode()) for line in lines))
        return lines

    def finish(self, region: str) -> None:
        self._journal.write(f"{region}\n")
        self._journal.flush()

    def publish(self) -> None:
        for where, _, names in os.walk(self.store):
            for name in names:
                if name.endswith(".partial"):  # what zarr was writing when a process was killed
                    (Path(where) / name).unlink()
        _refuse_existing(self.target, overwrite=self.overwrite)
        try:
            if self.target.exists():
                self.target.rename(self._replaced)
            self.store.rename(self.target)
        except BaseException:
            self.restore()
            raise
        _remove(self._folder)

    def restore(self) -> None:
        """Bring back what was to be replaced, if a run ended between its two renames."""
        if self._replaced.exists() and not self.target.exists():
            self._replaced.rename(self.target)


def _remove(workplace: Path) -> None:
    """Remove a workplace, its mark last: what is left when this is interrupted is still known."""
    for rest in workplace.iterdir() if workplace.is_dir() else ():
        if rest.is_dir():
            shutil.rmtree(rest, ignore_errors=True)
        elif rest.name != _MARK:
            rest.unlink(missing_ok=True)
    (workplace / _MARK).unlink(missing_ok=True)
    if workplace.is_dir() and not any(workplace.iterdir()):
        workplace.rmdir()


def _tidy(workplace: Path) -> None:
    """Remove what a process left that was killed after it had given the store its name."""
    stores = (workplace / "store.zarr", workplace / "replaced.zarr")
    if workplace.exists() and not any(store.exists() for store in stores):
        with suppress(FileExistsError), _held(workplace):
            _remove(workplace)


@contextmanager
def in_folder(target: Path, *, overwrite: bool = False) -> Iterator[Workplace]:
    """Hold the workplace beside a target on disk.

    Parameters
    ----------
    target : Path
        From :func:`checked_target`.
    overwrite : bool, default: False
        Replace a store that is there once the new one is complete.  Without it a store that
        appears while the new one is being written is left alone.

    Yields
    ------
    Workplace
        In ``<target>.partial``.

    Raises
    ------
    FileExistsError
        If ``<target>.partial`` was not written by xgrad, or is being written by another process,
        or the target exists by now and may not be replaced.

    Examples
    --------
    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "out.zarr"
    >>> with in_folder(target) as place:
    ...     place.store.mkdir()
    ...     place.publish()
    >>> target.is_dir()
    True
    """
    workplace = _workplace(target)
    with _held(workplace), (workplace / "finished").open("a+", encoding="utf-8") as journal:
        place = _Folder(target, journal, overwrite=overwrite)
        place.restore()
        try:
            _refuse_existing(target, overwrite=overwrite)
            yield place
        finally:
            if place.remembered() is None:  # nothing that a next run could go on with
                _remove(workplace)


@contextmanager
def _held(workplace: Path) -> Iterator[None]:
    """Make the folder, or take over the one of a dead process, and hold a lock on it."""
    is_empty = workplace.is_dir() and not any(workplace.iterdir())  # killed before its first write
    is_own = is_empty or (workplace / _MARK).exists()
    if workplace.is_symlink() or (workplace.exists() and not is_own):
        raise FileExistsError(
            f"{str(workplace)!r} is in the way and was not written by xgrad; move it away"
        )
    workplace.mkdir(exist_ok=True)
    with (workplace / _MARK).open("a") as mark:
        try:
            # The system lets go of it when the process ends, however it ends.
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FileExistsError(
                f"{str(workplace)!r} is being written by another process; wait for it"
            ) from error
        yield
