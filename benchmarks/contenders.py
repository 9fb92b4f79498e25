"""One table of everybody who differentiates, for the comparison script, asv and the tests.

Each takes (values, positions, axis): a numpy array, one step or the positions along the axis.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr

import xgrad

Contender = Callable[[Any, Any, int], Any]


def _labelled(values: Any, positions: Any, axis: int) -> xr.DataArray:
    if np.ndim(positions) == 0:
        positions = np.arange(values.shape[axis]) * positions
    return xr.DataArray(values, dims=("z", "y", "x"), coords={"zyx"[axis]: positions}, name="f")


def with_xgrad(values: Any, positions: Any, axis: int) -> Any:
    dim = "zyx"[axis]
    array = xr.DataArray(values, dims=("z", "y", "x"), name="f")
    return xgrad.gradient(array, dim, spacing={dim: positions})[f"df_d{dim}"].values


def with_numpy(values: Any, positions: Any, axis: int) -> Any:
    return np.gradient(values, positions, axis=axis)


def with_xarray(values: Any, positions: Any, axis: int) -> Any:
    return _labelled(values, positions, axis).differentiate("zyx"[axis]).values


def with_dask(values: Any, positions: Any, axis: int) -> Any:
    chunks = tuple(size // 2 if k == 1 else size for k, size in enumerate(values.shape))
    return da.gradient(da.from_array(values, chunks=chunks), positions, axis=axis).compute()


def with_metpy(values: Any, positions: Any, axis: int) -> Any:
    import metpy.calc

    how = {"delta": positions} if np.ndim(positions) == 0 else {"x": positions}
    return metpy.calc.first_derivative(values, axis=axis, **how).magnitude


def with_findiff(values: Any, positions: Any, axis: int) -> Any:
    import findiff

    return findiff.FinDiff(axis, positions, 1, acc=2)(values)


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
