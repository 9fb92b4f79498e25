"""The part of a job that one worker does: some regions of one group, one after another.

The request travels to the worker.  Each process opens the source and reads the coordinates once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import zarr

from xgrad._heap import trim
from xgrad.arrays import buffers
from xgrad.jobs.cutting import Box, Layout
from xgrad.jobs.from_object import Given
from xgrad.jobs.needs import KERNELS
from xgrad.jobs.region import attempt, described, process
from xgrad.jobs.rehearsal import rehearse
from xgrad.jobs.request import Group, Job, Request
from xgrad.jobs.resume import require_current
from xgrad.operators.result import Result
from xgrad.workers.memory import resident
from xgrad.workers.sharing import everywhere

# Number of jobs that a process keeps open.
_KEPT = 4


def loaded(groups: Sequence[Group] = (), retries: int = 0) -> int:
    """Load what a job needs, and return the resident memory of this process, in bytes.

    Parameters
    ----------
    groups : sequence of Group, optional
        What is to be computed, whose kernels are loaded too.  What they take is in the result as
        far as it is more than the plan adds for them in any case.
    retries : int, default: 0
        How many more times a read that fails is tried.

    Examples
    --------
    >>> loaded() > 10_000_000
    True
    """
    # What is loaded after the plan was made, such as numba, would not be in the plan.
    from xgrad.kernels import fused, tabled_loops  # noqa: F401, PLC0415

    least = _at_rest()
    for group in groups:
        rehearse(group, retries)
    return max(least, _at_rest() - KERNELS) if groups else least


def _at_rest() -> int:
    """Resident memory without what is kept for reuse, such as what the plan has read."""
    buffers.give_back()
    trim()
    return resident()


def opened(request: Request, retries: int, *, rehearses: bool) -> int:
    """The same as :func:`loaded`, of a worker process that has opened the job."""
    with _LOCK:
        if request.token not in _JOBS:
            _keep(_JOBS, request.token, _job(request, retries))
        job = _JOBS[request.token]
    return loaded(job.groups if rehearses else (), retries)


def arrays(store: Any, results: Sequence[Result]) -> dict[str, Any]:
    """Arrays of the target.  Chunks of fill values are written, as a missing one is not done."""
    group: Any = zarr.open_group(store, mode="r+", use_consolidated=False)
    found = {one.name: group[one.name] for one in results}
    # `with_config` is newer than the oldest zarr that is supported.
    config: Any = {"write_empty_chunks": True}
    return {
        name: zarr.Array(zarr.AsyncArray(array.metadata, array.store_path, config))
        for name, array in found.items()
    }


@dataclass(frozen=True)
class _Open:
    """A job that is open in this process, and a gate for so many of its assignments at once."""

    job: Job
    gate: threading.BoundedSemaphore


_JOBS: dict[str, Job] = {}
_OPEN: dict[str, _Open] = {}
# The object of each job that has one, also when it is not open.
_GIVEN: dict[str, Given] = {}
_LOCK = threading.Lock()


def _keep(kept: dict[str, Any], token: str, value: Any) -> None:
    while len(kept) >= _KEPT:
        kept.pop(next(iter(kept)))
    kept[token] = value


def _job(request: Request, retries: int) -> Job:
    """Open a job in a worker process."""
    failure = "a worker could not open the source, whose path all workers must see"
    own = replace(request, given=_GIVEN.get(request.token))
    return attempt(partial(Job, own), retries, failure)


def adopt(job: Job, lanes: int) -> _Open:
    """Let this process work on a job that it has opened."""
    token = job.request.token
    if token not in _OPEN:
        _keep(_OPEN, token, _Open(job, threading.BoundedSemaphore(lanes)))
    return _OPEN[token]


def forget(job: Job) -> None:
    """Close a job."""
    _OPEN.pop(job.request.token, None)
    job.source.close()


@contextmanager
def shared(client: Any, request: Request) -> Iterator[None]:
    """Let all processes have the object of a request, for the time of a ``with`` block."""
    if request.given is None:
        yield
        return
    try:
        with everywhere(client, _take, request.token, request.given.obj):
            yield
    finally:
        if client is not None:
            client.run(_drop, request.token)


def _take(token: str, obj: Any) -> None:
    _GIVEN[token] = Given.of(obj)


def _drop(token: str) -> None:
    for kept in (_GIVEN, _JOBS, _OPEN):
        kept.pop(token, None)


@dataclass(frozen=True)
class Assignment:
    """Regions that one worker does, and all that it must know to do them.

    Attributes
    ----------
    request : Request
        The job.
    store : object
        What zarr opens to write to.
    group : int
        Index of the group of variables.
    name : str
        Names of the variables, for messages.
    dims : tuple of hashable
        Their dimensions, for messages.
    sweep : int
        Axis along which the regions follow one another.
    boxes : tuple of tuple of slice
        The regions.
    retries : int
        How many more times a read or write that fails is tried.
    lanes : int
        How many assignments of the job a process may do at once.
    """

    request: Request
    store: Any = field(repr=False)  # a cluster logs what it could not do
    group: int
    name: str
    dims: tuple[Hashable, ...]
    sweep: int
    boxes: tuple[Box, ...]
    retries: int
    lanes: int

    def __str__(self) -> str:
        ends = zip(self.boxes[0], self.boxes[-1], strict=True)
        box = tuple(slice(one.start, other.stop) for one, other in ends)
        return f"variable {self.name!r}, {described(self.dims, box)}"

    def regions(self) -> Iterator[Box]:
        """Do one region after another, and yield it when it is finished."""
        with _LOCK:
            found = _OPEN.get(self.request.token) or self._adopted()
        check = partial(require_current, self.store, self.request.token)
        with found.gate:
            work = found.job.groups[self.group].work
            targets = arrays(self.store, work.results)
            yield from process(work, self.boxes, self.sweep, targets, self.retries, check)

    def _adopted(self) -> _Open:
        """Work on the job in a worker process, where it is open, or is opened once."""
        job = _JOBS.pop(self.request.token, None) or _job(self.request, self.retries)
        return adopt(job, self.lanes)


def assignments(
    job: Job, layouts: Sequence[Layout], store: Any, retries: int, lanes: int,
    is_done: Callable[[Group, Box], bool],
) -> Iterator[Assignment]:  # fmt: skip
    """What is left to do, made one by one.  There is a layout for each group."""
    request = replace(job.request, given=None)
    for group, layout in zip(job.groups, layouts, strict=True):
        for run in layout.runs(partial(is_done, group)):
            yield Assignment(
                request, store, group.index, group.name, group.dims, layout.sweep, run.boxes,
                retries, lanes,
            )  # fmt: skip
