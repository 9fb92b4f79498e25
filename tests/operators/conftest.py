"""Fields with labels, and the two ways through the loops."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import xarray as xr

from tests.engines import ENGINES, in_xarray
from tests.helpers import mostly_thorough
from tests.operators.helpers import LATITUDES, LEVELS, SECONDS
from xgrad.kernels import rows


@pytest.fixture(scope="module", params=["rows", "tiles"])
def loops(request: Any) -> Iterator[None]:
    """Rows of any length through the compiled loop, or none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "SHORT_ROW", 1 if request.param == "rows" else 2**62)
        yield


@pytest.fixture(params=mostly_thorough(ENGINES, "dask.array"))
def engine(request: Any) -> Iterator[Any]:
    """The module of the arrays that xarray's `chunk` makes."""
    with in_xarray(request.param) as module:
        yield module


@pytest.fixture
def field() -> xr.DataArray:
    values = np.random.default_rng(0).normal(size=(9, 12))
    return xr.DataArray(
        values, dims=("y", "x"), coords={"y": np.arange(9.0) ** 1.2, "x": np.arange(12.0)}, name="f"
    )


@pytest.fixture
def temperature() -> xr.DataArray:
    values = np.random.default_rng(0).normal(size=(5, 4, 3)).astype("f4")
    return xr.DataArray(
        values,
        dims=("time", "latitude", "level"),
        coords={
            "time": np.datetime64("2020-01-01", "ns") + SECONDS * np.timedelta64(10**9, "ns"),
            "latitude": ("latitude", LATITUDES, {"units": "degrees_north"}),
            "pressure": ("level", LEVELS, {"units": "hPa", "long_name": "air pressure"}),
            "station": ("level", ["a", "b", "c"]),
            "area": (("latitude", "level"), np.ones((4, 3))),
            "run": 7,
        },
        name="temperature",
        attrs={
            "units": "K",
            "long_name": "temperature at 2 m",
            "standard_name": "air_temperature",
            "valid_range": [0, 400],
            "cell_methods": "time: mean",
            "_FillValue": -1,
            "scale_factor": 1.0,
            "GRIB_name": "T",
            "grid_mapping": "crs",
        },
    )


@pytest.fixture
def weather(temperature: xr.DataArray) -> xr.Dataset:
    return xr.Dataset(
        {
            "t": temperature.rename("t"),
            "count": ("time", np.arange(5, dtype="u2")),
            "flag": ("time", np.ones(5, bool)),
            "name": ("time", list("abcde")),
            "mixed": ("time", np.array([1, "a", None, 2, 3], object)),
            "scalar": 3.0,
        },
        attrs={"title": "weather"},
    )
