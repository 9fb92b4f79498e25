"""A function of each cell: strip by strip in memory, in threads, and chunk by chunk if lazy."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from xgrad._typing import AnyArray
from xgrad.arrays import buffers
from xgrad.arrays.engines import module_of
from xgrad.arrays.threads import in_threads

# Cells of a strip, whose intermediate results stay in the cache of a core.
_CELLS_OF_A_STRIP = 2**15


def per_cell(function: Callable[..., Sequence[Any]], *arrays: Any, axes: int = 2) -> Any:
    """Evaluate a function that treats each cell by itself.

    The result of a lazy array has one task for each chunk, however many arrays the function takes
    and returns.

    Parameters
    ----------
    function : callable
        Takes numpy arrays, and returns arrays of float64 of the shape of the grid.
    *arrays : numpy.ndarray or dask.array.Array
        Their last axes are those of the grid.  Axes before them are never cut.
    axes : int, default: 2
        Number of axes of the grid.

    Returns
    -------
    array
        One layer for each array that the function returns; lazy if an array is.

    Examples
    --------
    >>> both = np.arange(6.0).reshape(2, 1, 3)
    >>> per_cell(lambda pair: [pair[0] + pair[1], pair[0] * pair[1]], both)
    array([[[ 3.,  5.,  7.]],
    <BLANKLINE>
           [[ 0.,  4., 10.]]])
    """
    count = len(function(*(np.empty((*one.shape[:-axes], *[0] * axes)) for one in arrays)))
    engine = next(filter(None, map(module_of, arrays)), None)
    if engine is not None:
        return _in_chunks(engine, function, arrays, count, axes)
    grid, inner = arrays[0].shape[-axes:], (slice(None),) * (axes - 1)
    like, step = np.zeros(1), max(1, _CELLS_OF_A_STRIP // max(1, math.prod(grid[1:])))
    out = buffers.empty_like(np.broadcast_to(like, (count, *grid)), like.dtype)

    def work(part: slice) -> None:
        for start in range(part.start, part.stop, step):
            strip = slice(start, min(start + step, part.stop))
            for own, found in zip(
                out, function(*(one[(..., strip, *inner)] for one in arrays)), strict=True
            ):
                own[strip] = found

    in_threads(out.nbytes, grid[0], work)
    return out


def _in_chunks(
    engine: ModuleType, function: Callable[..., Sequence[Any]], arrays: Sequence[Any], count: int,
    axes: int,
) -> Any:  # fmt: skip
    given: list[Any] = []
    grid = tuple(f"axis {axis}" for axis in range(axes))
    for k, one in enumerate(map(engine.asarray, arrays)):
        own = tuple(f"axis {axis} of {k}" for axis in range(one.ndim - axes))
        given += [one, (*own, *grid)]
    return engine.blockwise(
        _stacked, ("result", *grid), *given, function=function,
        new_axes={"result": count}, concatenate=True, dtype=np.float64,
        meta=np.empty((0,) * (axes + 1)), token="xgrad-geometry",
    )  # fmt: skip


def _stacked(*blocks: AnyArray, function: Callable[..., Sequence[AnyArray]]) -> AnyArray:
    return np.stack(np.broadcast_arrays(*function(*blocks)))
