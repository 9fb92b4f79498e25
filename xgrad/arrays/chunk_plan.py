"""What chunks that read their own halos compute from which sources."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import dask.array as da
import numpy as np
from dask.base import tokenize

from xgrad.arrays import column_ends
from xgrad.arrays.block_cache import Index
from xgrad.arrays.in_chunks import Chunks, in_chunks
from xgrad.arrays.term import Combination, How, Positions, Term, as_float
from xgrad.kernels.stencil_kinds import OfAnAxis


def is_wide(x: Any, shape: tuple[int, ...]) -> bool:
    """Whether positions are lazy and as many as the data, so that they are read as the data are."""
    return isinstance(x, da.Array) and x.shape == shape


class TermPlan(NamedTuple):
    """A term, with the stencil of the whole axis.

    Attributes
    ----------
    source : int
        Number of the operand.
    term : Term
        The term.
    stencil : OfAnAxis or None
        The stencil, unless the columns have their own positions.
    factor, product : array, number or None
        As in the term, in the chunks of the data if lazy.
    columns : tuple
        Empty, or the positions, lazy or as the number of a source, and the extreme steps.
    """

    source: int
    term: Term
    stencil: OfAnAxis | None
    factor: Any
    product: Any
    columns: tuple[Any, ...] = ()

    @property
    def period(self) -> float | None:
        """That of the positions."""
        return self.term.along.period if isinstance(self.term.along, Positions) else None

    @property
    def read(self) -> list[int]:
        """The sources that are read: that of the data, and that of wide positions."""
        return [one for one in (self.source, *self.columns[:1]) if isinstance(one, int)]


def _planned(term: Term, array: Any, chunks: Chunks, number: Callable[[Any], int]) -> TermPlan:
    """A term in the chunks of the data; `number` makes an array a source."""
    stencil, columns = None, ()
    if isinstance(term.along, Positions):
        columns = _columns(term, array.shape, chunks, number)
    elif term.axis is not None:
        stencil = term.stencil(array.shape[term.axis], array.dtype)
    factor, product = term.factor, term.product
    if np.ndim(factor):
        factor = in_chunks(factor, chunks, da)
    if isinstance(product, da.Array):
        product = in_chunks(product, chunks, da)
    return TermPlan(number(array), term, stencil, factor, product, columns)


def _columns(
    term: Term, shape: tuple[int, ...], chunks: Chunks, number: Callable[[Any], int]
) -> tuple[Any, ...]:
    """The positions of columns, and their extreme steps."""
    assert isinstance(term.along, Positions)
    assert term.axis is not None
    given, period = term.along.array, term.along.period
    x = as_float(in_chunks(given, chunks, da))
    if isinstance(given, da.Array):
        ends = column_ends.of_columns(x, term.axis, period)
    else:
        ends = column_ends.checked(term)
    least, greatest = (in_chunks(end, chunks, da) for end in ends)
    return number(x) if is_wide(given, shape) else x, least, greatest


class OutputPlan(NamedTuple):
    """The terms of a result, and how they are combined."""

    terms: tuple[TermPlan, ...]
    how: How
    dtype: np.dtype[Any]


class Plan(NamedTuple):
    """What is computed from which sources."""

    sources: tuple[da.Array, ...]
    outputs: tuple[OutputPlan, ...]

    @classmethod
    def of(cls, wanted: Sequence[Combination], chunks: Chunks) -> Plan:
        """The plan of terms in these chunks."""
        sources: dict[Any, da.Array] = {}

        def number(array: Any) -> int:
            key = array.name if isinstance(array, da.Array) else id(array)
            sources.setdefault(key, in_chunks(array, chunks, da))
            return list(sources).index(key)

        outputs = [
            OutputPlan(
                tuple(_planned(term, one.arrays[term.operand], chunks, number)
                      for term in one.terms),
                one.how, one.dtype,
            )
            for one in wanted
        ]  # fmt: skip
        return cls(tuple(sources.values()), tuple(outputs))

    @property
    def token(self) -> str:
        """Equal for equal results.  Lazy arrays have names, so that nothing is hashed twice."""
        terms = [
            own._replace(
                factor=getattr(own.factor, "name", own.factor),
                product=getattr(own.product, "name", own.product),
                columns=tuple(getattr(one, "name", one) for one in own.columns),
                term=own.term._replace(
                    factor=None, inside=None if own.product is not None else own.term.inside,
                    along=own.period if own.columns else own.term.along,
                ),
            )
            for one in self.outputs
            for own in one.terms
        ]  # fmt: skip
        names = [source.name for source in self.sources]
        hows = [(one.how, one.dtype, len(one.terms)) for one in self.outputs]
        token: str = tokenize(names, hows, terms)
        return token

    @property
    def chunks(self) -> Chunks:
        """Chunks of each result."""
        found: Chunks = self.sources[0].chunks
        return found

    @property
    def numblocks(self) -> Index:
        """How many chunks there are along each axis."""
        found: Index = self.sources[0].numblocks
        return found

    @property
    def depths(self) -> dict[tuple[int, int], int]:
        """How many cells of each source along each axis chunks need from their neighbours."""
        found: dict[tuple[int, int], int] = {}
        for one in self.outputs:
            for own in one.terms:
                if own.term.axis is not None and own.term.scheme.depth:
                    for source in own.read:
                        key = source, own.term.axis
                        found[key] = max(found.get(key, 0), own.term.scheme.depth)
        return found

    @property
    def most_axes(self) -> int:
        """Along how many axes a result is differentiated."""
        axes = [{own.term.axis for own in one.terms} - {None} for one in self.outputs]
        return max(map(len, axes))

    @property
    def around(self) -> frozenset[tuple[int, int]]:
        """The sources and axes that are periodic."""
        every = [own for one in self.outputs for own in one.terms]
        return frozenset(
            (source, own.term.axis)
            for own in every
            for source in own.read
            if own.term.axis is not None and "periodic" in own.term.scheme.boundary
        )
