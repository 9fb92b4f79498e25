"""A rehearsal computes a few cells of each result, so that its kernels are loaded beforehand.

A kernel that has not run on this machine is compiled, and what the compiler takes stays with the
process: 30 to 190 MB (``python -m benchmarks.compiling``).  In the first regions this came on top
of their buffers: a fit over windows with gaps took 780 MB of the 660 that it was given.  Now the
plan, which is made afterwards, counts it (``tests/jobs/test_rehearsal.py``).
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from typing import Any

import numpy as np

from xgrad._typing import AnyArray
from xgrad.arrays.term import Held, Noise, Positions, Term, as_float
from xgrad.jobs.cutting import Axis, Box
from xgrad.jobs.region import Neighbours, Region, computed
from xgrad.jobs.request import Group

# Cells along an axis, and the binary logarithm of all: as many as kernels take other loops for.
_SIDE, _ALL = 32, 15


def rehearse(group: Group, retries: int) -> None:
    """Compute the first cells of the grid, from made-up numbers.

    No variable is read, only positions that are not in memory, and nothing is written.

    Parameters
    ----------
    group : Group
        What a job computes.
    retries : int
        How many more times a read of positions that fails is tried.
    """
    work = replace(group.work)  # the job makes its own tables, which the plan counts
    axes = group.axes()
    sides = [max(4, min(_SIDE, 2 ** (_ALL // len(axes))))] * (len(axes) - 1) + [_SIDE]
    box = tuple(map(_first, axes, sides))
    region = MadeUp(work, box, retries, {})
    neighbours = Neighbours(region, 0, region.read_all(box), None, None)
    for one in work.results:
        computed(one, neighbours)


def _first(axis: Axis, cells: int) -> slice:
    """The first cells of an axis, or all of them if few are left.

    Examples
    --------
    >>> _first(Axis(100, 10, 10, halo=1), 32), _first(Axis(34, 10, 10, halo=4), 32)
    (slice(0, 32, None), slice(0, 34, None))
    """
    least = max(axis.halo, axis.least_at_ends)
    n = max(least, cells)
    return slice(0, n if axis.size >= n + least else axis.size)


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
