from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr

from tests.helpers import nothing_computed, same_bits
from xgrad._heap import asking
from xgrad.errors import CoordinateError
from xgrad.labels.ellipsoid import Figure
from xgrad.labels.on_earth import Place, with_the_globe
from xgrad.labels.options import Options
from xgrad.labels.spacing import along_index, from_coordinate, from_multidimensional

SPHERE = Figure(2.0)


def grid(lat: Any = (-90.0, 0.0, 60.0), lon: Any = (0.0, 10.0), **attrs: Any) -> xr.Dataset:
    return xr.Dataset(
        coords={
            "lat": ("lat", np.array(lat), {"units": "degrees_north"} | attrs),
            "lon": ("lon", np.array(lon), {"units": "degrees_east"} | attrs),
        }
    )


def place_of(obj: xr.Dataset) -> Place:
    return Place.of(obj, "sphere", SPHERE)


def test_dimensions_of_latitude_and_of_longitude() -> None:
    place = place_of(grid())
    assert place.names == ("lat", "lon")
    assert not place.is_curvilinear
    for dim, has, east, north in (
        ("lon", True, True, False), ("lat", True, False, True), ("z", False, False, False),
    ):  # fmt: skip
        assert (place.has(dim), place.is_eastward(dim), place.is_northward(dim)) == (
            has, east, north,
        )  # fmt: skip


def test_a_curvilinear_grid_is_neither_eastward_nor_northward() -> None:
    plane = {"lat": (("j", "i"), np.zeros((2, 3))), "lon": (("i", "j"), np.zeros((3, 2)))}
    place = place_of(xr.Dataset(coords=plane))
    assert place.is_curvilinear
    assert place.has("i")
    assert not place.is_eastward("i")
    assert place.factor("i") is None
    assert (place.across("i"), place.across("j")) == ("j", "i")


def test_degrees_and_radians_are_the_same_places() -> None:
    degrees = place_of(grid())
    turned = grid(np.radians([-90.0, 0.0, 60.0]), np.radians([0.0, 10.0]), units="radian",
                  standard_name="")  # fmt: skip
    radians = place_of(turned)
    np.testing.assert_allclose(degrees.latitude, radians.latitude)
    np.testing.assert_allclose(degrees.longitude, radians.longitude)
    for dim in ("lat", "lon"):
        along, other = (from_coordinate(ds[dim], "s") for ds in (grid(), turned))
        np.testing.assert_allclose(degrees.spacing(along).steps, radians.spacing(other).steps)


def test_a_spacing_in_metres_is_in_float64() -> None:
    place = place_of(grid())
    coord = grid(lon=np.array([0, 10, 30], "f4")).lon
    found = place.spacing(from_coordinate(coord, "s", period=360.0))
    assert same_bits(found.steps, np.array([10.0, 20.0]) * (2.0 * (np.pi / 180)))
    assert found.seam == 330.0 * (2.0 * (np.pi / 180))
    assert found.units == "m"


def test_a_multidimensional_coordinate_and_a_latitude_are_refused() -> None:
    z = xr.DataArray(np.ones((3, 2)), dims=("lat", "lon"), name="z")
    with pytest.raises(CoordinateError, match="`spacing` for 'lat' is a multi-dimensional coord"):
        place_of(grid()).spacing(from_multidimensional(z, "lat"))


