"""The law of cubed arrays: the bits of arrays in memory, in the memory that the plan projects."""

from __future__ import annotations

import os
from typing import Any

import cubed
import numpy as np
import pytest

from tests.helpers import mostly_thorough, run, same_bits
from xgrad.arrays import combine
from xgrad.arrays.term import Positions, Term
from xgrad.stencils.scheme import Scheme

SPEC = cubed.Spec(allowed_mem="500MB", reserved_mem=0, executor_name="single-threaded")
VALUES = np.random.default_rng(0).normal(size=(11, 9))
GAPS = np.where(np.abs(VALUES) > 1.5, np.nan, VALUES)


def lazily(values: Any, chunks: Any) -> Any:
    return cubed.from_array(values, chunks=chunks, spec=SPEC)


SCHEMES = [
    Scheme(),
    Scheme(edge_order=2),
    Scheme(accuracy=4),
    Scheme(order=2),
    Scheme(skipna=True),
    Scheme(boundary=("extend", 1.5)),
    Scheme(boundary=("reflect", "nan")),
    Scheme(boundary=("periodic", "periodic")),
    Scheme(accuracy=4, skipna=True, boundary=("periodic", "periodic")),
]
# The last two have chunks that are too short for stencils that reach further.
PROBLEMS: list[tuple[Any, int, tuple[int, int]]] = [
    (VALUES.astype("f4"), 0, (4, 9)),
    (GAPS, 1, (11, 4)),
    ((10 * VALUES).astype("i2"), 0, (2, 5)),
]


@pytest.mark.parametrize("scheme", mostly_thorough(SCHEMES, *SCHEMES[::2]), ids=str)
def test_any_chunks_have_the_bits_of_an_array_in_memory(scheme: Scheme) -> None:
    seam = 1.5 if "periodic" in scheme.boundary else None
    for values, axis, chunks in PROBLEMS:
        if values.dtype.kind == "i" and {1.5, "nan"} & set(scheme.boundary):
            continue
        term = Term("f", axis, np.linspace(0.5, 2, values.shape[axis] - 1), scheme, seam)
        expected = combine.combine({"f": values}, [term])
        lazy = combine.combine({"f": lazily(values, chunks)}, [term])
        assert isinstance(lazy, cubed.Array)
        assert lazy.dtype == expected.dtype
        assert same_bits(lazy.compute(), expected)


@pytest.mark.parametrize("how", mostly_thorough(["sum", "norm", "angle"], "norm"))
def test_several_arrays_in_other_chunks_are_combined(how: Any) -> None:
    other, inside = VALUES[::-1].copy(), np.linspace(1, 2, 9)
    factor = np.linspace(1, 3, 11)[:, None]
    terms = [
        Term("u", 0, 0.5, Scheme(edge_order=2), factor=factor),
        Term("v", 1, 2.0, inside=inside),
    ]
    expected = combine.combine({"u": VALUES, "v": other}, terms, how)
    for u, v in ((lazily(VALUES, (4, 3)), lazily(other, (2, 5))), (lazily(VALUES, (5, 9)), other)):
        found = combine.combine({"u": u, "v": v}, terms, how)
        assert found.chunks == u.chunks
        assert same_bits(found.compute(), expected)


def test_a_selection_reads_its_chunks() -> None:
    found = combine.differentiate(lazily(VALUES, (4, 3)), 0.5, 0, Scheme())
    assert same_bits(found[5, 2:].compute(), combine.differentiate(VALUES, 0.5, 0, Scheme())[5, 2:])


@pytest.mark.parametrize(("term", "why"), [
    (Term("f", 0, Positions(VALUES.cumsum(0), name="h")), "positions 'h' have several dimensions"),
    (Term("f", 0, 1.0, factor=lazily(VALUES, (4, 3))), "a factor of the derivative is lazy"),
    (Term("f", 0, 1.0, inside=VALUES), "a factor within the derivative"),
], ids=["positions", "a lazy factor", "a wide factor within"])  # fmt: skip
def test_what_cannot_be_planned_is_refused_with_the_reason(term: Term, why: str) -> None:
    with pytest.raises(TypeError, match=rf"{why}.*chunked_array_type='dask'"):
        combine.combine({"f": lazily(VALUES, (4, 3))}, [term])


def test_a_chunk_that_does_not_fit_is_refused_by_the_plan() -> None:
    small = cubed.Spec(allowed_mem=2**25, reserved_mem=0)
    array = cubed.from_array(np.zeros((2000, 1000)), chunks=(1000, 1000), spec=small)
    with pytest.raises(ValueError, match="exceeds allowed_mem"):
        combine.differentiate(array, 1.0, 0, Scheme()).compute()


@pytest.mark.thorough
@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="Linux resets peaks")
def test_a_plan_holds_no_more_than_it_projects(tmp_path: Any) -> None:
    # In a fresh process, whose memory before is that of its libraries.
    code = f"""
import cubed, numpy as np, zarr
from xgrad.arrays import combine
from xgrad.arrays.term import Term
from xgrad.stencils.scheme import Scheme
from pathlib import Path
import xgrad.kernels.tabled_loops  # which a process loads for large arrays only
from xgrad.workers import memory

def array(name, n):
    shape, chunks = (4 * n, 2 * n), (n, n)
    path = r"{tmp_path}/" + name
    store = zarr.create_array(path, shape=shape, chunks=chunks, dtype="f4", overwrite=True)
    for k in range(8):
        i, j = divmod(k, 2)
        block = np.broadcast_to(np.arange(n, dtype="f4"), (n, n))
        store[i * n:(i + 1) * n, j * n:(j + 1) * n] = block
    return cubed.from_zarr(r"{tmp_path}/" + name, spec=spec)

spec = cubed.Spec(
    r"{tmp_path}/work", allowed_mem="1GB", reserved_mem=0, executor_name="single-threaded"
)
terms = [Term("f", 0, 1.0, Scheme(accuracy=4)), Term("f", 1, 1.0), Term("g", 1, 2.0)]
def made(n):
    f, g = array(f"f{{n}}", n), array(f"g{{n}}", n)
    return combine.combine({{"f": f, "g": g}}, terms, "norm")
small, large = made(60), made(1800)
small.compute(_return_in_memory_array=False)
Path("/proc/self/clear_refs").write_text("5")  # resets the peak, which compiling loops may raise
before = memory.peak_memory()
large.compute(_return_in_memory_array=False)
print(memory.peak_memory() - before, large.plan().max_projected_mem)
"""
    held, projected = map(int, run(code).split())
    assert 2**24 < held <= projected
