"""A numpy or dask array and its spacing → its derivative.  ``map_overlap`` lives here.

Both kinds of array are cut into blocks, each block gets the cells on either side of it that its
stencils need, and one kernel does the arithmetic.  That is why eager and lazy results are the same
to the bit.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import dask.array as da
import numpy as np
from dask.system import CPU_COUNT

from xgrad import boundaries, chunks, kernels, stencil
from xgrad._typing import AnyArray, Steps
from xgrad.blocks import Planes, result_dtype
from xgrad.errors import ChunkError
from xgrad.scheme import Scheme

# ``xgrad.columns`` is imported where it is used: its loops take 7 ms to declare, which who never
# meets a coast need not wait for.

# A thread pays for itself from here on.  Below it a call takes less than a millisecond.
_BYTES_PER_THREAD = 2**21


@dataclass(frozen=True)
class Columns:
    """Positions of several dimensions.

    Attributes
    ----------
    positions : numpy.ndarray or dask.array.Array
        With as many dimensions as the data, and sides of 1 along those it does not depend on.
    period : float or None
        Of a periodic axis.
    complain : callable or None
        Called where positions in memory are not strictly monotonic in some column; those columns
        are NaN without it.
    """

    positions: Any
    period: float | None = None
    complain: Callable[[], None] | None = None


def differentiate(
    array: Any, along: Steps | Columns, axis: int, scheme: Scheme, seam: Any = None
) -> Any:
    """Derivative of `array` along `axis`.

    Parameters
    ----------
    array : numpy.ndarray or dask.array.Array
        The data, of any numeric or time dtype.
    along : float, array of shape (n - 1,) or Columns
        Distances between neighbouring positions along `axis`, or positions of several dimensions.
    axis : int
        Not negative.
    scheme : Scheme
        Order, accuracy, boundaries, and whether missing neighbours are edges.
    seam : float, optional
        For a periodic axis, the step from its last cell to the first one of the next period.

    Returns
    -------
    numpy.ndarray or dask.array.Array
        Shape, and for dask the chunks, of `array`; dtype :func:`xgrad.blocks.result_dtype`.

    Raises
    ------
    TypeError
        If `array` is of another kind, or its dtype has no differences.
    ChunkError
        If the chunk sizes of a dask array are unknown.

    Examples
    --------
    >>> import numpy as np
    >>> differentiate(np.array([0.0, 1.0, 4.0, 9.0]), 1.0, 0, Scheme(edge_order=2))
    array([0., 2., 4., 6.])
    """
    if not isinstance(array, np.ndarray | da.Array):
        kind = type(array)
        raise TypeError(
            f"data is a {kind.__module__}.{kind.__qualname__}; "
            "xgrad differentiates numpy and dask arrays, convert it with `.as_numpy()`"
        )
    dtype = result_dtype(array.dtype)
    if isinstance(along, Columns):
        if isinstance(array, np.ndarray) and isinstance(along.positions, np.ndarray):
            return _columns_in_memory(array, along, axis, scheme, dtype)
        return _columns_in_chunks(array, along, axis, scheme, dtype)
    if isinstance(array, da.Array):
        _require_known_chunks(array)
    table = table_of(along, array.shape[axis], scheme, array.dtype, seam)
    if isinstance(array, np.ndarray):
        return _in_memory(array, table, axis, scheme, dtype)
    return _in_chunks(array, table, axis, scheme, dtype)


def _require_known_chunks(array: da.Array) -> None:
    if any(np.isnan(size) for sizes in array.chunks for size in sizes):
        raise ChunkError(
            "the chunk sizes of the data are unknown, so that its edges cannot be found; "
            "call `.compute_chunk_sizes()` on the dask array first"
        )


def table_of(
    steps: Steps, size: int, scheme: Scheme, dtype: np.dtype[Any], seam: Any = None
) -> AnyArray:
    """What each cell of an axis needs to know, in a column per cell.

    Parameters
    ----------
    steps : float or array of shape (size - 1,)
        Distances between neighbouring positions.
    size : int
        Cells of the axis.
    scheme : Scheme
        Order, accuracy, boundaries, and whether missing neighbours are edges.
    dtype : numpy.dtype
        Of the data.
    seam : float, optional
        Of a periodic axis, the step across its seam.

    Returns
    -------
    numpy.ndarray
        In one of the three forms that :func:`apply` tells apart by the scheme.

    Examples
    --------
    >>> table_of(1.0, 3, Scheme(), np.dtype("f8"))[:3]
    array([[ 0., -1., -1.],
           [ 1.,  1.,  0.],
           [ 1.,  2.,  1.]])
    """
    real = np.empty(0, result_dtype(dtype)).real.dtype.newbyteorder("=")
    if not scheme.skipna:
        return stencil.table_of(steps, size, scheme, real, seam)
    if scheme.is_numpys:
        return stencil.coastal_table(steps, size, scheme, real, seam)
    return stencil.windows(steps, size, scheme, seam)


def apply(
    parts: tuple[AnyArray, AnyArray, AnyArray], table: AnyArray, axis: int, scheme: Scheme,
    out: AnyArray,
) -> None:  # fmt: skip
    """Differentiate one block in memory.

    Parameters
    ----------
    parts : tuple of three arrays
        Cells below the block along `axis`, the block, and the cells above it.
    table : array
        The columns of :func:`table_of` that belong to the block.
    axis : int
        Not negative.
    scheme : Scheme
        That of the table.
    out : array of the shape of the block
        Where the derivative goes.

    Examples
    --------
    >>> f = np.array([0.0, 1.0, 4.0])
    >>> apply((f[:0], f, f[:0]), table_of(1.0, 3, Scheme(), f.dtype), 0, Scheme(), out := f * 0)
    >>> out
    array([1., 2., 3.])
    """
    from xgrad import columns  # noqa: PLC0415

    below, block, above = parts
    if not scheme.skipna:
        kernels.differentiate(block, below, above, table, axis, out)
    elif scheme.is_numpys:
        columns.along_coasts(parts, table, axis, scheme.depth, out)
    else:
        steps = np.concatenate([table[:, 0], table[-1, 1:]])
        columns.in_steps(parts, steps, axis, scheme, out)


def _along(axis: int, cells: slice) -> tuple[slice, ...]:
    return (*(slice(None),) * axis, cells)


class _Extended:
    """An array in memory with its ghosts, of which parts are cut without a copy of the whole."""

    def __init__(self, array: AnyArray, axis: int, scheme: Scheme, face: int, ghosts: Any) -> None:
        self.array, self.axis = array, axis
        self.reach = scheme.reach
        size, depth = array.shape[axis], scheme.depth
        ends = [array[_along(axis, slice(0, face))], array[_along(axis, slice(size - face, size))]]
        if "periodic" in scheme.boundary:
            first, last = ends
            self.below = last[_along(axis, slice(face - depth, None))]
            self.above = first[_along(axis, slice(0, depth))]
        else:
            self.below, self.above = (
                ghosts(end, kind, depth, axis, below=k == 0)
                for k, (end, kind) in enumerate(zip(ends, scheme.boundary, strict=True))
            )

    def cut(self, part: slice) -> tuple[AnyArray, AnyArray, AnyArray]:
        """Cells below a part, the part, and the cells above it."""
        size, axis = self.array.shape[self.axis], self.axis
        below = self.array[_along(axis, slice(max(0, part.start - self.reach), part.start))]
        above = self.array[_along(axis, slice(part.stop, part.stop + self.reach))]
        more = max(0, self.reach - part.start), max(0, self.reach - (size - part.stop))
        if more[0] and self.below.size:
            ghosts = self.below[_along(axis, slice(-more[0], None))]
            below = np.concatenate([ghosts, below], axis=axis)
        if more[1] and self.above.size:
            ghosts = self.above[_along(axis, slice(None, more[1]))]
            above = np.concatenate([above, ghosts], axis=axis)
        return below, self.array[_along(axis, part)], above


def _cut_axis(out: AnyArray) -> int:
    """Axis whose parts are contiguous in memory."""
    return max(range(out.ndim), key=lambda k: (out.shape[k] > 1) * abs(out.strides[k]))


def _in_threads(out: AnyArray, cut: int, work: Callable[[slice], None]) -> None:
    """Call `work` for parts of `out` along the axis `cut`, a thread each.

    A large result is bound by the page faults of its fresh memory, which several threads take
    faster than one, as long as each owns a contiguous part: threads whose parts interleave wait
    for each other's pages.
    """
    count = min(CPU_COUNT, out.nbytes // _BYTES_PER_THREAD)
    parts = list(chunks.parts(out.shape[cut], count))
    if len(parts) == 1:
        work(parts[0])
        return
    # A pool per call (0.1 ms): one kept for the module would be dead after a fork.
    with ThreadPoolExecutor(len(parts) - 1) as pool:
        others = pool.map(work, parts[1:])
        work(parts[0])
        list(others)  # raises what a thread raised


def _in_memory(
    array: AnyArray, table: AnyArray, axis: int, scheme: Scheme, dtype: np.dtype[Any]
) -> AnyArray:
    out = np.empty_like(array, dtype=dtype, subok=False)
    whole = slice(0, array.shape[axis])
    extended = _Extended(array, axis, scheme, scheme.face, boundaries.values)

    cut = _cut_axis(out)

    def work(part: slice) -> None:
        here = _along(cut, part)
        if cut == axis:
            apply(extended.cut(part), table[:, part], axis, scheme, out[here])
        else:
            apply(_each(extended.cut(whole), here), table, axis, scheme, out[here])

    _in_threads(out, cut, work)
    return out


def _columns_in_memory(
    array: AnyArray, along: Columns, axis: int, scheme: Scheme, dtype: np.dtype[Any]
) -> AnyArray:
    from xgrad import columns  # noqa: PLC0415

    out = np.empty_like(array, dtype=dtype, subok=False)
    whole = slice(0, array.shape[axis])
    positions = as_float(along.positions)
    face = scheme.face_of_columns
    extended = _Extended(array, axis, scheme, face, boundaries.values)
    there = _Extended(positions, axis, scheme, face, boundaries.positions)
    cut = _cut_axis(out)
    ends = _extremes_in_memory(positions, along, axis) if cut == axis else None
    good = []

    def work(part: slice) -> None:
        here, cells = _along(cut, part), part if cut == axis else whole
        data, x = extended.cut(cells), there.cut(cells)
        if cut != axis:
            data = _each(data, here)
            x = _each(x, here) if positions.shape[cut] > 1 else x
        good.append(columns.by_column(data, x, ends, along.period, axis, scheme, out[here]))

    _in_threads(out, cut, work)
    if along.complain is not None and not all(good):
        along.complain()
    return out


def _extremes_in_memory(
    positions: AnyArray, along: Columns, axis: int
) -> tuple[AnyArray, AnyArray]:
    """Extreme steps of whole columns, where the parts of the data cut them into pieces."""
    from xgrad import columns  # noqa: PLC0415

    if along.period is not None:
        return columns.extremes_of_turns(positions, axis, along.period)
    planes = Planes.of(positions, axis)
    flat = planes.view(positions, positions.dtype)
    thin = np.empty_like(np.take(positions, [0], axis=axis))
    found = thin, thin.copy()
    least, greatest = (np.empty((len(flat), 1, flat.shape[2]), flat.dtype) for _ in range(2))

    def work(part: slice) -> None:
        columns.fill_extremes(flat, part, least, greatest)

    _in_threads(flat, 2, work)
    planes.put(least, found[0])
    planes.put(greatest, found[1])
    return found


def _each(
    parts: tuple[AnyArray, AnyArray, AnyArray], here: tuple[slice, ...]
) -> tuple[AnyArray, AnyArray, AnyArray]:
    below, block, above = parts
    return below[here], block[here], above[here]


def as_float(positions: Any) -> Any:
    """Positions as the loops take them; integers are subtracted as floats, or they would wrap."""
    native = positions.dtype.newbyteorder("=")
    return positions.astype(
        native if native in (np.float32, np.float64) else np.float64, copy=False
    )


def _merged(array: da.Array, axis: int, scheme: Scheme, face: int) -> da.Array:
    """Merge chunks that are too short for their neighbour's halo or for a one-sided stencil."""
    at_ends = max(face, scheme.edge - scheme.depth)
    sizes = {axis: chunks.merged(array.chunks[axis], least=face, least_at_ends=at_ends)}
    for other, own in enumerate(array.chunks):
        if other != axis and 0 in own:  # which map_overlap loses at a seam
            sizes[other] = chunks.merged(own, least=1, least_at_ends=1)
    merged: da.Array = array.rechunk(sizes)
    return merged


