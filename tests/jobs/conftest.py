"""A store of 48 times in chunks of 2, and its gradients."""

from __future__ import annotations

from pathlib import Path

import pytest
import xarray as xr

import xgrad
from tests.jobs.helpers import dataset


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.zarr"
    dataset().to_zarr(path, encoding={"t": {"chunks": (2, 100, 100)}}, zarr_format=2)
    return path


@pytest.fixture(scope="module")
def expected() -> xr.Dataset:
    return xgrad.gradient(dataset())
