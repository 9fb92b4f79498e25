"""Terms of a result → terms of its standard error.

Derivatives along different dimensions share the noise of their own cell, those along one dimension
the noise of all their cells.  With a sum's terms cut into shares that are orthogonal to each other
(see :class:`xgrad.stencils.scheme.Error`), its error is the norm of sums of shares, which is how
the magnitude of a vector is computed too.  The errors of a magnitude and of a direction follow from
those of the vector's components ``g`` by their slopes, to first order: ``g_i / |g|``, and
``(g_x, -g_y) / |g|²`` for ``arctan2(g_y, g_x)``.

References
----------
JCGM 100:2008, *Evaluation of measurement data: Guide to the expression of uncertainty in
measurement*, section 5.1.2: the law of propagation.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

from xgrad.arrays.term import How, Term
from xgrad.errors import CoordinateError
from xgrad.stencils.scheme import OWN_CELL, VALUE, WHOLE, Error

#: What the noise of a term's operand is known from.
NoiseOf = Callable[[Term], str | float]

_ERROR_OF: dict[How, How] = {
    "sum": "error of sum", "norm": "error of norm", "angle": "error of angle",
}  # fmt: skip


class ErrorTerms(NamedTuple):
    """What the standard error of a result is computed from."""

    terms: tuple[Term, ...]
    how: How


def error_terms(terms: Sequence[Term], how: How, noise_of: NoiseOf) -> ErrorTerms:
    """The terms of the standard error of a result.

    Parameters
    ----------
    terms : sequence of Term
        Those of the result; along each dimension its fits are the same.
    how : {"sum", "norm", "angle"}
        How they are combined.
    noise_of : callable
        Takes a term and returns what its noise is known from.

    Raises
    ------
    CoordinateError
        If the error of such a sum is not known.

    Examples
    --------
    >>> from xgrad.stencils.scheme import Fit, Scheme
    >>> scheme = Scheme(order=2, fit=Fit(half=3, polyorder=2))
    >>> terms = [Term("t", axis, 1.0, scheme) for axis in (0, 1)]
    >>> found, how = error_terms(terms, "sum", lambda term: 0.5)
    >>> [(one.axis, one.scheme.fit.error.share, one.component) for one in found], how
    ([(0, 0, 0), (1, 0, 0), (0, 1, 1), (1, 1, 2)], 'error of sum')
    """
    if how != "sum":
        every = [one for term in terms for one in _of_component(term, noise_of)]
        return ErrorTerms(tuple(every), _ERROR_OF[how])
    if len(terms) == 1:
        (term,) = terms
        factor = None if term.factor is None else abs(term.factor)
        return ErrorTerms((_error(term, noise_of)._replace(factor=factor),), "sum")
    components: dict[Hashable, list[Term]] = {}
    for operand in dict.fromkeys(term.operand for term in terms):
        own = [term for term in terms if term.operand == operand]
        chained = any(term.of is not None for term in own)
        for axis, share in (_beside_a_chain if chained else _of_sum)(own, noise_of):
            components.setdefault((operand, axis), []).append(share)
    numbered = enumerate(components.values())
    shares = (one._replace(component=k) for k, sums in numbered for one in sums)
    return ErrorTerms(tuple(shares), _ERROR_OF[how])


def _of_component(term: Term, noise_of: NoiseOf) -> list[Term]:
    """One component of a vector, and its error's shares on the own cell and on the others."""
    both = (_error(term, noise_of, share) for share in (OWN_CELL, 1))
    return [one._replace(component=None) for one in (term, *both)]


def _of_sum(terms: list[Term], noise_of: NoiseOf) -> list[tuple[Hashable, Term]]:
    """Shares of the terms of one operand, each with the axis that it is on."""
    found: list[tuple[Hashable, Term]] = []
    along = [term for term in terms if term.axis is not None]
    for term in terms:
        share, whose = (OWN_CELL, term) if term.axis is not None else (VALUE, along[0])
        found.append((OWN_CELL, _error(whose, noise_of, share)._replace(factor=term.factor)))
    for _, group in itertools.groupby(sorted(along, key=_axis), key=_axis):
        others: tuple[int, ...] = ()
        same = list(group)
        assert len({term.scheme.fit for term in same}) == 1  # shares are those of one fit
        for term in same:
            shares = range(1, len(others) + 2)
            found += [((term.axis, k), _error(term, noise_of, k, others)) for k in shares]
            others += (term.scheme.order,)
    return found


def _axis(term: Term) -> int:
    assert term.axis is not None
    return term.axis


def _beside_a_chain(terms: list[Term], noise_of: NoiseOf) -> list[tuple[Hashable, Term]]:
    """Shares of a mixed derivative and of a first one along one of its dimensions.

    Fitted along that dimension first, the mixed one is a sum of such first derivatives, of which
    the one of the own cell is shared.
    """
    (chain, single) = sorted(terms, key=lambda term: term.of is None)
    assert chain.of is not None
    if single.axis != chain.of.axis:
        if chain.scheme.skipna:
            raise CoordinateError(
                "`uncertainty` or `sigma` is given with `skipna`, but where values are missing the "
                "error of a mixed derivative is known only if the eastward dimension comes first; "
                "name longitude before latitude in `dim`"
            )
        chain = chain._replace(
            axis=chain.of.axis, along=chain.of.along, scheme=chain.of.scheme, seam=chain.of.seam,
            of=chain._replace(of=None, factor=None),
        )  # fmt: skip
    return [
        ("shared", _error(chain, noise_of, OWN_CELL)),
        ("shared", _error(single, noise_of)),
        ("others", _error(chain, noise_of, 1)),
    ]


def _error(
    term: Term, noise_of: NoiseOf, share: int = WHOLE, others: tuple[int, ...] = (), *,
    is_within: bool = False,
) -> Term:  # fmt: skip
    """The term of the standard error of a term, or of one of its shares."""
    fit = term.scheme.fit
    assert fit is not None
    noise, of = noise_of(term), term.of
    if of is not None:
        noise, of = "cells", _error(of, noise_of, is_within=True)
    scheme = term.scheme._replace(fit=fit._replace(error=Error(noise, share, others, is_within)))
    if share == VALUE:
        scheme = scheme._replace(order=0)
    return term._replace(scheme=scheme, of=of)
