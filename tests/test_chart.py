"""The chart in the README shows the tables of docs/benchmarks.md as they are."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

DOCS = Path(__file__).parent.parent / "docs"


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("chart", DOCS / "chart.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SCRIPT = _script()
PAGE = SCRIPT.PAGE.read_text(encoding="utf-8")


def test_the_chart_is_what_the_script_draws_now() -> None:
    committed = SCRIPT.PICTURE.read_text(encoding="utf-8")
    assert committed == SCRIPT.draw(PAGE), "redraw it with `python docs/chart.py`"


def test_a_number_of_the_table_is_a_bar_of_the_chart() -> None:
    row = re.search(r"^\| float32 \| uneven \| 0 \| ([\d.]+) \| ([\d.]+) ", PAGE, re.MULTILINE)
    assert row is not None
    bars = SCRIPT.rows(PAGE.replace(row[0], "| float32 | uneven | 0 | 25.2 | 50.4 "))
    assert (bars["Time"][0].own, bars["Time"][0].others) == (25.2, 50.4)
    assert bars["Time"][1:] == SCRIPT.rows(PAGE)["Time"][1:]
