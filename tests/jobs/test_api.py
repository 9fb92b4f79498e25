from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import dask
import numcodecs
import numpy as np
import pytest
import xarray as xr
import zarr
from zarr.codecs import BloscCodec, GzipCodec, ZstdCodec

from tests.helpers import numpy_gradient, same_bits
from xgrad import CoordinateError
from xgrad.jobs import assignment as jobs
from xgrad.jobs.api import gradient_to_zarr, plan_to_zarr
from xgrad.jobs.regions import Layout
from xgrad.workers import memory as machine

TIMES = np.array("2000-01-01", "M8[s]") + np.cumsum([0, *[1, 3] * 10]) * np.timedelta64(3600, "s")


def dataset() -> xr.Dataset:
    values = np.random.default_rng(0).normal(size=(21, 12, 10)).astype("f4")
    return xr.Dataset(
        {
            "t": (("time", "y", "x"), values, {"units": "K"}),
            "u": (("time", "y", "x"), 2 * values.astype("f8")),
            "land": (("y", "x"), np.ones((12, 10), bool)),
        },
        {"time": TIMES, "y": np.arange(12.0)[::-1], "height": (("y", "x"), np.ones((12, 10)))},
        {"title": "a test", "history": "made by a test"},
    )


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.zarr"
    encoding = {
        "t": {"chunks": (5, 4, 10), "compressors": [BloscCodec(cname="zstd", clevel=2)]},
        "height": {"chunks": (6, 5)},
    }
    dataset().to_zarr(path, encoding=encoding, consolidated=False)
    return path


def expected(name: str, axis: int) -> Any:
    x = [(TIMES - TIMES[0]) / np.timedelta64(1, "s"), np.arange(12.0)[::-1], 1.0][axis]
    return numpy_gradient(dataset()[name].values, x, axis)


