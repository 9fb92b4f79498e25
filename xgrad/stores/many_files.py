"""Several files as one source, combined by their coordinates.  Their variables stay on disk.

xarray's :func:`xarray.combine_by_coords` decides the order.  It sees the coordinates of the
dimensions, and for each other variable an array that holds only the number of its file; the
combined arrays show which file each block of a variable is in.
"""

from __future__ import annotations

import glob
import itertools
import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from xgrad.stores.agreement import begins, difference, require_the_same_meaning
from xgrad.stores.snapshots import pinned
from xgrad.stores.urls import is_versioned, local_path, require_address, shown

_WILD = frozenset("*?[")


def files_of(source: str | Path | Iterable[str | Path]) -> tuple[str, ...]:
    """The files or stores that a source means: itself, those of a pattern, or those of a list.

    Parameters
    ----------
    source : path, URL, pattern, or iterable of them
        A pattern is one of local paths, such as ``"data/*.nc"``.

    Raises
    ------
    FileNotFoundError
        If a pattern matches nothing.
    TypeError
        If it is anything else, such as an open Dataset.

    Examples
    --------
    >>> files_of("in.zarr"), files_of(["a.nc", Path("b.nc")])
    (('in.zarr',), ('a.nc', 'b.nc'))
    """
    if isinstance(source, str | Path):
        return _matching(str(source))
    if isinstance(source, Mapping | xr.DataArray | np.ndarray) or not isinstance(source, Iterable):
        raise TypeError(
            f"`source` is a {type(source).__name__}; give a path or URL, a Dataset or a DataArray"
        )
    given: list[Any] = list(source)
    for one in given:
        if isinstance(one, xr.Dataset | xr.DataArray):
            raise TypeError(
                f"`source` is a list with a {type(one).__name__}; give paths, or combine objects "
                "first, as `xr.combine_by_coords` does"
            )
    found = list(dict.fromkeys(itertools.chain(*map(files_of, given))))
    if not found:
        raise ValueError("`source` is an empty list; name a file or a store")
    return tuple(found)


def _matching(source: str) -> tuple[str, ...]:
    if is_versioned(source):
        require_address("source", source)
        return (pinned(source),)
    path = local_path(source)
    if path is None and "*" in re.split("[?#]", source)[0]:
        raise ValueError(
            f"`source` {shown(source)!r} is a pattern in an address, which is not expanded; name "
            "each store"
        )
    if path is None or path.exists() or not _WILD & set(source):
        return (source,)
    found = sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207  a Path splits off its root
    if not found:
        raise FileNotFoundError(f"`source` {shown(source)!r} matches no file")
    return tuple(found)


def in_words(files: Sequence[str]) -> str:
    """Files in words, for messages.

    Examples
    --------
    >>> in_words(["a.nc", "b.nc", "c.nc"]), in_words(["a.nc"])
    ('a.nc and 2 more', 'a.nc')
    """
    return files[0] + (f" and {len(files) - 1} more" if len(files) > 1 else "")


def combined(datasets: Sequence[xr.Dataset], names: Sequence[str]) -> xr.Dataset:
    """One Dataset of those of several files, by their coordinates.

    Parameters
    ----------
    datasets : sequence of Dataset
        Opened, not read, and not in dask chunks.
    names : sequence of str
        Those of the files, for messages.

    Raises
    ------
    ValueError
        If their coordinates give no order, or their variables have different units or packing.

    Examples
    --------
    >>> parts = [xr.Dataset({"t": ("x", [4.0 * k])}, {"x": [k]}) for k in (1, 0)]
    >>> combined(parts, ["b.nc", "a.nc"]).t.values.tolist()
    [0.0, 4.0]
    """
    require_the_same_meaning(datasets, names)
    try:
        order = xr.combine_by_coords(
            [_numbered(one, k) for k, one in enumerate(datasets)],
            data_vars="minimal", coords="minimal", compat="override", join="exact",
            combine_attrs="override",
        )  # fmt: skip
    except (ValueError, TypeError) as error:
        _require_different_places(datasets, names)
        why = _in_the_way(datasets, names) or str(error).splitlines()[0]
        raise ValueError(
            f"`source` is {len(datasets)} files, {shown(in_words(names))}, which do not combine by "
            f"their coordinates: {why}; or put them into one store first, as `xr.open_mfdataset("
            "..., combine='nested', concat_dim=..., join='exact').to_zarr(...)` does"
        ) from error
    _require_different_places(datasets, names)
    if why := _overlap(datasets, names):
        raise ValueError(f"`source`: {why}")
    others = [name for name in order.variables if name not in order.xindexes]
    return order.assign({name: _variable(name, order.variables[name], datasets) for name in others})


def _require_different_places(datasets: Sequence[xr.Dataset], names: Sequence[str]) -> None:
    """Refuse files that begin at the same place: of these, xarray would drop one."""
    known: dict[Any, str] = {}
    for own, where in zip(datasets, names, strict=True):
        place = begins(own, list(own.dims))
        there = known.setdefault((frozenset(own.data_vars), place), where)
        if place and there is not where:
            text = ", ".join(f"{dim}={value}" for dim, value in place)
            raise ValueError(
                f"`source`: {shown(there)!r} and {shown(where)!r} both begin at {text}, and one of "
                "them would be lost; leave one out, or correct its coordinates"
            )


def _in_the_way(datasets: Sequence[xr.Dataset], names: Sequence[str]) -> str:
    """Which coordinate gives no order, in words."""
    every = {dim for own in datasets for dim in own.xindexes}
    for own, where in zip(datasets, names, strict=True):
        for dim in own.dims:
            if dim in every and dim not in own.xindexes:
                return f"{dim!r} has no coordinate in {shown(where)!r}"
    return _overlap(datasets, names)


