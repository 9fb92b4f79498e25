"""Where dask's work runs: threads of this process, processes started here, or a running cluster."""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dask
from dask.base import compute as dask_compute
from dask.diagnostics.progress import ProgressBar
from dask.system import CPU_COUNT

# How long to wait for the answer of a scheduler.
_PATIENCE = "10s"


@contextmanager
def cluster(workers: int | None = None, scheduler: str | None = None) -> Iterator[Any]:
    """Connect to a cluster for the time of a ``with`` block.

    Parameters
    ----------
    workers : int, optional
        Start this many processes of one thread each on this machine.
    scheduler : str, optional
        Address of a running ``dask.distributed`` scheduler, as ``tcp://host:8786``.

    Yields
    ------
    distributed.Client or None
        None where neither is given: dask's threads do the work.

    Raises
    ------
    ValueError
        If both are given, or `workers` is not positive.
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
    if workers is None and scheduler is None:
        yield None
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
            distributed.LocalCluster(
                n_workers=workers, threads_per_worker=1, dashboard_address=":0"
            ) as local,
            distributed.Client(local, set_as_default=False) as client,
        ):
            yield client
        return
    try:
        # Never the default: one that fails to connect would stay it, and hang what comes next.
        client = distributed.Client(scheduler, timeout=_PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise OSError(f"no dask scheduler answers at `scheduler` {scheduler!r}: {error}") from error
    with client:
        yield client


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


def peak_memory() -> int:
    """Largest resident memory that this process ever had, in bytes.

    Examples
    --------
    >>> peak_memory() > 10_000_000
    True
    """
    status = Path("/proc/self/status")
    if status.exists():
        # Not getrusage: its maximum starts from that of the process that started this one.
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return 1024 * int(line.split()[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


class _Nowhere:
    """A file for a progress bar that is not wanted."""

    def write(self, _text: str) -> None:
        pass

    def flush(self) -> None:
        pass
