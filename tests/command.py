"""The installed command, in a separate process."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

COMMAND = shutil.which("xgrad", path=str(Path(sys.executable).parent)) or "xgrad"


def run(*arguments: Any, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [COMMAND, *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=900, **options
    )


def fails(message: str, *arguments: Any, **options: Any) -> None:
    is_one_line(message, run(*arguments, **options))


def is_one_line(message: str, done: subprocess.CompletedProcess[str]) -> None:
    """Check for one clear line, no traceback and a non-zero exit status."""
    assert done.returncode != 0
    assert message in done.stderr, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("Error: "), done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr


def started(*arguments: Any, **options: Any) -> subprocess.Popen[str]:
    command = [COMMAND, *map(str, arguments)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **options)


@contextmanager
def stopped(process: subprocess.Popen[str], ready: Callable[[], bool]) -> Iterator[None]:
    """Stop a process when it is ready, for the duration of the block."""
    assert wait_until(ready, process)
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[str]) -> bool:
    """Wait until a process is ready, and return whether it is still running.

    Between checks, the processor is left to the process.
    """
    while process.poll() is None:
        start = time.perf_counter()
        if ready():
            break
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=max(0.002, 3 * (time.perf_counter() - start)))
    return process.poll() is None


# A process takes longer to start than most commands to run.
ONE_BY_ONE = """
import json, os, sys
from click.testing import CliRunner
from xgrad.cli import main
for line in sys.stdin:
    folder, *command = json.loads(line)
    os.chdir(folder)
    done = CliRunner().invoke(main, command)
    print(json.dumps([done.exit_code, done.stdout, done.stderr]), flush=True)
"""


class Session:
    """A process that runs one command after another."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, *arguments: Any) -> subprocess.CompletedProcess[str]:
        command, stdin, stdout = [*map(str, arguments)], self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps([str(Path.cwd()), *command]) + "\n")
        stdin.flush()
        return subprocess.CompletedProcess(command, *json.loads(stdout.readline()))

    def fails(self, message: str, *arguments: Any) -> None:
        is_one_line(message, self.run(*arguments))


@contextmanager
def session(**options: Any) -> Iterator[Session]:
    with subprocess.Popen(
        [sys.executable, "-c", ONE_BY_ONE],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options,
    ) as process:  # fmt: skip
        yield Session(process)


_KEPT = ExitStack()


@cache
def commands_of_all_tests() -> Session:
    """A session for all tests of this process, which :func:`end_session` ends."""
    return _KEPT.enter_context(session())


def end_session() -> None:
    _KEPT.close()
    commands_of_all_tests.cache_clear()


def on_a_terminal(*arguments: Any) -> tuple[int, str]:
    master, slave = pty.openpty()
    process = subprocess.Popen([COMMAND, *map(str, arguments)], stdout=slave, stderr=slave)
    os.close(slave)
    shown = b""
    while True:
        try:
            part = os.read(master, 4096)
        except OSError:  # Linux raises this when the other side is closed
            break
        if not part:
            break
        shown += part
    os.close(master)
    return process.wait(), shown.decode()
