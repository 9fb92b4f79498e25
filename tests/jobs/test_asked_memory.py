"""Jobs that took several times the memory that they were given, and a million chunk files."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import asked_memory

# What cannot be done in the memory that is given, and what the command says of it.
REFUSED = {
    "a coordinate in one chunk of 800 MB": "rechunk or drop the coordinate in the source",
    "a gzip bomb": "a chunk unpacks to more than the 4565536 bytes that its metadata allow",
    "accuracy 4 with gaps": "with its halo needs",
    "accuracy 8": "with its halo needs",
    "accuracy 8 with gaps": "with its halo needs",
    "east and north": "such as the directions of a curvilinear grid",
    "a Laplacian of a grid": "such as the directions of a curvilinear grid",
}


@pytest.mark.thorough
@pytest.mark.parametrize("name", asked_memory.CASES)
def test_the_memory_that_was_asked_for_is_kept(name: str, tmp_path: Path) -> None:
    case = asked_memory.CASES[name]
    found = asked_memory.used(case, tmp_path)
    assert found.used <= case.memory
    assert found.status == (1 if name in REFUSED else 0), found.shown
    assert REFUSED.get(name, "") in found.shown
