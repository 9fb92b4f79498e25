"""``xgrad demo``: generate an ERA5-like store, differentiate it and check the result."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xgrad._typing import AnyArray
from xgrad.jobs.api import Report, gradient_to_zarr
from xgrad.workers.memory import peak_memory
from xgrad.workers.threads import compute

_LATITUDES, _LONGITUDES = 721, 1440
_CHUNKS = {"time": 24, "latitude": 181, "longitude": 360}
# Hours between the times, as in an archive of hourly, 3-hourly and 6-hourly data.
_HOURS = (1, 1, 3, 3, 6, 2)

# The field is T = 280 + 20 cos²φ + 15 cos φ sin(3λ - ωt) kelvin, with one cycle in ten days.
_WAVES, _OMEGA = 3, 2 * np.pi / (10 * 86400)


def run(
    n_bytes: int, keep: Path | None, echo: Callable[[str], Any], *, progress: bool = False
) -> bool:
    """Write a store of about `n_bytes`, differentiate it along every dimension, print a table.

    Parameters
    ----------
    n_bytes : int
        Size of the data in bytes; at least three time steps of 721 × 1440 float32 values.
    keep : path or None
        Folder to keep the two stores in; None for a temporary folder.
    echo : callable
        Prints a line.
    progress : bool, default: False
        Show a progress bar on stderr while the data are made.

    Returns
    -------
    bool
        Whether every sampled column equals ``numpy.gradient`` bit for bit.

    Raises
    ------
    ValueError
        If `n_bytes` is too small.
    OSError
        If the disk has too little space, or the folder already holds such a store.
    """
    n_times = n_bytes // (_LATITUDES * _LONGITUDES * 4)
    if n_times < 3:
        raise ValueError(
            f"`--size` is {n_bytes} bytes; give at least 13MB, which is three time steps"
        )
    with _folder(keep, n_bytes) as folder:
        source, target = folder / "era5-like.zarr", folder / "gradients.zarr"
        if source.exists():
            raise FileExistsError(f"{str(source)!r} exists; give `--keep` another folder")
        echo(f"making temperature: {n_times} × {_LATITUDES} × {_LONGITUDES} float32, uneven times")
        compute(field(n_times).to_zarr(source, compute=False, zarr_format=2), progress=progress)
        echo("differentiating it along time, latitude and longitude")
        # Also without a terminal there is a line a minute.
        report = gradient_to_zarr(source, target, edge_order=2, progress="auto")
        for line in _totals(report, peak_memory()):
            echo(line)
        with xr.open_zarr(source) as given, xr.open_zarr(target) as found:
            rows, equal = _comparison(given.temperature, found)
        for line in rows:
            echo(line)
        echo("The error is the truncation error: what differences of second order on this grid")
        echo("leave out.  numpy's is the same.")
        if keep is not None:
            echo(f"kept: {source} {target}")
    return equal


def field(n_times: int) -> xr.Dataset:
    """Lazy analytic temperature in float32, on a global 0.25° grid at uneven times.

    Parameters
    ----------
    n_times : int
        Number of time steps.

    Returns
    -------
    Dataset
        ``temperature`` of shape (time, latitude, longitude), with CF coordinates.

    Examples
    --------
    >>> dict(field(3).sizes)
    {'time': 3, 'latitude': 721, 'longitude': 1440}
    """
    hours = np.concatenate([[0], np.cumsum(np.resize(_HOURS, n_times - 1))])
    coords = {
        "time": np.datetime64("2020-01-01", "s") + hours * np.timedelta64(3600, "s"),
        "latitude": np.linspace(90.0, -90.0, _LATITUDES),
        "longitude": np.arange(_LONGITUDES) * 0.25,
    }
    t, phi, lam = _positions(coords)
    lazy = da.map_blocks(
        lambda t, phi, lam: _temperature(t, phi, lam).astype(np.float32),
        da.from_array(t, chunks=(_CHUNKS["time"], 1, 1)),
        da.from_array(phi, chunks=(1, _CHUNKS["latitude"], 1)),
        da.from_array(lam, chunks=(1, 1, _CHUNKS["longitude"])),
        dtype=np.float32,
        meta=np.empty((0, 0, 0), np.float32),
    )
    attrs = {"units": "K", "long_name": "temperature", "standard_name": "air_temperature"}
    dataset = xr.Dataset(
        {"temperature": (tuple(coords), lazy, attrs)},
        coords,
        {"title": "analytic temperature wave"},
    )
    dataset.latitude.attrs = {"units": "degrees_north", "standard_name": "latitude"}
    dataset.longitude.attrs = {"units": "degrees_east", "standard_name": "longitude"}
    return dataset


def _positions(coords: Any) -> tuple[NDArray[np.float64], ...]:
    time = np.asarray(coords["time"])
    t = (time - time[0]) / np.timedelta64(1, "s")
    phi, lam = (np.deg2rad(np.asarray(coords[name])) for name in ("latitude", "longitude"))
    return t.reshape(-1, 1, 1), phi.reshape(1, -1, 1), lam.reshape(1, 1, -1)


def _temperature(t: AnyArray, phi: AnyArray, lam: AnyArray) -> AnyArray:
    wave = np.cos(phi) * np.sin(_WAVES * lam - _OMEGA * t)
    return np.asarray(280 + 20 * np.cos(phi) ** 2 + 15 * wave)


def _exact(dim: str, t: AnyArray, phi: AnyArray, lam: AnyArray) -> AnyArray:
    """Exact derivative of the field, per second or per degree."""
    angle = _WAVES * lam - _OMEGA * t
    if dim == "time":
        return np.asarray(-15 * _OMEGA * np.cos(phi) * np.cos(angle))
    if dim == "longitude":
        return np.asarray(np.deg2rad(15 * _WAVES) * np.cos(phi) * np.cos(angle))
    slope = -40 * np.cos(phi) * np.sin(phi) - 15 * np.sin(phi) * np.sin(angle)
    return np.asarray(np.deg2rad(slope))


@contextmanager
def _folder(keep: Path | None, n_bytes: int) -> Iterator[Path]:
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        _check_room(keep, n_bytes)
        yield keep
        return
    with tempfile.TemporaryDirectory(prefix="xgrad-demo-") as name:
        _check_room(Path(name), n_bytes)
        yield Path(name)


def _check_room(folder: Path, n_bytes: int) -> None:
    free, needed = shutil.disk_usage(folder).free, 4 * n_bytes
    if free < needed:
        raise OSError(
            f"{str(folder)!r} has {free / 1e9:.1f} GB free, but the demo may need "
            f"{needed / 1e9:.1f} GB; choose a smaller `--size` or another folder with `--keep`"
        )


def _totals(report: Report, peak: int) -> list[str]:
    moved = report.bytes_read + report.bytes_written
    rows = [
        ("read", f"{report.bytes_read / 1e9:.2f} GB"),
        ("written", f"{report.bytes_written / 1e9:.2f} GB"),
        ("time", f"{report.seconds:.1f} s"),
        ("rate", f"{moved / report.seconds / 1e9:.2f} GB/s"),
        ("peak memory", f"{peak / 1e9:.2f} GB = {peak / report.bytes_read:.2f} × the data"),
    ]
    return [f"  {name:<12} {value}" for name, value in rows]


def _comparison(given: xr.DataArray, found: xr.Dataset) -> tuple[list[str], bool]:
    """A row per dimension: the largest error, and whether the samples equal numpy's."""
    all_equal = True
    rows = [f"  {'derivative':<24} {'largest truncation error':<32} equals numpy.gradient"]
    for dim in map(str, given.dims):
        derivative = found[f"dtemperature_d{dim}"]
        error, largest = _largest_error(dim, derivative)
        equal = _equals_numpy(dim, given, derivative)
        all_equal &= equal
        cell = f"{error:.1e} {derivative.attrs['units']} ({error / largest:.1e} of max)"
        rows.append(f"  {derivative.name:<24} {cell:<32} {'bit for bit' if equal else 'NO'}")
    return rows, all_equal


