"""Least and greatest step of whole columns of positions, in memory or lazy."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from xgrad._typing import AnyArray
from xgrad.arrays.engines import module_of
from xgrad.arrays.term import Positions, Term, as_float
from xgrad.arrays.threads import in_threads
from xgrad.kernels.cells import along
from xgrad.kernels.layout import Planes

# Modules with compiled loops are imported where they are used: they load numba, which small arrays
# do not need.


def of_columns(x: Any, axis: int, period: float | None) -> tuple[Any, Any]:
    """Least and greatest step of whole columns, with length 1 along `axis`.

    Lazy columns are read chunk by chunk, and no chunk needs another.

    Parameters
    ----------
    x : numpy.ndarray or lazy array
        Float positions.
    axis : int
        Not negative.
    period : float or None
        Amount by which the positions of a column may jump.

    Examples
    --------
    >>> of_columns(np.array([[0.0, 1.0, 3.0]]), 1, None)
    (array([[1.]]), array([[2.]]))
    """
    return _in_memory(x, axis, period) if module_of(x) is None else _lazy(x, axis, period)


def checked(term: Term) -> tuple[AnyArray, AnyArray]:
    """Those of positions in memory; columns that are not strictly monotonic are reported.

    Parameters
    ----------
    term : Term
        If its positions have no `complain`, nothing is reported.
    """
    from xgrad.kernels import extreme_steps  # noqa: PLC0415

    positions = term.along
    assert isinstance(positions, Positions)
    assert term.axis is not None
    ends = of_columns(as_float(np.asarray(positions.array)), term.axis, positions.period)
    good = extreme_steps.good_columns(*ends)
    if positions.complain is not None and not good.all():
        positions.complain(good)
    return ends


def _in_memory(x: AnyArray, axis: int, period: float | None) -> tuple[AnyArray, AnyArray]:
    """In threads."""
    from xgrad.kernels import extreme_steps  # noqa: PLC0415

    if period is not None:
        return extreme_steps.of_columns(x, axis, period)
    planes = Planes.of(x, axis)
    flat = planes.view(x, x.dtype)
    thin = np.empty_like(np.take(x, [0], axis=axis))
    found = thin, thin.copy()
    least, greatest = (np.empty((len(flat), 1, flat.shape[2]), flat.dtype) for _ in range(2))

    def work(part: slice) -> None:
        extreme_steps.fill_extremes(flat, part, least, greatest)

    in_threads(flat.nbytes, flat.shape[2], work)
    planes.put(least, found[0])
    planes.put(greatest, found[1])
    return found


def _lazy(x: Any, axis: int, period: float | None) -> tuple[Any, Any]:
    engine = module_of(x)
    assert engine is not None
    chunks = (*x.chunks[:axis], (5,) * x.numblocks[axis], *x.chunks[axis + 1 :])
    parts = engine.map_blocks(
        _of_chunk, x, own=axis, period=period, chunks=chunks, dtype=x.dtype, meta=x._meta,
        token="xgrad-extremes",
    )  # fmt: skip
    merged = partial(_merged, period=period)
    both = engine.reduction(
        parts, merged, partial(_decided, count=x.shape[axis] - 1, period=period), combine=merged,
        axis=axis, keepdims=True, output_size=2, dtype=x.dtype, meta=x._meta,
        name="xgrad-extremes",
    )  # fmt: skip
    return both[along(axis, slice(0, 1))], both[along(axis, slice(1, 2))]


def _of_chunk(x: AnyArray, own: int, period: float | None) -> AnyArray:
    from xgrad.kernels import extreme_steps  # noqa: PLC0415

    return extreme_steps.of_part(x, own, period)


def _merged(
    parts: AnyArray, axis: tuple[int], keepdims: bool, period: float | None
) -> AnyArray:  # fmt: skip
    from xgrad.kernels import extreme_steps  # noqa: PLC0415

    assert keepdims
    return extreme_steps.merged(parts, axis[0], period)


def _decided(
    parts: AnyArray, axis: tuple[int], keepdims: bool, count: int, period: float | None
) -> AnyArray:  # fmt: skip
    from xgrad.kernels import extreme_steps  # noqa: PLC0415

    found = _merged(parts, axis, keepdims, period)
    return np.concatenate(extreme_steps.decided(found, axis[0], count, period), axis=axis[0])
