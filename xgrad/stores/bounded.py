"""Chunks that unpack to more than their metadata say are an error, before they take memory.

A few megabytes of a damaged or hostile chunk may stand for gigabytes.  The size of a chunk follows
from the metadata of its array.  Blosc, Zstd and LZ4 say in their header how much they unpack to;
gzip, zlib, bz2 and lzma do not, and are stopped when they have unpacked too much.

zarr makes the codecs of an array when it is opened, with a class that its configuration names.
"""

from __future__ import annotations

import asyncio
import bz2
import lzma
import math
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import zarr
from zarr.abc.codec import ArrayBytesCodec, BytesBytesCodec, Codec
from zarr.codecs import ShardingCodec
from zarr.core.codec_pipeline import BatchedCodecPipeline
from zarr.registry import register_pipeline

# Bytes that codecs add to those of the numbers: checksums, indexes of shards.
_SLACK = 2**16
# Zstd splits what it packs into blocks of at most so many bytes.
_ZSTD_BLOCK = 2**17
_ZSTD_MAGIC = (0xFD2FB528).to_bytes(4, "little")


@contextmanager
def codecs() -> Iterator[None]:
    """Arrays that are opened in a ``with`` block have codecs that check sizes."""
    register_pipeline(_Pipeline)
    name = f"{_Pipeline.__module__}.{_Pipeline.__qualname__}"
    with zarr.config.set({"codec_pipeline.path": name}):
        yield


def unpacked(codec: Mapping[str, Any], data: Any, limit: int) -> bytes | None:
    """Unpack a chunk, but not to more than `limit` bytes.

    Parameters
    ----------
    codec : mapping
        The configuration of a codec as numcodecs has it, with its ``id``.
    data : bytes or a buffer
        The chunk.
    limit : int
        What its metadata allow.

    Returns
    -------
    bytes or None
        None if the codec may unpack it: the header says that it has no more, or the codec is none
        of those that are known here.

    Raises
    ------
    ValueError
        If it unpacks to more.

    Examples
    --------
    >>> import zlib
    >>> unpacked({"id": "zlib"}, zlib.compress(b"abc"), limit=3)
    b'abc'
    """
    new = _STREAMS.get(codec["id"])
    if new is not None:
        return _streamed(lambda: new(codec), data, limit)
    if _SIZES.get(codec["id"], lambda _: 0)(data) > limit:
        raise _too_large(limit)
    return None


def _too_large(limit: int) -> ValueError:
    return ValueError(
        f"a chunk unpacks to more than the {limit} bytes that its metadata allow; it is damaged, "
        "or the shape or the dtype in the metadata is wrong"
    )


def _streamed(new: Callable[[], Any], data: Any, limit: int) -> bytes:
    """Unpack streams that follow one another, and stop at the limit."""
    found: list[bytes] = []
    room, rest = limit, data
    while rest:
        stream = new()
        part = stream.decompress(rest, room + 1)
        room -= len(part)
        if room < 0:
            raise _too_large(limit)
        if not stream.eof:
            raise EOFError("the chunk is truncated")
        found.append(part)
        rest = stream.unused_data.lstrip(b"\0")  # gzip may be padded
    return found[0] if len(found) == 1 else b"".join(found)


_STREAMS: dict[str, Callable[[Any], Any]] = {
    "gzip": lambda _: zlib.decompressobj(16 + zlib.MAX_WBITS),
    "zlib": lambda _: zlib.decompressobj(),
    "bz2": lambda _: bz2.BZ2Decompressor(),
    "lzma": lambda codec: lzma.LZMADecompressor(
        codec.get("format", lzma.FORMAT_XZ), filters=codec.get("filters")
    ),
}


def _size_of_zstd(data: Any) -> int:
    """What the header of a frame says, or the most that its blocks hold if it says nothing.

    RFC 8878, sections 3.1.1.1 and 3.1.1.2.
    """
    if bytes(data[:4]) != _ZSTD_MAGIC:
        return 0  # an error of the codec
    flags = data[4]
    single, of_dictionary = flags >> 5 & 1, (0, 1, 2, 4)[flags & 3]
    n_bytes = (single, 2, 4, 8)[flags >> 6]
    at = 5 + (1 - single) + of_dictionary
    if n_bytes:
        return int.from_bytes(data[at : at + n_bytes], "little") + (256 if n_bytes == 2 else 0)
    size, last = 0, False
    while not last and at + 3 <= len(data):
        header = int.from_bytes(data[at : at + 3], "little")
        last, kind, length = bool(header & 1), header >> 1 & 3, header >> 3
        # A block of one repeated byte says how often; a packed one is taken as full only if many
        # follow, since the last one rarely is.
        size += length if kind < 2 or last else _ZSTD_BLOCK
        at += 3 + (1 if kind == 1 else length)
    return size


