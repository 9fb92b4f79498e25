"""The law of kinds of array: one that is not known is refused with a remedy that works."""

from __future__ import annotations

from typing import Any

import cubed
import dask.array as da
import dask_array as expressions
import numpy as np
import pytest
import xarray as xr

from tests.engines import in_xarray
from tests.helpers import same_bits
from tests.other_arrays import Chunked, Duck
from xgrad.arrays import combine, engines
from xgrad.arrays.term import Term
from xgrad.stencils.scheme import Scheme

VALUES = np.random.default_rng(0).normal(size=(6, 4))


def test_the_module_of_a_lazy_array_is_known() -> None:
    for module in (da, expressions):
        assert engines.module_of(module.zeros(3)) is module
        assert engines.is_lazy(module.zeros(3))
    planned = cubed.from_array(np.zeros(3), chunks=2)
    assert engines.module_of(planned) is cubed
    assert [engines.is_planned(one) for one in (planned, da.zeros(3), np.zeros(3))] == [1, 0, 0]
    for other in (np.zeros(3), Duck(VALUES), Chunked(VALUES), 1.0, None):
        assert engines.module_of(other) is None
        assert not engines.is_lazy(other)


def test_arrays_of_two_engines_are_refused_with_how_to_make_them_one() -> None:
    with pytest.raises(TypeError, match=r"of dask and of dask_array.*`\.chunk\(\)`"):
        combine.combine(
            {"f": da.from_array(VALUES)}, [Term("f", factor=expressions.from_array(VALUES))]
        )
    with pytest.raises(TypeError, match=r"of cubed and of dask.*the same `chunked_array_type`"):
        combine.combine(
            {"f": da.from_array(VALUES), "g": cubed.from_array(VALUES, chunks=2)},
            [Term("f", 0, 1.0), Term("g", 1, 1.0)],
        )
    arrays = {"u": da.from_array(VALUES), "v": expressions.from_array(VALUES)}
    mixed = {name: xr.Variable(("y", "x"), array) for name, array in arrays.items()}
    with in_xarray("dask_array"):
        ds = xr.Dataset({name: one.chunk() for name, one in mixed.items()})
        found = ds.fdgrad.divergence({"x": "u", "y": "v"})
    whole = ds.copy(data=dict.fromkeys("uv", VALUES)).fdgrad.divergence({"x": "u", "y": "v"})
    assert isinstance(found.data, expressions.Array)
    assert same_bits(found.values, whole.values)


def masked() -> Any:
    return da.ma.masked_greater(da.from_array(VALUES, chunks=2), 1.0)


def ducks() -> Any:
    lazy = da.from_array(VALUES, chunks=2)
    return lazy.map_blocks(Duck, meta=Duck(np.empty((0, 0))))


@pytest.mark.parametrize(
    ("kind", "array", "expected"),
    [
        ("numpy.ma.*MaskedArray", masked(), np.where(VALUES > 1.0, np.nan, VALUES)),
        ("tests.other_arrays.Duck", ducks(), VALUES),
    ],
)
def test_chunks_of_other_kinds_are_known_by_their_meta(
    kind: str, array: Any, expected: Any
) -> None:
    with pytest.raises(
        TypeError, match=f"the data is a dask array of {kind}.*map_blocks"
    ) as raised:
        combine.differentiate(array, 1.0, 0, Scheme())
    remedy = str(raised.value).split("`")[1]
    converted = eval(remedy, {"np": np, "data": array})  # noqa: S307  what the message says
    found = combine.differentiate(converted, 1.0, 0, Scheme()).compute()
    np.testing.assert_array_equal(found, combine.differentiate(expected, 1.0, 0, Scheme()))


@pytest.mark.parametrize(
    ("array", "remedy"), [(Duck(VALUES), "as_numpy"), (Chunked(VALUES), "open it with dask")]
)
def test_a_chunked_array_is_not_to_be_read_as_a_whole(array: Any, remedy: str) -> None:
    with pytest.raises(TypeError, match=rf"the data is a tests\.other_arrays.*{remedy}") as raised:
        engines.refuse_other_kinds("the data", array)
    assert ("as_numpy" in str(raised.value)) == (remedy == "as_numpy")
