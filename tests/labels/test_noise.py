"""The options for standard errors are checked before anything is computed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pint
import pytest
import xarray as xr

from tests.labels.helpers import UNITS
from xgrad.labels import noise
from xgrad.labels.options import Options

DATA = xr.Variable("x", [1.0], {"units": "m"})


@pytest.mark.parametrize(
    ("sigma", "message"),
    [
        (0, "give a positive number"),
        (-1.0, "give a positive number"),
        (np.nan, "give a positive number"),
        (10**400, "give a positive number"),
        (True, "is a bool; give one number"),
        ([0.1], "is a list; give one number"),
        (1j, "is a complex; give one number"),
        (np.timedelta64(1, "s"), "give one number"),
        (pint.Quantity(-1.0, "m"), "give a positive number"),
    ],
)
def test_a_sigma_is_a_positive_number(sigma: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        Options(window=5, uncertainty=True, sigma=sigma)


@pytest.mark.parametrize(
    "sigma", [1, 0.5, np.float32(0.5), np.int8(2), pint.Quantity(1, "m"), UNITS.Quantity(1, "m")]
)
def test_any_positive_number_does(sigma: Any) -> None:
    options = Options(window=5, uncertainty=True, sigma=sigma)
    assert noise.kind_of(options, DATA, "data") == getattr(sigma, "magnitude", sigma)


def test_a_quantity_is_converted_to_the_unit_of_the_data() -> None:
    options = Options(window=5, uncertainty=True, sigma=pint.Quantity(20, "cm"))
    assert noise.kind_of(options, DATA, "data") == pytest.approx(0.2)
    options = Options(window=5, uncertainty=True, sigma=pint.Quantity(20, "K"))
    with pytest.raises(ValueError, match="but the unit of data is 'm'"):
        noise.kind_of(options, DATA, "data")


def test_a_sigma_of_degrees_is_a_difference() -> None:
    options = Options(window=5, uncertainty=True, sigma=pint.Quantity(0.5, "degC"))
    for units, expected in (("K", 0.5), ("degC", 0.5), ("degF", 0.9)):
        data = xr.Variable("x", [1.0], {"units": units})
        assert noise.kind_of(options, data, "data") == pytest.approx(expected)


def test_without_a_sigma_the_residuals_tell() -> None:
    assert noise.kind_of(Options(window=5, uncertainty=True), DATA, "data") == noise.RESIDUALS


def test_errors_need_a_fit() -> None:
    with pytest.raises(ValueError, match="nothing is fitted"):
        noise.require_a_fit(Options(uncertainty=True))
    for own in ({"window": 5}, {"bandwidth": {"x": 2.0}}):
        noise.require_a_fit(Options(uncertainty=True, **own))
