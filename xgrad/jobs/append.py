"""Stores that grow: which chunks of a complete store are those of a new one, of more cells.

A store that grows is written as any other: the whole result of all cells, in a place of its own.
Chunks that would get the same bits are taken from the old store and noted as finished.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from xgrad.arrays.term import Positions
from xgrad.jobs import empty_target, record, unchanged
from xgrad.jobs.cutting import Layout, enough, recut
from xgrad.jobs.request import Group, Job
from xgrad.jobs.resume import Finished, line
from xgrad.stores.listing import fingerprint, index_of, listed
from xgrad.stores.workplace import INCOMPLETE, RECORD, Workplace, make_root, put


@dataclass(frozen=True)
class Reuse:
    """What of a complete store is kept.

    Attributes
    ----------
    groups : tuple of Group
        Those of the job of all cells.
    axes : tuple of int
        For each group, the axis that has grown; 0 if it has none.
    rows : tuple of array of bool
        For each group, which rows of chunks across this axis are kept.
    record : str
        That of the old store.
    is_all : bool
        Whether the old store is what the job would write, with all attributes.
    """

    groups: tuple[Group, ...]
    axes: tuple[int, ...]
    rows: tuple[NDArray[np.bool_], ...]
    record: str
    is_all: bool

    @property
    def n_bytes(self) -> int:
        """Size of what is kept, uncompressed."""
        return sum(
            group.itemsize * math.prod(part.stop - part.start for part in box)
            for k, group in enumerate(self.groups)
            for box in self._boxes(k)
        )

    def keeps(self, array: str, key: str) -> bool:
        """Whether a chunk is kept."""
        for group, axis, rows in zip(self.groups, self.axes, self.rows, strict=True):
            if any(one.name == array for one in group.results):
                index = index_of(key, len(group.shape))
                # An incomplete file, `0.0.0.<letters>.partial`, is none.
                is_chunk = len(index) == len(group.shape) and not key.endswith(".partial")
                return is_chunk and index[axis] < len(rows) and bool(rows[index[axis]])
        return False

    def lines(self) -> Iterator[str]:
        """Lines for the journal that say that what is kept is finished."""
        for k, group in enumerate(self.groups):
            for box in self._boxes(k):
                yield line(group.index, box)

    def _boxes(self, k: int) -> Iterator[tuple[slice, ...]]:
        group, axis, start = self.groups[k], self.axes[k], 0
        for is_kept, run in groupby(self.rows[k]):
            stop = start + sum(1 for _ in run)
            if is_kept:
                box = [slice(0, side) for side in group.shape]
                chunk = group.written[axis]
                box[axis] = slice(start * chunk, min(stop * chunk, group.shape[axis]))
                yield tuple(box)
            start = stop


def reusable(
    job: Job, dim: str, existing: Any, own: dict[str, Any], *, checksum: bool
) -> Reuse | None:
    """What of a complete store is part of the result of a job.

    Parameters
    ----------
    job : Job
        What is to be done.
    dim : str
        The dimension along which the source has grown.
    existing : object
        What zarr opens of the old store.
    own : dict
        The record of the job, from :func:`xgrad.jobs.record.of_source`.
    checksum : bool
        Whether each chunk gets one.

    Returns
    -------
    Reuse or None
        None if nothing is known of the store but that it is unfinished.

    Raises
    ------
    ValueError
        If the old store is not the result of the same job of fewer cells of the same source.
    """
    old = _opened(existing)
    is_begun = INCOMPLETE in old.attrs
    if is_begun and RECORD not in old.attrs:
        return None
    before = _record(old, job, dim)
    cells = before["sizes"][dim]
    then = job.until(dim, cells)
    record.require_same(before, then, checksum=checksum)
    _require_no_others(old, job)
    states = record.states(job)
    axes, rows = [], []
    for earlier, group in zip(then.groups, job.groups, strict=True):
        axis = group.dims.index(dim) if dim in group.dims else 0
        known = _known(job, before, states, group, dim)
        if dim not in group.dims:
            known = group.shape[0] if known == cells else 0
        found = unchanged.rows(earlier, group, axis, known)
        for one in group.results:
            if not is_begun:
                _require_untouched(old, one.name, before)
            found &= _present(old, one.name, axis, len(found))
        if dim in group.dims:
            found = np.array(enough(group.axes()[axis], found.tolist()), bool)
        axes.append(axis)
        rows.append(found)
    kept = {key: value for key, value in before.items() if key != "results"}
    is_all = kept == own and all(map(np.all, rows)) and not is_begun
    return Reuse(job.groups, tuple(axes), tuple(rows), str(old.attrs[RECORD]), is_all)


def _opened(existing: Any) -> Any:
    try:
        return zarr.open_group(existing, mode="r", use_consolidated=False)
    except FileNotFoundError as error:  # such as an array
        raise _without_record() from error


def _without_record() -> ValueError:
    return ValueError(
        "`target` does not say what job made it, as stores that this version of xgrad makes do; "
        "compute everything with `overwrite`"
    )


def _record(old: Any, job: Job, dim: str) -> dict[str, Any]:
    """The record of the old store, which must have no more cells than the source."""
    found = record.read(old.attrs.get(RECORD))
    if found is None:
        raise _without_record()
    if dim not in found["sizes"]:
        raise ValueError(
            f"`append` names {dim!r}, which `target` lacks; it has {list(found['sizes'])}"
        )
    now, before = job.data.sizes[dim], found["sizes"][dim]
    if now < before:
        raise ValueError(
            f"`source` has {now} cells along {dim!r}, fewer than the {before} that `target` was "
            "made from; replace it with `overwrite`"
        )
    return found


def _require_no_others(old: Any, job: Job) -> None:
    """Refuse to lose what was put into the old store by hand."""
    others = sorted(set(old) - {str(name) for name in job.template().variables})
    if others:
        raise ValueError(
            f"`target` has {others}, which this job does not write and which would be lost; move "
            "them to a store of their own"
        )


def _require_untouched(old: Any, name: str, before: dict[str, Any]) -> None:
    array = old.get(name)
    if array is None or fingerprint(array, listed(array)) != before["results"].get(name):
        raise ValueError(
            f"{name!r} in `target` has changed since it was made; compute everything with "
            "`overwrite`"
        )


def _known(job: Job, before: dict[str, Any], states: dict[Any, Any], group: Group, dim: str) -> int:
    """How many of the first cells of all that a group is computed from are what they were."""
    own = {term.along.name for term in group.terms if isinstance(term.along, Positions)}
    own |= {name for term in group.terms for name in term.made_of}
    found = []
    for name in {*group.origins, *own}:
        known = record.known(before, states, name, dim)
        # That of an object may be made otherwise because there is more of it, as an anomaly is.
        if known is None and job.request.given is None:
            raise record.of_other_values(name)
        found.append(known or 0)
    return min(found)


def _present(old: Any, name: str, axis: int, count: int) -> NDArray[np.bool_]:
    """Which rows of chunks the old store has all chunks of."""
    there = listed(old[name]).present
    others = tuple(k for k in range(there.ndim) if k != axis)
    found = np.zeros(count, bool)
    whole = np.asarray(there.all(axis=others))[:count]
    found[: len(whole)] = whole
    return found


def begin(
    job: Job, place: Workplace, existing: Any, reuse: Reuse, *, checksum: bool
) -> tuple[Any, Reuse]:
    """Make the arrays of a store that grows, with the chunks that are kept.

    Parameters
    ----------
    job : Job
        What is to be done.
    place : Workplace
        Where the new store is made.
    existing : object
        What zarr opens of the old store.
    reuse : Reuse
        What may be kept.
    checksum : bool
        Whether each chunk gets one.

    Returns
    -------
    Dataset
        From :func:`xgrad.jobs.empty_target.skeleton`.
    Reuse
        What is kept.
    """
    zarr_format = place.zarr_format or job.source.zarr_format
    result = empty_target.skeleton(job, zarr_format, checksum=checksum)
    # The old record stays until the end: if this process dies before the job can be resumed, the
    # next one reads it.
    result.attrs[RECORD] = reuse.record
    documents = zarr.storage.MemoryStore()
    make_root(documents, zarr_format, job.request.token)
    empty_target.write(result, documents, zarr_format)
    kept = _encoded_alike(reuse, existing, documents)
    place.grow(zarr_format, job.request.token, kept.keeps)
    put(documents, place.store)
    for each in kept.lines():
        place.finish(each)
    return result, kept


def _encoded_alike(reuse: Reuse, existing: Any, documents: Any) -> Reuse:
    """What is kept without arrays that another version of zarr, say, would encode otherwise."""
    old, new = (
        zarr.open_group(one, mode="r", use_consolidated=False) for one in (existing, documents)
    )
    alike = [
        all(_encoding(old[one.name]) == _encoding(new[one.name]) for one in group.results)
        for group in reuse.groups
    ]
    rows = tuple(own & is_kept for own, is_kept in zip(reuse.rows, alike, strict=True))
    return replace(reuse, rows=rows)


def _encoding(array: Any) -> dict[str, Any]:
    own = array.metadata.to_dict()
    return {key: value for key, value in own.items() if key not in ("shape", "attributes")}


def around(
    dim: str, layouts: Sequence[Layout], groups: Sequence[Group], done: Finished
) -> list[Layout]:
    """Layouts whose regions begin and end where what is finished does.

    A region is done as a whole, so one that is long along the axis that grows would do again what
    is kept.
    """

    def own(layout: Layout, group: Group) -> Layout:
        if dim not in group.dims:
            return layout
        axis = group.dims.index(dim)
        return recut(layout, group.axes()[axis], axis, done.along(group, axis).tolist())

    return list(map(own, layouts, groups))
