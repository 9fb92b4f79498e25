"""An object of xarray as the source of a job: read box by box, as a store is."""

from __future__ import annotations

import uuid
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import xarray as xr
import zarr
from dask.base import is_dask_collection
from dask.tokenize import tokenize
from xarray.backends import BackendArray
from xarray.core import indexing

from xgrad.arrays import engines
from xgrad.errors import CoordinateWarning, warn
from xgrad.jobs.boxes import Boxes
from xgrad.jobs.origins import Origins
from xgrad.stores.opening import Opening
from xgrad.stores.source import Source

# Of so many tasks of a block, the values may be in memory at the same time.
_AT_ONCE = 16
# A graph whose tasks would be done so many times is reported.
_TOO_OFTEN = 4.0


@dataclass(frozen=True)
class Given(Source):
    """An object, whose variables are read when they are indexed, and never kept.

    Attributes
    ----------
    obj : Dataset
        As it was given.
    """

    obj: xr.Dataset

    @classmethod
    def of(cls, obj: xr.DataArray | xr.Dataset) -> Given:
        """Take an object as a source.

        Raises
        ------
        TypeError
            If it has arrays that cannot be read box by box.
        ValueError
            If it is a DataArray without a name.

        Examples
        --------
        >>> Given.of(xr.DataArray([1.0, 2.0], dims="x", name="t")).stored("t")
        (2,)
        """
        if isinstance(obj, xr.DataArray):
            if obj.name is None:
                raise ValueError(
                    "`source` is a DataArray without a name, which its results are named after; "
                    "name it with `.rename('...')`"
                )
            obj = obj.to_dataset()
        lazy = {
            name: _box_by_box(name, variable)
            for name, variable in obj.variables.items()
            if engines.is_lazy(_array(variable))
        }
        for name, variable in obj.variables.items():
            if name not in lazy:
                _refuse_other_arrays(name, variable)
        data = obj.assign_coords({k: v for k, v in lazy.items() if k in obj.coords})
        data = data.assign({k: v for k, v in lazy.items() if k not in obj.coords})
        origin = obj.encoding.get("source")
        # Of references as kerchunk makes them it is "/".
        url = origin if isinstance(origin, str) and origin.strip("/") else "a Dataset"
        return cls((url,), data, Opening(), (), obj)

    @property
    def zarr_format(self) -> int:
        """That of the compressors that the variables were read with; 3 if there are none."""
        codecs = [
            codec
            for variable in self.data.variables.values()
            for codec in variable.encoding.get("compressors") or ()
        ]
        return 2 if any(hasattr(codec, "codec_id") for codec in codecs) else 3

    def until(self, dim: Hashable, cells: int) -> Self:
        """The first cells along a dimension."""
        return replace(super().until(dim, cells), obj=self.obj.isel({dim: slice(cells)}))

    def inseparable(self, name: Hashable) -> tuple[int, ...]:
        """Cells along each axis that are read together: the larger of dask's and Zarr's chunk."""
        stored, blocks = super().inseparable(name), self._blocks(name)
        if blocks is None:
            return stored if self._is_read(name) else (1,) * self.data.variables[name].ndim
        return tuple(map(max, stored, blocks))

    def _chunks(self, name: Hashable) -> tuple[int, ...] | None:
        own = super()._chunks(name)
        if own is not None and len(own) == self.data.variables[name].ndim:
            return own
        return self._blocks(name)

    def _blocks(self, name: Hashable) -> tuple[int, ...] | None:
        data = _array(self.obj.variables[name])
        return tuple(map(max, data.chunks)) if engines.is_lazy(data) else None

    def _is_read(self, name: Hashable) -> bool:
        return not isinstance(_array(self.obj.variables[name]), np.ndarray)

    def copies(self, name: Hashable) -> int:
        """Chunks in memory while one is read."""
        own = super().copies(name)
        if self._blocks(name) is None:
            return own
        return own + min(_AT_ONCE, _boxes_of(self.data.variables[name]).n_tasks()[0])

    def is_scaled(self, name: Hashable) -> bool:
        """Whether a variable is stored as numbers of another dtype."""
        return "dtype" in self.data.variables[name].encoding and super().is_scaled(name)

    def digest(self, names: Iterable[Hashable], *, allow_missing: bool) -> str:
        """A text that changes when some of the variables do.  Lazy ones are not read.

        It depends on the dimensions and attributes of each, on what is done to it, by the names of
        dask's arrays, on the arrays and files that it is read from, and on values in memory.

        Raises
        ------
        ChunkError
            If an array that it is read from lacks a chunk, unless `allow_missing`.
        """
        names = sorted((name for name in names if name in self.obj.variables), key=str)
        below = [self._origins_of(name).digest(allow_missing=allow_missing) for name in names]
        return tokenize(list(map(str, names)), list(map(self._token_of, names)), below)

    @cached_property
    def _known(self) -> dict[Hashable, tuple[str, Origins]]:
        return {}

    def _token_of(self, name: Hashable) -> str:
        return self._both(name)[0]

    def _origins_of(self, name: Hashable) -> Origins:
        return self._both(name)[1]

    def _both(self, name: Hashable) -> tuple[str, Origins]:
        """Token and origins of a variable, which stay what they are."""
        if name not in self._known:
            variable = self.obj.variables[name]
            self._known[name] = _token(variable), Origins(_array(variable))
        return self._known[name]

    def places(self) -> set[str]:
        """Paths of the stores and files on this machine that the object is read from."""
        return set().union(*(self._origins_of(name).places for name in self.obj.variables))

    def warn_of_repeated_work(self, names: Iterable[Hashable]) -> None:
        """Say that blocks which need much of what other blocks need are computed one by one."""
        for name in names:
            if self._blocks(name) is None:
                continue
            _, times = _boxes_of(self.data.variables[name]).n_tasks()
            if times > _TOO_OFTEN:
                warn(
                    f"each chunk of {name!r} needs much of what other chunks need, which a job "
                    f"computes again, about {times:.0f} times in all; compute what they share "
                    "first, with `.compute()` or `.to_zarr()`",
                    CoordinateWarning,
                )


