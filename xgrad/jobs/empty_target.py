"""The target without its values: arrays, attributes, coordinates."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any, cast

import xarray as xr
from zarr.codecs import BloscCodec, Crc32cCodec, GzipCodec, ZstdCodec

from xgrad.jobs import copies
from xgrad.jobs.request import Group, Job
from xgrad.stores.urls import shown
from xgrad.stores.workplace import INCOMPLETE, RECORD

# Units of time that xarray reads, but cannot write: it chooses others.
_UNWRITABLE = re.compile(r"(months?|years?|common_years?) since ", re.IGNORECASE)
# Codecs that coordinates of a store of format 2 do not keep in one of format 3.
_OF_FORMAT_2 = ("compressors", "filters")


def skeleton(job: Job, zarr_format: int, *, checksum: bool) -> xr.Dataset:
    """The labelled result, stored as its source is, with a new line in its history.

    Parameters
    ----------
    job : Job
        What is to be done.
    zarr_format : {2, 3}
        Format of the target.
    checksum : bool
        Whether each chunk gets a CRC32C.

    Returns
    -------
    Dataset
        Lazy, with an encoding for each variable, and marked as unfinished.
    """
    result = job.template()
    for group in job.groups:
        encoding = _encoding(job, group, zarr_format, checksum=checksum)
        for one in group.results:
            result[one.name].encoding.update(encoding)
    result.attrs |= {"history": _history(job), INCOMPLETE: job.request.token}
    result.attrs.pop(RECORD, None)  # that of the source
    for coord in result.coords.values():
        if _UNWRITABLE.match(str(coord.encoding.get("units", ""))):
            coord.encoding = {
                k: v for k, v in coord.encoding.items() if k not in ("units", "dtype")
            }
    if zarr_format > job.source.zarr_format:
        for coord in result.coords.values():
            coord.encoding = {k: v for k, v in coord.encoding.items() if k not in _OF_FORMAT_2}
    return copies.in_boxes(job, result)


def _history(job: Job) -> str:
    now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    done = f"{now}: xgrad {job.request.operation} of {job.request.described}"
    before = shown(job.data.attrs.get("history", ""))
    return f"{done}\n{before}".rstrip("\n")


def _encoding(job: Job, group: Group, zarr_format: int, *, checksum: bool) -> dict[str, Any]:
    """Storage of the results of a group: that of its first variable."""
    given = job.data.variables[next(iter(group.origins))].encoding
    found: dict[str, Any] = {"chunks": group.written}
    if given.get("shards") and not job.chunks:
        # A shard may be longer than a short array, but it consists of whole chunks.
        pairs = zip(group.written, given["chunks"], strict=True)
        shards = tuple(-(-cells // chunk) * chunk for cells, chunk in pairs)
        found |= {"shards": shards, "chunks": given["chunks"]}
    if given.get("compressors") is not None:
        found["compressors"] = given["compressors"]
        if zarr_format > job.source.zarr_format:
            found["compressors"] = [_of_format_3(codec) for codec in given["compressors"]]
    if group.fill_value is not None:
        asked = job.request.fill_value
        found["_FillValue"] = given["_FillValue"] if asked is None else asked
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

        # A filter comes before the compressor, of which format 2 has only one: the checksum is of
        # the decompressed bytes.
        return {"filters": [CRC32C()]}
    own = encoding.get("compressors")
    codecs = [ZstdCodec()] if own is None else list(own)
    return {"compressors": [*codecs, Crc32cCodec()]}


def write(result: xr.Dataset, store: Any, zarr_format: Any) -> None:
    """Write everything except the values of the results and of large coordinates.

    Metadata are not consolidated.

    Parameters
    ----------
    result : Dataset
        From :func:`skeleton`.
    store : object
        What zarr opens.
    zarr_format : {2, 3}
        Format of the store.
    """
    result.to_zarr(store, mode="a", compute=False, zarr_format=zarr_format, consolidated=False)
