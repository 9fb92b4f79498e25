"""How far a job is, on stderr: a bar on a terminal, a line a minute in a log."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

import click

from xgrad._typing import Progress

# Seconds between two lines.  A scheduler that kills silent jobs waits several minutes.
INTERVAL = 60.0


@contextmanager
def shown(
    kind: Progress | bool, total: int, before: int, reused: int = 0
) -> Iterator[Callable[[int], None]]:
    """Show the progress of a job, for the time of a ``with`` block.

    Parameters
    ----------
    kind : {"auto", "bar", "log", "none"} or bool
        As for :func:`xgrad.gradient_to_zarr`.
    total : int
        Bytes of the target.
    before : int
        Bytes that earlier runs wrote.  They count neither for the rate nor for the time that is
        left.
    reused : int, default: 0
        Bytes of these that are kept of a store that grows.

    Yields
    ------
    callable
        Takes the number of bytes that have been written since the last call.
    """
    how = _decided(kind)
    resumed = earlier(reused / max(1, total), (before - reused) / max(1, total))
    if how == "bar":
        length = total - before
        with click.progressbar(
            length=length, file=sys.stderr, label=resumed or None, show_pos=False
        ) as bar:
            yield bar.update
    elif how == "log":
        with Log(total, before, _on_stderr) as log:
            if resumed:
                _on_stderr(resumed)
            yield log.add
    else:
        yield lambda _n_bytes: None


def earlier(reused: float, resumed: float) -> str:
    """In words, what shares of the target were there before this run.

    Examples
    --------
    >>> earlier(0.96, 0.0), earlier(0.5, 0.25)
    ('reused: 96%', 'reused: 50%; resumed: 25% was done before')
    """
    words = [f"reused: {reused:.0%}"] if reused else []
    if resumed > 0:
        words.append(f"resumed: {resumed:.0%} was done before")
    return "; ".join(words)


def _decided(kind: Progress | bool) -> str:
    if isinstance(kind, bool):
        kind = "auto" if kind else "none"
    if kind == "auto":
        return "bar" if sys.stderr.isatty() else "log"
    return kind


def _on_stderr(line: str) -> None:
    click.echo(f"{time.strftime('%Y-%m-%dT%H:%M:%S%z')} {line}", err=True)


class Log:
    """A line now and then, also while nothing is finished, for the time of a ``with`` block.

    Parameters
    ----------
    total, before : int
        As for :func:`shown`.
    say : callable
        Takes a line.
    interval : float
        Seconds between two lines.
    """

    def __init__(
        self, total: int, before: int, say: Callable[[str], Any], interval: float = INTERVAL
    ) -> None:
        self._total, self._before, self._say, self._interval = total, before, say, interval
        self._written, self._start = 0, time.monotonic()
        self._over = threading.Event()
        # A daemon, so that it never keeps the process alive.
        self._thread = threading.Thread(target=self._run, name="xgrad-progress", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()

    def add(self, n_bytes: int) -> None:
        """Count bytes that have been written.  Only one thread at a time may call it."""
        self._written += n_bytes

    def _run(self) -> None:
        while not self._over.wait(self._interval):
            self._say(self._line(time.monotonic() - self._start))

    def _line(self, seconds: float) -> str:
        """How far the job is, ``seconds`` after its start.

        Examples
        --------
        >>> log = Log(total=10**10, before=5 * 10**9, say=print)
        >>> log._line(60.0)
        '50% written; no region is finished since the start, 1 min ago'
        >>> log.add(10**9)
        >>> log._line(60.0)
        '60% written, 0.017 GB/s, 4 min left'
        """
        # Rounded down: a job that is not done never shows 100 %.
        done = f"{100 * (self._before + self._written) // self._total}% written"
        if not self._written:
            return f"{done}; no region is finished since the start, {_minutes(seconds)} ago"
        left = seconds * (self._total - self._before - self._written) / self._written
        return f"{done}, {self._written / seconds / 1e9:.2g} GB/s, {_minutes(left)} left"


def _minutes(seconds: float) -> str:
    """A time as people say it.

    Examples
    --------
    >>> _minutes(29), _minutes(240), _minutes(8000)
    ('less than 1 min', '4 min', '2 h 13 min')
    """
    minutes = round(seconds / 60)
    if not minutes:
        return "less than 1 min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