@dataclass(frozen=True)
class _Halo:
    """What lies on either side of each chunk, thin arrays both.

    Attributes
    ----------
    faces : dask array
        Of each chunk ``[below], first, last, [above]``: its own first and last cells, between the
        last of the chunk below it and the first of the one above.
    sides : dask array of shape (4, number of chunks)
        For each chunk whether one lies below and whether one lies above it; and the same without
        the seam of a periodic axis.
    """

    faces: da.Array
    sides: da.Array


def _halo(array: da.Array, axis: int, scheme: Scheme, face: int) -> _Halo:
    """Cells that the chunks of an array need of each other.

    Only the faces of the chunks (copies of their first and last cells along `axis`) pass through
    dask's overlap.  With whole chunks in its place each result waits for three of them to be in
    memory, and each chunk is copied once more to stick its halo on (``xgrad, whole chunks`` in
    ``docs/benchmarks.md``).  ``overlap`` is the first half of ``map_overlap``: with all of it each
    chunk has a task more, which takes a sixth of the time that dask optimises the graph.
    """
    sizes = array.chunks[axis]
    periodic = "periodic" in scheme.boundary
    faces = da.map_blocks(
        _faces,
        array,
        axis=axis,
        face=face,
        chunks=_with_chunks(array, axis, [2 * face] * len(sizes)),
        dtype=array.dtype,
        meta=array._meta,
    )
    inside = np.ones((2, len(sizes)), int)
    inside[0, 0] = inside[1, -1] = 0
    sides = np.concatenate([np.ones_like(inside) if periodic else inside, inside])
    if face:
        # allow_rechunk: it would merge chunks without a word.
        faces = da.overlap.overlap(
            faces,
            depth={axis: face},
            boundary={axis: "periodic" if periodic else "none"},
            allow_rechunk=False,
        )
    return _Halo(faces, da.from_array(sides, chunks=(4, 1)))


