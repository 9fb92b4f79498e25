"""What an object is read from: the Zarr arrays and the files that its lazy arrays hold.

They are found by pickling the object into nothing, which meets each of them: in a chain of xarray's
wrappers, in a graph of dask, in the arguments of a function.  A text that is the path of a file
counts as well: a task such as ``np.load("day1.npy")`` holds nothing else.
"""

from __future__ import annotations

import os
import uuid
from pathlib import Path, PurePath
from typing import Any

import cloudpickle
import numpy as np
import zarr
from dask.tokenize import tokenize
from xarray.backends import CachingFileManager
from zarr.storage import FsspecStore, LocalStore, ZipStore

from xgrad.stores.listing import digest_of_array, digest_of_file
from xgrad.stores.snapshots import state_of
from xgrad.stores.urls import local_path


class _Nowhere:
    def write(self, data: Any) -> int:
        return len(data)


class Origins(cloudpickle.Pickler):  # type: ignore[misc]
    """The Zarr arrays and files that something lazy is read from.

    Parameters
    ----------
    lazy : object
        Such as an array of dask, or what xarray indexes lazily.

    Examples
    --------
    >>> import dask.array as da
    >>> array = zarr.create_array({}, shape=4, chunks=2, dtype="f8")
    >>> [one.shape for one in Origins(da.from_array(array) + 1).arrays]
    [(4,)]
    """

    def __init__(self, lazy: Any) -> None:
        super().__init__(_Nowhere())
        self._arrays: dict[str, Any] = {}
        self._files: set[str] = set()
        # Stands for what cannot be found or compared: unlike that of any other object.
        self._unknown = ""
        try:
            self.dump(lazy)
        except Exception:  # noqa: BLE001  what cannot be pickled raises anything
            self._unknown = uuid.uuid4().hex

    @property
    def arrays(self) -> list[Any]:
        """The Zarr arrays, in the order of their names."""
        return [self._arrays[name] for name in sorted(self._arrays)]

    @property
    def places(self) -> set[str]:
        """Paths of the stores and files on this machine."""
        stores = (one.store for one in self._arrays.values())
        return {*self._files, *(str(one.root) for one in stores if isinstance(one, LocalStore))}

    @property
    def files(self) -> list[str]:
        """Paths of the files."""
        return sorted(self._files)

    def persistent_id(self, obj: Any) -> Any:
        """Note an array or a file instead of pickling it."""
        if isinstance(obj, zarr.Array):
            self._arrays[str(obj.store_path)] = obj
            self._unknown = self._unknown or _fault_of(obj.store)
        elif isinstance(obj, CachingFileManager):
            self._files.update(map(str, obj._args[:1]))
        elif isinstance(obj, str | PurePath):
            if _is_a_file(str(obj)):
                self._files.add(str(obj))
            return None
        elif not isinstance(obj, np.ndarray) or obj.dtype.hasobject:
            return None
        return "noted"

    def digest(self, *, allow_missing: bool) -> str:
        """A text that changes when one of the arrays or files does.  Values are not read.

        Raises
        ------
        ChunkError
            If an array lacks a chunk, unless `allow_missing`.
        """
        found = [
            f"{array.store_path} {_version_of(array.store)} "
            f"{digest_of_array(array, array.name, allow_missing=allow_missing)}"
            for array in self.arrays
        ]
        files = [f"{path} {_state_of(path)}" for path in self.files]
        return "\n".join([*found, *files, self._unknown])


def _is_a_file(text: str) -> bool:
    # The names of dask's tasks have neither; a million of them take a second less.
    if not ("." in text or os.sep in text):
        return False
    # A function of a script holds the path of the script, which holds no data.
    return not text.endswith(".py") and os.path.isfile(text)  # noqa: PTH113  Path raises for some


def _fault_of(store: Any) -> str:
    """Something unique if changes of a store cannot be seen; else nothing."""
    listed = isinstance(store, LocalStore | FsspecStore) and not _is_of_references(store)
    return "" if listed or _version_of(store) else uuid.uuid4().hex


def _is_of_references(store: Any) -> bool:
    return isinstance(store, FsspecStore) and "reference" in store.fs.protocol


def _version_of(store: Any) -> str:
    """State of a store whose listing does not say when a chunk changed; nothing if unknown."""
    if isinstance(store, ZipStore):
        return _state_of(str(store.path))
    return _of_references(store.fs) if _is_of_references(store) else state_of(store)


def _of_references(fs: Any) -> str:
    """State of the references of kerchunk and of the files that they name."""
    if not isinstance(fs.references, dict):
        return ""
    named = {one[0] for one in fs.references.values() if isinstance(one, list | tuple)}
    states = [_state_of(one) for one in sorted(named)]
    return tokenize(fs.references, states) if all(states) else ""


def _state_of(path: str) -> str:
    place = local_path(path)
    return digest_of_file(place) if place is not None and Path(place).exists() else ""
