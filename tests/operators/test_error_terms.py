"""The law of composed errors: those of the linear map from all cells to a result."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy import stats

import xgrad
from tests.engines import WITH_CUBED, lazy
from tests.helpers import mostly_thorough, nothing_computed, same_bits

SIGMA = 0.3
Operation = Callable[[Any, Any], Any]


def plane(*, seed: int = 0) -> xr.DataArray:
    rng = np.random.default_rng(seed)
    y, x = (np.cumsum(rng.random(n) + 0.3) for n in (9, 8))
    return xr.DataArray(rng.normal(size=(9, 8)), {"y": y, "x": x}, ("y", "x"), "f")


def globe(*, seed: int = 0) -> xr.DataArray:
    rng = np.random.default_rng(seed)
    lat, lon = np.linspace(70, -50, 9) + rng.random(9), np.linspace(0, 320, 9) + rng.random(9)
    f = xr.DataArray(rng.normal(size=(9, 9)), {"lat": lat, "lon": lon}, ("lat", "lon"), "f")
    f.lat.attrs["units"], f.lon.attrs["units"] = "degrees_north", "degrees_east"
    return f


def flow(f: xr.DataArray) -> xr.Dataset:
    return xr.Dataset({"u": f, "v": f.copy(data=np.roll(f.values, 1, -1))})


def with_winds(name: str) -> Operation:
    return lambda ds, options: getattr(ds.fdgrad, name)(u="u", v="v", **options)


def of_field(name: str, *dim: Any, **own: Any) -> Operation:
    return lambda f, options: getattr(f.fdgrad, name)(*dim, **own, **options)


LINEAR: dict[str, Operation] = {
    "laplacian": of_field("laplacian", ("y", "x")),
    "hessian": of_field("hessian", ("y", "x")),
    "mixed": of_field("derivative", ("y", "x")),
    "mixed of second order": of_field("derivative", ("x", "y"), order=2),
    "smooth": of_field("smooth", ("y", "x")),
}
ON_SPHERE: dict[str, Operation] = {
    "laplacian": of_field("laplacian", metric="sphere"),
    "hessian": of_field("hessian", ("lon", "lat"), metric="sphere"),
    "hessian, latitude first": of_field("hessian", metric="sphere"),
}
OF_FLOW: dict[str, Operation] = {"divergence": with_winds("divergence"), "curl": with_winds("curl")}
OPTIONS: list[dict[str, Any]] = [
    {"window": 5, "polyorder": 2},
    {"window": 7, "weights": "tricube", "boundary": "reflect"},
    {"window": {"y": 5, "x": 7, "lat": 5, "lon": 7}, "boundary": "extend", "polyorder": 2},
]


def options_for(f: Any, options: dict[str, Any]) -> dict[str, Any]:
    """Without the sizes of other dimensions."""
    window = options["window"]
    if isinstance(window, dict):
        window = {dim: size for dim, size in window.items() if dim in f.dims}
    return {**options, "window": window}


def as_dataset(found: Any) -> xr.Dataset:
    return found.to_dataset(name=found.name) if isinstance(found, xr.DataArray) else found


def of_linear_map(operation: Operation, obj: Any, options: Any) -> dict[str, Any]:
    """Per result the root of the sum of squares of what each cell adds to it, times sigma."""
    several = isinstance(obj, xr.Dataset)
    squares: dict[str, Any] = {}
    for name in list(obj) if several else [None]:
        like = obj[name] if several else obj
        each = np.eye(like.size).reshape(like.size, *like.shape)
        unit = xr.DataArray(each, like.coords, ("cell", *like.dims), like.name, like.attrs)
        unit = unit.where(like.notnull())
        whole = xr.Dataset({k: unit if k == name else 0 * unit for k in obj}) if several else unit
        for result, values in as_dataset(operation(whole, options)).items():
            squares[str(result)] = squares.get(str(result), 0) + (values**2).sum(
                "cell", skipna=False
            )
    return {name: SIGMA * np.sqrt(one) for name, one in squares.items()}


def compared(operation: Operation, obj: Any, options: dict[str, Any]) -> None:
    own = options_for(obj, options)
    expected = of_linear_map(operation, obj, own)
    found = operation(obj, {**own, "uncertainty": True, "sigma": SIGMA})
    plain = as_dataset(operation(obj, own))
    assert set(found) == {name + end for name in expected for end in ("", "_standard_error")}
    for name, one in expected.items():
        assert same_bits(found[name].values, plain[name].values)
        errors = found[f"{name}_standard_error"]
        scale = 1e-12 * float(one.max())  # a mirror leaves zeros
        assert np.allclose(errors, one, rtol=1e-9, atol=scale, equal_nan=True), name
        assert errors.notnull().any()
        assert found[name].attrs["ancillary_variables"] == errors.name


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("name", LINEAR)
def test_the_error_is_that_of_the_linear_map(name: str, options: dict[str, Any]) -> None:
    compared(LINEAR[name], plane(), options)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("name", ON_SPHERE)
def test_so_it_is_on_a_sphere(name: str, options: dict[str, Any]) -> None:
    compared(ON_SPHERE[name], globe(), options)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("name", OF_FLOW)
def test_so_it_is_of_a_flow(name: str, options: dict[str, Any]) -> None:
    compared(OF_FLOW[name], flow(plane()), options)
    compared(OF_FLOW[name], flow(globe()), {**options, "metric": "sphere"})


@pytest.mark.parametrize("name", [*LINEAR, "laplacian on a sphere", "hessian on a sphere"])
def test_so_it_is_where_values_are_missing(name: str) -> None:
    f, operation = plane(seed=3), LINEAR.get(name)
    if operation is None:
        f, operation = globe(seed=3), ON_SPHERE[name.split(maxsplit=1)[0]]
    f = f.where(np.random.default_rng(1).random(f.shape) > 0.12)
    assert f.isnull().any()
    options: dict[str, Any] = {"window": 5, "polyorder": 2, "validate": False, "skipna": True}
    compared(operation, f, options)
    compared(operation, f, {**options, "window": 7, "weights": "tricube"})


@pytest.mark.parametrize("skipna", [False, True])
@pytest.mark.parametrize("name", ["gradient_magnitude", "gradient_direction"])
def test_the_error_of_a_length_or_an_angle_is_that_of_its_slope(name: str, *, skipna: bool) -> None:
    for whole, metric in ((plane(), {}), (globe(), {"metric": "sphere"})):
        f = whole.where(whole < 1.5) if skipna else whole
        options: Any = {"window": 5, "polyorder": 2, "skipna": skipna, **metric}
        known: Any = {"uncertainty": True, "sigma": SIGMA}
        found = (
            f.fdgrad.magnitude(**options, **known)
            if name == "gradient_magnitude"
            else f.fdgrad.direction(f.dims, **options, **known)
        )
        each = np.eye(f.size).reshape(f.size, *f.shape)
        units = xr.DataArray(each, f.coords, ("cell", *f.dims), "f").where(f.notnull())
        gradient = f.fdgrad.gradient(**options)
        y, x = (gradient[f"df_d{dim}"] for dim in f.dims)
        of_units = units.fdgrad.gradient(f.dims, **options)
        dy, dx = (of_units[f"df_d{dim}"] for dim in f.dims)
        size = np.hypot(x, y)
        moved = (
            (x * dx + y * dy) / size
            if name == "gradient_magnitude"
            else (x * dy - y * dx) / size**2
        )
        expected = SIGMA * np.sqrt((moved**2).sum("cell", skipna=False))
        errors = found[f"f_{name}_standard_error"]
        assert np.allclose(errors, expected, rtol=1e-9, equal_nan=True)
        assert errors.attrs.get("units") == ("radian" if "direction" in name else None)


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_scaled_data_have_scaled_errors(scale: float) -> None:
    """Squares of them would be 0 or infinite."""
    f, known = plane(), {"window": 5, "polyorder": 2, "uncertainty": True}
    for name in ("laplacian", "magnitude"):
        operation = of_field(name)
        (error,) = (one for one in operation(f, known) if str(one).endswith("_error"))
        expected = operation(f, known)[error]
        found = operation((scale * f).rename("f"), known)[error] / scale
        assert np.allclose(found, expected, rtol=1e-12)
    infinite = operation(f.where(f.x != f.x[3], np.inf), known)[error]
    assert infinite.isnull().any()
    assert not np.isinf(infinite).any()


def test_the_noise_of_one_component_may_be_a_variable() -> None:
    wind = flow(plane()).assign(sigma=plane() * 0 + SIGMA)
    options: Any = {"window": 5, "polyorder": 2, "uncertainty": True}
    found = wind.fdgrad.divergence({"x": "u"}, sigma="sigma", **options)
    known = wind.fdgrad.divergence({"x": "u"}, sigma=SIGMA, **options)
    assert list(found) == ["divergence", "divergence_standard_error"]
    for name in found:
        assert np.allclose(found[name], known[name], rtol=1e-9)
    with pytest.raises(ValueError, match=r"it would weight \['u', 'v'\]"):
        wind.fdgrad.divergence(u="u", v="v", sigma="sigma", **options)


def test_where_there_is_no_slope_there_is_no_error() -> None:
    f = plane() * 0
    options: Any = {"window": 5, "uncertainty": True, "sigma": SIGMA}
    assert f.fdgrad.magnitude(**options).f_gradient_magnitude_standard_error.isnull().all()
    found = f.fdgrad.direction(("y", "x"), **options)
    assert found.f_gradient_direction_standard_error.isnull().all()


@pytest.mark.parametrize(
    "name", mostly_thorough(["laplacian", "divergence", "curl"], "laplacian", "curl")
)
def test_so_it_is_from_residuals_on_a_sphere(name: str) -> None:
    """Where terms share all cells of a dimension, and values are added to derivatives."""
    like, rng = globe(), np.random.default_rng(6)
    dims, shape = ("field", *like.dims), (4000, *like.shape)
    u, v = (xr.DataArray(rng.normal(0, SIGMA, shape), like.coords, dims) for _ in range(2))
    options: Any = {"window": 7, "polyorder": 2, "metric": "sphere", "uncertainty": True}
    if name == "laplacian":
        found = u.rename("f").fdgrad.laplacian(("lat", "lon"), **options)
    else:
        found = getattr(xgrad, name)({"lon": u, "lat": v}, **options)
    one, error = found
    rms = np.sqrt((found[error] ** 2).mean("field"))
    assert np.allclose(rms, found[one].std("field"), rtol=0.06)


@pytest.mark.parametrize("name", LINEAR)
def test_from_residuals_it_is_the_scatter_of_the_results(name: str) -> None:
    """Mean squares agree within the sampling error of some thousands of fields.

    With Student's t of one fit, intervals are wide enough, as `docs/noisy.md` says.
    """
    like = plane()
    noise = np.random.default_rng(5).normal(0, SIGMA, (4000, *like.shape))
    truth = like.y + 2 * like.x
    f = truth + xr.DataArray(noise, like.coords, ("field", *like.dims))
    options: Any = {"window": 7, "polyorder": 2}
    found = LINEAR[name](f.rename("f"), {**options, "uncertainty": True})
    names = [name for name in found if not str(name).endswith("_error")]
    assert names
    for one in names:
        rms = np.sqrt((found[f"{one}_standard_error"] ** 2).mean("field"))
        assert np.allclose(rms, found[one].std("field"), rtol=0.06), one
        half = stats.t.ppf(0.975, 7 - 2 - 1) * found[f"{one}_standard_error"]
        away = abs(found[one] - as_dataset(LINEAR[name](truth.rename("f"), options))[one])
        least = 0.95 - 5 * np.sqrt(0.95 * 0.05 / 4000)  # five times the sampling error
        assert ((away <= half).mean("field") > least).all(), one


@pytest.mark.thorough  # test_uncertainty.py has the law for a derivative
def test_95_percent_of_intervals_cover_the_truth() -> None:
    like = plane()
    noise = np.random.default_rng(5).normal(0, SIGMA, (10_000, *like.shape))
    f = (like.y**2 + 50 * like.x + like.y * like.x).rename("f")
    noisy = f + xr.DataArray(noise, like.coords, ("field", *like.dims))
    options: Any = {"window": 5, "polyorder": 2}
    for operation in (
        of_field("laplacian"), of_field("derivative", ("y", "x")), of_field("magnitude"),
        of_field("direction", ("y", "x")),
    ):  # fmt: skip
        found = operation(noisy.rename("f"), {**options, "uncertainty": True, "sigma": SIGMA})
        (name,) = (name for name in found if not str(name).endswith("_error"))
        away = abs(found[name] - operation(f, options))
        shares = 100 * (away <= 1.96 * found[f"{name}_standard_error"]).mean("field")
        assert (abs(shares - 95) <= 1).all(), (name, shares.values)


def test_with_noise_of_each_cell_it_is_that_of_the_linear_map() -> None:
    f = plane()
    sigma = xr.DataArray(np.random.default_rng(2).uniform(0.1, 2.0, f.shape), f.coords, f.dims)
    options: Any = {"window": 5, "polyorder": 2, "sigma": sigma}
    for operation in (of_field("laplacian"), of_field("magnitude")):
        found = operation(f, {**options, "uncertainty": True})
        each = np.eye(f.size).reshape(f.size, *f.shape)
        units = xr.DataArray(each, f.coords, ("cell", *f.dims), "f")
        if "f_laplacian" in found:
            moved = units.fdgrad.laplacian(("y", "x"), **options)
        else:
            slope = f.fdgrad.gradient(**options) / found.f_gradient_magnitude
            of_units = units.fdgrad.gradient(("y", "x"), **options)
            moved = slope.df_dy * of_units.df_dy + slope.df_dx * of_units.df_dx
        own = xr.DataArray(sigma.values.ravel(), dims="cell")
        expected = np.sqrt(((moved * own) ** 2).sum("cell"))
        (name,) = (name for name in found if str(name).endswith("_error"))
        assert np.allclose(found[name], expected, rtol=1e-9)
    once = f.fdgrad.laplacian(**{**options, "sigma": sigma * 0 + SIGMA}, uncertainty=True)
    number = f.fdgrad.laplacian(**{**options, "sigma": SIGMA}, uncertainty=True)
    for name in once:
        assert np.allclose(once[name], number[name], rtol=1e-9)


EVERY: dict[str, tuple[Operation, Any, dict[str, Any]]] = {
    **{name: (one, plane(), {}) for name, one in LINEAR.items()},
    "magnitude": (of_field("magnitude"), plane(), {}),
    "direction": (of_field("direction", ("y", "x")), plane(), {}),
    "laplacian on a sphere": (of_field("laplacian"), globe(), {"metric": "sphere"}),
    "hessian on a sphere": (of_field("hessian", ("lon", "lat")), globe(), {"metric": "sphere"}),
    "divergence on a sphere": (with_winds("divergence"), flow(globe()), {"metric": "sphere"}),
    "curl": (with_winds("curl"), flow(plane()), {}),
}


@pytest.mark.parametrize("name", mostly_thorough(EVERY, "curl", "magnitude"))
def test_chunks_change_no_bit(name: str) -> None:
    operation, obj, own = EVERY[name]
    first, second = obj.dims if isinstance(obj, xr.DataArray) else obj.u.dims
    obj = obj.where((obj[first] != obj[first][1]) | (obj[second] != obj[second][6]))
    for sigma, skipna in itertools.product([{}, {"sigma": SIGMA}], [False, True]):
        options: Any = {"window": 5, "polyorder": 2, "uncertainty": True, "skipna": skipna}
        whole = operation(obj, {**options, **own, **sigma})
        assert any(name.endswith("_error") and whole[name].notnull().any() for name in whole)
        for chunks in ({first: 2, second: -1}, {first: 4, second: 3}):
            with nothing_computed():
                parts = operation(obj.chunk(chunks), {**options, **own, **sigma})
            for each in whole:
                assert same_bits(parts[each].values, whole[each].values), each


@pytest.mark.parametrize("engine", WITH_CUBED)
def test_other_engines_give_the_same_bits(engine: str) -> None:
    f = plane()
    options: Any = {"window": 5, "polyorder": 2, "uncertainty": True}
    whole = f.fdgrad.laplacian(**options)
    parts = f.copy(data=lazy(engine, f.values, (4, 3))).fdgrad.laplacian(**options)
    for name in whole:
        assert same_bits(parts[name].values, whole[name].values)


@pytest.mark.parametrize(
    "name", mostly_thorough(["laplacian", "hessian", "magnitude", "smooth"], "laplacian")
)
def test_a_job_gives_the_same_bits(name: str, tmp_path: Path) -> None:
    f = plane()
    f = f.where(np.random.default_rng(1).random(f.shape) > 0.05)
    options: Any = {"window": 5, "polyorder": 2, "uncertainty": True, "skipna": True}
    dim = {"smooth": ["y", "x"]}.get(name)
    whole = as_dataset(getattr(f.fdgrad, name)(dim, **options))
    xgrad.to_zarr(name, f.chunk(y=3, x=4), tmp_path / "found.zarr", dim=dim, **options)
    found = xr.open_zarr(tmp_path / "found.zarr")
    for each in whole:
        assert same_bits(found[each].values, whole[each].values), each


@pytest.mark.parametrize(
    ("operation", "options", "remedy", "message"),
    [
        (
            of_field("laplacian"), {"window": {"y": 5}}, {"window": 5},
            "nothing is fitted along 'x'",
        ),
        (
            of_field("derivative", ("y", "x")), {"window": {"x": 5}}, {"window": 5},
            "nothing is fitted along 'y'",
        ),
        (
            of_field("magnitude"), {"window": 5, "polyorder": 4}, {"window": 7, "polyorder": 4},
            "give `window=7`",
        ),
        (
            of_field("smooth", ("y", "x")), {"window": 5, "sigma": plane() * 0 + 1},
            {"window": 5, "sigma": 1}, r"along \['y', 'x'\] one fit is fitted to another",
        ),
    ],
)  # fmt: skip
def test_what_has_no_error_is_refused_with_a_remedy_that_works(
    operation: Operation, options: Any, remedy: Any, message: str
) -> None:
    f = plane()
    with pytest.raises(ValueError, match=message):
        operation(f, {**options, "uncertainty": True})
    for one in operation(f, {**remedy, "uncertainty": True}).values():
        assert one.notnull().all()


def test_what_is_known_for_some_orders_and_forms_only_is_refused_for_others() -> None:
    f = globe()
    options: Any = {"metric": "sphere", "window": 5, "uncertainty": True}
    with pytest.raises(ValueError, match="name longitude before latitude"):
        f.fdgrad.hessian(("lat", "lon"), skipna=True, **options)
    assert f.fdgrad.hessian(("lon", "lat"), skipna=True, **options).notnull().all()
    wind = flow(f)
    with pytest.raises(ValueError, match=r"products of the data are fitted.*form='advective'"):
        wind.fdgrad.divergence(u="u", v="v", form="flux", **options)
    both = wind.fdgrad.divergence(u="u", v="v", form="advective", **options)
    assert list(both) == ["divergence", "divergence_standard_error"]
    with pytest.raises(ValueError, match="or give one number"):
        wind.fdgrad.divergence(u="u", v="v", sigma=f * 0 + 1, **options)


def test_a_mixed_derivative_beside_noise_that_is_not_known_has_no_error() -> None:
    """Four cells determine a cubic and leave no residuals: their error is unknown, not missing."""
    f = plane().assign_coords(y=np.arange(9.0), x=np.arange(8.0))
    f[:, 2] = np.nan
    f[2:6, 2] = 1.0
    options: Any = {"window": {"y": 5, "x": 3}, "polyorder": {"y": 3, "x": 1}, "skipna": True}
    mixed = f.fdgrad.derivative(("y", "x"), uncertainty=True, **options)
    known = f.fdgrad.derivative(("y", "x"), uncertainty=True, sigma=1, **options)
    assert same_bits(mixed.d2f_dydx.values, known.d2f_dydx.values)
    there = f.fdgrad.gradient(("y", "x"), **options).df_dy.notnull()
    assert there[:, 2].any()
    errors = mixed.d2f_dydx_standard_error
    beside = there[:, 2] & mixed.d2f_dydx[:, 1:4].notnull()
    assert beside.any()
    assert errors[:, 1:4].where(beside).isnull().all()
    assert (errors.notnull() == mixed.d2f_dydx.notnull())[:, 5:].all()
    assert (known.d2f_dydx_standard_error.notnull() == known.d2f_dydx.notnull()).all()
