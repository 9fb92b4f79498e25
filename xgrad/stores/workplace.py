"""What a job needs of the place where its store is written, and the mark of an unfinished store.

There is a kind of workplace for disks, for object stores and for Icechunk, each in its own module.
They keep text for the job and return it, but do not interpret it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeAlias, cast

import zarr
from zarr.core.sync import sync

#: Attribute of the root of an unfinished store.  Its value is the token of the run that writes it.
INCOMPLETE = "xgrad_incomplete"
#: Attribute of the root of a complete store.  Its value says what job made it, and of what.  xarray
#: hides names that begin so, as netCDF's own: a kilobyte of digests would fill each repr.
RECORD = "_nc_xgrad_job"
#: Files of Zarr beside the folders of arrays.
METADATA = ("zarr.json", ".zgroup", ".zarray", ".zattrs", ".zmetadata")
#: Whether a chunk of a store that grows is kept, from the name of its array and its own.
Keeps: TypeAlias = Callable[[str, str], bool]
# Bytes in the longest name of a file.
_LONGEST_NAME = 255


class Workplace(Protocol):
    """An unfinished store, and what the next run must know to resume it."""

    @property
    def store(self) -> Any:
        """What zarr opens to write to."""

    @property
    def zarr_format(self) -> int | None:
        """The only Zarr format that the place can hold, None if it can hold any."""

    def begin(self, zarr_format: int, run: str) -> None:
        """Remove what an earlier job left, and make an empty root that is marked as unfinished."""

    def grow(self, zarr_format: int, run: str, keeps: Keeps) -> None:
        """The same, but keep chunks of the complete store that is to be replaced."""

    def remember(self, job: str) -> None:
        """Keep the description of the job, once the metadata of its store are complete."""

    def remembered(self) -> str | None:
        """Description of the unfinished job, None if there is none."""

    def finish(self, line: str) -> None:
        """Keep a line that says which region is finished."""

    def finished(self) -> Iterable[str]:
        """The lines that were kept."""

    def publish(self, record: str = "") -> None:
        """Replace the mark by the record of what made the store, and give it its name."""


def fault_of_name(name: str) -> str | None:
    """Why an array of a store cannot have a name, None if it can.

    Zarr would read a backslash as a slash, and lose the array in a group of its own.

    Examples
    --------
    >>> fault_of_name("dt_dx")
    >>> fault_of_name("a/b")
    'a slash separates groups in Zarr'
    """
    faults = {
        "/": "a slash separates groups in Zarr",
        "\\": "Zarr takes a backslash for a slash, which separates groups",
        "\0": "no file can have a NUL character in its name",
    }
    for character, fault in faults.items():
        if character in name:
            return fault
    if name.strip(".") == "":
        return "Zarr needs a name that is more than dots"
    if name in METADATA:
        return "this is the name of a file of Zarr's own"
    if len(name.encode(errors="surrogatepass")) > _LONGEST_NAME:
        return f"no file can have a name of more than {_LONGEST_NAME} bytes"
    return None


def make_root(store: Any, zarr_format: int, run: str) -> None:
    """Make an empty root group, marked as the unfinished work of a run."""
    form = cast(Any, zarr_format)
    zarr.open_group(store, mode="w", zarr_format=form, attributes={INCOMPLETE: run})


def mark(store: Any, run: str) -> bool:
    """Mark a store as the unfinished work of a run; False if there is no store."""
    try:
        group = zarr.open_group(store, mode="r+", use_consolidated=False)
    except FileNotFoundError:
        return False
    group.attrs[INCOMPLETE] = run
    return True


def marked(store: Any) -> str | None:
    """Token of the run that writes a store, None if there is no unfinished store."""
    try:
        group = zarr.open_group(store, mode="r", use_consolidated=False)
    except FileNotFoundError:
        return None
    return cast("str | None", group.attrs.get(INCOMPLETE))


def unmark(store: Any, record: str = "") -> None:
    """Say that a store is complete, and what made it."""
    group = zarr.open_group(store, mode="r+", use_consolidated=False)
    group.attrs.put(completed(dict(group.attrs), record))


def completed(attributes: dict[str, Any], record: str) -> dict[str, Any]:
    """Attributes of the root of an unfinished store once it is complete.

    Examples
    --------
    >>> completed({"title": "a test", "xgrad_incomplete": "a run"}, "a job")
    {'title': 'a test', '_nc_xgrad_job': 'a job'}
    """
    kept = {key: value for key, value in attributes.items() if key not in (INCOMPLETE, RECORD)}
    return kept | ({RECORD: record} if record else {})


def put(documents: Any, store: Any) -> None:
    """Write what one store holds, such as the metadata of arrays, over what another one has."""
    here = zarr.open_group(documents, mode="r", use_consolidated=False).store_path
    there = zarr.open_group(store, mode="r+", use_consolidated=False).store_path
    sync(_put(here, there))


async def _put(here: Any, there: Any) -> None:
    async for key in here.store.list_prefix(""):
        await (there / key).set(await (here / key).get())


def consolidate(store: Any) -> None:
    """Collect all metadata of a store in its root.

    Consolidated metadata are not part of Zarr format 3 yet, but xarray looks for them first, and
    warns each user who opens a store without them.
    """
    group = zarr.open_group(store, mode="r", use_consolidated=False)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Consolidated metadata", zarr.errors.ZarrUserWarning)
        zarr.consolidate_metadata(store, zarr_format=group.metadata.zarr_format)
