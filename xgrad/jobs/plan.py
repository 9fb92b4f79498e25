"""What a job will do and need, before it does anything: regions, tasks, bytes, memory."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import xarray as xr

from xgrad.arrays.term import Positions
from xgrad.jobs.cutting import Layout, cost, laid_out
from xgrad.jobs.request import Group, Job
from xgrad.stores.urls import printable, shown
from xgrad.workers.cluster import Crew
from xgrad.workers.memory import Memory, size

# What a process needs besides its lanes, measured: compiled kernels, and what codecs keep.
_START = 80_000_000
# Freed memory stays with the process for a while, so that more is resident than is in use at once.
# Measured with chunks of 25 MB on 2 threads; the table is in docs/scaling.md.  One more chunk comes
# on top: each thread that decodes keeps the last chunk that it had.
_KEPT = 1.6
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
    memory : Memory
        What each process may take, in bytes.
    peak : int
        Predicted peak of the resident memory of each process, in bytes.
    n_chunks : int
        Number of chunks (shards, if there are shards) to write.
    bytes_read, bytes_decoded, bytes_written : int
        Size of the source's arrays; of what is decoded of them, including halos; of the target's.
    """

    source: str
    target: str
    variables: tuple[str, ...]
    layouts: tuple[Layout, ...]
    n_workers: int
    n_lanes: int
    memory: Memory
    peak: int
    n_chunks: int
    bytes_read: int
    bytes_decoded: int
    bytes_written: int

    @property
    def n_regions(self) -> int:
        """Number of regions."""
        return sum(layout.n_regions for layout in self.layouts)

    @property
    def n_tasks(self) -> int:
        """Number of tasks.  Each is a run of regions."""
        return sum(layout.n_runs for layout in self.layouts)

    def __str__(self) -> str:
        rows = [
            ("source", self.source),
            ("target", self.target),
            ("chunks", f"{self.n_chunks}"),
            ("regions", f"{self.n_regions}"),
            ("tasks", f"{self.n_tasks}"),
            ("at once", f"{self.n_lanes} in each of {self.n_workers} process(es)"),
            ("memory", f"{size(self.memory.n_bytes)} for a process: {self.memory.origin}"),
            ("peak", f"{size(self.peak)} predicted"),
            ("read", f"{size(self.bytes_read)}, {size(self.bytes_decoded)} with halos"),
            ("written", size(self.bytes_written)),
        ]
        for name, layout in zip(self.variables, self.layouts, strict=True):
            largest = " × ".join(map(str, layout.largest))
            rows.append((name, f"{layout.n_regions} regions of up to {largest} cells"))
        return "\n".join(f"{printable(name):<9} {printable(value)}" for name, value in rows)


