"""Combine terms of numpy or dask arrays: single derivatives, and sums or norms of several.

Both kinds of array are cut into blocks, each block gets the cells on either side that its stencils
need, and one function does the arithmetic.  So eager and lazy results have the same bits.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import dask.array as da
import numpy as np

from xgrad._typing import Steps
from xgrad.arrays import eager
from xgrad.arrays.term import How, Positions, Term, dtype_of
from xgrad.errors import ChunkError
from xgrad.stencils.scheme import Scheme


def combine(arrays: Mapping[Hashable, Any], terms: Sequence[Term], how: How = "sum") -> Any:
    """Combine terms block by block, so that no term is ever in memory as a whole.

    The exception is what a term of arrays in memory is taken of, as in a mixed derivative.

    Parameters
    ----------
    arrays : mapping of hashable to numpy.ndarray or dask.array.Array
        The operands of the terms by name, all of one shape.
    terms : sequence of Term
        At least one.
    how : {"sum", "norm", "angle"}
        How they are combined.

    Returns
    -------
    numpy.ndarray or dask.array.Array
        Of the shape of the arrays, with the chunks of the first lazy one.  Each term has the dtype
        and the bits of a single derivative; factors, squares and sums are computed in float64 and
        rounded once.  Norms and angles are real.

    Raises
    ------
    TypeError
        If an array is of another kind, or values of its dtype cannot be subtracted.
    ChunkError
        If the chunk sizes of a dask array are unknown.

    Examples
    --------
    >>> f = np.array([[0.0, 4.0], [3.0, 7.0]])
    >>> combine({"f": f}, [Term("f", 0, 1.0), Term("f", 1, 1.0)], "norm")
    array([[5., 5.],
           [5., 5.]])
    """
    for array in arrays.values():
        if not isinstance(array, np.ndarray | da.Array):
            kind = type(array)
            raise TypeError(
                f"data is a {kind.__module__}.{kind.__qualname__}, but xgrad differentiates numpy "
                "and dask arrays; convert it with `.as_numpy()`"
            )
    dtype = dtype_of([arrays[term.operand].dtype for term in terms], how)
    others = [
        one
        for term in terms
        for step in term.chain
        for one in (_positions(step), step.factor, step.inside)
    ]
    lazy_ones = [one for one in (*arrays.values(), *others) if isinstance(one, da.Array)]
    for one in lazy_ones:
        require_known_chunks("the data", one)
    if not lazy_ones:
        return eager.combine(arrays, terms, how, dtype)
    from xgrad.arrays import lazy  # noqa: PLC0415  a tenth of the time to import xgrad

    return lazy.combine(arrays, terms, how, dtype)


def combine_pair(array: Any, pair: tuple[Sequence[Term], Sequence[Term]]) -> list[Any] | None:
    """Two sums of the same two derivatives of an array in memory, which is read once.

    Parameters
    ----------
    array : array
        The operand of all terms.
    pair : two sequences of Term
        The terms of the two sums.

    Returns
    -------
    list of two numpy.ndarrays or None
        As of two calls of :func:`combine`; None if the terms differ in more than their factors, or
        something is lazy.

    Examples
    --------
    >>> f, one = np.array([[0.0, 1.0], [3.0, 4.0]]), np.ones((2, 2))
    >>> rise, across = (Term("f", axis, 1.0, factor=one) for axis in (0, 1))
    >>> both = (rise, across), (rise, across._replace(factor=-one))
    >>> [found[0, 0] for found in combine_pair(f, both)]
    [np.float64(4.0), np.float64(2.0)]
    """
    one, other = pair
    terms = [*one, *other]
    if len(one) != 2 or len(other) != 2 or type(array) is not np.ndarray:
        return None
    if not all(type(term.factor) is np.ndarray and _is_along_index(term) for term in terms):
        return None
    if [term._replace(factor=None) for term in one] != [
        term._replace(factor=None) for term in other
    ]:
        return None
    return eager.combine_pair(array, pair, dtype_of([array.dtype], "sum"))


def _is_along_index(term: Term) -> bool:
    return isinstance(term.along, float) and term.inside is None and term.of is None


def _positions(term: Term) -> Any:
    return term.along.array if isinstance(term.along, Positions) else None


def require_known_chunks(what: str, array: Any) -> None:
    """Raise an error if the sizes of an array, and so its edges, are unknown.

    Parameters
    ----------
    what : str
        What to call the array in the message.
    array : numpy.ndarray, dask.array.Array or anything with a shape
        Only dask arrays have unknown sizes.

    Raises
    ------
    ChunkError
        If a size is unknown.

    Examples
    --------
    >>> require_known_chunks("the data", np.zeros(3))
    """
    if any(np.isnan(size) for size in array.shape):
        raise ChunkError(
            f"the chunk sizes of {what} are unknown, so its edges cannot be found; call "
            "`.compute_chunk_sizes()` on the dask array first"
        )


def differentiate(
    array: Any, along: Steps | Positions, axis: int, scheme: Scheme, seam: Any = None
) -> Any:
    """Derivative of an array along an axis.

    Parameters
    ----------
    array : numpy.ndarray or dask.array.Array
        Of any numeric or time dtype.
    along, axis, scheme, seam
        As for a :class:`Term`.

    Returns
    -------
    numpy.ndarray or dask.array.Array
        Of the shape and chunks of `array`, and of dtype :func:`xgrad.kernels.layout.result_dtype`.

    Raises
    ------
    TypeError, ChunkError
        As :func:`combine`.

    Examples
    --------
    >>> differentiate(np.array([0.0, 1.0, 4.0, 9.0]), 1.0, 0, Scheme(edge_order=2))
    array([0., 2., 4., 6.])
    """
    return combine({"array": array}, [Term("array", axis, along, scheme, seam)])
