"""A workplace on an object store, where nothing can be renamed.

The store is written under its own name.  The attribute ``xgrad_incomplete`` of its root marks it as
unfinished until the last write removes it.  What the next run must know to resume it is kept beside
it, under ``<target>.partial``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import quote, unquote

import fsspec
from fsspec.asyn import AsyncFileSystem, sync

from xgrad.stores.listing import details_of, some_of
from xgrad.stores.object_lock import ObjectLock
from xgrad.stores.urls import cause, is_remote, shown
from xgrad.stores.workplace import (
    INCOMPLETE,
    METADATA,
    Keeps,
    Workplace,
    completed,
    consolidate,
    make_root,
)

# Where the metadata of a root have its attributes, in the order in which readers look for them.
_ATTRIBUTES = {".zmetadata": ("metadata", ".zattrs"), ".zattrs": (), "zarr.json": ("attributes",)}


def pages(fs: Any, prefix: str) -> Iterator[list[str]]:
    """Paths of all objects that begin with a prefix, some at a time.

    They may be removed meanwhile.  A million of them at once would take a gigabyte.

    Parameters
    ----------
    fs : AbstractFileSystem
        Of fsspec.
    prefix : str
        With a slash at its end.

    Examples
    --------
    >>> import fsspec
    >>> fs = fsspec.filesystem("memory")
    >>> fs.pipe_file("/of-pages/a/0", b"")
    >>> list(pages(fs, "/of-pages/"))
    [['/of-pages/a/0']]
    """
    if not isinstance(fs, AsyncFileSystem):
        yield fs.find(prefix)
        return
    found = details_of(fs, prefix)
    while page := sync(fs.loop, some_of, found):
        yield [path for path, _ in page]


class _Prefix:
    """The workplace of a URL."""

    zarr_format = None

    def __init__(self, url: str) -> None:
        self.store = url.rstrip("/")
        # Listings must not be cached, as other processes write here.
        self.fs, self.root = fsspec.core.url_to_fs(self.store, use_listings_cache=False)
        self.beside = f"{self.root}.partial"
        self.lock = ObjectLock(self.fs, f"{self.beside}/lock")
        self._job, self._all_marks = f"{self.beside}/job.json", f"{self.beside}/finished"
        # Token of the run that began the store, which those that resume it share.
        self._begun_by = ""

    def begin(self, zarr_format: int, run: str) -> None:
        self._take_over(run)
        # The metadata of the root say that the store may be removed, so they go last.
        self._remove(lambda path: path.rpartition("/")[0] != self.root)
        make_root(self.store, zarr_format, run)

    def grow(self, zarr_format: int, run: str, keeps: Keeps) -> None:
        del zarr_format  # that of the store, as of all that is kept of it
        self._take_over(run)
        # Readers learn that the store is unfinished before anything of it changes.
        self._set_attributes(lambda own: own | {INCOMPLETE: run})

        def is_dropped(path: str) -> bool:
            array, _, key = path.removeprefix(f"{self.root}/").partition("/")
            return path.rpartition("/")[2] not in METADATA and not keeps(array, key)

        self._remove(is_dropped)

    def _remove(self, is_dropped: Callable[[str], bool]) -> None:
        """Remove some objects of the store, page by page."""
        for page in pages(self.fs, f"{self.root}/"):
            dropped = list(filter(is_dropped, page))
            if dropped:
                self.fs.rm(dropped)

    def _take_over(self, run: str) -> None:
        """Say that xgrad has begun a store here, and that there is nothing to resume."""
        self.lock.renew()
        self._begun_by = run
        self.remember("")
        if self.fs.exists(self._all_marks):
            self.fs.rm(self._all_marks, recursive=True)

    def _set_attributes(self, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Change the attributes of the root, wherever readers find them."""
        for name, keys in _ATTRIBUTES.items():
            found = self._read(f"{self.root}/{name}")
            if found is not None:
                metadata = json.loads(found)
                own = _inside(metadata, keys)
                new = change(dict(own))
                own.clear()
                own.update(new)
                self.fs.pipe_file(f"{self.root}/{name}", json.dumps(metadata).encode())

    def remember(self, job: str) -> None:
        self.fs.pipe_file(self._job, f"{self._begun_by}\n{job}".encode())

    def remembered(self) -> str | None:
        kept = (self._read(self._job) or b"").decode(errors="replace")
        self._begun_by, _, job = kept.partition("\n")
        return job or None

    @property
    def _marks(self) -> str:
        """The folder with the marks of regions that runs of this job have finished.

        A run that lost its lock may still write marks after another run has restarted its job.
        Those are kept in another folder.
        """
        return f"{self._all_marks}/{self._begun_by}"

    def finish(self, line: str) -> None:
        self.lock.require()
        self.fs.pipe_file(f"{self._marks}/{quote(line, safe='')}", b"finished")

    def finished(self) -> Iterable[str]:
        if not self.fs.exists(self._marks):
            return []
        found = (path for page in pages(self.fs, f"{self._marks}/") for path in page)
        return [unquote(path.rsplit("/", 1)[1]) for path in found]

    def publish(self, record: str = "") -> None:
        self.lock.renew()
        # Readers look at the consolidated metadata first: they must exist when the mark goes.
        consolidate(self.store)
        self._set_attributes(lambda own: completed(own, record))
        self.tidy()

    def is_begun(self) -> bool:
        return self._read(self._job) is not None

    def is_free(self) -> bool:
        """Whether the target has nothing but what xgrad has begun."""
        if not self.is_begun():
            return not self.fs.exists(self.root)
        if self._is_incomplete():
            return True
        # A process was killed between its first two writes, or after it had removed a store.
        try:
            names = {path.rsplit("/", 1)[1] for path in self.fs.ls(self.root, detail=False)}
        except FileNotFoundError:
            return True
        return names <= {".zgroup"}

    def is_store(self) -> bool:
        """Whether there is a store, of which no chunk of a result has been replaced yet."""
        names = ("zarr.json", ".zgroup")
        is_there = any(self.fs.exists(f"{self.root}/{name}") for name in names)
        return is_there and not (self._is_incomplete() and self.remembered())

    def tidy(self) -> None:
        """Remove what was kept about a job that has ended."""
        for path in (self._all_marks, self._job):
            if self.fs.exists(path):
                self.fs.rm(path, recursive=True)

    def _is_incomplete(self) -> bool:
        for name in ("zarr.json", ".zattrs"):
            found = self._read(f"{self.root}/{name}")
            if found is not None:
                with suppress(ValueError, TypeError, KeyError):  # written by another program
                    return INCOMPLETE in _inside(json.loads(found), _ATTRIBUTES[name])
        return False

    def _read(self, path: str) -> bytes | None:
        try:
            found: bytes = self.fs.cat_file(path)
        except FileNotFoundError:
            return None
        return found


