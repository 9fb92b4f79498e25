"""A workplace in an Icechunk repository: readers see nothing of a store before its one commit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import zarr
from zarr.core.sync import sync

from xgrad.stores.snapshots import storage
from xgrad.stores.urls import shown
from xgrad.stores.workplace import METADATA, Keeps, Workplace, make_root, unmark

_BRANCH = "main"


class _Session:
    """A workplace in a writable session.  What is not committed is lost: nothing is resumed."""

    zarr_format = 3

    def __init__(self, session: Any, message: str) -> None:
        self._session, self._message = session, message
        self.store = session.store

    def begin(self, zarr_format: int, run: str) -> None:
        make_root(self.store, zarr_format, run)

    def grow(self, zarr_format: int, run: str, keeps: Keeps) -> None:
        del zarr_format, run  # they are in the metadata, which are written over
        sync(_drop(self.store, keeps))

    def remember(self, job: str) -> None:
        pass

    def remembered(self) -> str | None:
        return None

    def finish(self, line: str) -> None:
        pass

    def finished(self) -> Iterable[str]:
        return []

    def publish(self, record: str = "") -> None:
        unmark(self.store, record)
        self._session.commit(self._message)


async def _drop(store: Any, keeps: Keeps) -> None:
    """Delete all chunks but those that are kept.  Metadata are written over."""
    async for key in store.list_prefix(""):
        array, _, rest = key.partition("/")
        if key.rpartition("/")[2] not in METADATA and not keeps(array, rest):
            await store.delete(key)


def existing(target: str) -> Any:
    """The store on the branch of a repository, as zarr opens it; None if there is none."""
    own = storage("target", target)
    import icechunk  # noqa: PLC0415

    if not icechunk.Repository.exists(own):
        return None
    store = icechunk.Repository.open(own).readonly_session(_BRANCH).store
    return store if _has_data(store) else None


def _has_data(store: Any) -> bool:
    try:
        return bool(list(zarr.open_group(store, mode="r").members()))
    except FileNotFoundError:
        return False


@contextmanager
def in_repository(target: str, message: str, *, overwrite: bool) -> Iterator[Workplace]:
    """Open or make a repository, and a writable session on its branch ``main``.

    Parameters
    ----------
    target : str
        ``icechunk:/path`` or ``icechunk:s3://bucket/prefix``.
    message : str
        Message of the commit.
    overwrite : bool
        Whether the commit may replace existing data.  Earlier versions are kept in any case.

    Raises
    ------
    FileExistsError
        If the branch has data that may not be replaced.
    ImportError
        If Icechunk is not installed.
    """
    own = storage("target", target)
    import icechunk  # noqa: PLC0415

    session = icechunk.Repository.open_or_create(own).writable_session(_BRANCH)
    if _has_data(session.store) and not overwrite:
        raise FileExistsError(
            f"`target` {shown(target)!r} holds data; choose another, or replace them in a new "
            "version with `overwrite`"
        )
    yield _Session(session, message)
