"""Weighted sums whose NaN does not depend on the loop that adds them up.

If both operands of an addition are NaN, the result has the sign and the payload of one of them;
which one depends on how the loop was compiled, and for numpy on the place in the array.  A
difference is not commutative: its NaN is the first operand if that is NaN.  So sums are written as
differences, with negative weights, which are the same numbers: ``a f + b g = a f - (-b) g``.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def product(weight: Any, cell: Any) -> Any:
    """Weight times cell, as numpy multiplies a real and a complex number.

    Examples
    --------
    >>> product(2.0, np.array([1 + 2j]))
    array([2.+4.j])
    """
    if not np.iscomplexobj(cell):
        return weight * cell
    return _joined(
        weight * cell.real - 0.0 * cell.imag, weight * cell.imag - -0.0 * cell.real, weight, cell
    )


def less(total: Any, weight: Any, cell: Any) -> Any:
    """Total minus weight times cell: the weight is a negative one.

    Examples
    --------
    >>> less(product(1.0, 5.0), -2.0, 3.0)
    11.0
    """
    if not np.iscomplexobj(cell):
        return total - weight * cell
    one = product(-weight, cell)
    # Times -1 and not with a sign, which would change that of NaN.
    return _joined(total.real - one.real * -1, total.imag - one.imag * -1, total, one)


def _joined(real: Any, imag: Any, one: Any, other: Any) -> Any:
    found = np.empty(np.shape(real), np.result_type(one, other))
    found.real, found.imag = real, imag
    return found
