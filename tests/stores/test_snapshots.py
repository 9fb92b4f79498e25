"""A source in an Icechunk repository: the numbers are those of one snapshot, or there are none."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
import zarr

import xgrad
from tests.command import Session
from tests.helpers import same_bits
from tests.jobs.growing import require_same
from xgrad.stores.snapshots import AUTHORIZE, InSnapshot, pinned, state_of, store_of

icechunk = pytest.importorskip("icechunk")


def field(seed: int) -> xr.Dataset:
    values = np.random.default_rng(seed).normal(size=(8, 5))
    return xr.Dataset({"t": (("time", "x"), values)}, {"time": np.arange(8.0) ** 2})


def repository(folder: Path, **options: Any) -> Any:
    storage = icechunk.local_filesystem_storage(str(folder))
    return icechunk.Repository.open_or_create(storage, **options)


def commit(folder: Path, seed: int, branch: str = "main", group: str | None = None) -> str:
    session = repository(folder).writable_session(branch)
    field(seed).to_zarr(
        session.store, group=group, mode="w", consolidated=False, encoding={"t": {"chunks": (2, 5)}}
    )
    return str(session.commit(f"seed {seed}"))


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """Snapshot 1 has the tag v1, snapshot 2 the branch dev, snapshot 3 the branch main."""
    folder = tmp_path / "at@lab" / "repo"
    own = repository(folder)
    own.create_tag("v1", commit(folder, 1))
    own.create_branch("dev", commit(folder, 2))
    commit(folder, 3)
    return folder


def require(target: Path, seed: int) -> None:
    expected = field(seed).fdgrad.gradient()
    with xr.open_zarr(target) as found:
        assert set(found.data_vars) == set(expected.data_vars)
        for name in expected.variables:
            assert same_bits(found[name].values, expected[name].values)


@pytest.mark.parametrize(
    ("version", "seed"),
    [
        ("@dev", 2),
        *(
            pytest.param(*one, marks=pytest.mark.thorough)
            for one in (("", 3), ("@tag:v1", 1), ("@main", 3), ("@v1", 1), ("@branch:dev", 2))
        ),
    ],
)
def test_each_name_of_a_version_is_its_snapshot(
    version: str, seed: int, repo: Path, tmp_path: Path
) -> None:
    source, target = f"icechunk:{repo}{version}", tmp_path / "out.zarr"
    snapshot = pinned(source)
    assert pinned(snapshot) == snapshot == pinned(snapshot.replace("snapshot:", ""))
    plan = xgrad.plan_to_zarr("gradient", source, target)
    assert plan.source == snapshot
    xgrad.to_zarr("gradient", source, target)
    require(target, seed)
    assert snapshot in xr.open_zarr(target).attrs["history"]


@pytest.mark.thorough  # the sources above are read in process
def test_a_command_with_workers_and_a_group(commands: Session, repo: Path, tmp_path: Path) -> None:
    commit(repo, 4, "dev", "a/b")
    source, target = f"icechunk:{repo}@dev", tmp_path / "out.zarr"
    commands.fails("lacks; it has ['a/b']", "gradient", source, target, "--group", "c")
    done = commands.run("gradient", source, target, "--group", "a/b", "--workers", 2)
    assert done.returncode == 0, done.stderr
    require(target, 4)


def test_a_target_in_the_same_repository(repo: Path) -> None:
    xgrad.to_zarr("gradient", f"icechunk:{repo}@v1", f"icechunk:{repo}", overwrite=True)
    expected = field(1).fdgrad.gradient("time")
    with xr.open_zarr(store_of(pinned(f"icechunk:{repo}")), consolidated=False) as found:
        assert same_bits(found.dt_dtime.values, expected.dt_dtime.values)


def test_a_version_that_may_be_two_is_refused(repo: Path) -> None:
    repository(repo).create_branch("v1", repository(repo).lookup_branch("dev"))
    source = f"icechunk:{repo}@v1"
    with pytest.raises(ValueError, match=r"may be branch:v1 or tag:v1; .*/repo@branch:v1'"):
        pinned(source)
    assert pinned(f"icechunk:{repo}@branch:v1") == pinned(f"icechunk:{repo}@dev")
    assert pinned(f"icechunk:{repo}@tag:v1") != pinned(f"icechunk:{repo}@dev")
    shutil.copytree(repo, f"{repo}@v1")
    with pytest.raises(ValueError, match="is a folder of this name, and may be 'v1' of '"):
        pinned(source)
    assert pinned(f"{source}@main").startswith(f"{source}@snapshot:")
    assert pinned(f"icechunk:{repo}@tag:v1").startswith(f"icechunk:{repo}@snapshot:")


def test_what_does_not_exist_is_named_and_not_made(repo: Path, tmp_path: Path) -> None:
    for version in ("nope", "tag:dev", "snapshot:0"):
        with pytest.raises(
            ValueError, match=rf"names '{version}', .* \['dev', 'main'\] .*\['v1'\]"
        ):
            pinned(f"icechunk:{repo}@{version}")
    with pytest.raises(FileNotFoundError, match=r"'icechunk:.*none@v1' does not exist"):
        pinned(f"icechunk:{tmp_path / 'none'}@v1")
    assert not (tmp_path / "none").exists()
    zarr.open_group(tmp_path / "in.zarr", mode="w")
    with pytest.raises(
        ValueError, match=r"is not an Icechunk repository, but a Zarr store; give '.*in"
    ):
        pinned(f"icechunk:{tmp_path / 'in.zarr'}")
    with pytest.raises(ValueError, match=f"it is an Icechunk repository: give 'icechunk:{repo}'"):
        xgrad.to_zarr("gradient", repo, tmp_path / "out.zarr")
    with pytest.raises(
        ValueError, match=r"`engine` is 'netcdf4', but .* which 'zarr' reads; leave"
    ):
        xgrad.to_zarr("gradient", f"icechunk:{repo}", tmp_path / "out.zarr", engine="netcdf4")
    with pytest.raises(ValueError, match="one is inside the other"):
        xgrad.to_zarr("gradient", f"icechunk:{repo}@dev", repo / "out.zarr")


def test_without_icechunk_the_extra_is_named(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "icechunk", None)
    with pytest.raises(ImportError, match=r"`source` .* install it with `pip install 'xgrad\[ice"):
        pinned(f"icechunk:{repo}@dev")


def test_a_branch_that_moved_does_not_resume_a_job_and_its_snapshot_does(
    repo: Path, tmp_path: Path
) -> None:
    source, target = f"icechunk:{repo}@dev", tmp_path / "out.zarr"
    before = pinned(source)
    session = repository(repo).writable_session("dev")
    zarr.open_group(session.store)["t"][4] = 7.0  # dt_dx is 0 there: the fill value
    snapshot = session.commit("a row is constant")

    def job(source: str, **options: Any) -> Any:
        return xgrad.to_zarr(
            "gradient", source, target, ["t"], "x", fill_value=0.0, chunks={"time": 1}, **options
        )

    with pytest.raises(RuntimeError, match="a result is 0"):
        job(source)
    with pytest.raises(ValueError, match=f"differs in .*`source` .*{snapshot} then, .* now") as one:
        job(before)
    assert before in str(one.value)
    moved = commit(repo, 5, "dev")
    with pytest.raises(ValueError, match=f"{snapshot} then, .*{moved} now"):
        job(source)
    for name in (f"{source[:-3]}{snapshot}", f"{source[:-3]}snapshot:{snapshot}"):
        with pytest.raises(RuntimeError, match="a result is 0"):
            job(name)  # it resumes, and fails where it failed
    job(source, restart=True)
    expected = field(5).fdgrad.gradient("x")
    assert same_bits(xr.open_zarr(target).dt_dx.values, expected.dt_dx.values)


@pytest.fixture
def virtual(tmp_path: Path) -> tuple[str, Path]:
    """A repository whose chunks are in a raw file, and that file."""
    folder, file = tmp_path / "raw", tmp_path / "raw" / "a.bin"
    folder.mkdir()
    file.write_bytes(field(6).t.values.tobytes())
    prefix = f"file://{folder}/"
    config = icechunk.RepositoryConfig.default()
    config.set_virtual_chunk_container(
        icechunk.VirtualChunkContainer(prefix, icechunk.local_filesystem_store(str(folder)))
    )
    own = repository(tmp_path / "virtual", config=config)
    own.save_config()
    session = own.writable_session("main")
    field(6).drop_vars("t").to_zarr(session.store, consolidated=False)
    zarr.open_group(session.store).create_array(
        "t", shape=(8, 5), chunks=(4, 5), dtype="f8", compressors=None, fill_value=np.nan,
        dimension_names=["time", "x"],
    )  # fmt: skip
    for k in range(2):
        session.store.set_virtual_ref(f"t/c/{k}/0", f"{prefix}a.bin", offset=160 * k, length=160)
    session.commit("references")
    return f"icechunk:{tmp_path / 'virtual'}", file


@pytest.mark.thorough
def test_virtual_chunks_are_read_only_on_request(
    virtual: tuple[str, Path], commands: Session, tmp_path: Path
) -> None:
    (source, file), target = virtual, tmp_path / "out.zarr"
    allowed = f"{AUTHORIZE}=file://{file.parent}/"
    commands.fails(f"a repository can name any file; give --open {allowed}",
                   "gradient", source, target)  # fmt: skip
    done = commands.run("gradient", source, target, "--open", allowed, "--workers", 1)
    assert done.returncode == 0, done.stderr
    require(target, 6)
    other: Any = {AUTHORIZE: ["file:///elsewhere/", f"file://{file.parent}/"]}
    xgrad.to_zarr("gradient", source, target, overwrite=True, open_options=other)
    require(target, 6)
    new: Any = ("gradient", source, tmp_path / "new.zarr")
    for wrong in (3, [3]):
        with pytest.raises(TypeError, match="give how the addresses of virtual chunks begin"):
            xgrad.to_zarr(*new, open_options={AUTHORIZE: wrong})
    with pytest.raises(
        ValueError, match=f"names '{AUTHORIZE}', but .* is not an Icechunk repository"
    ):
        xgrad.to_zarr("gradient", target, new[2], open_options=other)


def test_a_file_of_virtual_chunks_that_changed_is_noticed(virtual: tuple[str, Path]) -> None:
    source, file = virtual
    store = store_of(pinned(source), f"file://{file.parent}/")
    before = state_of(store)
    assert before == state_of(store)
    file.write_bytes(field(7).t.values.tobytes())
    assert state_of(store) != before
    file.unlink()
    assert state_of(store) != before


def test_changes_that_are_in_no_snapshot_are_not_taken_for_it(repo: Path) -> None:
    session = repository(repo).writable_session("main")
    assert state_of(session.store) == session.snapshot_id
    zarr.open_group(session.store)["t"][0] = 0.0
    assert state_of(session.store) == ""


class Growing:
    """A repository of the first cells of `CELLS`, which gets more."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def commit(self, put: Callable[[Any], Any]) -> str:
        session = repository(self.folder).writable_session("main")
        put(session.store)
        return str(session.commit("a change"))

    def first(self, cells: int, chunks: int = 4) -> str:
        encoding = {"t": {"chunks": (chunks, 5)}, "time": {"chunks": (64,)}}
        return self.commit(
            lambda store: CELLS.isel(time=slice(cells)).to_zarr(
                store, mode="w", consolidated=False, encoding=encoding
            )
        )

    def more(self, start: int, stop: int) -> str:
        part = CELLS.isel(time=slice(start, stop)).drop_vars("land")
        return self.commit(lambda store: part.to_zarr(store, append_dim="time", consolidated=False))

    def change(self, cells: slice) -> str:
        def put(store: Any) -> None:
            zarr.open_group(store)["t"][cells] = -1.0  # type: ignore[index]

        return self.commit(put)

    def append(self, target: Path, **options: Any) -> float:
        source = f"icechunk:{self.folder}"
        options |= {"dim": "time", "append": "time"}
        return xgrad.to_zarr("gradient", source, target, **options).reused

    def require_full(self, target: Path) -> None:
        full = target.with_name("full.zarr")
        shutil.rmtree(full, ignore_errors=True)
        xgrad.to_zarr("gradient", f"icechunk:{self.folder}", full, dim="time")
        require_same(target, full)


