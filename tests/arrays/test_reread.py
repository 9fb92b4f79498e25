"""The laws of chunks that read their own halos: the bits of the whole, one task each, and no more
than a few blocks in memory."""

from __future__ import annotations

import itertools
import pickle
import weakref
from collections import Counter
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
from dask._task_spec import Alias, DataNode
from dask.array.optimization import optimize
from dask.base import collections_to_expr
from dask.core import flatten, get_dependencies
from dask.graph_manipulation import bind, clone
from dask.highlevelgraph import HighLevelGraph
from hypothesis import given
from hypothesis import strategies as st

from tests import engines
from tests.arrays.helpers import chunkings
from tests.helpers import mostly_thorough, nothing_computed, same_bits
from xgrad.arrays import block_cache, combine
from xgrad.arrays.engines import module_of
from xgrad.arrays.term import Combination, Positions, Term
from xgrad.stencils.scheme import Scheme

# The same laws for both engines of dask.  Those of dask's layers, and of what dask does to graphs,
# are about dask.array alone; cubed plans its own readings (tests/arrays/test_on_cubed.py).
by_engine = pytest.mark.parametrize("engine", engines.ENGINES)

BOUNDARIES = ["one-sided", "periodic", "extend", "reflect", "nan", 1.5]


class Source:
    """An array that counts how often each part of it is read, and which parts are alive."""

    def __init__(self, values: Any) -> None:
        self.values, self.shape, self.ndim = values, values.shape, values.ndim
        self.dtype = values.dtype
        self.reads: Counter[str] = Counter()
        self.alive: set[int] = set()
        self.most = 0

    def __getitem__(self, index: Any) -> Any:
        found = self.values[index].copy()
        if not found.size:  # a part without cells shows the kind of array
            return found
        self.reads[str(index)] += 1
        self.alive.add(id(found))
        self.most = max(self.most, len(self.alive))
        weakref.finalize(found, self.alive.discard, id(found))
        return found


def opened(source: Source, chunks: Any, engine: str = "dask.array") -> Any:
    array = engines.module(engine).from_array(
        source, chunks=chunks, asarray=False, name=f"source-{id(source)}"
    )
    source.reads.clear()
    return array


def shares_faces(lazy: Any) -> bool:
    return any("faces" in str(key[0]) for key in dict(lazy.__dask_graph__()))


def gradients(arrays: Any, **options: Any) -> list[Combination]:
    (name,) = arrays
    scheme = Scheme(**options)
    return [
        Combination(arrays, (Term(name, axis, 0.5, scheme),)) for axis in range(arrays[name].ndim)
    ]


@st.composite
def terms(draw: Any, shape: tuple[int, ...]) -> Term:
    """A term of either operand: any boundary, accuracy and gaps; factors before and after; along an
    axis, or columns that have their own positions, some of which turn back."""
    axis = draw(st.sampled_from([None, *range(len(shape))]))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    thin = tuple(n if draw(st.booleans()) else 1 for n in shape)
    factor = draw(st.sampled_from([None, 2.5, rng.normal(size=thin)]))
    operand = draw(st.sampled_from("fg"))
    if axis is None:
        return Term(operand, factor=factor)
    boundary = draw(st.sampled_from(BOUNDARIES))
    scheme = Scheme(
        1, draw(st.sampled_from([2, 4])), 1, draw(st.booleans()), (boundary, boundary)
    )  # fmt: skip
    if draw(st.booleans()):
        x = rng.uniform(0.5, 2, (*thin[:axis], shape[axis], *thin[axis + 1 :])).cumsum(axis)
        x[rng.random(x.shape) < draw(st.sampled_from([0, 0.02]))] = 3.0
        return Term(operand, axis, Positions(x, 50.0 if boundary == "periodic" else None), scheme,
                    factor=factor)  # fmt: skip
    steps = 0.5 if draw(st.booleans()) else rng.uniform(0.5, 2, shape[axis] - 1)
    inside = None
    if not scheme.skipna and draw(st.booleans()):
        inside = rng.uniform(0.5, 2, (*thin[:axis], shape[axis], *thin[axis + 1 :]))
    seam = 0.75 if boundary == "periodic" else None
    return Term(operand, axis, steps, scheme, seam, factor, inside)


