"""Files as models and satellites write them: the command finishes with defaults, or says why not.

What finishes has the values of the accessor.  The files are made with the netCDF library itself.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest
import xarray as xr

import xgrad
from tests import command
from tests.command import Session
from tests.helpers import same_bits

T, Z, Y, X = 5, 4, 6, 7
NAMES = {"t": T, "z": Z, "y": Y, "x": X}


NORTH_EAST = "degrees_north", "degrees_east"


def values(*shape: int) -> Any:
    return np.random.default_rng(len(shape)).normal(size=shape).astype("f4")


def variable(file: Any, name: str, dims: tuple[str, ...], data: Any, **attrs: Any) -> Any:
    data = np.asarray(data)
    fill = attrs.pop("_FillValue", None)
    made = file.createVariable(name, attrs.pop("dtype", data.dtype), dims, fill_value=fill)
    made.setncatts(attrs)
    made[:] = data
    return made


def dimensions(file: Any, **sizes: int | None) -> None:
    for name, size in sizes.items():
        file.createDimension(name, size)


def edges(centres: Any) -> Any:
    half = np.diff(centres)[0] / 2
    return np.stack([centres - half, centres + half], axis=-1)


def places(file: Any, names: tuple[str, str], dims: tuple[str, ...], **attrs: Any) -> None:
    """Latitudes and longitudes of each cell of a grid."""
    for name, at, units in zip(
        names, np.meshgrid(LAT, LON / 10, indexing="ij"), NORTH_EAST, strict=True
    ):
        data = at.astype("f4") if len(dims) == 2 else np.stack([at.astype("f4")] * T)
        variable(file, name, dims, data, units=units, **attrs)


LAT, LON, DAYS = np.linspace(-50.0, 50, Y), np.linspace(0.0, 300, X), np.arange(T) + 0.5


def cmip(file: Any, calendar: str = "noleap") -> None:
    """Regular CMIP6 output: bounds, areas, a scalar height, an unlimited time."""
    dimensions(file, time=None, lat=Y, lon=X, bnds=2)
    variable(file, "time", ("time",), 30 * DAYS, units="days since 1850-01-01", calendar=calendar,
             bounds="time_bnds", axis="T", standard_name="time")  # fmt: skip
    variable(file, "time_bnds", ("time", "bnds"), edges(30 * DAYS))
    for name, at, units in (("lat", LAT, "degrees_north"), ("lon", LON, "degrees_east")):
        variable(file, name, (name,), at, units=units, bounds=f"{name}_bnds", axis=name[1])
        variable(file, f"{name}_bnds", (name, "bnds"), edges(at))
    variable(file, "height", (), 2.0, units="m", positive="up", axis="Z", standard_name="height")
    variable(file, "tas", ("time", "lat", "lon"), values(T, Y, X), units="K", _FillValue=1e20,
             missing_value=np.float32(1e20), standard_name="air_temperature",
             coordinates="height", cell_methods="area: time: mean", cell_measures="area: areacella",
             original_name="tas")  # fmt: skip
    file.setncatts({"Conventions": "CF-1.7", "external_variables": "areacella",
                    "variable_id": "tas", "history": "made"})  # fmt: skip


def cmip_360_day(file: Any) -> None:
    cmip(file, "360_day")


def cmip_ocean(file: Any) -> None:
    """Curvilinear CMIP6 ocean: i and j as indices, latitude and longitude with vertices."""
    dimensions(file, time=None, j=Y, i=X, vertices=4, bnds=2)
    variable(file, "time", ("time",), 30 * DAYS, units="days since 1850-01-01",
             calendar="proleptic_gregorian", bounds="time_bnds")  # fmt: skip
    variable(file, "time_bnds", ("time", "bnds"), edges(30 * DAYS))
    variable(file, "j", ("j",), np.arange(Y), units="1")
    variable(file, "i", ("i",), np.arange(X), units="1")
    places(file, ("latitude", "longitude"), ("j", "i"))
    for name in ("latitude", "longitude"):
        corners = np.stack([file[name][:]] * 4, -1)
        variable(file, f"vertices_{name}", ("j", "i", "vertices"), corners)
        file[name].bounds = f"vertices_{name}"
    variable(file, "tos", ("time", "j", "i"), values(T, Y, X), units="degC", _FillValue=1e20,
             coordinates="latitude longitude", cell_measures="area: areacello")  # fmt: skip


def wrf(file: Any) -> None:
    """WRF: no coordinates of dimensions, times as characters, places with a time dimension."""
    dimensions(file, Time=None, DateStrLen=19, south_north=Y, west_east=X, west_east_stag=X + 1,
               bottom_top=Z, soil_layers_stag=2)  # fmt: skip
    times = [list(f"2020-01-0{k + 1}_00:00:00") for k in range(T)]
    variable(file, "Times", ("Time", "DateStrLen"), np.array(times, "S1"))
    plane = ("Time", "south_north", "west_east")
    places(file, ("XLAT", "XLONG"), plane, stagger="", MemoryOrder="XY ", FieldType=np.int32(104))
    variable(file, "XTIME", ("Time",), 1440 * DAYS, units="minutes since 2020-01-01 00:00:00",
             description="minutes since 2020-01-01 00:00:00")  # fmt: skip
    variable(file, "ITIMESTEP", ("Time",), np.arange(T, dtype="i4"))
    variable(file, "T2", plane, values(T, Y, X), units="K", stagger="", MemoryOrder="XY ",
             description="TEMP at 2 M", coordinates="XLONG XLAT XTIME")  # fmt: skip
    variable(file, "U", ("Time", "bottom_top", "south_north", "west_east_stag"),
             values(T, Z, Y, X + 1), units="m s-1", stagger="X")  # fmt: skip
    variable(file, "P_TOP", ("Time",), np.full(T, 5000, "f4"), units="Pa")
    file.setncatts({"TITLE": "OUTPUT FROM WRF", "MAP_PROJ": np.int32(1), "DX": np.float32(3000)})


def roms(file: Any, calendar: str = "proleptic_gregorian") -> None:
    """ROMS: s-coordinates with formula_terms, staggered points, numbers without dimensions."""
    dimensions(file, ocean_time=None, s_rho=Z, s_w=Z + 1, eta_rho=Y, xi_rho=X, eta_u=Y, xi_u=X - 1,
               tracer=2)  # fmt: skip
    variable(file, "ocean_time", ("ocean_time",), 86400 * DAYS, calendar=calendar,
             units="seconds since 2000-01-01 00:00:00", field="time, scalar, series")  # fmt: skip
    for name, n in (("rho", Z), ("w", Z + 1)):
        level = np.linspace(-1, 0, 2 * n + 1)[1::2] if name == "rho" else np.linspace(-1, 0, n)
        variable(file, f"s_{name}", (f"s_{name}",), level, valid_min=-1.0, valid_max=0.0,
                 positive="up", standard_name="ocean_s_coordinate_g2",
                 formula_terms=f"s: s_{name} C: Cs_{name[0]} eta: zeta depth: h depth_c: hc",
                 )  # fmt: skip
        variable(file, f"Cs_{name[0]}", (f"s_{name}",), -(level**2))
    variable(file, "hc", (), 20.0, units="meter")
    variable(file, "theta_s", (), 7.0)
    variable(file, "spherical", (), 1)
    variable(file, "h", ("eta_rho", "xi_rho"), 100 + values(Y, X), units="meter",
             coordinates="lon_rho lat_rho", grid="grid")  # fmt: skip
    places(file, ("lat_rho", "lon_rho"), ("eta_rho", "xi_rho"))
    variable(file, "mask_rho", ("eta_rho", "xi_rho"), np.ones((Y, X)), flag_values=[0.0, 1.0],
             flag_meanings="land water")  # fmt: skip
    variable(file, "zeta", ("ocean_time", "eta_rho", "xi_rho"), values(T, Y, X), units="meter",
             time="ocean_time", coordinates="lon_rho lat_rho ocean_time")  # fmt: skip
    variable(file, "temp", ("ocean_time", "s_rho", "eta_rho", "xi_rho"), values(T, Z, Y, X),
             units="Celsius", time="ocean_time", _FillValue=1e37,
             coordinates="lon_rho lat_rho s_rho ocean_time")  # fmt: skip


def roms_old(file: Any) -> None:
    """What an older ROMS calls a calendar is none of CF."""
    roms(file, "gregorian_proleptic")


def nemo(file: Any) -> None:
    """NEMO: nav_lat and nav_lon, counters without coordinates, a depth with bounds."""
    dimensions(file, time_counter=None, deptht=Z, y=Y, x=X, axis_nbounds=2)
    places(file, ("nav_lat", "nav_lon"), ("y", "x"), nav_model="grid_T")
    depth = np.array([1.0, 3, 6, 10], "f4")
    variable(file, "deptht", ("deptht",), depth, units="m", positive="down", bounds="deptht_bounds",
             long_name="Vertical T levels")  # fmt: skip
    variable(
        file, "deptht_bounds", ("deptht", "axis_nbounds"), edges(depth).astype("f4"), units="m"
    )
    for name in ("time_centered", "time_counter"):
        variable(file, name, ("time_counter",), 86400 * DAYS, units="seconds since 1900-01-01",
                 calendar="gregorian", bounds=f"{name}_bounds")  # fmt: skip
        variable(file, f"{name}_bounds", ("time_counter", "axis_nbounds"), edges(86400 * DAYS))
    variable(file, "thetao", ("time_counter", "deptht", "y", "x"), values(T, Z, Y, X), units="degC",
             coordinates="time_centered nav_lat nav_lon", _FillValue=1e20,
             missing_value=np.float32(1e20), interval_operation="1200 s")  # fmt: skip


def swath(file: Any) -> None:
    """A satellite's swath: data and places in groups of their own, packed, with flags."""
    data, place = file.createGroup("geophysical_data"), file.createGroup("geolocation_data")
    dimensions(file, number_of_lines=Y, pixels_per_line=X)
    lines = ("number_of_lines", "pixels_per_line")
    limits = {"valid_min": np.float32(-180), "valid_max": np.float32(180)}
    places(place, ("latitude", "longitude"), lines, **limits)
    variable(data, "sst", lines, 100 * values(Y, X), dtype="i2", scale_factor=np.float32(0.005),
             add_offset=np.float32(0), units="degree_C", _FillValue=np.int16(-32767))  # fmt: skip
    variable(data, "qual_sst", lines, np.ones((Y, X)), dtype="i1", _FillValue=np.int8(-1),
             flag_values=np.array([0, 1], "i1"), flag_meanings="good bad")  # fmt: skip
    variable(data, "l2_flags", lines, np.ones((Y, X)), dtype="i4")


