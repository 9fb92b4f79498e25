"""The chart in the README shows the tables of docs/benchmarks.md as they are."""

from __future__ import annotations

import re
from pathlib import Path

from tests.helpers import script

DOCS = Path(__file__).parent.parent / "docs"


SCRIPT = script(DOCS / "chart.py")
PAGE = SCRIPT.PAGE.read_text(encoding="utf-8")


def test_the_chart_is_what_the_script_draws_now() -> None:
    committed = SCRIPT.PICTURE.read_text(encoding="utf-8")
    assert committed == SCRIPT.draw(PAGE), "redraw it with `python docs/chart.py`"


def test_a_number_of_the_table_is_a_bar_of_the_chart() -> None:
    row = re.search(r"^\| float32 \| uneven \| 0 \| ([\d.]+) \| ([\d.]+) ", PAGE, re.MULTILINE)
    assert row is not None
    first = SCRIPT.SHOWN["Time"][0]
    assert SCRIPT.numbers(PAGE, first) == (float(row[1]), float(row[2]))
    other = PAGE.replace(row[0], "| float32 | uneven | 0 | 25.2 | 50.4 ")
    assert SCRIPT.numbers(other, first) == (25.2, 50.4)
    assert ">25.2 ms, xgrad<" in SCRIPT.draw(other)
