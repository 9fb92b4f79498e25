"""Where dask's work runs: threads of this process, processes started here, or a running cluster."""

from __future__ import annotations

import logging
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from typing import Any, TypeVar

import dask
import zarr
from dask.base import compute as dask_compute
from dask.diagnostics.progress import ProgressBar
from dask.system import CPU_COUNT

from xgrad.workers import memory as machine
from xgrad.workers.memory import Memory

_Task = TypeVar("_Task")
_Part = TypeVar("_Part")

# How long to wait for the answer of a scheduler.
_PATIENCE = "10s"
# Tasks that wait on a cluster, for each thread that works: none ever has nothing to do.
_WAITING = 1.5
# How often the scheduler is asked how many workers there are, in seconds.
_ASK_AGAIN = 1.0


@contextmanager
def cluster(
    workers: int | None = None,
    scheduler: str | None = None,
    *,
    security: Any = None,
    retries: int = 2,
) -> Iterator[Any]:
    """Connect to a cluster for the time of a ``with`` block.

    Parameters
    ----------
    workers : int, optional
        Start this many processes of one thread each on this machine.
    scheduler : str, optional
        Address of a running ``dask.distributed`` scheduler, as ``tcp://host:8786``.
    security : distributed.Security, optional
        Certificates for a ``tls://`` address.  Default: those of dask's configuration.
    retries : int, default: 2
        Of the processes started here: so many may die over a task before it is given up.

    Yields
    ------
    distributed.Client or None
        The active client where neither is given.  None where there is none: threads do the work.

    Raises
    ------
    ValueError
        If both are given, `workers` is not positive, or `security` is given without `scheduler`.
    ImportError
        If ``dask.distributed`` is not installed.
    OSError
        If no scheduler answers at the address.

    Examples
    --------
    >>> with cluster() as client:
    ...     print(client)
    None
    """
    if workers is not None and scheduler is not None:
        raise ValueError(
            f"`workers` is {workers} and `scheduler` is {scheduler!r}; give one of the two"
        )
    if security is not None and scheduler is None:
        raise ValueError("`security` is given without `scheduler`, whose it is; leave it out")
    if workers is None and scheduler is None:
        yield _active_client()
        return
    if workers is not None and workers < 1:
        raise ValueError(f"`workers` is {workers}; give a positive number of processes")
    try:
        import distributed  # noqa: PLC0415  an extra: imported where it is used
    except ImportError as error:
        raise ImportError(
            "workers need dask.distributed; install it with `pip install 'xgrad[distributed]'`"
        ) from error
    if workers is not None:
        with (
            dask.config.set({"distributed.scheduler.allowed-failures": retries}),
            _started(workers) as local,
            distributed.Client(local, set_as_default=False) as client,
        ):
            yield client
        return
    security = security or distributed.Security()  # that of dask's configuration
    if scheduler is not None and scheduler.startswith("tls://"):
        _require_certificates(scheduler, security)
    try:
        # Never the default: one that fails to connect would stay it, and hang what comes next.
        client = distributed.Client(
            scheduler, timeout=_PATIENCE, set_as_default=False, security=security
        )
    except (OSError, ValueError) as error:
        raise OSError(f"no dask scheduler answers at `scheduler` {scheduler!r}: {error}") from error
    with client:
        yield client


def _require_certificates(scheduler: str, security: Any) -> None:
    """Refuse what distributed would not say a word of, or wait for ever with."""
    try:
        context = security.get_connection_args("client").get("ssl_context")
    except OSError as error:
        raise OSError(f"the certificates of `security` cannot be read: {error}") from error
    if context is None:
        raise ValueError(
            f"`scheduler` {scheduler!r} wants certificates; give them with `security`, an "
            "authority, a certificate and its key, or in the configuration of dask, under "
            "distributed.comm.tls"
        )


def _started(workers: int) -> Any:
    """Processes of this machine, which leave an interrupt from the terminal to this one.

    They inherit that it is blocked, as the thread does that starts those that replace the dead.
    Otherwise each that is interrupted as it starts prints a traceback.  Nor do they print what
    they log: it is raised here.
    """
    from distributed import LocalCluster  # noqa: PLC0415

    # Else the first process starts it, and Python unblocks the interrupt once it has
    # (``test_workers_leave_an_interrupt_to_this_process``).
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return LocalCluster(
            n_workers=workers, threads_per_worker=1, dashboard_address=":0",
            silence_logs=logging.CRITICAL,
        )  # fmt: skip
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)  # one that came meanwhile comes now


