"""The installed command under fire: kills, full disks, dead workers, little memory."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import xgrad
from tests.command import COMMAND, Session, fails, on_a_terminal, run, session, wait_until
from tests.helpers import same_bits

SIDES = {"time": 48, "y": 200, "x": 100}


def dataset() -> xr.Dataset:
    values = np.random.default_rng(0).normal(size=tuple(SIDES.values())).astype("f4")
    coords = {"time": np.cumsum(np.random.default_rng(1).random(SIDES["time"]) + 0.1)}
    return xr.Dataset({"t": (tuple(SIDES), values)}, coords)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.zarr"
    dataset().to_zarr(path, encoding={"t": {"chunks": (2, 100, 100)}}, zarr_format=2)
    return path


@pytest.fixture(scope="module")
def expected() -> xr.Dataset:
    return xgrad.gradient(dataset())


def assert_equal(target: Path, expected: xr.Dataset) -> None:
    with xr.open_zarr(target) as found:
        assert set(found.data_vars) == set(expected.data_vars)
        for name, derivative in expected.items():
            assert same_bits(found[name].values, derivative.values)


def finished(target: Path) -> list[str]:
    journal = target.with_name(f"{target.name}.partial") / "finished"
    return journal.read_text().splitlines() if journal.exists() else []


def started(*arguments: Any, **options: Any) -> subprocess.Popen[str]:
    command = [COMMAND, *map(str, arguments)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **options)


def kill_when(process: subprocess.Popen[str], ready: Callable[[], bool]) -> bool:
    """Whether it was killed before it had ended."""
    wait_until(ready, process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return process.returncode == -signal.SIGKILL


def test_killed_at_ten_moments_and_not_a_bit_is_lost(
    source: Path, tmp_path: Path, expected: xr.Dataset
) -> None:
    target, partial = tmp_path / "out.zarr", tmp_path / "out.zarr.partial"
    rng = np.random.default_rng()
    # At random moments of the start, while regions are written, and as the last ones are.
    more = sorted(rng.integers(0, 3, size=8))
    moments: list[Callable[[], bool]] = [
        partial.exists,
        (partial / "store.zarr").exists,
    ]
    killed = 0
    for k in range(10):
        before = finished(target)
        process = started("gradient", source, target)
        if k < 2:
            ready = moments[k]
        else:
            wanted = len(before) + more[k - 2]
            ready = lambda wanted=wanted: len(finished(target)) >= wanted  # noqa: E731
        killed += kill_when(process, ready)
        assert not target.exists() or not partial.exists()
        after = finished(target)
        assert after[: len(before)] == before, "nothing that was finished is forgotten"
        assert len(set(after)) == len(after), "and nothing is done twice"
    assert killed >= 5, "else nothing was tried"
    if not target.exists():
        assert run("gradient", source, target).returncode == 0
    assert_equal(target, expected)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.zarr", "out.zarr"]
    leftover = [path for path in target.rglob("*") if path.name.endswith(".partial")]
    assert leftover == []


@contextmanager
def stopped(process: subprocess.Popen[str], ready: Callable[[], bool]) -> Iterator[None]:
    """Stop a process in the middle, for as long as the block takes."""
    assert wait_until(ready, process)
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def test_two_processes_on_one_target(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.zarr"
    first = started("gradient", source, target, "--dim", "x")
    with stopped(first, lambda: bool(finished(target))):
        fails("is being written by another process; wait for it", "gradient", source, target,
              "--dim", "x")  # fmt: skip
    _, shown = first.communicate()
    assert (first.returncode, shown) == (0, "")
    assert target.exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda chunk: os.utime(chunk, ns=(0, 0)), "SRC has changed while it was read"),
        (lambda chunk: chunk.unlink(), "SRC lacks 1 of 48 chunks of 't', the first at (0, 0, 0)"),
    ],
)
def test_a_source_that_changes_while_it_is_read_is_told(
    source: Path, tmp_path: Path, change: Callable[[Path], None], message: str
) -> None:
    target = tmp_path / "out.zarr"
    process = started("gradient", source, target)
    with stopped(process, lambda: bool(finished(target))):
        change(source / "t" / "0.0.0")
    _, shown = process.communicate()
    assert process.returncode == 1
    assert message in shown
    assert len(shown.splitlines()) == 1
    assert not target.exists()
    fails("differs in the content of the source", "gradient", source, target, "--allow-missing")


def test_an_error_of_the_system_that_comes_once_is_tried_again(tmp_path: Path) -> None:
    source, target = tmp_path / "in.zarr", tmp_path / "out.zarr"
    partial = tmp_path / "out.zarr.partial"
    encoding = {"t": {"chunks": (2, 100, 100), "shards": (12, 200, 100)}}
    dataset().to_zarr(source, encoding=encoding, zarr_format=3, consolidated=False)
    shard, whole = source / "t" / "c" / "3" / "0" / "0", tmp_path / "whole"
    shard.rename(whole)
    shard.symlink_to(whole)
    for retries, status in ((0, 1), (1, 0)):
        # A pipe cannot be sought in, as is done to read half a shard: an OSError.
        pipe, link = tmp_path / "pipe", tmp_path / "link"
        os.mkfifo(pipe)
        link.symlink_to(whole)
        process = started("gradient", source, target, "--retries", retries,
                          "--dim", "x", "--chunks", "time=6,y=200")  # fmt: skip
        with stopped(process, (partial / "store.zarr").exists):
            pipe.replace(shard)
        with shard.open("wb"):  # opens when the command does
            link.replace(shard)
        _, shown = process.communicate()
        assert process.returncode == status, shown
        assert ("variable 't' could not be read in the region time" in shown) == (retries == 0)
        assert target.exists() == (retries == 1)
        shutil.rmtree(partial, ignore_errors=True)
    assert_equal(target, xgrad.gradient(dataset(), "x"))


def test_a_full_disk_in_the_middle_is_gone_on_from(
    source: Path, tmp_path: Path, expected: xr.Dataset
) -> None:
    target = tmp_path / "out.zarr"
    process = started("gradient", source, target)
    assert wait_until(lambda: len(finished(target)) >= 2, process)
    # From now on no file may be larger than this, as if the disk were full.
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (1000, 1000))
    _, shown = process.communicate()
    assert process.returncode == 1
    assert "File too large" in shown
    assert len(shown.splitlines()) == 1
    assert not target.exists()
    assert len(finished(target)) >= 2
    assert run("gradient", source, target).returncode == 0
    assert_equal(target, expected)


def limited(kind: int, n_bytes: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(kind, (n_bytes, n_bytes))


def large(path: Path, n_bytes: int, chunk: tuple[int, int, int]) -> None:
    """A store that compresses to nothing and is made in no time: planes that are all the same."""
    n = n_bytes // (4 * chunk[1] * chunk[2]) // chunk[0] * chunk[0]
    plane = np.add.outer(np.arange(chunk[1]) ** 2, np.arange(chunk[2])).astype("f4")
    coords = {"time": np.arange(n) * 2.0}
    lazy = xr.DataArray(plane, dims=("y", "x"), name="t").expand_dims(time=coords["time"])
    lazy.chunk(time=chunk[0]).to_dataset().to_zarr(path, zarr_format=2)


def check_within(memory: str, n_bytes: int, folder: Path) -> None:
    large(folder / "in.zarr", n_bytes, (24, 361, 720))
    status, shown = on_a_terminal(
        "gradient", folder / "in.zarr", folder / "out.zarr", "--memory", memory
    )
    assert status == 0, shown
    last = shown.strip().splitlines()[-1]
    peak, unit = last.split("peak memory ")[1].split()
    used = float(peak) * {"MB": 1e6, "GB": 1e9}[unit]
    assert used < float(memory.removesuffix("MB")) * 1e6, last
    with xr.open_zarr(folder / "in.zarr") as given, xr.open_zarr(folder / "out.zarr") as found:
        assert found.dt_dy.shape == given.t.shape
        for name, exact in {"dt_dtime": 0.0, "dt_dx": 1.0}.items():
            assert float(found[name].min()) == float(found[name].max()) == exact
        rows = found.dt_dy.isel(x=0).min("time"), found.dt_dy.isel(x=0).max("time")
        for row in rows:
            np.testing.assert_array_equal(row[1:-1], 2.0 * np.arange(1, 360))


# What the command does, in a process that says what was predicted and what came of it.
PEAKS = """
import sys
from xgrad.workers import cluster as execution
from xgrad.jobs import assignment as jobs
from xgrad.jobs import api as storage
execution.own_process()
source, target, dim, room = sys.argv[1:]
options = {"dim": dim.split(), "memory": jobs.taken() + int(room)}
predicted = storage.plan_to_zarr(source, target, **options).peak
report = storage.gradient_to_zarr(source, target, **options)
print(report.peak_memory, predicted, options["memory"])
"""


@pytest.mark.parametrize(
    ("chunk", "n_times", "dim", "room"),
    [
        ((4, 50, 50), 12, "time y x", 300_000_000),
        ((4, 1000, 1000), 16, "time y x", 500_000_000),
        ((4, 1000, 1000), 20, "time", 280_000_000),  # one region at a time
    ],
)
def test_the_peak_that_is_predicted_is_that_of_the_process(
    chunk: Any, n_times: int, dim: str, room: int, tmp_path: Path
) -> None:
    side = 200 if chunk[1] == 50 else 1000
    values = np.random.default_rng(0).random((n_times, side, side), "f4")
    encoding = {"t": {"chunks": chunk}}
    whole = xr.Dataset({"t": (("time", "y", "x"), values)})
    whole.to_zarr(tmp_path / "in.zarr", encoding=encoding, consolidated=False)
    done = subprocess.run(
        [sys.executable, "-c", PEAKS, tmp_path / "in.zarr", tmp_path / "out.zarr", dim, str(room)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    measured, predicted, memory = map(int, done.stdout.split())
    assert measured <= predicted <= memory
    assert predicted <= 2 * measured, "regions that never meet in memory take less"


def test_memory_is_bounded(tmp_path: Path) -> None:
    check_within("600MB", 64 * 10**7, tmp_path)


@pytest.mark.thorough
def test_twelve_gigabytes_go_through_one(tmp_path: Path) -> None:
    check_within("1000MB", 12 * 10**9, tmp_path)


@pytest.mark.thorough
def test_four_gigabytes_of_small_chunks_go_through_little(tmp_path: Path) -> None:
    large(tmp_path / "in.zarr", 4 * 10**9, (4, 100, 100))
    status, shown = on_a_terminal(
        "gradient", tmp_path / "in.zarr", tmp_path / "out.zarr", "--memory", "500MB"
    )
    assert status == 0, shown
    assert float(shown.split("peak memory ")[1].split()[0]) < 500


def test_too_little_address_space_is_refused_with_numbers(tmp_path: Path) -> None:
    large(tmp_path / "in.zarr", 2 * 10**8, (48, 1000, 1000))
    limit = limited(resource.RLIMIT_AS, 2 * 10**9)
    common = ("gradient", tmp_path / "in.zarr", tmp_path / "out.zarr")
    fails("that the address space of 2 GB leaves), but one chunk of 't' (48 × 1000 × 1000 cells)",
          *common, preexec_fn=limit)  # fmt: skip
    fails("all that the address space of 2 GB leaves", *common, "--memory", "8GB",
          preexec_fn=limit)  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["in.zarr"]


def test_too_little_memory_of_the_cgroup_is_refused_with_numbers(tmp_path: Path) -> None:
    for folder, name in (("memory", "memory.limit_in_bytes"), ("", "memory.max")):
        group = Path("/sys/fs/cgroup") / folder / f"xgrad-test-{os.getpid()}"
        try:
            group.mkdir()
            (group / name).write_text("900000000")
            break
        except OSError:
            if group.exists():
                group.rmdir()
    else:
        pytest.skip("this machine does not let a test make a control group")
    try:
        large(tmp_path / "in.zarr", 2 * 10**8, (48, 1000, 1000))
        fails("half of the 900 MB that its cgroup allows), but one chunk", "gradient",
              tmp_path / "in.zarr", tmp_path / "out.zarr",
              preexec_fn=lambda: (group / "cgroup.procs").write_text(str(os.getpid())))  # fmt: skip
    finally:
        group.rmdir()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    import distributed

    with distributed.LocalCluster(
        n_workers=3, threads_per_worker=1, dashboard_address=":0"
    ) as processes:
        yield processes


def test_a_killed_worker_costs_its_tasks_only(
    source: Path, tmp_path: Path, expected: xr.Dataset, cluster: Any
) -> None:
    target = tmp_path / "out.zarr"
    process = started("gradient", source, target, "--scheduler", cluster.scheduler_address)
    assert wait_until(lambda: bool(finished(target)), process), "it was to be killed half-way"
    os.kill(next(iter(cluster.workers.values())).pid, signal.SIGKILL)
    _, shown = process.communicate()
    assert process.returncode == 0, shown
    assert_equal(target, expected)


def test_the_active_client_is_used(source: Path, tmp_path: Path, cluster: Any) -> None:
    import distributed

    with distributed.Client(cluster) as client:
        xgrad.gradient_to_zarr(source, tmp_path / "out.zarr", dim="x")
        done = client.run(
            lambda: (
                "xgrad.jobs.assignment" in sys.modules
                and len(sys.modules["xgrad.jobs.assignment"]._OPEN)
            )
        )
        assert any(done.values()), "the workers have worked"
    assert (tmp_path / "out.zarr").exists()


@pytest.mark.thorough
def test_a_scheduler_that_dies_is_told_in_one_line(source: Path, tmp_path: Path) -> None:
    address, target = tmp_path / "scheduler.json", tmp_path / "out.zarr"
    of_it = ["--scheduler-file", str(address), "--dashboard-address", ":0"]
    python = [sys.executable, "-m"]
    scheduler = subprocess.Popen(
        [*python, "distributed.cli.dask_scheduler", "--port", "0", *of_it],
        stderr=subprocess.DEVNULL,
    )
    worker = subprocess.Popen(
        [*python, "distributed.cli.dask_worker", "--nthreads", "1", *of_it],
        stderr=subprocess.DEVNULL,
    )
    try:
        assert wait_until(address.exists, scheduler)
        where = json.loads(address.read_text())["address"]
        process = started("gradient", source, target, "--scheduler", where)
        assert wait_until(lambda: bool(finished(target)), process)
        scheduler.kill()
        _, shown = process.communicate()
        assert process.returncode == 1
        assert shown == f"Error: the dask scheduler at {where} has gone\n"
        assert not target.exists()
    finally:
        for one in (scheduler, worker):
            one.kill()
            one.wait()


# A codec that kills the process which decodes a chunk that begins with a 666.
DEADLY = """
import os, signal
import numcodecs
import numpy as np

