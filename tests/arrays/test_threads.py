"""The law of threads: each piece is worked on once, and no error is lost."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xgrad.arrays import threads


@pytest.mark.parametrize("cores", [1, 3, 8])
@given(st.integers(0, 20), st.integers(1, 40))
def test_each_piece_is_worked_on_once(cores: int, worth: int, size: int) -> None:
    count, parts = np.zeros(size, int), []

    def work(part: slice) -> None:
        count[part] += 1
        parts.append(threading.get_ident())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threads, "CPU_COUNT", cores)
        threads.in_threads(worth * threads._BYTES_PER_THREAD, size, work)
    assert (count == 1).all()
    assert len(parts) == max(1, min(cores, worth, size))
    assert threading.get_ident() in parts, "the calling thread does its share"


def test_little_work_stays_in_the_calling_thread() -> None:
    found: list[Any] = []
    threads.in_threads(
        threads._BYTES_PER_THREAD, 9, lambda part: found.append((part, threading.get_ident()))
    )
    assert found == [(slice(0, 9), threading.get_ident())]


@pytest.mark.parametrize("failing", [0, 3])
def test_an_error_in_any_thread_is_raised(failing: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "CPU_COUNT", 4)

    def work(part: slice) -> None:
        if part.start == failing:
            raise MemoryError(f"in part {part.start}")

    with pytest.raises(MemoryError, match=f"in part {failing}"):
        threads.in_threads(4 * threads._BYTES_PER_THREAD, 4, work)
