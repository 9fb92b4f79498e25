from __future__ import annotations

import re
from typing import Any

import cf_xarray  # noqa: F401  (registers .cf)
import cftime
import dask.array as da
import numpy as np
import pint
import pint_xarray
import pytest
import xarray as xr

import xgrad
from tests.helpers import mostly_thorough, nothing_computed, run, same_bits
from tests.labels.helpers import UNITS
from xgrad.labels.quantities import number_in, through

X = np.array([0.0, 1.0, 3.0, 4.0, 7.0])
VALUES = np.random.default_rng(3).normal(size=(5, 4))


def data(values: Any = VALUES, units: str = "K") -> xr.DataArray:
    """Plain numbers with units in the attributes, which pint-xarray turns into quantities."""
    return xr.DataArray(
        values,
        dims=("x", "time"),
        coords={
            "x": ("x", X, {"units": "m", "note": "kept"}),
            "pressure": ("x", X[::-1] * 100, {"units": "hPa"}),
            "height": (("x", "time"), np.cumsum(np.ones((5, 4)), 0), {"units": "km"}),
            "time": np.array(["2000-01-01", "2000-01-02", "2000-01-04", "2000-01-05"], "M8[ns]"),
        },
        name="t",
        attrs={"units": units, "source": "a balloon", "big": np.zeros(1000)},
    )


def quantified(plain: Any) -> Any:
    return plain.pint.quantify(unit_registry=UNITS)


def unit_of(array: xr.DataArray) -> Any:
    assert isinstance(array.data, pint.Quantity)
    assert array.data._REGISTRY is UNITS
    assert "units" not in array.attrs
    return array.data.units


@pytest.mark.parametrize(
    "dtype", mostly_thorough(["f2", "f4", "f8", "c8", "i4", "u1", ">f4"], "f4", "f8", "i4", ">f4")
)
@pytest.mark.parametrize("lazy", [False, True])
def test_the_bits_of_the_magnitudes(dtype: str, *, lazy: bool) -> None:
    with np.errstate(invalid="ignore"):
        plain = data((VALUES * 10).astype(dtype))
    plain = plain.chunk(x=2, time=3) if lazy else plain
    plain = plain.assign_coords(pressure=plain.pressure.load())  # 1-D positions are loaded
    both: dict[str, Any] = {"dim": ["x", "time", "pressure"], "edge_order": 2}
    expected = plain.fdgrad.gradient(**both)
    with nothing_computed():
        found = quantified(plain).fdgrad.gradient(**both)
        assert isinstance(found.dt_dx.data.magnitude, da.Array if lazy else np.ndarray)
    assert list(found) == list(expected)
    for name in expected:
        assert same_bits(found[name].data.magnitude, expected[name].values)
        assert getattr(found[name].data.magnitude, "chunks", None) == expected[name].chunks
    assert unit_of(found.dt_dx) == UNITS.Unit("K / m")
    assert unit_of(found.dt_dtime) == UNITS.Unit("K / s")
    assert unit_of(found.dt_dpressure) == UNITS.Unit("K / hPa")


def test_labels_stay() -> None:
    obj = quantified(data())
    found = obj.fdgrad.gradient("x")
    assert isinstance(obj.xindexes["x"], pint_xarray.PintIndex)
    xr.testing.assert_identical(found.coords.to_dataset(), obj.coords.to_dataset())
    assert isinstance(found.xindexes["x"], pint_xarray.PintIndex)
    assert found.sel(x=UNITS.Quantity(100.0, "cm")).sizes == {"time": 4}
    assert list(found.dt_dx.attrs) == ["source", "big", "long_name"]
    assert found.dt_dx.attrs["big"] is obj.attrs["big"]
    assert list(obj.rename(None).fdgrad.gradient("x")) == ["d_dx"]
    assert found.dt_dx.attrs["long_name"] == "derivative of t with respect to x"
    assert data().fdgrad.gradient("x").dt_dx.attrs["units"] == "K m-1"