class Deadly(numcodecs.abc.Codec):
    codec_id = "deadly"

    def encode(self, buf):
        return buf

    def decode(self, buf, out=None):
        if np.frombuffer(buf, "f4")[0] == 666:
            os.kill(os.getpid(), signal.SIGKILL)
        return buf

numcodecs.register_codec(Deadly)
"""


def test_a_block_that_kills_its_workers_is_named(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(DEADLY)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    make = (
        "import numpy as np, xarray as xr, sitecustomize\n"
        "values = np.ones((40, 50, 60), 'f4'); values[36, 0, 0] = 666\n"
        "encoding = {'t': {'chunks': (2, 50, 60), 'filters': [sitecustomize.Deadly()]}}\n"
        "given = xr.Dataset({'t': (('time', 'y', 'x'), values)})\n"
        "given.to_zarr('in.zarr', encoding=encoding, zarr_format=2)\n"
    )
    subprocess.run([sys.executable, "-c", make], check=True, cwd=tmp_path, env=environment)
    target = tmp_path / "out.zarr"
    fails("every worker that was given variable 't', time", "gradient", tmp_path / "in.zarr",
          target, "--workers", 3, "--retries", 1, "--dim", "x", env=environment)  # fmt: skip
    assert not target.exists()
    assert finished(target), "the others are kept for the next run"


def test_an_error_of_a_worker_is_told_in_one_line(source: Path, tmp_path: Path) -> None:
    (source / "t" / "20.1.0").write_bytes(b"rubbish")
    fails("variable 't' could not be read in the region time", "gradient", source,
          tmp_path / "out.zarr", "--workers", 1, "--retries", 0, "--dim", "x")  # fmt: skip
    assert not (tmp_path / "out.zarr").exists()


@pytest.fixture
def tls(tmp_path: Path) -> dict[str, str]:
    from distributed import Security

    found = {}
    temporary = Security.temporary()
    for name, content in {
        "ca-file": temporary.tls_ca_file,
        "cert": temporary.tls_client_cert,
        "key": temporary.tls_client_key,
    }.items():
        path = tmp_path / f"{name}.pem"
        path.write_text(str(content))
        found[name] = str(path)
    return found


def test_tls_settings_reach_the_scheduler(
    source: Path, tmp_path: Path, tls: dict[str, str]
) -> None:
    import distributed

    files = {
        f"tls_{role}_{kind}": tls[kind]
        for role in ("client", "worker", "scheduler")
        for kind in ("cert", "key")
    }
    security = distributed.Security(tls_ca_file=tls["ca-file"], require_encryption=True, **files)
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, dashboard_address=":0", security=security,
        protocol="tls://",
    ) as processes:  # fmt: skip
        address = processes.scheduler_address
        assert address.startswith("tls://")
        common = ("gradient", source, tmp_path / "out.zarr", "--dim", "x", "--scheduler", address)
        options = [part for name, path in tls.items() for part in (f"--tls-{name}", path)]
        assert run(*common, *options).returncode == 0
        # And those of dask's configuration.
        configured = {
            **os.environ,
            "DASK_DISTRIBUTED__COMM__TLS__CA_FILE": tls["ca-file"],
            "DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT": tls["cert"],
            "DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY": tls["key"],
        }
        assert run(*common, "--overwrite", env=configured).returncode == 0


class Bucket:
    """A bucket of an S3 server on a free local port, seen with a client that is not xgrad's."""

    def __init__(self, endpoint: str) -> None:
        import boto3

        keys = {
            "AWS_ACCESS_KEY_ID": "AKIDNOBODY",
            "AWS_SECRET_ACCESS_KEY": "nobodys-secret",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        self.environment = {**os.environ, **keys, "AWS_ENDPOINT_URL": endpoint}
        self.without_keys = {**os.environ, "AWS_ENDPOINT_URL": endpoint}
        self.client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
            region_name="us-east-1",
        )
        self.client.create_bucket(Bucket="bucket")

    def keys(self, prefix: str) -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket="bucket", Prefix=f"{prefix}/"
        )
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def content(self, key: str) -> bytes:
        content: bytes = self.client.get_object(Bucket="bucket", Key=key)["Body"].read()
        return content

    def put(self, folder: Path) -> str:
        for path in folder.rglob("*"):
            if path.is_file():
                key = str(path.relative_to(folder.parent))
                self.client.upload_file(str(path), "bucket", key)
        return f"s3://bucket/{folder.name}"

    def get(self, prefix: str, folder: Path) -> Path:
        for key in self.keys(prefix):
            path = folder / key
            path.parent.mkdir(parents=True, exist_ok=True)
            self.client.download_file("bucket", key, str(path))
        return folder / prefix


