"""Work in processes of this machine that this process starts, and that talk to it alone.

They talk over anonymous pipes, which no other user can open.  dask's ``LocalCluster`` would
open ports instead: any local user could send code to them.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import pickle
import signal
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, Self, TypeVar, cast

import dask
import zarr
from dask.system import CPU_COUNT

_Task = TypeVar("_Task")
_Part = TypeVar("_Part")

# Spawned, not forked: a fork copies the threads' locks in whatever state they are.
_CONTEXT = multiprocessing.get_context("spawn")


def own_process() -> None:
    """Configure a process that does nothing but xgrad's work, as the command does.

    zarr gets as many threads that decode as there are processors.  Each thread keeps the memory of
    the last chunk that it decoded: zarr's default of six takes 150 MB more with chunks of 25 MB,
    and is not faster.  Other packages log nothing.
    """
    zarr.config.set({"threading.max_workers": CPU_COUNT})
    # When several chunks fail at once, zarr raises one error and asyncio logs the others.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    # Errors of workers are repaired, or reported in one line at the end.  distributed sets the
    # levels of the last two itself.
    loud = ["distributed", "distributed.client", "distributed.gc"]
    dask.config.set({"logging": dict.fromkeys(loud, "critical")})
    os.environ.setdefault("PYTHONWARNINGS", "ignore:resource_tracker")


class DeadProcessError(RuntimeError):
    """A process ended before it had answered."""


def _serve(pipe: Connection) -> None:
    """Do what comes through a pipe, until it is closed.  Runs in the process that was started."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # Locks of codecs then have no name that this process, once killed, would leave behind, and
    # that multiprocessing would print.  Nothing is forked: a daemon may not start processes.
    multiprocessing.set_start_method("fork", force=True)
    own_process()
    warnings.simplefilter("ignore")  # the process that started this one has warned
    with suppress(EOFError, ConnectionError):  # that process has gone, or needs this one no more
        pipe.send((True, os.getpid()))
        while True:
            for message in _answers(pipe.recv_bytes()):
                pipe.send(message)


def _answers(given: bytes) -> Iterator[tuple[bool, Any]]:
    """The parts of a pickled task, each with True; then its error or None, with False."""
    try:
        do, task = pickle.loads(given)  # noqa: S301  from the process that started this one
        for part in do(task):
            yield True, part
    except Exception as error:  # noqa: BLE001  a codec may raise anything
        yield False, _portable(error)
    else:
        yield False, None


def _end_with_parent() -> None:
    # Whatever ended it.  Otherwise this process would go on to write what another run writes.
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _portable(error: Exception) -> Exception:
    """An error that survives a pipe: some cannot be pickled, or not be made again.

    Examples
    --------
    >>> _portable(OSError(28, "No space left on device"))
    OSError(28, 'No space left on device')
    """
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301  its own
    except Exception:  # noqa: BLE001  nor can it be foreseen what fails
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _once(call: tuple[Callable[..., _Part], tuple[Any, ...]]) -> Iterator[_Part]:
    function, arguments = call
    yield function(*arguments)


@contextmanager
def _left_to_this_process() -> Iterator[None]:
    """Start processes that ignore an interrupt from the terminal.

    They inherit the blocked signal.  One that is interrupted as it starts, or whose parent ends
    before it has sent what the start needs, would print a traceback: so the interrupt of this
    process waits as well.
    """
    is_main, came = threading.current_thread() is threading.main_thread(), threading.Event()
    handler = signal.signal(signal.SIGINT, lambda *_: came.set()) if is_main else None
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if is_main:
            signal.signal(signal.SIGINT, handler or signal.SIG_DFL)  # None: not set by Python
        if came.is_set():
            signal.raise_signal(signal.SIGINT)


