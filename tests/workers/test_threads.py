"""Tasks in threads of this process."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator

import pytest

from xgrad.workers.dispatch import drive


def test_no_more_tasks_are_made_than_threads_can_do() -> None:
    made, done = itertools.count(), itertools.count()
    n_made = n_done = 0

    def tasks() -> Iterator[int]:
        nonlocal n_made
        for task in range(50):
            n_made = 1 + next(made)
            assert n_made - n_done <= 3 + 1, "three that are done, and the next one"
            yield task

    def finished(_task: int, _part: int) -> None:
        nonlocal n_done
        n_done = 1 + next(done)

    drive(None, tasks(), lambda task: [task], finished, n_lanes=3)
    assert n_made == n_done == 50


def test_parts_are_finished_by_one_thread_at_a_time_and_in_order() -> None:
    alone, seen = threading.Lock(), []

    def finished(task: int, part: int) -> None:
        assert alone.acquire(blocking=False)
        seen.append((task, part))
        alone.release()

    drive(None, range(8), lambda _task: range(100), finished, n_lanes=4)
    assert len(seen) == 800
    for task in range(8):
        assert [part for one, part in seen if one == task] == list(range(100))


def test_after_an_error_the_other_threads_stop_at_their_next_part() -> None:
    at_work = threading.Event()

    def do(task: int) -> Iterator[int]:
        if task == 0:
            yield from itertools.count()  # would never end
        at_work.wait()
        raise ValueError("the second")

    with pytest.raises(ValueError, match="the second"):
        drive(None, range(2), do, lambda *_: at_work.set(), n_lanes=2)
