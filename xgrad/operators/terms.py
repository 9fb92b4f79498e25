"""A variable and a spacing → a term, checked; and the name and units of the derivative."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from xgrad._typing import AnyArray
from xgrad.arrays.combine import require_known_chunks
from xgrad.arrays.term import Positions, Term
from xgrad.errors import CoordinateError
from xgrad.labels import spacing as coordinates
from xgrad.labels.options import Options
from xgrad.labels.spacing import Spacing
from xgrad.labels.units import OF_TIME, quotient
from xgrad.operators.partials import Direction
from xgrad.operators.selection import dtypes_of
from xgrad.stencils.scheme import Scheme

Factor = xr.Variable | float | None


def term_of(
    name: Hashable, variable: xr.Variable, along: Spacing, options: Options, *,
    factor: Factor = None, inside: AnyArray | None = None, is_inner: bool = False,
) -> Term:  # fmt: skip
    """The derivative of a variable, with a factor.

    Parameters
    ----------
    name : hashable
        Of the variable.
    variable : Variable
        What is differentiated.
    along : Spacing
        Along what.
    options : Options
        How.
    factor : Variable, float, optional
        A variable has some of the dimensions.
    inside : array of shape (n,), optional
        What the cells along the dimension are multiplied by before they are subtracted.
    is_inner : bool, default: False
        Whether the variable is a derivative itself: beyond an edge where a constant was given,
        the derivative is 0.
    """
    steps: Any = along.steps
    if along.positions is not None:
        refuse = partial(coordinates.refuse_columns, along, variable.dims)
        complain = refuse if options.validate else None
        positions = spread(along.positions, variable.dims, name)
        steps = Positions(positions, along.period, along.name, complain)
    scheme = options.scheme(along.name, along.dim)
    if variable.dtype.kind in "iu":
        scheme = replace(scheme, skipna=False)  # integers have no missing value
    if is_inner:
        left, right = (side if isinstance(side, str) else 0 for side in scheme.boundary)
        scheme = replace(scheme, boundary=(left, right))
    axis = variable.get_axis_num(along.dim)
    weight = factor_of(factor, variable, name)
    return Term(name, axis, steps, scheme, along.seam, weight, inside)


def terms_along(
    name: Hashable, variable: xr.Variable, direction: Direction, options: Options,
    component: int = 0,
) -> list[Term]:  # fmt: skip
    """The terms of a first derivative; see :func:`term_of`."""
    return [
        replace(term_of(name, variable, along, options, factor=factor), component=component)
        for along, factor in direction.parts
    ]


def values_of(name: Hashable, variable: xr.Variable, factor: Factor) -> Term:
    """The values of a variable, with a factor; see :func:`term_of`."""
    return Term(name, factor=factor_of(factor, variable, name))


def factor_of(factor: Factor, variable: xr.Variable, name: Hashable) -> Any:
    """A factor with as many dimensions as the variable, and sides of 1 along the others."""
    if not isinstance(factor, xr.Variable):
        return factor
    found = spread(factor, variable.dims, name)
    return found.read() if isinstance(found, Spread) else found


class Spread:
    """Positions that are read box by box, with sides of 1 along the dimensions they do not have.

    A job must not read all positions of a store; numpy reads all of them, by ``__array__``.
    """

    def __init__(self, variable: xr.Variable, dims: tuple[Hashable, ...]) -> None:
        self._variable, self._dims = variable, dims
        self.shape = tuple(variable.sizes.get(dim, 1) for dim in dims)
        self.dtype: np.dtype[Any] = variable.dtype

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    def read(self, box: tuple[slice, ...] | None = None) -> AnyArray:
        """The positions of a box of the data; all of them by default."""
        own = self._variable
        if box is not None:
            pairs = zip(self._dims, box, strict=True)
            own = own.isel({dim: part for dim, part in pairs if dim in own.dims})
        read = xr.Variable(own.dims, np.asarray(own.values))
        missing = [dim for dim in self._dims if dim not in own.dims]
        found: AnyArray = read.set_dims([*missing, *own.dims]).transpose(*self._dims).data
        return found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> AnyArray:
        return np.asarray(self.read(), dtype, copy=copy)

    def __getitem__(self, box: tuple[slice, ...]) -> AnyArray:
        return self.read(box)

    def __dask_tokenize__(self) -> Any:
        return type(self).__name__, self._variable.__dask_tokenize__(), self._dims


def spread(given: xr.Variable, dims: tuple[Hashable, ...], name: Hashable) -> Any:
    """Data of a variable, with sides of 1 along the dimensions that it does not have.

    Raises
    ------
    CoordinateError
        If it has others.

    Examples
    --------
    >>> spread(xr.Variable("y", [1.0, 2.0]), ("time", "y"), "t").shape
    (1, 2)
    """
    extra = [dim for dim in given.dims if dim not in dims]
    if extra:
        raise CoordinateError(
            f"{name!r} has dimensions {dims}, without {extra}, on which its positions depend; "
            "select one place along them first"
        )
    if given.chunks is None:
        return Spread(given, dims)
    missing = [dim for dim in dims if dim not in given.dims]
    return given.set_dims([*missing, *given.dims]).transpose(*dims).data


def differentiable(
    obj: xr.DataArray | xr.Dataset,
    variables: dict[Hashable, xr.Variable],
    chains: Sequence[tuple[Spacing, ...]],
    options: Options,
    names: Sequence[tuple[Hashable, ...]] | None = None,
) -> Iterator[tuple[str, Hashable, int]]:
    """All derivatives that are possible: of each variable along each chain of its dimensions.

    Parameters
    ----------
    obj : DataArray or Dataset
        What has the variables.
    variables, options
        From :func:`xgrad.operators.selection.select`.
    chains : sequence of tuple of Spacing
        Along what.
    names : sequence of tuple of hashable, optional
        With respect to which coordinates.  Default: those of the spacings.

    Yields
    ------
    tuple
        Name of the derivative, name of its variable, and the index of the chain.

    Raises
    ------
    ChunkError, CoordinateError, TypeError, ValueError
        If a variable is too short, or its dtype or its shape does not fit.
    """
    found: dict[str, tuple[str, Hashable, int]] = {}
    pairs = [
        (name, k)
        for name, variable in variables.items()
        for k, chain in enumerate(chains)
        if all(_takes_part(variable, along, obj) for along in chain)
    ]
    if not pairs:
        dims = [along.dim for along in chains[0]]
        raise ValueError(f"no variable has all of the dimensions {dims}: {dtypes_of(obj)}")
    for name, k in pairs:
        for along in chains[k]:
            _check(name, variables[name], along, options.scheme(along.name, along.dim))
    for name, k in pairs:
        own = tuple(along.name for along in chains[k]) if names is None else names[k]
        called = derivative_name(name, *own, order=options.order)
        if called in found or called in obj.coords or called in obj.dims:
            raise ValueError(
                f"two results would be called {called!r}, one of them the derivative of {name!r} "
                f"with respect to {own[0]!r}; rename one"
            )
        found[called] = called, name, k
    return iter(found.values())


def derivative_name(name: Hashable, *coords: Hashable, order: int = 1) -> str:
    """Name of a derivative.

    Examples
    --------
    >>> derivative_name("temperature", "time"), derivative_name(None, "time")
    ('dtemperature_dtime', 'd_dtime')
    >>> derivative_name("t", "x", order=2), derivative_name("t", "x", "y")
    ('d2t_dx2', 'd2t_dxdy')
    """
    total = order * len(coords)
    below = "".join(f"d{coord}{order if order > 1 else ''}" for coord in coords)
    return f"d{total if total > 1 else ''}{'' if name is None else name}_{below}"


def _takes_part(variable: xr.Variable, along: Spacing, obj: xr.DataArray | xr.Dataset) -> bool:
    """Whether a variable has what is needed; of a DataArray it is an error later on if not."""
    needed = [along.dim]
    if along.positions is not None and isinstance(obj, xr.Dataset):
        needed += along.positions.dims
    return all(dim in variable.dims for dim in needed)


def _check(name: Hashable, variable: xr.Variable, along: Spacing, scheme: Scheme) -> None:
    require_known_chunks(f"variable {name!r}", variable)
    size = variable.sizes[along.dim]
    if size < scheme.needed:
        what = f"`edge_order={scheme.edge_order}`"
        if not scheme.is_numpys or scheme.boundary != ("one-sided", "one-sided"):
            what = f"`order={scheme.order}` with `accuracy={scheme.accuracy}` and `boundary="
            what += f"{scheme.boundary}`"
        raise ValueError(
            f"dimension {along.dim!r} of {name!r} has size {size}; {what} needs at least "
            f"{scheme.needed}; name other dimensions in `dim`"
        )
    _check_boundary(name, variable, along, scheme)
    _check_positions(name, variable, along, scheme)


def _check_boundary(name: Hashable, variable: xr.Variable, along: Spacing, scheme: Scheme) -> None:
    kind = variable.dtype.kind
    for number in scheme.boundary:
        if isinstance(number, str):
            continue
        if kind in "mM" or (kind != "c" and isinstance(number, complex | np.complexfloating)):
            raise TypeError(
                f"`boundary` of {along.dim!r} is {number!r}, which {name!r} of dtype "
                f"{variable.dtype} cannot hold; give a number of its kind or 'extend'"
            )


def _check_positions(name: Hashable, variable: xr.Variable, along: Spacing, scheme: Scheme) -> None:
    positions = along.positions
    if variable.dtype.kind in "mM" and (scheme.skipna or positions is not None):
        raise TypeError(
            f"{name!r} has dtype {variable.dtype}, and times as data go neither with `skipna` nor "
            "with positions of several dimensions; subtract one of them and divide by a unit first"
        )
    if positions is None:
        return
    missing = [dim for dim in positions.dims if dim not in variable.dims]
    if missing:
        raise CoordinateError(
            f"positions {along.name!r} have dimensions {positions.dims}, which do not broadcast "
            f"against {name!r} with {variable.dims}: it lacks {missing}"
        )
    for dim, side in positions.sizes.items():
        if side != variable.sizes[dim]:
            raise CoordinateError(
                f"positions {along.name!r} have size {side} along {dim!r}, but {name!r} has "
                f"{variable.sizes[dim]}; give positions of the same size"
            )


def units_of(
    variable: xr.Variable, chain: Iterable[Spacing | Direction], options: Options
) -> str | None:
    """Units of a derivative of ``options.order`` along each of `chain`; None where unknown."""
    times = variable.dtype.kind in "mM"
    own_units = OF_TIME[options.unit_of_time] if times else variable.attrs.get("units")
    for along in chain:
        for _ in range(options.order):
            if not (isinstance(own_units, str) and isinstance(along.units, str)):
                return None
            own_units = quotient(own_units, along.units)
    return own_units if isinstance(own_units, str) else None


def common_units(
    pairs: Iterable[tuple[xr.Variable, Spacing | Direction]], options: Options
) -> str | None:
    """Units of a sum of derivatives; None if they differ or are unknown."""
    found = {units_of(variable, [along], options) for variable, along in pairs}
    return found.pop() if len(found) == 1 else None


def refuse_times(name: Hashable, variable: xr.Variable) -> None:
    """Refuse times as data, whose derivatives cannot be added to others."""
    if variable.dtype.kind in "mM":
        raise TypeError(
            f"{name!r} has dtype {variable.dtype}; subtract a time and divide by a unit first"
        )
