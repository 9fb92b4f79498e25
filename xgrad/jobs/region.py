"""The work on one region: read it with its halo, compute, write.  No graph, no dask.

The arithmetic is that of the lazy engine, :func:`xgrad.arrays.block.fold`: so are the bits.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import xarray as xr

from xgrad._typing import AnyArray
from xgrad.arrays import block
from xgrad.arrays.halo import of_factor, surrounded
from xgrad.arrays.term import Positions, Term, as_float
from xgrad.jobs.cutting import Box
from xgrad.kernels.cells import Cells, along, thin
from xgrad.kernels.piece import Piece
from xgrad.kernels.stencil_kinds import OfAnAxis, OwnPositions
from xgrad.operators.result import Result
from xgrad.stencils import ghosts

_Returned = TypeVar("_Returned")

# Errors that another attempt cannot repair.
_HOPELESS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EROFS}
# Seconds before the second attempt.  Each pause is twice as long as the one before.
_PAUSE = 0.1


@dataclass(frozen=True)
class Work:
    """Variables that share a grid, and the results that are computed from them.

    Attributes
    ----------
    variables : mapping
        By name.  They are read box by box.
    results : tuple of Result
        What is computed from them.
    fill_value : float or None
        How a missing value is stored, None for NaN.
    """

    variables: Mapping[Hashable, xr.Variable]
    results: tuple[Result, ...]
    fill_value: float | None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of each variable."""
        return next(iter(self.variables.values())).shape

    @property
    def dims(self) -> tuple[Hashable, ...]:
        """Dimensions of each variable."""
        return next(iter(self.variables.values())).dims

    @cached_property
    def prepared(self) -> dict[str, list[tuple[Term, OfAnAxis | None]]]:
        """The terms of each result, with the stencil of the whole axis, computed once."""
        return {
            one.name: [(term, self._stencil(term)) for term in one.terms] for one in self.results
        }

    def _stencil(self, term: Term) -> OfAnAxis | None:
        if term.axis is None or isinstance(term.along, Positions):
            return None
        return term.stencil(self.shape[term.axis], self.variables[term.operand].dtype)


def process(
    work: Work, boxes: tuple[Box, ...], sweep: int, targets: Mapping[str, Any], retries: int,
    check: Callable[[], None],
) -> Iterator[Box]:  # fmt: skip
    """Do the regions of a run, one after another.

    Parameters
    ----------
    work : Work
        What to compute.
    boxes : tuple of tuple of slice
        Neighbours along the axis `sweep`, in ascending order.
    sweep : int
        Axis of the variables.
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
    terms = [term for one in work.results for term in one.terms]
    ahead = any(term.axis == sweep for term in terms)
    depth = max((term.scheme.depth for term in terms), default=0)
    before: dict[Hashable, AnyArray] | None = None
    core: dict[Hashable, AnyArray] | None = None
    known: dict[Any, Any] = {}
    for k, box in enumerate(boxes):
        region = _Region(work, box, retries, known)
        if core is None:
            core = region.read_all(box)
        after = region.read_all(boxes[k + 1]) if ahead and k + 1 < len(boxes) else None
        neighbours = _Neighbours(region, sweep, core, before, after)
        region.attempt("written", region.name, box, check)
        for one in work.results:
            region.write(targets[one.name], _computed(one, neighbours))
        stop = box[sweep].stop - box[sweep].start
        last = along(sweep, slice(max(0, stop - depth), stop))
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


def attempt(action: Callable[[], _Returned], retries: int, failure: str) -> _Returned:
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

    def positions(self, term: Term, box: Box) -> AnyArray:
        """Positions of a box, with sides of 1 along dimensions that they do not have."""
        assert isinstance(term.along, Positions)
        array = term.along.array
        read: AnyArray = self.attempt("read", term.along.name, box, lambda: array[box])
        return np.asarray(as_float(read))

    def write(self, target: Any, values: AnyArray) -> None:
        def store() -> None:
            target[self.box] = encoded(values, self.work.fill_value)

        self.attempt("written", self.name, self.box, store)

    @property
    def name(self) -> str:
        return ", ".join(map(str, self.work.variables))

    def attempt(
        self, what: str, name: Hashable, box: Box, action: Callable[[], _Returned]
    ) -> _Returned:
        place = described(self.work.dims, box)
        failure = f"variable {name!r} could not be {what} in the region {place}"
        return attempt(action, self.retries, failure)


@dataclass(frozen=True)
class _Neighbours:
    """A region in memory, and the cells around it, from memory where they are there already."""

    region: _Region
    sweep: int
    core: dict[Hashable, AnyArray]
    before: dict[Hashable, AnyArray] | None
    after: dict[Hashable, AnyArray] | None

    def beside(self, name: Hashable, axis: int, cells: slice) -> AnyArray:
        """The cells of the region's cross-section at other places along `axis`."""
        box, own = self.region.box, self.region.box[axis]
        if axis == self.sweep:
            if self.after is not None and cells.start == own.stop:
                return self.after[name][along(axis, slice(0, cells.stop - cells.start))]
            if self.before is not None and cells.stop == own.start:
                n = self.before[name].shape[axis]
                return self.before[name][along(axis, slice(n - (cells.stop - cells.start), n))]
        return self.region.read(name, (*box[:axis], cells, *box[axis + 1 :]))


