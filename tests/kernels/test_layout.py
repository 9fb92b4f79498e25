"""The law of layouts: tiles cover each cell once, and planes are the array itself."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers import same_bits
from xgrad.kernels import layout
from xgrad.kernels.layout import Planes, tiles


@pytest.mark.parametrize("dtype", ["?", "U3", "S3", "O"])
def test_values_without_differences_are_refused(dtype: str) -> None:
    with pytest.raises(TypeError, match="cannot be differentiated"):
        layout.result_dtype(np.dtype(dtype))


@st.composite
def arrays(draw: Any) -> Any:
    """An array in any order of memory, also strided and reversed."""
    shape = draw(st.lists(st.integers(1, 6), min_size=1, max_size=4))
    order = draw(st.permutations(range(len(shape))))
    memory = np.random.default_rng(0).normal(size=[2 * shape[k] for k in order])
    steps = draw(st.lists(st.sampled_from([1, 2, -1]), min_size=len(order), max_size=len(order)))
    some = memory[tuple(slice(None, None, step) for step in steps)]
    return some[tuple(slice(0, shape[k]) for k in order)].transpose(np.argsort(order))


@given(arrays(), st.integers(1, 30), st.data())
def test_tiles_cover_each_cell_once(array: Any, cells: int, data: Any) -> None:
    starts = [data.draw(st.integers(0, n - 1)) for n in array.shape]
    box = tuple(slice(k, data.draw(st.integers(k + 1, n)))
                for k, n in zip(starts, array.shape, strict=True))  # fmt: skip
    count = np.zeros(array.shape, int)
    by_stride = sorted(range(array.ndim), key=lambda k: abs(array.strides[k]))
    for tile in tiles(box, array.strides, cells):
        count[tile] += 1
        sides = [tile[k].stop - tile[k].start for k in by_stride]
        whole = [box[k].stop - box[k].start for k in by_stride]
        assert np.prod(sides) <= cells
        # In one piece: beyond the first axis that is cut no other has more than one cell.
        cut = next((k for k in range(array.ndim) if sides[k] < whole[k]), array.ndim)
        assert set(sides[cut + 1 :]) <= {1}
    expected = np.zeros_like(count)
    expected[box] = 1
    assert (count == expected).all()


def test_tiles_follow_one_another_along_the_axis_of_the_largest_stride() -> None:
    box, strides = (slice(0, 3), slice(0, 100), slice(0, 8)), (6400, 64, 8)
    found = [tuple(part.start for part in tile) for tile in tiles(box, strides, 400)]
    assert found == [(0, 0, 0), (1, 0, 0), (2, 0, 0), (0, 50, 0), (1, 50, 0), (2, 50, 0)]
    backwards = tuple(-stride for stride in strides)
    assert list(tiles(box, backwards, 400)) == list(tiles(box, strides, 400))


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_planes_of_an_array_without_gaps_are_its_own_memory(order: Any, axis: int) -> None:
    array = np.zeros((2, 3, 4)).transpose(order)
    planes = Planes.of(array, axis)
    assert np.shares_memory(planes.view(array, array.dtype), array)
    assert np.shares_memory(planes.result(array, array.dtype), array)


@given(arrays(), st.sampled_from(["f2", "f8", ">f4"]), st.data())
def test_what_is_written_to_planes_arrives_in_the_array(array: Any, dtype: str, data: Any) -> None:
    axis = data.draw(st.integers(0, array.ndim - 1))
    given_ = array.astype(dtype)
    out = np.empty_like(given_)
    planes = Planes.of(out, axis)
    seen = planes.view(given_, np.dtype("f8"))
    assert seen.shape[1] == array.shape[axis]
    assert not seen.flags.writeable
    result = planes.result(out, np.dtype("f8"))
    # Along the axis, so that a confusion of axes would show.
    result[...] = np.cumsum(seen, axis=1)
    planes.put(result, out)
    expected = np.cumsum(given_.astype("f8"), axis=axis)
    assert same_bits(out, expected.astype(dtype))


@given(arrays(), st.data())
def test_columns_repeat_over_the_planes_that_they_do_not_depend_on(array: Any, data: Any) -> None:
    axis = data.draw(st.integers(0, array.ndim - 1))
    sides = [n if k == axis or data.draw(st.booleans()) else 1 for k, n in enumerate(array.shape)]
    x = np.arange(float(np.prod(sides))).reshape(sides)
    planes = Planes.of(array, axis)
    expected = planes.view(np.broadcast_to(x, array.shape), x.dtype)
    columns = planes.columns(x, array.shape, x.dtype)
    for o, k in itertools.product(range(len(expected)), range(expected.shape[2])):
        assert same_bits(columns[o % len(columns), :, k], expected[o, :, k])
