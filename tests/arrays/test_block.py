"""The law of blocks: terms are combined in float64 and rounded once, whatever the tiles are."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from tests.helpers import numpy_gradient, same_bits
from xgrad.arrays import block
from xgrad.arrays.halo import at_both_edges
from xgrad.arrays.term import How
from xgrad.kernels import rows, stencil_kinds, tabled
from xgrad.kernels.cells import Cells
from xgrad.kernels.piece import Piece
from xgrad.stencils import ghosts
from xgrad.stencils.scheme import Scheme

SHAPE = (7, 40)

#: Complex numbers have no direction.
CASES = [
    *itertools.product(["f8", "i2"], ["sum", "norm", "angle"]),
    pytest.param("f4", "angle", marks=pytest.mark.thorough),
    *(
        pytest.param(*case, marks=pytest.mark.thorough)
        for case in itertools.product(["f4", "c8", "c16"], ["sum", "norm"])
    ),
]


def pieces(dtype: str) -> tuple[list[Piece], list[Any]]:
    """Two terms over one array, and their values in float64 or wider."""
    rng = np.random.default_rng(0)
    numbers = 30 * rng.normal(size=SHAPE)
    f = (numbers + 1j * rng.normal(size=SHAPE) if dtype[0] == "c" else numbers).astype(dtype)
    factor, scheme = rng.normal(size=(7, 1)), Scheme()
    found, values = [], []
    for axis, weight in ((0, factor), (1, -1.5)):
        cells = at_both_edges(f, axis, scheme, scheme.face, ghosts.values)
        found.append(Piece(cells, stencil_kinds.of_axis(0.3, SHAPE[axis], scheme, f.dtype), weight))
        wide = np.result_type(f.dtype, "f8")
        values.append(numpy_gradient(f, 0.3, axis).astype(wide) * weight)
    return found, values


@pytest.fixture(params=["fused", "tiles", "numpy's loops"])
def way(request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The three ways through a block."""
    monkeypatch.setattr(rows, "SHORT_ROW", 1 if request.param == "fused" else 2**62)
    monkeypatch.setattr(tabled, "are_loaded", lambda _: request.param != "numpy's loops")


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(("dtype", "how"), CASES)
@pytest.mark.parametrize("cells", [2**16, 9])
def test_terms_are_combined_as_their_definition_says(
    dtype: str, how: How, cells: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(block, "_CELLS_OF_A_TILE", cells)
    terms, (one, other) = pieces(dtype)
    squares = [a.real**2 + a.imag**2 if dtype[0] == "c" else a * a for a in (one, other)]
    expected = {
        "sum": lambda: one + other,
        "norm": lambda: np.sqrt(squares[0] + squares[1]),
        "angle": lambda: np.arctan2(one, other),
    }[how]()
    result = np.dtype("f8" if dtype == "i2" else dtype)
    if how != "sum":
        result = np.empty(0, result).real.dtype
    out = np.empty(SHAPE, result)
    assert block.fold(terms, how, out)
    assert same_bits(out, expected.astype(result))


def test_a_single_derivative_is_written_without_a_sum() -> None:
    terms, _ = pieces("f4")
    alone = Piece(terms[0].cells, terms[0].stencil)
    out, expected = np.empty(SHAPE, "f4"), np.empty(SHAPE, "f4")
    assert block.fold([alone], "sum", out)
    alone.fill(expected)
    assert same_bits(out, expected)


def test_overflow_shows_in_the_result_only() -> None:
    f = Cells.alone(np.array([1e300, -1e300, 1.0]))
    out = np.empty(3)
    block.fold([Piece(f, factor=1e300), Piece(f, factor=-1e300)], "sum", out)
    np.testing.assert_array_equal(out, [np.nan, np.nan, 0.0])


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("how", ["sum", "norm", "angle"])
def test_data_that_are_added_as_they_are_stay_as_they_were(how: How) -> None:
    # The first values of a sum may be the data themselves: the sum must not be written into them.
    f = np.random.default_rng(0).normal(size=SHAPE)
    before = f.copy()
    assert block.fold([Piece(Cells.alone(f)), Piece(Cells.alone(f))], how, np.empty(SHAPE))
    assert same_bits(f, before)