def _computed(one: Result, neighbours: _Neighbours) -> AnyArray:
    """One result over a region."""
    pieces = [_piece(*pair, neighbours) for pair in neighbours.region.work.prepared[one.name]]
    like = neighbours.core[one.terms[0].operand]
    out = np.empty_like(like, dtype=one.dtype, subok=False)
    block.fold(pieces, one.how, out)
    if one.seconds != 1:
        out /= one.seconds
    return out


def _piece(term: Term, whole: OfAnAxis | None, neighbours: _Neighbours) -> Piece:
    core, region, axis = neighbours.core[term.operand], neighbours.region, term.axis
    factor = thin(term.factor, region.box) if np.ndim(term.factor) else term.factor
    if axis is None:
        return Piece(Cells.alone(core), None, factor, term.component)

    def beside(other: slice) -> AnyArray:
        return neighbours.beside(term.operand, axis, other)

    cells = _surrounded(core, term, region, beside, ghosts.values)
    if whole is not None:
        stencil, inside = whole.cut(region.box, axis), _inside(term, region)
        return Piece(cells, stencil, factor, term.component, inside)
    return Piece(cells, _own_positions(term, region), factor, term.component)


def _inside(term: Term, region: _Region) -> Cells | None:
    """The known factor of the data in a region and beside it."""
    product, axis, box = term.product, term.axis, region.box
    if product is None:
        return None
    assert axis is not None

    def beside(other: slice) -> AnyArray:
        return thin(product, (*box[:axis], other, *box[axis + 1 :]))

    known = term._replace(scheme=of_factor(term.scheme))
    return _surrounded(beside(box[axis]), known, region, beside, ghosts.values)


def _surrounded(
    core: AnyArray, term: Term, region: _Region, beside: Callable[[slice], AnyArray], beyond: Any
) -> Cells:
    axis = term.axis
    assert axis is not None
    size = region.work.shape[axis]
    return surrounded(
        core, region.box[axis], size, axis, term.scheme, term.face, beside, beyond
    )  # fmt: skip


def _own_positions(term: Term, region: _Region) -> OwnPositions:
    """Multi-dimensional positions, whose columns are judged as a whole."""
    axis, box = term.axis, region.box
    assert axis is not None
    assert isinstance(term.along, Positions)
    period = term.along.period

    def beside(other: slice) -> AnyArray:
        return region.positions(term, (*box[:axis], other, *box[axis + 1 :]))

    x = beside(box[axis])
    there = _surrounded(x, term, region, beside, ghosts.positions)
    # The next region of the run has the same columns, if it follows along them.
    place, key = (*box[:axis], *box[axis + 1 :]), (term.along.name, axis)
    if region.known.get(key, (None,))[0] != place:
        size = region.work.shape[axis]
        region.known[key] = place, _extremes(beside, size, x.shape[axis], axis, period)
    return OwnPositions(term.scheme, there, region.known[key][1], period)


def _extremes(
    beside: Callable[[slice], AnyArray], size: int, step: int, axis: int, period: float | None
) -> tuple[AnyArray, AnyArray]:
    """Extreme steps of whole columns, read part by part."""
    from xgrad.kernels import extreme_steps  # noqa: PLC0415  it loads numba

    found: AnyArray | None = None
    for start in range(0, size - 1, step):
        part = extreme_steps.of_part(
            beside(slice(start, min(size, start + step + 1))), axis, period
        )
        both = part if found is None else np.concatenate([found, part], axis=axis)
        found = extreme_steps.merged(both, axis)
    assert found is not None
    return extreme_steps.decided(found, axis, size - 1, period)


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
