"""CF's formula_terms: what levels are made of."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import xgrad
from tests.helpers import nothing_computed, same_bits
from xgrad.labels import formula_terms

OCEAN = {
    "eta": "sea_surface_height_above_geoid", "depth": "sea_floor_depth_below_geoid",
}  # fmt: skip
KINDS = {
    "ocean_s_coordinate_g1": "s: lev C: c eta: eta depth: depth depth_c: hc",
    "ocean_s_coordinate_g2": "s: lev C: c eta: eta depth: depth depth_c: hc",
    "ocean_sigma_coordinate": "sigma: lev eta: eta depth: depth",
    "atmosphere_sigma_coordinate": "sigma: b ps: ps ptop: ptop",
    "atmosphere_hybrid_sigma_pressure_coordinate": "a: a b: b ps: ps p0: p0",
    "atmosphere_hybrid_height_coordinate": "a: a b: b orog: orog",
}


def dataset(kind: str) -> xr.Dataset:
    """Data on levels with all terms of the formulas."""
    rng = np.random.default_rng(0)
    s = (np.arange(6) + 0.5) / 6 - 1
    attrs = {"standard_name": kind, "formula_terms": KINDS[kind]}
    across = {"eta": 0.5, "depth": 3000.0, "ps": 9e4, "orog": 500.0}
    terms = {
        name: ("x", scale * (1 + 0.1 * rng.random(7)), {"standard_name": OCEAN.get(name, name)})
        for name, scale in across.items()
    }
    return xr.Dataset(
        {"q": (("lev", "x"), rng.normal(size=(6, 7)))},
        {"lev": ("lev", s, attrs), "x": np.arange(7.0) * 1e3},
    ).assign_coords(
        **terms, c=("lev", s**3), a=("lev", (s + 1) * 10), b=("lev", 1 + s), hc=20.0, ptop=100.0,
        p0=1e5,
    )  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_heights_are_those_of_cf_xarray(kind: str) -> None:
    pytest.importorskip("cf_xarray")
    ds = dataset(kind)
    if kind == "ocean_s_coordinate_g1":
        ds["eta"] = 0 * ds.eta  # cf_xarray 0.11 takes s for S in `eta * (1 + S / depth)`
    found = formula_terms.decoded(ds, "lev")
    theirs = ds.copy()
    theirs.coords["eta"].attrs["standard_name"] = OCEAN["eta"]
    theirs.coords["orog"].attrs["standard_name"] = "surface_altitude"
    theirs.cf.decode_vertical_coords(outnames={"lev": "heights"})
    np.testing.assert_allclose(found, theirs.heights.transpose(*found.dims), rtol=1e-13)


@pytest.mark.parametrize("kind", list(KINDS)[:3])
def test_levels_of_the_sea_reach_from_the_bottom_to_the_surface(kind: str) -> None:
    ds = dataset(kind)
    ends = xr.Variable("lev", [-1.0, 0.0])
    ds = ds.isel(lev=[0, -1]).assign_coords(lev=ends.copy(deep=True), c=ends)
    ds.lev.attrs = dataset(kind).lev.attrs
    found = formula_terms.decoded(ds, "lev")
    np.testing.assert_allclose(found.isel(lev=0), -ds.depth, rtol=1e-13)
    np.testing.assert_allclose(found.isel(lev=1), ds.eta, rtol=1e-13)


@pytest.mark.parametrize("kind", KINDS)
def test_they_can_be_held_constant(kind: str) -> None:
    ds = dataset(kind)
    held = ds.fdgrad.gradient("x", constant={"lev": "formula_terms"}).dq_dx
    heights = formula_terms.decoded(ds, "lev")
    assert same_bits(held, ds.fdgrad.gradient("x", constant={"lev": heights}).dq_dx)
    assert held.attrs["long_name"].endswith(f"at constant {heights.name}")
    with nothing_computed():
        lazy = ds.chunk(x=3).fdgrad.gradient("x", constant={"lev": "formula_terms"}).dq_dx
    assert same_bits(lazy.compute(), held)


def test_what_cannot_be_made_is_refused() -> None:
    ds = dataset("ocean_s_coordinate_g2")
    held = {"constant": {"lev": "formula_terms"}}
    with pytest.raises(xgrad.CoordinateError, match="no coordinate along 'lev' has this"):
        ds.drop_vars("lev").fdgrad.gradient("x", **held)
    other = ds.assign_coords(lev=ds.lev.assign_attrs(standard_name="ocean_s_coordinate"))
    with pytest.raises(xgrad.CoordinateError, match="did you mean 'ocean_s_coordinate_g"):
        other.fdgrad.gradient("x", **held)
    with pytest.raises(xgrad.CoordinateError, match=r"set_coords\(\['depth'\]\)"):
        ds.q.drop_vars("depth").fdgrad.gradient("x", **held)
    few = ds.assign_coords(lev=ds.lev.assign_attrs(formula_terms="s: lev eta: eta"))
    with pytest.raises(xgrad.CoordinateError, match=r"without the terms \['c', 'depth'"):
        few.fdgrad.gradient("x", **held)


@pytest.mark.parametrize(
    ("kind", "term", "units"),
    [("ocean_sigma_coordinate", "eta", ("meters", "m", "cm")),
     ("atmosphere_hybrid_sigma_pressure_coordinate", "p0", ("pascal", "Pa", "hPa"))],
)  # fmt: skip
def test_terms_in_different_units_are_refused(
    kind: str, term: str, units: tuple[str, str, str]
) -> None:
    ds, (alike, own, other) = dataset(kind), units
    for name in ("depth", "ps", "eta", "p0"):
        ds[name].attrs["units"] = own
    expected = formula_terms.decoded(ds, "lev")
    ds[term].attrs["units"] = alike
    assert same_bits(formula_terms.decoded(ds, "lev"), expected)
    assert expected.attrs["units"] == own
    ds[term].attrs["units"] = other
    with pytest.raises(xgrad.CoordinateError, match=f"different units.*{other}.*convert them"):
        formula_terms.decoded(ds, "lev")
