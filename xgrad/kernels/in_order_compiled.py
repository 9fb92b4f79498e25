"""The sums of :mod:`xgrad.kernels.in_order` for compiled code.

A compiler turns a difference back into a sum if it sees where a factor of -1 or -0 comes from, so
weights are stored negative, and -1 and -0 depend on a weight.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.extending import overload

from xgrad.kernels.in_order import less, product

__all__ = ["less", "product"]


@overload(product)
def _compiled_product(weight: Any, cell: Any) -> Any:
    if not isinstance(cell, types.Complex):

        def plain(weight: Any, cell: Any) -> Any:
            return weight * cell

        return plain
    real = np.float32 if weight is types.float32 else np.float64

    def of_complex(weight: Any, cell: Any) -> Any:
        known = weight == weight  # noqa: PLR0124
        zero, below = real(0.0) if known else weight, real(-0.0) if known else weight
        re, im = cell.real, cell.imag
        return complex(weight * re - zero * im, weight * im - below * re)

    return of_complex


@overload(less)
def _compiled_less(total: Any, weight: Any, cell: Any) -> Any:  # noqa: ARG001
    if not isinstance(cell, types.Complex):

        def plain(total: Any, weight: Any, cell: Any) -> Any:
            return total - weight * cell

        return plain
    real = np.float32 if weight is types.float32 else np.float64

    def of_complex(total: Any, weight: Any, cell: Any) -> Any:
        # The parts are those of the product with the positive weight, for the signs of zeros.
        minus = real(-1.0) if weight == weight else weight  # noqa: PLR0124
        one = product(weight * minus, cell)
        return complex(total.real - one.real * minus, total.imag - one.imag * minus)

    return of_complex
