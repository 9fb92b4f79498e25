"""The law of needs: a larger region needs more, and so does one that reads ahead."""

from __future__ import annotations

from pathlib import Path

from tests.jobs.helpers import small
from xgrad.jobs.needs import Needs
from xgrad.jobs.request import Job, Request


def needs(path: Path, **options: object) -> Needs:
    job = Job(Request(str(path), ("t",), "time", {}, options, "token"))
    return Needs.of(job, job.groups[0])


def test_needs_grow_with_the_region_and_with_what_is_asked(tmp_path: Path) -> None:
    small()[["t"]].to_zarr(tmp_path / "in.zarr", consolidated=False)
    plain = needs(tmp_path / "in.zarr")
    sides = (100, 200, 300)
    for k in range(3):
        larger = tuple(2 * n if j == k else n for j, n in enumerate(sides))
        assert plain.of_region(larger, 0, ahead=False) > plain.of_region(sides, 0, ahead=False)
    assert plain.of_region(sides, 0, ahead=True) > plain.of_region(sides, 0, ahead=False)
    wide = needs(tmp_path / "in.zarr", accuracy=8)
    assert wide.of_region(sides, 0, ahead=True) > plain.of_region(sides, 0, ahead=True)
    gaps = needs(tmp_path / "in.zarr", accuracy=8, skipna=True)
    assert gaps.of_region((4, 2000, 300), 0, ahead=True) > wide.of_region(
        (4, 2000, 300), 0, ahead=True
    )
