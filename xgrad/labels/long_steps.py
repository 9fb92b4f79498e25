"""Steps of coordinates that are too long to be held: checked piece by piece, read in windows.

Whether an axis is even is decided over the whole coordinate, as for a short one: so are the bits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from xgrad._heap import ask
from xgrad._typing import AnyArray, DatetimeUnit, Steps
from xgrad.errors import CoordinateError
from xgrad.labels import positions as numbers
from xgrad.labels import times
from xgrad.labels.pieces import OF_A_PIECE, pieces

_LONG = OF_A_PIECE


@dataclass(frozen=True)
class LongSteps:
    """Steps between neighbouring positions, read when they are converted to an array.

    Attributes
    ----------
    positions : Variable of shape (n,)
        In memory, or read from a file in parts.
    between : callable
        Takes positions in memory, and returns the steps between them.
    dtype : numpy.dtype
        Of the steps.

    Examples
    --------
    >>> steps = LongSteps(xr.Variable("x", [0.0, 1.0, 3.0, 7.0]), np.diff, np.dtype("f8"))
    >>> np.asarray(steps[1:]), np.ndim(steps), len(steps)
    (array([2., 4.]), 1, 3)
    """

    positions: xr.Variable
    between: Callable[[AnyArray], AnyArray]
    dtype: np.dtype[Any]

    @property
    def shape(self) -> tuple[int]:
        """As of an array."""
        return (len(self),)

    @property
    def ndim(self) -> int:
        """As of an array."""
        return 1

    @property
    def encoding(self) -> Mapping[Any, Any]:
        """That of the positions, so that what goes through the steps reads whole chunks."""
        return self.positions.encoding

    def __len__(self) -> int:
        return self.positions.size - 1

    def __getitem__(self, part: slice) -> LongSteps:
        start, stop, _ = part.indices(len(self))
        return replace(self, positions=self.positions[start : max(start, stop) + 1])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> AnyArray:
        found = self.between(np.asarray(self.positions.values))
        return np.asarray(found, dtype, copy=copy)

    def __dask_tokenize__(self) -> Any:
        digest = hashlib.blake2b()
        for _, values in pieces(self.positions):
            digest.update(np.ascontiguousarray(values).tobytes())
        return type(self).__name__, str(self.positions.dtype), digest.hexdigest()


def of_numbers(
    coord: xr.DataArray, what: str, period: float | None = None, turn: float | None = None
) -> Steps:
    """Steps of a coordinate of numbers; see :func:`xgrad.labels.positions.steps_between`."""
    positions = readable(coord)
    if positions.size <= _LONG or positions.dtype.kind not in "iuf":
        return numbers.steps_between(positions.values, what, period, turn)
    if period is not None:
        return numbers.steps_between(_whole(positions), what, period, turn)

    def checked(values: AnyArray, start: int) -> AnyArray:
        return numbers.checked_differences(values, what, turn, start)

    try:
        return _checked(positions, checked, numbers.differences, what)
    except CoordinateError:
        if turn is None:
            raise
    return numbers.steps_between(_whole(positions), what, period, turn)


def _whole(positions: xr.Variable) -> AnyArray:
    """All positions, which may start over; with their steps they take three times as much."""
    ask(3 * positions.nbytes)
    return np.asarray(positions.values)


def of_times(coord: xr.DataArray, what: str, unit: DatetimeUnit) -> Steps:
    """Steps of a coordinate of times; see :func:`xgrad.labels.times.steps_between`."""
    positions = readable(coord)
    if positions.size <= _LONG or positions.dtype.kind == "O":
        return times.steps_between(positions.values, what, unit)

    def checked(values: AnyArray, start: int) -> AnyArray:
        return times.lengths_between(values, what, unit, start)

    return _checked(positions, checked, _Lengths(what, unit), what)


@dataclass(frozen=True)
class _Lengths:
    """Lengths between times, in a unit."""

    what: str
    unit: DatetimeUnit

    def __call__(self, values: AnyArray) -> AnyArray:
        return times.lengths_between(values, self.what, self.unit)


def readable(coord: xr.DataArray) -> xr.Variable:
    """The coordinate to be read in windows: in memory unless it is in a file, in small chunks.

    Examples
    --------
    >>> readable(xr.DataArray([1.0, 2.0], dims="x")).values
    array([1., 2.])
    """
    variable = coord.variable
    (chunk,) = variable.encoding.get("chunks") or variable.encoding.get("chunksizes") or (1,)
    if variable._in_memory or (variable.chunks is None and chunk <= 4 * _LONG):
        return variable
    return xr.Variable(variable.dims, variable.values)


def _checked(
    positions: xr.Variable, checked: Callable[[AnyArray, int], AnyArray],
    between: Callable[[AnyArray], AnyArray], what: str,
) -> Steps:  # fmt: skip
    """One step if all are the same, bit for bit; otherwise those that are read when needed."""
    first: Any = None
    last, is_even = np.asarray(positions[:1].values), True
    for start, values in pieces(positions):
        known = np.concatenate([last, values]) if start else values
        if len(known) < 2:
            continue
        if first is not None and (known[1] < known[0] if first > 0 else known[1] > known[0]):
            raise CoordinateError(
                f"{what} is not sorted at index {start - 1} and {start} (values {known[0]} and "
                f"{known[1]}); sort with `.sortby`"
            )
        steps = checked(known, max(0, start - 1))
        first = steps[0] if first is None else first
        is_even = is_even and bool((steps == first).all())
        last = values[-1:]
    return first if is_even else LongSteps(positions, between, first.dtype)  # type: ignore[return-value]
