"""The target without its values: groups, arrays, attributes, coordinates."""

from __future__ import annotations

import datetime as dt
import warnings
from typing import Any, cast

import xarray as xr
import zarr
from zarr.codecs import BloscCodec, Crc32cCodec, GzipCodec, ZstdCodec

from xgrad.jobs.assignment import Job
from xgrad.stores.on_disk import shown
from xgrad.workers import cluster as execution

# Coordinates that are larger than this are copied chunk by chunk; in bytes.
_LARGE = 2**24
# Codecs of coordinates, which format 3 writes with its defaults.
_OF_FORMAT_2 = ("compressors", "filters")


def skeleton(job: Job, zarr_format: int, *, checksum: bool) -> xr.Dataset:
    """The labelled result with the storage of its source, and a line more in its history.

    Parameters
    ----------
    job : Job
        What is to be done.
    zarr_format : {2, 3}
        Of the target.
    checksum : bool
        Whether each chunk gets a CRC32C.

    Returns
    -------
    Dataset
        Lazy, with an encoding for each variable.
    """
    result = job.template()
    for group, made in job.made.items():
        encoding = _encoding(job, group, zarr_format, checksum=checksum)
        for one in made:
            result[one.name].encoding.update(encoding)
    now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    done = f"{now}: xgrad {job.request.operation} of {shown(job.request.source)}"
    history = shown(job.data.attrs.get("history", ""))
    result.attrs["history"] = f"{done}\n{history}".rstrip("\n")
    if zarr_format > job.source.zarr_format:
        for coord in result.coords.values():
            coord.encoding = {k: v for k, v in coord.encoding.items() if k not in _OF_FORMAT_2}
    for name, coord in result.coords.items():
        if coord.nbytes > _LARGE and coord.ndim > 1:
            stored = dict(zip(coord.dims, job.source.stored(name), strict=True))
            result = result.assign_coords({name: coord.variable.chunk(stored)})
    return result


def _encoding(job: Job, name: str, zarr_format: int, *, checksum: bool) -> dict[str, Any]:
    """Storage of what is made of some variables: that of the first of them."""
    origin = next(iter(job.variables(name)))
    given = job.data.variables[origin].encoding
    written = job.written(name)
    found: dict[str, Any] = {"chunks": written}
    if given.get("shards") and not job.chunks:
        found |= {"shards": written, "chunks": given["chunks"]}
    if given.get("compressors") is not None:
        found["compressors"] = given["compressors"]
        if zarr_format > job.source.zarr_format:
            found["compressors"] = [_of_format_3(codec) for codec in given["compressors"]]
    if job.fill_value(origin) is not None:
        found["_FillValue"] = given["_FillValue"]
    if checksum:
        found |= _with_checksum(found, zarr_format)
    return found


def _of_format_3(codec: Any) -> Any:
    """The same compressor for format 3, or its default compressor if it has no equivalent."""
    given = codec.get_config()
    if given["id"] == "blosc":
        # The last one is AUTOSHUFFLE, -1: Blosc shuffles bytes, except in arrays of single bytes.
        shuffle = ("noshuffle", "shuffle", "bitshuffle", "shuffle")[given["shuffle"]]
        return BloscCodec(
            cname=given["cname"],
            clevel=given["clevel"],
            shuffle=cast(Any, shuffle),
            blocksize=given["blocksize"],
        )
    if given["id"] == "gzip":
        return GzipCodec(level=given["level"])
    if given["id"] == "zstd":
        return ZstdCodec(level=given["level"], checksum=given.get("checksum", False))
    return ZstdCodec()


def _with_checksum(encoding: dict[str, Any], zarr_format: int) -> dict[str, Any]:
    if zarr_format == 2:
        from numcodecs.checksum32 import CRC32C  # noqa: PLC0415  needs the package crc32c

        # Before the compressor, which format 2 has only one of: of the bytes that a reader gets.
        return {"filters": [CRC32C()]}
    own = encoding.get("compressors")
    codecs = [ZstdCodec()] if own is None else list(own)
    return {"compressors": [*codecs, Crc32cCodec()]}


def write(result: xr.Dataset, store: Any, zarr_format: Any, *, consolidated: bool) -> None:
    """Write all but the values of the derivatives.

    Parameters
    ----------
    result : Dataset
        From :func:`skeleton`.
    store : object
        What zarr opens.
    zarr_format : {2, 3}
        Of the store.
    consolidated : bool
        Whether to consolidate the metadata, which the last write of an object store does.
    """
    with warnings.catch_warnings():
        # Consolidated metadata are no part of format 3 yet, but xarray looks for them first, and
        # would warn each user who opens the store without.
        warnings.filterwarnings("ignore", "Consolidated metadata", zarr.errors.ZarrUserWarning)
        result.to_zarr(
            store, mode="a", compute=False, zarr_format=zarr_format, consolidated=consolidated
        )
    large = [name for name, coord in result.coords.items() if coord.chunks]
    if large:
        lazy = result.coords.to_dataset()[large]
        execution.compute(lazy.to_zarr(store, mode="r+", compute=False, consolidated=False))
