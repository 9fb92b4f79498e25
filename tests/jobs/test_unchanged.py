"""Which rows of chunks keep their values, stencil by stencil."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.jobs.growing import Case, data, write
from xgrad.jobs.request import Job, Request
from xgrad.jobs.unchanged import rows

EVEN = np.arange(32) * 2.0
UNEVEN = np.cumsum(np.random.default_rng(1).random(32) + 0.1)


def kept(folder: Path, times: Any, known: int = 24, dim: Any = "time", **options: Any) -> str:
    """Rows of four cells that stay the same when 24 cells become 32: + for each, else -."""
    case = Case(data(times)[["u"]], (32,))
    write(case, folder / "in.zarr", 0, 32)
    job = Job(Request(str(folder / "in.zarr"), None, dim, {}, options, "a run"))  # type: ignore[arg-type]
    (then,), (now,) = job.until("time", 24).groups, job.groups
    return "".join("-+"[int(row)] for row in rows(then, now, 0, known))


@pytest.mark.parametrize(
    ("expected", "times", "options"),
    [
        ("+++++---", UNEVEN, {}),
        ("+++++---", UNEVEN, {"edge_order": 2}),
        ("++++++--", UNEVEN, {"dim": "x"}),
        ("+++++---", EVEN, {"accuracy": 8}),
        ("++++----", EVEN, {"accuracy": 6, "skipna": True}),
        ("+++++---", EVEN, {"boundary": "extend"}),
        ("-++++---", EVEN, {"boundary": "periodic", "period": {"time": 99.0}}),
        ("--------", np.where(EVEN > 60, EVEN + 1, EVEN), {}),
        ("+++++---", np.where(EVEN > 60, EVEN + 1, EVEN), {"accuracy": 4}),
        ("+++-----", UNEVEN, {"known": 16}),
        ("++++----", UNEVEN, {"known": 16, "dim": "x"}),
        ("--------", UNEVEN, {"known": 0}),
        ("++++++--", UNEVEN, {"dim": "y", "spacing": {"y": "height"}}),
        ("--------", UNEVEN, {"spacing": {"time": "height"}}),
    ],
)
def test_rows(expected: str, times: Any, options: dict[str, Any], tmp_path: Path) -> None:
    assert kept(tmp_path, times, **options) == expected


def test_a_source_that_is_the_same_keeps_all(tmp_path: Path) -> None:
    case = Case(data(UNEVEN)[["u"]], (30,))
    write(case, tmp_path / "in.zarr", 0, 30)
    for boundary in ("one-sided", "reflect"):
        options: Any = {"boundary": boundary}
        job = Job(Request(str(tmp_path / "in.zarr"), None, "time", {}, options, "a run"))
        (then,), (now,) = job.until("time", 30).groups, job.groups
        assert rows(then, now, 0, 30).all()
