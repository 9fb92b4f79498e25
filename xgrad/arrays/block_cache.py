"""Blocks and faces that the chunks of one computation share, within a limit of bytes.

A chunk that reads its own halo needs whole neighbours for a few cells of each.  The neighbours are
kept for as long as there is room, because their own turn comes; when it has come, their faces are
kept for the chunks that need them.  What is needed last makes room, and faces after blocks, as they
take less of it.
"""

from __future__ import annotations

import math
import threading
import weakref
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from xgrad._typing import AnyArray
from xgrad.arrays.buffers import available
from xgrad.errors import ChunkError
from xgrad.kernels.cells import along

Index: TypeAlias = tuple[int, ...]

# A small computation keeps all that it may need again: one part in how many of the available memory
# that may be.  A larger one keeps this many bytes, or this many chunks if they are larger.
_SHARE, _BYTES, _CHUNKS = 16, 2**26, 8
# How many cells of a block show whether it has changed.
_PRINT = 256
# Caches that a process keeps for tasks that arrive one by one, as on a cluster.
_MOST_CACHES = 4


class Face(NamedTuple):
    """The cells at one end of a block.

    Attributes
    ----------
    source : int
        Number of the array that the block is a part of.
    block : tuple of int
        Index of the block.
    axis : int
        Not negative.
    is_last : bool
        Whether they are the last cells of the block, not the first.
    """

    source: int
    block: Index
    axis: int
    is_last: bool

    def of(self, values: AnyArray, depth: int) -> AnyArray:
        """The cells, copied because a view would keep the block in memory."""
        n = values.shape[self.axis]
        cells = slice(n - depth, n) if self.is_last else slice(0, depth)
        return values[along(self.axis, cells)].copy()

    def nearest(self, face: AnyArray, depth: int) -> AnyArray:
        """The cells of a face that are next to the neighbouring block."""
        n = face.shape[self.axis]
        return face[along(self.axis, slice(n - depth, n) if self.is_last else slice(0, depth))]


class Wanted(NamedTuple):
    """What a computation wants, by which its cache is known to all of its tasks.

    Attributes
    ----------
    token : str
        Unique.
    n_bytes : int
        Bytes of all blocks that are wanted.
    largest : int
        Bytes of the largest block.
    depths : mapping of (source, axis) to int
        How many cells a face has.
    around : frozenset of (source, axis)
        Those of a periodic axis, whose chunks at the two ends are neighbours.
    numblocks : mapping of source to tuple of int
        How many blocks a source has along each axis.
    """

    token: str
    n_bytes: int
    largest: int
    depths: Mapping[tuple[int, int], int]
    around: frozenset[tuple[int, int]]
    numblocks: Mapping[int, Index]


class _Held(NamedTuple):
    """Cells, and the chunk that needs them."""

    values: AnyArray
    chunk: Index


