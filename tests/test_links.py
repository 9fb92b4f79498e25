"""The check of links finds what is broken, and the pages of the repository have none that is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.helpers import script

CHECKOUT = Path(__file__).resolve().parents[1]
SCRIPT = script(CHECKOUT / "docs" / "links.py")


def test_links_to_missing_files_and_anchors_are_found(tmp_path: Path) -> None:
    (tmp_path / "under").mkdir()
    (tmp_path / "data.zip").touch()
    (tmp_path / "index.html").write_text(
        '<h1 id="top">A</h1> <a href="#top">1</a> <a href="#bottom">2</a> <a href="data.zip">3</a> '
        '<a href="under/page.html#caf%C3%A9">4</a> <img src="lost.png"> <a href="https://a.b/">5</a>'
    )
    (tmp_path / "under" / "page.html").write_text(
        '<a name="café">B</a> <a href="../index.html#top">1</a> <a href="../nowhere.html">2</a>'
    )
    assert SCRIPT.broken(tmp_path) == [
        "index.html: #bottom",
        "index.html: lost.png",
        "under/page.html: ../nowhere.html",
    ]


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_relative_links_of_the_repository_exist(name: str) -> None:
    page = CHECKOUT / name
    if not page.exists():
        pytest.skip(f"{name} is not part of this distribution")
    for address in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (CHECKOUT / address).exists(), address
