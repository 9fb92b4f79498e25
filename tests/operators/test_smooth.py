"""The law of smoothing: it is the fit that a derivative is taken of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy.signal import savgol_filter

import xgrad
from tests.helpers import nothing_computed, same_bits


def noisy(*sizes: int, dtype: str = "f8") -> xr.DataArray:
    rng = np.random.default_rng(0)
    coords = {"t": np.cumsum(rng.random(sizes[0]) + 0.1)}
    values = rng.normal(size=sizes).astype(dtype)
    attrs = {"units": "K", "standard_name": "air_temperature"}
    return xr.DataArray(values, coords, ("t", "x")[: len(sizes)], "f", attrs)


@pytest.mark.parametrize("polyorder", [0, 1, 3])
def test_on_even_positions_the_numbers_are_those_of_scipy(polyorder: int) -> None:
    f = noisy(40).drop_vars("t")
    found = xgrad.smooth(f, "t", window=9, polyorder=polyorder)
    expected = savgol_filter(f.values, 9, polyorder)
    assert abs(found.values - expected).max() < 1e-12 * abs(expected).max()


def test_the_derivative_of_a_parabola_through_a_fit_is_that_of_the_fit() -> None:
    f = noisy(30)
    fit, slope = (
        f.fdgrad.smooth("t", window=29, polyorder=2),
        f.fdgrad.derivative("t", window=29, polyorder=2),
    )  # of 30 cells, the first 15 and the last 15 have one polynomial each
    same = fit.isel(t=slice(0, 15)).fdgrad.derivative("t", edge_order=2)
    assert np.allclose(same, slope[:15], rtol=1e-9)


# Loops for wide stencils of complex numbers take seconds to compile.
@pytest.mark.parametrize("dtype", ["f4", "f8", pytest.param("c16", marks=pytest.mark.thorough)])
def test_name_attributes_dtype_and_chunks_are_those_of_the_data(dtype: str) -> None:
    f = noisy(23, 4, dtype=dtype)
    found = f.fdgrad.smooth("t", window=7)
    assert (found.name, found.attrs, found.dtype, found.dims) == ("f", f.attrs, f.dtype, f.dims)
    with nothing_computed():
        lazy = f.chunk(t=2, x=3).fdgrad.smooth("t", window=7)
    assert lazy.chunks == f.chunk(t=2, x=3).chunks
    assert same_bits(lazy.values, found.values)


def test_along_several_dimensions_fits_follow_one_another() -> None:
    f = noisy(20, 12)
    found = f.fdgrad.smooth(["t", "x"], window={"t": 9, "x": 5}, boundary={"x": 2.0})
    once = f.fdgrad.smooth("t", window=9)
    assert same_bits(found.values, once.fdgrad.smooth("x", window=5, boundary=2.0).values)


def test_variables_without_the_dimension_are_left_out() -> None:
    ds = noisy(20).to_dataset().assign(g=("x", [1.0, 2.0]))
    assert list(ds.fdgrad.smooth("t", window=5)) == ["f"]


@pytest.mark.parametrize(
    ("dim", "options", "message"),
    [
        ("t", {}, r"nothing is fitted along 't'; give .* `window=\{'t': 11\}`"),
        (["t", "x"], {"window": {"t": 5}}, "nothing is fitted along 'x'"),
        (None, {"window": 5}, "`dim` is None"),
        ("t", {"window": 5, "accuracy": 4}, "leave `accuracy` out"),
    ],
)
def test_without_a_fit_there_is_nothing_to_smooth(dim: Any, options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        noisy(20, 12).fdgrad.smooth(dim, **options)


def test_times_are_refused() -> None:
    f = noisy(20)
    f = f.copy(data=np.arange(20) * np.timedelta64(1, "s"))
    with pytest.raises(TypeError, match="numbers are needed"):
        f.fdgrad.smooth("t", window=5)


def test_an_order_of_zero_is_not_a_derivative() -> None:
    with pytest.raises(ValueError, match="or take `smooth`"):
        noisy(20).fdgrad.derivative("t", 0, window=5)
