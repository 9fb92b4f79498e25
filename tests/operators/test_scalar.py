"""The law of scalar operators: results equal those built from single derivatives, bit for bit."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import xgrad
from tests.arrays.helpers import chunkings
from tests.helpers import mostly_thorough, nothing_computed, same_bits
from tests.operators.helpers import OPTIONS, SHAPE, by_hand, made, refused, volume, wind
from xgrad.arrays import block, threads


@pytest.mark.usefixtures("loops")
@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("operation", ["magnitude", "laplacian", "direction"])
@pytest.mark.parametrize("dtype", ["f8", pytest.param("f4", marks=pytest.mark.thorough)])
def test_results_equal_those_built_from_single_derivatives(
    dtype: str, operation: str, name: str
) -> None:
    f = volume(dtype, gaps=name == "gaps")
    expected = by_hand(operation, f, OPTIONS[name])
    found = made(operation, f, OPTIONS[name])
    assert found.name == f"f_{'gradient_' * (operation != 'laplacian')}{operation}"
    assert same_bits(found.values, expected)


@pytest.mark.parametrize(
    "dtype",
    mostly_thorough(["f2", "f8", "i2", "u1", "c8", "c16", ">f4", "g"], "f2", "f8", "i2", "g"),
)
@pytest.mark.parametrize("operation", ["magnitude", "laplacian"])
def test_results_of_any_dtype_equal_those_built_from_derivatives(
    operation: str, dtype: str
) -> None:
    f = volume("f8").astype(dtype) if dtype not in ("c8", "c16") else volume(dtype)
    found = made(operation, f, {})
    expected = by_hand(operation, f, {})
    assert found.dtype.newbyteorder("=") == expected.dtype.newbyteorder("=")
    assert same_bits(found.values.astype(expected.dtype), expected)
    lazy = made(operation, f.chunk(x=4, y=3), {})
    assert lazy.dtype == lazy.values.dtype == found.dtype
    assert same_bits(lazy.values, found.values)


@pytest.mark.parametrize("dtype", ["f8", pytest.param("f4", marks=pytest.mark.thorough)])
@pytest.mark.usefixtures("loops")
@settings(max_examples=max(1, settings().max_examples // 4))
@given(st.sampled_from(sorted(OPTIONS)), st.sampled_from(["magnitude", "laplacian", "direction"]),
       st.tuples(*(chunkings(size) for size in SHAPE.values())))  # fmt: skip
def test_no_bit_depends_on_the_chunks(dtype: str, name: str, operation: str, chunks: Any) -> None:
    f = volume(dtype, gaps=name == "gaps")
    expected = made(operation, f, OPTIONS[name])
    lazy = f.chunk(dict(zip(SHAPE, chunks, strict=True)))
    with nothing_computed():
        found = made(operation, lazy, OPTIONS[name])
    assert found.chunks == lazy.chunks
    assert same_bits(found.compute(scheduler="sync").values, expected.values)
    assert found.attrs == expected.attrs


@pytest.mark.parametrize("dtype", ["f8", pytest.param("f4", marks=pytest.mark.thorough)])
@pytest.mark.usefixtures("loops")
@pytest.mark.parametrize(
    ("name", "order"),
    [
        pytest.param(name, order, marks=[] if is_quick else pytest.mark.thorough)
        for name in OPTIONS
        for order in ("C", "F", "mixed")
        for is_quick in [name in ("plain", "gaps") and order != "F"]
    ],
)
def test_no_bit_depends_on_tiles_threads_or_memory(
    dtype: str, name: str, order: str, monkeypatch: Any
) -> None:
    f = volume(dtype, gaps=name == "gaps")
    expected = {op: made(op, f, OPTIONS[name]).values for op in ("magnitude", "laplacian")}
    monkeypatch.setattr(block, "_CELLS_OF_A_TILE", 5)
    monkeypatch.setattr(threads, "_BYTES_PER_THREAD", 64)
    if order == "F":
        f = f.copy(data=np.asfortranarray(f.values))
    if order == "mixed":
        f = f.copy(data=np.ascontiguousarray(f.values.transpose(1, 0, 2)).transpose(1, 0, 2))
    for operation, values in expected.items():
        assert same_bits(made(operation, f, OPTIONS[name]).values, values)


def test_a_hessian_holds_all_second_derivatives() -> None:
    f = volume("f8")
    found = f.fdgrad.hessian(boundary={"x": "reflect"})
    assert list(found) == ["d2f_dz2", "d2f_dzdy", "d2f_dzdx", "d2f_dy2", "d2f_dydx", "d2f_dx2"]
    mixed = f.fdgrad.derivative(["y", "x"], boundary={"x": "reflect"})
    assert found.d2f_dydx.identical(mixed)
    assert found.d2f_dz2.identical(f.fdgrad.derivative("z", 2))
    f = f.reset_coords("height", drop=True)
    two = xr.Dataset({"f": f, "g": f.isel(z=0, drop=True)})
    assert "d2g_dydx" in two.fdgrad.hessian(["z", "y", "x"])
    assert "d2g_dz2" not in two.fdgrad.hessian()


def test_no_term_is_in_memory_as_a_whole() -> None:
    f = xr.DataArray(np.zeros((64, 512, 512)), dims=("z", "y", "x"), name="f")
    for operation in ("magnitude", "laplacian"):
        tracemalloc.start()
        found = getattr(f.fdgrad, operation)()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak <= 1.1 * found.nbytes


def test_results_have_names_units_and_attributes() -> None:
    x = xr.DataArray([0.0, 1.0, 2.0, 3.0], dims="x", attrs={"units": "m"})
    given = {"units": "K", "long_name": "sea water temperature", "source": "made up",
             "standard_name": "sea_water_temperature"}  # fmt: skip
    f = xr.DataArray(np.ones((4, 4)), {"y": x.rename(x="y"), "x": x}, ("y", "x"), "t", given)
    f.y.attrs["units"] = f.x.attrs["units"] = "m"
    m = f.fdgrad.magnitude()
    assert m.attrs == {
        "units": "K m-1", "source": "made up",
        "long_name": "magnitude of the gradient of sea water temperature",
    }  # fmt: skip
    assert f.fdgrad.laplacian().attrs["units"] == "K m-2"
    assert f.fdgrad.direction(("y", "x")).attrs["units"] == "radian"
    f.y.attrs["units"] = "s"
    with pytest.raises(ValueError, match="'K s-1' along 'y', 'K m-1' along 'x'"):
        f.fdgrad.magnitude()
    del f.y.attrs["units"]
    assert "units" not in f.fdgrad.magnitude().attrs
    assert f.rename(None).fdgrad.magnitude().name == "gradient_magnitude"
    u = f.rename("u").assign_attrs(units="m s-1", long_name="u")
    u.y.attrs["units"] = "m"
    d = xgrad.divergence(u=u, v=u.rename("v").assign_attrs(long_name="v"))
    assert d.attrs["units"] == "s-1"
    assert d.attrs["long_name"] == "divergence of u and v"


def test_datasets_trees_quantities_and_cf_names_are_understood() -> None:
    pint = pytest.importorskip("pint")
    ds = wind().assign(name=("z", list("abcdef")), flat=wind().u.isel(z=0, drop=True))
    found = ds.fdgrad.magnitude(["z", "y"])
    assert list(found) == [f"{name}_gradient_magnitude" for name in "uvw"]
    assert found.u_gradient_magnitude.identical(ds.u.fdgrad.magnitude(["z", "y"]))
    assert "flat_gradient_magnitude" in ds.fdgrad.magnitude()
    lazy = ds.drop_vars("name").chunk(x=3)
    tree = xr.DataTree.from_dict({"/a": lazy, "/b": lazy.isel(x=0, drop=True)})
    with nothing_computed():
        curls = tree.fdgrad.curl({"x": "u", "y": "v"})
    assert list(curls.children) == ["a"]
    assert same_bits(curls["a/curl"].values, ds.fdgrad.curl({"x": "u", "y": "v"}).values)
    for name in "xy":
        lazy[name].attrs |= {"units": "km", "axis": name.upper()}
    metres = lazy.assign({n: lazy[n].copy(data=pint.Quantity(lazy[n].data, "m/s")) for n in "uv"})
    with nothing_computed():
        quantity = metres.fdgrad.divergence({"X": "u", "Y": "v"}, units="h-1")
    assert str(quantity.data.units) in ("1 / hour", "1 / h")
    plain = lazy.fdgrad.divergence({"x": "u", "y": "v"}).values
    np.testing.assert_allclose(quantity.data.magnitude.compute(), plain * 3.6, rtol=1e-6)


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        (lambda ds: ds.u.fdgrad.direction("x"), "`dim` is 'x', but a direction .* give \\(y, x\\)"),
        (lambda ds: ds.u.fdgrad.direction(("x", "y", "z")), "needs two dimensions"),
        (lambda ds: ds.astype("c8").u.fdgrad.direction(("x", "y")), "has no direction; give its"),
        (lambda ds: ds.u.fdgrad.magnitude(metric="cube"), "`metric` is 'cube', which pyproj does"),
        (lambda ds: ds.u.fdgrad.magnitude(radius=1), "`radius` is 1 without a `metric`"),
        (lambda ds: ds.u.fdgrad.magnitude(metric="sphere", radius=0), "`radius` is 0; give a posi"),
        (lambda ds: ds.u.fdgrad.magnitude(metric="sphere", radius=-1.0), "`radius` is -1.0; give"),
        (lambda ds: ds.u.fdgrad.magnitude(metric="sphere", radius="a"), "`radius` is 'a'; give a"),
        (lambda ds: ds.u.fdgrad.magnitude(metric="sphere"), "no coordinate of latitude among"),
        (lambda ds: ds.u.astype("M8[s]").fdgrad.laplacian(), "subtract a time and divide"),
        (lambda ds: ds.u.fdgrad.magnitude(units="K"), "`units` is 'K', but the unit of"),
        (lambda ds: ds.assign_coords(lat=("y", ds.y.values + 88)).u.assign_coords(
            lon=("x", ds.x.values)).fdgrad.magnitude(["x", "y"], metric="sphere"),
         "latitude 'lat' is 91 degrees at index 3, beyond a pole"),
    ],
)  # fmt: skip
def test_bad_input_of_scalar_operators_is_refused(operation: Any, message: str) -> None:
    refused(operation, message)
