"""Horizontal derivatives at constant height, and the same column by column and on fixed levels."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

import xgrad  # noqa: F401  (registers `.fdgrad`)

HELD: Any = {"constant": {"s": "z"}}


def section(levels: int = 40, ny: int = 100, nx: int = 500) -> xr.DataArray:
    """Data on levels that follow the bottom, with their heights."""
    s = xr.DataArray((np.arange(levels) + 0.5) / levels - 1, dims="s")
    x = xr.DataArray(np.arange(nx) * 1000.0, dims="x")
    y = xr.DataArray(np.arange(ny) * 1000.0, dims="y")
    depth = 4000 - 3600 * np.exp(-(((x - x.mean()) / 60e3) ** 2)) + 20 * np.sin(y / 2e4)
    stretched = (1 - np.cosh(5 * s)) / (np.cosh(5.0) - 1)
    z = (depth * (250 * s + depth * stretched) / (250 + depth)).transpose("s", "y", "x")
    z = z.copy(data=np.ascontiguousarray(z))  # in memory as in the file of a model
    return np.exp(z / 500).rename("q").assign_coords(z=z, x=x, y=y)


def by_column(q: xr.DataArray) -> Any:
    """Neighbours along x at the height of each cell, by ``np.interp`` in ``apply_ufunc``."""
    data, z = q.drop_vars("z"), q.z.drop_vars("z")

    def at(height: Any, there: Any, values: Any) -> Any:
        return np.interp(height, there, values, left=np.nan, right=np.nan)

    sides = [
        xr.apply_ufunc(
            at, z, z.shift(x=step), data.shift(x=step), input_core_dims=[["s"]] * 3,
            output_core_dims=[["s"]], vectorize=True,
        )
        for step in (1, -1)
    ]  # fmt: skip
    return (sides[1] - sides[0]) / (2 * (q.x[1] - q.x[0]))


def on_fixed_levels(q: xr.DataArray) -> Any:
    """Linear transform to as many fixed levels with xgcm, and a difference there."""
    from xgcm import Grid

    ds = q.drop_vars(["z"]).to_dataset().assign_coords(s=np.arange(q.sizes["s"]))
    z = q.z.drop_vars("z").assign_coords(s=ds.s).rename("z")
    grid = Grid(ds, coords={"Z": {"center": "s"}}, autoparse_metadata=False)
    target = np.linspace(-4000.0, 0.0, q.sizes["s"])
    there = grid.transform(ds.q, "Z", target, target_data=z, method="linear")
    return there.differentiate("x")


def contenders(q: xr.DataArray, dim: str) -> dict[str, Callable[[], Any]]:
    """What is measured, by name; the plain derivative first."""
    held = partial(q.fdgrad.gradient, dim, **HELD)
    found: dict[str, Callable[[], Any]] = {
        "plain": partial(q.fdgrad.gradient, dim),
        "interpolation": held,
        "linear": partial(held, constant_by="linear"),
        "chain": partial(held, constant_by="chain"),
        "skipna": partial(held, skipna=True),
    }
    if dim == "x":
        found["np.interp, column by column"] = partial(by_column, q)
        try:
            import xgcm  # noqa: F401
        except ImportError:
            return found
        found["xgcm, to fixed levels"] = partial(on_fixed_levels, q)
    return found


def lazily(q: xr.DataArray, chunks: dict[str, int], **options: Any) -> Callable[[], Any]:
    """The greatest derivative along x of data and heights that are made chunk by chunk."""

    def run() -> Any:
        lazy = q.chunk(chunks)
        made = (lazy.drop_vars("z") * 1.0).assign_coords(z=lazy.z.variable * 1.0)
        return made.fdgrad.gradient("x", **options).dq_dx.max().compute(num_workers=2)

    return run