def packed(file: Any) -> None:
    """A reanalysis: int16 with scale and offset, a descending latitude, hours since 1900."""
    dimensions(file, time=T, latitude=Y, longitude=X)
    variable(file, "time", ("time",), np.arange(T, dtype="i4") * 6 + 1051896,
             units="hours since 1900-01-01 00:00:00.0", calendar="gregorian")  # fmt: skip
    variable(file, "latitude", ("latitude",), LAT[::-1].astype("f4"), units="degrees_north")
    variable(file, "longitude", ("longitude",), LON.astype("f4"), units="degrees_east")
    data = variable(file, "t2m", ("time", "latitude", "longitude"), 273 + values(T, Y, X),
                    dtype="i2", scale_factor=0.0017, add_offset=273.0, units="K",
                    _FillValue=np.int16(-32767), missing_value=np.int16(-32767))  # fmt: skip
    data[1, 2, 3] = np.ma.masked


def projected(file: Any) -> None:
    """A projection: x and y in metres, a grid mapping without values, places beside them."""
    dimensions(file, time=None, y=Y, x=X)
    variable(file, "time", ("time",), DAYS, units="days since 2000-01-01")
    for name, n in (("y", Y), ("x", X)):
        variable(file, name, (name,), 25000.0 * np.arange(n), units="m", axis=name.upper(),
                 standard_name=f"projection_{name}_coordinate")  # fmt: skip
    variable(file, "crs", (), 0, dtype="i4", grid_mapping_name="polar_stereographic",
             straight_vertical_longitude_from_pole=-45.0, standard_parallel=70.0,
             latitude_of_projection_origin=90.0)  # fmt: skip
    variable(file, "ice", ("time", "y", "x"), 50 + values(T, Y, X), dtype="u1", units="%",
             grid_mapping="crs", _FillValue=np.uint8(255))  # fmt: skip