class _Process:
    """A process, and this end of the pipe to it."""

    def __init__(self) -> None:
        # Otherwise the first process starts it, and Python then unblocks the interrupt.
        resource_tracker.ensure_running()
        with _left_to_this_process():
            self.pipe, end = _CONTEXT.Pipe()
            self._process = _CONTEXT.Process(target=_serve, args=(end,), daemon=True)
            self._process.start()
            end.close()

    def greet(self) -> None:
        """Wait until one of the first processes has started."""
        try:
            self.receive()
        except DeadProcessError as error:
            raise RuntimeError(
                "a process of `workers` ended as it started; a script must start a job below "
                "`if __name__ == '__main__':`"
            ) from error

    def send(self, do: Callable[[Any], Iterable[Any]], task: Any) -> None:
        """Give it a task.  That it has died is noticed when it does not answer."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self.pipe.send((do, task))

    def receive(self) -> tuple[bool, Any]:
        """Whether its next message has a part of a result, and that; else the error or None."""
        try:
            return cast("tuple[bool, Any]", self.pipe.recv())
        except (EOFError, OSError) as error:
            raise DeadProcessError("a process of `workers` died") from error

    def end(self) -> None:
        self._process.kill()
        self._process.join()
        self.pipe.close()


class Processes:
    """Processes of one thread each, for the time of a ``with`` block or until a task fails.

    Parameters
    ----------
    n_processes : int
        How many.
    deaths : int
        How many processes may die over a task before it is given up.
    """

    def __init__(self, n_processes: int, deaths: int) -> None:
        self.n_processes, self.deaths = n_processes, deaths
        self._all: list[_Process] = []
        self._first: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []

    def __enter__(self) -> Self:
        try:
            self._all.extend(_Process() for _ in range(self.n_processes))
            for one in self._all:
                one.greet()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self.end()

    def end(self) -> None:
        """End the processes, whatever they are at."""
        for one in self._all:
            one.end()
        self._all.clear()

    def run(self, function: Callable[..., _Part], *arguments: Any) -> list[_Part]:
        """What a function returns in each process."""
        for one in self._all:
            one.send(_once, (function, arguments))
        return [self._answer_of(one) for one in self._all]

    def begin_with(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Call a function in each process, and first thing in each that replaces a dead one."""
        self._first.append((function, arguments))
        self.run(function, *arguments)

    def _answer_of(self, one: _Process) -> Any:
        is_part, found = one.receive()
        if not is_part:
            raise found
        one.receive()  # the end
        return found

    def replace(self, dead: _Process) -> _Process:
        """Start a process in the place of one that died, and do not wait for it."""
        dead.end()
        new = self._all[self._all.index(dead)] = _Process()
        return new

    def prepare(self, new: _Process) -> None:
        """Wait until a process that replaces another can take a task; it may die before."""
        new.receive()
        for call in self._first:
            new.send(_once, call)
            self._answer_of(new)

    def at_work(
        self,
        do: Callable[[_Task], Iterable[_Part]],
        finished: Callable[[_Task, _Part], None],
    ) -> _AtWork[_Task, _Part]:
        """Let the processes do tasks: see :func:`xgrad.workers.dispatch.drive`."""
        return _AtWork(self, list(self._all), do, finished)


@dataclass
class _Given(Generic[_Task]):
    """A task, how many processes died over it, and how many of its parts have arrived.

    Another process begins it again, so parts may arrive twice.
    """

    task: _Task
    deaths: int = 0
    reported: int = 0
    arrived: int = 0


class _AtWork(Generic[_Task, _Part]):
    """Processes that do tasks, for the time of a ``with`` block."""

    def __init__(
        self,
        processes: Processes,
        idle: list[_Process],
        do: Callable[[_Task], Iterable[_Part]],
        finished: Callable[[_Task, _Part], None],
    ) -> None:
        self._processes, self._idle, self._do, self._finished = processes, idle, do, finished
        self._running: dict[Any, tuple[_Process, _Given[_Task]]] = {}

    def __enter__(self) -> _AtWork[_Task, _Part]:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_error: object) -> None:
        if kind is None:
            return
        if issubclass(kind, Exception):
            for process, given in self._running.values():
                # The others finish the part that they are at, which is kept.
                with suppress(DeadProcessError):
                    is_part, found = process.receive()
                    if is_part:
                        self._note(given, found)
        self._processes.end()

    def room(self) -> int:
        """How many more tasks the processes can take."""
        return len(self._idle)

    def is_busy(self) -> bool:
        """Whether tasks are left that are not finished."""
        return bool(self._running)

    def submit(self, task: _Task) -> None:
        """Give a task to a process."""
        self._give(self._idle.pop(), _Given(task))

    def _give(self, process: _Process, given: _Given[_Task]) -> None:
        given.arrived = 0
        process.send(self._do, given.task)
        self._running[process.pipe] = process, given

    def collect(self) -> None:
        """Wait until something arrives, and raise its error if a task failed."""
        for pipe in wait(list(self._running)):
            process, given = self._running[pipe]
            try:
                is_part, found = process.receive()
            except DeadProcessError:
                del self._running[pipe]
                self._begin_again(process, given)
                continue
            if is_part:
                self._note(given, found)
                continue
            del self._running[pipe]
            self._idle.append(process)
            if found is not None:
                raise found

    def _note(self, given: _Given[_Task], part: _Part) -> None:
        given.arrived += 1
        if given.arrived > given.reported:
            given.reported += 1
            self._finished(given.task, part)

    def _begin_again(self, process: _Process, given: _Given[_Task]) -> None:
        """Give a task to another process; one that dies as it starts counts as well."""
        given.deaths += 1
        if given.deaths > self._processes.deaths:
            raise RuntimeError(
                f"every worker that was given {given.task} died; it may need more memory than a "
                "worker has, or crash its process"
            )
        new = self._processes.replace(process)
        try:
            self._processes.prepare(new)
        except DeadProcessError:
            self._begin_again(new, given)
        else:
            self._give(new, given)
