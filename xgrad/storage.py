"""The store-to-store job: open, differentiate, write beside the target, publish."""

from __future__ import annotations

import datetime as dt
import time
import warnings
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack, cast

import dask.array as da
import xarray as xr
import zarr

from xgrad import execution, publishing
from xgrad._typing import DerivativeOptions, Dim
from xgrad.gradient import derivative_name, gradient


@dataclass(frozen=True)
class Report:
    """What a finished job did.

    Attributes
    ----------
    bytes_read, bytes_written : int
        Size of the arrays read and written, uncompressed, in bytes.
    seconds : float
        Wall time from the opened source to the published target, in seconds.
    """

    bytes_read: int
    bytes_written: int
    seconds: float


def gradient_to_zarr(
    source: str | Path,
    target: str | Path,
    variables: Iterable[str] | None = None,
    dim: Dim = None,
    *,
    chunks: Mapping[str, int] | None = None,
    overwrite: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: bool = False,
    **options: Unpack[DerivativeOptions],
) -> Report:
    """Differentiate a store into a Zarr store, chunk by chunk.

    The result is written beside the target, as ``<target>.partial``, and renamed when it is
    complete: under the name of the target there is nothing or everything.

    Parameters
    ----------
    source : path
        A Zarr store (formats 2 and 3), or any file that xarray opens.
    target : path
        The Zarr store to make, a local path.  It has the format, chunks, compressors and global
        attributes of the source, and a line more in its ``history``.
    variables : iterable of str, optional
        Default: every numeric variable.
    dim
        As for :func:`xgrad.gradient`.
    chunks : mapping, optional
        Chunk sizes per dimension, in cells, for reading and writing.  Default: the source's.
    overwrite : bool, default: False
        Replace an existing target, once the new one is complete.
    workers : int, optional
        Work in this many processes rather than in threads.
    scheduler : str, optional
        Work on the ``dask.distributed`` cluster with this address, whose workers see the paths.
    progress : bool, default: False
        Show a progress bar on stderr.
    **options
        Those of :func:`xgrad.gradient`: spacing, edge_order, boundary and so on.

    Returns
    -------
    Report
        Bytes and seconds.

    Raises
    ------
    FileNotFoundError
        If the source does not exist.
    FileExistsError
        If the target exists and `overwrite` is not set, or is no Zarr store.
    OSError
        If the disk fills, for instance; the target is then as it was before.
    ValueError
        If source and target overlap, a variable is not there, or as :func:`xgrad.gradient` says.

    Examples
    --------
    >>> import tempfile, pathlib, xarray as xr
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = xr.Dataset({"t": ("x", [0.0, 1.0, 4.0])}).to_zarr(folder / "in.zarr", zarr_format=2)
    >>> _ = gradient_to_zarr(folder / "in.zarr", folder / "out.zarr")
    >>> xr.open_zarr(folder / "out.zarr").dt_dx.values
    array([1., 2., 3.])
    """
    target = publishing.checked_target(source, target, overwrite=overwrite)
    with _opened(source) as opened:
        chosen = _chunked(_chosen(opened, variables), chunks)
        result = gradient(chosen, dim, **options)
        _prepare(result, chosen, chunks, f"xgrad gradient of {source}")
        form = _metadata(source).zarr_format if _holds_zarr(source) else 3
        with execution.cluster(workers, scheduler) as client:
            start = time.perf_counter()
            with publishing.published(target, overwrite=overwrite) as partial:
                execution.compute(_to_zarr(result, partial, form), client, progress=progress)
            seconds = time.perf_counter() - start
        origins = _origins(chosen)
        read = {origins[str(name)] for name in result.data_vars}
        n_read = sum(chosen[name].nbytes for name in read)
        n_written = sum(variable.nbytes for variable in result.data_vars.values())
    return Report(n_read, n_written, seconds)


def _holds_zarr(source: str | Path) -> bool:
    path = publishing.local_path(source)
    return ".zarr" in str(source) if path is None else publishing.is_zarr(path)


def _metadata(source: str | Path) -> Any:
    return zarr.open_group(str(source), mode="r").metadata