@dataclass(frozen=True)
class Needs:
    """Memory that a lane needs for a group of variables, in bytes.

    Attributes
    ----------
    source : int
        For a cell that has been read.
    result : int
        For a cell of a result, and of multi-dimensional coordinates that are read box by box.
    codec : int
        For a chunk of the source or the target on its way through the codec.
    """

    source: int
    result: int
    codec: int

    @classmethod
    def of(cls, job: Job, group: Group) -> Needs:
        """From dtypes and chunks."""
        read = [cls._of_variable(job, name, variable) for name, variable in group.origins.items()]
        alongs = [term.along for term in group.terms]
        own = {a.name: a.array for a in alongs if isinstance(a, Positions)}
        # Positions, their halos and the strips cut from them.
        positions = sum(3 * max(8, one.dtype.itemsize) for one in own.values())
        # What terms of a result are taken of is in memory as a whole.
        within = max(sum(len(term.chain) - 1 for term in one.terms) for one in group.results)
        result = max(one.result for one in read) * (1 + within) + positions
        codec = max(one.codec for one in read)
        codec = max(codec, 2 * result * math.prod(group.written))
        return cls(sum(one.source for one in read), result, codec)

    @classmethod
    def _of_variable(cls, job: Job, name: Hashable, variable: xr.Variable) -> Needs:
        item = variable.dtype.itemsize
        # Decoding makes a copy or two; the kernels take float and complex numbers as they are.
        source = item * (3 if job.source.is_decoded(name) else 1)
        result = 16 if variable.dtype.kind == "c" else 8
        if variable.dtype.kind == "f":
            result = item
        if not variable.dtype.isnative or variable.dtype.kind in "iu" or item in (2, 16):
            source += 8
            result += 8
        # A chunk is encoded and decoded, first that of the source, then that of the target.
        stored = item * math.prod(job.source.inseparable(name))
        return cls(source, result, job.source.copies(name) * stored)

    def of_region(self, cells: int, ahead: bool) -> int:
        """For a region, and for the next one if that is read ahead."""
        return int(_KEPT * (cells * ((1 + ahead) * self.source + self.result) + self.codec))


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
    room = crew.memory.n_bytes - crew.base - _own(needs)
    most = crew.n_threads * (_LANES_OF_A_THREAD if waits else 1)
    for n_lanes in range(most, 0, -1):
        each, all_lanes = room // n_lanes, n_lanes * crew.n_workers
        layouts = [
            laid_out(group.axes(), need.of_region, each, all_lanes, longest)
            for group, need in zip(job.groups, needs, strict=True)
        ]
        found = [layout for layout in layouts if layout is not None]
        if len(found) == len(needs):
            return _plan(job, target, crew, n_lanes, found, needs)
    raise MemoryError(_too_little(job, crew, needs))


def _own(needs: Sequence[Needs]) -> int:
    """What a process needs besides its lanes, in bytes."""
    return _START + int(_KEPT * max((need.codec for need in needs), default=0))


def _plan(
    job: Job, target: str, crew: Crew, n_lanes: int, layouts: Sequence[Layout],
    needs: Sequence[Needs],
) -> Plan:  # fmt: skip
    of_a_lane, n_chunks, n_read, n_decoded = 0, 0, 0, 0
    for group, layout, need in zip(job.groups, layouts, needs, strict=True):
        of_a_lane = max(of_a_lane, _of_a_lane(group, layout, need))
        sides = zip(group.shape, group.written, strict=True)
        n_chunks += len(group.results) * math.prod(-(-side // chunk) for side, chunk in sides)
        pairs = zip(layout.largest, group.written, strict=True)
        blocks = [-(-side // chunk) for side, chunk in pairs]
        n_bytes = sum(variable.nbytes for variable in group.origins.values())
        n_read += n_bytes
        n_decoded += int(n_bytes * cost(group.axes(), blocks, layout.sweep, start=0))
    n_written = sum(math.prod(group.shape) * group.itemsize for group in job.groups)
    names = tuple(group.name for group in job.groups)
    return Plan(
        job.request.described, shown(target), names, tuple(layouts), crew.n_workers, n_lanes,
        crew.memory, crew.base + _own(needs) + n_lanes * of_a_lane, n_chunks, n_read, n_decoded,
        n_written,
    )  # fmt: skip


def _of_a_lane(group: Group, layout: Layout, need: Needs) -> int:
    several = len(layout.cuts[layout.sweep]) > 1
    ahead = several and any(term.axis == layout.sweep for term in group.terms)
    return need.of_region(math.prod(layout.largest), ahead)


def _too_little(job: Job, crew: Crew, needs: Sequence[Needs]) -> str:
    least = []
    for group, need in zip(job.groups, needs, strict=True):
        axes = group.axes()
        cells = math.prod(max(axis.cut(1), default=0) for axis in axes)
        least.append(need.of_region(cells, any(axis.halo for axis in axes)))
    most = max(least)
    worst = job.groups[least.index(most)]
    chunk = " × ".join(map(str, worst.written))
    own = crew.base + _own(needs)
    return (
        f"`memory` is {size(crew.memory.n_bytes)} ({crew.memory.origin}), but one chunk of "
        f"{worst.name!r} ({chunk} cells) with its halo needs {size(most)}, and the process "
        f"{size(own)}: {size(own + most)} in all; give more `memory`, or smaller chunks "
        "with `chunks`, or rechunk the source"
    )
