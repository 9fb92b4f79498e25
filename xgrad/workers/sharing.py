"""Give all processes something once, also those that start later."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from xgrad.workers.processes import Processes


@contextmanager
def everywhere(client: Any, function: Callable[..., Any], *arguments: Any) -> Iterator[None]:
    """Call a function in each process, and in each that joins during a ``with`` block.

    Parameters
    ----------
    client : Processes, distributed.Client or None
        From :func:`xgrad.workers.cluster.cluster`; None for threads, which need nothing.
    function : callable
        Takes the arguments, which travel to each process once.

    Examples
    --------
    >>> with everywhere(None, print, "not needed"):
    ...     pass
    """
    if client is None:
        yield
    elif isinstance(client, Processes):
        client.begin_with(function, *arguments)
        yield
    else:
        from distributed import WorkerPlugin  # noqa: PLC0415  a client has imported it

        class Begin(WorkerPlugin):
            def setup(self, worker: Any) -> None:  # noqa: ARG002
                function(*arguments)

        name = f"xgrad-{uuid.uuid4().hex}"
        client.register_plugin(Begin(), name=name)
        try:
            yield
        finally:
            client.unregister_worker_plugin(name)
