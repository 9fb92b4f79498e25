"""The laws of second derivatives on any grid: exact where they must be, order 2 elsewhere."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pytest
import xarray as xr

import xgrad
from tests.helpers import nothing_computed, same_bits
from tests.operators.grids import HARMONICS, PROJECTIONS, R, on, skewed
from tests.operators.helpers import globe

THOROUGH = [pytest.mark.thorough]
OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {}, "accuracy": {"accuracy": 4}, "skipna": {"skipna": True},
    "boundaries": {"boundary": {"x": "reflect", "y": ("extend", 3.0)}},
    "around": {"boundary": {"x": "periodic"}},
}  # fmt: skip


def harmonic(ds: xr.Dataset, name: str) -> tuple[xr.DataArray, dict[str, Any]]:
    """A harmonic on a grid, and its Laplacian and covariant second derivatives."""
    phi, lam = np.radians(ds.lat), np.radians(ds.lon)
    n = np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi) + 0 * lam
    east = -np.sin(lam) + 0 * phi, np.cos(lam) + 0 * phi, 0 * lam + 0 * phi
    north = -np.sin(phi) * np.cos(lam), -np.sin(phi) * np.sin(lam), np.cos(phi) + 0 * lam
    degree, value, slope, bend = HARMONICS[name]
    along = sum(a * b for a, b in zip(slope(n), n, strict=True))

    def second(one: Any, other: Any) -> Any:
        pairs = itertools.product(range(3), repeat=2)
        flat = sum(one[a] * bend(n)[a][b] * other[b] for a, b in pairs)
        return (flat - along * (one is other)) / R**2

    f = value(n)
    known = {
        "f_laplacian": -degree * (degree + 1) * f / R**2, "d2f_dlon2": second(east, east),
        "d2f_dlondlat": second(east, north), "d2f_dlat2": second(north, north),
    }  # fmt: skip
    f = f.rename("f").assign_attrs(units="K")
    return f.assign_coords({k: v for k, v in ds.coords.items() if k in ("lat", "lon")}), known


def both(f: xr.DataArray, names: Any, **options: Any) -> xr.Dataset:
    """Laplacian and Hessian."""
    return f.fdgrad.hessian(names, **options).assign(
        f_laplacian=f.fdgrad.laplacian(names, **options)
    )


@pytest.mark.parametrize(
    "seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.thorough) for seed in (2, 3))]
)
@pytest.mark.parametrize("shape", [(30, 40), (9, 11, 13)])
@pytest.mark.parametrize(
    "options", [{}, {"accuracy": 4}, {"skipna": True}, {"boundary": {"i": ("nan", "one-sided")}}]
)
def test_linear_fields_have_no_second_derivatives(
    seed: int, shape: tuple[int, ...], options: dict[str, Any]
) -> None:
    coords = skewed(seed, shape)
    slopes = np.random.default_rng(seed).normal(size=len(shape))
    f = sum(slope * coord for slope, coord in zip(slopes, coords, strict=True)) + 7.0
    names = [coord.name for coord in coords]
    f = f.rename("f").assign_coords(dict(zip(names, coords, strict=True)))
    for values in both(f, names, **options).values():
        assert abs(values).max() < 1e-12
        assert np.isfinite(values.isel(i=slice(2, None))).all()


def test_linear_fields_are_exact_beside_missing_places() -> None:
    x, y = skewed(2)
    holes = np.random.default_rng(0).random(x.shape) < 0.15
    places = {"XC": x.where(~holes), "YC": y.where(~holes)}
    f = (3 * x - 2 * y).rename("f").assign_coords(places)  # it has values where no place is known
    with pytest.warns(xgrad.CoordinateWarning, match="missing in"):
        found = both(f, ["XC", "YC"], skipna=True)
    for values in found.values():
        assert abs(values).max() < 1e-11
        assert values.notnull().mean() > 0.5


@pytest.mark.parametrize("seed", range(3))
def test_quadratic_fields_converge_on_skewed_planes(seed: int) -> None:
    matrix = np.random.default_rng(seed).normal(size=(2, 2))

    def errors(n: int) -> dict[Any, float]:
        x, y = skewed(seed, (n, n))
        a, b, c = matrix[0, 0], matrix[0, 1], matrix[1, 1]
        f = (a * x**2 + b * x * y + c * y**2).rename("f").assign_coords(XC=x, YC=y)
        inside = {"i": slice(n // 5, -(n // 5)), "j": slice(n // 5, -(n // 5))}
        found = both(f, ["XC", "YC"]).isel(inside)
        exact = {"d2f_dXC2": 2 * a, "d2f_dXCdYC": b, "d2f_dYC2": 2 * c,
                 "f_laplacian": 2 * (a + c)}  # fmt: skip
        return {key: float(abs(found[key] - value).max()) for key, value in exact.items()}

    coarse, fine = errors(41), errors(81)
    for key, error in fine.items():
        assert np.log2(coarse[key] / error) > 1.8, key


@pytest.mark.parametrize(
    "name", ["polar stereographic", pytest.param("sinusoidal", marks=pytest.mark.thorough)]
)
@pytest.mark.parametrize("harmonics", HARMONICS)
def test_harmonics_converge_on_any_grid(name: str, harmonics: str) -> None:
    def errors(n: int) -> dict[Any, float]:
        f, known = harmonic(on(name, n)[0], harmonics)
        found = both(f, ["lon", "lat"], metric="sphere")
        return {key: float(abs(found[key] - exact).max()) * R**2 for key, exact in known.items()}

    coarse, fine = errors(61), errors(121)
    for key, error in fine.items():
        assert np.log2(coarse[key] / error) > 1.8 or error < 1e-10, key


@pytest.mark.parametrize("name", ["xz", "z(x² - y²)"])
def test_harmonics_converge_over_latitude_and_longitude(name: str) -> None:
    def errors(n: int) -> dict[Any, float]:
        f, known = harmonic(globe(n).rename(latitude="lat", longitude="lon"), name)
        found = both(f, ["lon", "lat"], metric="sphere")
        away = abs(f.lat) < 50
        return {
            key: float(abs(found[key] - exact).where(away).max()) * R**2
            for key, exact in known.items()
        }

    coarse, fine = errors(45), errors(90)
    for key, error in fine.items():
        assert np.log2(coarse[key] / error) > 1.8, key


@pytest.mark.parametrize("grid", ["rectilinear", *PROJECTIONS, "plane"])
def test_the_trace_of_the_hessian_is_the_laplacian(grid: str) -> None:
    names, options = ["lon", "lat"], {"metric": "sphere"}
    if grid == "plane":
        x, y = skewed(3)
        f = (x * y - y**2).rename("f").assign_coords(lon=x, lat=y)
        options = {}
    elif grid == "rectilinear":
        ds = globe(24, poles=True).rename(latitude="lat", longitude="lon")
        f = harmonic(ds, "xz")[0]
    else:
        f = on(grid, 21)[0].f
    found = both(f, names, **options)
    trace = found.d2f_dlon2 + found.d2f_dlat2
    scale = abs(found.d2f_dlon2) + abs(found.d2f_dlat2)
    error = abs(trace - found.f_laplacian)
    assert error.max() < 1e-11 * scale.max()
    assert same_bits(error.isnull(), found.f_laplacian.isnull())


def test_results_have_units_and_names() -> None:
    found = both(on("Albers", 9)[0].f, ["lon", "lat"], metric="sphere")
    assert list(found) == ["d2f_dlon2", "d2f_dlondlat", "d2f_dlat2", "f_laplacian"]
    assert {values.attrs["units"] for values in found.values()} == {"K m-2"}
    assert found.d2f_dlondlat.attrs["long_name"] == (
        "mixed derivative of f with respect to lon and lat"
    )


def test_at_a_pole_only_the_northward_second_derivative_exists() -> None:
    f = harmonic(globe(12, poles=True).rename(latitude="lat", longitude="lon"), "xz")[0]
    found = f.fdgrad.hessian(metric="sphere")
    assert list(found) == ["d2f_dlat2", "d2f_dlatdlon", "d2f_dlon2"]
    for key, values in found.items():
        assert values.isel(lat=[0, -1]).isnull().all() == (key != "d2f_dlat2")
        assert values.isel(lat=slice(1, -1)).notnull().all()
    east, north = (f.fdgrad.hessian(names, metric="sphere") for names in (["lon", "lat"], "lat"))
    assert same_bits(found.d2f_dlon2, east.d2f_dlon2)
    assert same_bits(found.d2f_dlat2, north.d2f_dlat2)


def test_the_dimensions_of_a_grid_mean_its_longitude_and_latitude() -> None:
    f = on("sinusoidal", 17)[0].f.expand_dims(time=3) * xr.DataArray([1.0, 2.0, 3.0], dims="time")
    f = f.rename("f").transpose("y", "time", "x")
    expected = f.fdgrad.laplacian(["lon", "lat"], metric="sphere")
    for names in (None, ["y", "x"], ["x", "y"], ["lat", "lon"]):
        assert same_bits(f.fdgrad.laplacian(names, metric="sphere"), expected)
    one = f.isel(time=1).fdgrad.laplacian(metric="sphere")
    assert same_bits(expected.isel(time=1), one)
    named = f.fdgrad.hessian(["lon", "lat"], metric="sphere")
    assert f.fdgrad.hessian(metric="sphere").identical(named)


def test_other_dimensions_are_those_of_a_plane() -> None:
    f = on("Albers", 15)[0].f * xr.DataArray(np.arange(5.0) ** 2, {"z": np.arange(5.0)}, ("z",))
    f = f.rename("f").transpose("z", "y", "x")
    found = f.fdgrad.hessian(["z", "lon", "lat"], metric="sphere")
    assert same_bits(found.d2f_dz2, f.fdgrad.derivative("z", 2))
    assert same_bits(
        found.d2f_dlondlat, f.fdgrad.hessian(["lon", "lat"], metric="sphere").d2f_dlondlat
    )
    slope = f.fdgrad.derivative("z").rename("f").fdgrad.gradient(["lon", "lat"], metric="sphere")
    assert same_bits(found.d2f_dzdlon, slope.df_dlon)
    three = f.fdgrad.laplacian(["lat", "z", "lon"], metric="sphere")
    flat = f.fdgrad.laplacian(metric="sphere")
    np.testing.assert_allclose(three, flat + found.d2f_dz2, rtol=1e-12)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(one, id=name, marks=[] if name == "skipna" else THOROUGH)
        for name, one in OPTIONS.items()
    ],
)
@pytest.mark.parametrize("dtype", ["f8", pytest.param("f4", marks=THOROUGH)])
def test_no_bit_depends_on_chunks(options: dict[str, Any], dtype: str) -> None:
    f = on("Albers", 17)[0].f.expand_dims(time=2).astype(dtype).copy()
    if options.get("skipna"):
        f = f.where(np.random.default_rng(0).random(f.shape) > 0.1)
    expected = both(f, ["lon", "lat"], metric="sphere", **options)
    for chunks, places in (
        ({"time": 1}, {}), ({"y": 5, "x": 7}, {"lat": {"x": 3}, "lon": {"y": 4}}),
        ({"y": 3, "x": 17}, {"lat": {}}),
    ):  # fmt: skip
        lazy = f.chunk(chunks)
        own: dict[str, Any] = {name: f[name].chunk(sizes) for name, sizes in places.items()}
        lazy = lazy.assign_coords(own)
        with nothing_computed():
            found = both(lazy, ["lon", "lat"], metric="sphere", **options)
        assert all(values.chunks == lazy.chunks for values in found.values())
        for key, values in zip(found, dask.compute(*found.values(), scheduler="sync"), strict=True):
            assert same_bits(values, expected[key]), key


def test_lazy_places_make_data_in_memory_lazy() -> None:
    f = on("Albers", 17)[0].f
    expected = both(f, ["lon", "lat"], metric="sphere", skipna=True)
    lazy = f.assign_coords(lat=f.lat.chunk(x=5), lon=f.lon.chunk(y=9))
    with nothing_computed():
        found = both(lazy, ["lon", "lat"], metric="sphere", skipna=True)
    assert all(values.chunks is not None for values in found.values())
    for key, values in zip(found, dask.compute(*found.values(), scheduler="sync"), strict=True):
        assert same_bits(values, expected[key]), key


@pytest.mark.thorough  # test_operations.py has jobs of each operation
@pytest.mark.parametrize(
    "name",
    [
        # Lazy results have the law for each of them, and jobs take what results are made of.
        pytest.param(name, marks=[] if name == "boundaries" else pytest.mark.thorough)
        for name in OPTIONS
    ],
)
def test_a_job_has_the_same_bits(name: str, tmp_path: Path) -> None:
    options = OPTIONS[name]
    ds = on("sinusoidal", 23)[0][["f"]].drop_attrs(deep=False).expand_dims(time=3).copy()
    if options.get("skipna"):
        ds["f"] = ds.f.where(np.random.default_rng(0).random(ds.f.shape) > 0.1)
    ds.chunk(time=2, y=9, x=8).to_zarr(tmp_path / "in.zarr", zarr_format=2)
    names = ["lon", "lat"]
    expected = ds.f.fdgrad.laplacian(names, metric="sphere", **options)
    for k, chunks in enumerate((None, {"time": 1, "y": 23, "x": 4}, {"y": 5, "x": 23})):
        target = tmp_path / f"out{k}.zarr"
        xgrad.to_zarr(
            "laplacian", tmp_path / "in.zarr", target, None, names, metric="sphere",
            chunks=chunks, **options,
        )  # fmt: skip
        with xr.open_zarr(target) as found:
            assert same_bits(found.f_laplacian, expected)


@pytest.mark.parametrize(
    "name", [pytest.param("polar stereographic", marks=pytest.mark.thorough), "sinusoidal"]
)
@pytest.mark.parametrize("skipna", [False, True])
def test_turning_and_reversing_the_grid_changes_no_value(name: str, skipna: bool) -> None:
    ds = on(name, 25)[0].assign_coords(x=np.arange(25), y=np.arange(25))
    if skipna:
        ds["f"] = ds.f.where(np.random.default_rng(1).random(ds.f.shape) > 0.1)

    def derived(one: xr.Dataset) -> xr.Dataset:
        found = both(one.f, ["lon", "lat"], metric="sphere", skipna=skipna)
        return found.sortby(["x", "y"]).transpose("y", "x")

    expected = derived(ds)
    for turned in (
        ds.transpose("x", "y"),
        ds.isel(x=slice(None, None, -1)),
        ds.isel(y=slice(None, None, -1)).transpose("x", "y"),
        ds.rename(x="y", y="x").isel(x=slice(None, None, -1)).rename(x="y", y="x"),
        ds.assign_coords(lon=(ds.lon + 400) % 360),
    ):
        for key, values in derived(turned).items():
            scale = float(abs(expected[key]).max())
            np.testing.assert_allclose(values, expected[key], rtol=0, atol=1e-10 * scale)


def test_a_ring_of_longitudes_closes_by_its_index() -> None:
    lat, lon = np.meshgrid(np.linspace(-60, 60, 25), np.arange(0.0, 360, 5), indexing="ij")
    places = {
        "lat": (("j", "i"), lat, {"units": "degrees_north"}),
        "lon": (("j", "i"), lon, {"units": "degrees_east"}),
    }
    f, known = harmonic(xr.Dataset(coords=places), "xz")
    options: Any = {"boundary": {"i": "periodic"}, "metric": "sphere"}
    found = both(f, ["lon", "lat"], **options)
    rolled = both(f.roll(i=20, roll_coords=True), ["lon", "lat"], **options)
    for key, exact in known.items():
        scale = float(abs(exact).max())
        assert abs(found[key] - exact).max() < 0.03 * scale
        np.testing.assert_allclose(rolled[key].roll(i=-20), found[key], atol=1e-11 * scale)


@pytest.mark.parametrize(
    ("operation", "names", "message"),
    [
        ("hessian", ["y", "x"], r"names 'y', a dimension of the grid .* name 'lon' and 'lat'"),
        ("hessian", ["y", "time"], r"along which there is no Hessian; name 'lon' and 'lat'"),
        ("laplacian", ["y"], r"along which there is no Laplacian; name 'lon' and 'lat'"),
        ("hessian", ["lon"], "2 coordinates are needed"),
    ],
)
def test_what_a_grid_does_not_have_is_refused(operation: str, names: Any, message: str) -> None:
    f = on("Albers", 9)[0].f.expand_dims(time=4)
    with nothing_computed(), pytest.raises(xgrad.CoordinateError, match=message):
        getattr(f.fdgrad, operation)(names, metric="sphere")
    with nothing_computed(), pytest.raises(xgrad.CoordinateError, match=message):
        getattr(f.chunk(x=3).fdgrad, operation)(names, metric="sphere")


def test_a_hessian_eastward_needs_a_latitude() -> None:
    f = harmonic(globe(6).rename(latitude="lat", longitude="lon"), "z")[0]
    with pytest.raises(xgrad.CoordinateError, match="first northward; name 'lat' too"):
        f.fdgrad.hessian("lon", metric="sphere")
    assert "d2f_dlon2" in f.fdgrad.hessian(["lon", "lat"], metric="sphere")
    track = xr.DataArray(np.arange(9.0), dims="obs", name="f").assign_coords(
        lat=("obs", np.arange(9.0)), lon=("obs", np.arange(9.0))
    )
    with pytest.raises(xgrad.CoordinateError, match="not the Hessian"):
        track.fdgrad.hessian("obs", metric="sphere")


def test_a_boundary_may_be_that_of_a_coordinate_along_the_grid() -> None:
    f = on("Albers", 9)[0].f.assign_coords(yc=("y", np.arange(9.0)), xc=("x", np.arange(9.0)))
    for operation in ("laplacian", "magnitude"):
        apply = getattr(f.fdgrad, operation)
        expected = apply(["y", "x"], metric="sphere", boundary={"y": "nan"})
        assert expected.isel(y=[0, -1]).isnull().all()
        assert same_bits(apply(["yc", "xc"], metric="sphere", boundary={"yc": "nan"}), expected)
    with pytest.raises(xgrad.CoordinateError, match="or name 'lon' and 'lat'"):
        f.fdgrad.laplacian(["y", "x"], metric="sphere", boundary={"x": "periodic"})


def test_a_lazy_laplacian_with_lazy_places_has_few_tasks() -> None:
    ds = on("sinusoidal", 90)[0]
    places = {name: ds[name].chunk(y=30, x=30) for name in ("lat", "lon")}
    f = ds.f.expand_dims(time=4).chunk(time=1, y=30, x=30).assign_coords(places)

    def tasks(array: Any) -> int:
        (found,) = dask.optimize(array)
        return len(dict(found.__dask_graph__()))

    # The factors within are lazy, so that the chunks share their faces.
    with dask.config.set({"xgrad.halo": "shared"}):
        plain = tasks(f.fdgrad.magnitude(["y", "x"]))
    assert tasks(f.fdgrad.laplacian(["lon", "lat"], metric="sphere")) < 3 * plain
