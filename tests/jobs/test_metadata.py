"""The law of metadata: a target of format 3 has the codecs of its source, or their equivalents."""

from __future__ import annotations

import itertools
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


def dataset(*names: str) -> xr.Dataset:
    """The same values under each name."""
    values = np.random.default_rng(0).normal(size=(12, 16)).astype("f4")
    coords = {"y": np.cumsum(np.arange(1.0, 13.0)), "x": np.arange(16.0)}
    fields = dict.fromkeys(names, (("y", "x"), values, {"units": "K"}))
    return xr.Dataset(fields, coords, {"title": "a title"})


def blosc(shuffle: int, **options: Any) -> Any:
    return numcodecs.Blosc("lz4", clevel=3, shuffle=shuffle, **options)


def blosc_codec(shuffle: Any, blocksize: int = 0) -> BloscCodec:
    return BloscCodec(cname="lz4", clevel=3, shuffle=shuffle, blocksize=blocksize, typesize=4)


def check(store: Any, codecs: dict[str, tuple[Any, ...]], shards: Any = None) -> None:
    """The target has format 3 and these codecs, and both libraries read the derivatives."""
    expected = xgrad.gradient(dataset(*codecs))
    group = zarr.open_group(store, mode="r")
    assert group.metadata.zarr_format == 3
    with xr.open_zarr(store, consolidated=False) as found:
        assert found.attrs["title"] == "a title"
        for dim in ("y", "x"):
            assert same_bits(found[dim].values, expected[dim].values)
        for (name, own), dim in itertools.product(codecs.items(), ("y", "x")):
            derivative = f"d{name}_d{dim}"
            array: Any = group[derivative]
            assert array.metadata.zarr_format == 3
            assert (array.chunks, array.shards) == (CHUNKS, shards)
            assert array.compressors == own, name
            assert array.filters == ()
            for values in (array[:], found[derivative].values):
                assert same_bits(values, expected[derivative].values)
            assert found[derivative].dims == expected[derivative].dims
            assert found[derivative].attrs == expected[derivative].attrs


# Compressors of format 2, and the codecs of format 3 that they become.
OF_FORMAT_2: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "noshuffle": (blosc(numcodecs.Blosc.NOSHUFFLE), (blosc_codec("noshuffle"),)),
    "shuffle": (blosc(numcodecs.Blosc.SHUFFLE), (blosc_codec("shuffle"),)),
    "bitshuffle": (blosc(numcodecs.Blosc.BITSHUFFLE), (blosc_codec("bitshuffle"),)),
    # Blosc's own choice for all but single bytes.
    "autoshuffle": (blosc(numcodecs.Blosc.AUTOSHUFFLE), (blosc_codec("shuffle"),)),
    "blocksize": (blosc(numcodecs.Blosc.SHUFFLE, blocksize=256), (blosc_codec("shuffle", 256),)),
    "gzip": (numcodecs.GZip(level=3), (GzipCodec(level=3),)),
    "zstd": (numcodecs.Zstd(level=7), (ZstdCodec(level=7),)),
    "checksum": (numcodecs.Zstd(level=7, checksum=True), (ZstdCodec(level=7, checksum=True),)),
    # Format 3 has no such codecs: its default.
    "zlib": (numcodecs.Zlib(level=3), (ZstdCodec(level=0),)),
    "bz2": (numcodecs.BZ2(level=1), (ZstdCodec(level=0),)),
    "none": (None, ()),
}


def test_codecs_of_format_2_become_those_of_format_3(tmp_path: Path) -> None:
    encoding = {
        name: {"chunks": CHUNKS, "compressors": given} for name, (given, _) in OF_FORMAT_2.items()
    }
    dataset(*OF_FORMAT_2).to_zarr(tmp_path / "in.zarr", encoding=encoding, zarr_format=2)
    repository = tmp_path / "repository"
    xgrad.gradient_to_zarr(tmp_path / "in.zarr", f"icechunk:{repository}")
    storage = icechunk.local_filesystem_storage(str(repository))
    check(
        icechunk.Repository.open(storage).readonly_session("main").store,
        {name: codecs for name, (_, codecs) in OF_FORMAT_2.items()},
    )


OF_FORMAT_3: dict[str, tuple[Any, ...]] = {
    **{name: (blosc_codec(name),) for name in ("noshuffle", "shuffle", "bitshuffle")},
    "gzip": (GzipCodec(level=3),),
    "checksum": (ZstdCodec(level=7, checksum=True),),
    "none": (),
}


@pytest.mark.parametrize(
    "shards", [pytest.param(None, marks=pytest.mark.thorough), (10, 16)], ids=["chunks", "shards"]
)
def test_codecs_of_format_3_are_kept(shards: tuple[int, int] | None, tmp_path: Path) -> None:
    source, target = tmp_path / "in.zarr", tmp_path / "out.zarr"
    common: dict[str, Any] = {"chunks": CHUNKS} | ({"shards": shards} if shards else {})
    encoding = {name: common | {"compressors": own or None} for name, own in OF_FORMAT_3.items()}
    dataset(*OF_FORMAT_3).to_zarr(source, encoding=encoding, zarr_format=3, consolidated=False)
    xgrad.gradient_to_zarr(source, target)
    check(target, OF_FORMAT_3, shards)
    for name, own in OF_FORMAT_3.items():
        array: Any = zarr.open_group(source)[name]
        assert array.compressors == own, "else nothing was tested"
