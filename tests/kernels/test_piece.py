"""The law of pieces: cutting a term and computing it can be done in any order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers import same_bits
from tests.kernels.helpers import parts_of, stencils
from xgrad.kernels.cells import Cells
from xgrad.kernels.piece import Piece

WIDE = np.dtype("f8")


@given(st.data())
def test_a_part_of_a_term_has_the_values_of_the_whole(data: Any) -> None:
    stencil, cells = data.draw(stencils())
    shape = cells.block.shape
    sides = [n if data.draw(st.booleans()) else 1 for n in shape]
    of_cells = np.random.default_rng(1).normal(size=sides)
    factor = data.draw(st.sampled_from([None, -2.5, of_cells]))
    if data.draw(st.booleans()):
        stencil, cells = None, Cells.alone(cells.block)
    piece = Piece(cells, stencil, factor)
    box = tuple(data.draw(parts_of(n)) for n in shape)
    good: list[bool] = []
    whole = piece.values(WIDE, good)
    assert same_bits(piece.cut(box).values(WIDE, good), whole[box])
    assert good == [] if stencil is None else [True, True]
    plain = Piece(cells, stencil).values(WIDE, [])
    assert same_bits(whole, plain if factor is None else plain * factor)


@pytest.mark.parametrize(("dtype", "expected"), [("f4", "f4"), ("i2", "f8"), ("M8[s]", "f8")])
def test_a_term_has_the_dtype_of_a_derivative(dtype: str, expected: str) -> None:
    assert Piece(Cells.alone(np.zeros(3, dtype))).dtype == np.dtype(expected)
