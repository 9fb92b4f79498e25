"""Targets in an Icechunk repository: nothing is visible before the one commit."""

from __future__ import annotations

from pathlib import Path

import pytest
import zarr

from xgrad.stores.in_icechunk import in_repository

icechunk = pytest.importorskip("icechunk")


def snapshots(folder: Path) -> list[str]:
    repository = icechunk.Repository.open(icechunk.local_filesystem_storage(str(folder)))
    return [one.message for one in repository.ancestry(branch="main")]


def test_nothing_is_visible_before_the_commit(tmp_path: Path) -> None:
    target = f"icechunk:{tmp_path / 'repository'}"
    with in_repository(target, "first", overwrite=False) as place:
        place.begin(3, "a run")
        zarr.open_group(place.store, mode="r+").create_array("a", shape=(3,), dtype="f8")
        assert "first" not in snapshots(tmp_path / "repository")
        place.publish()
    assert snapshots(tmp_path / "repository")[0] == "first"


def test_what_was_not_published_is_gone(tmp_path: Path) -> None:
    target = f"icechunk:{tmp_path / 'repository'}"
    with in_repository(target, "dropped", overwrite=False) as place:
        place.begin(3, "a run")
    with in_repository(target, "kept", overwrite=False) as place:
        assert place.remembered() is None
        place.begin(3, "another run")
        place.publish()
    assert "dropped" not in snapshots(tmp_path / "repository")


def test_data_are_replaced_only_on_request_and_earlier_versions_stay(tmp_path: Path) -> None:
    target = f"icechunk:{tmp_path / 'repository'}"
    for message in ("first", "second"):
        with in_repository(target, message, overwrite=message == "second") as place:
            place.begin(3, message)
            zarr.open_group(place.store, mode="r+").create_array(message, shape=(1,), dtype="f8")
            place.publish()
    assert snapshots(tmp_path / "repository")[:2] == ["second", "first"]
    with (
        pytest.raises(FileExistsError, match="holds data; choose another"),
        in_repository(target, "third", overwrite=False),
    ):
        pass


def test_an_unknown_kind_of_storage_is_refused() -> None:
    with (
        pytest.raises(ValueError, match="icechunk:/path or icechunk:s3://bucket/prefix"),
        in_repository("icechunk:ftp://host/repository", "a test", overwrite=False),
    ):
        pass
