"""Jobs on an object store: kills, refusals, credentials."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
import zarr

import xgrad
from tests.command import Session, fails, session, started, stopped
from tests.jobs.bucket import Bucket
from tests.jobs.helpers import assert_equal, dataset, kill_when
from xgrad.stores import listing, on_object_store


@pytest.fixture(scope="module")
def commands(bucket: Bucket) -> Iterator[Session]:
    with session(env=bucket.environment) as process:
        yield process


def is_incomplete(store: Path) -> bool:
    """Whether a reader sees that the store is not complete."""
    try:
        with xr.open_zarr(store, consolidated=False) as found:
            return "xgrad_incomplete" in found.attrs
    except (FileNotFoundError, ValueError, KeyError):
        return True


@pytest.mark.filterwarnings("ignore:Object at:zarr.errors.ZarrUserWarning")
@pytest.mark.thorough  # tests/stores/test_on_object_store.py and test_kills.py have its parts
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_job_on_s3_is_killed_and_resumed(
    bucket: Bucket, commands: Session, zarr_format: Any, tmp_path: Path
) -> None:
    local, out = tmp_path / f"in{zarr_format}.zarr", f"out{zarr_format}.zarr"
    encoding = {"t": {"chunks": (6, 100, 100)}}
    dataset().to_zarr(local, encoding=encoding, zarr_format=zarr_format, consolidated=False)
    source, target = bucket.put(local), f"s3://bucket/{out}"
    moments: list[Callable[[], bool]] = [
        lambda: bool(bucket.keys(out)),
        lambda: len(bucket.keys(f"{out}.partial/finished")) >= 5,
    ]
    killed = 0
    for k, moment in enumerate(moments):
        process = started("gradient", source, target, "--dim", "x", env=bucket.environment)
        killed += kill_when(process, moment)
        seen = bucket.get(out, tmp_path / f"seen{k}")
        assert is_incomplete(seen) or not bucket.keys(f"{out}.partial")
    assert killed >= 1
    done = commands.run("gradient", source, target, "--dim", "x")
    assert done.returncode == 0 or "exists; choose another" in done.stderr, done.stderr
    seen = bucket.get(out, tmp_path / "seen")
    assert not is_incomplete(seen)
    assert_equal(seen, xgrad.gradient(dataset(), "x"))
    assert bucket.keys(f"{out}.partial") == []
    for path in seen.rglob("*"):
        assert not path.is_file() or b"nobodys-secret" not in path.read_bytes()


@pytest.mark.thorough  # tests/jobs/test_resume.py has the rule on a disk
def test_a_changed_chunk_on_s3_is_noticed(bucket: Bucket, tmp_path: Path) -> None:
    dataset().isel(time=slice(4)).to_zarr(
        tmp_path / "changing.zarr", encoding={"t": {"chunks": (2, 100, 100)}}, zarr_format=2
    )
    code = (
        "import sys\n"
        "from xgrad.stores.source import opened\n"
        "for _ in sys.stdin:\n"
        "    source = opened(sys.argv[1])\n"
        "    print(source.digest(['t'], allow_missing=False), flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, bucket.put(tmp_path / "changing.zarr")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=bucket.environment,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        found = []
        key = "changing.zarr/t/1.1.0"
        whole = bucket.content(key)
        for content in (whole, whole, whole[:-1] + b"?"):
            bucket.client.put_object(Bucket="bucket", Key=key, Body=content)
            process.stdin.write("\n")
            process.stdin.flush()
            found.append(process.stdout.readline())
    assert len(found[0].strip()) == 64
    assert found[0] == found[1] != found[2]


@pytest.mark.thorough  # tests/stores/test_on_object_store.py has the law
def test_nothing_on_s3_is_overwritten(bucket: Bucket, commands: Session, tmp_path: Path) -> None:
    dataset().isel(time=slice(4)).to_zarr(tmp_path / "whole.zarr", consolidated=False)
    source = bucket.put(tmp_path / "whole.zarr")
    before = bucket.keys("whole.zarr")
    commands.fails("is the source; give another URL", "gradient", source, source, "--overwrite")
    commands.fails("one is inside the other", "gradient", source, f"{source}/inside.zarr")
    commands.fails("does not exist", "gradient", f"{source}x", tmp_path / "out.zarr")
    fails("cannot be reached", "gradient", tmp_path / "whole.zarr", "s3://bucket/out.zarr",
          env=bucket.without_keys)  # fmt: skip
    assert bucket.keys("whole.zarr") == before


@pytest.mark.thorough  # tests/stores/test_on_object_store.py has the law
def test_another_store_in_the_place_of_an_unfinished_one_is_left_alone(
    bucket: Bucket, commands: Session, tmp_path: Path
) -> None:
    source, target = tmp_path / "in.zarr", "s3://bucket/other.zarr"
    encoding = {"t": {"chunks": (12, 200, 100)}}
    dataset().to_zarr(source, encoding=encoding, consolidated=False)
    (source / "t" / "c" / "3" / "0" / "0").write_bytes(b"rubbish")
    common = ("gradient", source, target, "--dim", "x", "--retries", 0)
    commands.fails("could not be read", *common)
    assert bucket.keys("other.zarr.partial/finished")
    for key in bucket.keys("other.zarr"):
        bucket.client.delete_object(Bucket="bucket", Key=key)
    dataset().isel(time=slice(4)).to_zarr(tmp_path / "other.zarr", consolidated=False)
    bucket.put(tmp_path / "other.zarr")
    before = [(key, bucket.content(key)) for key in bucket.keys("other.zarr")]
    beside = bucket.keys("other.zarr.partial")
    message = "exists; choose another, or remove it first"
    commands.fails(message, *common, "--dry-run")
    assert bucket.keys("other.zarr.partial") == beside, "nor does a dry run remove anything"
    commands.fails(message, *common)
    assert [(key, bucket.content(key)) for key in bucket.keys("other.zarr")] == before
    assert bucket.keys("other.zarr.partial") == []


@pytest.mark.thorough  # tests/stores/test_urls.py has the law
def test_credentials_are_never_shown(bucket: Bucket, commands: Session, tmp_path: Path) -> None:
    dataset().isel(time=slice(4)).to_zarr(tmp_path / "secret.zarr", consolidated=False)
    bucket.put(tmp_path / "secret.zarr")
    url = "s3://AKIDNOBODY:nobodys-secret@bucket/secret.zarr"
    for arguments in (
        (url, tmp_path / "out.zarr", "--dry-run"),
        (url + "x", url),
        (tmp_path / "secret.zarr", url),
    ):
        done = commands.run("gradient", *arguments)
        assert "nobodys" not in done.stdout + done.stderr


@pytest.mark.thorough
def test_two_processes_do_not_write_one_target_on_s3(bucket: Bucket, tmp_path: Path) -> None:
    store, target = tmp_path / "in.zarr", "s3://bucket/held.zarr"
    dataset().to_zarr(store, encoding={"t": {"chunks": (6, 100, 100)}}, zarr_format=2)
    first = started("gradient", store, target, "--dim", "x", env=bucket.environment)
    with stopped(first, lambda: bool(bucket.keys("held.zarr.partial/finished"))):
        fails("is being written by another process", "gradient", store, target, "--dim", "x",
              env=bucket.environment)  # fmt: skip
    _, shown = first.communicate()
    assert first.returncode == 0, shown


@pytest.mark.thorough
def test_a_listing_takes_no_more_memory_for_more_chunks(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in bucket.environment.items():
        monkeypatch.setenv(name, value)
    peaks, marks = [], []
    for n in (40, 80):
        url = f"s3://bucket/listed{n}.zarr"
        array: Any = zarr.create_array(
            url, shape=(n, 50), chunks=(1, 1), dtype="f4", fill_value=0, compressors=None
        )
        for i, j in np.ndindex(n, 50):
            bucket.client.put_object(Bucket="bucket", Key=f"listed{n}.zarr/c/{i}/{j}", Body=b"abcd")
        tracemalloc.start()
        found = listing.listed(array)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert found.n_missing == 0
        assert found.is_marked
        marks.append(found.slabs[0][:40])
    # A page at a time, also in the server, which is in this process.
    assert peaks[1] < 1.3 * peaks[0]
    assert marks[0] == marks[1]


@pytest.mark.thorough  # 10 s; the jobs on S3 remove what is less than a page
def test_a_target_of_many_chunks_is_emptied_page_by_page(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in bucket.environment.items():
        monkeypatch.setenv(name, value)
    peaks = []
    for n in (2100, 4200):
        name = f"many{n}.zarr"
        with on_object_store.at_url(f"s3://bucket/{name}") as place:
            place.begin(3, "a run")
            for k in range(n):
                bucket.client.put_object(Bucket="bucket", Key=f"{name}/t/c/{k}", Body=b"abcd")
            tracemalloc.start()
            place.grow(3, "b", lambda array, key: array == "t" and key.endswith("0"))
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
            kept = {f"{name}/zarr.json", *(f"{name}/t/c/{k}" for k in range(0, n, 10))}
            assert set(bucket.keys(name)) == kept
            place.begin(3, "b")
            assert bucket.keys(name) == [f"{name}/zarr.json"]
    assert peaks[1] < 1.3 * peaks[0]
