"""The law of metadata: a target of format 3 has the codecs of its source, or their equivalents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import icechunk
import numcodecs
import numpy as np
import pytest
import xarray as xr
import zarr
from zarr.codecs import BloscCodec, GzipCodec, ZstdCodec

import xgrad
from tests.helpers import same_bits

CHUNKS = (5, 8)


def dataset() -> xr.Dataset:
    values = np.random.default_rng(0).normal(size=(12, 16)).astype("f4")
    coords = {"y": np.cumsum(np.arange(1.0, 13.0)), "x": np.arange(16.0)}
    return xr.Dataset({"t": (("y", "x"), values, {"units": "K"})}, coords, {"title": "a title"})


def blosc(shuffle: int, **options: Any) -> Any:
    return numcodecs.Blosc("lz4", clevel=3, shuffle=shuffle, **options)


def blosc_codec(shuffle: Any, blocksize: int = 0) -> BloscCodec:
    return BloscCodec(cname="lz4", clevel=3, shuffle=shuffle, blocksize=blocksize, typesize=4)


def check(store: Any, codecs: tuple[Any, ...], shards: Any = None) -> None:
    """The target has format 3 and these codecs, and both libraries read the derivatives."""
    expected = xgrad.gradient(dataset())
    group = zarr.open_group(store, mode="r")
    assert group.metadata.zarr_format == 3
    with xr.open_zarr(store, consolidated=False) as found:
        assert found.attrs["title"] == "a title"
        for name in ("y", "x"):
            assert same_bits(found[name].values, expected[name].values)
        for name, derivative in expected.items():
            array: Any = group[str(name)]
            assert array.metadata.zarr_format == 3
            assert (array.chunks, array.shards) == (CHUNKS, shards)
            assert array.compressors == codecs
            assert array.filters == ()
            assert same_bits(array[:], derivative.values)
            assert same_bits(found[name].values, derivative.values)
            assert found[name].dims == derivative.dims
            assert found[name].attrs == derivative.attrs


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (blosc(numcodecs.Blosc.NOSHUFFLE), (blosc_codec("noshuffle"),)),
        (blosc(numcodecs.Blosc.SHUFFLE), (blosc_codec("shuffle"),)),
        (blosc(numcodecs.Blosc.BITSHUFFLE), (blosc_codec("bitshuffle"),)),
        # Blosc's own choice for all but single bytes.
        (blosc(numcodecs.Blosc.AUTOSHUFFLE), (blosc_codec("shuffle"),)),
        (blosc(numcodecs.Blosc.SHUFFLE, blocksize=256), (blosc_codec("shuffle", 256),)),
        (numcodecs.GZip(level=3), (GzipCodec(level=3),)),
        (numcodecs.Zstd(level=7), (ZstdCodec(level=7),)),
        (numcodecs.Zstd(level=7, checksum=True), (ZstdCodec(level=7, checksum=True),)),
        # Format 3 has no such codec: its default.
        (numcodecs.Zlib(level=3), (ZstdCodec(level=0),)),
        (None, ()),
    ],
    ids=[
        "noshuffle",
        "shuffle",
        "bitshuffle",
        "autoshuffle",
        "blocksize",
        "gzip",
        "zstd",
        "zstd with a checksum",
        "zlib",
        "none",
    ],
)
def test_codecs_of_format_2_become_those_of_format_3(
    given: Any, expected: tuple[Any, ...], tmp_path: Path
) -> None:
    encoding = {"t": {"chunks": CHUNKS, "compressors": given}}
    dataset().to_zarr(tmp_path / "in.zarr", encoding=encoding, zarr_format=2)
    repository = tmp_path / "repository"
    xgrad.gradient_to_zarr(tmp_path / "in.zarr", f"icechunk:{repository}")
    storage = icechunk.local_filesystem_storage(str(repository))
    check(icechunk.Repository.open(storage).readonly_session("main").store, expected)


@pytest.mark.parametrize(
    "codecs",
    [
        *((blosc_codec(shuffle),) for shuffle in ("noshuffle", "shuffle", "bitshuffle")),
        (GzipCodec(level=3),),
        (ZstdCodec(level=7, checksum=True),),
        (),
    ],
    ids=["noshuffle", "shuffle", "bitshuffle", "gzip", "zstd", "none"],
)
@pytest.mark.parametrize(
    "shards", [pytest.param(None, marks=pytest.mark.thorough), (10, 16)], ids=["chunks", "shards"]
)
def test_codecs_of_format_3_are_kept(
    codecs: tuple[Any, ...], shards: tuple[int, int] | None, tmp_path: Path
) -> None:
    encoding: dict[str, Any] = {"chunks": CHUNKS, "compressors": codecs or None}
    if shards:
        encoding["shards"] = shards
    source, target = tmp_path / "in.zarr", tmp_path / "out.zarr"
    dataset().to_zarr(source, encoding={"t": encoding}, zarr_format=3, consolidated=False)
    given: Any = zarr.open_group(source)["t"]
    xgrad.gradient_to_zarr(source, target)
    check(target, given.compressors, shards)
    assert given.compressors == codecs, "else nothing was tested"