def test_coordinates_that_are_not_quantities() -> None:
    def along(units: str | None) -> xr.DataArray:
        attrs = {} if units is None else {"units": units}
        quantity = UNITS.Quantity(VALUES[:, 0], "K")
        coords = {"lat": ("lat", X, attrs)}
        return xr.DataArray(quantity, coords, "lat", "t").fdgrad.gradient("lat").dt_dlat

    assert unit_of(along("m")) == UNITS.Unit("K / m")
    assert unit_of(along("hours since 2000-01-01")) == UNITS.Unit("K / hour")
    assert unit_of(along("1")) == UNITS.Unit("K")
    assert unit_of(along("degC")) == UNITS.Unit("K / delta_degC")
    for units in ("degrees_north", "degree_E", "degrees_true"):
        assert unit_of(along(units)) == UNITS.Unit("K / degree")
    # What is not known is not made up.
    unknown = along("furlongs_or_so")
    assert isinstance(unknown.data, np.ndarray)
    assert unknown.attrs["units"] == "K furlongs_or_so-1"
    assert isinstance(along(None).data, np.ndarray)
    assert "units" not in along(None).attrs
    bare = xr.DataArray(UNITS.Quantity(X, "K"), dims="x")
    assert unit_of(bare.fdgrad.gradient("x").d_dx) == UNITS.Unit("K")


@pytest.mark.parametrize("calendar", ["datetime64", "cftime"])
def test_times(calendar: str) -> None:
    days = [1, 2, 4, 5]
    times: Any = np.array([f"2000-01-0{day}" for day in days], "M8[s]")
    if calendar == "cftime":
        times = [cftime.DatetimeNoLeap(2000, 1, day) for day in days]
    obj = quantified(data().assign_coords(time=times))
    assert unit_of(obj.fdgrad.gradient("time").dt_dtime) == UNITS.Unit("K / s")
    daily = obj.fdgrad.gradient("time", datetime_unit="D").dt_dtime
    assert unit_of(daily) == UNITS.Unit("K / day")
    hourly = obj.fdgrad.gradient("time", units="K h-1").dt_dtime
    assert unit_of(hourly) == UNITS.Unit("K / hour")
    np.testing.assert_allclose(hourly.data.magnitude, daily.data.magnitude / 24)


@pytest.mark.parametrize(
    ("values", "positions", "expected"),
    [
        ("degC", "m", "delta_degC / m"),
        ("delta_degC", "m", "delta_degC / m"),
        ("degC", "degC", ""),
        ("m", "m", ""),
        ("km", "m", "km / m"),
        ("", "m", "1 / m"),
        ("K", "m ** 0.5", "K / m ** 0.5"),
        ("m ** (1 / 3)", "s", "m ** (1 / 3) / s"),
        ("W / m ** 2 / K", "m ** 0.5 / s", "W * s / m ** 2.5 / K"),
        ("centimeter_H2O", "m", "centimeter_H2O / m"),
        ("conventional_volt_90 * s", "m", "conventional_volt_90 * s / m"),
        ("percent", "angstrom", "percent / angstrom"),
    ],
)
def test_units_of_every_kind(values: str, positions: str, expected: str) -> None:
    y = xr.DataArray(UNITS.Quantity(X, UNITS.Unit(positions)), dims="x")
    obj = xr.DataArray(UNITS.Quantity(X**2, UNITS.Unit(values)), {"y": y}, "x", "f")
    first, second = obj.fdgrad.gradient("y").df_dy, obj.fdgrad.derivative("y", order=2)
    per = UNITS.Unit(positions) if positions != "degC" else UNITS.Unit("delta_degC")
    for found, unit in [(first, UNITS.Unit(expected)), (second, UNITS.Unit(expected) / per)]:
        difference = unit_of(found)
        assert difference.dimensionality == unit.dimensionality
        np.testing.assert_allclose((1 * difference).to(unit).magnitude, 1.0, rtol=1e-12)
    assert same_bits(first.data.magnitude, np.gradient(X**2, X))


