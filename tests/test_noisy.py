"""The law of fits: scipy's numbers on even positions, exact polynomials on any, in any chunks."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import savgol_filter

import xgrad
from tests.command import Session
from tests.helpers import nothing_computed, same_bits

SIDES: list[Any] = ["one-sided", "extend", "reflect", "nan", 1.5]


def uneven(n: int, seed: int = 0) -> Any:
    return np.cumsum(np.random.default_rng(seed).random(n) + 0.1)


def noisy(*sizes: int, seed: int = 0, dtype: str = "f8") -> xr.DataArray:
    values = np.random.default_rng(seed).normal(size=sizes).astype(dtype)
    dims = ("t", "y", "x")[: len(sizes)]
    coords = {dim: uneven(n, k) for k, (dim, n) in enumerate(zip(dims, sizes, strict=True))}
    return xr.DataArray(values, coords, dims, "f", {"units": "m"})


def off(found: Any, expected: Any) -> float:
    return float(abs(found - expected).max() / abs(expected).max())


@pytest.mark.parametrize("window", [3, 5, 7, 11, 21])
def test_on_even_positions_the_numbers_are_those_of_scipy(window: int) -> None:
    f = noisy(60).assign_coords(t=np.arange(60) * 0.3)
    for polyorder in range(min(window, 6)):
        for order in range(1, min(polyorder, 4) + 1):
            found = f.fdgrad.derivative("t", order, window=window, polyorder=polyorder)
            expected = savgol_filter(f.values, window, polyorder, order, delta=0.3)
            assert off(found.values, expected) < 1e-12


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_polynomials_are_exact_on_any_positions(order: int) -> None:
    for seed, weights in itertools.product(range(20), ("uniform", "tricube")):
        rng, x = np.random.default_rng(seed), uneven(40, seed)
        polyorder = int(rng.integers(order, 7))
        window = polyorder + 3 + int(rng.integers(0, 18)) | 1
        line = np.polynomial.Polynomial(rng.normal(size=polyorder + 1), [x[0], x[-1]])
        f = xr.DataArray(line(x), {"x": x}, "x")
        found = f.fdgrad.derivative("x", order, window=window, polyorder=polyorder, weights=weights)
        assert off(found.values, line.deriv(order)(x)) < 1e-7  # edges amplify rounding
        found = found.isel(x=slice(window // 2, -(window // 2)))
        assert off(found.values, line.deriv(order)(found.x.values)) < 1e-8


@pytest.mark.parametrize("weights", ["uniform", "tricube"])
def test_a_fit_is_that_of_numpys_lstsq(weights: Any) -> None:
    f, x, half = noisy(50), uneven(50), 4
    found = f.fdgrad.derivative("t", window=9, polyorder=2, weights=weights).values
    for i in (0, 2, 20, 49):
        first = min(max(0, i - half), 50 - 9)
        away = x[first : first + 9] - x[i]
        each = (1 - (abs(away) / abs(away).max()) ** 3) ** 1.5 if weights == "tricube" else 1
        powers = np.vander(away, 3, increasing=True)
        values = f.values[first : first + 9]
        best = np.linalg.lstsq((powers.T * each).T, values * each, rcond=None)[0]
        assert np.isclose(found[i], best[1], rtol=1e-10)


@pytest.mark.parametrize("size", [{"window": 9}, {"bandwidth": 0.8 + 1e-11}])
def test_rounded_positions_give_no_weight_to_the_outermost_cells(size: Any) -> None:
    x = np.arange(33) * 0.1
    f = xr.DataArray(np.where(np.arange(33) % 4, np.nan, x**2), {"x": x}, "x")
    options: Any = {"polyorder": 1, "weights": "tricube", "skipna": True, "validate": False}
    found = f.fdgrad.derivative("x", **options, **size)
    assert np.isnan(found[4:-4]).all()  # one cell, and those at the edge of the tricube


# float32 with gaps takes five seconds to compile, and differs in the dtype only.
DTYPES = ["f4", "f8"] if settings().max_examples > 100 else ["f8"]


@st.composite
def cases(draw: Any) -> tuple[xr.DataArray, dict[Any, int], dict[str, Any]]:
    """Data, chunks and options."""
    shape = draw(st.sampled_from([(23,), (9, 14), (3, 17, 4), (40, 3), (2, 5, 33)]))
    f = noisy(*shape, seed=draw(st.integers(0, 99)), dtype=draw(st.sampled_from(DTYPES)))
    dim = f.dims[int(np.argmax(shape))]
    chunks = {d: draw(st.integers(1, n)) for d, n in zip(f.dims, shape, strict=True)}
    skipna = draw(st.booleans())
    if skipna:
        f = f.where(np.random.default_rng(1).random(shape) > draw(st.sampled_from([0.05, 0.4])))
    window = draw(st.sampled_from([3, 5, 7, 9, 11, 13]))
    side = st.sampled_from(SIDES)
    boundary = draw(st.one_of(side, st.tuples(side, side), st.just("periodic")))
    options = {
        "window": {dim: window}, "polyorder": draw(st.integers(1, window - 1)),
        "boundary": {dim: boundary}, "skipna": skipna,
    }  # fmt: skip
    if boundary == "periodic":
        options["period"] = {dim: float(f[dim][-1] - f[dim][0]) + 0.4}
    return f, chunks, {"dim": dim, **options}


@given(cases())
def test_chunks_change_no_bit(case: Any) -> None:
    f, chunks, options = case
    whole = f.fdgrad.gradient(**options)
    with nothing_computed():
        lazy = f.chunk(chunks).fdgrad.gradient(**options)
    for name in whole:
        assert same_bits(lazy[name].values, whole[name].values)


@pytest.mark.parametrize("boundary", ["periodic", "reflect", "extend"])
def test_a_boundary_continues_the_data(boundary: str) -> None:
    n, half = 24, 3
    f = xr.DataArray(np.random.default_rng(0).normal(size=n), dims="x", name="f")
    mode: Any = {"periodic": "wrap", "reflect": "reflect", "extend": "edge"}[boundary]
    padded = f.pad(x=half, mode=mode)
    period = {"period": {"x": 24.0}} if boundary == "periodic" else {}
    found = f.fdgrad.derivative("x", window=7, boundary=boundary, **period)
    assert np.allclose(found, padded.fdgrad.derivative("x", window=7)[half:-half], atol=1e-13)


def test_beyond_the_boundary_nan_nothing_is_known() -> None:
    found = noisy(20).fdgrad.derivative("t", window=7, boundary="nan")
    assert np.isnan(found).values.tolist() == [True] * 3 + [False] * 14 + [True] * 3


def test_each_operator_uses_the_fit() -> None:
    f, options = noisy(14, 13), {"window": {"t": 7, "y": 5}, "polyorder": {"y": 2}}
    parts = {
        dim: {"window": {dim: options["window"][dim]}, "polyorder": options["polyorder"].get(dim)}
        for dim in ("t", "y")
    }
    first = {dim: f.fdgrad.derivative(dim, **own) for dim, own in parts.items()}
    second = {dim: f.fdgrad.derivative(dim, 2, **own) for dim, own in parts.items()}
    mixed = first["t"].fdgrad.derivative("y", **parts["y"])
    g = f.fdgrad.gradient(**options)
    assert same_bits(g.df_dt.values, first["t"].values)
    assert same_bits(g.df_dy.values, first["y"].values)
    assert np.allclose(f.fdgrad.magnitude(**options), np.hypot(first["t"], first["y"]))
    angle = f.fdgrad.direction(("t", "y"), **options)
    assert np.allclose(angle, np.arctan2(first["t"], first["y"]))
    assert np.allclose(f.fdgrad.laplacian(**options), second["t"] + second["y"])
    h = f.fdgrad.hessian(**options)
    for found, expected in (
        (h.d2f_dt2, second["t"]),
        (h.d2f_dtdy, mixed),
        (h.d2f_dy2, second["y"]),
    ):
        assert np.allclose(found, expected)
    vector = f.to_dataset(name="u").assign(v=2 * f)
    flow = {"t": "u", "y": "v"}
    divergence = vector.fdgrad.divergence(flow, **options)
    assert np.allclose(divergence, first["t"] + 2 * first["y"])
    curl = vector.fdgrad.curl(flow, **options)
    assert np.allclose(curl, 2 * first["t"] - first["y"])


def test_times_are_positions() -> None:
    hours = np.cumsum(np.random.default_rng(0).integers(1, 9, 30))
    f = noisy(30).assign_coords(t=np.array("2020", "M8[ns]") + hours * np.timedelta64(1, "h"))
    found = f.fdgrad.derivative("t", window=7, datetime_unit="h")
    plain = f.assign_coords(t=hours.astype(float)).fdgrad.derivative("t", window=7)
    assert same_bits(found.values, plain.values)
    assert found.attrs["units"] == "m h-1"
    line = f.copy(data=f.t.values).fdgrad.derivative("t", window=7)  # times as data
    assert np.allclose(line, 1, rtol=1e-12)


def test_on_a_sphere_a_fit_is_scaled_like_a_difference() -> None:
    lat, lon = np.linspace(-60, 60, 15), np.linspace(0, 350, 36)
    f = xr.DataArray(np.random.default_rng(0).normal(size=(15, 36)), {"lat": lat, "lon": lon},
                     ("lat", "lon"), "f")  # fmt: skip
    f.lat.attrs["units"], f.lon.attrs["units"] = "degrees_north", "degrees_east"
    found = f.fdgrad.gradient(window=7, metric="sphere")
    around = {"boundary": {"lon": "periodic"}, "window": 7}
    per_degree = 180 / np.pi / 6371229
    cosine = np.cos(np.radians(f.lat))
    east, north = f.fdgrad.derivative("lon", **around), f.fdgrad.derivative("lat", window=7)
    assert np.allclose(found.df_dlon, east * per_degree / cosine, rtol=1e-9, atol=0)
    assert np.allclose(found.df_dlat, north * per_degree, rtol=1e-9, atol=0)
    assert f.fdgrad.laplacian(window=7, metric="sphere").shape == f.shape


@pytest.mark.parametrize("operation", ["divergence", "curl"])
@pytest.mark.parametrize("size", [{"window": 5}, {"bandwidth": 70}])
def test_the_flux_form_is_the_fit_of_the_product(operation: str, size: Any) -> None:
    lat, lon = np.linspace(-60, 60, 9), np.linspace(0, 330, 12)
    coords = {"lat": ("lat", lat, {"units": "degrees_north"}),
              "lon": ("lon", lon, {"units": "degrees_east"})}  # fmt: skip
    f = xr.DataArray(np.random.default_rng(0).normal(size=(9, 12)), coords, ("lat", "lon"))
    flow, options = xr.Dataset({"u": f, "v": 2 * f + 1}), {**size, "polyorder": 2}
    cosine = np.cos(np.radians(f.lat))
    east = flow.fdgrad.gradient("lon", metric="sphere", **options)
    north = (flow * cosine).fdgrad.gradient("lat", metric="sphere", **options) / cosine
    expected = {"divergence": east.du_dlon + north.dv_dlat, "curl": east.dv_dlon - north.du_dlat}
    for one in (flow, flow.chunk(lat=2, lon=5)):
        found = getattr(one.fdgrad, operation)(
            u="u", v="v", form="flux", metric="sphere", **options
        )
        assert np.allclose(found, expected[operation].transpose("lat", "lon"), rtol=1e-9, atol=0)


@pytest.mark.parametrize(
    "operation", ["gradient", pytest.param("laplacian", marks=pytest.mark.thorough)]
)
def test_a_job_and_a_command_have_the_same_bits(
    operation: Any, commands: Session, tmp_path: Path
) -> None:
    f = noisy(37, 5).to_dataset()
    f.chunk(t=4, y=2).to_zarr(tmp_path / "in.zarr", zarr_format=2)
    expected = getattr(f.fdgrad, operation)("t", window=11, polyorder=4, weights="tricube")
    xgrad.to_zarr(
        operation, tmp_path / "in.zarr", tmp_path / "job.zarr", dim=["t"], window={"t": 11},
        polyorder=4, weights="tricube",
    )  # fmt: skip
    done = commands.run(
        operation, tmp_path / "in.zarr", tmp_path / "out.zarr", "--dim", "t", "--window", "t=11",
        "--polyorder", 4, "--weights", "tricube",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    for store in ("job", "out"):
        with xr.open_zarr(tmp_path / f"{store}.zarr", chunks=None) as found:
            for name in expected.data_vars:
                assert same_bits(found[name].values, expected[name].values)


def test_a_store_that_grows_is_that_of_a_full_job(tmp_path: Path) -> None:
    f = noisy(60, 3).to_dataset().chunk(t=6)
    options: Any = {"dim": ["t"], "window": 9}
    first, rest = f.isel(t=slice(0, 40)), f.isel(t=slice(40, None))
    first.to_zarr(tmp_path / "in.zarr", zarr_format=2)
    xgrad.to_zarr("gradient", tmp_path / "in.zarr", tmp_path / "out.zarr", **options)
    rest.to_zarr(tmp_path / "in.zarr", append_dim="t")
    options |= {"append": "t"}
    xgrad.to_zarr("gradient", tmp_path / "in.zarr", tmp_path / "out.zarr", **options)
    with xr.open_zarr(tmp_path / "out.zarr", chunks=None) as found:
        assert same_bits(
            found.df_dt.values, f.compute().fdgrad.gradient("t", window=9).df_dt.values
        )


@pytest.mark.parametrize(
    ("options", "remedy", "message"),
    [
        ({"window": 10}, {"window": 11}, "`window` is 10, an even number"),
        ({"window": 3}, {"window": 5}, "`window` is 3, but a polynomial of order 3 needs"),
        ({"window": 41}, {"window": 39}, "size 40; `window=41` needs at least 41; give a smaller"),
        ({"window": 2.5}, {"window": 5.0}, "`window` is 2.5; give a whole number of 3 or more"),
        ({"window": True}, {"window": 5}, "`window` is True; give a whole number"),
        ({"window": np.timedelta64(5, "h")}, {"window": 5}, "give a whole number of 3 or more"),
        (
            {"window": 5, "polyorder": np.timedelta64(2, "D")},
            {"window": 5, "polyorder": 2},
            "give a whole number of 0 or more",
        ),
        ({"window": 9, "polyorder": 0}, {"window": 9, "polyorder": 1}, "give `polyorder=1`"),
        ({"window": 9, "accuracy": 4}, {"window": 9}, "leave `accuracy` out"),
        ({"window": 9, "edge_order": 2}, {"window": 9}, "leave `edge_order` out"),
        ({"polyorder": 3}, {"polyorder": 3, "window": 9}, "is 3, but nothing is fitted"),
        ({"window": {"z": 9}}, {"window": {"t": 9}}, "`window` names 'z'"),
        ({"window": 9, "weights": "tri"}, {"window": 9, "weights": "tricube"}, "mean 'tricube'"),
        (
            {"window": 5, "weights": "tricube"},
            {"window": 7, "weights": "tricube"},
            "two outermost do not count; give `window=7`",
        ),
    ],
)  # fmt: skip
def test_bad_input_is_refused_with_a_remedy_that_works(
    options: Any, remedy: Any, message: str
) -> None:
    f = noisy(40)
    with pytest.raises(ValueError, match="`") as error:
        f.fdgrad.gradient("t", **options)
    assert message in str(error.value)
    assert np.isfinite(f.fdgrad.gradient("t", **remedy).df_dt).all()


def test_a_higher_derivative_needs_a_higher_polynomial() -> None:
    f = noisy(40)
    with pytest.raises(ValueError, match="`polyorder` is 2, but the derivative of order 3"):
        f.fdgrad.derivative("t", 3, window=9, polyorder=2)
    by_default, own = (
        f.fdgrad.derivative("t", 4, window=9, **one) for one in ({}, {"polyorder": 4})
    )
    assert same_bits(by_default.values, own.values)


def test_positions_of_several_dimensions_are_refused() -> None:
    f = noisy(20, 4)
    f = f.assign_coords(height=(("t", "y"), np.cumsum(np.ones((20, 4)), axis=0)))
    message = "`window` is 7 along 't', where the positions 'height' have several dimensions"
    with pytest.raises(xgrad.CoordinateError, match=message):
        f.fdgrad.gradient("t", window=7, spacing={"t": "height"})
    assert f.fdgrad.gradient("t", spacing={"t": f.height[:, 0].values}, window=7).df_dt.size
    lon, lat = np.meshgrid(np.arange(9.0), np.arange(8.0))
    lon = lon + 0.1 * lat
    grid = xr.DataArray(lon, {"lat": (("y", "x"), lat), "lon": (("y", "x"), lon)}, ("y", "x"), "f")
    for options in ({"dim": ("lon", "lat")}, {"dim": "x"}, {"dim": None}):
        with pytest.raises(xgrad.CoordinateError, match="have several dimensions"):
            grid.fdgrad.gradient(window=5, metric="sphere", **options)
    with pytest.raises(xgrad.CoordinateError, match="have several dimensions"):
        grid.fdgrad.laplacian(("lon", "lat"), window=5, metric="sphere")