def _array(variable: xr.Variable) -> Any:
    # `.data` would read what is read lazily without dask.
    return variable._data


def _box_by_box(name: Hashable, variable: xr.Variable) -> xr.Variable:
    array = _array(variable)
    if not is_dask_collection(array):
        raise TypeError(
            f"`source` has a {type(array).__module__.partition('.')[0]} array, {name!r}, which "
            "cannot be read box by box; give the path of its store, or open it with "
            "`chunked_array_type='dask'`"
        )
    engines.refuse_other_kinds(f"{name!r} of `source`", array)
    lazily = indexing.LazilyIndexedArray(Boxes(array))
    return xr.Variable(variable.dims, lazily, variable.attrs, variable.encoding)


def _boxes_of(variable: xr.Variable) -> Boxes:
    found = _array(variable).array
    assert isinstance(found, Boxes)
    return found


def _refuse_other_arrays(name: Hashable, variable: xr.Variable) -> None:
    if not isinstance(_array(variable), np.ndarray | indexing.ExplicitlyIndexed):
        engines.refuse_other_kinds(f"{name!r} of `source`", _array(variable))


def _token(variable: xr.Variable) -> str:
    return tokenize(
        variable.dims, str(sorted(variable.attrs.items(), key=str)), _steps_of(variable)
    )


def _steps_of(variable: xr.Variable) -> Any:
    data = _array(variable)
    if engines.is_lazy(data):
        return str(data.name)
    return data if isinstance(data, np.ndarray) else list(steps_of(data))


def steps_of(data: Any) -> Iterator[tuple[Any, ...]]:
    """Where an array that xarray reads lazily is read, and what is done to it.

    dask's token will not do: for it, xarray would read the values.
    """
    yield (type(data).__qualname__,)
    if isinstance(data, BackendArray):
        yield _place_of(data)
        return
    slots = [name for kind in type(data).__mro__ for name in getattr(kind, "__slots__", ())]
    for name in sorted({*slots, *getattr(data, "__dict__", {})}):
        value = getattr(data, name, None)
        if isinstance(value, indexing.ExplicitlyIndexed):
            yield from steps_of(value)
        else:
            yield name, value.tuple if isinstance(value, indexing.ExplicitIndexer) else value


def _place_of(data: Any) -> tuple[Any, ...]:
    """The file or store of an array, and its name there."""
    array, store = getattr(data, "_array", None), getattr(data, "datastore", None)
    if isinstance(array, zarr.Array):
        return (str(array.store_path),)
    manager = getattr(store, "_manager", None)
    if manager is None or not hasattr(manager, "_args"):
        return (uuid.uuid4().hex,)  # unlike any other: it is never taken for the same
    return (*map(str, manager._args), getattr(store, "_group", None), data.variable_name)