def with_lazy_factors(term: Term, chunks: Any, module: Any) -> Term:
    """The same term, whose factors are computed by dask in other chunks, and not cheap to read.

    Positions that are as wide as the data are in their chunks, and cheap.
    """

    def lazy(factor: Any) -> Any:
        if np.ndim(factor) < 2:
            return factor
        return module.from_array(factor, chunks=4).map_blocks(lambda block: block.copy())

    along = term.along
    if isinstance(along, Positions):
        wide = 1 not in along.array.shape
        x = module.from_array(along.array, chunks=chunks) if wide else lazy(along.array)
        along = along._replace(array=x)
    return term._replace(along=along, factor=lazy(term.factor), inside=lazy(term.inside))


@by_engine
@given(data=st.data())
def test_any_terms_have_the_bits_of_arrays_in_memory(engine: str, data: Any) -> None:
    shape, module = (9, 11), engines.module(engine)
    chunks = tuple(data.draw(chunkings(n)) for n in shape)
    wanted = [tuple(data.draw(terms(shape)) for _ in range(2)) for _ in range(2)]
    how = data.draw(st.sampled_from(["sum", "norm"]))
    rng = np.random.default_rng(3)
    f, g = (np.where(rng.random(shape) < 0.1, np.nan, rng.normal(size=shape)) for _ in range(2))
    memory = combine.combine_all([Combination({"f": f, "g": g}, own, how) for own in wanted])
    arrays = {name: module.from_array(own, chunks=chunks) for name, own in (("f", f), ("g", g))}
    if data.draw(st.booleans()):
        wanted = [tuple(with_lazy_factors(term, chunks, module) for term in own) for own in wanted]
    with nothing_computed():
        lazy = combine.combine_all([Combination(arrays, own, how) for own in wanted])
    for one, expected in zip(dask.compute(*lazy, scheduler="sync"), memory, strict=True):
        assert same_bits(one, expected)


@pytest.mark.parametrize("chunks", [(5, 4), (1, 3), (10, 4)])
@pytest.mark.parametrize("scheduler", ["sync", "threads"])
@by_engine
def test_a_small_source_is_read_once_for_all_results(
    engine: str, chunks: Any, scheduler: str
) -> None:
    source = Source(np.random.default_rng(0).normal(size=(10, 12)))
    array = opened(source, chunks, engine)
    with nothing_computed():
        lazy = combine.combine_all(gradients({"f": array}))
    found = dask.compute(*lazy, scheduler=scheduler)
    assert len(source.reads) == array.npartitions
    assert set(source.reads.values()) == {1}
    whole = combine.combine_all(gradients({"f": source.values}))
    for one, expected in zip(found, whole, strict=True):
        assert same_bits(one, expected)


def test_no_chunk_waits_for_another() -> None:
    array = opened(Source(np.zeros((12, 12))), 3)
    lazy = combine.combine_all(gradients({"f": array}))
    graph = dict(dask.optimize(lazy[0])[0].__dask_graph__())
    tasks = [key for key, one in graph.items() if not isinstance(one, Alias | DataNode)]
    assert len(tasks) == array.npartitions
    for key in tasks:
        assert get_dependencies(graph, key) == {f"original-{array.name}"}


def test_results_over_a_chunk_are_one_task_and_one_more_for_each() -> None:
    array = opened(Source(np.zeros((12, 12, 12))), 3)
    lazy = combine.combine_all(gradients({"f": array}))
    graph = HighLevelGraph.merge(*(one.dask for one in lazy))
    keys = [key for one in lazy for key in flatten(one.__dask_keys__())]
    tasks = dict(optimize(graph, keys))
    counted = [one for one in tasks.values() if not isinstance(one, Alias | DataNode)]
    assert len(counted) == array.npartitions * (1 + len(lazy))


