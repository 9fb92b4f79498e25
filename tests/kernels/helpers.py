"""What tests of loops over blocks share."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from xgrad.arrays.halo import at_both_edges
from xgrad.kernels import extreme_steps, layout, stencil_kinds, tabled
from xgrad.kernels.cells import Cells
from xgrad.kernels.stencil_kinds import OwnPositions, Stencil
from xgrad.stencils import ghosts
from xgrad.stencils.scheme import Scheme
from xgrad.stencils.table import first_derivative

DTYPES = ["f2", "f4", "f8", "g", "F", "D", "G", "b", "B", "i4", "u8", ">f4", ">f8", ">c16", ">i2"]
INEXACT = ["f4", "f8", "c8", "c16"]


def runs(valid: Any) -> list[slice]:
    """Where neighbouring cells are all valid."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], valid.astype(int), [0]])))
    return [slice(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def whole(values: Any, steps: Any, axis: int, edge_order: int) -> Any:
    """Differentiate one block that is the whole array."""
    dtype = layout.result_dtype(values.dtype)
    real = np.empty(0, dtype).real.dtype.newbyteorder("=")
    out = np.empty_like(values, dtype=dtype)
    nothing = np.take(values, [], axis=axis)
    table = first_derivative(steps, values.shape[axis], edge_order, real)
    tabled.differentiate(values, nothing, nothing, table, axis, out)
    return out


def values_of(dtype: str, shape: tuple[int, ...]) -> Any:
    rng = np.random.default_rng(1)
    numbers = rng.normal(size=shape) * 40 + 60
    if np.dtype(dtype).kind == "c":
        return (numbers + 1j * rng.normal(size=shape)).astype(dtype)
    return numbers.astype(dtype)


@st.composite
def parts_of(draw: Any, size: int) -> slice:
    """At least one of so many cells."""
    start = draw(st.integers(0, size - 1))
    return slice(start, draw(st.integers(start + 1, size)))


@st.composite
def stencils(draw: Any) -> tuple[Stencil, Cells]:
    """A stencil of any kind, and the cells of a whole array for it."""
    edge = st.sampled_from(["one-sided", "extend", "reflect", "nan", 2.5])
    pair = draw(st.one_of(st.tuples(edge, edge), st.just(("periodic",) * 2)))
    order, accuracy = draw(st.sampled_from([(1, 2), (1, 4), (2, 2)]))
    scheme = Scheme(order, accuracy, draw(st.integers(1, 2)), draw(st.booleans()), pair)
    shape = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    axis = draw(st.integers(0, len(shape) - 1))
    size = shape[axis] = scheme.needed + draw(st.integers(0, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    f = rng.normal(size=shape).astype(draw(st.sampled_from(["f4", "f8"])))
    if scheme.skipna:
        f[rng.random(shape) < 0.2] = np.nan
    if draw(st.booleans()):
        steps = draw(st.sampled_from([0.5, rng.random(size - 1) + 0.3]))
        cells = at_both_edges(f, axis, scheme, scheme.face, ghosts.values)
        return stencil_kinds.of_axis(steps, size, scheme, f.dtype, 0.9), cells
    sides = [n if k == axis or draw(st.booleans()) else 1 for k, n in enumerate(shape)]
    x = np.cumsum(rng.random(sides) + 0.3, axis=axis)
    period = 100.0 if "periodic" in pair else None
    face = scheme.face_of_columns
    there = at_both_edges(x, axis, scheme, face, ghosts.positions)
    ends = extreme_steps.of_columns(x, axis, period)
    cells = at_both_edges(f, axis, scheme, face, ghosts.values)
    return OwnPositions(scheme, there, ends, period), cells
