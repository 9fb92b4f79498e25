"""The law of vector operators: results equal those built from single derivatives, bit for bit."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path
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
@pytest.mark.parametrize("dtype", ["f8", pytest.param("f4", marks=pytest.mark.thorough)])
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


@pytest.mark.thorough  # tests/workers/test_cluster.py has processes
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


UPWARD, DOWNWARD = "upward_sea_water_velocity", "downward_sea_water_velocity"


def under_water(**attrs: Any) -> xr.Dataset:
    """A flow over an uneven depth, whose w has these attributes."""
    ds = wind("f8").rename(z="depth")
    depth = np.cumsum(np.arange(1.0, 1 + ds.sizes["depth"]))
    ds = ds.assign_coords(depth=("depth", depth, {"units": "m", "positive": "down"}))
    ds.w.attrs = {**ds.w.attrs, **attrs}
    return ds


def over_height(ds: xr.Dataset) -> xr.Dataset:
    """The same cells, with heights for depths."""
    return ds.assign_coords(depth=("depth", -ds.depth.values, {"units": "m", "positive": "up"}))


COMPONENTS = {"x": "u", "y": "v", "depth": "w"}


@pytest.mark.parametrize("chunks", [None, {"depth": 2, "x": 3}])
def test_over_a_depth_an_upward_component_has_the_operators_of_heights(chunks: Any) -> None:
    ds = under_water(standard_name=UPWARD)
    high = over_height(ds)
    if chunks:
        ds = ds.chunk(chunks)
    for names in (COMPONENTS, {"x": "u", "depth": "w"}, {"depth": "w", "y": "v"}):
        found = ds.fdgrad.divergence(names)
        np.testing.assert_array_equal(found, high.fdgrad.divergence(names))
        xr.testing.assert_equal(
            ds.fdgrad.curl(names).drop_vars("depth"), high.fdgrad.curl(names).drop_vars("depth")
        )
    by_name = xgrad.divergence(u=ds.u, v=ds.v, w=ds.w)
    assert same_bits(by_name, ds.fdgrad.divergence(COMPONENTS))


def test_over_a_depth_a_downward_component_is_an_upward_one_with_the_other_sign() -> None:
    up, down = under_water(standard_name=UPWARD), under_water(standard_name=DOWNWARD)
    down["w"] = (-down.w).assign_attrs(down.w.attrs)
    for operation in ("divergence", "curl"):
        one, other = (getattr(ds.fdgrad, operation)(COMPONENTS) for ds in (up, down))
        xr.testing.assert_equal(one, other)
    plain = down.copy()
    plain["depth"] = plain.depth.assign_attrs(positive="up")
    assert same_bits(down.fdgrad.divergence(COMPONENTS), plain.fdgrad.divergence(COMPONENTS))


def test_over_a_depth_a_component_without_a_way_is_taken_for_downward_with_a_warning() -> None:
    said, silent = under_water(standard_name=DOWNWARD), under_water()
    for operation in ("divergence", "curl"):
        with pytest.warns(xgrad.CoordinateWarning, match="'depth' is `positive: down`") as caught:
            found = getattr(silent.fdgrad, operation)(COMPONENTS)
        assert len(caught) == 1
        xr.testing.assert_equal(found, getattr(said.fdgrad, operation)(COMPONENTS))
    silent.fdgrad.curl({"x": "u", "y": "v"})  # no warning: there is no vertical component


def test_over_a_pressure_omega_counts_as_the_pressure() -> None:
    ds = under_water(standard_name="lagrangian_tendency_of_air_pressure")
    ds["depth"] = ds.depth.assign_attrs(units="hPa")
    without = ds.copy()
    without["depth"] = ds.depth.copy()
    del without.depth.attrs["positive"]
    for operation in ("divergence", "curl"):
        one, other = (getattr(o.fdgrad, operation)(COMPONENTS) for o in (ds, without))
        xr.testing.assert_equal(one, other)


def test_over_a_depth_an_eastward_component_turns_as_well() -> None:
    ds = under_water(standard_name=UPWARD).rename(x="lon", y="lat")
    lat, lon = 2.0 * np.arange(ds.sizes["lat"]) + 10, 2.0 * np.arange(ds.sizes["lon"])
    ds = ds.assign_coords(
        lat=("lat", lat, {"units": "degrees_north"}), lon=("lon", lon, {"units": "degrees_east"})
    )
    names = {"lon": "u", "lat": "v", "depth": "w"}
    places = xr.broadcast(*(ds[name].reset_coords(drop=True) for name in ("lat", "lon")))
    curved = ds.rename_dims(lat="j", lon="i").drop_vars(["lat", "lon"])
    curved = curved.assign_coords(
        {p.name: (("j", "i"), p.values, ds[p.name].attrs) for p in places}
    )
    for one in (ds, curved):
        high = over_height(one)
        for operation in ("divergence", "curl"):
            found, expected = (
                getattr(o.fdgrad, operation)(names, metric="sphere") for o in (one, high)
            )
            xr.testing.assert_equal(found.drop_vars("depth"), expected.drop_vars("depth"))


@pytest.mark.parametrize("operation", ["divergence", "curl"])
def test_a_job_has_the_signs_over_a_depth(operation: Any, tmp_path: Path) -> None:
    ds = under_water(standard_name=UPWARD)
    ds.chunk().to_zarr(tmp_path / "in.zarr", zarr_format=2)
    xgrad.to_zarr(operation, tmp_path / "in.zarr", tmp_path / "out.zarr", dim=COMPONENTS)
    expected = getattr(ds.fdgrad, operation)(COMPONENTS)
    with xr.open_zarr(tmp_path / "out.zarr", chunks=None) as found:
        for name, values in found.data_vars.items():
            own = expected if operation == "divergence" else expected[name]
            assert same_bits(values, own)
