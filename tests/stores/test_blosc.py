"""Truncated chunks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import xarray as xr
from zarr.codecs import BloscCodec, GzipCodec, ZstdCodec

from tests.helpers import mostly_thorough
from xgrad.jobs.api import gradient_to_zarr


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("kept", mostly_thorough([0.0, 0.5, 0.99], 0.99))
def test_a_truncated_chunk_is_an_error(kept: float, zarr_format: Any, tmp_path: Path) -> None:
    # Blosc returns garbage for the missing end, without an error, so each codec is tested.
    codecs: list[Any] = [BloscCodec(clevel=2), ZstdCodec(), GzipCodec(), None]
    if zarr_format == 2:
        codecs = [numcodecs.Blosc(clevel=2), numcodecs.Zstd(), numcodecs.LZ4(), None]
    values = np.random.default_rng(0).normal(size=20000).astype("f4")
    for k, codec in enumerate(codecs):
        source = tmp_path / f"{k}.zarr"
        encoding = {"t": {"compressors": codec, "chunks": (20000,)}}
        given = xr.Dataset({"t": ("x", values)})
        given.to_zarr(source, encoding=encoding, zarr_format=zarr_format, consolidated=False)
        chunk = source / "t" / ("0" if zarr_format == 2 else "c/0")
        whole = chunk.read_bytes()
        chunk.write_bytes(whole[: int(kept * len(whole))])
        with pytest.raises(RuntimeError, match="variable 't' could not be read in the region x 0:"):
            gradient_to_zarr(source, tmp_path / "out.zarr", retries=0, restart=True)
