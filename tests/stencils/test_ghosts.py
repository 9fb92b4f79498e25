"""The law of boundaries: ghosts could as well be cells of the array."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.arrays.helpers import chunkings
from tests.helpers import also_thorough, nothing_computed, numpy_gradient, same_bits
from xgrad.arrays import combine
from xgrad.stencils import ghosts as boundaries
from xgrad.stencils.scheme import Scheme

PADS: dict[Any, Any] = {
    "extend": {"mode": "edge"},
    "reflect": {"mode": "reflect"},
    "periodic": {"mode": "wrap"},
    7.5: {"mode": "constant", "constant_values": 7.5},
}
GROWING = np.cumsum(np.arange(1.0, 13.0))


def field(dtype: str, *shape: int) -> Any:
    return (np.random.default_rng(4).normal(size=shape) * 30).astype(dtype)


@pytest.mark.parametrize("boundary", PADS)
@pytest.mark.parametrize(
    "dtype",
    [
        "f2", "f4", "f8", "c16", "i2", ">f8", "g",
        *(pytest.param(one, marks=pytest.mark.thorough) for one in ("c8", "u1")),
    ],
)  # fmt: skip
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_on_an_even_axis_a_boundary_is_numpy_on_the_padded_array(
    boundary: Any, dtype: str, axis: int
) -> None:
    values = np.abs(field("f8", 5, 6, 40)).astype(dtype)
    widths = [(1, 1) if k == axis else (0, 0) for k in range(3)]
    as_computed = values if values.dtype.kind in "fc" else values.astype("f8")
    padded = np.pad(as_computed, widths, **PADS[boundary])
    inside = tuple(slice(1, -1) if k == axis else slice(None) for k in range(3))
    scheme = Scheme(boundary=(boundary, boundary))
    found = combine.differentiate(values, 0.3, axis, scheme, seam=0.3)
    expected = numpy_gradient(padded, 0.3, axis)[inside]
    assert same_bits(found, expected.astype(found.dtype))


@pytest.mark.parametrize("boundary", PADS)
def test_on_an_uneven_axis_only_the_last_bit_at_the_edges_may_differ(boundary: Any) -> None:
    values = field("f8", 12, 3)
    left, right = boundaries.steps(np.diff(GROWING), (boundary, boundary), 1, 4.5)
    padded = np.pad(values, ((1, 1), (0, 0)), **PADS[boundary])
    x = np.concatenate([GROWING[:1] - left, GROWING, GROWING[-1:] + right])
    expected = numpy_gradient(padded, x, 0)[1:-1]
    scheme = Scheme(boundary=(boundary, boundary))
    found = combine.differentiate(values, np.diff(GROWING), 0, scheme, seam=4.5)
    assert same_bits(found[1:-1], expected[1:-1])
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("steps", [0.5, np.diff(GROWING)])
@pytest.mark.parametrize(("left", "right"), [("nan", "one-sided"), ("extend", "nan"), (3, "nan")])
def test_a_pair_sets_each_edge_and_changes_nothing_inside(
    steps: Any, left: Any, right: Any
) -> None:
    values = field("f4", 12)
    plain = combine.differentiate(values, steps, 0, Scheme())
    found = combine.differentiate(values, steps, 0, Scheme(boundary=(left, right)))
    assert same_bits(found[1:-1], plain[1:-1])
    for cell, side in ((0, left), (-1, right)):
        assert np.isnan(found[cell]) == (side == "nan")
    if right == "one-sided":
        assert same_bits(found[-1:], plain[-1:])


def test_a_reflecting_edge_is_flat() -> None:
    found = combine.differentiate(
        field("f8", 12), np.diff(GROWING), 0, Scheme(boundary=("reflect",) * 2)
    )
    assert found[0] == found[-1] == 0


@given(st.integers(1, 11), st.sampled_from([(1, 2), (1, 4), (1, 8), (2, 2), (3, 4), (4, 2)]))
def test_a_periodic_axis_may_start_anywhere(shift: int, kind: tuple[int, int]) -> None:
    # Whole numbers, so that the steps of the rolled axis are those of the axis, to the bit.
    order, accuracy = kind
    ring = np.random.default_rng(shift).integers(1, 9, 12).astype("f8")
    values = field("f8", 12)
    scheme = Scheme(order=order, accuracy=accuracy, boundary=("periodic", "periodic"))
    found = combine.differentiate(values, ring[:-1], 0, scheme, seam=ring[-1])
    rolled, steps = np.roll(values, shift), np.roll(ring, shift)
    # steps[k] leads from rolled cell k to k + 1.
    again = combine.differentiate(rolled, steps[:-1], 0, scheme, seam=steps[-1])
    assert same_bits(again, np.roll(found, shift))


@pytest.mark.parametrize("kind", ["extend", "reflect", "nan", 2.0])
@pytest.mark.parametrize(("order", "accuracy"), [(1, 4), (1, 8), (2, 2), (3, 2), (4, 6)])
def test_wide_stencils_use_as_many_ghosts_as_they_need(
    kind: Any, order: int, accuracy: int
) -> None:
    values = field("f8", 12)
    scheme = Scheme(order=order, accuracy=accuracy, boundary=(kind, kind))
    half = scheme.half
    left, right = boundaries.steps(np.diff(GROWING), (kind, kind), half, None)
    x = np.cumsum(np.nan_to_num(np.concatenate([[0.0], left, np.diff(GROWING), right]), nan=1))
    ends = values[: half + 1], values[-half - 1 :]
    below = boundaries.values(ends[0], kind, half, 0, below=True)
    above = boundaries.values(ends[1], kind, half, 0, below=False)
    padded = np.concatenate([below, values, above])
    whole = Scheme(order=order, accuracy=accuracy)
    expected = combine.differentiate(padded, np.diff(x), 0, whole)[half:-half]
    found = combine.differentiate(values, np.diff(GROWING), 0, scheme)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)
    if kind == "nan":
        assert np.isnan(found).sum() == 2 * half


@st.composite
def schemes(draw: Any) -> tuple[Scheme, Any, tuple[int, ...], Any]:
    """A scheme, an array long enough for it, its chunks along the axis, and steps."""
    kinds = st.sampled_from(["one-sided", "extend", "reflect", "nan", 2.5])
    pair = draw(st.one_of(st.tuples(kinds, kinds), st.just(("periodic", "periodic"))))
    scheme = Scheme(
        draw(st.integers(1, 4)), draw(st.sampled_from([2, 4, 6, 8])), draw(st.integers(1, 2)),
        draw(st.booleans()), pair,
    )  # fmt: skip
    size = scheme.needed + draw(st.integers(0, 12))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = rng.normal(size=(size, 3)).astype(draw(st.sampled_from(also_thorough("f8", "f4 c16"))))
    if scheme.skipna:
        values[rng.random(values.shape) < 0.2] = np.nan
    steps = draw(st.sampled_from([0.5, rng.random(size - 1) + 0.3]))
    return scheme, values, draw(chunkings(size)), steps


@given(schemes())
def test_no_scheme_depends_on_the_chunks(problem: Any) -> None:
    scheme, values, chunks, steps = problem
    whole = combine.differentiate(values, steps, 0, scheme, seam=0.9)
    array = da.from_array(values, chunks=(chunks, 2))
    with nothing_computed():
        lazy = combine.differentiate(array, steps, 0, scheme, seam=0.9)
    assert lazy.chunks == array.chunks
    assert same_bits(lazy.compute(scheduler="sync"), whole)


@pytest.mark.parametrize("boundary", ["one-sided", "extend", "reflect", 7.5, "nan"])
def test_origins_are_the_cells_that_ghosts_copy(boundary: Any) -> None:
    n, depth = 9, 4
    cells = np.arange(-depth, n + depth)
    found = boundaries.origins(cells, n, (boundary, boundary))
    assert found[depth:-depth].tolist() == list(range(n))
    if boundary in ("extend", "reflect"):
        own = np.arange(n)
        below = boundaries.values(own[: depth + 1], boundary, depth, 0, below=True)
        above = boundaries.values(own[-depth - 1 :], boundary, depth, 0, below=False)
        assert found.tolist() == [*below, *own, *above]
    else:
        assert (found[:depth] == -1).all()
        assert (found[-depth:] == -1).all()
    around = boundaries.origins(cells, n, ("periodic", "periodic"))
    assert around.tolist() == (cells % n).tolist()