CELLS = xr.Dataset(
    {
        "t": (("time", "x"), np.random.default_rng(9).normal(size=(40, 5))),
        "land": ("x", np.arange(5.0)),
    },
    {"time": np.cumsum(np.arange(40.0) + 1)},
)


@pytest.fixture
def growing(tmp_path: Path) -> Growing:
    return Growing(tmp_path / "repo")


def test_a_result_grows_with_its_source(growing: Growing, tmp_path: Path) -> None:
    growing.first(20)
    target = tmp_path / "out.zarr"
    assert growing.append(target) == 0
    for start, stop, least in ((20, 30, 0.5), (30, 31, 0.7), (31, 40, 0.5)):
        growing.more(start, stop)
        assert growing.append(target) > least
        growing.require_full(target)
    assert growing.append(target) == 1, "nothing has changed"


@pytest.mark.parametrize(
    ("cells", "is_refused"),
    [
        pytest.param(slice(0, 1), True, marks=pytest.mark.thorough),
        (slice(15, 16), True),
        (slice(16, 17), False),
    ],
)
def test_old_cells_that_change(
    cells: slice, is_refused: bool, growing: Growing, tmp_path: Path
) -> None:
    growing.first(20)
    target = tmp_path / "out.zarr"
    growing.append(target)
    growing.change(cells)
    growing.more(20, 30)
    if is_refused:
        with pytest.raises(ValueError, match="values of 't' in `source` have changed"):
            growing.append(target)
    else:  # the last chunk, which is rewritten when it grows
        assert 0 < growing.append(target) < 0.5
        growing.require_full(target)


