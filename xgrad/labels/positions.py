"""Positions that are numbers: checks, steps, steps on a circle, and evenness behind rounding."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xgrad._typing import AnyArray, Steps
from xgrad.errors import CoordinateError, CoordinateWarning, warn
from xgrad.labels.pieces import OF_A_PIECE, overlapping, pieces
from xgrad.stencils import circle

# A whole turn of a longitude.
_DEGREES = 360.0
# A relative error of the steps that is worth a warning: that of float32 longitudes 1/12 degree
# apart is about this.
_TOLERABLE_ROUNDING = 1e-4


def checked_steps(steps: AnyArray, places: AnyArray, what: str) -> Steps:
    """Distances along a path, which may not repeat a place.

    Parameters
    ----------
    steps : array of shape (n - 1,)
        Not negative.
    places : array of shape (n,)
        Shown in the message.
    what : str
        What they are, for the message.

    Raises
    ------
    CoordinateError
        If a step is zero or not finite.

    Examples
    --------
    >>> checked_steps(np.array([2.0, 2.0]), np.arange(3.0), "the track")
    np.float64(2.0)
    """
    bad = ~(np.isfinite(steps) & (steps > 0))
    if bad.any():
        i = int(np.argmax(bad))
        why = "repeats a place" if steps[i] == 0 else "has a missing place"
        raise CoordinateError(
            f"{what} {why} at index {i} and {i + 1} (latitudes {np.degrees(places[i]):g} and "
            f"{np.degrees(places[i + 1]):g}); drop one of them, for instance with `.isel`"
        )
    return reduced(steps)


def steps_between(
    values: AnyArray, what: str, period: float | None = None, turn: float | None = None
) -> Steps:
    """Distances between neighbouring numbers.

    Parameters
    ----------
    values : array of shape (n,)
        Integers or floats, strictly monotonic.
    what : str
        What they are, for the message.
    period : float, optional
        If given, the positions are on a circle and may start over once inside the array.
    turn : float, optional
        A whole turn of an angle: positions that are not monotonic may jump by it, if the short
        way from each to the next always goes in one direction.

    Returns
    -------
    float or array of shape (n - 1,)
        Of the dtype of `values`; float64 for integers.  One number if all steps are equal.

    Raises
    ------
    CoordinateError
        If `values` are not numbers, not finite or not strictly monotonic.

    Examples
    --------
    >>> steps_between(np.array([0.0, 1.0, 3.0]), "`x`")
    array([1., 2.])
    >>> steps_between(np.array([350, 0, 10]), "`x`", 360.0)
    np.float64(10.0)
    >>> steps_between(np.array([350.0, 355.0, 0.0, 5.0]), "`lon`", turn=360.0)
    np.float64(5.0)
    """
    if values.dtype.kind not in "iuf":
        raise CoordinateError(
            f"{what} has dtype {values.dtype}, which cannot be positions; give numbers or times "
            "with `spacing`"
        )
    steps = _one_way(values)
    if steps is None:
        refuse_first(~np.isfinite(values), values, what, "is not finite")
        steps = _unrolled(differences(values, what), period)
        steps = _the_short_way(steps, turn) if period is None and turn is not None else steps
        require_monotonic(steps > 0, steps < 0, values, what)
    if period is None and turn is not None:
        _refuse_the_long_way(steps, turn, values, what)
    return reduced(steps)


def differences(values: AnyArray, what: str = "the axis", start: int = 0) -> AnyArray:
    """Differences of neighbouring numbers, which may be a part that begins at index `start`.

    Integers become float64 before they are subtracted: unsigned ones would wrap.

    Raises
    ------
    CoordinateError
        If a float holds one as zero or infinity, although it is neither.

    Examples
    --------
    >>> differences(np.array([2, 1], "u1"))
    array([-1.])
    """
    with np.errstate(over="ignore"):
        found = np.diff(values if values.dtype.kind == "f" else values.astype(np.float64))
    _refuse_unlike(found, values, what, start)
    return found


def checked_differences(values: AnyArray, what: str, turn: float | None, start: int) -> AnyArray:
    """Steps of a part of a long coordinate, which begins at index `start`.

    Raises
    ------
    CoordinateError
        If :func:`steps_between` might not take them as they are.
    """
    steps = _one_way(values)
    if steps is None:
        refuse_first(~np.isfinite(values), values, what, "is not finite", start)
        steps = differences(values, what, start)
        require_monotonic(steps > 0, steps < 0, values, what, start)
    if turn is not None:
        _refuse_the_long_way(steps, turn, values, what)
    return steps


def _one_way(values: AnyArray) -> AnyArray | None:
    """Differences of floats if they are finite and of one sign: then no position is wrong."""
    if values.dtype.kind != "f" or len(values) < 2:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        found = np.diff(values)
    least, most = found.min(), found.max()
    return found if 0 < least <= most < np.inf or -np.inf < least <= most < 0 else None


def _refuse_unlike(differences: AnyArray, values: AnyArray, what: str, start: int) -> None:
    """Refuse differences that a float holds as zero or infinity, although they are neither."""
    if np.isinf(differences).any():
        i, wide = int(np.argmax(np.isinf(differences))), np.dtype(np.float64)
        remedy = "convert it to float64" if values.dtype.itemsize < wide.itemsize else "scale it"
        raise CoordinateError(
            f"{what} goes from {values[i]} to {values[i + 1]} at index {start + i + 1}, a step "
            f"that {values.dtype} cannot hold; {remedy}"
        )
    alike = (differences == 0) & (values[1:] != values[:-1])
    if alike.any():
        refuse_alike(int(np.argmax(alike)), values, what, start)


def refuse_alike(i: int, values: AnyArray, what: str, start: int = 0) -> None:
    """Refuse integers that float64 cannot tell apart, and show the two after index `i`.

    Raises
    ------
    CoordinateError
        Always.
    """
    raise CoordinateError(
        f"{what} has positions that float64 cannot tell apart at index {start + i} and "
        f"{start + i + 1} (values {values[i]} and {values[i + 1]}), because it does not hold all "
        "integers beyond 2**53; subtract the smallest one, as in `x - x.min()`"
    )


def reduced(steps: NDArray[np.floating[Any]]) -> Steps:
    """One step instead of many if all are the same, bit for bit, which is numpy's own test.

    Examples
    --------
    >>> reduced(np.array([2.0, 2.0]))
    np.float64(2.0)
    """
    even = steps.size > 0 and steps[0] == steps[-1] and bool((steps == steps[0]).all())
    return steps[0] if even else steps


def refuse_first(bad: AnyArray, values: AnyArray, what: str, why: str, start: int = 0) -> None:
    """Refuse positions if one of them is bad, and show the first bad one.

    The values may be a part of the positions, from index `start` on.

    Raises
    ------
    CoordinateError
        If any element of `bad` is true.
    """
    if bad.any():
        i = int(np.argmax(bad))
        raise CoordinateError(
            f"{what} {why} at index {start + i} (value {values[i]}); drop or fill such positions, "
            "for instance with `.dropna` or `.interpolate_na`"
        )


def require_monotonic(
    rises: AnyArray, falls: AnyArray, values: AnyArray, what: str, start: int = 0
) -> None:
    """Require that all steps rise or that all fall, and show the first pair that does not.

    The values may be a part of the positions, from index `start` on.

    Raises
    ------
    CoordinateError
        If the steps do not all have one direction.
    """
    if rises.all() or falls.all():
        return
    equal = ~(rises | falls)
    if equal.any():
        i, why = int(np.argmax(equal)), "has the same position twice"
        remedy = "drop one with `.drop_duplicates`"
    else:
        wrong = falls if rises[0] else rises
        i, why, remedy = int(np.argmax(wrong)), "is not sorted", "sort with `.sortby`"
    raise CoordinateError(
        f"{what} {why} at index {start + i} and {start + i + 1} (values {values[i]} and "
        f"{values[i + 1]}); {remedy}"
    )


class Line(NamedTuple):
    """The straight line through the first and the last position.

    Attributes
    ----------
    step : numpy.float64
        Its step.
    rounding : float
        The error that the precision of the positions explains.
    off : float
        Greatest distance of a position from the line, divided by `rounding`.
    at : int
        Index of the position with this distance.
    """

    step: np.float64
    rounding: float
    off: float
    at: int

    @classmethod
    def through(cls, values: Any, period: float | None) -> Line:
        """Draw the line.

        A position such as ``start + i * step`` is rounded twice, and so are the two ends of the
        line: two units in the last place of the largest position do not make it uneven.

        Parameters
        ----------
        values : array of shape (n,), or Variable that is read in parts
            At least 2 numbers.
        period : float or None
            If given, the positions are on a circle and may start over once inside the array.

        Examples
        --------
        >>> Line.through(np.arange(4, dtype="f4") / np.float32(10), None).off < 1
        True
        """
        n, largest = values.size - 1, 0.0
        first = last = np.float64(0.0)
        for start, part, exact in _on_a_line(values, period):
            kind = part if part.dtype.kind == "f" else exact
            largest = np.maximum(largest, np.abs(kind).max(), dtype=kind.dtype)
            first, last = exact[0] if start == 0 else first, exact[-1]
        step = (last - first) / n
        rounding = 2 * float(np.spacing(largest))
        worst, at = -1.0, 0
        for start, _, exact in _on_a_line(values, period):
            off = np.abs(exact - (first + step * np.arange(start, start + len(exact))))
            i = int(np.argmax(off))
            if off[i] > worst:
                worst, at = float(off[i]), start + i
        return cls(step, rounding, worst / rounding, at)


def _on_a_line(values: Any, period: float | None) -> Iterator[tuple[int, AnyArray, AnyArray]]:
    """Positions piece by piece, as they are and unrolled in float64, and where a piece starts."""
    first, last, total = 0.0, 0.0, 0.0
    for start, part in pieces(values, values.size if period is not None else OF_A_PIECE):
        exact = part.astype(np.float64)
        first, last = (exact[0], exact[0]) if start == 0 else (first, last)
        steps = _unrolled(np.diff(exact), period)
        sums = np.cumsum(np.concatenate([[total], [exact[0] - last], steps]))[1:]
        total, last = sums[-1], exact[-1]
        yield start, part, first + sums


def cost_of_rounding(values: Any, steps: Steps, period: float | None) -> float:
    """Relative error of the steps if the positions are even but rounded to float32 or less; else 0.

    Parameters
    ----------
    values : array of shape (n,), or Variable that is read in parts
        The positions.
    steps : float or array of shape (n - 1,)
        Their steps, from :func:`steps_between`.
    period : float or None
        As for :func:`steps_between`.

    Examples
    --------
    >>> x = np.arange(5, dtype="f4") / np.float32(12)
    >>> cost_of_rounding(x, np.diff(x), None) > 1e-8
    True
    """
    single = values.dtype.kind == "f" and values.dtype.itemsize <= 4
    if np.ndim(steps) == 0 or values.size < 2 or not single:
        return 0.0
    line = Line.through(values, period)
    if line.off > 1:
        return 0.0
    every = (np.asarray(part, np.float64) for _, part in pieces(steps))
    return max(float(np.abs(part / line.step - 1).max()) for part in every)


def cost_of_conversion(values: Any) -> float:
    """Greatest relative error of the steps of integers from their conversion to float64.

    Examples
    --------
    >>> nanoseconds = 1_700_000_000_000_000_000 + np.array([0, 1000, 2000])
    >>> round(cost_of_conversion(nanoseconds), 3), cost_of_conversion(nanoseconds - nanoseconds[0])
    (0.024, 0.0)
    """
    if values.dtype.kind not in "iu" or values.size < 2:
        return 0.0
    return max(_of_conversion(part) for _, part in overlapping(values))


def _of_conversion(values: AnyArray) -> float:
    if values.size < 2 or max(int(values.max()), -int(values.min())) <= 2**53:
        return 0.0
    ascends = values[1:] > values[:-1]
    # The distance of two int64 may be too large for a third, but not for a uint64.
    up, down = values[1:].astype(np.uint64), values[:-1].astype(np.uint64)
    exact = np.where(ascends, up - down, down - up).astype(np.float64)
    return float(np.abs(np.abs(np.diff(values.astype(np.float64))) / exact - 1).max())


def warn_of_rounding(
    values: Any, what: str, steps: Steps, period: float | None, name: Hashable
) -> None:
    """Warn of positions whose rounding makes their steps much less precise.

    Parameters
    ----------
    values : array of shape (n,)
        The positions.
    what : str
        What they are, for the message.
    steps : float or array of shape (n - 1,)
        Their steps, from :func:`steps_between`.
    period : float or None
        As for :func:`steps_between`.
    name : hashable
        Name of the coordinate, for the remedy.
    """
    cost = cost_of_rounding(values, steps, period)
    if cost > _TOLERABLE_ROUNDING:
        warn(
            f"{what} is evenly spaced, but rounding to {values.dtype} makes its "
            f"steps wrong by up to {cost:.1e}; `spacing={{{name!r}: 'uniform'}}` uses the "
            "exact step",
            CoordinateWarning,
        )
    warn_of_conversion(values, what)


def warn_of_conversion(values: Any, what: str) -> None:
    """Warn of integers that float64 rounds, if this makes their steps much less precise."""
    cost = cost_of_conversion(values)
    if cost > _TOLERABLE_ROUNDING:
        warn(
            f"{what} has integers beyond 2**53, which float64 rounds: its steps are wrong by up to "
            f"{cost:.1e}, as in numpy; subtract the smallest one, as in `x - x.min()`",
            CoordinateWarning,
        )


def _the_short_way(differences: AnyArray, turn: float) -> AnyArray:
    """Steps of an angle that jumps by a turn, if each short way goes in the same direction."""
    if (differences > 0).all() or (differences < 0).all():
        return differences
    whole = differences.dtype.type(turn)
    short: AnyArray = differences - whole * np.round(differences / whole)
    one_way = (short > 0).all() or (short < 0).all()
    return short if one_way and abs(short.sum(dtype=np.float64)) < turn else differences


def _refuse_the_long_way(steps: AnyArray, turn: float, values: AnyArray, what: str) -> None:
    """Refuse longitudes that were sorted across their seam, as 0, 5, 350, 355.

    The gap would count as a step between neighbours, and the seam as two edges.  An angle in
    radians may be a phase, whose steps can be of any size.
    """
    long = abs(steps) > turn / 2
    if turn == _DEGREES and steps.size > 1 and long.any():
        i = int(np.argmax(long))
        raise CoordinateError(
            f"{what} goes from {values[i]} to {values[i + 1]} at index {i + 1}, more than half a "
            "turn, and the short way is in the other direction; shift it to start at the opposite "
            "meridian, `(lon + 180) % 360 - 180`, and sort, or give the positions with `spacing`"
        )


def _unrolled(differences: AnyArray, period: float | None) -> AnyArray:
    """Steps on a circle, whose positions may start over, if they go around less than once."""
    if period is None or (differences > 0).all() or (differences < 0).all():
        return differences
    up = circle.upwards(differences, period)
    least, _ = circle.turns(up.min(), up.max(), up.sum(), up.size, period)
    return circle.around(differences, least, period) if np.isfinite(least) else differences
