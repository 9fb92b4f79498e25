"""What a job writes is what the accessor computes, to the bit, however it is cut into regions."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import xarray as xr
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import xgrad
from tests.helpers import same_bits
from xgrad import ChunkError
from xgrad.jobs import regions
from xgrad.jobs.api import gradient_to_zarr, plan_to_zarr
from xgrad.jobs.assignment import taken
from xgrad.jobs.regions import Axis
from xgrad.workers import memory as machine

SIDES = {"time": 13, "level": 7, "x": 11}


def dataset(dtype: str = "f4") -> xr.Dataset:
    rng = np.random.default_rng(0)
    shape = tuple(SIDES.values())
    values = 100 * rng.normal(size=shape)
    if np.dtype(dtype).kind == "c":
        values = values + 1j * rng.normal(size=shape)
    if np.dtype(dtype).kind == "M":
        values = values.astype("i8")
    filled = values.astype(dtype)
    if np.dtype(dtype).kind in "fc":
        filled[rng.random(shape) < 0.1] = np.nan
    own = np.sort(rng.normal(size=shape), axis=1) + 10 * np.arange(7.0)[:, None]
    own[2, :, 3] = own[2, ::-1, 3]  # descending
    own[4, 3, 5] = own[4, 2, 5]  # a column that is bad
    turned = np.mod(np.sort(rng.uniform(0, 300, shape), axis=2) + 200, 360)
    return xr.Dataset(
        {"t": (tuple(SIDES), filled)},
        {
            "time": np.array("2000-01-01", "M8[s]") + np.arange(13) ** 2 * np.timedelta64(60, "s"),
            "level": [1000, 850, 700, 500, 300, 200, 100],
            "x": np.arange(11) * 30.0,
            "height": (tuple(SIDES), own.astype("f4")),
            "lon": (tuple(SIDES), turned),
        },
    )


OPTIONS: dict[str, Any] = {
    "plain": {},
    "edge order 2": {"edge_order": 2, "datetime_unit": "h"},
    "boundaries": {"boundary": {"level": ("extend", "nan"), "x": "reflect", "time": 3.0}},
    "periodic": {"boundary": {"x": "periodic"}, "period": {"x": 333.3}},
    "accuracy 4": {"accuracy": 4, "boundary": {"x": "periodic"}, "period": {"x": 333.3}},
    "gaps": {"skipna": True, "edge_order": 2},
    "gaps, accuracy 4": {"skipna": True, "accuracy": 4},
    "columns": {"dim": "level", "spacing": {"level": "height"}},
    "columns with gaps": {"dim": "level", "spacing": {"level": "height"}, "skipna": True},
    "columns around": {
        "dim": ("x", "time"),
        "spacing": {"x": "lon"},
        "boundary": {"x": "periodic"},
        "period": {"x": 360},
    },
    "a step": {"spacing": {"x": 0.25, "level": [0, 1, 3, 6, 10, 15, 21]}},
}


@contextmanager
def spoiled(chunk: Path) -> Iterator[None]:
    """No Blosc frame for a while, but of the same size and time."""
    whole, status = chunk.read_bytes(), chunk.stat()
    for content in (bytes(len(whole)), whole):
        chunk.write_bytes(content)
        os.utime(chunk, ns=(status.st_atime_ns, status.st_mtime_ns))
        if content != whole:
            yield


def compare(target: Path, given: xr.Dataset, options: Any) -> None:
    dim = options.get("dim")
    kept = {key: value for key, value in options.items() if key != "dim"}
    lazy = given.chunk() if "spacing" in options else given  # bad columns are NaN, not an error
    expected = xgrad.gradient(lazy, dim, **kept).compute()
    with xr.open_zarr(target) as found:
        assert set(found.data_vars) == set(expected.data_vars)
        for name, derivative in expected.items():
            assert same_bits(found[name].values, derivative.values), name
            assert found[name].attrs == derivative.attrs


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("chunks", [(4, 2, 3), (1, 7, 11)])
def test_a_job_gives_the_bits_of_the_accessor(name: str, chunks: Any, tmp_path: Path) -> None:
    given, options = dataset(), OPTIONS[name]
    encoding = {"t": {"chunks": chunks}, "height": {"chunks": (5, 3, 4)}}
    given.to_zarr(tmp_path / "in.zarr", encoding=encoding, zarr_format=2)
    gradient_to_zarr(tmp_path / "in.zarr", tmp_path / "out.zarr", "t", **options)
    compare(tmp_path / "out.zarr", given, options)


@pytest.mark.parametrize("dtype", ["f2", ">f4", "f8", "c8", ">c16", "u1", "i8", "M8[s]"])
def test_any_dtype(dtype: str, tmp_path: Path) -> None:
    given = dataset(dtype)[["t"]]
    given.to_zarr(
        tmp_path / "in.zarr",
        encoding={"t": {"chunks": (4, 2, 3)}},
        zarr_format=2,
    )
    gradient_to_zarr(tmp_path / "in.zarr", tmp_path / "out.zarr", "t")
    with xr.open_zarr(tmp_path / "in.zarr") as stored:
        compare(tmp_path / "out.zarr", stored.load(), {})


@given(
    chunks=st.tuples(*(st.integers(1, side) for side in SIDES.values())),
    written=st.dictionaries(st.sampled_from(list(SIDES)), st.integers(1, 15)),
    name=st.sampled_from(list(OPTIONS)),
    room=st.sampled_from([None, 8 * 10**8]),
)
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
    max_examples=max(1, settings().max_examples // 8),  # each one writes two stores
)
def test_no_bit_depends_on_the_regions(
    chunks: Any, written: Any, name: str, room: Any, tmp_path_factory: Any
) -> None:
    folder, given, options = tmp_path_factory.mktemp("job"), dataset(), OPTIONS[name]
    given.to_zarr(
        folder / "in.zarr",
        encoding={"t": {"chunks": chunks}},
        zarr_format=2,
        write_empty_chunks=True,
    )
    gradient_to_zarr(
        folder / "in.zarr",
        folder / "out.zarr",
        "t",
        chunks=written,
        memory=room and taken() + room,
        **options,
    )
    compare(folder / "out.zarr", given, options)


axes = st.lists(
    st.builds(
        Axis,
        size=st.integers(1, 60),
        chunk=st.integers(1, 20),
        stored=st.integers(1, 20),
        halo=st.integers(0, 3),
        least_at_ends=st.integers(0, 5),
        around=st.booleans(),
    ),
    min_size=1,
    max_size=3,
)


@given(axes, st.integers(1, 4), st.integers(1, 20), st.integers(1, 10**6))
def test_regions_cover_each_cell_once_in_whole_chunks(
    given: list[Axis], n_lanes: int, longest: int, room: int
) -> None:
    def needs(cells: int, ahead: bool) -> int:
        return cells * (1 + ahead)

    layout = regions.laid_out(given, needs, room, n_lanes, longest)
    if layout is None:
        smallest = np.prod([max(axis.cut(1)) for axis in given])
        assert needs(int(smallest), ahead=True) > room
        return
    count = np.zeros([axis.size for axis in given], int)
    n_regions = 0
    runs = list(layout.runs())
    for run in runs:
        assert 1 <= len(run.boxes) <= layout.length <= longest
        for box, following in zip(run.boxes, run.boxes[1:], strict=False):
            assert box[layout.sweep].stop == following[layout.sweep].start
        for box in run.boxes:
            n_regions += 1
            count[box] += 1
            for part, axis in zip(box, given, strict=True):
                assert part.start % axis.chunk == 0
                assert part.stop % axis.chunk == 0 or part.stop == axis.size
                alone = part.stop - part.start == axis.size
                assert alone or part.stop - part.start >= axis.halo
    assert (count == 1).all()
    assert (n_regions, len(runs)) == (layout.n_regions, layout.n_runs)


def test_what_is_done_is_left_out_of_the_runs() -> None:
    layout = regions.Layout(cuts=((2, 2, 2, 2, 2), (3, 3)), sweep=0, length=4)
    done = [(slice(4, 6), slice(0, 3)), (slice(0, 2), slice(3, 6))]
    runs = [run.boxes for run in layout.runs(lambda box: box in done)]
    assert [[(a.start, b.start) for a, b in run] for run in runs] == [
        [(0, 0), (2, 0)],
        [(6, 0), (8, 0)],
        [(2, 3), (4, 3), (6, 3), (8, 3)],
    ]


def test_the_plan_prints_itself_and_nothing_is_written(tmp_path: Path) -> None:
    dataset()[["t"]].to_zarr(
        tmp_path / "in.zarr", consolidated=False, encoding={"t": {"chunks": (4, 7, 11)}}
    )
    before = sorted(tmp_path.rglob("*"))
    memory = taken() + 8 * 10**8
    plan = plan_to_zarr(tmp_path / "in.zarr", tmp_path / "out.zarr", memory=memory)
    assert sorted(tmp_path.rglob("*")) == before
    size = dataset().t.nbytes
    assert (plan.n_chunks, plan.n_regions) == (12, 4)
    assert (plan.bytes_read, plan.bytes_written) == (size, 3 * size)
    assert plan.peak < plan.memory.n_bytes == memory
    for word in ("in.zarr", "regions   4", "predicted", "as asked for", "12 kB", "4 × 7 × 11"):
        assert word in str(plan), str(plan)


def test_the_limits_of_memory() -> None:
    half = machine.allowed()
    assert half.origin.startswith("half of the ")
    assert machine.allowed(10**6).n_bytes == 10**6
    assert machine.allowed(10**18).n_bytes == 2 * half.n_bytes or machine.allowed(
        10**18
    ).n_bytes == pytest.approx(2 * half.n_bytes, abs=1)


def test_limits_of_control_groups_are_read(tmp_path: Path) -> None:
    root, membership = tmp_path / "cgroup", tmp_path / "membership"
    (root / "slice" / "job").mkdir(parents=True)
    (root / "slice" / "memory.max").write_text("2000000000\n")
    (root / "slice" / "job" / "memory.max").write_text("max\n")
    (root / "memory" / "docker").mkdir(parents=True)
    (root / "memory" / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    (root / "memory" / "docker" / "memory.limit_in_bytes").write_text("3000000000\n")
    membership.write_text("4:memory:/docker\n3:cpu:/docker\n0::/slice/job\n")
    found = [limit.n_bytes for limit in machine._of_cgroups(membership, root)]
    assert sorted(found) == [2_000_000_000, 3_000_000_000]


def test_missing_chunks_are_refused_unless_they_are_allowed(tmp_path: Path) -> None:
    source, target = tmp_path / "in.zarr", tmp_path / "out.zarr"
    given = dataset()[["t"]].fillna(0)
    given.to_zarr(source, encoding={"t": {"chunks": (4, 7, 11)}}, zarr_format=2)
    (source / "t" / "2.0.0").unlink()
    before = sorted(tmp_path.rglob("*"))
    message = r"`source` lacks 1 of 4 chunks of 't', the first at \(2, 0, 0\).*`allow_missing`"
    for call in (gradient_to_zarr, plan_to_zarr):
        with pytest.raises(ChunkError, match=message):
            call(source, target)
    assert sorted(tmp_path.rglob("*")) == before
    gradient_to_zarr(source, target, allow_missing=True)
    given.t[8:12] = np.nan
    compare(target, given, {})


def test_a_chunk_that_vanished_from_the_result_is_noticed(tmp_path: Path) -> None:
    source, target = tmp_path / "in.zarr", tmp_path / "out.zarr"
    dataset()[["t"]].to_zarr(source, encoding={"t": {"chunks": (4, 7, 11)}}, zarr_format=2)
    with spoiled(source / "t" / "3.0.0"), pytest.raises(RuntimeError, match="variable 't'"):
        gradient_to_zarr(source, target, dim="x", retries=0)
    (tmp_path / "out.zarr.partial" / "store.zarr" / "dt_dx" / "0.0.0").unlink()
    with pytest.raises(RuntimeError, match=r"chunk \(0, 0, 0\) of 'dt_dx' has gone"):
        gradient_to_zarr(source, target, dim="x")
    assert not target.exists()
    gradient_to_zarr(source, target, dim="x", restart=True)
    compare(target, dataset(), {"dim": "x"})


def test_chunks_of_nothing_but_nan_are_written(tmp_path: Path) -> None:
    given = dataset()[["t"]]
    given.t[4:8] = np.nan
    given.to_zarr(
        tmp_path / "in.zarr",
        encoding={"t": {"chunks": (4, 7, 11)}},
        write_empty_chunks=True,
        consolidated=False,
    )
    gradient_to_zarr(tmp_path / "in.zarr", tmp_path / "out.zarr", dim="x")
    array: Any = zarr.open_group(tmp_path / "out.zarr")["dt_dx"]
    assert array.nchunks_initialized == array.nchunks == 4


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_checksums(zarr_format: Any, tmp_path: Path) -> None:
    source, target = tmp_path / "in.zarr", tmp_path / "out.zarr"
    dataset()[["t"]].to_zarr(source, consolidated=False, zarr_format=zarr_format)
    gradient_to_zarr(source, target, dim="x", checksum=True)
    compare(target, dataset(), {"dim": "x"})
    array: Any = zarr.open_group(target)["dt_dx"]
    codecs = array.filters if zarr_format == 2 else array.compressors
    assert "crc32c" in repr(codecs).lower()
    chunk = target / "dt_dx" / ("0.0.0" if zarr_format == 2 else "c/0/0/0")
    if zarr_format == 3:
        chunk.write_bytes(chunk.read_bytes()[:-1] + b"?")
        with pytest.raises(ValueError, match=r"[Cc]hecksum"):
            array[:]


@pytest.mark.parametrize("shards", [(8, 7, 11), (4, 4, 8)])
def test_shards_are_kept(shards: Any, tmp_path: Path) -> None:
    source, target = tmp_path / "in.zarr", tmp_path / "out.zarr"
    encoding = {"t": {"chunks": (4, 7, 11) if shards[1] == 7 else (2, 2, 4), "shards": shards}}
    dataset()[["t"]].to_zarr(source, consolidated=False, encoding=encoding)
    gradient_to_zarr(source, target)
    array: Any = zarr.open_group(target)["dt_dtime"]
    assert (array.shards, array.chunks) == (shards, encoding["t"]["chunks"])
    compare(target, dataset(), {})
    files = [path for path in (target / "dt_dtime" / "c").rglob("*") if path.is_file()]
    assert len(files) == np.prod([-(-n // s) for n, s in zip(SIDES.values(), shards, strict=True)])


@pytest.mark.parametrize("fill_value", [np.nan, -999.0, 1e20])
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_fill_values_are_kept(fill_value: float, zarr_format: Any, tmp_path: Path) -> None:
    source, target = tmp_path / "in.zarr", tmp_path / "out.zarr"
    encoding = {"t": {"_FillValue": np.float32(fill_value), "compressors": None}}
    dataset()[["t"]].to_zarr(source, consolidated=False, encoding=encoding, zarr_format=zarr_format)
    gradient_to_zarr(source, target)
    with xr.open_zarr(target) as found:
        np.testing.assert_equal(found.dt_dx.encoding["_FillValue"], np.float32(fill_value))
    raw: Any = zarr.open_group(target)["dt_dx"]
    assert np.isnan(raw[:]).any() == np.isnan(fill_value)
    compare(target, dataset(), {})


def test_a_derivative_that_is_the_fill_value_is_not_lost_without_a_word(tmp_path: Path) -> None:
    source = tmp_path / "in.zarr"
    given = xr.Dataset({"t": ("x", np.arange(5.0) * -999)})
    given.to_zarr(source, encoding={"t": {"_FillValue": -999.0}}, zarr_format=2)
    with pytest.raises(RuntimeError, match="a derivative is -999, which is the `_FillValue`"):
        gradient_to_zarr(source, tmp_path / "out.zarr", retries=0, allow_missing=True)
    given.to_zarr(source, mode="w", encoding={"t": {"_FillValue": 0.0}}, zarr_format=2)
    gradient_to_zarr(source, tmp_path / "out.zarr", restart=True)


def test_coordinates_that_are_only_copied_are_told_from_changed_ones(tmp_path: Path) -> None:
    source, target = tmp_path / "in.zarr", tmp_path / "out.zarr"
    y, x = 1500, 1600
    coords = {
        "y": np.arange(y),
        "place": ("y", [f"place {k}" for k in range(y)]),
        "when": ("y", xr.date_range("2000-01-01", periods=y, calendar="360_day", use_cftime=True)),
        "far": ("y", np.zeros(y)),  # of fill values: no chunk is written
        "height": (("y", "x"), np.ones((y, x))),  # large: by its chunks, not its values
    }
    whole = xr.Dataset({"t": (("y", "x"), np.ones((y, x), "f4"))}, coords)
    whole.to_zarr(source, encoding={"t": {"chunks": (500, x)}}, zarr_format=2, consolidated=False)

    def differs() -> None:
        with pytest.raises(ValueError, match=r"differs in the coordinates; .*`restart`"):
            gradient_to_zarr(source, target, dim="x", retries=0)

    with spoiled(source / "t" / "2.0"), pytest.raises(RuntimeError, match="variable 't'"):
        gradient_to_zarr(source, target, dim="x", retries=0)
    stored: Any = zarr.open_group(source, mode="r+")
    for name in ("y", "place", "when", "far"):
        before = stored[name][7]
        stored[name][7] = "elsewhere" if name == "place" else before + 1
        differs()
        stored[name][7] = before
    chunk = next((source / "height").glob("0.*"))
    status = chunk.stat()
    os.utime(chunk, ns=(0, 0))
    differs()
    os.utime(chunk, ns=(status.st_atime_ns, status.st_mtime_ns))
    gradient_to_zarr(source, target, dim="x")


def test_options_of_an_unfinished_job_are_told_apart(tmp_path: Path) -> None:
    source, target = tmp_path / "in.zarr", tmp_path / "out.zarr"
    dataset()[["t"]].to_zarr(source, encoding={"t": {"chunks": (4, 7, 11)}}, zarr_format=2)
    with spoiled(source / "t" / "3.0.0"), pytest.raises(RuntimeError, match="not be read"):
        gradient_to_zarr(source, target, dim="x", retries=0)
    journal = (tmp_path / "out.zarr.partial" / "finished").read_text()
    assert journal.count("\n") == 3
    for different, words in {
        "edge_order": r"`edge_order` \(not given then, 2 now\)",
        "dim": r"the coordinates, `dim` \(\['dt_dx'\] then, \['dt_dlevel'\] now\)",
        "spacing": "the coordinates",
        "chunks": "`chunks`",
        "checksum": r"`checksum` \(False then, True now\)",
    }.items():
        options: Any = {
            "dim": "x",
            different: {"edge_order": 2, "dim": "level", "spacing": {"x": 2.0},
                        "chunks": {"time": 2}, "checksum": True}[different],
        }  # fmt: skip
        with pytest.raises(ValueError, match=f"differs in {words}.*`restart`"):
            gradient_to_zarr(source, target, **options)
    # What is finished is not done again: a chunk that is damaged now stays so.
    written = tmp_path / "out.zarr.partial" / "store.zarr" / "dt_dx" / "0.0.0"
    values = numcodecs.Blosc().encode(np.full((4, 7, 11), 7, "f4"))
    written.write_bytes(values)
    gradient_to_zarr(source, target, dim="x")
    with xr.open_zarr(target) as found:
        assert (found.dt_dx[:4] == 7).all()
        assert same_bits(found.dt_dx[4:].values, xgrad.gradient(dataset().t, "x").dt_dx[4:].values)
