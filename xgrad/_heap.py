"""Large memory is asked for before numpy takes it, and what is freed goes back to the system."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

# Least size in bytes that is asked for.
_LEAST = 2**20


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


_MAY: ContextVar[Callable[[int], None] | None] = ContextVar("may", default=None)


@contextmanager
def asking(may: Callable[[int], None]) -> Iterator[None]:
    """Ask before large memory is taken in a ``with`` block.

    Parameters
    ----------
    may : callable
        Takes a number of bytes, and raises an error if they must not be taken.

    Examples
    --------
    >>> with asking(print):
    ...     ask(5_000_000)
    5000000
    """
    before = _MAY.set(may)
    try:
        yield
    finally:
        _MAY.reset(before)


def ask(n_bytes: int) -> None:
    """Ask whether numpy may take so many bytes.

    Examples
    --------
    >>> with asking(print):
    ...     ask(5)  # too little to be asked for
    """
    may = _MAY.get()
    if may is not None and n_bytes >= _LEAST:
        may(n_bytes)
