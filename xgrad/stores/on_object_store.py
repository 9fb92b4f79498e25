"""A workplace on an object store, where nothing can be renamed.

The store is made under its own name, and the attribute ``xgrad_incomplete`` of its root says that
it is not complete, until the last write removes it.  What a next run needs to go on lies beside
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
from typing import Any, ClassVar, cast
from urllib.parse import quote, unquote

import fsspec
import zarr

from xgrad.stores.on_disk import Workplace, consolidate, local_path, shown

#: Attribute of the root of a store that is being made.
INCOMPLETE = "xgrad_incomplete"

# A lock is renewed so often, and taken over when it has not been renewed for so long; in seconds.
_HEARTBEAT, _PATIENCE = 15.0, 90.0


# Where the metadata of a root hold its attributes.  The last one says whether a store is complete.
_ATTRIBUTES = {".zmetadata": ("metadata", ".zattrs"), ".zattrs": (), "zarr.json": ("attributes",)}


def is_remote(target: object) -> bool:
    """Whether a target lies on an object store.

    Examples
    --------
    >>> is_remote("s3://bucket/out.zarr"), is_remote("file:///data/out.zarr")
    (True, False)
    """
    return isinstance(target, str) and local_path(target) is None


class _Prefix:
    """A workplace under a URL."""

    zarr_format = None
    attributes: ClassVar[dict[str, str]] = {INCOMPLETE: "xgrad is writing it"}

    def __init__(self, url: str) -> None:
        self.store = url.rstrip("/")
        # Listings must not be kept: other processes write here.
        self.fs, self.root = fsspec.core.url_to_fs(self.store, use_listings_cache=False)
        self.beside = f"{self.root}.partial"
        self._job = f"{self.beside}/job.json"
        self._marks = f"{self.beside}/finished"

    def remembered(self) -> dict[str, str] | None:
        found = self._read(self._job)
        # Who removed the store has left nothing to go on with.
        return dict(json.loads(found)) or None if found and self._is_incomplete() else None

    def begin(self, zarr_format: int) -> None:
        # An empty job says whose the store is, and that there is nothing to go on with.
        self.remember({})
        if self.fs.exists(self._marks):
            self.fs.rm(self._marks, recursive=True)
        # The metadata of its root say that it may be removed, and go last.
        every = self.fs.find(self.root)
        below = [path for path in every if path.rpartition("/")[0] != self.root]
        if below:
            self.fs.rm(below)
        # The first write: from here on the store says of itself that it is not complete.
        zarr.open_group(
            self.store,
            mode="w",
            zarr_format=cast(Any, zarr_format),
            attributes={**self.attributes},
        )

    def remember(self, job: dict[str, str]) -> None:
        self.fs.pipe_file(self._job, json.dumps(job).encode())

    def finished(self) -> Iterable[str]:
        if not self.fs.exists(self._marks):
            return []
        return [unquote(path.rsplit("/", 1)[1]) for path in self.fs.find(self._marks)]

    def finish(self, region: str) -> None:
        self.fs.pipe_file(f"{self._marks}/{quote(region, safe='')}", b"finished")

    def publish(self) -> None:
        version = 2 if self._read(f"{self.root}/zarr.json") is None else 3
        # Readers look at the consolidated metadata first: they are there when the attribute goes.
        consolidate(self.store, version)
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
        """Whether nothing lies there but what xgrad has begun."""
        if not self.is_begun():
            return not self.fs.exists(self.root)
        if self._is_incomplete():
            return True
        # Killed between the first two writes, or when an earlier store had been removed for them.
        try:
            names = {path.rsplit("/", 1)[1] for path in self.fs.ls(self.root, detail=False)}
        except FileNotFoundError:
            return True
        return names <= {".zgroup"}

    def tidy(self) -> None:
        """Remove what tells of a job that has ended."""
        for path in (self._marks, self._job):
            if self.fs.exists(path):
                self.fs.rm(path, recursive=True)

    def _is_incomplete(self) -> bool:
        for name in ("zarr.json", ".zattrs"):
            found = self._read(f"{self.root}/{name}")
            if found is not None:
                with suppress(ValueError, TypeError, KeyError):  # of another program
                    return INCOMPLETE in _inside(json.loads(found), _ATTRIBUTES[name])
        return False

    def holder(self) -> dict[str, Any] | None:
        """Who holds the lock, None if nobody does or it is stale."""
        found = self._read(f"{self.beside}/lock")
        if found is None:
            return None
        lock: dict[str, Any] = json.loads(found)
        is_old = time.time() - lock["time"] > _PATIENCE
        is_dead = lock["host"] == socket.gethostname() and not _is_alive(lock["pid"])
        return None if is_old or is_dead else lock

    def hold(self, name: str) -> None:
        lock = {"name": name, "host": socket.gethostname(), "pid": os.getpid()}
        self.fs.pipe_file(f"{self.beside}/lock", json.dumps(lock | {"time": time.time()}).encode())

    def release(self) -> None:
        if self.fs.exists(f"{self.beside}/lock"):
            self.fs.rm(f"{self.beside}/lock")

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


def refuse(source: object, target: str, *, overwrite: bool, tidies: bool = False) -> None:
    """Refuse what would destroy something.

    Parameters
    ----------
    source, target : object and str
        What is read and what is to be written.
    overwrite : bool
        Whether the user asked for what is there to be replaced.
    tidies : bool, default: False
        Whether to remove what an unfinished job has left beside a store that is not its own, or is
        complete.

    Raises
    ------
    ValueError
        If source and target overlap.
    FileExistsError
        If something is there that is not the unfinished store of a job.
    ImportError
        If the package for this kind of URL is not installed.
    """
    try:
        place = _Prefix(target)
        is_free = place.is_free()
    except ImportError as error:
        raise ImportError(
            f"`target` {shown(target)!r} needs a package: {error}; for s3:// install it with "
            "`pip install 'xgrad[s3]'`"
        ) from error
    except Exception as error:  # each kind of store has errors of its own
        raise OSError(f"`target` {shown(target)!r} cannot be reached: {shown(error)}") from error
    here = str(source).rstrip("/")
    if is_remote(here):
        _, origin = fsspec.core.url_to_fs(here)
        if origin == place.root:
            raise ValueError(f"`target` {shown(target)!r} is the source; give another URL")
        for one, other in ((origin, place.root), (place.root, origin), (origin, place.beside)):
            if f"{one}/".startswith(f"{other}/"):
                raise ValueError(
                    f"`target` {shown(target)!r} and source {shown(source)!r} lie one in the "
                    "other; give a URL outside"
                )
    if is_free:
        return
    if tidies and place.is_begun() and place.holder() is None:
        place.tidy()
        place.release()
    remedy = "; `overwrite` cannot replace it, as nothing is renamed there" if overwrite else ""
    raise FileExistsError(f"{_exists(target)}{remedy}")


def _exists(target: str) -> str:
    return f"`target` {shown(target)!r} exists; choose another, or remove it first"


@contextmanager
def at_url(target: str) -> Iterator[Workplace]:
    """Hold the workplace at a URL that :func:`refuse` let pass.

    Two runs that start within the same second may both believe that they hold it: object stores
    have no lock of their own.

    Raises
    ------
    FileExistsError
        If another live process holds it, or another store lies there by now.
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
    over = threading.Event()

    def renew() -> None:
        while not over.wait(_HEARTBEAT):
            place.hold(name)

    heart = threading.Thread(target=renew, daemon=True)
    heart.start()
    try:
        yield place
    finally:
        over.set()
        heart.join()
        place.release()
