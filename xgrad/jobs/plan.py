"""What a job will do and need, before it does anything: regions, tasks, bytes, memory."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import xarray as xr

from xgrad.arrays.term import Positions
from xgrad.jobs.assignment import Job
from xgrad.jobs.regions import Layout, cost, laid_out
from xgrad.stores.on_disk import shown
from xgrad.workers.cluster import Crew
from xgrad.workers.memory import Memory, size

# What a process needs beyond its lanes: the compiled kernels, and what codecs keep (measured).
_START = 80_000_000
# Memory that was freed stays with the process for a while: resident is so much of what is in use
# at once.  Measured with chunks of 25 MB on 2 threads; the table is in docs/scaling.md.
_KEPT = 1.6
# On top comes a chunk of one more lane: each of the threads that decode keeps the last one it had.
# A lane on an object store waits most of the time: so many of them for each thread.
_LANES_OF_A_THREAD = 4


@dataclass(frozen=True)
class Plan:
    """What a job will do.  It prints itself.

    Attributes
    ----------
    source, target : str
        Where it reads and writes, without credentials.
    layouts : mapping
        Of each variable its regions.
    n_workers, n_lanes : int
        Processes, and regions in memory at once in each.
    memory : Memory
        What each process may take, in bytes.
    peak : int
        Predicted peak of the resident memory of each process, in bytes.
    n_chunks : int
        Chunks (shards, where there are shards) to write.
    bytes_read, bytes_decoded, bytes_written : int
        Size of the source's arrays; of what is decoded of them, halos and all; of the target's.
    """

    source: str
    target: str
    layouts: Mapping[str, Layout]
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
        return sum(layout.n_regions for layout in self.layouts.values())

    @property
    def n_tasks(self) -> int:
        """Number of runs of regions, each of which is one task."""
        return sum(layout.n_runs for layout in self.layouts.values())

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
        for name, layout in self.layouts.items():
            largest = " × ".join(str(max(sizes, default=0)) for sizes in layout.cuts)
            rows.append((f"{name}", f"{layout.n_regions} regions of up to {largest} cells"))
        return "\n".join(f"{name:<9} {value}" for name, value in rows)


@dataclass(frozen=True)
class Needs:
    """Memory that a lane needs for a variable, in bytes.

    Attributes
    ----------
    source : int
        For a cell that has been read.
    result : int
        For a cell of a derivative, and of the positions where these are read box by box.
    codec : int
        For a chunk on its way through the codec, of the source or the target.
    """

    source: int
    result: int
    codec: int

    @classmethod
    def of(cls, job: Job, name: str) -> Needs:
        """From dtypes and chunks."""
        read = [cls._of_variable(job, origin, own) for origin, own in job.variables(name).items()]
        terms = [term for one in job.made[name] for term in one.terms]
        alongs = [term.along for term in terms]
        own = {a.name: a.array for a in alongs if isinstance(a, Positions)}
        # Positions, their halos and the strips cut from them.
        positions = sum(3 * max(8, one.dtype.itemsize) for one in own.values())
        result = max(one.result for one in read) + positions
        codec = max(one.codec for one in read)
        codec = max(codec, 2 * result * math.prod(job.written(name)))
        return cls(sum(one.source for one in read), result, codec)

    @classmethod
    def _of_variable(cls, job: Job, origin: Hashable, variable: xr.Variable) -> Needs:
        item = variable.dtype.itemsize
        # Decoding makes a copy or two; the kernels take float and complex numbers as they are.
        source = item * (3 if job.source.is_decoded(origin) else 1)
        result = 16 if variable.dtype.kind == "c" else 8
        if variable.dtype.kind == "f":
            result = item
        if not variable.dtype.isnative or variable.dtype.kind in "iu" or item in (2, 16):
            source += 8
            result += 8
        # Encoded and decoded, of what is read and of what is written, one after the other.
        stored = item * math.prod(job.source.inseparable(origin))
        # A shard is put together from its chunks.
        return cls(source, result, (3 if variable.encoding.get("shards") else 2) * stored)

    def of_region(self, cells: int, ahead: bool) -> int:
        """For a region, and the one after it if that is read ahead."""
        return int(_KEPT * (cells * ((1 + ahead) * self.source + self.result) + self.codec))


def planned(job: Job, target: str, crew: Crew, longest: int, *, waits: bool) -> Plan:
    """Choose regions and how many of them are worked on at once.

    Parameters
    ----------
    job : Job
        What is to be done.
    target : str
        Where to.
    crew : Crew
        Who works.
    longest : int
        Most regions of a task.
    waits : bool
        Whether workers wait for a network most of the time.

    Raises
    ------
    MemoryError
        If not even one region fits.
    """
    needs = {name: Needs.of(job, name) for name in job.made}
    room = crew.memory.n_bytes - crew.base - _own(needs)
    most = crew.n_threads * (_LANES_OF_A_THREAD if waits else 1)
    for n_lanes in range(most, 0, -1):
        layouts = {
            name: laid_out(
                job.axes(name), need.of_region, room // n_lanes, n_lanes * crew.n_workers, longest
            )
            for name, need in needs.items()
        }
        found = {name: layout for name, layout in layouts.items() if layout is not None}
        if len(found) == len(needs):
            return _plan(job, target, crew, n_lanes, found, needs)
    raise MemoryError(_too_little(job, crew, needs))


def _own(needs: Mapping[str, Needs]) -> int:
    """What a process needs beside its lanes, in bytes."""
    return _START + int(_KEPT * max((need.codec for need in needs.values()), default=0))


def _plan(
    job: Job, target: str, crew: Crew, n_lanes: int, layouts: Mapping[str, Layout],
    needs: Mapping[str, Needs],
) -> Plan:  # fmt: skip
    of_a_lane, n_chunks, n_read, n_decoded = 0, 0, 0, 0
    for name, layout in layouts.items():
        shape, results = job.shape(name), job.made[name]
        largest = math.prod(max(sizes, default=0) for sizes in layout.cuts)
        several = len(layout.cuts[layout.sweep]) > 1
        terms = [term for one in results for term in one.terms]
        ahead = several and any(term.axis == layout.sweep for term in terms)
        of_a_lane = max(of_a_lane, needs[name].of_region(largest, ahead))
        chunks = job.written(name)
        n_chunks += len(results) * math.prod(
            -(-side // chunk) for side, chunk in zip(shape, chunks, strict=True)
        )
        blocks = [-(-max(s, default=0) // c) for s, c in zip(layout.cuts, chunks, strict=True)]
        n_bytes = sum(variable.nbytes for variable in job.variables(name).values())
        n_read += n_bytes
        n_decoded += int(n_bytes * cost(job.axes(name), blocks, layout.sweep, start=0))
    template = job.template()
    n_written = sum(derivative.nbytes for derivative in template.data_vars.values())
    return Plan(
        shown(job.request.source), shown(target), layouts, crew.n_workers, n_lanes, crew.memory,
        crew.base + _own(needs) + n_lanes * of_a_lane, n_chunks, n_read, n_decoded, n_written,
    )  # fmt: skip


def _too_little(job: Job, crew: Crew, needs: Mapping[str, Needs]) -> str:
    least = {}
    for name, need in needs.items():
        axes = job.axes(name)
        cells = math.prod(max(axis.cut(1), default=0) for axis in axes)
        least[name] = need.of_region(cells, any(axis.halo for axis in axes))
    worst = max(least, key=lambda name: least[name])
    chunk = " × ".join(map(str, job.written(worst)))
    own = crew.base + _own(needs)
    return (
        f"`memory` is {size(crew.memory.n_bytes)} ({crew.memory.origin}), but one chunk of "
        f"{worst!r} ({chunk} cells) with its halo needs {size(least[worst])}, and the process "
        f"{size(own)}: {size(own + least[worst])} in all; give more `memory`, or smaller chunks "
        "with `chunks`, or rechunk the source"
    )
