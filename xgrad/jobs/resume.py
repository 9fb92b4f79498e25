"""The crash rule: whether a run resumes an unfinished job, and what of that job is finished.

The place where a store is written keeps three texts, which are made and understood here only:

- the identity of the job, which must be that of the next run for it to resume;
- a line for each finished region, which the next run skips;
- the token of the run, in the root of the unfinished store.  A worker compares it before it writes,
  because a worker of a cluster may outlive the run that gave it its task.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.metadata import version
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xgrad.arrays.term import Positions, Term
from xgrad.jobs.cutting import Box
from xgrad.jobs.request import Group, Job, Request
from xgrad.stores import lasting
from xgrad.stores.urls import absolute, shown
from xgrad.stores.workplace import Workplace, mark, marked

#: What is shown by its name only.
_CONTENT, COORDINATES = "content of the source", "coordinates"
#: What a version of xgrad makes of the same job.
RESULTS = "version of the results"
#: What is never shown, as it may hold a secret.
OPENING = "options with which the source is opened"
# It may change although an object is made in the same way: random numbers have no other name.
_OBJECT = "object that is the source, or a store or file that it is read from"
# Another form of the lines about finished regions has another number.
_JOURNAL = "2"


def identity(job: Job, *, allow_missing: bool, checksum: bool) -> dict[str, str]:
    """What two runs must have in common for the second to resume the first."""
    request = job.request
    return asked(job, checksum=checksum) | {
        "journal": _JOURNAL,
        "version": version("xgrad"),
        "source": _places(request),
        "opening": repr(sorted(request.opening.keywords.items(), key=str)),
        "engine": repr(request.opening.engine),
        COORDINATES: lasting.digest(steps(job), job.source.digest_of_coords(job.template().coords)),
        _content(job): job.source.digest(job.read, allow_missing=allow_missing),
    }


def asked(job: Job, *, checksum: bool) -> dict[str, str]:
    """What is asked for, and what else decides the numbers and their storage, by its name."""
    request = job.request
    given = sorted({**request.options, **request.own}.items())
    found = {
        name: repr(_plain(value))
        for name, value in given
        if name not in ("spacing", "constant") and not isinstance(value, xr.DataArray)
    }
    return found | {
        "operation": request.operation,
        "group": repr(request.opening.group),
        "fill_value": repr({group.name: group.fill_value for group in job.groups}),
        "variables": repr([group.name for group in job.groups]),
        # Sorted, because a folder is listed in any order.
        "dim": repr(sorted(one.name for one in job.results)),
        "chunks": repr({group.name: group.written for group in job.groups}),
        "checksum": repr(checksum),
    }


def _plain(value: Any) -> Any:
    """A value in which equal numbers look the same, however they were given.

    Examples
    --------
    >>> _plain({"time": 11.0}), _plain(np.float64(0.5)), _plain(("nan", 0.0))
    ({'time': 11}, 0.5, ('nan', 0))
    """
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    if isinstance(value, np.generic) and value.dtype.kind in "iuf":
        value = value.item()
    return int(value) if isinstance(value, float) and value.is_integer() else value


def steps(job: Job) -> list[Any]:
    """The steps, factors and units of the results."""
    each = [
        (one.name, one.how, one.attrs.get("units"), [_of_term(term) for term in one.terms])
        for one in sorted(job.results, key=lambda one: one.name)
    ]
    options = job.request.options
    noise = [options.get("sigma")] if isinstance(options.get("sigma"), xr.DataArray) else []
    return [each, options.get("spacing"), options.get("constant"), *noise]


def _places(request: Request) -> str:
    """Where the source is, the same whatever the working folder and the order."""
    if request.given is not None:
        return request.described
    return ", ".join(sorted(shown(absolute(url)) for url in request.sources))


def _content(job: Job) -> str:
    return _CONTENT if job.request.given is None else _OBJECT


def _of_term(term: Term) -> dict[str, Any]:
    """What a term depends on besides the values of its operand and of its positions.

    Without what it has not, so that a version in which terms have more says the same of it.
    """
    along: Any = term.along
    if isinstance(along, Positions):
        along = (along.name, along.period)
    found = {
        "along": along,
        "seam": term.seam,
        "factor": None if term.factor is None else np.asarray(term.factor),
        "inside": term.inside,
        "component": term.component,
        "of": None if term.of is None else _of_term(term.of),
        "held": term.held and (term.held.name, term.held.axis, term.held.by),
        "sigma": term.sigma and term.sigma.name,
    }
    return {name: value for name, value in found.items() if value is not None}


def resumes(place: Workplace, own: dict[str, str], run: str, *, restart: bool) -> bool:
    """Make this run the one that continues the unfinished job of a place, if there is one.

    Parameters
    ----------
    place : Workplace
        Where the job is written.
    own : dict
        From :func:`identity`.
    run : str
        Token of this run.
    restart : bool
        Whether to drop an unfinished job.

    Returns
    -------
    bool
        False if there is nothing to resume.

    Raises
    ------
    ValueError
        If the unfinished job has another identity, or what was kept of it is damaged.
    """
    before = place.remembered()
    if before is None or restart:
        return False
    _require_same(_identity_in(before), own)
    return mark(place.store, run)


def _identity_in(text: str) -> dict[str, str]:
    with suppress(ValueError, RecursionError):
        found = json.loads(text)
        if isinstance(found, dict) and all(isinstance(one, str) for one in found.values()):
            return found
    raise ValueError(
        "`target` holds an unfinished job whose description is damaged, or not written by xgrad; "
        "start over with `restart`"
    )


def remember(place: Workplace, own: dict[str, str]) -> None:
    """Keep the identity of a job whose arrays have been made: from now on it can be resumed."""
    place.remember(json.dumps(own))


def _require_same(before: dict[str, str], own: dict[str, str]) -> None:
    if before == own:
        return
    differing = {key for key in {*before, *own} if before.get(key) != own.get(key)}
    # No options bring back a source that has changed.
    is_changed = differing <= {COORDINATES, _CONTENT, _OBJECT} and differing != {COORDINATES}
    remedy = "" if is_changed else "repeat its options to resume it, or "
    raise ValueError(
        f"`target` holds an unfinished job that differs in {different(before, own)}; {remedy}start "
        "over with `restart`"
    )


def different(before: Mapping[str, str], own: Mapping[str, str]) -> str:
    """What differs between two jobs, in words.

    Examples
    --------
    >>> different({"accuracy": "4", "coordinates": "a1"}, {"coordinates": "b2"})
    '`accuracy` (4 then, not given now), the coordinates'
    """

    def words(key: str) -> str:
        if key in (COORDINATES, _CONTENT, _OBJECT, OPENING, RESULTS):
            return f"the {key}"
        return f"`{key}` ({before.get(key, 'not given')} then, {own.get(key, 'not given')} now)"

    keys = sorted(key for key in {*before, *own} if before.get(key) != own.get(key))
    return ", ".join(map(words, keys))


def require_unchanged(job: Job, own: dict[str, str], *, allow_missing: bool) -> None:
    """Refuse results of a source that changed while it was read: they mix old and new data.

    Raises
    ------
    RuntimeError
        If the source has changed since `own` was made.
    """
    if own[_content(job)] != job.source.digest(job.read, allow_missing=allow_missing):
        raise RuntimeError(
            "`source` changed while it was read; the target is not published; start over with "
            "`restart`"
        )


def require_current(store: Any, run: str) -> None:
    """Refuse to write to a store that another run has taken over, or that is finished.

    Raises
    ------
    RuntimeError
        If the store is not marked with the token of this run.
    """
    if marked(store) != run:
        raise RuntimeError("another run has taken over the target, or finished it")


class Finished:
    """Which chunks of the target are finished, by this run and by earlier ones.

    Parameters
    ----------
    groups : sequence of Group
        Those of the job.
    place : Workplace
        Where it is written.
    """

    def __init__(self, groups: Sequence[Group], place: Workplace) -> None:
        self._groups, self._place = groups, place
        self._grids = [
            np.zeros([-(-n // c) for n, c in zip(one.shape, one.written, strict=True)], bool)
            for one in groups
        ]
        for line in place.finished():
            self._read(line)
        #: Cells of each group that earlier runs finished.
        self.before = tuple(map(self._cells, range(len(groups))))

    def _read(self, line: str) -> None:
        """Note a line of the journal."""
        with suppress(ValueError, IndexError):
            index, box = _parsed(line)
            shape = self._groups[index].shape
            if index >= 0 and all(
                0 <= part.start <= part.stop <= side for part, side in zip(box, shape, strict=True)
            ):
                self._note(index, box)
                return
        raise ValueError(
            f"`target` holds an unfinished job whose journal has the line {line!r}, which is not "
            "of this job; start over with `restart`"
        )

    def along(self, group: Group, axis: int) -> NDArray[np.bool_]:
        """Which rows of chunks across an axis are finished."""
        others = tuple(k for k in range(len(group.shape)) if k != axis)
        return np.asarray(self._grids[group.index].all(axis=others))

    def has(self, group: Group, box: Box) -> bool:
        """Whether a region is finished."""
        return bool(self._grids[group.index][_chunks(group, box)].all())

    def add(self, index: int, box: Box) -> int:
        """Mark a region of a group as finished, and return the number of bytes written for it."""
        self._place.finish(line(index, box))
        return self._note(index, box)

    def _note(self, index: int, box: Box) -> int:
        group = self._groups[index]
        self._grids[index][_chunks(group, box)] = True
        n_bytes: int = math.prod(part.stop - part.start for part in box) * group.itemsize
        return n_bytes

    def _cells(self, index: int) -> int:
        """Number of cells of the chunks of a group that are finished."""
        group = self._groups[index]
        finished: Any = self._grids[index].astype(np.int64)
        for size, chunk in zip(reversed(group.shape), reversed(group.written), strict=True):
            starts = np.arange(0, size, chunk)
            finished = finished @ (np.minimum(starts + chunk, size) - starts)
        return int(finished)


def line(index: int, box: Box) -> str:
    """A line of the journal: a region of a group is finished.

    Examples
    --------
    >>> line(1, (slice(0, 4), slice(8, 12)))
    '0:4,8:12 1'
    """
    return f"{','.join(f'{part.start}:{part.stop}' for part in box)} {index}"


def _parsed(line: str) -> tuple[int, Box]:
    """A group and a region, as :func:`line` writes them.

    Examples
    --------
    >>> _parsed("0:4,8:12 1")
    (1, (slice(0, 4, None), slice(8, 12, None)))
    """
    cells, _, index = line.partition(" ")
    bounds = (part.split(":") for part in cells.split(",") if part)
    return int(index), tuple(slice(int(start), int(stop)) for start, stop in bounds)


def _chunks(group: Group, box: Box) -> Box:
    pairs = zip(box, group.written, strict=True)
    return tuple(slice(part.start // chunk, -(-part.stop // chunk)) for part, chunk in pairs)
