"""Threads for arrays in memory."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from dask.system import CPU_COUNT

from xgrad.arrays import chunks

# A thread pays for itself from here on.  Below it a call takes less than a millisecond.
_BYTES_PER_THREAD = 2**21


def in_threads(n_bytes: int, size: int, work: Callable[[slice], None]) -> None:
    """Call `work` for contiguous parts of `size` pieces, each part in its own thread.

    A large result is bound by the page faults of its fresh memory, which several threads take
    faster than one, as long as each owns a contiguous part: threads whose parts interleave wait
    for each other's pages.

    Parameters
    ----------
    n_bytes : int
        Size of the result, which decides how many threads are worth their start.
    size : int
        Number of pieces.
    work : callable
        Takes a part of the pieces.

    Examples
    --------
    >>> in_threads(100, 4, print)
    slice(0, 4, None)
    """
    count = min(CPU_COUNT, n_bytes // _BYTES_PER_THREAD)
    parts = list(chunks.parts(size, count))
    if len(parts) == 1:
        work(parts[0])
        return
    # A pool per call (0.1 ms): one kept for the module would be dead after a fork.
    with ThreadPoolExecutor(len(parts) - 1) as pool:
        others = pool.map(work, parts[1:])
        work(parts[0])
        list(others)  # raises what a thread raised
