"""The work on one region: read it with its halo, compute, write.  No graph, no dask.

The arithmetic is that of the lazy engine, :func:`xgrad.arrays.combine.fold`: so are the bits.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import xarray as xr

from xgrad._typing import AnyArray
from xgrad.arrays import combine as overlap
from xgrad.arrays.combine import How, Stencil
from xgrad.arrays.halo import Cells, along
from xgrad.jobs.regions import Box
from xgrad.operators.result import Combination, Part
from xgrad.stencils import ghosts as boundaries
from xgrad.stencils.scheme import Scheme

_Result = TypeVar("_Result")

# Errors that another attempt cannot repair.
_HOPELESS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EROFS}
# Seconds before the second attempt.  Each pause is twice as long as the one before.
_PAUSE = 0.1


@dataclass(frozen=True)
class Ingredient:
    """One term of an output, ready to be taken block by block.

    Attributes
    ----------
    origin : hashable
        Name of the variable.
    axis : int or None
        Of the variable; None where its values are taken as they are.
    scheme : Scheme
        How.
    table : array or None
        What :func:`xgrad.arrays.combine.apply` takes; None where each column has its own positions.
    positions : Variable or None
        Those, read when they are needed.
    period : float or None
        Of the positions.
    factor : float, array or None
        What the term is multiplied by; an array has sides of 1 where it does not depend on a
        dimension.
    """

    origin: Hashable
    axis: int | None
    scheme: Scheme
    table: AnyArray | None
    positions: xr.Variable | None
    period: float | None
    factor: Any

    @classmethod
    def of(cls, part: Part) -> Ingredient:
        """From what was asked for."""
        along, table = part.along, None
        if along is not None and along.positions is None:
            variable = part.variable
            table = overlap.table_of(
                along.steps, variable.sizes[along.dim], part.scheme, variable.dtype, along.seam,
                part.inside,
            )  # fmt: skip
        factor = part.spread_factor()
        factor = np.asarray(factor) if np.ndim(factor) else factor
        positions, period = (None, None) if along is None else (along.positions, along.period)
        return cls(part.origin, part.axis, part.scheme, table, positions, period, factor)

    @property
    def face(self) -> int:
        """Cells at an end of a region that its neighbour or its ghosts are made of."""
        return self.scheme.face if self.positions is None else self.scheme.face_of_columns

    @property
    def around(self) -> bool:
        """Whether the ends of the axis are neighbours."""
        return "periodic" in self.scheme.boundary


@dataclass(frozen=True)
class Output:
    """What is made of some variables and written to one array.

    Attributes
    ----------
    name : str
        Of the array.
    terms : tuple of Ingredient
        What it is made of.
    how : {"sum", "norm", "angle"}
        How.
    dtype : numpy.dtype
        Of the array.
    seconds : float
        Length of the unit of time that times as data are differentiated in; 1 for other data.
    """

    name: str
    terms: tuple[Ingredient, ...]
    how: How
    dtype: np.dtype[Any]
    seconds: float

    @classmethod
    def of(cls, one: Combination) -> Output:
        """From what was asked for."""
        terms = tuple(Ingredient.of(part) for part in one.parts)
        return cls(one.name, terms, one.how, one.dtype, one.seconds)


@dataclass(frozen=True)
class Work:
    """Variables that share a grid, and the results that are computed from them.

    Attributes
    ----------
    variables : mapping
        By name.  They are read box by box.
    outputs : tuple of Output
        The results.
    fill_value : float or None
        How a missing value is stored, None for NaN.
    sweep : int
        Axis along which the regions of a run follow one another.
    """

    variables: Mapping[Hashable, xr.Variable]
    outputs: tuple[Output, ...]
    fill_value: float | None
    sweep: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of each variable."""
        return next(iter(self.variables.values())).shape

    @property
    def dims(self) -> tuple[Hashable, ...]:
        """Dimensions of each variable."""
        return next(iter(self.variables.values())).dims


def process(
    work: Work, boxes: tuple[Box, ...], targets: Mapping[str, Any], retries: int,
    check: Callable[[], None],
) -> Iterator[Box]:  # fmt: skip
    """Do the regions of a run, one after another.

    Parameters
    ----------
    work : Work
        What to compute.
    boxes : tuple of tuple of slice
        Neighbours along the sweep, in ascending order.
    targets : mapping
        The Zarr array of each output.
    retries : int
        How many more times a read or write of a chunk that fails is tried.
    check : callable
        Called before a region is written.  It raises if the region must not be written.

    Yields
    ------
    tuple of slice
        A region that has been written.

    Raises
    ------
    RuntimeError
        If a read or write fails.  The message names variable and region.
    OSError
        If the disk is full.
    """
    terms = [term for output in work.outputs for term in output.terms]
    ahead = any(term.axis == work.sweep for term in terms)
    depth = max((term.scheme.depth for term in terms), default=0)
    before: dict[Hashable, AnyArray] | None = None
    core: dict[Hashable, AnyArray] | None = None
    known: dict[Any, Any] = {}
    for k, box in enumerate(boxes):
        region = _Region(work, box, retries, known)
        if core is None:
            core = region.read_all(box)
        after = region.read_all(boxes[k + 1]) if ahead and k + 1 < len(boxes) else None
        neighbours = _Neighbours(region, core, before, after)
        region.attempt("written", region.name, box, check)
        for output in work.outputs:
            region.write(targets[output.name], _made(output, neighbours))
        stop = box[work.sweep].stop - box[work.sweep].start
        last = along(work.sweep, slice(max(0, stop - depth), stop))
        # Copies, because views would keep the region in memory.
        before = {name: values[last].copy() for name, values in core.items()}
        core = after
        yield box


