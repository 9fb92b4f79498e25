"""What chunks that read their own halos compute from which sources."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from dask.base import tokenize

from xgrad.arrays import column_ends
from xgrad.arrays.block_cache import Index
from xgrad.arrays.engines import is_lazy, module_of
from xgrad.arrays.in_chunks import Chunks, in_chunks
from xgrad.arrays.term import Combination, How, Positions, Term, as_float
from xgrad.kernels.stencil_kinds import OfAnAxis

# A result that is read again along more axes than this counts as two levels: a Laplacian of one in
# three dimensions reads each chunk twenty to thirty times.
_MOST_AXES = 2


def is_wide(x: Any, shape: tuple[int, ...]) -> bool:
    """Whether positions are lazy and as many as the data, so that they are read as the data are."""
    return is_lazy(x) and x.shape == shape


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
    factor : array, number or None
        As in the term, in the chunks of the data if lazy.
    known : tuple of (array or int)
        Those of the term, in the chunks of the data if lazy, or as the number of a source.
    columns : tuple
        Empty, or the positions, lazy or as the number of a source, and the extreme steps.
    """

    source: int
    term: Term
    stencil: OfAnAxis | None
    factor: Any
    known: tuple[Any, ...]
    columns: tuple[Any, ...] = ()

    @property
    def period(self) -> float | None:
        """That of the positions."""
        return self.term.along.period if isinstance(self.term.along, Positions) else None

    @property
    def read(self) -> list[int]:
        """The sources that are read: that of the data, and those of wide positions and heights."""
        every = (self.source, *self.columns[:1], *self.known)
        return [one for one in every if isinstance(one, int)]


def _planned(
    term: Term, array: Any, chunks: Chunks, engine: Any, number: Callable[[Any], int]
) -> TermPlan:
    """A term in the chunks of the data; `number` makes an array a source."""
    stencil, columns = None, ()
    if isinstance(term.along, Positions):
        columns = _columns(term, array.shape, chunks, engine, number)
    elif term.axis is not None:
        stencil = term.stencil(array.shape[term.axis], array.dtype)
    source, factor = number(array), term.factor
    if np.ndim(factor):
        factor = in_chunks(factor, chunks, engine)
    known = [in_chunks(one, chunks, engine) if is_lazy(one) else np.asarray(one)
             for one in term.known]  # fmt: skip
    if term.held is not None and is_wide(term.held.array, array.shape):
        known[-1] = number(known[-1])
    return TermPlan(source, term, stencil, factor, tuple(known), columns)


def _columns(
    term: Term, shape: tuple[int, ...], chunks: Chunks, engine: Any,
    number: Callable[[Any], int],
) -> tuple[Any, ...]:  # fmt: skip
    """The positions of columns, and their extreme steps."""
    assert isinstance(term.along, Positions)
    assert term.axis is not None
    given, period = term.along.array, term.along.period
    x = as_float(in_chunks(given, chunks, engine))
    if is_lazy(given):
        ends = column_ends.of_columns(x, term.axis, period)
    else:
        ends = column_ends.checked(term)
    least, greatest = (in_chunks(end, chunks, engine) for end in ends)
    return number(x) if is_wide(given, shape) else x, least, greatest


class OutputPlan(NamedTuple):
    """The terms of a result, and how they are combined."""

    terms: tuple[TermPlan, ...]
    how: How
    dtype: np.dtype[Any]


class Plan(NamedTuple):
    """What is computed from which sources."""

    sources: tuple[Any, ...]
    outputs: tuple[OutputPlan, ...]

    @classmethod
    def of(cls, wanted: Sequence[Combination], chunks: Chunks) -> Plan:
        """The plan of terms in these chunks, in arrays of the engine of the lazy ones."""
        sources: dict[Any, Any] = {}
        engine = module_of(wanted[0].lazy[0])

        def number(array: Any) -> int:
            key = array.name if is_lazy(array) else id(array)
            sources.setdefault(key, in_chunks(array, chunks, engine))
            return list(sources).index(key)

        outputs = [
            OutputPlan(
                tuple(_planned(term, one.arrays[term.operand], chunks, engine, number)
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
                known=tuple(getattr(one, "name", one) for one in own.known),
                columns=tuple(getattr(one, "name", one) for one in own.columns),
                term=own.term._replace(
                    factor=None, inside=own.term.inside if own.term.product is None else None,
                    along=own.period if own.columns else own.term.along,
                    held=own.term.held and own.term.held.bare, sigma=None,
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
    def factors(self) -> list[Any]:
        """The lazy arrays that chunks wait for: factors, thin positions and extreme steps."""
        terms = [own for one in self.outputs for own in one.terms]
        every = [one for own in terms for one in (own.factor, *own.known, *own.columns)]
        return [one for one in every if is_lazy(one)]

    def levels(self, of_source: Callable[[Any], int | None]) -> int | None:
        """How many gradients, one of another, the results are read through.

        Parameters
        ----------
        of_source : callable
            Returns the same of a source, or None if it may take long to read.
        """
        found = [of_source(source) for source in self.sources]
        axes = [{own.term.axis for own in one.terms} - {None} for one in self.outputs]
        own = 1 if max(map(len, axes)) <= _MOST_AXES else 2
        return None if None in found else own + max(filter(None, found), default=0)

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
