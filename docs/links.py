"""Check the links within built pages: ``python docs/links.py docs/_build/html``.

Every relative address must be a file of the folder, and every anchor an ``id`` of its page.
Addresses of other hosts are left alone: ``sphinx-build -b linkcheck`` asks for those.
"""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The addresses and the anchors of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: set[str] = set()
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in {"href", "src"} and value:
                self.addresses.add(value)
            elif name == "id" or (tag, name) == ("a", "name"):
                self.anchors.add(value or "")


def broken(folder: Path) -> list[str]:
    """Each link that leads nowhere, with the page that has it."""
    pages = {
        path: Page(path.read_text(encoding="utf-8"))
        for path in sorted(folder.resolve().rglob("*.html"))
    }
    found = []
    for path, page in pages.items():
        for address in sorted(page.addresses):
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchor = unquote(parts.fragment)
            missing = not target.exists()
            if missing or (anchor and target in pages and anchor not in pages[target].anchors):
                found.append(f"{path.relative_to(folder.resolve())}: {address}")
    return found


if __name__ == "__main__":
    lines = broken(Path(sys.argv[1]))
    sys.exit("\n".join(["broken links:", *lines]) if lines else 0)