def described(dims: Any, box: Box) -> str:
    """A region in words.

    Examples
    --------
    >>> described(("time", "x"), (slice(0, 24), slice(10, 20)))
    'time 0:24, x 10:20'
    """
    return ", ".join(f"{d} {s.start}:{s.stop}" for d, s in zip(dims, box, strict=True))


def attempt(action: Callable[[], _Result], retries: int, failure: str) -> _Result:
    """Do a read or write, and up to `retries` more times if it fails.

    Raises
    ------
    RuntimeError
        If the last attempt fails.  Its message is `failure` with the reason.
    OSError
        The same, if another attempt cannot help, as on a full disk.

    Examples
    --------
    >>> attempts = iter([lambda: 1 / 0, lambda: "done"])
    >>> attempt(lambda: next(attempts)(), retries=1, failure="it failed")
    'done'
    """
    for k in range(retries + 1):
        try:
            return action()
        except MemoryError:
            raise
        except Exception as error:  # a codec may raise anything
            text = f"{failure}: {error or type(error).__name__}"
            if isinstance(error, OSError) and error.errno in _HOPELESS:
                raise OSError(error.errno, text) from error
            if k == retries:
                raise RuntimeError(text) from error
            time.sleep(_PAUSE * 2**k)
    raise AssertionError


class _Region:
    """One region: reads boxes of its variables and writes its results, and repeats what fails."""

    def __init__(self, work: Work, box: Box, retries: int, known: dict[Any, Any]) -> None:
        self.work, self.box, self.retries, self.known = work, box, retries, known

    def read(self, name: Hashable, box: Box) -> AnyArray:
        variable = self.work.variables[name]
        return self.attempt("read", name, box, lambda: np.asarray(variable[box].values))

    def read_all(self, box: Box) -> dict[Hashable, AnyArray]:
        return {name: self.read(name, box) for name in self.work.variables}

    def positions(self, term: Ingredient, box: Box) -> AnyArray:
        """Positions of a box, with sides of 1 along dimensions that they do not have."""
        own, dims = term.positions, self.work.dims
        assert own is not None
        cells = {dim: part for dim, part in zip(dims, box, strict=True) if dim in own.dims}
        values = self.attempt("read", term.origin, box, lambda: np.asarray(own.isel(cells).values))
        missing = [dim for dim in dims if dim not in own.dims]
        spread = xr.Variable(own.dims, overlap.as_float(values)).set_dims([*missing, *own.dims])
        return np.asarray(spread.transpose(*dims).data)

    def write(self, target: Any, values: AnyArray) -> None:
        def store() -> None:
            target[self.box] = encoded(values, self.work.fill_value)

        self.attempt("written", self.name, self.box, store)

    @property
    def name(self) -> str:
        return ", ".join(map(str, self.work.variables))

    def attempt(
        self, what: str, name: Hashable, box: Box, action: Callable[[], _Result]
    ) -> _Result:
        place = described(self.work.dims, box)
        failure = f"variable {name!r} could not be {what} in the region {place}"
        return attempt(action, self.retries, failure)


@dataclass(frozen=True)
class _Neighbours:
    """A region in memory, and the cells around it, from memory where they are there already."""

    region: _Region
    core: dict[Hashable, AnyArray]
    before: dict[Hashable, AnyArray] | None
    after: dict[Hashable, AnyArray] | None

    def beside(self, name: Hashable, axis: int, cells: slice) -> AnyArray:
        """The cells of the region's cross-section at other places along `axis`."""
        box, own = self.region.box, self.region.box[axis]
        if axis == self.region.work.sweep:
            if self.after is not None and cells.start == own.stop:
                return self.after[name][along(axis, slice(0, cells.stop - cells.start))]
            if self.before is not None and cells.stop == own.start:
                n = self.before[name].shape[axis]
                return self.before[name][along(axis, slice(n - (cells.stop - cells.start), n))]
        return self.region.read(name, (*box[:axis], cells, *box[axis + 1 :]))


