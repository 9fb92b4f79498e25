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

WIDTH, LABEL, BAR, LINE, MARGIN = 800, 330, 300, 19, 10
# Readable on a white page and on a black one.
STYLE = (
    "text { font: 13px sans-serif; fill: #6e7f96; }",
    ".title { font-weight: bold; }",
    ".own { fill: #2f7fd1; } .other { fill: #a8b4c4; }",
)


class Row(NamedTuple):
    """A task, and what xgrad and another need for it."""

    task: str
    other: str
    unit: str
    own: float
    others: float


def rows(page: str) -> dict[str, list[Row]]:
    """The bars of each part of the chart, from the tables of a page."""

    def number(section: str, begins: str, column: str) -> float:
        table = page.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
        lines = [_cells(line) for line in table.splitlines() if line.startswith("|")]
        heads = next(head for head in reversed(_heads(lines, begins)) if column in head)
        (found,) = [one for one in lines if one[: begins.count("|") + 1] == _cells(begins)]
        return float(found[heads.index(column)])

    array, stored = "float32 | uneven | 0", "three gradients → the maximum of each"
    wind, calm = "399 | the maximum of each level | {}", "Vorticity of a store"
    made = "float32 | uneven | {}"
    time = [
        Row("gradient in memory, uneven positions", "numpy.gradient", "ms",
            number("In memory", array, "xgrad"), number("In memory", array, "numpy")),
        Row("magnitude of the gradient in memory", "numpy", "ms",
            number("Magnitude and Laplacian", made.format("magnitude"), "xgrad, ms"),
            number("Magnitude and Laplacian", made.format("magnitude"), "numpy, ms")),
        Row("Laplacian in memory", "numpy", "ms",
            number("Magnitude and Laplacian", made.format("Laplacian"), "xgrad, ms"),
            number("Magnitude and Laplacian", made.format("Laplacian"), "numpy, ms")),
        Row("three gradients of a store → maxima", "xarray", "s",
            number("From a store", f"{stored} | xgrad", "seconds"),
            number("From a store", f"{stored} | xarray", "seconds")),
        Row("vorticity of a store → maxima", "MetPy", "s",
            number(calm, wind.format("xgrad"), "seconds"),
            number(calm, wind.format("MetPy"), "seconds")),
    ]  # fmt: skip
    memory = [
        Row("three gradients of a store → maxima", "xarray", "MB",
            number("From a store", f"{stored} | xgrad", "peak over base, MB"),
            number("From a store", f"{stored} | xarray", "peak over base, MB")),
        Row("vorticity of a store → maxima", "MetPy", "MB",
            number(calm, wind.format("xgrad"), "peak over base, MB"),
            number(calm, wind.format("MetPy"), "peak over base, MB")),
    ]  # fmt: skip
    return {"Time": time, "Peak memory": memory}


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
    for title, bars in rows(page).items():
        parts.append(_text(MARGIN, y, title, "title"))
        y += LINE + 4
        for bar in bars:
            longest = max(bar.own, bar.others)
            for kind, who, value in (
                ("own", "xgrad", bar.own),
                ("other", bar.other, bar.others),
            ):
                if kind == "own":
                    parts.append(_text(MARGIN, y, bar.task))
                length = round(BAR * value / longest, 1)
                parts.append(
                    f'<rect class="{kind}" x="{LABEL}" y="{y + 2}" width="{length}" '
                    f'height="{LINE - 5}"/>'
                )
                said = f"{value:g} {bar.unit}, {who}"
                parts.append(_text(LABEL + length + 6, y, said))
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
