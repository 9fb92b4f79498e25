"""A workplace in an Icechunk repository: nothing is to be seen of a store before its one commit."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, cast

import zarr

from xgrad.stores.on_disk import Workplace, shown

_PREFIX = "icechunk:"
_BRANCH = "main"


def is_versioned(target: object) -> bool:
    """Whether a target is an Icechunk repository.

    Examples
    --------
    >>> is_versioned("icechunk:/data/repo"), is_versioned("out.zarr")
    (True, False)
    """
    return isinstance(target, str) and target.startswith(_PREFIX)


class _Session:
    """A workplace in a writable session.  What was not committed is not there: nothing resumes."""

    zarr_format = 3
    attributes: ClassVar[dict[str, str]] = {}

    def __init__(self, session: Any, message: str) -> None:
        self._session, self._message = session, message
        self.store = session.store

    def remembered(self) -> dict[str, str] | None:
        return None

    def begin(self, zarr_format: int) -> None:
        zarr.open_group(self.store, mode="w", zarr_format=cast(Any, zarr_format))

    def remember(self, job: dict[str, str]) -> None:
        pass

    def finished(self) -> Iterable[str]:
        return []

    def finish(self, region: str) -> None:
        pass

    def publish(self) -> None:
        self._session.commit(self._message)


def _storage(target: str) -> Any:
    # It prints to stdout, what a local disk cannot do among other things, unless told not to.
    os.environ.setdefault("ICECHUNK_LOG", "error")
    try:
        import icechunk  # noqa: PLC0415  an extra: imported where it is used
    except ImportError as error:
        raise ImportError(
            f"`target` {shown(target)!r} needs Icechunk; install it with "
            "`pip install 'xgrad[icechunk]'`"
        ) from error
    place = target.removeprefix(_PREFIX)
    if place.startswith("s3://"):
        bucket, _, prefix = place.removeprefix("s3://").partition("/")
        return icechunk.s3_storage(bucket=bucket, prefix=prefix, from_env=True)
    if "://" in place:
        raise ValueError(
            f"`target` {shown(target)!r} is on no storage that is known here; give "
            "icechunk:/path or icechunk:s3://bucket/prefix"
        )
    return icechunk.local_filesystem_storage(str(Path(place).resolve()))


@contextmanager
def in_repository(target: str, message: str, *, overwrite: bool) -> Iterator[Workplace]:
    """Open the repository, or make it, and a session on its branch ``main``.

    Parameters
    ----------
    target : str
        ``icechunk:/path`` or ``icechunk:s3://bucket/prefix``.
    message : str
        Of the commit.
    overwrite : bool
        Whether the commit may replace what is there.  Earlier versions stay in any case.

    Raises
    ------
    FileExistsError
        If the branch holds something and may not be replaced.
    ImportError
        If Icechunk is not installed.
    """
    storage = _storage(target)
    import icechunk  # noqa: PLC0415

    session = icechunk.Repository.open_or_create(storage).writable_session(_BRANCH)
    try:
        holds_something = bool(list(zarr.open_group(session.store, mode="r").members()))
    except FileNotFoundError:
        holds_something = False
    if holds_something and not overwrite:
        raise FileExistsError(
            f"`target` {shown(target)!r} holds data; choose another, or replace them in a new "
            "version with `overwrite`"
        )
    yield _Session(session, message)
