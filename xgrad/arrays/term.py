"""The term: a derivative of an array along an axis, or its values, times a factor.

Arrays in memory, dask arrays and jobs all compute lists of terms.  A term names its operand but
does not hold its data, so it is the same for all three.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from xgrad._typing import AnyArray, Steps
from xgrad.arrays.engines import is_lazy
from xgrad.kernels import stencil_kinds
from xgrad.kernels.cells import Cells
from xgrad.kernels.constant_height import AtHeight
from xgrad.kernels.layout import result_dtype
from xgrad.kernels.piece import Piece
from xgrad.kernels.stencil_kinds import OfAnAxis, Stencil
from xgrad.stencils.scheme import Scheme

#: How terms are combined: their sum, the root of the sum of their squares, or the angle
#: ``arctan2(first, second)``.  The error of a sum is the norm of shares; that of a norm or an angle
#: is computed from three terms for each component: its value, and its error on the own cell and on
#: others.
How = Literal["sum", "norm", "angle", "error of sum", "error of norm", "error of angle"]


class Positions(NamedTuple):
    """Multi-dimensional positions: each column of the data has its own.

    Attributes
    ----------
    array : numpy.ndarray, dask.array.Array, or an array that is read box by box
        With as many dimensions as the data, and length 1 along those it does not depend on.
    period : float or None
        Period of a periodic axis.
    name : hashable
        Name of the coordinate.
    complain : callable or None
        Called if some columns are not strictly monotonic, with a boolean array that is True for
        the others and has length 1 along the axis.  If None, these columns become NaN.
    """

    array: Any
    period: float | None = None
    name: Hashable = None
    complain: Callable[[AnyArray], None] | None = None


class Held(NamedTuple):
    """What is held constant instead of the index along an axis: heights, pressures or the like.

    Attributes
    ----------
    array : numpy.ndarray, dask.array.Array, or an array that is read box by box
        With as many dimensions as the data, and length 1 along those it does not depend on.
    axis : int
        The axis that columns are along.
    by : {"interpolation", "linear", "chain"}
        How the value of a neighbouring column at the height of a cell is found.
    name : hashable
        Name of the coordinate.
    complain : callable or None
        Called if some columns are not strictly monotonic; these become NaN.
    made_of : tuple of hashable
        Names of the variables that the array is computed from.
    """

    array: Any
    axis: int
    by: str = "interpolation"
    name: Hashable = None
    complain: Callable[[], None] | None = None
    made_of: tuple[Hashable, ...] = ()

    @property
    def bare(self) -> Held:
        """The same without the array, which tasks get by itself."""
        return self._replace(array=None, complain=None)


class Noise(NamedTuple):
    """The noise of each cell of the data, which determines its weight in a fit.

    Attributes
    ----------
    array : numpy.ndarray, dask.array.Array, or an array that is read box by box
        Standard deviations, with as many dimensions as the data.  Those that it does not depend
        on have length 1, except that of the fit.
    name : hashable
        Name of the variable.
    """

    array: Any
    name: Hashable = None


class Term(NamedTuple):
    """``factor * d operand / d axis``, or ``factor * operand``.

    Attributes
    ----------
    operand : hashable
        Name of an array of any numeric or time dtype.
    axis : int or None
        Not negative; None for the values as they are.
    along : float, array of shape (n - 1,), Positions, OfAnAxis or None
        Distances between neighbouring positions along `axis`, multi-dimensional positions, or the
        stencil itself.
    scheme : Scheme
        Order, accuracy, boundaries, and whether missing neighbours are edges.
    seam : float or None
        For a periodic axis, the step from its last cell to the first one of the next period.
    factor : float, numpy.ndarray, dask.array.Array or None
        An array has as many dimensions as the data, and sides of 1 along those it does not depend
        on.
    inside : array of shape (n,), array with as many dimensions as the data, or None
        What the cells are multiplied by before they are differentiated.  That of one dimension is
        along `axis`; that of several has sides of 1 along others that it does not depend on.
    component : int or None
        Of a norm or an angle: terms of one component are added first.  Default: each term is one.
    of : Term or None
        A term of the same operand, whose values are taken instead of the operand's: the first
        derivative of a mixed one.
    held : Held or None
        What is held constant instead of the index along another axis.
    sigma : Noise or None
        The noise of each cell, for a fit weighted by it.
    """

    operand: Hashable
    axis: int | None = None
    along: Steps | Positions | OfAnAxis | None = None
    scheme: Scheme = Scheme()
    seam: Any = None
    factor: Any = None
    inside: Any = None
    component: int | None = None
    of: Term | None = None
    held: Held | None = None
    sigma: Noise | None = None

    @property
    def chain(self) -> list[Term]:
        """The term, and those that it is taken of."""
        return [self] if self.of is None else [self, *self.of.chain]

    @property
    def face(self) -> int:
        """Number of cells that a block passes on to each neighbour."""
        own = isinstance(self.along, Positions)
        return self.scheme.face_of_columns if own else self.scheme.face

    def stencil(self, size: int, dtype: np.dtype[Any]) -> OfAnAxis:
        """Stencil of the whole axis, of `size` cells, for data of `dtype`."""
        assert self.along is not None
        assert not isinstance(self.along, Positions)
        if isinstance(self.along, OfAnAxis):
            return self.along
        if self.held is not None:
            dtype = np.dtype(np.float64)  # in which columns are interpolated
        found = stencil_kinds.of_axis(self.along, size, self.scheme, dtype, self.seam)
        return found.of_products(self.inside) if np.ndim(self.inside) == 1 else found

    @property
    def product(self) -> Any:
        """`inside`, if it is as wide as the data; None if the stencil takes it up."""
        return self.inside if np.ndim(self.inside) > 1 else None

    @property
    def known(self) -> list[Any]:
        """The arrays whose cells beside a block are needed as those of the data are."""
        heights = None if self.held is None else self.held.array
        noise = None if self.sigma is None else self.sigma.array
        return [one for one in (self.product, heights, noise) if one is not None]

    @property
    def made_of(self) -> tuple[Hashable, ...]:
        """Names of the variables that the heights and the noise are computed from."""
        heights = () if self.held is None else self.held.made_of
        return heights if self.sigma is None else (*heights, self.sigma.name)


class Combination(NamedTuple):
    """Terms that are combined into one array.

    Attributes
    ----------
    arrays : mapping of hashable to numpy.ndarray or dask.array.Array
        The operands of the terms by name, all of one shape.
    terms : tuple of Term
        At least one.
    how : How
        How they are combined.
    """

    arrays: Mapping[Hashable, Any]
    terms: tuple[Term, ...]
    how: How = "sum"

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of the result."""
        return dtype_of([self.arrays[term.operand].dtype for term in self.terms], self.how)

    @property
    def lazy(self) -> list[Any]:
        """The lazy arrays among its operands, and then among positions and factors."""
        others = [
            one.array if isinstance(one, Positions) else one
            for term in self.terms
            for step in term.chain
            for one in (
                step.along,
                step.factor,
                step.inside,
                step.held and step.held.array,
                step.sigma and step.sigma.array,
            )
        ]
        return [one for one in (*self.arrays.values(), *others) if is_lazy(one)]