def _inside(metadata: Any, keys: tuple[str, ...]) -> Any:
    for key in keys:
        metadata = metadata[key]
    return metadata


def check(
    source: object, target: str, *, overwrite: bool, grows: bool = False, tidies: bool = False
) -> None:
    """Check that a store can be written to a URL without loss.

    Parameters
    ----------
    source, target : object and str
        What is read and what is to be written.
    overwrite : bool
        Whether the user wants to replace an existing store.
    grows : bool, default: False
        Whether an existing store gets more cells.
    tidies : bool, default: False
        Whether to remove what an unfinished job left beside a store that is complete or that it
        did not write.

    Raises
    ------
    ValueError
        If source and target overlap.
    FileExistsError
        If the target has anything but an unfinished store of xgrad.
    ImportError
        If the package for this kind of URL is not installed.
    OSError
        If the object store cannot be reached.
    """
    try:
        place = _Prefix(target)
        is_free = place.is_free()
    except ImportError as error:
        raise ImportError(
            f"`target` {shown(target)!r} needs a package: {error}; for s3:// install it with "
            "`pip install 'xgrad[s3]'`"
        ) from error
    except Exception as error:  # noqa: BLE001  each kind of object store has its own errors
        message = f"`target` {shown(target)!r} cannot be reached: {shown(error)}"
        raise OSError(message) from cause(error)
    _refuse_overlap(source, target, place)
    if is_free or (grows and place.is_store()):
        return
    if tidies and place.is_begun() and place.lock.is_free():
        place.tidy()
        if place.lock.take():
            place.lock.release()
    remedy = "; `overwrite` works on disk only, where a store can be renamed" if overwrite else ""
    raise FileExistsError(f"{_exists(target)}{remedy}")


def existing(target: str) -> str | None:
    """The URL, if it has a store that can grow."""
    return target if _Prefix(target).is_store() else None


def _refuse_overlap(source: object, target: str, place: _Prefix) -> None:
    here = str(source).rstrip("/")
    if not is_remote(here):
        return
    _, origin = fsspec.core.url_to_fs(here)
    if origin == place.root:
        raise ValueError(f"`target` {shown(target)!r} is the source; give another URL")
    for one, other in ((origin, place.root), (place.root, origin), (origin, place.beside)):
        if f"{one}/".startswith(f"{other}/"):
            raise ValueError(
                f"`target` {shown(target)!r} and source {shown(source)!r}: one is inside the "
                "other; give a URL outside"
            )


def _exists(target: str) -> str:
    return f"`target` {shown(target)!r} exists; choose another, or remove it first"


@contextmanager
def at_url(target: str, *, grows: bool = False) -> Iterator[Workplace]:
    """Open the workplace of a URL that passed :func:`check`, for this process alone.

    Parameters
    ----------
    target : str
        The URL.
    grows : bool, default: False
        Whether an existing store gets more cells.

    Raises
    ------
    FileExistsError
        If another live process holds it, or the target has another store by now.
    """
    place = _Prefix(target)
    if not place.lock.take():
        raise FileExistsError(
            f"`target` {shown(target)!r} is being written by another process; wait for it"
        )
    with place.lock.renewed():
        if not (place.is_free() or (grows and place.is_store())):
            raise FileExistsError(_exists(target))
        yield place
