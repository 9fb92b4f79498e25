"""Arithmetic on chunk sizes, with plain integers."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence


def merged(sizes: Sequence[int], least: int, least_at_ends: int) -> tuple[int, ...]:
    """Merge neighbouring chunks until each has enough cells for its stencils.

    A chunk at an end needs more: a one-sided stencil of three points takes two cells of its own
    chunk besides the one of the halo.  An empty chunk has no cell to pass on::

        |0|  1  |2  3  4|| 5 |        chunks 1, 1, 3, 0, 1
        |0   1  |2  3  4   5 |        merged(..., least=1, least_at_ends=2): 2, 4

    Parameters
    ----------
    sizes : sequence of int
        Chunk sizes along one axis, zeros allowed.
    least, least_at_ends : int
        Fewest cells of an inner chunk, and of the first and the last one.

    Returns
    -------
    tuple of int
        The sizes, with the same sum.  Chunks that are large enough keep their boundaries.

    Examples
    --------
    >>> merged((1, 1, 3, 0, 1), least=1, least_at_ends=2)
    (2, 4)
    >>> merged((4, 4, 2), least=1, least_at_ends=2)
    (4, 4, 2)
    >>> merged((1, 1, 1), least=1, least_at_ends=2)
    (3,)
    """
    result: list[int] = []
    pending = 0
    for size in sizes:
        pending += size
        if pending >= (least if result else least_at_ends):
            result.append(pending)
            pending = 0
    # The rest at the right end is too small for a chunk, so it joins its left neighbours.
    result.append(pending)
    while len(result) > 1 and result[-1] < least_at_ends:
        last = result.pop()
        result[-1] += last
    return tuple(result)


def parts(size: int, count: int) -> Iterator[slice]:
    """Cut `size` cells into at most `count` contiguous, nearly equal, non-empty parts.

    Examples
    --------
    >>> [(part.start, part.stop) for part in parts(7, 3)]
    [(0, 2), (2, 4), (4, 7)]
    >>> len(list(parts(2, 8)))
    2
    """
    count = max(1, min(size, count))
    bounds = [size * k // count for k in range(count + 1)]
    for start, stop in itertools.pairwise(bounds):
        yield slice(start, stop)
