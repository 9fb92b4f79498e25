"""A bandwidth → how many neighbours each cell has within it."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np

from xgrad._heap import trim
from xgrad._typing import AnyArray
from xgrad.errors import CoordinateError
from xgrad.labels import fits
from xgrad.labels.options import Options
from xgrad.labels.pieces import OF_A_PIECE
from xgrad.labels.quantities import is_quantity, number_in
from xgrad.labels.spacing import Spacing
from xgrad.labels.times import seconds, unit_of_time
from xgrad.labels.units import OF_TIME
from xgrad.stencils import ghosts
from xgrad.stencils.scheme import Fit, Scheme

# Cells on either side of a part whose steps are read with it, to begin with.
_BESIDE = 2**12
_Counted: TypeAlias = tuple[int, AnyArray, AnyArray]
_TIME = re.compile(r"\s*([0-9.eE+-]+)\s*([A-Za-z]+)\s*")


def resolved(scheme: Scheme, along: Spacing, size: int, options: Options) -> Scheme:
    """The scheme of a fit within a bandwidth, with the number of cells; others as they are.

    Parameters
    ----------
    scheme : Scheme
        From :meth:`Options.scheme`.
    along : Spacing
        The positions of one dimension.
    size : int
        Number of cells along it.
    options : Options
        As the user gave them.

    Raises
    ------
    TypeError, ValueError, CoordinateError
        If the bandwidth is not a positive distance along these positions, or leaves cells with too
        few neighbours.

    Examples
    --------
    >>> from xgrad.labels.spacing import along_index
    >>> options = Options(bandwidth=5, polyorder=2)
    >>> resolved(options.scheme("x"), along_index("x"), 9, options).fit
    Fit(half=2, polyorder=2, tricube=False, width=2.5, error=None, weighted=False)
    """
    fit = scheme.fit
    if fit is None or fit.width is None:
        return scheme
    given = fits.own(options.bandwidth, (along.name, along.dim))
    what = f"`bandwidth` of {along.name!r} is {given!r}"
    width = 0.5 * _distance(given, along, options, what)
    if "nan" in scheme.boundary:
        raise ValueError(
            f"{what}, but `boundary` is 'nan', beyond which no cell has a place; give another "
            "boundary, or a `window`"
        )
    if size < 2:
        return scheme._replace(fit=fit._replace(width=width))
    half, most = 1, width if not fit.tricube else width * (1 - 3e-9)
    for _, below, above in _neighbours(scheme, along, size, width):
        half = max(half, int(below.max()), int(above.max()))
    if options.validate:
        _require_enough(_neighbours(scheme, along, size, most), size, fit, what)
    return scheme._replace(fit=fit._replace(half=half, width=width))


def _neighbours(scheme: Scheme, along: Spacing, size: int, width: float) -> Iterator[_Counted]:
    """The first of some cells, and how many neighbours each has below and above, part by part."""
    from xgrad.stencils import least_squares  # noqa: PLC0415  it loads numba

    chunk = (getattr(along.steps, "encoding", {}).get("chunks") or (1,))[0]
    step, beside = max(1, OF_A_PIECE // chunk) * chunk, min(_BESIDE, size - 1)
    for first in range(0, size, step):
        below, above = np.empty((2, min(size, first + step) - first), np.intp)
        while True:
            steps, offset = _around(scheme, along, (first, len(below)), size, beside)
            least_squares.neighbours(steps, offset, width, below, above)
            there = offset + np.arange(len(below))
            goes_on = first > beside, first + step + beside < size
            is_cut = [
                (goes or side != "one-sided") and (count == most).any()
                for goes, side, count, most in zip(
                    goes_on, scheme.boundary, (below, above), (there, len(steps) - there),
                    strict=True,
                )
            ]  # fmt: skip
            if not any(is_cut) or beside == size - 1:
                break
            beside = min(2 * beside, size - 1)
        yield first, below, above
        if size > OF_A_PIECE:
            trim()  # of what the threads have freed that read a coordinate


def _around(
    scheme: Scheme, along: Spacing, cells: tuple[int, int], size: int, beside: int
) -> tuple[AnyArray, int]:
    """The steps between some cells and up to `beside` more of them on either side.

    Parameters
    ----------
    scheme, along, size
        As for :func:`resolved`.
    cells : tuple of int
        The first of the cells, and their number.
    beside : int
        Cells on either side, and ghosts beyond an edge that has them.

    Returns
    -------
    array
        The steps.
    int
        How many of them are below the first cell.
    """
    first, count = cells
    start, stop = max(0, first - beside), min(size, first + count + beside) - 1
    every: Any = along.steps
    inside = ends = every
    if np.ndim(every):
        inside = every[start:stop]
        ends = np.concatenate([
            np.asarray(one, np.float64) for one in (every[:beside], every[-beside:])
        ])  # fmt: skip
    left, right = ghosts.steps(np.asarray(ends, np.float64), scheme.boundary, beside, along.seam)
    left = left[max(0, len(left) - (start - (first - beside))) :]
    right = right[: first + count + beside - (stop + 1)]
    own = np.broadcast_to(np.asarray(inside, np.float64), stop - start)
    return np.concatenate([left, own, right]), len(left) + first - start


def _require_enough(counted: Iterator[_Counted], size: int, fit: Fit, what: str) -> None:
    n_few, i, least = 0, 0, 0
    for first, below, above in counted:
        cells = below + above + 1
        few = cells <= fit.polyorder
        if few.any() and not n_few:
            own = int(np.argmax(few))
            i, least = first + own, int(cells[own])
        n_few += int(few.sum())
    if n_few:
        raise CoordinateError(
            f"{what}, within which {n_few} of {size} cells have too few neighbours: "
            f"the cell at index {i} is one of {least}, and a polynomial of order "
            f"{fit.polyorder} needs {fit.polyorder + 1}; give a greater `bandwidth` or a smaller "
            "`polyorder`, or `validate=False` to get NaN in such cells"
        )


def _distance(given: Any, along: Spacing, options: Options, what: str) -> float:
    """A bandwidth in the unit of the steps."""
    unit = along.unit
    if is_quantity(given):
        unit = 1.0
        units = OF_TIME[options.unit_of_time] if along.is_time else along.units
        given = number_in(given, units, f"`bandwidth` of {along.name!r}")
    elif along.is_time:
        given = _time(given, what) / seconds(options.unit_of_time)
    elif isinstance(given, str | dt.timedelta | np.timedelta64):
        raise TypeError(f"{what}, but its positions are not times; give a number in their unit")
    if isinstance(given, bool | np.bool_) or not isinstance(given, int | float | np.number):
        raise TypeError(f"{what}; give a number")
    if np.iscomplexobj(given) or not (math.isfinite(given) and given > 0):
        raise ValueError(f"{what}; give a positive number")
    return float(given) * unit


def _time(given: Any, what: str) -> float:
    """Seconds in a time."""
    error = TypeError(
        f"{what}, but its positions are times; give a time, such as '4h', '30 min' or "
        "`np.timedelta64(4, 'h')`"
    )
    if isinstance(given, str):
        found = _TIME.fullmatch(given)
        try:
            if found is not None:
                unit = {"d": "D"}.get(found[2], found[2])
                return float(found[1]) * seconds(unit_of_time(unit) or "s")
        except ValueError:
            raise error from None
    if not isinstance(given, dt.timedelta | np.timedelta64):
        raise error
    try:
        return float(np.timedelta64(given) / np.timedelta64(1, "s"))
    except TypeError as wrong:
        raise TypeError(f"{what}, which has no fixed length; give it in days or less") from wrong