def _halo(
    core: AnyArray, beside: Callable[[slice], AnyArray], cells: slice, size: int,
    term: Ingredient, ghosts: Any,
) -> Cells:  # fmt: skip
    """A region with the cells below and above it: neighbours, ghosts or nothing."""
    axis, scheme = term.axis, term.scheme
    assert axis is not None
    depth, face, n = scheme.depth, term.face, core.shape[axis]
    if cells.start > 0:
        below = beside(slice(cells.start - depth, cells.start))
    elif term.around:
        below = beside(slice(size - depth, size))
    else:
        first = core[along(axis, slice(0, face))]
        below = ghosts(first, scheme.boundary[0], depth, axis, below=True)
    if cells.stop < size:
        above = beside(slice(cells.stop, cells.stop + depth))
    elif term.around:
        above = beside(slice(0, depth))
    else:
        last = core[along(axis, slice(n - face, n))]
        above = ghosts(last, scheme.boundary[1], depth, axis, below=False)
    return Cells(below, core, above, axis, scheme.reach)


def _made(output: Output, neighbours: _Neighbours) -> AnyArray:
    """One result over a region."""
    stencils = [_stencil(term, neighbours) for term in output.terms]
    like = neighbours.core[output.terms[0].origin]
    out = np.empty_like(like, dtype=output.dtype, subok=False)
    overlap.fold(stencils, output.how, out)
    if output.seconds != 1:
        out /= output.seconds
    return out


def _stencil(term: Ingredient, neighbours: _Neighbours) -> Stencil:
    core, region, axis = neighbours.core[term.origin], neighbours.region, term.axis
    factor = term.factor
    if np.ndim(factor):
        sides = zip(region.box, factor.shape, strict=True)
        factor = factor[tuple(part if n > 1 else slice(None) for part, n in sides)]
    if axis is None:
        return Stencil(core, factor=factor)
    cells, size = region.box[axis], region.work.shape[axis]

    def beside(other: slice) -> AnyArray:
        return neighbours.beside(term.origin, axis, other)

    whole = _halo(core, beside, cells, size, term, boundaries.values)
    if term.table is not None:
        return Stencil(whole, term.scheme, term.table[:, cells], factor=factor)
    there, ends = _columns(term, region)
    return Stencil(whole, term.scheme, None, there, ends, term.period, factor)


def _columns(term: Ingredient, region: _Region) -> tuple[Cells, tuple[AnyArray, AnyArray]]:
    """Positions of several dimensions, whose columns are looked at as a whole."""
    axis, box = term.axis, region.box
    assert axis is not None
    cells, size = box[axis], region.work.shape[axis]

    def beside(other: slice) -> AnyArray:
        return region.positions(term, (*box[:axis], other, *box[axis + 1 :]))

    x = beside(cells)
    there = _halo(x, beside, cells, size, term, boundaries.positions)
    # The next region of the run has the same columns, if it lies along them.
    place, key = (*box[:axis], *box[axis + 1 :]), (id(term.positions), axis)
    if region.known.get(key, (None,))[0] != place:
        region.known[key] = place, _extremes(beside, size, x.shape[axis], axis, term.period)
    return there, region.known[key][1]


def _extremes(
    beside: Callable[[slice], AnyArray], size: int, step: int, axis: int, period: float | None
) -> tuple[AnyArray, AnyArray]:
    """Extreme steps of whole columns, read piece by piece."""
    from xgrad.kernels import curvilinear as columns  # noqa: PLC0415  it loads numba

    least = greatest = total = None
    for start in range(0, size - 1, step):
        x = beside(slice(start, min(size, start + step + 1)))
        if period is None:
            low, high = columns.extremes(x, axis)
            added = high
        else:
            up = boundaries.upwards(np.diff(x, axis=axis), period)
            low, high = up.min(axis, keepdims=True), up.max(axis, keepdims=True)
            added = up.sum(axis, keepdims=True, dtype=x.dtype)
        least = low if least is None else np.minimum(least, low)
        greatest = high if greatest is None else np.maximum(greatest, high)
        total = added if total is None else total + added
    assert least is not None
    assert greatest is not None
    assert total is not None
    if period is None:
        return least, greatest
    return boundaries.turns(least, greatest, total, size - 1, period)


def encoded(values: Any, fill_value: float | None) -> Any:
    """Values as they are stored: a missing one as the fill value.

    Raises
    ------
    ValueError
        If a value equals the fill value, so that it would be read as missing.

    Examples
    --------
    >>> encoded(np.array([1.0, np.nan]), -999.0)
    array([   1., -999.])
    """
    if fill_value is None or np.isnan(fill_value):
        return values
    if (values == fill_value).any():
        raise ValueError(
            f"a result is {fill_value:g}, the `_FillValue` of its variable, and would be read as "
            "missing; remove or change the `_FillValue` in the source"
        )
    return np.where(np.isnan(values), values.dtype.type(fill_value), values)
