"""What a request may name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from tests.helpers import mostly_thorough, same_bits
from tests.operators.grids import on
from xgrad.jobs.api import gradient_to_zarr
from xgrad.jobs.assignment import Assignment
from xgrad.jobs.plan import Needs
from xgrad.jobs.request import Job, Request


def test_invalid_names_of_results_and_useless_variables_are_refused(tmp_path: Path) -> None:
    made = xr.Dataset({"t": ("m/z", np.arange(4.0)), "text": ("m/z", list("abcd")), "one": 1.0})
    made.to_zarr(tmp_path / "in.zarr", zarr_format=2)
    with pytest.raises(ValueError, match=r"would be called 'dt_dm/z', .*; rename the dimension"):
        gradient_to_zarr(tmp_path / "in.zarr", tmp_path / "out.zarr")
    odd = xr.Dataset({"t": ("x", np.arange(4.0))}, {"a\\b": ("x", np.arange(4.0))})
    odd.to_netcdf(tmp_path / "in.nc", engine="scipy")
    with pytest.raises(ValueError, match=r"coordinate 'a\\\\b' cannot be copied, .* in the source"):
        gradient_to_zarr(tmp_path / "in.nc", tmp_path / "out.zarr")
    odd.reset_coords().to_netcdf(tmp_path / "in.nc", engine="scipy")
    with pytest.raises(ValueError, match=r"would be called 'da\\\\b_dx', .*; rename"):
        gradient_to_zarr(tmp_path / "in.nc", tmp_path / "out.zarr")
    (tmp_path / "in.nc").unlink()
    made.rename({"m/z": "mz"}).to_zarr(tmp_path / "in.zarr", mode="w", zarr_format=2)
    for name in ("text", "one"):
        with pytest.raises(ValueError, match=f"`variables` names '{name}', .*; leave it out"):
            gradient_to_zarr(tmp_path / "in.zarr", tmp_path / "out.zarr", ["t", name])
    assert [path.name for path in tmp_path.iterdir()] == ["in.zarr"]


def job(folder: Path, given: xr.Dataset, *, encoding: Any = None, **options: Any) -> Job:
    given.to_zarr(folder / "in.zarr", mode="w", encoding=encoding, zarr_format=2)
    request: Any = {"variables": None, "dim": "x", "chunks": {}, "options": {}, "token": "a run"}
    return Job(Request(str(folder / "in.zarr"), **{**request, **options}))


def test_what_a_cluster_logs_of_a_task_has_no_address() -> None:
    url = "https://me:secret@host/in.zarr?signature=secret"
    request = Request(url, None, None, {}, {}, "a run")
    task = Assignment(request, url, 0, "t", ("x",), 0, (), 0, 1)
    assert "secret" not in repr(task)


@pytest.mark.parametrize("names", ["abc", "cab"])
def test_groups_are_counted_in_the_order_of_their_names(names: str, tmp_path: Path) -> None:
    given = xr.Dataset({name: (("y", "x"), np.ones((4, 6), "f4")) for name in names})
    groups = job(tmp_path, given).groups
    assert [(group.index, group.name) for group in groups] == [(0, "a"), (1, "b"), (2, "c")]
    for group in groups:
        assert (group.dims, group.shape, group.itemsize) == (("y", "x"), (4, 6), 4)


def test_a_group_has_the_variables_that_a_result_needs_together(tmp_path: Path) -> None:
    given = xr.Dataset({name: (("y", "x"), np.ones((4, 6))) for name in ("u", "v")})
    chunks = {"u": {"chunks": (2, 6)}, "v": {"chunks": (4, 3)}}
    components = {"x": "u", "y": "v"}
    (group,) = job(
        tmp_path, given, encoding=chunks, variables=("u", "v"), dim=components,
        operation="divergence",
    ).groups  # fmt: skip
    assert group.name == "u, v"
    assert group.written == (2, 6), "as the first variable"
    assert group.stored == (4, 6), "what is read together of either"
    assert [axis.halo for axis in group.axes()] == [1, 1]


def test_what_a_term_is_taken_of_has_its_own_halo(tmp_path: Path) -> None:
    given = on("Albers", 12)[0][["f"]].drop_attrs(deep=False)
    sphere = {"metric": "sphere"}
    one = job(tmp_path, given, dim=("lon", "lat"), options=sphere, operation="laplacian")
    (group,) = one.groups
    mixed = [term for term in group.terms if term.of is not None]
    assert [(term.axis, term.of and term.of.axis) for term in mixed] == [(1, 0)]
    assert len(group.terms) == 6, "five of the Laplacian, and the first of the mixed derivative"
    assert [axis.halo for axis in group.axes()] == [1, 1]
    plain = job(tmp_path, given, dim=("lon", "lat"), options=sphere, operation="magnitude")
    needs, fewer = (Needs.of(own, own.groups[0]) for own in (one, plain))
    assert needs.result == 2 * fewer.result, "it is in memory as a whole"


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ({"_FillValue": -999.0}, -999.0),
        ({"_FillValue": 0.0}, None),  # a common derivative
        ({"_FillValue": -999, "dtype": "i2", "scale_factor": 0.1}, None),
        ({}, np.nan),  # which xarray writes
    ],
)
def test_a_fill_value_is_kept_if_it_can_only_mean_missing(
    encoding: Any, expected: Any, tmp_path: Path
) -> None:
    given = xr.Dataset({"t": ("x", np.ones(4))})
    (group,) = job(tmp_path, given, encoding={"t": encoding}).groups
    np.testing.assert_equal(group.fill_value, expected)


@pytest.mark.parametrize(
    "encoding",
    mostly_thorough([{"_FillValue": -999.0}, {"_FillValue": 0.0}, {}], {"_FillValue": 0.0}),
)
def test_a_fill_value_that_is_asked_for_is_taken(encoding: Any, tmp_path: Path) -> None:
    given = xr.Dataset({"t": ("x", [0.5, 1.0, np.nan, 5.0, 6.0])})
    given.to_zarr(tmp_path / "in.zarr", encoding={"t": encoding}, zarr_format=2)
    expected = given.fdgrad.gradient("x").dt_dx
    for value in (0.0, -5.0, np.nan, 1e20, np.float32(-9), np.int16(-8)):
        target = tmp_path / f"{value}.zarr"
        gradient_to_zarr(tmp_path / "in.zarr", target, fill_value=value)
        with xr.open_zarr(target) as found:
            np.testing.assert_equal(found.dt_dx.encoding["_FillValue"], value)
            assert same_bits(found.dt_dx.values, expected.values)
    for wrong in ("a", True, 1j, np.True_):
        with pytest.raises(TypeError, match=f"`fill_value` is {wrong!r}; give a number or nan"):
            gradient_to_zarr(tmp_path / "in.zarr", tmp_path / "none", fill_value=wrong)  # type: ignore[arg-type]
