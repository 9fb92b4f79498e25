"""The law of files that are one source: for the same cells they have the same numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import xgrad
from tests.helpers import mostly_thorough
from xgrad.stores import agreement

VALUES = np.array([[1.0, np.nan], [3, 4]])
OTHER = np.array([[1.0, np.nan], [3, 5]])


def write(folder: Path, parts: list[xr.Dataset]) -> None:
    for name, part in zip("ab", parts, strict=True):
        part.to_netcdf(folder / f"{name}.nc")


def part(k: int, **coords: Any) -> xr.Dataset:
    own = {"time": [2.0 * k, 2.0 * k + 1], "y": [0.0, 1.0], **coords}
    return xr.Dataset({"t": (("time", "y"), np.arange(4.0).reshape(2, 2))}, own)


DIFFER: list[tuple[Any, Any, str]] = [
    (2.0, 10.0, "'h' is 2.0 in '.*a.nc', but 10.0 in '.*b.nc'"),
    (("y", [1.0, np.nan]), ("y", [1.0, 2.0]), "'h' at y=1 is nan in .*, but 2.0 in"),
    (("y", ["a", "b"]), ("y", ["a", "c"]), "'h' at y=1 is b in .*, but c in"),
    ((("y", "z"), VALUES), (("y", "z"), OTHER), "'h' at y=1, z=1 is 4.0 in .*, but 5.0 in"),
]


@pytest.mark.parametrize(("one", "other", "message"), DIFFER)
@pytest.mark.parametrize("is_coordinate", [True, pytest.param(False, marks=pytest.mark.thorough)])
def test_different_values_of_the_same_cells_are_refused(
    one: Any, other: Any, message: str, is_coordinate: bool, tmp_path: Path
) -> None:
    parts = [part(0, h=one), part(1, h=other)]
    write(tmp_path, parts if is_coordinate else [own.reset_coords("h") for own in parts])
    with pytest.raises(ValueError, match=message):
        xgrad.gradient_to_zarr(tmp_path / "?.nc", tmp_path / "out.zarr", "t", "time")
    assert not (tmp_path / "out.zarr.partial").exists()
    without = {"drop_variables": "h"}
    xgrad.gradient_to_zarr(
        tmp_path / "?.nc", tmp_path / "out.zarr", "t", "time", open_options=without
    )
    assert xr.open_zarr(tmp_path / "out.zarr").sizes["time"] == 4


def test_the_same_values_agree_whatever_the_order_of_dimensions() -> None:
    one, turned = xr.Variable(("y", "z"), VALUES), xr.Variable(("z", "y"), VALUES.T)
    assert agreement.difference(one, turned) is None
    found = agreement.difference(one, one[:1])
    assert found == (" in its shape", {"y": 2, "z": 2}, {"y": 1, "z": 2})


def test_large_variables_are_compared_in_outline() -> None:
    def large(value: Any, **attrs: str) -> xr.Variable:
        return xr.Variable("x", np.broadcast_to(value, 2**22), attrs)

    one = large(1.0, units="m", history="one")
    assert agreement.difference(one, large(2.0, units="m")) is None
    narrow = large(np.float32(1), units="m")
    assert agreement.difference(one, narrow) == (" in its dtype", "float64", "float32")
    found = agreement.difference(one, large(1.0, units="km"))
    assert found == (" in its attribute 'units'", "'m'", "'km'")


@pytest.mark.parametrize(
    ("key", "values", "options"),
    [
        ("calendar", ("noleap", "360_day"), {"decode_times": False}),
        ("scale_factor", (0.1, 0.2), {"open_options": {"mask_and_scale": False}}),
        ("add_offset", (1.0, 2.0), {"open_options": {"mask_and_scale": False}}),
    ],
)
def test_numbers_of_different_meaning_are_refused(
    key: str, values: tuple[Any, Any], options: Any, tmp_path: Path
) -> None:
    parts = [part(k) for k in (0, 1)]
    for own, value in zip(parts, values, strict=True):
        own.time.attrs["units"] = "days since 2000-01-01"
        own["time" if key == "calendar" else "t"].attrs[key] = value
    write(tmp_path, parts)
    with pytest.raises(ValueError, match=f"has the {key} '?{values[0]}'? in .*, but"):
        xgrad.gradient_to_zarr(tmp_path / "?.nc", tmp_path / "out.zarr", "t", "time", **options)


def test_coordinates_that_nearly_agree_are_named(tmp_path: Path) -> None:
    shifted = [0.0, 1.0 + 1e-9]
    write(tmp_path, [part(0), part(1, y=shifted)])
    message = r"'y' at y=1 is 1.0 in '.*a.nc', but 1.000000001 in '.*b.nc'.*join='exact'\)"
    with pytest.raises(ValueError, match=message):
        xgrad.gradient_to_zarr(tmp_path / "?.nc", tmp_path / "out.zarr")
    write(tmp_path, [part(0), part(0, y=shifted)])
    with pytest.raises(ValueError, match=r"both begin at time=0.0, y=0.0, and one of them"):
        xgrad.gradient_to_zarr(tmp_path / "?.nc", tmp_path / "out.zarr")


def along(times: Any, **attrs: Any) -> xr.Dataset:
    values = np.random.default_rng(len(times)).normal(size=(len(times), 3))
    own = {"time": ("time", np.asarray(times, float), attrs), "x": [0.0, 1.0, 2.0]}
    return xr.Dataset({"t": (("time", "x"), values)}, own)


def days(calendar: str) -> dict[str, str]:
    return {"units": "days since 2000-01-01", "calendar": calendar}


REFUSED: dict[str, tuple[xr.Dataset, xr.Dataset, str]] = {
    "one cell in both": (
        along([0, 1]), along([1, 2]),
        r"'time' runs from 0.0 to 1.0 in '.*a.nc', and from 1.0 to 2.0 in '.*b.nc': the files over",
    ),
    "downward": (along([2, 1]), along([1, 0]), "'time' runs from 0.0 to 1.0 in '.*b.nc', and from"),
    "within": (along(range(5)), along([1, 2]), "from 0.0 to 4.0 in .*a.nc', and from 1.0 to 2.0"),
    "the same": (along([0, 1]), along([0, 1]), "a.nc' and '.*b.nc' both begin at time=0.0, x=0.0"),
    "alternating": (along([0, 2]), along([1, 3]), "'time' at time=0 is 0.0 in '.*a.nc', but 1.0"),
    "no coordinate": (along([0, 1]), along([2, 3]).drop_vars("x"), "'x' has no coordinate in '.*b"),
    "shorter": (along([0, 1]), along([2, 3]).isel(x=[0, 1]), "'x' runs from 0.0 to 2.0 in '.*a.nc"),
    "calendars": (
        along([0, 1], **days("noleap")), along([2, 3], **days("standard")),
        "'time' has times of the calendar 'noleap' in '.*a.nc', but times in '.*b.nc'; convert one",
    ),
    "no units": (
        along([0, 1], **days("standard")), along([9, 10]),
        "'time' has times in '.*a.nc', but numbers in '.*b.nc'; convert one of them",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_files_that_overlap_or_mean_other_things_are_named(name: str, tmp_path: Path) -> None:
    one, other, message = REFUSED[name]
    write(tmp_path, [one, other])
    with pytest.raises(ValueError, match=message):
        xgrad.gradient_to_zarr(tmp_path / "?.nc", tmp_path / "out.zarr", "t", "x")


def packed(data: xr.Dataset, **encoding: Any) -> xr.Dataset:
    data.t.encoding |= encoding
    return data


SHORT = {"dtype": "i2", "_FillValue": -1}
TAKEN: dict[str, tuple[xr.Dataset, xr.Dataset]] = {
    "in another order": (along([2, 3]), along([0, 1])),
    "a scalar in one": (along([0, 1]), along([2, 3]).assign_coords(height=2.0)),
    "a coordinate in one": (along([0, 1]), along([2, 3]).assign_coords(lat=("x", [1.0, 2, 3]))),
    "another dtype": (along([0, 1]), along([2, 3]).astype("f4")),
    "turned": (along([0, 1]), along([2, 3]).transpose("x", "time")),
    "another epoch": (
        along([0, 1], units="days since 2000-01-01", calendar="noleap"),
        along([0, 1], units="days since 2000-01-03", calendar="noleap"),
    ),
    "packed in one": (along([0, 1]), packed(along([2, 3]), **SHORT, scale_factor=0.01)),
    "packed differently": (
        packed(along([0, 1]), **SHORT, scale_factor=0.01, add_offset=3.0),
        packed(along([2, 3]), **SHORT, scale_factor=0.02),
    ),
    "another fill value": (along([0, 1]), packed(along([2, 3]), _FillValue=-99.0)),
}


@pytest.mark.parametrize(
    "name",
    mostly_thorough(TAKEN, "in another order", "turned", "another epoch", "packed differently"),
)
def test_other_differences_are_taken_as_xarray_takes_them(name: str, tmp_path: Path) -> None:
    write(tmp_path, list(TAKEN[name]))
    xgrad.gradient_to_zarr(tmp_path / "?.nc", tmp_path / "out.zarr")
    with (
        xr.set_options(use_new_combine_kwarg_defaults=True),
        xr.open_mfdataset(sorted(tmp_path.glob("?.nc"))) as opened,
        xr.open_zarr(tmp_path / "out.zarr") as found,
    ):
        expected = opened.load().fdgrad.gradient()
        assert set(found.variables) == set(expected.variables)
        for key in expected.variables:
            xr.testing.assert_equal(found[key].variable, expected[key].variable)
