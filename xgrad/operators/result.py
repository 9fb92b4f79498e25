"""What is made of derivatives of labelled data: which terms, what it is called, its values."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from xgrad._typing import AnyArray
from xgrad.arrays import combine as overlap
from xgrad.arrays.combine import How, Term
from xgrad.errors import CoordinateError
from xgrad.labels import spacing as coordinates
from xgrad.labels.spacing import Spacing
from xgrad.stencils.scheme import Scheme


@dataclass(frozen=True)
class Part:
    """One term: a derivative of a variable, or its values, with a factor.

    Attributes
    ----------
    origin : hashable
        Name of the variable.
    variable : Variable
        What is differentiated.
    along : Spacing or None
        Along what; None for the values.
    scheme : Scheme
        How.
    factor : Variable, float or None
        What the term is multiplied by.  A variable has some of the dimensions.
    inside : array of shape (n,) or None
        What the cells along the dimension are multiplied by before they are subtracted.
    """

    origin: Hashable
    variable: xr.Variable
    along: Spacing | None = None
    scheme: Scheme = Scheme()  # noqa: RUF009  it is frozen
    factor: xr.Variable | float | None = None
    inside: AnyArray | None = None

    @property
    def axis(self) -> int | None:
        """Axis of the variable that is differentiated along."""
        return None if self.along is None else self.variable.get_axis_num(self.along.dim)

    def spread_factor(self) -> Any:
        """The factor with as many dimensions as the variable, and sides of 1 along the others."""
        if not isinstance(self.factor, xr.Variable):
            return self.factor
        return spread(self.factor, self.variable.dims, self.origin)

    def term(self, *, validate: bool) -> Term:
        """The same without labels."""
        factor, variable, along = self.spread_factor(), self.variable, self.along
        if along is None:
            return Term(variable.data, factor=factor)
        steps: Any = along.steps
        if along.positions is not None:
            complain = partial(coordinates.refuse_columns, along) if validate else None
            positions = spread(along.positions, variable.dims, self.origin)
            steps = overlap.Columns(positions, along.period, complain)
        return Term(variable.data, self.axis, steps, self.scheme, along.seam, factor, self.inside)


def spread(given: xr.Variable, dims: tuple[Hashable, ...], origin: Hashable) -> Any:
    """Data of a variable, with sides of 1 along the dimensions that it does not have.

    Raises
    ------
    CoordinateError
        If it has others.

    Examples
    --------
    >>> spread(xr.Variable("y", [1.0, 2.0]), ("time", "y"), "t")
    array([[1., 2.]])
    """
    extra = [dim for dim in given.dims if dim not in dims]
    if extra:
        raise CoordinateError(
            f"{origin!r} has dimensions {dims}, without {extra}, on which its positions depend; "
            "select one place along them first"
        )
    missing = [dim for dim in dims if dim not in given.dims]
    return given.set_dims([*missing, *given.dims]).transpose(*dims).data


@dataclass(frozen=True)
class Combination:
    """One result: the sum, the norm or the angle of its parts.

    Attributes
    ----------
    name : str
        Of the result.
    parts : tuple of Part
        Of variables with the same dimensions in the same order.
    attrs : mapping
        Of the result.
    how : {"sum", "norm", "angle"}
        What is made of the parts.
    seconds : float
        Length of the unit of time that times as data are differentiated in; 1 for other data.
    """

    name: str
    parts: tuple[Part, ...]
    attrs: Mapping[Hashable, Any] = field(default_factory=dict)
    how: How = "sum"
    seconds: float = 1.0

    @property
    def variable(self) -> xr.Variable:
        """The first variable, which gives shape and storage to the result."""
        return self.parts[0].variable

    @property
    def origins(self) -> dict[Hashable, xr.Variable]:
        """Variables that it is made of, by name."""
        return {part.origin: part.variable for part in self.parts}

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the result."""
        return overlap.dtype_of([part.variable.dtype for part in self.parts], self.how)

    def values(self, *, validate: bool) -> Any:
        """The array, lazy if an input is."""
        data = overlap.combine([part.term(validate=validate) for part in self.parts], self.how)
        return data if self.seconds == 1 else data / self.seconds


def labelled(
    obj: xr.DataArray | xr.Dataset,
    combinations: Iterable[Combination],
    values: Callable[[Combination], Any],
) -> xr.Dataset:
    """The Dataset of results, with their attributes and the coordinates of what they are made of.

    Parameters
    ----------
    obj : DataArray or Dataset
        What they are made of.
    combinations : iterable of Combination
        The results.
    values : callable
        Gives the array of a result.

    Examples
    --------
    >>> da = xr.DataArray([0.0, 1.0, 4.0], dims="x", name="t")
    >>> twice = Combination("twice", (Part("t", da.variable, factor=2.0),))
    >>> labelled(da, [twice], lambda one: one.values(validate=True)).twice.values
    array([0., 2., 8.])
    """
    results = {
        one.name: xr.Variable(one.variable.dims, values(one), dict(one.attrs))
        for one in combinations
    }
    attrs = obj.attrs if isinstance(obj, xr.Dataset) else {}
    return xr.Dataset(results, obj.coords, attrs)