_SIZES: dict[str, Callable[[Any], int]] = {
    "blosc": lambda data: int.from_bytes(data[4:8], "little"),
    "lz4": lambda data: int.from_bytes(data[:4], "little"),
    "zstd": _size_of_zstd,
}


@dataclass(frozen=True)
class _Pipeline(BatchedCodecPipeline):
    """The codecs of an array, each with a limit."""

    @classmethod
    def from_codecs(cls, codecs: Iterable[Codec], *, batch_size: int | None = None) -> Self:
        """Make it from the codecs of the metadata."""
        return super().from_codecs([_limited(one) for one in codecs], batch_size=batch_size)


def _limited(codec: Any) -> Any:
    if isinstance(codec, ShardingCodec):
        return replace(codec, codecs=tuple(map(_limited, codec.codecs)))
    if isinstance(codec, BytesBytesCodec):
        return codec if isinstance(codec, _OfBytes) else _OfBytes(codec)
    if getattr(codec, "compressor", None) is not None and not isinstance(codec, _OfFormat2):
        return _OfFormat2(codec)
    return codec


@dataclass(frozen=True)
class _OfBytes(BytesBytesCodec):
    """A compressor of an array of format 3."""

    codec: Any

    is_fixed_size = False

    @cached_property
    def _config(self) -> dict[str, Any]:
        given = self.codec.to_dict()
        return {**given.get("configuration", {}), "id": given["name"].removeprefix("numcodecs.")}

    async def _decode_single(self, chunk: Any, spec: Any) -> Any:
        limit = _limit(spec)
        found = None
        if limit is not None:
            data = memoryview(chunk.as_numpy_array())
            found = await asyncio.to_thread(unpacked, self._config, data, limit)
        if found is None:
            return await self.codec._decode_single(chunk, spec)
        return spec.prototype.buffer.from_bytes(found)

    async def _encode_single(self, chunk: Any, spec: Any) -> Any:
        return await self.codec._encode_single(chunk, spec)

    def compute_encoded_size(self, length: int, spec: Any) -> int:
        """As the codec."""
        return int(self.codec.compute_encoded_size(length, spec))

    def evolve_from_array_spec(self, array_spec: Any) -> Self:
        """As the codec."""
        return replace(self, codec=self.codec.evolve_from_array_spec(array_spec))

    def to_dict(self) -> dict[str, Any]:
        """As the codec."""
        return dict(self.codec.to_dict())


@dataclass(frozen=True)
class _OfFormat2(ArrayBytesCodec):
    """The filters and the compressor of an array of format 2."""

    codec: Any

    is_fixed_size = False

    async def _decode_single(self, chunk: Any, spec: Any) -> Any:
        limit = _limit(spec, filtered=bool(self.codec.filters))
        if limit is None:
            return await self.codec._decode_single(chunk, spec)
        config = self.codec.compressor.get_config()
        data = memoryview(chunk.as_numpy_array())
        found = await asyncio.to_thread(unpacked, config, data, limit)
        if found is None:
            return await self.codec._decode_single(chunk, spec)
        rest = replace(self.codec, compressor=None)
        return await rest._decode_single(spec.prototype.buffer.from_bytes(found), spec)

    async def _encode_single(self, chunk: Any, spec: Any) -> Any:
        return await self.codec._encode_single(chunk, spec)

    def compute_encoded_size(self, length: int, spec: Any) -> int:
        """As the codec."""
        return int(self.codec.compute_encoded_size(length, spec))


def _limit(spec: Any, *, filtered: bool = False) -> int | None:
    """Bytes of a chunk before it is packed; None if its items have no fixed size."""
    dtype = spec.dtype.to_native_dtype()
    if dtype.kind in "OT":
        return None
    # Filters may store numbers of another dtype.
    item = max(16, 2 * dtype.itemsize) if filtered else dtype.itemsize
    n_bytes = item * math.prod(spec.shape)
    return int(n_bytes + n_bytes // 8 + _SLACK)
