"""The law of curvilinear grids: rows and columns of another pole see the same fields."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

import xgrad
from tests.helpers import nothing_computed, same_bits
from tests.operators.grids import on as projected
from tests.operators.helpers import OMEGA, R, globe, on, slope


def tilted(n: int) -> tuple[xr.Dataset, Any, Any, Any]:
    """Rows and columns of another pole, 35 degrees away."""
    own_phi, own_lam = np.radians(np.linspace(-40, 40, n)), np.radians(np.linspace(-50, 50, n + 7))
    p, m = np.meshgrid(own_phi, own_lam, indexing="ij")
    x, y, z = np.cos(p) * np.cos(m), np.cos(p) * np.sin(m), np.sin(p)
    a = np.radians(35)
    up, along = x * np.sin(a) + z * np.cos(a), x * np.cos(a) - z * np.sin(a)
    ds = xr.Dataset(
        coords={
            "lat": (("j", "i"), np.degrees(np.arcsin(up)), {"units": "degrees_north"}),
            "lon": (("j", "i"), np.degrees(np.arctan2(y, along)), {"units": "degrees_east"}),
        }
    )
    # Rotation about the x axis of the grid's own frame, along its rows and columns.
    velocity = np.stack([0 * x, -z, y]) * OMEGA * R
    east = np.stack([-np.sin(m), np.cos(m), 0 * m])
    north = np.stack([-np.sin(p) * np.cos(m), -np.sin(p) * np.sin(m), np.cos(p)])
    ds["u"] = ("j", "i"), (velocity * east).sum(0)
    ds["v"] = ("j", "i"), (velocity * north).sum(0)
    ds["f"] = ("j", "i"), z
    return ds, x, z, (slice(n // 5, -(n // 5)),) * 2


def test_operators_converge_on_a_curvilinear_grid() -> None:
    def errors(n: int) -> list[float]:
        ds, x, z, inside = tilted(n)
        components = {"i": "u", "j": "v"}
        found = [
            ds.fdgrad.curl(components, metric="sphere") / OMEGA - 2 * x,
            ds.fdgrad.divergence(components, metric="sphere") / OMEGA,
            ds.f.fdgrad.laplacian(metric="sphere") * R**2 + 2 * z,
        ]
        return [float(abs(one[inside]).max()) for one in found]

    for k in (0, 2):
        assert slope(lambda n, k=k: errors(n)[k], (40, 80)) > 1.7
    assert errors(40)[1] < 1e-12, "the grid is that of the rotation: no product changes along it"


def test_on_a_sphere_no_bit_depends_on_the_chunks() -> None:
    flat, (bent, *_) = globe(20, poles=True), tilted(20)
    flat["u"] = on(flat, lambda p, m: np.cos(p) + np.sin(2 * m) * np.cos(p) ** 2)
    flat["v"] = on(flat, lambda p, m: np.cos(p) * np.sin(m + p))
    for ds, components, sizes in (
        (flat, {"longitude": "u", "latitude": "v"}, {"latitude": 4, "longitude": 9}),
        (bent, {"i": "u", "j": "v"}, {"i": 5, "j": 7}),
    ):
        lazy = ds.chunk(sizes)
        if ds is bent:
            lazy = lazy.assign_coords(lat=ds.lat.chunk(i=3), lon=ds.lon.chunk(j=11))
        for operation in (
            lambda d, c=components: d.fdgrad.curl(c, metric="sphere"),
            lambda d, c=components: d.fdgrad.divergence(c, metric="sphere"),
            lambda d: d.u.fdgrad.magnitude(metric="sphere"),
            lambda d: d.u.fdgrad.laplacian(metric="sphere"),
        ):
            with nothing_computed():
                found = operation(lazy)
            assert found.chunks == lazy.u.chunks
            assert same_bits(found.compute(scheduler="sync").values, operation(ds).values)


@pytest.mark.parametrize("lazy", [[], ["lat"], ["lon"], ["lat", "lon"]])
def test_a_direction_along_the_grid_needs_right_angles(lazy: list[str]) -> None:
    def of(ds: xr.Dataset) -> xr.DataArray:
        return ds.f.fdgrad.direction(["y", "x"], metric="sphere")

    skewed, right = (projected(name, 21)[0] for name in ("sinusoidal", "conformal conic"))
    expected = of(right)
    skewed, right = (
        ds.assign_coords({name: ds[name].chunk(x=5, y=9) for name in lazy})
        for ds in (skewed, right)
    )
    with pytest.raises(xgrad.CoordinateError, match="needs a grid at right angles"):
        of(skewed).compute(scheduler="sync")
    with nothing_computed():
        found = of(right)
    assert np.isfinite(skewed.f.fdgrad.direction(["lat", "lon"], metric="sphere")).all()
    assert same_bits(found.compute(scheduler="sync"), expected)


@pytest.mark.parametrize("cut", [slice(None), slice(0, 8), slice(9, None)])
def test_the_sign_along_the_grid_is_that_of_the_index(cut: slice) -> None:
    ds, _ = projected("polar stereographic", 21)
    grows = ds.f.copy(data=np.broadcast_to(np.arange(21.0), (21, 21)))
    assert (grows.isel(x=cut).fdgrad.gradient("x", metric="sphere").df_dx > 0).all()


@pytest.mark.parametrize("name", ["sinusoidal", "polar stereographic"])
def test_a_magnitude_does_not_depend_on_the_directions(name: str) -> None:
    ds, _ = projected(name, 21)
    expected = ds.f.fdgrad.magnitude(["lon", "lat"], metric="sphere")
    for dim in (None, ["y", "x"], ["x", "y"]):
        assert same_bits(ds.f.fdgrad.magnitude(dim, metric="sphere"), expected)
