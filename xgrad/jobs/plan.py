"""What a job will do and need, before it does anything: regions, tasks, bytes, memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from xgrad.jobs import copies
from xgrad.jobs.cutting import Layout, cost, is_ahead, laid_out
from xgrad.jobs.needs import START, Needs
from xgrad.jobs.request import Group, Job
from xgrad.stores.urls import printable, shown
from xgrad.workers import threads
from xgrad.workers.cluster import Crew
from xgrad.workers.memory import Memory, size

# Lanes for each thread on an object store, where a lane waits most of the time.
_LANES_OF_A_THREAD = 4


@dataclass(frozen=True)
class Plan:
    """What a job will do.  ``print(plan)`` shows it as a table.

    Attributes
    ----------
    source, target : str
        Where it reads and writes, without credentials.
    variables : tuple of str
        Name of each variable, or names of the variables that results are computed from together.
    layouts : tuple of Layout
        The regions of each.
    n_workers, n_lanes : int
        Number of processes, and of regions in memory at once in each.
    n_copies : int
        Number of boxes of large coordinates that are copied at once, before the regions.
    memory : Memory
        What each process may take, in bytes.
    peak : int
        Predicted peak of the resident memory of each process, in bytes.
    n_chunks : int
        Number of chunks (shards, if there are shards) to write.
    bytes_read, bytes_decoded, bytes_written : int
        Size of the source's arrays; of what is decoded of them, including halos; of the target's.
    bytes_reused : int or None
        Size of what is kept of a store that grows; None if none does.
    """

    source: str
    target: str
    variables: tuple[str, ...]
    layouts: tuple[Layout, ...]
    n_workers: int
    n_lanes: int
    n_copies: int
    memory: Memory
    peak: int
    n_chunks: int
    bytes_read: int
    bytes_decoded: int
    bytes_written: int
    bytes_reused: int | None = None

    @property
    def n_regions(self) -> int:
        """Number of regions."""
        return sum(layout.n_regions for layout in self.layouts)

    @property
    def n_tasks(self) -> int:
        """Number of tasks.  Each is a run of regions."""
        return sum(layout.n_runs for layout in self.layouts)

    @property
    def _processes(self) -> str:
        return "1 process" if self.n_workers == 1 else f"each of {self.n_workers} processes"

    def __str__(self) -> str:
        rows = [
            ("source", self.source),
            ("target", self.target),
            ("chunks", f"{self.n_chunks}"),
            ("regions", f"{self.n_regions}"),
            ("tasks", f"{self.n_tasks}"),
            ("at once", f"{self.n_lanes} in {self._processes}"),
            ("memory", f"{size(self.memory.n_bytes)} for a process: {self.memory.origin}"),
            ("peak", f"{size(self.peak)} predicted"),
            ("read", f"{size(self.bytes_read)}, {size(self.bytes_decoded)} with halos"),
            ("written", size(self.bytes_written)),
        ]
        if self.bytes_reused is not None:
            share = self.bytes_reused / max(1, self.bytes_written)
            rest = self.bytes_written - self.bytes_reused
            rows.append(("reused", f"{share:.0%}; {size(rest)} computed"))
        for name, layout in zip(self.variables, self.layouts, strict=True):
            largest = " × ".join(map(str, layout.largest))
            rows.append(
                (name, f"{layout.n_regions} {_plural(layout.n_regions)} of up to {largest} cells")
            )
        return "\n".join(f"{printable(name):<9} {printable(value)}" for name, value in rows)


def _plural(n_regions: int) -> str:
    return "region" if n_regions == 1 else "regions"


def planned(job: Job, target: str, crew: Crew, longest: int, *, waits: bool) -> Plan:
    """Choose regions, and how many of them are worked on at once.

    Parameters
    ----------
    job : Job
        What is to be done.
    target : str
        Path or URL.
    crew : Crew
        The processes that do the work.
    longest : int
        Most regions of a task.
    waits : bool
        Whether workers wait for a network most of the time.

    Raises
    ------
    MemoryError
        If not even one region fits.
    """
    needs = [Needs.of(job, group) for group in job.groups]
    n_copies = _copies(job, crew)
    room = crew.memory.n_bytes - crew.base - START
    most = crew.n_threads * (_LANES_OF_A_THREAD if waits else 1) if n_copies else 0
    for n_lanes in range(most, 0, -1):
        each, all_lanes = room // n_lanes, n_lanes * crew.n_workers
        layouts = [
            laid_out(group.axes(), _of_lane(need, n_lanes), each, all_lanes, longest)
            for group, need in zip(job.groups, needs, strict=True)
        ]
        found = [layout for layout in layouts if layout is not None]
        if len(found) == len(needs):
            return _plan(job, target, crew, (n_lanes, n_copies), found, needs)
    raise MemoryError(_too_little(job, crew, needs))


def _of_lane(need: Needs, n_lanes: int) -> Callable[[Sequence[int], int, bool], int]:
    """What a lane needs for a region; other threads decode for one that is alone."""

    def needed(sides: Sequence[int], sweep: int, ahead: bool) -> int:
        kept = need.kept(sides) if n_lanes == 1 else 0
        return need.of_region(sides, sweep, ahead=ahead) + kept

    return needed


def _copies(job: Job, crew: Crew) -> int:
    """How many boxes of large coordinates fit into memory at once, 1 if there are none."""
    each, _ = copies.needs(job)
    fitting = (crew.memory.n_bytes - crew.base - START) // max(1, each)
    return max(0, min(threads.count(), copies.n_boxes(job), fitting)) if each else 1


def _plan(
    job: Job, target: str, crew: Crew, at_once: tuple[int, int], layouts: Sequence[Layout],
    needs: Sequence[Needs],
) -> Plan:  # fmt: skip
    n_lanes, n_copies = at_once
    busy = max(1, min(n_lanes, sum(layout.n_runs for layout in layouts)))
    of_a_lane, n_chunks, n_read, n_decoded = 0, 0, 0, 0
    for group, layout, need in zip(job.groups, layouts, needs, strict=True):
        of_a_lane = max(of_a_lane, _of_layout(group, layout, _of_lane(need, busy)))
        sides = zip(group.shape, group.written, strict=True)
        n_chunks += len(group.results) * math.prod(-(-side // chunk) for side, chunk in sides)
        pairs = zip(layout.largest, group.written, strict=True)
        blocks = [-(-side // chunk) for side, chunk in pairs]
        n_bytes = sum(variable.nbytes for variable in group.origins.values())
        n_read += n_bytes
        n_decoded += int(n_bytes * cost(group.axes(), blocks, layout.sweep, start=0))
    n_written = sum(math.prod(group.shape) * group.itemsize for group in job.groups)
    names = tuple(group.name for group in job.groups)
    peak = crew.base + START + max(n_copies * copies.needs(job)[0], busy * of_a_lane)
    return Plan(
        job.request.described, shown(target), names, tuple(layouts), crew.n_workers, n_lanes,
        n_copies, crew.memory, peak, n_chunks, n_read, n_decoded, n_written,
    )  # fmt: skip


def _of_layout(
    group: Group, layout: Layout, needed: Callable[[Sequence[int], int, bool], int]
) -> int:
    several = len(layout.cuts[layout.sweep]) > 1
    ahead = several and any(term.axis == layout.sweep for term in group.terms)
    return needed(layout.largest, layout.sweep, ahead)


def _too_little(job: Job, crew: Crew, needs: Sequence[Needs]) -> str:
    """Why a job does not fit, because of a region or of a copy, whichever needs more."""
    least = [_least(group, need) for group, need in zip(job.groups, needs, strict=True)]
    copied, name = copies.needs(job)
    most, own = max(copied, *least), crew.base + START
    if most == copied:
        what = f"to copy one chunk of the coordinate {name!r} takes"
        remedy = "rechunk or drop the coordinate in the source"
    else:
        worst = job.groups[least.index(most)]
        chunk = " × ".join(map(str, worst.written))
        what = f"one chunk of {worst.name!r} ({chunk} cells) with its halo needs"
        remedy = "smaller chunks with `chunks`, or rechunk the source"
    return (
        f"`memory` is {size(crew.memory.n_bytes)} ({crew.memory.origin}), but {what} {size(most)}, "
        f"and the process {size(own)}: {size(own + most)} in all; give more `memory`, or {remedy}"
    )


def _least(group: Group, need: Needs) -> int:
    """What the smallest regions of a group need."""
    axes = group.axes()
    sides = [max(axis.cut(1), default=0) for axis in axes]
    sweeps = [k for k, axis in enumerate(axes) if axis.halo] or [0]
    return min(_of_lane(need, 1)(sides, k, is_ahead(axes[k], 1)) for k in sweeps)
