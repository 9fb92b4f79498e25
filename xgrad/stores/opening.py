"""How a source is opened: its group, its engine and other options of xarray, and clear refusals."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from inspect import signature
from pathlib import Path
from typing import Any, TypeAlias, cast

import xarray as xr
import zarr

from xgrad.stores import bounded, decoding
from xgrad.stores.blosc import Whole, of_blosc
from xgrad.stores.snapshots import AUTHORIZE, has_references, is_repository, store_of
from xgrad.stores.urls import (
    ICECHUNK,
    cause,
    is_versioned,
    is_zarr,
    local_path,
    require_address,
    shown,
)

_Opens: TypeAlias = Callable[[str | Path, "Opening"], xr.Dataset]
# Coordinates of more bytes get no index.
_SHORT = 2**24
# Options of xarray that are arguments of their own, and those that a job decides.
_ARGUMENTS = ("group", "engine", "decode_times")
_DECIDED = ("cache", "chunks", "chunked_array_type", "from_array_kwargs", "inline_array")
_UNKNOWN = re.compile(r"unexpected keyword argument '(\w+)'")
_UNDECODED = re.compile(r"unable to decode time units ['\"]([^'\"]*)['\"](.*)", re.DOTALL)
_NO_FIXED_LENGTH = re.compile(r"time units ['\"]((?:month|year)s? since [^'\"]*)['\"]")


class _Zarr(xr.backends.ZarrBackendEntrypoint):
    """xarray's own engine.

    Given its name, old releases of xarray import the plugins of all packages that are installed,
    before they look for it.  MetPy's takes 60 MB with all that it imports.
    """

    open_dataset_parameters = tuple(
        signature(xr.backends.ZarrBackendEntrypoint.open_dataset).parameters
    )


@dataclass(frozen=True)
class Opening:
    """How a store or file is opened.

    Attributes
    ----------
    group : str or None
        Path of a group within it; None for its root.
    engine : str or None
        One of xarray's engines; None for the one that fits.
    decode_times : bool or None
        Whether numbers "since" a date become times; None for xarray's default.
    open_options : mapping
        Other keywords of :func:`xarray.open_dataset`.

    Examples
    --------
    >>> Opening(open_options={"chunks": {}})
    Traceback (most recent call last):
      ...
    ValueError: `open_options` has 'chunks', which a job decides itself; leave it out
    """

    group: str | None = None
    engine: str | None = None
    decode_times: bool | None = None
    open_options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for key in self.open_options:
            if key in _ARGUMENTS:
                raise ValueError(f"`open_options` has {key!r}; give `{key}` instead")
            if key in _DECIDED:
                raise ValueError(
                    f"`open_options` has {key!r}, which a job decides itself; leave it out"
                )

    @property
    def keywords(self) -> dict[str, Any]:
        """Those of :func:`xarray.open_dataset` that are given, without group and engine."""
        times = {} if self.decode_times is None else {"decode_times": self.decode_times}
        own = {"create_default_indexes": False, **self.open_options}
        own.pop(AUTHORIZE, None)
        return {**own, **times, "cache": False}

    def is_store(self, url: str | Path) -> bool:
        """Whether it is opened as a Zarr store."""
        if is_versioned(url):
            return True
        if self.engine is not None:
            return self.engine == "zarr"
        path = local_path(url)
        # An object store such as "s3://bucket/out.zarr/" is not asked before it is opened.
        return ".zarr" in str(url) if path is None else is_zarr(path)

    def zarr_group(self, url: str | Path) -> Any:
        """The Zarr group, None for another kind of file."""
        if not self.is_store(url):
            return None
        return zarr.open_group(self.place(url), mode="r", path=self.group)

    def place(self, url: str | Path) -> Any:
        """What zarr opens."""
        if not is_versioned(url):
            return str(url)
        return store_of(str(url), self.open_options.get(AUTHORIZE, ()))


def dataset(url: str | Path, opening: Opening) -> xr.Dataset:
    """Open a store or a file; nothing but its metadata and coordinates of dimensions is read.

    Parameters
    ----------
    url : path or URL
        A Zarr store of either format, or any other file that xarray opens.
    opening : Opening
        How.

    Raises
    ------
    FileNotFoundError
        If it does not exist.
    ValueError
        If it is neither a store nor such a file, or lacks the group.

    Examples
    --------
    >>> dataset("missing.zarr", Opening())
    Traceback (most recent call last):
      ...
    FileNotFoundError: `source` 'missing.zarr' does not exist
    """
    require_address("source", url)
    path = local_path(url)
    if path is not None and not path.exists():
        raise FileNotFoundError(f"`source` {shown(url)!r} does not exist{_group_in(path)}")
    _require_fitting(url, opening)
    is_store = opening.is_store(url)
    if path is not None and path.is_dir() and not is_store and opening.engine is None:
        raise ValueError(f"`source` {shown(url)!r} is a folder but not a Zarr store{_in(path)}")
    try:
        found = _opened(_of_store if is_store else _of_file, url, opening)
        if "create_default_indexes" not in opening.open_options:
            found = indexed(found, _SHORT)
    except (ValueError, OSError, KeyError, TypeError) as error:
        if path is None and isinstance(error, FileNotFoundError) and opening.group is None:
            raise FileNotFoundError(f"`source` {shown(url)!r} does not exist") from cause(error)
        raise ValueError(_reason(url, opening, error)) from cause(error)
    if not found.data_vars and (groups := _groups(url, opening)):
        raise ValueError(
            f"`source` {shown(url)!r} has no variables in its "
            f"{'root' if opening.group is None else f'group {opening.group!r}'}, but groups that "
            f"have: {groups}; give one of them as `group`"
        )
    return found


def _opened(opens: _Opens, url: str | Path, opening: Opening) -> xr.Dataset:
    try:
        return opens(url, opening)
    except AttributeError:  # of an attribute that xarray takes for a text, and is not one
        options = {k: v for k, v in opening.open_options.items() if k not in decoding.KEYWORDS}
        as_stored = replace(
            opening, decode_times=None, open_options={**options, "decode_cf": False}
        )
        raw = opens(url, as_stored)
        found = decoding.decoded(raw, opening.keywords)
        found.set_close(raw.close)
        return found


def _require_fitting(url: str | Path, opening: Opening) -> None:
    """Refuse options of another kind of source."""
    versioned = is_versioned(url)
    if versioned and opening.engine not in (None, "zarr"):
        raise ValueError(
            f"`engine` is {opening.engine!r}, but `source` {shown(url)!r} is an Icechunk "
            "repository, which 'zarr' reads; leave it out"
        )
    if AUTHORIZE in opening.open_options and not versioned:
        raise ValueError(
            f"`open_options` names {AUTHORIZE!r}, but `source` {shown(url)!r} is not an "
            "Icechunk repository; leave it out"
        )
    if opening.engine == "kerchunk" or has_references(local_path(url)):
        raise ValueError(
            f"`source` {shown(url)!r} has references as kerchunk makes them, which can name any "
            "file; put them into an Icechunk repository, as VirtualiZarr does, or open them in "
            f"Python and give the object: xgrad.to_zarr(..., xr.open_dataset({shown(url)!r}, "
            "engine='kerchunk'), ...)"
        )


def indexed(data: xr.Dataset, n_bytes: float = math.inf) -> xr.Dataset:
    """The data with an index for each dimension that has a coordinate of at most so many bytes.

    An index is in memory as a whole.

    Examples
    --------
    >>> bare = xr.Coordinates({"x": ("x", [1.0, 2.0])}, indexes={}).to_dataset()
    >>> list(indexed(bare, 8).xindexes), list(indexed(bare).xindexes)
    ([], ['x'])
    """
    found = data
    for name in data.dims:
        if name not in data.coords or name in data.xindexes:
            continue
        if data[name].dims == (name,) and data[name].nbytes <= n_bytes:
            found = found.set_xindex([name])
    if found is not data:
        found.set_close(data.close)  # a new Dataset would leave its file open
    return found


def _of_file(url: str | Path, opening: Opening) -> xr.Dataset:
    own: dict[str, Any] = {} if opening.group is None else {"group": opening.group}
    with _without_caches(opening.engine):
        return xr.open_dataset(url, engine=opening.engine, **own, **opening.keywords)


@contextmanager
def _without_caches(engine: str | None) -> Iterator[None]:
    """Let the netCDF library keep nothing of what it has read.

    By default it keeps up to 64 MB of each variable of each file, which no plan knows.
    """
    if engine not in (None, "netcdf4") or find_spec("netCDF4") is None:
        yield
        return
    import netCDF4  # noqa: PLC0415  xarray imports it only if it opens such a file

    before = netCDF4.get_chunk_cache()
    netCDF4.set_chunk_cache(0)
    try:
        yield
    finally:
        netCDF4.set_chunk_cache(*before)


def _of_store(url: str | Path, opening: Opening) -> xr.Dataset:
    group = opening.zarr_group(url)
    # The store that xarray gets begins at the root of the address, so the group is named as well.
    path = f"{group.store_path.path}/".lstrip("/")
    with bounded.codecs():
        return xr.open_dataset(
            cast(Any, Whole(group.store_path.store, of_blosc(group))),
            engine=_Zarr,
            group=path.rstrip("/") or None,
            chunks=None,
            consolidated=group.metadata.consolidated_metadata is not None,
            **opening.keywords,
        )


def _reason(url: str | Path, opening: Opening, error: Exception) -> str:
    """Why a source could not be opened, and what to do."""
    source = f"`source` {shown(url)!r}"
    if times := _undecoded(str(error)):
        return f"{source} has times {times}; give `decode_times=False` to take them as numbers"
    engines = sorted(xr.backends.list_engines())
    if opening.engine is not None and opening.engine not in engines:
        return f"`engine` is {opening.engine!r}, which xarray lacks here; it has {engines}"
    if (unknown := _UNKNOWN.search(str(error))) and unknown[1] in opening.open_options:
        return (
            f"`open_options` names {unknown[1]!r}, which the engine that opens {source} does not "
            "take; leave it out"
        )
    if opening.group is not None:
        groups = _groups(url, replace(opening, group=None))
        if opening.group.strip("/") not in groups:
            has = f"it has {groups}" if groups else "it has no groups with variables; leave it out"
            return f"`group` names {opening.group!r}, which {source} lacks; {has}"
    if opening.is_store(url) and _is_array(opening.place(url)):
        return f"{source} is a Zarr array, not a group; {_instead_of(url)}"
    reason = shown(str(error).split(". ")[0].split("\n")[0]) or type(error).__name__
    if isinstance(error, KeyError):
        reason = f"no {reason}"
    given = f" with {dict(opening.open_options)}" if opening.open_options else ""
    return f"{source} is neither a Zarr store nor a file that xarray opens{given}: {reason}"


def _in(folder: Path) -> str:
    """The remedy for a folder that is not a store."""
    if is_repository(folder):
        return f"; it is an Icechunk repository: give '{ICECHUNK}{folder}'"
    kinds = sorted({one.suffix for one in folder.iterdir() if one.suffix and one.is_file()})
    if not kinds:
        return ""
    return f"; give the files in it by a pattern, such as {str(folder / f'*{kinds[0]}')!r}"


def _undecoded(error: str) -> str:
    """What xarray says of times that it cannot decode, in words; nothing for other errors."""
    if units := _NO_FIXED_LENGTH.search(error):
        return f"in {units[1]!r}, which have no fixed length in its calendar"
    if units := _UNDECODED.search(error):
        calendar = re.search(r"calendar ['\"]?(\w+)", units[2])
        of = f" of the calendar {calendar[1]!r}" if calendar else ""
        return f"in {units[1]!r}{of}, which xarray cannot decode"
    return ""


def _group_in(path: Path) -> str:
    """The remedy for a path into a file, as of a group of a NetCDF file."""
    for above in path.parents:
        if above.is_file():
            group = path.relative_to(above).as_posix()
            return f", but {str(above)!r} is a file; name {group!r} in `group`"
    return ""


def _groups(url: str | Path, opening: Opening) -> list[str]:
    """The groups below that have variables."""
    is_store = opening.is_store(url)
    own: dict[str, Any] = {} if opening.group is None else {"group": opening.group}
    try:
        with warnings.catch_warnings():  # of metadata that are not consolidated
            warnings.simplefilter("ignore")
            place = opening.place(url) if is_store else url
            engine = "zarr" if is_store else opening.engine
            found = xr.open_groups(place, engine=engine, decode_cf=False, **own)
    except Exception:  # noqa: BLE001  whatever it is, no group can be named
        return []
    above = "" if opening.group is None else f"{opening.group.strip('/')}/"
    names = [name.strip("/") for name, one in found.items() if one.data_vars]
    return [f"{above}{name}" for name in names if name]


def _is_array(place: Any) -> bool:
    try:
        return isinstance(zarr.open(place, mode="r"), zarr.Array)
    except Exception:  # noqa: BLE001  then it is none
        return False


def _instead_of(url: str | Path) -> str:
    path = local_path(url)
    if path is not None and is_zarr(path.parent):
        return f"give {str(path.parent)!r}, and {path.name!r} in `variables`"
    return "put it into a group first, as `xr.Dataset({'t': (dims, array)}).to_zarr(...)` does"
