"""The installed command is killed a hundred times at random moments, and no bit is lost."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import xgrad
from tests.command import started
from tests.jobs.bucket import Bucket
from tests.jobs.helpers import dataset, seeded

KILLS = 17  # of each of six kinds


class OnDisk:
    """A job to a target on disk, with some options."""

    def __init__(self, folder: Path, *options: Any, shards: bool = False) -> None:
        self.target, self.env = folder / "out.zarr", None
        encoding = {"chunks": (2, 100, 100)} | ({"shards": (6, 200, 100)} if shards else {})
        zarr_format: Any = 3 if shards else 2
        dataset().to_zarr(
            folder / "in.zarr", encoding={"t": encoding}, zarr_format=zarr_format,
            consolidated=False,
        )  # fmt: skip
        self.command = ("gradient", folder / "in.zarr", self.name, "--dim", "x", *options)
        self.reset()

    @property
    def name(self) -> Any:
        return self.target

    def opened(self) -> xr.Dataset | None:
        """What a reader finds, None for nothing."""
        return xr.open_zarr(self.target) if self.target.exists() else None

    def is_begun(self) -> bool:
        return self.target.with_name("out.zarr.partial").exists()

    def reset(self) -> None:
        """Remove a complete target."""
        assert not self.is_begun()
        shutil.rmtree(self.target, ignore_errors=True)


class Overwriting(OnDisk):
    """The same in the place of an old store, which has another variable."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "--overwrite")

    def reset(self) -> None:
        super().reset()
        xr.Dataset({"old": ("x", np.arange(5.0))}).to_zarr(self.target, zarr_format=2)

    def opened(self) -> xr.Dataset | None:
        replaced = self.target.with_name("out.zarr.partial") / "replaced.zarr"
        if not self.target.exists():  # between the two renames: the next run brings it back
            assert replaced.exists()
        found = super().opened()
        if found is not None and "old" in found:
            assert found.old.values.tolist() == [0, 1, 2, 3, 4]
            return None
        return found


class OnS3(OnDisk):
    """A job to an object store."""

    def __init__(self, folder: Path, bucket: Bucket) -> None:
        self.bucket, self.folder = bucket, folder
        super().__init__(folder)
        self.env = bucket.environment

    @property
    def name(self) -> Any:
        return "s3://bucket/killed.zarr"

    def opened(self) -> xr.Dataset | None:
        shutil.rmtree(self.folder / "seen", ignore_errors=True)
        seen = self.bucket.get("killed.zarr", self.folder / "seen")
        try:
            found = xr.open_zarr(seen, consolidated=False)
        except (FileNotFoundError, ValueError, KeyError):
            return None
        return None if "xgrad_incomplete" in found.attrs else found

    def is_begun(self) -> bool:
        return bool(self.bucket.keys("killed.zarr.partial"))

    def reset(self) -> None:
        for key in self.bucket.keys("killed.zarr"):
            self.bucket.client.delete_object(Bucket="bucket", Key=key)


class InIcechunk(OnDisk):
    """A job to an Icechunk repository, in which nothing is resumed."""

    @property
    def name(self) -> Any:
        return f"icechunk:{self.target}"

    def opened(self) -> xr.Dataset | None:
        import icechunk

        storage = icechunk.local_filesystem_storage(str(self.target))
        if not icechunk.Repository.exists(storage):
            return None
        store = icechunk.Repository.open(storage).readonly_session("main").store
        try:
            found = xr.open_zarr(store, consolidated=False)
        except FileNotFoundError:  # killed between the repository and its first commit
            return None
        return found if len(found) else None

    def is_begun(self) -> bool:
        return self.target.exists()

    def reset(self) -> None:
        shutil.rmtree(self.target, ignore_errors=True)


KINDS: dict[str, Any] = {
    "threads": lambda folder, _: OnDisk(folder),
    "workers": lambda folder, _: OnDisk(folder, "--workers", 2),
    "shards": lambda folder, _: OnDisk(folder, shards=True),
    "overwrite": lambda folder, _: Overwriting(folder),
    "s3": OnS3,
    "icechunk": lambda folder, _: InIcechunk(folder),
}


@pytest.fixture(scope="module")
def derivative() -> bytes:
    found: bytes = xgrad.gradient(dataset(), "x").dt_dx.values.tobytes()
    return found


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore:Object at:zarr.errors.ZarrUserWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_no_bit_is_lost_whenever_a_job_is_killed(
    kind: str, bucket: Bucket, derivative: bytes, tmp_path: Path
) -> None:
    rng, job, killed, ended = seeded(), KINDS[kind](tmp_path, bucket), 0, 0
    seconds = run(job, None)
    assert is_complete(job, derivative)
    job.reset()
    while killed < KILLS:
        # Most kills come while the job writes, and some while it starts.
        from_the_start = rng.random() < 0.2
        taken = run(job, float(rng.uniform(0, seconds)), from_the_start=from_the_start)
        if taken is None:
            killed += 1
            is_complete(job, derivative)
            continue
        assert is_complete(job, derivative), "else it would not have ended"
        ended += 1
        job.reset()
    run(job, None)
    assert is_complete(job, derivative)
    print(f"{kind}: {killed} kills, {ended} jobs ended between them")


def is_complete(job: OnDisk, derivative: bytes) -> bool:
    """Whether a reader finds the complete result; if not, nothing or what was there before."""
    found = job.opened()
    if found is None:
        return False
    with found:
        assert list(found) == ["dt_dx"]
        assert found.dt_dx.values.tobytes() == derivative
        assert "xgrad_incomplete" not in found.attrs
    return True


def run(job: OnDisk, moment: float | None, *, from_the_start: bool = False) -> float | None:
    """Run a job, and kill it some seconds after it has begun to write.

    Returns how long it wrote, None if it was killed.
    """
    with started(*job.command, env=job.env) as process:
        while not from_the_start and not job.is_begun() and process.poll() is None:
            time.sleep(0.01)
        begun = time.perf_counter()
        try:
            _, shown = process.communicate(timeout=moment)
        except subprocess.TimeoutExpired:
            process.kill()
            _, shown = process.communicate()
    # It may have been killed after it had published: then the target exists.
    published = process.returncode == 1 and ("exists; choose" in shown or "holds data" in shown)
    assert process.returncode in (0, -9) or published, shown
    return None if process.returncode == -9 else time.perf_counter() - begun
