"""The law of plans: equal ones have equal tokens, and they know what chunks read."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np

from xgrad.arrays.chunk_plan import Plan
from xgrad.arrays.term import Combination, Positions, Term
from xgrad.stencils.scheme import Scheme

F = da.from_array(np.random.default_rng(0).normal(size=(6, 8)), chunks=(3, 4))
X = da.from_array(np.arange(6.0)[:, None] + np.zeros(8), chunks=(3, 4))


def plan(*terms: Term) -> Plan:
    return Plan.of([Combination({"f": F}, terms)], F.chunks)


def test_wide_positions_are_a_source_and_others_are_waited_for() -> None:
    wide, thin = plan(Term("f", 0, Positions(X))), plan(Term("f", 0, Positions(X[:, :1])))
    assert [len(one.sources) for one in (wide, thin)] == [2, 1]
    assert wide.depths == {(0, 0): 1, (1, 0): 1}
    assert thin.depths == {(0, 0): 1}
    ((own,),) = ([*one.terms] for one in thin.outputs)
    assert own.columns[0].chunks == ((3, 3), (1,))


def test_periodic_axes_and_the_deepest_stencil_are_known() -> None:
    around = Scheme(boundary=("periodic", "periodic"))
    both = plan(Term("f", 1, 1.0, around, 1.0), Term("f", 1, 1.0, Scheme(accuracy=4)))
    assert both.around == {(0, 1)}
    assert both.depths == {(0, 1): 2}


def test_a_gradient_along_three_axes_counts_twice() -> None:
    f = da.zeros((4, 4, 4), chunks=2)
    for n in (1, 2, 3):
        one = Combination({"f": f}, tuple(Term("f", axis, 1.0) for axis in range(n)))
        own = Plan.of([one], f.chunks)
        assert own.levels(lambda _: 1) == (3 if n == 3 else 2)
        assert own.levels(lambda _: None) is None


def test_what_chunks_wait_for_are_the_lazy_factors() -> None:
    factor = da.ones((6, 1), chunks=3)
    assert [one.name for one in plan(Term("f", 0, 1.0, factor=factor)).factors] == [factor.name]
    assert plan(Term("f", 0, 1.0, factor=2.0)).factors == []


def test_equal_plans_have_equal_tokens_and_others_do_not() -> None:
    def complain(_: Any) -> None:
        raise AssertionError

    terms = [
        Term("f", 0, 1.0), Term("f", 0, 2.0), Term("f", 1, 1.0), Term("f", 0, Positions(X)),
        Term("f", 0, Positions(X + 1)), Term("f", 0, Positions(X, 50.0)),
    ]  # fmt: skip
    tokens = [plan(term).token for term in terms]
    assert len(set(tokens)) == len(terms)
    assert tokens == [plan(term).token for term in terms]
    assert plan(Term("f", 0, Positions(X, complain=complain))).token == tokens[3]
