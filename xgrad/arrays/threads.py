"""Threads for arrays in memory."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from dask.system import CPU_COUNT

from xgrad.arrays import chunks

# Least size for which a thread pays off; below it, a call takes less than a millisecond.
_BYTES_PER_THREAD = 2**21


def in_threads(n_bytes: int, size: int, work: Callable[[slice], None]) -> None:
    """Call `work` for contiguous parts of `size` pieces, each part in its own thread.

    The time for a large result is dominated by page faults in fresh memory.  Several threads are
    faster if each has a contiguous part; with interleaved parts they wait for each other's pages.

    Parameters
    ----------
    n_bytes : int
        Size of the result, which determines how many threads pay off.
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
    # One pool per call (0.1 ms), because a global one would be dead after a fork.
    with ThreadPoolExecutor(len(parts) - 1) as pool:
        others = pool.map(work, parts[1:])
        work(parts[0])
        list(others)  # raises what a thread raised
