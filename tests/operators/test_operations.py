"""The law of the table: a job computes what the accessor does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import xarray as xr

from tests.helpers import same_bits
from tests.operators.grids import on
from tests.operators.helpers import volume, wind
from xgrad.jobs.api import to_zarr
from xgrad.operators.operations import OPERATIONS


@pytest.mark.parametrize(
    ("operation", "dim", "options"),
    [
        ("divergence", {"x": "u", "y": "v", "z": "w"}, {"edge_order": 2}),
        ("curl", {"x": "u", "y": "v", "z": "w"}, {}),
        ("smooth", ["x", "z"], {"window": {"x": 7, "z": 3}, "polyorder": 2}),
        *(
            pytest.param(*case, marks=pytest.mark.thorough)
            for case in (
                ("magnitude", None, {"boundary": {"x": "periodic"}, "period": {"x": 45.5}}),
                ("hessian", ["x", "z"], {}),
                (
                    "derivative",
                    ["x"],
                    {"order": 3, "boundary": {"x": "periodic"}, "period": {"x": 45.5}},
                ),
                ("direction", ["y", "x"], {"edge_order": 2}),
                ("magnitude", ["z"], {"spacing": {"z": "height"}}),
                ("laplacian", ["x", "z"], {"accuracy": 4}),
                ("magnitude", None, {"spacing": {"z": "height"}, "skipna": True}),
                ("curl", {"x": "u", "y": "v"}, {"boundary": {"x": "extend"}}),
                ("derivative", ["x", "y"], {"order": 2, "accuracy": 4}),
            )
        ),
    ],
)
@pytest.mark.parametrize("zarr_format", [pytest.param(2, marks=pytest.mark.thorough), 3])
def test_a_job_gives_the_bits_of_the_accessor(
    operation: Any, dim: Any, options: Any, zarr_format: Any, tmp_path: Path
) -> None:
    ds = wind().assign_coords(height=volume().height)
    chunks = {"u": (2, 7, 4), "v": (3, 2, 9), "w": (6, 3, 2)}
    encoding = {name: {"chunks": own, "_FillValue": -999.0} for name, own in chunks.items()}
    ds.to_zarr(tmp_path / "in.zarr", encoding=encoding, zarr_format=zarr_format, consolidated=False)
    to_zarr(operation, tmp_path / "in.zarr", tmp_path / "out.zarr", None, dim, **options)
    expected = (
        getattr(ds.fdgrad, operation)(dim, **options)
        if OPERATIONS[operation].of_a_vector
        else getattr(ds.drop_vars("height").fdgrad if "spacing" not in options else ds.fdgrad,
                     operation)(dim, **options)
    )  # fmt: skip
    expected = expected if isinstance(expected, xr.Dataset) else expected.to_dataset()
    with xr.open_zarr(tmp_path / "out.zarr", chunks=None) as found:
        assert set(found.data_vars) == set(expected.data_vars)
        for name, values in expected.data_vars.items():
            assert same_bits(found[name].values, values.values), name
            assert found[name].attrs == values.attrs
        assert f"xgrad {operation} of" in found.attrs["history"]


@pytest.mark.parametrize(
    ("operation", "options"),
    [
        ("rotate", {"to": "grid", "metric": "ellipsoid", "accuracy": 4}),
        ("hessian", {"metric": "sphere"}),
        *(
            pytest.param(*case, marks=pytest.mark.thorough)
            for case in (
                ("rotate", {"to": "grid", "radius": 1.0}),
                ("direction", {"metric": "sphere"}),
            )
        ),
    ],
)
def test_a_job_on_a_curvilinear_grid_gives_the_bits_of_the_accessor(
    operation: Any, options: Any, tmp_path: Path
) -> None:
    ds = on("polar stereographic", 24)[0]
    ds.to_zarr(tmp_path / "in.zarr", encoding={"u": {"chunks": (7, 24)}}, zarr_format=2)
    names: Any = {"x": "u", "y": "v"} if OPERATIONS[operation].of_a_vector else ["lon", "lat"]
    variables = None if isinstance(names, dict) else ["f"]
    to_zarr(operation, tmp_path / "in.zarr", tmp_path / "out.zarr", variables, names, **options)
    expected = getattr((ds if variables is None else ds[variables]).fdgrad, operation)(
        names, **options
    )
    with xr.open_zarr(tmp_path / "out.zarr", chunks=None) as found:
        assert set(found.data_vars) == set(expected.data_vars)
        for name, values in expected.data_vars.items():
            assert same_bits(found[name].values, values.values), name
            assert found[name].attrs == values.attrs


def test_a_job_refuses_what_its_operation_does_not_have(tmp_path: Path) -> None:
    wind().to_zarr(tmp_path / "in.zarr", zarr_format=2)
    for operation, dim, options, message in [
        ("twirl", None, {}, "`operation` is 'twirl'; give one of"),
        ("curl", ["x", "y"], {}, "`curl` needs a mapping"),
        ("magnitude", None, {"form": "flux"}, "`form` is 'flux', but `magnitude` has no form"),
        ("gradient", None, {"order": 2}, "`order` is 2, but `gradient` has no order"),
        ("derivative", None, {}, "`dim` is None; give the dimension of the derivative"),
        ("derivative", "x", {"metric": "sphere"}, "but `derivative` has no metric"),
        ("rotate", {"x": "u", "y": "v"}, {"skipna": True}, "but `rotate` has no skipna"),
        ("rotate", {"x": "u", "y": "v"}, {}, "`to` is None; give 'earth' or 'grid'"),
        ("curl", {"x": "u"}, {}, "a curl needs two"),
    ]:
        with pytest.raises(ValueError, match=message):
            to_zarr(operation, tmp_path / "in.zarr", tmp_path / "o.zarr", None, dim, **options)
    assert not (tmp_path / "o.zarr").exists()
