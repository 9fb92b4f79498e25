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

    Along the last axis the weight is the same.

    Examples
    --------
    >>> product(2.0, np.array([1 + 2j]))
    array([2.+4.j])
    """
    if not np.iscomplexobj(cell):
        return weight * cell
    numbers = weight * _parts(cell)
    found = numbers.view(np.result_type(numbers.dtype, np.complex64))
    found.real -= 0.0 * cell.imag
    found.imag -= -0.0 * cell.real
    return found


def less(total: Any, weight: Any, cell: Any, out: Any = None) -> Any:
    """Total minus weight times cell: the weight is a negative one.

    The result may be written into `out`, which may be the total.

    Examples
    --------
    >>> less(product(1.0, 5.0), -2.0, 3.0)
    11.0
    """
    if not np.iscomplexobj(cell):
        return total - weight * cell if out is None else np.subtract(total, weight * cell, out=out)
    taken = _parts(product(-weight, cell))
    # Times -1 and not with a sign, which would change that of NaN.
    taken *= -1
    out = np.empty_like(total) if out is None else out
    np.subtract(_parts(total), taken, out=_parts(out))
    return out


def _parts(cells: Any) -> Any:
    """Real and imaginary parts side by side, of the same memory."""
    return cells.view(cells.real.dtype)