def _with_chunks(array: da.Array, axis: int, sizes: list[int]) -> tuple[tuple[int, ...], ...]:
    return (*array.chunks[:axis], tuple(sizes), *array.chunks[axis + 1 :])


def _faces(block: AnyArray, axis: int, face: int) -> AnyArray:
    """First and last cells of a block: a copy, as a view would keep the block in memory."""
    size = block.shape[axis]
    return np.take(block, [*range(face), *range(size - face, size)], axis=axis)


def _passed_on(
    faces: AnyArray, sides: AnyArray, axis: int, scheme: Scheme, face: int, ghosts: Any
) -> tuple[AnyArray, AnyArray]:
    """Of ``[below], first, last, [above]`` the cells that neighbours passed on, or ghosts."""
    depth = scheme.depth
    is_below, is_above, _, _ = (bool(side) for side in sides[:, 0])
    own = face if is_below else 0
    if is_below:
        below = faces[_along(axis, slice(face - depth, face))]
    else:
        first = faces[_along(axis, slice(0, face))]
        below = ghosts(first, scheme.boundary[0], depth, axis, below=True)
    if is_above:
        above = faces[_along(axis, slice(own + 2 * face, own + 2 * face + depth))]
    else:
        last = faces[_along(axis, slice(own + face, own + 2 * face))]
        above = ghosts(last, scheme.boundary[1], depth, axis, below=False)
    return below, above


