"""The plan of a job."""

from __future__ import annotations

from pathlib import Path

from tests.jobs.helpers import small
from xgrad.jobs.api import plan_to_zarr
from xgrad.jobs.assignment import loaded


def test_the_plan_prints_itself_and_nothing_is_written(tmp_path: Path) -> None:
    small()[["t"]].to_zarr(
        tmp_path / "in.zarr", consolidated=False, encoding={"t": {"chunks": (4, 7, 11)}}
    )
    before = sorted(tmp_path.rglob("*"))
    memory = loaded() + 8 * 10**8
    plan = plan_to_zarr("gradient", tmp_path / "in.zarr", tmp_path / "out.zarr", memory=memory)
    assert sorted(tmp_path.rglob("*")) == before
    size = small().t.nbytes
    assert (plan.n_chunks, plan.n_regions) == (12, 4)
    assert (plan.bytes_read, plan.bytes_written) == (size, 3 * size)
    assert plan.peak < plan.memory.n_bytes == memory
    for word in ("in.zarr", "regions   4", "predicted", "as asked for", "24 kB", "4 × 7 × 11"):
        assert word in str(plan), str(plan)
