"""The installed command, in a process of its own."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

COMMAND = shutil.which("xgrad", path=str(Path(sys.executable).parent)) or "xgrad"


def run(*arguments: Any, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [COMMAND, *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=900, **options
    )


def fails(message: str, *arguments: Any, **options: Any) -> None:
    """One clear line, no traceback, and an exit status that a shell sees."""
    done = run(*arguments, **options)
    assert done.returncode != 0
    assert message in done.stderr, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("Error: "), done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr


def on_a_terminal(*arguments: Any) -> tuple[int, str]:
    master, slave = pty.openpty()
    process = subprocess.Popen([COMMAND, *map(str, arguments)], stdout=slave, stderr=slave)
    os.close(slave)
    shown = b""
    while True:
        try:
            part = os.read(master, 4096)
        except OSError:  # Linux says so when the other side is closed
            break
        if not part:
            break
        shown += part
    os.close(master)
    return process.wait(), shown.decode()
