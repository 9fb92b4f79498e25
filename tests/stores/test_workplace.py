"""What every kind of workplace does: on a disk, on an object store, in Icechunk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import pytest
import xarray as xr
import zarr

from xgrad.stores.targets import Target, checked
from xgrad.stores.workplace import RECORD, fault_of_name, make_root, mark, marked, put


def on_disk(folder: Path) -> Target:
    return checked("in.zarr", folder / "out.zarr", overwrite=False)


def on_object_store(folder: Path) -> Target:
    return checked("in.zarr", f"memory://{folder}/out.zarr", overwrite=False)


def in_icechunk(folder: Path) -> Target:
    return checked("in.zarr", f"icechunk:{folder / 'out'}", overwrite=False)


KINDS = [on_disk, on_object_store, in_icechunk]


@pytest.mark.parametrize("kind", KINDS)
def test_a_workplace_marks_its_store_until_it_publishes(
    kind: Callable[[Path], Target], tmp_path: Path
) -> None:
    with kind(tmp_path).hold("a test") as place:
        assert marked(place.store) is None
        assert not mark(place.store, "a run")
        zarr_format = place.zarr_format or 2
        place.begin(zarr_format, "a run")
        assert marked(place.store) == "a run"
        assert mark(place.store, "another run")
        assert marked(place.store) == "another run"
        zarr.open_group(place.store, mode="r+").attrs["title"] = "kept"
        place.publish()
    if kind is in_icechunk:
        import icechunk

        storage = icechunk.local_filesystem_storage(str(tmp_path / "out"))
        store = icechunk.Repository.open(storage).readonly_session("main").store
    else:
        prefix = "memory://" if kind is on_object_store else ""
        store = f"{prefix}{tmp_path}/out.zarr"
    with xr.open_zarr(store, consolidated=kind is not in_icechunk) as found:
        assert found.attrs == {"title": "kept"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_workplace_returns_the_text_that_it_was_given(
    kind: Callable[[Path], Target], tmp_path: Path
) -> None:
    job, lines = "any text, not only JSON", {"0:4,2:7 0", "a line with / and %"}
    with kind(tmp_path).hold("a test") as place:
        assert place.remembered() is None
        place.begin(3, "a run")
        assert place.remembered() is None
        place.remember(job)
        for line in lines:
            place.finish(line)
    with kind(tmp_path).hold("the next run") as place:
        if kind is in_icechunk:  # nothing of it was committed
            assert place.remembered() is None
            assert list(place.finished()) == []
            return
        assert place.remembered() == job
        assert set(place.finished()) == lines
        place.begin(3, "another run")
        assert place.remembered() is None
        assert list(place.finished()) == []
    if kind is on_object_store:
        fsspec.filesystem("memory").rm(f"{tmp_path}/", recursive=True)


@pytest.mark.parametrize(
    "name", ["a/b", r"a\b", "a\0b", "", ".", "..", "zarr.json", ".zgroup", "a" * 256, "ä" * 128]
)
def test_a_name_that_a_store_would_lose_or_refuse_has_a_fault(name: str) -> None:
    assert fault_of_name(name) is not None


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize(
    "name", ["a b", "a.b", "...b", "é", "a\x1bb", "__a", "c", "a" * 255, "%2F"]
)
def test_a_store_keeps_an_array_of_any_other_name(
    name: str, zarr_format: Any, tmp_path: Path
) -> None:
    assert fault_of_name(name) is None
    made = zarr.open_group(tmp_path, mode="w", zarr_format=zarr_format)
    made.create_array(name, shape=(1,), dtype="f8")
    assert list(zarr.open_group(tmp_path, mode="r")) == [name]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore:Consolidated metadata:zarr.errors.ZarrUserWarning")
def test_a_workplace_that_grows_keeps_chunks_and_the_old_store(
    kind: Callable[[Path], Target], tmp_path: Path
) -> None:
    target = kind(tmp_path)
    with target.hold("a test") as place:
        place.begin(3, "a run")
        for name in "ab":
            array = zarr.create_array(
                place.store, name=name, shape=(4,), chunks=(2,), dtype="i4", fill_value=-1
            )
            array[:] = [1, 2, 3, 4]
        place.publish("a record")
    grows = checked("in.zarr", target.name, overwrite=False, grows=True)
    documents: Any = zarr.storage.MemoryStore()
    make_root(documents, 3, "another run")
    zarr.create_array(documents, name="a", shape=(6,), chunks=(2,), dtype="i4", fill_value=-1)
    with grows.hold("a test") as place:
        place.grow(3, "another run", lambda array, key: (array, key) == ("a", "c/1"))
        put(documents, place.store)
        assert marked(place.store) == "another run"
        new: Any = zarr.open_group(place.store, mode="r", use_consolidated=False)
        assert new["a"][:].tolist() == [-1, -1, 3, 4, -1, -1]
        seen: Any = zarr.open_group(grows.existing(), mode="r", use_consolidated=False)
        if kind is on_object_store:
            assert "xgrad_incomplete" in seen.attrs
        else:
            assert dict(seen.attrs) == {RECORD: "a record"}
            assert seen["a"][:].tolist() == seen["b"][:].tolist() == [1, 2, 3, 4]
        place.publish("another record")
    found: Any = zarr.open_group(grows.existing(), mode="r", use_consolidated=False)
    assert dict(found.attrs) == {RECORD: "another record"}
    assert found["a"].shape == (6,)


@pytest.mark.parametrize("kind", KINDS)
def test_a_place_without_a_store_has_nothing_that_grows(
    kind: Callable[[Path], Target], tmp_path: Path
) -> None:
    grows = checked("in.zarr", kind(tmp_path).name, overwrite=False, grows=True)
    assert grows.existing() is None
    with grows.hold("a test") as place:
        place.begin(3, "a run")
        place.remember("a job")
    assert grows.existing() is None, "a store that is not complete"
