"""The work on one region: read it with its halo, differentiate, write.  No graph, no dask.

The arithmetic is that of the lazy engine, :func:`xgrad.overlap.apply`: so are the bits.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import xarray as xr

from xgrad import boundaries, columns, coordinates, overlap
from xgrad._typing import AnyArray
from xgrad.blocks import result_dtype
from xgrad.gradient import Derivative
from xgrad.options import Options
from xgrad.regions import Box
from xgrad.scheme import Scheme

_Result = TypeVar("_Result")

# An attempt more cannot make room.
_HOPELESS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EROFS}
# Seconds before the first attempt more; each one waits twice as long as the one before.
_PAUSE = 0.1


@dataclass(frozen=True)
class Output:
    """One derivative of a variable, ready to be taken block by block.

    Attributes
    ----------
    name : str
        Of the array that it is written to.
    axis : int
        Of the variable.
    scheme : Scheme
        How.
    table : array or None
        What :func:`xgrad.overlap.apply` takes; None where each column has its own positions.
    positions : Variable or None
        Those, read when they are needed.
    period : float or None
        Of the positions.
    seconds : float
        Length of the unit of time that times as data are differentiated in; 1 for other data.
    """

    name: str
    axis: int
    scheme: Scheme
    table: AnyArray | None
    positions: xr.Variable | None
    period: float | None
    seconds: float

    @classmethod
    def of(cls, derivative: Derivative, options: Options) -> Output:
        """From what was asked for."""
        (along,), (scheme,) = derivative.chain, derivative.schemes
        variable = derivative.variable
        axis = variable.get_axis_num(along.dim)
        table = None
        if along.positions is None:
            table = overlap.table_of(
                along.steps, variable.shape[axis], scheme, variable.dtype, along.seam
            )
        times = variable.dtype.kind in "mM"
        unit = coordinates.seconds(options.unit_of_time) if times else 1.0
        positions, period = along.positions, along.period
        return cls(derivative.name, axis, scheme, table, positions, period, unit)

    @property
    def face(self) -> int:
        """Cells at an end of a region that its neighbour or its ghosts are made of."""
        return self.scheme.face if self.positions is None else self.scheme.face_of_columns

    @property
    def around(self) -> bool:
        """Whether the ends of the axis are neighbours."""
        return "periodic" in self.scheme.boundary


@dataclass(frozen=True)
class Work:
    """A variable and what is made of it.

    Attributes
    ----------
    name : str
        Of the variable.
    variable : Variable
        Read box by box.
    outputs : tuple of Output
        Its derivatives.
    fill_value : float or None
        What a missing value is stored as, if not as NaN.
    sweep : int
        Axis that regions of a run follow one another along.
    """

    name: str
    variable: xr.Variable
    outputs: tuple[Output, ...]
    fill_value: float | None
    sweep: int


def process(
    work: Work, boxes: tuple[Box, ...], targets: Mapping[str, Any], retries: int
) -> Iterator[Box]:
    """Do the regions of a run, one after another.

    Parameters
    ----------
    work : Work
        What is done.
    boxes : tuple of tuple of slice
        Neighbours along the sweep, in ascending order.
    targets : mapping
        The Zarr array of each output.
    retries : int
        How often reading or writing is tried again.

    Yields
    ------
    tuple of slice
        A region that has been written.

    Raises
    ------
    RuntimeError
        If reading or writing fails.  The message names variable and region.
    OSError
        If there is no room left.
    """
    ahead = any(output.axis == work.sweep for output in work.outputs)
    depth = max((output.scheme.depth for output in work.outputs), default=0)
    before: AnyArray | None = None
    core: AnyArray | None = None
    known: dict[str, Any] = {}
    for k, box in enumerate(boxes):
        region = _Region(work, box, retries, known)
        if core is None:
            core = region.read(box)
        after = region.read(boxes[k + 1]) if ahead and k + 1 < len(boxes) else None
        neighbours = _Neighbours(region, core, before, after)
        for output in work.outputs:
            region.write(targets[output.name], _derivative(output, neighbours))
        stop = core.shape[work.sweep]
        # A copy: a view would keep the region in memory.
        before = core[_along(work.sweep, slice(max(0, stop - depth), stop))].copy()
        core = after
        yield box


def _along(axis: int, cells: slice) -> tuple[slice, ...]:
    return (*(slice(None),) * axis, cells)


def described(dims: Any, box: Box) -> str:
    """A region in words.

    Examples
    --------
    >>> described(("time", "x"), (slice(0, 24), slice(10, 20)))
    'time 0:24, x 10:20'
    """
    return ", ".join(f"{d} {s.start}:{s.stop}" for d, s in zip(dims, box, strict=True))


class _Region:
    """One region: reads boxes of its variable, writes its results, tries again what failed."""

    def __init__(self, work: Work, box: Box, retries: int, known: dict[str, Any]) -> None:
        self.work, self.box, self.retries, self.known = work, box, retries, known

    def read(self, box: Box) -> AnyArray:
        return self.attempt("read", box, lambda: np.asarray(self.work.variable[box].values))

    def positions(self, output: Output, box: Box) -> AnyArray:
        """Positions of a box, with sides of 1 along dimensions that they do not have."""
        own, dims = output.positions, self.work.variable.dims
        assert own is not None
        cells = {dim: part for dim, part in zip(dims, box, strict=True) if dim in own.dims}
        values = self.attempt("read", box, lambda: np.asarray(own.isel(cells).values))
        missing = [dim for dim in dims if dim not in own.dims]
        spread = xr.Variable(own.dims, overlap.as_float(values)).set_dims([*missing, *own.dims])
        return np.asarray(spread.transpose(*dims).data)

    def write(self, target: Any, values: AnyArray) -> None:
        def store() -> None:
            target[self.box] = encoded(values, self.work.fill_value)

        self.attempt("written", self.box, store)

    def attempt(self, what: str, box: Box, action: Callable[[], _Result]) -> _Result:
        for k in range(self.retries + 1):
            try:
                return action()
            except MemoryError:
                raise
            except Exception as error:  # a codec raises what it likes
                text = (
                    f"variable {self.work.name!r} could not be {what} in the region "
                    f"{described(self.work.variable.dims, box)}: "
                    f"{error or type(error).__name__}"
                )
                if isinstance(error, OSError) and error.errno in _HOPELESS:
                    raise OSError(error.errno, text) from error
                if k == self.retries:
                    raise RuntimeError(text) from error
                time.sleep(_PAUSE * 2**k)
        raise AssertionError


@dataclass(frozen=True)
class _Neighbours:
    """A region in memory, and the cells around it, from memory where they are there already."""

    region: _Region
    core: AnyArray
    before: AnyArray | None
    after: AnyArray | None

    def beside(self, axis: int, cells: slice) -> AnyArray:
        """The cells of the region's cross-section at other places along `axis`."""
        box, own = self.region.box, self.region.box[axis]
        if axis == self.region.work.sweep:
            if self.after is not None and cells.start == own.stop:
                return self.after[_along(axis, slice(0, cells.stop - cells.start))]
            if self.before is not None and cells.stop == own.start:
                n = self.before.shape[axis]
                return self.before[_along(axis, slice(n - (cells.stop - cells.start), n))]
        return self.region.read((*box[:axis], cells, *box[axis + 1 :]))


