"""Memory for results, used again when nothing refers to it any more.

Fresh memory costs more than the arithmetic: the system hands it out page by page and fills it with
zeros first (``docs/benchmarks.md``).  The memory of the last few results is kept for the next ones.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Any

import numpy as np

from xgrad._typing import AnyArray

# Smaller memory is kept by malloc itself.  Of larger memory less than this is kept, in bytes.
_LEAST, _MOST = 2**20, 2**28

_FREE: deque[AnyArray] = deque()


class _Lease:
    """Holds memory for as long as an array refers to it: an array's last view lets go of it."""

    def __init__(self, memory: AnyArray) -> None:
        self.memory = memory
        self.__array_interface__ = memory.__array_interface__

    def __del__(self) -> None:
        # No lock: this may run anywhere, and what a deque does is atomic.
        _FREE.append(self.memory)
        while sum(memory.nbytes for memory in tuple(_FREE)) > _MOST:
            try:
                _FREE.popleft()
            except IndexError:
                return


def _memory(n_bytes: int) -> AnyArray:
    for _ in range(len(_FREE)):
        try:
            memory = _FREE.popleft()
        except IndexError:
            break
        if memory.nbytes == n_bytes:
            return memory
        _FREE.append(memory)
    return np.empty(n_bytes, np.uint8)


def empty_like(array: AnyArray, dtype: np.dtype[Any]) -> AnyArray:
    """An array without values, of the shape and memory order of another one.

    Parameters
    ----------
    array : numpy.ndarray
        Of any shape.
    dtype : numpy.dtype
        Of the new one.

    Examples
    --------
    >>> f = np.zeros((300, 1000)).T
    >>> empty_like(f, np.dtype("f8")).strides == f.strides
    True
    """
    n_bytes = array.size * dtype.itemsize
    if not _LEAST <= n_bytes <= _MOST // 2:
        return np.empty_like(array, dtype=dtype, subok=False)
    order = sorted(range(array.ndim), key=lambda k: (-abs(array.strides[k]), k))
    shape = [array.shape[k] for k in order]
    assert math.prod(shape) * dtype.itemsize == n_bytes
    flat: AnyArray = np.asarray(_Lease(_memory(n_bytes)))
    return flat.view(dtype).reshape(shape).transpose(np.argsort(order))


def give_back() -> None:
    """Let go of the memory that is kept.

    Examples
    --------
    >>> give_back()
    >>> len(_FREE)
    0
    """
    _FREE.clear()
