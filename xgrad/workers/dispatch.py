"""Hand out tasks, to threads, to processes or to a cluster, as there is room for them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Generic, Protocol, TypeVar

from xgrad.workers.processes import Processes
from xgrad.workers.threads import Threads

_Task = TypeVar("_Task")
_Task_contra = TypeVar("_Task_contra", contravariant=True)
_Part = TypeVar("_Part")

# Tasks that a cluster has for each thread, so that no thread waits for its next one.
_WAITING = 1.5
# Seconds after which the scheduler is asked again for the number of workers.
_ASK_AGAIN = 1.0


class _Workers(Protocol[_Task_contra]):
    """What does the tasks: threads, processes or a cluster."""

    def room(self) -> int:
        """How many more tasks they can take."""

    def is_busy(self) -> bool:
        """Whether tasks are left that they have not finished."""

    def submit(self, task: _Task_contra) -> None:
        """Give them a task."""

    def collect(self) -> None:
        """Wait until a task ends, and raise its error if it failed."""


def drive(
    client: Any,
    tasks: Iterable[_Task],
    do: Callable[[_Task], Iterable[_Part]],
    finished: Callable[[_Task, _Part], None],
    *,
    n_lanes: int,
) -> None:
    """Work through tasks without knowing more of them at once than can be worked on.

    A task whose worker died is handed out again.  One that raised is not.

    Parameters
    ----------
    client : Processes, distributed.Client or None
        Processes or a cluster; without them, threads of this process do the work.
    tasks : iterable
        Made one by one, when they are needed.
    do : callable
        Does a task, part by part; with a client in another process.
    finished : callable
        Called in this process, with a task and a finished part of it.
    n_lanes : int
        Number of tasks at once in each process.  Processes of one thread do one.

    Raises
    ------
    Exception
        The first error of a task, once the others have finished the part that they are at.
        Workers of a cluster finish their task.
    ConnectionError
        If the scheduler has gone.
    RuntimeError
        If a task killed its workers.  The message names it.

    Examples
    --------
    >>> drive(None, ["ab", "c"], iter, print, n_lanes=1)
    ab a
    ab b
    c c
    """
    if client is None:
        with Threads(do, finished, n_lanes) as threads:
            _bounded(tasks, threads)
    elif isinstance(client, Processes):
        with client.at_work(do, finished) as processes:
            _bounded(tasks, processes)
    else:
        with _Cluster(client, do, finished, n_lanes) as cluster:
            _bounded(tasks, cluster)


def _bounded(tasks: Iterable[_Task], workers: _Workers[_Task]) -> None:
    """Keep as many tasks at work as there is room for, until one fails."""
    for task in tasks:
        while workers.room() <= 0:
            workers.collect()
        workers.submit(task)
    while workers.is_busy():
        workers.collect()


class _Cluster(Generic[_Task, _Part]):
    """Workers of a cluster, for the time of a ``with`` block.

    Not ``client.get_executor``: if one of its futures is cancelled while its result is fetched, it
    never ends, and waiting for it after an error of another never ends either.
    """

    def __init__(
        self,
        client: Any,
        do: Callable[[_Task], Iterable[_Part]],
        finished: Callable[[_Task, _Part], None],
        n_lanes: int,
    ) -> None:
        from distributed import as_completed  # noqa: PLC0415  a client has imported it

        self._client, self._do, self._finished, self._n_lanes = client, do, finished, n_lanes
        self._running: dict[Any, _Task] = {}
        self._ended = as_completed(loop=client.loop, with_results=True, raise_errors=False)
        self._asked, self._n_workers = 0.0, 1

    def __enter__(self) -> _Cluster[_Task, _Part]:
        return self

    def __exit__(self, *_error: object) -> None:
        self._client.cancel(list(self._running))

    def room(self) -> int:
        if time.monotonic() - self._asked > _ASK_AGAIN:  # workers come and go
            self._asked = time.monotonic()
            with suppress(OSError):  # `collect` raises if the scheduler has gone
                self._n_workers = len(self._client.nthreads())
        most = max(1, math.ceil(_WAITING * self._n_lanes * self._n_workers))
        return most - len(self._running)

    def is_busy(self) -> bool:
        return bool(self._running)

    def submit(self, task: _Task) -> None:
        # Without retries: dask hands out again what lost its worker, but not what raised.
        future = self._client.submit(_all_parts, self._do, task, pure=False, retries=0)
        self._running[future] = task
        self._ended.add(future)

    def collect(self) -> None:
        future, result = next(self._ended)
        task = self._running.pop(future)
        # By what has arrived, not by the state of the future: its worker may have died since.
        if isinstance(result, list):
            for part in result:
                self._finished(task, part)
        elif isinstance(result, tuple):  # type, error, traceback
            raise _in_words(result[1], task)
        elif self._client.status == "running":
            self.submit(task)  # not its fault: the workers were restarted
        else:
            address = self._client.scheduler.address
            raise ConnectionError(f"lost the connection to the dask scheduler at {address}")


def _all_parts(do: Callable[[_Task], Iterable[_Part]], task: _Task) -> list[_Part]:
    return list(do(task))


def _in_words(error: Exception, task: object) -> Exception:
    if type(error).__name__ != "KilledWorker":
        return error
    named = RuntimeError(
        f"every worker that was given {task} died; it may need more memory than a worker has, or "
        "kill its process"
    )
    named.__cause__ = error
    return named