def _overlap(datasets: Sequence[xr.Dataset], names: Sequence[str]) -> str:
    """The first coordinate whose cells overlap and are not the same, in words."""
    for dim in dict.fromkeys(dim for own in datasets for dim in own.xindexes):
        different: dict[bytes, tuple[xr.Variable, str]] = {}
        for own, where in zip(datasets, names, strict=True):
            if dim in own.xindexes and own.sizes[dim]:
                values = own.variables[dim].values
                key = (values if values.dtype.kind != "O" else values.astype(str)).tobytes()
                different.setdefault(key, (own.variables[dim], where))
        ordered = sorted(different.values(), key=lambda one: one[0].values.min())
        for one, other in itertools.pairwise(ordered):
            if other[0].values.min() <= one[0].values.max():
                return _of_overlap(dim, one, other)
    return ""


def _of_overlap(dim: Hashable, one: tuple[xr.Variable, str], other: tuple[xr.Variable, str]) -> str:
    """Two coordinates that overlap, in words: where they nearly agree, and what they span."""
    (a, here), (b, there) = one, other
    found = difference(a, b)
    if (
        found is not None
        and a.shape == b.shape
        and b.values.min() < np.sort(a.values)[1:].min(initial=a.values.max())
    ):
        at, first, second = found
        text = f"{dim!r}{at} is {first} in {shown(here)!r}, but {second} in {shown(there)!r}"
        return f"{text}; correct it"
    (first, last), (begin, end) = ((v.values.min(), v.values.max()) for v in (a, b))
    return (
        f"{dim!r} runs from {first} to {last} in {shown(here)!r}, and from {begin} to {end} in "
        f"{shown(there)!r}: the files overlap; leave one out, or cut what both have from one"
    )


def _numbered(own: xr.Dataset, number: int) -> xr.Dataset:
    """The same dataset, with each value except those of indexes replaced by the file's number."""
    one = da.from_array(np.array(number), chunks=-1, name=f"file-{number}")
    found = {}
    for name, variable in own.variables.items():
        if name not in own.xindexes:
            data = da.broadcast_to(one, variable.shape, chunks=variable.shape)
            found[name] = xr.Variable(variable.dims, data, variable.attrs)
    return own.assign(found)


def _variable(name: Hashable, order: xr.Variable, datasets: Sequence[xr.Dataset]) -> xr.Variable:
    """A variable whose blocks are in the files that are numbered."""
    sides: Any = order.chunks
    numbers = order.data
    for axis, sizes in enumerate(sides):
        starts = [0, *itertools.accumulate(sizes[:-1])]
        numbers = numbers[(slice(None),) * axis + (starts,)]
    in_file = np.asarray(numbers.compute(scheduler="synchronous"))
    blocks = np.empty(in_file.shape, object)
    for index, number in np.ndenumerate(in_file):
        blocks[index] = datasets[number].variables[name].transpose(*order.dims)
    first = blocks.flat[0]
    data = first._data if blocks.size == 1 else indexing.LazilyIndexedArray(_Blocks(blocks, sides))
    return xr.Variable(order.dims, data, order.attrs, first.encoding)


class _Blocks(BackendArray):
    """Variables beside one another, each of which is read as far as it is needed.

    Parameters
    ----------
    blocks : array of Variable
        In a grid.
    sides : tuple of tuple of int
        Sizes of the blocks along each axis.
    """

    def __init__(self, blocks: Any, sides: tuple[tuple[int, ...], ...]) -> None:
        self._blocks = blocks
        self._edges = [np.cumsum([0, *sizes]) for sizes in sides]
        self.shape = tuple(int(edges[-1]) for edges in self._edges)
        self.dtype = np.result_type(*(one.dtype for one in blocks.flat))

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        way = indexing.IndexingSupport.BASIC
        return indexing.explicit_indexing_adapter(key, self.shape, way, self._read)

    def _read(self, key: tuple[Any, ...]) -> Any:
        """The cells of a box, given by integers and slices."""
        wanted = [range(n)[part] for n, part in zip(self.shape, key, strict=True)]
        spans = [_span(one) for one in wanted]
        out = np.empty([span.stop - span.start for span in spans], self.dtype)
        pairs = zip(self._edges, spans, strict=True)
        for parts in itertools.product(*(_parts(edges, span) for edges, span in pairs)):
            index, inner, outer = zip(*parts, strict=True) if parts else ((), (), ())
            out[outer] = self._blocks[index][inner].values
        return out[tuple(_within(one) for one in wanted)]


def _span(wanted: Any) -> slice:
    """The cells from the first to the last of an index or a range."""
    if isinstance(wanted, int):
        return slice(wanted, wanted + 1)
    return slice(min(wanted), max(wanted) + 1) if len(wanted) else slice(0, 0)


def _within(wanted: Any) -> Any:
    """The cells that are wanted of :func:`_span`."""
    if isinstance(wanted, int):
        return 0
    return slice(None, None, wanted.step)


def _parts(edges: Any, span: slice) -> list[tuple[int, slice, slice]]:
    """The blocks that a span of cells touches: number, cells within the block, cells of the span.

    Examples
    --------
    >>> _parts(np.array([0, 3, 5]), slice(2, 4))
    [(0, slice(2, 3, None), slice(0, 1, None)), (1, slice(0, 1, None), slice(1, 2, None))]
    """
    found = []
    for k, (first, last) in enumerate(itertools.pairwise(map(int, edges))):
        start, stop = max(first, span.start), min(last, span.stop)
        if start < stop:
            inner = slice(start - first, stop - first)
            found.append((k, inner, slice(start - span.start, stop - span.start)))
    return found
