"""Winds of a reanalysis: vorticity and divergence compared with MetPy, the jets, the dateline."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import xarray as xr

import xgrad
from tests.helpers import real_data, same_bits

# By default, MetPy's Earth is an ellipsoid.
EARTH = {"grid_mapping_name": "latitude_longitude", "earth_radius": 6371229.0}
# Without the columns beside 180 degrees, where MetPy's differences are one-sided, and without the
# polar caps, where the two disagree: MetPy computes the curvature from differences of the map
# factor 1/cos(lat), and xgrad from the tangent.
INSIDE = {"latitude": slice(80, -80), "longitude": slice(-179, 178.6)}

# Dtypes of the longitude: that of the file, and float64.
DTYPES = ["f4", "f8"]


@pytest.fixture(scope="module")
def reanalysis() -> xr.Dataset:
    file = real_data("eraint_uvz.nc")
    with warnings.catch_warnings():
        # The values are packed as integers, and the file gives NaN as their fill value.
        warnings.simplefilter("ignore", xr.SerializationWarning)
        with xr.open_dataset(file) as ds:
            return ds.load()


@pytest.mark.thorough  # imports MetPy
@pytest.mark.parametrize("month", [1, 7])
@pytest.mark.parametrize("level", [850, 500, 200])
@pytest.mark.parametrize("what", ["vorticity", "divergence"])
def test_agrees_with_metpy(reanalysis: xr.Dataset, what: str, level: int, month: int) -> None:
    calc = pytest.importorskip("metpy.calc")
    wind = reanalysis[["u", "v"]].sel(level=level, month=month, drop=True)
    ours = {"vorticity": xgrad.curl, "divergence": xgrad.divergence}[what](
        u=wind.u, v=wind.v, metric="sphere"
    )
    placed = wind.metpy.assign_crs(EARTH)
    theirs = getattr(calc, what)(placed.u, placed.v)
    a, b = (one.sel(INSIDE).values for one in (ours, theirs.metpy.dequantify()))
    rms = np.sqrt(((a - b) ** 2).mean() / (b**2).mean())
    # Measured: up to 4.3e-4 and 1.8e-3, and correlations of 1 - 9e-8 and 1 - 1.5e-6.
    assert rms < {"vorticity": 5e-4, "divergence": 2e-3}[what]
    assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 1 - 2e-6


def test_shear_on_either_side_of_the_january_jets(reanalysis: xr.Dataset) -> None:
    wind = reanalysis[["u", "v"]].sel(level=200, month=1, drop=True)
    vorticity = xgrad.curl(u=wind.u, v=wind.v, metric="sphere")
    for half, west_to_east, north_to_south in (
        (slice(90, 0), (110, 170), (40, 25)),
        (slice(0, -90), (-180, 180), (-35, -60)),
    ):
        speed = wind.u.sel(latitude=half)
        latitude, longitude = (float(one) for one in speed.stack(at=speed.dims).idxmax().item())
        assert west_to_east[0] <= longitude < west_to_east[1]
        assert north_to_south[0] > latitude > north_to_south[1]
        column = vorticity.sel(longitude=longitude)
        # Air rotates anticlockwise to the north of a westerly jet, and clockwise to the south.
        assert column.sel(latitude=slice(latitude + 8, latitude + 3)).mean() > 5e-6
        assert column.sel(latitude=slice(latitude - 3, latitude - 8)).mean() < -5e-6


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_mean_over_the_globe_is_zero(reanalysis: xr.Dataset, dtype: str) -> None:
    wind = reanalysis[["u", "v"]].sel(level=[200, 850])
    wind = wind.assign_coords(longitude=wind.longitude.astype(dtype))
    for make in (xgrad.curl, xgrad.divergence):
        found = make(u=wind.u, v=wind.v, metric="sphere", form="flux")
        area = areas(found)
        total = (found * area).sum(["latitude", "longitude"])
        scale = (abs(found) * area).sum(["latitude", "longitude"])
        assert float((abs(total) / scale).max()) < 1e-13


def areas(field: xr.DataArray) -> xr.DataArray:
    """Areas of the cells that the flux form closes over, in R² Δλ Δφ; half cells at the poles."""
    area = np.cos(np.deg2rad(field.latitude.astype("f8")))
    area[0], area[-1] = area[1] / 4, area[-2] / 4
    return area


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_dateline_is_not_an_edge(reanalysis: xr.Dataset, dtype: str) -> None:
    z = reanalysis.z
    longitude = z.longitude.astype(dtype)
    dims, half = ["latitude", "longitude"], z.sizes["longitude"] // 2
    z = z.assign_coords(longitude=longitude)
    found = z.fdgrad.magnitude(dims, metric="sphere")
    rolled = z.roll(longitude=half).assign_coords(longitude=longitude + 180)
    again = rolled.fdgrad.magnitude(dims, metric="sphere")
    assert same_bits(again.values, found.roll(longitude=half).values)
    # This is not trivial: with one-sided differences, exactly the columns there differ.
    cut = z.fdgrad.magnitude(dims, metric="sphere", boundary={"longitude": "one-sided"})
    different = ((cut != found) & found.notnull()).any(["month", "level", "latitude"])
    assert np.flatnonzero(different).tolist() == [0, z.sizes["longitude"] - 1]


def test_at_constant_pressure_hybrid_levels_have_the_gradient_of_pressure_levels(
    reanalysis: xr.Dataset,
) -> None:
    wind = reanalysis[["u", "z"]].sel(month=1, drop=True).isel(latitude=slice(20, -20))
    wind = wind.astype("f8").sortby("level")
    # The parabola through the three levels: on any other levels, its values are known.
    parabolas = wind.u.polyfit("level", 2).polyfit_coefficients
    low = wind.z.sel(level=850)
    ps = 700 + 150 * (low - low.min()) / (low.max() - low.min())
    b = xr.DataArray(np.linspace(0, 1, 12) ** 1.5, dims="hybrid")
    p = (200 * (1 - b) + b * ps).drop_vars("level").transpose("hybrid", ...)
    u = xr.polyval(p, parabolas).rename("u").transpose(*p.dims).assign_coords(p=p)
    held = u.fdgrad.gradient(
        ["longitude", "latitude"], metric="sphere", constant={"hybrid": "p"}, skipna=True
    )
    plain = u.fdgrad.gradient(["longitude", "latitude"], metric="sphere")
    each = parabolas.rename("u").fdgrad.gradient(["longitude", "latitude"], metric="sphere")
    for name, found in held.items():
        exact = xr.polyval(p, each[name]).transpose(*p.dims)
        inner = {dim: slice(1, -1) for dim in ("latitude", "longitude", "hybrid")}
        both = abs(found - exact).isel(inner).where(abs(exact.isel(inner)) > 0)
        scale = float(abs(exact).max())
        # Where a neighbour lacks this pressure, the derivative has the other side only.
        assert float((both < 1e-10 * scale).mean()) > 0.9
        assert float(abs(plain[name] - exact).max()) > 0.01 * scale