def _opened(source: str | Path) -> xr.Dataset:
    path = publishing.local_path(source)
    if path is not None and not path.exists():
        raise FileNotFoundError(f"`source` {str(source)!r} does not exist")
    zarr_like = _holds_zarr(source)
    if path is not None and path.is_dir() and not zarr_like:
        raise ValueError(f"`source` {str(source)!r} is a folder but no Zarr store")
    try:
        if zarr_like:
            consolidated = _metadata(source).consolidated_metadata is not None
            return xr.open_dataset(source, engine="zarr", chunks={}, consolidated=consolidated)
        # A file without chunks of its own would come as a single one, however large.
        return xr.open_dataset(source, chunks="auto")
    except (ValueError, OSError, KeyError) as error:
        reason = str(error).split(". ")[0].split("\n")[0] or type(error).__name__
        raise ValueError(
            f"`source` {str(source)!r} is no Zarr store and no file that xarray opens: {reason}"
        ) from error


def _chosen(opened: xr.Dataset, variables: Iterable[str] | None) -> xr.Dataset:
    if variables is None:
        return opened
    names = list(variables)
    for name in names:
        if name not in opened.data_vars:
            raise ValueError(
                f"`variables` names {name!r}, which the source lacks; it has "
                f"{list(opened.data_vars)}"
            )
    return opened[names]


def _chunked(opened: xr.Dataset, chunks: Mapping[str, int] | None) -> xr.Dataset:
    """Set the chunks asked for; without any, a store that has shards is read shard by shard."""
    for dim, size in (chunks or {}).items():
        if dim not in opened.dims:
            raise ValueError(
                f"`chunks` names {dim!r}, which is no dimension; they are {list(opened.dims)}"
            )
        if size < 1:
            raise ValueError(f"`chunks` for {dim!r} is {size}; give a positive number of cells")
    variables = {name: opened.variables[name] for name in opened.data_vars}
    return opened.assign(
        {
            name: variable.chunk(_own_chunks(variable, chunks))
            for name, variable in variables.items()
        }
    )


def _own_chunks(variable: xr.Variable, chunks: Mapping[str, int] | None) -> dict[Hashable, int]:
    if chunks is None:
        return dict(zip(variable.dims, variable.encoding.get("shards") or (), strict=False))
    return {dim: size for dim, size in chunks.items() if dim in variable.dims}


def _prepare(
    result: xr.Dataset, source: xr.Dataset, chunks: Mapping[str, int] | None, done: str
) -> None:
    """Give the result the storage of its source, and its history a line."""
    kept = ("compressors",) if chunks else ("chunks", "shards", "compressors")
    origins = _origins(source)
    for name, derivative in result.data_vars.items():
        origin = source[origins[str(name)]]
        for key in kept:
            if origin.encoding.get(key) is not None:
                derivative.encoding[key] = origin.encoding[key]
    now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    result.attrs["history"] = f"{now}: {done}\n{source.attrs.get('history', '')}".rstrip("\n")


def _to_zarr(result: xr.Dataset, path: Path, zarr_format: Any) -> Any:
    """Write metadata and coordinates now, and give back the chunks as work to be done.

    xarray can give back the work as well, but as a single Delayed object, inside which dask
    orders the tasks of the arrays so that several times as much is in memory
    (``xgrad, one Delayed`` in ``docs/benchmarks.md``).
    """
    with warnings.catch_warnings():
        # Consolidated metadata are no part of format 3 yet, but xarray looks for them first, and
        # would warn each user who opens the store without.
        warnings.filterwarnings("ignore", "Consolidated metadata", zarr.errors.ZarrUserWarning)
        result.to_zarr(path, compute=False, zarr_format=zarr_format, consolidated=True)
    lazy_coords = [name for name, coord in result.coords.items() if coord.chunks]
    if lazy_coords:
        result.coords.to_dataset()[lazy_coords].to_zarr(path, mode="r+")
    group = zarr.open_group(path, mode="r+", use_consolidated=False)
    # An array without cells has no chunks, and is written with the metadata.
    derivatives = [(n, v) for n, v in result.data_vars.items() if v.chunks is not None]
    # Derivatives are float or complex, which xarray stores as they are.
    return da.store(
        [derivative.data for _, derivative in derivatives],
        [cast(Any, group[str(name)]) for name, _ in derivatives],
        lock=False,
        compute=False,
    )


def _origins(source: xr.Dataset) -> dict[str, Hashable]:
    """From the name of each possible derivative to the variable that it is a derivative of."""
    along = [*source.dims, *source.coords]
    return {derivative_name(name, coord): name for name in source.data_vars for coord in along}