def profile(file: Any) -> None:
    """A track: one dimension without a coordinate, names as characters."""
    dimensions(file, obs=Y, strlen=4)
    variable(
        file, "station", ("obs", "strlen"), np.array([list("abcd")] * Y, "S1"), cf_role="profile_id"
    )
    variable(
        file, "time", ("obs",), np.cumsum(np.arange(Y) + 1.0), units="minutes since 2020-01-01"
    )
    variable(file, "temperature", ("obs",), values(Y), units="K", coordinates="time")


def single(file: Any) -> None:
    """One time step, and a covariance that has a dimension twice."""
    dimensions(file, time=None, lat=Y)
    variable(file, "time", ("time",), [0.0], units="days since 2000-01-01")
    variable(file, "lat", ("lat",), LAT, units="degrees_north")
    variable(file, "tas", ("time", "lat"), values(1, Y), units="K")
    variable(file, "covariance", ("lat", "lat"), values(Y, Y), units="K2")


def months(file: Any) -> None:
    """Months since a date, which have no length in the standard calendar."""
    dimensions(file, T=T, Y=Y)
    variable(file, "T", ("T",), DAYS, units="months since 1960-01-01")
    variable(file, "Y", ("Y",), LAT, units="degrees_north")
    variable(
        file, "sst", ("T", "Y"), values(T, Y), units="Celsius_scale", missing_value=np.float32(-999)
    )


