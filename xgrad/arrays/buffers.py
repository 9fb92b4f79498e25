"""Memory of freed results, kept for reuse.

Fresh memory costs more than the arithmetic: the system hands it out page by page and fills it with
zeros first (``docs/benchmarks.md``).  So the memory of the last few results is kept, and reused
once nothing refers to it any more.

The kept memory never exceeds :data:`limit`, nor an eighth of the memory that the system has
available, so less is kept when memory is short.  Both limits are checked whenever the memory of a
result becomes free.  This takes 2 µs while an eighth of the unused memory is enough, and otherwise
up to 40 µs to read ``/proc/meminfo``, which also knows what the system would take from its caches;
the gradient of 1 MB takes hundreds.  If an allocation fails, all kept memory is given back before
a second attempt.

A forked child gives back its copy at once; otherwise the parent would have to copy each page that
it writes to.  There are no locks that a fork could leave locked.
"""

from __future__ import annotations

import math
import os
import re
import sys
import warnings
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from xgrad._heap import ask
from xgrad._typing import AnyArray

# Least size in bytes: malloc itself keeps the memory of smaller results.
_LEAST = 2**20
_DEFAULT = 2**28
# One part in how many of the available memory may be kept, and the file that reports it.
_SHARE, _MEMINFO = 8, "/proc/meminfo"

_FREE: deque[AnyArray] = deque()


def _parsed(text: str) -> int:
    """Parse a size into a number of bytes.

    Examples
    --------
    >>> _parsed("0"), _parsed("64MB"), _parsed("1.5 GiB")
    (0, 64000000, 1610612736)
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(?:([kmgt])(i?))?b?", text.strip().lower())
    if found is None:
        raise ValueError(f"{text!r} is not a size")
    number, unit, binary = found.groups()
    return int(float(number) * (1024 if binary else 1000) ** " kmgt".index(unit or " "))


def _from_environment() -> int:
    text = os.environ.get("XGRAD_BUFFERS")
    if not text:
        return _DEFAULT
    try:
        return _parsed(text)
    except ValueError:
        # An error would stop `import xgrad` over a setting that no result depends on.
        warnings.warn(
            f"XGRAD_BUFFERS is {text!r}, which is not a size; the default of 256MiB is used. "
            "Set it to a size such as 64MB, or to 0 to keep nothing",
            stacklevel=1,
        )
        return _DEFAULT


#: Most bytes to keep, read from the environment variable ``XGRAD_BUFFERS`` when xgrad is imported
#: (default: 256 MiB; 0 keeps nothing).  A program may assign another number at any time; after
#: lowering it, :func:`give_back` frees what is kept.
limit = _from_environment()


class _Lease:
    """Holds memory until the last array that refers to it is gone, and then keeps it for reuse."""

    def __init__(self, memory: AnyArray) -> None:
        self.memory = memory
        self.__array_interface__ = memory.__array_interface__

    def __del__(self) -> None:
        # This may run in any thread, between any two operations; those on a deque are atomic.
        # At the end of the process it may run when the modules it needs are gone.
        if limit and not sys.is_finalizing():
            _FREE.append(self.memory)
            if _kept() > min(limit, _unused() // _SHARE):
                _trim(_most())


def _most() -> int:
    """How many bytes may be kept right now."""
    found = available()
    return limit if found is None else min(limit, found // _SHARE)


def available() -> int | None:
    """Bytes that the system can hand out without swapping; None if it does not report them.

    Examples
    --------
    >>> (available() or 1) > 0
    True
    """
    try:
        # Not `open`, which takes twice as long.
        opened = os.open(_MEMINFO, os.O_RDONLY)
        try:
            text = os.read(opened, 4096)
        finally:
            os.close(opened)
        start = text.index(b"MemAvailable:") + len(b"MemAvailable:")
        return 1024 * int(text[start : text.index(b"kB", start)])
    except (OSError, ValueError):
        return None


def _unused() -> int:
    """Bytes that nothing uses, not even the system for its caches; 0 if it does not report them.

    Examples
    --------
    >>> _unused() >= 0
    True
    """
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError):  # Windows has no `sysconf`, and macOS not this number
        return 0


def _kept() -> int:
    """How many bytes are kept."""
    return sum(memory.nbytes for memory in list(_FREE))


def _trim(most: int) -> None:
    """Free the oldest memory until at most `most` bytes are kept."""
    while _kept() > most:
        try:
            _FREE.popleft()
        except IndexError:  # another thread took the last one
            return


def give_back() -> None:
    """Give all kept memory back to the system.

    Examples
    --------
    >>> give_back()
    >>> len(_FREE)
    0
    """
    _FREE.clear()


if sys.platform != "win32":  # which has no fork
    os.register_at_fork(after_in_child=give_back)


def _allocated(n_bytes: int, allocate: Callable[[], AnyArray]) -> AnyArray:
    ask(n_bytes)
    try:
        return allocate()
    except MemoryError:
        give_back()
    return allocate()


def _memory(n_bytes: int) -> AnyArray:
    for _ in range(len(_FREE)):
        try:
            memory = _FREE.popleft()
        except IndexError:
            break
        if memory.nbytes == n_bytes:
            return memory
        _FREE.append(memory)
    return _allocated(n_bytes, lambda: np.empty(n_bytes, np.uint8))


def empty_like(array: AnyArray, dtype: np.dtype[Any]) -> AnyArray:
    """An uninitialised array with the shape and memory order of another one.

    Parameters
    ----------
    array : numpy.ndarray
        The array to imitate, of any shape.
    dtype : numpy.dtype
        Dtype of the new array.

    Returns
    -------
    numpy.ndarray
        In reused memory, if some of the right size is kept.

    Raises
    ------
    MemoryError
        If there is not enough memory even after giving back all that is kept, or a limit that
        :func:`xgrad._heap.asking` has set does not allow it.

    Examples
    --------
    >>> f = np.zeros((300, 1000)).T
    >>> empty_like(f, np.dtype("f8")).strides == f.strides
    True
    """
    n_bytes = array.size * dtype.itemsize
    if not _LEAST <= n_bytes <= limit // 2:
        return _allocated(n_bytes, lambda: np.empty_like(array, dtype=dtype, subok=False))
    order = sorted(range(array.ndim), key=lambda k: (-abs(array.strides[k]), k))
    shape = [array.shape[k] for k in order]
    assert math.prod(shape) * dtype.itemsize == n_bytes
    flat: AnyArray = np.asarray(_Lease(_memory(n_bytes)))
    return flat.view(dtype).reshape(shape).transpose(np.argsort(order))
