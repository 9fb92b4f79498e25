"""Which chunks of an array exist, and digests that change when a chunk does.  Nothing is read."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import AsyncIterator, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import numpy as np
from zarr.core.sync import sync
from zarr.storage import FsspecStore

from xgrad.errors import ChunkError
from xgrad.stores import entries

_NUMBERS = re.compile(r"\d+")
# What fsspec's object stores may say of the content of an object in a listing.
_MARKS = ("ETag", "etag")
# How many objects of a listing are in memory: those of a page of S3.
_AT_ONCE = 1000
#: Name of a chunk, its size, and what shows that it changed, "" if that is unknown.
_Key: TypeAlias = tuple[str, str, str]
_Entry = TypeVar("_Entry")
_NOT_OF_CHUNKS = ("shape", "node_type", "storage_transformers")


@dataclass(frozen=True)
class Listing:
    """Which chunks (shards, if there are shards) of an array exist.

    Attributes
    ----------
    present : array of bool
        One for each chunk, in the shape of the grid of chunks.
    marks : int
        A sum over all chunks that changes when a chunk does.
    slabs : tuple of list of int
        For each axis, the same sum over the chunks of each index along it.
    sizes : int
        A sum over all chunks that changes when the size of one does.
    is_marked : bool
        Whether the marks tell any change of a chunk, not only that of its size or its name.
    """

    present: np.ndarray[Any, np.dtype[np.bool_]]
    marks: int
    slabs: tuple[list[int], ...]
    sizes: int
    is_marked: bool

    @property
    def n_missing(self) -> int:
        """Number of chunks that do not exist."""
        return int(self.present.size - np.count_nonzero(self.present))

    def missing(self) -> tuple[int, ...] | None:
        """Index of the first chunk that does not exist."""
        if self.present.all():
            return None
        return tuple(map(int, np.unravel_index(int(np.argmin(self.present)), self.present.shape)))


def listed(array: Any) -> Listing:
    """List the chunks of a Zarr array.

    Examples
    --------
    >>> import zarr
    >>> array = zarr.create_array({}, shape=(4,), chunks=(2,), dtype="f8", fill_value=0)
    >>> array[2:] = 1
    >>> listed(array).missing()
    (0,)
    """
    sides = array.shards or array.chunks
    grid = tuple(-(-size // side) for size, side in zip(array.shape, sides, strict=True))
    present, marks, sizes, is_marked = np.zeros(grid, bool), 0, 0, True
    slabs: tuple[list[int], ...] = tuple([0] * side for side in grid)
    for key, size, mark in _keys(array):
        index = index_of(key, len(grid))
        if len(index) == len(grid) and all(k < n for k, n in zip(index, grid, strict=True)):
            present[index] = True
            own = hash_of(f"{key} {size} {mark}")
            marks += own
            for sums, k in zip(slabs, index, strict=True):
                sums[k] = (sums[k] + own) % 2**64
            sizes += hash_of(f"{key} {size}")
            is_marked = is_marked and mark != ""
    return Listing(present, marks % 2**64, slabs, sizes % 2**64, is_marked)


def marks_of(array: Any) -> np.ndarray[Any, np.dtype[np.uint64]] | None:
    """A number for each chunk that changes when it does, 0 if it does not exist.

    None if the store does not tell when a chunk changed.
    """
    sides = array.shards or array.chunks
    grid = tuple(-(-size // side) for size, side in zip(array.shape, sides, strict=True))
    found = np.zeros(grid, np.uint64)
    for key, size, mark in _keys(array):
        index = index_of(key, len(grid))
        if len(index) == len(grid) and all(k < n for k, n in zip(index, grid, strict=True)):
            if not mark:
                return None
            found[index] = hash_of(f"{key} {size} {mark}")
    return found


def index_of(key: str, ndim: int) -> tuple[int, ...]:
    """Index of a chunk by its name, in either format.

    Examples
    --------
    >>> index_of("c/0/12", 2), index_of("0.12", 2)
    ((0, 12), (0, 12))
    """
    return tuple(map(int, _NUMBERS.findall(key)[-ndim:])) if ndim else ()  # fmt: skip


def fingerprint(array: Any, listing: Listing) -> str:
    """A text that differs if an array holds other chunks, as far as that shows at little cost.

    It covers the names and sizes of all chunks, and the bytes of three of them.

    Examples
    --------
    >>> import zarr
    >>> array = zarr.create_array({}, shape=(4,), chunks=(2,), dtype="f8", fill_value=0)
    >>> array[:] = 1
    >>> before = fingerprint(array, listed(array))
    >>> array[:] = 2
    >>> before == fingerprint(array, listed(array))
    False
    """
    found = hashlib.sha256(f"{listing.sizes:x}".encode())
    grid = listing.present.shape
    n_chunks = listing.present.size
    for k in sorted({0, n_chunks // 2, n_chunks - 1}) if n_chunks else ():
        key = array.metadata.encode_chunk_key(tuple(map(int, np.unravel_index(k, grid))))
        chunk = sync((array.store_path / key).get())
        found.update(b"" if chunk is None else chunk.to_bytes())
    return found.hexdigest()[:16]


def metadata_of(array: Any) -> str:
    """What the metadata of an array say of its chunks, in one text.

    Not its shape, nor what only versions of zarr write.
    """
    own = array.metadata.to_dict().items()
    return json.dumps(
        {key: value for key, value in own if key not in _NOT_OF_CHUNKS}, sort_keys=True, default=str
    )


def digest(group: Any, names: Iterable[Hashable], *, allow_missing: bool) -> str:
    """A text that changes when a chunk or the metadata of one of some arrays of a group do.

    It covers the names and sizes of the chunks, and what else their listing says at no cost: the
    time of change on a disk, the ETag on an object store.

    Raises
    ------
    ChunkError
        If a chunk is missing, unless `allow_missing`.
    """
    found = hashlib.sha256()
    for name in sorted(map(str, names)):
        if name not in group:
            continue  # a coordinate that xarray made when it opened the store
        found.update(digest_of_array(group[name], name, allow_missing=allow_missing).encode())
    return found.hexdigest()


def digest_of_array(array: Any, name: str, *, allow_missing: bool) -> str:
    """The same for one array, which messages call `name`.

    Raises
    ------
    ChunkError
        If a chunk is missing, unless `allow_missing`.
    """
    listing = listed(array)
    missing = listing.missing()
    if missing is not None and not allow_missing:
        raise ChunkError(
            f"`source` lacks {listing.n_missing} of {listing.present.size} chunks of "
            f"{name!r}, the first at {missing}; restore them, or read them as its fill value "
            "with `allow_missing`"
        )
    metadata = repr(sorted(array.metadata.to_dict().items(), key=str))
    return f"{name} {metadata} {listing.marks:x}"


def digest_of_file(path: Path | None) -> str:
    """A text that changes when a file does; the same for all files that are not on this machine."""
    found = hashlib.sha256()
    if path is not None:
        status = path.stat()
        found.update(f"{status.st_size} {status.st_mtime_ns}".encode())
    return found.hexdigest()


def hash_of(text: str) -> int:
    """A number of 64 bits that is the same in every process.

    Examples
    --------
    >>> hash_of("a") == hash_of("a") != hash_of("b")
    True
    """
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def _keys(array: Any) -> Iterator[_Key]:
    """The chunks of an array, in no order."""
    store, path = array.store_path.store, array.store_path.path
    folder = getattr(store, "root", None)
    if isinstance(folder, Path):
        start = len(str(folder / path)) + 1
        for entry in entries.below(str(folder / path)):
            if _is_chunk(entry.name) and entry.is_file():
                status = entry.stat()
                yield entry.path[start:], str(status.st_size), str(status.st_mtime_ns)
        return
    found = _objects(store, f"{path}/" if path else "")
    while batch := sync(some_of(found)):
        for key, size, mark in batch:
            name = key[len(path) :].lstrip("/")
            if _is_chunk(name.rpartition("/")[2]):
                yield name, size, mark


def _is_chunk(name: str) -> bool:
    # Not ".zarray", "zarr.json", nor the temporary file of a killed process, "0.<letters>.partial".
    return not name.startswith(".") and not name.endswith((".json", ".partial"))


async def some_of(found: AsyncIterator[_Entry]) -> list[_Entry]:
    """Some more of a listing, which is never in memory as a whole."""
    batch = []
    async for one in found:
        batch.append(one)
        if len(batch) == _AT_ONCE:
            break
    return batch


async def _objects(store: Any, prefix: str) -> AsyncIterator[_Key]:
    if not isinstance(store, FsspecStore):
        async for key in store.list_prefix(prefix):
            yield key, "", ""
        return
    # As its list_prefix does, which drops all but the names.
    root = f"{store.path.rstrip('/')}/" if store.path.strip("/") else ""  # that of references
    async for key, details in details_of(store.fs, f"{root}{prefix}"):
        mark = next((str(details[mark]) for mark in _MARKS if details.get(mark)), "")
        yield key.removeprefix(root), str(details.get("size")), mark


async def details_of(fs: Any, prefix: str) -> AsyncIterator[tuple[str, Mapping[str, Any]]]:
    """Objects that begin with a prefix, page by page on S3."""
    if hasattr(fs, "_iterdir"):
        bucket, _, rest = prefix.partition("/")
        async for one in fs._iterdir(bucket, delimiter="", prefix=rest):
            if not one["name"].endswith("/"):  # what stands for a folder
                yield one["name"], one
        return
    for key, details in (await fs._find(prefix, detail=True, withdirs=False)).items():
        yield key, details
