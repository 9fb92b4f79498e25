"""A store-to-store job as it was asked for: its source is open, and nothing has been computed."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, cast

import dask.array as da
import numpy as np
import xarray as xr

from xgrad._typing import Dim
from xgrad.arrays.term import Positions, Term
from xgrad.jobs.cutting import Axis
from xgrad.jobs.from_object import Given
from xgrad.jobs.region import Work
from xgrad.labels import links
from xgrad.labels.keywords import FieldOptions
from xgrad.labels.lookup import of_positions
from xgrad.labels.options import Options
from xgrad.operators.evaluate import labelled
from xgrad.operators.operations import OPERATIONS
from xgrad.operators.result import Result
from xgrad.stores.many_files import in_words
from xgrad.stores.opening import Opening
from xgrad.stores.source import Source, opened
from xgrad.stores.urls import shown
from xgrad.stores.workplace import fault_of_name


@dataclass(frozen=True)
class Request:
    """What is to be computed: a few hundred bytes, which travel to the workers with each task.

    Attributes
    ----------
    source : str or tuple of str
        Path or URL, or several; for an object, where it was opened from, or what it is.
    variables : tuple of str or None
        Names; None for every numeric variable.
    dim
        As for :func:`xgrad.gradient`, or a mapping of dimensions to the components of a field.
    chunks : mapping
        Chunk sizes of the target, in cells, where they differ from the source's.
    options : mapping
        Those of :func:`xgrad.gradient`.
    token : str
        Identifies this run of the job.
    operation : str
        One of :data:`xgrad.operators.operations.OPERATIONS`.
    own : mapping
        The keyword that only this operation takes, if it is given.
    given : Given or None
        The object that is the source.  It does not travel with each task.
    opening : Opening
        How the source is opened.
    fill_value : float or None
        How a missing value is stored; None for the fill value of the source.
    """

    source: str | tuple[str, ...] = field(repr=False)  # a cluster logs what it could not do
    variables: tuple[str, ...] | None
    dim: Dim
    chunks: Mapping[str, int]
    options: FieldOptions
    token: str
    operation: str = "gradient"
    own: Mapping[str, Any] = field(default_factory=dict)
    given: Given | None = field(default=None, repr=False, compare=False)
    opening: Opening = field(default_factory=Opening)
    fill_value: float | None = None

    @property
    def sources(self) -> tuple[str, ...]:
        """Each path or URL."""
        return (self.source,) if isinstance(self.source, str) else self.source

    @property
    def described(self) -> str:
        """The source in words, without credentials."""
        return shown(in_words(self.sources))


@dataclass(frozen=True)
class Group:
    """Variables that share a grid, and the results that are computed from them.

    Attributes
    ----------
    index : int
        Place among the groups of the job.  It is the same in every process.
    origins : mapping
        The variables, by name.  They are read together, box by box.
    results : tuple of Result
        What is computed from them.
    written : tuple of int
        Cells along each axis that are written at once: a shard or a chunk of the target.
    stored : tuple of int
        Cells along each axis that are read together: the largest chunk of the variables.
    fill_value : float or None
        How a missing value is stored, None for NaN.
    """

    index: int
    origins: Mapping[Hashable, xr.Variable]
    results: tuple[Result, ...]
    written: tuple[int, ...]
    stored: tuple[int, ...]
    fill_value: float | None

    @property
    def name(self) -> str:
        """Names of the variables, for messages."""
        return ", ".join(map(str, self.origins))

    @property
    def dims(self) -> tuple[Hashable, ...]:
        """Dimensions of each variable and result."""
        return self.results[0].variable.dims

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of each variable and result."""
        return self.results[0].variable.shape

    @property
    def itemsize(self) -> int:
        """Bytes of a cell of all results."""
        return sum(one.dtype.itemsize for one in self.results)

    @property
    def terms(self) -> list[Term]:
        """Those of all results, and those that they are taken of."""
        return [step for one in self.results for term in one.terms for step in term.chain]

    @cached_property
    def work(self) -> Work:
        """What a worker computes, region by region."""
        return Work(self.origins, self.results, self.fill_value)

    def axes(self) -> list[Axis]:
        """What limits how each axis is cut into regions."""
        found = []
        for k, size in enumerate(self.shape):
            along = [term for term in self.terms if term.axis == k]
            face = max((term.face for term in along), default=0)
            ends = [term.scheme.edge - term.scheme.depth for term in along]
            around = any("periodic" in term.scheme.boundary for term in along)
            least = max([face, *ends])
            if any(term.held is not None and term.held.axis == k for term in self.terms):
                least = size  # whole columns
            found.append(Axis(size, self.written[k], self.stored[k], face, least, around))
        return found


