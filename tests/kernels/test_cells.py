"""The law of cells: a part of a block and what is beside it are slices of one array."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers import same_bits
from tests.kernels.helpers import parts_of
from xgrad.kernels.cells import Cells, along


@st.composite
def blocks(draw: Any) -> tuple[Any, slice, Cells, tuple[int, ...]]:
    """A block together with its neighbours, its place among them, its cells, and its shape."""
    shape = draw(st.lists(st.integers(1, 7), min_size=1, max_size=3))
    axis, reach = draw(st.integers(0, len(shape) - 1)), draw(st.integers(0, 4))
    # Positions have sides of 1 along dimensions that they do not depend on.
    sides = [n if k == axis or draw(st.booleans()) else 1 for k, n in enumerate(shape)]
    below, above = (draw(st.sampled_from([0, reach // 2, reach])) for _ in range(2))
    sides[axis] += below + above
    padded = np.arange(float(np.prod(sides))).reshape(sides)
    place = slice(below, below + shape[axis])
    three = slice(0, place.start), place, slice(place.stop, None)
    cells = Cells(*(padded[along(axis, part)] for part in three), axis, reach)
    return padded, place, cells, tuple(shape)


@given(st.data())
def test_a_part_and_its_neighbours_are_slices_of_the_padded_array(data: Any) -> None:
    array, own, cells, shape = data.draw(blocks())
    box = tuple(data.draw(parts_of(n)) for n in shape)
    axis, reach = cells.axis, cells.reach
    across = tuple(
        b if n > 1 and k != axis else slice(None)
        for k, (b, n) in enumerate(zip(box, array.shape, strict=True))
    )
    start, stop = own.start + box[axis].start, own.start + box[axis].stop
    places = slice(max(0, start - reach), start), slice(start, stop), slice(stop, stop + reach)
    for found, place in zip(cells.cut(box).parts, places, strict=True):
        assert same_bits(found, array[across][along(axis, place)])


@given(st.data())
def test_cutting_twice_equals_cutting_once(data: Any) -> None:
    _, _, cells, shape = data.draw(blocks())
    outer = tuple(data.draw(parts_of(n)) for n in shape)
    inner = tuple(data.draw(parts_of(part.stop - part.start)) for part in outer)
    both = tuple(
        slice(a.start + b.start, a.start + b.stop) for a, b in zip(outer, inner, strict=True)
    )
    for twice, once in zip(cells.cut(outer).cut(inner).parts, cells.cut(both).parts, strict=True):
        assert same_bits(twice, once)


def test_cutting_copies_no_cell_of_the_block() -> None:
    f = np.arange(12.0).reshape(3, 4)
    cells = Cells(f[:0], f, f[:0], axis=0, reach=1).cut((slice(1, 3), slice(0, 4)))
    assert np.shares_memory(cells.block, f)
    assert np.shares_memory(cells.below, f)
