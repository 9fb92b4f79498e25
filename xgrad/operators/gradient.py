"""Gradients and single derivatives of labelled data."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any, TypeVar, Unpack

import xarray as xr

from xgrad._typing import Dim
from xgrad.arrays.term import Term
from xgrad.labels.attributes import described, label_of
from xgrad.labels.keywords import LabelledFieldOptions, LabelledOptions, spelled_out
from xgrad.labels.options import Options
from xgrad.labels.spacing import Spacing
from xgrad.labels.times import seconds
from xgrad.operators import constant
from xgrad.operators.direction import Direction
from xgrad.operators.evaluate import labelled, like, on_numbers
from xgrad.operators.result import Result
from xgrad.operators.selection import select
from xgrad.operators.terms import differentiable, term_of, terms_along, units_of
from xgrad.operators.uncertainty import with_errors

_Object = TypeVar("_Object", xr.DataArray, xr.Dataset)

_ORDINALS = {1: "", 2: "second ", 3: "third ", 4: "fourth "}


@spelled_out(LabelledFieldOptions)
def gradient(
    obj: xr.DataArray | xr.Dataset, dim: Dim = None, **options: Unpack[LabelledFieldOptions]
) -> xr.Dataset:
    """Gradient of labelled data, by default with the numbers of ``numpy.gradient``.

    Differences are central inside and one-sided at the two edges of each dimension:
    ``f'[i] = (f[i+1] - f[i-1]) / (2 h)`` at even spacing, and the derivative of the parabola
    through three neighbouring points at uneven spacing.  Dask arrays stay lazy.

    Parameters
    ----------
    obj : DataArray or Dataset
        Data of float, complex, integer or time dtype.  In a Dataset, variables of these dtypes that
        have the dimension are differentiated, and the others are left out.  Variables that belong
        to others by the CF conventions, such as bounds, become coordinates, unless they are
        selected alone.
    dim : hashable or iterable of hashable, optional
        Dimensions, or 1-D coordinates along them, to differentiate along.  CF names such as
        ``"longitude"`` also work, whatever the coordinate is called.  Default: every dimension of
        more than one cell.
    spacing : mapping, optional
        Per dimension, what to use instead of its coordinate: a scalar step; an array of positions
        of shape ``(n,)``; the name of a coordinate; a multi-dimensional coordinate, as a DataArray
        or by name, which gives each column its own positions; or ``"uniform"`` for a coordinate
        that is evenly spaced except for rounding.
    edge_order : {1, 2}, default: 1
        Order of accuracy of the one-sided differences at the two edges, with ``accuracy=2``.
    datetime_unit : {"W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as"}, optional
        Unit of time of the result if a coordinate or the data are times; words such as ``"hour"``
        or ``"days"`` do as well, and ``"m"`` is a minute.  Default: seconds, whatever the
        resolution of the dtype.
    boundary : str, number, (left, right) pair of them, or mapping of dimensions to them
        What is beyond the edges: ``"one-sided"`` (default), nothing; ``"periodic"``, the other
        end of the dimension; ``"extend"``, the edge value repeated; ``"reflect"``, the mirror
        image about the edge point; ``"nan"``, missing values, so that differences across the edge
        are NaN; a number, that value.  Ghost cells continue at the spacing of the edge, mirrored
        ones at the mirrored spacing.
    period : mapping, optional
        Per periodic dimension, the length of one period, in the unit of its coordinate or, for
        times, as a timedelta.  Default: 360 for degrees east and 2 pi for radians.
    skipna : bool, default: False
        Treat a missing neighbour as an edge.  A missing cell stays missing, and so does a cell
        between two missing ones.
    accuracy : {2, 4, 6, 8}, default: 2
        Order of accuracy.  From 4 on, the weights are Fornberg's, and the edges have the same
        order.
    window : int or mapping of dimensions to int, optional
        For noisy data: differentiate the polynomial that is fitted by least squares to so many
        cells around each cell, an odd number, at their positions.  The outermost cells take the
        polynomial of the last whole window.  On even positions the numbers are those of
        ``scipy.signal.savgol_filter``.  With `skipna` it is fitted to the valid cells of the
        window, and NaN where they are too few.
    bandwidth : number, time, quantity or mapping of dimensions to them, optional
        Instead of `window`, the full width in the unit of the coordinate: the polynomial is fitted
        to all cells within half of it on either side, at an edge to those on one side.  With a
        `metric`, numbers are still degrees and quantities are lengths, measured at the equator for
        longitude.  For times, give ``"4h"``, a timedelta64 or a quantity.  Too few neighbours for
        some cells are an error; with ``validate=False`` these cells are NaN.
    polyorder : int or mapping of dimensions to int, optional
        Order of the polynomials.  Default: 3, or the order of the derivative if that is greater.
    weights : {"uniform", "tricube"} or mapping of dimensions to them, optional
        How much the cells of a fit count: all the same (default), or by ``(1 - |d|³)³``, where d is
        the distance from the cell relative to that of the farthest one, or to half of `bandwidth`.
    uncertainty : bool, default: False
        Add the standard error of each derivative, as ``<name>_standard_error``: how far the noise
        of the data typically moves it, if the noise of the cells is independent and, within a
        window, of the same size.  It is estimated from the residuals of each fit, and NaN if no
        degree of freedom is left.  It does not include the error of a window too wide for the
        signal.
    sigma : number, quantity, DataArray or str, optional
        Standard deviation of the noise, in the unit of the data, if it is known; standard errors
        are then computed from it.  A DataArray, or the name of a variable or coordinate, gives each
        cell its own, and the fit then weights each cell by ``1 / sigma**2``, even without
        `uncertainty`.  Cells whose `sigma` is NaN count as missing.  Values that are not positive
        are an error; if they are lazy, or with ``validate=False``, their cells count as missing.
    constant : mapping, optional
        Per dimension, what to hold constant instead of the index along it: a coordinate by name, or
        a DataArray, such as ``{"s_rho": "z_rho"}`` for derivatives at constant height on levels
        that follow the bottom; or ``"formula_terms"`` for the heights that this attribute of CF
        defines.
        Anything that is strictly monotonic along the dimension works: height, pressure, density.
        Neighbouring columns are taken at the height of the cell itself; where one does not reach
        it, the result is NaN, or one-sided with `skipna`.
    constant_by : {"interpolation", "linear", "chain"}, default: "interpolation"
        How: by the cubic through the four levels around that height (fewer at most where a column
        has fewer), by the line between the two, or by the chain rule along the levels.
    validate : bool, default: True
        Check that multi-dimensional coordinates in memory are strictly monotonic.  Columns that
        are not raise an error; with False they give NaN.
    metric : {"sphere", "ellipsoid", "grid_mapping"} or CRS, optional
        Where the cells are on the Earth: latitude and longitude, found by their CF units,
        standard_name or name, are places on a sphere or on the ellipsoid WGS 84.  Derivatives are
        per metre, eastward ``1/(N cos φ) d/dλ`` (NaN at a pole) and northward ``1/M d/dφ``, with
        the radii of curvature N and M, which are the radius of a sphere.  If places are 2-D, their
        names mean eastward and northward, and dimensions along the grid, counted along the index.
        A longitude that spans the globe is periodic, unless `boundary` names it.  A CRS is
        anything that pyproj takes, or the grid mapping of the data; data with projection
        coordinates only get ``latitude`` and ``longitude`` from it.
    radius : float, optional
        Radius of the sphere in metres.  Default: 6371229.
    units : str, optional
        Unit to convert every result to, such as ``"K km-1"``.

    Returns
    -------
    Dataset
        A variable ``d<name>_d<coord>`` (``d_d<coord>`` without a name) for each variable and each
        of `dim`, in this order.  Shapes, dimensions, coordinates and chunks are those of `obj`;
        inexact dtypes are kept and others become float64.  If the units of both the variable and
        the coordinate are known, ``units`` is their quotient, such as ``K s-1``.  Pint quantities
        give quantities.

    Raises
    ------
    CoordinateError
        If a name is unknown or given twice, or positions are missing, repeated or unsorted.
    ChunkError
        If the chunk sizes of a dask array are unknown.
    TypeError
        If `obj` is not an xarray object, or its values cannot be subtracted (bool, str, object).
    ValueError
        If a dimension has too few cells, an option is not one of its choices, or a result cannot
        be converted to `units`.
    ImportError
        If `units` needs a package that is not installed.

    See Also
    --------
    derivative : One derivative, of higher order or mixed.
    numpy.gradient : The same numbers, for unlabelled arrays in memory.

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
    found: xr.Dataset = on_numbers(
        obj, options, lambda plain, own: labelled(plain, gradients(plain, dim, own))
    )
    return found