class Job:
    """A request whose source is open.

    Parameters
    ----------
    request : Request
        What is to be computed.
    source : Source, optional
        The open source.  Default: it is opened.

    Raises
    ------
    FileNotFoundError, ValueError, TypeError
        As :func:`xgrad.stores.source.opened` and :func:`xgrad.gradient`.
    """

    def __init__(self, request: Request, source: Source | None = None) -> None:
        self.request = request
        source = source or request.given or opened(request.sources, request.opening)
        names = request.variables or ()
        self.source = replace(source, data=links.as_coordinates(source.data, names))
        self.data = self._chosen(names)
        self.chunks = _checked_chunks(self.data, request.chunks)
        self.options = Options(**cast(Any, request.options))
        describe = OPERATIONS[request.operation].describe
        self.results = describe(self.data, request.dim, self.options, **request.own)
        self._require_names()

    def until(self, dim: str, cells: int) -> Job:
        """The same job of the first cells along a dimension."""
        options: dict[str, Any] = dict(self.request.options)
        spacing = options.get("spacing")
        if isinstance(spacing, Mapping) and np.ndim(spacing.get(dim, 0)) == 1:
            options["spacing"] = {**spacing, dim: spacing[dim][:cells]}
        constant = options.get("constant")
        if constant is not None:
            options["constant"] = {
                key: value.isel({dim: slice(cells)}, missing_dims="ignore")
                if isinstance(value, xr.DataArray) else value
                for key, value in constant.items()
            }  # fmt: skip
        if isinstance(options.get("sigma"), xr.DataArray):
            options["sigma"] = options["sigma"].isel({dim: slice(cells)}, missing_dims="ignore")
        request = replace(self.request, options=cast(FieldOptions, options))
        return Job(request, self.source.until(dim, cells))

    def _chosen(self, names: tuple[str, ...]) -> xr.Dataset:
        """The variables of these names, and those that are positions or heights, by default all."""
        every = self.source.data
        argument = "dim" if OPERATIONS[self.request.operation].of_a_vector else "variables"
        for name in names:
            if name not in every.data_vars:
                raise ValueError(
                    f"`{argument}` names {name!r}, which the source lacks; it has "
                    f"{list(every.data_vars)}"
                )
        options = self.request.options
        given = options.get("spacing"), options.get("constant"), {"sigma": options.get("sigma")}
        positions = of_positions(every, *given)
        return links.only(every, [*names, *positions]) if names else every

    def _require_names(self) -> None:
        """Refuse names that a store cannot have, and variables that nothing is computed from."""
        for one in self.results:
            fault = fault_of_name(str(one.name))
            if fault is not None:
                raise ValueError(
                    f"a result would be called {one.name!r}, but {fault}; rename the dimension or "
                    "the variable in the source"
                )
        options = self.request.options
        given = (options.get("spacing") or {}, options.get("constant") or {})
        positions = [one for mapping in given for one in mapping.values()]
        used = {*self.read, *(one for one in positions if isinstance(one, str))}
        for name in self.request.variables or ():
            if name not in used:
                variable = self.data[name]
                raise ValueError(
                    f"`variables` names {name!r}, from which nothing can be computed: it has dtype "
                    f"{variable.dtype} and dimensions {variable.dims}; leave it out"
                )

    def require_storable(self) -> None:
        """Refuse coordinates that are to be copied, but whose names a store cannot have."""
        for name in self.template().coords:
            fault = fault_of_name(str(name))
            if fault is not None:
                raise ValueError(
                    f"the coordinate {name!r} cannot be copied, as {fault}; rename or drop it in "
                    "the source"
                )

    @property
    def read(self) -> list[Hashable]:
        """Names of the variables that are read box by box."""
        own = dict.fromkeys(name for one in self.results for name in one.variables)
        alongs = [step.along for one in self.results for term in one.terms for step in term.chain]
        named = dict.fromkeys(along.name for along in alongs if isinstance(along, Positions))
        steps = [step for one in self.results for term in one.terms for step in term.chain]
        named |= dict.fromkeys(name for step in steps for name in step.made_of)
        return [*own, *(name for name in named if name in self.data.variables)]

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """Results that are computed from the same variables, in the order of the variables' names.

        Not in the order of the source: a folder may be listed in another order elsewhere.
        """
        found: dict[tuple[Hashable, ...], list[Result]] = {}
        for one in self.results:
            found.setdefault(tuple(one.variables), []).append(one)
        ordered = sorted(found.items(), key=lambda pair: tuple(map(str, pair[0])))
        return tuple(self._group(k, results) for k, (_, results) in enumerate(ordered))

    def _group(self, index: int, results: list[Result]) -> Group:
        origins = results[0].variables
        first = next(iter(origins))
        return Group(
            index, origins, tuple(results), self._written(first, origins[first]),
            self._stored(origins), self._fill_value(first),
        )  # fmt: skip

    def _written(self, name: Hashable, variable: xr.Variable) -> tuple[int, ...]:
        pairs = zip(variable.dims, self.source.stored(name), strict=True)
        sizes = (self.chunks.get(str(dim), size) for dim, size in pairs)
        sides = zip(sizes, variable.shape, strict=True)
        return tuple(max(1, min(size, side)) for size, side in sides)

    def _stored(self, origins: Mapping[Hashable, xr.Variable]) -> tuple[int, ...]:
        found = []
        for name, variable in origins.items():
            own = self.data.variables[name]
            chunks = dict(zip(own.dims, self.source.inseparable(name), strict=True))
            found.append([chunks[dim] for dim in variable.dims])
        return tuple(max(sizes) for sizes in zip(*found, strict=True))

    def _fill_value(self, name: Hashable) -> float | None:
        """The fill value of the source, if it can only mean a missing value, or that asked for.

        Not 0, which is a common derivative, nor the fill value of packed numbers.
        """
        if self.request.fill_value is not None:
            return None if math.isnan(self.request.fill_value) else self.request.fill_value
        variable = self.data.variables[name]
        value = variable.encoding.get("_FillValue")
        if value is None or variable.dtype.kind != "f" or self.source.is_scaled(name):
            return None
        return None if value == 0 else float(value)

    def template(self) -> xr.Dataset:
        """The labelled result, lazy and without values."""

        def nothing(results: Sequence[Result]) -> list[Any]:
            return [_nothing(one.variable.shape, one.dtype) for one in results]

        return links.without_dangling(labelled(self.data, self.results, nothing))


def _nothing(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    # Without a name, dask pickles its function to make one: 1 ms for each result, five times a job.
    return da.zeros(shape, dtype=dtype, chunks=-1, name=f"xgrad-nothing-{dtype.str}-{shape}")


def _checked_chunks(data: xr.Dataset, chunks: Mapping[str, int]) -> dict[str, int]:
    for dim, size in chunks.items():
        if dim not in data.dims:
            raise ValueError(
                f"`chunks` names {dim!r}, which is not a dimension; they are {list(data.dims)}"
            )
        if size < 1:
            raise ValueError(f"`chunks` for {dim!r} is {size}; give a positive number of cells")
    return dict(chunks)
