"""Laws of :mod:`xgrad.stores.entries`."""

from __future__ import annotations

import os
from pathlib import Path

from xgrad.stores.entries import below


def test_it_finds_what_os_walk_finds(tmp_path: Path) -> None:
    for name in ("a/b/c", "a/d", "e"):
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / name / "file").touch()
    (tmp_path / "e" / "link").symlink_to(tmp_path / "a", target_is_directory=True)
    walked = {
        str(Path(where) / name)
        for where, folders, names in os.walk(tmp_path)
        for name in (*folders, *names)
    }
    found = [entry.path for entry in below(tmp_path)]
    assert set(found) == walked
    assert len(found) == len(walked)
