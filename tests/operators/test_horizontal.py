"""Divergence and curl of two components on any grid, along coordinates or along the grid."""

from __future__ import annotations

import numpy as np
import pytest

import xgrad
from tests.helpers import same_bits
from tests.operators.grids import OMEGA, PROJECTIONS, SPHERE, on, skewed


@pytest.mark.parametrize("name", PROJECTIONS)
def test_components_along_the_grid_are_the_same_field(name: str) -> None:
    """V = a e_i + b e_j: the same curl and divergence as from eastward and northward ones."""
    ds, _ = on(name, 41)
    phi, lam = np.radians(ds.lat.values), np.radians(ds.lon.values)
    places = np.stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)])
    east = np.stack([-np.sin(lam), np.cos(lam), 0 * lam])
    north = np.stack([-np.sin(phi) * np.cos(lam), -np.sin(phi) * np.sin(lam), np.cos(phi)])
    along = []
    for axis in (1, 0):  # x, then y
        tangent = np.gradient(places, axis=1 + axis, edge_order=2)
        tangent /= np.sqrt((tangent**2).sum(0))
        along.append(((tangent * east).sum(0), (tangent * north).sum(0)))
    (ax, ay), (bx, by) = along
    determinant = ax * by - ay * bx
    u, v = ds.u.values, ds.v.values
    ds["a"] = ("y", "x"), (u * by - v * bx) / determinant
    ds["b"] = ("y", "x"), (v * ax - u * ay) / determinant
    for operation in (ds.fdgrad.curl, ds.fdgrad.divergence):
        expected = operation({"lon": "u", "lat": "v"}, **SPHERE)
        found = operation({"x": "a", "y": "b"}, **SPHERE)
        # Places on a sphere have tangents a little off the surface: of second order.
        assert abs(found - expected).max() < 1e-3 * 2 * OMEGA


def test_the_curl_of_a_gradient_and_the_divergence_of_a_rotated_one_vanish() -> None:
    x, y = skewed(3, (50, 60))
    f = (np.sin(x / 9) * np.cos(y / 7)).rename("f").assign_coords(XC=x, YC=y)
    slope = f.fdgrad.gradient(["XC", "YC"])
    terms = float(abs(slope.df_dXC.fdgrad.gradient(["XC", "YC"])).to_array().max())
    spin = slope.fdgrad.curl({"XC": "df_dXC", "YC": "df_dYC"})
    turned = slope.assign(left=-slope.df_dYC)
    spread = turned.fdgrad.divergence({"XC": "left", "YC": "df_dXC"})
    assert abs(spin).max() < 1e-13 * terms * 100
    assert abs(spread).max() < 1e-13 * terms * 100


def test_standard_names_say_which_components_they_are() -> None:
    ds, _ = on("conformal conic", 21)
    expected = ds.fdgrad.curl({"lon": "u", "lat": "v"}, metric="sphere")
    assert same_bits(xgrad.curl(u=ds.u, v=ds.v, metric="sphere"), expected)
    along = {"u": "x_wind", "v": "y_wind"}
    grid = ds.assign({k: ds[k].assign_attrs(standard_name=name) for k, name in along.items()})
    expected = grid.fdgrad.curl({"x": "u", "y": "v"}, metric="sphere")
    assert same_bits(xgrad.curl(u=grid.u, v=grid.v, metric="sphere"), expected)
    nameless = ds.drop_attrs()
    nameless["lat"].attrs["units"], nameless["lon"].attrs["units"] = "degrees_north", "degrees_east"
    with pytest.raises(xgrad.CoordinateError, match=r"no standard_name .*'lon': u.*'x': u"):
        xgrad.curl(u=nameless.u, v=nameless.v, metric="sphere")


def test_one_direction_of_a_horizontal_field_is_refused() -> None:
    ds, _ = on("Albers", 11)
    for components in ({"x": "u"}, {"lon": "u"}, {"lon": "u", "y": "v"}):
        with pytest.raises(xgrad.CoordinateError, match="coordinates"):
            ds.fdgrad.divergence(components, metric="sphere")


def test_three_components_have_the_two_horizontal_derivatives_of_the_third() -> None:
    ds = on("Albers", 21)[0].expand_dims(z=[0.0, 10.0, 30.0]).copy()
    ds.z.attrs["units"] = "m"
    ds["u"], ds["v"] = ds.u * (1 + ds.z / 100), ds.v * (1 - ds.z / 50)
    ds["w"] = ds.f.copy()
    for name in "uvw":
        ds[name].attrs["units"] = "m s-1"
    found = ds.fdgrad.curl({"lon": "u", "lat": "v", "z": "w"}, metric="sphere")
    slope = ds.w.fdgrad.gradient(["lon", "lat", "z"], metric="sphere")
    np.testing.assert_allclose(found.curl_lon, slope.dw_dlat - ds.v.differentiate("z"), atol=1e-15)
    np.testing.assert_allclose(found.curl_lat, ds.u.differentiate("z") - slope.dw_dlon, atol=1e-15)
    flat = ds.fdgrad.curl({"lon": "u", "lat": "v"}, metric="sphere")
    assert same_bits(found.curl_z, flat)
    spread = ds.fdgrad.divergence({"lon": "u", "lat": "v", "z": "w"}, metric="sphere")
    both = ds.fdgrad.divergence({"lon": "u", "lat": "v"}, metric="sphere") + slope.dw_dz
    np.testing.assert_allclose(spread, both, atol=1e-18)
    with pytest.raises(xgrad.CoordinateError, match="needs eastward and northward ones"):
        ds.fdgrad.curl({"x": "u", "y": "v", "z": "w"}, metric="sphere")
