"""Limits of memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from xgrad.workers.memory import _of_cgroups, allowed


def test_the_limits_of_memory() -> None:
    half = allowed()
    assert half.origin.startswith("half of the ")
    assert allowed(10**6).n_bytes == 10**6
    assert allowed(10**18).n_bytes == 2 * half.n_bytes or allowed(10**18).n_bytes == pytest.approx(
        2 * half.n_bytes, abs=1
    )


def test_limits_of_control_groups_are_read(tmp_path: Path) -> None:
    root, membership = tmp_path / "cgroup", tmp_path / "membership"
    (root / "slice" / "job").mkdir(parents=True)
    (root / "slice" / "memory.max").write_text("2000000000\n")
    (root / "slice" / "job" / "memory.max").write_text("max\n")
    (root / "memory" / "docker").mkdir(parents=True)
    (root / "memory" / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    (root / "memory" / "docker" / "memory.limit_in_bytes").write_text("3000000000\n")
    membership.write_text("4:memory:/docker\n3:cpu:/docker\n0::/slice/job\n")
    found = [limit.n_bytes for limit in _of_cgroups(membership, root)]
    assert sorted(found) == [2_000_000_000, 3_000_000_000]
