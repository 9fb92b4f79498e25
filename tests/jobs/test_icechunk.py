"""Jobs into an Icechunk repository."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from tests.command import Session
from tests.helpers import same_bits


def test_icechunk_has_all_or_nothing_in_one_commit(
    commands: Session, source: Path, tmp_path: Path, expected: xr.Dataset
) -> None:
    import icechunk

    target = f"icechunk:{tmp_path / 'repository'}"
    assert commands.run("gradient", source, target).returncode == 0
    commands.fails("holds data; choose another", "gradient", source, target)
    commands.fails("leave out --workers and --scheduler", "gradient", source, target,
                   "--overwrite", "--workers", 1)  # fmt: skip
    storage = icechunk.local_filesystem_storage(str(tmp_path / "repository"))
    repository = icechunk.Repository.open(storage)
    assert len(list(repository.ancestry(branch="main"))) == 2, "the first one is empty"
    with xr.open_zarr(repository.readonly_session("main").store, consolidated=False) as found:
        assert "xgrad_incomplete" not in found.attrs
        for name, derivative in expected.items():
            assert same_bits(found[name].values, derivative.values)