def _largest_error(dim: str, derivative: xr.DataArray) -> tuple[float, float]:
    t, phi, lam = _positions(derivative.coords)
    sizes = derivative.data.chunks
    exact = da.map_blocks(
        lambda t, phi, lam: _exact(dim, t, phi, lam),
        da.from_array(t, chunks=(sizes[0], 1, 1)),
        da.from_array(phi, chunks=(1, sizes[1], 1)),
        da.from_array(lam, chunks=(1, 1, sizes[2])),
        dtype=np.float64,
        meta=np.empty((0, 0, 0)),
    )
    error, largest = da.compute(abs(derivative.data - exact).max(), abs(exact).max())
    return float(error), float(largest)


def _equals_numpy(dim: str, given: xr.DataArray, derivative: xr.DataArray) -> bool:
    """Compare whole columns along `dim` at some places, some of them beside chunk borders."""
    places = {
        other: np.unique([0, size // 3, _CHUNKS[other] - 1, size - 1])
        for other, size in ((str(name), size) for name, size in given.sizes.items())
        if other != dim
    }
    places = {other: index[index < given.sizes[other]] for other, index in places.items()}
    values = given.isel(places).values
    positions = given[dim].values
    if dim == "time":
        positions = (positions - positions[0]) / np.timedelta64(1, "s")
    expected = np.gradient(values, positions, axis=given.dims.index(dim), edge_order=2)
    return bool(np.array_equal(expected, derivative.isel(places).values))
