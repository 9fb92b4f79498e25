"""A source: a Zarr store or another file, opened but not read.

It is not divided into dask chunks: a variable is read box by box, so that neither a graph nor
memory grows with it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import xarray as xr

from xgrad.stores import lasting, listing
from xgrad.stores.agreement import require_the_same_values
from xgrad.stores.many_files import combined
from xgrad.stores.opening import Opening, dataset, indexed
from xgrad.stores.snapshots import state_of
from xgrad.stores.urls import local_path

# Coordinates of up to so many bytes are compared by their values.
_IN_FULL = 2**24
# Bytes that are written at once of an array without chunks: decoded in no time, and a thousand
# times what a request to a store costs.
_OF_A_CHUNK = 2**23


_AS_USUAL = Opening()


@dataclass(frozen=True)
class Source:
    """One or several opened stores or files.

    Attributes
    ----------
    urls : tuple of str
        Paths or URLs.
    data : Dataset
        Its variables, which are read when they are indexed, and never kept.
    opening : Opening
        How it was opened.
    files : tuple of Dataset
        Each as it was opened.
    """

    urls: tuple[str, ...]
    data: xr.Dataset
    opening: Opening
    files: tuple[xr.Dataset, ...]

    @cached_property
    def groups(self) -> tuple[Any, ...]:
        """The Zarr group of each, None for another kind of file."""
        return tuple(self.opening.zarr_group(url) for url in self.urls)

    @property
    def zarr_format(self) -> int:
        """Format of the store, 3 for another kind of file."""
        first = self.groups[0]
        return 3 if first is None else int(first.metadata.zarr_format)

    def require_agreement(self) -> None:
        """Refuse files that have different values of a variable for the same cells."""
        require_the_same_values(self.files, self.urls[: len(self.files)])

    def close(self) -> None:
        """Close the files."""
        for one in self.files:
            one.close()

    def until(self, dim: Hashable, cells: int) -> Self:
        """The first cells along a dimension."""
        return replace(self, data=self.data.isel({dim: slice(cells)}))

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

    def smallest(self, name: Hashable) -> tuple[int, ...]:
        """Cells along each axis of a chunk, also if it is within a shard."""
        variable = self.data.variables[name]
        if not variable.encoding.get("shards"):
            return self.stored(name)
        sizes = zip(variable.encoding["chunks"], variable.shape, strict=True)
        return tuple(max(1, min(int(chunk), size)) for chunk, size in sizes)

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
        found, wanted = [], list(names)
        for url, group in sorted(zip(self.urls, self.groups, strict=True), key=lambda one: one[0]):
            if group is None:
                found.append(listing.digest_of_file(local_path(url)))
            else:
                own = listing.digest(group, wanted, allow_missing=allow_missing)
                found.append(own + state_of(group.store_path.store))
        return found[0] if len(found) == 1 else lasting.digest(found)

    def digest_of_coords(self, coords: Mapping[Any, xr.DataArray]) -> str:
        """A text that changes when coordinates do: small ones are compared by their values.

        Missing chunks of large ones are read as their fill value, as other readers of the source
        read them.
        """
        large = [name for name, coord in _by_name(coords) if coord.nbytes > _IN_FULL]
        return lasting.digest(in_full(coords), self.digest(large, allow_missing=True))


def in_full(coords: Mapping[Any, xr.DataArray]) -> list[Any]:
    """Coordinates of at most 16 MiB, with their values.

    Examples
    --------
    >>> in_full(xr.Dataset(coords={"x": ("x", [0.0, 1.0], {"units": "m"})}).coords)
    [('x', ('x',), [('units', 'm')], array([0., 1.]))]
    """
    small = []
    for name, coord in _by_name(coords):
        if coord.nbytes <= _IN_FULL:
            # Texts and dates of other calendars: pickles of equal objects may differ.
            values = coord.values.astype(str) if coord.dtype.kind == "O" else coord.values
            small.append((name, coord.dims, sorted(coord.attrs.items(), key=str), values))
    return small


def _by_name(coords: Mapping[Any, xr.DataArray]) -> list[tuple[Any, xr.DataArray]]:
    # The order of `key=str`, which digests in stores have; but that formats all coordinates.
    return sorted(coords.items(), key=lambda one: repr(one[0]))


def opened(files: str | Path | Sequence[str | Path], opening: Opening = _AS_USUAL) -> Source:
    """Open a Zarr store of either format, any other file that xarray opens, or several of them.

    Parameters
    ----------
    files : path, URL, or sequence of them
        Several are combined by their coordinates.
    opening : Opening, optional
        How each is opened.

    Raises
    ------
    FileNotFoundError
        If one does not exist.
    ValueError
        If one is neither a store nor such a file, or they do not combine.

    Examples
    --------
    >>> opened("missing.zarr")
    Traceback (most recent call last):
      ...
    FileNotFoundError: `source` 'missing.zarr' does not exist
    """
    several = (files,) if isinstance(files, str | Path) else tuple(files)
    urls = tuple(map(str, several))
    own = tuple(dataset(url, opening) for url in urls)
    if len(own) > 1:
        own = tuple(map(indexed, own))  # they are put together by their coordinates
    data = own[0] if len(own) == 1 else combined(own, urls)
    return Source(urls, data, opening, own)


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
