"""A rehearsal computes a few cells of each result, so that its kernels are loaded beforehand.

A kernel that has not run on this machine is compiled, and what the compiler takes stays with the
process: 30 to 200 MB.  In the first regions this came on top of their buffers (a fit over windows
with gaps took 780 MB of the 660 that it was given); before the plan is made, the plan counts it
(``tests/jobs/test_rehearsal.py``).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from xgrad._typing import AnyArray
from xgrad.arrays.term import Held, Noise, Positions, Term, as_float
from xgrad.jobs.cutting import Axis, Box
from xgrad.jobs.region import Neighbours, Region, computed
from xgrad.jobs.request import Group

# Least cells of a box along an axis, and cells of a row from which kernels take other loops.
_FEW, _ROW = 4, 32
# Cells of a large box are about two to the power of this.
_LARGE = 15


def rehearse(group: Group, retries: int) -> None:
    """Compute a few cells at both ends and in the middle of the grid, of made-up numbers.

    No variable is read, only positions that are not in memory, and nothing is written.

    Parameters
    ----------
    group : Group
        What a job computes.
    retries : int
        How many more times a read of positions that fails is tried.
    """
    work = replace(group.work)  # the job makes its own tables, which the plan counts
    for box in _boxes(group.axes()):
        region = MadeUp(work, box, retries, {})
        neighbours = Neighbours(region, 0, region.read_all(box), None, None)
        for one in work.results:
            computed(one, neighbours)


def _boxes(axes: Sequence[Axis]) -> Iterator[Box]:
    """A small box, one with long rows, and one with many short rows: each has its own loops.

    Examples
    --------
    >>> list(_boxes(2 * [Axis(100, 10, 10, halo=1)]))  # doctest: +NORMALIZE_WHITESPACE
    [(slice(0, 4, None), slice(0, 4, None)),
     (slice(34, 66, None), slice(34, 66, None)),
     (slice(68, 100, None), slice(96, 100, None))]
    """
    last = len(axes) - 1
    side = max(_FEW, min(_ROW, 2 ** (_LARGE // len(axes))))
    yield tuple(_part(axis, _FEW, 0) for axis in axes)
    yield tuple(_part(axis, _ROW if k == last else side, 1) for k, axis in enumerate(axes))
    yield tuple(_part(axis, _FEW if k == last else side, 2) for k, axis in enumerate(axes))


def _part(axis: Axis, cells: int, halves: int) -> slice:
    """The first, the middle or the last cells of an axis, or all of them if they are few."""
    least = max(axis.halo, axis.least_at_ends, _FEW)
    n = max(least, cells)
    if axis.size < n + least:
        return slice(0, axis.size)
    start = halves * (axis.size - n) // 2
    if start < least:  # too few cells before it for a neighbour
        start = 0
    return slice(start, start + n)


class MadeUp(Region):
    """A region of ones, whose positions and heights rise along each axis, as they must.

    The dtypes are those of the source, which kernels are compiled for.
    """

    def read(self, name: Hashable, box: Box) -> AnyArray:
        """Ones: float16 has no number that rises so far as the cells of a long axis."""
        return np.ones([part.stop - part.start for part in box], self.work.variables[name].dtype)

    def positions(self, term: Term, box: Box) -> AnyArray:
        """Rising positions."""
        assert isinstance(term.along, Positions)
        return np.asarray(as_float(_rising(term.along.array, box)))

    def beside(self, own: Held | Noise, box: Box) -> AnyArray:
        """Rising heights, or noise."""
        return _rising(own.array, box)

    def column(self, axis: int) -> int:
        """Two boxes of it: to judge 200,000 cells, four at a time, took 40 s."""
        box = self.box[axis]
        return min(super().column(axis), 2 * int(box.stop - box.start))


def _rising(like: Any, box: Box) -> AnyArray:
    """One more than the sum of the indices; with sides of 1 where the array has them."""
    found = np.ones(())
    for part, n in zip(box, like.shape, strict=True):
        found = np.add.outer(found, np.arange(part.start, part.stop) if n > 1 else np.zeros(1))
    with np.errstate(over="ignore"):
        return np.asarray(found).astype(like.dtype)
