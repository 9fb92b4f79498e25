"""Scalar operators: magnitude, direction, Laplacian, Hessian."""

from __future__ import annotations

import itertools
from collections.abc import Hashable
from dataclasses import replace
from typing import Any, TypeVar, Unpack

import xarray as xr

from xgrad._typing import Dim
from xgrad.arrays.term import Term
from xgrad.labels.attributes import described, label_of, named
from xgrad.labels.keywords import LabelledFieldOptions, spelled_out
from xgrad.labels.options import Options
from xgrad.operators import constant
from xgrad.operators.direction import Direction
from xgrad.operators.evaluate import labelled, like, on_numbers
from xgrad.operators.gradient import single
from xgrad.operators.result import Result
from xgrad.operators.selection import Selection, select
from xgrad.operators.terms import common_units, differentiable, refuse_times, terms_along
from xgrad.operators.uncertainty import with_errors

_Object = TypeVar("_Object", xr.DataArray, xr.Dataset)


@spelled_out(LabelledFieldOptions)
def magnitude(obj: _Object, dim: Dim = None, **options: Unpack[LabelledFieldOptions]) -> _Object:
    """Magnitude of the gradient, ``sqrt(sum((df/dx_i)²))``.

    Parameters
    ----------
    obj : DataArray or Dataset
        As for :func:`gradient`.
    dim : hashable or iterable of hashable, optional
        Dimensions of the gradient.  Default: all.  In a Dataset, only variables that have all of
        the named dimensions are used.
    spacing, edge_order, datetime_unit, boundary, period, skipna, accuracy, validate
        As for :func:`gradient`.
    window, bandwidth, polyorder, weights
        As for :func:`gradient`.
    uncertainty, sigma
        As for :func:`gradient`.  The error is propagated to first order, and NaN where the gradient
        is 0; where the error is as large as the gradient, the magnitude itself is too large.
    constant, constant_by, metric, radius, units
        As for :func:`gradient`.

    Returns
    -------
    DataArray or Dataset
        Of the type, shape and chunks of `obj`; real, named ``<name>_gradient_magnitude``.  Each
        derivative has the bits of :func:`gradient`; squares are summed in float64 and the root is
        rounded once.  With `uncertainty`, a Dataset of the magnitude and its standard error.

    Raises
    ------
    CoordinateError, ChunkError, TypeError, ValueError
        As :func:`gradient`.

    Examples
    --------
    >>> import xarray as xr
    >>> da = xr.DataArray([[0.0, 4.0], [3.0, 7.0]], dims=("y", "x"), name="t")
    >>> magnitude(da).values
    array([[5., 5.],
           [5., 5.]])
    """
    found: _Object = on_numbers(
        obj, options, lambda plain, own: like(plain, magnitudes(plain, dim, own))
    )
    return found


def magnitudes(obj: Any, dim: Dim, options: Options) -> list[Result]:
    """Check the arguments of :func:`magnitude` and describe its results; compute nothing."""
    found = []
    asked, each = _by_variable(obj, dim, options, "magnitude")
    for name, along in each:
        text = f"magnitude of the gradient of {label_of(name, asked.variables[name])}"
        terms = _first_derivatives(name, along, asked)
        found.append(_result(name, "gradient_magnitude", text, terms, along, asked, how="norm"))
    return with_errors(obj, found, asked.options)


