"""The law of evaluation: building a result computes nothing, and chunks change no bit."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr

from tests.helpers import nothing_computed, same_bits
from xgrad.labels.options import Options
from xgrad.operators.evaluate import values_of
from xgrad.operators.gradient import derivatives, gradients
from xgrad.operators.scalar import directions, hessians, laplacians, magnitudes
from xgrad.operators.vector import curls, divergences


def test_building_computes_nothing_of_the_data(temperature: xr.DataArray) -> None:
    def loud(_block: Any) -> Any:
        raise AssertionError("a block was computed")

    lazy_values = da.map_blocks(
        loud, da.zeros((5, 4, 3), chunks=(2, 2, 1)), dtype="f4", meta=np.empty((0, 0, 0), "f4")
    )
    lazy = temperature.copy(data=lazy_values)
    area = da.map_blocks(loud, da.zeros((4, 3)), dtype="f8", meta=np.empty((0, 0)))
    lazy = lazy.assign_coords(area=(("latitude", "level"), area))
    with nothing_computed():
        for obj in (lazy, lazy.to_dataset()):
            found = obj.fdgrad.gradient(["time", "pressure"], edge_order=2)
            assert isinstance(found.dtemperature_dtime.data, da.Array)
            assert found.dtemperature_dtime.chunks == lazy.chunks
            assert found.dtemperature_dpressure.dtype == np.float32
            assert isinstance(found.coords["area"].data, da.Array)


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
def test_lazy_derivatives_keep_the_chunks_and_the_bits(field: xr.DataArray, options: Any) -> None:
    height = da.from_array((field.y * (1 + 0.1 * field.x)).values, chunks=(4, 12))
    data = field.where(field > -1.5).assign_coords(height=(("y", "x"), height))
    lazily = data.chunk(y=2, x=(1, 5, 6))
    with nothing_computed():
        lazy = lazily.fdgrad.gradient(["y", "x"], **options)
    eager = data.assign_coords(height=data.height.compute()).fdgrad.gradient(["y", "x"], **options)
    for name, found in lazy.items():
        assert found.chunks == lazily.chunks
        assert same_bits(found.values, eager[name].values)


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
