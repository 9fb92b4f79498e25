"""Coordinates that are copied to the target: large ones box by box, in the memory of the plan."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Any

import xarray as xr

from xgrad.jobs.request import Job
from xgrad.workers.threads import compute

# Coordinates of more bytes are copied box by box.
_LARGE = 2**24
# Bytes of a box, if the chunks are smaller: as much as costs more than handing it out.
_OF_A_BOX = 2**23
# A box is decoded and encoded: as it is stored, decoded, cut to the box, and compressed.  Measured
# with numbers that do not compress, when kernels are loaded (``tests/jobs/test_promise.py``).
_COPIES = 4


def large(job: Job) -> dict[Hashable, tuple[int, ...]]:
    """Coordinates that are copied box by box, and the sides of the boxes."""
    return {
        name: _box(job.source.stored(name), coord.shape, coord.dtype.itemsize)
        for name, coord in job.data.coords.items()
        if coord.nbytes > _LARGE and coord.dtype.kind != "O"
    }


def needs(job: Job) -> tuple[int, Hashable]:
    """Memory that the largest box takes on its way, in bytes, and its coordinate."""
    coords, boxes = job.data.coords, large(job)
    each = {name: coords[name].dtype.itemsize * math.prod(box) for name, box in boxes.items()}
    if not each:
        return 0, None
    worst = max(each, key=each.__getitem__)
    return int(_COPIES * each[worst]), worst


def n_boxes(job: Job) -> int:
    """Number of boxes, all coordinates together."""
    return sum(
        math.prod(-(-n // side) for n, side in zip(job.data.coords[name].shape, box, strict=True))
        for name, box in large(job).items()
    )


def in_boxes(job: Job, result: xr.Dataset) -> xr.Dataset:
    """The result with large coordinates as arrays of boxes, which are not read."""
    for name, box in large(job).items():
        variable = result.coords[name].variable
        chunks = dict(zip(variable.dims, box, strict=True))
        # Without an index, which would be in memory as a whole.
        own = xr.Coordinates({name: variable.chunk(chunks)}, indexes={})
        result = result.assign_coords(own)
    return result


def copy(result: xr.Dataset, store: Any, n_at_once: int) -> None:
    """Copy the large coordinates of a result from :func:`in_boxes`, so many boxes at once."""
    names = [name for name, coord in result.coords.items() if coord.chunks]
    if names:
        lazy = result.coords.to_dataset()[names]
        compute(lazy.to_zarr(store, mode="r+", compute=False, consolidated=False), n_at_once)


def _box(stored: tuple[int, ...], shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """Sides of a box of whole chunks.

    Examples
    --------
    >>> _box((1, 500, 1000), (100, 1000, 1000), 4), _box((2**16,), (10**8,), 8)
    ((2, 1000, 1000), (1048576,))
    """
    sides = list(stored)
    room = max(1, _OF_A_BOX // max(1, itemsize * math.prod(sides)))
    for axis in reversed(range(len(sides))):
        count = max(1, min(room, -(-shape[axis] // sides[axis])))
        sides[axis], room = min(shape[axis], sides[axis] * count), room // count
    return tuple(sides)
