"""Tasks that are handed out to a cluster."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import distributed
import pytest

from xgrad.workers.dispatch import drive


class Dying:
    """A part that kills its worker, with all results in it, when it is sent for the first time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> Any:
        try:
            (self.folder / "has died").touch(exist_ok=False)
        except FileExistsError:
            return (Dying, (self.folder,))
        return os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.thorough  # a cluster takes seconds to start; test_processes.py has the law
def test_a_result_that_dies_with_its_worker_is_made_again(
    client: distributed.Client, tmp_path: Path
) -> None:
    seen: list[tuple[int, str]] = []
    drive(
        client, range(12), lambda task: [task, Dying(tmp_path)],
        lambda task, part: seen.append((task, type(part).__name__)), n_lanes=1,
    )  # fmt: skip
    assert (tmp_path / "has died").exists()
    assert sorted(seen) == [(task, name) for task in range(12) for name in ("Dying", "int")]


@pytest.mark.thorough
def test_a_cluster_that_is_restarted_gets_its_tasks_again() -> None:
    # A separate cluster: distributed loses a process that is restarted while it starts, as those of
    # the test above may be.
    seen: list[int] = []
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0"
        ) as processes,
        distributed.Client(processes) as client,
    ):

        def finished(task: int, _part: int) -> None:
            if not seen:
                client.restart(wait_for_workers=False)  # they come back while `drive` continues
            seen.append(task)

        drive(client, range(12), lambda task: [task], finished, n_lanes=1)
    assert sorted(seen) == list(range(12))


@pytest.mark.thorough  # starts a cluster of its own
def test_an_error_is_raised_while_others_are_at_work(client: distributed.Client) -> None:
    def work(task: int) -> list[int]:
        if task == 3:
            raise ValueError("the third")
        return [task] if task < 3 else [task] * distributed.Event("never").wait(timeout=600)

    with pytest.raises(ValueError, match="the third"):
        drive(client, range(12), work, lambda *_: None, n_lanes=1)
    distributed.Event("never", client=client).set()
