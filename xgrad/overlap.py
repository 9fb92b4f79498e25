"""A numpy or dask array and its spacing → its derivative.  ``map_overlap`` lives here.

Both kinds of array are cut into blocks, each block gets the one cell on either side of it that its
stencil needs, and one kernel does the arithmetic.  That is why eager and lazy results are the same
to the bit.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import dask.array as da
import numpy as np
from dask.system import CPU_COUNT

from xgrad import chunks, kernels, stencil
from xgrad._typing import SHIFT, AnyArray, Steps, Table
from xgrad.errors import ChunkError

# A thread pays for itself from here on.  Below it a call takes less than a millisecond.
_BYTES_PER_THREAD = 2**21


def differentiate(array: Any, steps: Steps, axis: int, edge_order: int) -> Any:
    """First derivative of `array` along `axis`.

    Parameters
    ----------
    array : numpy.ndarray or dask.array.Array
        The data, of any numeric or time dtype.
    steps : float or array of shape (n - 1,)
        Distances between neighbouring positions along `axis`.
    axis : int
        Not negative.
    edge_order : {1, 2}
        Order of accuracy of the one-sided differences at the two edges of the whole array.

    Returns
    -------
    numpy.ndarray or dask.array.Array
        Shape, and for dask the chunks, of `array`; dtype :func:`xgrad.kernels.result_dtype`.

    Raises
    ------
    TypeError
        If `array` is of another kind, or its dtype has no differences.
    ChunkError
        If the chunk sizes of a dask array are unknown.

    Examples
    --------
    >>> import numpy as np
    >>> differentiate(np.array([0.0, 1.0, 4.0, 9.0]), 1.0, axis=0, edge_order=2)
    array([0., 2., 4., 6.])
    """
    if not isinstance(array, np.ndarray | da.Array):
        kind = type(array)
        raise TypeError(
            f"data is a {kind.__module__}.{kind.__qualname__}; "
            "xgrad differentiates numpy and dask arrays, convert it with `.as_numpy()`"
        )
    dtype = kernels.result_dtype(array.dtype)
    real = np.empty(0, dtype).real.dtype.newbyteorder("=")
    if isinstance(array, np.ndarray):
        table = stencil.first_derivative(steps, array.shape[axis], edge_order, real)
        return _in_memory(array, table, axis, dtype)
    if any(np.isnan(size) for sizes in array.chunks for size in sizes):
        raise ChunkError(
            "the chunk sizes of the data are unknown, so that its edges cannot be found; "
            "call `.compute_chunk_sizes()` on the dask array first"
        )
    table = stencil.first_derivative(steps, array.shape[axis], edge_order, real)
    return _in_chunks(array, table, axis, edge_order, dtype)


def _along(axis: int, cells: slice) -> tuple[slice, ...]:
    return (*(slice(None),) * axis, cells)


def _in_memory(array: AnyArray, table: Table, axis: int, dtype: np.dtype[Any]) -> AnyArray:
    """Differentiate memory in contiguous parts, a thread each.

    A large result is bound by the page faults of its fresh memory, which several threads take
    faster than one, as long as each owns a contiguous part: threads whose parts interleave wait
    for each other's pages.
    """
    out = np.empty_like(array, dtype=dtype, subok=False)
    cut = max(range(out.ndim), key=lambda k: (out.shape[k] > 1) * abs(out.strides[k]))
    count = min(CPU_COUNT, out.nbytes // _BYTES_PER_THREAD)
    cuts = list(chunks.parts(out.shape[cut], count))

    def work(part: slice) -> None:
        here = _along(cut, part)
        if cut == axis:
            # Two cells, as a part may be one cell that a one-sided stencil of three starts from.
            below = array[_along(axis, slice(max(0, part.start - 2), part.start))]
            above = array[_along(axis, slice(part.stop, part.stop + 2))]
            columns = table[:, part]
        else:
            below = above = array[here][_along(axis, slice(0, 0))]
            columns = table
        kernels.differentiate(array[here], below, above, columns, axis, out[here])

    if len(cuts) == 1:
        work(cuts[0])
    else:
        # A pool per call (0.1 ms): one kept for the module would be dead after a fork.
        with ThreadPoolExecutor(len(cuts) - 1) as pool:
            others = pool.map(work, cuts[1:])
            work(cuts[0])
            list(others)  # raises what a thread raised
    return out


def _in_chunks(
    array: da.Array, table: Table, axis: int, edge_order: int, dtype: np.dtype[Any]
) -> da.Array:
    """Differentiate chunk by chunk, with the neighbours' faces as halo.

    Only the faces of the chunks (a copy of the first and the last cell along `axis`) pass through
    ``map_overlap``.  With whole chunks in its place each result waits for three of them to be in
    memory, and each chunk is copied once more to stick its halo on (``xgrad, whole chunks`` in
    ``docs/benchmarks.md``).  Chunks too short for their stencil are merged with
    their neighbours on the way in and cut again on the way out.
    """
    wide_enough = chunks.merged(array.chunks[axis], least=1, least_at_ends=edge_order)
    merged = array.rechunk({axis: wide_enough})
    faces = da.map_blocks(
        _faces,
        merged,
        axis=axis,
        chunks=_with_chunks(merged, axis, [2] * len(wide_enough)),
        dtype=array.dtype,
        meta=array._meta,
    )
    n_passed = [2] * len(wide_enough)
    n_passed[0] -= 1
    n_passed[-1] -= 1
    # align_arrays, allow_rechunk: both would merge chunks without a word.
    halo = da.map_overlap(
        _passed_on,
        faces,
        axis=axis,
        depth={axis: 1},
        boundary="none",
        trim=False,
        allow_rechunk=False,
        align_arrays=False,
        chunks=_with_chunks(merged, axis, n_passed),
        dtype=array.dtype,
        meta=array._meta,
    )
    columns = da.from_array(table, chunks=(len(table), wide_enough), name=False)
    index = tuple(range(array.ndim))
    result = da.blockwise(
        _block,
        index,
        merged,
        index,
        halo,
        index,
        columns,
        (array.ndim, axis),
        axis=axis,
        concatenate=True,
        align_arrays=False,
        dtype=dtype,
        meta=array._meta.astype(dtype),
    )
    restored: da.Array = result.rechunk({axis: array.chunks[axis]})
    return restored


def _with_chunks(array: da.Array, axis: int, sizes: list[int]) -> tuple[tuple[int, ...], ...]:
    return (*array.chunks[:axis], tuple(sizes), *array.chunks[axis + 1 :])


def _faces(block: AnyArray, axis: int) -> AnyArray:
    """First and last cell of a block: a copy, as a view would keep the block in memory."""
    ends = block.shape[axis] - 1
    return np.take(block, [0, ends], axis=axis)


def _passed_on(block: AnyArray, axis: int, block_id: tuple[int, ...]) -> AnyArray:
    """Of ``[below], first, last, [above]`` the cells that neighbours passed on."""
    own = 0 if block_id[axis] == 0 else 1
    return np.delete(block, [own, own + 1], axis=axis)


def _block(block: AnyArray, halo: AnyArray, table: Table, axis: int) -> AnyArray:
    n_below = 0 if table[SHIFT, 0] > 0 else 1
    below = halo[_along(axis, slice(None, n_below))]
    above = halo[_along(axis, slice(n_below, None))]
    out = np.empty_like(block, dtype=kernels.result_dtype(block.dtype), subok=False)
    kernels.differentiate(block, below, above, table, axis, out)
    return out
