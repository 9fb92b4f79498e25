"""The name of a target decides its kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from xgrad.stores.targets import Target, checked


def on_disk(folder: Path) -> Target:
    return checked("in.zarr", folder / "out.zarr", overwrite=False)


def on_object_store(folder: Path) -> Target:
    return checked("in.zarr", f"memory://{folder}/out.zarr", overwrite=False)


def in_icechunk(folder: Path) -> Target:
    return checked("in.zarr", f"icechunk:{folder / 'out'}", overwrite=False)


@pytest.mark.parametrize(
    ("kind", "is_local", "is_shared"),
    [(on_disk, True, True), (on_object_store, False, True), (in_icechunk, False, False)],
)
def test_the_name_of_a_target_decides_its_kind(
    kind: Callable[[Path], Target], is_local: bool, is_shared: bool, tmp_path: Path
) -> None:
    target = kind(tmp_path)
    assert (target.is_local, target.is_shared) == (is_local, is_shared)


def test_a_version_is_no_target(tmp_path: Path) -> None:
    target = f"icechunk:{tmp_path / 'out'}@dev"
    with pytest.raises(ValueError, match=r"the version 'dev', but .* main; leave out '@dev'"):
        checked("in.zarr", target, overwrite=False)
    (tmp_path / "out@dev").mkdir()
    assert not checked("in.zarr", target, overwrite=False).is_shared
