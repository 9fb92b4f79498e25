"""Whatever is read lazily, the arrays and files that it is read from are found."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr
import zarr

import xgrad
from tests.helpers import same_bits
from xgrad.jobs.origins import Origins

LAZY: dict[str, Callable[[Any], Any]] = {
    "as it is": lambda array: da.from_array(array, chunks=2),
    "inlined": lambda array: da.from_array(array, chunks=2, inline_array=True),
    "rechunked": lambda array: da.from_array(array, chunks=2).rechunk(3),
    "closed over": lambda array: da.zeros(6, chunks=2).map_blocks(lambda block: block + array[:2]),
    "of several": lambda array: da.concatenate([da.from_array(array), da.zeros(3)]),
}


@pytest.mark.parametrize("name", LAZY)
def test_a_zarr_array_is_found_in_a_graph(name: str, tmp_path: Path) -> None:
    array = zarr.create_array(tmp_path / "a.zarr", shape=6, chunks=2, dtype="f8")
    array[:] = 1
    origins = Origins(LAZY[name](array))
    assert [one.store_path for one in origins.arrays] == [array.store_path]
    before = origins.digest(allow_missing=False)
    assert origins.digest(allow_missing=False) == before
    array[2:4] = 2
    assert origins.digest(allow_missing=False) != before


@pytest.mark.parametrize("engine", ["h5netcdf", "netcdf4", "scipy"])
@pytest.mark.parametrize("chunks", [None, {}])
def test_a_file_is_found(engine: Any, chunks: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    xr.Dataset({"t": ("x", np.arange(4.0))}).to_netcdf(path, engine=engine)
    with xr.open_dataset(path, engine=engine, chunks=chunks) as opened:
        lazy = opened.t.variable[1:]._data
        origins = Origins(lazy)
        before = origins.digest(allow_missing=False)
        assert origins.digest(allow_missing=False) == before
        path.touch()
        assert origins.digest(allow_missing=False) != before


def test_files_that_tasks_are_given_the_paths_of_are_found(tmp_path: Path) -> None:
    np.save(tmp_path / "0.npy", np.zeros(3))
    np.save(tmp_path / "1.npy", np.zeros(3))
    parts = [dask.delayed(np.load, pure=True)(str(tmp_path / f"{k}.npy")) for k in range(2)]
    lazy = da.concatenate([da.from_delayed(one, (3,), "f8") for one in parts]) + 1
    origins = Origins(lazy)
    assert origins.files == [str(tmp_path / f"{k}.npy") for k in range(2)]
    before = origins.digest(allow_missing=False)
    np.save(tmp_path / "1.npy", np.ones(3))
    os.utime(tmp_path / "1.npy", (0, 0))
    assert origins.digest(allow_missing=False) != before


def test_what_cannot_be_pickled_is_like_nothing_else() -> None:
    lock = threading.Lock()
    digests = {Origins(lock).digest(allow_missing=False) for _ in range(2)}
    assert len(digests) == 2


def of_references(folder: Path, **options: Any) -> xr.Dataset:
    """What kerchunk's engine of xarray opens: chunks in a raw file, which a JSON file names."""
    import fsspec

    values = np.arange(12.0) ** 2
    (folder / "a.bin").write_bytes(values.tobytes())
    array = {
        "zarr_format": 2, "shape": [12], "chunks": [6], "dtype": "<f8", "fill_value": "NaN",
        "order": "C", "filters": None, "compressor": None,
    }  # fmt: skip
    refs: dict[str, Any] = {
        ".zgroup": json.dumps({"zarr_format": 2}),
        "t/.zarray": json.dumps(array),
        "t/.zattrs": json.dumps({"_ARRAY_DIMENSIONS": ["x"]}),
    }
    refs |= {f"t/{k}": [f"file://{folder / 'a.bin'}", 48 * k, 48] for k in range(2)}
    (folder / "a.json").write_text(json.dumps({"version": 1, "refs": refs}))
    fs = fsspec.filesystem("reference", fo=str(folder / "a.json"), asynchronous=True)
    store: Any = zarr.storage.FsspecStore(fs, read_only=True)
    return xr.open_dataset(store, engine="zarr", consolidated=False, **options)


@pytest.mark.parametrize("chunks", [None, {}])
def test_references_of_kerchunk_are_the_files_that_they_name(chunks: Any, tmp_path: Path) -> None:
    opened = of_references(tmp_path, chunks=chunks)
    xgrad.to_zarr("gradient", opened, tmp_path / "out.zarr")
    expected = np.gradient(np.arange(12.0) ** 2)
    assert same_bits(xr.open_zarr(tmp_path / "out.zarr").dt_dx.values, expected)
    origins = Origins(opened.t.variable._data)
    before = origins.digest(allow_missing=False)
    assert origins.digest(allow_missing=False) == before
    (tmp_path / "a.bin").touch()
    assert origins.digest(allow_missing=False) != before


def test_references_of_kerchunk_are_no_path(tmp_path: Path) -> None:
    of_references(tmp_path)
    (tmp_path / "a.parq" / "t").mkdir(parents=True)
    (tmp_path / "a.parq" / "t" / "refs.0.parq").touch()
    (tmp_path / "a.parq" / ".zmetadata").write_text("{}")
    for name, engine in [("a.json", None), ("a.parq", None), ("a.bin", "kerchunk")]:
        with pytest.raises(ValueError, match=r"references as kerchunk makes them, .* object: xg"):
            xgrad.to_zarr("gradient", tmp_path / name, tmp_path / "out.zarr", engine=engine)
