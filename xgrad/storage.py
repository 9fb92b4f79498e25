"""The store-to-store job: open, differentiate, write beside the target, publish."""

from __future__ import annotations

import datetime as dt
import shutil
import time
import warnings
from collections.abc import Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import dask.array as da
import xarray as xr
import zarr

from xgrad import execution
from xgrad._typing import DatetimeUnit, Dim, EdgeOrder, SpacingLike
from xgrad.gradient import derivative_name, gradient

_ZARR_FILES = ("zarr.json", ".zgroup", ".zarray", ".zmetadata")
# In the folder where a store is being written, to know one's own: nothing else is ever deleted.
_MARK = "written-by-xgrad"


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
    spacing: SpacingLike = None,
    edge_order: EdgeOrder = 1,
    datetime_unit: DatetimeUnit | None = None,
    chunks: Mapping[str, int] | None = None,
    overwrite: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: bool = False,
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
    dim, spacing, edge_order, datetime_unit
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
    target = _checked_target(source, target, overwrite=overwrite)
    with _opened(source) as opened:
        chosen = _chunked(_chosen(opened, variables), chunks)
        result = gradient(
            chosen, dim, spacing=spacing, edge_order=edge_order, datetime_unit=datetime_unit
        )
        _prepare(result, chosen, chunks, f"xgrad gradient of {source}")
        form = _metadata(source).zarr_format if _holds_zarr(source) else 3
        with execution.cluster(workers, scheduler) as client:
            start = time.perf_counter()
            with _published(target, overwrite=overwrite) as partial:
                execution.compute(_to_zarr(result, partial, form), client, progress=progress)
            seconds = time.perf_counter() - start
        origins = _origins(chosen)
        read = {origins[str(name)] for name in result.data_vars}
        n_read = sum(chosen[name].nbytes for name in read)
        n_written = sum(variable.nbytes for variable in result.data_vars.values())
    return Report(n_read, n_written, seconds)


def _is_url(path: str | Path) -> bool:
    return "://" in str(path)


def _is_zarr(path: Path) -> bool:
    return path.is_dir() and any((path / name).exists() for name in _ZARR_FILES)


def _holds_zarr(source: str | Path) -> bool:
    return ".zarr" in str(source) if _is_url(source) else _is_zarr(Path(source))


def _metadata(source: str | Path) -> Any:
    return zarr.open_group(str(source), mode="r").metadata


def _checked_target(source: str | Path, target: str | Path, *, overwrite: bool) -> Path:
    if _is_url(target):
        raise ValueError(f"`target` is {str(target)!r}; give a local path")
    target = Path(target)
    if not _is_url(source):
        here, there = Path(source).resolve(), target.resolve()
        if here == there or (here.exists() and there.exists() and here.samefile(there)):
            raise ValueError(f"`target` {str(target)!r} is the source; give another path")
        if here in there.parents or there in here.parents:
            raise ValueError(
                f"`target` {str(target)!r} and source {str(source)!r} lie one in the other; give "
                "a path outside"
            )
    if target.exists() or target.is_symlink():
        if not overwrite:
            raise FileExistsError(
                f"`target` {str(target)!r} exists; choose another, or replace it with `overwrite`"
            )
        if not _is_zarr(target):
            raise FileExistsError(
                f"`target` {str(target)!r} is no Zarr store, and is not replaced by one"
            )
    if not target.resolve().parent.is_dir():
        raise FileNotFoundError(f"the folder of `target` {str(target)!r} does not exist")
    return target


def _opened(source: str | Path) -> xr.Dataset:
    if not _is_url(source) and not Path(source).exists():
        raise FileNotFoundError(f"`source` {str(source)!r} does not exist")
    zarr_like = _holds_zarr(source)
    if Path(source).is_dir() and not zarr_like:
        raise ValueError(f"`source` {str(source)!r} is a folder but no Zarr store")
    try:
        if zarr_like:
            consolidated = _metadata(source).consolidated_metadata is not None
            return xr.open_dataset(source, engine="zarr", chunks={}, consolidated=consolidated)
        # A file without chunks of its own would come as a single one, however large.
        return xr.open_dataset(source, chunks="auto")
    except (ValueError, OSError, KeyError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(
            f"`source` {str(source)!r} cannot be opened by xarray: {reason}"
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
    orders the tasks of the arrays so that 2.8 GB were in memory where these take 0.7 GB
    (``benchmarks/memory.py``, a store of 4 GB).
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
    derivatives = result.data_vars.items()
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


@contextmanager
def _published(target: Path, *, overwrite: bool) -> Iterator[Path]:
    """Yield a path to write to, and rename it to `target` if no error comes."""
    workplace = target.with_name(f"{target.name}.partial")
    if workplace.exists():
        if not (workplace / _MARK).exists():
            raise FileExistsError(
                f"{str(workplace)!r} is in the way and was not written by xgrad; move it away"
            )
        shutil.rmtree(workplace)
    workplace.mkdir()
    (workplace / _MARK).touch()
    complete = workplace / "store.zarr"
    try:
        yield complete
        if overwrite and target.exists():
            target.rename(workplace / "replaced.zarr")
        complete.rename(target)
    finally:
        shutil.rmtree(workplace, ignore_errors=True)
