"""A stencil whose neighbours are columns, each taken at the height of the cell itself."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from xgrad._typing import AnyArray
from xgrad.kernels.cells import Box, Cells
from xgrad.kernels.stencil_kinds import Gaps, OfAnAxis

if TYPE_CHECKING:
    from xgrad.kernels.constant_height_columns import Source

# Cells of a tile: data other than float64 are converted tile by tile.
_CELLS_OF_A_TILE = 2**19
# Lanes that are done at once, whose columns stay in the cache of a core.
_LANES = 192

#: How a column is taken at a height, in the order of the numbers of the loops.
WAYS = ("interpolation", "linear", "chain")


class AtHeight(NamedTuple):
    """The derivative along an axis with the height held constant instead of the level.

    Attributes
    ----------
    stencil : OfAnAxis
        The weights of the neighbours.
    cells, heights : Cells
        The data and their heights, of whole columns.  Heights have length 1 along the dimensions
        that they do not depend on.
    levels : int
        The axis of the columns.
    by : {"interpolation", "linear", "chain"}
        How the value of a neighbour at the height of a cell is found.
    inside : Cells or None
        What the cells are multiplied by before they are differentiated.
    part : slice or None
        The levels to differentiate; None for all.
    name : hashable
        Name of the heights.
    """

    stencil: OfAnAxis
    cells: Cells
    heights: Cells
    levels: int
    by: str = "interpolation"
    inside: Cells | None = None
    part: slice | None = None
    name: Hashable = None

    def cut(self, box: Box, axis: int) -> Self:
        """The stencil for a part of the block, with whole columns."""
        levels, first = self.levels, 0 if self.part is None else self.part.start
        part = slice(first + box[levels].start, first + box[levels].stop)
        whole = slice(0, self.cells.block.shape[levels])
        box = (*box[:levels], whole, *box[levels + 1 :])
        return self._replace(
            stencil=self.stencil.cut(box, axis), cells=self.cells.cut(box),
            heights=self.heights.cut(box), inside=self.inside and self.inside.cut(box), part=part,
        )  # fmt: skip

    def apply(self, cells: Cells, out: AnyArray) -> bool:
        """Differentiate the block into `out`; False if some columns are not monotonic."""
        if out.size == 0:
            return True
        del cells  # only those of the levels to differentiate
        tiles = _Tiles.of(self)
        good = [tiles.fill(cut, out[box]) for box, cut in tiles.each(self, out.shape)]
        return all(good)


class _Tiles(NamedTuple):
    """How a block is cut into tiles of shape (planes, levels, lanes).

    Attributes
    ----------
    planes, lanes : int or None
        Axes of the block; None if it has no such axis.
    levels, axis : int
        That of the columns, and that of the derivative.
    reach : int
        Columns on either side of a cell.
    sides : tuple of int
        Most planes and lanes of a tile.
    """

    planes: int | None
    lanes: int
    levels: int
    axis: int
    reach: int
    sides: tuple[int, int]

    @classmethod
    def of(cls, own: AtHeight) -> _Tiles:
        """Lanes follow one another in memory."""
        block, axis = own.cells.block, own.cells.axis
        others = [k for k in range(block.ndim) if k != own.levels]
        others.sort(key=lambda k: (block.shape[k] == 1, abs(block.strides[k]), k))
        lanes = others[0] if block.shape[others[0]] > 1 else axis
        planes = axis if lanes != axis else next((k for k in others if k != lanes), None)
        columns = max(1, _CELLS_OF_A_TILE // block.shape[own.levels])
        wide = min(columns if lanes == axis else min(columns, _LANES), block.shape[lanes])
        sides = max(1, columns // wide), wide
        return cls(planes, lanes, own.levels, axis, own.cells.reach, sides)

    def each(self, own: AtHeight, shape: tuple[int, ...]) -> Iterator[tuple[Box, AtHeight]]:
        """Boxes of the block, and the stencil of each."""
        steps = [1] * len(shape)
        steps[self.levels] = shape[self.levels]
        steps[self.lanes] = self.sides[1]
        if self.planes is not None:
            steps[self.planes] = self.sides[0]
        parts = [
            [slice(k, min(k + step, n)) for k in range(0, n, step)]
            for step, n in zip(steps, shape, strict=True)
        ]
        for box in itertools.product(*parts):
            yield box, own.cut(box, self.axis)

    def fill(self, own: AtHeight, out: AnyArray) -> bool:
        """Differentiate one tile."""
        if out.dtype.kind != "c":
            return self._fill(own, out, "real")
        parts = ("real", "imag")
        real, imag = (self._fill(own, getattr(out, part), part) for part in parts)
        return real and imag

    def _fill(self, own: AtHeight, out: AnyArray, part: str) -> bool:
        from xgrad.kernels import constant_height_loops as loops  # noqa: PLC0415  it loads numba

        cells = own.cells if own.inside is None else own.cells.times(own.inside)
        planes, levels, lanes = self._tile(out).shape
        sizes = planes, levels, cells.block.shape[self.levels]
        plan = loops.Plan(
            isinstance(own.stencil, Gaps), self.lanes == self.axis, self.reach,
            0 if own.part is None else own.part.start, WAYS.index(own.by),
            own.stencil.scheme.edge_order,
        )  # fmt: skip
        wide = -(-lanes // -(-lanes // _LANES))  # strips of nearly the same width
        room = np.empty(loops.size_of_room(plan, sizes, wide))
        # One compiled variant for any part of a table, and for any dtype.
        table = np.array(own.stencil.columns, np.float64, order="C")
        found = out if out.dtype == np.float64 and _is_in_order(out) else np.empty(out.shape)
        f, z = self._in_memory(cells, cells, part), self._in_memory(own.heights, cells, "real")
        memory = self._memory(found)
        good = [
            loops.differentiate(
                table, plan, sizes, f, z, first, min(wide, lanes - first), room, *memory
            )
            for first in range(0, lanes, wide)
        ]
        if found is not out:
            out[...] = found
        return all(good)

    def _in_memory(self, cells: Cells, like: Cells, part: str) -> Source:
        """Cells in memory, over the sides of `like`."""
        from xgrad.kernels.constant_height_columns import Source  # noqa: PLC0415  it loads numba

        every = []
        for one, whole in zip(cells.parts, like.parts, strict=True):
            array = np.asarray(getattr(one, part), np.float64)
            if not _is_in_order(array):
                array = array.copy()
            sides = list(whole.shape)
            sides[self.axis] = array.shape[self.axis]
            flat, layout = self._memory(np.broadcast_to(array, sides))
            flat.flags.writeable = False
            every.append((flat, layout))
        flats, layouts = zip(*every, strict=True)
        return Source(flats, np.array(layouts))

    def _memory(self, array: AnyArray) -> tuple[AnyArray, AnyArray]:
        """The memory that an array is in, as one of one dimension, and the array's layout in it."""
        if array.size == 0:
            return np.empty(0), np.zeros(4, int)
        tile = self._tile(array)
        steps = [step // array.itemsize for step in tile.strides]
        size = 1 + sum((n - 1) * step for n, step in zip(tile.shape, steps, strict=True))
        flat = np.lib.stride_tricks.as_strided(tile, (size,), (array.itemsize,))
        return flat, np.array([array.shape[self.axis], *steps])

    def _tile(self, array: AnyArray) -> AnyArray:
        """View an array with one cell along all other axes as (planes, levels, lanes)."""
        kept = (
            [self.levels, self.lanes]
            if self.planes is None
            else [self.planes, self.levels, self.lanes]
        )
        others = [k for k in range(array.ndim) if k not in kept]
        moved = array.transpose([*others, *kept])
        view: AnyArray = moved[(0,) * len(others)]
        return view[np.newaxis] if self.planes is None else view


def _is_in_order(array: AnyArray) -> bool:
    """Whether the cells of an array are whole numbers of cells apart, in ascending order."""
    return array.flags.aligned and all(k >= 0 and k % array.itemsize == 0 for k in array.strides)