def test_only_angles_are_places_on_the_sphere() -> None:
    ds = grid().rename(lat="north", lon="east").rename_dims(north="y", east="x")
    ds = ds.reset_index(["north", "east"]).reset_coords(drop=False)
    ds = ds.set_coords(["north", "east"])
    place = place_of(ds)
    message = (
        r"along 'x' are 'x index' with units '1'; give `spacing={'x': 'east'}`, or name 'east'"
    )
    with pytest.raises(CoordinateError, match=message):
        place.spacing(along_index("x"))
    metres = xr.DataArray([0.0, 9.0], dims="x", name="x", attrs={"units": "m"})
    with pytest.raises(CoordinateError, match="are 'x' with units 'm'; give"):
        place.spacing(from_coordinate(metres, "s"))
    expected = place.spacing(from_coordinate(ds.east, "s"))
    for units in ("degrees", "degree_east"):
        other = xr.DataArray([0.0, 10.0], dims="x", name="x", attrs={"units": units})
        assert place.spacing(from_coordinate(other, "s")).steps == expected.steps
    f = (ds.east + ds.north).rename("f")
    by_name = f.fdgrad.gradient(["east", "north"], metric="sphere")
    by_dim = f.fdgrad.gradient(spacing={"x": "east", "y": "north"}, metric="sphere")
    xr.testing.assert_identical(by_name, by_dim[list(by_name)])


def test_factors_at_the_equator_at_60_degrees_and_at_a_pole() -> None:
    place = place_of(grid())
    factor = place.factor("lon")
    assert factor is not None
    assert place.factor("lat") is None
    np.testing.assert_allclose(factor, [np.nan, 1.0, 2.0])
    np.testing.assert_allclose(place.eastward(at_the_pole=0.0), [0.0, 1.0, 2.0])
    np.testing.assert_allclose(place.slope(-1.0), [0.0, 0.0, -np.sqrt(3) / 2.0], atol=1e-15)
    doubled = place.northward_of_vectors()
    assert doubled is not None
    assert doubled.values.tolist() == [2.0, 1.0, 1.0]
    assert place_of(grid(lat=[0.0, 60.0])).northward_of_vectors() is None
    inside, before = place.widths()
    np.testing.assert_allclose(inside, [0.0, 1.0, 0.5])
    np.testing.assert_allclose(before, [2.0, 1.0, 2.0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda ds: ds.drop_vars("lat"), "no coordinate of latitude among .*'degrees_north'"),
        (lambda ds: ds.drop_vars("lon"), "no coordinate of longitude among .*'degrees_east'"),
        (lambda ds: ds.assign_coords(lat=["a", "b", "c"]), "'lat' has dtype <U1; give degrees"),
        (lambda ds: ds.assign_coords(lat=[0.0, 45.0, 91.0]), "'lat' is 91 degrees at index 2, bey"),
        (lambda ds: ds.assign_coords(lat=ds.lat.assign_attrs(units="m")),
         "'lat' has units 'm', which are not an angle; correct its attribute `units`"),
        (lambda ds: ds.assign_coords(lon=ds.lon.assign_attrs(units="degrees_west")),
         "'lon' has units 'degrees_west', which are not an angle"),
        (lambda ds: ds.rename(lat="a", lon="b").assign_coords(
            c=("c", [1.0], {"units": "degrees_north"}), a2=("a", [1.0, 2, 3], ds.lat.attrs)),
         r"\['a', 'c'\] are all a latitude; drop those that are not coordinates of the data"),
        (lambda ds: ds.drop_vars("lon").assign_coords(lon=(("lat", "k"), np.ones((3, 2)))),
         "give both the same two, or one each"),
    ],
)  # fmt: skip
def test_coordinates_that_are_not_places(change: Any, message: str) -> None:
    with pytest.raises(CoordinateError, match=message):
        place_of(change(grid()))


def test_places_with_a_constant_time_dimension_name_a_remedy_that_works() -> None:
    lon, lat = np.meshgrid(np.arange(4.0), np.arange(3.0))
    dims = ("Time", "y", "x")
    ds = xr.Dataset(
        {"t": (dims, np.stack([lat, 2 * lat]))},
        {"XLAT": (dims, np.stack([lat, lat]), {"units": "degree_north"}),
         "XLONG": (dims, np.stack([lon, lon]), {"units": "degree_east"}),
         "XTIME": ("Time", [0.0, 60.0])},
    )  # fmt: skip
    remedy = (
        "ds.assign_coords({'XLAT': ds['XLAT'].isel({'Time': 0}, drop=True), "
        "'XLONG': ds['XLONG'].isel({'Time': 0}, drop=True)})"
    )
    for given in (ds, ds.assign_coords(Time=[3, 4])):
        with pytest.raises(CoordinateError, match=re.escape(f"along 'Time', use `{remedy}`")):
            given.t.fdgrad.gradient(["XLONG", "XLAT"], metric="sphere")
        mended = given.assign_coords(
            {name: given[name].isel({"Time": 0}, drop=True) for name in ("XLAT", "XLONG")}
        )
        found = mended.t.fdgrad.gradient(["XLONG", "XLAT"], metric="sphere")
        assert found.dt_dXLAT.dims == dims
        assert found.XTIME.dims == ("Time",)


