"""Multi-dimensional coordinates as independent variables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

import xgrad
from tests.helpers import mostly_thorough, same_bits
from tests.operators.grids import exact, on, skewed


@pytest.mark.parametrize("seed", mostly_thorough(range(5), 0, 1))
@pytest.mark.parametrize("shape", [(30, 40), (9, 11, 13)])
@pytest.mark.parametrize("options", [{}, {"edge_order": 2}, {"accuracy": 4}, {"skipna": True}])
def test_linear_fields_are_exact_on_skewed_grids(
    seed: int, shape: tuple[int, ...], options: dict[str, Any]
) -> None:
    coords = skewed(seed, shape)
    slopes = np.random.default_rng(seed).normal(size=len(shape))
    f = sum(slope * coord for slope, coord in zip(slopes, coords, strict=True)) + 7.0
    f = f.rename("f").assign_coords({coord.name: coord for coord in coords})
    names = [coord.name for coord in coords]
    found = f.fdgrad.gradient(names, **options)
    for slope, name in zip(slopes, names, strict=True):
        np.testing.assert_allclose(found[f"df_d{name}"], slope, rtol=0, atol=1e-12 * 20)
    backwards = f.fdgrad.gradient(names[::-1], **options)
    assert list(backwards) == [f"df_d{name}" for name in names[::-1]]
    magnitude = f.fdgrad.magnitude(names, **options)
    np.testing.assert_allclose(magnitude, np.sqrt((slopes**2).sum()), rtol=1e-12)


def test_places_missing_on_land_are_missing_in_the_result_only() -> None:
    ds, _ = on("polar stereographic", 21)
    land = (ds.lat.y < 5) & (ds.lat.x < 6)
    holes = ds.assign_coords(lat=ds.lat.where(~land), lon=ds.lon.where(~land)).f.where(~land)
    with pytest.warns(xgrad.CoordinateWarning, match="missing in .* cells"):
        found = holes.fdgrad.gradient(["lon", "lat"], metric="sphere")
    expected = ds.f.fdgrad.gradient(["lon", "lat"], metric="sphere")
    away = found.isel(x=slice(8, None))
    assert same_bits(away.df_dlon, expected.df_dlon.isel(x=slice(8, None)))
    with pytest.warns(xgrad.CoordinateWarning):
        kept = holes.fdgrad.gradient(["lon", "lat"], metric="sphere", skipna=True)
    assert kept.df_dlon.notnull().sum() == (~land).sum()


def two(f: xr.DataArray) -> xr.Dataset:
    return f.to_dataset().assign(g=2 * f)


# Each grid, and complex numbers on one.
QUICK = [("sphere", "f8")]


@pytest.mark.filterwarnings("ignore::xgrad.CoordinateWarning")
@pytest.mark.parametrize(
    ("grid", "dtype"),
    [
        pytest.param(grid, dtype, marks=[] if (grid, dtype) in QUICK else pytest.mark.thorough)
        for grid in ("plane", "volume", "sphere")
        for dtype in ("f4", "c16", "f8", "i4")
    ],
)
def test_with_skipna_a_missing_place_is_a_missing_neighbour(grid: str, dtype: str) -> None:
    if grid == "sphere":
        ds, _ = on("Albers", 21)
        names, metric = ["lon", "lat"], "sphere"
        coords = [ds[name] for name in names]
    else:
        coords = skewed(2, (20, 23) if grid == "plane" else (9, 11, 13))
        names, metric = [coord.name for coord in coords], None
    rng = np.random.default_rng(0)
    shape, dims = coords[0].shape, coords[0].dims
    holes = xr.DataArray(rng.random(shape) < 0.15, dims=dims)
    values = (100 * rng.normal(size=(3, *shape))).astype(dtype)
    f = xr.DataArray(values, dims=("time", *dims), name="f")
    places: dict[Any, Any] = {coord.name: coord.where(~holes) for coord in coords}
    there = f.assign_coords(places)  # it has values where no place is known
    missing = f.where(~holes).assign_coords(places)
    options: dict[str, Any] = {"metric": metric, "skipna": True}
    operations = [
        lambda f: f.fdgrad.gradient(names, **options),
        lambda f: f.fdgrad.gradient(names, **options, accuracy=4, boundary={dims[0]: "extend"}),
        lambda f: f.fdgrad.magnitude(names, **options).to_dataset(),
    ]
    if dtype != "c16" and grid != "volume":
        operations.append(lambda f: f.fdgrad.direction(names, **options).to_dataset())
    if grid != "volume":
        pair = dict(zip(names, ("f", "g"), strict=True))
        operations += [
            lambda f: two(f).fdgrad.curl(pair, **options).to_dataset(),
            lambda f: two(f).fdgrad.divergence(pair, **options).to_dataset(),
        ]
    for derive in operations:
        found, expected = derive(there), derive(missing)
        lazy = derive(there.chunk({"time": 2, **dict.fromkeys(dims, 8)}))
        for name, values in found.items():
            np.testing.assert_array_equal(values, expected[name])
            assert bool(values.notnull().mean() > 0.5)
            assert same_bits(lazy[name].values, values.values), name


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["XC"], r"names \['XC'\] .* 2 coordinates are needed .*spacing=\{'j': 'XC'\}"),
        (["XC", "twice"], "depend on each other in all cells"),
        (["XC", "text"], "'text' has dtype <U1; multi-dimensional coordinates must hold numbers"),
        (["XC", "other"], "'XC' and 'other' have dimensions"),
    ],
)
def test_coordinates_that_cannot_be_independent_are_refused(names: list[str], message: str) -> None:
    x, y = skewed(0)
    more = {
        "twice": 2 * x + 1, "text": (x > 3).astype("U1"),
        "other": x.rename(i="m").assign_coords(),
    }  # fmt: skip
    f = xr.DataArray(np.ones((*x.shape, 40)), dims=("j", "i", "m"), name="f")
    f = f.assign_coords(XC=x, YC=y, **more)
    with pytest.raises(xgrad.CoordinateError, match=message):
        f.fdgrad.gradient(names)


def test_nodes_of_a_tree_that_have_the_coordinates_are_differentiated() -> None:
    x, y = skewed(1)
    f = (x + y).rename("f").assign_coords(XC=x, YC=y)
    nodes = {"/a": f.to_dataset(), "/b": xr.Dataset({"g": ("k", [1.0, 2.0])})}
    found = xr.DataTree.from_dict(nodes).fdgrad.gradient(["XC", "YC"])
    assert list(found.children) == ["a"]
    assert same_bits(found["a"].df_dXC, f.fdgrad.gradient(["XC", "YC"]).df_dXC)


def test_options_name_the_dimensions() -> None:
    x, y = skewed(1)
    f = (x + y).rename("f").assign_coords(XC=x, YC=y)
    plain = f.fdgrad.gradient(["XC", "YC"])
    own = f.fdgrad.gradient(["XC", "YC"], boundary={"i": "nan"})
    assert own.df_dXC.isel(i=[0, -1]).isnull().all()
    inside = {"i": slice(1, -1)}
    assert same_bits(own.df_dXC.isel(inside), plain.df_dXC.isel(inside))
    with pytest.raises(
        xgrad.CoordinateError, match=r"`boundary` names 'XC', .* name the dimension"
    ):
        f.fdgrad.gradient(["XC", "YC"], boundary={"XC": "extend"})
    with pytest.raises(xgrad.CoordinateError, match=r"'XC', 'YC'.* have no period on a plane"):
        f.fdgrad.gradient(["XC", "YC"], boundary={"i": "periodic"}, period={"i": 40})


def test_a_ring_of_longitudes_closes_by_its_index() -> None:
    lat, lon = np.meshgrid(np.linspace(-60, 60, 25), np.arange(0.0, 360, 5), indexing="ij")
    places = {
        "lat": (("j", "i"), lat, {"units": "degrees_north"}),
        "lon": (("j", "i"), lon, {"units": "degrees_east"}),
    }
    known = exact(np.radians(lat), np.radians(lon))
    f = xr.DataArray(known["f"], places, ("j", "i"), "f")
    found = f.fdgrad.gradient(["lon", "lat"], boundary={"i": "periodic"}, metric="sphere")
    scale = abs(known["df_dlon"]).max()
    assert abs(found.df_dlon - known["df_dlon"]).max() < 0.01 * scale
    rolled = f.roll(i=20, roll_coords=True)
    again = rolled.fdgrad.gradient(["lon", "lat"], boundary={"i": "periodic"}, metric="sphere")
    np.testing.assert_allclose(again.df_dlon.roll(i=-20), found.df_dlon, atol=1e-12 * scale)


@pytest.mark.thorough
@pytest.mark.parametrize("shape", [(6, 7, 8), (9, 11)])
def test_skewed_grids_have_the_derivatives_of_vtk(shape: tuple[int, ...]) -> None:
    pyvista = pytest.importorskip("pyvista", reason="the extra `oracles` installs it: 140 MB")
    coords = skewed(3, shape)
    places = [coord.values for coord in coords]
    f = np.sin(places[0] / 40) * np.cos(places[1] / 50) + places[-1] ** 2 / 600
    own = xr.DataArray(f, {c.name: c for c in coords}, coords[0].dims, "f")
    found = own.fdgrad.gradient([coord.name for coord in coords])
    space = [place.reshape((1,) * (3 - place.ndim) + shape) for place in places]
    space += [np.zeros_like(space[0])] * (3 - len(space))
    grid = pyvista.StructuredGrid(*(np.ascontiguousarray(place.T) for place in space))
    grid["f"] = f.ravel()
    theirs = grid.compute_derivative(scalars="f", gradient="slope")["slope"]
    for k, coord in enumerate(coords):
        one = found[f"df_d{coord.name}"]
        size = 1e-13 * float(abs(one).max())
        np.testing.assert_allclose(theirs[:, k].reshape(shape), one, rtol=0, atol=size)
