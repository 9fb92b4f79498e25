"""numpy or dask arrays and their spacing → derivatives, or what is made of several of them.

Both kinds of array are cut into blocks, each block gets the cells on either side of it that its
stencils need, and one function does the arithmetic.  That is why eager and lazy results are the
same to the bit.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import dask.array as da
import numpy as np
from dask.system import CPU_COUNT

from xgrad._typing import AnyArray, Steps
from xgrad.arrays import chunks
from xgrad.arrays.buffers import empty_like
from xgrad.arrays.halo import Box, Cells, Halo, Parts, along, merged, passed_on, with_chunks
from xgrad.errors import ChunkError
from xgrad.kernels import tabled as kernels
from xgrad.kernels.layout import Planes, result_dtype, tiles
from xgrad.stencils import circle
from xgrad.stencils import ghosts as boundaries
from xgrad.stencils import table as stencil
from xgrad.stencils.scheme import Scheme

if TYPE_CHECKING:
    from xgrad.kernels import fused as rows

# ``kernels.curvilinear`` and ``kernels.fused`` are imported where they are used: they load numba,
# which small arrays do without.

# A thread pays for itself from here on.  Below it a call takes less than a millisecond.
_BYTES_PER_THREAD = 2**21
# Cells of a tile: its terms and their sum stay in the cache of a core.
_CELLS_OF_A_TILE = 2**16

# What a cell's stencil is called in a table that is an array of one dimension.
_COLUMN = "column"

#: What is made of the terms: their sum, the root of the sum of their squares, or the angle
#: ``arctan2(first, second)``.
How = Literal["sum", "norm", "angle"]


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


@dataclass(frozen=True)
class Term:
    """``factor * d array / d axis``, or ``factor * array``.

    Attributes
    ----------
    array : numpy.ndarray or dask.array.Array
        The data, of any numeric or time dtype.
    axis : int or None
        Not negative; None for the values as they are.
    along : float, array of shape (n - 1,), Columns or None
        Distances between neighbouring positions along `axis`, or positions of several dimensions.
    scheme : Scheme
        Order, accuracy, boundaries, and whether missing neighbours are edges.
    seam : float or None
        For a periodic axis, the step from its last cell to the first one of the next period.
    factor : float, numpy.ndarray, dask.array.Array or None
        An array has as many dimensions as the data, and sides of 1 along those it does not depend
        on.
    inside : array of shape (n,) or None
        What the cells along `axis` are multiplied by before they are subtracted.
    """

    array: Any
    axis: int | None = None
    along: Steps | Columns | None = None
    scheme: Scheme = Scheme()  # noqa: RUF009  it is frozen
    seam: Any = None
    factor: Any = None
    inside: AnyArray | None = None

    @property
    def face(self) -> int:
        """Cells that a chunk passes on."""
        of_columns = isinstance(self.along, Columns)
        return self.scheme.face_of_columns if of_columns else self.scheme.face

    def table(self, size: int) -> AnyArray:
        """What :func:`apply` takes."""
        assert self.along is not None
        assert not isinstance(self.along, Columns)
        return table_of(self.along, size, self.scheme, self.array.dtype, self.seam, self.inside)


def differentiate(
    array: Any, steps: Steps | Columns, axis: int, scheme: Scheme, seam: Any = None
) -> Any:
    """Derivative of `array` along `axis`.

    Parameters
    ----------
    array, steps, axis, scheme, seam
        Those of a :class:`Term`.

    Returns
    -------
    numpy.ndarray or dask.array.Array
        Shape, and for dask the chunks, of `array`; dtype :func:`xgrad.kernels.layout.result_dtype`.

    Raises
    ------
    TypeError, ChunkError
        As :func:`combine`.

    Examples
    --------
    >>> import numpy as np
    >>> differentiate(np.array([0.0, 1.0, 4.0, 9.0]), 1.0, 0, Scheme(edge_order=2))
    array([0., 2., 4., 6.])
    """
    return combine([Term(array, axis, steps, scheme, seam)])


def combine(terms: Sequence[Term], how: How = "sum") -> Any:
    """What is made of several terms, block by block: no term is in memory as a whole.

    Parameters
    ----------
    terms : sequence of Term
        Arrays of one shape.
    how : {"sum", "norm", "angle"}
        What is made of them.

    Returns
    -------
    numpy.ndarray or dask.array.Array
        Of the shape of the arrays, and the chunks of the first lazy one.  Each term has the dtype
        and the bits of the derivative alone; factors, squares and sums are of float64, and are
        rounded once.  A norm and an angle are real.

    Raises
    ------
    TypeError
        If an array is of another kind, or its dtype has no differences.
    ChunkError
        If the chunk sizes of a dask array are unknown.

    Examples
    --------
    >>> f = np.array([[0.0, 4.0], [3.0, 7.0]])
    >>> combine([Term(f, 0, 1.0), Term(f, 1, 1.0)], "norm")
    array([[5., 5.],
           [5., 5.]])
    """
    for term in terms:
        if not isinstance(term.array, np.ndarray | da.Array):
            kind = type(term.array)
            raise TypeError(
                f"data is a {kind.__module__}.{kind.__qualname__}; "
                "xgrad differentiates numpy and dask arrays, convert it with `.as_numpy()`"
            )
    dtype = dtype_of([term.array.dtype for term in terms], how)
    if any(isinstance(one, da.Array) for term in terms for one in _inputs(term)):
        return _in_chunks(terms, how, dtype)
    return _in_memory(terms, how, dtype)


def dtype_of(dtypes: Sequence[np.dtype[Any]], how: How) -> np.dtype[Any]:
    """Dtype of what is made of data of these dtypes.

    Examples
    --------
    >>> dtype_of([np.dtype("f4"), np.dtype("i2")], "sum"), dtype_of([np.dtype("c8")], "norm")
    (dtype('float64'), dtype('float32'))
    """
    found = [result_dtype(dtype) for dtype in dtypes]
    common = found[0] if len(set(found)) == 1 else np.result_type(*found)
    return common if how == "sum" else np.empty(0, common).real.dtype


def _inputs(term: Term) -> Iterator[Any]:
    yield term.array
    yield term.factor
    if isinstance(term.along, Columns):
        yield term.along.positions


def _require_known_chunks(array: da.Array) -> None:
    if any(np.isnan(size) for sizes in array.chunks for size in sizes):
        raise ChunkError(
            "the chunk sizes of the data are unknown, so that its edges cannot be found; "
            "call `.compute_chunk_sizes()` on the dask array first"
        )


def table_of(
    steps: Steps, size: int, scheme: Scheme, dtype: np.dtype[Any], seam: Any = None,
    inside: AnyArray | None = None,
) -> AnyArray:  # fmt: skip
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
    inside : array of shape (size,), optional
        What the cells are multiplied by before they are subtracted.

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
        table = stencil.table_of(steps, size, scheme, real, seam)
        return table if inside is None else stencil.of_products(table, inside)
    if scheme.is_numpys:
        return stencil.coastal_table(steps, size, scheme, real, seam)
    return stencil.windows(steps, size, scheme, seam)


def apply(parts: Parts, table: AnyArray, axis: int, scheme: Scheme, out: AnyArray) -> None:
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
    below, block, above = parts
    if not scheme.skipna:
        kernels.differentiate(block, below, above, table, axis, out)
        return
    from xgrad.kernels import curvilinear as columns  # noqa: PLC0415

    if scheme.is_numpys:
        columns.along_coasts(parts, table, axis, scheme.depth, out)
    else:
        steps = np.concatenate([table[:, 0], table[-1, 1:]])
        columns.in_steps(parts, steps, axis, scheme, out)


@dataclass(frozen=True)
class Stencil:
    """A term over one block in memory.

    Attributes
    ----------
    cells : Cells or array
        The block with its halo; the block alone where its values are taken as they are.
    scheme : Scheme
        That of the term.
    table : array or None
        The columns of :func:`table_of` that belong to the block.
    positions : Cells or None
        The block's positions, where each column has its own, with sides of 1 where they do not
        depend on a dimension.
    ends : tuple of two arrays or None
        Extreme steps of the columns; None where no tile cuts them.
    period : float or None
        Of the positions.
    factor : float, array or None
        What the derivative is multiplied by.
    """

    cells: Cells | AnyArray
    scheme: Scheme = Scheme()  # noqa: RUF009  it is frozen
    table: AnyArray | None = None
    positions: Cells | None = None
    ends: tuple[AnyArray, AnyArray] | None = None
    period: float | None = None
    factor: Any = None

    def fill(self, box: Box, out: AnyArray) -> bool:
        """Differentiate a part of the block; says whether all its columns are monotonic."""
        assert isinstance(self.cells, Cells)
        axis, parts = self.cells.axis, self.cells.cut(box)
        if self.table is not None:
            apply(parts, self.table[:, box[axis]], axis, self.scheme, out)
            return True
        from xgrad.kernels import curvilinear as columns  # noqa: PLC0415

        assert self.positions is not None
        ends = self.ends and (_thin(self.ends[0], box), _thin(self.ends[1], box))
        x = self.positions.cut(box)
        return columns.by_column(parts, x, ends, self.period, axis, self.scheme, out)

    def part(self, box: Box) -> rows.Part | None:
        """A part of the block as a compiled loop over rows takes it; None where it cannot."""
        from xgrad.kernels import fused as rows  # noqa: PLC0415

        factor = self.factor if np.ndim(self.factor) == 0 else _thin(self.factor, box)
        if not isinstance(self.cells, Cells):
            f = self.cells[box]
            return rows.Part((f, f, f), factor=factor)
        axis = self.cells.axis
        if self.table is None or self.scheme.skipna:
            return None
        return rows.Part(self.cells.cut(box), self.table[:, box[axis]], axis, factor)

    def values(self, box: Box, dtype: np.dtype[Any], good: list[bool]) -> AnyArray:
        """The term over a part of the block, with its factor, in the dtype of the sum."""
        if isinstance(self.cells, Cells):
            block = self.cells.block[box]
            found = np.empty_like(block, dtype=result_dtype(block.dtype), subok=False)
            good.append(self.fill(box, found))
        else:
            found = self.cells[box]
        if self.factor is None:
            return found.astype(dtype, copy=False)
        factor = self.factor if np.ndim(self.factor) == 0 else _thin(self.factor, box)
        weighed: AnyArray = np.multiply(found, factor, dtype=dtype)
        return weighed


def _thin(array: AnyArray, box: Box) -> AnyArray:
    """Part of an array with sides of 1 where it does not depend on a dimension."""
    return array[tuple(b if n > 1 else slice(None) for b, n in zip(box, array.shape, strict=True))]


def fold(stencils: Sequence[Stencil], how: How, out: AnyArray, box: Box | None = None) -> bool:
    """Make a part of a block of its terms, tile by tile.

    Parameters
    ----------
    stencils : sequence of Stencil
        The terms.
    how : {"sum", "norm", "angle"}
        What is made of them.
    out : array of the shape of the block
        Where it goes.
    box : tuple of slice, optional
        The part.  Default: all of the block.

    Returns
    -------
    bool
        Whether all columns of positions are strictly monotonic.

    Examples
    --------
    >>> f = np.array([0.0, 1.0, 4.0])
    >>> fold([Stencil(f, factor=2.0), Stencil(f, factor=-1.0)], "sum", out := f * 0)
    True
    >>> out
    array([0., 1., 4.])
    """
    box = box or tuple(slice(0, n) for n in out.shape)
    if len(stencils) == 1 and how == "sum" and stencils[0].factor is None:
        return stencils[0].fill(box, out[box])
    if kernels.are_loaded(out[box].size) and _in_rows(stencils, how, out, box):
        return True
    real = np.empty(0, out.dtype).real.dtype
    inputs = [one.cells.block if isinstance(one.cells, Cells) else one.cells for one in stencils]
    work = np.result_type(np.float64, real, *(result_dtype(one.dtype) for one in inputs))
    good: list[bool] = []
    # What overflows, and infinity less infinity, is seen in the result, as in the kernels.
    with np.errstate(all="ignore"):
        for tile in tiles(box, out.strides, _CELLS_OF_A_TILE):
            values = (one.values(tile, work, good) for one in stencils)
            out[tile] = _FOLDED[how](values)
    return all(good)


def _in_rows(stencils: Sequence[Stencil], how: How, out: AnyArray, box: Box) -> bool:
    """The same in one compiled loop, where that can take it; says whether it did."""
    from xgrad.kernels import fused as rows  # noqa: PLC0415

    parts = [part for one in stencils if (part := one.part(box)) is not None]
    return len(parts) == len(stencils) and rows.fold(parts, how, out[box])


def _sum(values: Iterator[AnyArray]) -> AnyArray:
    total = next(values)
    for value in values:
        total = np.add(total, value, out=total if total.flags.owndata else None)
    return total


def _norm(values: Iterator[AnyArray]) -> AnyArray:
    total: AnyArray | None = None
    for value in values:
        squares = value.real * value.real
        if value.dtype.kind == "c":
            squares += value.imag * value.imag
        total = squares if total is None else np.add(total, squares, out=total)
    assert total is not None
    return np.sqrt(total, out=total)


def _angle(values: Iterator[AnyArray]) -> AnyArray:
    y, x = values
    found: AnyArray = np.arctan2(y, x)
    return found


_FOLDED: dict[str, Callable[[Iterator[AnyArray]], AnyArray]] = {
    "sum": _sum,
    "norm": _norm,
    "angle": _angle,
}


def _cut_axis(out: AnyArray) -> int:
    """Axis whose parts are contiguous in memory."""
    return max(range(out.ndim), key=lambda k: (out.shape[k] > 1) * abs(out.strides[k]))


def _in_threads(n_bytes: int, size: int, work: Callable[[slice], None]) -> None:
    """Call `work` for parts of `size` pieces of a result of `n_bytes`, a thread each.

    A large result is bound by the page faults of its fresh memory, which several threads take
    faster than one, as long as each owns a contiguous part: threads whose parts interleave wait
    for each other's pages.
    """
    count = min(CPU_COUNT, n_bytes // _BYTES_PER_THREAD)
    parts = list(chunks.parts(size, count))
    if len(parts) == 1:
        work(parts[0])
        return
    # A pool per call (0.1 ms): one kept for the module would be dead after a fork.
    with ThreadPoolExecutor(len(parts) - 1) as pool:
        others = pool.map(work, parts[1:])
        work(parts[0])
        list(others)  # raises what a thread raised


def _in_memory(terms: Sequence[Term], how: How, dtype: np.dtype[Any]) -> AnyArray:
    out = empty_like(terms[0].array, dtype)
    if out.size == 0:
        return out
    good: list[bool] = []
    size, work = _pieces(terms, how, out)
    _in_threads(out.nbytes, size, lambda part: good.append(work(part)))
    if not all(good):
        for term in terms:
            if isinstance(term.along, Columns):
                _complain_of_columns(as_float(term.along.positions), term)
    return out


def _pieces(terms: Sequence[Term], how: How, out: AnyArray) -> tuple[int, Callable[[slice], bool]]:
    """How many pieces there are to share among threads, and what makes some of them."""
    cut, first = _cut_axis(out), terms[0]
    alone = len(terms) == 1 and how == "sum" and first.factor is None
    if alone and first.axis == cut and isinstance(first.along, Columns):
        from xgrad.kernels import curvilinear as columns  # noqa: PLC0415

        x = as_float(first.along.positions)
        one_turn = first.along.period is None
        work = columns.side_by_side(first.array, x, cut, first.scheme, out) if one_turn else None
        if work is not None:
            return out.size // out.shape[cut], work
    stencils = [_over_all(term, cut if alone else None) for term in terms]
    whole = tuple(slice(0, n) for n in out.shape)
    return out.shape[cut], lambda part: fold(
        stencils, how, out, (*whole[:cut], part, *whole[cut + 1 :])
    )


def _over_all(term: Term, cut: int | None) -> Stencil:
    """A term over arrays in memory, of which parts are cut along one axis, or None for all."""
    array, axis, scheme, face = term.array, term.axis, term.scheme, term.face
    if axis is None:
        return Stencil(array, factor=term.factor)
    cells = Cells.whole(array, axis, scheme, face, boundaries.values)
    if not isinstance(term.along, Columns):
        return Stencil(cells, scheme, term.table(array.shape[axis]), factor=term.factor)
    x, period = as_float(term.along.positions), term.along.period
    there = Cells.whole(x, axis, scheme, face, boundaries.positions)
    ends = _extremes_in_memory(x, period, axis) if cut in (None, axis) else None
    return Stencil(cells, scheme, None, there, ends, period, term.factor)


def _extremes_in_memory(
    positions: AnyArray, period: float | None, axis: int
) -> tuple[AnyArray, AnyArray]:
    """Extreme steps of whole columns, where the parts of the data cut them into pieces."""
    from xgrad.kernels import curvilinear as columns  # noqa: PLC0415

    if period is not None:
        return columns.extremes_of_turns(positions, axis, period)
    planes = Planes.of(positions, axis)
    flat = planes.view(positions, positions.dtype)
    thin = np.empty_like(np.take(positions, [0], axis=axis))
    found = thin, thin.copy()
    least, greatest = (np.empty((len(flat), 1, flat.shape[2]), flat.dtype) for _ in range(2))

    def work(part: slice) -> None:
        columns.fill_extremes(flat, part, least, greatest)

    _in_threads(flat.nbytes, flat.shape[2], work)
    planes.put(least, found[0])
    planes.put(greatest, found[1])
    return found


def _complain_of_columns(positions: AnyArray, term: Term) -> None:
    from xgrad.kernels import curvilinear as columns  # noqa: PLC0415

    assert isinstance(term.along, Columns)
    assert term.axis is not None
    if term.along.complain is None:
        return
    least, greatest = _extremes_in_memory(positions, term.along.period, term.axis)
    if not columns.good_columns(least, greatest).all():
        term.along.complain()


def as_float(positions: Any) -> Any:
    """Positions as the loops take them; integers are subtracted as floats, or they would wrap."""
    native = positions.dtype.newbyteorder("=")
    return positions.astype(
        native if native in (np.float32, np.float64) else np.float64, copy=False
    )


def _in_chunks(terms: Sequence[Term], how: How, dtype: np.dtype[Any]) -> da.Array:
    """Chunk by chunk, with the neighbours' faces as halos: one task a chunk after these.

    Chunks too short for their stencil are merged with their neighbours on the way in and cut
    again on the way out.
    """
    given = _chunks_of(terms)
    needs = [(term.axis, term.scheme, term.face) for term in terms if term.axis is not None]
    sizes = merged(given, needs)
    arrays = {id(term.array): _in_these(term.array, sizes) for term in terms}
    places = {own: place for place, own in enumerate(arrays)}
    index = tuple(range(len(given)))
    arguments: list[Any] = [part for array in arrays.values() for part in (array, index)]
    labels = itertools.count(len(given))
    recipes = []
    for term in terms:
        recipe = _Recipe(places[id(term.array)], term.axis, term.scheme, term.face)
        array = arrays[id(term.array)]
        if isinstance(term.along, Columns):
            recipe = replace(recipe, is_of_columns=True, period=term.along.period)
            arguments += _columns_of(term, array, index, labels)
        elif term.axis is not None:
            recipe = replace(recipe, is_whole=array.numblocks[term.axis] == 1)
            arguments += _table_of(term, array)
        if np.ndim(term.factor):
            recipe = replace(recipe, has_factor=True)
            arguments += [_in_these(term.factor, sizes), index]
        recipes.append(replace(recipe, factor=None if recipe.has_factor else term.factor))
    meta = np.empty_like(next(iter(arrays.values()))._meta, dtype=dtype)
    result = da.blockwise(
        _block, index, *arguments, recipes=recipes, n_arrays=len(arrays), how=how,
        concatenate=True, align_arrays=False, dtype=dtype, meta=meta,
    )  # fmt: skip
    restored: da.Array = result.rechunk(given)
    return restored


def _chunks_of(terms: Sequence[Term]) -> tuple[tuple[int, ...], ...]:
    """Chunks of the first lazy array, or of what lies lazy over data in memory."""
    for term in terms:
        for one in _inputs(term):
            if isinstance(one, da.Array):
                _require_known_chunks(one)
    for term in terms:
        if isinstance(term.array, da.Array):
            return tuple(term.array.chunks)
    shape = terms[0].array.shape
    lazy = next(one for term in terms for one in _inputs(term) if isinstance(one, da.Array))
    return tuple(
        own if len(own) > 1 else (size,) for own, size in zip(lazy.chunks, shape, strict=True)
    )


def _in_these(array: Any, sizes: tuple[tuple[int, ...], ...]) -> da.Array:
    """An array in these chunks; one in memory is not copied.

    It is hashed, though that takes as long as to differentiate it: the same question has the same
    keys, by which a cluster knows what it has done.
    """
    own = tuple(
        chunk if side == sum(chunk) else (1,)
        for side, chunk in zip(array.shape, sizes, strict=True)
    )
    is_lazy = isinstance(array, da.Array)
    found: da.Array = array.rechunk(own) if is_lazy else da.from_array(array, own)
    return found


def _table_of(term: Term, array: da.Array) -> list[Any]:
    """What a block with 1-D positions is given beside its cells."""
    axis, index = term.axis, tuple(range(array.ndim))
    assert axis is not None
    table = term.table(array.shape[axis])
    # A cell's column of the table as one item: with two dimensions dask would look for the parts
    # of each chunk's table, and stick them together.
    whole = np.ascontiguousarray(table.T).view([(_COLUMN, table.dtype, len(table))])[:, 0]
    of_cells = [da.from_array(whole, chunks=(array.chunks[axis],)), (axis,)]
    if array.numblocks[axis] == 1:  # all that the block needs is its own: no halo, no task for one
        return of_cells
    halo = Halo.of(array, axis, term.scheme, term.face)
    return [halo.faces, index, halo.sides, (axis,), *of_cells]


def _columns_of(
    term: Term, array: da.Array, index: tuple[int, ...], labels: Iterator[int]
) -> list[Any]:
    """The same with positions of several dimensions, cut as the data are."""
    assert isinstance(term.along, Columns)
    assert term.axis is not None
    axis, scheme, face, positions = term.axis, term.scheme, term.face, term.along.positions
    if isinstance(positions, np.ndarray):
        positions = as_float(positions)
        _complain_of_columns(positions, term)
    x = as_float(_in_these(positions, array.chunks))
    halo, x_halo = (Halo.of(one, axis, scheme, face) for one in (array, x))
    least, greatest = _column_extremes(x, x_halo, axis, scheme, term.along.period)
    # One chunk along the axis, whose label is no other's: each block gets those of its columns.
    thin = (*index[:axis], next(labels), *index[axis + 1 :])
    return [
        halo.faces, index, halo.sides, (axis,), x, index, x_halo.faces, index,
        least, thin, greatest, thin,
    ]  # fmt: skip


@dataclass(frozen=True)
class _Recipe:
    """How a term is put together from what a block is given."""

    place: int
    axis: int | None
    scheme: Scheme
    face: int
    is_of_columns: bool = False
    is_whole: bool = False
    period: float | None = None
    has_factor: bool = False
    factor: Any = None

    def stencil(self, block: AnyArray, given: Iterator[AnyArray]) -> Stencil:
        """The term over the block, from the next of what is given."""
        cells: Any = block
        table, there, ends = None, None, None
        if self.is_whole:
            assert self.axis is not None
            cells = Cells.whole(block, self.axis, self.scheme, self.face, boundaries.values)
        elif self.axis is not None:
            faces, sides = next(given), next(given)
            cells = passed_on(block, faces, sides, self.axis, self.scheme, self.face)
        if self.is_of_columns:
            assert self.axis is not None
            x, x_faces = next(given), next(given)
            there = passed_on(
                x, x_faces, sides, self.axis, self.scheme, self.face, boundaries.positions
            )
            ends = next(given), next(given)
        elif self.axis is not None:
            table = next(given)[_COLUMN].T
        factor = next(given) if self.has_factor else self.factor
        return Stencil(cells, self.scheme, table, there, ends, self.period, factor)


def _block(*given: AnyArray, recipes: Sequence[_Recipe], n_arrays: int, how: How) -> AnyArray:
    blocks, rest = given[:n_arrays], iter(given[n_arrays:])
    stencils = [recipe.stencil(blocks[recipe.place], rest) for recipe in recipes]
    dtype = dtype_of([blocks[recipe.place].dtype for recipe in recipes], how)
    out = np.empty_like(blocks[0], dtype=dtype, subok=False)
    fold(stencils, how, out)
    return out


def _column_extremes(
    x: da.Array, halo: Halo, axis: int, scheme: Scheme, period: float | None
) -> tuple[da.Array, da.Array]:
    """Extreme steps of whole columns, from what each chunk says of its own."""
    index = tuple(range(x.ndim))
    found = da.blockwise(
        _extremes, index, x, index, halo.faces, index, halo.sides, (axis,),
        axis=axis, face=scheme.face_of_columns, period=period, concatenate=True,
        align_arrays=False, adjust_chunks={axis: [3] * len(x.chunks[axis])}, dtype=x.dtype,
        meta=x._meta,
    )  # fmt: skip
    lows, highs, totals = (found[along(axis, slice(k, None, 3))] for k in range(3))
    least: da.Array = lows.min(axis, keepdims=True)
    greatest: da.Array = highs.max(axis, keepdims=True)
    if period is None:
        return least, greatest
    count, total = x.shape[axis] - 1, totals.sum(axis, keepdims=True)
    both = da.map_blocks(
        _turns, least, greatest, total, count=count, period=period, axis=axis, dtype=x.dtype,
        chunks=with_chunks(least, axis, [2]), meta=x._meta,
    )  # fmt: skip
    return both[along(axis, slice(0, 1))], both[along(axis, slice(1, 2))]


def _turns(
    least: AnyArray, greatest: AnyArray, total: AnyArray, count: int, period: float, axis: int
) -> AnyArray:
    return np.concatenate(circle.turns(least, greatest, total, count, period), axis=axis)


def _extremes(
    x: AnyArray, faces: AnyArray, sides: AnyArray, axis: int, face: int, period: float | None
) -> AnyArray:
    """Least and greatest step of each column of a chunk, and on a circle the sum of them.

    The steps from and to the chunks beside it are looked at too, as a chunk may be one cell; the
    sum has those from below only.
    """
    from xgrad.kernels import curvilinear as columns  # noqa: PLC0415

    has_below, _, is_below, is_above = (int(n) for n in sides)
    before = faces[along(axis, slice(face - is_below, face))]
    end = face * (2 + has_below)
    after = faces[along(axis, slice(end, end + is_above))]
    cells = np.concatenate([before, x, after], axis=axis)
    if period is None:
        least, greatest = columns.extremes(cells, axis)
        return np.concatenate([least, greatest, greatest], axis=axis)
    up = circle.upwards(np.diff(cells, axis=axis), period)
    own = up[along(axis, slice(0, up.shape[axis] - is_above))]
    return np.concatenate(
        [
            up.min(axis, keepdims=True),
            up.max(axis, keepdims=True),
            own.sum(axis, keepdims=True, dtype=x.dtype),
        ],
        axis=axis,
    )