@spelled_out(LabelledFieldOptions)
def direction(obj: _Object, dim: Dim, **options: Unpack[LabelledFieldOptions]) -> _Object:
    """Direction of steepest ascent, ``arctan2(df/dy, df/dx)`` for ``dim=(y, x)``, in radians.

    Parameters
    ----------
    obj : DataArray or Dataset
        As for :func:`gradient`, but real.
    dim : two hashables
        Dimensions ``(y, x)``, the one of the numerator first, like the axes of an image: rows,
        then columns.
    spacing, edge_order, datetime_unit, boundary, period, skipna, accuracy, validate
        As for :func:`gradient`.
    window, bandwidth, polyorder, weights
        As for :func:`gradient`.
    uncertainty, sigma
        As for :func:`gradient`.  The error is propagated to first order, in radians; it is NaN
        where the gradient is 0, and means little where it is not small.
    constant, constant_by, metric, radius, units
        As for :func:`gradient`.  The two dimensions of a curvilinear grid need axes at right
        angles; its longitude and latitude do not.

    Returns
    -------
    DataArray or Dataset
        Of the type of `obj`; named ``<name>_gradient_direction``, from -π to π: 0 where `obj` rises
        along the second of `dim`, π/2 where it rises along the first.  With `uncertainty`, a
        Dataset of the direction and its standard error.

    Raises
    ------
    CoordinateError, ChunkError, TypeError, ValueError
        As :func:`gradient`, and if `dim` is not two dimensions.

    Examples
    --------
    >>> import xarray as xr
    >>> da = xr.DataArray([[0.0, 0.0], [3.0, 3.0]], dims=("y", "x"), name="t")
    >>> direction(da, ("y", "x")).values.round(4)
    array([[1.5708, 1.5708],
           [1.5708, 1.5708]])
    """
    found: _Object = on_numbers(
        obj, options, lambda plain, own: like(plain, directions(plain, dim, own))
    )
    return found


def directions(obj: Any, dim: Dim, options: Options) -> list[Result]:
    """Check the arguments of :func:`direction` and describe its results; compute nothing."""
    names: list[Any] = list(dim) if isinstance(dim, tuple | list) else [dim]
    if len(names) != 2:
        raise ValueError(
            f"`dim` is {dim!r}, but a direction needs two dimensions; give (y, x) for "
            "arctan2(d/dy, d/dx)"
        )
    found = []
    asked, each = _by_variable(obj, names, options, "direction")
    for name, along in each:
        variable = asked.variables[name]
        if variable.dtype.kind == "c":
            raise TypeError(
                f"{named(name)} has dtype {variable.dtype}, and a complex gradient has no "
                "direction; give its `.real`"
            )
        y, x = names
        text = (
            f"direction of the gradient of {label_of(name, variable)}, counted from {x} towards {y}"
        )
        terms = _first_derivatives(name, along, asked)
        one = _result(name, "gradient_direction", text, terms, along, asked, how="angle")
        text = str(one.attrs["long_name"])
        found.append(one._replace(attrs=described(variable, text, "radian")))
    return with_errors(obj, found, asked.options)


@spelled_out(LabelledFieldOptions)
def laplacian(obj: _Object, dim: Dim = None, **options: Unpack[LabelledFieldOptions]) -> _Object:
    """Laplacian, ``sum(d²f/dx_i²)``, from second differences over the true positions.

    On a sphere it is ``1/(R cos φ)² d²f/dλ² + 1/R² d²f/dφ² - tan(φ)/R² df/dφ``, NaN at a pole.  On
    a curvilinear grid, or with two coordinates of two dimensions on a plane, it is
    ``sum over a, b of g_ab (D_ab f - sum over c of Γ_ab^c D_c f)`` with the derivatives ``D`` along
    the indices, the metric ``g`` of the grid and the Christoffel symbols ``Γ`` of its places.  Its
    axes may meet at any angle, and a pole may be inside.

    Parameters
    ----------
    obj, dim
        As for :func:`magnitude`.
    spacing, edge_order, datetime_unit, boundary, period, skipna, accuracy, validate
        As for :func:`gradient`, but the edges have the order of `accuracy`.
    window, bandwidth, polyorder, weights
        As for :func:`gradient`.
    uncertainty, sigma
        As for :func:`gradient`.
    constant, constant_by, metric, radius, units
        As for :func:`gradient`.

    Returns
    -------
    DataArray or Dataset
        Of the type of `obj`; named ``<name>_laplacian``, with units such as ``K m-2``.  With
        `uncertainty`, a Dataset of the Laplacian and its standard error.

    Raises
    ------
    CoordinateError, ChunkError, TypeError, ValueError
        As :func:`gradient`.

    References
    ----------
    R. Aris, *Vectors, Tensors, and the Basic Equations of Fluid Mechanics* (1962), chapter 7.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> x = xr.DataArray(np.arange(5.0), dims="x")
    >>> y = xr.DataArray(np.arange(4.0), dims="y")
    >>> laplacian((x**2 + y**2).rename("t")).values[0].round(9)
    array([4., 4., 4., 4.])
    """
    found: _Object = on_numbers(
        obj, options, lambda plain, own: like(plain, laplacians(plain, dim, own))
    )
    return found


