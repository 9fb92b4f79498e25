"""The libraries whose lazy arrays the laws of lazy gradients hold for."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from xarray.namedarray.parallelcompat import list_chunkmanagers

#: The modules that make them.
ENGINES = ["dask.array", "dask_array"]
#: The same, and the one whose arrays are data only, and whose chunks are all of one size.
WITH_CUBED = [*ENGINES, "cubed"]


def lazy(engine: str, values: Any, chunks: Any) -> Any:
    """An array of an engine with these values."""
    options = {}
    if engine == "cubed":
        options["spec"] = module(engine).Spec(
            allowed_mem="200MB", reserved_mem=0, executor_name="single-threaded"
        )
    return module(engine).from_array(values, chunks=chunks, **options)


def module(engine: str) -> Any:
    return importlib.import_module(engine)


@contextmanager
def in_xarray(engine: str) -> Iterator[Any]:
    """Let xarray's `chunk` make arrays of an engine."""
    with chunk_managers_restored():
        if engine == "dask_array":
            module("dask_array.xarray").register()
        yield module(engine)


@contextmanager
def chunk_managers_restored() -> Iterator[None]:
    """Undo what is registered with xarray."""
    managers = list_chunkmanagers()
    before = managers["dask"]
    try:
        yield
    finally:
        managers["dask"] = before
