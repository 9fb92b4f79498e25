"""Run a job: plan, resume or begin, work off its regions, verify, publish."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, get_args

import numpy as np
import zarr

from xgrad._typing import Progress
from xgrad.jobs import append, copies, empty_target, progress, record, resume, room
from xgrad.jobs.assignment import (
    Assignment,
    adopt,
    arrays,
    assignments,
    forget,
    loaded,
    opened,
    shared,
)
from xgrad.jobs.cutting import Box, Layout
from xgrad.jobs.plan import Plan, planned
from xgrad.jobs.region import FULL
from xgrad.jobs.request import Job, Request
from xgrad.stores.listing import fingerprint, listed
from xgrad.stores.targets import Target, checked
from xgrad.stores.urls import cause, is_remote, local_path, shown
from xgrad.stores.workplace import Workplace
from xgrad.workers.cluster import cluster, crew, peak_memory
from xgrad.workers.dispatch import drive
from xgrad.workers.memory import size

# Most regions of a task, which a killed worker or a cancelled task loses.
_LONGEST_HERE, _LONGEST_ELSEWHERE = 256, 16


@dataclass(frozen=True)
class Report:
    """What a finished job did.

    Attributes
    ----------
    bytes_read, bytes_written : int
        Size of what this run read and wrote, uncompressed and without halos, in bytes.
    seconds : float
        Wall time from the opened source to the published target, in seconds.
    peak_memory : int
        Largest resident memory of a process that worked on it, in bytes.
    done_before : float
        Share of the target that earlier runs wrote, from 0 to 1.
    reused : float
        Share of the target that is as it was in the store that has grown, from 0 to 1.
    """

    bytes_read: int
    bytes_written: int
    seconds: float
    peak_memory: int
    done_before: float = 0.0
    reused: float = 0.0

    @property
    def is_of_nothing(self) -> bool:
        """Whether nothing was computed, as the store that was to grow has all cells."""
        return self.reused == 1 and not self.bytes_written

    def __str__(self) -> str:
        if self.is_of_nothing:
            return "nothing to compute: the target has all of it"
        moved = self.bytes_read + self.bytes_written
        before = progress.earlier(self.reused, self.done_before)
        return (
            f"{moved / 1e9:.2f} GB in {self.seconds:.1f} s, {moved / self.seconds / 1e9:.2f} GB/s, "
            f"peak memory {size(self.peak_memory)}{before and f'; {before}'}"
        )


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a job runs, which does not change its numbers: see :func:`xgrad.gradient_to_zarr`."""

    memory: int | None = None
    checksum: bool = False
    append: str | None = None
    overwrite: bool = False
    restart: bool = False
    allow_missing: bool = False
    retries: int = 2
    workers: int | None = None
    scheduler: str | None = None
    security: Any = None
    progress: Progress | bool = False

    def __post_init__(self) -> None:
        memory, retries = self.memory, self.retries
        if memory is not None and (not isinstance(memory, int | np.integer) or memory <= 0):
            raise ValueError(f"`memory` is {memory!r}; give a positive number of bytes")
        if not isinstance(retries, int) or isinstance(retries, bool) or retries < 0:
            raise ValueError(f"`retries` is {retries!r}; give 0 or more")
        if self.append is not None and not isinstance(self.append, str):
            raise TypeError(f"`append` is {self.append!r}; give the name of a dimension")
        if self.append is not None and self.overwrite:
            raise ValueError(
                f"`append` is {self.append!r}, but `overwrite` computes everything; leave one out"
            )
        workers, scheduler = self.workers, self.scheduler
        if workers is not None and (isinstance(workers, bool) or not isinstance(workers, int)):
            raise TypeError(f"`workers` is {workers!r}; give a number of processes")
        if scheduler is not None and not isinstance(scheduler, str):
            raise TypeError(
                f"`scheduler` is a {type(scheduler).__name__}; give an address such as "
                "'tcp://host:8786'"
            )
        if not isinstance(self.progress, bool) and self.progress not in get_args(Progress):
            choices = ", ".join(map(repr, get_args(Progress)))
            raise ValueError(f"`progress` is {self.progress!r}; give {choices}, True or False")

    def cluster(self) -> AbstractContextManager[Any]:
        """The cluster that does the work: its client, or None for threads."""
        return cluster(self.workers, self.scheduler, security=self.security, deaths=self.retries)


