"""Work in threads of this process."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import nullcontext
from functools import partial
from typing import Any, Generic, TypeVar

import dask
import dask.threaded
from dask.base import compute as dask_compute
from dask.diagnostics.progress import ProgressBar
from dask.system import CPU_COUNT

from xgrad.workers.order import get

_Task = TypeVar("_Task")
_Part = TypeVar("_Part")


def count() -> int:
    """Number of threads that work at the same time: that of dask's configuration.

    Examples
    --------
    >>> with dask.config.set(num_workers=3):
    ...     count()
    3
    """
    return int(dask.config.get("num_workers", None) or CPU_COUNT)


def compute(lazy: Any, n_threads: int | None = None, *, progress: bool = False) -> Any:
    """Compute a dask collection, with a progress bar on stderr if asked for.

    By default in as many threads as dask's configuration says.

    Examples
    --------
    >>> import dask.array as da
    >>> compute(da.ones(4, chunks=2).sum())
    np.float64(4.0)
    """
    bar = ProgressBar(out=sys.stderr) if progress else nullcontext()
    # A separate pool, whose threads have ended when this returns.  After an error the threads of
    # dask's pool continue, and would write their chunk into a folder that is being removed.
    with bar, ThreadPoolExecutor(n_threads or count()) as pool:
        (result,) = dask_compute(lazy, scheduler=partial(get, dask.threaded.get), pool=pool)
    return result


class Threads(Generic[_Task, _Part]):
    """Threads that do tasks, for the time of a ``with`` block.

    Parameters
    ----------
    do : callable
        Does a task, part by part.
    finished : callable
        Called with a task and a finished part of it, by one thread at a time.
    n_lanes : int
        Number of tasks at once.
    """

    def __init__(
        self,
        do: Callable[[_Task], Iterable[_Part]],
        finished: Callable[[_Task, _Part], None],
        n_lanes: int,
    ) -> None:
        self._do, self._finished, self._n_lanes = do, finished, n_lanes
        self._running: set[Future[None]] = set()
        self._over, self._one_at_a_time = threading.Event(), threading.Lock()
        self._pool = ThreadPoolExecutor(n_lanes)

    def __enter__(self) -> Threads[_Task, _Part]:
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()  # after an error the other threads stop after the part they are at
        self._pool.shutdown()

    def room(self) -> int:
        """How many more tasks the threads can take."""
        return self._n_lanes - len(self._running)

    def is_busy(self) -> bool:
        """Whether tasks are left that are not finished."""
        return bool(self._running)

    def submit(self, task: _Task) -> None:
        """Give a task to a thread."""
        self._running.add(self._pool.submit(self._work, task))

    def collect(self) -> None:
        """Wait until a task ends, and raise its error if it failed."""
        ended, _ = wait(self._running, return_when=FIRST_COMPLETED)
        self._running.difference_update(ended)
        for future in ended:
            future.result()

    def _work(self, task: _Task) -> None:
        for part in self._do(task):
            with self._one_at_a_time:
                self._finished(task, part)
            if self._over.is_set():
                return
