"""Combine terms of numpy or lazy arrays: single derivatives, and sums or norms of several.

Both kinds of array are cut into blocks, each block gets the cells on either side that its stencils
need, and one function does the arithmetic.  So eager and lazy results have the same bits.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from xgrad._typing import Steps
from xgrad.arrays import eager, engines
from xgrad.arrays.term import Combination, How, Positions, Term, unchained
from xgrad.errors import ChunkError
from xgrad.stencils.scheme import Scheme


def combine(arrays: Mapping[Hashable, Any], terms: Sequence[Term], how: How = "sum") -> Any:
    """Combine terms; see :func:`combine_all`.

    Examples
    --------
    >>> import numpy as np
    >>> f = np.array([[0.0, 4.0], [3.0, 7.0]])
    >>> combine({"f": f}, [Term("f", 0, 1.0), Term("f", 1, 1.0)], "norm")
    array([[5., 5.],
           [5., 5.]])
    """
    return combine_all([Combination(arrays, tuple(terms), how)])[0]


def combine_all(wanted: Sequence[Combination]) -> list[Any]:
    """Combine terms block by block, so that no term is ever in memory as a whole.

    The exception is what a term of arrays in memory is taken of, as in a mixed derivative.

    Parameters
    ----------
    wanted : sequence of Combination
        Of numpy and lazy arrays.

    Returns
    -------
    list of numpy.ndarray or lazy array
        Each of the shape of the arrays, with the chunks of the first lazy one.  Each term has the
        dtype and the bits of a single derivative; factors, squares and sums are computed in float64
        and rounded once.  Norms and angles are real.

    Raises
    ------
    TypeError
        If an array is of another kind, or values of its dtype cannot be subtracted.
    ChunkError
        If the chunk sizes of a dask array are unknown.
    """
    ready = [_unchained(one) for one in wanted]
    are_lazy = [bool(one.lazy) for one in ready]
    if not any(are_lazy):
        return list(eager.combine_all(ready))
    from xgrad.arrays import lazy  # noqa: PLC0415  a tenth of the time to import xgrad

    lazy_ones = [k for k, is_lazy in enumerate(are_lazy) if is_lazy]
    others = [k for k, is_lazy in enumerate(are_lazy) if not is_lazy]
    found: dict[int, Any] = {}
    for numbers, engine in ((lazy_ones, lazy), (others, eager)):
        found |= zip(numbers, engine.combine_all([ready[k] for k in numbers]), strict=True)
    return [found[k] for k in range(len(ready))]


def _unchained(one: Combination) -> Combination:
    """The combination, checked, with what its terms are taken of computed."""
    for array in one.arrays.values():
        engines.refuse_other_kinds("the data", array)
    lazy = one.lazy
    for array in (*one.arrays.values(), *lazy):
        require_known_chunks("the data", array)
    engines.refuse_a_mixture(lazy)
    assert one.dtype is not None  # values of its dtype can be subtracted
    return one if all(term.of is None for term in one.terms) else unchained(one, combine)


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
    >>> import numpy as np
    >>> require_known_chunks("the data", np.zeros(3))
    """
    if any(map(math.isnan, array.shape)):
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
    >>> import numpy as np
    >>> differentiate(np.array([0.0, 1.0, 4.0, 9.0]), 1.0, 0, Scheme(edge_order=2))
    array([0., 2., 4., 6.])
    """
    return combine({"array": array}, [Term("array", axis, along, scheme, seam)])
