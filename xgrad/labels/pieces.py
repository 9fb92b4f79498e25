"""Coordinates that may be too long to be in memory, piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from xgrad._typing import AnyArray

#: Positions that are looked at together.
OF_A_PIECE = 2**18


def pieces(values: Any, size: int = OF_A_PIECE) -> Iterator[tuple[int, AnyArray]]:
    """Piece after piece of an array or of a Variable that is read in parts, and where it starts.

    Parameters
    ----------
    values : array or Variable of shape (n,)
        In a file with chunks, the pieces are whole chunks.
    size : int
        About how many values a piece has.

    Examples
    --------
    >>> [(start, len(piece)) for start, piece in pieces(np.arange(5), 3)]
    [(0, 3), (3, 2)]
    """
    stored = getattr(values, "encoding", {})
    (chunk,) = stored.get("chunks") or stored.get("chunksizes") or (1,)
    step = max(1, size // chunk) * chunk
    for start in range(0, len(values), step):
        yield start, np.asarray(values[start : start + step])


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
    last = np.empty(0)
    for start, part in pieces(values):
        yield start - len(last), np.concatenate([last.astype(part.dtype), part])
        last = part[-1:]
