"""A stencil whose neighbours are columns, each taken at the height of the cell itself."""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Iterator
from typing import NamedTuple, Self

import numpy as np

from xgrad._typing import AnyArray
from xgrad.kernels.cells import Box, Cells
from xgrad.kernels.stencil_kinds import Gaps, OfAnAxis

# Cells of a tile: its arrays stay in the cache of a core.
_CELLS_OF_A_TILE = 2**15
# Lanes of a tile whose neighbours are in other planes.
_LANES = 64

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
        tiles, room = _Tiles.of(self), _Room()
        good = [tiles.fill(cut, out[box], room) for box, cut in tiles.each(self, out.shape)]
        return all(good)


class _Room:
    """Memory for the arrays of one tile after another: fresh memory costs as much as the work."""

    def __init__(self) -> None:
        self._arrays: dict[str, AnyArray] = {}

    def of(self, name: str, shape: tuple[int, ...]) -> AnyArray:
        """An array for a purpose, with any values."""
        size = math.prod(shape)
        if name not in self._arrays or self._arrays[name].size < size:
            self._arrays[name] = np.empty(size)
        return self._arrays[name][:size].reshape(shape)


class _Tiles(NamedTuple):
    """How a block is cut into tiles of shape (planes, levels, lanes), and room for one.

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
        wide = columns if lanes == axis else min(columns, _LANES)
        wide = min(wide, block.shape[lanes])
        return cls(
            planes, lanes, own.levels, axis, own.cells.reach, (max(1, columns // wide), wide)
        )

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

    def fill(self, own: AtHeight, out: AnyArray, room: _Room) -> bool:
        """Differentiate one tile."""
        if out.dtype.kind != "c":
            return self._fill(own, out, "real", room)
        parts = ("real", "imag")
        real, imag = (self._fill(own, getattr(out, part), part, room) for part in parts)
        return real and imag

    def _fill(self, own: AtHeight, out: AnyArray, part: str, room: _Room) -> bool:
        from xgrad.kernels import constant_height_loops as loops  # noqa: PLC0415  it loads numba

        cells = own.cells if own.inside is None else own.cells.times(own.inside)
        shape = self._tile(cells.block).shape
        f = self._filled(cells, part, room.of("data", self._sides(shape)))
        z = self._filled(own.heights, "real", room.of("heights", f.shape))
        sign, ends = np.empty((f.shape[0], f.shape[2])), np.empty((f.shape[0], f.shape[2], 2), int)
        slopes, bends, twists = (room.of(name, f.shape) for name in ("1", "2", "3"))
        by, scheme = WAYS.index(own.by), own.stencil.scheme
        good = loops.prepare(f, z, sign, ends, slopes, bends, twists, by)
        levels = own.part or slice(0, f.shape[1])
        pad = self.reach if self.lanes == self.axis else 0
        count = levels.stop - levels.start
        found = room.of("found", (shape[0], count, shape[2]))
        values = room.of("values", (2 * self.reach + 2, count, f.shape[2]))
        # One compiled variant for any part of a table.
        table = np.array(own.stencil.columns, np.float64, order="C")
        loops.differentiate(
            table, isinstance(own.stencil, Gaps), pad, self.reach,
            levels.start, f, z, sign, ends, slopes, bends, twists, by, scheme.edge_order, values,
            found,
        )  # fmt: skip
        self._tile(out)[...] = found
        return bool(good)

    def _sides(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Sides of a tile with `reach` columns on either side."""
        planes, levels, lanes = shape
        more = 2 * self.reach
        return (
            (planes, levels, lanes + more)
            if self.lanes == self.axis
            else (planes + more, levels, lanes)
        )

    def _filled(self, cells: Cells, part: str, tile: AnyArray) -> AnyArray:
        """A block with `reach` columns on either side, NaN where there are none, in `tile`."""
        reach, along = self.reach, 2 if self.lanes == self.axis else 0
        below, block, above = (getattr(self._tile(one), part) for one in cells.parts)
        n = block.shape[along]
        parts = ((0, reach, below), (reach, n, block), (reach + n, reach, above))
        for start, room, given in parts:
            here = [slice(None)] * 3
            here[along] = slice(start, start + room)
            one, count = tile[tuple(here)], given.shape[along]
            if count < room:
                one[...] = np.nan
            # Cells below come last, cells above first.
            here[along] = slice(room - count, room) if start == 0 else slice(0, count)
            one[tuple(here)] = given
        return tile

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
