"""Work in processes of this machine: nobody else can talk to them, and they may die."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest

from xgrad.workers import processes
from xgrad.workers.cluster import crew, peak_memory
from xgrad.workers.dispatch import drive
from xgrad.workers.memory import resident
from xgrad.workers.processes import Processes


@pytest.fixture(scope="module")
def both() -> Iterator[Processes]:
    with Processes(2, deaths=1) as started:
        yield started


def three_parts(task: int) -> list[tuple[int, int, int]]:
    return [(task, k, os.getpid()) for k in range(3)]


def test_each_part_arrives_once_and_in_order(both: Processes) -> None:
    seen: list[Any] = []
    drive(both, range(20), three_parts, lambda _, part: seen.append(part), n_lanes=1)
    for task in range(20):
        assert [k for one, k, _ in seen if one == task] == [0, 1, 2]
    assert {pid for *_, pid in seen} == set(both.run(os.getpid))
    assert os.getpid() not in both.run(os.getpid)


def dies_once(task: Path) -> Iterator[int]:
    yield 0
    yield 1
    if not task.exists():
        task.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    yield 2


def test_a_task_whose_process_died_is_begun_again_and_no_part_is_reported_twice(
    both: Processes, tmp_path: Path
) -> None:
    before, seen = both.run(os.getpid), []
    tasks = [tmp_path / f"{k}" for k in range(2)]
    drive(both, tasks, dies_once, lambda *both: seen.append(both), n_lanes=1)
    assert len(seen) == 6
    for task in tasks:
        assert [part for one, part in seen if one == task] == [0, 1, 2]
    assert not set(before) & set(both.run(os.getpid)), "both have been replaced"


def is_deadly(task: str) -> list[int]:
    with Path(task).open("a") as attempts:
        attempts.write("x")
    os.kill(os.getpid(), signal.SIGKILL)
    return []


@pytest.mark.thorough  # starts three processes
def test_a_task_that_kills_every_process_is_given_up_and_named(tmp_path: Path) -> None:
    task = str(tmp_path / "attempts")
    message = f"every worker that was given {task} died; it may"
    with pytest.raises(RuntimeError, match=message), Processes(1, deaths=1) as one:
        drive(one, [task], is_deadly, lambda *_: None, n_lanes=1)
    assert (tmp_path / "attempts").read_text() == "xx"


# Run by each process that starts: it dies as long as files are left.
DIES_AT_START = """
import os, signal
for left in os.scandir({folder!r}):
    os.remove(left)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def dies_at_start(folder: Path) -> None:
    exec(DIES_AT_START.format(folder=str(folder)))  # noqa: S102


def dies_and_lets_two_more_die(folder: Path) -> Iterator[int]:
    if not folder.with_suffix(".first").exists():
        for path in (folder.with_suffix(".first"), folder / "1", folder / "2"):
            path.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    yield 0