@pytest.fixture(scope="module")
def bucket() -> Iterator[Bucket]:
    import logging

    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    found = Bucket(f"http://{host}:{port}")
    yield found
    found.client.close()
    server.stop()


@pytest.fixture(scope="module")
def commands(bucket: Bucket) -> Iterator[Session]:
    with session(env=bucket.environment) as process:
        yield process


def is_incomplete(store: Path) -> bool:
    """Whether a reader is told that there is no complete store."""
    try:
        with xr.open_zarr(store, consolidated=False) as found:
            return "xgrad_incomplete" in found.attrs
    except (FileNotFoundError, ValueError, KeyError):
        return True


@pytest.mark.filterwarnings("ignore:Object at:zarr.errors.ZarrUserWarning")
@pytest.mark.parametrize("zarr_format", [pytest.param(2, marks=pytest.mark.thorough), 3])
def test_s3_is_killed_and_gone_on_from(bucket: Bucket, zarr_format: Any, tmp_path: Path) -> None:
    local, out = tmp_path / f"in{zarr_format}.zarr", f"out{zarr_format}.zarr"
    encoding = {"t": {"chunks": (6, 100, 100)}}
    dataset().to_zarr(local, encoding=encoding, zarr_format=zarr_format, consolidated=False)
    source, target = bucket.put(local), f"s3://bucket/{out}"
    moments: list[Callable[[], bool]] = [
        lambda: bool(bucket.keys(out)),
        lambda: len(bucket.keys(f"{out}.partial/finished")) >= 1,
        lambda: len(bucket.keys(f"{out}.partial/finished")) >= 5,
    ]
    killed = 0
    for k, moment in enumerate(moments):
        process = started("gradient", source, target, "--dim", "x", env=bucket.environment)
        killed += kill_when(process, moment)
        seen = bucket.get(out, tmp_path / f"seen{k}")
        assert is_incomplete(seen) or not bucket.keys(f"{out}.partial")
    assert killed >= 1
    done = run("gradient", source, target, "--dim", "x", env=bucket.environment)
    assert done.returncode == 0 or "exists; choose another" in done.stderr, done.stderr
    seen = bucket.get(out, tmp_path / "seen")
    assert not is_incomplete(seen)
    assert_equal(seen, xgrad.gradient(dataset(), "x"))
    assert bucket.keys(f"{out}.partial") == []
    for path in seen.rglob("*"):
        assert not path.is_file() or b"nobodys-secret" not in path.read_bytes()


