"""The errors and warnings of xgrad; all others are plain TypeErrors and ValueErrors."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path


class CoordinateError(ValueError):
    """No valid positions along a dimension can be taken from a coordinate, spacing or name."""


class ChunkError(ValueError):
    """The chunks of an array do not allow the operation."""


class CoordinateWarning(UserWarning):
    """A coordinate is less precise than the derivative needs, incomplete, or in another unit."""


def warn(message: str, category: type[Warning]) -> None:
    """Warn at the line in the caller's code, so that Python shows the warning once per line.

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
