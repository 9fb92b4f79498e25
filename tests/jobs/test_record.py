"""What a complete store says of the job that made it."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import xarray as xr
import zarr

import xgrad
from tests.jobs.growing import Case, data, job, require_same, write
from xgrad.jobs import record
from xgrad.stores.lasting import digest
from xgrad.stores.workplace import RECORD


def attribute(store: Path) -> Any:
    return zarr.open_group(store, mode="r").attrs[RECORD]


def test_its_length_does_not_grow_with_the_chunks(tmp_path: Path) -> None:
    lengths = []
    for chunk in (1, 20):
        case = Case(data(20)[["u"]], (20,), chunks={"time": chunk}, along="x")
        write(case, tmp_path / f"{chunk}.zarr", 0, 20)
        job(case, tmp_path / f"{chunk}.zarr", tmp_path / f"of{chunk}.zarr")
        lengths.append(len(attribute(tmp_path / f"of{chunk}.zarr")))
    assert max(lengths) < min(lengths) + 50 < 1500


def test_it_shows_no_secret_and_is_not_that_of_the_source(tmp_path: Path) -> None:
    given = data(20)[["u"]].assign_attrs({RECORD: "of another job"})
    given.to_netcdf(tmp_path / "in.nc", engine="h5netcdf")
    options: Any = {"open_options": {"drop_variables": "secret"}, "engine": "h5netcdf"}
    xgrad.gradient_to_zarr(tmp_path / "in.nc", tmp_path / "out.zarr", dim="x", **options)
    found = attribute(tmp_path / "out.zarr")
    assert record.read(found)
    assert "secret" not in found
    assert "in.nc" not in found


def test_anything_else_is_none() -> None:
    for text in (None, 4, "", "[1]", "{}", '{"results": {}}', "{" * 10**5):
        assert record.read(text) is None


def test_xarray_does_not_show_it(tmp_path: Path) -> None:
    case = Case(data(20)[["u"]], (20,), along="x")
    write(case, tmp_path / "in.zarr", 0, 20)
    job(case, tmp_path / "in.zarr", tmp_path / "out.zarr")
    assert record.read(attribute(tmp_path / "out.zarr"))
    with xr.open_zarr(tmp_path / "out.zarr") as found:
        assert set(found.attrs) == {*case.data.attrs, "history"}


def test_a_record_vouches_for_no_other_values(tmp_path: Path) -> None:
    case = Case(data(20)[["u"]], (20,), along="x")
    write(case, tmp_path / "in.zarr", 0, 20)
    job(case, tmp_path / "in.zarr", tmp_path / "out.zarr")
    with xr.open_zarr(tmp_path / "out.zarr") as found:
        (found.load() * 2).assign_attrs({RECORD: attribute(tmp_path / "out.zarr")}).to_zarr(
            tmp_path / "twice.zarr", consolidated=False
        )
    with pytest.raises(ValueError, match="'du_dx' in `target` has changed"):
        job(case, tmp_path / "in.zarr", tmp_path / "twice.zarr", append="time")


def test_a_store_of_an_earlier_version_grows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Case(data(20)[["u"]], (12, 20), along="time")
    write(case, tmp_path / "in.zarr", 0, 12)
    job(case, tmp_path / "in.zarr", tmp_path / "out.zarr")
    assert importlib.metadata.version("xgrad") not in attribute(tmp_path / "out.zarr")
    write(case, tmp_path / "in.zarr", 12, 20)
    assert job(case, tmp_path / "in.zarr", tmp_path / "out.zarr", append="time").reused > 0.3
    job(case, tmp_path / "in.zarr", tmp_path / "full.zarr")
    require_same(tmp_path / "out.zarr", tmp_path / "full.zarr")
    # One that computes otherwise does not mix its results with the others.
    monkeypatch.setattr(record, "ARITHMETIC", record.ARITHMETIC + 1)
    message = r"differs in the version of the results; .*compute everything with `overwrite`"
    with pytest.raises(ValueError, match=message):
        job(case, tmp_path / "in.zarr", tmp_path / "out.zarr", append="time")


def _values(dtype: str, shape: tuple[int, ...] = (17, 16, 15)) -> Any:
    """Numbers that every machine makes alike."""
    return (np.arange(np.prod(shape)) * 7919 % 1009 - 500).reshape(shape).astype(dtype) / 8


def _given() -> xr.Dataset:
    place = {"lat": np.arange(16) * 5.0 - 30, "lon": np.arange(15) * 24.0}
    dims = ("time", "lat", "lon")
    return xr.Dataset(
        {name: (dims, _values(kind), {"units": "K"}) for name, kind in [("u", "f4"), ("v", "f8")]},
        {"time": np.arange(17.0) ** 2 / 4, **place},
    )


def _numpys() -> list[Any]:
    """Results of the stencils of numpy."""
    given = _given()
    dates = np.datetime64("2000-01-01", "s") + np.arange(17) * np.timedelta64(21600, "s")
    return [
        given.fdgrad.gradient(), given.astype("i2").fdgrad.gradient("time", edge_order=2),
        given.assign_coords(time=dates).fdgrad.gradient("time", datetime_unit="h"),
    ]  # fmt: skip


def _all() -> list[Any]:
    """Results of all kinds."""
    given = _given()
    gaps = given.where(given.v % 7 != 0)
    flow, level = {"lon": "u", "lat": "v"}, ["lat", "lon"]
    around: Any = {"boundary": {"lon": "periodic"}, "period": {"lon": 360.0}}
    heights = given.time + (given.lat + given.lon) / 512
    held: Any = {"constant": {"time": heights}}
    ways: Any = ("interpolation", "chain")
    return [
        *_numpys(),
        *(given.fdgrad.gradient(accuracy=accuracy) for accuracy in (4, 6, 8)),
        *(gaps.fdgrad.gradient(skipna=True, accuracy=accuracy) for accuracy in (2, 4)),
        given.fdgrad.gradient("lon", **around),
        given.fdgrad.gradient("time", boundary=("extend", 3.0)),
        given.fdgrad.gradient("lat", boundary=("reflect", "nan")),
        *(given.fdgrad.derivative("time", order=order) for order in (1, 2, 3, 4)),
        given.fdgrad.magnitude(level), given.fdgrad.laplacian(["time", "lat"]),
        given.fdgrad.hessian(level), given.fdgrad.divergence(flow), given.fdgrad.curl(flow),
        *(given.fdgrad.gradient(level, constant_by=by, **held) for by in ways),
        # With a sine in them.
        given.fdgrad.direction(level), given.fdgrad.gradient(level, metric="sphere"),
        given.fdgrad.laplacian(level, metric="ellipsoid"),
        given.fdgrad.divergence(flow, metric="sphere"), given.fdgrad.curl(flow, metric="sphere"),
    ]  # fmt: skip


_WITH_A_SINE = 5


def _described(results: list[Any], rounded: int) -> dict[str, Any]:
    """Names, attributes and bits of results; of the last `rounded` ones, six digits."""
    found = {}
    for k, one in enumerate(results):
        for name, each in (one if isinstance(one, xr.Dataset) else one.to_dataset()).items():
            values = np.where(np.isnan(each.values), np.nan, each.values)
            if k >= len(results) - rounded:
                values = np.round(values / np.nanmax(abs(values)), 6) + 0.0
            found[f"{k} {name}"] = [
                sorted(each.attrs.items()),
                each.dims,
                values.astype(each.dtype),
            ]
    return found


@pytest.mark.parametrize(
    ("results", "rounded", "expected"),
    [
        (_numpys, 0, {3: "96b17c53816b6cca"}),
        pytest.param(_all, _WITH_A_SINE, {3: "d99f2a141e15bd54"}, marks=pytest.mark.thorough),
    ],
)
def test_results_are_those_of_the_version_of_the_results(
    results: Callable[[], list[Any]], rounded: int, expected: dict[int, str]
) -> None:
    """If this fails because results are to change, raise `ARITHMETIC` and put the digest here."""
    assert digest(_described(results(), rounded)) == expected[record.ARITHMETIC]


def test_a_job_is_described_as_in_stores_of_this_version_of_the_results(tmp_path: Path) -> None:
    """If this fails, stores that were made before do not grow: describe jobs as before.

    Where that cannot be, raise `ARITHMETIC`, so that the message says why, and put the digest here.
    """
    whole = np.arange(24.0).reshape(6, 4)
    level = np.add.outer(np.arange(6.0) ** 2, np.zeros(4))
    coords: Any = {"time": np.arange(6.0), "x": np.arange(4.0), "level": (("time", "x"), level)}
    given = xr.Dataset({"u": (("time", "x"), whole), "v": (("time", "x"), 2 * whole)}, coords)
    given.to_zarr(tmp_path / "in.zarr", zarr_format=2, consolidated=False)
    found = []
    for k, (operation, dim, options) in enumerate(
        [
            ("gradient", None, {"accuracy": 4, "boundary": "extend"}),
            ("hessian", ["time", "x"], {}),
            ("curl", {"time": "u", "x": "v"}, {}),
            ("gradient", "time", {"spacing": {"time": "level"}}),
            ("gradient", "x", {"boundary": "periodic", "period": {"x": 4.0}}),
        ]
    ):
        target: Any = tmp_path / f"{k}.zarr"
        xgrad.to_zarr(cast(Any, operation), tmp_path / "in.zarr", target, dim=dim, **options)
        found.append(json.loads(attribute(target))["job"])
    expected = {3: "5efe28462cc198a8"}
    assert digest(found) == expected[record.ARITHMETIC], found
