"""Draw the packages of xgrad and their imports: ``python docs/packages.py``.

Writes ``docs/images/packages.svg``.  Everything is read from the source; nothing is placed by hand.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from pathlib import Path

SOURCE = Path(__file__).parent.parent / "xgrad"
PICTURE = Path(__file__).parent / "images" / "packages.svg"

# In pixels.  A text is as wide as `CHARACTER` says in every font, since it has a `textLength`.
WIDTH, MARGIN, GAP, BETWEEN_LAYERS = 800.0, 8.0, 26.0, 40.0
LINE, CHARACTER, PADDING, ROOM_FOR_AN_ARROW = 18.0, 7.5, 12.0, 10.0
CHARACTERS_IN_A_LINE, SWEEPS = 28, 24
# Boxes bring their own background, so that the picture is legible on a white page and a black one.
STYLE = (
    "text { font: 12.5px monospace; fill: #2c3e57; }",
    ".title { font-weight: bold; fill: #12243d; }",
    "rect { fill: #dbe7f6; stroke: #5b7fae; }",
    "path { fill: none; stroke: #8493a8; stroke-width: 1.6; marker-end: url(#head); }",
    "marker path { fill: #8493a8; stroke: none; marker-end: none; }",
)
HEAD = (
    '<marker id="head" viewBox="0 0 8 8" refX="4" refY="4" markerWidth="5" markerHeight="5"'
    ' orient="auto"><path d="M0 0 L8 4 L0 8 z"/></marker>'
)

Imports = Mapping[str, frozenset[str]]


def packages(source: Path) -> dict[str, list[Path]]:
    """The files of each package; a module at the top counts as a package."""
    found: dict[str, list[Path]] = {}
    for path in sorted(source.rglob("*.py")):
        found.setdefault(path.relative_to(source).with_suffix("").parts[0], []).append(path)
    return found


def imports(source: Path) -> Imports:
    """The other packages that each package imports."""
    files = packages(source)
    found = {}
    for name, paths in files.items():
        below = {one for path in paths for one in _imported(path, source.name)}
        found[name] = frozenset({one if one in files else "__init__" for one in below} - {name})
    return found


def _imported(path: Path, top: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        yield from (f"{n}.".split(".")[1] for n in names if n.split(".")[0] == top)


def arrows(found: Imports) -> list[tuple[str, str]]:
    """The imports without those that follow from others: no a → c if there is a → b → c."""

    def reached(name: str) -> set[str]:
        return {name}.union(*map(reached, found[name]))

    return [
        (name, below)
        for name in sorted(found)
        for below in sorted(found[name])
        if not any(below in reached(other) for other in found[name] - {below})
    ]


def layers(found: Imports) -> list[list[str]]:
    """The packages from top to bottom, each as high as those that import it allow."""
    depth: dict[str, int] = {}

    def above(name: str, way: tuple[str, ...]) -> int:
        if name in way:
            raise ValueError(f"these packages import each other: {' → '.join((*way, name))}")
        if name not in depth:
            users = [above(one, (*way, name)) for one in found if name in found[one]]
            depth[name] = 1 + max(users, default=-1)
        return depth[name]

    rows: list[list[str]] = [[] for _ in range(1 + max(above(name, ()) for name in found))]
    for name in sorted(found):
        rows[depth[name]].append(name)
    return rows


@dataclass
class Box:
    """A package in its layer, or the place where a long arrow crosses a layer."""

    title: str
    lines: Sequence[str]
    layer: int
    x: float = 0.0
    y: float = 0.0
    height: float = 0.0

    def __post_init__(self) -> None:
        self.height = LINE * (1 + len(self.lines)) + PADDING

    @property
    def width(self) -> float:
        longest = max(map(len, [self.title, *self.lines]))
        return CHARACTER * longest + 2 * PADDING if self.title else ROOM_FOR_AN_ARROW

    @property
    def middle(self) -> float:
        return self.x + self.width / 2


def boxes(source: Path, rows: Sequence[Sequence[str]]) -> dict[str, Box]:
    """A box with the names of the modules for each package."""
    made = {}
    files = packages(source)
    for layer, names in enumerate(rows):
        for name in names:
            within = [path.stem for path in files[name] if path.stem not in {"__init__", name}]
            lines = textwrap.wrap(", ".join(within), CHARACTERS_IN_A_LINE)
            made[name] = Box(f"{name}/" if lines else f"{name}.py", lines, layer)
    return made


def routes(found: Imports, made: Mapping[str, Box]) -> list[list[Box]]:
    """The boxes that each arrow passes: its ends, and a crossing for each layer between them."""
    return [
        [
            made[start],
            *(Box("", (), layer) for layer in range(made[start].layer + 1, made[end].layer)),
            made[end],
        ]
        for start, end in arrows(found)
    ]


def arrange(rows: list[list[Box]], ways: Sequence[Sequence[Box]]) -> float:
    """Order the boxes of each layer so that few arrows cross, and place them; the width."""
    steps = [step for way in ways for step in pairwise(way)]
    width = max(WIDTH, *(_spread(row, 0.0) for row in rows))
    best: tuple[tuple[int, float], list[list[Box]]] | None = None
    for sweep in range(SWEEPS):
        for row in rows if sweep % 2 else rows[::-1]:
            row.sort(key=lambda box: _pull(box, steps, upwards=bool(sweep % 2)))
            _spread(row, width)
        tangle = _crossings(steps), sum(abs(a.middle - b.middle) for a, b in steps)
        if best is None or tangle < best[0]:
            best = tangle, [list(row) for row in rows]
    assert best is not None
    y = MARGIN
    for row in best[1]:
        _spread(row, width)
        height = max(box.height for box in row)
        for box in row:
            box.height = box.height if box.title else height
            box.y = y + (height - box.height) / 2
        y += height + BETWEEN_LAYERS
    rows[:] = best[1]
    return width


def _spread(row: Sequence[Box], width: float) -> float:
    """Place the boxes of a layer side by side in the middle; how wide they are together."""
    whole = sum(box.width for box in row) + GAP * (len(row) - 1)
    x = (width - whole) / 2
    for box in row:
        box.x = x
        x += box.width + GAP
    return whole + 2 * MARGIN


def _pull(box: Box, steps: Sequence[tuple[Box, Box]], *, upwards: bool) -> float:
    """The mean position of the boxes at the other ends of a box's arrows."""
    ends = [(a if b is box else b).middle for a, b in steps if (b if upwards else a) is box]
    return sum(ends) / len(ends) if ends else box.middle


