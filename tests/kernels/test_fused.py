"""The law of the fused loop: it has the bits of terms computed one by one and then added."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.helpers import same_bits
from xgrad.kernels import fused, rows, stencil_kinds
from xgrad.kernels.cells import Cells
from xgrad.kernels.piece import Piece
from xgrad.stencils.scheme import Scheme

SCHEMES = {
    "numpy's": Scheme(),
    "edges of order 2": Scheme(edge_order=2),
    "second": Scheme(order=2),
    "accuracy 4": Scheme(accuracy=4),
    "accuracy 8": Scheme(accuracy=8),
    "second of accuracy 6": Scheme(order=2, accuracy=6),
}


KINDS = ["none", "number", "of rows", "of some rows", "of columns", "of planes", "of cells"]


def term(
    rng: Any, f: Any, axis: int | None, scheme: Scheme, kind: str, halo: tuple[bool, bool],
    *, uneven: bool,
) -> Piece:  # fmt: skip
    """A block of an axis that continues beyond the block, or ends with it."""
    factor = {
        "none": None,
        "number": -1.5,
        "of rows": rng.normal(size=(*f.shape[:-1], 1)),
        "of some rows": rng.normal(size=(1,) * (f.ndim - 2) + f.shape[-2:-1] + (1,)),
        "of columns": rng.normal(size=(1,) * (f.ndim - 1) + f.shape[-1:]),
        "of planes": rng.normal(size=(1,) * (f.ndim - 2) + f.shape[-2:]),
        "of cells": rng.normal(size=f.shape),
    }[kind]
    if axis is None:
        return Piece(Cells.alone(f), factor=factor)
    reach = scheme.reach
    before, after = (reach * side for side in halo)
    size = f.shape[axis] + before + after
    steps: Any = rng.uniform(0.5, 2, size - 1).astype(f.dtype) if uneven else 0.3
    stencil = stencil_kinds.of_axis(steps, size, scheme, f.dtype)
    sides = []
    for count in (before, after):
        shape = list(f.shape)
        shape[axis] = count
        sides.append(rng.normal(size=shape).astype(f.dtype))
    own = (slice(None),) * axis + (slice(before, size - after),)
    cells = Cells(sides[0], f, sides[1], axis, reach)
    return Piece(cells, stencil.cut(own, axis), factor)


def one_by_one(parts: list[Piece], how: str, dtype: Any) -> Any:
    """The sum, or the norm, whose terms of one component are added first."""
    total: Any = None
    if how == "norm":
        for _, group in itertools.groupby(enumerate(parts), component_of):
            value = one_by_one([part for _, part in group], "wide", "f8")
            total = value * value if total is None else total + value * value
        return np.sqrt(total).astype(dtype)
    for part in parts:
        d = part.cells.block
        if part.stencil is not None:
            d = np.empty_like(d)
            part.fill(d)
        value = d.astype("f8") if part.factor is None else np.multiply(d, part.factor, dtype="f8")
        total = value if total is None else total + value
    return total.astype(dtype)


def component_of(numbered: tuple[int, Piece]) -> Any:
    k, part = numbered
    return (k, None) if part.component is None else part.component


@pytest.mark.parametrize(
    "dtype",
    [
        # Its two loops take 20 s to compile; the quick suite has the law with float64.
        pytest.param("f4", marks=pytest.mark.thorough),
        "f8",
    ],
)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_terms_in_one_pass_have_the_bits_of_terms_one_by_one(dtype: str, data: Any) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    ndim = data.draw(st.integers(1, 4))
    shape = tuple(data.draw(st.lists(st.integers(10, 13), min_size=ndim, max_size=ndim)))
    order = data.draw(st.permutations(range(ndim)))
    own = st.tuples(
        st.sampled_from([None, *range(ndim)]),
        st.sampled_from(sorted(SCHEMES)),
        st.sampled_from(KINDS[: 2 + 5 * (ndim > 1)]),
        st.tuples(st.booleans(), st.booleans()),
        st.booleans(),
    )
    drawn = data.draw(st.lists(own, min_size=1, max_size=4))
    memory = rng.normal(size=[shape[k] for k in order]).astype(dtype)
    f = memory.transpose(np.argsort(order))
    parts = [term(rng, f, axis, SCHEMES[name], kind, halo, uneven=uneven)
             for axis, name, kind, halo, uneven in drawn]  # fmt: skip
    how = data.draw(st.sampled_from(["sum", "norm"]))
    own_components = data.draw(st.sampled_from([[None] * 4, [0, 0, 1, 1], [0, 1, 1, 2]]))
    parts = [part._replace(component=one) for part, one in zip(parts, own_components, strict=False)]
    out = np.empty_like(f)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "SHORT_ROW", 1)
        patch.setattr(rows, "LONG_ROW", data.draw(st.sampled_from([16, 200, 2**13])))
        done = fused.fold(parts, how, out)
    tables = {part.stencil.table.dtype for part in parts if part.stencil is not None}
    turned = list(order) != list(range(ndim))
    varies = any(np.ndim(part.factor) for part in parts)
    assert done or (len(tables) > 1 and dtype == "f4") or (turned and varies)
    if done:
        assert same_bits(out, one_by_one(parts, how, dtype))


@pytest.mark.parametrize("why", ["short", "long", "many", "dtype", "order", "complex"])
def test_pieces_that_it_cannot_take_are_left_alone(why: str) -> None:
    f = np.ones((40, 40) if why != "long" else (2, 2**14))
    part = Piece(Cells.alone(f))
    parts, out = [part], np.full_like(f, 7.0)
    if why == "short":
        f = f[:, :20].copy()
        stencil = stencil_kinds.of_axis(1.0, 20, Scheme(), f.dtype)
        parts, out = [Piece(Cells(f[:, :0], f, f[:, :0], 1, 1), stencil)], np.full_like(f, 7.0)
    if why == "long":
        stencil = stencil_kinds.of_axis(1.0, 2**14, Scheme(), f.dtype)
        parts = [Piece(Cells(f[:, :0], f, f[:, :0], 1, 1), stencil)]
    if why == "many":
        parts = [part] * 5
    if why == "dtype":
        parts = [Piece(Cells.alone(f.astype("f4")))]
    if why == "order":
        parts = [Piece(Cells.alone(f.T.copy().T))]
    if why == "complex":
        parts = [Piece(Cells.alone(f), factor=1j)]
    assert not fused.fold(parts, "sum", out)
    assert (out == 7).all()


def test_missing_and_infinite_cells_spread_as_term_by_term() -> None:
    f = np.random.default_rng(0).normal(size=(12, 40))
    f[3, 5], f[6, 20], f[9, 39], f[0, 0] = np.nan, np.inf, -np.inf, np.nan
    for how, scheme in itertools.product(["sum", "norm"], SCHEMES.values()):
        rng = np.random.default_rng(1)
        parts = [term(rng, f, axis, scheme, "none", (False, False), uneven=True) for axis in (0, 1)]
        out = np.empty_like(f)
        assert fused.fold(parts, how, out)
        with np.errstate(invalid="ignore"):
            assert same_bits(out, one_by_one(parts, how, "f8"))


def test_a_zero_keeps_its_sign() -> None:
    f = np.full((2, 40), -0.0)
    assert fused.fold([Piece(Cells.alone(f))], "sum", out := np.ones_like(f))
    assert np.signbit(out).all()
