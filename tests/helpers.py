"""Shared by test modules: the oracle, exact comparison, and a guard against computing."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import dask
import numpy as np
import pytest
from hypothesis import settings


def mostly_thorough(cases: Iterable[Any], *quick: Any) -> list[Any]:
    """Cases of a parametrized test, of which the quick suite has only those in `quick`."""
    every = list(cases)
    assert all(one in every for one in quick), quick
    return [one if one in quick else pytest.param(one, marks=pytest.mark.thorough) for one in every]


def also_thorough(quick: str, more: str) -> list[str]:
    """Dtypes that hypothesis draws: `quick` always, `more` in its thorough profile only.

    Each is compiled for seconds.
    """
    return [*quick.split(), *(more.split() if settings().max_examples > 100 else [])]


def same_bits(actual: Any, expected: Any) -> bool:
    """Whether dtype, shape and bits are equal, including signs of zero; all NaN are equal."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    if actual.dtype != expected.dtype or actual.shape != expected.shape:
        return False
    if actual.dtype.kind == "c":
        return same_bits(actual.real, expected.real) and same_bits(actual.imag, expected.imag)
    number = ~np.isnan(expected)
    return (
        np.array_equal(np.isnan(actual), ~number)
        and np.array_equal(actual[number], expected[number])
        and np.array_equal(np.signbit(actual[number]), np.signbit(expected[number]))
    )


def same_bytes(actual: Any, expected: Any) -> bool:
    """Whether dtype, shape and all bytes are equal, including the sign and payload of NaN."""
    actual, expected = np.ascontiguousarray(actual), np.ascontiguousarray(expected)
    same = actual.dtype == expected.dtype and actual.shape == expected.shape
    return same and actual.tobytes() == expected.tobytes()


def wild(rng: np.random.Generator, shape: Any, dtype: Any) -> Any:
    """Random numbers with NaN of any sign and payload, infinities and zeros of both signs."""
    if np.dtype(dtype).kind == "c":
        found = np.empty(shape, dtype)
        real = found.real.dtype
        found.real, found.imag = wild(rng, shape, real), wild(rng, shape, real)
        return found
    numbers = (10 * rng.normal(size=shape)).astype(dtype)
    kind = np.dtype(f"u{numbers.itemsize}")
    nan = np.array(np.nan, dtype).view(kind) | 1
    bits = rng.integers(0, np.iinfo(kind).max, shape, kind, endpoint=True) | nan
    numbers = np.where(rng.random(shape) < rng.choice([0.05, 0.3, 0.7]), bits.view(dtype), numbers)
    for some in ([np.inf, -np.inf], [0.0, -0.0]):
        numbers = np.where(rng.random(shape) < 0.1, rng.choice(some, shape), numbers).astype(dtype)
    return numbers


def numpy_gradient(values: Any, positions: Any, axis: int, edge_order: int = 1) -> Any:
    """The oracle, without numpy's warnings about infinities."""
    with np.errstate(all="ignore"):
        return np.gradient(values, positions, axis=axis, edge_order=edge_order)


@contextmanager
def nothing_computed() -> Iterator[None]:
    """Fail if dask computes anything."""

    def refuse(*_args: Any, **_kwargs: Any) -> Any:
        raise AssertionError("something was computed")

    with dask.config.set(scheduler=refuse):
        yield


def run(code: str) -> str:
    """Run Python code in a new process with warnings as errors, and return what it prints."""
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert not ran.returncode, ran.stderr
    return ran.stdout


def real_data(name: str) -> Path:
    """Path of a file of real data; if it is missing, the test is skipped."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    path = Path(os.environ.get("XGRAD_DATA", beside)) / name
    if not path.exists():
        pytest.skip(f"{name} is not in the folder XGRAD_DATA nor in ../shared/data")
    return path


def script(path: Path) -> ModuleType:
    """A script of the documentation, as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
