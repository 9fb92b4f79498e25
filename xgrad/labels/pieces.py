"""Coordinates that may be too long to be in memory, piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from xgrad._heap import trim
from xgrad._typing import AnyArray

#: Positions that are looked at together.
OF_A_PIECE = 2**18
# What the threads that read have freed goes back to the system whenever so many values have been
# read: it adds up to 190 MB otherwise, where chunks of 8 MB are read.
_BETWEEN = 2**23


def pieces(values: Any, size: int = OF_A_PIECE) -> Iterator[tuple[int, AnyArray]]:
    """Piece after piece of an array or of a Variable that is read in parts, and where it starts.

    Parameters
    ----------
    values : array or Variable of shape (n,)
        In a file, whole chunks are read.
    size : int
        The most values of a piece.

    Examples
    --------
    >>> [(start, len(piece)) for start, piece in pieces(np.arange(5), 3)]
    [(0, 3), (3, 2)]
    """
    stored = getattr(values, "encoding", {})
    (chunk,) = stored.get("chunks") or stored.get("chunksizes") or (1,)
    step = max(1, size // chunk) * chunk
    since = 0
    for first in range(0, len(values), step):
        read = np.asarray(values[first : first + step])
        since += len(read)
        if stored and since > _BETWEEN:
            since = 0
            trim()
        # What is made of a piece is as large as the piece, however large the chunks are.
        for start in range(0, len(read), size):
            yield first + start, read[start : start + size]


# A relative error of the steps that is worth a warning: that of float32 longitudes 1/12 degree
# apart is about this.
_TOLERABLE_ROUNDING = 1e-4


def overlapping(values: Any) -> Iterator[tuple[int, AnyArray]]:
    """The same, in pieces that begin with the last value of the one before.

    Examples
    --------
    >>> [(start, piece.tolist()) for start, piece in overlapping(np.arange(3))]
    [(0, [0, 1, 2])]
    """
    last = None
    for start, part in pieces(values):
        yield (start, part) if last is None else (start - 1, np.concatenate([last, part]))
        last = part[-1:]