def test_a_dataset_of_both_kinds() -> None:
    plain = xr.Dataset(
        {
            "t": data(),
            "p": data(units="Pa").rename("p"),
            "bare": data().drop_attrs(deep=False),
            "name": ("x", list("abcde")),
        },
        attrs={"title": "a flight"},
    )
    obj = plain.assign(t=quantified(plain.t).variable)
    found = obj.fdgrad.gradient("x")
    assert list(found) == ["dt_dx", "dp_dx", "dbare_dx"]
    assert unit_of(found.dt_dx) == UNITS.Unit("K / m")
    assert found.dp_dx.attrs["units"] == "Pa m-1"
    assert "units" not in found.dbare_dx.attrs
    assert found.attrs == {"title": "a flight"}
    assert not any("xgrad" in key for name in found for key in found[name].attrs)
    assert not any("xgrad" in key for name in obj for key in obj[name].attrs)
    expected = plain.fdgrad.gradient("x")
    assert same_bits(found.dt_dx.data.magnitude, expected.dt_dx.values)
    xr.testing.assert_identical(found[["dp_dx", "dbare_dx"]], expected[["dp_dx", "dbare_dx"]])
    times = xr.Dataset({"t": obj.t, "when": ("x", X.astype("M8[s]"))}).fdgrad.gradient("x")
    assert unit_of(times.dt_dx) == UNITS.Unit("K / m")
    assert times.dwhen_dx.attrs["units"] == "s m-1"
    # And coordinates alone.
    coords = data().assign_coords(x=data().x).pint.quantify({"t": None}, unit_registry=UNITS)
    assert not isinstance(coords.data, pint.Quantity)
    only = coords.fdgrad.gradient("x").dt_dx
    assert isinstance(only.data, np.ndarray)
    assert isinstance(only.x.data, pint.Quantity)


def test_spacing_and_period() -> None:
    obj, plain = quantified(data().astype("f4")), data().astype("f4")
    # A Python number is as weak in promotion as without its unit, a numpy scalar is not.
    other = pint.UnitRegistry()
    steps: list[Any] = [0.3, np.float64(0.3), np.float32(0.3), 2]
    for number in steps:
        given = other.Quantity(number, "km")
        assert type(given.magnitude) is type(number)
        found = obj.fdgrad.gradient("x", spacing={"x": given}).dt_dx
        expected = plain.fdgrad.gradient("x", spacing={"x": number}).dt_dx
        assert unit_of(found) == UNITS.Unit("K / km")
        assert same_bits(found.data.magnitude, expected.values)
    array = UNITS.Quantity(X, "mm")
    for positions in (array, xr.DataArray(array, dims="x"), xr.Variable("x", array)):
        found = obj.fdgrad.gradient("x", spacing={"x": positions}).dt_dx
        assert unit_of(found) == UNITS.Unit("K / mm")
        labelled = plain.fdgrad.gradient("x", spacing={"x": positions}).dt_dx
        assert labelled.attrs["units"] == "K mm-1"
    hourly = obj.fdgrad.gradient("time", spacing={"time": UNITS.Quantity(1, "h")}).dt_dtime
    assert unit_of(hourly) == UNITS.Unit("K / hour")
    wrong = UNITS.Quantity(X[:3], "m")
    with pytest.raises(xgrad.CoordinateError, match="`spacing` for 'x' has sizes"):
        obj.fdgrad.gradient("x", spacing={"x": wrong})
    with pytest.raises(xgrad.CoordinateError, match=r"has shape \(1, 3\)"):
        obj.fdgrad.gradient("x", spacing={"x": wrong[None]})

    around: dict[str, Any] = {"dim": "x", "boundary": {"x": "periodic"}}
    expected = plain.fdgrad.gradient(**around, period={"x": 8.0}).dt_dx
    for one in (obj, plain):
        found = one.fdgrad.gradient(**around, period={"x": UNITS.Quantity(0.008, "km")}).dt_dx
        assert same_bits(found.pint.dequantify().values, expected.values)
    with pytest.raises(ValueError, match=r"`period` of 'x' is 8\.0 second, but .* 'meter'"):
        obj.fdgrad.gradient(**around, period={"x": UNITS.Quantity(8.0, "s")})
    week = {"time": UNITS.Quantity(1.0, "week")}
    weekly = obj.fdgrad.gradient("time", boundary="periodic", period=week)
    expected = plain.fdgrad.gradient("time", boundary="periodic", period={"time": 604800.0})
    assert same_bits(weekly.dt_dtime.data.magnitude, expected.dt_dtime.values)
    with pytest.raises(ValueError, match=r"`boundary` is <?Quantity.*; give a number"):
        obj.fdgrad.gradient("x", boundary=UNITS.Quantity(3.0, "K"))