def of_block(
    cells: Cells, stencil: Stencil | None, known: Sequence[Cells], held: Held | None
) -> Piece:
    """A derivative over a block, without its factor.

    Parameters
    ----------
    cells : Cells
        The data.
    stencil : Stencil
        That of the block.
    known : sequence of Cells
        The known factor within the derivative if there is one, then the heights if some are held,
        or the noise of each cell of a fit that it weighs.
    held : Held or None
        What is held constant.  Its array is not used.
    """
    if isinstance(stencil, OfAnAxis) and stencil.scheme.fit and stencil.scheme.fit.weighted:
        from xgrad.kernels.weighted_fits import BesideSigma  # noqa: PLC0415  it loads numba

        (sigma,) = known
        return Piece(cells, BesideSigma(stencil, sigma))
    if held is None:
        return Piece(cells, stencil, inside=next(iter(known), None))
    assert isinstance(stencil, OfAnAxis)
    *inside, heights = known
    within = next(iter(inside), None)
    own = AtHeight(stencil, cells, heights, held.axis, held.by, within, name=held.name)
    return Piece(cells, own)


def dtype_of(dtypes: Iterable[np.dtype[Any]], how: How) -> np.dtype[Any]:
    """Dtype of a combination of terms whose data have these dtypes.

    Examples
    --------
    >>> dtype_of([np.dtype("f4"), np.dtype("i2")], "sum"), dtype_of([np.dtype("c8")], "norm")
    (dtype('float64'), dtype('float32'))
    """
    found = [result_dtype(dtype) for dtype in dtypes]
    common = found[0] if len(set(found)) == 1 else np.result_type(*found)
    return common if how == "sum" else np.empty(0, common).real.dtype


def unchained(one: Combination, combine: Callable[..., Any]) -> Combination:
    """Compute what terms are taken of, so that each term has an array as its operand.

    Parameters
    ----------
    one : Combination
        Any.
    combine : callable
        Takes arrays and terms, and returns their sum.

    Examples
    --------
    >>> mixed = Term("f", 1, 1.0, of=Term("f", 0, 1.0))
    >>> own = unchained(Combination({"f": np.eye(2)}, (mixed,)), lambda arrays, _: -arrays["f"])
    >>> own.arrays[own.terms[0].operand], own.terms[0].of
    (array([[-1., -0.],
           [-0., -1.]]), None)
    """
    found, own = dict(one.arrays), []
    for k, term in enumerate(one.terms):
        if term.of is None:
            own.append(term)
            continue
        name = (term.operand, "within", k)
        found[name] = combine({term.operand: one.arrays[term.operand]}, [term.of])
        own.append(term._replace(operand=name, of=None))
    return Combination(found, tuple(own), one.how)


def as_float(positions: Any) -> Any:
    """Convert positions to a dtype that the loops accept; integer differences could wrap.

    Examples
    --------
    >>> as_float(np.array([2, 1], "u1")).dtype
    dtype('float64')
    """
    native = positions.dtype.newbyteorder("=")
    return positions.astype(
        native if native in (np.float32, np.float64) else np.float64, copy=False
    )
