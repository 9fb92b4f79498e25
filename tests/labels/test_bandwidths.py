"""The law of bandwidths: all cells within half of one on either side, and no others."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pint
import pytest
import xarray as xr

import xgrad
from tests.helpers import same_bits
from xgrad.labels.bandwidths import resolved
from xgrad.labels.options import Options
from xgrad.labels.pieces import OF_A_PIECE
from xgrad.labels.spacing import Spacing
from xgrad.stencils import ghosts, least_squares


def noisy(n: int = 40, **attrs: Any) -> xr.DataArray:
    rng = np.random.default_rng(0)
    x = ("x", np.cumsum(rng.random(n) + 0.1), attrs)
    return xr.DataArray(rng.normal(size=(n, 3)), {"x": x}, ("x", "y"), "f")


@pytest.mark.parametrize("weights", ["uniform", "tricube"])
def test_a_fit_within_a_bandwidth_is_that_of_numpys_lstsq(weights: Any) -> None:
    f, half = noisy(), 2.5
    x = f.x.values
    options: Any = {"bandwidth": 2 * half, "polyorder": 2, "weights": weights, "validate": False}
    found = f.fdgrad.derivative("x", **options).values
    for i in range(f.x.size):
        away = abs(x - x[i])
        counts = (away <= half) * np.ones(f.x.size)
        if weights == "tricube":
            counts = (1 - (away / half) ** 3).clip(0) ** 3
        near = counts > 0
        if near.sum() < 3:
            assert np.isnan(found[i]).all()
            continue
        root = np.sqrt(counts[near])[:, np.newaxis]
        powers = np.vander(x[near] - x[i], 3, increasing=True)
        best = np.linalg.lstsq(powers * root, f.values[near] * root, rcond=None)[0]
        assert np.allclose(found[i], best[1], rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("boundary", ["one-sided", "extend", "reflect", 2.0])
@pytest.mark.parametrize("skipna", [False, True])
def test_chunks_change_no_bit(boundary: Any, skipna: bool) -> None:
    f = noisy()
    f = f.where(np.random.default_rng(1).random(f.shape) > 0.2 * skipna)
    options: Any = {
        "bandwidth": 5.0, "polyorder": 1, "boundary": boundary, "skipna": skipna, "validate": False,
    }  # fmt: skip
    whole = f.fdgrad.derivative("x", **options)
    for chunks in ({"x": 1}, {"x": 7, "y": 2}):
        assert same_bits(f.chunk(chunks).fdgrad.derivative("x", **options).values, whole.values)


@pytest.mark.parametrize(
    "bandwidth", ["5h", "300 min", "5 hours", np.timedelta64(5, "h"), dt.timedelta(hours=5),
                  pint.Quantity(5.0, "h")],
)  # fmt: skip
def test_times_have_bandwidths_of_time(bandwidth: Any) -> None:
    f = noisy()
    hours = np.cumsum(np.random.default_rng(2).integers(1, 3, f.x.size))
    start = np.array("2020", "M8[s]")
    times = f.assign_coords(x=start + hours * np.timedelta64(1, "h"))
    plain = f.assign_coords(x=hours.astype(float))
    options: Any = {"polyorder": 1, "skipna": True}
    found = times.fdgrad.derivative("x", bandwidth=bandwidth, datetime_unit="h", **options)
    assert same_bits(found.values, plain.fdgrad.derivative("x", bandwidth=5, **options).values)


def test_a_quantity_is_converted() -> None:
    f = noisy(units="m")
    found = f.fdgrad.derivative("x", bandwidth=pint.Quantity(0.006, "km"), polyorder=1)
    assert same_bits(found.values, f.fdgrad.derivative("x", bandwidth=6.0, polyorder=1).values)
    with pytest.raises(ValueError, match=r"`bandwidth` of 'x' is 6\.0 second"):
        f.fdgrad.derivative("x", bandwidth=pint.Quantity(6.0, "s"))


@pytest.mark.parametrize("options", [
    {"metric": "sphere"}, {"metric": "sphere", "radius": 1.0}, {"metric": "ellipsoid"},
])  # fmt: skip
def test_with_a_metric_a_number_is_in_degrees(options: Any) -> None:
    lat, lon = np.arange(-60.0, 62, 10), np.arange(0.0, 111, 10)
    coords = {"lat": ("lat", lat, {"units": "degrees_north"}),
              "lon": ("lon", lon, {"units": "degrees_east"})}  # fmt: skip
    f = xr.DataArray(np.random.default_rng(0).normal(size=(13, 12)), coords, ("lat", "lon"), "f")
    found = f.fdgrad.gradient(bandwidth=40.0, polyorder=2, **options)
    window = f.fdgrad.gradient(window=5, polyorder=2, **options)
    inside = {"lat": slice(2, -2), "lon": slice(2, -2)}
    xr.testing.assert_allclose(found.isel(inside), window.isel(inside), rtol=1e-12)
    if "radius" not in options:
        length = pint.Quantity(40 * np.radians(6378.2), "km")
        same = f.fdgrad.gradient("lon", bandwidth=length, polyorder=2, metric="ellipsoid")
        expected = f.fdgrad.gradient("lon", bandwidth=40.0, polyorder=2, metric="ellipsoid")
        assert same_bits(same.df_dlon.values, expected.df_dlon.values)


def test_on_even_positions_a_bandwidth_is_a_window() -> None:
    f = noisy().assign_coords(x=np.arange(40) * 0.1)
    found = f.fdgrad.derivative("x", bandwidth={"x": 0.8}, polyorder=2)
    window = f.fdgrad.derivative("x", window=9, polyorder=2)
    assert same_bits(found.values[4:-4], window.values[4:-4])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bandwidth": -1}, "`bandwidth` of 'x' is -1; give a positive number"),
        ({"bandwidth": "4h"}, "its positions are not times; give a number in their unit"),
        ({"bandwidth": True}, "`bandwidth` of 'x' is True; give a number"),
        ({"bandwidth": 5.0, "window": 5}, "give one of them"),
        ({"bandwidth": 5.0, "accuracy": 4}, "leave `accuracy` out"),
        ({"bandwidth": 9.0, "boundary": "nan"}, "give another boundary, or a `window`"),
        ({"bandwidth": 1e9, "boundary": "extend"}, "`bandwidth=1000000000.0` needs at least"),
    ],
)
def test_bad_input_is_refused_with_a_remedy(options: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        noisy().fdgrad.gradient("x", **options)


@pytest.mark.parametrize("bandwidth", [4, "4 foo", np.timedelta64(1, "M")])
def test_times_need_a_time(bandwidth: Any) -> None:
    f = noisy().assign_coords(x=np.array("2020", "M8[D]") + np.arange(40))
    with pytest.raises(TypeError, match=r"give a time, such as '4h'|has no fixed length"):
        f.fdgrad.gradient("x", bandwidth=bandwidth)
    assert np.isfinite(f.fdgrad.gradient("x", bandwidth="8d").df_dx).all()


def test_too_few_neighbours_are_an_error_that_says_how_many() -> None:
    message = r"16 of 40 cells .* at index \d+ is one of [12], .* needs 3; .* `validate=False`"
    f = noisy()
    few = (abs(f.x.values[:, np.newaxis] - f.x.values) <= 0.75).sum(axis=1) < 3
    with pytest.raises(xgrad.CoordinateError, match=message.replace("16", str(few.sum()))):
        f.fdgrad.derivative("x", bandwidth=1.5, polyorder=2)
    found = f.fdgrad.derivative("x", bandwidth=1.5, polyorder=2, validate=False)
    assert (np.isnan(found).all("y").values == few).all()


@pytest.mark.parametrize("boundary", ["one-sided", "extend", "reflect", "periodic"])
def test_the_neighbours_on_a_long_axis_are_counted_part_by_part(boundary: Any) -> None:
    n = OF_A_PIECE + 12_345
    steps = 90 + np.sin(np.arange(n - 1.0))
    for crowd in (slice(3000), slice(OF_A_PIECE - 3000, OF_A_PIECE + 4000), slice(-3000, None)):
        steps[crowd] /= 1e5  # more cells in one place than a part has beside it
    options = Options(bandwidth=14.0, polyorder=1, boundary=boundary, validate=False)
    left, right = ghosts.steps(steps, (boundary, boundary), n - 1, 1e-3)
    below, above = np.empty((2, n), np.intp)
    every = np.concatenate([left, steps, right])
    least_squares.neighbours(every, len(left), 7.0, below, above)
    along = Spacing("x", "x", steps, None, "x", seam=1e-3)
    found = resolved(options.scheme("x"), along, n, options).fit
    assert found is not None
    assert found.half == max(below.max(), above.max()) > 5000


def test_a_lonely_cell_far_along_a_long_axis_is_named() -> None:
    n = OF_A_PIECE + 5000
    steps = np.ones(n - 1)
    steps[n - 100 : n - 98] = 50.0  # on either side of one cell
    options = Options(bandwidth=4.0, polyorder=1)
    with pytest.raises(
        ValueError, match=f"1 of {n} cells .* the cell at index {n - 99} is one of 1"
    ):
        resolved(options.scheme("x"), Spacing("x", "x", steps, None, "x"), n, options)


def test_a_bandwidth_longer_than_the_dimension_is_named_as_it_was_given() -> None:
    hours = np.array("2020", "M8[ns]") + np.arange(10) * np.timedelta64(1, "h")
    f = xr.DataArray(np.arange(10.0), {"t": hours}, "t", "f")
    with pytest.raises(ValueError, match=r"size 10; `bandwidth='30h'` needs at least 16"):
        f.fdgrad.gradient("t", bandwidth="30h", boundary="reflect")
    assert f.fdgrad.gradient("t", bandwidth="18h", boundary="reflect").df_dt.notnull().all()
