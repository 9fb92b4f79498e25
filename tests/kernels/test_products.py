"""The law of sums of derivatives of products: the bits of the same terms one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.helpers import also_thorough, same_bits
from xgrad.arrays.halo import at_both_edges
from xgrad.kernels import products, rows, stencil_kinds
from xgrad.kernels.cells import Cells
from xgrad.kernels.piece import Piece
from xgrad.stencils import ghosts
from xgrad.stencils.scheme import Scheme

SCHEMES = {
    "numpy's": Scheme(),
    "edges of order 2": Scheme(edge_order=2),
    "accuracy 4": Scheme(accuracy=4),
    "accuracy 8": Scheme(accuracy=8),
    "periodic": Scheme(boundary=("periodic", "periodic")),
    "extended": Scheme(boundary=("extend", "reflect")),
}


def term(rng: Any, f: Any, axis: int, scheme: Scheme, depth: int) -> Piece:
    """A whole axis, whose geometry does not depend on the axes before `depth`."""
    sides = (1,) * depth + f.shape[depth:]
    seam = 1.0 if "periodic" in scheme.boundary else None
    stencil = stencil_kinds.of_axis(1.0, f.shape[axis], scheme, f.dtype, seam)
    cells, inside = (
        at_both_edges(one, axis, scheme, scheme.face, ghosts.values)
        for one in (f, rng.normal(size=sides))
    )
    return Piece(cells, stencil, rng.normal(size=sides), inside=inside)


def one_by_one(parts: list[Piece], dtype: Any) -> Any:
    total: Any = None
    for part in parts:
        value = part.values(np.dtype("f8"), [])
        total = value if total is None else total + value
    return total.astype(dtype)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_products_in_one_pass_have_the_bits_of_terms_one_by_one(data: Any) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    ndim = data.draw(st.integers(1, 4))
    dtype = data.draw(st.sampled_from(also_thorough("f8", "f4")))
    shape = tuple(data.draw(st.lists(st.integers(10, 13), min_size=ndim, max_size=ndim)))
    depth = data.draw(st.integers(0, ndim - 1))
    f = rng.normal(size=shape).astype(dtype)
    drawn = st.tuples(st.integers(depth, ndim - 1), st.sampled_from(sorted(SCHEMES)))
    chosen = data.draw(st.lists(drawn, min_size=1, max_size=4))
    parts = [term(rng, f, axis, SCHEMES[name], depth) for axis, name in chosen]
    out = np.empty_like(f)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "SHORT_ROW", 1)
        done = products.fold(parts, "sum", out)
    halos = {part.cells.axis for part in parts if part.cells.below.size}
    assert done or halos
    if done:
        assert same_bits(out, one_by_one(parts, dtype))


def plain(f: Any, **changes: Any) -> Piece:
    stencil = stencil_kinds.of_axis(1.0, f.shape[1], Scheme(), f.dtype)
    cells, ones = (Cells(g[:, :0], g, g[:, :0], 1, 1) for g in (f, np.ones_like(f, "f8")))
    given: dict[str, Any] = {"factor": np.ones(f.shape), "inside": ones, **changes}
    return Piece(cells, stencil, **given)


@pytest.mark.parametrize(
    "why",
    ["short", "norm", "many", "dtype", "order", "no factor", "no inside", "shapes", "complex"],
)
def test_pieces_that_it_cannot_take_are_left_alone(why: str) -> None:
    f = np.ones((3, 20 if why == "short" else 40))
    own = np.ones((3, 40), "f4") if why == "dtype" else f
    f = f.T.copy().T if why == "order" else f
    changes: dict[str, Any] = {
        "no factor": {"factor": None},
        "no inside": {"inside": None},
        "shapes": {"factor": np.ones((1, 40))},
        "complex": {"factor": np.ones((3, 40), complex)},
    }.get(why, {})
    parts = [plain(own if why == "dtype" else f, **changes)] * (5 if why == "many" else 1)
    out = np.full((3, f.shape[1]), 7.0)
    if why == "order":
        parts = [plain(f)]
    assert not products.fold(parts, "norm" if why == "norm" else "sum", out)
    assert (out == 7).all()
    assert products.fold([plain(np.ones((3, 40)))], "sum", np.empty((3, 40)))
