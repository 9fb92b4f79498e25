"""Variable and spacing → checked term; and the name and units of the derivative."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from xgrad._typing import AnyArray
from xgrad.arrays.combine import require_known_chunks
from xgrad.arrays.term import Positions, Term
from xgrad.errors import CoordinateError, CoordinateWarning, warn
from xgrad.labels import bandwidths, fits
from xgrad.labels import spacing as coordinates
from xgrad.labels.attributes import named, refuse_packed
from xgrad.labels.lookup import dtypes_of
from xgrad.labels.options import Options
from xgrad.labels.pieces import overlapping
from xgrad.labels.spacing import Spacing
from xgrad.labels.units import OF_TIME, as_one, quotient
from xgrad.operators import constant
from xgrad.operators.direction import Direction
from xgrad.stencils.scheme import Scheme
from xgrad.stencils.table import leave_range

Factor = xr.Variable | float | None


def term_of(
    name: Hashable, variable: xr.Variable, along: Spacing, options: Options, *,
    factor: Factor = None, inside: xr.Variable | AnyArray | None = None, of: Term | None = None,
) -> Term:  # fmt: skip
    """Term for the derivative of a variable, times a factor.

    Parameters
    ----------
    name : hashable
        Name of the variable.
    variable : Variable
        The data to differentiate.
    along : Spacing
        The positions to differentiate along.
    options : Options
        Order, accuracy, boundaries and so on.
    factor : Variable or float, optional
        Factor of the derivative.  A Variable may have any of the dimensions of `variable`.
    inside : array of shape (n,), optional
        Factor of the cells along the dimension, applied before differentiation.
    of : Term, optional
        A derivative of the variable, which is differentiated instead.  Beyond an edge with a
        constant boundary the data are constant, so their derivative is 0.
    """
    steps: Any = along.steps
    if along.positions is not None:
        refuse = partial(coordinates.refuse_columns, along, variable.dims)
        complain = refuse if options.validate else None
        positions = spread(along.positions, variable.dims, name)
        steps = Positions(positions, along.period, along.name, complain)
    scheme = _scheme_of(variable, along, options)
    if of is not None:
        scheme = _of_a_derivative(scheme, of)
    axis = variable.get_axis_num(along.dim)
    weight = factor_of(factor, variable, name)
    if isinstance(inside, xr.Variable):
        inside = factor_of(inside, variable, name)
    held = constant.held_for(name, variable, along, options, spread)
    if variable.dtype.kind in "iu" and inside is None and held is None:
        scheme = scheme._replace(skipna=False)  # integers are missing at heights only
    return Term(name, axis, steps, scheme, along.seam, weight, inside, of=of, held=held)


def _scheme_of(variable: xr.Variable, along: Spacing, options: Options) -> Scheme:
    scheme = options.scheme(along.name, along.dim)._replace(longest=along.longest)
    return bandwidths.resolved(scheme, along, variable.sizes[along.dim], options)


def _of_a_derivative(scheme: Scheme, of: Term) -> Scheme:
    """The scheme of what is taken of another term: of a constant the derivative is 0."""
    if of.scheme.order == 0:
        return scheme
    left, right = (side if isinstance(side, str) else 0 for side in scheme.boundary)
    return scheme._replace(boundary=(left, right))


def terms_along(
    name: Hashable, variable: xr.Variable, direction: Direction, options: Options,
    component: int | None = None,
) -> list[Term]:  # fmt: skip
    """The terms of a first derivative; see :func:`term_of`."""
    return [
        term_of(name, variable, along, options, factor=factor, inside=direction.known)._replace(
            component=component
        )
        for along, factor in direction.parts
    ]


def values_of(name: Hashable, variable: xr.Variable, factor: Factor) -> Term:
    """Term for the values of a variable, times a factor; see :func:`term_of`."""
    return Term(name, factor=factor_of(factor, variable, name))


def factor_of(factor: Factor, variable: xr.Variable, name: Hashable) -> Any:
    """Expand a factor to the dimensions of the variable, with length 1 along missing ones."""
    if not isinstance(factor, xr.Variable):
        return factor
    found = spread(factor, variable.dims, name)
    return found.read() if isinstance(found, Spread) else found


class Spread:
    """Positions expanded to the dimensions of the data, and read one box at a time.

    They have length 1 along the dimensions that they lack.  A job reads only the boxes it needs;
    converting to a numpy array reads everything.
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
        """Read the positions in a box of the data, by default all of them."""
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
    """Expand positions to the dimensions of the data, with length 1 along missing ones.

    Parameters
    ----------
    given : Variable
        The positions.
    dims : tuple of hashable
        Dimensions of the data.
    name : hashable
        Name of the data, for the message.

    Raises
    ------
    CoordinateError
        If the positions have a dimension that the data lack.

    Examples
    --------
    >>> spread(xr.Variable("y", [1.0, 2.0]), ("time", "y"), "t").shape
    (1, 2)
    """
    extra = [dim for dim in given.dims if dim not in dims]
    if extra:
        raise CoordinateError(
            f"{named(name)} has dimensions {dims}, but its positions also depend on {extra}; "
            "select one index along them first"
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
    """Find all possible derivatives, of each variable along each chain of dimensions it has.

    Parameters
    ----------
    obj : DataArray or Dataset
        The object that holds the variables.
    variables, options
        From :func:`xgrad.operators.selection.select`.
    chains : sequence of tuple of Spacing
        The positions to differentiate along.
    names : sequence of tuple of hashable, optional
        Names of the coordinates.  Default: those of the spacings.

    Yields
    ------
    tuple
        Name of the derivative, name of its variable, and the index of the chain.

    Raises
    ------
    ChunkError, CoordinateError, TypeError, ValueError
        If a variable has too few cells, or its dtype or shape does not fit.
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
        raise ValueError(f"nothing to differentiate along all of {dims}: {dtypes_of(obj)}")
    for name, k in pairs:
        for along in chains[k]:
            _check(name, variables[name], along, options)
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
    """Whether a variable has the needed dimensions; a DataArray without them raises later."""
    needed = [along.dim]
    if along.positions is not None and isinstance(obj, xr.Dataset):
        needed += along.positions.dims
    return all(dim in variable.dims for dim in needed)


def _check(name: Hashable, variable: xr.Variable, along: Spacing, options: Options) -> None:
    scheme = _scheme_of(variable, along, options)
    require_known_chunks(f"variable {named(name)}", variable)
    refuse_packed(f"variable {named(name)}", variable.attrs)
    size = variable.sizes[along.dim]
    if size < scheme.needed:
        what, smaller = f"`edge_order={scheme.edge_order}`", ""
        if scheme.fit is not None:
            width = fits.own(options.bandwidth, (along.name, along.dim))
            what = scheme.named if width is None else f"`bandwidth={width!r}`"
            smaller = "give a smaller one, or "
        elif not scheme.is_numpys or scheme.boundary != ("one-sided", "one-sided"):
            what = f"`order={scheme.order}` with `accuracy={scheme.accuracy}` and `boundary="
            what += f"{scheme.boundary}`"
        raise ValueError(
            f"dimension {along.dim!r} of {named(name)} has size {size}; {what} needs at least "
            f"{scheme.needed}; {smaller}name other dimensions in `dim`"
        )
    _check_duration(name, variable)
    _check_boundary(name, variable, along, scheme)
    _check_positions(name, variable, along, scheme)
    _warn_of_range(along, scheme)


def _check_duration(name: Hashable, variable: xr.Variable) -> None:
    """Refuse durations that have no fixed length; only lazy data have them."""
    if variable.dtype.kind == "m" and np.datetime_data(variable.dtype)[0] in ("Y", "M", "generic"):
        raise TypeError(
            f"{named(name)} has dtype {variable.dtype}, whose unit has no fixed length; convert "
            "it, for instance with `.astype('timedelta64[s]')`, by which a year has 365.2425 days"
        )


def _warn_of_range(along: Spacing, scheme: Scheme) -> None:
    """Warn of steps whose products the dtype of the positions cannot hold, as numpy does not."""
    if not scheme.is_numpys or np.ndim(along.steps) == 0:
        return
    for start, steps in overlapping(along.steps):
        bad = leave_range(steps)
        if not bad.any():
            continue
        i = int(np.argmax(bad))
        narrow = steps.dtype.itemsize < np.dtype(np.float64).itemsize
        remedy = "convert it to float64" if narrow else "express it in another unit"
        warn(
            f"coordinate {along.name!r} has steps of {steps[i]:g} and {steps[i + 1]:g} at index "
            f"{start + i + 1}, whose product {steps.dtype} cannot hold: derivatives there are "
            f"imprecise, 0 or NaN, as in numpy; {remedy}",
            CoordinateWarning,
        )
        return


def _check_boundary(name: Hashable, variable: xr.Variable, along: Spacing, scheme: Scheme) -> None:
    kind = variable.dtype.kind
    for number in scheme.boundary:
        if isinstance(number, str):
            continue
        if kind in "mM" or (kind != "c" and isinstance(number, complex | np.complexfloating)):
            raise TypeError(
                f"`boundary` of {along.dim!r} is {number!r}, which {named(name)} of dtype "
                f"{variable.dtype} cannot hold; give a number that fits, or 'extend'"
            )


def _check_positions(name: Hashable, variable: xr.Variable, along: Spacing, scheme: Scheme) -> None:
    positions = along.positions
    if variable.dtype.kind in "mM" and (
        scheme.skipna or positions is not None or "bandwidth" in scheme.named
    ):
        raise TypeError(
            f"{named(name)} has dtype {variable.dtype}, but times as data cannot be combined with "
            "`skipna`, `bandwidth` or multi-dimensional coordinates; subtract a time and divide by "
            "a unit first"
        )
    if positions is None:
        return
    missing = [dim for dim in positions.dims if dim not in variable.dims]
    if missing:
        raise CoordinateError(
            f"positions {along.name!r} have dimensions {positions.dims}, which do not broadcast "
            f"against {named(name)} with {variable.dims}: it lacks {missing}; select one index "
            "along them in the positions"
        )
    for dim, side in positions.sizes.items():
        if side != variable.sizes[dim]:
            raise CoordinateError(
                f"positions {along.name!r} have size {side} along {dim!r}, but {named(name)} has "
                f"{variable.sizes[dim]}; give positions of the same size"
            )


def units_of(
    variable: xr.Variable, chain: Iterable[Spacing | Direction], options: Options
) -> str | None:
    """Units of a derivative of ``options.order`` along each of `chain`; None if unknown."""
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
    given = [(along, units_of(variable, [along], options)) for variable, along in pairs]
    known = {str(along.name): units for along, units in given if units is not None}
    if len({as_one(units) for units in known.values()}) > 1:
        found = ", ".join(f"{units!r} along {name!r}" for name, units in known.items())
        raise ValueError(
            f"derivatives of different units cannot be added: {found}; name dimensions of one "
            "unit in `dim`, or give `metric='sphere'` for latitudes and longitudes"
        )
    units = {units for _, units in given}
    return units.pop() if len(units) == 1 else None


def refuse_times(name: Hashable, variable: xr.Variable) -> None:
    """Refuse times as data: their derivatives cannot be added to others."""
    if variable.dtype.kind in "mM":
        raise TypeError(
            f"{named(name)} has dtype {variable.dtype}, but numbers are needed; subtract a time "
            "and divide by a unit first"
        )
