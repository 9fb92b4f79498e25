"""Which chunks exist."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from tests.jobs.helpers import compare, small
from xgrad import ChunkError
from xgrad.jobs.api import gradient_to_zarr, plan_to_zarr, to_zarr
from xgrad.stores import listing


def test_missing_chunks_are_refused_unless_they_are_allowed(tmp_path: Path) -> None:
    source, target = tmp_path / "in.zarr", tmp_path / "out.zarr"
    given = small()[["t"]].fillna(0)
    given.to_zarr(source, encoding={"t": {"chunks": (4, 7, 11)}}, zarr_format=2)
    (source / "t" / "2.0.0").unlink()
    before = sorted(tmp_path.rglob("*"))
    message = r"`source` lacks 1 of 4 chunks of 't', the first at \(2, 0, 0\).*`allow_missing`"
    for call in (to_zarr, plan_to_zarr):
        with pytest.raises(ChunkError, match=message):
            call("gradient", source, target)
    assert sorted(tmp_path.rglob("*")) == before
    gradient_to_zarr(source, target, allow_missing=True)
    given.t[8:12] = np.nan
    compare(target, given, {})


def test_a_digest_changes_with_each_chunk_and_with_the_metadata(tmp_path: Path) -> None:
    encoding, store = {"t": {"chunks": (4, 7, 11)}}, tmp_path / "in.zarr"
    small()[["t"]].to_zarr(store, encoding=encoding, zarr_format=2, consolidated=False)

    def digest() -> str:
        return listing.digest(zarr.open_group(store), ["t"], allow_missing=True)

    found = [digest()]
    assert digest() == found[0]
    chunk = store / "t" / "1.0.0"
    os.utime(chunk, ns=(0, 0))
    found.append(digest())
    chunk.rename(store / "t" / "9.0.0")  # outside the grid
    found.append(digest())
    zarr.open_group(store)["t"].attrs["units"] = "K"
    found.append(digest())
    assert len(set(found)) == 4


@pytest.mark.parametrize("separator", ["/", "."])
def test_the_rows_of_a_listing_add_up_and_one_of_them_changes(
    separator: str, tmp_path: Path
) -> None:
    array: Any = zarr.create_array(
        tmp_path / "in.zarr", shape=(6, 6), chunks=(2, 3), dtype="i4", fill_value=-1,
        chunk_key_encoding={"name": "default", "separator": separator},
    )  # fmt: skip
    array[:] = 1
    before = listing.listed(array)
    assert before.is_marked
    assert [sum(row) % 2**64 for row in before.slabs] == [before.marks] * 2
    array[2:4, 3:] = 2
    now = listing.listed(array)
    pairs = zip(before.slabs, now.slabs, strict=True)
    changed = [[one != other for one, other in zip(*rows, strict=True)] for rows in pairs]
    assert changed == [[False, True, False], [False, True]]