def _halo(
    core: AnyArray, beside: Callable[[slice], AnyArray], cells: slice, size: int, output: Output,
    ghosts: Any,
) -> tuple[AnyArray, AnyArray, AnyArray]:  # fmt: skip
    """Cells below a region, the region, and the cells above it: neighbours, ghosts or nothing."""
    axis, scheme = output.axis, output.scheme
    depth, face, n = scheme.depth, output.face, core.shape[output.axis]
    if cells.start > 0:
        below = beside(slice(cells.start - depth, cells.start))
    elif output.around:
        below = beside(slice(size - depth, size))
    else:
        first = core[_along(axis, slice(0, face))]
        below = ghosts(first, scheme.boundary[0], depth, axis, below=True)
    if cells.stop < size:
        above = beside(slice(cells.stop, cells.stop + depth))
    elif output.around:
        above = beside(slice(0, depth))
    else:
        last = core[_along(axis, slice(n - face, n))]
        above = ghosts(last, scheme.boundary[1], depth, axis, below=False)
    return below, core, above


def _derivative(output: Output, neighbours: _Neighbours) -> AnyArray:
    core, region, axis = neighbours.core, neighbours.region, output.axis
    cells, size = region.box[axis], region.work.variable.shape[axis]
    parts = _halo(
        core, lambda other: neighbours.beside(axis, other), cells, size, output, boundaries.values
    )
    out = np.empty_like(core, dtype=result_dtype(core.dtype), subok=False)
    if output.table is not None:
        overlap.apply(parts, output.table[:, cells], axis, output.scheme, out)
    else:
        _over_columns(output, region, parts, out)
    if output.seconds != 1:
        out /= output.seconds
    return out


def _over_columns(
    output: Output, region: _Region, parts: tuple[AnyArray, AnyArray, AnyArray], out: AnyArray
) -> None:
    """The same with positions of several dimensions, whose columns are looked at as a whole."""
    axis, box = output.axis, region.box
    cells, size = box[axis], region.work.variable.shape[axis]

    def beside(other: slice) -> AnyArray:
        return region.positions(output, (*box[:axis], other, *box[axis + 1 :]))

    x = beside(cells)
    there = _halo(x, beside, cells, size, output, boundaries.positions)
    known = None
    if x.shape[axis] < size:
        # The next region of the run has the same columns, if it lies along them.
        place = (*box[:axis], *box[axis + 1 :])
        if region.known.get(output.name, (None,))[0] != place:
            found = _extremes(beside, size, x.shape[axis], axis, output.period)
            region.known[output.name] = place, found
        known = region.known[output.name][1]
    columns.by_column(parts, there, known, output.period, axis, output.scheme, out)


def _extremes(
    beside: Callable[[slice], AnyArray], size: int, step: int, axis: int, period: float | None
) -> tuple[AnyArray, AnyArray]:
    """Extreme steps of whole columns, read piece by piece."""
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
    """Values as they are stored, a missing one as the fill value.

    Raises
    ------
    ValueError
        If a value is the fill value, and would be read as missing.

    Examples
    --------
    >>> encoded(np.array([1.0, np.nan]), -999.0)
    array([   1., -999.])
    """
    if fill_value is None or np.isnan(fill_value):
        return values
    if (values == fill_value).any():
        raise ValueError(
            f"a derivative is {fill_value:g}, which is the `_FillValue` of its variable, and would "
            "be read as missing"
        )
    return np.where(np.isnan(values), values.dtype.type(fill_value), values)
