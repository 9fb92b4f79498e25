from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import xgrad
from xgrad.labels import cf, lookup
from xgrad.labels.crs import placed
from xgrad.labels.options import Options

BY_UNITS = {
    "latitude": [{"units": unit} for unit in ("degrees_north", "degree_N", "degreesN")],
    "longitude": [{"units": unit} for unit in ("degrees_east", "degree_E", "degreesE")],
}
EVIDENCE = {
    "units": BY_UNITS,
    "standard_name": {kind: [{"standard_name": kind}] for kind in BY_UNITS},
    "name": {kind: [{}] for kind in BY_UNITS},
}
USUAL = {"latitude": ["lat", "Latitude", "nav_lat"], "longitude": ["lon", "LON", "nav_lon"]}
UNUSUAL = {"latitude": ["j", "north", "yt_ocean"], "longitude": ["i", "east", "xt_ocean"]}


@st.composite
def globes(draw: st.DrawFn) -> tuple[xr.Dataset, str, str]:
    """A Dataset with decoys, and the true names of its latitude and longitude."""
    coords: dict[str, Any] = {}
    real = {}
    decoys = draw(st.sets(st.sampled_from(["bounds", "corners", "time", "height", "rotated"])))
    for kind, values in (("latitude", [-60.0, -10, 20, 70]), ("longitude", [0.0, 90, 180, 270])):
        evidence = draw(st.sampled_from(sorted(EVIDENCE)))
        attrs = draw(st.sampled_from(EVIDENCE[evidence][kind]))
        usual = evidence == "name" or draw(st.booleans())
        name = real[kind] = draw(st.sampled_from((USUAL if usual else UNUSUAL)[kind]))
        coords[name] = (name, values, attrs)
        if "bounds" in decoys:
            coords[f"{name}_bnds"] = ((name, "side"), np.ones((4, 2)), attrs)
        if "corners" in decoys:
            # Of a Dataset they are coordinates as well, and of the data if they share a dimension.
            coords[f"{name}_corner"] = (name, np.arange(4.0), attrs)
        if "rotated" in decoys:
            coords[f"r{kind}"] = (name, np.arange(4.0), {"standard_name": f"grid_{kind}"})
    if "time" in decoys:
        coords["when"] = ("when", np.arange(3).astype("M8[D]"), {"standard_name": "time"})
    if "height" in decoys:
        coords["plev"] = ("plev", [1000.0, 500.0], {"units": "hPa", "axis": "Z"})
    dims = [real["latitude"], real["longitude"], *(d for d in ("when", "plev") if d in coords)]
    shape = [len(coords[dim][1]) for dim in dims]
    values = np.random.default_rng(1).normal(size=shape)
    return xr.Dataset({"t": (dims, values)}, coords), real["latitude"], real["longitude"]


OPTIONS: list[Callable[[str], Any]] = [
    lambda name: {"boundary": {name: "extend"}},
    lambda name: {"boundary": {name: "periodic"}, "period": {name: 400.0}},
    lambda name: {"spacing": {name: 2.0}},
]


@given(globes(), st.booleans())
def test_all_arguments_find_the_same_coordinate(
    globe: tuple[xr.Dataset, str, str], whole: bool
) -> None:
    ds, lat, lon = globe
    obj = ds if whole else ds.t
    _, place = placed(obj, Options(metric="sphere"))
    assert place is not None
    assert place.names == (lat, lon)
    for kind, real in (("latitude", lat), ("longitude", lon)):
        assert lookup.find(obj, kind) == real
        found = obj.fdgrad.gradient(kind)
        xr.testing.assert_identical(found, obj.fdgrad.gradient(real))
        for options in OPTIONS:
            xr.testing.assert_identical(
                obj.fdgrad.gradient(kind, **options(kind)),
                obj.fdgrad.gradient(real, **options(real)),
            )
        xr.testing.assert_identical(
            obj.fdgrad.gradient(kind, metric="sphere"), obj.fdgrad.gradient(real, metric="sphere")
        )


@given(globes())
def test_cf_xarray_does_not_change_what_the_conventions_say(
    globe: tuple[xr.Dataset, str, str],
) -> None:
    ds, lat, lon = globe
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "cf_xarray", None)
        without = {kind: cf.meant(ds, kind, ds.coords) for kind in ("latitude", "longitude", "T")}
    assert without["latitude"] == [lat]
    assert without["longitude"] == [lon]
    assert without == {kind: cf.meant(ds, kind, ds.coords) for kind in without}


