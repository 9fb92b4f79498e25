"""Whether the first part of a source is what it was when the source was shorter.

A source is stored in pieces along each dimension: rows of chunks, or files.  They are not read:
their names, sizes and modification times, or the history of a repository, show whether they have
changed.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from xgrad.stores import listing
from xgrad.stores.snapshots import InSnapshot, state_of
from xgrad.stores.source import Source
from xgrad.stores.urls import is_versioned, local_path

#: A number of cells along a dimension, and the state of all that these are stored in.
Cut = tuple[int, int]


class State(Protocol):
    """What is known about the content of a variable without reading it."""

    @property
    def metadata(self) -> str:
        """What affects the meaning of all cells; "" if the state of each piece covers that."""

    def recorded(self) -> dict[str, Any]:
        """What is recorded, in JSON's types, for comparison with a later state."""

    def unchanged(self, recorded: Mapping[str, Any], dim: Hashable, cells: int) -> int | None:
        """How many of the first cells are certainly what they were when there were so many.

        None if cells before the last piece have changed.
        """


class _HasCuts(Protocol):
    @property
    def size(self) -> Mapping[Hashable, int]: ...

    def before(self, dim: Hashable, cells: int) -> int: ...

    def cuts(self, dim: Hashable) -> list[Cut]: ...


class ByCuts:
    """A state that is a number for the cells before any cell; see :class:`State`."""

    def recorded(self: _HasCuts) -> dict[str, Any]:
        """The cuts along each dimension."""
        return {"cuts": {str(dim): [list(cut) for cut in self.cuts(dim)] for dim in self.size}}

    def unchanged(
        self: _HasCuts, recorded: Mapping[str, Any], dim: Hashable, cells: int
    ) -> int | None:
        """How many of the first cells are certainly what they were."""
        cuts = recorded.get("cuts", {})
        if dim not in self.size and cuts:
            along, ((end, state), *_) = next(iter(cuts.items()))
            return cells if self.before(along, end) == state else None
        same = (end for end, state in cuts.get(dim, ()) if self.before(dim, end) == state)
        found = next(same, None)
        return None if found is None else min(int(found), cells)


@dataclass(frozen=True)
class Pieces(ByCuts):
    """The pieces in which a variable is stored, along each dimension.

    Attributes
    ----------
    starts : mapping of hashable to sequence of int
        The first cell of each piece along a dimension, in ascending order.
    states : mapping of hashable to list of int
        A number for each piece that changes when it does.
    size : mapping of hashable to int
        Cells along each dimension.
    metadata : str
        What changes the meaning of all pieces, "" if the pieces have it themselves.

    Examples
    --------
    >>> pieces = Pieces({"time": [0, 4, 8]}, {"time": [10, 20, 30]}, {"time": 9}, "")
    >>> pieces.cuts("time"), pieces.before("time", 4)
    ([(9, 60), (8, 30)], 10)
    """

    starts: Mapping[Hashable, Any]
    states: Mapping[Hashable, list[int]]
    size: Mapping[Hashable, int]
    metadata: str

    def before(self, dim: Hashable, cells: int) -> int:
        """The state of all pieces that begin before a cell."""
        return sum(self.states[dim][: bisect_left(self.starts[dim], cells)]) % 2**64

    def cuts(self, dim: Hashable) -> list[Cut]:
        """All cells, and those before the last piece, which may be rewritten when it grows."""
        ends = [self.size[dim], *self.starts[dim][-1:]]
        return [(end, self.before(dim, end)) for end in ends]


def states_of(source: Source, names: Iterable[Hashable]) -> dict[Hashable, State]:
    """The states of some variables.

    Those whose storage does not tell whether its content changed are left out.
    """
    if len(source.groups) == 1 and source.groups[0] is not None:
        group = source.groups[0]
        found = {name: _of_array(source, name, group[name]) for name in names if name in group}
    else:
        of_files = _of_files(source)
        found = dict.fromkeys(names, of_files)
    return {name: own for name, own in found.items() if own is not None}


def _of_array(source: Source, name: Hashable, array: Any) -> State | None:
    """Rows of chunks."""
    dims = source.data.variables[name].dims
    if is_versioned(source.urls[0]):
        return InSnapshot.of(source.urls[0], array, dims, listing.metadata_of(array))
    found = listing.listed(array)
    if not found.is_marked:
        return None
    size = dict(zip(dims, array.shape, strict=True))
    sides = zip(dims, array.shape, array.shards or array.chunks, strict=True)
    starts = {dim: range(0, n, side) for dim, n, side in sides}
    states = dict(zip(dims, found.slabs, strict=True))
    return Pieces(starts, states, size, listing.metadata_of(array))


def _of_files(source: Source) -> Pieces | None:
    """Whole files, each at its place along every dimension."""
    sizes = dict(source.data.sizes)
    starts: dict[Hashable, list[int]] = {dim: [] for dim in sizes}
    states: dict[Hashable, list[int]] = {dim: [] for dim in sizes}
    for url, group, own in zip(source.urls, source.groups, source.files, strict=True):
        path = local_path(url)
        if group is None and path is None:
            return None
        state = (
            listing.digest_of_file(path)
            if group is None
            else listing.digest(group, own.variables, allow_missing=True)
            + state_of(group.store_path.store)
        )
        for dim in sizes:
            start = _start(source, own, dim)
            starts[dim].append(start)
            states[dim].append(listing.hash_of(f"{start} {state}"))
    for dim in sizes:
        order = sorted(range(len(starts[dim])), key=starts[dim].__getitem__)
        starts[dim] = [starts[dim][k] for k in order]
        states[dim] = [states[dim][k] for k in order]
    return Pieces(starts, states, sizes, "")


def _start(source: Source, own: Any, dim: Hashable) -> int:
    """The first cell of a file along a dimension."""
    if len(source.files) == 1 or dim not in own.indexes or dim not in source.data.indexes:
        return 0
    return int(source.data.indexes[dim].get_indexer(own.indexes[dim][:1])[0])
