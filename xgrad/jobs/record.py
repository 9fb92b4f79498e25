"""The record in a complete store: what job made it, and of what.  With it the store can grow.

It is an attribute of the root, a text of about a kilobyte whatever the number of chunks.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Hashable, Mapping
from contextlib import suppress
from typing import Any

from xgrad.jobs.from_object import Given
from xgrad.jobs.lineage import states_of_object
from xgrad.jobs.request import Job
from xgrad.jobs.resume import COORDINATES, OPENING, RESULTS, asked, different, steps
from xgrad.stores import lasting
from xgrad.stores.pieces import State, states_of
from xgrad.stores.source import in_full

#: To be raised when the same job gives other bits, attributes or names than before: stores that an
#: earlier version made then need a full run before they grow.  A test compares results with those
#: of this number.
ARITHMETIC = 3
_REMEDY = "compute everything with `overwrite`"


def meaning(job: Job, *, checksum: bool) -> dict[str, str]:
    """What decides the numbers of a job and their storage, apart from the values of the source."""
    opening = job.request.opening
    dtypes = {str(name): str(job.data.variables[name].dtype) for name in job.read}
    return asked(job, checksum=checksum) | {
        RESULTS: str(ARITHMETIC),
        "dtype": repr(sorted(dtypes.items())),
        "zarr_format": repr(job.source.zarr_format),
        "engine": repr(opening.engine),
        OPENING: lasting.digest(opening.keywords),
        COORDINATES: lasting.digest(steps(job), in_full(job.template().coords)),
    }


def states(job: Job) -> dict[Hashable, State]:
    """The state of what a job reads."""
    if isinstance(job.source, Given):
        return states_of_object(job.source, job.read)
    return states_of(job.source, job.read)


def of_source(job: Job, *, checksum: bool) -> dict[str, Any]:
    """The record of a job, without that of its results."""
    attrs = {key: value for key, value in job.data.attrs.items() if key != "history"}
    return {
        "job": meaning(job, checksum=checksum),
        "attributes": lasting.digest(attrs),
        "sizes": {str(dim): size for dim, size in job.data.sizes.items()},
        "source": {
            str(name): {"metadata": _short(own.metadata), **own.recorded()}
            for name, own in states(job).items()
        },
    }


def written(record: Mapping[str, Any], results: Mapping[str, str]) -> str:
    """The record of a complete store, as a text.

    Parameters
    ----------
    record : mapping
        From :func:`of_source`.
    results : mapping of str to str
        A fingerprint of each array of results.
    """
    return json.dumps({**record, "results": results}, sort_keys=True, separators=(",", ":"))


def read(text: object) -> dict[str, Any] | None:
    """A record from :func:`written`; None for anything else.

    Examples
    --------
    >>> read(written({"job": {}, "sizes": {"x": 4}, "source": {}}, {}))["sizes"], read("by hand")
    ({'x': 4}, None)
    """
    with suppress(ValueError, RecursionError, TypeError):
        found = json.loads(text)  # type: ignore[arg-type]
        if isinstance(found, dict) and set(found) >= {"job", "sizes", "source", "results"}:
            return found
    return None


def require_same(record: Mapping[str, Any], then: Job, *, checksum: bool) -> None:
    """Refuse to let a store grow that another job made.

    Parameters
    ----------
    record : mapping
        That of the store.
    then : Job
        The job, of as many cells as the store has.
    checksum : bool
        Whether each chunk gets one.

    Raises
    ------
    ValueError
        With what differs.
    """
    own = meaning(then, checksum=checksum)
    if record["job"] != own:
        raise ValueError(
            "`target` holds the result of a job that differs in "
            f"{different(record['job'], own)}; repeat its options, or {_REMEDY}"
        )


def known(
    record: Mapping[str, Any], stored: Mapping[Hashable, State], name: Hashable, dim: str
) -> int | None:
    """How many of the first cells of a variable are certainly what they were.

    None if others than the last ones have changed.

    Raises
    ------
    ValueError
        If its attributes have changed.
    """
    cells: int = record["sizes"][dim]
    before, now = record["source"].get(str(name)), stored.get(name)
    if before is None or now is None:
        return 0
    if before["metadata"] != _short(now.metadata):
        raise ValueError(
            f"the attributes or the storage of {name!r} in `source` have changed since `target` "
            f"was made; {_REMEDY}"
        )
    return now.unchanged(before, dim, cells)


def of_other_values(name: Hashable) -> ValueError:
    """The error for a source whose old values have changed."""
    return ValueError(
        f"values of {name!r} in `source` have changed, or were written again, since `target` was "
        f"made; {_REMEDY}"
    )


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