def _in_chunks(
    array: da.Array, table: AnyArray, axis: int, scheme: Scheme, dtype: np.dtype[Any]
) -> da.Array:
    """Differentiate chunk by chunk, with the neighbours' faces as halo.

    Chunks too short for their stencil are merged with their neighbours on the way in and cut
    again on the way out.
    """
    merged = _merged(array, axis, scheme, scheme.face)
    halo = _halo(merged, axis, scheme, scheme.face)
    of_cells = da.from_array(table, chunks=(len(table), merged.chunks[axis]))
    index = tuple(range(array.ndim))
    result = da.blockwise(
        _block,
        index,
        merged,
        index,
        halo.faces,
        index,
        halo.sides,
        (array.ndim, axis),
        of_cells,
        (array.ndim + 1, axis),
        axis=axis,
        scheme=scheme,
        concatenate=True,
        align_arrays=False,
        dtype=dtype,
        meta=array._meta.astype(dtype),
    )
    restored: da.Array = result.rechunk(array.chunks)
    return restored


def _block(
    block: AnyArray, faces: AnyArray, sides: AnyArray, table: AnyArray, axis: int, scheme: Scheme
) -> AnyArray:
    below, above = _passed_on(faces, sides, axis, scheme, scheme.face, boundaries.values)
    out = np.empty_like(block, dtype=result_dtype(block.dtype), subok=False)
    apply((below, block, above), table, axis, scheme, out)
    return out


