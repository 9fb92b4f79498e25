"""A metric: figures, and places from projection coordinates, against pyproj itself."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pyproj
import pytest
import xarray as xr

from tests.helpers import nothing_computed, same_bits
from xgrad.errors import CoordinateError
from xgrad.labels.crs import as_text, placed
from xgrad.labels.ellipsoid import WGS84, Figure
from xgrad.labels.on_earth import Place
from xgrad.labels.options import Options

POLAR = pyproj.CRS("EPSG:3413")


def image(**attrs: Any) -> xr.DataArray:
    """Rows from north to south, as images have them."""
    x, y = np.arange(-2e5, 3e5, 1e5), np.arange(4e5, -1e5, -1e5)
    coords = {"x": ("x", x, {"units": "m", **attrs}), "y": ("y", y, {"units": "m", **attrs})}
    return xr.DataArray(np.zeros((5, 5)), coords, ("y", "x"), "t")


def place_of(obj: xr.DataArray | xr.Dataset, metric: Any) -> Place:
    _, place = placed(obj, Options(metric=metric))
    assert place is not None
    return place


def test_without_a_metric_there_is_no_place() -> None:
    da = image()
    found, place = placed(da, Options())
    assert found is da
    assert place is None


def test_figures_are_those_of_the_metric() -> None:
    globe = xr.DataArray([[0.0]], {"lat": [1.0], "lon": [2.0]}, ("lat", "lon"))
    assert placed(globe, Options(metric="sphere", radius=3))[1].figure == Figure(3.0)  # type: ignore[union-attr]
    assert place_of(globe, "ellipsoid").figure == WGS84
    assert place_of(globe, "EPSG:4326").figure == WGS84
    bessel = place_of(globe, "+proj=longlat +ellps=bessel").figure
    assert (bessel.semi_major, round(1 / bessel.flattening, 4)) == (6377397.155, 299.1528)
    assert place_of(globe, "+proj=longlat +R=7 +no_defs").figure == Figure(7.0)


@pytest.mark.parametrize(
    "metric", ["EPSG:3413", 3413, POLAR, POLAR.to_wkt(), POLAR.to_cf()["crs_wkt"]], ids=type
)
def test_places_are_those_of_pyproj(metric: Any) -> None:
    da = image()
    place = place_of(da, metric)
    inverse = pyproj.Transformer.from_crs(POLAR, POLAR.geodetic_crs, always_xy=True)
    longitude, latitude = inverse.transform(*np.meshgrid(da.x, da.y))
    assert place.names == ("latitude", "longitude")
    assert place.latitude.dims == ("y", "x")
    assert same_bits(place.latitude, latitude * (np.pi / 180))
    assert same_bits(place.longitude, longitude * (np.pi / 180))
    assert place.backward == ("y",)


def test_kilometres_are_the_same_places() -> None:
    metres, km = image(), image(units="km")
    km = km.assign_coords(x=km.x / 1000, y=km.y / 1000)
    km.x.attrs["units"] = km.y.attrs["units"] = "km"
    one, other = (place_of(da, "EPSG:3413") for da in (metres, km))
    np.testing.assert_allclose(one.latitude, other.latitude, rtol=1e-14)
    feet = "+proj=stere +lat_0=90 +lat_ts=70 +lon_0=-45 +datum=WGS84 +units=ft"
    np.testing.assert_allclose(place_of(metres, feet).latitude, one.latitude, rtol=1e-12)


def bare(da: xr.DataArray, scale: float) -> xr.DataArray:
    found = da.assign_coords(x=da.x / scale, y=da.y / scale)
    for name in "xy":
        found[name].attrs.clear()
    return found


def test_coordinates_without_units_that_may_be_kilometres_are_refused() -> None:
    metres = image()
    expected = place_of(metres, "EPSG:3413")
    assert same_bits(place_of(bare(metres, 1), "EPSG:3413").latitude, expected.latitude)
    km = bare(metres, 1000)
    message = r"coordinates \['x', 'y'\] have no units and are at most 400: .*set `ds\['x'\]\.at"
    with nothing_computed(), pytest.raises(CoordinateError, match=message):
        placed(km.chunk(), Options(metric="EPSG:3413"))
    for name in "xy":
        km[name].attrs["units"] = "km"
    np.testing.assert_allclose(place_of(km, "EPSG:3413").latitude, expected.latitude, rtol=1e-14)
    near = bare(metres, 1000)
    for name in "xy":
        near[name].attrs["units"] = "m"
    assert np.degrees(place_of(near, "EPSG:3413").latitude.min()) > 89.99


@pytest.mark.parametrize("radians", [False, True])
def test_a_crs_that_contradicts_the_places_of_the_data_is_refused(radians: bool) -> None:
    da, _ = placed(image(), Options(metric="EPSG:3413"))
    if radians:
        da = da.assign_coords({
            name: np.radians(da[name]).assign_attrs(units="radian", standard_name=name)
            for name in ("latitude", "longitude")
        })  # fmt: skip
    same = place_of(da, "EPSG:3413")
    assert same.backward == ("y",)
    place_of(da.transpose(), 3413)
    place_of(da, "+proj=stere +lat_0=90 +lat_ts=70 +lon_0=-45 +R=6371229")  # another figure
    place_of(da, "EPSG:4326")  # of which x and y are no coordinates
    message = (
        r"the corner 'y' = 400000, 'x' = -200000 at latitude and longitude 85\.87, -153\.43, but "
        r"'latitude' and 'longitude' are 85\.87, 161\.57 there; give the CRS of the data, correct"
    )
    other = "+proj=stere +lat_0=90 +lat_ts=70 +lon_0=0 +datum=WGS84"
    with pytest.raises(CoordinateError, match=message):
        place_of(da, other)
    with pytest.raises(CoordinateError, match="correct the `units` of 'x' and 'y'"):
        place_of(bare(da, 1000), "EPSG:3413")
    assert same_bits(place_of(da.drop_vars(["x", "y"]), other).latitude, same.latitude)
    place_of(da.drop_vars(["latitude", "longitude"]), other)
    holes = da.assign_coords(latitude=da.latitude.where(da.latitude < 0))
    place_of(holes, other)  # no corner to compare


def test_lazy_data_have_lazy_places_in_their_chunks() -> None:
    da = image().expand_dims(time=2)
    lazy = da.chunk(time=1, y=2, x=3)
    with nothing_computed():
        found = place_of(lazy, "EPSG:3413")
    assert found.latitude.chunks == ((2, 2, 1), (3, 2))
    expected = place_of(da, "EPSG:3413")
    assert same_bits(found.latitude, expected.latitude)
    assert same_bits(found.longitude, expected.longitude)
    assert placed(da.chunk(time=1), Options(metric="EPSG:3413"))[1].latitude.chunks is not None  # type: ignore[union-attr]


def test_beyond_the_map_places_are_missing() -> None:
    disc = image()
    disc = disc.assign_coords(x=disc.x * 30, y=disc.y * 30)
    place = place_of(disc, "+proj=ortho +lat_0=0 +lon_0=0 +datum=WGS84")
    assert np.isnan(place.latitude).any()
    assert np.isfinite(place.latitude).any()
    assert (np.isnan(place.latitude) == np.isnan(place.longitude)).all()


def rotated() -> xr.DataArray:
    names = {"rlat": "grid_latitude", "rlon": "grid_longitude"}
    sides = {"rlat": np.arange(-3.0, 4), "rlon": np.arange(-2.0, 3)}
    coords = {
        key: (key, side, {"standard_name": names[key], "units": "degrees"})
        for key, side in sides.items()
    }
    return xr.DataArray(np.zeros((7, 5)), coords, ("rlat", "rlon"), "t")


MAPPING = {
    "grid_mapping_name": "rotated_latitude_longitude", "grid_north_pole_latitude": 39.25,
    "grid_north_pole_longitude": -162.0, "earth_radius": 6371229.0,
}  # fmt: skip


def test_a_rotated_pole_serves_as_it_is_or_by_its_crs() -> None:
    da = rotated()
    assert place_of(da, "sphere").names == ("rlat", "rlon")
    with pytest.raises(CoordinateError, match="'rlat' and 'rlon' refer to a rotated pole, which"):
        place_of(da, "ellipsoid")
    mapped = da.assign_coords(pole=((), 0, MAPPING)).assign_attrs(grid_mapping="pole")
    true = place_of(mapped, "grid_mapping")
    assert true.names == ("latitude", "longitude")
    centre = true.latitude[3, 2].item()
    np.testing.assert_allclose(np.degrees(centre), 90 - 39.25, rtol=1e-12)
    np.testing.assert_allclose(true.figure.semi_major, 6371229.0)


@pytest.mark.parametrize("where", ["attrs", "encoding"])
@pytest.mark.parametrize("whole", [True, False])
def test_the_grid_mapping_is_that_of_the_data(where: str, whole: bool) -> None:
    da = image().assign_coords(crs=((), 0, POLAR.to_cf()))
    getattr(da, where)["grid_mapping"] = "crs: x y"
    obj: Any = da.to_dataset() if whole else da
    assert same_bits(
        place_of(obj, "grid_mapping").latitude, place_of(image(), "EPSG:3413").latitude
    )


def test_a_data_variable_is_a_grid_mapping_too() -> None:
    ds = image().assign_attrs(grid_mapping="crs").to_dataset()
    ds["crs"] = ((), 0, POLAR.to_cf())
    place_of(ds, "grid_mapping")
    with pytest.raises(CoordinateError, match=r"use `ds.set_coords\('crs'\)` before you select"):
        place_of(ds.t, "grid_mapping")
    place_of(ds.set_coords("crs").t, "grid_mapping")


def test_an_index_that_knows_its_crs_is_read() -> None:
    import xproj  # noqa: F401

    da = image().proj.assign_crs(spatial_ref="EPSG:3413")
    assert same_bits(place_of(da, "grid_mapping").latitude, place_of(image(), "EPSG:3413").latitude)


def test_a_metric_travels_as_a_text() -> None:
    assert as_text("EPSG:3413") == "EPSG:3413"
    assert pyproj.CRS(as_text(POLAR)) == POLAR
    with pytest.raises(ValueError, match="which pyproj does not know as a CRS"):
        as_text(object())


GLOBE = xr.DataArray(np.zeros((3, 4)), {"lat": [0.0, 1, 2], "lon": [0.0, 1, 2, 3]}, ("lat", "lon"))


@pytest.mark.parametrize(
    ("obj", "metric", "message"),
    [
        (image(), "EPSG:4326", "is 'EPSG:4326', a geographic CRS, but the data have no latitude"),
        (GLOBE, "EPSG:3413", "a projected CRS, but the data are on a grid of 'lat' and 'lon'"),
        (GLOBE, "EPSG:4978", "is 'WGS 84', a Geocentric CRS; give a projected or a geographic CRS"),
        (image(units="degrees"), "EPSG:3413", "axes are in 'metre', but 'x' has units 'degrees'"),
        (image(units="rad"), "EPSG:3413", "axes are in 'metre', but 'x' has units 'rad'; convert"),
        (image().rename(x="a", y="b"), "EPSG:3413", "along x and y are not clear: .*give one the"),
        (image().assign_coords(latitude=3.0), "EPSG:3413", "gives the data a coordinate 'lat"),
        (image(), "grid_mapping", "there must be one grid mapping: no variable has one; give the"),
        (image(), "cube", "is 'cube', which pyproj does not know as a CRS; give 'sphere', 'ellip"),
        (image(), "sphere", "there is no coordinate of latitude"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(obj: xr.DataArray, metric: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        place_of(obj, metric)


def test_two_grid_mappings_are_refused() -> None:
    ds = image().assign_attrs(grid_mapping="a").to_dataset()
    ds["s"] = ds.t.assign_attrs(grid_mapping="b")
    ds = ds.assign_coords(a=((), 0, POLAR.to_cf()), b=((), 0, pyproj.CRS(3031).to_cf()))
    with pytest.raises(CoordinateError, match=r"one grid mapping: .*WGS 84 / NSIDC"):
        place_of(ds, "grid_mapping")
    place_of(ds[["t"]], "grid_mapping")


@pytest.mark.thorough
def test_without_pyproj_the_extra_is_named() -> None:
    code = (
        "import sys; sys.modules['pyproj'] = None\n"
        "import numpy as np, xarray as xr, xgrad\n"
        "xr.DataArray(np.zeros((3, 3)), dims=('y', 'x')).fdgrad.magnitude(metric='EPSG:3413')"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "ImportError: `metric` is 'EPSG:3413', not 'sphere' or 'ellipsoid'; a CRS" in ran.stderr
    assert "install xgrad[crs]" in ran.stderr


def test_nodes_of_a_tree_get_their_places_too() -> None:
    node = image().rename("f").to_dataset()
    tree = xr.DataTree.from_dict({"/a": node, "/b": xr.Dataset({"g": 9.81})})
    found = tree.fdgrad.gradient(["longitude", "latitude"], metric="EPSG:3413")
    assert list(found.children) == ["a"]
    expected = node.fdgrad.gradient(["longitude", "latitude"], metric="EPSG:3413")
    xr.testing.assert_identical(found["a"].to_dataset(), expected)
