"""How much memory this process has, and how much it may take: from the system, in bytes."""

from __future__ import annotations

import os
import resource
import sys
from dataclasses import dataclass
from pathlib import Path

_STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class Memory:
    """An amount of memory, and what sets it.

    Attributes
    ----------
    n_bytes : int
        Resident memory of a process, in bytes.
    origin : str
        What sets the amount, in words.
    """

    n_bytes: int
    origin: str


def resident() -> int:
    """Resident memory of this process now, in bytes.

    Examples
    --------
    >>> 10_000_000 < resident() <= peak_memory()
    True
    """
    return _status("VmRSS") if _STATUS.exists() else peak_memory()


def peak_memory() -> int:
    """Largest resident memory that this process ever had, in bytes.

    Examples
    --------
    >>> peak_memory() > 10_000_000
    True
    """
    if _STATUS.exists():
        # Not getrusage, whose maximum includes that of the parent process.
        return _status("VmHWM")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def _status(key: str) -> int:
    (line,) = (line for line in _STATUS.read_text().splitlines() if line.startswith(key + ":"))
    return 1024 * int(line.split()[1])


def allowed(asked: int | None = None) -> Memory:
    """How much memory this process may take.

    Parameters
    ----------
    asked : int, optional
        What the user allows.  Default: half of what the machine, its cgroup or the address space
        allows, whichever is least.

    Returns
    -------
    Memory
        What was asked for, unless the process could not have it.

    Examples
    --------
    >>> allowed(10**6)
    Memory(n_bytes=1000000, origin='as asked for')
    """
    limits = [Memory(_physical(), "the machine has"), *_of_cgroups(), *_of_address_space()]
    least = min(limits, key=lambda limit: limit.n_bytes)
    share = Memory(least.n_bytes // 2, f"half of the {size(least.n_bytes)} that {least.origin}")
    if asked is None:
        return share
    if asked > least.n_bytes:
        return Memory(least.n_bytes, f"all that {least.origin}")
    return Memory(asked, "as asked for")


def size(n_bytes: float) -> str:
    """A number of bytes in words.

    Examples
    --------
    >>> size(1_234_000_000), size(25e6), size(999_999), size(12)
    ('1.23 GB', '25 MB', '1 MB', '12 bytes')
    """
    for unit, one in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n_bytes >= 0.9995 * one:
            return f"{n_bytes / one:.3g} {unit}"
    return "1 byte" if n_bytes == 1 else f"{n_bytes:.0f} bytes"


def _physical() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _of_cgroups(
    membership: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")
) -> list[Memory]:
    """Limits of the control group of this process and of those that hold it, versions 1 and 2.

    In a container the path of the group may be that of the host, which the container cannot see:
    then its group is the root that it sees.
    """
    found = []
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        top, name = (
            (root / "memory", "memory.limit_in_bytes") if controllers else (root, "memory.max")
        )
        own = top / path.lstrip("/")
        for group in [own, *own.parents]:
            if group == top.parent:
                break
            file = group / name
            text = file.read_text().strip() if file.is_file() else "max"
            # Version 1 says "no limit" with a number close to 2**63.
            if text.isdecimal() and int(text) < 2**60:
                found.append(Memory(int(text), "its cgroup allows"))
    return found


def _of_address_space() -> list[Memory]:
    """What ``RLIMIT_AS`` (``ulimit -v``) leaves.

    The limit counts addresses.  Libraries and the stacks of threads, which are never wholly
    resident, take one or two gigabytes of it from the start.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY or not _STATUS.exists():
        return []
    free = max(0, limit - _status("VmSize"))
    return [Memory(resident() + free, f"the address space of {size(limit)} leaves")]
