"""A bandwidth → how many neighbours each cell has within it."""

from __future__ import annotations

import datetime as dt
import math
import re
from typing import Any

import numpy as np

from xgrad.errors import CoordinateError
from xgrad.labels import fits
from xgrad.labels.options import Options
from xgrad.labels.quantities import is_quantity, number_in
from xgrad.labels.spacing import Spacing
from xgrad.labels.times import seconds, unit_of_time
from xgrad.labels.units import OF_TIME
from xgrad.stencils import ghosts
from xgrad.stencils.scheme import Fit, Scheme

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
    below, above = _neighbours(scheme, along, size, width)
    counted = (below, above) if not fit.tricube else _neighbours(
        scheme, along, size, width * (1 - 3e-9)
    )  # fmt: skip
    if options.validate:
        _require_enough(sum(counted) + 1, fit, what)
    half = max(1, int(below.max()), int(above.max()))
    return scheme._replace(fit=fit._replace(half=half, width=width))


def _neighbours(scheme: Scheme, along: Spacing, size: int, width: float) -> Any:
    from xgrad.stencils import least_squares  # noqa: PLC0415  it loads numba

    steps = np.asarray(along.steps, np.float64)
    left, right = ghosts.steps(steps, scheme.boundary, size - 1, along.seam)
    every = np.concatenate([left, np.broadcast_to(steps, size - 1), right])
    below, above = np.empty((2, size), np.intp)
    least_squares.neighbours(every, len(left), width, below, above)
    return below, above


def _require_enough(cells: Any, fit: Fit, what: str) -> None:
    few = cells <= fit.polyorder
    if few.any():
        i = int(np.argmax(few))
        raise CoordinateError(
            f"{what}, within which {int(few.sum())} of {few.size} cells have too few neighbours: "
            f"the cell at index {i} is one of {int(cells[i])}, and a polynomial of order "
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
