"""What is read: a Zarr store or a file, opened without reading it, and which of its chunks exist.

Nothing here is divided into dask's chunks: a variable is read box by box, so that neither a graph
nor memory grows with it.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import xarray as xr
import zarr
from dask.tokenize import tokenize
from zarr.core.sync import sync
from zarr.storage import FsspecStore

from xgrad.errors import ChunkError
from xgrad.stores.blosc import Whole, of_blosc
from xgrad.stores.on_disk import is_zarr, local_path, shown

_NUMBERS = re.compile(r"\d+")
# Coordinates that are not larger are compared by their values, in bytes.
_IN_FULL = 2**24
# What fsspec's kinds of object stores tell of an object in a listing, if they tell it.
_MARKS = ("size", "ETag", "etag")
# What is written at once, of an array that has no chunks of its own, in bytes: decoded in no time,
# and a thousand times what a request to a store costs.
_OF_A_CHUNK = 2**23


@dataclass(frozen=True)
class Source:
    """An opened store or file.

    Attributes
    ----------
    url : str
        Where it is.
    data : Dataset
        Its variables, read when they are indexed and never kept.
    """

    url: str
    data: xr.Dataset

    @cached_property
    def group(self) -> Any:
        """The Zarr group, None for a file of another kind."""
        return zarr.open_group(self.url, mode="r") if _holds_zarr(self.url) else None

    @property
    def zarr_format(self) -> int:
        """Of the store, 3 for a file of another kind."""
        return 3 if self.group is None else int(self.group.metadata.zarr_format)

    def stored(self, name: Hashable) -> tuple[int, ...]:
        """Cells along each axis of a shard or a chunk, or of what would be one.

        An array without chunks is cut along its first axes, into pieces of 8 MiB at most.
        """
        variable = self.data.variables[name]
        given = self._chunks(name)
        if given is None:
            given = _leading(variable.shape, _OF_A_CHUNK // variable.dtype.itemsize)
        # A chunk may be longer than a short array.
        sizes = zip(given, variable.shape, strict=True)
        return tuple(max(1, min(int(chunk), size)) for chunk, size in sizes)

    def inseparable(self, name: Hashable) -> tuple[int, ...]:
        """Cells along each axis that are read together: those of a chunk, one without chunks."""
        if self._chunks(name) is None:
            return (1,) * self.data.variables[name].ndim
        return self.stored(name)

    def _chunks(self, name: Hashable) -> tuple[int, ...] | None:
        encoding = self.data.variables[name].encoding
        return encoding.get("shards") or encoding.get("chunks") or encoding.get("chunksizes")

    def is_scaled(self, name: Hashable) -> bool:
        """Whether numbers of another dtype are stored."""
        variable = self.data.variables[name]
        packing = {"scale_factor", "add_offset"} & set(variable.encoding)
        return bool(packing) or variable.encoding.get("dtype") != variable.dtype

    def is_decoded(self, name: Hashable) -> bool:
        """Whether what is stored is made into other numbers when it is read."""
        encoding = self.data.variables[name].encoding
        fills = [encoding.get(key, np.nan) for key in ("_FillValue", "missing_value")]
        return not all(np.isnan(fill) for fill in fills) or self.is_scaled(name)

    def digest(self, names: Iterable[Hashable], *, allow_missing: bool) -> str:
        """What tells this source from another or a changed one, without reading its values.

        Of the chunks names and sizes, and what else their listing tells for nothing: the time of
        change on a disk, the ETag on an object store.

        Raises
        ------
        ChunkError
            If a chunk is missing, unless `allow_missing`.
        """
        found = hashlib.sha256()
        if self.group is None:
            path = local_path(self.url)
            if path is not None:
                status = path.stat()
                found.update(f"{status.st_size} {status.st_mtime_ns}".encode())
            return found.hexdigest()
        for name in sorted(map(str, names)):
            if name not in self.group:
                continue  # a coordinate that was made when the store was opened
            array = self.group[name]
            listing = listed(array)
            missing = listing.missing()
            if missing is not None and not allow_missing:
                raise ChunkError(
                    f"`source` lacks {listing.n_missing} of {listing.present.size} chunks of "
                    f"{name!r}, the first at {missing}; restore them, or have them read as its "
                    "fill value with `allow_missing`"
                )
            metadata = repr(sorted(array.metadata.to_dict().items(), key=str))
            found.update(f"{name} {metadata} {listing.marks:x}".encode())
        return found.hexdigest()

    def told(self, coords: Mapping[Any, xr.DataArray]) -> str:
        """What tells coordinates that are copied from changed ones: small ones in full.

        Chunks that large ones lack are read as their fill value, as a reader of the source does.
        """
        small, large = [], []
        for name, coord in sorted(coords.items(), key=str):
            if coord.nbytes > _IN_FULL:
                large.append(name)
                continue
            # Texts and dates of other calendars: pickles of equal objects may differ.
            values = coord.values.astype(str) if coord.dtype.kind == "O" else coord.values
            small.append((name, coord.dims, sorted(coord.attrs.items(), key=str), values))
        return tokenize(small, self.digest(large, allow_missing=True))


def opened(url: str | Path) -> Source:
    """Open a Zarr store of either format, or any file that xarray opens.

    Raises
    ------
    FileNotFoundError
        If there is nothing.
    ValueError
        If it is no store and no such file.

    Examples
    --------
    >>> opened("missing.zarr")
    Traceback (most recent call last):
      ...
    FileNotFoundError: `source` 'missing.zarr' does not exist
    """
    path = local_path(url)
    if path is not None and not path.exists():
        raise FileNotFoundError(f"`source` {shown(url)!r} does not exist")
    zarr_like = _holds_zarr(url)
    if path is not None and path.is_dir() and not zarr_like:
        raise ValueError(f"`source` {shown(url)!r} is a folder but no Zarr store")
    try:
        if not zarr_like:
            return Source(str(url), xr.open_dataset(url, cache=False))
        group: Any = zarr.open_group(str(url), mode="r")
        # What xarray opens must hold the whole address: it is opened where the group lies.
        place = f"{group.store_path.path}/".lstrip("/")
        data = xr.open_dataset(
            cast(Any, Whole(group.store_path.store, of_blosc(group))),
            engine="zarr",
            group=place.rstrip("/") or None,
            chunks=None,
            cache=False,
            consolidated=group.metadata.consolidated_metadata is not None,
        )
        return Source(str(url), data)
    except (ValueError, OSError, KeyError) as error:
        reason = shown(str(error).split(". ")[0].split("\n")[0]) or type(error).__name__
        if path is None and isinstance(error, FileNotFoundError):
            raise FileNotFoundError(f"`source` {shown(url)!r} does not exist") from error
        raise ValueError(
            f"`source` {shown(url)!r} is no Zarr store and no file that xarray opens: {reason}"
        ) from error


def chosen(source: Source, variables: Iterable[str] | None) -> xr.Dataset:
    """The variables asked for, all by default.

    Raises
    ------
    ValueError
        If one is not there.
    """
    if variables is None:
        return source.data
    names = [variables] if isinstance(variables, str) else list(variables)
    for name in names:
        if name not in source.data.data_vars:
            raise ValueError(
                f"`variables` names {name!r}, which the source lacks; it has "
                f"{list(source.data.data_vars)}"
            )
    return source.data[names]


def _holds_zarr(url: str | Path) -> bool:
    path = local_path(url)
    # "out.zarr/" on an object store is asked for what it holds when it is opened.
    return ".zarr" in str(url) if path is None else is_zarr(path)


@dataclass(frozen=True)
class Listing:
    """Which chunks (shards, where there are shards) of an array are there.

    Attributes
    ----------
    present : array of bool
        One for each chunk, in the shape of the grid of chunks.
    marks : int
        A sum over all chunks of what tells one from a changed one.
    """

    present: np.ndarray[Any, np.dtype[np.bool_]]
    marks: int

    @property
    def n_missing(self) -> int:
        """Number of chunks that are not there."""
        return int(self.present.size - np.count_nonzero(self.present))

    def missing(self) -> tuple[int, ...] | None:
        """Place of the first chunk that is not there."""
        if self.present.all():
            return None
        return tuple(map(int, np.unravel_index(int(np.argmin(self.present)), self.present.shape)))


def listed(array: Any) -> Listing:
    """List the chunks of a Zarr array.

    Examples
    --------
    >>> array = zarr.create_array({}, shape=(4,), chunks=(2,), dtype="f8", fill_value=0)
    >>> array[2:] = 1
    >>> listed(array).missing()
    (0,)
    """
    sides = array.shards or array.chunks
    grid = tuple(-(-size // side) for size, side in zip(array.shape, sides, strict=True))
    present, marks = np.zeros(grid, bool), 0
    for key, mark in _keys(array):
        place = tuple(map(int, _NUMBERS.findall(key)[-len(grid):])) if grid else ()  # fmt: skip
        if len(place) == len(grid) and all(k < n for k, n in zip(place, grid, strict=True)):
            present[place] = True
            marks += hash_of(f"{key} {mark}")
    return Listing(present, marks % 2**64)


def hash_of(text: str) -> int:
    """A number of 64 bits that is the same in every process.

    Examples
    --------
    >>> hash_of("a") == hash_of("a") != hash_of("b")
    True
    """
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def _keys(array: Any) -> Iterator[tuple[str, str]]:
    """Names of the chunks below an array, and where the system tells, size and time of each."""
    store, path = array.store_path.store, array.store_path.path
    folder = getattr(store, "root", None)
    if isinstance(folder, Path):
        for where, _, names in os.walk(folder / path):
            for name in names:
                if _is_chunk(name):
                    status = (Path(where) / name).stat()
                    key = os.path.relpath(Path(where) / name, folder / path)
                    yield key, f"{status.st_size} {status.st_mtime_ns}"
        return
    for key, mark in sync(_collected(store, f"{path}/" if path else "")):
        name = key[len(path) :].lstrip("/")
        if _is_chunk(name.rpartition("/")[2]):
            yield name, mark


def _is_chunk(name: str) -> bool:
    # ".zarray", "zarr.json", and what a killed process left of a file: "0.<letters>.partial"
    return not name.startswith(".") and not name.endswith((".json", ".partial"))


async def _collected(store: Any, prefix: str) -> list[tuple[str, str]]:
    if not isinstance(store, FsspecStore):
        return [(key, "") async for key in store.list_prefix(prefix)]
    # As its list_prefix does, which forgets all but the names.
    found = await store.fs._find(f"{store.path}/{prefix}", detail=True, withdirs=False)
    return [
        (key.removeprefix(f"{store.path}/"), f"{[told.get(mark) for mark in _MARKS]}")
        for key, told in found.items()
    ]


def _leading(shape: tuple[int, ...], cells: int) -> tuple[int, ...]:
    """Sides of a box of so many cells that lie together: its last axes whole, its first ones cut.

    Examples
    --------
    >>> _leading((1000, 721, 1440), 2**21), _leading((5, 3000, 3000), 2**20)
    ((2, 721, 1440), (1, 349, 3000))
    """
    sides: list[int] = []
    for size in reversed(shape):
        sides.append(max(1, min(size, cells)))
        cells //= sides[-1]
    return tuple(reversed(sides))


def chunks_asked_for(data: xr.Dataset, chunks: Mapping[str, int] | None) -> dict[str, int]:
    """Chunk sizes per dimension, checked.

    Raises
    ------
    ValueError
        If a dimension does not exist or a size is not positive.
    """
    for dim, size in (chunks or {}).items():
        if dim not in data.dims:
            raise ValueError(
                f"`chunks` names {dim!r}, which is no dimension; they are {list(data.dims)}"
            )
        if size < 1:
            raise ValueError(f"`chunks` for {dim!r} is {size}; give a positive number of cells")
    return dict(chunks or {})
