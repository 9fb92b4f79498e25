"""Connect to a cluster or start processes, and ask them for their threads and their memory."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from xgrad.workers import memory as limits
from xgrad.workers import threads
from xgrad.workers.memory import Memory
from xgrad.workers.processes import Processes

# How long to wait for an answer of a scheduler.
_PATIENCE = "10s"
# With a port; other protocols have their own rules.
_IS_ADDRESS = re.compile(r"(?!tcp|tls)\w+://|.*:\d+/?$")


@contextmanager
def cluster(
    workers: int | None = None,
    scheduler: str | None = None,
    *,
    security: Any = None,
    deaths: int = 2,
) -> Iterator[Any]:
    """Connect to a cluster, or start processes, for the time of a ``with`` block.

    Parameters
    ----------
    workers : int, optional
        Start this many processes of one thread each on this machine.
    scheduler : str, optional
        Address of a running ``dask.distributed`` scheduler, as ``tcp://host:8786``.
    security : distributed.Security, optional
        Certificates for a ``tls://`` address.  Default: those of dask's configuration.
    deaths : int, default: 2
        How many processes that are started here may die over a task before it is given up.  A
        running cluster has its own setting, ``distributed.scheduler.allowed-failures``.

    Yields
    ------
    Processes, distributed.Client or None
        With neither `workers` nor `scheduler`, the active client.  None if there is none: then
        threads do the work.

    Raises
    ------
    ValueError
        If both are given, `workers` is not positive, `scheduler` has no port, or `security` is
        given without `scheduler`.
    ImportError
        If `scheduler` is given and ``dask.distributed`` is not installed.
    OSError
        If no scheduler answers at the address.

    Examples
    --------
    >>> with cluster() as client:
    ...     print(client)
    None
    """
    _check(workers, scheduler, security)
    if workers is not None:
        with Processes(workers, deaths) as processes:
            yield processes
        return
    if scheduler is None:
        yield _active_client()
        return
    try:
        import distributed  # noqa: PLC0415  an extra: imported where it is used
    except ImportError as error:
        raise ImportError(
            "`scheduler` needs dask.distributed; install it with `pip install 'xgrad[distributed]'`"
        ) from error
    with _connected(scheduler, security or distributed.Security()) as client:
        yield client


def _check(workers: int | None, scheduler: str | None, security: Any) -> None:
    if workers is not None and scheduler is not None:
        raise ValueError(
            f"`workers` is {workers} and `scheduler` is {scheduler!r}; give one of the two"
        )
    if security is not None and scheduler is None:
        raise ValueError("`security` is given without `scheduler`; give both or neither")
    if scheduler is not None and not _IS_ADDRESS.match(scheduler):
        raise ValueError(
            f"`scheduler` is {scheduler!r}, which has no port; give an address such as "
            "tcp://host:8786"
        )
    if workers is not None and workers < 1:
        raise ValueError(f"`workers` is {workers}; give a positive number of processes")


def _connected(scheduler: str, security: Any) -> Any:
    from distributed import Client  # noqa: PLC0415

    if scheduler.startswith("tls://"):
        _require_certificates(scheduler, security)
    try:
        # Never the default client: one that fails to connect would stay the default, and the next
        # computation would hang.
        return Client(scheduler, timeout=_PATIENCE, set_as_default=False, security=security)
    except (OSError, ValueError) as error:
        raise OSError(f"no dask scheduler answers at `scheduler` {scheduler!r}: {error}") from error


def _require_certificates(scheduler: str, security: Any) -> None:
    """Refuse what distributed would not mention, or wait for forever."""
    try:
        context = security.get_connection_args("client").get("ssl_context")
    except OSError as error:
        raise OSError(f"the certificates of `security` cannot be read: {error}") from error
    if context is None:
        raise ValueError(
            f"`scheduler` {scheduler!r} needs certificates; give an authority, a certificate and "
            "its key with `security`, or in the configuration of dask under distributed.comm.tls"
        )


def _active_client() -> Any:
    # Without distributed there is no client; it takes long to import.
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return None
    try:
        return distributed.default_client()
    except ValueError:
        return None


@dataclass(frozen=True)
class Crew:
    """The processes that do the work.

    Attributes
    ----------
    n_workers : int
        Number of processes.
    n_threads : int
        Threads of each.
    memory : Memory
        What each may take.
    base : int
        What each takes before it works, in bytes.
    """

    n_workers: int
    n_threads: int
    memory: Memory
    base: int


def crew(client: Any, memory: int | None, loaded: Callable[[], int]) -> Crew:
    """Ask the processes that will work for their threads and their memory.

    Parameters
    ----------
    client : Processes, distributed.Client or None
        From :func:`cluster`.
    memory : int or None
        What each process may take, in bytes; None for half of what it can have, which processes
        that are started here share.
    loaded : callable
        Loads in a process what the work needs, and returns its resident memory in bytes.

    Examples
    --------
    >>> crew(None, 10**9, limits.resident).n_workers
    1
    """
    # Load first: the address space that is left decreases by what is loaded.
    if client is None:
        base = loaded()
        return Crew(1, threads.count(), limits.allowed(memory), base)
    if isinstance(client, Processes):
        base = max(client.run(loaded))
        least = min(client.run(limits.allowed, memory), key=lambda one: one.n_bytes)
        if memory is None and client.n_processes > 1:
            origin = f"{least.origin}, shared by {client.n_processes} processes"
            least = Memory(least.n_bytes // client.n_processes, origin)
        return Crew(client.n_processes, 1, least, base)
    client.wait_for_workers(1)
    n_threads = client.nthreads()
    bases = client.run(_in_a_thread, loaded)
    allowed = list(client.run(limits.allowed, memory).values())
    for worker in client.scheduler_info(n_workers=-1)["workers"].values():
        # dask pauses a worker at 80% of its limit, and kills it at 95%.
        limit = int(0.75 * worker["memory_limit"])
        if limit:
            allowed.append(Memory(limit, "three quarters of what dask allows a worker"))
    least = min(allowed, key=lambda one: one.n_bytes)
    return Crew(len(n_threads), max(n_threads.values()), least, max(bases.values()))


async def _in_a_thread(work: Callable[[], int]) -> int:
    """Work beside a worker's loop, which must answer meanwhile."""
    return await asyncio.to_thread(work)


def peak_memory(client: Any) -> int:
    """Largest resident memory that a working process ever had, in bytes.

    Examples
    --------
    >>> peak_memory(None) == limits.peak_memory()
    True
    """
    if client is None:
        return limits.peak_memory()
    peaks = client.run(limits.peak_memory)
    peak: int = max(peaks if isinstance(client, Processes) else peaks.values())
    return peak


def certificates(ca_file: str | None, cert: str | None, key: str | None) -> Any:
    """Settings for a ``tls://`` scheduler, None if no file is given.

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
