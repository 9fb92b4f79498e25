"""A Zarr store that detects truncated Blosc chunks, which their codec does not."""

from __future__ import annotations

from typing import Any

import numcodecs
from zarr.abc.store import ByteRequest, Store
from zarr.codecs import BloscCodec
from zarr.core.buffer import Buffer, BufferPrototype, default_buffer_prototype
from zarr.storage import WrapperStore

# The header of a Blosc frame ends with the length of the frame, a little-endian uint32.
_HEADER, _LENGTH = 16, slice(12, 16)


class Whole(WrapperStore[Store]):
    """Checks the length of each Blosc chunk.

    Blosc reads the missing end of a truncated frame from whatever follows it in memory, and
    returns garbage without an error (``test_a_truncated_chunk_is_an_error``).  The other codecs
    detect truncation themselves.
    """

    def __init__(self, store: Store, folders: tuple[str, ...] = ()) -> None:
        super().__init__(store)
        self._folders = folders

    def _with_store(self, store: Store) -> Whole:
        return type(self)(store, self._folders)

    async def get(
        self,
        key: str,
        prototype: BufferPrototype | None = None,
        byte_range: ByteRequest | None = None,
    ) -> Buffer | None:
        """Read a chunk or a file; xarray reads files without a prototype.

        Raises
        ------
        OSError
            If the chunk is shorter than its header says.
        """
        prototype = prototype or default_buffer_prototype()
        found = await self._store.get(key, prototype, byte_range)
        if found is not None and byte_range is None and self._is_blosc(key):
            _require_whole(key, found)
        return found

    def _is_blosc(self, key: str) -> bool:
        name = key.rpartition("/")[2]
        return key.startswith(self._folders) and not name.startswith((".z", "zarr.json"))


def of_blosc(group: Any) -> tuple[str, ...]:
    """Folders of the arrays of a group whose chunks are Blosc frames."""
    found = []
    for name, array in group.arrays():
        codecs = array.compressors
        framed = bool(codecs) and isinstance(codecs[-1], BloscCodec | numcodecs.Blosc)
        if framed and not array.shards:  # a shard has an index, with a checksum
            found.append(f"{group.path}/{name}/".lstrip("/"))
    return tuple(found)


def _require_whole(key: str, found: Buffer) -> None:
    n_bytes = len(found)
    expected = _HEADER
    if n_bytes >= _HEADER:
        expected = int.from_bytes(found[_LENGTH].to_bytes(), "little")
    if n_bytes < expected:
        raise OSError(f"the chunk {key!r} is truncated: it has {n_bytes} of {expected} bytes")
