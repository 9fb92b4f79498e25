"""What ``--memory`` promises is kept, whatever the shape: the grid of :mod:`benchmarks.promise`."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import promise


@pytest.mark.thorough
@pytest.mark.parametrize("name", promise.CASES)
def test_the_promise_is_kept_and_the_plan_is_not_far_above(name: str, tmp_path: Path) -> None:
    for one in promise.peaks(promise.CASES[name], tmp_path):
        assert one.used <= one.promised, one
        assert one.used <= one.predicted <= one.promised, one
        if "worker" not in name:  # the plan is for workers, and the largest may be the command
            assert one.predicted <= 1.5 * one.used, one
