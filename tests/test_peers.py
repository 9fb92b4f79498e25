"""What the README and docs say about other libraries, to notice when it is no longer true."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr

import xgrad
from tests.helpers import same_bits

# Evenly spaced in the first half only: chunks must not decide whether the axis is even.
X = np.concatenate([np.arange(50) * 0.75, 37.0 + np.cumsum(np.linspace(0.1, 0.3, 50))])
F = xr.DataArray(np.random.default_rng(5).normal(size=100), coords={"x": X}, name="f")


def test_bits_at_any_chunking() -> None:
    expected = np.gradient(F.values, X)
    lazy = F.chunk(x=25)
    assert same_bits(lazy.fdgrad.gradient("x").df_dx.values, expected)
    assert not same_bits(lazy.differentiate("x").values, expected)
    assert not same_bits(da.gradient(lazy.data, X, axis=0).compute(), expected)


def test_chunks_of_one_cell() -> None:
    lazy = F.chunk(x=1)
    assert same_bits(lazy.fdgrad.gradient("x").df_dx.values, np.gradient(F.values, X))
    with pytest.raises(ValueError, match="Chunk size"):
        lazy.differentiate("x")
    with pytest.raises(ValueError, match="Chunk size"):
        da.gradient(lazy.data, X, axis=0)


def test_a_repeated_position() -> None:
    twice = F.assign_coords(x=np.where(X[1] == X, X[0], X))
    with pytest.raises(xgrad.CoordinateError, match="index 0 and 1"):
        twice.fdgrad.gradient("x")
    with np.errstate(all="ignore"):
        others: list[Any] = [np.gradient(F.values, twice.x.values), twice.differentiate("x")]
        lazy = da.gradient(F.chunk().data, twice.x.values, axis=0)
        others.append(lazy.compute(scheduler="synchronous"))  # other threads would warn
    for found in others:
        assert not np.isfinite(np.asarray(found)).all()


def test_the_resolution_of_times() -> None:
    times = np.datetime64("2000-01-01", "s") + np.arange(100) ** 2 * np.timedelta64(1, "s")
    seconds = F.assign_coords(x=times)
    nanoseconds = F.assign_coords(x=times.astype("M8[ns]"))
    assert same_bits(
        seconds.fdgrad.gradient("x").df_dx.values, nanoseconds.fdgrad.gradient("x").df_dx.values
    )
    theirs = seconds.differentiate("x").values / nanoseconds.differentiate("x").values
    np.testing.assert_allclose(theirs, 1e9, rtol=1e-4)


def test_a_string_variable() -> None:
    dataset = xr.Dataset({"f": F, "name": ("x", ["a"] * 100)})
    assert list(dataset.fdgrad.gradient("x")) == ["df_dx"]
    with pytest.raises(TypeError):
        dataset.differentiate("x")


@pytest.mark.thorough
def test_vorticity_near_the_pole() -> None:
    pytest.importorskip("metpy")
    from benchmarks import peers

    assert peers.vorticity_by_xgrad(89.0) < 1e-4
    assert peers.vorticity_by_metpy(45.0) < 1e-3  # the same task
    assert peers.vorticity_by_metpy(89.0) > 1


@pytest.mark.thorough
@pytest.mark.parametrize(
    "name",
    [
        "polar stereographic",
        *(pytest.param(name, marks=pytest.mark.thorough) for name in ("equal-area", "sinusoidal")),
    ],
)
def test_gradients_and_vorticity_on_maps(name: str) -> None:
    pytest.importorskip("metpy")
    from benchmarks import peers

    def number(text: str) -> float:
        return float(text.split(maxsplit=1)[0]) * (100 if "fold" in text else 1)

    conformal = name == "polar stereographic"
    assert number(peers.slope_by_xgrad(name)) < 0.01
    assert (number(peers.slope_by_metpy(name)) < 0.01) == conformal
    for true in (False, True):
        assert number(peers.curl_by_xgrad(name, true=true)) < 0.01
        right = conformal and not true
        assert (number(peers.curl_by_metpy(name, true=true)) < 0.01) == right
