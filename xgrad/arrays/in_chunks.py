"""Arrays in the chunks of others."""

from __future__ import annotations

from typing import Any, TypeAlias

import dask.array as da
import numpy as np

Chunks: TypeAlias = tuple[tuple[int, ...], ...]


def in_chunks(array: Any, sizes: Chunks) -> da.Array:
    """An array in these chunks; an array in memory is not copied.

    Hashing it takes as long as differentiating it, but gives equal arrays equal keys, by which a
    cluster recognises what it has already computed.

    Parameters
    ----------
    array : numpy.ndarray or dask.array.Array
        With sides of 1 along dimensions that it does not depend on.
    sizes : tuple of tuple of int
        The chunks along each dimension.

    Examples
    --------
    >>> in_chunks(np.zeros((4, 1)), ((2, 2), (3, 3))).chunks
    ((2, 2), (1,))
    """
    own = tuple(
        chunk if side == sum(chunk) else (1,)
        for side, chunk in zip(array.shape, sizes, strict=True)
    )
    is_lazy = isinstance(array, da.Array)
    found: da.Array = array.rechunk(own) if is_lazy else da.from_array(np.asarray(array), own)
    return found
