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
from xarray.indexes import CoordinateTransform, CoordinateTransformIndex, RangeIndex

import xgrad
from tests.helpers import nothing_computed, numpy_gradient, same_bits
from xgrad.errors import CoordinateError
from xgrad.labels.transforms import evenly_spaced, same_labels


def ranged(array: Any, step: float = 0.1, start: float = 5.0) -> xr.DataArray:
    """Data of (y, x) whose x is computed by its index."""
    stop = start + step * array.shape[1]
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

    def expected(f: xr.DataArray, values: Any) -> Any:
        return numpy_gradient(values, np.float64(f.xindexes["x"].step), 1)

    found = f.fdgrad.gradient("x")
    assert same_bits(found.df_dx, expected(f, values))
    assert same_bits(f.chunk(y=2, x=7).fdgrad.gradient("x").df_dx, found.df_dx)
    assert found.df_dx.attrs["long_name"] == "derivative of f with respect to x"
    part = f.isel(x=slice(3, None, 2))
    assert same_bits(part.fdgrad.gradient("x").df_dx, expected(part, values[:, 3::2]))


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
    assert not same_labels(one, other)  # which newer versions of xarray call equal
    data, positions = (
        xr.DataArray(np.arange(4.0) ** 2, xr.Coordinates.from_xindex(index), "x", "f")
        for index in (one, other)
    )
    with pytest.raises(CoordinateError, match=r"positions 'f' lack the label 1000000\.0"):
        data.fdgrad.gradient("x", spacing={"x": positions})
    with pytest.raises(CoordinateError, match="have different coordinates 'x'"):
        xgrad.divergence({"x": data, "y": positions})


class Turned(CoordinateTransform):
    """An image of (y, x) that is turned and scaled: xc and yc depend on both indices."""

    def __init__(self) -> None:
        super().__init__(["xc", "yc"], {"y": 6, "x": 7})

    def forward(self, dim_positions: dict[str, Any]) -> dict[Any, Any]:
        x, y = dim_positions["x"], dim_positions["y"]
        places = (100 + 24 * x + 18 * y, 500 + 18 * x - 24 * y)
        return dict(zip(self.coord_names, places, strict=True))


def turned() -> xr.DataArray:
    coords = xr.Coordinates.from_xindex(CoordinateTransformIndex(Turned()))
    f = xr.DataArray(np.zeros((3, 6, 7)), coords, ("time", "y", "x"))
    return (f + 2 * f.xc - 3 * f.yc).rename("f")


def image(transform: str, sizes: Any = None) -> xr.DataArray:
    """What rioxarray gives without coordinates."""
    sizes = sizes or {"band": 3, "y": 6, "x": 7}
    mapping = xr.Variable((), 0, {"GeoTransform": transform})
    values = np.random.default_rng(3).normal(size=tuple(sizes.values()))
    return xr.DataArray(values, {"spatial_ref": mapping}, tuple(sizes), "f")


@pytest.mark.parametrize("dim", ["x", "y", ["x", "y"], None])
def test_a_turned_grid_is_not_taken_for_steps_of_one(dim: Any) -> None:
    f = turned()
    f = f if dim else f.isel(time=0)
    for refused in (f.fdgrad.gradient, f.fdgrad.magnitude, f.to_dataset(name="f").fdgrad.gradient):
        with pytest.raises(CoordinateError, match=r"at the coordinates \['xc', 'yc'\]"):
            refused(dim)


def test_the_remedies_for_a_turned_grid_work() -> None:
    f = turned()
    found = f.fdgrad.gradient(["xc", "yc"])
    np.testing.assert_allclose(found.df_dxc, 2.0, rtol=1e-12)
    np.testing.assert_allclose(found.df_dyc, -3.0, rtol=1e-12)
    assert isinstance(found.xindexes["xc"], CoordinateTransformIndex)
    per_cell = f.fdgrad.gradient("x", spacing={"x": 1.0}).df_dx
    assert same_bits(per_cell, np.gradient(f.values, 1.0, axis=2))
    assert same_bits(f.fdgrad.gradient("time").df_dtime, np.zeros((3, 6, 7)))


