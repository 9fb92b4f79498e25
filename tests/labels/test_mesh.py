"""The law of meshes: no derivative along numbers of cells, any along the other dimensions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import xgrad
from tests.helpers import same_bits


def on_mesh(**attrs: Any) -> xr.Dataset:
    """A variable of (time, nCells), without coordinates, and its topology."""
    values = np.random.default_rng(0).normal(size=(4, 6))
    given = {"mesh": "Mesh2", "location": "face", "units": "K"}
    topology = {"cf_role": "mesh_topology", "topology_dimension": 2, **attrs}
    return xr.Dataset({"t": (("time", "nCells"), values, given), "Mesh2": ((), 0, topology)})


def with_places(ds: xr.Dataset) -> xr.Dataset:
    rng = np.random.default_rng(1)
    return ds.assign_coords(
        lat=("nCells", rng.uniform(-60, 60, 6), {"units": "degrees_north"}),
        lon=("nCells", rng.uniform(0, 360, 6), {"units": "degrees_east"}),
    )


MESHES = {
    "nothing more": on_mesh(),
    "a topology": on_mesh(face_dimension="nCells"),
    "places": with_places(on_mesh()),
    "named places": with_places(on_mesh(face_coordinates="lon lat")).rename(lon="a", lat="b"),
    "numbers of cells": on_mesh(face_dimension="nCells").assign_coords(nCells=np.arange(6.0)),
    "numbers of time": with_places(on_mesh()).assign_coords(time=np.arange(4.0)),
}


@pytest.mark.parametrize("name", MESHES)
def test_along_the_cells_of_a_mesh_nothing_has_a_derivative(name: str) -> None:
    ds = MESHES[name]
    message = r"'t' is on the faces of the unstructured mesh 'Mesh2' along 'nCells'.*uxarray"
    for obj in (ds, ds.t):
        for operation in ("gradient", "magnitude", "laplacian"):
            for dim in ("nCells", None):
                with pytest.raises(xgrad.CoordinateError, match=message):
                    getattr(obj.fdgrad, operation)(dim)
    if "lat" in ds.coords:
        with pytest.raises(xgrad.CoordinateError, match=message):
            ds.t.fdgrad.gradient("nCells", metric="sphere")


@pytest.mark.parametrize("name", MESHES)
def test_along_time_a_variable_on_a_mesh_is_like_any_other(name: str) -> None:
    t = MESHES[name].t
    found = t.fdgrad.gradient("time").dt_dtime
    assert same_bits(found, np.gradient(t.values, axis=0))
    assert found.attrs["mesh"] == "Mesh2"


def test_the_places_of_a_track_are_not_a_mesh() -> None:
    t = with_places(on_mesh()).t
    del t.attrs["mesh"]
    assert t.fdgrad.gradient("nCells", metric="sphere").dt_dnCells.attrs["units"] == "K m-1"


def test_a_job_refuses_a_mesh_too(tmp_path: Path) -> None:
    MESHES["a topology"].chunk().to_zarr(tmp_path / "in.zarr", zarr_format=2)
    with pytest.raises(xgrad.CoordinateError, match="unstructured mesh 'Mesh2'"):
        xgrad.gradient_to_zarr(tmp_path / "in.zarr", tmp_path / "out.zarr", dim="nCells")
