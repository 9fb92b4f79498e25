"""Combine terms over lazy arrays, whose chunks read their own halos or share their faces."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import dask.array as da
from dask import config

from xgrad.arrays import on_cubed, reread, shared_faces
from xgrad.arrays.engines import is_expression, is_planned
from xgrad.arrays.term import Combination

#: Key of dask's configuration, and its values.
SETTING, CHOICES = "xgrad.halo", ("auto", "shared", "reread")


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
        elif halo != "shared" and reread.fits(one, any_source=halo == "reread"):
            together.setdefault(tuple(map(_name, one.arrays.values())), []).append(k)
        else:
            found[k] = _sharing_faces(one)
    for numbers in together.values():
        own = reread.combine_all([wanted[k] for k in numbers])
        found |= zip(numbers, own, strict=True)
    return [found[k] for k in range(len(wanted))]


def _sharing_faces(one: Combination) -> Any:
    result = shared_faces.combine(one)
    if not is_expression(result):
        return result
    from xgrad.arrays import expressions  # noqa: PLC0415  an optional dependency

    return expressions.selectable(result, one, shared_faces.combine)


def _name(array: object) -> Hashable:
    return array.name if isinstance(array, da.Array) else id(array)
