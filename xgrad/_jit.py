"""How all kernels are compiled, with numba."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numba import types
from numba.extending import overload

_Function = TypeVar("_Function", bound=Callable[..., Any])


def compiled(function: _Function) -> _Function:
    """Compile a loop over a block for each combination of dtypes, when it is first called.

    nogil and never parallel=True: dask's threads provide the parallelism, and numba's workqueue
    aborts the process when two of them enter it.  No fastmath: it would fuse a*b + c and change
    the last bit.  error_model="numpy": a check for division by zero would prevent vectorisation.
    no_cfunc_wrapper: nothing calls a loop from C, and each wrapper takes a tenth of the time that
    its loop takes to compile.

    Examples
    --------
    >>> import numpy as np
    >>> double = compiled(lambda cell: 2 * cell)
    >>> double(4)
    8
    """
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}
    try:
        jitted = numba.njit(**options, cache=True)(function)
    except RuntimeError:  # no folder for the cache is writable: compile in each process
        jitted = numba.njit(**options)(function)
    return cast(_Function, jitted)


def quotient(difference: Any, step: Any) -> Any:
    """Divide as numpy does, in compiled code too."""
    return difference / step


@overload(quotient)
def _compiled_quotient(difference: Any, step: Any) -> Any:
    """Numpy's division, to the bit, for complex numbers too.

    numpy divides complex numbers by Smith's algorithm (R. L. Smith, "Algorithm 116: complex
    division", CACM 5(8), 1962) with one reciprocal; numba's own form divides twice and differs in
    the last bit.  With a real ``step``: ``ratio = 0 / step``, ``scale = 1 / (step + 0 * ratio)``,
    ``(im*ratio + re) * scale, (im - re*ratio) * scale``.  The sum is a difference, so that of two
    NaNs the first remains: see :mod:`xgrad.kernels.in_order`.
    """
    if not isinstance(difference, types.Complex):

        def plain(difference: Any, step: Any) -> Any:
            return difference / step

        return plain
    wide = difference is types.complex128 or step is types.float64
    real = np.float64 if wide else np.float32

    def smith(difference: Any, step: Any) -> Any:
        ratio = real(0) / real(step)
        scale = real(1) / (real(step) + real(0) * ratio)
        minus = -real(step) / real(step)
        re, im = real(difference.real), real(difference.imag)
        return complex((im * ratio - re * minus) * scale, (im - re * ratio) * scale)

    return smith


def times(number: Any, factor: Any) -> Any:
    """Multiply both parts of a number by a real factor, so that an infinite one keeps the other."""
    return number * factor


@overload(times)
def _compiled_times(number: Any, factor: Any) -> Any:  # noqa: ARG001
    if not isinstance(number, types.Complex):

        def plain(number: Any, factor: Any) -> Any:
            return number * factor

        return plain

    def apart(number: Any, factor: Any) -> Any:
        return complex(number.real * factor, number.imag * factor)

    return apart
