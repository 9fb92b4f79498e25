from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pint
import pint_xarray  # noqa: F401  (registers .pint)
import pytest
import xarray as xr

import xgrad
from tests.helpers import nothing_computed, same_bits
from tests.operators.seas import of_height, seamount
from xgrad.operators.trees import mapped

TIME = np.array(["2000-01-01", "2000-01-02", "2000-01-04"], "M8[ns]")


@pytest.fixture
def tree() -> xr.DataTree:
    rng = np.random.default_rng(4)

    def grid(n: int) -> xr.Dataset:
        x = ("x", np.linspace(0, 1, n), {"axis": "X", "units": "km"})
        values = (("time", "x"), rng.normal(size=(3, n)), {"units": "K"})
        return xr.Dataset({"t": values}, {"x": x}, {"cells": n})

    return xr.DataTree.from_dict(
        {
            "/": xr.Dataset(coords={"time": TIME}, attrs={"title": "two grids"}),
            "/coarse": grid(4),
            "/coarse/fine": xr.Dataset({"q": ("time", rng.normal(size=3))}),
            "/fine": grid(8),
            "/ocean/depths": xr.Dataset({"s": ("z", [1.0, 3.0, 9.0])}, {"z": [0.0, 1.0, 3.0]}),
            "/names": xr.Dataset({"name": ("x", ["a", "b"])}),
        },
        name="model",
    )


def holding(tree: xr.DataTree) -> list[str]:
    return [path for path, node in tree.subtree_with_keys if node.data_vars]


def test_only_nodes_that_have_the_dimension_are_differentiated(tree: xr.DataTree) -> None:
    found = tree.fdgrad.gradient("x")
    assert isinstance(found, xr.DataTree)
    assert found.name == "model"
    assert holding(found) == ["coarse", "fine"]
    for path in holding(found):
        expected = xgrad.gradient(tree[path].to_dataset(), "x")
        xr.testing.assert_identical(found[path].to_dataset(), expected)
        assert found[path].attrs == tree[path].attrs
    assert found["fine"].dt_dx.attrs["units"] == "K km-1"
    assert "ocean" not in found.children
    assert holding(tree.fdgrad.gradient("z")) == ["ocean/depths"]
    assert holding(tree.fdgrad.gradient()) == ["coarse", "fine", "coarse/fine", "ocean/depths"]


def test_nodes_without_the_levels_are_left_out() -> None:
    z = seamount(0.5, 17, levels=8)
    q = of_height(z, np.exp(z / 700)).to_dataset(name="q")
    flat = q.isel(s=-1, drop=True).drop_vars("z")
    tree = xr.DataTree.from_dict({"/deep": q, "/flat": flat})
    held: Any = {"constant": {"s": "z"}}
    found = tree.fdgrad.gradient("x", **held)
    assert holding(found) == ["deep"]
    assert same_bits(found["deep/dq_dx"], q.fdgrad.gradient("x", **held).dq_dx)
    with pytest.raises(xgrad.CoordinateError, match=r"no node .* dimensions \['s'\] of `constant`"):
        xr.DataTree.from_dict({"/flat": flat}).fdgrad.gradient("x", **held)


def test_a_projected_node_has_a_longitude_only_with_a_crs() -> None:
    axes = {
        axis: (axis, np.arange(4) * 1e5, {"standard_name": f"projection_{axis}_coordinate"})
        for axis in "yx"
    }
    values = np.random.default_rng(0).normal(size=(4, 4))
    on_map = xr.Dataset({"t": (("y", "x"), values)}, axes)
    globe = xr.Dataset({"t": ("longitude", values[0])}, {"longitude": np.arange(4.0)})
    tree = xr.DataTree.from_dict({"/globe": globe, "/map": on_map})
    assert holding(tree.fdgrad.gradient("longitude")) == ["globe"]
    found = tree["map"].fdgrad.gradient(["longitude", "latitude"], metric="EPSG:3413")
    assert set(found.data_vars) == {"dt_dlongitude", "dt_dlatitude"}


