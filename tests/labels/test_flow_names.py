from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

LAT = ("lat", [10.0, 20.0, 30.0], {"units": "degrees_north"})
LON = ("lon", [0.0, 1.0, 2.0, 3.0], {"units": "degrees_east"})
X = ("x", [0.0, 1.0, 2.0, 3.0], {"units": "m"})
Y = ("y", [0.0, 1.0, 2.0], {"units": "m"})


def flow(first: str | None, second: str | None, *, units: str = "m s-1", **coords: Any) -> Any:
    dims = tuple(coords)
    values = np.random.default_rng(2).normal(size=[len(coords[dim][1]) for dim in dims])
    attrs = [{"units": units} | ({"standard_name": one} if one else {}) for one in (first, second)]
    return xr.Dataset({"u": (dims, values, attrs[0]), "v": (dims, values[::-1], attrs[1])}, coords)


@pytest.mark.parametrize(
    ("first", "second", "curl", "divergence"),
    [
        ("eastward_wind", "northward_wind", "atmosphere_relative_vorticity", "divergence_of_wind"),
        (
            "eastward_sea_water_velocity",
            "northward_sea_water_velocity",
            "ocean_relative_vorticity",
            None,
        ),
        (None, None, None, None),
        ("northward_wind", "eastward_wind", None, None),
    ],
)
@pytest.mark.parametrize("reverse", [False, True])
def test_on_the_earth(
    first: str | None,
    second: str | None,
    curl: str | None,
    divergence: str | None,
    *,
    reverse: bool,
) -> None:
    ds = flow(first, second, lat=LAT, lon=LON)
    components = {"lat": "v", "lon": "u"} if reverse else {"lon": "u", "lat": "v"}
    found = ds.fdgrad.curl(components, metric="sphere")
    assert found.attrs.get("standard_name") == curl
    assert found.attrs["long_name"].startswith("vorticity of")
    spread = ds.fdgrad.divergence(components, metric="sphere")
    assert spread.attrs.get("standard_name") == divergence
    assert spread.attrs["long_name"].startswith("divergence of")


def test_on_a_plane() -> None:
    ds = flow("x_wind", "y_wind", y=Y, x=X)
    found = ds.fdgrad.curl({"x": "u", "y": "v"})
    assert found.attrs["standard_name"] == "atmosphere_relative_vorticity"
    assert found.attrs["long_name"] == "vorticity of u and v"
    # The sign of a curl follows the order of the components on a plane.
    other = ds.fdgrad.curl({"y": "v", "x": "u"})
    assert "standard_name" not in other.attrs
    assert other.attrs["long_name"] == "curl of v and u"
    # Eastward components are not those along the x of a plane.
    east = flow("eastward_wind", "northward_wind", y=Y, x=X).fdgrad.curl({"x": "u", "y": "v"})
    assert "standard_name" not in east.attrs


def test_what_is_no_velocity_has_a_curl() -> None:
    for ds in (
        flow("x_wind", "y_wind", units="T", y=Y, x=X),
        flow("x_wind", "y_wind", y=("y", Y[1]), x=("x", X[1])),
    ):
        found = ds.fdgrad.curl({"x": "u", "y": "v"})
        assert found.attrs["long_name"] == "curl of u and v"
        assert "standard_name" not in found.attrs


def test_three_components_are_a_curl() -> None:
    ds = flow("x_wind", "y_wind", y=Y, x=X, z=("z", [0.0, 1.0], {"units": "m"}))
    found = ds.assign(w=ds.u).fdgrad.curl({"x": "u", "y": "v", "z": "w"})
    assert [one.attrs["long_name"] for one in found.values()] == [
        f"curl along {dim} of u, v and w" for dim in "xyz"
    ]
