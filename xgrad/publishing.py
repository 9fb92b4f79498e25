"""Paths of stores on disk: which may be written, and how a finished one gets its name."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ZARR_FILES = ("zarr.json", ".zgroup", ".zarray", ".zmetadata")
# In the folder where a store is being written, to know one's own: nothing else is ever deleted.
_MARK = "written-by-xgrad"


def local_path(store: str | Path) -> Path | None:
    """Path of a store on this machine, None for one elsewhere.

    Examples
    --------
    >>> local_path("file:///data/in.zarr"), local_path("s3://bucket/in.zarr")
    (PosixPath('/data/in.zarr'), None)
    """
    # "simplecache::file:///data/in.zarr" is a chain whose last part says where the bytes are.
    last = str(store).split("::")[-1]
    protocol, separator, path = last.partition("://")
    if not separator:
        return Path(last)
    return Path(path) if protocol in ("file", "local") else None


def is_zarr(path: Path) -> bool:
    """Whether a folder holds a Zarr group or array.

    Examples
    --------
    >>> is_zarr(Path("/"))
    False
    """
    return path.is_dir() and any((path / name).exists() for name in _ZARR_FILES)


def _workplace(target: Path) -> Path:
    return target.with_name(f"{target.name}.partial")


def checked_target(source: str | Path, target: str | Path, *, overwrite: bool) -> Path:
    """Path to write to, if that can destroy nothing.

    Parameters
    ----------
    source, target : path
        What is read and what is to be written.
    overwrite : bool
        Whether an existing Zarr store may be replaced.

    Returns
    -------
    Path
        The target.

    Raises
    ------
    ValueError
        If the target is not local, is the source, or one lies in the other.
    FileExistsError
        If the target exists and may not be replaced.
    FileNotFoundError
        If the folder of the target does not exist.

    Examples
    --------
    >>> checked_target("in.zarr", "in.zarr", overwrite=True)
    Traceback (most recent call last):
      ...
    ValueError: `target` 'in.zarr' is the source; give another path
    """
    place, origin = local_path(target), local_path(source)
    if place is None or not place.name:
        raise ValueError(f"`target` is {str(target)!r}; give a local path")
    if origin is not None:
        _refuse_overlap(origin, place)
    if place.is_symlink() and not place.exists():
        raise FileExistsError(f"`target` {str(place)!r} is a link to nothing; remove it first")
    _refuse_existing(place, overwrite=overwrite)
    if not place.parent.is_dir():
        raise FileNotFoundError(f"the folder of `target` {str(place)!r} does not exist")
    return place


def _refuse_existing(place: Path, *, overwrite: bool) -> None:
    if place.exists() and not overwrite:
        raise FileExistsError(
            f"`target` {str(place)!r} exists; choose another, or replace it with `overwrite`"
        )
    if place.exists() and not is_zarr(place):
        raise FileExistsError(
            f"`target` {str(place)!r} is no Zarr store, and is not replaced by one"
        )


def _refuse_overlap(origin: Path, place: Path) -> None:
    here, there = origin.resolve(), place.resolve()
    if here == there or (here.exists() and there.exists() and here.samefile(there)):
        raise ValueError(f"`target` {str(place)!r} is the source; give another path")
    for written in (there, _workplace(place).resolve()):
        if here == written or here in written.parents or written in here.parents:
            raise ValueError(
                f"`target` {str(place)!r} and source {str(origin)!r} lie one in the other; give "
                "a path outside"
            )


@contextmanager
def published(target: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield a path to write to, and rename it to `target` if no error comes.

    Parameters
    ----------
    target : Path
        From :func:`checked_target`.
    overwrite : bool, default: False
        Replace a store that is there once the new one is complete.  Without it a store that
        appears while the new one is being written is left alone.

    Yields
    ------
    Path
        A folder that does not exist yet, in ``<target>.partial``.

    Raises
    ------
    FileExistsError
        If ``<target>.partial`` was not written by xgrad, or is being written by another process,
        or the target exists by now and may not be replaced.

    Examples
    --------
    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "out.zarr"
    >>> with published(target) as path:
    ...     path.mkdir()
    >>> target.is_dir()
    True
    """
    workplace = _workplace(target)
    new, replaced = workplace / "store.zarr", workplace / "replaced.zarr"
    with _held(workplace):
        if replaced.exists() and not target.exists():
            replaced.rename(target)  # an earlier run was killed between its two renames
        try:
            _refuse_existing(target, overwrite=overwrite)
            for rest in (new, replaced):
                shutil.rmtree(rest, ignore_errors=True)
            yield new
            _refuse_existing(target, overwrite=overwrite)
            if target.exists():
                target.rename(replaced)
            new.rename(target)
        except BaseException as error:
            if replaced.exists() and not target.exists():
                replaced.rename(target)
            if isinstance(error, Exception):
                shutil.rmtree(workplace, ignore_errors=True)
            # After Ctrl-C threads may still be writing: what they bring back must not lose its
            # mark, or no later run would take it for its own.
            raise
        shutil.rmtree(workplace, ignore_errors=True)


@contextmanager
def _held(workplace: Path) -> Iterator[None]:
    """Make the folder, or take over the one of a dead process, and hold a lock on it."""
    if workplace.is_symlink() or (workplace.exists() and not (workplace / _MARK).exists()):
        raise FileExistsError(
            f"{str(workplace)!r} is in the way and was not written by xgrad; move it away"
        )
    workplace.mkdir(exist_ok=True)
    with (workplace / _MARK).open("w") as mark:
        try:
            # The system lets go of it when the process ends, however it ends.
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FileExistsError(
                f"{str(workplace)!r} is being written by another process; wait for it"
            ) from error
        yield
