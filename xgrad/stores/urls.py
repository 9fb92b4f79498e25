"""What the name of a store says: a path, a URL or an Icechunk repository, and how it is shown."""

from __future__ import annotations

import re
from pathlib import Path

_ZARR_FILES = ("zarr.json", ".zgroup", ".zarray", ".zmetadata")
#: How the name of an Icechunk repository begins.
ICECHUNK = "icechunk:"
# What follows ``://``, within a text or in a text that is nothing but an address.
_ADDRESS, _ALONE = re.compile(r"(?<=://)[^\s'\"]+"), re.compile(r"(?<=://).+", re.DOTALL)
_IS_ALONE = re.compile(r"[A-Za-z][\w+.-]*(::|:icechunk|://)|icechunk:")
# ``key:secret@``, as in messages about an address without its beginning.  "icechunk:a@b" has none.
_KEYS = re.compile(r"(?<![^/@\s'\"])(?!icechunk:)[^/@\s'\"]+:[^/@\s'\"]+@")
# Storage whose libraries take no keys from an address.
_WITHOUT_KEYS = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "memory")
# What a user name, a password or a query may consist of; anything else is escaped as ``%2F``.
_ESCAPED = re.compile(r"[\w.~!$&()*+,;=:%@/?#\-]*", re.ASCII)


def shown(text: object) -> str:
    """Remove the credentials from a path, or from a text that contains URLs.

    What precedes the last ``@`` of an address is dropped if it may be a key, whatever characters it
    has, and so is what follows a ``?`` or a ``#``.

    Examples
    --------
    >>> shown("neither s3://key:se/cret@bucket/in.zarr nor https://me@host/in.zarr?signature=abc")
    'neither s3://bucket/in.zarr nor https://host/in.zarr'
    """
    given = str(text)
    pattern = _ALONE if _IS_ALONE.match(given) else _ADDRESS
    return _KEYS.sub("", pattern.sub(lambda found: _without_secrets(found[0]), given))


def _without_secrets(address: str) -> str:
    keys, place = _split(address)
    if keys and re.search("[?#]", keys):
        return "..."  # where the secret ends cannot be said
    return re.split("[?#]", place, maxsplit=1)[0]


def _split(address: str) -> tuple[str, str]:
    """What may be credentials in an address without its ``s3://``, and the rest."""
    keys, _, place = address.rpartition("@")
    return (keys, place) if ":" in keys or "/" not in keys else ("", address)


def cause(error: Exception) -> Exception | None:
    """An error as the cause of another, unless a traceback of it would show credentials.

    Examples
    --------
    >>> cause(OSError("https://host/in.zarr?signature=abc not found"))
    >>> cause(OSError("the disk is full"))
    OSError('the disk is full')
    """
    return error if shown(error) == str(error) else None


def printable(text: object) -> str:
    r"""A text for a terminal: what is not printed as a character is escaped.

    Examples
    --------
    >>> print(printable("a colour \x1b[31m, a line \n, an umlaut ä"))
    a colour \x1b[31m, a line \n, an umlaut ä
    """
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode() for one in str(text)
    )


def require_address(argument: str, name: object) -> None:
    """Refuse the name of a store that no store can have, before anything is asked of it.

    Raises
    ------
    ValueError
        If it has a NUL character, an address within an address, or credentials where no library
        reads them.

    Examples
    --------
    >>> require_address("source", "s3://key:secret@bucket/in.zarr")
    Traceback (most recent call last):
      ...
    ValueError: `source` has a key in its s3:// address, where it is not read; leave it out, and ...
    """
    text = str(name)
    if "\0" in text:
        raise ValueError(f"`{argument}` {shown(text)!r} has a NUL character; give another name")
    *before, last = text.split("::")
    for link in before:
        is_link = re.fullmatch(r"([a-z][a-z0-9+-]*)(://.*)?", link)
        if is_link is None or is_link[1] in _WITHOUT_KEYS:  # these hold bytes: nothing follows
            raise ValueError(
                f"`{argument}` {shown(text)!r} is not a chain of addresses; give one path or URL"
            )
    for link in (*before, last):
        scheme, separator, address = link.partition("://")
        if separator and local_path(link) is None:
            _require_plain(argument, scheme.rpartition(":")[2], address)
        if "://" in re.split("[?#]", address, maxsplit=1)[0]:
            raise ValueError(
                f"`{argument}` {shown(text)!r} has an address within an address; give one path or "
                "URL"
            )


def _require_plain(argument: str, scheme: str, address: str) -> None:
    keys, place = _split(address)
    query = re.split("[?#]", place, maxsplit=1)[1:]
    if ":" in keys and scheme in _WITHOUT_KEYS:
        raise ValueError(
            f"`{argument}` has a key in its {scheme}:// address, where it is not read; leave it "
            "out, and give it in the environment or the configuration of the storage"
        )
    if re.search("[/?#]", keys) or not all(map(_ESCAPED.fullmatch, (keys, *query))):
        raise ValueError(
            f"`{argument}` has a password or a query in its {scheme}:// address with characters "
            "that mean something else there; escape them, a slash as %2F, an @ in a path as %40"
        )


def local_path(store: str | Path) -> Path | None:
    """Path of a store on this machine, None for a store elsewhere.

    Examples
    --------
    >>> local_path("file:///data/in.zarr"), local_path("s3://bucket/in.zarr")
    (PosixPath('/data/in.zarr'), None)
    """
    if is_versioned(store):
        place, _ = repository_in(str(store))
        return None if "://" in place else Path(place)
    # "simplecache::file:///data/in.zarr" is a chain whose last link names the place of the bytes.
    last = str(store).split("::")[-1]
    protocol, separator, path = last.partition("://")
    if not separator:
        return Path(last)
    return Path(path) if protocol in ("file", "local") else None


def absolute(store: str) -> str:
    """The same name, whatever the working folder is.

    Examples
    --------
    >>> absolute("s3://bucket/in.zarr"), absolute("icechunk:/data/../repo@v1")
    ('s3://bucket/in.zarr', 'icechunk:/repo@v1')
    """
    path = local_path(store)
    if path is None:
        return store
    if not is_versioned(store):
        return str(path.resolve())
    _, version = repository_in(store)
    return f"{ICECHUNK}{path.resolve()}{version and f'@{version}'}"


def repository_in(name: str) -> tuple[str, str]:
    """Where an Icechunk repository is, and which version of it is named; "" for none.

    Of a path on this machine, as much as exists is the repository.

    Examples
    --------
    >>> repository_in("icechunk:/data/repo@v1"), repository_in("icechunk:/home/me@lab/repo")
    (('/data/repo', 'v1'), ('/home/me@lab/repo', ''))
    """
    whole = name.removeprefix(ICECHUNK)
    if "://" not in whole and Path(whole).exists():
        return whole, ""
    # No branch and no tag has a slash.
    place, at, version = whole.rpartition("@")
    if not at or "/" in version:
        return whole, ""
    while "://" not in place and "@" in Path(place).name and not Path(place).exists():
        place, _, more = place.rpartition("@")
        version = f"{more}@{version}"
    return place, version


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