def laplacians(obj: Any, dim: Dim, options: Options) -> list[Result]:
    """Check the arguments of :func:`laplacian` and describe its results; compute nothing."""
    from xgrad.operators import metric_terms, second_order  # noqa: PLC0415  not for a gradient

    asked, each = _by_variable(obj, dim, replace(options, order=2), "Laplacian")
    every = [one for _, along in each for one in along]
    asked.refuse_grid_lines(every, "Laplacian")
    bent = second_order.of_directions(every, asked.options)
    found = []
    for name, along in each:
        variable = asked.variables[name]
        text = f"Laplacian of {label_of(name, variable)}"
        terms = [
            term
            for one in along
            if one.frame is None
            for term in metric_terms.second(name, variable, one.spacings[0], asked)
        ]
        if bent is not None:
            terms += bent.laplacian(name, variable)
        found.append(_result(name, "laplacian", text, terms, along, asked))
    return with_errors(obj, found, asked.options)


@spelled_out(LabelledFieldOptions)
def hessian(
    obj: xr.DataArray | xr.Dataset, dim: Dim = None, **options: Unpack[LabelledFieldOptions]
) -> xr.Dataset:
    """All second derivatives, with each pair of dimensions once.

    On a sphere they are covariant, in the directions east and north:
    ``1/(R cos φ)² d²f/dλ² - tan(φ)/R² df/dφ``, ``1/(R² cos φ) (d²f/dλdφ + tan(φ) df/dλ)`` and
    ``1/R² d²f/dφ²``, so that the first and the last add up to the Laplacian.  The first two are
    NaN at a pole.  Longitude and latitude, or two coordinates on a plane, may have two dimensions,
    whose axes may meet at any angle.

    Parameters
    ----------
    obj : DataArray or Dataset
        As for :func:`gradient`.
    dim : hashable or iterable of hashable, optional
        Dimensions or coordinates to pair.  Default: all; with a metric, the horizontal ones, of a
        curvilinear grid its longitude and latitude.
    spacing, edge_order, datetime_unit, boundary, period, skipna, accuracy, validate
        As for :func:`gradient`.
    window, bandwidth, polyorder, weights
        As for :func:`gradient`.
    uncertainty, sigma
        As for :func:`gradient`.
    constant, constant_by, metric, radius, units
        As for :func:`gradient`.

    Returns
    -------
    Dataset
        Variables ``d2t_dx2``, ``d2t_dxdy``, ``d2t_dy2`` and so on; without a metric, each as
        :func:`derivative` returns it.

    Raises
    ------
    CoordinateError, ChunkError, TypeError, ValueError
        As :func:`derivative`, and if dimensions of a curvilinear grid are named.

    Examples
    --------
    >>> import xarray as xr
    >>> da = xr.DataArray([[0.0, 0, 1], [0, 1, 3], [1, 3, 6], [2, 4, 7]], dims=("y", "x"), name="t")
    >>> sorted(hessian(da.pad(x=(0, 1), mode="edge")))
    ['d2t_dx2', 'd2t_dy2', 'd2t_dydx']
    """
    found: xr.Dataset = on_numbers(
        obj, options, lambda plain, own: labelled(plain, hessians(plain, dim, own))
    )
    return found


