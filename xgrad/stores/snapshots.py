"""A source in an Icechunk repository: one snapshot, which a branch, a tag or its own name gives."""

from __future__ import annotations

import operator
import os
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from zarr.core.sync import sync

from xgrad.stores.listing import digest_of_file
from xgrad.stores.urls import ICECHUNK, cause, is_zarr, local_path, repository_in, shown

# What a name with a prefix is looked up as.
_KINDS = ("branch", "tag", "snapshot")
#: Option of :func:`xarray.open_dataset` that only a source in a repository takes.
AUTHORIZE = "authorize_virtual_chunk_access"


def storage(argument: str, name: str) -> Any:
    """What Icechunk opens, of a name such as ``icechunk:/path`` without a version.

    Raises
    ------
    ImportError
        If Icechunk is not installed.
    ValueError
        If the storage is of an unknown kind.
    """
    # By default Icechunk prints warnings to stdout, for example about what a local disk cannot do.
    os.environ.setdefault("ICECHUNK_LOG", "error")
    try:
        import icechunk  # noqa: PLC0415  an extra: imported where it is used
    except ImportError as error:
        raise ImportError(
            f"`{argument}` {shown(name)!r} needs Icechunk; install it with "
            "`pip install 'xgrad[icechunk]'`"
        ) from error
    place = name.removeprefix(ICECHUNK)
    if place.startswith("s3://"):
        bucket, _, prefix = place.removeprefix("s3://").partition("/")
        return icechunk.s3_storage(bucket=bucket, prefix=prefix, from_env=True)
    if "://" in place:
        raise ValueError(
            f"`{argument}` {shown(name)!r} names an unknown kind of storage; give "
            "icechunk:/path or icechunk:s3://bucket/prefix"
        )
    return icechunk.local_filesystem_storage(str(Path(place).resolve()))


def is_repository(folder: Path) -> bool:
    """Whether a folder looks like an Icechunk repository.

    Examples
    --------
    >>> is_repository(Path("/"))
    False
    """
    # The second version of the format has a file `repo` instead of the folder `refs`.
    branches = (folder / "refs").is_dir() or (folder / "repo").is_file()
    return branches and (folder / "snapshots").is_dir()


def has_references(path: Path | None) -> bool:
    """Whether a path has references to chunks in other files, in JSON or in Parquet.

    Examples
    --------
    >>> has_references(Path("/")), has_references(None)
    (False, False)
    """
    if path is None or not path.exists():
        return False
    if path.is_dir():
        return any(path.glob("*/refs.0.parq"))
    with path.open("rb") as file:
        return file.read(64).lstrip().startswith(b"{")


def pinned(source: str) -> str:
    """The snapshot that a source means now.  A branch may move later; a snapshot stays as it is.

    Parameters
    ----------
    source : str
        ``icechunk:PATH@VERSION``, where the version is a branch, a tag or a snapshot.  Without
        one, it is the branch ``main``.

    Returns
    -------
    str
        ``icechunk:PATH@snapshot:ID``.

    Raises
    ------
    FileNotFoundError
        If there is no such repository.
    ValueError
        If the version is none of the repository, or may be two.
    """
    place, version = repository_in(source)
    _require_one_meaning(source, place)
    with _in_words(source):
        repository = _opened(source, place)
        named = ((reading, _looked_up(repository, *reading)) for reading in _readings(version))
        found = {f"{kind}:{name}": snapshot for (kind, name), snapshot in named if snapshot}
        known = f"the branches {sorted(repository.list_branches())} and the tags "
        known += f"{sorted(repository.list_tags())}"
    if not found:
        raise ValueError(
            f"`source` {shown(source)!r} names {version or 'main'!r}, which is not a branch, tag "
            f"or snapshot of the repository; it has {known}"
        )
    if len(found) > 1:
        raise ValueError(
            f"`source` {shown(source)!r} may be {' or '.join(found)}; give one of these after the "
            f"@, as in {shown(f'{ICECHUNK}{place}@{min(found)}')!r}"
        )
    (snapshot,) = found.values()
    return f"{ICECHUNK}{place}@snapshot:{snapshot}"


def _readings(version: str) -> list[tuple[str, str]]:
    """What a version may be: kinds and names.

    Examples
    --------
    >>> _readings("v1"), _readings("tag:v1"), _readings("")
    ([('branch', 'v1'), ('tag', 'v1'), ('snapshot', 'v1')], [('tag', 'v1')], [('branch', 'main')])
    """
    if not version:
        return [("branch", "main")]
    kind, colon, name = version.partition(":")
    return [(kind, name)] if colon and kind in _KINDS else [(one, version) for one in _KINDS]


