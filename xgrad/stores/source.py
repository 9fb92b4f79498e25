"""A source: a Zarr store or another file, opened but not read.

It is not divided into dask chunks: a variable is read box by box, so that neither a graph nor
memory grows with it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import xarray as xr
import zarr
from dask.tokenize import tokenize

from xgrad.stores import listing
from xgrad.stores.blosc import Whole, of_blosc
from xgrad.stores.urls import cause, is_zarr, local_path, require_address, shown

# Coordinates of up to so many bytes are compared by their values.
_IN_FULL = 2**24
# Bytes that are written at once of an array without chunks: decoded in no time, and a thousand
# times what a request to a store costs.
_OF_A_CHUNK = 2**23


@dataclass(frozen=True)
class Source:
    """An opened store or file.

    Attributes
    ----------
    url : str
        Path or URL.
    data : Dataset
        Its variables, which are read when they are indexed, and never kept.
    """

    url: str
    data: xr.Dataset

    @cached_property
    def group(self) -> Any:
        """The Zarr group, None for another kind of file."""
        return zarr.open_group(self.url, mode="r") if _is_zarr(self.url) else None

    @property
    def zarr_format(self) -> int:
        """Format of the store, 3 for another kind of file."""
        return 3 if self.group is None else int(self.group.metadata.zarr_format)

    def stored(self, name: Hashable) -> tuple[int, ...]:
        """Cells of a shard or a chunk along each axis.

        An array without chunks is cut along its first axes, into pieces of at most 8 MiB.
        """
        variable = self.data.variables[name]
        given = self._chunks(name)
        if given is None:
            given = _leading(variable.shape, _OF_A_CHUNK // variable.dtype.itemsize)
        # A chunk may be longer than a short array.
        sizes = zip(given, variable.shape, strict=True)
        return tuple(max(1, min(int(chunk), size)) for chunk, size in sizes)

    def inseparable(self, name: Hashable) -> tuple[int, ...]:
        """Cells along each axis that are read together: a chunk, or one cell without chunks."""
        if self._chunks(name) is None:
            return (1,) * self.data.variables[name].ndim
        return self.stored(name)

    def _chunks(self, name: Hashable) -> tuple[int, ...] | None:
        encoding = self.data.variables[name].encoding
        return encoding.get("shards") or encoding.get("chunks") or encoding.get("chunksizes")

    def copies(self, name: Hashable) -> int:
        """Chunks in memory while one is decoded; a shard is also put together from its chunks."""
        return 3 if self.data.variables[name].encoding.get("shards") else 2

    def is_scaled(self, name: Hashable) -> bool:
        """Whether a variable is stored as numbers of another dtype."""
        variable = self.data.variables[name]
        packing = {"scale_factor", "add_offset"} & set(variable.encoding)
        return bool(packing) or variable.encoding.get("dtype") != variable.dtype

    def is_decoded(self, name: Hashable) -> bool:
        """Whether reading changes the stored numbers."""
        encoding = self.data.variables[name].encoding
        fills = [encoding.get(key, np.nan) for key in ("_FillValue", "missing_value")]
        return not all(np.isnan(fill) for fill in fills) or self.is_scaled(name)

    def digest(self, names: Iterable[Hashable], *, allow_missing: bool) -> str:
        """A text that changes when some of the variables do.  Their values are not read.

        Raises
        ------
        ChunkError
            If a chunk is missing, unless `allow_missing`.
        """
        if self.group is None:
            return listing.digest_of_file(local_path(self.url))
        return listing.digest(self.group, names, allow_missing=allow_missing)

    def digest_of_coords(self, coords: Mapping[Any, xr.DataArray]) -> str:
        """A text that changes when coordinates do: small ones are compared by their values.

        Missing chunks of large ones are read as their fill value, as other readers of the source
        read them.
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
    """Open a Zarr store of either format, or any other file that xarray opens.

    Raises
    ------
    FileNotFoundError
        If it does not exist.
    ValueError
        If it is neither a store nor such a file.

    Examples
    --------
    >>> opened("missing.zarr")
    Traceback (most recent call last):
      ...
    FileNotFoundError: `source` 'missing.zarr' does not exist
    """
    require_address("source", url)
    path = local_path(url)
    if path is not None and not path.exists():
        raise FileNotFoundError(f"`source` {shown(url)!r} does not exist")
    is_store = _is_zarr(url)
    if path is not None and path.is_dir() and not is_store:
        raise ValueError(f"`source` {shown(url)!r} is a folder but not a Zarr store")
    try:
        return Source(str(url), _opened_store(url) if is_store else _opened_file(url))
    except (ValueError, OSError, KeyError) as error:
        reason = shown(str(error).split(". ")[0].split("\n")[0]) or type(error).__name__
        if path is None and isinstance(error, FileNotFoundError):
            raise FileNotFoundError(f"`source` {shown(url)!r} does not exist") from cause(error)
        raise ValueError(
            f"`source` {shown(url)!r} is neither a Zarr store nor a file that xarray opens: "
            f"{reason}"
        ) from cause(error)


def _opened_file(url: str | Path) -> xr.Dataset:
    return xr.open_dataset(url, cache=False)


def _opened_store(url: str | Path) -> xr.Dataset:
    group: Any = zarr.open_group(str(url), mode="r")
    # The store that xarray gets begins at the root of the address, so the group is named as well.
    path = f"{group.store_path.path}/".lstrip("/")
    return xr.open_dataset(
        cast(Any, Whole(group.store_path.store, of_blosc(group))),
        engine="zarr",
        group=path.rstrip("/") or None,
        chunks=None,
        cache=False,
        consolidated=group.metadata.consolidated_metadata is not None,
    )


def _is_zarr(url: str | Path) -> bool:
    path = local_path(url)
    # An object store such as "s3://bucket/out.zarr/" is not asked before it is opened.
    return ".zarr" in str(url) if path is None else is_zarr(path)


def _leading(shape: tuple[int, ...], cells: int) -> tuple[int, ...]:
    """Sides of a contiguous box of at most so many cells: whole last axes, cut first ones.

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