def _crossings(steps: Sequence[tuple[Box, Box]]) -> int:
    return sum(
        a.layer == c.layer and (a.x - c.x) * (b.x - d.x) < 0
        for number, (a, b) in enumerate(steps)
        for c, d in steps[:number]
    )


def _port(box: Box, others: Sequence[Box], other: Box) -> float:
    """Where an arrow meets the edge of a box: beside the others, in the order of their ends."""
    if not box.title:
        return box.middle
    place = sorted(others, key=lambda one: one.middle).index(other)
    return box.x + box.width * (0.2 + 0.6 * (place + 0.5) / len(others))


def _arrow(way: Sequence[Box], steps: Sequence[tuple[Box, Box]]) -> str:
    path = ""
    for a, b in pairwise(way):
        x = _port(a, [end for start, end in steps if start is a], b)
        to = _port(b, [start for start, end in steps if end is b], a)
        y, down = a.y + a.height, b.y - (5 if b.title else 0)
        path += f" L{x:.1f} {y:.1f}" if path else f"M{x:.1f} {y:.1f}"
        half = (y + down) / 2
        path += f" C{x:.1f} {half:.1f} {to:.1f} {half:.1f} {to:.1f} {down:.1f}"
    return f'<path d="{path}"/>'


def _text(box: Box) -> Iterator[str]:
    x, y = box.x + PADDING, box.y + LINE
    for number, line in enumerate([box.title, *box.lines]):
        kind, length = "text" if number else "title", CHARACTER * len(line)
        yield (
            f'<text class="{kind}" x="{x:.1f}" y="{y + LINE * number:.1f}"'
            f' textLength="{length:.1f}">{escape(line)}</text>'
        )


def draw(source: Path) -> str:
    """The picture as SVG."""
    found = imports(source)
    made = boxes(source, layers(found))
    ways = routes(found, made)
    every = [*made.values(), *(box for way in ways for box in way[1:-1])]
    rows = [[box for box in every if box.layer == n] for n in range(len(layers(found)))]
    width = arrange(rows, ways)
    height = max(box.y + box.height for box in every) + MARGIN
    steps = [step for way in ways for step in pairwise(way)]
    size = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}>',
        "<title>The packages of xgrad and their imports</title>",
        "<style>",
        *STYLE,
        "</style>",
        HEAD,
        *(_arrow(way, steps) for way in ways),
    ]
    for box in made.values():
        lines.append(
            f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}"'
            f' height="{box.height:.1f}" rx="5"/>'
        )
        lines.extend(_text(box))
    return "\n".join([*lines, "</svg>", ""])


if __name__ == "__main__":
    PICTURE.write_text(draw(SOURCE), encoding="utf-8")