def test_a_chunk_that_changed_on_s3_is_told(bucket: Bucket, tmp_path: Path) -> None:
    dataset().isel(time=slice(4)).to_zarr(
        tmp_path / "told.zarr", encoding={"t": {"chunks": (2, 100, 100)}}, zarr_format=2
    )
    code = (
        "import sys\n"
        "from xgrad.stores import source as sources\n"
        "for _ in sys.stdin:\n"
        "    source = sources.opened(sys.argv[1])\n"
        "    print(source.digest(['t'], allow_missing=False), flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, bucket.put(tmp_path / "told.zarr")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=bucket.environment,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        found = []
        key = "told.zarr/t/1.1.0"
        whole = bucket.content(key)
        for content in (whole, whole, whole[:-1] + b"?"):
            bucket.client.put_object(Bucket="bucket", Key=key, Body=content)
            process.stdin.write("\n")
            process.stdin.flush()
            found.append(process.stdout.readline())
    assert len(found[0].strip()) == 64
    assert found[0] == found[1] != found[2]


def test_what_would_be_lost_on_s3_is_refused(
    bucket: Bucket, commands: Session, tmp_path: Path
) -> None:
    dataset().isel(time=slice(4)).to_zarr(tmp_path / "whole.zarr", consolidated=False)
    source = bucket.put(tmp_path / "whole.zarr")
    before = bucket.keys("whole.zarr")
    commands.fails("is the source; give another URL", "gradient", source, source, "--overwrite")
    commands.fails("lie one in the other", "gradient", source, f"{source}/inside.zarr")
    commands.fails("does not exist", "gradient", f"{source}x", tmp_path / "out.zarr")
    fails("cannot be reached", "gradient", tmp_path / "whole.zarr", "s3://bucket/out.zarr",
          env=bucket.without_keys)  # fmt: skip
    assert bucket.keys("whole.zarr") == before


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


def test_an_object_store_is_held_by_one(bucket: Bucket, tmp_path: Path) -> None:
    store, target = tmp_path / "in.zarr", "s3://bucket/held.zarr"
    dataset().to_zarr(store, encoding={"t": {"chunks": (6, 100, 100)}}, zarr_format=2)
    first = started("gradient", store, target, "--dim", "x", env=bucket.environment)
    with stopped(first, lambda: bool(bucket.keys("held.zarr.partial/finished"))):
        fails("is being written by another process", "gradient", store, target, "--dim", "x",
              env=bucket.environment)  # fmt: skip
    _, shown = first.communicate()
    assert first.returncode == 0, shown


def test_icechunk_has_all_or_nothing_in_one_commit(
    source: Path, tmp_path: Path, expected: xr.Dataset
) -> None:
    import icechunk

    target = f"icechunk:{tmp_path / 'repository'}"
    with session() as commands:
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
