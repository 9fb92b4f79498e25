"""The public functions of jobs from store to store, and what they make of their arguments."""

from __future__ import annotations

import functools
import os
import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, Unpack, cast

import numpy as np
import xarray as xr

from xgrad._typing import Dim, Operation
from xgrad.errors import warn
from xgrad.jobs.from_object import Given
from xgrad.jobs.plan import Plan
from xgrad.jobs.request import Request
from xgrad.jobs.run import Report, Settings, look, run
from xgrad.labels.crs import as_text
from xgrad.labels.keywords import (
    FieldOptions,
    JobOptions,
    OperationOptions,
    RunOptions,
    SourceOptions,
    keywords_of,
    spelled_out,
)
from xgrad.labels.times import unit_of_time
from xgrad.operators.operations import OPERATIONS, Entry
from xgrad.stores.many_files import files_of
from xgrad.stores.opening import Opening
from xgrad.stores.urls import shown

__all__ = ["Report", "gradient_to_zarr", "plan_to_zarr", "to_zarr"]

Source: TypeAlias = str | Path | Iterable[str | Path] | xr.DataArray | xr.Dataset

_Function = TypeVar("_Function", bound=Callable[..., Any])


@spelled_out(OperationOptions)
def to_zarr(
    operation: Operation,
    source: Source,
    target: str | Path,
    variables: Iterable[str] | None = None,
    dim: Dim = None,
    **options: Unpack[OperationOptions],
) -> Report:
    """Compute an operation on a store, region by region, and write it to a Zarr store.

    Parameters
    ----------
    operation : {"gradient", "derivative", "magnitude", "direction", "laplacian", "hessian", \
"divergence", "curl", "rotate"}
        What to compute: see the functions with these names.
    source, target, variables
        As for :func:`gradient_to_zarr`.
    dim : hashable, iterable of hashable or mapping
        As for :func:`gradient_to_zarr`.  A divergence, a curl and a rotation need a mapping of
        dimensions to the names of components.
    spacing, edge_order, datetime_unit, boundary, period, skipna, accuracy, validate
        As for :func:`xgrad.gradient`.
    window, bandwidth, polyorder, weights, uncertainty, sigma
        As for :func:`xgrad.gradient`.
    constant, constant_by, metric, radius
        As for :func:`xgrad.gradient`.
    form : {"advective", "flux"}, optional
        Of a divergence or a curl on a sphere, see :func:`xgrad.divergence`.
    order : {1, 2, 3, 4}, default: 1
        Of a derivative, see :func:`xgrad.derivative`.
    to : {"earth", "grid"}, optional
        Of a rotation, see :func:`xgrad.rotate`.
    group, engine, decode_times, open_options, fill_value
        As for :func:`gradient_to_zarr`.
    chunks, memory, checksum, append, overwrite, restart, allow_missing, retries
        As for :func:`gradient_to_zarr`.
    workers, scheduler, security, progress
        As for :func:`gradient_to_zarr`.

    Returns
    -------
    Report
        Bytes, seconds, and memory.

    Raises
    ------
    FileNotFoundError, FileExistsError, ChunkError, MemoryError, OSError, RuntimeError, ValueError
        As :func:`gradient_to_zarr`.

    See Also
    --------
    plan_to_zarr : what the same call would do.

    Examples
    --------
    >>> import tempfile, pathlib, xarray as xr
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = xr.Dataset({"t": ("x", [0.0, 1.0, 4.0])}).to_zarr(folder / "in.zarr", zarr_format=2)
    >>> _ = to_zarr("magnitude", folder / "in.zarr", folder / "out.zarr")
    >>> xr.open_zarr(folder / "out.zarr").t_gradient_magnitude.values
    array([1., 2., 3.])
    """
    request, settings = _parsed(operation, source, variables, dim, options)
    return run(request, target, settings)


