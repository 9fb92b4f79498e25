"""Arguments of the public functions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask
import pytest
import xarray as xr

from tests.jobs.helpers import write_mixed
from xgrad import CoordinateError
from xgrad.jobs.api import _parsed, gradient_to_zarr, plan_to_zarr, to_zarr


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_mixed(tmp_path / "source.zarr")


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"variables": ["nope"]}, ValueError, "'nope', which the source lacks; it has"),
        ({"dim": "nope"}, CoordinateError, "'nope', which does not exist"),
        ({"chunks": {"nope": 2}}, ValueError, "`chunks` names 'nope'"),
        ({"chunks": {"time": 0}}, ValueError, "`chunks` for 'time' is 0"),
        ({"edge_order": 3}, ValueError, "`edge_order` is 3"),
        (
            {"source": "missing.zarr"},
            FileNotFoundError,
            r"`source` .*missing\.zarr' does not exist",
        ),
        ({"source": "."}, ValueError, "is a folder but not a Zarr store"),
        ({"source": "text.nc"}, ValueError, "nor a file that xarray opens"),
        ({"target": "no/such/folder.zarr"}, FileNotFoundError, "the folder of `target`"),
        ({"target": ""}, ValueError, "give the path of a store"),
        ({"memory": 10**6}, MemoryError, "one chunk of 'u' .* with its halo needs .* in all; give"),
        ({"memory": -1}, ValueError, "`memory` is -1; give a positive number of bytes"),
        ({"retries": -1}, ValueError, "`retries` is -1; give 0 or more"),
        ({"workers": 0}, ValueError, "`workers` is 0"),
        ({"workers": "2"}, TypeError, "`workers` is '2'; give a number of processes"),
        ({"scheduler": 8786}, TypeError, "`scheduler` is a int; give an address such as"),
        ({"chunks": "auto"}, TypeError, "`chunks` is 'auto'; give a mapping"),
        ({"chunks": {"time": "auto"}}, TypeError, "`chunks` for 'time' is 'auto'; give a number"),
        ({"target": None}, TypeError, "`target` is a NoneType; give a path or URL"),
        ({"target": 5}, TypeError, "`target` is a int; give a path or URL"),
        ({"target": xr.Dataset()}, TypeError, "`target` is a Dataset; give a path or URL"),
    ],
)
def test_refusals_come_before_anything_is_computed_or_written(
    options: Any,
    kind: type[Exception],
    message: str,
    source: Path,
    tmp_path: Path,
    monkeypatch: Any,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text.nc").write_text("not a file of numbers")
    Path("empty").mkdir()
    if options.get("source") == ".":
        options = {"source": "empty"}
    before = sorted(tmp_path.rglob("*"))
    arguments = {"source": source, "target": tmp_path / "target.zarr", **options}

    def refuse(*_args: Any, **_kwargs: Any) -> Any:
        raise AssertionError("something was computed")

    with dask.config.set(scheduler=refuse), pytest.raises(kind, match=message):
        gradient_to_zarr(**arguments)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("function", [to_zarr, gradient_to_zarr, plan_to_zarr])
def test_an_unknown_option_is_refused_with_the_nearest_one(
    function: Any, source: Path, tmp_path: Path
) -> None:
    first = () if function is gradient_to_zarr else ("gradient",)
    message = rf"^{function.__name__}\(\) got .* 'memry'; did you mean 'memory'\?$"
    with pytest.raises(TypeError, match=message):
        function(*first, source, tmp_path / "out.zarr", memry=10**9)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"retries": -1}, "`retries` is -1; give 0 or more"),
        ({"memory": "1GB"}, "`memory` is '1GB'; give a positive number of bytes"),
        ({"form": "flux"}, "`form` is 'flux', but `gradient` has no form; leave it out"),
        ({"workers": 0}, "`workers` is 0"),
        ({"variables": "nope"}, "'nope', which the source lacks"),
    ],
)
def test_a_plan_refuses_what_the_job_refuses(
    options: Any, message: str, source: Path, tmp_path: Path
) -> None:
    for function in (plan_to_zarr, to_zarr):
        with pytest.raises(ValueError, match=message):
            function("gradient", source, tmp_path / "out.zarr", **options)
    with pytest.raises(ValueError, match="`operation` is 'integral'; give one of"):
        plan_to_zarr(operation="integral", source=source, target=tmp_path / "out.zarr")


OLD: dict[str, Callable[..., Any]] = {
    "source, target": lambda plan, source: plan(source, "out.zarr"),
    "variables": lambda plan, source: plan(source, "out.zarr", "t"),
    "all by position": lambda plan, source: plan(source, "out.zarr", ["t"], "x"),
    "operation": lambda plan, source: plan(source, "out.zarr", operation="gradient"),
    "target by name": lambda plan, source: plan(source, target="out.zarr", dim="x"),
    "all by name": lambda plan, source: plan(source=source, target="out.zarr"),
}
NEW: dict[str, Callable[..., Any]] = {
    "by position": lambda plan, source: plan("gradient", source, "out.zarr"),
    "variables": lambda plan, source: plan("gradient", source, "out.zarr", "t", "x"),
    "target by name": lambda plan, source: plan("gradient", source, target="out.zarr"),
    "source by name": lambda plan, source: plan("gradient", source=source, target="out.zarr"),
    "by name": lambda plan, source: plan(operation="gradient", source=source, target="out.zarr"),
}


@pytest.mark.parametrize(
    "name", ["in.zarr", "gradient", pytest.param("curl", marks=pytest.mark.thorough)]
)
def test_plans_take_the_operation_first_and_still_the_old_order(
    name: str, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    write_mixed(tmp_path / name)
    for call in NEW.values():
        assert call(plan_to_zarr, name).source == name
    for key, call in OLD.items():
        if key == "variables" and name != "in.zarr":
            continue  # looks like an operation, a source and a target
        with pytest.warns(DeprecationWarning, match="takes the operation first") as caught:
            assert call(plan_to_zarr, name).source == name
        (warning,) = caught
        assert warning.filename == __file__
        shown = str(warning.message).partition("write ")[2]
        assert shown == f"plan_to_zarr('gradient', {name!r}, 'out.zarr', ...)"


def test_arguments_in_another_order_are_refused(source: Path, tmp_path: Path) -> None:
    swapped: Any = xr.Dataset()
    with pytest.raises(TypeError, match="`operation` is a Dataset; give a name such as 'gradient'"):
        to_zarr(swapped, "gradient", tmp_path / "out.zarr")  # type: ignore[arg-type]
    arrays: Any = {"x": xr.DataArray([1.0])}
    with pytest.raises(TypeError, match="`dim` for 'x' is a DataArray; give the name of"):
        to_zarr("curl", source, tmp_path / "out.zarr", dim=arrays)


def test_a_call_with_the_wrong_number_of_arguments_is_refused() -> None:
    with pytest.raises(TypeError, match=r"plan_to_zarr\(\) missing .* 'target'"):
        plan_to_zarr("gradient")
    with pytest.raises(TypeError, match="multiple values for argument 'dim'"):
        plan_to_zarr("in.zarr", "out.zarr", ["t"], "x", dim="x")
    with pytest.raises(ValueError, match="`operation` is 'gradiant'; give one of"):
        plan_to_zarr("gradiant", "in.zarr", "out.zarr", ["t"], "x")


def test_a_word_for_a_unit_of_time_is_the_same_job(source: Path) -> None:
    def options(**given: Any) -> Any:
        return _parsed("gradient", source, None, "time", given)[0].options  # type: ignore[arg-type]

    assert options(datetime_unit="hours") == options(datetime_unit="h") != options()
