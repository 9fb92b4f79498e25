"""Sources that grow, and the law of a store that grows with them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr

import xgrad
from xgrad.jobs.run import Report

YX = {"y": 12, "x": 10}


@dataclass
class Case:
    """A job, and how its source grows.

    Attributes
    ----------
    data : Dataset
        All cells.
    sizes : tuple of int
        Number of cells along `dim` that the source has, one time after another.
    """

    data: xr.Dataset
    sizes: tuple[int, ...]
    operation: Any = "gradient"
    dim: str = "time"
    along: Any = None
    chunks: dict[str, int] = field(default_factory=lambda: {"time": 4})
    shards: dict[str, int] | None = None
    zarr_format: Any = 3
    options: dict[str, Any] = field(default_factory=dict)


def data(times: Any, dtype: str = "f4", seed: int = 0, gaps: float = 0.0) -> xr.Dataset:
    """Two components and something that does not change in time, at times or without any."""
    rng = np.random.default_rng(seed)
    n = times if isinstance(times, int) else len(times)
    shape = (n, *YX.values())
    u, v = (100 * rng.normal(size=shape) for _ in range(2))
    if np.dtype(dtype).kind == "c":
        u, v = u + 1j * v, v + 1j * u
    u, v = u.astype(dtype), v.astype(dtype)
    if np.dtype(dtype).kind in "fc":
        u[rng.random(shape) < gaps] = np.nan
    height = np.cumsum(rng.random(shape) + 0.1, axis=1)
    coords: dict[str, Any] = {
        "y": ("y", np.linspace(-60.0, 65.0, YX["y"]), {"units": "degrees_north"}),
        "x": ("x", np.arange(YX["x"]) * 7.0, {"units": "degrees_east"}),
        "height": (("time", "y", "x"), height),
    }
    if not isinstance(times, int):
        coords["time"] = times
    dims = ("time", "y", "x")
    land = ("y", "x"), rng.normal(size=tuple(YX.values()))
    return xr.Dataset({"u": (dims, u), "v": (dims, v), "land": land}, coords, {"title": "grows"})


def write(case: Case, source: Path, n_before: int, n: int) -> None:
    """Let a source have more cells, by appending as xarray does."""
    part = case.data.isel({case.dim: slice(n_before, n)})
    if n_before:
        fixed = [name for name, one in part.variables.items() if case.dim not in one.dims]
        part.drop_vars(fixed).to_zarr(source, append_dim=case.dim, consolidated=False)
        return
    encoding = {}
    for name in case.data.data_vars:
        dims = case.data[name].dims
        own = {"chunks": tuple(case.chunks.get(str(d), case.data.sizes[d]) for d in dims)}
        if case.shards and case.zarr_format == 3 and "time" in dims:
            own["shards"] = tuple(case.shards.get(str(d), case.data.sizes[d]) for d in dims)
        encoding[name] = own
    part.to_zarr(source, encoding=encoding, zarr_format=case.zarr_format, consolidated=False)


def job(case: Case, source: Any, target: Any, **more: Any) -> Report:
    return xgrad.to_zarr(case.operation, source, target, dim=case.along, **case.options, **more)


def tree(store: Path) -> dict[str, bytes]:
    """All files of a store but those with its history, and the attributes of its root."""
    assert not store.with_name(f"{store.name}.partial").exists()
    found = {
        str(path.relative_to(store)): path.read_bytes()
        for path in store.rglob("*")
        if path.is_file()
    }
    for name in ("zarr.json", ".zattrs", ".zmetadata"):
        found.pop(name, None)
    attrs = dict(zarr.open_group(store, mode="r").attrs)
    attrs.pop("history")
    return found | {"attributes": repr(sorted(attrs.items())).encode()}


def require_same(store: Path, full: Path) -> None:
    one, other = tree(store), tree(full)
    assert set(one) == set(other)
    assert [name for name in one if one[name] != other[name]] == []


def grown(case: Case, folder: Path) -> list[float]:
    """Let a source grow, and the result with it; each time it is what a full run gives.

    Returns what was reused each time.
    """
    source, target, full = (folder / f"{name}.zarr" for name in ("in", "out", "full"))
    reused, before = [], 0
    for n in case.sizes:
        write(case, source, before, n)
        reused.append(job(case, source, target, append=case.dim).reused)
        if before:
            shutil.rmtree(full, ignore_errors=True)
            job(case, source, full)
            require_same(target, full)
        before = n
    return reused


def random_case(rng: np.random.Generator) -> Case:
    """Any operation, options, chunks and growth."""

    def one_of(*choices: Any) -> Any:
        return choices[rng.integers(len(choices))]

    n = int(rng.integers(14, 40))
    even = np.arange(n) * float(one_of(1.0, 0.1, 2.0))
    bent = even.copy()
    bent[rng.integers(2, n) :] += 0.37
    dates = np.datetime64("2000-01-01", "s") + np.arange(n) * np.timedelta64(21600, "s")
    late = dates + (np.arange(n) >= rng.integers(2, n)) * np.timedelta64(3600, "s")
    times = one_of(even, bent, np.cumsum(rng.random(n) + 0.1), dates, late, n, -even)
    options = _random_options(rng, one_of)
    operation, along = one_of(*_WHAT)
    if operation in ("hessian", "laplacian", "derivative"):
        options.pop("edge_order", None)
    asked = (
        {"time", "y", "x"} if along is None else {along} if isinstance(along, str) else set(along)
    )
    for key in ("boundary", "period", "spacing"):
        if isinstance(options.get(key), dict) and not set(options[key]) <= asked:
            del options[key]
    dim = one_of("time", "time", "time", "x", "y")
    of_y = isinstance(along, dict) or "y" in np.atleast_1d(along) or along is None
    if operation == "gradient" and of_y and rng.random() < 0.2:
        along, options["spacing"] = "y", {"y": "height"}
    size = {"time": n, **YX}[dim]
    parts = sorted({*rng.integers(size // 2, size, 2).tolist(), size})
    chunks = {"time": int(rng.integers(1, 8)), "y": one_of(12, 12, 4), "x": one_of(10, 10, 3)}
    shards = (
        {d: chunks[d] * int(rng.integers(1, 3)) for d in chunks} if rng.random() < 0.2 else None
    )
    more = {"chunks": {"time": int(rng.integers(1, 9))}} if rng.random() < 0.2 else {}
    given = data(
        times, one_of("f4", "f4", "f8", "i2", "c8"), int(rng.integers(1000)), one_of(0.0, 0.2)
    )
    return Case(
        given, tuple(parts), operation, dim, along, chunks, shards, one_of(2, 3), options | more
    )


_WHAT: list[tuple[Any, Any]] = [
    ("gradient", None), ("gradient", "time"), ("gradient", ["time", "x"]), ("gradient", "x"),
    ("magnitude", ["time", "x"]), ("laplacian", ["time", "y"]), ("hessian", ["time", "x"]),
    ("derivative", "time"), ("derivative", ["time", "y"]),
    ("divergence", {"x": "u", "y": "v"}), ("curl", {"x": "u", "y": "v"}),
    ("divergence", {"time": "u", "y": "v"}), ("direction", ["y", "x"]),
]  # fmt: skip


def _random_options(rng: np.random.Generator, one_of: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if rng.random() < 0.3:
        found["accuracy"] = one_of(4, 4, 6)
    elif rng.random() < 0.5:
        found["edge_order"] = 2
    if rng.random() < 0.3:
        found["skipna"] = True
    kinds = ("extend", "reflect", "nan", 3.0, ("extend", "one-sided"), ("one-sided", "nan"))
    if rng.random() < 0.5:
        found["boundary"] = {"time": one_of(*kinds)} if rng.random() < 0.7 else one_of(*kinds)
    elif rng.random() < 0.3:
        dim, period = one_of(("time", 1e9), ("x", 360.0))
        found |= {"boundary": {dim: "periodic"}, "period": {dim: period}}
    if rng.random() < 0.2:
        found["spacing"] = {"time": one_of("uniform", 0.5)}
    return found


def refused(case: Case, folder: Path) -> str:
    """Why a full run of the first part or of the whole refuses a case, "" if neither does."""
    for size in (case.sizes[0], case.sizes[-1]):
        shutil.rmtree(folder / "tried.zarr", ignore_errors=True)
        shutil.rmtree(folder / "result.zarr", ignore_errors=True)
        write(case, folder / "tried.zarr", 0, size)
        try:
            job(case, folder / "tried.zarr", folder / "result.zarr")
        except (ValueError, TypeError) as error:
            return str(error)
    return ""