def store_of(source: str, authorized: Collection[str] | str = ()) -> Any:
    """What zarr opens, of a source from :func:`pinned`.

    Parameters
    ----------
    source : str
        ``icechunk:PATH@snapshot:ID``.
    authorized : str or collection of str
        Beginnings of the addresses of virtual chunks that may be read; in a text, with commas
        between them.

    Raises
    ------
    FileNotFoundError
        If there is no such repository.
    ValueError
        If the snapshot has virtual chunks that are not `authorized`.
    """
    place, version = repository_in(source)
    given = [authorized, *authorized.split(",")] if isinstance(authorized, str) else authorized
    if not isinstance(given, list | tuple) or not all(isinstance(one, str) for one in given):
        raise TypeError(
            f"`open_options` has {given!r} for {AUTHORIZE!r}; give how the addresses of virtual "
            "chunks begin, such as 'file:///data/'"
        )
    with _in_words(source):
        repository = _opened(source, place, given)
        containers = list(repository.config.virtual_chunk_containers or {})
        session = repository.readonly_session(snapshot_id=version.removeprefix("snapshot:"))
        refused = sorted({*containers} - {*given})
        wanted = session.all_virtual_chunk_locations() if refused else ()
        needed = {max((p for p in containers if one.startswith(p)), key=len) for one in wanted}
    if missing := sorted(needed & {*refused}):
        raise ValueError(
            f"`source` {shown(source)!r} has virtual chunks in {shown(' and '.join(missing))}, "
            "which are read only if you allow it, because a repository can name any file; give "
            f"`open_options={{'{AUTHORIZE}': '{','.join([*given, *missing])}'}}`"
        )
    return session.store