class BlockCache:
    """The blocks and faces of one computation in one process.

    Parameters
    ----------
    wanted : Wanted
        What is computed.
    memory : int or None
        Bytes of which it may take a share, to keep everything; default: what the system can hand
        out.

    Examples
    --------
    >>> wanted = Wanted("token", 48, 24, {(0, 0): 1}, frozenset(), {0: (2,)})
    >>> cache = BlockCache(wanted)
    >>> face = Face(0, (1,), 0, False)
    >>> cache.face(face, lambda source, block: np.arange(3.0) + 10 * block[0])
    array([10.])
    """

    def __init__(self, wanted: Wanted, memory: int | None = None) -> None:
        self.wanted = wanted
        self._lock = threading.Lock()
        self._held: dict[Any, _Held] = {}
        self._bytes = 0
        self._reading: dict[Any, Future[AnyArray]] = {}
        self._done: set[Index] = set()
        self._latest: Index = ()
        self._prints: dict[Any, int] = {}
        memory = available() or 0 if memory is None else memory
        is_small = wanted.n_bytes <= memory // _SHARE
        self._limit = math.inf if is_small else max(_BYTES, _CHUNKS * wanted.largest)

    def __reduce__(self) -> Any:
        return of_process, (self.wanted,)

    def own(self, source: int, block: Index, read: Callable[[int, Index], AnyArray]) -> AnyArray:
        """A block whose turn has come: it is not kept, but its faces are."""
        found = self._block(source, block, read)
        with self._lock:
            self._drop((source, block))
            # Not before: a face whose block is read again would take room for nothing.
            self._keep_faces(source, block, found)
            self._make_room()
        return found

    def face(self, face: Face, read: Callable[[int, Index], AnyArray]) -> AnyArray:
        """The face of a block, which is read if it is not here."""
        with self._lock:
            found = self._drop(face)
        if found is not None:
            return found
        values = self._block(face.source, face.block, read)
        with self._lock:
            self._drop(face)  # another thread, whose own block it is, may have kept it meanwhile
            if face.block not in self._done:
                self._keep((face.source, face.block), face.block, values)
                self._make_room()
        return face.of(values, self.wanted.depths[face.source, face.axis])

    def finish(self, chunk: Index) -> None:
        """Keep nothing more for a chunk, which has its faces by now."""
        with self._lock:
            self._done.add(chunk)
            self._latest = chunk

    def _block(self, source: int, block: Index, read: Callable[[int, Index], AnyArray]) -> AnyArray:
        """A block: kept, being read by another thread, or read now."""
        key = source, block
        with self._lock:
            if key in self._held:
                return self._held[key].values
            other = self._reading.get(key)
            if other is None:
                mine = self._reading[key] = Future[AnyArray]()
        if other is not None:
            return other.result()
        try:
            values = np.asarray(read(source, block))
            with self._lock:
                self._require_same(key, values)
        except BaseException as error:
            mine.set_exception(error)
            raise
        else:
            mine.set_result(values)
            return values
        finally:
            with self._lock:
                del self._reading[key]

    def _require_same(self, key: Any, values: AnyArray) -> None:
        """Refuse a source that changes, as when results are written over the data.

        Some cells of each block stand for all of them: a checksum of all takes half as long as
        reading them.
        """
        found = hash(values.flat[:: max(1, values.size // _PRINT)].tobytes())
        if self._prints.setdefault(key, found) != found:
            raise ChunkError(
                f"block {key[1]} of the source changed between two readings, so the derivatives "
                "beside it would be wrong; write results to another place than the data, or read "
                "each block once with `dask.config.set({'xgrad.halo': 'shared'})`"
            )

    def _keep_faces(self, source: int, block: Index, values: AnyArray) -> None:
        """Keep the faces that chunks beside a block still need."""
        counts = self.wanted.numblocks[source]
        for (name, axis), depth in self.wanted.depths.items():
            if name != source or counts[axis] == 1:
                continue
            for is_last in (False, True):
                beside = block[axis] + (1 if is_last else -1)
                if (name, axis) in self.wanted.around:
                    beside %= counts[axis]
                chunk = (*block[:axis], beside, *block[axis + 1 :])
                if not 0 <= beside < counts[axis] or chunk in self._done:
                    continue
                face = Face(source, block, axis, is_last)
                self._keep(face, chunk, face.of(values, depth))

    def _keep(self, key: Any, chunk: Index, values: AnyArray) -> None:
        """Keep what a chunk needs."""
        if key not in self._held:
            self._held[key] = _Held(values, chunk)
            self._bytes += values.nbytes

    def _make_room(self) -> None:
        """Drop what is needed last, weighed by the room that it takes.

        Blocks that were used last would be the wrong ones to keep: where a slab of chunks does not
        fit, each would be dropped before its turn (``test_part_of_a_slab_is_kept_until_its_turn``).
        The order of the chunks is dask's.  Often it follows their numbers, up or down.
        """
        if self._bytes <= self._limit:
            return
        counts = next(iter(self.wanted.numblocks.values()))
        here = _number(self._latest, counts)

        def cost(key: Any) -> int:
            values, chunk = self._held[key]
            return abs(_number(chunk, counts) - here) * values.nbytes

        for key in sorted(self._held, key=cost, reverse=True):
            self._drop(key)
            # Some more than must be, as it takes time to compare all.
            if self._bytes <= self._limit * 15 / 16:
                break

    def _drop(self, key: Any) -> AnyArray | None:
        found = self._held.pop(key, None)
        if found is None:
            return None
        self._bytes -= found.values.nbytes
        return found.values


def _number(chunk: Index, counts: Index) -> int:
    """The number of a chunk, where the last axis varies fastest."""
    found = 0
    for k, n in zip(chunk, counts, strict=False):
        found = found * n + k
    return found


_CACHES: weakref.WeakValueDictionary[str, BlockCache] = weakref.WeakValueDictionary()
_LATEST: deque[BlockCache] = deque(maxlen=_MOST_CACHES)
_OF_PROCESS = threading.Lock()


def of_process(wanted: Wanted) -> BlockCache:
    """The cache of a computation in this process, made for the first of its tasks to arrive."""
    with _OF_PROCESS:
        found = _CACHES.get(wanted.token)
        if found is None:
            # Several processes share the memory of the system, and a worker may have a limit.
            found = _CACHES[wanted.token] = BlockCache(wanted, memory=0)
            _LATEST.append(found)
        return found