FINISH: dict[Callable[[Any], None], list[str]] = {
    cmip: [], cmip_360_day: [], cmip_ocean: [], wrf: [], roms: [], nemo: [],
    swath: ["--group", "geophysical_data"], packed: [], projected: [], profile: [], single: [],
    months: ["--no-decode-times"], roms_old: ["--no-decode-times"],
}  # fmt: skip
# What the quick suite has: a curvilinear grid, packed data.
QUICK = (roms, packed)
NOTES = {
    single: [
        "dimensions ['time'] of size 1 are left out",
        "variable 'covariance' is left out: it has dimensions ('lat', 'lat'), of which 'lat' is",
    ]
}
REFUSED: dict[Callable[[Any], None], str] = {
    swath: "has no variables in its root, but groups that have: ['geophysical_data', "
    "'geolocation_data']; give one of them as --group",
    months: "give --no-decode-times to take them as numbers",
    roms_old: "which xarray cannot decode; give --no-decode-times to take them as numbers",
}


def made(make: Callable[[Any], None], folder: Path) -> Path:
    with netCDF4.Dataset(folder / f"{make.__name__}.nc", "w") as file:
        make(file)
    return folder / f"{make.__name__}.nc"


def eager(source: Path, options: list[str]) -> xr.Dataset:
    keywords: dict[str, Any] = {"group": options[1]} if options[:1] == ["--group"] else {}
    times = "--no-decode-times" not in options
    with (
        warnings.catch_warnings(),
        xr.open_dataset(source, decode_times=times, decode_coords=True, **keywords) as opened,
    ):
        warnings.simplefilter("ignore", xgrad.CoordinateWarning)
        return opened.load().fdgrad.gradient()


@pytest.mark.filterwarnings("ignore:Duplicate dimension names")
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(one, marks=[] if one in QUICK else pytest.mark.thorough, id=one.__name__)
        for one in FINISH
    ],
)
def test_a_layout_finishes_with_the_values_of_the_accessor(
    make: Callable[[Any], None], commands: Session, tmp_path: Path
) -> None:
    source, options = made(make, tmp_path), FINISH[make]
    done = commands.run("gradient", source, tmp_path / "out.zarr", *options)
    assert done.returncode == 0, done.stderr
    expected = eager(source, options)
    with xr.open_zarr(
        tmp_path / "out.zarr", decode_times="--no-decode-times" not in options
    ) as found:
        assert set(found.data_vars) == set(expected.data_vars)
        for name, one in expected.data_vars.items():
            assert same_bits(found[name].values, one.values), name
            assert found[name].attrs.get("units") == one.attrs.get("units")
        for name, one in expected.coords.items():
            assert found[name].equals(one), name


@pytest.mark.parametrize("make", REFUSED, ids=lambda make: make.__name__)
def test_a_layout_is_refused_in_one_line(
    make: Callable[[Any], None], commands: Session, tmp_path: Path
) -> None:
    commands.fails(REFUSED[make], "gradient", made(make, tmp_path), tmp_path / "out.zarr")


@pytest.mark.thorough  # the commands above run in process
def test_the_installed_command_does_the_same(tmp_path: Path) -> None:
    source = made(cmip, tmp_path)
    done = command.run("gradient", source, tmp_path / "out.zarr")
    assert done.returncode == 0, done.stderr
    expected = eager(source, [])
    with xr.open_zarr(tmp_path / "out.zarr") as found:
        for name, one in expected.data_vars.items():
            assert same_bits(found[name].values, one.values)
