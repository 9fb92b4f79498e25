"""Two sums in one pass; the laws of all other loops over rows are in test_fused.py."""

from __future__ import annotations

import numpy as np
import pytest

from tests.helpers import same_bits
from xgrad.kernels import fused, stencil_kinds
from xgrad.kernels.cells import Cells
from xgrad.kernels.piece import Piece
from xgrad.stencils.scheme import Scheme

SHAPE = (11, 40, 50)


def pieces(dtype: str, accuracy: int, sides: tuple[int, ...], order: str) -> list[list[Piece]]:
    """Two sums of derivatives along the last two axes."""
    rng = np.random.default_rng(0)
    f = np.asarray(rng.normal(size=SHAPE).astype(dtype), order=order)  # type: ignore[call-overload]
    f[2, 3, 4], f[5, 0, 0] = np.nan, np.inf
    scheme, found = Scheme(accuracy=accuracy), []
    for axis in (1, 2):
        none = f[(slice(None),) * axis + (slice(0, 0),)]
        stencil = stencil_kinds.of_axis(1.0, SHAPE[axis], scheme, f.dtype)
        found.append(Piece(Cells(none, f, none, axis, scheme.reach), stencil))
    return [[one._replace(factor=rng.normal(size=sides)) for one in found] for _ in range(2)]


# Its loop takes 10 s to compile; the quick suite has the law with float64.
F4 = pytest.param("f4", marks=pytest.mark.thorough)


@pytest.mark.parametrize("dtype", [F4, "f8"])
@pytest.mark.parametrize("accuracy", [2, 4])
@pytest.mark.parametrize("sides", [(1, 40, 50), (11, 40, 50), (11, 1, 50)])
def test_two_sums_in_one_pass_have_the_bits_of_two_passes(
    dtype: str, accuracy: int, sides: tuple[int, ...]
) -> None:
    one, other = pieces(dtype, accuracy, sides, "C")
    outs = [np.empty(SHAPE, dtype) for _ in range(2)]
    assert fused.fold_pair(one, other, outs)
    for terms, out in zip((one, other), outs, strict=True):
        expected = np.empty(SHAPE, dtype)
        assert fused.fold(terms, "sum", expected)
        assert same_bits(out, expected)


def test_what_it_cannot_take_is_left_alone() -> None:
    outs = [np.full(SHAPE, 7.0) for _ in range(2)]
    one, other = pieces("f8", 2, (1, 40, 50), "C")
    turned = pieces("f8", 2, (1, 40, 50), "F")
    complex_one = [piece._replace(factor=piece.factor * 1j) for piece in one]
    plain = [piece._replace(factor=None) for piece in one]
    for pair in (turned, [complex_one, other], [plain, other]):
        assert not fused.fold_pair(*pair, outs)
    assert all((out == 7).all() for out in outs)
