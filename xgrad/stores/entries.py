"""What is below a folder, one by one: a store may have a million chunks in a single folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def below(folder: str | Path) -> Iterator[os.DirEntry[str]]:
    """Every file, folder and link below a folder, in any order; a link is not followed.

    As :func:`os.walk`, it skips folders that cannot be listed, but it holds no list of names.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> (folder / "a").mkdir()
    >>> (folder / "a" / "b").touch()
    >>> [entry.name for entry in below(folder)], list(below(folder / "missing"))
    (['a', 'b'], [])
    """
    try:
        entries = os.scandir(folder)
    except OSError:
        return
    with entries:
        for entry in entries:
            yield entry
            if entry.is_dir(follow_symlinks=False):
                yield from below(entry.path)
