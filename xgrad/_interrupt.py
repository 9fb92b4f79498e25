"""Ctrl-C ends the command in one line, from the first of its imports, which take a second."""

import os
import signal
import sys
from typing import Any


def interrupted(*_signal: Any) -> None:
    """End this process, with the status that shells use for a command ended by SIGINT."""
    # Exit at once: an exception might be swallowed, and would wait for threads that are still
    # writing.  The next run resumes from what is left, as it does after a kill.
    os.write(2, b"\nError: interrupted; run the same command again to resume\n")
    os._exit(130)


def _is_command() -> bool:
    """Whether this process runs the command, and not a program that imports the package."""
    if sys.argv[0] == "-m":  # so it is while Python looks for the module to run
        return "xgrad" in sys.orig_argv
    return sys.argv[0].rpartition("/")[2] == "xgrad"


if _is_command():
    signal.signal(signal.SIGINT, interrupted)
