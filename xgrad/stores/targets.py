"""Which kind of place a target is: to add a kind of store, write its workplace and name it here."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from xgrad.stores import in_icechunk, on_disk, on_object_store
from xgrad.stores.urls import (
    is_remote,
    is_versioned,
    repository_in,
    require_address,
    shown,
)
from xgrad.stores.workplace import Workplace


@dataclass(frozen=True)
class Target:
    """A place where a store may be written without loss.

    Attributes
    ----------
    name : str
        As it was given.
    hold : callable
        Opens the workplace as a context manager.  It takes a description of what is written.
    is_local : bool
        Whether it is on this machine's file system.
    is_shared : bool
        Whether several processes can write to it at the same time.
    """

    name: str
    hold: Callable[[str], AbstractContextManager[Workplace]]
    is_local: bool
    is_shared: bool


def checked(
    source: str | Path, target: str | Path, *, overwrite: bool, tidies: bool = False
) -> Target:
    """Check that a store can be written to `target` without loss.

    Parameters
    ----------
    source, target : path or URL
        What is read and what is to be written.
    overwrite : bool
        Whether an existing store may be replaced.
    tidies : bool, default: False
        Whether to remove what an interrupted process left beside a complete store.

    Returns
    -------
    Target
        The place, of the kind that its name says.

    Raises
    ------
    FileExistsError
        If the target exists and may not be replaced.
    FileNotFoundError
        If the folder of the target does not exist.
    ImportError
        If the package for this kind of target is not installed.
    OSError
        If the target cannot be reached.
    ValueError
        If source and target overlap, or no store can have one of these names.

    Examples
    --------
    >>> checked("in.zarr", "out.zarr", overwrite=False).is_local
    True
    """
    name = str(target)
    require_address("source", source)
    require_address("target", name)
    if is_versioned(name):
        _, version = repository_in(name)
        if version:
            raise ValueError(
                f"`target` {shown(name)!r} names the version {version!r}, but a job writes to the "
                f"branch main; leave out '@{version}', or make the folder first if that is a part "
                "of its name"
            )
        hold = partial(in_icechunk.in_repository, name, overwrite=overwrite)
        return Target(name, hold, is_local=False, is_shared=False)
    if is_remote(name):
        on_object_store.check(source, name, overwrite=overwrite, tidies=tidies)
        return Target(name, lambda _: on_object_store.at_url(name), is_local=False, is_shared=True)
    path = on_disk.checked_path(source, target, overwrite=overwrite, tidies=tidies)
    return Target(
        name, lambda _: on_disk.in_folder(path, overwrite=overwrite), is_local=True, is_shared=True
    )
