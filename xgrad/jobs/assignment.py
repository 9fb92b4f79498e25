"""A store-to-store job as it was asked for, and the part of it that one worker does.

What travels to a worker is the question, a few hundred bytes.  Each process opens the source and
reads the coordinates for itself, once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, cast

import dask.array as da
import xarray as xr
import zarr

from xgrad._typing import Dim, FieldOptions
from xgrad.arrays import buffers
from xgrad.arrays.term import Positions
from xgrad.jobs.region import Work, described, process
from xgrad.jobs.regions import Axis, Box, Layout
from xgrad.labels.options import Options
from xgrad.operators.evaluate import labelled
from xgrad.operators.result import Result
from xgrad.operators.table import OPERATIONS
from xgrad.stores import source as sources
from xgrad.workers import memory as machine

# Jobs that a process keeps open.
_KEPT = 4


def taken() -> int:
    """Resident memory of this process with all that a job loads, in bytes.

    Examples
    --------
    >>> taken() > 10_000_000
    True
    """
    # numba: what is loaded after the plan was made would come on top of it.
    from xgrad.kernels import fused as rows  # noqa: F401, PLC0415
    from xgrad.kernels import tabled_loops as loops  # noqa: F401, PLC0415

    buffers.give_back()
    return machine.resident()


@dataclass(frozen=True)
class Request:
    """What is to be done.

    Attributes
    ----------
    source : str
        Path or URL.
    variables : tuple of str or None
        Names; None for every numeric variable.
    dim
        As for :func:`xgrad.gradient`, or a mapping of dimensions to the components of a field.
    chunks : mapping
        Chunk sizes of the target, in cells, where they are not the source's.
    options : mapping
        Those of :func:`xgrad.gradient`.
    token : str
        Of this run of the job.
    operation : str
        One of :data:`xgrad.operators.calculus.OPERATIONS`.
    form : str or None
        Of a divergence or a curl.
    """

    source: str
    variables: tuple[str, ...] | None
    dim: Dim
    chunks: Mapping[str, int]
    options: FieldOptions
    token: str
    operation: str = "gradient"
    form: str | None = None


class Job:
    """A request whose source is open: nothing has been computed yet.

    Parameters
    ----------
    request : Request
        What is to be done.

    Raises
    ------
    FileNotFoundError, ValueError, TypeError
        As :func:`xgrad.stores.source.opened` and :func:`xgrad.gradient`.
    """

    def __init__(self, request: Request) -> None:
        self.request = request
        self.source = sources.opened(request.source)
        self.data = sources.chosen(self.source, request.variables)
        self.chunks = sources.chunks_asked_for(self.data, request.chunks)
        self.options = Options(**cast(Any, request.options))
        more = {} if request.form is None else {"form": request.form}
        self.results = OPERATIONS[request.operation](self.data, request.dim, self.options, **more)
        self._works: dict[str, Work] = {}
        self._require_names()

    def _require_names(self) -> None:
        """Refuse names that a store cannot hold, and variables that nothing is made of."""
        for one in self.results:
            if "/" in str(one.name):
                raise ValueError(
                    f"a result would be called {one.name!r}, whose slash is that of a group in "
                    "Zarr; rename the dimension or the variable in the source"
                )
        positions = (self.request.options.get("spacing") or {}).values()
        used = {*self.read, *(one for one in positions if isinstance(one, str))}
        for name in self.request.variables or ():
            if name not in used:
                variable = self.data[name]
                raise ValueError(
                    f"`variables` names {name!r}, of which nothing can be made: it has dtype "
                    f"{variable.dtype} and dimensions {variable.dims}; leave it out"
                )

    @cached_property
    def made(self) -> dict[str, list[Result]]:
        """Results that are made of the same variables, under the names of these."""
        found: dict[str, list[Result]] = {}
        for one in self.results:
            found.setdefault(", ".join(map(str, one.variables)), []).append(one)
        return found

    def variables(self, name: str) -> dict[Hashable, xr.Variable]:
        """The variables that a group of results is made of."""
        return dict(self.made[name][0].variables)

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of each of a group of results."""
        return self.made[name][0].variable.shape

    def fill_value(self, name: Hashable) -> float | None:
        """What a missing value is stored as, where the source says so and can mean nothing else.

        Not 0, which is a common derivative, nor that of packed numbers.
        """
        variable = self.data.variables[name]
        value = variable.encoding.get("_FillValue")
        if value is None or variable.dtype.kind != "f" or self.source.is_scaled(name):
            return None
        return None if value == 0 else float(value)

    @property
    def read(self) -> list[Hashable]:
        """Names of the variables that are read box by box."""
        own = dict.fromkeys(name for one in self.results for name in one.variables)
        alongs = [term.along for one in self.results for term in one.terms]
        named = dict.fromkeys(a.name for a in alongs if isinstance(a, Positions))
        return [*own, *(name for name in named if name in self.data.variables)]

    def work(self, name: str, sweep: int) -> Work:
        """What is to be done with a group of variables."""
        variables = self.variables(name)
        fill_value = self.fill_value(next(iter(variables)))
        if name not in self._works:
            self._works[name] = Work(variables, tuple(self.made[name]), fill_value, sweep)
        return self._works[name]

    def stored(self, name: str) -> tuple[int, ...]:
        """Cells along each axis that cannot be read apart: the largest chunk of the variables."""
        found = []
        for origin, variable in self.variables(name).items():
            own = self.data.variables[origin]
            chunks = dict(zip(own.dims, self.source.inseparable(origin), strict=True))
            found.append([chunks[dim] for dim in variable.dims])
        return tuple(max(sizes) for sizes in zip(*found, strict=True))

    def written(self, name: str) -> tuple[int, ...]:
        """Cells along each axis that are written at once: a shard or a chunk of the target."""
        origin, variable = next(iter(self.variables(name).items()))
        stored = self.source.stored(origin)
        pairs = zip(variable.dims, stored, strict=True)
        sizes = (self.chunks.get(str(dim), size) for dim, size in pairs)
        return tuple(
            max(1, min(size, side)) for size, side in zip(sizes, variable.shape, strict=True)
        )

    def axes(self, name: str) -> list[Axis]:
        """What the cutting of a group of variables into regions must heed."""
        written, stored = self.written(name), self.stored(name)
        terms = [term for one in self.made[name] for term in one.terms]
        found = []
        for k, size in enumerate(self.shape(name)):
            along = [term for term in terms if term.axis == k]
            face = max((term.face for term in along), default=0)
            ends = [term.scheme.edge - term.scheme.depth for term in along]
            around = any("periodic" in term.scheme.boundary for term in along)
            found.append(Axis(size, written[k], stored[k], face, max([face, *ends]), around))
        return found

    def template(self) -> xr.Dataset:
        """The labelled result, lazy and without values."""

        def nothing(one: Result) -> Any:
            return da.zeros(one.variable.shape, dtype=one.dtype, chunks=-1)

        return labelled(self.data, self.results, nothing)