@pytest.mark.parametrize("lazy", [False, True])
def test_positions_that_are_quantities(*, lazy: bool) -> None:
    plain = data().chunk(x=2) if lazy else data()
    obj = quantified(plain)
    with nothing_computed():
        found = obj.fdgrad.gradient("x", spacing={"x": "height"}).dt_dheight
        given = obj.fdgrad.gradient("x", spacing={"x": obj.height}).dt_dheight
        dataset = xr.Dataset({"t": obj.variable, "z": obj.height.variable})
        inside = dataset.fdgrad.gradient("x", spacing={"x": "z"})
    other = obj.fdgrad.gradient("x", spacing={"x": "pressure"}).dt_dpressure
    assert list(inside) == ["dt_dz"]
    expected = plain.fdgrad.gradient("x", spacing={"x": "height"}).dt_dheight
    for one in (found, given, inside.dt_dz):
        assert unit_of(one) == UNITS.Unit("K / km")
        assert same_bits(one.data.magnitude, expected.values)
    assert unit_of(other) == UNITS.Unit("K / hPa")
    flat = obj.compute().assign_coords(height=obj.height.compute() * 0)
    with pytest.raises(xgrad.CoordinateError, match="'height' along 'x' are not strictly"):
        flat.fdgrad.gradient("x", spacing={"x": "height"})


def test_dask_arrays_of_quantities_are_refused() -> None:
    with pytest.raises(TypeError, match="'t' is a dask array of quantities, whose unit"):
        quantified(data()).chunk(x=2).fdgrad.gradient("x")
    turned = quantified(data()).pint.chunk({"x": 2})
    assert unit_of(turned.fdgrad.gradient("x").dt_dx) == UNITS.Unit("K / m")
    coordinate = data().assign_coords(h=quantified(data()).height.variable.chunk())
    with pytest.raises(TypeError, match="'h' is a dask array of quantities, whose unit"):
        coordinate.fdgrad.gradient("x")


def test_quantities_without_an_index() -> None:
    lazy = UNITS.Quantity(da.from_array(X, chunks=2), "m")
    coords = xr.Coordinates({"x": xr.Variable("x", lazy)}, indexes={})
    obj = xr.DataArray(UNITS.Quantity(X**2, "K"), coords, "x", "f")
    found = obj.fdgrad.gradient("x")
    assert unit_of(found.df_dx) == UNITS.Unit("K / m")
    assert not found.xindexes
    assert isinstance(found.x.data.magnitude, da.Array)


@pytest.mark.parametrize(
    "dtype", ["f2", "f4", "f8", pytest.param("c8", marks=pytest.mark.thorough)]
)
@pytest.mark.parametrize("lazy", [False, True])
def test_units_of_plain_numbers(dtype: str, *, lazy: bool) -> None:
    obj = data(VALUES.astype(dtype))
    obj = obj.chunk(x=2) if lazy else obj
    expected = obj.fdgrad.gradient("x").dt_dx
    with nothing_computed():
        found = obj.fdgrad.gradient("x", units="K km-1").dt_dx
        one = obj.fdgrad.derivative("x", units="K km-1")
        ds = obj.to_dataset().fdgrad.derivative("x", units="K km-1").dt_dx
    assert found.attrs == {**expected.attrs, "units": "K km-1"}
    assert found.chunks == expected.chunks
    for same in (found, one, ds):
        assert same_bits(same.values, expected.values * 1000.0)
        assert same.dtype == dtype
    second = obj.fdgrad.derivative("x", order=2, units="mK/mm2")
    assert second.attrs["units"] == "mK/mm2"
    plain = obj.fdgrad.derivative("x", order=2)
    np.testing.assert_allclose(second.values, plain.values / 1000, rtol=1e-2)


