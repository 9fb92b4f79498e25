"""A job is opened in the memory that it may take: so large grids are refused before they are made.

What is known of a grid, such as the directions of a curvilinear one, is in memory as a whole from
the beginning, and while it is made it takes several times that.
"""

from __future__ import annotations

from functools import partial

from xgrad._heap import asking, trim
from xgrad.arrays import buffers
from xgrad.jobs.needs import START
from xgrad.jobs.request import Job, Request
from xgrad.workers.memory import Memory, allowed, peak_memory, resident, size


def opened(request: Request, memory: int | None) -> tuple[Job, int]:
    """Open a job, but not if that takes more memory than it may have.

    Parameters
    ----------
    request : Request
        What is to be computed.
    memory : int or None
        What the process may take, in bytes; None for half of what it can have.

    Returns
    -------
    Job
        The job.
    int
        The peak of the resident memory of this process while it was opened, in bytes; 0 if it was
        higher before.

    Raises
    ------
    MemoryError
        If it takes more.
    """
    limit, before = allowed(memory), peak_memory()
    with asking(partial(_require_room, limit)):
        job = Job(request)
    peak = peak_memory()
    return job, 0 if peak == before else peak


def require_enough(limit: Memory, peak: int) -> None:
    """Refuse a job that took more when it was opened; what is not asked for is measured only.

    Parameters
    ----------
    limit : Memory
        What it may take.
    peak : int
        From :func:`opened`.
    """
    if peak > limit.n_bytes:
        raise _too_little(limit, peak)


def _require_room(limit: Memory, n_bytes: int) -> None:
    more = n_bytes + START  # compiled kernels may be loaded for what fills it
    if resident() + more > limit.n_bytes:
        buffers.give_back()
        trim()
        if (least := resident() + more) > limit.n_bytes:
            raise _too_little(limit, least)


def _too_little(limit: Memory, least: int) -> MemoryError:
    return MemoryError(
        f"`memory` is {size(limit.n_bytes)} ({limit.origin}), but what is computed from whole "
        "coordinates before the work begins, such as the directions of a curvilinear grid or the "
        f"steps of a periodic axis, takes at least {size(least)}; give more `memory`, or "
        "differentiate parts of the source one by one"
    )
