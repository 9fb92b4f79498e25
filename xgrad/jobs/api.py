"""The store-to-store job: plan, go on where a run stopped, write beside the target, publish."""

from __future__ import annotations

import math
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Unpack, cast

import click
import numpy as np
from dask.tokenize import tokenize

from xgrad._typing import Dim, FieldOptions, JobOptions, Operation
from xgrad.arrays.term import Positions, Term
from xgrad.jobs import assignment as jobs
from xgrad.jobs import skeleton
from xgrad.jobs.assignment import Assignment, Job, Request, taken
from xgrad.jobs.plan import Plan, planned
from xgrad.jobs.regions import Box
from xgrad.operators.table import OPERATIONS
from xgrad.stores import in_icechunk as versioned
from xgrad.stores import on_disk as publishing
from xgrad.stores import on_object_store as object_store
from xgrad.stores import source as sources
from xgrad.stores.on_disk import Workplace, shown
from xgrad.workers import cluster as execution
from xgrad.workers import memory as machine

# Most regions of a task: what a killed worker or a cancelled task loses.
_LONGEST_HERE, _LONGEST_ELSEWHERE = 256, 16
# What of a job tells a source from a changed one.
_CONTENT = "content of the source"


@dataclass(frozen=True)
class Report:
    """What a finished job did.

    Attributes
    ----------
    bytes_read, bytes_written : int
        Size of the arrays read and written, uncompressed, in bytes.
    seconds : float
        Wall time from the opened source to the published target, in seconds.
    peak_memory : int
        Largest resident memory of a process that worked on it, in bytes.
    """

    bytes_read: int
    bytes_written: int
    seconds: float
    peak_memory: int

    def __str__(self) -> str:
        moved = self.bytes_read + self.bytes_written
        return (
            f"{moved / 1e9:.2f} GB in {self.seconds:.1f} s, {moved / self.seconds / 1e9:.2f} GB/s, "
            f"peak memory {machine.size(self.peak_memory)}"
        )


@dataclass(frozen=True)
class _Target:
    """Where a store is to be made, checked."""

    name: str
    place: Callable[[str], Any]
    is_local: bool = False


def to_zarr(
    operation: Operation,
    source: str | Path,
    target: str | Path,
    variables: Iterable[str] | None = None,
    dim: Dim = None,
    **options: Unpack[JobOptions],
) -> Report:
    """Write what is made of the derivatives of a store into a Zarr store, region by region.

    Parameters
    ----------
    operation : {"gradient", "magnitude", "laplacian", "divergence", "curl"}
        What is computed: see the functions of these names.
    source, target, variables, **options
        As for :func:`gradient_to_zarr`, and `form` for a divergence or a curl.
    dim : hashable, iterable of hashable or mapping
        As for :func:`gradient_to_zarr`; for a divergence or a curl a mapping of dimensions to the
        names of components.

    Returns
    -------
    Report
        Bytes, seconds, and memory.

    Raises
    ------
    FileNotFoundError, FileExistsError, ChunkError, MemoryError, OSError, RuntimeError, ValueError
        As :func:`gradient_to_zarr`.

    Examples
    --------
    >>> import tempfile, pathlib, xarray as xr
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = xr.Dataset({"t": ("x", [0.0, 1.0, 4.0])}).to_zarr(folder / "in.zarr", zarr_format=2)
    >>> _ = to_zarr("magnitude", folder / "in.zarr", folder / "out.zarr")
    >>> xr.open_zarr(folder / "out.zarr").t_gradient_magnitude.values
    array([1., 2., 3.])
    """
    job_options, asked = _parted(options)
    return _run(_request(operation, source, variables, dim, asked), target, **job_options)