def test_units_of_quantities() -> None:
    plain, obj = data(), quantified(data())
    found = obj.fdgrad.gradient("x", units="K km-1").dt_dx
    assert unit_of(found) == UNITS.Unit("K / km")
    expected = plain.fdgrad.gradient("x", units="K km-1").dt_dx
    assert same_bits(found.data.magnitude, expected.values)
    derivative = obj.fdgrad.derivative("x", units="K / km")
    assert same_bits(derivative.data.magnitude, expected.values)


def test_degrees_celsius_are_differences() -> None:
    for obj in (data(units="degC"), quantified(data(units="degC"))):
        for units in ("K km-1", "degC km-1", "delta_degC km-1"):
            found = obj.fdgrad.gradient("x", units=units).dt_dx
            expected = obj.fdgrad.gradient("x").dt_dx.pint.dequantify().values * 1000.0
            np.testing.assert_allclose(found.pint.dequantify().values, expected)
        fahrenheit = obj.fdgrad.derivative("x", units="degF km-1").pint.dequantify()
        np.testing.assert_allclose(fahrenheit.values, expected * 1.8)


def test_the_unit_of_what_is_not_smoothed_does_not_matter() -> None:
    obj = data(units="m").to_dataset(name="h")
    obj["t0"] = xr.DataArray(3.0, attrs={"units": "degC"})
    for one in (obj, quantified(obj)):
        assert list(one.fdgrad.smooth("x", window=3, polyorder=1, units="mm")) == ["h"]
    with pytest.raises(TypeError, match=r"`obj` is a builtins\.list"):
        xgrad.smooth([1.0], "x", window=3, units="mm")  # type: ignore[type-var]


def test_units_that_a_result_cannot_have() -> None:
    for obj in (data(), quantified(data())):
        with pytest.raises(ValueError, match=r"`units` is 'Pa', but 'dt_dx' is in .* give a unit"):
            obj.fdgrad.gradient("x", units="Pa")
        for units in ("parrots", "K (m", "K)", "K/m/", "1/0", "0 K", "m ** s", "'", "lambda: 0"):
            message = f"`units` is {units!r}, which pint does not know; give a unit such as"
            with pytest.raises(ValueError, match=re.escape(message)):
                obj.fdgrad.gradient("x", units=units)
        with pytest.raises(ValueError, match=r"'K km-1', but the unit of 'dt_dx' is unknown; set"):
            obj.fdgrad.gradient("x", spacing={"x": 2.0}, units="K km-1")
        with pytest.raises(TypeError, match="`units` is 3; give a string"):
            obj.fdgrad.gradient("x", units=3)
    with pytest.raises(ValueError, match="'dt_dx' is 'parrots m-1', which pint does not know"):
        data(units="parrots").fdgrad.gradient("x", units="K km-1")
    with pytest.raises(TypeError, match=r"`obj` is a numpy\.ndarray"):
        xgrad.gradient(VALUES, units="K")  # type: ignore[arg-type]


def test_any_operation_goes_through() -> None:
    obj = quantified(xr.Dataset({"u": data(units="m/s"), "v": data(units="m/s")}))

    def speed(plain: xr.Dataset) -> xr.DataArray:
        values = np.hypot(plain.u, plain.v).rename("speed")
        return values.assign_attrs(units=plain.u.attrs["units"])

    assert unit_of(through(obj, speed)) == UNITS.Unit("m / s")
    assert unit_of(through(obj, speed, "km h-1")) == UNITS.Unit("km / hour")
    longer = through(obj, lambda plain: speed(plain).pad(x=1, mode="edge"))
    assert unit_of(longer) == UNITS.Unit("m / s")
    shorter = through(obj, lambda plain: speed(plain).mean("x", keep_attrs=True))
    assert unit_of(shorter) == UNITS.Unit("m / s")
    assert "x" not in shorter.coords


