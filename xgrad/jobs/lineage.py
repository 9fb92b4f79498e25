"""How each block of an object is made: what it is read from, and what is done to that.

The names of dask's arrays change when an array gets more blocks, so they do not tell whether the
first blocks are what they were.  Here their tasks are followed down to the arrays and files that
they read.  Nothing is computed.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Hashable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePath
from typing import Any, cast

import cloudpickle
import dask.array.core as da
import numpy as np
import xarray as xr
from dask._task_spec import Alias, DataNode, Task, TaskRef, _execute_subgraph
from dask.tokenize import tokenize

from xgrad.arrays import engines
from xgrad.jobs.boxes import Boxes
from xgrad.jobs.from_object import Given, steps_of
from xgrad.jobs.origins import Origins
from xgrad.stores.listing import hash_of, marks_of, metadata_of
from xgrad.stores.pieces import ByCuts, Cut, Pieces

# Libraries whose functions read nothing but what they are given.  Any other function may read a
# file whose name it makes, or change with its module, and nothing of a task would tell.
_KNOWN = frozenset(
    [
        "_operator", "builtins", "cftime", "collections", "copyreg", "cytoolz", "dask",
        "dask_array", "datetime", "fsspec", "functools", "h5netcdf", "h5py", "icechunk",
        "itertools", "math", "netCDF4", "numcodecs", "numpy", "operator", "pandas", "pathlib",
        "s3fs", "scipy", "threading", "tlz", "toolz", "xarray", "xgrad", "zarr",
    ]
)  # fmt: skip

_GETTERS = (da.getter, da.getter_inline, da.getter_nofancy)


def states_of_object(given: Given, names: Iterable[Hashable]) -> dict[Hashable, Any]:
    """The states of some variables of an object; see :class:`xgrad.stores.pieces.State`.

    Examples
    --------
    >>> import dask.array as da
    >>> def of(n):
    ...     array = 2 * da.arange(n, chunks=4)
    ...     given = Given.of(xr.Dataset({"t": ("x", array)}))
    ...     return states_of_object(given, ["t"])["t"]
    >>> [cells for cells, _ in of(10).cuts("x")], of(10).before("x", 8) == of(18).before("x", 8)
    ([10, 8], True)
    """
    found: dict[Hashable, Any] = {}
    for name in names:
        # What cannot be followed, such as a very long chain of tasks, has none.
        with suppress(Exception):
            found[name] = _pieces(given, name)
    return found


def _pieces(given: Given, name: Hashable) -> Any:
    variable, origins = given.obj.variables[name], _Origins()
    data = variable._data
    if isinstance(data, np.ndarray):
        return InMemory(variable)
    meaning = f"{variable.dims} {sorted(variable.attrs.items(), key=str)} {variable.dtype}"
    if engines.is_lazy(data):
        return _of_blocks(variable, given.data.variables[name], meaning, origins)
    return _of_rows(variable, given.stored(name), meaning, origins)


@dataclass(frozen=True)
class InMemory(ByCuts):
    """Values in memory, which are compared themselves; a :class:`xgrad.stores.pieces.State`.

    Examples
    --------
    >>> one, other = (InMemory(xr.Variable("x", [0, 1, end])) for end in (2, 3))
    >>> one.before("x", 2) == other.before("x", 2), one.cuts("x") == other.cuts("x")
    (True, False)
    """

    variable: xr.Variable

    @property
    def size(self) -> Mapping[Hashable, int]:
        """Cells along each dimension."""
        return self.variable.sizes

    @property
    def metadata(self) -> str:
        """What else changes the meaning."""
        return f"{self.variable.dims} {sorted(self.variable.attrs.items(), key=str)}"

    def before(self, dim: Hashable, cells: int) -> int:
        """A number that changes when values before a cell do."""
        return hash_of(tokenize(self.variable.isel({dim: slice(cells)}).values))

    def cuts(self, dim: Hashable) -> list[Cut]:
        """All cells."""
        return [(self.size[dim], self._all)]

    @cached_property
    def _all(self) -> int:
        return hash_of(tokenize(self.variable.values))


def _of_blocks(own: xr.Variable, data: xr.Variable, meaning: str, origins: _Origins) -> Pieces:
    """Blocks of a dask array, each with its tasks."""
    boxes = cast(Any, data._data).array
    assert isinstance(boxes, Boxes)
    tasks = _Tasks(boxes.tasks, origins)
    states = [[0] * len(sizes) for sizes in boxes.chunks]
    for index in np.ndindex(*map(len, boxes.chunks)):
        state = hash_of(f"{index} {tasks.text((boxes.name, *index))}")
        for sums, k in zip(states, index, strict=True):
            sums[k] = (sums[k] + state) % 2**64
    starts = [np.cumsum([0, *sizes])[:-1].tolist() for sizes in boxes.chunks]
    pairs = dict(zip(own.dims, starts, strict=True)), dict(zip(own.dims, states, strict=True))
    return Pieces(*pairs, dict(own.sizes), meaning)


def _of_rows(own: xr.Variable, sides: tuple[int, ...], meaning: str, origins: _Origins) -> Pieces:
    """Rows of chunks of what xarray reads without dask."""
    starts = {
        dim: range(0, n, side) for dim, n, side in zip(own.dims, own.shape, sides, strict=True)
    }
    states: dict[Hashable, list[int]] = {}
    for axis, (dim, side) in enumerate(zip(own.dims, sides, strict=True)):
        box = [slice(0, n) for n in own.shape]
        states[dim] = []
        for start in starts[dim]:
            box[axis] = slice(start, min(start + side, own.shape[axis]))
            states[dim].append(hash_of(origins.read(own._data, tuple(box))))
    return Pieces(starts, states, dict(own.sizes), meaning)


@dataclass(frozen=True)
class _Value:
    """Something that a task holds."""

    value: Any


class _Tasks:
    """Tasks as texts: two are the same if they do the same to the same."""

    def __init__(self, tasks: Mapping[Hashable, Any], origins: _Origins) -> None:
        self._tasks, self._origins = tasks, origins
        self._known: dict[Hashable, Any] = {}

    def text(self, key: Hashable) -> str:
        """That of the task with a key, and of all that it needs."""
        return self._text(self._at(key, {}))

    def _at(self, key: Hashable, inner: dict[Hashable, Any]) -> Any:
        if key in inner:
            if not isinstance(inner[key], str | _Value):
                inner[key] = self._of(inner[key], inner)
            return inner[key]
        if key not in self._known:
            self._known[key] = self._of(self._tasks[key], {})
        return self._known[key]

    def _of(self, node: Any, inner: dict[Hashable, Any]) -> Any:
        """What a task makes: something that it holds, or a text."""
        if isinstance(node, TaskRef | Alias):
            return self._at(node.key if isinstance(node, TaskRef) else node.target, inner)
        if not isinstance(node, Task):
            return _Value(node.value if isinstance(node, DataNode) else node)
        if node.func is _execute_subgraph:
            tasks, key, names, *given = node.args
            own = zip(names, given, strict=True)
            return self._at(key, {**tasks, **{name: self._of(one, inner) for name, one in own}})
        args = [self._of(one, inner) for one in node.args]
        if node.func in _GETTERS and isinstance(args[0], _Value) and isinstance(args[1], _Value):
            return self._origins.read(args[0].value, args[1].value)
        rest = {name: self._text(self._of(one, inner)) for name, one in node.kwargs.items()}
        texts = list(map(self._text, args))
        what = f"{type(node).__name__} {self._origins.all_of(node.func)}"
        return _digest(f"{what} {texts} {sorted(rest.items())}")

    def _text(self, made: Any) -> str:
        return made if isinstance(made, str) else self._origins.all_of(made.value)


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


class _Origins:
    """The state of what tasks hold and read, which is looked at once."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Any, _Origin | None]] = {}
        self._texts: dict[int, str] = {}

    def _of(self, value: Any) -> _Origin | None:
        """What is behind an object; None for plain values.  The object is kept, for its id."""
        if id(value) not in self._known:
            found = Origins(value)
            is_read = bool(found.arrays or found.files)
            _Unknown.require_none(value, paths=not is_read)
            self._known[id(value)] = value, _Origin(value, found) if is_read else None
            if not is_read:
                self._texts[id(value)] = tokenize(value)
        return self._known[id(value)][1]

    def read(self, value: Any, box: Any) -> str:
        """The state of some cells."""
        if isinstance(value, np.ndarray):
            return str(tokenize(value[box]))
        origin = self._of(value)
        return str(tokenize(value, box)) if origin is None else origin.state(box)

    def all_of(self, value: Any) -> str:
        """The state of all of an object."""
        if isinstance(value, str) and _is_a_path(value):
            raise LookupError(value)
        if isinstance(value, slice | int | float | str | None) or _is_index(value):
            return f"{type(value).__name__} {value!r}"
        origin = self._of(value)
        return self._texts[id(value)] if origin is None else origin.state(None)