def test_inherited_coordinates_are_used(tree: xr.DataTree) -> None:
    found = tree.fdgrad.gradient("time", datetime_unit="D")
    assert holding(found) == ["coarse", "fine", "coarse/fine"]
    q = tree["coarse/fine"].q.values
    assert same_bits(found["coarse/fine"].dq_dtime.values, np.gradient(q, [0.0, 1.0, 3.0]))
    assert "time" in found["coarse/fine"].coords
    both = tree["coarse"].fdgrad.gradient("time")
    assert holding(both) == [".", "fine"]
    assert both.name == "coarse"


def test_names_and_options_are_those_of_each_node(tree: xr.DataTree) -> None:
    tree["fine"] = tree["fine"].to_dataset().rename(x="lon")
    found = tree.fdgrad.gradient("X", boundary={"X": "extend"}, units="K m-1")
    assert list(found["coarse"].data_vars) == ["dt_dx"]
    assert list(found["fine"].data_vars) == ["dt_dlon"]
    assert found["fine"].dt_dlon.attrs["units"] == "K m-1"
    second = tree.fdgrad.derivative("X", order=2)
    assert list(second["fine"].data_vars) == ["d2t_dlon2"]
    mixed = tree.fdgrad.derivative(["X", "time"])
    assert holding(mixed) == ["coarse", "fine"]


def test_lazy_trees_stay_lazy(tree: xr.DataTree) -> None:
    lazy = tree.chunk(time=2)
    with nothing_computed():
        found = lazy.fdgrad.gradient("x")
        assert isinstance(found["fine"].dt_dx.data, da.Array)
    expected = tree.fdgrad.gradient("x")
    assert same_bits(found["fine"].dt_dx.values, expected["fine"].dt_dx.values)


def test_trees_of_quantities_give_quantities(tree: xr.DataTree) -> None:
    units = pint.UnitRegistry(force_ndarray_like=True)
    one = tree["fine"].to_dataset().pint.quantify(unit_registry=units)
    quantified = xr.DataTree.from_dict({"/a": one, "/b": one.isel(x=slice(4)), "/c": xr.Dataset()})
    found = quantified.fdgrad.gradient("X")
    assert holding(found) == ["a", "b"]
    assert found["b"].dt_dx.data.units == units.Unit("K / km")
    assert found["b"].x.data.units == units.Unit("km")


def test_errors_name_the_node(tree: xr.DataTree) -> None:
    with pytest.raises(
        xgrad.CoordinateError,
        match=r"no node of the tree has numbers along `dim`, which is 'depth'; nodes and their "
        r"dimensions are {'/': {'time': 3}, .*'/ocean/depths': {.*'z': 3",
    ):
        tree.fdgrad.gradient("depth")
    with pytest.raises(xgrad.CoordinateError, match="no node of the tree has numbers; nodes"):
        tree["names"].fdgrad.gradient()
    tree["fine"] = tree["fine"].to_dataset().isel(x=[0, 1, 1, 2])
    with pytest.raises(xgrad.CoordinateError, match="'x' has the same position twice") as caught:
        tree.fdgrad.gradient("x")
    assert caught.value.__notes__ == ["This happened in node '/fine' of the tree."]
    with pytest.raises(TypeError, match="DataTree; give an xarray DataArray or Dataset"):
        xgrad.gradient(tree)


def test_any_operation_is_mapped(tree: xr.DataTree) -> None:
    def doubled(node: Any) -> Any:
        return 2 * node

    assert holding(mapped(tree, doubled, ["x", "time"])) == ["coarse", "fine"]
    assert holding(mapped(tree, doubled, "z")) == ["ocean/depths"]


@pytest.mark.parametrize("operation", ["divergence", "curl"])
def test_a_flow_of_a_node_has_a_standard_error(operation: str) -> None:
    rng = np.random.default_rng(0)
    flow = xr.Dataset({name: (("x", "y"), rng.normal(size=(7, 8))) for name in ("u", "v")})
    options: Any = {"window": 5, "uncertainty": True}
    components = {"x": "u", "y": "v"}
    expected = getattr(flow.fdgrad, operation)(components, **options)
    found = getattr(xr.DataTree(flow).fdgrad, operation)(components, **options)
    assert found.to_dataset().identical(expected)
