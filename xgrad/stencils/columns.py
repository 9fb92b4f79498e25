"""Tables of long axes, whose columns are made for the cells that are at work.

A table has six numbers or more for each cell, so that of a long axis would take more memory than
the data along it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from xgrad._typing import AnyArray


@dataclass(frozen=True)
class Columns(ABC):
    """Some columns of the table of a long axis; converted to an array, they are written out.

    Attributes
    ----------
    size : int
        Number of cells along the axis.
    start, stop : int
        The cells whose columns these are.
    """

    size: int
    start: int
    stop: int

    def __getitem__(self, key: tuple[slice, slice]) -> Any:
        """The columns of some of the cells; all rows, or those that are asked for, written out."""
        rows, cells = key
        start, stop, _ = cells.indices(self.stop - self.start)
        cut = self.cut(self.start + start, self.start + max(start, stop))
        return cut if rows == slice(None) else cut.written_out()[rows]

    @property
    def shape(self) -> tuple[int, int]:
        """Of the columns, if they were written out."""
        return self.n_rows, self.stop - self.start

    @property
    @abstractmethod
    def n_rows(self) -> int:
        """Of the table."""

    def cut(self, start: int, stop: int) -> Self:
        """The columns of the cells from `start` to `stop`, counted from the first of the axis."""
        return replace(self, start=start, stop=stop)

    def held(self) -> Self:
        """The same, with all that the columns are made from in memory."""
        return self

    @abstractmethod
    def written_out(self) -> AnyArray:
        """The columns as an array, for which nothing is kept."""

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> AnyArray:
        return np.asarray(self.written_out(), dtype, copy=copy)


@dataclass(frozen=True)
class Repeating(Columns):
    """The table of an even axis: all columns but those near its two ends are the same.

    Attributes
    ----------
    short : array of shape (k, 2 * near + 1)
        The table of an axis with the same ends, and one column between them.

    Examples
    --------
    >>> long = Repeating.of(np.array([[1, 2, 3]]), 10**12)
    >>> np.asarray(long[:, 0:4]), np.asarray(long[:, -3:])
    (array([[1, 2, 2, 2]]), array([[2, 2, 3]]))
    """

    short: AnyArray

    @classmethod
    def of(cls, short: AnyArray, size: int) -> Repeating:
        """All columns of an axis."""
        return cls(size, 0, size, short)

    @property
    def n_rows(self) -> int:
        """Of the table."""
        return len(self.short)

    def written_out(self) -> AnyArray:
        """The columns as an array."""
        near, count = self.short.shape[1] // 2, self.stop - self.start
        found = np.empty(self.shape, self.short.dtype)
        found[:] = self.short[:, near : near + 1]
        before = range(self.start, min(near, self.stop))
        after = range(max(self.size - near, self.start), self.stop)
        found[:, : len(before)] = self.short[:, before.start : before.start + len(before)]
        first = after.start - self.size + self.short.shape[1]
        found[:, count - len(after) :] = self.short[:, first : first + len(after)]
        return found


@dataclass(frozen=True)
class Windowed(Columns):
    """The table of an uneven axis, made from the steps around the cells.

    Attributes
    ----------
    table_of : callable
        Makes the table of a whole axis, from its steps and its size.
    near : int
        How many cells away from a cell its column depends on.
    steps : array, or what is read when it is converted to one
        Some of the steps of the axis, those around the cells among them.
    before : int
        Number of steps of the axis before these.
    ends : tuple of two arrays
        The first and the last steps of the axis.
    around : bool
        Whether the axis is periodic.

    Examples
    --------
    >>> from xgrad.stencils.scheme import Scheme
    >>> from xgrad.stencils.table import table_of
    >>> def table(steps, size):
    ...     return table_of(steps, size, Scheme(), "f8")
    >>> steps = np.arange(1.0, 100.0)
    >>> few = Windowed.of(steps, 100, near=4, table_of=table)[:, 40:42]
    >>> bool((np.asarray(few) == table(steps, 100)[:, 40:42]).all())
    True
    """

    table_of: Callable[[AnyArray, int], AnyArray]
    near: int
    steps: Any
    before: int
    ends: tuple[AnyArray, AnyArray]
    around: bool = False

    @classmethod
    def of(
        cls, steps: Any, size: int, near: int, table_of: Callable[[AnyArray, int], AnyArray],
        *, around: bool = False,
    ) -> Windowed:  # fmt: skip
        """All columns of an axis of `size` cells."""
        ends = np.asarray(steps[:near]), np.asarray(steps[size - 1 - near : size - 1])
        return cls(size, 0, size, table_of, near, steps, 0, ends, around)

    @property
    def n_rows(self) -> int:
        """Of the table."""
        return len(self.cut(self.start, self.start).written_out())

    def _around(self) -> tuple[int, int]:
        """The first cell that the columns depend on, and the one after the last."""
        return max(0, self.start - self.near), min(self.size, self.stop + self.near)

    def cut(self, start: int, stop: int) -> Windowed:
        """The columns of some of the cells, with only the steps around these."""
        found = replace(self, start=start, stop=stop)
        first, end = found._around()
        steps = self.steps[first - self.before : end - 1 - self.before]
        return replace(found, steps=steps, before=first)

    def held(self) -> Windowed:
        """The same, with the steps in memory."""
        return replace(self, steps=np.asarray(self.steps))

    def written_out(self) -> AnyArray:
        """The columns as an array.

        They are those of a short axis around the cells: no column depends on cells that are far.
        """
        first, end = self._around()
        steps = np.asarray(self.steps[first - self.before : end - 1 - self.before])
        # Columns that reach an end of a periodic axis depend on the steps at the other end, which
        # here follow after any step: no column that is asked for depends on this one.
        head, tail = self.ends
        is_first, is_last = self.start <= self.near, self.stop >= self.size - self.near
        below, above, missing = [], [], self.size - end
        if self.around and is_last:
            below = [head, head[-1:]] if first > self.near else [head[:first]]
        if self.around and is_first:
            above = [tail[:1], tail] if missing > self.near else [tail[len(tail) - missing :]]
        whole = np.concatenate([*below, steps, *above])
        start = sum(map(len, below)) + self.start - first
        found = self.table_of(whole, len(whole) + 1)
        return found[:, start : start + self.stop - self.start]