def _columns_in_chunks(
    array: Any, along: Columns, axis: int, scheme: Scheme, dtype: np.dtype[Any]
) -> da.Array:
    """The same with positions of several dimensions, cut as the data are."""
    positions = along.positions
    if isinstance(array, np.ndarray):
        # Data in memory over lazy positions: in their chunks, and lazy as they are.
        spread = [c if len(c) > 1 else -1 for c in positions.chunks]
        array = da.from_array(array, chunks=tuple(spread), name=False)
    _require_known_chunks(array)
    face = scheme.face_of_columns
    merged = _merged(array, axis, scheme, face)
    sizes = tuple(
        chunk if side == size else (1,)
        for side, size, chunk in zip(positions.shape, merged.shape, merged.chunks, strict=True)
    )
    if isinstance(positions, da.Array):
        _require_known_chunks(positions)
        x = as_float(positions.rechunk(sizes))
    else:
        positions = as_float(positions)
        _complain_of_columns(positions, along, axis)
        x = da.from_array(positions, chunks=sizes, name=False)
    halo, x_halo = (_halo(one, axis, scheme, face) for one in (merged, x))
    least, greatest = _column_extremes(x, x_halo, axis, scheme, along.period)
    index = tuple(range(array.ndim))
    beside = (array.ndim, axis)
    # One chunk along the axis, whose label is no other's: each block gets those of its columns.
    thin = tuple(array.ndim + 2 if k == axis else k for k in index)
    result = da.blockwise(
        _block_of_columns, index, merged, index, halo.faces, index, x, index, x_halo.faces, index,
        halo.sides, beside, least, thin, greatest, thin, axis=axis, scheme=scheme,
        period=along.period, concatenate=True, align_arrays=False, dtype=dtype,
        meta=array._meta.astype(dtype),
    )  # fmt: skip
    restored: da.Array = result.rechunk(array.chunks)
    return restored