AXES = {
    "X": [
        {"axis": "X"}, {"units": "degrees_east"}, {"standard_name": "longitude"},
        {"standard_name": "projection_x_coordinate"}, {"standard_name": "grid_longitude"},
    ],
    "Y": [
        {"axis": "Y"}, {"units": "degree_N"}, {"standard_name": "latitude"},
        {"standard_name": "projection_y_coordinate"}, {"standard_name": "grid_latitude"},
    ],
    "Z": [
        {"axis": "Z"}, {"positive": "down"}, {"standard_name": "height"},
        {"standard_name": "ocean_sigma_coordinate"},
    ],
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:the divergence or curl takes the degrees")
@pytest.mark.filterwarnings("ignore:coordinate '.' is `positive. down`")
@given(st.fixed_dictionaries({axis: st.sampled_from(attrs) for axis, attrs in AXES.items()}),
       st.permutations("abc"))  # fmt: skip
def test_an_axis_is_the_same_for_dim_and_for_the_components(
    attrs: dict[str, dict[str, str]], dims: list[str]
) -> None:
    real = dict(zip("XYZ", dims, strict=True))
    coords = {real[axis]: (real[axis], [0.0, 1.0, 3.0], own) for axis, own in attrs.items()}
    rng = np.random.default_rng(2)
    u, v, w = (xr.DataArray(rng.normal(size=(3, 3, 3)), coords, ["a", "b", "c"]) for _ in "uvw")
    for axis in "XYZ":
        assert lookup.find(u, axis) == real[axis]
    xr.testing.assert_identical(
        xgrad.divergence(u=u, v=v, w=w),
        xgrad.divergence({real["X"]: u, real["Y"]: v, real["Z"]: w}),
    )


def line(**attrs: Any) -> xr.DataArray:
    """A field with the coordinates `x`, of these attributes, and `other` along one dimension."""
    coords = {"x": ("x", [0.0, 1.0], attrs), "other": ("x", [0.0, 2.0])}
    return xr.DataArray([0.0, 1.0], coords, "x", "t")


def test_an_axis_alone_is_not_a_longitude() -> None:
    assert cf.meant(line(axis="X", units="km"), "X", ["x"]) == ["x"]
    assert cf.meant(line(axis="X", units="km"), "longitude", ["x"]) == []


def test_units_outweigh_the_standard_name_and_the_name() -> None:
    obj = line(units="degrees_east")
    obj.other.attrs["standard_name"] = "longitude"
    obj = obj.assign_coords(lon=("x", [0.0, 5.0]))
    assert cf.meant(obj, "longitude", obj.coords) == ["x"]
    assert cf.meant(obj, "longitude", ["other", "lon"]) == ["other"]
    assert cf.meant(obj, "longitude", ["lon"]) == ["lon"]


def test_two_heights_are_ambiguous() -> None:
    obj = line(standard_name="height")
    obj.other.attrs["standard_name"] = "air_pressure"
    assert cf.meant(obj, "vertical", obj.coords) == ["x", "other"]
    with pytest.raises(xgrad.CoordinateError, match=r"several coordinates: \['x', 'other'\]; name"):
        obj.fdgrad.gradient("vertical")


def test_a_name_against_what_only_cf_xarray_knows_is_ambiguous() -> None:
    obj = line(long_name="longitude")
    assert cf.meant(obj, "longitude", obj.coords) == ["x"]
    named = obj.assign_coords(lon=("x", [0.0, 5.0], {"long_name": "longitude"}))
    assert cf.meant(named, "longitude", named.coords) == ["lon"]
    # A name and an attribute that is not of the conventions contradict each other.
    obj = obj.assign_coords(lon=("x", [0.0, 5.0]))
    assert cf.meant(obj, "longitude", obj.coords) == ["x", "lon"]
    with pytest.raises(xgrad.CoordinateError, match="are all a longitude"):
        obj.assign_coords(lat=10.0).fdgrad.gradient("x", metric="sphere")


@pytest.mark.parametrize("value", [["degrees_east"], np.array([1, 2]), 3, None])
def test_attributes_that_are_not_text_are_ignored(value: Any) -> None:
    obj = line(units=value, standard_name=value, axis=value)
    for name in ("longitude", "latitude", "Z", "time"):
        assert cf.meant(obj, name, obj.coords) == []


@pytest.mark.parametrize(
    ("units", "turn"),
    [("degrees_east", 360.0), ("degreeE", 360.0), ("rad", 2 * np.pi), ("radians", 2 * np.pi),
     ("degrees_north", None), ("degrees", None), ("m", None), (None, None), (3, None)],
)  # fmt: skip
def test_only_units_of_a_circle_have_a_full_turn(units: Any, turn: float | None) -> None:
    assert cf.full_turn(units) == turn