class _Unknown(cloudpickle.Pickler):  # type: ignore[misc]
    """Meets everything in an object, for what may read a file that is not known.

    Such an object has no pieces, and all of it is computed again.
    """

    def __init__(self, *, paths: bool) -> None:
        super().__init__(io.BytesIO())
        self._paths = paths

    @classmethod
    def require_none(cls, value: Any, *, paths: bool) -> None:
        """Raise a LookupError for a function of another library, and for the path of a file."""
        cls(paths=paths).dump(value)

    def persistent_id(self, value: Any) -> None:
        """Look at a part of the object; pickle calls this for each."""
        if callable(value):
            module = str(getattr(value, "__module__", None) or "builtins")
            if module.partition(".")[0] not in _KNOWN:
                raise LookupError(module)
        elif self._paths and isinstance(value, str | PurePath) and _is_a_path(str(value)):
            raise LookupError(str(value))


def _is_a_path(text: str) -> bool:
    """Whether a text is the address of something, or the path of what is there."""
    return "://" in text or os.path.exists(text)  # noqa: PTH110  Path raises for some


class _Origin:
    """An array or a file that is read lazily, and what is done to it as it is read."""

    def __init__(self, value: Any, found: Origins) -> None:
        # A wrapper knows the shape of what it wraps.
        steps = [one for one in steps_of(value) if one[0] != "_shape"]
        self._steps, self._found = tokenize(steps), found
        self._array, self._marks = None, None
        if len(found.arrays) == 1 and not found.files:
            self._array = found.arrays[0]
            self._steps += metadata_of(self._array)
            self._marks = marks_of(self._array)
        self._offsets = _offsets([one[1] for one in steps if one[0] == "key"])

    def state(self, box: Any) -> str:
        """A text that changes when what is read of it does."""
        index = repr(box) if _is_index(box) else tokenize(box)
        return f"{self._steps} {index} {self._content(box)}"

    def _content(self, box: Any) -> str:
        """The state of the chunks that the box is in, or of everything."""
        if self._array is None or self._marks is None or self._offsets is None:
            return self._everything
        shape, sides = self._array.shape, self._array.shards or self._array.chunks
        offsets = self._offsets or [0] * len(shape)
        if not (isinstance(box, tuple) and len(box) == len(shape) and all(map(_is_plain, box))):
            return self._everything
        chunks = []
        for part, side, size, offset in zip(box, sides, shape, offsets, strict=True):
            start, stop, _ = slice(part.start, part.stop).indices(size - offset)
            chunks.append(slice((start + offset) // side, -(-(stop + offset) // side)))
        return f"{int(self._marks[tuple(chunks)].sum(dtype=np.uint64)):x}"

    @cached_property
    def _everything(self) -> str:
        return self._found.digest(allow_missing=True)


def _is_index(value: Any) -> bool:
    """Whether something is a tuple of slices and integers, whose text says all of it."""
    return isinstance(value, tuple) and all(isinstance(one, slice | int) for one in value)


def _is_plain(part: Any) -> bool:
    """Whether a part of an index is a slice that goes forward by one cell, from a known one."""
    return (
        isinstance(part, slice)
        and part.step in (None, 1)
        and all(end is None or end >= 0 for end in (part.start, part.stop))
    )


def _offsets(keys: list[Any]) -> list[int] | None:
    """By how many cells indices shift an array; None if they do anything else.

    Examples
    --------
    >>> _offsets([(slice(None), slice(2, 8)), (slice(0, 4), slice(1, None))]), _offsets([(3,)])
    ([0, 3], None)
    """
    if not all(_is_plain(part) for key in keys for part in key) or len({*map(len, keys)}) > 1:
        return None
    return [sum(part.start or 0 for part in parts) for parts in zip(*keys, strict=True)]
