"""One table of everybody who differentiates, for the comparison script, asv and the tests.

Each takes (values, positions, axis): a numpy array, and the positions along the axis.  The peers
that do not notice by themselves that positions are even are given the step.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr

import xgrad  # noqa: F401  registers .fdgrad

Contender = Callable[[Any, Any, int], Any]


def _labelled(values: Any, positions: Any, axis: int) -> xr.DataArray:
    return xr.DataArray(values, dims=("z", "y", "x"), coords={"zyx"[axis]: positions}, name="f")


def _step(positions: Any) -> Any:
    steps = np.diff(positions)
    return steps[0] if (steps == steps[0]).all() else None


def with_xgrad(values: Any, positions: Any, axis: int) -> Any:
    dim = "zyx"[axis]
    return _labelled(values, positions, axis).fdgrad.gradient(dim)[f"df_d{dim}"].values


def with_numpy(values: Any, positions: Any, axis: int) -> Any:
    return np.gradient(values, positions, axis=axis)


def with_xarray(values: Any, positions: Any, axis: int) -> Any:
    return _labelled(values, positions, axis).differentiate("zyx"[axis]).values


def with_dask(values: Any, positions: Any, axis: int) -> Any:
    chunks = tuple(size // 2 if k == 1 else size for k, size in enumerate(values.shape))
    return da.gradient(da.from_array(values, chunks=chunks), positions, axis=axis).compute()


def with_metpy(values: Any, positions: Any, axis: int) -> Any:
    import metpy.calc

    step = _step(positions)
    how = {"x": positions} if step is None else {"delta": step}
    return metpy.calc.first_derivative(values, axis=axis, **how).magnitude


def with_findiff(values: Any, positions: Any, axis: int) -> Any:
    import findiff

    step = _step(positions)
    return findiff.FinDiff(axis, positions if step is None else step, 1, acc=2)(values)


CONTENDERS: dict[str, Contender] = {
    "xgrad": with_xgrad,
    "numpy": with_numpy,
    "xarray": with_xarray,
    "dask": with_dask,
    "metpy": with_metpy,
    "findiff": with_findiff,
}


def versions() -> str:
    names = ["xgrad", "numpy", "xarray", "dask", "zarr", "numba", "metpy", "findiff"]
    return ", ".join(f"{name} {version(name)}" for name in names)
