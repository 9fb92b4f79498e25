"""The law of bounded chunks: any codec reads what it wrote, and none unpacks more than it may."""

from __future__ import annotations

import gzip
import warnings
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import zarr
from zarr.codecs import BloscCodec, Crc32cCodec, GzipCodec, ZstdCodec
from zarr.codecs import numcodecs as of_numcodecs

from tests.helpers import same_bits
from xgrad.stores import bounded
from xgrad.stores.source import opened
from xgrad.workers.memory import peak_memory

OF_FORMAT_2 = [
    None, numcodecs.GZip(1), numcodecs.Zlib(1), numcodecs.BZ2(1), numcodecs.LZMA(preset=0),
    numcodecs.Blosc(), numcodecs.Zstd(1), numcodecs.LZ4(),
    numcodecs.LZMA(format=3, preset=None, filters=[{"id": 33, "preset": 1}]),
]  # fmt: skip
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    OF_FORMAT_3 = [
        [GzipCodec()], [BloscCodec()], [ZstdCodec()], [ZstdCodec(), Crc32cCodec()],
        [of_numcodecs.Zlib(level=1)], [of_numcodecs.LZ4()], [of_numcodecs.BZ2(level=1)],
        [of_numcodecs.LZMA(preset=0)],
    ]  # fmt: skip
CASES = [(2, one) for one in OF_FORMAT_2] + [(3, one) for one in OF_FORMAT_3]


def make(path: Path, zarr_format: Any, codec: Any, values: Any, **more: Any) -> None:
    dims = {"dimension_names": ("y", "x")} if zarr_format == 3 else {}
    attributes = {"_ARRAY_DIMENSIONS": ["y", "x"]} if zarr_format == 2 else {}
    group = zarr.open_group(path, mode="w", zarr_format=zarr_format)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # codecs that the specification does not list
        array = group.create_array(
            "t", shape=values.shape, dtype=values.dtype, compressors=codec, attributes=attributes,
            **({"chunks": values.shape} | dims | more),
        )  # fmt: skip
        array[:] = values


@pytest.mark.filterwarnings("ignore:Numcodecs codecs")
@pytest.mark.parametrize(("zarr_format", "codec"), CASES)
def test_any_codec_reads_what_it_wrote_and_no_more(
    zarr_format: Any, codec: Any, tmp_path: Path
) -> None:
    values = np.random.default_rng(0).random((300, 400))
    values[:100] = 0.5
    make(tmp_path / "in.zarr", zarr_format, codec, values)
    assert same_bits(opened(tmp_path / "in.zarr").data.t.values, values)
    # The chunk of a larger array, under metadata of a small one.
    if codec is None:
        return
    make(tmp_path / "small.zarr", zarr_format, codec, values[:2, :30])
    name = "0.0" if zarr_format == 2 else "c/0/0"
    chunk = tmp_path / "in.zarr" / "t" / name
    chunk.replace(tmp_path / "small.zarr" / "t" / name)
    with pytest.raises(ValueError, match="unpacks to more than the 66076 bytes"):
        _ = opened(tmp_path / "small.zarr").data.t.values


def test_chunks_of_shards_are_bounded(tmp_path: Path) -> None:
    values = np.random.default_rng(0).random((64, 64))
    make(tmp_path / "in.zarr", 3, [GzipCodec()], values, shards=(64, 64), chunks=(32, 32))
    assert same_bits(opened(tmp_path / "in.zarr").data.t.values, values)


def test_filters_and_texts_are_read(tmp_path: Path) -> None:
    values = np.arange(1.0, 7.0).reshape(2, 3)
    scaled = [numcodecs.FixedScaleOffset(0, 10, "f8", "i2")]
    make(tmp_path / "in.zarr", 2, numcodecs.Zlib(1), values, filters=scaled)
    assert same_bits(opened(tmp_path / "in.zarr").data.t.values, values)
    texts = np.array([["a" * 10**6, "b"]], object)
    zarr.open_group(tmp_path / "in.zarr").create_array(
        "s", shape=(1, 2), chunks=(1, 2), dtype=str, compressors=numcodecs.Zlib(1),
        attributes={"_ARRAY_DIMENSIONS": ["a", "b"]},
    )[:] = texts  # fmt: skip
    assert opened(tmp_path / "in.zarr").data.s.values.tolist() == texts.tolist()


@pytest.mark.parametrize("zarr_format", [pytest.param(2, marks=pytest.mark.thorough), 3])
def test_a_bomb_takes_no_memory(zarr_format: int, tmp_path: Path) -> None:
    codec = numcodecs.GZip(1) if zarr_format == 2 else [GzipCodec()]
    make(tmp_path / "in.zarr", zarr_format, codec, np.ones((10, 10)))
    name = "0.0" if zarr_format == 2 else "c/0/0"
    with gzip.open(tmp_path / "in.zarr" / "t" / name, "wb", 1) as file:
        for _ in range(32):
            file.write(bytes(2**24))
    before = peak_memory()
    with pytest.raises(ValueError, match="unpacks to more than the"):
        _ = opened(tmp_path / "in.zarr").data.t.values
    assert peak_memory() - before < 10**8


def test_streams_that_follow_one_another_count_together() -> None:
    two = gzip.compress(b"ab") + gzip.compress(b"cd") + bytes(8)
    assert bounded.unpacked({"id": "gzip"}, two, 4) == b"abcd"
    with pytest.raises(ValueError, match="more than the 3 bytes"):
        bounded.unpacked({"id": "gzip"}, two, 3)
    with pytest.raises(EOFError, match="truncated"):
        bounded.unpacked({"id": "gzip"}, gzip.compress(b"ab")[:-3], 4)


def test_a_zstd_frame_without_its_size_is_judged_by_its_blocks() -> None:
    """Written by hand: one raw block of three bytes, then one of a byte repeated 2**20 times."""
    frame = bytes.fromhex("28b52ffd 00 58") + bytes.fromhex("180000") + b"abc"
    frame += (1 | 1 << 1 | 2**20 << 3).to_bytes(3, "little") + b"z"
    with pytest.raises(ValueError, match="more than the 1000 bytes"):
        bounded.unpacked({"id": "zstd"}, frame, 1000)
    assert bounded.unpacked({"id": "zstd"}, frame, 2**20 + 3) is None


def test_other_arrays_keep_their_codecs(tmp_path: Path) -> None:
    make(tmp_path / "in.zarr", 3, [GzipCodec()], np.ones((10, 10)))
    before = zarr.config.get("codec_pipeline.path")
    opened(tmp_path / "in.zarr")
    assert zarr.config.get("codec_pipeline.path") == before
    found = zarr.open_group(tmp_path / "in.zarr")["t"]
    assert isinstance(found.compressors[0], GzipCodec)