def gradient_to_zarr(
    source: str | Path,
    target: str | Path,
    variables: Iterable[str] | None = None,
    dim: Dim = None,
    **options: Unpack[JobOptions],
) -> Report:
    """Differentiate a store into a Zarr store, region by region.

    Neither memory nor a graph grows with the data.  The result is written beside the target, as
    ``<target>.partial``, and renamed when it is complete: under the name of the target there is
    nothing or everything.  The same call again goes on where one was stopped.

    Parameters
    ----------
    source : path or URL
        A Zarr store (formats 2 and 3), or any file that xarray opens.
    target : path or URL
        The Zarr store to make: a path, a URL of an object store such as ``s3://bucket/out.zarr``,
        or an Icechunk repository, ``icechunk:/path`` or ``icechunk:s3://bucket/prefix``.  It has
        the format, chunks, shards, compressors, fill values and global attributes of the source,
        and a line more in its ``history``.
    variables : iterable of str, optional
        Default: every numeric variable.
    dim
        As for :func:`xgrad.gradient`.
    memory : int, optional
        Largest resident memory of this process, or of each worker, in bytes.  Default: half of
        what the machine, its cgroup or its address space allows.
    chunks : mapping, optional
        Chunk sizes of the target per dimension, in cells.  Default: the source's.
    checksum : bool, default: False
        Add a CRC32C to each chunk.
    overwrite : bool, default: False
        Replace an existing target, once the new one is complete.
    restart : bool, default: False
        Begin anew where an unfinished job was another one.
    allow_missing : bool, default: False
        Read chunks that the source lacks as its fill value.
    retries : int, default: 2
        How often a chunk that could not be read or written, or a task whose worker died, is tried
        again.
    workers : int, optional
        Work in this many processes rather than in threads.
    scheduler : str, optional
        Work on the ``dask.distributed`` cluster with this address, whose workers see the paths.
        Default: the active client's, if there is one.
    security : distributed.Security, optional
        Certificates for a ``tls://`` scheduler.
    progress : bool, default: False
        Show a progress bar with the remaining time on stderr.
    spacing, edge_order, datetime_unit, boundary, period, skipna, accuracy, validate, metric, radius
        As for :func:`xgrad.gradient`.

    Returns
    -------
    Report
        Bytes, seconds, and memory.

    Raises
    ------
    FileNotFoundError
        If the source does not exist.
    FileExistsError
        If the target exists and `overwrite` is not set, or is no Zarr store, or is being written
        by another process.
    ChunkError
        If the source lacks chunks.
    MemoryError
        If one chunk with its halo does not fit into `memory`.
    OSError
        If the disk fills, for instance; the target is then as it was before.
    RuntimeError
        If a region could not be read or written.  The finished ones are kept for the next run.
    ValueError
        If source and target overlap, a variable is not there, an unfinished job at the target was
        another one, or as :func:`xgrad.gradient` says.

    See Also
    --------
    plan_to_zarr : what the same call would do.

    Examples
    --------
    >>> import tempfile, pathlib, xarray as xr
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = xr.Dataset({"t": ("x", [0.0, 1.0, 4.0])}).to_zarr(folder / "in.zarr", zarr_format=2)
    >>> _ = gradient_to_zarr(folder / "in.zarr", folder / "out.zarr")
    >>> xr.open_zarr(folder / "out.zarr").dt_dx.values
    array([1., 2., 3.])
    """
    return to_zarr("gradient", source, target, variables, dim, **options)