@spelled_out(LabelledOptions)
def derivative(
    obj: _Object,
    dim: Hashable | Iterable[Hashable],
    order: int = 1,
    **options: Unpack[LabelledOptions],
) -> _Object:
    """One derivative of labelled data, of higher order or mixed.

    Higher orders use one stencil over the true positions, not a chain of first derivatives: order
    2 over any three positions is the second derivative of the parabola through them,
    ``f'' = 2 (f[i-1] / (h1 (h1 + h2)) - f[i] / (h1 h2) + f[i+1] / (h2 (h1 + h2)))``.

    Parameters
    ----------
    obj : DataArray or Dataset
        As for :func:`gradient`.
    dim : hashable or iterable of hashable
        Dimension, or 1-D coordinate along it.  Several give the mixed derivative.
    order : {1, 2, 3, 4}, default: 1
        Order of the derivative along each of `dim`.
    spacing, edge_order, datetime_unit, boundary, period, skipna, accuracy, constant
        As for :func:`gradient`.
    constant_by, validate, units
        As for :func:`gradient`.  Above the first order, `edge_order` is ignored and the edges have
        the order of `accuracy`.
    window, bandwidth, polyorder, weights
        As for :func:`gradient`.
    uncertainty, sigma
        As for :func:`gradient`; `sigma` of each cell for one dimension only.

    Returns
    -------
    DataArray or Dataset
        Of the type of `obj`, named ``d2t_dx2`` or ``d2t_dxdy``, with units such as ``K m-2``.  With
        `uncertainty`, a Dataset of the derivative and its standard error.

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
    found: _Object = on_numbers(
        obj,
        {"order": order, **options},
        lambda plain, own: like(plain, derivatives(plain, dim, own)),
    )
    return found


def gradients(obj: Any, dim: Dim, options: Options) -> list[Result]:
    """Check the arguments of :func:`gradient` and describe its results; compute nothing.

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
    >>> [found.name for found in gradients(da, "x", Options())]
    ['dt_dx']
    """
    asked = select(obj, dim, options, partial=True)
    asked.warn_of_single_cells()
    asked.warn_of_falling(obj)
    directions = asked.directions
    every = list(
        differentiable(
            obj,
            asked.variables,
            [one.spacings for one in directions],
            asked.options,
            [(one.name,) for one in directions],
        )
    )
    # Bounds of longitudes have no latitude, by which their eastward derivative is scaled.
    fit = [one for one in every if directions[one[2]].fits(asked.variables[one[1]])]
    found = []
    for called, name, k in fit if isinstance(obj, xr.Dataset) and fit else every:
        variable = asked.variables[name]
        terms = terms_along(name, variable, directions[k], asked.options)
        found.append(single(called, name, variable, terms, (directions[k],), asked.options))
    return with_errors(obj, found, asked.options)


def derivatives(obj: Any, dim: Dim, options: Options) -> list[Result]:
    """Check the arguments of :func:`derivative` and describe its results; compute nothing."""
    if dim is None:
        raise ValueError(
            "`dim` is None; give the dimension of the derivative, or several for a mixed one"
        )
    if not options.order:
        raise ValueError("`order` is 0; give 1, 2, 3 or 4, or take `smooth` for the fit itself")
    asked = select(obj, dim, options)
    chain = tuple(asked.spacings)
    found = differentiable(obj, asked.variables, [chain], asked.options)
    results = []
    for called, name, _ in found:
        variable = asked.variables[name]
        terms = [_mixed(name, variable, chain, asked.options)]
        results.append(single(called, name, variable, terms, chain, asked.options))
    return with_errors(obj, results, asked.options)


def _mixed(
    name: Hashable, variable: xr.Variable, chain: Iterable[Spacing], options: Options
) -> Term:
    """Derivatives along several dimensions, one after another."""
    term: Term | None = None
    for along in chain:
        term = term_of(name, variable, along, options, of=term)
    assert term is not None
    return term


def single(
    called: str, name: Hashable, variable: xr.Variable, terms: Iterable[Term],
    chain: tuple[Spacing | Direction, ...], options: Options,
) -> Result:  # fmt: skip
    """One derivative of a variable.

    Parameters
    ----------
    called : str
        Name of the result.
    name : hashable
        Name of the variable.
    variable : Variable
        The data to differentiate.
    terms : iterable of Term
        Their sum is the derivative.
    chain : tuple of (Spacing or Direction)
        What the derivative is taken along.
    options : Options
        With the order of each derivative.
    """
    attrs = attributes(name, variable, chain, options)
    seconds = _seconds(variable, options)
    return Result(called, {name: variable}, tuple(terms), attrs, seconds=seconds)


def _seconds(variable: xr.Variable, options: Options) -> float:
    """Seconds in the unit of time of the result; kernels differentiate times in seconds."""
    is_time = variable.dtype.kind in "mM"
    return seconds(options.unit_of_time) if is_time else 1.0


def attributes(
    name: Hashable, variable: xr.Variable, chain: tuple[Spacing | Direction, ...], options: Options
) -> dict[Hashable, Any]:
    """Attributes of a derivative: units, long name, and those of the variable that still hold."""
    respect = " and ".join(along.label for along in chain)
    if len(chain) == 1:
        what, which = f"{_ORDINALS[options.order]}derivative", ""
    else:
        what, which = "mixed derivative", f", order {options.order} in each" * (options.order > 1)
    every = [along.spacings if isinstance(along, Direction) else (along,) for along in chain]
    dims = [one.dim for along in every for one in along]
    held = constant.words(variable, dims, options)
    text = f"{what} of {label_of(name, variable)} with respect to {respect}{which}{held}"
    return described(variable, text, units_of(variable, chain, options))
