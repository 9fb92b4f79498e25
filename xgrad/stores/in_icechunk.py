"""A workplace in an Icechunk repository: readers see nothing of a store before its one commit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import zarr

from xgrad.stores.snapshots import storage
from xgrad.stores.urls import shown
from xgrad.stores.workplace import Workplace, make_root, unmark

_BRANCH = "main"


class _Session:
    """A workplace in a writable session.  What is not committed is lost: nothing is resumed."""

    zarr_format = 3

    def __init__(self, session: Any, message: str) -> None:
        self._session, self._message = session, message
        self.store = session.store

    def begin(self, zarr_format: int, run: str) -> None:
        make_root(self.store, zarr_format, run)

    def remember(self, job: str) -> None:
        pass

    def remembered(self) -> str | None:
        return None

    def finish(self, line: str) -> None:
        pass

    def finished(self) -> Iterable[str]:
        return []

    def publish(self) -> None:
        unmark(self.store)
        self._session.commit(self._message)


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
    try:
        has_data = bool(list(zarr.open_group(session.store, mode="r").members()))
    except FileNotFoundError:
        has_data = False
    if has_data and not overwrite:
        raise FileExistsError(
            f"`target` {shown(target)!r} holds data; choose another, or replace them in a new "
            "version with `overwrite`"
        )
    yield _Session(session, message)
