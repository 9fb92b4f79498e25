"""Jobs into an Icechunk repository."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from tests import command
from tests.command import Session
from tests.helpers import same_bits
from tests.jobs.bucket import Bucket


@pytest.mark.thorough  # tests/stores/test_snapshots.py has repositories
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


@pytest.mark.thorough  # tests/stores/test_snapshots.py has tags on a disk
def test_a_tag_on_an_object_store_is_a_source(bucket: Bucket, tmp_path: Path) -> None:
    import icechunk

    storage = icechunk.s3_storage(
        bucket="bucket", prefix="at@lab/repo", endpoint_url=bucket.client.meta.endpoint_url,
        access_key_id="AKIDNOBODY", secret_access_key="nobodys-secret", region="us-east-1",
        allow_http=True, force_path_style=True,
    )  # fmt: skip
    repository = icechunk.Repository.create(storage)
    session = repository.writable_session("main")
    squares = xr.Dataset({"t": ("x", np.arange(5.0) ** 2)})
    squares.to_zarr(session.store, consolidated=False)
    repository.create_tag("v1", session.commit("the data"))
    source, target = "icechunk:s3://bucket/at@lab/repo@v1", tmp_path / "out.zarr"
    options = {"env": {**bucket.environment, "AWS_ALLOW_HTTP": "true"}}
    done = command.run("gradient", source, target, **options)
    assert done.returncode == 0, done.stderr
    assert same_bits(xr.open_zarr(target).dt_dx.values, np.gradient(squares.t.values))
    command.fails("'icechunk:s3://bucket/none@v1' does not exist",
                  "gradient", source.replace("at@lab/repo", "none"), target, "--overwrite",
                  **options)  # fmt: skip
