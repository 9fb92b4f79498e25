"""The law of standard errors: 95 % of intervals cover the truth, whatever the chunks."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pint
import pytest
import xarray as xr
from scipy import stats

import xgrad
from tests.command import Session
from tests.engines import WITH_CUBED, lazy
from tests.helpers import nothing_computed, same_bits


def positions(n: int, seed: int = 0) -> Any:
    return np.cumsum(np.random.default_rng(seed).random(n) + 0.2)


def noisy(*sizes: int, seed: int = 0, dtype: str = "f8") -> xr.DataArray:
    values = np.random.default_rng(seed).normal(size=sizes).astype(dtype)
    dims = ("t", "y", "x")[: len(sizes)]
    coords = {dim: positions(n, k) for k, (dim, n) in enumerate(zip(dims, sizes, strict=True))}
    return xr.DataArray(values, coords, dims, "f", {"units": "K"})


def covered(found: xr.Dataset, name: str, truth: Any, freedom: Any) -> Any:
    """Percentage of the intervals of 95 % that have the truth in them."""
    half = stats.t.ppf(0.975, freedom) * found[f"{name}_standard_error"]
    return 100 * (abs(found[name] - truth) <= half).mean("series").values


def made_up(line: Any, x: Any, sigma: float = 0.3, seed: int = 1) -> xr.DataArray:
    """10,000 series of a polynomial and noise."""
    noise = np.random.default_rng(seed).normal(0, sigma, (x.size, 10_000))
    return xr.DataArray(line(x)[:, np.newaxis] + noise, {"x": x}, ("x", "series"), "f")


@pytest.mark.parametrize(
    ("window", "polyorder", "order"), [(5, 1, 1), (7, 3, 1), (11, 3, 2), (11, 4, 4), (9, 2, 0)]
)
def test_intervals_cover_the_truth_in_95_percent_of_series(
    window: int, polyorder: int, order: int
) -> None:
    x = positions(2 * window + 3)
    line = np.polynomial.Polynomial(np.arange(polyorder + 1) - 1.5, [x[0], x[-1]])
    f, options = made_up(line, x), {"window": window, "polyorder": polyorder}
    if order:
        found = f.fdgrad.derivative("x", order, uncertainty=True, **options)
        (name,) = (name for name in found if not str(name).endswith("_error"))
    else:
        found, name = f.fdgrad.smooth("x", uncertainty=True, **options), "f"
    truth = xr.DataArray(line.deriv(order)(x) if order else line(x), dims="x")
    freedom = found[f"{name}_standard_error"].attrs["degrees_of_freedom"]
    assert freedom == window - polyorder - 1
    shares = covered(found, str(name), truth, freedom)
    assert (abs(shares - 95) <= 1).all(), shares  # the edges too
    normal = 100 * (abs(found[name] - truth) <= 1.96 * found[f"{name}_standard_error"]).mean()
    assert freedom > 20 or normal < 94  # what Student's t is for


def test_with_a_known_sigma_they_are_those_of_the_normal_distribution() -> None:
    x = positions(30)
    f = made_up(lambda x: 1 - x, x)
    for options in ({"window": 5, "polyorder": 4}, {"window": 9, "weights": "tricube"}):
        found = f.fdgrad.gradient("x", uncertainty=True, sigma=0.3, **options)
        shares = 100 * (abs(found.df_dx + 1) <= 1.96 * found.df_dx_standard_error).mean("series")
        assert (abs(shares - 95) <= 1).all()


@pytest.mark.parametrize("boundary", ["reflect", "extend", 2.0, "periodic", "one-sided"])
@pytest.mark.parametrize("weights", ["uniform", "tricube"])
def test_they_are_the_scatter_of_the_derivatives(boundary: Any, weights: Any) -> None:
    """Also where ghosts copy the noise of cells, and where cells do not count the same."""
    x = positions(15)
    f = made_up(lambda x: np.full(x.size, 2.0), x)
    period = {"period": {"x": x[-1] + 0.5 - x[0]}} if boundary == "periodic" else {}
    for skipna in (False, True):
        if skipna:
            gone = xr.DataArray(np.random.default_rng(0).random(x.size) < 0.2, dims="x")
            f = f.where(~gone)
        found = f.fdgrad.gradient(
            "x", window=9, polyorder=2, boundary=boundary, weights=weights, uncertainty=True,
            skipna=skipna, **period,
        )  # fmt: skip
        scatter = found.df_dx.std("series", skipna=False)  # cells are gone from all of them
        rms = np.sqrt((found.df_dx_standard_error**2).mean("series"))
        good = scatter > 1e-12  # at a mirror a slope is 0
        assert np.allclose(rms.where(good), scatter.where(good), rtol=0.04, equal_nan=True)
        assert np.isfinite(rms).sum() >= (9 if skipna else x.size)


@pytest.mark.parametrize("error", [{}, pytest.param({"sigma": 0.2}, marks=pytest.mark.thorough)])
@pytest.mark.parametrize("dtype", [pytest.param("f4", marks=pytest.mark.thorough), "f8"])
def test_chunks_change_no_bit(error: Any, dtype: str) -> None:
    f = noisy(23, 3, 4, dtype=dtype)
    f = f.where(np.random.default_rng(1).random(f.shape) > 0.1)
    options: list[Any] = [
        {"dim": "t", "window": 7}, {"dim": "t", "window": 9, "skipna": True, "weights": "tricube"},
        {"dim": ("t", "x"), "window": {"t": 5, "x": 3}, "polyorder": 1, "skipna": True},
        {"dim": "t", "bandwidth": 4.0, "skipna": True, "validate": False},
        {"dim": "t", "window": 7, "boundary": "reflect"},
        {"dim": "t", "window": 7, "boundary": "periodic", "period": {"t": f.t.values[-1] + 0.1}},
    ]  # fmt: skip
    for own, chunks in itertools.product(options, [{"t": 1}, {"t": 4, "y": 2}, {"t": -1, "x": 1}]):
        whole = f.fdgrad.gradient(uncertainty=True, **error, **own)
        plain = f.fdgrad.gradient(**own)
        with nothing_computed():
            lazy = f.chunk(chunks).fdgrad.gradient(uncertainty=True, **error, **own)
        assert [name for name in whole if name in plain] == list(plain)
        for name in whole:
            assert lazy[name].dtype == whole[name].dtype == dtype
            assert same_bits(lazy[name].values, whole[name].values)
        for name in plain:
            assert same_bits(whole[name].values, plain[name].values)
            errors = whole[f"{name}_standard_error"]
            assert (errors.isnull() | plain[name].notnull()).all()
            assert errors.notnull().any()
            if error:
                assert (errors.isnull() == plain[name].isnull()).all()


def test_long_axes_have_the_same_bits() -> None:
    n = 2**16 + 40
    f = xr.DataArray(np.random.default_rng(0).normal(size=n), {"x": np.arange(n) * 0.1}, "x", "f")
    for one in (f, f.assign_coords(x=positions(n))):
        whole = one.fdgrad.gradient("x", window=7, uncertainty=True).df_dx_standard_error
        near = one[:200].fdgrad.gradient("x", window=7, uncertainty=True).df_dx_standard_error
        assert same_bits(whole[:190].values, near[:190].values)
        lazy = one.chunk(x=9_000).fdgrad.gradient("x", window=7, uncertainty=True)
        assert same_bits(lazy.df_dx_standard_error.values, whole.values)


def test_a_large_mean_and_a_distant_origin_take_no_digits() -> None:
    n, rng = 60, np.random.default_rng(0)
    steps, noise = rng.integers(1, 9, n) / 4, np.round(rng.normal(size=n) * 2**10) / 2**20
    x = np.cumsum(steps)
    plain = xr.DataArray(noise, {"t": x}, "t", "f")
    far = xr.DataArray(noise + 1e8, {"t": x + 1.7e9}, "t", "f")
    mean = 1e8 + noise.round(6) - 1e8
    exact = plain.copy(data=(noise + 1e8) - 1e8)  # what float64 keeps of the noise
    assert abs(mean).max() < 1e-2
    for window in (11, 41):
        options: Any = {"window": window, "uncertainty": True}
        found, expected = (
            one.fdgrad.gradient("t", **options).df_dt_standard_error for one in (far, exact)
        )
        assert np.allclose(found, expected, rtol=1e-9, atol=0)


def test_scaled_data_and_positions_have_scaled_errors() -> None:
    f = noisy(40)
    expected = f.fdgrad.derivative("t", 2, window=9, uncertainty=True).d2f_dt2_standard_error
    for scale, stretch in ((2.0**600, 1.0), (2.0**-600, 1.0), (1.0, 2.0**30), (1.0, -(2.0**-30))):
        other = (f * scale).assign_coords(t=f.t * stretch)
        found = other.fdgrad.derivative("t", 2, window=9, uncertainty=True).d2f_dt2_standard_error
        assert np.allclose(found / scale * stretch**2, expected, rtol=1e-12, atol=0)


def test_units_and_names_are_those_of_a_standard_error() -> None:
    f = noisy(30).assign_attrs(standard_name="air_temperature", long_name="temperature")
    f = f.assign_coords(t=np.array("2020", "M8[ns]") + np.arange(30) * np.timedelta64(1, "h"))
    found = f.fdgrad.gradient("t", window=7, uncertainty=True, datetime_unit="h")
    own = found.df_dt_standard_error
    assert found.df_dt.attrs["ancillary_variables"] == own.name
    assert own.attrs == {
        "units": "K h-1", "degrees_of_freedom": 3,
        "long_name": "standard error of derivative of temperature with respect to t",
    }  # fmt: skip
    per_day = f.fdgrad.gradient("t", window=7, uncertainty=True, units="K day-1")
    assert np.allclose(per_day.df_dt_standard_error, 24 * own)
    smooth = f.fdgrad.smooth("t", window=7, uncertainty=True)
    assert smooth.f_standard_error.attrs["standard_name"] == "air_temperature standard_error"
    # The error belongs to the derivative: it is not data of its own.
    assert list(found.fdgrad.gradient("t")) == ["ddf_dt_dt"]


@pytest.mark.parametrize("link", ["flag", ["flag"], "other flag", ""])
def test_a_fit_names_its_standard_error_beside_what_else_is_there(link: Any) -> None:
    f = noisy(30).assign_attrs(ancillary_variables=link)
    alone = f.fdgrad.smooth("t", window=7, uncertainty=True)
    assert alone.f.attrs["ancillary_variables"] == "f_standard_error"
    beside = f.to_dataset().assign(flag=("t", np.arange(30)))
    found = beside.fdgrad.smooth("t", window=7, uncertainty=True).f.attrs["ancillary_variables"]
    names = "flag f_standard_error" if "flag" in str(link).split() else "f_standard_error"
    assert found == names


def test_quantities_give_quantities() -> None:
    registry = pint.get_application_registry()
    f = noisy(30).drop_attrs()
    f = f.copy(data=registry.Quantity(f.values, "millimeter"))
    f.t.attrs["units"] = "s"
    for sigma in (registry.Quantity(0.2, "millimeter"), registry.Quantity(2e-4, "meter"), 0.2):
        found = f.fdgrad.gradient("t", window=7, uncertainty=True, sigma=sigma)
        plain = noisy(30).fdgrad.gradient("t", window=7, uncertainty=True, sigma=0.2)
        own = found.df_dt_standard_error
        assert np.allclose(own.data.magnitude, plain.df_dt_standard_error)
        assert own.data.units == registry.Unit("millimeter / second")
    with pytest.raises(ValueError, match="is 1 kelvin, but the unit of 'f' is 'millimeter'"):
        f.fdgrad.gradient("t", window=7, uncertainty=True, sigma=registry.Quantity(1, "kelvin"))


@pytest.mark.parametrize(
    ("options", "remedy", "message"),
    [
        ({"uncertainty": True}, {"uncertainty": True, "window": 7}, "nothing is fitted"),
        ({"window": 7, "uncertainty": 1}, {"window": 7}, "`uncertainty` is 1; give True or False"),
        (
            {"window": 5, "polyorder": 4, "uncertainty": True},
            {"window": 7, "polyorder": 4, "uncertainty": True},
            "leaves no residuals; give `window=7`",
        ),
        (
            {"window": 5, "polyorder": 4, "uncertainty": True},
            {"window": 5, "polyorder": 4, "uncertainty": True, "sigma": 0.2},
            "or `sigma`, the standard deviation",
        ),
        (
            {"window": 7, "weights": "tricube", "polyorder": 4, "uncertainty": True},
            {"window": 9, "weights": "tricube", "polyorder": 4, "uncertainty": True},
            "that count, which leaves no residuals; give `window=9`",
        ),
        ({"window": 7, "sigma": 0.2}, {"window": 7}, "give `uncertainty=True` too"),
        (
            {"window": 7, "sigma": -0.2, "uncertainty": True},
            {"window": 7, "sigma": 0.2, "uncertainty": True},
            "`sigma` is -0.2; give a positive number",
        ),
        (
            {"window": 7, "sigma": np.inf, "uncertainty": True},
            {"window": 7, "sigma": np.float32(0.5), "uncertainty": True},
            "`sigma` is inf; give a positive number",
        ),
        (
            {"window": 7, "sigma": [0.2], "uncertainty": True},
            {"window": 7, "sigma": 1, "uncertainty": True},
            "`sigma` is a list; give one number",
        ),
        (
            {"window": 7, "uncertainty": noisy(40) ** 2},
            {"window": 7, "uncertainty": True, "sigma": noisy(40) ** 2 + 0.1},
            "`uncertainty` is a DataArray; give True or False, and the noise itself as `sigma`",
        ),
    ],
)  # fmt: skip
def test_bad_input_is_refused_with_a_remedy_that_works(
    options: Any, remedy: Any, message: str
) -> None:
    f = noisy(40)
    with pytest.raises((ValueError, TypeError), match="`") as error:
        f.fdgrad.gradient("t", **options)
    assert message in str(error.value)
    for one in f.fdgrad.gradient("t", **remedy).values():
        assert np.isfinite(one).all()


def test_what_has_no_fit_is_refused() -> None:
    f = noisy(12, 13)
    with pytest.raises(ValueError, match="nothing is fitted along 'y'; give a `window`"):
        f.fdgrad.gradient(window={"t": 7}, uncertainty=True)
    assert len(f.fdgrad.gradient("t", window={"t": 7}, uncertainty=True)) == 2
    with pytest.raises(TypeError, match=r"complex128, .* give its `.real` and `.imag`"):
        (f + 0j).fdgrad.gradient("t", window=7, uncertainty=True)
    times = f.copy(data=np.arange(f.size).reshape(f.shape) * np.timedelta64(1, "s"))
    with pytest.raises(TypeError, match=r"timedelta64.* subtract a time and divide by a unit"):
        times.fdgrad.gradient("t", window=7, uncertainty=True)
    with pytest.raises(ValueError, match="the data have no name"):
        f.rename(None).fdgrad.smooth("t", window=7, uncertainty=True)
    high = f.assign_coords(z=f + 20 * f.y)
    with pytest.raises(ValueError, match="leave out both, or `constant`"):
        high.fdgrad.gradient("t", window=7, uncertainty=True, constant={"y": "z"})
    both = xr.Dataset({"f": f, "f_standard_error": f})
    with pytest.raises(ValueError, match="two results would be called 'f_standard_error'"):
        both.fdgrad.smooth("t", window=7, uncertainty=True)


def test_on_a_sphere_errors_are_scaled_like_derivatives() -> None:
    lat, lon = np.linspace(-60, 60, 15), np.linspace(350, 0, 36)
    f = xr.DataArray(np.random.default_rng(0).normal(size=(15, 36)), {"lat": lat, "lon": lon},
                     ("lat", "lon"), "f")  # fmt: skip
    f.lat.attrs["units"], f.lon.attrs["units"] = "degrees_north", "degrees_east"
    options: Any = {"window": 7, "uncertainty": True}
    found = f.fdgrad.gradient(metric="sphere", **options)
    plain = f.fdgrad.gradient(boundary={"lon": "periodic"}, **options)
    for name in ("df_dlon", "df_dlat"):
        ratios = abs(found[name] / plain[name])
        own = f"{name}_standard_error"
        assert np.allclose(found[own], plain[own] * ratios, rtol=1e-9, atol=0)


def test_integers_are_numbers() -> None:
    f = noisy(30) * 100
    whole = f.astype("i2")
    found = whole.fdgrad.gradient("t", window=7, uncertainty=True)
    expected = whole.astype("f8").fdgrad.gradient("t", window=7, uncertainty=True)
    assert same_bits(found.df_dt_standard_error.values, expected.df_dt_standard_error.values)


def noise_of(f: xr.DataArray, *dims: str, seed: int = 2) -> xr.DataArray:
    """A standard deviation for each cell along some dimensions."""
    shape = [f.sizes[dim] for dim in dims]
    values = np.random.default_rng(seed).uniform(0.1, 2.0, shape)
    return xr.DataArray(values, {dim: f[dim] for dim in dims}, dims, "f_error", {"units": "K"})


def test_with_noise_of_each_cell_intervals_cover_the_truth_in_95_percent_of_series() -> None:
    x = positions(30)
    line = np.polynomial.Polynomial([1.0, -2.0, 0.5], [x[0], x[-1]])
    own = noise_of(xr.DataArray(x, {"x": x}, "x"), "x").drop_attrs()
    f = own.copy(data=line(x)) + own * made_up(lambda x: 0 * x, x, 1.0)
    plain: Any = {"window": 9, "polyorder": 2}
    for weights in ("uniform", "tricube"):
        options = plain | {"weights": weights, "uncertainty": True, "sigma": own}
        found = f.rename("f").fdgrad.gradient("x", **options)
        truth = xr.DataArray(line.deriv()(x), dims="x")
        shares = 100 * (abs(found.df_dx - truth) <= 1.96 * found.df_dx_standard_error).mean(
            "series"
        )
        assert (abs(shares - 95) <= 1).all()
    # No other weights have less scatter.
    best, other = (
        f.rename("f").fdgrad.derivative("x", **one).std("series")
        for one in (plain | {"sigma": own}, plain)
    )
    assert (best < other * 1.02).all()
    assert float(best.mean()) < 0.8 * float(other.mean())


def test_equal_noise_weighs_nothing() -> None:
    f = noisy(40, 3)
    for options in ({"window": 9}, {"window": 9, "weights": "tricube"}, {"bandwidth": 7.0}):
        one = f.fdgrad.gradient("t", uncertainty=True, sigma=0.3, **options)
        each = f.fdgrad.gradient("t", uncertainty=True, sigma=xr.full_like(f, 0.3), **options)
        for name in one:
            assert np.allclose(each[name], one[name], rtol=1e-10, atol=1e-12)


@pytest.mark.thorough
@pytest.mark.parametrize("dims", [("t",), ("x", "t"), ("t", "y", "x"), ("y",), ()])
def test_chunks_change_no_bit_of_weighted_fits(dims: tuple[str, ...]) -> None:
    f = noisy(23, 3, 4)
    f = f.where(np.random.default_rng(1).random(f.shape) > 0.1)
    own = noise_of(f, *dims)
    for options in (
        {"window": 7, "skipna": True}, {"bandwidth": 5.0, "validate": False},
        {"window": 7, "boundary": "reflect"}, {"window": 5, "boundary": 1.0, "polyorder": 1},
        {"window": 7, "boundary": "periodic", "period": {"t": f.t.values[-1] + 0.1}},
    ):  # fmt: skip
        whole = f.fdgrad.gradient("t", sigma=own, uncertainty=True, **options)
        if "skipna" in options:
            assert (whole.df_dt.isnull() == whole.df_dt_standard_error.isnull()).all()
        alone = f.fdgrad.gradient("t", sigma=own, **options)
        assert same_bits(alone.df_dt.values, whole.df_dt.values)
        for halo, (one, other) in itertools.product(("shared", "reread"), (
            (f.chunk(t=1), own), (f.chunk(t=4, y=2), own), (f, own.chunk()),
            (f.chunk(t=5), own.chunk()), (f.chunk(t=4, x=1), own.chunk(dict.fromkeys(dims, 2))),
        )):  # fmt: skip
            with nothing_computed(), dask.config.set({"xgrad.halo": halo}):
                lazy = one.fdgrad.gradient("t", sigma=other, uncertainty=True, **options)
            for name in whole:
                assert same_bits(lazy[name].values, whole[name].values)


def test_noise_may_be_a_variable_or_a_coordinate() -> None:
    f = noisy(30, 2)
    own = noise_of(f, "t")
    expected = f.fdgrad.gradient("t", window=7, sigma=own, uncertainty=True)
    ds = xr.Dataset({"f": f, "f_error": own})
    for one in (ds, ds.set_coords("f_error"), f.assign_coords(f_error=own)):
        found = one.fdgrad.gradient("t", window=7, sigma="f_error", uncertainty=True)
        assert list(found.data_vars) == list(expected.data_vars)
        assert same_bits(found.df_dt.values, expected.df_dt.values)
    turned = own.isel(t=slice(None, None, -1))  # in the order of the labels
    found = f.fdgrad.gradient("t", window=7, sigma=turned, uncertainty=True)
    assert same_bits(found.df_dt.values, expected.df_dt.values)


def test_one_number_is_for_one_unit() -> None:
    f = noisy(30)
    ds = xr.Dataset({"f": f, "g": f.assign_attrs(units="m")})
    options: Any = {"window": 7, "uncertainty": True, "sigma": 0.2}
    with pytest.raises(ValueError, match=r"one number, but the data are in \['K', 'm'\]; select"):
        ds.fdgrad.gradient("t", **options)
    assert len(ds[["f"]].fdgrad.gradient("t", **options)) == 2
    assert len(ds.assign(g=f).fdgrad.gradient("t", **options)) == 4


@pytest.mark.parametrize("dtype", ["f8", "i4"])
def test_cells_without_noise_are_missing(dtype: str) -> None:
    f = (noisy(30) * 100).astype(dtype)
    own = noise_of(f, "t")
    gone = np.isin(np.arange(30), [3, 12, 20])
    for value in (np.nan, 0.0, -1.0, np.inf):
        bad = own.where(~gone, value)
        options: Any = {"window": 7, "skipna": True, "uncertainty": True, "validate": False}
        found = f.fdgrad.gradient("t", sigma=bad, **options)
        expected = f.where(~gone).fdgrad.gradient("t", sigma=own, **options)
        for name in found:
            assert same_bits(found[name].values, expected[name].values)
            assert (np.isnan(found[name]) == gone).all()
        all_of_it = f.fdgrad.gradient("t", sigma=bad, window=7, validate=False)
        assert int(np.isnan(all_of_it.df_dt).sum()) > 15
        if not np.isnan(value):
            with pytest.raises(ValueError, match=f"`sigma` is {value} at t=3; give a positive"):
                f.fdgrad.gradient("t", sigma=bad, window=7, skipna=True)


@pytest.mark.parametrize(
    ("sigma", "message"),
    [
        ("g_error", "`sigma` is 'g_error', which does not exist; did you mean 'f_error'"),
        (xr.DataArray([1.0, 2.0], dims="t"), "has size 2 along 't', but 'f' has"),
        (xr.DataArray([1.0, 2.0], dims="z"), "has size 2 along 'z', but 'f' has"),
        (xr.DataArray(1.0, attrs={"units": "m"}), "is in 'm', but 'f' in 'K'; convert it"),
        (xr.DataArray(1j), "has dtype complex128; it must hold numbers"),
        (np.ones(30), "give one number, .* or a DataArray"),
    ],
)
def test_noise_that_does_not_fit_is_refused(sigma: Any, message: str) -> None:
    f = noisy(30)
    ds = xr.Dataset({"f": f, "f_error": noise_of(f, "t")}).set_coords("f_error")
    with pytest.raises((ValueError, TypeError), match=message):
        ds.f.fdgrad.gradient("t", window=7, sigma=sigma)
    with pytest.raises(ValueError, match="it weights the cells of a fit, and nothing is fitted"):
        ds.f.fdgrad.gradient("t", sigma="f_error")
    with pytest.raises(xgrad.CoordinateError, match="did you mean 'f_error'"):
        ds.reset_coords().fdgrad.gradient("t", window=7, sigma="f_eror")
    with pytest.raises(ValueError, match=r"it would weight .* select one"):
        ds.assign(g=f).fdgrad.gradient("t", window=7, sigma="f_error")


@pytest.mark.thorough
@pytest.mark.parametrize("dims", [("t",), ("t", "y")])
def test_a_job_weighs_fits_too(dims: Any, commands: Session, tmp_path: Path) -> None:
    f = noisy(37, 5)
    ds = xr.Dataset({"f": f, "f_error": noise_of(f, *dims)})
    options: Any = {"window": 9, "uncertainty": True, "sigma": "f_error"}
    expected = ds.fdgrad.gradient("t", **options)
    chunks = {"t": 10, "y": 2}
    ds.isel(t=slice(20)).chunk(chunks).to_zarr(tmp_path / "in.zarr", zarr_format=2)
    job: Any = {"dim": "t", **options}
    xgrad.to_zarr("gradient", tmp_path / "in.zarr", tmp_path / "job.zarr", ["f"], **job)
    ds.isel(t=slice(20, None)).chunk(chunks).to_zarr(tmp_path / "in.zarr", append_dim="t")
    xgrad.to_zarr("gradient", tmp_path / "in.zarr", tmp_path / "job.zarr", ["f"], append="t", **job)
    done = commands.run(
        "gradient", tmp_path / "in.zarr", tmp_path / "out.zarr", "--dim", "t", "--window", 9,
        "--uncertainty", "--sigma", "f_error",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    own = noise_of(f, *dims)
    job["sigma"] = own
    xgrad.to_zarr("gradient", tmp_path / "in.zarr", tmp_path / "own.zarr", ["f"], **job)
    for store in ("job", "out", "own"):
        with xr.open_zarr(tmp_path / f"{store}.zarr", chunks=None) as found:
            assert sorted(found.data_vars) == sorted(expected.data_vars)
            for name in expected.data_vars:
                assert same_bits(found[name].values, expected[name].values)


@pytest.mark.parametrize("sigma", [pytest.param(None, marks=pytest.mark.thorough), 0.25])
def test_a_job_and_a_command_have_the_same_bits(
    sigma: Any, commands: Session, tmp_path: Path
) -> None:
    f = noisy(37, 5).to_dataset()
    f = f.where(np.random.default_rng(1).random((37, 5)) > 0.05)
    f.chunk(t=10, y=2).to_zarr(tmp_path / "in.zarr", zarr_format=2)
    options: Any = {"window": 9, "uncertainty": True, "skipna": True, "sigma": sigma}
    expected = f.fdgrad.derivative("t", **options)
    xgrad.to_zarr("derivative", tmp_path / "in.zarr", tmp_path / "job.zarr", dim="t", **options)
    done = commands.run(
        "derivative", tmp_path / "in.zarr", tmp_path / "out.zarr", "--dim", "t", "--window", 9,
        "--uncertainty", "--skipna", *(["--sigma", sigma] if sigma else []),
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    for store in ("job", "out"):
        with xr.open_zarr(tmp_path / f"{store}.zarr", chunks=None) as found:
            assert sorted(found.data_vars) == sorted(expected.data_vars)
            for name in expected.data_vars:
                assert same_bits(found[name].values, expected[name].values)
                assert found[name].attrs == expected[name].attrs
    # The same numbers are the same options: 9.0 of the command, 9, and those of numpy.
    options["sigma"] = sigma and np.float64(sigma)
    again = xgrad.to_zarr(
        "derivative", tmp_path / "in.zarr", tmp_path / "out.zarr", dim="t", append="t", **options
    )
    assert again.reused == 1


@pytest.mark.thorough  # test_append.py has the law
def test_a_store_that_grows_is_that_of_a_full_job(tmp_path: Path) -> None:
    f = noisy(60, 3).to_dataset().chunk(t=6)
    options: Any = {"dim": ["t"], "window": 9, "uncertainty": True}
    f.isel(t=slice(0, 40)).to_zarr(tmp_path / "in.zarr", zarr_format=2)
    xgrad.to_zarr("gradient", tmp_path / "in.zarr", tmp_path / "out.zarr", **options)
    f.isel(t=slice(40, None)).to_zarr(tmp_path / "in.zarr", append_dim="t")
    xgrad.to_zarr("gradient", tmp_path / "in.zarr", tmp_path / "out.zarr", append="t", **options)
    expected = f.compute().fdgrad.gradient("t", window=9, uncertainty=True)
    with xr.open_zarr(tmp_path / "out.zarr", chunks=None) as found:
        for name in expected.data_vars:
            assert same_bits(found[name].values, expected[name].values)
    options["sigma"] = 0.5
    with pytest.raises(ValueError, match="sigma"):  # of another job
        xgrad.to_zarr(
            "gradient", tmp_path / "in.zarr", tmp_path / "out.zarr", append="t", **options
        )


@pytest.mark.parametrize("engine", WITH_CUBED)
def test_all_lazy_arrays_have_the_same_bits(engine: str) -> None:
    f = noisy(24, 3)
    own = noise_of(f, "t", "y")
    plan = f.copy(data=lazy(engine, f.values, (4, 3)))
    for sigma in (None, 0.3, own):
        options: Any = {"window": 7, "uncertainty": True, "sigma": sigma}
        if sigma is own and engine == "cubed":
            with pytest.raises(TypeError, match="because `sigma` is an array"):
                plan.fdgrad.gradient("t", **options)
            continue
        found = plan.fdgrad.gradient("t", **options).isel(t=slice(9, 15))
        expected = f.fdgrad.gradient("t", **options).isel(t=slice(9, 15))
        for name in expected:
            assert same_bits(np.asarray(found[name].data.compute()), expected[name].values)


def test_noise_is_checked_part_by_part(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """That of a store, which may not fit in memory; the message names the cell all the same."""
    monkeypatch.setattr("xgrad.operators.uncertainty._CELLS_AT_ONCE", 20)
    f = noisy(37, 5)
    sigma = noise_of(f, "t", "y")
    sigma[31, 3] = -1.0
    xr.Dataset({"f": f, "f_error": sigma}).to_zarr(tmp_path / "in.zarr", zarr_format=2)
    with xr.open_zarr(tmp_path / "in.zarr", chunks=None) as ds:
        with pytest.raises(ValueError, match=r"is -1.0 at t=31, y=3; give a positive number"):
            ds.f.fdgrad.gradient("t", window=7, sigma=ds.f_error)
        found = ds.f.fdgrad.gradient("t", window=7, sigma=abs(ds.f_error))
        assert found.df_dt.notnull().all()
