"""What tests of operators share: fields, and results built from single derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

from tests.helpers import nothing_computed

#: Of a sphere, in metres, and how fast it turns.
R, OMEGA = 6371229.0, 7.292e-5

#: Coordinates of the temperature.
SECONDS = np.array([0, 3600, 7200, 21600, 86400])
LATITUDES = np.array([60.0, 50.0, 45.0, 0.0])
LEVELS = np.array([1000.0, 850.0, 500.0])

#: Of a volume, and options for its derivatives.
SHAPE = {"z": 6, "y": 7, "x": 9}
OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "edge order 2": {"edge_order": 2},
    "boundaries": {"boundary": {"z": ("extend", "nan"), "y": "reflect", "x": 3.0}},
    "around": {"boundary": {"x": "periodic"}, "period": {"x": 45.5}},
    "accuracy 4": {"accuracy": 4},
    "gaps": {"skipna": True},
    "columns": {"spacing": {"z": "height"}},
    "steps": {"spacing": {"x": 0.5, "y": 2, "z": 1.5}},
}


def volume(dtype: str = "f4", *, gaps: bool = False, seed: int = 0) -> xr.DataArray:
    rng = np.random.default_rng(seed)
    values = 100 * rng.normal(size=tuple(SHAPE.values()))
    if np.dtype(dtype).kind == "c":
        values = values + 1j * rng.normal(size=values.shape)
    if gaps:
        values[rng.random(values.shape) < 0.1] = np.nan
    height = np.cumsum(rng.uniform(0.5, 2, values.shape), axis=0)
    coords = {
        "x": np.cumsum(rng.uniform(1, 5, 9)),
        "y": np.arange(7.0),
        "z": [0.0, 1.0, 3.0, 4.0, 8.0, 9.0],
        "height": (tuple(SHAPE), height),
    }
    return xr.DataArray(values.astype(dtype), dims=tuple(SHAPE), coords=coords, name="f")


def wind(dtype: str = "f4") -> xr.Dataset:
    f = volume(dtype).reset_coords("height", drop=True)
    parts = {name: f.copy(data=volume(dtype, seed=k).values) for k, name in enumerate("uvw")}
    return xr.Dataset(parts)


def wide(array: Any) -> Any:
    """The values in the dtype of sums."""
    return np.asarray(array).astype(np.result_type(np.asarray(array).dtype, np.float64))


def rooted(parts: list[Any], dtype: Any) -> Any:
    squares = [wide(p).real ** 2 + (wide(p).imag ** 2 if p.dtype.kind == "c" else 0) for p in parts]
    total = squares[0]
    for square in squares[1:]:
        total = total + square
    return np.sqrt(total).astype(np.empty(0, dtype).real.dtype)


def summed(parts: list[Any], dtype: Any) -> Any:
    total = wide(parts[0])
    for part in parts[1:]:
        total = total + wide(part)
    return total.astype(dtype)


def by_hand(operation: str, f: xr.DataArray, options: dict[str, Any]) -> Any:
    """The same, computed from whole gradients and second derivatives."""
    if operation == "laplacian":
        own = {key: value for key, value in options.items() if key not in ("boundary", "period")}
        parts = []
        for dim in f.dims:
            more = {k: {d: v for d, v in options[k].items() if d == dim}
                    for k in ("boundary", "period", "spacing") if k in options}  # fmt: skip
            parts.append(f.fdgrad.derivative(dim, 2, **{**own, **more}).values)
        return summed(parts, parts[0].dtype)
    g = f.fdgrad.gradient(**options)
    parts = [one.values for one in g.data_vars.values()]
    if operation == "magnitude":
        return rooted(parts, parts[0].dtype)
    return np.arctan2(wide(parts[1]), wide(parts[2])).astype(parts[0].dtype)


def made(operation: str, f: xr.DataArray, options: dict[str, Any]) -> Any:
    if operation == "direction":
        own = {
            key: {d: v for d, v in value.items() if d != "z"} if isinstance(value, dict) else value
            for key, value in options.items()
        }
        return f.fdgrad.direction(("y", "x"), **own)
    return getattr(f.fdgrad, operation)(**options)


def globe(n: int, *, poles: bool = False) -> xr.Dataset:
    """A grid of n rows without the poles, or n + 1 with them, and twice as many columns."""
    lat = np.linspace(-90, 90, n + 1) if poles else np.linspace(-90, 90, 2 * n + 1)[1::2]
    return xr.Dataset(
        coords={
            "latitude": ("latitude", lat, {"units": "degrees_north"}),
            "longitude": ("longitude", np.arange(2 * n) * 180 / n, {"units": "degrees_east"}),
        }
    )


def on(ds: xr.Dataset, function: Any) -> xr.DataArray:
    phi, lam = np.radians(ds.latitude), np.radians(ds.longitude)
    return function(phi, lam).transpose("latitude", "longitude")


def slope(error: Any, sizes: tuple[int, int] = (48, 96)) -> float:
    """Order of convergence."""
    coarse, fine = (error(n) for n in sizes)
    return float(np.log(coarse / fine) / np.log(sizes[1] / sizes[0]))


def ring(x: Any, dim: str = "x", **attrs: Any) -> xr.DataArray:
    x = np.asarray(x)
    values = np.sin(np.deg2rad(x.astype("f8")))
    return xr.DataArray(values, dims=dim, coords={dim: (dim, x, attrs)}, name="f")


def raises(obj: Any, kind: type[Exception], message: str, *args: Any, **kwargs: Any) -> None:
    with nothing_computed(), pytest.raises(kind, match=message):
        obj.fdgrad.gradient(*args, **kwargs)


def refused(operation: Any, message: str) -> None:
    """An operation on the wind is refused with this message, lazy or not, and computes nothing."""
    ds = wind()
    with pytest.raises((ValueError, TypeError), match=message):
        operation(ds)
    with nothing_computed(), pytest.raises((ValueError, TypeError), match=message):
        operation(ds.chunk(x=4))
