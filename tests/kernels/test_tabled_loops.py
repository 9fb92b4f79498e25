"""The law of compiled loops: they have the bits of numpy's."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from tests.helpers import same_bits
from tests.kernels.helpers import DTYPES, values_of, whole
from xgrad.arrays.term import Term
from xgrad.kernels import tabled, tabled_loops
from xgrad.stencils.scheme import Fit, Scheme
from xgrad.stencils.table import table_of


# Complex numbers take ten seconds to compile, and are two real ones here.
@pytest.mark.parametrize(
    "dtype", ["f4", "f8", *(pytest.param(one, marks=pytest.mark.thorough) for one in "FD")]
)
@pytest.mark.parametrize("kind", ["f4", "f8"])
@pytest.mark.parametrize("inside", [False, True])
def test_numpys_loops_have_the_bits_of_the_compiled_ones(
    dtype: str, kind: str, inside: bool, monkeypatch: Any
) -> None:
    rng = np.random.default_rng(5)
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-38]
    for order, accuracy, boundary in itertools.product(
        [1, 2, 3], [2, 4, 6], ["one-sided", "extend"]
    ):
        scheme = Scheme(order=order, accuracy=accuracy, boundary=(boundary, boundary))
        steps = rng.random(19).astype(kind) + 0.1
        factor = rng.random(20) if inside and boundary == "one-sided" else None
        term = Term("f", 1, steps, scheme, inside=factor)
        table = term.stencil(20, np.dtype(dtype)).table[:, 4:]
        for shape in [(3, 20, 5), (40, 20, 3), (2, 20, 40), (50, 20, 1)]:
            cells = values_of(dtype, shape)
            cells[rng.random(shape) < 0.02] = rng.choice(special)
            depth = scheme.depth if boundary == "extend" else 0
            parts = cells[:, :4], cells[:, 4:], cells[:, 20 - depth :]
            found = []
            for compiled in (True, False):
                monkeypatch.setattr(tabled, "are_loaded", lambda _, answer=compiled: answer)
                found.append(np.empty_like(parts[1]))
                with np.errstate(all="ignore"):
                    tabled.differentiate(parts[1], parts[0], parts[2], table, 1, found[-1])
            assert same_bits(found[0], found[1])


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_numpys_loops_have_the_bits_of_the_compiled_ones_for_fits(
    dtype: str, monkeypatch: Any
) -> None:
    # The stencils of neighbouring cells are rarely alike here, nor those of two parts of the axis.
    rng = np.random.default_rng(5)
    steps = rng.random(299) + 0.1
    fit = Fit(half=9, polyorder=0, width=2.5)
    table = table_of(steps, 300, Scheme(order=0, fit=fit), np.dtype(dtype), None)
    for shape in [(3, 300, 5), (40, 300, 3), (50, 300, 1)]:
        cells = values_of(dtype, shape)
        cells[rng.random(shape) < 0.02] = rng.choice([np.inf, -np.inf, np.nan, -0.0])
        whole_axis = np.empty_like(cells)
        monkeypatch.setattr(tabled, "are_loaded", lambda _: False)
        nothing = cells[:, :0]
        with np.errstate(all="ignore"):
            tabled.differentiate(cells, nothing, nothing, table, 1, whole_axis)
        monkeypatch.setattr(tabled, "are_loaded", lambda _: True)
        for start, end in [(0, 300), (0, 12), (12, 15), (15, 300)]:
            part, below, above = cells[:, start:end], cells[:, :start], cells[:, end:]
            found = np.empty_like(part)
            own = table[:, start:end]
            tabled.differentiate(part, below, above, own, 1, found)
            assert same_bits(found, whole_axis[:, start:end])


@pytest.mark.thorough  # compiles for complex numbers, too
def test_all_layouts_and_kinds_of_memory_share_six_compiled_variants() -> None:
    for dtype in DTYPES:
        for steps in (0.5, np.float32(0.5), np.float64(0.5), np.array([1.0, 2.0, 3.0], "f4")):
            whole(values_of(dtype, (4, 40)), steps, 0, 1)
    assert len(tabled_loops._differentiate.signatures) <= 6
