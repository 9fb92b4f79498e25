"""The law of vector operators: results equal those built from single derivatives, bit for bit."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr

import xgrad
from tests.helpers import nothing_computed, same_bits
from tests.operators.helpers import refused, summed, wind
from xgrad.arrays import block


@pytest.mark.usefixtures("loops")
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_divergence_and_curl_equal_those_built_from_single_derivatives(dtype: str) -> None:
    ds = wind(dtype)
    d = {f"{name}_{dim}": ds[name].fdgrad.gradient(dim)[f"d{name}_d{dim}"].values
         for name, dim in itertools.product("uvw", "xyz")}  # fmt: skip
    found = ds.fdgrad.divergence({"x": "u", "y": "v", "z": "w"})
    assert found.name == "divergence"
    assert same_bits(found.values, summed([d["u_x"], d["v_y"], d["w_z"]], dtype))
    flat = ds.fdgrad.curl({"x": "u", "y": "v"})
    assert same_bits(flat.values, summed([d["v_x"], -d["u_y"]], dtype))
    curl = ds.fdgrad.curl({"x": "u", "y": "v", "z": "w"})
    assert list(curl) == ["curl_x", "curl_y", "curl_z"]
    assert same_bits(curl.curl_x.values, summed([d["w_y"], -d["v_z"]], dtype))
    assert same_bits(curl.curl_y.values, summed([d["u_z"], -d["w_x"]], dtype))
    assert same_bits(curl.curl_z.values, flat.values)
    loose = xgrad.curl(u=ds.u, v=ds.v, w=ds.w)
    assert loose.identical(curl)
    assert xgrad.divergence({"x": ds.u, "y": ds.v, "z": ds.w}).identical(found)


@pytest.mark.parametrize(
    "operation",
    [lambda ds: ds.u.fdgrad.magnitude(), lambda ds: ds.u.fdgrad.laplacian(),
     lambda ds: ds.fdgrad.divergence({"x": "u", "y": "v"}),
     lambda ds: ds.fdgrad.curl({"x": "u", "y": "v"})],
    ids=["magnitude", "laplacian", "divergence", "curl"],
)  # fmt: skip
def test_each_chunk_is_loaded_once_and_computed_in_one_task(
    operation: Any, monkeypatch: Any
) -> None:
    loaded: Counter[Any] = Counter()
    folded: Counter[str] = Counter()
    values = np.random.default_rng(0).normal(size=(6, 8, 10))

    def source(name: str) -> da.Array:
        def load(block: Any, block_info: Any = None) -> Any:
            loaded[name, tuple(map(tuple, block_info[0]["array-location"]))] += 1
            return block

        return da.from_array(values, chunks=(3, 4, 5)).map_blocks(
            load, dtype="f8", meta=np.empty((0, 0, 0))
        )

    whole = block.fold

    def counted(*arguments: Any, **options: Any) -> Any:
        folded["calls"] += 1
        return whole(*arguments, **options)

    monkeypatch.setattr(block, "fold", counted)
    ds = xr.Dataset({name: (("z", "y", "x"), source(name)) for name in "uv"})
    with nothing_computed():
        lazy = operation(ds)
    lazy.compute(scheduler="sync")
    assert set(loaded.values()) == {1}
    assert folded["calls"] == 8


def test_processes_compute_the_bits_of_threads() -> None:
    ds = wind().chunk(x=4, z=2)
    lazy = ds.fdgrad.curl({"x": "u", "y": "v"})
    (threads,) = dask.compute(lazy, scheduler="threads")
    (processes,) = dask.compute(lazy, scheduler="processes", num_workers=2)
    assert same_bits(threads.values, processes.values)


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        (lambda ds: ds.fdgrad.curl({"x": "u"}), "`components` is \\['x'\\]; a curl needs"),
        (lambda ds: ds.fdgrad.divergence({}), "`components` is {}; give a mapping"),
        (lambda ds: ds.fdgrad.divergence("u"), "`components` is 'u'; give a mapping"),
        (lambda ds: ds.fdgrad.divergence({"x": "q"}), "`components` names 'q', which does not"),
        (lambda ds: ds.fdgrad.divergence({"q": "u"}), "names 'q', which"),
        (lambda ds: ds.fdgrad.divergence({"x": "u"}, form="flux"), "`form` is 'flux', which"),
        (lambda ds: ds.fdgrad.divergence({"x": "u"}, form="wrong"), "`form` is 'wrong'; give"),
    ],
)  # fmt: skip
def test_fields_without_a_divergence_or_curl_are_refused(operation: Any, message: str) -> None:
    refused(operation, message)