def look(request: Request, target: str | Path, settings: Settings) -> Plan:
    """Plan a job, and refuse what running it would refuse.  Nothing is computed or written.

    The memory is that of a job whose kernels are compiled already.
    """
    place = _checked(request, target, settings)
    with ExitStack() as processes:
        job, at_opening = processes.enter_context(_opened(request, settings.memory))
        client = processes.enter_context(settings.cluster())
        processes.enter_context(shared(client, request))
        plan = _planned(job, place, client, settings, at_opening, rehearses=False)
        job.source.digest(job.read, allow_missing=settings.allow_missing)
        reuse = None
        if settings.append is not None:
            reuse = _reuse(job, place, settings, record.of_source(job, checksum=settings.checksum))
    return plan if reuse is None else replace(plan, bytes_reused=reuse.n_bytes)


def run(request: Request, target: str | Path, settings: Settings) -> Report:
    """Run a job, or resume it where an earlier run of it stopped."""
    found = _checked(request, target, settings, tidies=True)
    with _opened(request, settings.memory) as (job, at_opening), ExitStack() as processes:
        client = processes.enter_context(settings.cluster())
        processes.enter_context(shared(client, request))
        plan = _planned(job, found, client, settings, at_opening, rehearses=True)
        own = resume.identity(job, allow_missing=settings.allow_missing, checksum=settings.checksum)
        kept = record.of_source(job, checksum=settings.checksum)
        start, n_reused = time.perf_counter(), 0
        with found.hold(f"xgrad {request.operation} of {request.described}") as place:
            if not resume.resumes(place, own, request.token, restart=settings.restart):
                reuse = _reuse(job, found, settings, kept)
                if reuse is not None and reuse.is_all:
                    return _nothing(start, peak_memory(client))
                with _naming_a_full_disk(found):
                    n_reused = _begin(job, plan, place, found, reuse, own, settings)
            _require_arrays(job, place)
            adopt(job, plan.n_lanes)
            before = _work_off(job, plan, place, client, settings, n_reused)
            results = _verify(job, place)
            resume.require_unchanged(job, own, allow_missing=settings.allow_missing)
            peak = peak_memory(client)
            # Nothing that takes time comes after the publication: an interruption that comes later
            # must not say that the job can be resumed.
            processes.close()
            place.publish(record.written(kept, results))
        seconds = time.perf_counter() - start
    return _report(job, before, n_reused, seconds, peak)


def _reuse(
    job: Job, target: Target, settings: Settings, own: dict[str, Any]
) -> append.Reuse | None:
    """What of an existing store is kept; None if there is none, or it is to be replaced."""
    if settings.append is None:
        return None
    if settings.append not in job.data.dims:
        raise ValueError(
            f"`append` names {settings.append!r}, which is not a dimension; they are "
            f"{list(job.data.dims)}"
        )
    existing = target.existing()
    if existing is None:
        return None
    return append.reusable(job, settings.append, existing, own, checksum=settings.checksum)


def _nothing(start: float, peak: int) -> Report:
    """The report of a run that had nothing to do."""
    return Report(0, 0, time.perf_counter() - start, peak, reused=1.0)


def _report(job: Job, before: Sequence[int], n_reused: int, seconds: float, peak: int) -> Report:
    """What this run did, without the cells of each group that earlier runs finished."""
    n_read, n_written, n_all = 0, 0, 0
    for group, cells in zip(job.groups, before, strict=True):
        own = math.prod(group.shape) - cells
        n_read += own * sum(variable.dtype.itemsize for variable in group.origins.values())
        n_written += own * group.itemsize
        n_all += math.prod(group.shape) * group.itemsize
    share = 1 / max(1, n_all)
    resumed = (n_all - n_written - n_reused) * share
    return Report(n_read, n_written, seconds, peak, resumed, n_reused * share)


def _checked(
    request: Request, target: str | Path, settings: Settings, *, tidies: bool = False
) -> Target:
    """The place of the target, which must overlap none of the sources."""
    if not isinstance(target, str | os.PathLike):
        raise TypeError(f"`target` is a {type(target).__name__}; give a path or URL")
    below = request.given.places() if request.given else ()
    for source in (*below, *request.sources):
        found = checked(
            source, target, overwrite=settings.overwrite, grows=settings.append is not None,
            tidies=tidies,
        )  # fmt: skip
        if is_remote(target) and not is_remote(source):
            break  # a file on this machine cannot be there, and each check asks the object store
    return found


