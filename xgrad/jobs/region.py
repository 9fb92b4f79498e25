"""The work on one region: read it with its halo, compute, write.  No graph, no dask.

The arithmetic is that of the lazy engine, :func:`xgrad.arrays.block.fold`: so are the bits.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, TypeVar

import numpy as np
import xarray as xr

from xgrad._typing import AnyArray
from xgrad.arrays import block
from xgrad.arrays.halo import of_factor, surrounded
from xgrad.arrays.term import Held, Noise, Positions, Term, as_float, of_block
from xgrad.jobs.cutting import Box
from xgrad.kernels.cells import Cells, along, thin
from xgrad.kernels.piece import Piece
from xgrad.kernels.stencil_kinds import OfAnAxis, OwnPositions
from xgrad.operators.result import Result
from xgrad.stencils import ghosts
from xgrad.stores.urls import cause, shown

_Returned = TypeVar("_Returned")

#: Errors of a disk that has no more space.
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# Errors that another attempt cannot repair.
_HOPELESS = {*FULL, errno.EACCES, errno.EROFS}
# Seconds before the second attempt.  Each pause is twice as long as the one before.
_PAUSE = 0.1
# Boxes of heights that are kept for the next region.
_KEPT = 8


@dataclass(frozen=True)
class Prepared:
    """A term and its stencil.

    Attributes
    ----------
    term : Term
        As it is in the result.
    stencil : OfAnAxis or None
        That of the whole axis, if the term has one.
    of : Prepared or None
        The same for what the term is taken of.
    """

    term: Term
    stencil: OfAnAxis | None
    of: Prepared | None


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
    def prepared(self) -> dict[str, list[Prepared]]:
        """The terms of each result, with the stencil of the whole axis, computed once."""
        return {one.name: [self._prepared(term) for term in one.terms] for one in self.results}

    def _prepared(self, term: Term) -> Prepared:
        stencil = None
        if term.axis is not None and not isinstance(term.along, Positions):
            stencil = term.stencil(self.shape[term.axis], self.variables[term.operand].dtype)
        return Prepared(term, stencil, None if term.of is None else self._prepared(term.of))


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
    terms = [step for one in work.results for term in one.terms for step in term.chain]
    ahead = any(term.axis == sweep for term in terms)
    depth = max((term.scheme.depth for term in terms), default=0)
    before: dict[Hashable, AnyArray] | None = None
    core: dict[Hashable, AnyArray] | None = None
    known: dict[Any, Any] = {}
    for k, box in enumerate(boxes):
        region = Region(work, box, retries, known)
        if core is None:
            core = region.read_all(box)
        after = region.read_all(boxes[k + 1]) if ahead and k + 1 < len(boxes) else None
        neighbours = Neighbours(region, sweep, core, before, after)
        region.attempt("written", region.name, box, check)
        for one in work.results:
            region.write(targets[one.name], computed(one, neighbours))
        stop = box[sweep].stop - box[sweep].start
        last = along(sweep, slice(max(0, stop - depth), stop))
        # Copies, because views would keep the region in memory.
        before = {name: values[last].copy() for name, values in core.items()}
        core = after
        yield box


def _read(array: Any, box: Box) -> AnyArray:
    """A box of the heights held constant, or of the noise, which may be lazy."""
    return np.asarray(array[box] if hasattr(array, "read") else thin(array, box))


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
        except Exception as error:  # noqa: BLE001  a codec may raise anything
            text = f"{failure}: {shown(error) or type(error).__name__}"
            if isinstance(error, OSError) and error.errno in _HOPELESS:
                raise OSError(error.errno, text) from cause(error)
            if k == retries:
                raise RuntimeError(text) from cause(error)
            time.sleep(_PAUSE * 2**k)
    raise AssertionError


class Region:
    """One region: reads boxes of its variables and writes its results, and repeats what fails."""

    def __init__(self, work: Work, box: Box, retries: int, known: dict[Any, Any]) -> None:
        self.work, self.box, self.retries, self.known = work, box, retries, known

    def read(self, name: Hashable, box: Box) -> AnyArray:
        """A box of a variable."""
        variable = self.work.variables[name]
        return self.attempt("read", name, box, lambda: np.asarray(variable[box].values))

    def read_all(self, box: Box) -> dict[Hashable, AnyArray]:
        """A box of each variable."""
        return {name: self.read(name, box) for name in self.work.variables}

    def positions(self, term: Term, box: Box) -> AnyArray:
        """Positions of a box, with sides of 1 along dimensions that they do not have."""
        assert isinstance(term.along, Positions)
        array = term.along.array
        read: AnyArray = self.attempt("read", term.along.name, box, lambda: array[box])
        return np.asarray(as_float(read))

    def beside(self, own: Held | Noise, box: Box) -> AnyArray:
        """The heights held constant, or the noise, in a box; the next region may use them too."""
        sides = zip(box, own.array.shape, strict=True)
        key = (own.name, *((part.start, part.stop) for part, side in sides if side > 1))
        if key not in self.known:
            others = [one for one in self.known if one[0] == own.name and one[1:] != key[1:]]
            for one in others[:-_KEPT]:
                del self.known[one]
            self.known[key] = self.attempt("read", own.name, box, lambda: _read(own.array, box))
        found: AnyArray = self.known[key]
        return found

    def write(self, target: Any, values: AnyArray) -> None:
        """Write a result over the region."""

        def store() -> None:
            target[self.box] = encoded(values, self.work.fill_value)

        self.attempt("written", self.name, self.box, store)

    def column(self, axis: int) -> int:
        """Cells of a column, whose positions are judged together."""
        return self.work.shape[axis]

    @property
    def name(self) -> str:
        """Names of the variables, for messages."""
        return ", ".join(map(str, self.work.variables))

    def attempt(
        self, what: str, name: Hashable, box: Box, action: Callable[[], _Returned]
    ) -> _Returned:
        """Do a read or write, and repeat it if it fails."""
        place = described(self.work.dims, box)
        failure = f"variable {name!r} could not be {what} in the region {place}"
        return attempt(action, self.retries, failure)


@dataclass(frozen=True)
class Neighbours:
    """A region in memory, and the cells around it, from memory where they are there already."""

    region: Region
    sweep: int
    core: dict[Hashable, AnyArray]
    before: dict[Hashable, AnyArray] | None
    after: dict[Hashable, AnyArray] | None
    known: dict[Any, AnyArray] = field(default_factory=dict)

    def values(self, of: Prepared, box: Box) -> AnyArray:
        """What a term is taken of, in a box: the cells of a variable, or a derivative."""
        if of.of is None:
            return self._read(of.term.operand, box)
        piece = _piece(of.of, self, box)
        out = np.empty_like(piece.cells.block, dtype=piece.dtype, subok=False)
        block.fold([piece], "sum", out)
        return out

    def _read(self, name: Hashable, box: Box) -> AnyArray:
        own, sweep = self.region.box, self.sweep
        cells, here = box[sweep], own[sweep]
        if box[:sweep] == own[:sweep] and box[sweep + 1 :] == own[sweep + 1 :]:
            if cells == here:
                return self.core[name]
            if self.after is not None and cells.start == here.stop:
                return self.after[name][along(sweep, slice(0, cells.stop - cells.start))]
            if self.before is not None and cells.stop == here.start:
                n = self.before[name].shape[sweep]
                return self.before[name][along(sweep, slice(n - (cells.stop - cells.start), n))]
        key = (name, *((part.start, part.stop) for part in box))
        if key not in self.known:
            self.known[key] = self.region.read(name, box)
        return self.known[key]


def computed(one: Result, neighbours: Neighbours) -> AnyArray:
    """One result over a region."""
    region = neighbours.region
    pieces = [_piece(term, neighbours, region.box) for term in region.work.prepared[one.name]]
    like = neighbours.core[one.terms[0].operand]
    out = np.empty_like(like, dtype=one.dtype, subok=False)
    if not block.fold(pieces, one.how, out):
        block.report(pieces)
    if one.seconds != 1:
        out /= one.seconds
    return out


def _piece(own: Prepared, neighbours: Neighbours, box: Box) -> Piece:
    """A term in a box: the region, or cells beside it whose derivative the region needs."""
    term, region, axis = own.term, neighbours.region, own.term.axis
    factor = thin(term.factor, box) if np.ndim(term.factor) else term.factor
    core = neighbours.values(own, box)
    if axis is None:
        return Piece(Cells.alone(core), None, factor, term.component)

    def beside(other: slice) -> AnyArray:
        return neighbours.values(own, (*box[:axis], other, *box[axis + 1 :]))

    cells = _surrounded(core, term, region, box, beside, ghosts.values)
    if own.stencil is not None:
        cut, known = own.stencil.cut(box, axis), _known(term, region, box)
        stencil = region.attempt("read", "positions", box, cut.held)
        piece = of_block(cells, stencil, known, term.held)
        return piece._replace(factor=factor, component=term.component)
    return Piece(cells, _own_positions(term, region, box), factor, term.component)


def _known(term: Term, region: Region, box: Box) -> list[Cells]:
    """The known factor of the data, heights that are held, or noise, in a box and beside it."""
    axis = term.axis
    assert axis is not None
    as_factor = term._replace(scheme=of_factor(term.scheme))
    found = []
    for known in term.known:
        named = term.held or term.sigma
        read = partial(thin, known)
        if known is not term.product and named is not None:
            read = partial(region.beside, named)

        def beside(other: slice, read: Callable[[Box], AnyArray] = read) -> AnyArray:
            return read((*box[:axis], other, *box[axis + 1 :]))

        own = beside(box[axis])
        found.append(_surrounded(own, as_factor, region, box, beside, ghosts.values))
    return found


def _surrounded(
    core: AnyArray, term: Term, region: Region, box: Box, beside: Callable[[slice], AnyArray],
    beyond: Any,
) -> Cells:  # fmt: skip
    axis = term.axis
    assert axis is not None
    size = region.work.shape[axis]
    return surrounded(core, box[axis], size, axis, term.scheme, term.face, beside, beyond)


def _own_positions(term: Term, region: Region, box: Box) -> OwnPositions:
    """Multi-dimensional positions, whose columns are judged as a whole."""
    axis = term.axis
    assert axis is not None
    assert isinstance(term.along, Positions)
    period = term.along.period

    def beside(other: slice) -> AnyArray:
        return region.positions(term, (*box[:axis], other, *box[axis + 1 :]))

    x = beside(box[axis])
    there = _surrounded(x, term, region, box, beside, ghosts.positions)
    # The next region of the run has the same columns, if it follows along them.
    place, key = (*box[:axis], *box[axis + 1 :]), (term.along.name, axis)
    if region.known.get(key, (None,))[0] != place:
        size = region.column(axis)
        region.known[key] = place, _extremes(beside, size, x.shape[axis], axis, period)
    return OwnPositions(term.scheme, there, region.known[key][1], period)


def _extremes(
    beside: Callable[[slice], AnyArray], size: int, step: int, axis: int, period: float | None
) -> tuple[AnyArray, AnyArray]:
    """Extreme steps of whole columns, read part by part."""
    from xgrad.kernels import extreme_steps  # noqa: PLC0415  it loads numba

    found: AnyArray | None = None
    for start in range(0, size, step):
        part = extreme_steps.of_part(beside(slice(start, min(size, start + step))), axis, period)
        both = part if found is None else np.concatenate([found, part], axis=axis)
        found = extreme_steps.merged(both, axis, period)
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
            "missing; give another one with `fill_value`, such as nan, and `restart`"
        )
    return np.where(np.isnan(values), values.dtype.type(fill_value), values)
