"""What tests of arrays share."""

from __future__ import annotations

from collections.abc import Iterator

import dask
import pytest


@pytest.fixture
def shared_faces() -> Iterator[None]:
    """Lazy gradients whose chunks share their faces."""
    with dask.config.set({"xgrad.halo": "shared"}):
        yield
