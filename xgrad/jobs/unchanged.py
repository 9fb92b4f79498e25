"""Which cells of a result stay the same, bit for bit, when its source gets more cells.

The job of the old cells and that of all cells are compared, weight by weight: nothing is assumed
about how a stencil, a factor or a decision over a whole axis depends on the cells that are new.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xgrad.arrays.term import Positions, Term
from xgrad.jobs.region import Prepared
from xgrad.jobs.request import Group
from xgrad.kernels.stencil_kinds import OfAnAxis

_Mask = NDArray[np.bool_]
# Cells that are compared at once.
_AT_ONCE = 2**16


def rows(then: Group, now: Group, axis: int, known: int) -> _Mask:
    """Which rows of chunks across an axis hold the same values as before.

    Parameters
    ----------
    then, now : Group
        The same results of the old cells and of all cells.
    axis : int
        That which has grown.
    known : int
        Number of the first cells whose values in the source have not changed.

    Returns
    -------
    array of bool
        One for each row of chunks of `now`.
    """
    size, chunk = now.shape[axis], now.written[axis]
    found = np.zeros(-(-size // chunk), bool)
    pairs = [
        _Pair(old, new, axis, then.shape[axis], known, then.shape[axis] < size)
        for one, other in zip(then.results, now.results, strict=True)
        for old, new in zip(
            then.work.prepared[one.name], now.work.prepared[other.name], strict=False
        )
    ]
    if not _alike(then, now) or any(pair.differs for pair in pairs):
        return found
    n_chunks = max(1, _AT_ONCE // chunk)
    for first in range(0, len(found), n_chunks):
        start = first * chunk
        # A chunk that was at the end, and had fewer cells than now, is another one.
        whole = then.shape[axis] if then.shape[axis] == size else then.shape[axis] // chunk * chunk
        stop = min(start + n_chunks * chunk, whole)
        if start >= stop:
            break
        changed = np.zeros(stop - start, bool)
        for pair in pairs:
            changed |= pair.changed(start, stop)
        of_chunks = np.logical_or.reduceat(changed, np.arange(0, stop - start, chunk))
        found[first : first + len(of_chunks)] = ~of_chunks
    return found


def _alike(then: Group, now: Group) -> bool:
    """Whether two groups do the same, apart from numbers, and store it in the same way."""

    def of(group: Group) -> str:
        dtypes = {name: variable.dtype for name, variable in group.origins.items()}
        each = [(one.name, one.how, one.seconds, len(one.terms)) for one in group.results]
        return repr((dtypes, each, group.written, group.fill_value))  # NaN is not itself

    return of(then) == of(now)


@dataclass(frozen=True)
class _Pair:
    """A term of the old cells, and the same term of all cells.

    Attributes
    ----------
    old, new : Prepared
        The terms.
    axis : int
        The axis that has grown.
    size : int
        The number of the old cells along it.
    known : int
        So many of them have the same data as before.
    has_grown : bool
        Whether there are more now.
    """

    old: Prepared
    new: Prepared
    axis: int
    size: int
    known: int
    has_grown: bool

    @property
    def within(self) -> _Pair | None:
        """The same for what the terms are taken of."""
        if self.old.of is None or self.new.of is None:
            return None
        return replace(self, old=self.old.of, new=self.new.of)

    @property
    def differs(self) -> bool:
        """Whether all cells may have changed."""
        old, new = self.old.term, self.new.term
        form = [
            (one.operand, one.axis, one.scheme, one.component, one.of is None,
             one.held and (one.held.name, one.held.axis, one.held.by),
             one.sigma and one.sigma.name,
             type(one.along) is Positions, np.ndim(one.factor), np.ndim(one.inside))
            for one in (old, new)
        ]  # fmt: skip
        if form[0] != form[1] or (self.within is not None and self.within.differs):
            return True
        if old.held is not None and old.held.axis == self.axis:
            return True  # columns are needed whole
        if isinstance(old.along, Positions):
            # Whether a column is in order and even is decided over all of it.
            return old.axis == self.axis or _place(old) != _place(new)
        if old.axis is None or old.axis == self.axis:
            return False
        return any(changed.any() for changed in _columns(self.old.stencil, self.new.stencil))

    def changed(self, start: int, stop: int) -> _Mask:
        """Which of the old cells from `start` to `stop` may have changed."""
        old, new = self.old.term, self.new.term
        if old.axis == self.axis:
            found = self._reached(start, stop)
            found |= _column(self.old.stencil, self.new.stencil, start, stop)
        else:
            found = self._data(start, stop)
        return found | self._known(old.factor, new.factor, start, stop)

    def _data(self, start: int, stop: int) -> _Mask:
        """The same of what the derivative is taken of."""
        inner = self.within
        found = (
            np.arange(start, stop) >= self.known if inner is None else inner.changed(start, stop)
        )
        return found | self._known(self.old.term.product, self.new.term.product, start, stop)

    def _reached(self, start: int, stop: int) -> _Mask:
        """From which of the cells a stencil reaches changed data."""
        scheme = self.old.term.scheme
        depth = scheme.depth
        first, end = max(0, start - depth), min(self.size, stop + depth)
        around = "periodic" in scheme.boundary and (self.has_grown or self.known < self.size)
        before = np.full(first - (start - depth), around)
        after = np.full(stop + depth - end, self.has_grown or around)
        there = np.concatenate([before, self._data(first, end), after])
        windows = np.lib.stride_tricks.sliding_window_view(there, 2 * depth + 1)
        found: _Mask = np.any(windows, axis=1)
        # One-sided stencils at the first cells reach further up.
        n_edge = max(0, min(stop, scheme.half) - start)
        if n_edge:
            reach = min(self.size, scheme.half + scheme.reach)
            found[:n_edge] |= self._data(0, reach).any()
        return found

    def _known(self, old: Any, new: Any, start: int, stop: int) -> _Mask:
        """Where known factors differ."""
        count = stop - start
        if np.ndim(old) == 0:
            return np.full(count, not _same(np.asarray(old), np.asarray(new)))
        cells = [slice(None)] * np.ndim(old)
        if old.shape[self.axis] > 1 or new.shape[self.axis] > 1:
            cells[self.axis] = slice(start, stop)
        one, other = (np.moveaxis(np.asarray(x[tuple(cells)]), self.axis, 0) for x in (old, new))
        if one.dtype != other.dtype or one.shape != other.shape:
            return np.ones(count, bool)
        return np.broadcast_to(_rows_differ(one, other), count).copy()


def _place(term: Term) -> Any:
    assert isinstance(term.along, Positions)
    return term.along.name, term.along.period


def _columns(old: OfAnAxis | None, new: OfAnAxis | None) -> Iterator[_Mask]:
    """Where the columns of two tables differ, part by part."""
    assert old is not None
    assert new is not None
    if old.table.shape != new.table.shape:
        yield np.ones(1, bool)
        return
    size = old.table.shape[1]
    for start in range(0, size, _AT_ONCE):
        yield _column(old, new, start, min(size, start + _AT_ONCE))


def _column(old: OfAnAxis | None, new: OfAnAxis | None, start: int, stop: int) -> _Mask:
    """Where the columns of some cells differ."""
    assert old is not None
    assert new is not None
    one, other = (each.cut((slice(start, stop),), 0).columns for each in (old, new))
    if type(old) is not type(new) or one.dtype != other.dtype or one.shape != other.shape:
        return np.ones(stop - start, bool)
    return _rows_differ(one.T, other.T)


def _rows_differ(one: Any, other: Any) -> _Mask:
    """Which rows differ in their bits."""
    parts = (np.ascontiguousarray(x).view(np.uint8).reshape(len(x), -1) for x in (one, other))
    return np.asarray(np.not_equal(*parts).any(axis=1))


def _same(one: Any, other: Any) -> bool:
    return bool(one.dtype == other.dtype and one.tobytes() == other.tobytes())
