"""What is freed goes back to the system."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from typing import Any


@functools.cache
def _malloc_trim() -> Callable[[int], Any] | None:
    try:
        return getattr(ctypes.CDLL(None), "malloc_trim", None)
    except (OSError, TypeError):  # not a system with shared libraries of its own
        return None


def trim() -> None:
    """Return the freed memory of all threads to the system, where the C library can do that.

    Each thread keeps up to tens of megabytes of freed buffers otherwise, of which threads that do
    other work have no use.

    Examples
    --------
    >>> trim()
    """
    found = _malloc_trim()
    if found is not None:
        found(0)
