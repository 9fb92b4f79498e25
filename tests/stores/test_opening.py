"""What is opened, and how: each refusal names a remedy that works."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest
import xarray as xr
import zarr

import xgrad
from tests.command import Session
from tests.helpers import same_bits
from xgrad.stores.opening import Opening, dataset
from xgrad.stores.source import opened

VALUES = np.array([1, 2, 4, 8], "f4")


def with_groups(path: Path) -> Path:
    with netCDF4.Dataset(path, "w") as file:
        group = file.createGroup("PRODUCT").createGroup("DETAILED")
        group.createDimension("x", 4)
        group.createVariable("no2", "f4", ("x",))[:] = VALUES
    return path


def derivative(target: Path, name: str) -> Any:
    with xr.open_zarr(target) as found:
        return found[f"d{name}_dx"].values


@pytest.mark.parametrize("engine", [None, "netcdf4", "h5netcdf"])
def test_a_group_of_a_file(engine: str | None, tmp_path: Path) -> None:
    source, target = with_groups(tmp_path / "in.nc"), tmp_path / "out.zarr"
    has = r"\['PRODUCT/DETAILED'\]"
    for group in (None, "PRODUCT"):
        with pytest.raises(ValueError, match=f"has no variables in its .*{has}; .* as `group`"):
            xgrad.gradient_to_zarr(source, target, group=group, engine=engine)
    with pytest.raises(ValueError, match=f"`group` names 'NONE', which .* lacks; it has {has}"):
        xgrad.gradient_to_zarr(source, target, group="NONE", engine=engine)
    with pytest.raises(FileNotFoundError, match="is a file; name 'PRODUCT' in `group`"):
        xgrad.gradient_to_zarr(source / "PRODUCT", target)
    xgrad.gradient_to_zarr(source, target, group="PRODUCT/DETAILED", engine=engine)
    assert same_bits(derivative(target, "no2"), np.gradient(VALUES))


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("consolidated", [False, True])
@pytest.mark.filterwarnings("ignore:Consolidated metadata")
def test_a_group_of_a_store(zarr_format: Any, consolidated: bool, tmp_path: Path) -> None:
    source, target = tmp_path / "in.zarr", tmp_path / "out.zarr"
    tree = xr.DataTree.from_dict({"/a/b": xr.Dataset({"t": ("x", VALUES)})})
    tree.to_zarr(source, zarr_format=zarr_format, consolidated=consolidated)
    with pytest.raises(ValueError, match=r"groups that have: \['a/b'\]; give one of them as `grou"):
        xgrad.gradient_to_zarr(source, target)
    with pytest.raises(ValueError, match=r"`group` names 'c', which .* lacks; it has \['a/b'\]"):
        xgrad.gradient_to_zarr(source, target, group="c")
    with pytest.raises(
        ValueError, match=r"is a Zarr array, not a group; give .*'t' in `variables`"
    ):
        xgrad.gradient_to_zarr(source / "a" / "b" / "t", target)
    xgrad.gradient_to_zarr(source, target, ["t"], group="a/b")
    assert same_bits(derivative(target, "t"), np.gradient(VALUES))


def test_a_store_is_opened_without_the_engines_of_other_packages(tmp_path: Path) -> None:
    """Old releases of xarray import them all, which takes memory and time."""
    xr.Dataset({"t": ("x", VALUES)}).to_zarr(tmp_path / "in.zarr", consolidated=False)
    engines: Any = xr.backends.list_engines
    engines.cache_clear()
    dataset(tmp_path / "in.zarr", Opening())
    assert engines.cache_info().currsize == 0


def test_a_store_is_opened_as_it_is_stored(tmp_path: Path) -> None:
    packed = {"t": {"dtype": "i2", "scale_factor": 0.5, "_FillValue": -1}}
    xr.Dataset({"t": ("x", VALUES)}).to_zarr(
        tmp_path / "in.zarr", encoding=packed, consolidated=False
    )
    found = dataset(tmp_path / "in.zarr", Opening(open_options={"decode_cf": False}))
    xr.testing.assert_identical(
        found, xr.open_zarr(tmp_path / "in.zarr", decode_cf=False, consolidated=False)
    )
    assert found.t.dtype == "i2"


def test_an_array_alone_is_no_source(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "t", data=VALUES)
    with pytest.raises(ValueError, match="is a Zarr array, not a group; put it into a group first"):
        xgrad.gradient_to_zarr(tmp_path / "t", tmp_path / "out.zarr")


def months(path: Path, calendar: str) -> Path:
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("T", 4)
        time = file.createVariable("T", "f4", ("T",))
        time.units, time.calendar, time[:] = "months since 1960-01-01", calendar, np.arange(4) + 0.5
        file.createVariable("sst", "f4", ("T",))[:] = VALUES
    return path


def test_months_of_a_calendar_where_they_have_one_length(tmp_path: Path) -> None:
    source, target = months(tmp_path / "in.nc", "360_day"), tmp_path / "out.zarr"
    xgrad.gradient_to_zarr(source, target, datetime_unit="D")
    expected = xr.open_dataset(source).fdgrad.gradient("T", datetime_unit="D")
    with xr.open_zarr(target) as found:
        assert same_bits(found.dsst_dT.values, expected.dsst_dT.values)
        assert same_bits(found.dsst_dT.values, np.gradient(VALUES) / np.float32(30))
        assert list(found["T"].values) == list(expected["T"].values)


def test_months_of_other_calendars_are_numbers(tmp_path: Path) -> None:
    source, target = months(tmp_path / "in.nc", "standard"), tmp_path / "out.zarr"
    with pytest.raises(ValueError, match=r"'months since 1960-01-01', .* `decode_times=False`"):
        xgrad.gradient_to_zarr(source, target)
    xgrad.gradient_to_zarr(source, target, decode_times=False)
    with xr.open_zarr(target, decode_times=False) as found:
        assert same_bits(found.dsst_dT.values, np.gradient(VALUES))
        assert found["T"].attrs["units"] == "months since 1960-01-01"


def test_other_options_of_xarray(tmp_path: Path) -> None:
    source, target = tmp_path / "in.nc", tmp_path / "out.zarr"
    packed = {"t": {"dtype": "i2", "scale_factor": 0.5, "_FillValue": -1}}
    xr.Dataset({"t": ("x", VALUES), "u": ("x", VALUES)}).to_netcdf(source, encoding=packed)
    options: Any = {"mask_and_scale": False, "drop_variables": ["u"]}
    xgrad.gradient_to_zarr(source, target, open_options=options)
    with xr.open_zarr(target) as found:
        assert list(found) == ["dt_dx"]
        assert same_bits(found.dt_dx.values, np.gradient(2 * VALUES.astype("f8")))
    for key, message in (("engine", "give `engine` instead"), ("chunks", "a job decides itself")):
        with pytest.raises(ValueError, match=f"`open_options` has '{key}'.*{message}"):
            xgrad.gradient_to_zarr(source, tmp_path / "none", open_options={key: "a"})
    with pytest.raises(ValueError, match="`open_options` names 'nonsense', which the"):
        xgrad.gradient_to_zarr(source, tmp_path / "none", open_options={"nonsense": 1})


def test_an_engine_or_a_group_that_does_not_exist_is_named(tmp_path: Path) -> None:
    source = tmp_path / "in.nc"
    xr.Dataset({"t": ("x", VALUES)}).to_netcdf(source)
    with pytest.raises(ValueError, match=r"`engine` is 'foo', which xarray lacks here; it has \["):
        dataset(source, Opening(engine="foo"))
    with pytest.raises(ValueError, match=r"`group` names 'a', which .* no groups with variables"):
        dataset(source, Opening(group="a"))


def test_the_command_opens_the_same(commands: Session, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    source, target = with_groups(folder / "groups.nc"), tmp_path / "out.zarr"
    commands.fails("Error: SRC", "gradient", source, target)
    commands.fails("; give one of them as --group", "gradient", source, target)
    done = commands.run("gradient", source, target, "--group", "PRODUCT/DETAILED")
    assert done.returncode == 0, done.stderr
    numbers = months(folder / "months.nc", "standard")
    commands.fails("give --no-decode-times", "gradient", numbers, tmp_path / "m.zarr")
    done = commands.run("gradient", numbers, tmp_path / "m.zarr", "--no-decode-times")
    assert done.returncode == 0, done.stderr
    for k in range(3):
        part = xr.Dataset({"t": ("x", VALUES)}, {"x": 4.0 * k + np.arange(4)})
        part.to_netcdf(folder / f"part{k}.nc")
    parts = [folder / f"part{k}.nc" for k in (2, 0, 1)]
    for name, given in (("list", parts), ("pattern", [folder / "part*.nc"])):
        done = commands.run(
            "gradient", *given, tmp_path / name, "--engine", "h5netcdf", "--open",
            "decode_timedelta=false", "--open", "drop_variables=none",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert same_bits(derivative(tmp_path / name, "t"), np.gradient(np.tile(VALUES, 3)))
    commands.fails("Error: SRC", "gradient", folder / "no*.nc", tmp_path / "none")
    wrong = ("gradient", parts[0], tmp_path / "none", "--open")
    commands.fails("--open has 'chunks', which a job decides itself", *wrong, "chunks={}")
    commands.fails("'--open': 'abc' is not of the form KEY=VALUE", *wrong, "abc")
    filled = xr.Dataset({"t": ("x", VALUES)})
    filled.to_netcdf(folder / "filled.nc", encoding={"t": {"_FillValue": np.float32(3)}})
    job = ("gradient", folder / "filled.nc", tmp_path / "filled.zarr")
    commands.fails("a result is 3, the `_FillValue` of its variable", *job)
    commands.fails("--fill-value", *job, "--fill-value", "-5")
    done = commands.run(*job, "--fill-value", "-5", "--restart")
    assert done.returncode == 0, done.stderr
    with xr.open_zarr(tmp_path / "filled.zarr") as found:
        assert found.dt_dx.encoding["_FillValue"] == -5


def test_the_caches_of_the_netcdf_library_are_as_before(tmp_path: Path) -> None:
    netCDF4.set_chunk_cache(2**21, 1009, 0.5)
    months(tmp_path / "in.nc", "360_day")
    dataset(tmp_path / "in.nc", Opening()).close()
    with pytest.raises(ValueError, match="neither"):
        dataset(Path(__file__), Opening(engine="netcdf4"))
    assert netCDF4.get_chunk_cache() == (2**21, 1009, 0.5)


@pytest.mark.parametrize(
    "options",
    [{"group": "a"}, {"engine": "zarr"}, {"decode_times": False}, {"open_options": {"a": 1}}],
)
def test_an_object_is_open_already(options: Any, tmp_path: Path) -> None:
    (name,) = options
    with pytest.raises(ValueError, match=f"`{name}` is .*, but `source` is an object"):
        xgrad.gradient_to_zarr(xr.Dataset({"t": ("x", VALUES)}), tmp_path / "out.zarr", **options)


@pytest.mark.parametrize("engine", ["netcdf4", "h5netcdf"])
@pytest.mark.parametrize("n_files", [1, 2])
def test_a_closed_source_has_no_file_open(engine: Any, n_files: int, tmp_path: Path) -> None:
    for k in range(n_files):
        x = np.arange(4.0) + 4 * k
        xr.Dataset({"t": ("x", x**2)}, {"x": x}).to_netcdf(tmp_path / f"{k}.nc", engine=engine)
    source = opened(sorted(tmp_path.glob("*.nc")), Opening(engine=engine))
    assert source.data.t[-1] == (4 * n_files - 1) ** 2
    source.close()
    links = [path.readlink() for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    assert [link for link in links if link.is_relative_to(tmp_path)] == []