def hessians(obj: Any, dim: Dim, options: Options) -> list[Result]:
    """Check the arguments of :func:`hessian` and describe its results; compute nothing."""
    # An option may concern some of the pairs only, so options are checked for all pairs first.
    asked = select(obj, dim, options, partial=True)
    asked.refuse_a_track("Hessian")
    if asked.place is None:
        asked.warn_of_single_cells()
    along = _horizontal(asked, asked.at_right_angles) if dim is None else asked.directions
    asked.refuse_grid_lines(along, "Hessian")
    from xgrad.operators import metric_terms, second_order  # noqa: PLC0415  not for a gradient

    bent = second_order.of_directions(along, asked.options)
    found: dict[str, Result] = {}
    for one, other in itertools.combinations_with_replacement(along, 2):
        order, pair = (2, (one,)) if one is other else (1, (one, other))
        own = replace(asked.options, order=order)
        dims = {dim for each in pair for dim in each.dims}
        if not any(dims <= set(variable.dims) for variable in asked.variables.values()):
            continue
        chain = tuple(spacing for each in pair for spacing in each.spacings)
        names = tuple(each.name for each in pair)
        for called, name, _ in differentiable(obj, asked.variables, [chain], own, [names]):
            variable = asked.variables[name]
            terms = metric_terms.of_pair(name, variable, one, other, asked, bent)
            found[called] = single(called, name, variable, terms, pair, own)
    return with_errors(obj, list(found.values()), asked.options)


def _by_variable(
    obj: Any, dim: Dim, options: Options, what: str
) -> tuple[Selection, list[tuple[Hashable, list[Direction]]]]:
    """The selection, and the name and directions of each variable that has the dimensions."""
    asked = select(obj, dim, options, partial=True)
    asked.refuse_a_track(what)
    asked.warn_of_degrees(obj, what)
    if asked.place is None:  # only the horizontal dimensions count on the Earth
        asked.warn_of_single_cells()
    if what == "direction" and _is_of_grid_lines(asked):
        asked.warn_of_falling(obj)
        asked = asked.with_right_angles()
    several = isinstance(obj, xr.Dataset)
    every = asked.directions if what == "direction" else asked.at_right_angles
    if dim is None:
        every = _horizontal(asked, every)
    whole = {
        name: own
        for name, variable in asked.variables.items()
        if (own := [one for one in every if set(one.dims) <= set(variable.dims)])
        and (dim is None or len(own) == len(every))
    }
    if not whole:
        # This raises an error that names what is missing.
        differentiable(obj, asked.variables, [tuple(asked.spacings)], asked.options)
    found = []
    for name, own in whole.items():
        variables = {name: asked.variables[name]}
        refuse_times(name, variables[name])
        one = obj if several else xr.DataArray(variables[name], obj.coords, name=name)
        chains, names = [one.spacings for one in own], [(one.name,) for one in own]
        kept = differentiable(one, variables, chains, asked.options, names)
        found.append((name, [own[k] for _, _, k in kept]))
    return asked, found


def _horizontal(asked: Selection, every: list[Direction]) -> list[Direction]:
    """With a metric, the directions on the sphere: others are not per metre."""
    place = asked.place
    return every if place is None else [one for one in every if all(map(place.has, one.dims))]


def _is_of_grid_lines(asked: Selection) -> bool:
    """Whether both dimensions of a curvilinear grid are asked for, not its coordinates."""
    dims = {along.dim for along in asked.spacings}
    return asked.place is not None and set(asked.place.latitude.dims) <= dims


def _first_derivatives(name: Hashable, along: list[Direction], asked: Selection) -> list[Term]:
    variable, options = asked.variables[name], asked.options
    return [
        term
        for k, direction in enumerate(along)
        for term in terms_along(name, variable, direction, options, component=k)
    ]


def _result(
    name: Hashable, what: str, text: str, terms: list[Term], along: list[Direction],
    asked: Selection, **how: Any,
) -> Result:  # fmt: skip
    variable = asked.variables[name]
    units = common_units([(variable, one) for one in along], asked.options)
    called = what if name is None else f"{name}_{what}"
    held = constant.words(variable, [dim for one in along for dim in one.dims], asked.options)
    attrs = described(variable, text + held, units)
    return Result(called, {name: variable}, tuple(terms), attrs, **how)
