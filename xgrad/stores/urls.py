"""What the name of a store says: a path, a URL or an Icechunk repository, and its credentials."""

from __future__ import annotations

import re
from pathlib import Path

_ZARR_FILES = ("zarr.json", ".zgroup", ".zarray", ".zmetadata")
#: How the name of an Icechunk repository begins.
ICECHUNK = "icechunk:"
# ``s3://key:secret@bucket`` and the signatures in the query of a URL.
_KEYS = re.compile(r"(?<=://)[^/@\s'\"]*@|[^/@\s'\"]+:[^/@\s'\"]+@")
_SIGNATURE = re.compile(r"(://[^\s'\"?]*)\?[^\s'\"]*")


def shown(text: object) -> str:
    """Remove the credentials from a path, or from a text that contains URLs.

    Examples
    --------
    >>> shown("neither s3://key:secret@bucket/in.zarr nor https://me@host/in.zarr?signature=abc")
    'neither s3://bucket/in.zarr nor https://host/in.zarr'
    """
    return _SIGNATURE.sub(r"\1", _KEYS.sub("", str(text)))


def local_path(store: str | Path) -> Path | None:
    """Path of a store on this machine, None for a store elsewhere.

    Examples
    --------
    >>> local_path("file:///data/in.zarr"), local_path("s3://bucket/in.zarr")
    (PosixPath('/data/in.zarr'), None)
    """
    # "simplecache::file:///data/in.zarr" is a chain whose last link names the place of the bytes.
    last = str(store).split("::")[-1]
    protocol, separator, path = last.partition("://")
    if not separator:
        return Path(last)
    return Path(path) if protocol in ("file", "local") else None


def is_remote(store: object) -> bool:
    """Whether a store is on an object store.

    Examples
    --------
    >>> is_remote("s3://bucket/out.zarr"), is_remote("file:///data/out.zarr")
    (True, False)
    """
    return isinstance(store, str) and not is_versioned(store) and local_path(store) is None


def is_versioned(store: object) -> bool:
    """Whether a store is an Icechunk repository.

    Examples
    --------
    >>> is_versioned("icechunk:/data/repo"), is_versioned("out.zarr")
    (True, False)
    """
    return isinstance(store, str) and store.startswith(ICECHUNK)


def is_zarr(path: Path) -> bool:
    """Whether a folder contains a Zarr group or array.

    Examples
    --------
    >>> is_zarr(Path("/"))
    False
    """
    return path.is_dir() and any((path / name).exists() for name in _ZARR_FILES)
