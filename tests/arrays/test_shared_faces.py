"""The law of chunks that share their faces: no bit depends on them, and each is read once."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections import Counter
from typing import Any

import dask
import numpy as np
import pytest

from tests import engines
from tests.helpers import mostly_thorough, numpy_gradient, same_bits
from xgrad.arrays import combine
from xgrad.arrays.term import Positions
from xgrad.stencils.scheme import Scheme

pytestmark = pytest.mark.usefixtures("shared_faces")


@pytest.mark.parametrize("engine", mostly_thorough(engines.WITH_CUBED, "dask.array"))
def test_an_axis_that_is_even_in_one_chunk_only(engine: str) -> None:
    # Decided chunk by chunk, the first half would be divided and the second one weighted.
    x = np.concatenate([np.arange(50) * 0.75, 37.0 + np.cumsum(np.linspace(0.1, 0.3, 50))])
    values = np.random.default_rng(5).normal(size=100)
    expected = numpy_gradient(values, x, 0)
    for size in (7, 25, 50, 100) if engine == "cubed" else (1, 7, 25, 50, 100):
        array = engines.lazy(engine, values, size)
        lazy = combine.differentiate(array, np.diff(x), 0, Scheme())
        assert same_bits(lazy.compute(), expected)


@pytest.mark.parametrize("engine", engines.WITH_CUBED)
@pytest.mark.parametrize("options", [{}, {"skipna": True}, {"accuracy": 4}, {"edge_order": 2}])
def test_a_long_even_axis_has_the_bits_of_numpy_in_any_chunks(options: Any, engine: str) -> None:
    values = np.random.default_rng(11).normal(size=2**16 + 50)
    scheme = Scheme(**options)
    expected = combine.differentiate(values, 0.1, 0, scheme)
    if scheme.is_numpys:
        assert same_bits(expected, numpy_gradient(values, 0.1, 0, scheme.edge_order))
    for size in (30_000, 2**16 + 20, len(values)):
        lazy = combine.differentiate(engines.lazy(engine, values, size), 0.1, 0, scheme)
        assert same_bits(lazy.compute(), expected)


@pytest.mark.parametrize("engine", engines.WITH_CUBED)
@pytest.mark.parametrize("layout", ["F", "strided", "read-only"])
def test_chunks_of_any_memory_layout_equal_numpy(layout: str, engine: str) -> None:
    values = np.random.default_rng(6).normal(size=(12, 10))
    base = np.asfortranarray(values) if layout == "F" else np.repeat(values, 2, 0)[::2]
    base.flags.writeable = layout != "read-only"
    array = engines.lazy(engine, base, (5, 4))
    assert same_bits(
        combine.differentiate(array, 0.1, 0, Scheme(edge_order=2)).compute(),
        numpy_gradient(values, 0.1, 0, 2),
    )


class Counting:
    """An array that counts how often each part of it is read."""

    ndim, dtype = 2, np.dtype("f8")

    def __init__(self, values: Any) -> None:
        self.values, self.shape = values, values.shape
        self.reads: Counter[str] = Counter()

    def __getitem__(self, index: Any) -> Any:
        found = self.values[index]
        if found.size:  # a part without cells shows the kind of array
            self.reads[str(index)] += 1
        return found


@pytest.mark.parametrize("engine", engines.ENGINES)
def test_each_chunk_is_loaded_once_when_all_gradients_are_computed_together(engine: str) -> None:
    source = Counting(np.random.default_rng(7).normal(size=(40, 30)))
    array = engines.module(engine).from_array(source, chunks=(10, 10), name="source", asarray=False)
    results = [combine.differentiate(array, 0.5, axis, Scheme(edge_order=2)) for axis in (0, 1)]
    assert not source.reads
    found = dask.compute(*results)
    assert len(source.reads) == 12
    assert set(source.reads.values()) == {1}
    for axis in (0, 1):
        assert same_bits(found[axis], numpy_gradient(source.values, 0.5, axis, 2))


@pytest.mark.parametrize("engine", engines.ENGINES)
def test_positions_are_loaded_chunk_by_chunk(engine: str) -> None:
    module = engines.module(engine)
    values = module.zeros((40, 30), chunks=(10, 10))
    x = module.map_blocks(
        lambda b: b, module.from_array(np.arange(40.0)[:, None] + np.zeros(30), chunks=(40, 5))
    )
    lazy = combine.differentiate(values, Positions(x), 0, Scheme())
    largest = max(np.prod(shape) for shape in itertools.product(*lazy.chunks))
    assert largest == 100
    assert lazy.compute(scheduler="sync").shape == (40, 30)


@pytest.mark.parametrize("boundary", ["one-sided", "periodic", "extend", "reflect"])
@pytest.mark.parametrize("engine", engines.WITH_CUBED)
def test_an_axis_in_one_chunk_has_no_halo(boundary: Any, engine: str) -> None:
    values = np.random.default_rng(0).normal(size=(6, 5))
    scheme = Scheme(boundary=(boundary, boundary))
    seam = 1.0 if boundary == "periodic" else None
    cells = engines.lazy(engine, values, (1, 5))
    lazy = combine.differentiate(cells, 1.0, 1, scheme, seam)
    if engine != "cubed":  # whose tasks have no faces at all
        graph = dict(dask.optimize(lazy)[0].__dask_graph__())
        names = {key[0] for key in graph if isinstance(key, tuple)}
        assert not [name for name in names if "faces" in name or "overlap" in name]
    assert same_bits(lazy.compute(), combine.differentiate(values, 1.0, 1, scheme, seam))


# About dask's configuration, so for dask.array alone.
@pytest.mark.thorough  # the engines beside each other are in test_combine.py
@pytest.mark.parametrize("planning", ["True", "False"])
def test_both_array_engines_of_dask_give_numpys_numbers(planning: str) -> None:
    # The engine is chosen when dask.array is imported, hence in a fresh process.
    code = (
        f"import dask; dask.config.set({{'array.query-planning': {planning}}})\n"
        "import dask.array as da, numpy as np\n"
        "from xgrad.arrays import combine\n"
        "from xgrad.stencils.scheme import Scheme\n"
        "v = np.random.default_rng(0).normal(size=(20, 9))\n"
        "for c in (1, 4, 20):\n"
        "    a = da.from_array(v, chunks=(c, 3))\n"
        "    r = combine.differentiate(a, .5, 0, Scheme(edge_order=2)).compute()\n"
        "    assert (r == np.gradient(v, .5, axis=0, edge_order=2)).all()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
