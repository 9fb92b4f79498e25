from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

import xgrad
from tests.helpers import nothing_computed, run
from xgrad.labels.lookup import find, resolved, resolved_keys

SHAPE = (3, 4, 5)


@pytest.fixture
def air() -> xr.DataArray:
    days = np.array(["2000-01-01", "2000-01-02", "2000-01-04"], "M8[ns]")
    return xr.DataArray(
        np.random.default_rng(2).normal(size=SHAPE),
        dims=("valid", "level", "i"),
        coords={
            "valid": ("valid", days, {"standard_name": "time"}),
            "level": [1, 2, 3, 4],
            "plev": (
                "level",
                [1000.0, 850.0, 700.0, 500.0],
                {"standard_name": "air_pressure", "units": "hPa", "positive": "down", "axis": "Z"},
            ),
            "i": ("i", np.arange(5.0), {"standard_name": "longitude", "units": "degrees_east"}),
            "nav_lat": (("level", "i"), np.ones((4, 5)), {"standard_name": "latitude"}),
        },
        name="t",
        attrs={"standard_name": "air_temperature"},
    ).assign_coords(x=("i", np.arange(5.0) * 7, {"axis": "X"}))


@pytest.mark.parametrize(
    ("name", "real"),
    [
        ("T", "valid"),
        ("time", "valid"),
        ("longitude", "i"),
        ("air_pressure", "plev"),
        ("Z", "plev"),
        ("vertical", "plev"),
        ("X", "x"),
        ("x", "x"),
        ("i", "i"),
    ],
)
def test_names_of_the_conventions(air: xr.DataArray, name: str, real: str) -> None:
    for obj in (air, air.to_dataset(), air.chunk(), air.chunk().to_dataset()):
        assert resolved(obj, name) == find(obj, name) == real
        xr.testing.assert_identical(obj.fdgrad.gradient(name), obj.fdgrad.gradient(real))
    xr.testing.assert_identical(air.fdgrad.derivative(name), air.fdgrad.derivative(real))


def test_options_by_such_names(air: xr.DataArray) -> None:
    lazy = air.chunk(i=2)
    with nothing_computed():
        found = lazy.fdgrad.gradient(
            ["T", "longitude"],
            spacing={"time": 2.0},
            boundary={"longitude": "periodic", "T": "extend"},
            period={"longitude": 10.0},
        )
    expected = air.fdgrad.gradient(
        ["valid", "i"],
        spacing={"valid": 2.0},
        boundary={"i": "periodic", "valid": "extend"},
        period={"i": 10.0},
    )
    xr.testing.assert_identical(found.compute(), expected)
    assert resolved_keys(air, {"Z": 1, "nope": 2}, "boundary") == {"plev": 1, "nope": 2}
    for value in (None, "periodic", 3.0):
        assert resolved_keys(air, value, "boundary") == value
    twice = r"`boundary` names 'T' and 'time', which are both 'valid'; leave one out"
    fails(air, twice, "T", boundary={"T": "extend", "time": "nan"})
    fails(air, "`boundary` names 'nope', which is not among", "T", boundary={"nope": "extend"})
    fails(air, "`boundary` names 'Y', whose coordinates are not 1-D", "T", boundary={"Y": "extend"})
    fails(air, r"`dim` names 'valid' twice: \['T', 'time'\]", ["T", "time"])


def test_real_names_win(air: xr.DataArray) -> None:
    decoy = air.assign_coords(longitude=("level", [1.0, 2.0, 4.0, 8.0]))
    assert list(decoy.fdgrad.gradient("longitude")) == ["dt_dlongitude"]
    assert decoy.fdgrad.gradient("longitude").dt_dlongitude.equals(
        decoy.fdgrad.derivative("level", spacing={"level": "longitude"})
    )
    assert list(air.rename(valid="X").fdgrad.gradient("X")) == ["dt_dX"]


def fails(obj: Any, message: str, *args: Any, **kwargs: Any) -> None:
    with nothing_computed(), pytest.raises(xgrad.CoordinateError, match=message):
        obj.fdgrad.gradient(*args, **kwargs)


def test_names_that_mean_nothing_or_too_much(air: xr.DataArray) -> None:
    fails(
        air,
        r"`dim` names 'depth', which does not exist; dimensions are \['valid', 'level', 'i'\], 1-D "
        r"coordinates \['plev', 'x'\]; CF names are axes {.*'Z': \['plev'\].*}, coordinates "
        r"{.*'longitude': \['i'\].*}, standard names {.*'air_pressure': \['plev'\].*}",
        "depth",
    )
    # The data's own standard name is that of no coordinate.
    fails(air, "'air_temperature', which does not exist", "air_temperature")
    fails(air.drop_vars(list(air.coords)), "CF names are none", "depth")
    fails(
        air,
        r"`dim` names 'latitude', whose coordinates are not 1-D: {'nav_lat': \('level', 'i'\)}; "
        r"name the dimension to differentiate along, with `spacing={dim: 'nav_lat'}`",
        "latitude",
    )
    two = air.assign_coords(reference=("valid", np.arange(3.0), {"axis": "T"}))
    several = (
        r"`dim` names 'T', which matches several coordinates: \['valid', 'reference'\]; name one"
    )
    two.valid.attrs["axis"] = "T"
    fails(two, several, "T")
    fails(two, "`boundary` names 'T', which matches several", "valid", boundary={"T": "extend"})
    fails(air, "`dim` names 4, which does not exist", 4)


@pytest.mark.thorough
def test_without_cf_xarray_the_attributes_of_the_conventions_do() -> None:
    code = """
import sys
sys.modules["cf_xarray"] = None
import xgrad, xarray as xr
da = xr.DataArray([0.0, 1.0], {"lon": ("lon", [0.0, 1.0], {"axis": "X"})}, "lon", "t")
assert list(da.fdgrad.gradient("X", boundary={"X": "extend"})) == ["dt_dlon"]
try:
    da.fdgrad.gradient("Y")
except xgrad.CoordinateError as error:
    print(error)
"""
    assert run(code) == (
        "`dim` names 'Y', which does not exist; dimensions are ['lon']; CF names are axes "
        "{'X': ['lon']}, coordinates {'longitude': ['lon']}; `pip install 'xgrad[cf]'` finds more "
        "of them\n"
    )


def test_a_name_of_the_conventions_as_positions(air: xr.DataArray) -> None:
    plane = air.assign_coords(z=(("valid", "level"), np.arange(12.0).reshape(3, 4)))
    plane.z.attrs["standard_name"] = "height"
    for obj, dim, name, real in [
        (air, "level", "vertical", "plev"),
        (air, "level", "air_pressure", "plev"),
        (air, "i", "X", "x"),
        (plane, "level", "height", "z"),
        (air.to_dataset(), "level", "Z", "plev"),
    ]:
        found = obj.fdgrad.gradient(dim, spacing={dim: name})
        xr.testing.assert_identical(found, obj.fdgrad.gradient(dim, spacing={dim: real}))
    fails(air, "`spacing` for 'level' names 'T', which is no", "level", spacing={"level": "T"})
    two = air.assign_coords(depth_2=("level", np.arange(4.0), {"standard_name": "depth"}))
    several = (
        r"`spacing` names 'vertical', which matches several coordinates: \['plev', 'depth_2'\]"
    )
    fails(two, several, "level", spacing={"level": "vertical"})
