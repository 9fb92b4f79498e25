"""View a block of memory as (outer, n, inner), whatever its order and dtype."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from xgrad._typing import AnyArray


def result_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Dtype of the derivative: inexact dtypes are kept, integers and times become float64.

    Raises
    ------
    TypeError
        If values of `dtype` cannot be subtracted: bool, strings, objects.

    Examples
    --------
    >>> result_dtype(np.dtype(">f4")), result_dtype(np.dtype("u1"))
    (dtype('>f4'), dtype('float64'))
    """
    if dtype.kind in "fc":
        return dtype
    if dtype.kind in "iumM":
        return np.dtype(np.float64)
    raise TypeError(
        f"values of dtype {dtype} cannot be differentiated; convert them with `.astype(float)`"
    )


class Planes(NamedTuple):
    """How to view arrays of one shape as (outer, n, inner), in the order of their memory.

    Attributes
    ----------
    order : list of int
        The axes, largest stride first.
    n_before : int
        Number of axes before the differentiated one.

    Examples
    --------
    >>> f = np.zeros((2, 3, 4))
    >>> Planes.of(f, axis=1).view(f, f.dtype).shape
    (2, 3, 4)
    >>> Planes.of(f.T, axis=1).view(f.T, f.dtype).shape
    (2, 3, 4)
    """

    order: list[int]
    n_before: int

    @classmethod
    def of(cls, array: AnyArray, axis: int) -> Planes:
        """Follow the memory order of `array`, which is differentiated along `axis`."""
        order = sorted(range(array.ndim), key=lambda k: (-abs(array.strides[k]), k))
        return cls(order, order.index(axis))

    def view(self, array: AnyArray, dtype: np.dtype[Any]) -> AnyArray:
        """View (or, if impossible, copy) as read-only (outer, n, inner) of `dtype`."""
        moved = array.transpose(self.order)
        flat = _laid_out(moved, dtype).reshape(self._sides(moved.shape))
        # One compiled variant serves writable and read-only memory alike.
        flat.flags.writeable = False
        return flat

    def columns(self, part: AnyArray, shape: tuple[int, ...], dtype: np.dtype[Any]) -> AnyArray:
        """View an array that has length 1 along some axes of data of `shape`.

        The outermost of these axes keep length 1, as planes can repeat; the others are expanded.
        """
        moved = part.transpose(self.order)
        full = [shape[k] for k in self.order]
        full[self.n_before] = moved.shape[self.n_before]
        for k in range(self.n_before):
            if moved.shape[k] > 1:
                break
            full[k] = 1
        flat = _laid_out(np.broadcast_to(moved, full), dtype).reshape(self._sides(full))
        flat.flags.writeable = False
        return flat

    def result(self, out: AnyArray, dtype: np.dtype[Any]) -> AnyArray:
        """View of `out` to write into, or a new array of `dtype` if there is no such view."""
        target = out.transpose(self.order)
        if out.dtype == dtype and target.flags.c_contiguous:
            return target.reshape(self._sides(target.shape))
        return np.empty(self._sides(target.shape), dtype)

    def put(self, result: AnyArray, out: AnyArray) -> None:
        """Copy `result` into `out`, unless it is a view of it."""
        target = out.transpose(self.order)
        if not np.may_share_memory(result, out):
            target[...] = result.reshape(target.shape)

    def _sides(self, shape: Any) -> tuple[int, int, int]:
        n = self.n_before
        return math.prod(shape[:n]), shape[n], math.prod(shape[n + 1 :])


def _laid_out(array: AnyArray, dtype: np.dtype[Any]) -> AnyArray:
    """The array in C order, aligned and of `dtype`: itself if it is (`np.require` is slower)."""
    found: AnyArray = np.asarray(array, dtype, order="C")
    return found if found.flags.aligned else found.copy()


def tiles(
    box: tuple[slice, ...], strides: tuple[int, ...], cells: int
) -> Iterator[tuple[slice, ...]]:
    """Cut a box into pieces of up to `cells` cells that are contiguous in memory.

    Pieces are ordered along the axes of large strides first, so that cells that a stencil along
    these axes reads again are still in the cache.

    Parameters
    ----------
    box : tuple of slice
        Each slice has a start and a stop.
    strides : tuple of int
        Strides of the array in memory.
    cells : int
        Largest number of cells in a piece.

    Examples
    --------
    >>> [[(s.start, s.stop) for s in one] for one in tiles((slice(0, 2), slice(1, 5)), (32, 8), 2)]
    [[(0, 1), (1, 3)], [(1, 2), (1, 3)], [(0, 1), (3, 5)], [(1, 2), (3, 5)]]
    """
    pieces: list[list[slice]] = [[part] for part in box]
    order = sorted(range(len(box)), key=lambda k: abs(strides[k]))
    room = cells
    for axis in order:
        part = box[axis]
        step = max(1, room)
        starts = range(part.start, part.stop, step)
        pieces[axis] = [slice(start, min(start + step, part.stop)) for start in starts]
        room //= max(1, part.stop - part.start)
    for chosen in itertools.product(*(pieces[axis] for axis in order)):
        yield tuple(chosen[order.index(k)] for k in range(len(box)))
