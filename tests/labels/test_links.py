"""What belongs to other variables is carried along, never differentiated, and never lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import xgrad
from tests.helpers import mostly_thorough, same_bits
from xgrad.labels import links

SIDES = {"lev": 4, "y": 5, "x": 6}
DATA = ["u", "v", "w"]
# Per variable that belongs to others, its dimensions.
BELONGING = {
    "crs": (), "cell_area": ("y", "x"), "y_bnds": ("y", "nv"), "u_qc": ("lev", "y", "x"),
    "sigma": ("lev",), "p_surface": ("y", "x"), "place": ("y", "x"),
}  # fmt: skip
OPENED: dict[str, dict[str, Any]] = {
    "as usual": {}, "all": {"decode_coords": "all"}, "nothing": {"decode_coords": False},
}  # fmt: skip
OPERATIONS: dict[str, Callable[[xr.Dataset], Any]] = {
    "gradient": lambda ds: ds.fdgrad.gradient(),
    "derivative": lambda ds: ds.fdgrad.derivative("y"),
    "mixed": lambda ds: ds.fdgrad.derivative(["y", "x"]),
    "magnitude": lambda ds: ds.fdgrad.magnitude(["y", "x"]),
    "direction": lambda ds: ds.fdgrad.direction(("y", "x")),
    "laplacian": lambda ds: ds.fdgrad.laplacian(["y", "x"]),
    "hessian": lambda ds: ds.fdgrad.hessian(["y", "x"]),
    "divergence": lambda ds: ds.fdgrad.divergence({"x": "u", "y": "v"}),
    "curl": lambda ds: ds.fdgrad.curl({"x": "u", "y": "v"}),
    "curl of three": lambda ds: ds.fdgrad.curl({"x": "u", "y": "v", "lev": "w"}),
    "units": lambda ds: ds.fdgrad.gradient("y", units="m s-1 m-1"),
    "a variable": lambda ds: ds.u.fdgrad.gradient("y"),
    "a tree": lambda ds: xr.DataTree(ds).fdgrad.gradient("y").to_dataset(),
}


def dataset() -> xr.Dataset:
    rng = np.random.default_rng(0)
    own = {
        name: (dims, rng.normal(size=[SIDES.get(dim, 2) for dim in dims]))
        for name, dims in BELONGING.items()
    }
    attrs = {
        "units": "m s-1", "grid_mapping": "crs: x y", "cell_measures": "area: cell_area",
        "ancillary_variables": "u_qc",
    }  # fmt: skip
    data = {name: (tuple(SIDES), rng.normal(size=tuple(SIDES.values())), attrs) for name in DATA}
    ds = xr.Dataset({**data, **own}).set_coords("place").assign_coords(
        lev=("lev", np.arange(4.0), {"formula_terms": "sigma: sigma ps: p_surface"}),
        y=("y", np.arange(5.0) ** 2, {"units": "m", "bounds": "y_bnds"}),
        x=("x", np.arange(6.0), {"units": "m"}),
    )  # fmt: skip
    ds["crs"] = ((), 0, {"grid_mapping_name": "lambert_conformal_conic"})
    return ds


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("links") / "in.nc"
    dataset().to_netcdf(path)
    return path


def references(ds: xr.Dataset) -> Iterator[tuple[str, str]]:
    """Attribute and name of each reference of a file that was opened without decoding them."""
    for variable in ds.variables.values():
        for key in ("bounds", "coordinates", "ancillary_variables"):
            yield from ((key, name) for name in variable.attrs.get(key, "").split())
        for key in ("cell_measures", "formula_terms"):
            yield from ((key, name) for name in variable.attrs.get(key, "").split()[1::2])
        for name in variable.attrs.get("grid_mapping", "").split():
            yield "grid_mapping", name.rstrip(":")


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("opened", mostly_thorough(OPENED, *[*OPENED][:1]))
def test_nothing_but_data_is_differentiated(opened: str, operation: str, file: Path) -> None:
    run = OPERATIONS[operation]
    alone = dataset()[DATA].drop_attrs()
    for name in DATA:
        alone[name].attrs["units"] = "m s-1"
    alone.x.attrs["units"] = alone.y.attrs["units"] = "m"
    expected = run(alone)
    with xr.open_dataset(file, **OPENED[opened]) as ds:
        # As text, because a fill value of NaN does not equal its copy.
        before = {name: repr((v.attrs, v.encoding)) for name, v in ds.variables.items()}
        found = run(ds)
        assert {n: repr((v.attrs, v.encoding)) for n, v in ds.variables.items()} == before
        if isinstance(expected, xr.DataArray):
            found, expected = (one.to_dataset(name=one.name) for one in (found, expected))
        assert list(found.data_vars) == list(expected.data_vars)
        for name, one in expected.items():
            assert same_bits(found[name].values, one.values)


@pytest.mark.parametrize(
    "operation",
    mostly_thorough(
        ["gradient", "curl of three", "divergence", "units", "a variable"], "gradient", "units"
    ),
)
@pytest.mark.parametrize("opened", mostly_thorough(OPENED, *[*OPENED][:1]))
def test_links_survive_a_round_trip_and_none_dangles(
    opened: str, operation: str, file: Path, tmp_path: Path
) -> None:
    with xr.open_dataset(file, **OPENED[opened]) as ds:
        found = OPERATIONS[operation](ds)
        if isinstance(found, xr.DataArray):
            found = found.to_dataset()
        found.to_netcdf(tmp_path / "out.nc")
        found.to_zarr(tmp_path / "out.zarr", consolidated=False)
        for name in found.coords:
            assert found.coords[name].variable.equals(ds.variables[name])
    whole = operation not in ("divergence", "a variable")
    complete = operation != "a variable" or opened == "all"
    engines: list[tuple[str, dict[str, Any]]] = [
        ("out.nc", {}), ("out.zarr", {"engine": "zarr", "consolidated": False}),
    ]  # fmt: skip
    for path, engine in engines:
        with xr.open_dataset(tmp_path / path, decode_coords=False, **engine) as raw:
            kept = set(references(raw))
            assert {name for _, name in kept} <= set(raw.variables)
            assert (("grid_mapping", "crs") in kept) is complete
            assert (("cell_measures", "cell_area") in kept) is complete
            assert (("bounds", "y_bnds") in kept) is whole
        with xr.open_dataset(tmp_path / path, decode_coords="all", **engine) as again:
            for one in again.data_vars.values():
                assert one.encoding.get("grid_mapping") == ("crs: x y" if complete else None)


def test_in_a_dataset_all_is_carried_along() -> None:
    ds = dataset()
    found = ds.fdgrad.gradient("x")
    assert set(found.coords) == {*BELONGING, *SIDES}
    for name in BELONGING:
        assert found[name].variable.identical(ds[name].variable)


def test_what_is_named_is_differentiated() -> None:
    ds = dataset()
    assert list(ds[["y_bnds"]].fdgrad.gradient("y")) == ["dy_bnds_dy"]
    assert list(ds.y_bnds.fdgrad.gradient("y")) == ["dy_bnds_dy"]
    assert list(ds[["cell_area"]].fdgrad.gradient("y")) == ["dcell_area_dy"]
    with pytest.raises(ValueError, match=r"'y_bnds'.* belong to other variables .*`ds\[\['cell_"):
        ds.fdgrad.gradient("nv")
    found = ds.fdgrad.divergence({"x": "u_qc", "y": "v"})
    assert same_bits(found.values, (
        ds.u_qc.fdgrad.derivative("x") + ds.v.fdgrad.derivative("y")).values)  # fmt: skip


@pytest.mark.parametrize(
    "names", mostly_thorough([None, ["u"], ["u", "y_bnds"], ["cell_area"]], ["u", "y_bnds"])
)
def test_a_job_does_the_same(names: list[str] | None, file: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.zarr"
    xgrad.gradient_to_zarr(file, target, names, "y")
    wanted = DATA if names is None else names
    with xr.open_zarr(target, decode_coords=False) as raw, xr.open_dataset(file) as ds:
        assert {name for name in raw if "_dy" in str(name)} == {f"d{one}_dy" for one in wanted}
        assert {name for _, name in references(raw)} <= set(raw.variables)
        assert ("bounds" in raw.y.attrs) is ("y_bnds" not in wanted)
        for name in set(raw.variables) & set(ds.variables):
            assert raw.variables[name].equals(ds.variables[name])
    for how in ({}, {"decode_coords": "all"}):
        with xr.open_zarr(target, **how) as found:
            assert set(found.data_vars) == {f"d{one}_dy" for one in wanted}


def test_variables_of_other_files_are_no_dangling_reference() -> None:
    attrs = {"cell_measures": "area: areacella"}
    ds = xr.Dataset({"t": ("x", [0.0, 1.0], attrs)}, attrs={"external_variables": "areacella"})
    assert ds.fdgrad.gradient("x").dt_dx.attrs["cell_measures"] == "area: areacella"
    assert "cell_measures" not in ds.drop_attrs(deep=False).fdgrad.gradient("x").dt_dx.attrs


def test_places_with_bounds_are_not_ambiguous() -> None:
    east, north = ({"units": f"degrees_{one}"} for one in ("east", "north"))
    ds = xr.Dataset(
        {"t": (("y", "x"), np.eye(3))},
        {
            "XLAT": (("y", "x"), np.mgrid[:3, :3][0] * 1.0, {**north, "bounds": "XLAT_b"}),
            "XLONG": (("y", "x"), np.mgrid[:3, :3][1] * 1.0, {**east, "bounds": "XLONG_b"}),
            "XLAT_b": (("y", "x", "nv"), np.zeros((3, 3, 4)), north),
            "XLONG_b": (("y", "x", "nv"), np.zeros((3, 3, 4)), east),
        },
    )
    for obj in (ds, ds.reset_coords(["XLAT_b", "XLONG_b"])):
        found = obj.fdgrad.gradient(["XLONG", "XLAT"], metric="sphere")
        assert list(found) == ["dt_dXLONG", "dt_dXLAT"]


@pytest.mark.parametrize("text", [["a", "b"], 3, None, np.array(["a"])])
def test_what_is_no_text_is_no_link(text: Any) -> None:
    assert links.referred_by({"t": xr.Variable("x", [0.0], {"bounds": text})}) == set()


@pytest.mark.parametrize(
    ("attribute", "text", "names"),
    [
        ("cell_measures", "area: a volume: v", {"a", "v"}),
        ("cell_measures", "area:a", {"a"}),
        ("formula_terms", "p0: p0 a : a_term", {"p0", "a_term"}),
        ("grid_mapping", "crs", {"crs"}),
        ("grid_mapping", "crs: x y other: lat lon", {"crs", "x", "y", "other", "lat", "lon"}),
        ("ancillary_variables", "q  e", {"q", "e"}),
    ],
)
def test_the_texts_of_links(attribute: str, text: str, names: set[str]) -> None:
    assert links.referred_by({"t": xr.Variable("x", [0.0], {attribute: text})}) == names


def test_a_topology_carries_its_mesh() -> None:
    topology = {
        "cf_role": "mesh_topology", "face_node_connectivity": "nodes", "node_coordinates": "nx ny",
    }  # fmt: skip
    ds = xr.Dataset({
        "t": (("time", "face"), np.eye(3), {"mesh": "grid", "location": "face"}),
        "grid": ((), 0, topology), "nodes": (("face", "three"), np.zeros((3, 3), int)),
        "nx": ("node", [0.0, 1.0]), "ny": ("node", [0.0, 1.0]),
    })  # fmt: skip
    found = ds.fdgrad.gradient("time")
    assert list(found) == ["dt_dtime"]
    assert set(found.coords) == {"grid", "nodes", "nx", "ny"}
    assert found.grid.attrs == topology
