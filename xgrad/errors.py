"""The errors and warnings that xgrad defines; all others are plain TypeErrors and ValueErrors."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path


class CoordinateError(ValueError):
    """A coordinate, a spacing or a name cannot give the positions along a dimension."""


class ChunkError(ValueError):
    """The chunks of an array do not allow the operation."""


class CoordinateWarning(UserWarning):
    """A coordinate is less precise than the derivative needs."""


def warn(message: str, category: type[Warning]) -> None:
    """Warn at the line of the caller's own code, so that Python shows each of these lines once.

    Examples
    --------
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     warn("beware", CoordinateWarning)
    >>> str(caught[0].message)
    'beware'
    """
    here, level = str(Path(__file__).parent), 1
    frame = sys._getframe()
    while frame.f_back is not None and frame.f_code.co_filename.startswith(here):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