def compute(lazy: Any, client: Any = None, *, progress: bool = False) -> Any:
    """Compute a dask collection, with a progress bar on stderr if asked for.

    Parameters
    ----------
    lazy : dask collection
        What to compute.
    client : distributed.Client, optional
        The cluster; without one dask's threads do the work.
    progress : bool, default: False
        Show a bar.

    Returns
    -------
    object
        The result.

    Examples
    --------
    >>> import dask.array as da
    >>> compute(da.ones(4, chunks=2).sum())
    np.float64(4.0)
    """
    if client is None:
        # A pool of its own, which is waited for: after an error the threads of dask's pool would
        # go on with the chunk they have, and write it into a folder that is being removed.
        count = dask.config.get("num_workers", None) or CPU_COUNT
        with (
            ProgressBar(out=sys.stderr if progress else _Nowhere()),
            ThreadPoolExecutor(count) as pool,
        ):
            (result,) = dask_compute(lazy, scheduler="threads", pool=pool)
        return result
    # A task that failed is tried twice more: a worker that runs out of memory takes others' down.
    future = client.compute(lazy, retries=2)
    if progress:
        from distributed import progress as bar  # noqa: PLC0415

        with client.as_current():  # the bar asks the current client where the scheduler is
            bar(future)
    return client.gather(future)


def _active_client() -> Any:
    # Who has a client has imported distributed.
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return None
    try:
        return distributed.default_client()
    except ValueError:
        return None


@dataclass(frozen=True)
class Crew:
    """Who works.

    Attributes
    ----------
    n_workers : int
        Number of processes.
    n_threads : int
        Threads of each.
    memory : Memory
        What each may take.
    base : int
        What each takes already, in bytes.
    """

    n_workers: int
    n_threads: int
    memory: Memory
    base: int


def crew(client: Any, memory: int | None, taken: Callable[[], int]) -> Crew:
    """Ask the processes that will work for their threads and their memory.

    Parameters
    ----------
    client : distributed.Client or None
        From :func:`cluster`.
    memory : int or None
        What each process may take, in bytes; None for half of what it can have.
    taken : callable
        Says in a process what it takes already.

    Examples
    --------
    >>> crew(None, 10**9, machine.resident).n_workers
    1
    """
    # Before what is allowed: what is loaded takes some of it.
    if client is None:
        base = taken()
        n_threads = dask.config.get("num_workers", None) or CPU_COUNT
        return Crew(1, n_threads, machine.allowed(memory), base)
    client.wait_for_workers(1)
    threads = client.nthreads()
    bases = client.run(taken)
    allowed = list(client.run(machine.allowed, memory).values())
    for worker in client.scheduler_info(n_workers=-1)["workers"].values():
        # dask pauses a worker at 80% of its limit, and kills it at 95%.
        limit = int(0.75 * worker["memory_limit"])
        if limit:
            allowed.append(Memory(limit, "three quarters of what dask allows a worker"))
    least = min(allowed, key=lambda one: one.n_bytes)
    return Crew(len(threads), max(threads.values()), least, max(bases.values()))


def peak_memory(client: Any) -> int:
    """Largest resident memory that a process that works ever had, in bytes.

    Examples
    --------
    >>> peak_memory(None) == machine.peak_memory()
    True
    """
    if client is None:
        return machine.peak_memory()
    peak: int = max(client.run(machine.peak_memory).values())
    return peak


def own_process() -> None:
    """Let zarr decode in as many threads as there are processors, in a process of our own.

    Each thread keeps the memory of the last chunk that it decoded: the six of zarr's default take
    150 MB more with chunks of 25 MB, and no less time.
    """
    zarr.config.set({"threading.max_workers": CPU_COUNT})
    # When several chunks fail at once, zarr raises one error and asyncio logs the others.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    # What befalls a worker is told in one line at the end, if it could not be mended.  distributed
    # gives the last two levels of their own.
    loud = ["distributed", "distributed.client", "distributed.gc"]
    dask.config.set({"logging": dict.fromkeys(loud, "critical")})
    os.environ.setdefault("PYTHONWARNINGS", "ignore:resource_tracker")


def certificates(ca_file: str | None, cert: str | None, key: str | None) -> Any:
    """Settings for a ``tls://`` scheduler, None where none are given.

    Examples
    --------
    >>> certificates(None, None, None) is None
    True
    """
    if ca_file is None and cert is None and key is None:
        return None
    from distributed import Security  # noqa: PLC0415  an extra: imported where it is used

    return Security(
        tls_ca_file=ca_file, tls_client_cert=cert, tls_client_key=key, require_encryption=True
    )


