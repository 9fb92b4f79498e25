"""How the target is stored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
import zarr

from tests.helpers import numpy_gradient, same_bits
from tests.jobs.helpers import SMALL, compare, gradient_of_mixed, mixed, small, write_mixed
from xgrad.jobs.api import gradient_to_zarr
from xgrad.jobs.empty_target import skeleton, write
from xgrad.jobs.request import Job, Request
from xgrad.stores.workplace import marked


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_checksums(zarr_format: Any, tmp_path: Path) -> None:
    source, target = tmp_path / "in.zarr", tmp_path / "out.zarr"
    small()[["t"]].to_zarr(source, consolidated=False, zarr_format=zarr_format)
    gradient_to_zarr(source, target, dim="x", checksum=True)
    compare(target, small(), {"dim": "x"})
    array: Any = zarr.open_group(target)["dt_dx"]
    codecs = array.filters if zarr_format == 2 else array.compressors
    assert "crc32c" in repr(codecs).lower()
    chunk = target / "dt_dx" / ("0.0.0" if zarr_format == 2 else "c/0/0/0")
    if zarr_format == 3:
        chunk.write_bytes(chunk.read_bytes()[:-1] + b"?")
        with pytest.raises(ValueError, match=r"[Cc]hecksum"):
            array[:]


@pytest.mark.parametrize(
    "shards", [pytest.param((8, 7, 11), marks=pytest.mark.thorough), (4, 4, 8)]
)
def test_shards_are_kept(shards: Any, tmp_path: Path) -> None:
    source, target = tmp_path / "in.zarr", tmp_path / "out.zarr"
    encoding = {"t": {"chunks": (4, 7, 11) if shards[1] == 7 else (2, 2, 4), "shards": shards}}
    small()[["t"]].to_zarr(source, consolidated=False, encoding=encoding)
    gradient_to_zarr(source, target)
    array: Any = zarr.open_group(target)["dt_dtime"]
    assert (array.shards, array.chunks) == (shards, encoding["t"]["chunks"])
    compare(target, small(), {})
    files = [path for path in (target / "dt_dtime" / "c").rglob("*") if path.is_file()]
    assert len(files) == np.prod([-(-n // s) for n, s in zip(SMALL.values(), shards, strict=True)])


@pytest.mark.thorough  # the test before it has shards, too
def test_shards_may_be_longer_than_an_array(tmp_path: Path) -> None:
    source, target = tmp_path / "in.zarr", tmp_path / "out.zarr"
    encoding = {"t": {"chunks": (4, 2, 4), "shards": (16, 8, 12)}}
    small()[["t"]].to_zarr(source, consolidated=False, encoding=encoding)
    gradient_to_zarr(source, target)
    array: Any = zarr.open_group(target)["dt_dtime"]
    assert (array.shards, array.chunks) == ((16, 8, 12), (4, 2, 4))
    compare(target, small(), {})


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_mixed(tmp_path / "source.zarr")


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


@pytest.mark.parametrize("zarr_format", [2, pytest.param(3, marks=pytest.mark.thorough)])
def test_the_format_is_kept(zarr_format: Any, tmp_path: Path) -> None:
    source, target = tmp_path / "source.zarr", tmp_path / "target.zarr"
    mixed().drop_vars("land").to_zarr(source, zarr_format=zarr_format, consolidated=False)
    gradient_to_zarr(source, target)
    assert zarr.open_group(target).metadata.zarr_format == zarr_format
    with xr.open_zarr(target) as found:
        assert same_bits(found.dt_dx.values, gradient_of_mixed("t", 2))


def test_shards_are_read_and_written_whole(tmp_path: Path) -> None:
    source, target = tmp_path / "source.zarr", tmp_path / "target.zarr"
    encoding = {"t": {"chunks": (3, 4, 5), "shards": (9, 8, 10)}}
    mixed()[["t"]].to_zarr(source, encoding=encoding, consolidated=False)
    gradient_to_zarr(source, target)
    array = zarr.open_group(target)["dt_dy"]
    assert array.chunks == (3, 4, 5)
    assert array.shards == (9, 8, 10)
    with xr.open_zarr(target) as found:
        assert same_bits(found.dt_dy.values, gradient_of_mixed("t", 1))


def test_other_chunks_on_request(source: Path, tmp_path: Path) -> None:
    gradient_to_zarr(source, tmp_path / "target.zarr", ["t"], "y", chunks={"time": 21, "y": 3})
    array = zarr.open_group(tmp_path / "target.zarr")["dt_dy"]
    assert array.chunks == (21, 3, 10)
    assert same_bits(array[:], gradient_of_mixed("t", 1))


def test_packed_integers_come_out_as_floats(tmp_path: Path) -> None:
    source, target = tmp_path / "source.zarr", tmp_path / "target.zarr"
    packing = {"dtype": "i2", "scale_factor": 0.01, "add_offset": 5.0, "_FillValue": -999}
    mixed()[["t"]].to_zarr(source, encoding={"t": packing}, consolidated=False)
    gradient_to_zarr(source, target, dim="x")
    with xr.open_zarr(source, consolidated=False) as given, xr.open_zarr(target) as found:
        assert "scale_factor" not in found.dt_dx.encoding
        assert same_bits(found.dt_dx.values, numpy_gradient(given.t.values, 1.0, 2))


def test_an_unfinished_target_is_marked_with_the_token_of_its_run(tmp_path: Path) -> None:
    small()[["t"]].to_zarr(tmp_path / "in.zarr", zarr_format=2)
    job = Job(Request(str(tmp_path / "in.zarr"), None, "x", {}, {}, "a run"))
    write(skeleton(job, 2, checksum=False), tmp_path / "out.zarr", 2)
    assert marked(tmp_path / "out.zarr") == "a run"
