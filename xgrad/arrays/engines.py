"""Which arrays xgrad differentiates, and which library made a lazy one."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from types import ModuleType
from typing import Any

import numpy as np

# An array of a module that nobody has imported cannot exist, so that none is imported here.
_MODULES = ("dask.array", "dask_array", "cubed")
# How chunks of other kinds become numpy arrays, by the package that made them.
_TO_NUMPY = {
    "numpy": "data.map_blocks(np.ma.filled, np.nan)",
    "sparse": "data.map_blocks(lambda chunk: chunk.todense())",
    "cupy": "data.map_blocks(lambda chunk: chunk.get())",
}


def module_of(array: Any) -> ModuleType | None:
    """Return the module that made a lazy array; None for other arrays.

    Examples
    --------
    >>> import dask.array as da
    >>> module_of(da.zeros(3)) is da, module_of(np.zeros(3))
    (True, None)
    """
    if array is None or isinstance(array, np.ndarray | float):  # most often; the rest takes 4 µs
        return None
    loaded = (sys.modules.get(name) for name in _MODULES)
    return next((one for one in loaded if one and isinstance(array, one.Array)), None)


def is_lazy(array: Any) -> bool:
    """Whether an array is computed chunk by chunk, when it is asked for.

    Examples
    --------
    >>> is_lazy(np.zeros(3))
    False
    """
    return module_of(array) is not None


def is_planned(array: Any) -> bool:
    """Whether an array is one of cubed, which plans the memory of each task.

    Examples
    --------
    >>> is_planned(np.zeros(3))
    False
    """
    module = module_of(array)
    return module is not None and module.__name__ == "cubed"


def is_expression(array: Any) -> bool:
    """Whether an array is one of dask-array, which passes selections on to its operands.

    Examples
    --------
    >>> is_expression(np.zeros(3))
    False
    """
    module = module_of(array)
    return module is not None and module.__name__ == "dask_array"


def refuse_as_positions(what: str, array: Any) -> None:
    """Refuse lazy positions of an engine whose arrays can be data only.

    Parameters
    ----------
    what : str
        What to call the array in the message.
    array : object
        Nothing is read.

    Raises
    ------
    TypeError
        With the remedy.

    Examples
    --------
    >>> refuse_as_positions("`spacing`", np.zeros(3))
    """
    if is_planned(array):
        raise TypeError(
            f"{what} is a cubed array, which cannot be positions: each task would need whole "
            "columns; call `.load()` on it, or open it with `chunked_array_type='dask'`"
        )


def refuse_a_mixture(arrays: Iterable[Any]) -> None:
    """Refuse lazy arrays of several modules, of which none could compute the others.

    Parameters
    ----------
    arrays : iterable of lazy array
        Of one operation.

    Raises
    ------
    TypeError
        With how to make them one kind.
    """
    modules = sorted({type(array).__module__.partition(".")[0] for array in arrays})
    if len(modules) > 1:
        remedy = (
            "open all of them with the same `chunked_array_type`"
            if "cubed" in modules
            else "open all of them after `dask_array.xarray.register()`, or call `.chunk()` on "
            "each of them after it"
        )
        raise TypeError(
            f"the data, their positions and factors are lazy arrays of {' and of '.join(modules)}, "
            f"which cannot be combined; {remedy}"
        )


def refuse_other_kinds(what: str, array: Any) -> None:
    """Refuse an array that is neither of numpy nor lazy with chunks of numpy.

    Parameters
    ----------
    what : str
        What to call the array in the message.
    array : object
        Nothing is read.

    Raises
    ------
    TypeError
        With what to convert it with.

    Examples
    --------
    >>> refuse_other_kinds("the data", np.zeros(3))
    """
    if isinstance(array, np.ndarray):
        return
    if is_planned(array):  # all chunks are of cubed's one kind of array
        return
    if is_lazy(array):
        _refuse_other_chunks(what, array._meta)
        return
    remedy = "convert it with `.as_numpy()`"
    if getattr(array, "chunks", None) is not None:
        remedy = (
            "open it with dask, as `xr.open_zarr(..., chunked_array_type='dask')` does, or store "
            "it and use `xgrad.gradient_to_zarr`"
        )
    raise TypeError(
        f"{what} is a {_name(array)}, but xgrad differentiates arrays of numpy, dask, dask-array "
        f"and cubed; {remedy}"
    )


def _refuse_other_chunks(what: str, meta: Any) -> None:
    if isinstance(meta, np.ndarray | np.generic) and not isinstance(meta, np.ma.MaskedArray):
        return
    package = type(meta).__module__.partition(".")[0]
    how = _TO_NUMPY.get(package, "data.map_blocks(np.asarray, dtype=data.dtype)")
    raise TypeError(
        f"{what} is a dask array of {_name(meta)}, but xgrad differentiates chunks of numpy; "
        f"convert them with `{how}`"
    )


def _name(array: Any) -> str:
    return f"{type(array).__module__}.{type(array).__qualname__}"
