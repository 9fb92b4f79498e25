"""Combine terms over lazy arrays, whose chunks read their own halos or share their faces."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from dask import config

from xgrad.arrays import on_cubed, readable, reread, shared_faces
from xgrad.arrays.chunk_plan import is_wide
from xgrad.arrays.engines import is_expression, is_lazy, is_planned
from xgrad.arrays.term import Combination, Positions

#: Key of dask's configuration, and its values.
SETTING, CHOICES = "xgrad.halo", ("auto", "shared", "reread")
# How many gradients, one of another, are read through: each may double the readings.
_LEVELS = 1


def combine_all(wanted: Sequence[Combination]) -> list[Any]:
    """Combine terms of lazy arrays; see :func:`xgrad.arrays.combine.combine_all`.

    Results of the same operands are computed together where chunks read their own halos.

    Parameters
    ----------
    wanted : sequence of Combination
        Each with at least one lazy array.

    Raises
    ------
    ValueError
        If dask's configuration has another value for ``xgrad.halo``.
    """
    halo = config.get(SETTING, "auto")
    if halo not in CHOICES:
        raise ValueError(f"dask's configuration has {SETTING}={halo!r}; set one of {CHOICES}")
    together: dict[tuple[Hashable, ...], list[int]] = {}
    found: dict[int, Any] = {}
    for k, one in enumerate(wanted):
        if is_planned(one.lazy[0]):
            found[k] = on_cubed.combine(one)
        elif halo != "shared" and _can_read_halos(one, any_source=halo == "reread"):
            together.setdefault(tuple(map(_name, one.arrays.values())), []).append(k)
        else:
            found[k] = _sharing_faces(one)
    for numbers in together.values():
        own = _reading_halos([wanted[k] for k in numbers])
        found |= zip(numbers, own, strict=True)
    return [found[k] for k in range(len(wanted))]


def _can_read_halos(one: Combination, *, any_source: bool) -> bool:
    """Whether chunks can read their own halos; `any_source` if it need not be known to be cheap."""
    # Also those without a term: the result has the chunks of the first.
    lazy = [array for array in one.arrays.values() if is_lazy(array)]
    if not lazy or any(array.chunks != lazy[0].chunks for array in lazy):
        return False
    if any(term.of for term in one.terms):
        return False
    positions = [x.array for x in (term.along for term in one.terms) if isinstance(x, Positions)]
    positions += [term.held.array for term in one.terms if term.held is not None]
    wide = [x for x in positions if is_wide(x, lazy[0].shape)]
    if any(x.chunks != lazy[0].chunks for x in wide):
        return False
    sources = [*lazy, *wide]
    if not all(is_expression(array) or readable.has_layers(array) for array in sources):
        return False
    return any_source or all(map(is_cheap, sources))


def is_cheap(array: Any) -> bool:
    """Whether each block of an array of dask or dask-array can be read again with little work.

    A gradient of a cheap source is cheap, but one of that one is not: each level reads some blocks
    twice.

    Examples
    --------
    >>> import dask.array as da
    >>> zeros = da.zeros((4, 4), chunks=2)
    >>> is_cheap(zeros * 2), is_cheap(zeros.rechunk(4)), is_cheap(zeros.rechunk(3))
    (True, True, False)
    """
    if is_expression(array):
        from xgrad.arrays import readable_expressions  # noqa: PLC0415  an optional dependency

        found = readable_expressions.levels(array)
    else:
        found = readable.levels(array)
    return found is not None and found <= _LEVELS


def _reading_halos(wanted: Sequence[Combination]) -> list[Any]:
    if not is_expression(wanted[0].lazy[0]):
        return list(reread.combine_all(wanted))
    from xgrad.arrays import reread_expressions  # noqa: PLC0415  an optional dependency

    return list(reread_expressions.combine_all(wanted))


def _sharing_faces(one: Combination) -> Any:
    result = shared_faces.combine(one)
    if not is_expression(result):
        return result
    from xgrad.arrays import expressions  # noqa: PLC0415  an optional dependency

    return expressions.selectable(result, one, shared_faces.combine)


def _name(array: Any) -> Hashable:
    return array.name if is_lazy(array) else id(array)