@contextmanager
def _opened(request: Request, memory: int | None) -> Iterator[tuple[Job, int]]:
    job, peak = room.opened(request, memory)
    try:
        job.source.require_agreement()
        job.require_storable()
        yield job, peak
    finally:
        forget(job)


def _planned(
    job: Job, target: Target, client: Any, settings: Settings, at_opening: int, *, rehearses: bool
) -> Plan:
    if client is not None and not target.is_shared:
        raise ValueError(
            f"`target` {shown(target.name)!r} is written in one session, which processes cannot "
            "share; leave out `workers` and `scheduler`"
        )
    if job.request.given is not None:
        job.request.given.warn_of_repeated_work(job.read)
    waits = None in map(local_path, job.request.sources) or not target.is_local
    longest = _LONGEST_HERE if client is None else _LONGEST_ELSEWHERE
    own = replace(job.request, given=None)  # its object is in each process already
    here = partial(loaded, job.groups if rehearses else (), settings.retries)
    there = partial(opened, own, settings.retries, rehearses=rehearses)
    processes = crew(client, settings.memory, here if client is None else there)
    plan = planned(job, target.name, processes, longest, waits=waits)
    room.require_enough(plan.memory, at_opening)
    return replace(plan, peak=max(plan.peak, at_opening))


@contextmanager
def _naming_a_full_disk(target: Target) -> Iterator[None]:
    """Say what could not be written: zarr's error has no name of a file."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        text = f"`target` {shown(target.name)!r} could not be created: {error.strerror}; free "
        raise OSError(error.errno, text + "some space and run the job again") from cause(error)


def _begin(
    job: Job, plan: Plan, place: Workplace, target: Target, reuse: append.Reuse | None,
    own: dict[str, str], settings: Settings,
) -> int:  # fmt: skip
    """Make the arrays, with no chunks but those that are kept.  Return the bytes of these."""
    if reuse is None:
        zarr_format = place.zarr_format or job.source.zarr_format
        place.begin(zarr_format, job.request.token)
        result = empty_target.skeleton(job, zarr_format, checksum=settings.checksum)
        empty_target.write(result, place.store, zarr_format)
    else:
        result, reuse = append.begin(
            job, place, target.existing(), reuse, checksum=settings.checksum
        )
    copies.copy(result, place.store, plan.n_copies)
    resume.remember(place, own)
    return 0 if reuse is None else reuse.n_bytes


def _require_arrays(job: Job, place: Workplace) -> None:
    """Refuse to go on with a store that has lost an array since its job began."""
    group = zarr.open_group(place.store, mode="r", use_consolidated=False)
    for name in job.template().variables:
        if str(name) not in group:
            raise RuntimeError(
                f"the array {name!r} of the unfinished target has disappeared since the job began; "
                "start over with `restart`"
            )


def _work_off(
    job: Job, plan: Plan, place: Workplace, client: Any, settings: Settings, n_reused: int
) -> Sequence[int]:
    """Do the regions that are not finished.  Return the cells of each group that were before."""
    done = resume.Finished(job.groups, place)
    layouts: Sequence[Layout] = plan.layouts
    if settings.append is not None:
        layouts = append.around(settings.append, layouts, job.groups, done)
    tasks = assignments(job, layouts, place.store, settings.retries, plan.n_lanes, done.has)
    pairs = zip(job.groups, done.before, strict=True)
    before = sum(group.itemsize * cells for group, cells in pairs)
    with progress.shown(settings.progress, plan.bytes_written, before, n_reused) as update:

        def finished(task: Assignment, box: Box) -> None:
            update(done.add(task.group, box))

        drive(client, tasks, Assignment.regions, finished, n_lanes=plan.n_lanes)
    return done.before


def _verify(job: Job, place: Workplace) -> dict[str, str]:
    """Check that every chunk exists, and return a fingerprint of each array.

    Chunks of fill values are written like the others.
    """
    found = {}
    for group in job.groups:
        for name, array in arrays(place.store, group.results).items():
            listing = listed(array)
            found[name] = fingerprint(array, listing)
            missing = listing.missing()
            if missing is not None:
                raise RuntimeError(
                    f"the chunk {missing} of {name!r} has disappeared since it was written; the "
                    "target is not published; start over with `restart`"
                )
    return found