@by_engine
def test_the_work_on_a_chunk_and_what_uses_it_are_two_tasks(engine: str) -> None:
    array = opened(Source(np.zeros((12, 12))), 3, engine)
    (lazy,) = combine.combine_all(gradients({"f": array})[:1])
    used = (2 * lazy).map_blocks(np.sin)
    graph = collections_to_expr([used]).optimize(fuse=True).__dask_graph__()
    own = [key for key, one in graph.items() if array.name not in str(key)]
    # dask has another name for what it fuses: arithmetic, but not the work on the chunk.
    assert len(own) <= 3 * array.npartitions
    assert sum(key[0] == lazy.name for key in own) == array.npartitions


@by_engine
def test_a_part_reads_only_what_its_stencils_need(engine: str) -> None:
    source = Source(np.arange(10_000.0))
    array = opened(source, 10, engine)
    (lazy,) = combine.combine_all(gradients({"f": array}))
    assert lazy[5005:5008].compute().tolist() == [2.0] * 3
    assert len(source.reads) == 3
    source.reads.clear()
    assert float(lazy[-1].compute()) == 2.0
    assert len(source.reads) == 2


def of_two_steps(array: Any, kind: str) -> list[Any]:
    """Derivatives of derivatives, as a user writes them, and as terms of terms."""

    def along(own: Any, axis: int) -> Any:
        return combine.differentiate(own, 0.5, axis, Scheme())

    if kind == "one":
        return [along(along(array, 0), 1)]
    if kind == "the same axis":
        return [along(2 * along(array, 0) * array, 0)]
    if kind == "mixed":
        mixed = Term("f", 1, 0.5, Scheme(), of=Term("f", 0, 1.0, Scheme(), factor=2.0))
        return [combine.combine({"f": array}, [mixed, Term("f", 2, 1.0)])]
    weight = np.linspace(1, 2, array.shape[0]).reshape(-1, 1, 1)
    module = module_of(array)
    factor = weight if module is None else module.from_array(weight, chunks=4).cumsum(1)
    inner = combine.combine_all(
        [Combination({"f": array}, (Term("f", axis, 1.0, factor=factor),)) for axis in range(3)]
    )
    return [combine.combine(dict(enumerate(inner)), [Term(k, k, 1.0) for k in range(3)])]


@pytest.mark.parametrize("chunks", [(1, 5), (2, 3), ((1, 4, 1, 3, 0, 1), (6, 4))])
@pytest.mark.parametrize("options", [{"accuracy": 8}, {"edge_order": 2}, {"accuracy": 4}])
@by_engine
def test_chunks_that_are_too_short_are_merged_and_split_again(
    engine: str, chunks: Any, options: Any
) -> None:
    source = Source(np.random.default_rng(1).normal(size=(10, 10)))
    array = opened(source, chunks, engine)
    lazy = combine.combine_all(gradients({"f": array}, **options))
    whole = combine.combine_all(gradients({"f": source.values}, **options))
    assert not any(map(shares_faces, lazy))
    source.reads.clear()
    for one, expected in zip(dask.compute(*lazy), whole, strict=True):
        assert same_bits(one, expected)
    assert {one.chunks for one in lazy} == {array.chunks}
    assert set(source.reads.values()) == {1}


