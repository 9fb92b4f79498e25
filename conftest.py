"""Run the code blocks of README.md and docs/*.md, each page in its own temporary folder.

Commands of xgrad run one after another in one process, because a process takes longer to start
than most of them to run.  All other commands run in a shell.
"""

from __future__ import annotations

import doctest
import os
import re
import shlex
import subprocess
import sys
import tempfile
from contextlib import ExitStack, chdir
from pathlib import Path
from typing import Any

import pytest
from sybil import Example, Sybil
from sybil.parsers.myst import CodeBlockParser, PythonCodeBlockParser

from tests.command import commands_of_all_tests, end_session
from tests.engines import chunk_managers_restored

# Settings of Sphinx, and what it makes of the examples, which tests/test_examples.py runs.
collect_ignore = ["docs/conf.py", "docs/gallery", "docs/_build"]

# These start processes, and take longest.  They come first, so that no processor waits for the last
# one (see --no-loadscope-reorder in pyproject.toml).
_LONGEST = ("docs/", "tests/jobs/", "tests/workers/", "tests/test_cli.py", "tests/test_examples.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the files, which are handed out to the processors one by one."""
    items.sort(key=lambda item: not item.nodeid.startswith(_LONGEST))


def pytest_sessionfinish() -> None:
    """End the process that has run the commands."""
    end_session()


_FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def _enter(namespace: dict[str, Any]) -> None:
    stack = namespace["_stack"] = ExitStack()
    stack.enter_context(chunk_managers_restored())
    stack.enter_context(chdir(stack.enter_context(tempfile.TemporaryDirectory(prefix="xgrad-"))))


def _leave(namespace: dict[str, Any]) -> None:
    namespace.pop("_stack").close()


def _run(command: str) -> subprocess.CompletedProcess[str]:
    """Run a command with this environment's programs, and stderr merged into stdout."""
    if re.fullmatch(r"xgrad [^|&;<>$*]+", command.rstrip()):
        done = commands_of_all_tests().run(*shlex.split(command)[1:])
        return subprocess.CompletedProcess(command, done.returncode, done.stdout + done.stderr)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return subprocess.run(
        ["bash", "-e", "-c", command],
        env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def _script(example: Example) -> str | None:
    """Run the lines of a ``sh`` block, which must succeed; return a failure, if any."""
    for command in example.parsed.replace("\\\n", " ").splitlines():
        ran = _run(command)
        if ran.returncode:
            return f"{command}\nexit status {ran.returncode}: {ran.stdout}"
    return None


def _console(example: Example) -> str | None:
    """Compare what each command after ``$`` in a ``console`` block prints with the text below."""
    checker = doctest.OutputChecker()
    for step in re.split(r"^\$ ", example.parsed, flags=re.MULTILINE)[1:]:
        command, _, expected = step.partition("\n")
        printed = _run(command).stdout
        if not checker.check_output(expected, printed, _FLAGS):
            case = doctest.Example(command, expected)
            return f"{command}\n{checker.output_difference(case, printed, _FLAGS)}"
    return None


_python = PythonCodeBlockParser(doctest_optionflags=_FLAGS)
_readme = Sybil([_python], patterns=["README.md"], setup=_enter, teardown=_leave)
_pages = Sybil(
    [_python, CodeBlockParser("sh", _script), CodeBlockParser("console", _console)],
    patterns=["docs/*.md"],
    setup=_enter,
    teardown=_leave,
)

pytest_collect_file = (_readme + _pages).pytest()