def _complain_of_columns(positions: AnyArray, along: Columns, axis: int) -> None:
    from xgrad import columns  # noqa: PLC0415

    if along.complain is None:
        return
    least, greatest = _extremes_in_memory(positions, along, axis)
    if not columns.good_columns(least, greatest).all():
        along.complain()


def _column_extremes(
    x: da.Array, halo: _Halo, axis: int, scheme: Scheme, period: float | None
) -> tuple[da.Array, da.Array]:
    """Extreme steps of whole columns, from what each chunk says of its own."""
    index = tuple(range(x.ndim))
    found = da.blockwise(
        _extremes, index, x, index, halo.faces, index, halo.sides, (x.ndim, axis),
        axis=axis, face=scheme.face_of_columns, period=period, concatenate=True,
        align_arrays=False, adjust_chunks={axis: [3] * len(x.chunks[axis])}, dtype=x.dtype,
        meta=x._meta,
    )  # fmt: skip
    lows, highs, totals = (found[_along(axis, slice(k, None, 3))] for k in range(3))
    least: da.Array = lows.min(axis, keepdims=True)
    greatest: da.Array = highs.max(axis, keepdims=True)
    if period is None:
        return least, greatest
    count, total = x.shape[axis] - 1, totals.sum(axis, keepdims=True)
    both = da.map_blocks(
        _turns, least, greatest, total, count=count, period=period, axis=axis, dtype=x.dtype,
        chunks=_with_chunks(least, axis, [2]), meta=x._meta,
    )  # fmt: skip
    return both[_along(axis, slice(0, 1))], both[_along(axis, slice(1, 2))]


def _turns(
    least: AnyArray, greatest: AnyArray, total: AnyArray, count: int, period: float, axis: int
) -> AnyArray:
    return np.concatenate(boundaries.turns(least, greatest, total, count, period), axis=axis)


def _extremes(
    x: AnyArray, faces: AnyArray, sides: AnyArray, axis: int, face: int, period: float | None
) -> AnyArray:
    """Least and greatest step of each column of a chunk, and on a circle the sum of them.

    The steps from and to the chunks beside it are looked at too, as a chunk may be one cell; the
    sum has those from below only.
    """
    from xgrad import columns  # noqa: PLC0415

    has_below, _, is_below, is_above = (int(n) for n in sides[:, 0])
    before = faces[_along(axis, slice(face - is_below, face))]
    end = face * (2 + has_below)
    after = faces[_along(axis, slice(end, end + is_above))]
    cells = np.concatenate([before, x, after], axis=axis)
    if period is None:
        least, greatest = columns.extremes(cells, axis)
        return np.concatenate([least, greatest, greatest], axis=axis)
    up = boundaries.upwards(np.diff(cells, axis=axis), period)
    own = up[_along(axis, slice(0, up.shape[axis] - is_above))]
    return np.concatenate(
        [
            up.min(axis, keepdims=True),
            up.max(axis, keepdims=True),
            own.sum(axis, keepdims=True, dtype=x.dtype),
        ],
        axis=axis,
    )


def _block_of_columns(
    block: AnyArray, faces: AnyArray, x: AnyArray, x_faces: AnyArray, sides: AnyArray,
    least: AnyArray, greatest: AnyArray, axis: int, scheme: Scheme, period: float | None,
) -> AnyArray:  # fmt: skip
    from xgrad import columns  # noqa: PLC0415

    face = scheme.face_of_columns
    below, above = _passed_on(faces, sides, axis, scheme, face, boundaries.values)
    x_below, x_above = _passed_on(x_faces, sides, axis, scheme, face, boundaries.positions)
    out = np.empty_like(block, dtype=result_dtype(block.dtype), subok=False)
    columns.by_column(
        (below, block, above), (x_below, x, x_above), (least, greatest), period, axis, scheme, out
    )
    return out
