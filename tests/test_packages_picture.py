"""The picture and the table of the packages in docs/design.md show the code as it is."""

import re
from pathlib import Path

import pytest

from tests.helpers import script

DOCS = Path(__file__).parent.parent / "docs"
PAGE = (DOCS / "design.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("## Packages")[2].partition("\n## ")[0]


SCRIPT = script(DOCS / "packages.py")


def _package(folder: Path, imports: dict[str, str]) -> Path:
    for name, line in imports.items():
        path = folder / "toy" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(line)
    return folder / "toy"


def test_the_picture_is_what_the_script_draws_now() -> None:
    committed = SCRIPT.PICTURE.read_text(encoding="utf-8")
    assert committed == SCRIPT.draw(SCRIPT.SOURCE), "redraw it with `python docs/packages.py`"


def test_the_table_of_the_design_page_has_every_package() -> None:
    rows = [line.split("|")[1] for line in SECTION.splitlines() if line.startswith("|")]
    assert set(re.findall(r"`(\w+)[./]", "\n".join(rows))) == set(SCRIPT.packages(SCRIPT.SOURCE))


def test_the_modules_that_the_design_page_names_exist() -> None:
    named = re.findall(r"`((?!tests)\w+/\w+\.py)`", SECTION)
    assert named
    assert [name for name in named if not (SCRIPT.SOURCE / name).exists()] == []


def test_an_import_that_follows_from_others_has_no_arrow(tmp_path: Path) -> None:
    toy = _package(tmp_path, {
        "__init__": "from toy import top", "top": "import os\nfrom toy.middle.one import f, bottom",
        "middle/one": "import toy.bottom", "bottom": "from numpy import sin",
    })  # fmt: skip
    found = SCRIPT.imports(toy)
    assert found["top"] == {"middle"}
    assert SCRIPT.arrows({**found, "top": frozenset({"middle", "bottom"})}) == [
        ("__init__", "top"), ("middle", "bottom"), ("top", "middle"),
    ]  # fmt: skip
    assert SCRIPT.layers(found) == [["__init__"], ["top"], ["middle"], ["bottom"]]


def test_each_text_stays_inside_its_box(tmp_path: Path) -> None:
    many = {f"much/a_module_with_a_long_name_{n}": "" for n in range(12)}
    toy = _package(tmp_path, {**many, **{f"module_{n}": "import toy.much" for n in range(9)}})
    picture = SCRIPT.draw(toy)
    width, place = float(re.search(r'width="(\d+)"', picture)[1]), {}
    for kind, attributes in re.findall(r"<(rect|text) (.*?)>", picture):
        here = {key: float(value) for key, value in re.findall(r'(\w+)="([\d.]+)"', attributes)}
        if kind == "rect":
            place = here
            assert here["x"] >= 0
            assert here["x"] + here["width"] <= width
        else:
            assert place["x"] < here["x"]
            assert here["x"] + here["textLength"] < place["x"] + place["width"]
            assert place["y"] < here["y"] < place["y"] + place["height"]


def test_packages_that_import_each_other_are_reported(tmp_path: Path) -> None:
    toy = _package(tmp_path, {"one": "import toy.other", "other": "from toy import one"})
    with pytest.raises(ValueError, match="import each other: one → other → one"):
        SCRIPT.draw(toy)
