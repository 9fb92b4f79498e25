"""The law of computed coordinates: the numbers of their values, and no table of their length."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from xarray.indexes import RangeIndex

import xgrad
from tests.helpers import nothing_computed, numpy_gradient, same_bits
from xgrad.errors import CoordinateError
from xgrad.labels.transforms import evenly_spaced, same_labels


def ranged(array: Any, step: float = 0.1, start: float = 5.0) -> xr.DataArray:
    """Data of (y, x) whose x is computed by its index."""
    stop = start + step * (array.shape[1] - 0.5)
    index = RangeIndex.arange(start, stop, step, dim="x")
    coords = xr.Coordinates.from_xindex(index).assign(y=np.arange(float(len(array))) ** 1.5)
    return xr.DataArray(array, coords, ("y", "x"), "f", {"units": "K"})


OPERATIONS: dict[str, Callable[[Any], Any]] = {
    "gradient": lambda f: f.fdgrad.gradient("x"),
    "all": lambda f: f.fdgrad.gradient(),
    "of a dataset": lambda f: f.to_dataset().fdgrad.gradient("x", accuracy=4),
    "uniform": lambda f: f.fdgrad.gradient("x", spacing={"x": "uniform"}),
    "given": lambda f: f.fdgrad.gradient("x", spacing={"x": f.x}),
    "periodic": lambda f: f.fdgrad.gradient("x", boundary="periodic", period={"x": 1e9}),
    "skipna": lambda f: f.fdgrad.gradient("x", skipna=True),
    "mixed": lambda f: f.fdgrad.derivative(["x", "y"]),
    "second": lambda f: f.fdgrad.derivative("x", order=2),
    "magnitude": lambda f: f.fdgrad.magnitude(),
    "direction": lambda f: f.fdgrad.direction(["x", "y"]),
    "laplacian": lambda f: f.fdgrad.laplacian(),
    "hessian": lambda f: f.fdgrad.hessian(),
    "divergence": lambda f: xgrad.divergence({"x": f, "y": ranged(f.data).rename("g")}),
    "curl": lambda f: xgrad.curl(u=f, v=ranged(f.data).rename("g")),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_no_operation_makes_a_table_of_the_length_of_a_range(name: str) -> None:
    operation = OPERATIONS[name]
    operation(ranged(da.zeros((6, 100), chunks=(6, 10))))  # what is imported once
    f = ranged(da.zeros((6, 10**8), chunks=(6, 10**7)))
    tracemalloc.start()
    try:
        with nothing_computed():
            found = operation(f)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10e6
    assert isinstance(found.xindexes["x"], RangeIndex)


@pytest.mark.parametrize("dtype", ["f8", "f4", "i2"])
@pytest.mark.parametrize("step", [0.1, -0.3])
def test_a_range_has_the_numbers_of_its_step(step: float, dtype: str) -> None:
    values = (100 * np.random.default_rng(0).normal(size=(5, 40))).astype(dtype)
    f = ranged(values, step)
    expected = numpy_gradient(values, np.float64(step), 1)
    found = f.fdgrad.gradient("x")
    assert same_bits(found.df_dx, expected)
    assert same_bits(f.chunk(y=2, x=7).fdgrad.gradient("x").df_dx, expected)
    assert found.df_dx.attrs["long_name"] == "derivative of f with respect to x"
    part = f.isel(x=slice(3, None, 2)).fdgrad.gradient("x")
    assert same_bits(part.df_dx, numpy_gradient(values[:, 3::2], np.float64(2 * step), 1))


def test_a_range_with_attributes_and_another_name() -> None:
    index = RangeIndex.linspace(0.0, 1.0, 5, dim="x", coord_name="distance")
    coords = xr.Coordinates.from_xindex(index)
    f = xr.DataArray(np.arange(5.0) ** 2, coords, "x", "f", {"units": "K"})
    f.distance.attrs = {"units": "m", "long_name": "length"}
    for found in (f.fdgrad.gradient("distance"), f.fdgrad.gradient(spacing={"x": "distance"})):
        assert same_bits(found.df_ddistance, np.gradient(f.values, np.float64(0.25)))
        assert found.df_ddistance.attrs["units"] == "K m-1"
    with pytest.raises(CoordinateError, match="'distance' is along 'x', not 'y'"):
        f.expand_dims(y=3).fdgrad.gradient("y", spacing={"y": "distance"})


def test_a_step_of_zero_is_two_positions_in_one_place() -> None:
    coords = xr.Coordinates.from_xindex(RangeIndex.linspace(2.0, 2.0, 5, dim="x"))
    with pytest.raises(CoordinateError, match="'x' has the same position twice at index 0"):
        xr.DataArray(np.zeros(5), coords, "x").fdgrad.gradient()


def test_a_stored_coordinate_is_not_a_computed_one() -> None:
    f = xr.DataArray(np.zeros(4), {"x": pd.RangeIndex(4), "p": ("x", np.arange(4.0))}, "x")
    assert evenly_spaced(f, f.x) is None
    assert evenly_spaced(f, f.p) is None


def test_labels_of_ranges_are_compared_to_the_bit() -> None:
    one, other = (RangeIndex.arange(k, k + 4.0, dim="x") for k in (1e6, 1e6 + 1))
    assert same_labels(one, one)
    assert one.equals(other)  # xarray's tolerance
    assert not same_labels(one, other)
    data, positions = (
        xr.DataArray(np.arange(4.0) ** 2, xr.Coordinates.from_xindex(index), "x", "f")
        for index in (one, other)
    )
    with pytest.raises(CoordinateError, match=r"positions 'f' lack the label 1000000\.0"):
        data.fdgrad.gradient("x", spacing={"x": positions})
    with pytest.raises(CoordinateError, match="have different coordinates 'x'"):
        xgrad.divergence({"x": data, "y": positions})