@pytest.mark.parametrize("kind", ["one", "the same axis", "mixed", "divergence"])
@pytest.mark.parametrize("chunks", [(3, 4, 5), pytest.param((1, 2, 8), marks=pytest.mark.thorough)])
@by_engine
def test_gradients_of_gradients_have_the_bits_of_arrays_in_memory(
    engine: str, kind: str, chunks: Any
) -> None:
    values = np.random.default_rng(1).normal(size=(9, 8, 8))
    expected = of_two_steps(values, kind)
    with nothing_computed():
        lazy = of_two_steps(engines.lazy(engine, values, chunks), kind)
    for one, other in zip(lazy, expected, strict=True):
        assert not shares_faces(one)
        assert same_bits(one.compute(), other)
        assert same_bits(one[4, 1:, ::2].compute(), other[4, 1:, ::2])


@pytest.mark.parametrize("kind", mostly_thorough(["one", "the same axis", "mixed"], "mixed"))
@pytest.mark.parametrize(("engine", "end"), [
    ("dask.array", "stored"),
    *(pytest.param(*case, marks=pytest.mark.thorough)
      for case in (("dask.array", "max"), ("dask_array", "max"), ("dask_array", "stored"))),
])  # fmt: skip
def test_gradients_of_gradients_hold_few_chunks_and_read_a_bounded_number_of_times(
    engine: str, kind: str, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(block_cache, "_BYTES", 0)
    monkeypatch.setattr(block_cache, "_SHARE", 10**12)
    for blocks in ((4, 4, 4), (16, 4, 4)):
        source = Source(np.zeros(tuple(3 * n for n in blocks), "f4"))
        (lazy,) = of_two_steps(opened(source, 3, engine), kind)
        if end == "stored":
            engines.module(engine).store(
                lazy, np.empty(source.shape, "f4"), lock=False, scheduler="sync"
            )
        else:
            lazy.max().compute(scheduler="sync")
        assert source.most <= (24 if kind == "mixed" else 12)
        assert max(source.reads.values()) <= (9 if kind == "one" else 12)


@pytest.mark.parametrize(
    "end", mostly_thorough(["max", "mean of the first axis", "stored"], "stored")
)
@pytest.mark.parametrize(("engine", "axes"), [
    ("dask.array", (0, 1, 2)),
    *(pytest.param(*case, marks=pytest.mark.thorough)
      for case in itertools.product(engines.ENGINES, ((0,), (2,), (0, 1, 2)))
      if case != ("dask.array", (0, 1, 2))),
])  # fmt: skip
def test_a_few_chunks_are_in_memory_as_the_readme_says(
    engine: str, end: str, axes: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Room for four blocks, as if they were large, and one for the chunk at work.
    monkeypatch.setattr(block_cache, "_BYTES", 0)
    monkeypatch.setattr(block_cache, "_SHARE", 10**12)
    monkeypatch.setattr(block_cache, "_CHUNKS", 4)
    for blocks in ((4, 4, 4), (16, 4, 4), (4, 8, 8)):
        source = Source(np.zeros(tuple(3 * n for n in blocks), "f4"))
        every = gradients({"f": opened(source, 3, engine)})
        lazy = combine.combine_all([every[axis] for axis in axes])
        if end == "stored":
            targets = [np.empty(source.shape, "f4") for _ in lazy]
            engines.module(engine).store(lazy, targets, lock=False, scheduler="sync")
        else:
            along = None if end == "max" else 0
            ends = [one.max() if end == "max" else one.mean(axis=along) for one in lazy]
            dask.compute(ends, scheduler="sync")
        assert source.most <= 6
        assert max(source.reads.values()) <= 2 * len(axes) + 1


@by_engine
def test_an_operand_in_other_chunks_shares_faces_even_if_no_term_needs_it(engine: str) -> None:
    values = np.random.default_rng(0).normal(size=(12, 6))
    f, g = engines.lazy(engine, values, (1, 6)), engines.lazy(engine, values, (4, 3))
    term = Term("g", 0, 1.0, Scheme(accuracy=4))
    lazy = combine.combine({"f": f, "g": g}, [term])
    assert lazy.chunks == f.chunks
    assert same_bits(lazy.compute(), combine.combine({"g": values}, [term]))


def test_a_graph_that_nobody_culls_is_whole() -> None:
    values = np.random.default_rng(0).normal(size=(6, 4))
    for lazy in combine.combine_all(gradients({"f": da.from_array(values, chunks=(3, 2))})):
        assert isinstance(lazy.dask, HighLevelGraph)
        (found,) = (dask.get(dict(lazy.dask), [lazy.__dask_keys__()])[0],)
        whole = np.block([[np.asarray(cell) for cell in row] for row in found])
        assert same_bits(whole, lazy.compute())


def sent(one: Any) -> Any:
    return pickle.loads(pickle.dumps(one))  # noqa: S301  what this process has sent


OF_ANY_ENGINE = [
    lambda one: dask.optimize(one)[0], lambda one: one.persist(), lambda one: one[1:, ::2],
    sent, lambda one: one.rechunk(4) + 0, lambda one: one.T.T,
]  # fmt: skip


@by_engine
@pytest.mark.parametrize(
    "change", OF_ANY_ENGINE, ids=["optimize", "persist", "part", "pickle", "rechunk", "transpose"]
)
def test_a_changed_result_has_the_same_bits(engine: str, change: Any) -> None:
    values = np.random.default_rng(0).normal(size=(6, 8))
    array = engines.lazy(engine, values, 3) + 1
    for lazy in combine.combine_all(gradients({"f": array})):
        changed = change(lazy)
        whole = lazy.compute()
        assert same_bits(
            changed.compute(), whole[1:, ::2] if changed.shape != whole.shape else whole
        )


@pytest.mark.parametrize("change", [
    clone, lambda one: bind(one, da.ones(1)), lambda one: clone(one, omit=one),
], ids=["clone", "bind", "omit"])  # fmt: skip
def test_dask_may_change_the_graph(change: Any) -> None:
    values = np.random.default_rng(0).normal(size=(6, 8))
    array = da.from_array(values, chunks=3) + 1
    for lazy in combine.combine_all(gradients({"f": array})):
        assert same_bits(change(lazy).compute(), lazy.compute())


@pytest.mark.parametrize(("engine", "scheduler"), [
    *itertools.product(engines.ENGINES, ["threads"]),
    *(pytest.param(engine, "processes", marks=pytest.mark.thorough)  # seconds to start them
      for engine in engines.ENGINES),
])  # fmt: skip
def test_any_scheduler_gives_the_same_bits(engine: str, scheduler: str) -> None:
    values = np.random.default_rng(0).normal(size=(12, 10))
    lazy = combine.combine_all(gradients({"f": engines.lazy(engine, values, (3, 5)) + 1}))
    expected = combine.combine_all(gradients({"f": values + 1}))
    found = dask.compute(*lazy, scheduler=scheduler, num_workers=2)
    for one, other in zip(found, expected, strict=True):
        assert same_bits(one, other)


@by_engine
def test_equal_gradients_have_equal_keys_and_others_do_not(engine: str) -> None:
    array = engines.lazy(engine, np.arange(12.0), 3)
    (one,), (same,) = (combine.combine_all(gradients({"f": array})) for _ in range(2))
    (other,) = combine.combine_all(gradients({"f": array}, edge_order=2))
    assert one.name == same.name != other.name
    weight = np.arange(12.0)
    different = [
        {"factor": 2.0}, {"factor": weight}, {"factor": weight + 1}, {"inside": weight},
        {"inside": weight + 1}, {"along": np.arange(1.0, 12)},
        {"factor": engines.module(engine).ones(12, chunks=3)},
    ]  # fmt: skip
    names = {
        combine.combine({"f": array}, [Term("f", 0, 1.0)._replace(**change)]).name
        for change in different
    }
    assert len(names) == len(different)
    assert float(abs(one - same).sum()) == 0.0
    assert float(abs(one - other).sum()) == 0.0  # a line has one slope, whatever the edges