PLAIN = """
import sys
{before}
import xgrad, xarray as xr
x = ("x", [0.0, 1.0], {{"units": "m"}})
da = xr.DataArray([0.0, 1.0], {{"x": x}}, "x", "t", {{"units": "K"}})
da.fdgrad.gradient("x")
"""


def test_nothing_is_imported_for_plain_numbers() -> None:
    print_them = "print([m for m in ('pint', 'cf_xarray', 'pint_xarray') if m in sys.modules])"
    # xarray itself tries to import pint when it makes an array.
    code = "import sys, xgrad\n" + print_them + PLAIN.format(before="") + print_them
    before, after = run(code).splitlines()
    assert (before, after) == ("[]", "['pint']")


@pytest.mark.thorough  # without pint, test_without_the_packages has a gradient, too
def test_nothing_is_imported_for_plain_numbers_without_pint() -> None:
    print_them = "print([m for m in ('cf_xarray', 'pint_xarray') if m in sys.modules])"
    assert run(PLAIN.format(before="sys.modules['pint'] = None") + print_them) == "[]\n"


# Without matplotlib, the registry of the process stays, too: see below.
LACKING = [pytest.param(one, marks=pytest.mark.thorough) for one in ("cf_xarray", "matplotlib")]


@pytest.mark.parametrize("missing", ["pint", *LACKING])
def test_without_the_packages(missing: str) -> None:
    code = (
        PLAIN.format(before=f"sys.modules[{missing!r}] = None")
        + """
try:
    print(da.fdgrad.gradient("x", units="K km-1").dt_dx.values)
except ImportError as error:
    print(error)
"""
    )
    if missing == "matplotlib":
        assert run(code) == "[1000. 1000.]\n"
    else:
        assert run(code) == (
            "`units` is 'K km-1', and conversion needs pint and cf_xarray: "
            "`pip install 'xgrad[units]'`\n"
        )


@pytest.mark.thorough  # starts a process
def test_the_registry_of_the_process_stays() -> None:
    code = (
        PLAIN.format(before="import pint; sys.modules['matplotlib'] = None")
        + """
mine = pint.UnitRegistry()
pint.set_application_registry(mine)
print(da.fdgrad.gradient("x", units="K km-1").dt_dx.values)
assert pint.get_application_registry().get() is mine
"""
    )
    assert run(code) == "[1000. 1000.]\n"


@pytest.mark.parametrize(("given", "units"), [("K", "degC"), ("degC", "K"), ("degC", "degF")])
def test_smoothed_values_are_not_converted_as_differences_are(given: str, units: str) -> None:
    values = xr.DataArray(np.arange(9.0), dims="x", attrs={"units": given}, name="t")
    with pytest.raises(ValueError, match="leave `units` out, and convert the result"):
        xgrad.smooth(values, "x", window=3, polyorder=1, units=units)
    same = xgrad.smooth(values, "x", window=3, polyorder=1, units=given)
    assert same.attrs["units"] == given
    np.testing.assert_allclose(same, values, atol=1e-12)


def test_smoothed_quantities_begin_at_0() -> None:
    values = xr.DataArray(UNITS.Quantity(np.arange(9.0), "degC"), dims="x", name="t")
    with pytest.raises(ValueError, match=r"convert it first, with `.pint.to\('kelvin'\)`"):
        xgrad.smooth(values, "x", window=3, polyorder=1)
    kelvin = values.copy(data=values.data.to("kelvin"))
    found = xgrad.smooth(kelvin, "x", window=3, polyorder=1)
    np.testing.assert_allclose(found.data.magnitude, 273.15 + np.arange(9.0))
    assert found.data.units == UNITS.Unit("kelvin")


def test_a_width_in_degrees_is_a_difference() -> None:
    assert number_in(UNITS.Quantity(2.0, "degC"), "K", "`period`") == 2
    assert number_in(UNITS.Quantity(9.0, "degF"), "degC", "`period`") == pytest.approx(5)