@spelled_out(JobOptions)
def gradient_to_zarr(
    source: Source,
    target: str | Path,
    variables: Iterable[str] | None = None,
    dim: Dim = None,
    **options: Unpack[JobOptions],
) -> Report:
    """Differentiate a store, region by region, and write the result to a Zarr store.

    Neither memory nor a graph grows with the data.  The result is written to ``<target>.partial``
    beside the target, which is renamed when it is complete: under the name of the target there is
    nothing or everything.  If the job is stopped, the same call resumes it.

    Parameters
    ----------
    source : path, URL, pattern, iterable of them, Dataset or DataArray
        A Zarr store (formats 2 and 3), a branch, tag or snapshot of an Icechunk repository
        (``icechunk:/path@main``), or any other file that xarray opens.  Several, as a list or
        a pattern of local paths such as ``"data/*.nc"``, are combined by their coordinates, as
        :func:`xarray.open_mfdataset` does.  Or an object in any state: opened with or without
        dask, computed with lazily, in memory.
    target : path or URL
        The Zarr store to make: a path, a URL of an object store such as ``s3://bucket/out.zarr``,
        or an Icechunk repository, ``icechunk:/path`` or ``icechunk:s3://bucket/prefix``.  It has
        the format, chunks, shards, compressors, fill values and global attributes of the source,
        and a new line in its ``history``.
    variables : iterable of str, optional
        Default: every numeric variable that does not belong to another one, as bounds do.
    dim
        As for :func:`xgrad.gradient`.
    group : str, optional
        Path of a group within the source.  Default: its root.
    engine : str, optional
        Engine of xarray that opens the source.  Default: the one that fits.
    decode_times : bool, optional
        Whether numbers "since" a date become times.  Default: True.
    open_options : mapping, optional
        Other keywords of :func:`xarray.open_dataset`.
    fill_value : float, optional
        How missing values are stored; nan for none but NaN.  Default: as in the source.
    memory : int, optional
        Largest resident memory of this process, or of each worker, in bytes.  Default: half of
        what the machine, its cgroup or its address space allows, which `workers` share.
    chunks : mapping, optional
        Chunk sizes of the target per dimension, in cells.  Default: the source's.
    checksum : bool, default: False
        Add a CRC32C to each chunk.
    append : str, optional
        The dimension along which the source has grown since the target was made by this job: only
        what is new or has changed is computed, and the target becomes what a full run makes.  If
        there is no target, everything is computed; blocks of an object that are made otherwise
        than before are computed again.
    overwrite : bool, default: False
        Replace an existing target, once the new one is complete.
    restart : bool, default: False
        Start over if the target has an unfinished job, even one with other options.
    allow_missing : bool, default: False
        Read chunks that the source lacks as its fill value.
    retries : int, default: 2
        A read or write that fails is tried this many more times.  With `workers`, a task whose
        process died is handed out this many more times; a running cluster has its own
        setting for that, ``distributed.scheduler.allowed-failures``.
    workers : int, optional
        Work in this many processes of one thread each, to which nobody else can talk.
    scheduler : str, optional
        Work on the ``dask.distributed`` cluster with this address, whose workers see the paths.
        Default: the active client's, if there is one.
    security : distributed.Security, optional
        Certificates for a ``tls://`` scheduler.
    progress : {"auto", "bar", "log", "none"} or bool, default: False
        What stderr shows: a bar with the remaining time, a line a minute, or nothing.  ``"auto"``
        and ``True`` choose a bar on a terminal and lines elsewhere.
    spacing, edge_order, datetime_unit, boundary, period, skipna, accuracy, validate
        As for :func:`xgrad.gradient`.
    constant, constant_by, metric, radius
        As for :func:`xgrad.gradient`.
    window, bandwidth, polyorder, weights, uncertainty, sigma
        As for :func:`xgrad.gradient`.

    Returns
    -------
    Report
        Bytes and seconds of this run, its memory, and the share that was done before.

    Raises
    ------
    FileNotFoundError
        If the source does not exist.
    FileExistsError
        If the target exists and neither `append` nor `overwrite` is set, or it is not a Zarr store,
        or another process is writing it.
    ChunkError
        If the source lacks chunks.
    MemoryError
        If one chunk with its halo does not fit into `memory`.
    OSError
        For example if the disk is full; the target is then as it was before.
    RuntimeError
        If a region could not be read or written.  The next run keeps the finished ones.
    TypeError
        If an option does not exist.
    ValueError
        If source and target overlap, a variable does not exist, the target has an unfinished job
        with other options, the target that is to grow is of another job or its source has changed
        otherwise, or as :func:`xgrad.gradient`.

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
    request, settings = _parsed("gradient", source, variables, dim, cast(OperationOptions, options))
    return run(request, target, settings)


def _also_in_the_old_order(function: _Function) -> _Function:
    """Accept ``plan_to_zarr(source, target, ..., operation=...)`` with a warning."""

    def in_the_new_order(
        source: Any, target: Any, variables: Any = None, dim: Any = None,
        operation: Any = "gradient", **options: Any,
    ) -> Any:  # fmt: skip
        shown_ones = ", ".join(repr(one) for one in (operation, shown(source), shown(target)))
        warn(
            "`plan_to_zarr` takes the operation first, as `to_zarr` does, and the old order is "
            f"deprecated; write plan_to_zarr({shown_ones}, ...)",
            DeprecationWarning,
        )
        return function(operation, source, target, variables, dim, **options)

    @functools.wraps(function)
    def either(*given: Any, **options: Any) -> Any:
        is_old = _is_in_the_old_order(given, options)
        return (in_the_new_order if is_old else function)(*given, **options)

    return cast(_Function, either)


def _is_in_the_old_order(given: tuple[Any, ...], options: Mapping[str, Any]) -> bool:
    """Whether the first argument is the source.  A source may be named like an operation."""
    if not given:
        return "operation" not in options and {"source", "target"} <= set(options)
    if "operation" in options:
        return True
    if len(given) > 4 or "source" in options or (len(given) > 1 and "target" in options):
        return False
    if len(given) < 3:
        return len(given) + ("target" in options) == 2
    is_operation = isinstance(given[0], str) and given[0] in OPERATIONS
    return not (is_operation and isinstance(given[2], str | os.PathLike))


@_also_in_the_old_order
@spelled_out(OperationOptions)
def plan_to_zarr(
    operation: Operation,
    source: Source,
    target: str | Path,
    variables: Iterable[str] | None = None,
    dim: Dim = None,
    **options: Unpack[OperationOptions],
) -> Plan:
    """Say what :func:`to_zarr` would do and need.  Nothing is computed or written.

    Parameters
    ----------
    operation, source, target, variables, dim
        As for :func:`to_zarr`.
    spacing, edge_order, datetime_unit, boundary, period, skipna, accuracy, validate
        As for :func:`xgrad.gradient`.
    window, bandwidth, polyorder, weights, uncertainty, sigma
        As for :func:`xgrad.gradient`.
    constant, constant_by, metric, radius
        As for :func:`xgrad.gradient`.
    form : {"advective", "flux"}, optional
        Of a divergence or a curl on a sphere, see :func:`xgrad.divergence`.
    order : {1, 2, 3, 4}, default: 1
        Of a derivative, see :func:`xgrad.derivative`.
    to : {"earth", "grid"}, optional
        Of a rotation, see :func:`xgrad.rotate`.
    group, engine, decode_times, open_options, fill_value
        As for :func:`gradient_to_zarr`.
    chunks, memory, checksum, append, overwrite, restart, allow_missing, retries
        As for :func:`gradient_to_zarr`.
    workers, scheduler, security, progress
        As for :func:`gradient_to_zarr`.

    Returns
    -------
    Plan
        ``print`` shows it as a table.

    Raises
    ------
    FileNotFoundError, FileExistsError, ChunkError, MemoryError, TypeError, ValueError
        As :func:`to_zarr`.

    Examples
    --------
    >>> import tempfile, pathlib, xarray as xr
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = xr.Dataset({"t": ("x", [0.0, 1.0, 4.0])}).to_zarr(folder / "in.zarr", zarr_format=2)
    >>> plan = plan_to_zarr("gradient", folder / "in.zarr", folder / "out.zarr")
    >>> plan.n_chunks, plan.n_regions, plan.n_tasks, plan.bytes_written
    (1, 1, 1, 24)
    """
    request, settings = _parsed(operation, source, variables, dim, options)
    return look(request, target, settings)


def _parsed(
    operation: str,
    source: Source,
    variables: Iterable[str] | None,
    dim: Any,
    options: OperationOptions,
) -> tuple[Request, Settings]:
    """What is asked for, and how it is to be done."""
    entry = _entry(operation, dim)
    asked = _given(operation, entry, options)
    rest = {key: asked.pop(key) for key in keywords_of(RunOptions) if key in asked}
    chunks = _checked_chunks(rest.pop("chunks", {}))
    opening = Opening(**{key: rest.pop(key) for key in keywords_of(SourceOptions) if key in rest})
    fill_value = _checked_fill_value(rest.pop("fill_value", None))
    own = {} if entry.own not in asked else {entry.own: asked.pop(entry.own)}
    if "metric" in asked:
        asked["metric"] = as_text(asked["metric"])
    if "datetime_unit" in asked:  # "hour" and "h" are one job
        asked["datetime_unit"] = unit_of_time(asked["datetime_unit"])
    names = cast(Any, dim).values() if entry.of_a_vector else variables
    if names is not None:
        names = tuple([names] if isinstance(names, str) else dict.fromkeys(names))
    given = _object(source, opening)
    several = isinstance(dim, Iterable) and not isinstance(dim, str | Mapping)
    request = Request(
        given.urls if given else files_of(cast(Any, source)), names, tuple(dim) if several else dim,
        chunks, cast(FieldOptions, asked), uuid.uuid4().hex, operation, cast(Any, own), given,
        opening, fill_value,
    )  # fmt: skip
    return request, Settings(**rest)


def _checked_fill_value(value: Any) -> float | None:
    known = int | float | np.integer | np.floating
    if value is not None and (isinstance(value, bool) or not isinstance(value, known)):
        raise TypeError(f"`fill_value` is {value!r}; give a number or nan")
    return None if value is None else float(value)


def _checked_chunks(value: Any) -> dict[str, int]:
    if not isinstance(value, Mapping):
        raise TypeError(f"`chunks` is {value!r}; give a mapping of dimensions to cells")
    for dim, size in value.items():
        if isinstance(size, bool) or not isinstance(size, int | np.integer):
            raise TypeError(f"`chunks` for {dim!r} is {size!r}; give a number of cells")
    return dict(value)


def _object(source: Any, opening: Opening) -> Given | None:
    """The source, if it is an object; None for paths."""
    if not isinstance(source, xr.DataArray | xr.Dataset):
        return None
    for name in keywords_of(SourceOptions):
        if (value := getattr(opening, name)) not in (None, {}):
            raise ValueError(
                f"`{name}` is {value!r}, but `source` is an object, which is already open; leave "
                "it out"
            )
    return Given.of(source)


def _entry(operation: str, dim: Any) -> Entry:
    if not isinstance(operation, str):
        raise TypeError(
            f"`operation` is a {type(operation).__name__}; give a name such as 'gradient' first, "
            "then `source` and `target`"
        )
    if operation not in OPERATIONS:
        raise ValueError(f"`operation` is {operation!r}; give one of {list(OPERATIONS)}")
    entry = OPERATIONS[operation]
    if entry.of_a_vector and not isinstance(dim, Mapping):
        raise ValueError(
            f"`dim` is {dim!r}; `{operation}` needs a mapping of dimensions to components"
        )
    for key, name in dim.items() if entry.of_a_vector else ():
        if not isinstance(name, str):
            raise TypeError(
                f"`dim` for {key!r} is a {type(name).__name__}; give the name of a variable of "
                "`source`"
            )
    return entry


def _given(operation: str, entry: Entry, options: Any) -> dict[str, Any]:
    """The options that differ from their defaults, so that a job resumes if one is spelled out."""
    defaults = _defaults(OperationOptions)
    given = {k: value for k, value in options.items() if not _is_left_out(value, defaults[k])}
    for name, value in given.items():
        if name not in entry.keywords:
            raise ValueError(
                f"`{name}` is {value!r}, but `{operation}` has no {name}; leave it out"
            )
    particular = {k: value for k, value in _defaults(entry.options).items() if value != defaults[k]}
    return particular | given


def _defaults(options: type) -> dict[str, Any]:
    return {name: keyword.default for name, (_, keyword) in keywords_of(options).items()}


def _is_left_out(value: Any, default: Any) -> bool:
    if default is None:
        return value is None or (isinstance(value, Mapping) and not value)
    return type(value) is type(default) and bool(value == default)