def drive(
    client: Any,
    tasks: Iterable[_Task],
    do: Callable[[_Task], Iterable[_Part]],
    finished: Callable[[_Task, _Part], None],
    *,
    n_lanes: int,
    retries: int,
) -> None:
    """Work through tasks, of which only so many are known at once as can be worked on.

    Parameters
    ----------
    client : distributed.Client or None
        The cluster; without one threads of this process do the work.
    tasks : iterable
        Made one by one, when they are needed.
    do : callable
        Does a task, part by part; on a cluster in another process.
    finished : callable
        Called in this process, with a task and a part of it that is finished.
    n_lanes : int
        Tasks at once in each process.
    retries : int
        How often a cluster tries a task again whose worker died or which failed.

    Raises
    ------
    Exception
        The first error of a task, once the other threads have ended.  Workers of a cluster finish
        the task that they are at.
    ConnectionError
        If the scheduler has gone.
    RuntimeError
        If a task killed its workers.  The message names it.

    Examples
    --------
    >>> drive(None, ["ab", "c"], iter, print, n_lanes=1, retries=0)
    ab a
    ab b
    c c
    """
    if client is None:
        _in_threads(tasks, do, finished, n_lanes)
    else:
        _on_cluster(client, tasks, do, finished, n_lanes, retries)


def _on_cluster(
    client: Any,
    tasks: Iterable[_Task],
    do: Callable[[_Task], Iterable[_Part]],
    finished: Callable[[_Task, _Part], None],
    n_lanes: int,
    retries: int,
) -> None:
    """Let a cluster work.

    Not through ``client.get_executor``: one of its futures that is cancelled while its result is
    fetched never ends, and who waits for it after an error of another waits for ever.
    """
    from distributed import as_completed  # noqa: PLC0415  who has a client has imported it

    running: dict[Any, _Task] = {}
    ended = as_completed(loop=client.loop, with_results=True, raise_errors=False)

    def submit(task: _Task) -> None:
        future = client.submit(_all_of, do, task, pure=False, retries=retries)
        running[future] = task
        ended.add(future)

    def collect() -> None:
        future, result = next(ended)
        task = running.pop(future)
        # By what has come, not by the future's state: its worker may have died since.
        if isinstance(result, list):
            for part in result:
                finished(task, part)
        elif isinstance(result, tuple):  # type, error, traceback
            raise _told(result[1], task)
        elif client.status == "running":
            submit(task)  # lost through no fault of its own: workers were restarted
        else:
            raise ConnectionError(f"the dask scheduler at {client.scheduler.address} has gone")

    asked, n_workers = 0.0, 1

    def room() -> int:
        nonlocal asked, n_workers
        if time.monotonic() - asked > _ASK_AGAIN:  # workers come and go
            asked = time.monotonic()
            with suppress(OSError):  # `collect` tells of a scheduler that has gone
                n_workers = len(client.nthreads())
        return max(1, math.ceil(_WAITING * n_lanes * n_workers))

    try:
        _bounded(tasks, submit, collect, running, room)
    finally:
        client.cancel(list(running))


def _all_of(do: Callable[[_Task], Iterable[_Part]], task: _Task) -> list[_Part]:
    return list(do(task))


def _told(error: Exception, task: object) -> Exception:
    if type(error).__name__ != "KilledWorker":
        return error
    told = RuntimeError(
        f"every worker that was given {task} died; it may need more memory than a worker has, or "
        "kill its process"
    )
    told.__cause__ = error
    return told


def _in_threads(
    tasks: Iterable[_Task],
    do: Callable[[_Task], Iterable[_Part]],
    finished: Callable[[_Task, _Part], None],
    n_lanes: int,
) -> None:
    running: set[Future[None]] = set()
    over, one_at_a_time = threading.Event(), threading.Lock()

    def work(task: _Task) -> None:
        for part in do(task):
            with one_at_a_time:
                finished(task, part)
            if over.is_set():
                return

    def collect() -> None:
        ended, _ = wait(running, return_when=FIRST_COMPLETED)
        running.difference_update(ended)
        for future in ended:
            future.result()

    with ThreadPoolExecutor(n_lanes) as pool:
        try:
            _bounded(
                tasks,
                lambda task: running.add(pool.submit(work, task)),
                collect,
                running,
                lambda: n_lanes,
            )
        finally:
            over.set()  # after an error the others stop behind the part that they are at


def _bounded(
    tasks: Iterable[_Task],
    submit: Callable[[_Task], None],
    collect: Callable[[], None],
    running: Sized,
    room: Callable[[], int],
) -> None:
    """Keep as many tasks at work as there is room for, until one fails."""
    for task in tasks:
        while len(running) >= room():
            collect()
        submit(task)
    while running:
        collect()


class _Nowhere:
    """A file for a progress bar that is not wanted."""

    def write(self, _text: str) -> None:
        pass

    def flush(self) -> None:
        pass