@pytest.mark.thorough  # starts processes for each death
@pytest.mark.parametrize("begins", [False, True], ids=["as python starts", "as the work begins"])
@pytest.mark.parametrize("deaths", [2, 3])
def test_a_process_that_dies_as_it_replaces_another_is_another_death_of_the_task(
    begins: bool, deaths: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, seen = tmp_path / "left", []
    folder.mkdir()
    if not begins:
        (tmp_path / "sitecustomize.py").write_text(DIES_AT_START.format(folder=str(folder)))
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with ExitStack() as expected, Processes(1, deaths) as one:
        if deaths < 3:
            message = f"every worker that was given {folder} died"
            expected.enter_context(pytest.raises(RuntimeError, match=message))
        if begins:
            one.begin_with(dies_at_start, folder)
        drive(one, [folder], dies_and_lets_two_more_die, lambda *part: seen.append(part), n_lanes=1)
    assert seen == [(folder, 0)] * (deaths == 3)
    assert list(folder.iterdir()) == []


class OddError(Exception):
    """One that cannot be made again from its arguments."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} and {two}")


def fails(error: tuple[type[Exception], *tuple[str, ...]]) -> Iterator[int]:
    kind, *arguments = error
    yield 0
    raise kind(*arguments)


class UnreadableTask:
    def __reduce__(self) -> Any:
        return int, ("nonsense",)


@pytest.mark.parametrize(
    ("do", "task", "parts", "error"),
    [
        (three_parts, 0, 3, "None"),
        (three_parts, UnreadableTask(), 0, "invalid literal for int"),
        (fails, (EOFError, "the file ends"), 1, "the file ends"),
        (fails, (OddError, "this", "that"), 1, "OddError: this and that"),
    ],
)
def test_whatever_a_task_raises_is_an_answer(do: Any, task: Any, parts: int, error: str) -> None:
    *found, last = processes._answers(pickle.dumps((do, task)))
    assert [is_part for is_part, _ in found] == [True] * parts
    assert not last[0]
    assert str(last[1]).startswith(error)


def fails_beside_another(task: int) -> Iterator[int]:
    yield 0
    if task:
        raise OddError("this", "that")
    yield from range(1, 10**9)


@pytest.mark.thorough  # starts two processes
def test_an_error_ends_the_work_at_the_next_part_of_the_others() -> None:
    seen: list[Any] = []
    with pytest.raises(RuntimeError, match="OddError: this and that"), Processes(2, 0) as both:
        drive(both, range(2), fails_beside_another, lambda *one: seen.append(one), n_lanes=1)
    assert {(0, 0), (1, 0)} <= set(seen)


def test_processes_share_what_the_machine_has(both: Processes) -> None:
    shared, alone = crew(both, None, resident), crew(None, None, resident)
    assert (shared.n_workers, shared.n_threads) == (2, 1)
    assert shared.memory.n_bytes <= alone.memory.n_bytes // 2
    assert shared.memory.origin.endswith(", shared by 2 processes")
    assert crew(both, 10**6, resident).memory.n_bytes == 10**6, "of each"
    assert 10**7 < shared.base <= peak_memory(both)


SCRIPT = """
import os, signal, sys
from xgrad.workers.processes import Processes

if {guard}:
    with Processes(1, deaths=0) as one:
        (blocked,) = one.run(signal.pthread_sigmask, signal.SIG_BLOCK, [])
        print(*one.run(os.getpid), int(signal.SIGINT in blocked), flush=True)
        sys.stdin.read()
"""

# Run as another user: try to open what the processes given as arguments have open.
INTRUDER = """
import os, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
opened = []
for pid in sys.argv[1:]:
    for number in range(64):
        for flags in (os.O_RDONLY, os.O_WRONLY):
            try:
                opened.append((pid, number, os.open(f"/proc/{pid}/fd/{number}", flags)))
            except (PermissionError, FileNotFoundError):
                pass
print(opened)
"""


@pytest.mark.thorough  # starts five processes
def test_they_are_unreachable_ignore_an_interrupt_and_end_with_their_parent(
    tmp_path: Path,
) -> None:
    (tmp_path / "script.py").write_text(SCRIPT.format(guard="__name__ == '__main__'"))
    with subprocess.Popen(
        [sys.executable, str(tmp_path / "script.py")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as parent:  # fmt: skip
        assert parent.stdout is not None
        child, blocks_interrupt = map(int, parent.stdout.readline().split())
        assert blocks_interrupt
        pids = [parent.pid, child]
        for pid in pids:
            connections = psutil.Process(pid).net_connections("all")
            assert [one for one in connections if one.laddr] == [], "no port, no named socket"
        if os.getuid() == 0:  # only root can become another user
            intruder = [sys.executable, "-c", INTRUDER, *map(str, pids)]
            done = subprocess.run(intruder, capture_output=True, text=True, check=True)
            assert done.stdout == "[]\n"
        orphan = psutil.Process(child)
        parent.kill()
        assert psutil.wait_procs([orphan], timeout=60)[1] == []


LOCKS = """
from xgrad.workers.processes import Processes

if __name__ == "__main__":
    with Processes(2, deaths=0) as both:
        both.begin_with(exec, "import numcodecs; lock = numcodecs.Blosc().encode(bytes(99))")
        both.begin_with(exec, "import sys, multiprocessing; sys.lock = multiprocessing.Lock()")
"""


@pytest.mark.thorough  # starts processes three times
def test_locks_of_killed_processes_leave_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(LOCKS)
    done = subprocess.run(
        [sys.executable, str(tmp_path / "script.py")],
        capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONWARNINGS": "default"},
    )  # fmt: skip
    assert "leaked" not in done.stderr


@pytest.mark.thorough  # starts processes twice
def test_a_script_without_a_guard_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT.format(guard="True"))
    done = subprocess.run(
        [sys.executable, str(tmp_path / "script.py")],
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 1
    assert "must start a job below `if __name__ == '__main__':`" in done.stderr.splitlines()[-1]
