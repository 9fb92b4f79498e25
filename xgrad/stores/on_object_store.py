"""A workplace on an object store, where nothing can be renamed.

The store is written under its own name.  The attribute ``xgrad_incomplete`` of its root marks it as
unfinished until the last write removes it.  What the next run must know to resume it is kept beside
it, under ``<target>.partial``.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import quote, unquote

import fsspec

from xgrad.stores.urls import cause, is_remote, shown
from xgrad.stores.workplace import INCOMPLETE, Workplace, consolidate, make_root

# Seconds between renewals of a lock, and after which a lock that was not renewed is taken over.
_HEARTBEAT, _PATIENCE = 15.0, 90.0

# Where the metadata of a root have its attributes, in the order in which readers look for them.
_ATTRIBUTES = {".zmetadata": ("metadata", ".zattrs"), ".zattrs": (), "zarr.json": ("attributes",)}


class _Prefix:
    """The workplace of a URL."""

    zarr_format = None

    def __init__(self, url: str) -> None:
        self.store = url.rstrip("/")
        # Listings must not be cached, as other processes write here.
        self.fs, self.root = fsspec.core.url_to_fs(self.store, use_listings_cache=False)
        self.beside = f"{self.root}.partial"
        self._job, self._lock = f"{self.beside}/job.json", f"{self.beside}/lock"
        self._marks = f"{self.beside}/finished"

    def begin(self, zarr_format: int, run: str) -> None:
        # An empty job says that xgrad has begun a store here, and that there is nothing to resume.
        self.remember("")
        if self.fs.exists(self._marks):
            self.fs.rm(self._marks, recursive=True)
        # The metadata of the root say that the store may be removed, so they go last.
        every = self.fs.find(self.root)
        below = [path for path in every if path.rpartition("/")[0] != self.root]
        if below:
            self.fs.rm(below)
        make_root(self.store, zarr_format, run)

    def remember(self, job: str) -> None:
        self.fs.pipe_file(self._job, job.encode())

    def remembered(self) -> str | None:
        found = self._read(self._job)
        return found.decode() if found else None

    def finish(self, line: str) -> None:
        self.fs.pipe_file(f"{self._marks}/{quote(line, safe='')}", b"finished")

    def finished(self) -> Iterable[str]:
        if not self.fs.exists(self._marks):
            return []
        return [unquote(path.rsplit("/", 1)[1]) for path in self.fs.find(self._marks)]

    def publish(self) -> None:
        # Readers look at the consolidated metadata first: they must exist when the mark goes.
        consolidate(self.store)
        for name, keys in _ATTRIBUTES.items():
            found = self._read(f"{self.root}/{name}")
            if found is not None:
                metadata = json.loads(found)
                _inside(metadata, keys).pop(INCOMPLETE, None)
                self.fs.pipe_file(f"{self.root}/{name}", json.dumps(metadata).encode())
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

    def tidy(self) -> None:
        """Remove what was kept about a job that has ended."""
        for path in (self._marks, self._job):
            if self.fs.exists(path):
                self.fs.rm(path, recursive=True)

    def _is_incomplete(self) -> bool:
        for name in ("zarr.json", ".zattrs"):
            found = self._read(f"{self.root}/{name}")
            if found is not None:
                with suppress(ValueError, TypeError, KeyError):  # written by another program
                    return INCOMPLETE in _inside(json.loads(found), _ATTRIBUTES[name])
        return False

    def holder(self) -> dict[str, Any] | None:
        """The lock of the process that holds the workplace, None if it is stale or missing."""
        found = self._read(self._lock)
        if found is None:
            return None
        lock: dict[str, Any] = json.loads(found)
        is_old = time.time() - lock["time"] > _PATIENCE
        is_dead = lock["host"] == socket.gethostname() and not _is_alive(lock["pid"])
        return None if is_old or is_dead else lock

    def hold(self, name: str) -> None:
        lock = {"name": name, "host": socket.gethostname(), "pid": os.getpid()}
        self.fs.pipe_file(self._lock, json.dumps(lock | {"time": time.time()}).encode())

    def release(self) -> None:
        if self.fs.exists(self._lock):
            self.fs.rm(self._lock)

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


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def check(source: object, target: str, *, overwrite: bool, tidies: bool = False) -> None:
    """Check that a store can be written to a URL without loss.

    Parameters
    ----------
    source, target : object and str
        What is read and what is to be written.
    overwrite : bool
        Whether the user wants to replace an existing store.
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
    if is_free:
        return
    if tidies and place.is_begun() and place.holder() is None:
        place.tidy()
        place.release()
    remedy = "; `overwrite` works on disk only, where a store can be renamed" if overwrite else ""
    raise FileExistsError(f"{_exists(target)}{remedy}")


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
                f"`target` {shown(target)!r} and source {shown(source)!r} contain one another; "
                "give a URL outside"
            )


def _exists(target: str) -> str:
    return f"`target` {shown(target)!r} exists; choose another, or remove it first"


@contextmanager
def at_url(target: str) -> Iterator[Workplace]:
    """Open the workplace of a URL that passed :func:`check`, for this process alone.

    Object stores have no locks: two runs that start within the same second may both believe that
    they hold the workplace.

    Raises
    ------
    FileExistsError
        If another live process holds it, or the target has another store by now.
    """
    place = _Prefix(target)
    name, held = uuid.uuid4().hex, place.holder()
    message = f"`target` {shown(target)!r} is being written by another process; wait for it"
    if held is not None:
        raise FileExistsError(message)
    place.hold(name)
    held = place.holder()
    if held is None or held["name"] != name:
        raise FileExistsError(message)
    if not place.is_free():
        place.release()
        raise FileExistsError(_exists(target))
    with _renewed(place, name):
        yield place


@contextmanager
def _renewed(place: _Prefix, name: str) -> Iterator[None]:
    """Renew the lock on a workplace for as long as the block takes, and then release it."""
    over = threading.Event()

    def renew() -> None:
        while not over.wait(_HEARTBEAT):
            place.hold(name)

    heart = threading.Thread(target=renew, daemon=True)
    heart.start()
    try:
        yield
    finally:
        over.set()
        heart.join()
        place.release()
