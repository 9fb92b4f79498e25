"""Scalar operators: magnitude, direction, Laplacian, Hessian."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterator
from dataclasses import replace
from typing import Any, TypeVar, Unpack

import xarray as xr

from xgrad._typing import Dim
from xgrad.arrays.term import Term
from xgrad.labels.attributes import described, label_of
from xgrad.labels.keywords import LabelledFieldOptions, LabelledOptions, spelled_out
from xgrad.labels.options import Options
from xgrad.operators.direction import Direction
from xgrad.operators.evaluate import labelled, like, on_numbers
from xgrad.operators.gradient import mixed
from xgrad.operators.result import Result
from xgrad.operators.selection import Selection, select
from xgrad.operators.terms import common_units, differentiable, refuse_times, terms_along

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
    metric, radius, units
        As for :func:`gradient`.

    Returns
    -------
    DataArray or Dataset
        Of the type, shape and chunks of `obj`; real, named ``<name>_gradient_magnitude``.  Each
        derivative has the bits of :func:`gradient`; squares are summed in float64 and the root is
        rounded once.

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
    for name, along, asked in _by_variable(obj, dim, options, "magnitude", partial=True):
        text = f"magnitude of the gradient of {label_of(name, asked.variables[name])}"
        terms = _first_derivatives(name, along, asked)
        found.append(_result(name, "gradient_magnitude", text, terms, along, asked, how="norm"))
    return found


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
    metric, radius, units
        As for :func:`gradient`.  The two dimensions of a curvilinear grid need axes at right
        angles; its longitude and latitude do not.

    Returns
    -------
    DataArray or Dataset
        Of the type of `obj`; named ``<name>_gradient_direction``, from -π to π: 0 where `obj` rises
        along the second of `dim`, π/2 where it rises along the first.

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
    for name, along, asked in _by_variable(obj, names, options, "direction", partial=True):
        variable = asked.variables[name]
        if variable.dtype.kind == "c":
            raise TypeError(
                f"{name!r} has dtype {variable.dtype}, and a complex gradient has no direction; "
                "give its `.real`"
            )
        y, x = names
        text = (
            f"direction of the gradient of {label_of(name, variable)}, "
            f"anticlockwise from {x} to {y}"
        )
        terms = _first_derivatives(name, along, asked)
        one = _result(name, "gradient_direction", text, terms, along, asked, how="angle")
        found.append(one._replace(attrs=described(variable, text, "radian")))
    return found


@spelled_out(LabelledFieldOptions)
def laplacian(obj: _Object, dim: Dim = None, **options: Unpack[LabelledFieldOptions]) -> _Object:
    """Laplacian, ``sum(d²f/dx_i²)``, from second differences over the true positions.

    On a sphere it is ``1/(R cos φ)² d²f/dλ² + 1/R² d²f/dφ² - tan(φ)/R² df/dφ``, NaN at a pole.  On
    a curvilinear grid it is the sum over both grid directions of ``d²f/ds² + d ln(h)/ds df/ds``,
    with h the width of the cells.  A grid whose axes do not meet at right angles is refused; if
    its latitudes or longitudes are lazy, when the result is computed.

    Parameters
    ----------
    obj, dim
        As for :func:`magnitude`.
    spacing, edge_order, datetime_unit, boundary, period, skipna, accuracy, validate
        As for :func:`gradient`, but the edges have the order of `accuracy`.
    metric, radius, units
        As for :func:`gradient`.

    Returns
    -------
    DataArray or Dataset
        Of the type of `obj`; named ``<name>_laplacian``, with units such as ``K m-2``.

    Raises
    ------
    CoordinateError, ChunkError, TypeError, ValueError
        As :func:`gradient`.

    References
    ----------
    G. K. Batchelor, *An Introduction to Fluid Dynamics* (1967), appendix 2.

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
    from xgrad.operators import metric_terms  # noqa: PLC0415  not for a gradient

    found = []
    for name, along, asked in _by_variable(obj, dim, replace(options, order=2), "Laplacian"):
        variable = asked.variables[name]
        text = f"Laplacian of {label_of(name, variable)}"
        spacings = [spacing for direction in along for spacing in direction.spacings]
        terms = [
            term
            for spacing in spacings
            for term in metric_terms.second(name, variable, spacing, asked)
        ]
        found.append(_result(name, "laplacian", text, terms, along, asked))
    return found


@spelled_out(LabelledOptions)
def hessian(
    obj: xr.DataArray | xr.Dataset, dim: Dim = None, **options: Unpack[LabelledOptions]
) -> xr.Dataset:
    """All second derivatives, with each pair of dimensions once.

    Parameters
    ----------
    obj : DataArray or Dataset
        As for :func:`gradient`.
    dim : hashable or iterable of hashable, optional
        Dimensions to pair.  Default: all.
    spacing, edge_order, datetime_unit, boundary, period, skipna, accuracy, validate
        As for :func:`gradient`.
    units
        As for :func:`gradient`.

    Returns
    -------
    Dataset
        Variables ``d2t_dx2``, ``d2t_dxdy``, ``d2t_dy2`` and so on, each as :func:`derivative`
        returns it.

    Raises
    ------
    CoordinateError, ChunkError, TypeError, ValueError
        As :func:`derivative`.

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
    """Check the arguments of :func:`hessian` and describe its results."""
    # An option may concern some of the pairs only, so options are checked for all pairs first.
    asked = select(obj, dim, options)
    found: dict[str, Result] = {}
    for one, other in itertools.combinations_with_replacement(asked.spacings, 2):
        order, pair = (2, (one,)) if one is other else (1, (one, other))
        own = replace(asked.options, order=order)
        if not any(all(a.dim in v.dims for a in pair) for v in asked.variables.values()):
            continue
        for called, name, _ in differentiable(obj, asked.variables, [pair], own):
            found[called] = mixed(called, name, asked.variables[name], pair, own)
    return list(found.values())


def _by_variable(
    obj: Any, dim: Dim, options: Options, what: str, *, partial: bool = False
) -> Iterator[tuple[Hashable, list[Direction], Selection]]:
    """Yield the name, directions and selection of each variable that has the dimensions."""
    asked = select(obj, dim, options, partial=partial)
    asked.refuse_a_track(what)
    asked.warn_of_degrees(obj, what)
    if what == "Laplacian" or (what == "direction" and _is_of_grid_lines(asked)):
        asked = asked.with_right_angles(what)
    several = isinstance(obj, xr.Dataset)
    every = asked.at_right_angles if what == "magnitude" else asked.directions
    if dim is None and asked.place is not None:
        # Derivatives along time and levels are not per metre: with a metric all is the horizontal.
        every = [one for one in every if all(map(asked.place.has, one.dims))]
    whole = {
        name: own
        for name, variable in asked.variables.items()
        if (own := [one for one in every if set(one.dims) <= set(variable.dims)])
        and (dim is None or len(own) == len(every))
    }
    if not whole:
        # This raises an error that names what is missing.
        differentiable(obj, asked.variables, [tuple(asked.spacings)], asked.options)
    for name, own in whole.items():
        variables = {name: asked.variables[name]}
        refuse_times(name, variables[name])
        one = obj if several else xr.DataArray(variables[name], obj.coords, name=name)
        chains, names = [one.spacings for one in own], [(one.name,) for one in own]
        found = differentiable(one, variables, chains, asked.options, names)
        yield name, [own[k] for _, _, k in found], asked


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
    attrs = described(variable, text, units)
    return Result(called, {name: variable}, tuple(terms), attrs, **how)
