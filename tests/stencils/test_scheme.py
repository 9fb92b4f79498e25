"""The law of schemes: the numbers of cells that they name are those that the stencils read."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from xgrad._typing import FIRST, LAST
from xgrad.stencils.scheme import Scheme
from xgrad.stencils.table import table_of

CHOICES = list(itertools.product([1, 2, 3, 4], [2, 4, 6, 8], [1, 2]))
EDGES: list[Any] = ["one-sided", "periodic", "extend", "reflect", "nan", 2.5]


@pytest.mark.parametrize("edge", EDGES)
def test_stencils_read_the_cells_that_the_scheme_names(edge: Any) -> None:
    for order, accuracy, edge_order in CHOICES:
        scheme = Scheme(order, accuracy, edge_order, boundary=(edge, edge))
        size = max(scheme.needed, 2 * scheme.reach + 1)
        table = table_of(np.full(size - 1, 0.5), size, scheme, "f8", 0.5)
        first, last = table[FIRST], table[LAST]
        middle = size // 2
        assert (first[middle], last[middle]) == (-scheme.half, scheme.half)
        assert max(-first.min(), last.max()) == (
            scheme.reach if edge == "one-sided" else scheme.half
        )
        if edge == "one-sided":
            assert (first[0], last[0]) == (0, scheme.edge - 1)
            assert (first[-1], last[-1]) == (1 - scheme.edge, 0)
        # Beyond an edge no stencil needs more than the halo.
        beyond = max(-(np.arange(size) + first).min(), (np.arange(size) + last).max() - size + 1)
        assert beyond == (0 if edge == "one-sided" else scheme.depth)


@pytest.mark.parametrize("edge", EDGES)
def test_the_least_size_is_enough_for_all_stencils(edge: Any) -> None:
    for order, accuracy, edge_order in CHOICES:
        scheme = Scheme(order, accuracy, edge_order, boundary=(edge, edge))
        table = table_of(np.full(scheme.needed - 1, 0.5), scheme.needed, scheme, "f8", 0.5)
        if edge == "one-sided":
            cells = np.arange(scheme.needed)
            assert (cells + table[FIRST]).min() >= 0
            assert (cells + table[LAST]).max() < scheme.needed
        assert scheme.face <= scheme.needed


def test_a_missing_value_may_need_a_one_sided_stencil_anywhere() -> None:
    for order, accuracy, edge_order in CHOICES:
        scheme = Scheme(order, accuracy, edge_order, skipna=True)
        assert scheme.depth == scheme.reach == max(scheme.half, scheme.edge - 1)
