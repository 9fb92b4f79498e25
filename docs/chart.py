"""Draw the chart of speed and memory in the README: ``python docs/chart.py``.

Writes ``docs/images/benchmarks.svg``.  Every number is read from the tables of
``docs/benchmarks.md``.
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).parent / "benchmarks.md"
PICTURE = Path(__file__).parent / "images" / "benchmarks.svg"

WIDTH, LABEL, BAR, LINE, MARGIN = 800, 300, 300, 19, 10
# Readable on a white page and on a black one.
STYLE = (
    "text { font: 13px sans-serif; fill: #6e7f96; }",
    ".title { font-weight: bold; }",
    ".own { fill: #2f7fd1; } .other { fill: #a8b4c4; }",
)


class Cell(NamedTuple):
    """A cell of a table: how its row begins, and its column."""

    row: str
    column: str


class Bars(NamedTuple):
    """A task, where the page has what xgrad and another need for it, and who that is."""

    task: str
    section: str
    own: Cell
    others: Cell
    other: str
    unit: str


_TABLES = "In memory", "Magnitude and Laplacian", "From a store", "Vorticity of a store"
_GRADIENT = "float32 | uneven | 0"
_MAGNITUDE, _LAPLACIAN = "float32 | uneven | magnitude", "float32 | uneven | Laplacian"
_MAXIMA, _CALM = "three gradients → the maximum of each", "399 | the maximum of each level"
_SECONDS, _PEAK = "seconds", "peak over base, MB"
SHOWN = {
    "Time": [
        Bars("gradient in memory, uneven positions", _TABLES[0],
             Cell(_GRADIENT, "xgrad"), Cell(_GRADIENT, "numpy"), "numpy.gradient", "ms"),
        Bars("magnitude of the gradient in memory", _TABLES[1],
             Cell(_MAGNITUDE, "xgrad, ms"), Cell(_MAGNITUDE, "numpy, ms"), "numpy", "ms"),
        Bars("Laplacian in memory", _TABLES[1],
             Cell(_LAPLACIAN, "xgrad, ms"), Cell(_LAPLACIAN, "numpy, ms"), "numpy", "ms"),
        Bars("three gradients of a store → maxima", _TABLES[2],
             Cell(f"{_MAXIMA} | xgrad", _SECONDS), Cell(f"{_MAXIMA} | xarray", _SECONDS),
             "xarray", "s"),
        Bars("vorticity of a store → maxima", _TABLES[3], Cell(f"{_CALM} | xgrad", _SECONDS),
             Cell(f"{_CALM} | MetPy", _SECONDS), "MetPy", "s"),
    ],
    "Peak memory": [
        Bars("three gradients of a store → maxima", _TABLES[2], Cell(f"{_MAXIMA} | xgrad", _PEAK),
             Cell(f"{_MAXIMA} | xarray", _PEAK), "xarray", "MB"),
        Bars("vorticity of a store → maxima", _TABLES[3], Cell(f"{_CALM} | xgrad", _PEAK),
             Cell(f"{_CALM} | MetPy", _PEAK), "MetPy", "MB"),
    ],
}  # fmt: skip


def numbers(page: str, bars: Bars) -> tuple[float, float]:
    """What xgrad and the other need for a task, from the table of a page."""
    table = page.partition(f"\n## {bars.section}\n")[2].partition("\n## ")[0]
    lines = [_cells(line) for line in table.splitlines() if line.startswith("|")]
    return _number(lines, bars.own), _number(lines, bars.others)


def _number(lines: list[list[str]], cell: Cell) -> float:
    heads = next(head for head in reversed(_heads(lines, cell.row)) if cell.column in head)
    (found,) = [one for one in lines if one[: cell.row.count("|") + 1] == _cells(cell.row)]
    return float(found[heads.index(cell.column)])


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _heads(lines: list[list[str]], begins: str) -> list[list[str]]:
    """The heads of the tables up to the row that begins so."""
    end = next(k for k, one in enumerate(lines) if one[: begins.count("|") + 1] == _cells(begins))
    return [
        lines[k - 1] for k in range(1, end) if all(re.fullmatch("-+", cell) for cell in lines[k])
    ]


def draw(page: str) -> str:
    """The chart as SVG: each pair of bars is scaled by the longer one."""
    parts, y = [], MARGIN
    for title, each in SHOWN.items():
        parts.append(_text(MARGIN, y, title, "title"))
        y += LINE + 4
        for bars in each:
            both = numbers(page, bars)
            parts.append(_text(MARGIN, y, bars.task))
            for kind, who, value in zip(("own", "other"), ("xgrad", bars.other), both, strict=True):
                length = round(BAR * value / max(both), 1)
                parts.append(
                    f'<rect class="{kind}" x="{LABEL}" y="{y + 2}" width="{length}" '
                    f'height="{LINE - 5}"/>'
                )
                parts.append(_text(LABEL + length + 6, y, f"{value:g} {bars.unit}, {who}"))
                y += LINE
            y += 6
        y += 6
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}"'
    style = f"<style>{' '.join(STYLE)}</style>"
    return "\n".join([f'{head} viewBox="0 0 {WIDTH} {y}">', style, *parts, "</svg>\n"])


def _text(x: float, y: float, text: str, kind: str = "") -> str:
    own = f' class="{kind}"' if kind else ""
    return f'<text{own} x="{x:g}" y="{y + 13}">{escape(text)}</text>'


if __name__ == "__main__":
    PICTURE.write_text(draw(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
