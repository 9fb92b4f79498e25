"""How far a job is, as it is shown."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.command import Session, on_a_terminal
from tests.helpers import mostly_thorough
from tests.jobs.helpers import small, spoiled
from xgrad.jobs.api import gradient_to_zarr, plan_to_zarr
from xgrad.jobs.progress import Log, shown


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A store of which a job has done three quarters of the chunks, which are not all alike."""
    given = small()[["t"]].isel(time=slice(0, 13))
    encoding = {"t": {"chunks": (4, 7, 11)}}
    given.to_zarr(tmp_path / "in.zarr", encoding=encoding, zarr_format=2)
    with spoiled(tmp_path / "in.zarr" / "t" / "3.0.0"), pytest.raises(RuntimeError):
        gradient_to_zarr(tmp_path / "in.zarr", tmp_path / "out.zarr", dim="x", retries=0)
    return tmp_path / "in.zarr"


def test_a_report_counts_this_run_and_says_what_was_done_before(
    source: Path, tmp_path: Path
) -> None:
    whole = small().t.nbytes
    report = gradient_to_zarr(source, tmp_path / "out.zarr", dim="x")
    assert (report.bytes_read, report.bytes_written) == (whole // 13, whole // 13)
    assert report.done_before == pytest.approx(12 / 13)
    assert "resumed: 92% was done before" in str(report)
    report = gradient_to_zarr(source, tmp_path / "out.zarr", dim="x", overwrite=True)
    assert (report.bytes_read, report.bytes_written, report.done_before) == (whole, whole, 0)
    assert "resumed" not in str(report)


@pytest.mark.parametrize("progress", mostly_thorough(["auto", "log", "bar", "none"], "log", "none"))
def test_a_command_says_what_it_resumes(
    commands: Session, source: Path, tmp_path: Path, progress: str
) -> None:
    done = commands.run(
        "gradient", source, tmp_path / "out.zarr", "--dim", "x", "--progress", progress
    )
    assert (done.returncode, done.stdout) == (0, "")
    assert ("resumed: 92% was done before" in done.stderr) == (progress != "none")
    assert len(done.stderr.splitlines()) == (progress != "none")


@pytest.mark.thorough  # a process of its own; test_memory.py has a terminal, too
def test_a_terminal_gets_a_bar_of_what_is_left(source: Path, tmp_path: Path) -> None:
    status, lines = on_a_terminal("gradient", source, tmp_path / "out.zarr", "--dim", "x")
    assert status == 0
    assert "resumed: 92% was done before  [" in lines
    assert "100%" in lines


def test_a_log_has_lines_even_while_nothing_is_finished() -> None:
    lines: list[str] = []
    twice = threading.Event()

    def say(line: str) -> None:
        lines.append(line)
        if len(lines) > 1:
            twice.set()

    with Log(100, 0, say, interval=1e-3):
        assert twice.wait(60)
    n = len(lines)
    assert lines[0].startswith("0% written; no region is finished since the start")
    assert threading.active_count() == 1 or "xgrad-progress" not in {
        one.name for one in threading.enumerate()
    }
    assert len(lines) == n


@pytest.mark.parametrize("before", [0, 30])
def test_the_rate_and_what_is_left_are_those_of_this_run(before: int) -> None:
    log = Log(10**9 * 90 + before, before, print)
    log.add(30 * 10**9)
    assert log._line(300.0).endswith("% written, 0.1 GB/s, 10 min left")


def test_what_is_not_finished_is_never_100_percent() -> None:
    log = Log(1000, 0, print)
    log.add(999)
    assert log._line(1.0).startswith("99% written")


@pytest.mark.parametrize("kind", [False, "none"])
def test_silence(kind: Any, capfd: pytest.CaptureFixture[str]) -> None:
    with shown(kind, 10, 5) as update:
        update(5)
    assert capfd.readouterr() == ("", "")


def test_another_word_is_refused(tmp_path: Path) -> None:
    small()[["t"]].to_zarr(tmp_path / "in.zarr", zarr_format=2)
    progress: Any = "bars"
    with pytest.raises(ValueError, match="`progress` is 'bars'; give 'auto', 'bar', 'log', 'none'"):
        plan_to_zarr("gradient", tmp_path / "in.zarr", tmp_path / "o.zarr", progress=progress)
    assert np.array_equal(list(tmp_path.iterdir()), [tmp_path / "in.zarr"])
