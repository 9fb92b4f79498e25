"""One table of all contenders, for the comparison script, asv and the tests.

Each takes (values, positions, axis): a numpy array, and the positions along the axis.  Contenders
that do not detect even positions by themselves get the step.
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
    return findiff.Diff(axis, positions if step is None else step, acc=2)(values)


def _all_labels(values: Any, positions: Any) -> xr.DataArray:
    coords = dict(zip("zyx", positions, strict=True))
    return xr.DataArray(values, dims=("z", "y", "x"), coords=coords, name="f")


def _for_numpy(positions: Any) -> Any:
    return [one if _step(one) is None else _step(one) for one in positions]


def numpys_magnitude(values: Any, positions: Any) -> Any:
    z, y, x = np.gradient(values, *_for_numpy(positions))
    return np.sqrt(z**2 + y**2 + x**2)


def numpys_laplacian(values: Any, positions: Any) -> Any:
    """The gradient of the gradient, as usual with numpy: a stencil of five cells."""
    return sum(
        np.gradient(np.gradient(values, along, axis=axis), along, axis=axis)
        for axis, along in enumerate(_for_numpy(positions))
    )


def magnitude(values: Any, positions: Any) -> Any:
    return _all_labels(values, positions).fdgrad.magnitude().values


def laplacian(values: Any, positions: Any) -> Any:
    return _all_labels(values, positions).fdgrad.laplacian().values


#: Functions of three derivatives, by numpy and by xgrad.
DERIVED = {
    "magnitude": (numpys_magnitude, magnitude),
    "Laplacian": (numpys_laplacian, laplacian),
}


def own_positions(values: Any, axis: int) -> Any:
    """Positions with the shape and dtype of the data, different in each column."""
    steps = np.random.default_rng(1).random(values.shape) + 0.2
    return np.cumsum(steps, axis=axis).astype(values.dtype)


def with_gaps(values: Any) -> Any:
    """The field with a third of it masked as land, in patches."""
    land = np.random.default_rng(2).normal(size=(16, 16)) > 0.4
    return np.where(np.kron(land, np.ones((16, 16), bool)), np.float32(np.nan), values)


def with_options(values: Any, positions: Any, axis: int, **options: Any) -> Callable[[], Any]:
    """A call of xgrad, on an array that is already labelled."""
    dim = "zyx"[axis]
    array = _labelled(values, positions, axis)

    def call() -> Any:
        return array.fdgrad.derivative(dim, **options).values

    return call


#: Options that numpy.gradient lacks: a ready call for (values, positions, axis).
OPTIONS: dict[str, Callable[[Any, Any, int], Callable[[], Any]]] = {
    "periodic": lambda values, positions, axis: with_options(
        values, positions, axis, boundary="periodic", period={"zyx"[axis]: positions[-1] + 1}
    ),
    "extend": lambda values, positions, axis: with_options(
        values, positions, axis, boundary="extend"
    ),
    "skipna": lambda values, positions, axis: with_options(
        with_gaps(values), positions, axis, skipna=True
    ),
    "accuracy 4": lambda values, positions, axis: with_options(
        values, positions, axis, accuracy=4
    ),
    "second derivative": lambda values, positions, axis: with_options(
        values, positions, axis, order=2
    ),
    "positions of its own": lambda values, positions, axis: with_options(
        values, positions, axis,
        spacing={"zyx"[axis]: xr.DataArray(own_positions(values, axis), dims=("z", "y", "x"))},
    ),
}  # fmt: skip


def findiff_of_order_four(values: Any, positions: Any, axis: int) -> Any:
    import findiff

    return findiff.Diff(axis, positions, acc=4)(values)


def metpy_over_columns(values: Any, positions: Any, axis: int) -> Any:
    import metpy.calc

    return metpy.calc.first_derivative(values, axis=axis, x=positions).magnitude


CONTENDERS: dict[str, Contender] = {
    "xgrad": with_xgrad,
    "numpy": with_numpy,
    "xarray": with_xarray,
    "dask": with_dask,
    "metpy": with_metpy,
    "findiff": with_findiff,
}


def versions() -> str:
    names = ["xgrad", "numpy", "xarray", "dask", "zarr", "numba", "metpy", "findiff", "scipy"]
    return ", ".join(f"{name} {version(name)}" for name in names)
