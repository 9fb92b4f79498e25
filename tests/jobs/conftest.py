"""A store of 48 times in chunks of 2, its gradients, and a bucket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import xarray as xr

import xgrad
from tests.jobs.bucket import Bucket
from tests.jobs.helpers import dataset


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.zarr"
    dataset().to_zarr(path, encoding={"t": {"chunks": (2, 100, 100)}}, zarr_format=2)
    return path


@pytest.fixture(scope="module")
def expected() -> xr.Dataset:
    return xgrad.gradient(dataset())


@pytest.fixture(scope="module")
def bucket() -> Iterator[Bucket]:
    import logging

    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    found = Bucket(f"http://{host}:{port}")
    yield found
    found.client.close()
    server.stop()