def _run(
    request: Request,
    target: str | Path,
    *,
    memory: int | None = None,
    checksum: bool = False,
    overwrite: bool = False,
    restart: bool = False,
    allow_missing: bool = False,
    retries: int = 2,
    workers: int | None = None,
    scheduler: str | None = None,
    security: Any = None,
    progress: bool = False,
) -> Report:
    checked = _checked(request.source, target, overwrite=overwrite, tidies=True)
    with (
        _opened(request) as job,
        execution.cluster(
            workers, scheduler, security=security, retries=_natural(retries)
        ) as client,
    ):
        plan = _planned(job, checked, client, memory)
        told = _told(job, allow_missing=allow_missing, checksum=checksum)
        start = time.perf_counter()
        what = f"xgrad {request.operation} of {shown(request.source)}"
        with checked.place(what) as place:
            if not _goes_on(place, told, restart=restart):
                _begin(job, place, told, checksum=checksum, remote=not checked.is_local)
            jobs.adopt(job, plan.n_lanes)
            _work_off(job, plan, place, client, retries=retries, progress=progress)
            _verify(job, place)
            _require_unchanged(job, told, allow_missing=allow_missing)
            place.publish()
        seconds = time.perf_counter() - start
        peak = execution.peak_memory(client)
    return Report(plan.bytes_read, plan.bytes_written, seconds, peak)


def plan_to_zarr(
    source: str | Path,
    target: str | Path,
    variables: Iterable[str] | None = None,
    dim: Dim = None,
    *,
    operation: Operation = "gradient",
    **options: Unpack[JobOptions],
) -> Plan:
    """What :func:`to_zarr` would do and need; nothing is computed or written.

    Parameters
    ----------
    source, target, variables, dim, operation, **options
        As for :func:`to_zarr`.

    Returns
    -------
    Plan
        Prints itself.

    Raises
    ------
    FileNotFoundError, FileExistsError, ChunkError, MemoryError, ValueError
        As :func:`to_zarr`.

    Examples
    --------
    >>> import tempfile, pathlib, xarray as xr
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = xr.Dataset({"t": ("x", [0.0, 1.0, 4.0])}).to_zarr(folder / "in.zarr", zarr_format=2)
    >>> plan = plan_to_zarr(folder / "in.zarr", folder / "out.zarr")
    >>> plan.n_chunks, plan.n_regions, plan.n_tasks, plan.bytes_written
    (1, 1, 1, 24)
    """
    job_options, asked = _parted(options)
    return _look(_request(operation, source, variables, dim, asked), target, **job_options)


def _look(
    request: Request,
    target: str | Path,
    *,
    memory: int | None = None,
    overwrite: bool = False,
    allow_missing: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    security: Any = None,
    **_of_the_run: Any,
) -> Plan:
    checked = _checked(request.source, target, overwrite=overwrite)
    with (
        _opened(request) as job,
        execution.cluster(workers, scheduler, security=security) as client,
    ):
        plan = _planned(job, checked, client, memory)
        job.source.digest(job.read, allow_missing=allow_missing)
    return plan


def _checked(
    source: str | Path, target: str | Path, *, overwrite: bool, tidies: bool = False
) -> _Target:
    """Refuse a target that something would be lost at."""
    name = str(target)
    if versioned.is_versioned(name):
        return _Target(name, partial(versioned.in_repository, name, overwrite=overwrite))
    if object_store.is_remote(name):
        object_store.refuse(source, name, overwrite=overwrite, tidies=tidies)
        return _Target(name, lambda _: object_store.at_url(name))
    path = publishing.checked_target(source, target, overwrite=overwrite, tidies=tidies)
    return _Target(name, lambda _: publishing.in_folder(path, overwrite=overwrite), is_local=True)


def _natural(retries: Any) -> int:
    if not isinstance(retries, int) or isinstance(retries, bool) or retries < 0:
        raise ValueError(f"`retries` is {retries!r}; give 0 or more")
    return retries


def _parted(options: JobOptions) -> tuple[dict[str, Any], dict[str, Any]]:
    """Options of the job, and those of what is asked for."""
    own = set(FieldOptions.__annotations__) | {"chunks", "form"}
    asked = {key: value for key, value in options.items() if key in own}
    return {key: value for key, value in options.items() if key not in own}, asked


