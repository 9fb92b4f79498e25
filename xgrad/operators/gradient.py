"""The labelled operation: which variables and dimensions, what the results are called."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import xarray as xr

from xgrad._typing import Accuracy, BoundaryLike, DatetimeUnit, Dim, EdgeOrder, Metric, SpacingLike
from xgrad.errors import ChunkError, CoordinateError
from xgrad.labels import names, quantities
from xgrad.labels import spacing as coordinates
from xgrad.labels.attributes import described, label_of
from xgrad.labels.options import Options
from xgrad.labels.place import Sphere, with_the_globe
from xgrad.labels.spacing import Spacing
from xgrad.labels.times import is_time, seconds
from xgrad.labels.units import OF_TIME, quotient
from xgrad.operators import curvature
from xgrad.operators.result import Combination, Part, labelled
from xgrad.stencils.scheme import Scheme

_Object = TypeVar("_Object", xr.DataArray, xr.Dataset)

_ORDINALS = {1: "", 2: "second ", 3: "third ", 4: "fourth "}


def gradient(
    obj: xr.DataArray | xr.Dataset,
    dim: Dim = None,
    *,
    spacing: SpacingLike = None,
    edge_order: EdgeOrder = 1,
    datetime_unit: DatetimeUnit | None = None,
    boundary: BoundaryLike = "one-sided",
    period: Mapping[Any, Any] | None = None,
    skipna: bool = False,
    accuracy: Accuracy = 2,
    validate: bool = True,
    metric: Metric | None = None,
    radius: float | None = None,
    units: str | None = None,
) -> xr.Dataset:
    """Gradient of labelled data, by default with the numbers of ``numpy.gradient``.

    Central differences inside, one-sided ones at the two edges of each dimension:
    ``f'[i] = (f[i+1] - f[i-1]) / (2 h)`` for even positions, the derivative of the parabola
    through three neighbours for uneven ones.  Dask arrays stay lazy.

    Parameters
    ----------
    obj : DataArray or Dataset
        Data of float, complex, integer or time dtype.  Of a Dataset every such variable that has
        the dimension is differentiated, and the others are left out.
    dim : hashable or iterable of hashable, optional
        Dimensions, or 1-D coordinates along them, to differentiate along; also by the name that
        the CF conventions have for a coordinate, as ``"longitude"``.  Default: every dimension.
    spacing : mapping, optional
        Per dimension, in place of its coordinate: a scalar step; an array of positions of shape
        ``(n,)``; the name of a coordinate; a DataArray of positions with several dimensions, or
        the name of such a coordinate, by which each column has positions of its own; or
        ``"uniform"`` for a coordinate that is even but for its rounding.
    edge_order : {1, 2}, default: 1
        Order of accuracy of the one-sided differences at the two edges, with ``accuracy=2``.
    datetime_unit : {"W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as"}, optional
        Unit of time of the result where a coordinate or the data are times.  Default: seconds,
        whatever the resolution of the dtype.
    boundary : str, number, (left, right) pair of them, or mapping of dimensions to them
        What lies beyond the edges: ``"one-sided"`` (default) nothing; ``"periodic"`` the other
        edge; ``"extend"`` the edge value once more; ``"reflect"`` the mirror image about the edge
        point; ``"nan"`` nothing that has a derivative; a number that value.  Ghost cells follow at
        the edge spacing, and mirrored ones at the mirrored spacing.
    period : mapping, optional
        Per periodic dimension, what its coordinate grows by all the way around.  Default: 360
        for degrees east and 2 pi for radians.
    skipna : bool, default: False
        Whether a missing neighbour counts as an edge.  A missing centre stays missing, as does a
        cell between two missing ones.
    accuracy : {2, 4, 6, 8}, default: 2
        Order of accuracy.  From 4 on with Fornberg's weights, and the same order at the edges.
    validate : bool, default: True
        Whether to check positions of several dimensions that are in memory.
    metric : {"sphere"}, optional
        Latitude and longitude are places on a sphere, found by their CF units, standard_name or
        name: derivatives are per metre eastward and northward, ``1/(R cos φ) d/dλ`` (NaN at a
        pole) and ``1/R d/dφ``.  With two dimensions they are per metre along the grid.  A
        longitude that spans the globe is periodic, unless `boundary` names it.
    radius : float, optional
        Of the sphere, in metres.  Default: 6371229.
    units : str, optional
        Unit to convert every result to, such as ``"K km-1"``.

    Returns
    -------
    Dataset
        A variable ``d<name>_d<coord>`` (``d_d<coord>`` without a name) for each variable and each
        of `dim`, in this order.  Shapes, dimensions, coordinates and chunks are those of `obj`;
        inexact dtypes are kept and others become float64.  ``units`` is the quotient of the two
        units where both are known, as in ``K s-1``.  Quantities of pint give quantities.

    Raises
    ------
    CoordinateError
        If a name is unknown or given twice, or positions are missing, repeated or unsorted.
    ChunkError
        If the chunk sizes of a dask array are unknown.
    TypeError
        If `obj` is no xarray object, or its values have no differences (bool, str, object).
    ValueError
        If a dimension has too few cells, an option is not one of its choices, or a result cannot
        be converted to `units`.
    ImportError
        If `units` needs a package that is not there.

    See Also
    --------
    derivative : one derivative, of higher order or mixed.
    numpy.gradient : the same numbers, without labels and in memory.

    References
    ----------
    Quarteroni, Sacco, Saleri, *Numerical Mathematics* (Springer 2007), section 10.10.1.

    B. Fornberg, "Generation of Finite Difference Formulas on Arbitrarily Spaced Grids",
    Mathematics of Computation 51 (184), 1988.

    Examples
    --------
    >>> import xarray as xr
    >>> da = xr.DataArray(
    ...     [0.0, 1.0, 9.0], coords={"x": [0.0, 1.0, 3.0]}, name="t", attrs={"units": "K"}
    ... )
    >>> gradient(da, "x").dt_dx.values
    array([1., 2., 4.])
    >>> gradient(da, "x", boundary="extend").dt_dx.values
    array([0.5, 2. , 2. ])
    """
    options = Options(
        1, spacing, edge_order, datetime_unit, boundary, period, skipna, accuracy, validate,
        metric, radius,
    )  # fmt: skip
    return quantities.through(obj, lambda plain: _gradient(plain, dim, options), units)


def derivative(
    obj: _Object,
    dim: Hashable | Iterable[Hashable],
    order: int = 1,
    *,
    spacing: SpacingLike = None,
    edge_order: EdgeOrder = 1,
    datetime_unit: DatetimeUnit | None = None,
    boundary: BoundaryLike = "one-sided",
    period: Mapping[Any, Any] | None = None,
    skipna: bool = False,
    accuracy: Accuracy = 2,
    validate: bool = True,
    units: str | None = None,
) -> _Object:
    """One derivative of labelled data: of higher order, or mixed.

    A direct stencil over the true positions, not a chain of first derivatives: order 2 over any
    three positions is the second derivative of the parabola through them,
    ``f'' = 2 (f[i-1] / (h1 (h1 + h2)) - f[i] / (h1 h2) + f[i+1] / (h2 (h1 + h2)))``.

    Parameters
    ----------
    obj : DataArray or Dataset
        As for :func:`gradient`.
    dim : hashable or iterable of hashable
        Dimension, or 1-D coordinate along it.  Several give the mixed derivative.
    order : {1, 2, 3, 4}
        Order of the derivative along each of `dim`.
    spacing, edge_order, datetime_unit, boundary, period, skipna, accuracy, validate, units
        As for :func:`gradient`.  Above the first order `edge_order` is not used: the edges have
        the order of `accuracy`.

    Returns
    -------
    DataArray or Dataset
        As `obj`; named ``d2t_dx2`` or ``d2t_dxdy``, with units such as ``K m-2``.

    Raises
    ------
    CoordinateError, ChunkError, TypeError, ValueError, ImportError
        As :func:`gradient`.

    References
    ----------
    B. Fornberg, "Generation of Finite Difference Formulas on Arbitrarily Spaced Grids",
    Mathematics of Computation 51 (184), 1988.

    Examples
    --------
    >>> import xarray as xr
    >>> x = [0.0, 1.0, 3.0, 4.0]
    >>> da = xr.DataArray([0.0, 1.0, 9.0, 16.0], coords={"x": x}, name="t")
    >>> derivative(da, "x", order=2).values.round(12)
    array([2., 2., 2., 2.])
    """
    options = Options(
        order, spacing, edge_order, datetime_unit, boundary, period, skipna, accuracy, validate
    )
    dims = [dim] if dim is None else dim
    found: _Object = quantities.through(obj, lambda plain: _derivative(plain, dims, options), units)
    return found


def _gradient(obj: Any, dim: Dim, options: Options) -> xr.Dataset:
    found = first_derivatives(obj, dim, options)
    return labelled(obj, found, lambda one: one.values(validate=options.validate))


def _derivative(obj: Any, dim: Dim, options: Options) -> Any:
    asked = asked_for(obj, dim, options)
    found = possible(obj, asked.variables, [tuple(asked.spacings)], asked.options)
    attrs: Any = obj.attrs if isinstance(obj, xr.Dataset) else {}
    made = {one.name: chained(one, asked.options) for one in found}
    results = xr.Dataset(made, obj.coords, attrs)
    if isinstance(obj, xr.Dataset):
        return results
    (result,) = results.data_vars.values()
    return result


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


@dataclass(frozen=True)
class Asked:
    """What is differentiated, along what and how.

    Attributes
    ----------
    variables : dict
        By name.
    spacings : list of Spacing
        In the order asked for.
    options : Options
        With what follows from the coordinates.
    place : Sphere or None
        Where `metric` puts the cells.
    """

    variables: dict[Hashable, xr.Variable]
    spacings: list[Spacing]
    options: Options
    place: Sphere | None


def concerns(obj: xr.Dataset, dim: Dim) -> bool:
    """Whether there is something to differentiate along each of `dim`.

    Parameters
    ----------
    obj : Dataset
        Its numeric variables count.
    dim : hashable, iterable of hashable or None
        As for :func:`gradient`.

    Examples
    --------
    >>> ds = xr.Dataset({"t": ("x", [0.0, 1.0]), "name": ("y", ["a", "b"])})
    >>> concerns(ds, "x"), concerns(ds, "y"), concerns(ds, None)
    (True, False, True)
    """
    used = {d for variable in _variables(obj).values() for d in variable.dims}
    if dim is None:
        return bool(used)
    found = [names.find(obj, name) for name in _listed(dim)]
    return all(name is not None and _dim_of(obj, name) in used for name in found)


def asked_for(obj: Any, dim: Dim, options: Options) -> Asked:
    """Find variables and positions.

    Parameters
    ----------
    obj, dim
        As for :func:`gradient`.
    options : Options
        As they were given.

    Raises
    ------
    TypeError, ValueError, CoordinateError
        As :func:`gradient`.
    """
    if not isinstance(obj, xr.DataArray | xr.Dataset):
        raise TypeError(
            f"`obj` is a {type(obj).__module__}.{type(obj).__qualname__}; give an xarray DataArray "
            "or Dataset"
        )
    variables = _variables(obj)
    asked = _names(obj, dim, variables)
    options = with_the_globe(obj, asked, _under_real_names(obj, options))
    place = Sphere.of(obj, options)
    spacings = _spacings(obj, asked, options)
    if place is not None:
        spacings = [curvature.in_metres(place, along, options) for along in spacings]
    if isinstance(obj, xr.Dataset):  # its variables may serve as positions
        used = [value for value in (options.spacing or {}).values() if isinstance(value, str)]
        variables = {name: variable for name, variable in variables.items() if name not in used}
    for along in spacings:
        if not any(along.dim in variable.dims for variable in variables.values()):
            raise ValueError(f"nothing to differentiate along {along.dim!r}: {_dtypes(obj)}")
    _require_a_time(variables, spacings, options)
    return Asked(variables, spacings, options, place)


@dataclass(frozen=True)
class Derivative:
    """One derivative that was asked for and found possible.

    Attributes
    ----------
    name : str
        Of the result.
    origin : hashable
        Name of what is differentiated.
    variable : Variable
        What is differentiated.
    chain : tuple of Spacing
        Along what, one after another.
    schemes : tuple of Scheme
        How, along each of them.
    """

    name: str
    origin: Hashable
    variable: xr.Variable
    chain: tuple[Spacing, ...]
    schemes: tuple[Scheme, ...]


def first_derivatives(obj: Any, dim: Dim, options: Options) -> list[Combination]:
    """What :func:`gradient` gives, checked and not begun.

    Parameters
    ----------
    obj, dim
        As for :func:`gradient`.
    options : Options
        Of order 1.

    Raises
    ------
    CoordinateError, ChunkError, TypeError, ValueError
        As :func:`gradient`.

    Examples
    --------
    >>> da = xr.DataArray([0.0, 1.0, 4.0], dims="x", name="t")
    >>> [found.name for found in first_derivatives(da, "x", Options())]
    ['dt_dx']
    """
    asked = asked_for(obj, dim, options)
    found = []
    for one in possible(obj, asked.variables, [(a,) for a in asked.spacings], asked.options):
        (along,), (scheme,) = one.chain, one.schemes
        factor = None if asked.place is None else asked.place.factor(along.dim)
        part = Part(one.origin, one.variable, along, scheme, factor)
        times = one.variable.dtype.kind in "mM"
        unit = seconds(options.unit_of_time) if times else 1.0
        attrs = attributes(one, options)
        found.append(Combination(one.name, (part,), attrs, seconds=unit))
    return found


def possible(
    obj: xr.DataArray | xr.Dataset,
    variables: dict[Hashable, xr.Variable],
    chains: list[tuple[Spacing, ...]],
    options: Options,
) -> list[Derivative]:
    """All derivatives: of each variable along each chain of dimensions that it has.

    Parameters
    ----------
    obj : DataArray or Dataset
        What has the variables.
    variables, chains, options
        From :func:`asked_for`.

    Raises
    ------
    ChunkError, CoordinateError, TypeError, ValueError
        If a variable is too short, or its dtype or its shape does not go with what is asked for.
    """
    jobs = [
        (name, variable, chain)
        for name, variable in variables.items()
        for chain in chains
        if all(_takes_part(variable, along, obj) for along in chain)
    ]
    if not jobs:
        dims = [along.dim for along in chains[0]]
        raise ValueError(f"no variable has all of the dimensions {dims}: {_dtypes(obj)}")
    for name, variable, chain in jobs:
        for along in chain:
            _check(name, variable, along, options.scheme(along.name, along.dim))
    found: dict[str, Derivative] = {}
    for name, variable, chain in jobs:
        called = derivative_name(name, *(along.name for along in chain), order=options.order)
        if called in found or called in obj.coords or called in obj.dims:
            raise ValueError(
                f"two things would be called {called!r}, one of them the derivative of {name!r} "
                f"with respect to {chain[0].name!r}; rename one"
            )
        schemes = tuple(_schemes(variable, chain, options))
        found[called] = Derivative(called, name, variable, chain, schemes)
    return list(found.values())


def _schemes(
    variable: xr.Variable, chain: tuple[Spacing, ...], options: Options
) -> Iterator[Scheme]:
    for place, along in enumerate(chain):
        scheme = options.scheme(along.name, along.dim)
        if variable.dtype.kind in "iu":
            scheme = replace(scheme, skipna=False)  # integers have no missing value
        if place:
            # The value beyond an edge is a constant there, which has no derivative.
            left, right = (side if isinstance(side, str) else 0 for side in scheme.boundary)
            scheme = replace(scheme, boundary=(left, right))
        yield scheme


def _takes_part(variable: xr.Variable, along: Spacing, obj: xr.DataArray | xr.Dataset) -> bool:
    """Whether a variable has what is needed; of a DataArray it is an error later on if not."""
    needed = [along.dim]
    if along.positions is not None and isinstance(obj, xr.Dataset):
        needed += along.positions.dims
    return all(dim in variable.dims for dim in needed)


def _require_a_time(
    variables: Mapping[Hashable, xr.Variable], spacings: list[Spacing], options: Options
) -> None:
    if options.datetime_unit is None or any(along.is_time for along in spacings):
        return
    dims = {along.dim for along in spacings}
    if any(v.dtype.kind in "mM" and dims & set(v.dims) for v in variables.values()):
        return
    raise ValueError(
        f"`datetime_unit` is {options.datetime_unit!r}, but neither the data nor a coordinate "
        f"among {[along.name for along in spacings]} is a time; leave it out"
    )


def _variables(obj: xr.DataArray | xr.Dataset) -> dict[Hashable, xr.Variable]:
    """What can be differentiated: of a Dataset the numeric variables, a DataArray must be one."""
    if isinstance(obj, xr.Dataset):
        return {
            name: obj.variables[name]
            for name in obj.data_vars
            if _is_numeric(obj.variables[name].dtype)
        }
    if obj.dtype.kind == "b":
        raise TypeError(
            f"data {obj.name!r} is bool, whose differences numpy does not define; cast it with "
            "`.astype(float)`"
        )
    if not _is_numeric(obj.dtype):
        raise TypeError(
            f"data {obj.name!r} has dtype {obj.dtype}; convert it to numbers with `.astype(float)`"
        )
    return {obj.name: obj.variable}


def _is_numeric(dtype: Any) -> bool:
    # A pandas dtype such as Int64 has a kind as well, but its arrays are not numpy's.
    return isinstance(dtype, np.dtype) and dtype.kind in "fciumM"


def _names(
    obj: xr.DataArray | xr.Dataset, dim: Dim, variables: Mapping[Hashable, xr.Variable]
) -> list[Hashable]:
    """The names of the dimensions and coordinates asked for, each once and each of some use."""
    used = [d for d in obj.dims if any(d in variable.dims for variable in variables.values())]
    if dim is None:
        if not used:
            raise ValueError(f"nothing to differentiate: {_dtypes(obj)}")
        return used
    found = [names.resolved(obj, name) for name in _listed(dim)]
    if not found:
        raise CoordinateError(f"`dim` is empty; {names.choices(obj)}")
    for i, name in enumerate(found):
        if name in found[:i]:
            raise CoordinateError(f"`dim` names {name!r} twice: {_listed(dim)}")
    return found


def _listed(dim: Dim) -> list[Hashable]:
    return list(dim) if isinstance(dim, Iterable) and not isinstance(dim, str) else [dim]


def _dim_of(obj: xr.DataArray | xr.Dataset, name: Hashable) -> Hashable:
    """The dimension that a 1-D coordinate lies along; else the name itself."""
    return obj.coords[name].dims[0] if name in obj.coords and obj.coords[name].ndim == 1 else name


def _under_real_names(obj: xr.DataArray | xr.Dataset, options: Options) -> Options:
    """Options by the real names of coordinates, and steps that are quantities as numbers."""
    boundary = names.resolved_keys(obj, options.boundary, "boundary")
    period = names.resolved_keys(obj, options.period, "period")
    spacing = quantities.positions(names.resolved_spacing(obj, options.spacing))
    return replace(options, spacing=spacing, boundary=boundary, period=period)


def _dtypes(obj: xr.DataArray | xr.Dataset) -> str:
    if isinstance(obj, xr.DataArray):
        return f"{obj.name!r} has no dimension"
    found = {name: f"{variable.dtype} {variable.dims}" for name, variable in obj.data_vars.items()}
    return f"no variable is numeric and has a dimension asked for; variables are {found}"


def _spacings(
    obj: xr.DataArray | xr.Dataset, asked: list[Hashable], options: Options
) -> list[Spacing]:
    dims = [_dim_of(obj, name) for name in asked]
    options.require_known_names(asked, dims)
    for key, value in (options.spacing or {}).items():
        if key not in obj.dims and not (isinstance(value, str) and value == "uniform"):
            raise CoordinateError(
                f"`spacing` names {key!r}, which is a coordinate along {obj.coords[key].dims}; "
                "name the dimension"
            )
        if key not in asked:
            coord = asked[dims.index(key)]
            raise CoordinateError(
                f"`spacing` names {key!r}, but `dim` names {coord!r} along it, whose positions "
                f"would not be used; name {key!r} in both"
            )
    spacings = [_spacing(obj, name, options) for name in asked]
    seen: set[Hashable] = set()
    for along in spacings:
        if along.name in seen:
            raise CoordinateError(f"`dim` and `spacing` name {along.name!r} twice: {asked}")
        seen.add(along.name)
    return spacings


def _spacing(obj: xr.DataArray | xr.Dataset, name: Hashable, options: Options) -> Spacing:
    unit = options.unit_of_time
    value: Any = (options.spacing or {}).get(name)
    found = isinstance(value, str) and (value in obj.coords or value in _data_of(obj))
    even = isinstance(value, str) and value == "uniform" and not found
    if value is None or even:
        # Not coords.get, which makes up a coordinate for a dimension without one.
        value = obj.coords[name] if name in obj.coords else None  # noqa: SIM401
    elif found:
        value = obj[value]
    elif isinstance(value, str):
        raise CoordinateError(
            f"`spacing` for {name!r} names {value!r}, which is no coordinate; {names.choices(obj)}"
        )
    attrs = getattr(value, "attrs", {})
    dims = value.dims if isinstance(value, xr.DataArray) and value.ndim == 1 else ()
    called = [value.name] if isinstance(value, xr.DataArray) and value.name is not None else []
    times = isinstance(value, xr.DataArray) and is_time(value)
    period = options.full_period(attrs.get("units"), name, *dims, *called, is_time=times)
    if value is None:
        if even:
            raise CoordinateError(
                f"`spacing` for {name!r} is 'uniform', but there is no such coordinate; leave it "
                "out for a spacing of 1"
            )
        along = coordinates.along_index(name)
        return coordinates.around(along, obj.sizes[name], period)
    if even:
        return coordinates.uniform(value, unit, period)
    given = name in (options.spacing or {})
    if given and isinstance(value, xr.DataArray) and value.ndim > 1:
        return coordinates.from_multidimensional(value, name, period)
    if found or not given:
        return coordinates.from_coordinate(value, unit, dim=name if given else None, period=period)
    return coordinates.from_value(name, obj.sizes[name], value, unit, period)


def _data_of(obj: xr.DataArray | xr.Dataset) -> Iterable[Hashable]:
    return obj.data_vars if isinstance(obj, xr.Dataset) else ()


def _check(name: Hashable, variable: xr.Variable, along: Spacing, scheme: Scheme) -> None:
    size = variable.sizes[along.dim]
    if np.isnan(size):
        raise ChunkError(
            f"variable {name!r} has unknown chunk sizes along {along.dim!r}, so that its edges "
            "cannot be found; call `.compute_chunk_sizes()` on the dask array first"
        )
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


def chained(one: Derivative, options: Options) -> xr.Variable:
    """One derivative after another, with its attributes.

    Parameters
    ----------
    one : Derivative
        From :func:`possible`.
    options : Options
        Those that it was asked for with.
    """
    variable = one.variable
    for along, scheme in zip(one.chain, one.schemes, strict=True):
        step = Combination(one.name, (Part(one.origin, variable, along, scheme),))
        variable = xr.Variable(variable.dims, step.values(validate=options.validate))
    data = variable.data
    if one.variable.dtype.kind in "mM" and options.unit_of_time != "s":
        data = data / seconds(options.unit_of_time)  # the kernel gives seconds
    return xr.Variable(variable.dims, data, attributes(one, options))


def attributes(one: Derivative, options: Options) -> dict[Hashable, Any]:
    """Attributes of a derivative: those of the variable that stay true, its units, what it is.

    Parameters
    ----------
    one : Derivative
        From :func:`possible`.
    options : Options
        Those that it was asked for with.
    """
    chain = one.chain
    respect = " and ".join(along.label for along in chain)
    if len(chain) == 1:
        what, which = f"{_ORDINALS[options.order]}derivative", ""
    else:
        what, which = "mixed derivative", f", order {options.order} in each" * (options.order > 1)
    text = f"{what} of {label_of(one.origin, one.variable)} with respect to {respect}{which}"
    own_units = units_of(one.variable, chain, options)
    return described(one.variable, text, own_units)


def units_of(variable: xr.Variable, chain: Iterable[Spacing], options: Options) -> str | None:
    """Units of a derivative of ``options.order`` along each of `chain`; None where unknown."""
    times = variable.dtype.kind in "mM"
    own_units = OF_TIME[options.unit_of_time] if times else variable.attrs.get("units")
    for along in chain:
        for _ in range(options.order):
            if not (isinstance(own_units, str) and isinstance(along.units, str)):
                return None
            own_units = quotient(own_units, along.units)
    return own_units if isinstance(own_units, str) else None