def test_an_array_that_is_made_again_is_refused(growing: Growing, tmp_path: Path) -> None:
    growing.first(20)
    growing.append(tmp_path / "out.zarr")
    growing.first(24)
    with pytest.raises(ValueError, match="values of 't' in `source` have changed"):
        growing.append(tmp_path / "out.zarr")


@pytest.mark.parametrize("small", [(8, 5), (20, 0)])
def test_an_array_that_shrinks_and_grows_again_has_changed(
    small: tuple[int, int], growing: Growing, tmp_path: Path
) -> None:
    def resized(shape: tuple[int, int]) -> Callable[[Any], Any]:
        return lambda store: zarr.open_group(store)["t"].resize(shape)  # type: ignore[union-attr]

    growing.first(20)
    target = tmp_path / "out.zarr"
    growing.append(target, allow_missing=True)
    growing.commit(resized(small))
    growing.commit(resized((20, 5)))
    with pytest.raises(ValueError, match="values of 't' in `source` have changed"):
        growing.append(target, allow_missing=True)


@pytest.mark.parametrize(
    "way", ["expired", pytest.param("another branch", marks=pytest.mark.thorough)]
)
def test_a_history_that_is_not_there_any_more(way: str, growing: Growing, tmp_path: Path) -> None:
    begin = growing.first(16)
    growing.more(16, 20)
    target = tmp_path / "out.zarr"
    growing.append(target)
    own = repository(growing.folder)
    if way == "expired":
        growing.more(20, 28)
        own.expire_snapshots(datetime.now(UTC) + timedelta(days=1))
    else:
        own.reset_branch("main", begin)
        growing.more(16, 28)
    assert growing.append(target) == 0, "all is computed"
    growing.require_full(target)


def test_virtual_chunks_are_not_known_from_the_history(tmp_path: Path) -> None:
    container = icechunk.VirtualChunkContainer(
        f"file://{tmp_path}/", icechunk.local_filesystem_store(str(tmp_path))
    )
    config = icechunk.RepositoryConfig.default()
    config.set_virtual_chunk_container(container)
    folder = tmp_path / "repo"
    repository(folder, config=config).save_config()
    snapshot = commit(folder, 1)
    url = f"icechunk:{folder}@snapshot:{snapshot}"
    array = zarr.open_group(store_of(url, f"file://{tmp_path}/"), mode="r")["t"]
    assert InSnapshot.of(url, array, ("time", "x"), "") is None
