"""A rehearsal computes a few cells of each result, so that its kernels are loaded beforehand.

A kernel that has not run on this machine is compiled, and what the compiler takes stays with the
process: 30 to 200 MB.  In the first regions this came on top of their buffers (a fit over windows
with gaps took 780 MB of the 660 that it was given); before the plan is made, the plan counts it
(``tests/jobs/test_rehearsal.py``).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace

import numpy as np

from xgrad._typing import AnyArray
from xgrad.arrays.term import Held, Noise, Positions, Term
from xgrad.jobs.cutting import Axis, Box
from xgrad.jobs.region import Neighbours, Region, computed
from xgrad.jobs.request import Group

# Least cells of a box along an axis.
_FEW = 4


def rehearse(group: Group) -> None:
    """Compute a few cells at both ends and in the middle of the grid, of made-up numbers.

    No variable is read, and nothing is written.

    Parameters
    ----------
    group : Group
        What a job computes.
    """
    work = replace(group.work)  # the job makes its own tables, which the plan counts
    for box in zip(*map(_parts, group.axes()), strict=True):
        region = _MadeUp(work, box, 0, {})
        neighbours = Neighbours(region, 0, region.read_all(box), None, None)
        for one in work.results:
            computed(one, neighbours)


def _parts(axis: Axis) -> list[slice]:
    """The first, the middle and the last cells of an axis, or all of them if they are few."""
    n = max(axis.halo, axis.least_at_ends, _FEW)
    if axis.size < 2 * n:
        return 3 * [slice(0, axis.size)]
    middle = axis.size // 2 - n // 2 if axis.size >= 3 * n else 0
    return [slice(start, start + n) for start in (0, middle, axis.size - n)]


class _MadeUp(Region):
    """A region whose numbers rise along each axis, as positions and heights must."""

    def read(self, name: Hashable, box: Box) -> AnyArray:
        variable = self.work.variables[name]
        return _rising(variable.shape, box).astype(variable.dtype)

    def positions(self, term: Term, box: Box) -> AnyArray:
        assert isinstance(term.along, Positions)
        return _rising(term.along.array.shape, box)

    def beside(self, own: Held | Noise, box: Box) -> AnyArray:
        return _rising(own.array.shape, box)


def _rising(shape: Sequence[int], box: Box) -> AnyArray:
    """One more than the sum of the indices; with sides of 1 where the array has them."""
    found = np.ones(())
    for part, n in zip(box, shape, strict=True):
        found = np.add.outer(found, np.arange(part.start, part.stop) if n > 1 else np.zeros(1))
    return np.asarray(found)