def _request(
    operation: str,
    source: str | Path,
    variables: Iterable[str] | None,
    dim: Any,
    asked: dict[str, Any],
) -> Request:
    chunks, form = asked.pop("chunks", None), asked.pop("form", None)
    if operation not in OPERATIONS:
        raise ValueError(f"`operation` is {operation!r}; give one of {list(OPERATIONS)}")
    if form is not None and operation not in ("divergence", "curl"):
        raise ValueError(f"`form` is {form!r}, which a {operation} has not; leave it out")
    if operation in ("divergence", "curl"):
        if not isinstance(dim, Mapping):
            raise ValueError(
                f"`dim` is {dim!r}; a {operation} needs a mapping of dimensions to components"
            )
        variables = dim.values()
    names = (
        None
        if variables is None
        else tuple([variables] if isinstance(variables, str) else dict.fromkeys(variables))
    )
    several = isinstance(dim, Iterable) and not isinstance(dim, str | Mapping)
    dims = tuple(dim) if several else dim
    token = uuid.uuid4().hex
    return Request(
        str(source), names, dims, dict(chunks or {}), cast(FieldOptions, asked), token, operation,
        form,
    )  # fmt: skip


@contextmanager
def _opened(request: Request) -> Iterator[Job]:
    job = Job(request)
    try:
        yield job
    finally:
        jobs.forget(job)


def _planned(job: Job, target: _Target, client: Any, memory: int | None) -> Plan:
    if memory is not None and (not isinstance(memory, int | np.integer) or memory <= 0):
        raise ValueError(f"`memory` is {memory!r}; give a positive number of bytes")
    if client is not None and versioned.is_versioned(target.name):
        raise ValueError(
            f"`target` {target.name!r} is written in one session, which processes cannot share; "
            "leave out `workers` and `scheduler`"
        )
    crew = execution.crew(client, memory, taken)
    waits = object_store.is_remote(job.request.source) or not target.is_local
    longest = _LONGEST_HERE if client is None else _LONGEST_ELSEWHERE
    return planned(job, target.name, crew, longest, waits=waits)


def _told(job: Job, *, allow_missing: bool, checksum: bool) -> dict[str, str]:
    """What must be the same for a run to go on where another one stopped."""
    request = job.request
    path = publishing.local_path(request.source)
    given = sorted(request.options.items())
    told = {name: repr(value) for name, value in given if name != "spacing"}
    # Sorted: a folder is listed in any order.
    results = sorted(job.results, key=lambda one: one.name)
    steps = [(one.name, one.how, [_identity(term) for term in one.terms]) for one in results]
    return told | {
        "version": version("xgrad"),
        "operation": request.operation,
        "source": shown(request.source) if path is None else str(path.resolve()),
        "variables": repr(sorted(job.made)),
        "dim": repr([one.name for one in results]),
        "form": repr(request.form),
        "chunks": repr({name: job.written(name) for name in sorted(job.made)}),
        "checksum": repr(checksum),
        "coordinates": tokenize(
            steps, request.options.get("spacing"), job.source.told(job.template().coords)
        ),
        _CONTENT: job.source.digest(job.read, allow_missing=allow_missing),
    }


def _identity(term: Term) -> tuple[Any, ...]:
    """What a term depends on beside the values."""
    factor = None if term.factor is None else np.asarray(term.factor)
    along: Any = term.along
    if isinstance(along, Positions):
        along = (along.name, along.period)
    return along, term.seam, factor, term.inside


def _goes_on(place: Workplace, told: dict[str, str], *, restart: bool) -> bool:
    """Whether an unfinished run of the same job is there to go on from."""
    before = place.remembered()
    if before is None or restart:
        return False
    keys = sorted(key for key in {*before, *told} if before.get(key) != told.get(key))
    if keys:
        different = ", ".join(map(_in_words(before, told), keys))
        raise ValueError(
            f"at `target` lies an unfinished job that differs in {different}; give what it was "
            "given to go on, or begin anew with `restart`"
        )
    return True


