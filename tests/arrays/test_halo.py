"""The law of the halo: the cells beside a part are those of the whole array and its ghosts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import dask.array as da
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.arrays.helpers import chunkings
from tests.helpers import same_bits
from xgrad.arrays import chunk_faces
from xgrad.arrays.halo import at_both_edges, between_faces, surrounded
from xgrad.kernels.cells import along
from xgrad.stencils import ghosts
from xgrad.stencils.scheme import Scheme


@dataclass(frozen=True)
class Whole:
    """An array, its chunks along an axis, and where the cells beyond its edges come from."""

    array: Any
    axis: int
    scheme: Scheme
    sizes: tuple[int, ...]
    face: int
    ghosts: Callable[..., Any]

    @property
    def places(self) -> list[slice]:
        stops = np.cumsum(self.sizes).tolist()
        return [slice(b - n, b) for b, n in zip(stops, self.sizes, strict=True)]

    def part(self, place: slice) -> Any:
        return self.array[along(self.axis, place)]

    def beside(self, place: slice) -> tuple[Any, Any]:
        """The cells below and above a part of the array, from the array with its ghosts."""
        f, axis, (left, right) = self.array, self.axis, self.scheme.boundary
        depth, size = self.scheme.depth, f.shape[axis]
        if left == "periodic":
            below, above = self.part(slice(size - depth, size)), self.part(slice(0, depth))
        else:
            below = self.ghosts(f, left, depth, axis, below=True)
            above = self.ghosts(f, right, depth, axis, below=False)
        padded, first = np.concatenate([below, f, above], axis), below.shape[axis]
        start, stop = first + place.start, first + place.stop
        return tuple(padded[along(axis, cells)] for cells in (
            slice(max(0, start - depth), start), slice(stop, stop + depth)))  # fmt: skip


@st.composite
def wholes(draw: Any) -> Whole:
    edge = st.sampled_from(["one-sided", "extend", "reflect", "nan", 2.5])
    pair = draw(st.one_of(st.tuples(edge, edge), st.just(("periodic",) * 2)))
    order, accuracy = draw(st.sampled_from([(1, 2), (1, 4), (2, 2), (3, 4)]))
    scheme = Scheme(order, accuracy, draw(st.integers(1, 2)), draw(st.booleans()), pair)
    shape = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    axis = draw(st.integers(0, len(shape) - 1))
    shape[axis] = scheme.needed + draw(st.integers(0, 20))
    array = np.cumsum(np.random.default_rng(0).random(shape) + 0.1, axis=axis)
    computed, face = draw(
        st.sampled_from([(ghosts.values, scheme.face), (ghosts.positions, scheme.face_of_columns)])
    )
    # No chunk is shorter than what it passes on.
    given = draw(chunkings(shape[axis]))
    (sizes,) = chunk_faces.merged((given,), [(0, scheme, face)])
    return Whole(array, axis, scheme, sizes, face, computed)


@given(wholes())
def test_a_part_gets_the_cells_of_the_padded_array(whole: Whole) -> None:
    for place in whole.places:
        found = surrounded(
            whole.part(place), place, whole.array.shape[whole.axis], whole.axis, whole.scheme,
            whole.face, whole.part, whole.ghosts,
        )  # fmt: skip
        below, above = whole.beside(place)
        assert same_bits(found.below, below)
        assert same_bits(found.block, whole.part(place))
        assert same_bits(found.above, above)
        assert (found.axis, found.reach) == (whole.axis, whole.scheme.reach)


@given(wholes())
def test_a_part_cut_from_the_array_with_both_edges_gets_the_same_cells(whole: Whole) -> None:
    axis, depth = whole.axis, whole.scheme.depth
    cells = at_both_edges(whole.array, axis, whole.scheme, whole.face, whole.ghosts)
    across = tuple(slice(0, n) for n in whole.array.shape)
    for place in whole.places:
        found = cells.cut((*across[:axis], place, *across[axis + 1 :]))
        below, above = whole.beside(place)
        # A part that is cut has all cells within reach: the nearest ones are the halo.
        assert same_bits(found.below[along(axis, slice(-depth, None))], below)
        assert same_bits(found.block, whole.part(place))
        assert same_bits(found.above[along(axis, slice(0, depth))], above)


@given(wholes())
def test_a_chunk_between_the_faces_of_its_neighbours_gets_the_same_cells(whole: Whole) -> None:
    axis = whole.axis
    chunks = tuple(whole.sizes if k == axis else (n,) for k, n in enumerate(whole.array.shape))
    lazy = da.from_array(whole.array, chunks=chunks)
    halo = chunk_faces.Halo.of(lazy, axis, whole.scheme, whole.face)
    for k, place in enumerate(whole.places):
        passed = halo.faces.blocks[along(axis, k)].compute(scheduler="sync")
        found = between_faces(
            whole.part(place), passed, halo.sides[(k,)], axis, whole.scheme, whole.face,
            whole.ghosts,
        )  # fmt: skip
        below, above = whole.beside(place)
        assert same_bits(found.below, below)
        assert same_bits(found.above, above)
