"""The options for standard errors, checked: whether they are wanted, and how noisy the data are.

The noise of different cells is assumed to be independent, and of the same size within a window
unless each cell has its own.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import xarray as xr

from xgrad.labels import fits
from xgrad.labels.quantities import is_quantity, number_in

#: Where standard errors come from: if the noise is unknown, and if that of each cell is known.
RESIDUALS, SIGMA = "residuals", "sigma"


def check(options: Any) -> None:
    """Refuse a `sigma` that is not a positive number, or that nothing would use.

    Parameters
    ----------
    options : Options
        As the user gave them; see :mod:`xgrad.labels.options`.

    Raises
    ------
    TypeError, ValueError
        If `sigma` is invalid, or is one number without `uncertainty`.

    Examples
    --------
    >>> from xgrad.labels.options import Options
    >>> check(Options(uncertainty=True, window=5, sigma=0.5))
    """
    sigma = options.sigma
    if sigma is None or is_array(sigma):
        return
    number = sigma.magnitude if is_quantity(sigma) else sigma
    if isinstance(number, np.ndarray) and number.ndim == 0:
        number = number[()]  # as registries of pint-xarray have numbers
    real = isinstance(number, int | float | np.integer | np.floating)
    if not real or isinstance(number, bool | np.timedelta64):
        raise TypeError(
            f"`sigma` is a {type(sigma).__name__}; give one number, the standard deviation of "
            "the noise in the unit of the data, or a DataArray or the name of a variable with that "
            "of each cell"
        )
    number = number.item() if isinstance(number, np.generic) else number
    if not 0 < number <= sys.float_info.max:
        raise ValueError(f"`sigma` is {sigma!r}; give a positive number, in the unit of the data")
    if not options.uncertainty:
        raise ValueError(
            f"`sigma` is {sigma!r}, but one number for all cells affects only standard errors; "
            "give `uncertainty=True` too, or leave it out"
        )


def is_array(sigma: Any) -> bool:
    """Whether `sigma` gives each cell its own noise: by a DataArray, or the name of a variable.

    Examples
    --------
    >>> is_array("t_error"), is_array(0.1)
    (True, False)
    """
    return isinstance(sigma, str | xr.DataArray)


def require_a_fit(options: Any) -> None:
    """Refuse standard errors if nothing is fitted.

    Parameters
    ----------
    options : Options
        As the user gave them; see :mod:`xgrad.labels.options`.
    """
    if options.uncertainty and not fits.is_asked(options):
        raise ValueError(
            "`uncertainty` is True, but nothing is fitted, and standard errors are those of fits; "
            "give a `window` or a `bandwidth` too"
        )
    if options.sigma is not None and not fits.is_asked(options):
        raise ValueError(
            "`sigma` is given, but it weights the cells of a fit, and nothing is fitted; give a "
            "`window` or a `bandwidth` too, or leave it out"
        )


def kind_of(options: Any, variable: xr.Variable, what: str) -> str | float:
    """What standard errors are computed from: ``"residuals"``, ``"sigma"`` or one number.

    Parameters
    ----------
    options : Options
        With `uncertainty`.
    variable : Variable
        The data, whose unit `sigma` is converted to.
    what : str
        The data in words, for the message.

    Examples
    --------
    >>> from xgrad.labels.options import Options
    >>> data = xr.Variable("x", [1.0])
    >>> kind_of(Options(uncertainty=True, window=5, sigma=1), data, "t")
    1.0
    """
    if options.sigma is None:
        return RESIDUALS
    if is_array(options.sigma):
        return SIGMA
    if is_quantity(options.sigma):
        return number_in(options.sigma, variable.attrs.get("units"), "`sigma`", what)
    return float(options.sigma)