def test_a_turned_grid_of_degrees_is_a_curvilinear_one_on_the_sphere() -> None:
    f = turned().rename(xc="lon", yc="lat")
    with pytest.raises(CoordinateError, match=r"latitude 'lat' is .* beyond a pole"):
        f.fdgrad.gradient("x", metric="sphere")  # as places, not as steps of one


@pytest.mark.parametrize("dataset", [False, True])
@pytest.mark.parametrize(("dim", "step"), [("x", 30.0), ("y", -20.0)])
def test_an_image_without_coordinates_says_its_step(dim: str, step: float, dataset: bool) -> None:
    f = image("100.0 30.0 0.0 500.0 0.0 -20.0")
    obj = f.to_dataset().reset_coords("spatial_ref") if dataset else f
    message = rf"of 'spatial_ref' places it; give its step, `spacing={{'{dim}': {step}}}`"
    with pytest.raises(CoordinateError, match=message):
        obj.fdgrad.gradient(dim)
    axis = f.get_axis_num(dim)
    for given in (step, 1.0):
        found = f.fdgrad.gradient(dim, spacing={dim: given})[f"df_d{dim}"]
        assert same_bits(found, np.gradient(f.values, given, axis=axis))
    with_coordinate = f.assign_coords({dim: np.arange(float(f.sizes[dim]))})
    assert with_coordinate.fdgrad.gradient(dim).sizes == f.sizes
    assert f.fdgrad.gradient("band").sizes == f.sizes


def test_a_turned_image_without_coordinates_is_refused() -> None:
    f = image("100.0 24.0 18.0 500.0 18.0 -24.0", {"band": 2, "row": 6, "column": 7})
    for dim in ("row", "column"):
        with pytest.raises(CoordinateError, match=r"on a rotated grid; give it two-dim.*rasterix"):
            f.fdgrad.gradient(dim)
    row, column = np.meshgrid(np.arange(6), np.arange(7), indexing="ij")
    dims = ("row", "column")
    f = f.assign_coords(xc=(dims, 24 * column + 18 * row), yc=(dims, 18 * column - 24 * row))
    with pytest.raises(CoordinateError, match=r"on a rotated grid; name \['xc', 'yc'\]"):
        f.fdgrad.gradient("row")
    found = (f.xc - 2 * f.yc).rename("g").fdgrad.gradient(["xc", "yc"])
    np.testing.assert_allclose(found.dg_dyc, -2.0, rtol=1e-12)
    strange = image("somewhere", {"y": 4, "x": 5})
    with pytest.raises(CoordinateError, match="GeoTransform of 'spatial_ref' places it"):
        strange.fdgrad.gradient("x")


@pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")  # by rasterix
def test_a_raster_index() -> None:
    rasterix = pytest.importorskip("rasterix")
    f = image("100.0 30.0 0.0 500.0 0.0 -20.0", {"y": 6, "x": 7})
    along = rasterix.assign_index(f, crs=False)
    g = along.fdgrad.gradient(["y", "x"])
    assert isinstance(g.xindexes["x"], rasterix.RasterIndex)
    for found, expected in zip((g.df_dy, g.df_dx), np.gradient(f.values, -20.0, 30.0), strict=True):
        assert same_bits(found, expected)
    given = along.fdgrad.gradient("x", spacing={"x": along.x * 2}).df_dx
    np.testing.assert_allclose(given, g.df_dx / 2, rtol=1e-12)
    big = rasterix.assign_index(image("0 1 0 0 0 1", {"y": 2, "x": 10**6}), crs=False)
    assert evenly_spaced(big, big.x).steps == 1.0


@pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")  # by rasterix
def test_a_raster_index_that_is_turned() -> None:
    rasterix = pytest.importorskip("rasterix")
    turned = image("100.0 24.0 18.0 500.0 18.0 -24.0", {"y": 6, "x": 7})
    try:
        turned_around = rasterix.assign_index(turned, crs=False)
    except ValueError as error:
        pytest.skip(f"old releases of xarray swap the sides of a transform: {error}")
    with pytest.raises(CoordinateError, match=r"name \['xc', 'yc'\]"):
        turned_around.fdgrad.gradient("x")
    plane = (2 * turned_around.xc - 3 * turned_around.yc).rename("t")
    np.testing.assert_allclose(plane.fdgrad.gradient(["xc", "yc"]).dt_dyc, -3.0, rtol=1e-12)