def test_the_store_holds_numpys_gradients(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "target.zarr"
    report = gradient_to_zarr(source, target)
    with xr.open_zarr(target) as found:
        assert sorted(found.data_vars) == [f"d{v}_d{d}" for v in "tu" for d in ("time", "x", "y")]
        for name in "tu":
            for axis, dim in enumerate(("time", "y", "x")):
                assert same_bits(found[f"d{name}_d{dim}"].values, expected(name, axis))
        same_times = found.assign_coords(time=found.time.astype("M8[s]"))  # older xarray: ns
        xr.testing.assert_equal(same_times.coords.to_dataset(), dataset().coords.to_dataset())
        assert found.dt_dtime.attrs["units"] == "K s-1"
    size = dataset().t.nbytes
    assert report.bytes_written == 9 * size
    assert report.bytes_read == 3 * size
    assert report.seconds > 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source.zarr", "target.zarr"]


def test_chunks_compressors_attributes_and_history_are_kept(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "target.zarr"
    gradient_to_zarr(source, target, ["t"], ["time", "x"])
    given, found = zarr.open_group(source), zarr.open_group(target)
    assert sorted(found) == ["dt_dtime", "dt_dx", "height", "time", "y"]
    for name in ("dt_dtime", "dt_dx"):
        assert found[name].chunks == (5, 4, 10)
        assert found[name].compressors == given["t"].compressors
        assert found[name].dtype == np.float32
    assert found.attrs["title"] == "a test"
    last, first = str(found.attrs["history"]).split("\n")
    assert first == "made by a test"
    assert last.endswith("source.zarr")
    assert "xgrad" in last


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_the_format_is_kept(zarr_format: Any, tmp_path: Path) -> None:
    source, target = tmp_path / "source.zarr", tmp_path / "target.zarr"
    dataset().drop_vars("land").to_zarr(source, zarr_format=zarr_format, consolidated=False)
    gradient_to_zarr(source, target)
    assert zarr.open_group(target).metadata.zarr_format == zarr_format
    with xr.open_zarr(target) as found:
        assert same_bits(found.dt_dx.values, expected("t", 2))


def test_shards_are_read_and_written_whole(tmp_path: Path) -> None:
    source, target = tmp_path / "source.zarr", tmp_path / "target.zarr"
    encoding = {"t": {"chunks": (3, 4, 5), "shards": (9, 8, 10)}}
    dataset()[["t"]].to_zarr(source, encoding=encoding, consolidated=False)
    gradient_to_zarr(source, target)
    array = zarr.open_group(target)["dt_dy"]
    assert array.chunks == (3, 4, 5)
    assert array.shards == (9, 8, 10)
    with xr.open_zarr(target) as found:
        assert same_bits(found.dt_dy.values, expected("t", 1))


def test_other_chunks_on_request(source: Path, tmp_path: Path) -> None:
    gradient_to_zarr(source, tmp_path / "target.zarr", ["t"], "y", chunks={"time": 21, "y": 3})
    array = zarr.open_group(tmp_path / "target.zarr")["dt_dy"]
    assert array.chunks == (21, 3, 10)
    assert same_bits(array[:], expected("t", 1))


def test_packed_integers_come_out_as_floats(tmp_path: Path) -> None:
    source, target = tmp_path / "source.zarr", tmp_path / "target.zarr"
    packing = {"dtype": "i2", "scale_factor": 0.01, "add_offset": 5.0, "_FillValue": -999}
    dataset()[["t"]].to_zarr(source, encoding={"t": packing}, consolidated=False)
    gradient_to_zarr(source, target, dim="x")
    with xr.open_zarr(source, consolidated=False) as given, xr.open_zarr(target) as found:
        assert "scale_factor" not in found.dt_dx.encoding
        assert same_bits(found.dt_dx.values, numpy_gradient(given.t.values, 1.0, 2))


@pytest.mark.parametrize("engine", ["h5netcdf", "scipy"])
def test_netcdf(engine: Any, tmp_path: Path) -> None:
    dataset().drop_vars("land").to_netcdf(tmp_path / "source.nc", engine=engine)
    gradient_to_zarr(tmp_path / "source.nc", tmp_path / "target.zarr", ["t"], "time")
    with xr.open_zarr(tmp_path / "target.zarr") as found:
        assert same_bits(found.dt_dtime.values, expected("t", 0))


@pytest.mark.parametrize("engine", ["h5netcdf", "scipy"])
def test_a_file_without_chunks_goes_through_little_memory(engine: Any, tmp_path: Path) -> None:
    source, target = tmp_path / "source.nc", tmp_path / "target.zarr"
    values = np.random.default_rng(0).normal(size=(8, 1000, 1000)).astype("f4")
    xr.Dataset({"t": (("time", "y", "x"), values)}).to_netcdf(source, engine=engine)
    # Read as a whole it would take 200 MB and more, beside the 80 MB of a process.
    room = 180_000_000
    gradient_to_zarr(source, target, dim="time", memory=machine.resident() + room)
    array = zarr.open_group(target)["dt_dtime"]
    assert array.chunks == (2, 1000, 1000), "8 MB that lie together"
    assert same_bits(array[:], numpy_gradient(values, 1.0, 0))
    # Any box can be read alone: other chunks cost no more than their halos.
    small = {"time": 8, "y": 100, "x": 50}
    plan = plan_to_zarr(source, tmp_path / "small.zarr", dim="x", chunks=small)
    assert plan.n_chunks == 200
    assert plan.bytes_decoded <= 1.04 * plan.bytes_read


def test_processes_give_the_same_store(source: Path, tmp_path: Path) -> None:
    gradient_to_zarr(source, tmp_path / "target.zarr", workers=2)
    with xr.open_zarr(tmp_path / "target.zarr") as found:
        assert same_bits(found.dt_dtime.values, expected("t", 0))


def test_an_existing_target_is_replaced_on_request_only(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "target.zarr"
    gradient_to_zarr(source, target, ["t"], "x")
    with pytest.raises(FileExistsError, match=r"target\.zarr' exists.*`overwrite`"):
        gradient_to_zarr(source, target, ["t"], "y")
    gradient_to_zarr(source, target, ["t"], "y", overwrite=True)
    assert "dt_dy" in zarr.open_group(target)
    assert "dt_dx" not in zarr.open_group(target)


def test_nothing_but_a_zarr_store_is_replaced(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "thesis"
    folder.mkdir()
    (folder / "thesis.tex").write_text("years of work")
    for overwrite in (False, True):  # who would be told to use it is not told so in vain
        with pytest.raises(FileExistsError, match=r"is no Zarr store.* choose another$"):
            gradient_to_zarr(source, folder, overwrite=overwrite)
    beside = tmp_path / "target.zarr.partial"
    beside.mkdir()
    (beside / "notes").write_text("mine")
    with pytest.raises(FileExistsError, match="was not written by xgrad"):
        gradient_to_zarr(source, tmp_path / "target.zarr")
    assert (folder / "thesis.tex").exists()
    assert (beside / "notes").exists()


def test_the_source_is_never_the_target(source: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.zarr"
    link.symlink_to(source)
    folder_link = tmp_path / "folder"
    folder_link.symlink_to(tmp_path)
    for target in (source, link, folder_link / "source.zarr", source / ".." / "source.zarr"):
        for overwrite in (False, True):
            with pytest.raises(ValueError, match="is the source"):
                gradient_to_zarr(source, target, overwrite=overwrite)
    for target in (source / "inside.zarr", link / "t"):
        with pytest.raises(ValueError, match="lie one in the other"):
            gradient_to_zarr(source, target, overwrite=True)
    with pytest.raises(ValueError, match="lie one in the other"):
        gradient_to_zarr(source, tmp_path, overwrite=True)
    with xr.open_zarr(source, consolidated=False) as untouched:
        xr.testing.assert_identical(untouched.load(), dataset())


def test_arrays_without_cells(tmp_path: Path) -> None:
    empty = xr.Dataset({"t": (("y", "x"), np.zeros((5, 0))), "u": ("y", np.arange(5.0))})
    empty.to_zarr(tmp_path / "source.zarr", consolidated=False)
    gradient_to_zarr(tmp_path / "source.zarr", tmp_path / "target.zarr", dim="y")
    with xr.open_zarr(tmp_path / "target.zarr") as found:
        assert found.dt_dy.shape == (5, 0)
        assert found.du_dy.values.tolist() == [1.0] * 5


@pytest.mark.parametrize("workers", [None, 2])
def test_an_error_names_the_region_and_what_is_finished_is_kept(
    workers: Any, source: Path, tmp_path: Path
) -> None:
    chunk, target = source / "t" / "c" / "2" / "1" / "0", tmp_path / "target.zarr"
    whole = chunk.read_bytes()
    chunk.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RuntimeError, match="variable 't' could not be read in the region time"):
        gradient_to_zarr(source, target, retries=0, workers=workers, chunks={"y": 4})
    assert not target.exists()
    finished = (tmp_path / "target.zarr.partial" / "finished").read_text().splitlines()
    chunk.write_bytes(whole)
    os.utime(chunk, ns=(0, 0))  # another chunk than the one that the job began with
    with pytest.raises(ValueError, match="differs in the content of the source"):
        gradient_to_zarr(source, target, chunks={"y": 4})
    assert (tmp_path / "target.zarr.partial" / "finished").read_text().splitlines() == finished
    gradient_to_zarr(source, target, restart=True, chunks={"y": 4})
    with xr.open_zarr(target) as found:
        assert same_bits(found.dt_dtime.values, expected("t", 0))


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("kept", [0.0, 0.5, 0.99])
def test_a_truncated_chunk_is_an_error(kept: float, zarr_format: Any, tmp_path: Path) -> None:
    # Blosc gives garbage for the end that is missing, and no error; so each codec is tried.
    codecs: list[Any] = [BloscCodec(clevel=2), ZstdCodec(), GzipCodec(), None]
    if zarr_format == 2:
        codecs = [numcodecs.Blosc(clevel=2), numcodecs.Zstd(), numcodecs.LZ4(), None]
    values = np.random.default_rng(0).normal(size=20000).astype("f4")
    for k, codec in enumerate(codecs):
        source = tmp_path / f"{k}.zarr"
        encoding = {"t": {"compressors": codec, "chunks": (20000,)}}
        given = xr.Dataset({"t": ("x", values)})
        given.to_zarr(source, encoding=encoding, zarr_format=zarr_format, consolidated=False)
        chunk = source / "t" / ("0" if zarr_format == 2 else "c/0")
        whole = chunk.read_bytes()
        chunk.write_bytes(whole[: int(kept * len(whole))])
        with pytest.raises(RuntimeError, match="variable 't' could not be read in the region x 0:"):
            gradient_to_zarr(source, tmp_path / "out.zarr", retries=0, restart=True)


def test_who_was_left_behind_writes_to_no_target_that_was_begun_anew(
    source: Path, tmp_path: Path
) -> None:
    # A worker whose coordinator was killed, and which finishes its run of regions.
    target = tmp_path / "target.zarr"
    gradient_to_zarr(source, target, ["t"], "time")
    job = jobs.Job(jobs.Request(str(source), ("t",), "time", {}, {}, "a run"))
    layouts = {"t": Layout(((5, 5, 5, 6), (12,), (10,)), sweep=0, length=4)}
    (run,) = jobs.assignments(job, layouts, str(target), 1, 1, lambda *_: False)
    regions = run.regions()
    next(regions)
    group = zarr.open_group(target, mode="r+", use_consolidated=False)
    group["dt_dtime"][:] = 0
    group.attrs["history"] = "begun by another run"
    with pytest.raises(RuntimeError, match="begun anew by another run"):
        next(regions)
    assert not group["dt_dtime"][:].any()
    jobs.forget(job)


def test_an_error_leaves_what_was_to_be_replaced(source: Path, tmp_path: Path) -> None:
    gradient_to_zarr(source, tmp_path / "target.zarr", ["u"])
    (source / "t" / "c" / "2" / "1" / "0").write_bytes(b"rubbish")
    with pytest.raises(RuntimeError, match="variable 't'"):
        gradient_to_zarr(source, tmp_path / "target.zarr", overwrite=True, retries=0)
    assert "du_dx" in zarr.open_group(tmp_path / "target.zarr")


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"variables": ["nope"]}, ValueError, "'nope', which the source lacks; it has"),
        ({"dim": "nope"}, CoordinateError, "'nope', which does not exist"),
        ({"chunks": {"nope": 2}}, ValueError, "`chunks` names 'nope'"),
        ({"chunks": {"time": 0}}, ValueError, "`chunks` for 'time' is 0"),
        ({"edge_order": 3}, ValueError, "`edge_order` is 3"),
        (
            {"source": "missing.zarr"},
            FileNotFoundError,
            r"`source` .*missing\.zarr' does not exist",
        ),
        ({"source": "."}, ValueError, "is a folder but no Zarr store"),
        ({"source": "text.nc"}, ValueError, "no file that xarray opens"),
        ({"target": "no/such/folder.zarr"}, FileNotFoundError, "the folder of `target`"),
        ({"target": ""}, ValueError, "give the path of a store"),
        ({"memory": 10**6}, MemoryError, "one chunk of 'u' .* with its halo needs .* in all; give"),
        ({"memory": -1}, ValueError, "`memory` is -1; give a positive number of bytes"),
        ({"retries": -1}, ValueError, "`retries` is -1; give 0 or more"),
        ({"workers": 0}, ValueError, "`workers` is 0"),
    ],
)
def test_refusals_come_before_anything_is_computed_or_written(
    options: Any,
    kind: type[Exception],
    message: str,
    source: Path,
    tmp_path: Path,
    monkeypatch: Any,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text.nc").write_text("not a file of numbers")
    Path("empty").mkdir()
    if options.get("source") == ".":
        options = {"source": "empty"}
    before = sorted(tmp_path.rglob("*"))
    arguments = {"source": source, "target": tmp_path / "target.zarr", **options}

    def refuse(*_args: Any, **_kwargs: Any) -> Any:
        raise AssertionError("something was computed")

    with dask.config.set(scheduler=refuse), pytest.raises(kind, match=message):
        gradient_to_zarr(**arguments)
    assert sorted(tmp_path.rglob("*")) == before


def test_what_cannot_be_made_or_named_is_refused(tmp_path: Path) -> None:
    made = xr.Dataset({"t": ("m/z", np.arange(4.0)), "text": ("m/z", list("abcd")), "one": 1.0})
    made.to_zarr(tmp_path / "in.zarr", zarr_format=2)
    with pytest.raises(ValueError, match=r"would be called 'dt_dm/z', .*; rename the dimension"):
        gradient_to_zarr(tmp_path / "in.zarr", tmp_path / "out.zarr")
    made.rename({"m/z": "mz"}).to_zarr(tmp_path / "in.zarr", mode="w", zarr_format=2)
    for name in ("text", "one"):
        with pytest.raises(ValueError, match=f"`variables` names '{name}', .*; leave it out"):
            gradient_to_zarr(tmp_path / "in.zarr", tmp_path / "out.zarr", ["t", name])
    assert [path.name for path in tmp_path.iterdir()] == ["in.zarr"]


def test_dimensions_of_netcdfs_own_zarr_are_read(tmp_path: Path) -> None:
    source = tmp_path / "in.zarr"
    xr.Dataset({"t": ("x", np.arange(4.0))}).to_zarr(source, zarr_format=2, consolidated=False)
    (source / "t" / ".zattrs").unlink()
    metadata = source / "t" / ".zarray"
    told = {**json.loads(metadata.read_text()), "_NCZARR_ARRAY": {"dimrefs": ["/x"]}}
    metadata.write_text(json.dumps(told))
    gradient_to_zarr(source, tmp_path / "out.zarr")
    with xr.open_zarr(tmp_path / "out.zarr") as found:
        assert found.dt_dx.values.tolist() == [1.0] * 4