def targets(store: Any, results: Sequence[Result]) -> dict[str, Any]:
    """Arrays to write to.  Chunks of fill values are written too: "missing" means "not done"."""
    group = zarr.open_group(store, mode="r+", use_consolidated=False)
    return {
        one.name: group[one.name].with_config({"write_empty_chunks": True})  # type: ignore[union-attr]
        for one in results
    }


def begun(store: Any) -> str:
    """What the target says of its beginning: another one has another second in its history.

    Raises
    ------
    FileNotFoundError
        If it is there no more.
    """
    group = zarr.open_group(store, mode="r", use_consolidated=False)
    return str(group.attrs.get("history"))


@dataclass(frozen=True)
class _Open:
    """A job that this process has open, and how many runs of it may be in memory at once."""

    job: Job
    gate: threading.BoundedSemaphore


_OPEN: dict[str, _Open] = {}
_LOCK = threading.Lock()


def adopt(job: Job, lanes: int) -> _Open:
    """Let this process work on a job that it has opened."""
    while len(_OPEN) >= _KEPT:
        _OPEN.pop(next(iter(_OPEN)))
    return _OPEN.setdefault(job.request.token, _Open(job, threading.BoundedSemaphore(lanes)))


def forget(job: Job) -> None:
    """Close a job."""
    _OPEN.pop(job.request.token, None)
    job.source.data.close()


@dataclass(frozen=True)
class Assignment:
    """A run of regions, and all that a worker must know to do it.

    Attributes
    ----------
    request : Request
        The job.
    store : object
        What zarr opens to write to.
    name : str
        Of the variable.
    dims : tuple of hashable
        Its dimensions.
    sweep : int
        Axis along which the regions follow one another.
    boxes : tuple of tuple of slice
        The regions.
    retries : int
        How often reading or writing is tried again.
    lanes : int
        Most runs of the job that may be in memory at once in a process.
    begun : str
        What the target says of its beginning.
    """

    request: Request
    store: Any
    name: str
    dims: tuple[Hashable, ...]
    sweep: int
    boxes: tuple[Box, ...]
    retries: int
    lanes: int
    begun: str

    def __str__(self) -> str:
        last = self.boxes[-1]
        all_of_it = zip(self.boxes[0], last, strict=True)
        box = tuple(slice(one.start, other.stop) for one, other in all_of_it)
        return f"variable {self.name!r}, {described(self.dims, box)}"

    def regions(self) -> Iterator[Box]:
        """Do one region after another."""
        with _LOCK:
            found = _OPEN.get(self.request.token) or adopt(Job(self.request), self.lanes)
        with found.gate:
            work = found.job.work(self.name, self.sweep)
            arrays = targets(self.store, work.results)
            yield from process(work, self.boxes, arrays, self.retries, self.check)

    def check(self) -> None:
        """Refuse to write to a target that another run has begun anew.

        A worker of a cluster does not know that who gave it its task is gone, and would write the
        results of other options among those of the next run.
        """
        if begun(self.store) != self.begun:
            raise RuntimeError("the target has been begun anew by another run")


def assignments(
    job: Job, layouts: Mapping[str, Layout], store: Any, retries: int, lanes: int,
    is_done: Callable[[str, Box], bool],
) -> Iterator[Assignment]:  # fmt: skip
    """Runs that are left to do, made one by one."""
    beginning = begun(store)
    for name, layout in layouts.items():
        dims, sweep = job.made[name][0].variable.dims, layout.sweep
        for run in layout.runs(partial(is_done, name)):
            yield Assignment(
                job.request, store, name, dims, sweep, run.boxes, retries, lanes, beginning
            )
