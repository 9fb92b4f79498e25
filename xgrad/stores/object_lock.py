"""A lock on an object store, which has none: an object that its holder renews.

Whether a holder lives is seen by its renewals, and not by its clock or its host, which may differ
from the clock here or be named like this host.  Only a process that this system itself knows to be
dead, in the same namespace, need not be waited for.
"""

from __future__ import annotations

import errno
import json
import os
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

# Seconds between renewals, and after how many without a renewal a lock is taken over.
_HEARTBEAT, _PATIENCE = 5.0, 90.0
# Seconds between two looks at the lock of another process.
_LOOK = 1.0
_CONFLICTS = ("PreconditionFailed", "412")


class ObjectLock:
    """The lock at a path, for this process.

    Parameters
    ----------
    fs : fsspec.AbstractFileSystem
        Where it is.
    path : str
        Its path there.
    """

    def __init__(self, fs: Any, path: str) -> None:
        self._fs, self._path = fs, path
        self._name, self._beat, self._etag = uuid.uuid4().hex, 0, ""
        self._is_lost, self._renewed = False, _now()
        self._one_at_a_time = threading.Lock()

    def is_free(self) -> bool:
        """Whether there is no lock, or one of a process that this system knows to be dead."""
        found = self._read()
        return found is None or _is_alive(found) is False

    def take(self) -> bool:
        """Take the lock; False if another process holds it.

        If only its renewals can say whether the other process lives, they are waited for.
        """
        start, first = _now(), self._read()
        while (found := self._read()) is not None:
            is_alive = _is_alive(found)
            if found != first or is_alive:
                return False
            if is_alive is False or _now() - start > _PATIENCE:
                break
            time.sleep(_LOOK)
        return self._write(found)

    def _write(self, before: bytes | None) -> bool:
        """Write the lock if it is as it was before; False if it is not."""
        conditions = self._conditions(before)
        if conditions is None:
            return False
        content, answer = self._content(), None
        try:
            answer = self._fs.pipe_file(self._path, content, **conditions)
        except (TypeError, NotImplementedError):  # a store without conditions
            self._fs.pipe_file(self._path, content)
        except OSError as error:
            if error.errno == errno.ENOSYS:  # a store like S3 without conditions
                self._fs.pipe_file(self._path, content)
            elif not _is_conflict(error) and (
                before is None or not isinstance(error, FileNotFoundError)
            ):
                raise
        # A conflict is none if the first attempt succeeded, and its answer got lost.  And where
        # there are no conditions, the last one to write holds the lock.
        if self._read() != content:
            return False
        self._etag = answer["ETag"] if isinstance(answer, dict) and "ETag" in answer else ""
        self._renewed = _now()
        return True

    def _conditions(self, before: bytes | None) -> dict[str, Any] | None:
        """What makes a store refuse to write over another lock; None if there is another one."""
        if before is None:
            return {"mode": "create"}
        etag = self._etag
        if not etag and "s3" in self._fs.protocol:
            with suppress(FileNotFoundError):
                etag = self._fs.info(self._path)["ETag"]
        if self._read() != before:
            return None
        return {"IfMatch": etag} if etag else {}

    def _content(self) -> bytes:
        own = {"name": self._name, "beat": self._beat, **_own_process()}
        return json.dumps(own).encode()

    def _read(self) -> bytes | None:
        try:
            found: bytes = self._fs.cat_file(self._path)
        except FileNotFoundError:
            return None
        return found

    def renew(self) -> None:
        """Show that this process lives, unless another has taken the lock.

        Raises
        ------
        RuntimeError
            If it has.
        """
        with self._one_at_a_time:
            if not self._is_lost:
                before = self._content()
                self._beat += 1
                if not self._write(before):
                    self._is_lost = True
        if self._is_lost:
            raise RuntimeError(
                "another run has taken over the target, as this one did not renew its lock for "
                f"{_PATIENCE:.0f} s; repeat the command to see what is left"
            )

    def require(self) -> None:
        """Refuse to go on with the lock of another process.

        Raises
        ------
        RuntimeError
            If another process has taken the lock.
        """
        if self._is_lost or _now() - self._renewed > 2 * _HEARTBEAT:
            self.renew()

    def release(self) -> None:
        """Remove the lock, if it is still that of this process."""
        if not self._is_lost and self._read() == self._content():
            self._fs.rm(self._path)

    @contextmanager
    def renewed(self) -> Iterator[None]:
        """Renew the lock for as long as the block takes, and then release it."""
        over = threading.Event()

        def beat() -> None:
            while not self._is_lost and not over.wait(_HEARTBEAT):
                # A store may be unreachable for a while.  `require` raises what concerns the job.
                with suppress(Exception):
                    self.renew()

        heart = threading.Thread(target=beat, daemon=True)
        heart.start()
        try:
            yield
        finally:
            over.set()
            heart.join()
            self.release()


def _is_conflict(error: OSError) -> bool:
    """Whether a condition did not hold: FileExistsError, or what s3fs makes of an answer of S3."""
    answer = getattr(error.__cause__, "response", None) or {}
    return isinstance(error, FileExistsError) or answer.get("Error", {}).get("Code") in _CONFLICTS


def _now() -> float:
    """Seconds that pass here, also while the machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def _own_process() -> dict[str, Any]:
    return {"system": _system(), "pid": os.getpid(), "start": _start(os.getpid())}


def _system() -> str | None:
    """What processes have in common that see each other: a boot and namespaces; None if unknown."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        namespaces = [str(Path(f"/proc/self/ns/{kind}").readlink()) for kind in ("pid", "time")]
    except OSError:
        return None
    return " ".join((boot, *namespaces))


def _start(pid: int) -> str | None:
    """When a process started, in ticks of its system: a later one with its number differs."""
    try:
        return (
            Path(f"/proc/{pid}/stat").read_text(encoding="latin-1").rpartition(")")[2].split()[19]
        )
    except OSError:
        return None


def _is_alive(lock: bytes) -> bool | None:
    """Whether the process of a lock is alive; None if this system cannot know.

    Examples
    --------
    >>> _is_alive(json.dumps(_own_process()).encode()) in (True, None)
    True
    """
    try:
        found = json.loads(lock)
        system, pid, start = found["system"], int(found["pid"]), found["start"]
    except (ValueError, TypeError, KeyError):
        return None
    if system is None or system != _system() or start is None or pid <= 0:
        return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # of another user, and /proc may hide it
        return None
    seen = _start(pid)
    return None if seen is None else seen == start
