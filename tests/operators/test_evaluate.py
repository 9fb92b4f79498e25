"""The law of evaluation: building a result computes nothing, and chunks change no bit."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import cubed
import numpy as np
import pytest
import xarray as xr

from tests.helpers import mostly_thorough, nothing_computed, same_bits
from xgrad.labels.options import Options
from xgrad.operators.evaluate import values_of
from xgrad.operators.gradient import derivatives, gradients
from xgrad.operators.scalar import directions, hessians, laplacians, magnitudes
from xgrad.operators.vector import curls, divergences


def test_building_computes_nothing_of_the_data(engine: Any, temperature: xr.DataArray) -> None:
    def loud(_block: Any) -> Any:
        raise AssertionError("a block was computed")

    lazy_values = engine.map_blocks(
        loud, engine.zeros((5, 4, 3), chunks=(2, 2, 1)), dtype="f4", meta=np.empty((0, 0, 0), "f4")
    )
    lazy = temperature.copy(data=lazy_values)
    area = engine.map_blocks(loud, engine.zeros((4, 3)), dtype="f8", meta=np.empty((0, 0)))
    lazy = lazy.assign_coords(area=(("latitude", "level"), area))
    with nothing_computed():
        for obj in (lazy, lazy.to_dataset()):
            found = obj.fdgrad.gradient(["time", "pressure"], edge_order=2)
            assert isinstance(found.dtemperature_dtime.data, engine.Array)
            assert found.dtemperature_dtime.chunks == lazy.chunks
            assert found.dtemperature_dpressure.dtype == np.float32
            assert isinstance(found.coords["area"].data, engine.Array)


@pytest.mark.usefixtures("engine")
def test_any_chunking_gives_the_same_bits(temperature: xr.DataArray) -> None:
    expected = temperature.fdgrad.gradient(edge_order=2)
    for sizes in itertools.product((1, 2, 5), (1, 3), (1, 3)):
        chunked = temperature.chunk(dict(zip(temperature.dims, sizes, strict=True)))
        found = chunked.fdgrad.gradient(edge_order=2).compute()
        xr.testing.assert_identical(found, expected)
        for name in expected:
            assert same_bits(found[name].values, expected[name].values)


@pytest.mark.parametrize(
    "options",
    [
        {"boundary": "extend"},
        {"boundary": "periodic", "period": {"x": 12, "y": 20}},
        {"skipna": True, "edge_order": 2},
        {"accuracy": 6},
        {"spacing": {"y": "height"}},
        {"spacing": {"y": "height"}, "skipna": True, "accuracy": 4},
    ],
)
def test_lazy_derivatives_keep_the_chunks_and_the_bits(
    engine: Any, field: xr.DataArray, options: Any
) -> None:
    height = engine.from_array((field.y * (1 + 0.1 * field.x)).values, chunks=(4, 12))
    data = field.where(field > -1.5).assign_coords(height=(("y", "x"), height))
    lazily = data.chunk(y=2, x=(1, 5, 6))
    with nothing_computed():
        lazy = lazily.fdgrad.gradient(["y", "x"], **options)
    eager = data.assign_coords(height=data.height.compute()).fdgrad.gradient(["y", "x"], **options)
    for name, found in lazy.items():
        assert isinstance(found.data, engine.Array)
        assert found.chunks == lazily.chunks
        assert same_bits(found.values, eager[name].values)


GRID = {"z": 5, "lat": 6, "lon": 7}


def on_the_globe() -> xr.Dataset:
    """Wind with a height of each cell, and places of two dimensions on another grid."""
    rng = np.random.default_rng(0)
    shape = tuple(GRID.values())
    parts = {name: (tuple(GRID), rng.normal(size=shape)) for name in "uv"}
    lon, lat = np.meshgrid(np.linspace(0, 30, 7), np.linspace(-60, 60, 6))
    coords = {
        "lat": ("lat", np.linspace(-60, 60, 6), {"units": "degrees_north"}),
        "lon": ("lon", np.arange(7) * 20.0, {"units": "degrees_east"}),
        "height": (tuple(GRID), np.cumsum(rng.random(shape) + 0.1, axis=0)),
    }
    turned = {
        "XLAT": (("lat", "lon"), lat + 0.1 * lon, {"units": "degrees_north"}),
        "XLONG": (("lat", "lon"), lon - 0.1 * lat, {"units": "degrees_east"}),
    }
    return xr.Dataset(parts, {**coords, **turned})


CURVED = {"lat": "y", "lon": "x", "XLAT": "lat2", "XLONG": "lon2"}
OPERATIONS: dict[str, Any] = {
    "gradient": lambda ds: ds.u.fdgrad.gradient(boundary={"lon": "extend"}, skipna=True),
    "around": lambda ds: ds.u.fdgrad.gradient(
        "lon", boundary="periodic", period={"lon": 140}, accuracy=4
    ),
    "over positions": lambda ds: ds.u.fdgrad.gradient("z", spacing={"z": "height"}),
    "second": lambda ds: ds.u.fdgrad.derivative("lat", 2),
    "magnitude": lambda ds: ds.u.fdgrad.magnitude(["z", "lat"]),
    "direction": lambda ds: ds.u.fdgrad.direction(("lat", "lon"), metric="sphere"),
    "laplacian": lambda ds: ds.u.fdgrad.laplacian(["lat", "lon"], metric="sphere"),
    "hessian": lambda ds: ds.u.fdgrad.hessian(["lat", "z"]),
    "divergence": lambda ds: ds.fdgrad.divergence({"lon": "u", "lat": "v"}, metric="sphere"),
    "curl": lambda ds: ds.fdgrad.curl({"lon": "u", "lat": "v"}, metric="sphere"),
    "curvilinear": lambda ds: (
        ds.drop_vars(["lat", "lon"])
        .rename(CURVED)
        .u.fdgrad.gradient(["lon2", "lat2"], metric="sphere")
    ),
    "along a grid": lambda ds: (
        ds.drop_vars(["lat", "lon"]).rename(CURVED).u.fdgrad.gradient(["y", "x"], metric="sphere")
    ),
    "partial": lambda ds: ds.u.fdgrad.gradient(["XLAT", "XLONG"]),
    "rotated": lambda ds: (
        ds.drop_vars(["lat", "lon"]).rename(CURVED).fdgrad.rotate({"x": "u", "y": "v"}, to="earth")
    ),
}


@pytest.mark.parametrize("operation", mostly_thorough(OPERATIONS, *[*OPERATIONS][::2]))
def test_a_selection_of_a_lazy_result_is_that_of_one_in_memory(engine: Any, operation: str) -> None:
    ds = on_the_globe()
    eager = OPERATIONS[operation](ds)
    chunked = ds.chunk(z=2, lat=3, lon=(3, 2, 2))
    with nothing_computed():
        lazy = OPERATIONS[operation](chunked)
    whole, parts = (
        one if isinstance(one, xr.Dataset) else one.to_dataset(name="f") for one in (eager, lazy)
    )
    name = list(whole)[-1]
    assert isinstance(parts[name].data, engine.Array)
    dims = whole[name].dims
    for box in ({}, {dims[-1]: 4, dims[-2]: slice(1, -1)}, {dims[0]: [1, -1]}):
        assert same_bits(parts[name].isel(box).values, whole[name].isel(box).values)


# All with data of cubed and coordinates in memory but these.
REFUSED = {"over positions": "'height'", "along a grid": "'y'"}
PLANNED = ["gradient", "around", "second", "magnitude", "laplacian", "divergence", "curl"]


@pytest.mark.parametrize("operation", [*PLANNED, *REFUSED])
@pytest.mark.thorough  # tests/arrays/test_on_cubed.py has the law
def test_data_of_cubed_have_the_bits_of_data_in_memory(operation: str) -> None:
    ds = on_the_globe()
    spec = cubed.Spec(allowed_mem="200MB", reserved_mem=0, executor_name="single-threaded")
    data = {name: cubed.from_array(ds[name].values, (5, 4, 3), spec=spec) for name in "uv"}
    planned = ds.copy(data=data)
    if operation in REFUSED:
        why = rf"positions {REFUSED[operation]} have several dimensions.*chunked_array_type='dask'"
        with pytest.raises(TypeError, match=why):
            OPERATIONS[operation](planned)
        return
    lazy, eager = (
        one if isinstance(one, xr.Dataset) else one.to_dataset(name="f")
        for one in map(OPERATIONS[operation], (planned, ds))
    )
    name = list(eager)[-1]
    assert isinstance(lazy[name].data, cubed.Array)
    assert same_bits(lazy[name].values, eager[name].values)


@pytest.mark.parametrize("operation", ["over positions", "curvilinear", "partial"])
def test_positions_of_cubed_are_refused_with_the_remedy(operation: str) -> None:
    ds = on_the_globe().chunk(lat=3, chunked_array_type="cubed", from_array_kwargs={})
    with pytest.raises(TypeError, match=r"is a cubed array, which cannot be positions.*`\.load"):
        OPERATIONS[operation](ds)


def spoiled(path: Path) -> None:
    """Overwrite all chunks of a store, so that reading any of them fails."""
    chunks = [one for one in path.rglob("*") if one.is_file() and not one.name.startswith(".z")]
    assert chunks
    for chunk in chunks:
        chunk.write_bytes(b"spoiled")


SPHERE = Options(metric="sphere")

BUILT: dict[str, Any] = {
    "gradient": lambda ds: gradients(ds, None, Options(skipna=True)),
    "over positions": lambda ds: gradients(ds, "z", Options(spacing={"z": "height"})),
    "around the globe": lambda ds: gradients(ds[["u"]], ["lat", "lon"], SPHERE),
    "derivative": lambda ds: derivatives(ds, "lon", Options(order=2, accuracy=4)),
    "magnitude": lambda ds: magnitudes(ds[["u"]], ["z", "lat"], Options(spacing={"z": "height"})),
    "direction": lambda ds: directions(ds[["u"]], ("lat", "lon"), SPHERE),
    "laplacian": lambda ds: laplacians(ds[["u"]], ["lat", "lon"], replace(SPHERE, order=2)),
    "mixed": lambda ds: derivatives(ds[["u"]], ["lat", "z"], Options()),
    "hessian": lambda ds: hessians(ds[["u"]], ["lat", "lon"], SPHERE),
    "divergence": lambda ds: divergences(ds, {"lon": "u", "lat": "v"}, SPHERE),
    "flux": lambda ds: divergences(ds, {"lon": "u", "lat": "v"}, SPHERE, "flux"),
    "curl": lambda ds: curls(ds, {"lon": "u", "lat": "v"}, SPHERE),
}


@pytest.mark.parametrize("operation", BUILT)
def test_building_reads_nothing_of_a_store(operation: str, tmp_path: Path) -> None:
    shape = {"z": 4, "lat": 5, "lon": 6}
    rng = np.random.default_rng(0)
    ds = xr.Dataset(
        {name: (tuple(shape), rng.normal(size=tuple(shape.values()))) for name in "uv"},
        {
            "lat": ("lat", np.linspace(-60, 60, 5), {"units": "degrees_north"}),
            "lon": ("lon", np.arange(6) * 60.0, {"units": "degrees_east"}),
            "height": (tuple(shape), np.cumsum(rng.random(tuple(shape.values())) + 0.1, axis=0)),
        },
    )
    expected = BUILT[operation](ds)
    ds.to_zarr(tmp_path / "in.zarr", zarr_format=2)
    with xr.open_dataset(tmp_path / "in.zarr", engine="zarr", chunks=None) as stored:
        spoiled(tmp_path / "in.zarr")
        found = BUILT[operation](stored)
        assert [one.name for one in found] == [one.name for one in expected]
        assert [one.dtype for one in found] == [one.dtype for one in expected]
        assert [one.attrs for one in found] == [one.attrs for one in expected]
        assert found[0].variable.shape == tuple(shape.values())
        with pytest.raises((RuntimeError, ValueError)):
            values_of(found)