def test_places_that_may_not_be_in_memory_are_not_read(tmp_path: Path) -> None:
    y, x = np.mgrid[0:300, 0:300] / 100
    grid_of = {"lat": (("y", "x"), y, {"units": "degrees_north"}),
               "lon": (("y", "x"), x, {"units": "degrees_east"})}  # fmt: skip
    xr.Dataset(coords=grid_of).to_zarr(tmp_path / "in.zarr", zarr_format=2)
    for name in ("lat", "lon"):
        for chunk in (tmp_path / "in.zarr" / name).glob("[0-9]*"):
            chunk.write_bytes(b"no chunk")

    def refuse(n_bytes: int) -> None:
        raise MemoryError(n_bytes)

    unread = xr.open_zarr(tmp_path / "in.zarr", chunks=None)
    with asking(refuse), pytest.raises(MemoryError, match=str(2 * 8 * 300**2)):
        place_of(unread)
    with pytest.raises(RuntimeError, match="error during blosc decompression"):
        place_of(unread)


def test_lazy_places_stay_lazy() -> None:
    lazy = da.ones((2, 3), chunks=1)
    ds = xr.Dataset(coords={"lat": (("j", "i"), lazy), "lon": (("j", "i"), lazy)})
    with nothing_computed():
        place = place_of(ds)
    assert place.latitude.chunks == ((1, 1), (1, 1, 1))


GLOBE = grid(lon=np.arange(0.0, 360, 45))


def closed(obj: xr.Dataset, names: list[Any] | None = None, **options: Any) -> Options:
    given = Options(**options)
    return with_the_globe(obj, place_of(obj), ["lon"] if names is None else names, given)


def test_a_longitude_that_spans_the_globe_is_periodic() -> None:
    found = closed(GLOBE, metric="sphere")
    assert found.boundary == {"lon": "periodic"}
    assert found.period == {"lon": 360.0}
    found = closed(GLOBE, metric="sphere", boundary={"lat": "extend"})
    assert found.boundary == {"lat": "extend", "lon": "periodic"}
    rolled = GLOBE.roll(lon=3, roll_coords=True)
    assert closed(rolled, metric="sphere").period == {"lon": 360.0}
    radians = GLOBE.assign_coords(lon=("lon", np.radians(GLOBE.lon.values), {"units": "rad"}))
    assert closed(radians, metric="sphere").period == {"lon": 2 * np.pi}


@pytest.mark.parametrize(
    ("obj", "names", "options"),
    [
        (GLOBE, ["lat"], {"metric": "sphere"}),
        (GLOBE, ["lon"], {"metric": "sphere", "boundary": {"lon": "one-sided"}}),
        (GLOBE, ["lon"], {"metric": "sphere", "boundary": "extend"}),
        (GLOBE.isel(lon=slice(6)), ["lon"], {"metric": "sphere"}),
        (GLOBE.isel(lon=slice(2)), ["lon"], {"metric": "sphere"}),
    ],
)
def test_any_other_longitude_keeps_its_boundary(
    obj: xr.Dataset, names: list[Any], options: Any
) -> None:
    assert closed(obj, names, **options) == Options(**options)


def test_a_dimension_without_latitude_or_longitude_has_no_place() -> None:
    assert not place_of(grid()).has(along_index("z").dim)
