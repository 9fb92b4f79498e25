"""What a job writes is what the accessor computes, to the bit, however it is cut into regions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import xgrad
from tests.helpers import mostly_thorough, same_bits, same_bytes, wild
from tests.jobs.helpers import OPTIONS, SMALL, assert_equal, compare, small
from tests.operators.seas import seamount
from xgrad.jobs.api import gradient_to_zarr
from xgrad.jobs.assignment import loaded


@pytest.mark.parametrize(
    "name",
    mostly_thorough(OPTIONS, "boundaries", "gaps, accuracy 4", "columns around"),
)
@pytest.mark.parametrize(
    "chunks", [(5, 4, 6), pytest.param((1, 7, 11), marks=pytest.mark.thorough)]
)
@pytest.mark.parametrize("dtype", ["f8", pytest.param("f4", marks=pytest.mark.thorough)])
def test_a_job_gives_the_bits_of_the_accessor(
    dtype: str, name: str, chunks: Any, tmp_path: Path
) -> None:
    given, options = small(dtype), OPTIONS[name]
    encoding = {"t": {"chunks": chunks}, "height": {"chunks": (5, 3, 4)}}
    given.to_zarr(tmp_path / "in.zarr", encoding=encoding, zarr_format=2)
    gradient_to_zarr(tmp_path / "in.zarr", tmp_path / "out.zarr", "t", **options)
    compare(tmp_path / "out.zarr", given, options)


@pytest.mark.parametrize(
    "dtype",
    # Kernels have the law for the other kinds of number.
    mostly_thorough(["f2", "M8[s]", ">f4", "u1", "f4", "c8", ">c16", "i8"], "f2"),
)
def test_a_job_takes_any_dtype(dtype: str, tmp_path: Path) -> None:
    given = small(dtype)[["t"]]
    given.to_zarr(
        tmp_path / "in.zarr",
        encoding={"t": {"chunks": (5, 4, 6)}},
        zarr_format=2,
    )
    gradient_to_zarr(tmp_path / "in.zarr", tmp_path / "out.zarr", "t")
    with xr.open_zarr(tmp_path / "in.zarr") as stored:
        compare(tmp_path / "out.zarr", stored.load(), {})


@pytest.mark.parametrize("skipna", [False, True])
@pytest.mark.parametrize("spacing", [pytest.param("x", marks=pytest.mark.thorough), "own"])
def test_a_job_takes_steps_of_any_scale(spacing: str, skipna: bool, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    f, x = rng.normal(size=(14, 3)), 2.0**980 * rng.random((14, 1)).cumsum(0)
    coords = {"x": x[:, 0], "own": (("x", "y"), x * [1, 0.5, 2**-1900])}
    given = xr.Dataset({"t": (("x", "y"), f)}, coords)
    given.to_zarr(tmp_path / "in.zarr", encoding={"t": {"chunks": (4, 2)}}, zarr_format=2)
    options: Any = {"dim": "x", "accuracy": 8, "skipna": skipna, "spacing": {"x": spacing}}
    name = "dt_dx" if spacing == "x" else "dt_down"
    gradient_to_zarr(tmp_path / "in.zarr", tmp_path / "out.zarr", "t", **options)
    compare(tmp_path / "out.zarr", given, options)
    plain = given.t.fdgrad.gradient("x", accuracy=8, spacing={"x": x[:, 0] * 2.0**-980})
    with xr.open_zarr(tmp_path / "out.zarr") as found:
        assert same_bits(found[name][:, 0].values, plain.dt_dx[:, 0].values * 2.0**-980)


@pytest.mark.parametrize(
    "options",
    mostly_thorough(
        [{}, {"edge_order": 2, "boundary": {"x": "nan"}}, {"accuracy": 4}],
        {"edge_order": 2, "boundary": {"x": "nan"}},
    ),
)
def test_a_job_gives_the_bytes_of_the_accessor_for_nan_too(options: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    coords = {"y": np.cumsum(rng.random(30) + 0.2), "x": np.arange(21.0)}
    given = xr.Dataset({"t": (("y", "x"), wild(rng, (30, 21), "f4"))}, coords)
    encoding = {"t": {"chunks": (7, 4), "_FillValue": None}}
    given.to_zarr(tmp_path / "in.zarr", encoding=encoding, zarr_format=2)
    gradient_to_zarr(tmp_path / "in.zarr", tmp_path / "out.zarr", "t", **options)
    raw = zarr.open_group(tmp_path / "out.zarr", mode="r")
    for name, derivative in given.t.fdgrad.gradient(**options).items():
        assert same_bytes(raw[str(name)][:], derivative.values)


@pytest.mark.parametrize("units", ["nanoseconds", "nanoseconds since 1970-01-01"])
def test_a_job_subtracts_times_that_are_more_than_an_int64_apart(
    units: str, tmp_path: Path
) -> None:
    ticks = np.array([-(2**63) + 2, 5, 2**63 - 1, 0, 2**62, -(2**62)])
    raw = xr.Dataset({"t": ("x", ticks, {"units": units, "dtype": "timedelta64[ns]"})})
    raw.to_zarr(tmp_path / "in.zarr", encoding={"t": {"chunks": (2,)}}, zarr_format=2)
    gradient_to_zarr(tmp_path / "in.zarr", tmp_path / "out.zarr", "t")
    with xr.open_zarr(tmp_path / "out.zarr") as found:
        rises = [5 + 2**63 - 2, 2**64 - 3, -5, 2**62 - 2**63 + 1, -(2**62), -(2**63)]
        halved = [1, 2, 2, 2, 2, 1]
        assert found.dt_dx.values.tolist() == [
            float(rise) / 1e9 / half for rise, half in zip(rises, halved, strict=True)
        ]


def sides(longest: int) -> st.SearchStrategy[int]:
    """Sides of chunks; the first example is the longest one, as many short ones take seconds."""
    return st.integers(1 - longest, 0).map(lambda n: longest + n)


@given(
    chunks=st.tuples(*(sides(side) for side in SMALL.values())),
    written=st.dictionaries(st.sampled_from(list(SMALL)), st.integers(1, 15)),
    name=st.sampled_from(list(OPTIONS)),
    room=st.sampled_from([None, 8 * 10**8]),
)
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
    max_examples=max(1, settings().max_examples // 8),  # each one writes two stores
)
def test_no_bit_depends_on_the_regions(
    chunks: Any, written: Any, name: str, room: Any, tmp_path_factory: Any
) -> None:
    folder, given, options = tmp_path_factory.mktemp("job"), small(), OPTIONS[name]
    given.to_zarr(
        folder / "in.zarr",
        encoding={"t": {"chunks": chunks}},
        zarr_format=2,
        write_empty_chunks=True,
    )
    gradient_to_zarr(
        folder / "in.zarr",
        folder / "out.zarr",
        "t",
        chunks=written,
        memory=room and loaded() + room,
        **options,
    )
    compare(folder / "out.zarr", given, options)


@pytest.mark.parametrize("fill_value", mostly_thorough([np.nan, -999.0, 1e20], -999.0))
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_fill_values_are_kept(fill_value: float, zarr_format: Any, tmp_path: Path) -> None:
    source, target = tmp_path / "in.zarr", tmp_path / "out.zarr"
    encoding = {"t": {"_FillValue": np.float64(fill_value), "compressors": None}}
    small()[["t"]].to_zarr(source, consolidated=False, encoding=encoding, zarr_format=zarr_format)
    gradient_to_zarr(source, target)
    with xr.open_zarr(target) as found:
        np.testing.assert_equal(found.dt_dx.encoding["_FillValue"], np.float64(fill_value))
    raw: Any = zarr.open_group(target)["dt_dx"]
    assert np.isnan(raw[:]).any() == np.isnan(fill_value)
    compare(target, small(), {})


def test_a_derivative_that_equals_the_fill_value_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "in.zarr"
    given = xr.Dataset({"t": ("x", np.arange(5.0) * -999)})
    given.to_zarr(source, encoding={"t": {"_FillValue": -999.0}}, zarr_format=2)
    with pytest.raises(RuntimeError, match=r"a result is -999, the `_FillValue`"):
        gradient_to_zarr(source, tmp_path / "out.zarr", retries=0, allow_missing=True)
    given.to_zarr(source, mode="w", encoding={"t": {"_FillValue": 0.0}}, zarr_format=2)
    gradient_to_zarr(source, tmp_path / "out.zarr", restart=True)


def test_chunks_of_only_nan_are_written(tmp_path: Path) -> None:
    given = small()[["t"]]
    given.t[4:8] = np.nan
    given.to_zarr(
        tmp_path / "in.zarr",
        encoding={"t": {"chunks": (4, 7, 11)}},
        write_empty_chunks=True,
        consolidated=False,
    )
    gradient_to_zarr(tmp_path / "in.zarr", tmp_path / "out.zarr", dim="x")
    array: Any = zarr.open_group(tmp_path / "out.zarr")["dt_dx"]
    assert array.nchunks_initialized == array.nchunks == 4


@pytest.mark.parametrize(
    ("operation", "options"),
    [
        ("gradient", {"dim": ["x", "y"], "skipna": True}),
        pytest.param("laplacian", {"dim": ["x", "y"]}, marks=pytest.mark.thorough),
        pytest.param("gradient", {"dim": "time"}, marks=pytest.mark.thorough),
        pytest.param(
            "derivative", {"dim": ["x", "y"], "constant_by": "linear"}, marks=pytest.mark.thorough
        ),
        pytest.param(
            "magnitude", {"dim": ["x", "y"], "constant_by": "chain"}, marks=pytest.mark.thorough
        ),
    ],
)
@pytest.mark.parametrize("in_time", [True, pytest.param(False, marks=pytest.mark.thorough)])
def test_a_job_holds_heights_constant(
    operation: str, options: dict[str, Any], tmp_path: Path, *, in_time: bool
) -> None:
    z = seamount(0.5, 17, 6, levels=8)
    t = xr.DataArray([0.0, 1.0, 2.0], {"time": [0.0, 1.0, 2.0]}, "time")
    q = (np.exp(z / 700) * np.sin(z.x / 9e3 + z.y / 5e3) * (1 + t)).transpose("time", ...)
    z = (z * (1 + 0.01 * t)).transpose("time", ...) if in_time else z
    ds = xr.Dataset({"q": q}).assign_coords(z=z).drop_attrs()
    stored = ds.chunk(time=1, s=3, y=2, x=5)
    stored.to_zarr(tmp_path / "in.zarr", zarr_format=2)
    options = options | {"constant": {"s": "z"}}
    target = tmp_path / "out.zarr"
    xgrad.to_zarr(operation, tmp_path / "in.zarr", target, **options)
    expected = getattr(ds.fdgrad, operation)(**options)
    assert_equal(target, expected)
    with xr.open_zarr(target) as found:
        assert all(one.encoding["chunks"] == (1, 3, 2, 5) for one in found.data_vars.values())


def test_a_job_takes_heights_as_an_array_and_makes_those_of_formula_terms(tmp_path: Path) -> None:
    z = seamount(0.5, 17, levels=8)
    ds = xr.Dataset({"q": np.exp(z / 700)}).drop_attrs()
    bottom = z.isel(s=0, drop=True) / ds.s[0]
    attrs = {"standard_name": "ocean_sigma_coordinate"}
    terms = {"formula_terms": "sigma: s eta: eta depth: depth"}
    ds = ds.assign_coords(s=ds.s.assign_attrs(attrs, **terms), eta=0.0, depth=bottom)
    ds.chunk(s=3, x=5).to_zarr(tmp_path / "in.zarr", zarr_format=2)
    for constant in (z.drop_vars(["x", "s"]), "formula_terms"):
        target = tmp_path / f"{isinstance(constant, str)}.zarr"
        xgrad.to_zarr("gradient", tmp_path / "in.zarr", target, dim="x", constant={"s": constant})
        assert_equal(target, ds.fdgrad.gradient("x", constant={"s": constant}))


@pytest.mark.thorough  # the tests beside it hold heights, too
def test_a_job_of_some_variables_holds_heights_that_are_another(tmp_path: Path) -> None:
    z = seamount(0.5, 17, 3, levels=8).drop_attrs()
    ds = xr.Dataset({"q": np.exp(z / 700), "r": z**2, "z": z})
    ds.chunk(s=3, x=5).to_zarr(tmp_path / "in.zarr", zarr_format=2)
    more: tuple[tuple[str, dict[str, Any]], ...] = (
        ("gradient", {"dim": "x", "variables": ["q"]}),
        ("divergence", {"dim": {"x": "q", "y": "r"}}),
    )
    for operation, own in more:
        target, held = tmp_path / f"{operation}.zarr", {"constant": {"s": "z"}}
        xgrad.to_zarr(operation, tmp_path / "in.zarr", target, **own, **held)
        expected = (
            ds[["q", "z"]].fdgrad.gradient("x", **held)
            if operation == "gradient"
            else ds.fdgrad.divergence(own["dim"], **held).to_dataset()
        )
        assert_equal(target, expected)
