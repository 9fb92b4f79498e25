"""The options of a fit of each dimension, checked: window, bandwidth, polyorder and weights."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping
from typing import Any, get_args

import numpy as np

from xgrad._typing import FitWeights
from xgrad.errors import CoordinateError
from xgrad.labels.suggestions import did_you_mean
from xgrad.stencils.scheme import Fit

#: The options that say which cells a polynomial is fitted to.
SIZES = ("window", "bandwidth")

#: All options of a fit that may be given for each dimension.
PER_DIM = (*SIZES, "polyorder", "weights")

# Order of the polynomials, unless a higher derivative needs more.
_POLYORDER = 3


def fit_of(options: Any, names: tuple[Hashable, ...]) -> Fit | None:
    """The fit along the dimension that has one of `names`; None for differences.

    Parameters
    ----------
    options : Options
        As the user gave them; see :mod:`xgrad.labels.options`.
    names : tuple of hashable
        The dimension and its coordinates.

    Raises
    ------
    TypeError, ValueError
        If the options of the fit are wrong by themselves, or do not go together.

    Examples
    --------
    >>> from xgrad.labels.options import Options
    >>> fit_of(Options(window={"x": 11}), ("x",))
    Fit(half=5, polyorder=3, tricube=False, width=None, error=None, weighted=False)
    >>> fit_of(Options(window={"x": 11}), ("y",)) is None
    True
    >>> fit_of(Options(bandwidth=2.5), ("x",))
    Fit(half=1, polyorder=3, tricube=False, width=inf, error=None, weighted=False)
    """
    window, bandwidth = own(options.window, names), own(options.bandwidth, names)
    if window is not None and bandwidth is not None:
        raise ValueError(
            f"`window` is {window!r} and `bandwidth` is {bandwidth!r} for {names[0]!r}; give one "
            "of them"
        )
    if bandwidth is not None:
        return Fit(1, *_polynomial(options, names), math.inf)  # see :mod:`xgrad.labels.bandwidths`
    if window is None:
        _require_nothing_else(options, names)
        return None
    size = _integer("window", window, 3)
    if size % 2 == 0:
        raise ValueError(
            f"`window` is {size}, an even number of cells; give an odd one, such as "
            f"`window={size + 1}`, which has its cell in the middle"
        )
    polyorder, tricube = _polynomial(options, names)
    least = polyorder + (3 if tricube else 1)
    if size < least:
        why = ", and with `weights='tricube'` its two outermost do not count" * tricube
        raise ValueError(
            f"`window` is {size}, but a polynomial of order {polyorder} needs at least {least} "
            f"cells{why}; give `window={least + 1 - least % 2}` or a smaller `polyorder`"
        )
    return Fit(size // 2, polyorder, tricube)


def _require_nothing_else(options: Any, names: tuple[Hashable, ...]) -> None:
    """Refuse other options of a fit for a dimension along which there is none."""
    for argument in ("polyorder", "weights"):
        given = getattr(options, argument)
        if isinstance(given, Mapping) and own(given, names) is not None:
            raise ValueError(
                f"`{argument}` is given for {names[0]!r}, along which nothing is fitted; give a "
                f"`window` or a `bandwidth` for {names[0]!r} too"
            )


def own(given: Any, names: Iterable[Hashable]) -> Any:
    """The value of an option for the dimension that has one of `names`.

    Examples
    --------
    >>> own({"x": 3}, ["y", "x"]), own(5, ["y"]), own({"x": 3}, ["y"])
    (3, 5, None)
    """
    if not isinstance(given, Mapping):
        return given
    return next((given[name] for name in names if name in given), None)


def _polynomial(options: Any, names: tuple[Hashable, ...]) -> tuple[int, bool]:
    """Order of the polynomial, and whether near cells count more."""
    given, order = own(options.polyorder, names), options.order
    polyorder = max(_POLYORDER, order) if given is None else _integer("polyorder", given, 0)
    if polyorder < order:
        raise ValueError(
            f"`polyorder` is {polyorder}, but the derivative of order {order} of such a polynomial "
            f"is 0 everywhere; give `polyorder={order}` or more"
        )
    weights = own(options.weights, names)
    known = get_args(FitWeights)
    if weights is not None and not (isinstance(weights, str) and weights in known):
        raise ValueError(
            f"`weights` is {weights!r}; give one of {known}{did_you_mean(weights, known)}"
        )
    return polyorder, weights == "tricube"


def _integer(argument: str, given: Any, least: int) -> int:
    not_a_number = bool | np.bool_ | np.timedelta64  # which numpy takes for an integer
    whole = isinstance(given, int | np.integer) and not isinstance(given, not_a_number)
    if not whole and isinstance(given, float | np.floating) and float(given).is_integer():
        whole = True
    if not whole or given < least:
        raise ValueError(f"`{argument}` is {given!r}; give a whole number of {least} or more")
    return int(given)


def require_one_way(options: Any) -> None:
    """Refuse options of a fit without a fit, and options of differences together with one."""
    if not is_asked(options):
        for argument in ("polyorder", "weights"):
            if getattr(options, argument) is not None:
                raise ValueError(
                    f"`{argument}` is {getattr(options, argument)!r}, but nothing is fitted; give "
                    "a `window` or a `bandwidth` too"
                )
        return
    for argument, default in (("accuracy", 2), ("edge_order", 1)):
        given = getattr(options, argument)
        if given != default:
            raise ValueError(
                f"`{argument}` is {given!r}, but the error of a fit depends on its cells and its "
                f"`polyorder`; leave `{argument}` out, or compute the dimensions without a fit by "
                "themselves"
            )


def is_asked(options: Any) -> bool:
    """Whether there is a fit along any dimension.

    Examples
    --------
    >>> from xgrad.labels.options import Options
    >>> is_asked(Options(window=5)), is_asked(Options(window={}))
    (True, False)
    """
    given = [getattr(options, argument) for argument in SIZES]
    return any(len(one) > 0 if isinstance(one, Mapping) else one is not None for one in given)


def refuse_columns(options: Any, names: tuple[Hashable, ...], called: Hashable) -> None:
    """Refuse a fit along positions of several dimensions.

    Parameters
    ----------
    options : Options
        As the user gave them; see :mod:`xgrad.labels.options`.
    names : tuple of hashable
        The dimension and its coordinates.
    called : hashable
        Name of the positions.

    Raises
    ------
    CoordinateError
        If there is a fit along the dimension.
    """
    if fit_of(options, names) is None:
        return
    argument = next(one for one in SIZES if own(getattr(options, one), names) is not None)
    raise CoordinateError(
        f"`{argument}` is {own(getattr(options, argument), names)!r} along {names[0]!r}, where the "
        f"positions {called!r} have several dimensions, so that each column would need its own "
        "fit, which xgrad does not have; select a column, or give one-dimensional positions as "
        "`spacing`"
    )
