"""Regions: the boxes in which a store is read, differentiated and written.  Plain integers.

A region is a box of whole chunks of the output.  Regions that follow one another along one axis,
the `sweep`, form a run.  A worker keeps what the next region of the run needs of the last one, so
that no chunk is read twice along that axis::

    sweep →     | run 0                 | run 1          |
                | region | region | reg | region | region|
                 core     next             halo of a run: read once more
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from xgrad.arrays.chunks import merged

Box = tuple[slice, ...]
# Bytes that a lane needs, from the sides of a region, the sweep and whether the next is read ahead.
Needed = Callable[[Sequence[int], int, bool], int]

# Up to this size a larger region is worth its memory, because its halo is a smaller part of it.
# Beyond it, a buffer exceeds 32 MiB and comes fresh from the system each time, and its page faults
# cost more than the halo (1.6 times as long with 50 MB, docs/scaling.md).
_ENOUGH_CELLS = 2**22
# The start of a region costs as much as decoding so many cells.
_START = 2**18
# A larger region must save at least this fraction of the cost.
_WORTH_IT = 0.02
# Regions for each lane, so that all lanes work to the end and a job that is stopped has results.
_FOR_EACH_LANE = 8


@dataclass(frozen=True)
class Run:
    """Regions that follow one another along the sweep.

    Attributes
    ----------
    boxes : tuple of tuple of slice
        The cells of each region.
    """

    boxes: tuple[Box, ...]


@dataclass(frozen=True)
class Layout:
    """How an array is cut into regions, and how these are joined into runs.

    Attributes
    ----------
    cuts : tuple of tuple of int
        Sizes of the regions along each axis, in cells.
    sweep : int
        Axis along which the regions of a run follow one another.
    length : int
        Most regions of a run.

    Examples
    --------
    >>> layout = Layout(cuts=((4, 4, 2), (6,)), sweep=0, length=2)
    >>> [len(run.boxes) for run in layout.runs()], layout.n_regions, layout.n_runs
    ([2, 1], 3, 2)
    """

    cuts: tuple[tuple[int, ...], ...]
    sweep: int
    length: int

    @cached_property
    def _bounds(self) -> tuple[tuple[slice, ...], ...]:
        edges = ([0, *itertools.accumulate(sizes)] for sizes in self.cuts)
        return tuple(tuple(itertools.starmap(slice, itertools.pairwise(e))) for e in edges)

    @property
    def largest(self) -> tuple[int, ...]:
        """Cells of the largest region along each axis."""
        return tuple(max(sizes, default=0) for sizes in self.cuts)

    @property
    def n_regions(self) -> int:
        """Number of regions."""
        return math.prod(map(len, self.cuts))

    @property
    def n_runs(self) -> int:
        """Number of runs, if no region is done yet."""
        along = len(self.cuts[self.sweep])
        return self.n_regions // max(1, along) * -(-along // self.length)

    def runs(self, is_done: Callable[[Box], bool] = lambda _: False) -> Iterator[Run]:
        """Runs of the regions that are not done, made one by one."""
        cross = [b for axis, b in enumerate(self._bounds) if axis != self.sweep]
        for sides in itertools.product(*cross):
            run: list[Box] = []
            for cells in self._bounds[self.sweep]:
                box = (*sides[: self.sweep], cells, *sides[self.sweep :])
                done = is_done(box)
                if not done:
                    run.append(box)
                if run and (done or len(run) == self.length):
                    yield Run(tuple(run))
                    run = []
            if run:
                yield Run(tuple(run))


@dataclass(frozen=True)
class Axis:
    """What limits how an axis is cut.

    Attributes
    ----------
    size : int
        Cells.
    chunk : int
        Cells of a chunk (of a shard, if there are shards) of the output.
    stored : int
        Cells of a chunk of the source.
    halo : int
        Cells that a region needs from each neighbour; 0 along other axes than those differentiated.
    least_at_ends : int
        Fewest cells of the first and the last region.
    around : bool
        Whether the ends are neighbours.
    """

    size: int
    chunk: int
    stored: int
    halo: int = 0
    least_at_ends: int = 0
    around: bool = False

    def cut(self, n_chunks: int) -> tuple[int, ...]:
        """Sizes of regions of `n_chunks` chunks; those too small for a stencil are merged.

        Examples
        --------
        >>> Axis(size=10, chunk=3, stored=3, halo=1, least_at_ends=2).cut(1)
        (3, 3, 4)
        """
        step, least = n_chunks * self.chunk, max(1, self.halo)
        whole, rest = divmod(self.size, step)
        sizes = (*[step] * whole, *[rest] * bool(rest))
        return merged(sizes, least, max(least, self.least_at_ends)) if sizes else ()

    def reads(self, cells: int) -> tuple[float, float]:
        """Cells that are decoded for each cell of a region: for the region, and for its two halos.

        Examples
        --------
        >>> Axis(size=40, chunk=10, stored=10, halo=1).reads(20)
        (1.0, 0.5)
        >>> Axis(size=100, chunk=5, stored=10).reads(5)
        (2.0, 0.0)
        """
        if not self.size:
            return 1.0, 0.0
        cells = min(cells, self.size)
        aligned = cells % self.stored == 0 or cells == self.size
        touched = -(-cells // self.stored) + (0 if aligned or self.stored % cells == 0 else 1)
        own = max(1.0, touched * self.stored / cells)
        if not self.halo or (cells == self.size and not self.around):
            return own, 0.0
        each = -(-self.halo // self.stored) * self.stored
        n_regions = -(-self.size // cells)
        edges = 0 if self.around else 1 / n_regions  # there is nothing to read beyond an edge
        return own, 2 * each / cells * (1 - edges)


def cost(axes: Sequence[Axis], blocks: Sequence[int], sweep: int, start: int = _START) -> float:
    """Cells that are decoded for each cell, with `start` cells for the start of a region.

    Examples
    --------
    >>> axis = Axis(size=2**20, chunk=2**10, stored=2**10, halo=1, around=True)
    >>> cost([axis, axis], [1, 1], sweep=0), cost([axis, axis], [1, 4], sweep=0)
    (3.25, 1.5625)
    """
    cells = [min(a.size, n * a.chunk) for a, n in zip(axes, blocks, strict=True)]
    own, halos = zip(*(a.reads(c) for a, c in zip(axes, cells, strict=True)), strict=True)
    extra = sum(halo for k, halo in enumerate(halos) if k != sweep)
    return float(math.prod(own) + extra + start / max(1, math.prod(cells)))


def laid_out(
    axes: Sequence[Axis], needs: Needed, room: int, n_lanes: int, longest: int
) -> Layout | None:
    """Choose regions that fit into memory and need little decoding.

    Parameters
    ----------
    axes : sequence of Axis
        At least one.
    needs : callable
        Bytes that a lane needs, from the sides of a region, the sweep, and whether the next region
        is read ahead.
    room : int
        Bytes for a lane.
    n_lanes : int
        Lanes that should all have work.
    longest : int
        Most regions of a run.

    Returns
    -------
    Layout or None
        None if not even the smallest regions fit.

    Examples
    --------
    >>> axes = [Axis(200, 10, 10, halo=1), Axis(40, 20, 20)]
    >>> def needs(sides, sweep, ahead):
    ...     return 8 * math.prod(sides) * (1 + ahead)
    >>> laid_out(axes, needs, 10**4, 1, 64)
    Layout(cuts=((20, 20, 20, 20, 20, 20, 20, 20, 20, 20), (20, 20)), sweep=0, length=10)
    """
    found: list[tuple[float, Layout]] = []
    sweeps = [k for k, axis in enumerate(axes) if axis.halo] or [0]
    for sweep in sweeps:
        blocks = [1] * len(axes)
        if not _fits(axes, blocks, sweep, needs, room):
            continue
        few = _FOR_EACH_LANE * n_lanes
        while (larger := _larger(axes, blocks, sweep, needs, room, few)) is not None:
            blocks = larger
        cuts = tuple(axis.cut(n) for axis, n in zip(axes, blocks, strict=True))
        found.append((cost(axes, blocks, sweep), Layout(cuts, sweep, longest)))
    if not found:
        return None
    # At equal costs the first axis, so that neighbours in memory stay together.
    _, best = min(found, key=lambda pair: pair[0])
    along = len(best.cuts[best.sweep])
    strips = best.n_regions // max(1, along)
    pieces = -(-2 * n_lanes // max(1, strips)) if strips < 2 * n_lanes else 1
    return replace(best, length=max(1, min(longest, -(-along // pieces))))


def recut(layout: Layout, axis: Axis, along: int, done: Sequence[bool]) -> Layout:
    """The layout with regions that begin and end where chunks are done, along one axis.

    Parameters
    ----------
    layout : Layout
        Of regions of whole chunks.
    axis : Axis
        The axis.
    along : int
        Its place among the axes.
    done : sequence of bool
        Which of the chunks along it are done.

    Examples
    --------
    >>> layout = Layout(cuts=((8, 8, 4),), sweep=0, length=3)
    >>> recut(layout, Axis(size=20, chunk=2, stored=2, halo=1), 0, [True] * 7 + [False] * 3).cuts
    ((8, 6, 6),)
    """
    n_chunks = max(1, layout.largest[along] // axis.chunk)
    sizes: list[int] = []
    for first, last in _runs(enough(axis, list(done))):
        cells = min(last * axis.chunk, axis.size) - first * axis.chunk
        sizes += replace(axis, size=cells).cut(n_chunks)
    cuts = (*layout.cuts[:along], tuple(sizes), *layout.cuts[along + 1 :])
    return replace(layout, cuts=cuts)


def _runs(done: Sequence[bool]) -> list[tuple[int, int]]:
    """First and last of neighbouring chunks that are alike, the last one excluded.

    Examples
    --------
    >>> _runs([True, True, False])
    [(0, 2), (2, 3)]
    """
    edges = [k for k in range(1, len(done)) if bool(done[k]) != bool(done[k - 1])]
    return list(itertools.pairwise([0, *edges, len(done)])) if len(done) else []


def enough(axis: Axis, done: list[bool]) -> list[bool]:
    """What is done, without chunks next to those that alone are too few for a stencil.

    Nor is what is done at an end too short: a region beside it would reach beyond the end.

    Examples
    --------
    >>> enough(Axis(size=7, chunk=2, stored=2, halo=2), [True, True, True, False])
    [True, True, False, False]
    """
    least = max(1, axis.halo, axis.least_at_ends)
    need = -(-least // axis.chunk) + (axis.size % axis.chunk > 0)
    for first, last in _runs(done):
        if not done[first] and last - first < need:
            start = max(0, last - need)
            done[start : start + need] = [False] * len(done[start : start + need])
    for first, last in (_runs(done)[0], _runs(done)[-1]) if done else ():
        if min(last * axis.chunk, axis.size) - first * axis.chunk < least:
            done[first:last] = [False] * (last - first)
    return done


def _largest(axes: Sequence[Axis], blocks: Sequence[int]) -> tuple[int, ...]:
    cuts = (axis.cut(n) for axis, n in zip(axes, blocks, strict=True))
    return tuple(max(sizes, default=0) for sizes in cuts)


def is_ahead(axis: Axis, n_chunks: int) -> bool:
    """Whether regions of so many chunks along a sweep need the next one."""
    return axis.halo > 0 and n_chunks * axis.chunk < axis.size


def _fits(
    axes: Sequence[Axis], blocks: Sequence[int], sweep: int, needs: Needed, room: int
) -> bool:
    ahead = is_ahead(axes[sweep], blocks[sweep])
    return needs(_largest(axes, blocks), sweep, ahead) <= room


def _larger(
    axes: Sequence[Axis], blocks: Sequence[int], sweep: int, needs: Needed,
    room: int, few: int,
) -> list[int] | None:  # fmt: skip
    """Double the region along the axis where that saves most, if it is worth it and fits."""
    now = cost(axes, blocks, sweep)
    best: list[int] | None = None
    least = now * (1 - _WORTH_IT)
    for k, axis in enumerate(axes):
        if blocks[k] * axis.chunk >= axis.size:
            continue
        candidate = [2 * n if j == k else n for j, n in enumerate(blocks)]
        n_regions = math.prod(len(a.cut(n)) for a, n in zip(axes, candidate, strict=True))
        small = math.prod(_largest(axes, candidate)) <= _ENOUGH_CELLS and n_regions >= few
        price = cost(axes, candidate, sweep)
        if price < least and small and _fits(axes, candidate, sweep, needs, room):
            best, least = candidate, price
    return best