@dataclass(frozen=True)
class InSnapshot:
    """An array in a snapshot; the history of the repository shows what has changed in it.

    A :class:`xgrad.stores.pieces.State`.  No chunk is read.

    Attributes
    ----------
    url : str
        The snapshot, from :func:`pinned`.
    path : str
        Of the array.
    sides : mapping of hashable to int
        Cells of a chunk (a shard, if there are shards) along each dimension.
    grid : tuple of int
        Chunks along each dimension.
    metadata : str
        What changes the meaning of all chunks.
    """

    url: str
    path: str
    sides: Mapping[Hashable, int]
    grid: tuple[int, ...]
    metadata: str

    @classmethod
    def of(cls, url: str, array: Any, dims: Iterable[Hashable], metadata: str) -> InSnapshot | None:
        """The state of an array; None if its chunks may be in files that no snapshot knows."""
        if array.store_path.store.session.config.virtual_chunk_containers:
            return None
        sides = array.shards or array.chunks
        grid = tuple(-(-n // side) for n, side in zip(array.shape, sides, strict=True))
        return cls(url, f"/{array.path}", dict(zip(dims, sides, strict=True)), grid, metadata)

    def recorded(self) -> dict[str, Any]:
        """The snapshot."""
        return {"snapshot": _snapshot(self.url)}

    def unchanged(self, recorded: Mapping[str, Any], dim: Hashable, cells: int) -> int | None:
        """How many of the first cells are certainly what they were.

        0 if nothing is known, because the snapshots between have expired or are on another branch.
        """
        before = str(recorded.get("snapshot", ""))
        if before == _snapshot(self.url):
            return cells
        changes = _changes(self.url, before)
        if changes is None:
            return 0
        if self.path in {*changes.new_arrays, *changes.deleted_arrays}:
            return None
        changed = {tuple(index) for index in changes.updated_chunks.get(self.path, ())}
        if self.path in changes.updated_arrays:
            changed |= _lost(self.url, before, self.path, self.grid)
        if dim not in self.sides:
            return None if changed else cells
        axis, side = list(self.sides).index(dim), self.sides[dim]
        first = min((index[axis] * side for index in changed), default=cells)
        last_piece = (cells - 1) // side * side
        return None if first < last_piece else min(first, cells)


def _snapshot(url: str) -> str:
    return repository_in(url)[1].removeprefix("snapshot:")


@lru_cache(maxsize=8)  # each variable asks for it
def _changes(url: str, before: str) -> Any:
    """What was changed from a snapshot to a later one; None if that is unknown."""
    import icechunk  # noqa: PLC0415

    try:
        repository = _opened(url, repository_in(url)[0])
        return repository.diff(from_snapshot_id=before, to_snapshot_id=_snapshot(url))
    except icechunk.IcechunkError:
        return None


@lru_cache(maxsize=8)
def _lost(url: str, before: str, path: str, grid: tuple[int, ...]) -> frozenset[tuple[int, ...]]:
    """Chunks of an earlier snapshot that a later one lacks.

    An array that shrank and grew again has lost those beyond its smallest shape, which the history
    does not tell.
    """
    repository, there = _opened(url, repository_in(url)[0]), np.zeros(grid, bool)

    async def mark(snapshot: str, *, value: bool) -> None:
        session = repository.readonly_session(snapshot_id=snapshot)
        async for index in session.chunk_coordinates(path):
            # What is beyond the grid has been refused: other dimensions must not change.
            if all(map(operator.lt, index, grid)):
                there[index] = value

    sync(mark(before, value=True))
    sync(mark(_snapshot(url), value=False))
    return frozenset(tuple(map(int, index)) for index in np.argwhere(there))


def state_of(store: Any) -> str:
    """The snapshot of a store, and what is known of the files of its virtual chunks.

    Nothing for another kind of store, and for one with changes that no snapshot has.

    Examples
    --------
    >>> state_of({})
    ''
    """
    session = getattr(store, "session", None)
    if session is None or session.has_uncommitted_changes:
        return ""
    found = [str(session.snapshot_id)]
    if session.config.virtual_chunk_containers:
        found += _states(set(session.all_virtual_chunk_locations()))
    return " ".join(found)


def _states(locations: Iterable[str]) -> list[str]:
    """What is known of files.  One that is missing is an error when its chunk is read."""
    files = {one: local_path(one) for one in sorted(locations)}
    return [
        f"{name} {digest_of_file(path) if path is not None and path.exists() else ''}"
        for name, path in files.items()
    ]


def _require_one_meaning(source: str, place: str) -> None:
    whole = source.removeprefix(ICECHUNK)
    before, at, version = whole.rpartition("@")
    if place == whole and at and "/" not in version and Path(before).exists():
        raise ValueError(
            f"`source` {source!r} is a folder of this name, and may be {version!r} of {before!r}; "
            f"give '{source}@main', or '{ICECHUNK}{before}@' with branch:, tag: or snapshot: "
            f"before {version!r}"
        )


def _access(begins: str) -> Any:
    """What Icechunk takes for credentials of virtual chunks: None is those of the environment."""
    import icechunk  # noqa: PLC0415

    # From 2.3 on None is deprecated where there are no credentials; 1 has only None.
    kinds = {"file": "LocalFileSystemAccess", "http": "HttpAccess", "https": "HttpAccess"}
    return getattr(icechunk.credentials, kinds.get(begins.partition("://")[0], ""), None)


def _opened(source: str, place: str, authorized: Iterable[str] = ()) -> Any:
    """A repository.  One that does not exist is not made."""
    path = local_path(source)
    own = storage("source", f"{ICECHUNK}{place}")
    import icechunk  # noqa: PLC0415

    # Icechunk would make the folder that it looks into.
    if (path is None or path.is_dir()) and icechunk.Repository.exists(own):
        allowed = {begins: _access(begins) for begins in authorized} or None
        return icechunk.Repository.open(own, authorize_virtual_chunk_access=allowed)
    if path is None or not path.exists():
        raise FileNotFoundError(f"`source` {shown(source)!r} does not exist")
    remedy = f"a Zarr store; give {str(path)!r}" if is_zarr(path) else "another folder or file"
    raise ValueError(f"`source` {shown(source)!r} is not an Icechunk repository, but {remedy}")


@contextmanager
def _in_words(source: str) -> Iterator[None]:
    """Say in one line what Icechunk says in many."""
    try:
        yield
    except Exception as error:
        if type(error).__name__ != "IcechunkError":  # it is imported only where it is needed
            raise
        reason = shown(str(error).strip().split("\n")[0].removeprefix("x").strip())
        raise ValueError(f"`source` {shown(source)!r} could not be opened: {reason}") from cause(
            error
        )


def _looked_up(repository: Any, kind: str, name: str) -> str | None:
    """The snapshot that a branch or a tag has, or that has a name; None if there is none."""
    import icechunk  # noqa: PLC0415

    if kind == "snapshot":
        try:
            return str(repository.lookup_snapshot(name).id)
        except (icechunk.IcechunkError, ValueError):
            return None
    known = repository.list_branches() if kind == "branch" else repository.list_tags()
    return str(getattr(repository, f"lookup_{kind}")(name)) if name in known else None
