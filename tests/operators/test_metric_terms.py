"""The law of curvature: harmonics and solid-body rotation, which are known exactly on a sphere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

import xgrad
from tests.helpers import same_bits
from tests.operators.helpers import OMEGA, R, globe, on, slope

HARMONICS: dict[tuple[int, int], Any] = {
    (1, 0): lambda p, _l: np.sin(p) + 0 * _l,
    (2, 1): lambda p, m: np.sin(p) * np.cos(p) * np.cos(m),
    (3, 2): lambda p, m: np.cos(p) ** 2 * np.sin(p) * np.cos(2 * m),
    (4, 4): lambda p, m: np.cos(p) ** 4 * np.sin(4 * m),
}


@pytest.mark.parametrize(("degree", "order"), HARMONICS)
def test_harmonics_are_eigenfunctions_of_the_laplacian(degree: int, order: int) -> None:
    def error(n: int) -> float:
        f = on(globe(n), HARMONICS[degree, order])
        found = f.fdgrad.laplacian(metric="sphere") * R**2
        away = abs(found + degree * (degree + 1) * f).where(abs(f.latitude) < 60)
        return float(away.max())

    assert slope(error) > 1.9


@pytest.mark.parametrize("form", ["advective", "flux"])
def test_the_curl_of_solid_body_rotation_converges(form: Any) -> None:
    def error(n: int) -> float:
        ds = globe(n, poles=True)
        u = on(ds, lambda p, m: OMEGA * R * np.cos(p) + 0 * m)
        found = xgrad.curl(u=u, v=0 * u, metric="sphere", form=form)
        exact = on(ds, lambda p, m: 2 * OMEGA * np.sin(p) + 0 * m)
        return float(abs(found - exact).max() / OMEGA)  # at the poles too

    assert error(180) < 2e-3
    assert slope(error, (45, 90)) > 1.9


def test_divergence_of_a_curl_and_curl_of_a_gradient_vanish() -> None:
    def psi(p: Any, m: Any) -> Any:
        return np.cos(p) ** 3 * np.sin(2 * m) + np.sin(p) ** 2 * np.cos(p) * np.cos(m)

    def errors(n: int) -> tuple[float, float]:
        f = on(globe(n), psi)
        g = f.rename("f").fdgrad.gradient(metric="sphere", edge_order=2)
        u, v = g.df_dlongitude, g.df_dlatitude
        both = (
            xgrad.curl(u=u, v=v, metric="sphere"),
            xgrad.divergence({"longitude": -v, "latitude": u.rename("w")}, metric="sphere"),
        )
        near = [float(abs(one).where(abs(f.latitude) < 60).max()) * R**2 for one in both]
        return near[0], near[1]

    for k in range(2):
        assert slope(lambda n, k=k: errors(n)[k]) > 1.9


def test_the_flux_form_sums_to_zero_over_the_globe() -> None:
    n = 36
    ds = globe(n, poles=True)
    rng = np.random.default_rng(0)
    dims = ("latitude", "longitude")
    u, v = (xr.DataArray(rng.normal(size=(n + 1, 2 * n)), ds.coords, dims) for _ in "uv")
    v[0] = v[-1] = 0
    h = np.pi / n
    cosines = np.cos(np.radians(ds.latitude.values))
    weights = cosines * h
    weights[[0, -1]] = cosines[[1, -2]] * h / 4
    area = xr.DataArray(weights * h * R**2, dims="latitude")
    found = xgrad.divergence(u=u, v=v, metric="sphere", form="flux")
    assert abs(float((found * area).sum())) < 1e-13 * float(abs(found * area).sum())


def test_scalars_are_missing_at_the_poles() -> None:
    f = on(globe(12, poles=True), lambda p, m: np.sin(p) * np.cos(m)).rename("f")
    g = f.fdgrad.gradient(metric="sphere")
    for field in (g.df_dlongitude, f.fdgrad.magnitude(metric="sphere"),
                  f.fdgrad.laplacian(metric="sphere")):  # fmt: skip
        assert np.isnan(field.values[[0, -1]]).all()
        assert not np.isnan(field.values[1:-1]).any()
    assert not np.isnan(g.df_dlatitude.values).any()


def test_a_longitude_that_spans_the_globe_is_periodic() -> None:
    f = on(globe(12), lambda p, m: np.cos(p) * np.cos(m) ** 3).rename("f")
    found = f.fdgrad.magnitude(metric="sphere")
    rolled = f.roll(longitude=7, roll_coords=True).fdgrad.magnitude(metric="sphere")
    assert same_bits(rolled.roll(longitude=-7, roll_coords=True).values, found.values)
    given = {"boundary": {"longitude": "periodic"}, "period": {"longitude": 360}}
    assert same_bits(f.fdgrad.magnitude(metric="sphere", **given).values, found.values)
    cut = f.fdgrad.magnitude(metric="sphere", boundary={"longitude": "one-sided"})
    assert not same_bits(cut.values[:, 0], found.values[:, 0])
    assert same_bits(cut.values[:, 1:-1], found.values[:, 1:-1])
    part = f.isel(longitude=slice(5, 15))
    assert same_bits(
        part.fdgrad.magnitude(metric="sphere").values,
        part.fdgrad.magnitude(metric="sphere", boundary={"longitude": "one-sided"}).values,
    )


def test_the_radius_scales_the_derivative() -> None:
    f = on(globe(12), lambda p, m: np.sin(p) + 0 * m).rename("f")
    near = f.fdgrad.gradient("latitude", metric="sphere", radius=1.0).df_dlatitude
    np.testing.assert_allclose(
        near, R * f.fdgrad.gradient("latitude", metric="sphere").df_dlatitude
    )
    assert near.attrs["long_name"] == "derivative of f with respect to latitude"


def test_variables_without_the_latitude_that_scales_them_are_left_out() -> None:
    ds = globe(6)
    ds["f"] = on(ds, HARMONICS[2, 1])
    ds["lon_bnds"] = ("longitude", "bnds"), np.stack([ds.longitude - 15, ds.longitude + 15], 1)
    found = ds.fdgrad.gradient(["longitude", "latitude"], metric="sphere")
    assert set(found) == {"df_dlongitude", "df_dlatitude"}
    expected = ds.f.fdgrad.gradient(["longitude", "latitude"], metric="sphere")
    assert same_bits(found.df_dlongitude, expected.df_dlongitude)
    with pytest.raises(xgrad.CoordinateError, match="also depend on"):
        ds.drop_vars("f").fdgrad.gradient("longitude", metric="sphere")