def _require_unchanged(job: Job, told: dict[str, str], *, allow_missing: bool) -> None:
    """Results of a source that changed while it was read are neither of the one nor the other."""
    if told[_CONTENT] != job.source.digest(job.read, allow_missing=allow_missing):
        raise RuntimeError(
            "`source` has changed while it was read; the target is not published; begin anew with "
            "`restart`"
        )


def _begin(
    job: Job, place: Workplace, told: dict[str, str], *, checksum: bool, remote: bool
) -> None:
    """Make the arrays without their chunks."""
    zarr_format = place.zarr_format or job.source.zarr_format
    place.begin(zarr_format)
    result = skeleton.skeleton(job, zarr_format, checksum=checksum)
    result.attrs |= place.attributes
    skeleton.write(result, place.store, zarr_format, consolidated=not remote)
    place.remember(told)


def _in_words(before: dict[str, str], told: dict[str, str]) -> Callable[[str], str]:
    def words(key: str) -> str:
        if key in ("coordinates", "content of the source"):
            return f"the {key}"
        return f"`{key}` ({before.get(key, 'not given')} then, {told.get(key, 'not given')} now)"

    return words


class _Done:
    """Which chunks of the target are finished: of this run, and of those before it."""

    def __init__(self, job: Job, place: Workplace, sizes: Mapping[str, int]) -> None:
        self._chunks = {name: job.written(name) for name in job.made}
        self._grid = {
            name: np.zeros([-(-n // c) for n, c in zip(job.shape(name), chunks, strict=True)], bool)
            for name, chunks in self._chunks.items()
        }
        self._place, self._sizes = place, sizes
        self.n_bytes = 0
        for line in place.finished():
            cells, _, name = line.partition(" ")
            bounds = (part.split(":") for part in cells.split(",") if part)
            self._note(name, tuple(slice(int(start), int(stop)) for start, stop in bounds))

    def has(self, name: str, box: Box) -> bool:
        """Whether a region is finished."""
        return bool(self._grid[name][self._of_chunks(name, box)].all())

    def add(self, name: str, box: Box) -> int:
        """Mark a region as finished, and say how many bytes have been written for it."""
        cells = ",".join(f"{part.start}:{part.stop}" for part in box)
        self._place.finish(f"{cells} {name}")
        return self._note(name, box)

    def _note(self, name: str, box: Box) -> int:
        n_bytes: int = math.prod(part.stop - part.start for part in box) * self._sizes[name]
        self._grid[name][self._of_chunks(name, box)] = True
        self.n_bytes += n_bytes
        return n_bytes

    def _of_chunks(self, name: str, box: Box) -> Box:
        return tuple(
            slice(part.start // chunk, -(-part.stop // chunk))
            for part, chunk in zip(box, self._chunks[name], strict=True)
        )


def _work_off(
    job: Job, plan: Plan, place: Workplace, client: Any, *, retries: int, progress: bool
) -> None:
    """Do the regions that are not finished."""
    sizes = {name: sum(one.dtype.itemsize for one in made) for name, made in job.made.items()}
    done = _Done(job, place, sizes)
    tasks = jobs.assignments(job, plan.layouts, place.store, retries, plan.n_lanes, done.has)
    # A bar that is hidden prints nothing, not even its label.
    with click.progressbar(
        length=plan.bytes_written, file=sys.stderr, hidden=not progress, show_pos=False
    ) as bar:
        bar.update(done.n_bytes)

        def finished(task: Assignment, box: Box) -> None:
            bar.update(done.add(task.name, box))

        execution.drive(
            client, tasks, Assignment.regions, finished, n_lanes=plan.n_lanes, retries=retries
        )


def _verify(job: Job, place: Workplace) -> None:
    """Every chunk must be there: those of fill values are written like the others."""
    for results in job.made.values():
        for name, array in jobs.targets(place.store, results).items():
            missing = sources.listed(array).missing()
            if missing is not None:
                raise RuntimeError(
                    f"the chunk {missing} of {name!r} has gone since it was written; the target "
                    "is not published; begin anew with `restart`"
                )
