"""The law of data: times are times however they are given, and what is left out is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cftime
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import xgrad
from tests.helpers import nothing_computed, same_bits

STEPS = np.cumsum([0, 1, 5, 2, 40, 3, 100, 7]) * np.timedelta64(977_000_001, "us")
TIMES = np.array("2000-02-27", "M8[us]") + STEPS


def objects(missing: bool = False) -> np.ndarray:  # noqa: FBT002
    """The same times as objects of cftime."""
    found = np.array(
        [cftime.DatetimeProlepticGregorian(*t.timetuple()[:6], t.microsecond)
         for t in pd.DatetimeIndex(TIMES).to_pydatetime()], dtype=object,
    )  # fmt: skip
    if missing:
        found[3] = np.nan
    return found.reshape(2, 4)


@pytest.mark.parametrize(
    ("how", "missing"),
    [("a variable", True), ("a dataset", True), ("lazy", True), ("lazy", False), ("a file", False)],
)
def test_times_as_objects_are_those_of_datetime64(how: str, missing: bool, tmp_path: Path) -> None:
    known = TIMES.copy()
    if missing:
        known[3] = np.datetime64("NaT", "ns")
    own = xr.DataArray(known.reshape(2, 4), {"x": [0.0, 1.0, 5.0, 6.0]}, ("y", "x"), "t")
    expected = own.fdgrad.gradient("x", datetime_unit="h").dt_dx
    given: Any = own.copy(data=objects(missing))
    if how == "a dataset":
        given = given.to_dataset()
    elif how == "lazy":
        given.encoding["calendar"] = "proleptic_gregorian"
        given = given.chunk(x=2)
    elif how == "a file":
        given.to_netcdf(tmp_path / "in.nc")
        coder = xr.coders.CFDatetimeCoder(use_cftime=True)
        given = xr.open_dataset(tmp_path / "in.nc", decode_times=coder)
        assert given.t.dtype == object
    with nothing_computed():
        found = given.fdgrad.gradient("x", datetime_unit="h").dt_dx
    assert same_bits(found.values, expected.values)
    assert found.attrs == expected.attrs


def test_a_job_differentiates_them_too(tmp_path: Path) -> None:
    dates = [cftime.Datetime360Day(2000, month, 30) for month in (1, 2, 5)]
    given = xr.Dataset({"t": ("x", dates)})
    given.to_netcdf(tmp_path / "in.nc")
    xgrad.gradient_to_zarr(tmp_path / "in.nc", tmp_path / "out.zarr", datetime_unit="D")
    with xr.open_zarr(tmp_path / "out.zarr") as found:
        assert found.dt_dx.values.tolist() == [30.0, 60.0, 90.0]


ZONED = pd.date_range("2024-03-30 12:00", periods=3, freq="12h", tz="Europe/Berlin")
PERIODS = pd.period_range("2024-01", periods=3, freq="M")


@pytest.mark.parametrize(
    "values",
    [ZONED, np.array(list(ZONED), dtype=object), PERIODS, np.array(list(PERIODS), dtype=object)],
    ids=["zone", "objects with a zone", "periods", "objects that are periods"],
)
def test_the_remedy_for_other_times_works(values: Any) -> None:
    obj = xr.DataArray(xr.Variable("x", values), name="t")
    with pytest.raises(TypeError, match=r"use `obj\.copy") as caught:
        obj.fdgrad.gradient("x")
    remedy = str(caught.value).split("`")[1]
    found = eval(remedy, {"obj": obj, "pd": pd})  # noqa: S307
    assert np.isfinite(found.fdgrad.gradient("x").dt_dx.values).all()


def test_lazy_objects_are_not_computed_to_look_at_them() -> None:
    obj = xr.DataArray(objects(), dims=("y", "x"), name="t").chunk()
    with (
        nothing_computed(),
        pytest.raises(TypeError, match=r"compute it first with `.compute\(\)`"),
    ):
        obj.fdgrad.gradient("x")
    assert np.isfinite(obj.compute().fdgrad.gradient("x").dt_dx.values).all()


@pytest.mark.filterwarnings("ignore:Duplicate dimension names")
def test_a_variable_that_repeats_a_dimension_is_named_and_the_others_go_on() -> None:
    ds = xr.Dataset(
        {"f": (("y", "x"), np.eye(4)), "cov": (("x", "x"), np.eye(4))}, {"x": [0.0, 1.0, 3.0, 7.0]}
    )
    note = r"'cov' is left out: it has dimensions \('x', 'x'\), of which 'x' is there twice"
    for operation in ("gradient", "magnitude", "laplacian", "hessian"):
        with pytest.warns(xgrad.CoordinateWarning, match=note):
            found = getattr(ds.fdgrad, operation)(["x"])
        xr.testing.assert_identical(found, getattr(ds[["f"]].fdgrad, operation)(["x"]))
    assert list(ds.fdgrad.gradient("y")) == ["df_dy"]
    with pytest.raises(
        ValueError, match=r"'cov' cannot .* has dimensions .* there twice; rename one"
    ):
        ds.cov.fdgrad.gradient("x")


def test_a_dimension_that_is_a_tuple_is_named_and_the_others_go_on() -> None:
    dim: Any = ("d", 1)
    ds = xr.Dataset({"f": ("x", np.arange(4.0)), "t": ((dim, "x"), np.eye(4))})
    note = r"'t' is left out: its dimension \('d', 1\) is a tuple"
    for operation in ("gradient", "magnitude", "laplacian", "hessian"):
        with pytest.warns(xgrad.CoordinateWarning, match=note):
            found = getattr(ds.fdgrad, operation)()
        xr.testing.assert_identical(found, getattr(ds[["f"]].fdgrad, operation)())
    with pytest.raises(ValueError, match=r"'t' cannot be differentiated: .*`obj.rename") as caught:
        ds.t.fdgrad.gradient("x")
    renamed = eval(str(caught.value).split("`")[1], {"obj": ds.t})  # noqa: S307
    assert list(renamed.fdgrad.gradient()) == ["dt_dname", "dt_dx"]


def test_a_tuple_as_the_name_of_a_variable_is_a_name() -> None:
    name: Any = ("a", 1)
    ds = xr.Dataset({name: ("x", np.arange(4.0)), "t": ("x", np.arange(4.0))})
    assert list(ds.fdgrad.gradient("x")) == ["d('a', 1)_dx", "dt_dx"]


KEYS = [
    "units", "standard_name", "long_name", "axis", "positive", "bounds", "calendar", "mesh",
    "grid_mapping", "location", "cell_methods", "coordinates", "formula_terms",
]  # fmt: skip


@pytest.mark.parametrize("value", [["a", "b"], np.array([1, 2])], ids=type)
@pytest.mark.parametrize("where", ["x", pytest.param("t", marks=pytest.mark.thorough)])
def test_attributes_that_are_no_text_are_as_if_they_were_not_there(where: str, value: Any) -> None:
    rng = np.random.default_rng(0)
    ds = xr.Dataset(
        {name: (("y", "x"), rng.normal(size=(4, 4))) for name in "tw"},
        {"y": np.arange(4.0), "x": np.arange(4.0) ** 2},
    )
    operations: list[Callable[[Any], Any]] = [
        lambda one: one.fdgrad.gradient(),
        lambda one: one.fdgrad.laplacian(["y", "x"]),
        lambda one: one.fdgrad.curl(u="t", v="w"),
        lambda one: one.t.fdgrad.magnitude(["y", "x"]),
    ]
    expected = [operation(ds) for operation in operations]
    for key in KEYS:
        given = ds.copy()
        given[where].attrs[key] = value
        for operation, plain in zip(operations, expected, strict=True):
            xr.testing.assert_equal(operation(given), plain)
        for refused in (
            lambda one: one.fdgrad.gradient("longitude"),
            lambda one: one.t.fdgrad.gradient(metric="sphere"),
        ):
            with pytest.raises(xgrad.CoordinateError, match=r"longitude|latitude"):
                refused(given)
