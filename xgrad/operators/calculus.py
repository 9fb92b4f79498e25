"""What people make of derivatives: magnitude, direction, Laplacian, Hessian, divergence, curl."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeVar, Unpack

import dask.array as da
import numpy as np
import xarray as xr

from xgrad._typing import AnyArray, Dim, Form, LabelledFieldOptions, LabelledOptions
from xgrad.errors import CoordinateError
from xgrad.labels import cf, quantities
from xgrad.labels.attributes import described, label_of
from xgrad.labels.options import Options
from xgrad.labels.spacing import Spacing
from xgrad.operators.curvature import growth
from xgrad.operators.gradient import (
    Asked,
    asked_for,
    chained,
    first_derivatives,
    possible,
    units_of,
)
from xgrad.operators.result import Combination, Part, labelled

_Object = TypeVar("_Object", xr.DataArray, xr.Dataset)


def magnitude(obj: _Object, dim: Dim = None, **options: Unpack[LabelledFieldOptions]) -> _Object:
    """Magnitude of the gradient, ``sqrt(sum((df/dx_i)²))``.

    Parameters
    ----------
    obj : DataArray or Dataset
        As for :func:`gradient`.
    dim : hashable or iterable of hashable, optional
        Dimensions of the gradient.  Default: all.  Of a Dataset the variables that have all of
        them take part.
    **options
        Those of :func:`gradient`.

    Returns
    -------
    DataArray or Dataset
        As `obj`; named ``<name>_gradient_magnitude``, real, of the shape and chunks of `obj`.  Each
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
    found: _Object = _given(
        obj, options, lambda plain, own: _like(plain, magnitudes(plain, dim, own), own)
    )
    return found


def magnitudes(obj: Any, dim: Dim, options: Options) -> list[Combination]:
    """What :func:`magnitude` gives, checked and not begun."""
    found = []
    for name, parts, asked in _by_variable(obj, dim, options):
        text = f"magnitude of the gradient of {label_of(name, asked.variables[name])}"
        attrs = described(asked.variables[name], text, _common_units(parts, options))
        found.append(Combination(_named(name, "gradient_magnitude"), parts, attrs, "norm"))
    return found


def direction(obj: _Object, dim: Dim, **options: Unpack[LabelledFieldOptions]) -> _Object:
    """Direction of steepest ascent, ``arctan2(df/dy, df/dx)`` for ``dim=(y, x)``, in radians.

    Parameters
    ----------
    obj : DataArray or Dataset
        As for :func:`gradient`, and real.
    dim : two hashables
        First the dimension of the numerator, as the axes of an image: rows, then columns.
    **options
        Those of :func:`gradient`.

    Returns
    -------
    DataArray or Dataset
        As `obj`; named ``<name>_gradient_direction``, from -π to π: 0 where `obj` rises along the
        second of `dim`, π/2 where it rises along the first.

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
    found: _Object = _given(
        obj, options, lambda plain, own: _like(plain, directions(plain, dim, own), own)
    )
    return found


def directions(obj: Any, dim: Dim, options: Options) -> list[Combination]:
    """What :func:`direction` gives, checked and not begun."""
    names: list[Any] = list(dim) if isinstance(dim, tuple | list) else [dim]
    if len(names) != 2:
        raise ValueError(
            f"`dim` is {dim!r}; a direction is arctan2(d/dy, d/dx) of two dimensions, give (y, x)"
        )
    found = []
    for name, parts, asked in _by_variable(obj, names, options):
        variable = asked.variables[name]
        if variable.dtype.kind == "c":
            raise TypeError(
                f"{name!r} is {variable.dtype}, whose gradient has no direction; give its `.real`"
            )
        y, x = names
        text = (
            f"direction of the gradient of {label_of(name, variable)}, "
            f"anticlockwise from {x} to {y}"
        )
        attrs = described(variable, text, "radian")
        found.append(Combination(_named(name, "gradient_direction"), parts, attrs, "angle"))
    return found


def laplacian(obj: _Object, dim: Dim = None, **options: Unpack[LabelledFieldOptions]) -> _Object:
    """Laplacian, ``sum(d²f/dx_i²)``, from second differences over the true positions.

    On a sphere ``1/(R cos φ)² d²f/dλ² + 1/R² d²f/dφ² - tan(φ)/R² df/dφ``, NaN at a pole.  Along a
    curvilinear grid, which is taken to be orthogonal,
    ``d²f/ds² + d ln(h)/ds df/ds`` for each of its directions, with h the width of the cells.

    Parameters
    ----------
    obj, dim, **options
        As for :func:`magnitude`.  The edges have the order of `accuracy`.

    Returns
    -------
    DataArray or Dataset
        As `obj`; named ``<name>_laplacian``, with units such as ``K m-2``.

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
    found: _Object = _given(
        obj, options, lambda plain, own: _like(plain, laplacians(plain, dim, own), own)
    )
    return found


def laplacians(obj: Any, dim: Dim, options: Options) -> list[Combination]:
    """What :func:`laplacian` gives, checked and not begun."""
    second = replace(options, order=2)
    found = []
    for name, parts, asked in _by_variable(obj, dim, second):
        terms = tuple(term for part in parts for term in _second(part, asked))
        text = f"Laplacian of {label_of(name, asked.variables[name])}"
        attrs = described(asked.variables[name], text, _common_units(parts, second))
        found.append(Combination(_named(name, "laplacian"), terms, attrs))
    return found


def _second(part: Part, asked: Asked) -> Iterator[Part]:
    """A second derivative, and what the curvature of its coordinate adds to it."""
    place, along = asked.place, part.along
    assert along is not None
    if place is None or not place.has(along.dim):
        yield part
        return
    # The tangent grows towards a pole as fast as the cells shrink: an edge of first order there
    # would leave an error that does not converge.
    first = replace(part.scheme, order=1, edge_order=2)
    if place.is_curvilinear:
        yield part
        yield replace(part, scheme=first, factor=growth(place, along.dim))
    elif place.is_eastward(along.dim):
        yield replace(part, factor=place.eastward() ** 2)
    else:
        yield part
        yield replace(part, scheme=first, factor=place.slope(-1.0) + 0 * place.eastward())


def hessian(
    obj: xr.DataArray | xr.Dataset, dim: Dim = None, **options: Unpack[LabelledOptions]
) -> xr.Dataset:
    """All second derivatives, each pair of dimensions once.

    Parameters
    ----------
    obj : DataArray or Dataset
        As for :func:`gradient`.
    dim : hashable or iterable of hashable, optional
        Dimensions.  Default: all.
    **options
        Those of :func:`derivative`.

    Returns
    -------
    Dataset
        ``d2t_dx2``, ``d2t_dxdy``, ``d2t_dy2`` and so on, as :func:`derivative` gives them.

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
    found: xr.Dataset = _given(obj, options, lambda plain, own: _hessian(plain, dim, own))
    return found


def _hessian(obj: Any, dim: Dim, options: Options) -> xr.Dataset:
    # Each option belongs to some of the pairs: it is checked for all of them first.
    asked = asked_for(obj, dim, options)
    several = isinstance(obj, xr.Dataset)
    found: dict[Hashable, Any] = {}
    for one, other in itertools.combinations_with_replacement(asked.spacings, 2):
        order, pair = (2, (one,)) if one is other else (1, (one, other))
        own = replace(asked.options, order=order)
        if not any(all(a.dim in v.dims for a in pair) for v in asked.variables.values()):
            continue
        for derivative in possible(obj, asked.variables, [pair], own):
            found[derivative.name] = chained(derivative, own)
    return xr.Dataset(found, obj.coords, obj.attrs if several else {})


def divergence(
    components: Mapping[Any, xr.DataArray] | None = None,
    *,
    u: xr.DataArray | None = None,
    v: xr.DataArray | None = None,
    w: xr.DataArray | None = None,
    form: Form = "advective",
    **options: Unpack[LabelledFieldOptions],
) -> xr.DataArray:
    """Divergence of a vector field, ``du/dx + dv/dy + dw/dz``.

    On a sphere ``1/(R cos φ) du/dλ + 1/R dv/dφ - v tan(φ)/R``; in the flux form
    ``1/(R cos φ) (du/dλ + d(v cos φ)/dφ)``, whose sum over the closed sphere is zero.  At a pole it
    is the limit ``2/R dv/dφ`` of a flow that is the same at all longitudes, whose mean over the
    longitudes is that of any smooth flow.  Along a curvilinear grid, taken to be orthogonal, the
    components are those along the grid: ``du/ds + u d ln(h)/ds + ...``.

    Parameters
    ----------
    components : mapping of hashable to DataArray
        Per dimension (or coordinate along it) the component in its direction.
    u, v, w : DataArray, optional
        In place of it, the components along the axes x (or longitude), y (latitude) and z, which
        are found by their CF attributes or names.
    form : {"advective", "flux"}, default: "advective"
        On a sphere, how the terms of its curvature are written.
    **options
        Those of :func:`gradient`.

    Returns
    -------
    DataArray
        Named ``divergence``, with the dimensions and chunks of the first component.

    Raises
    ------
    CoordinateError
        If the components lie on different grids.
    ChunkError, TypeError, ValueError
        As :func:`gradient`.

    References
    ----------
    J. R. Holton, G. J. Hakim, *An Introduction to Dynamic Meteorology* (2013), appendix C.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> x = xr.DataArray([0.0, 1.0, 3.0], dims="x", coords={"x": [0.0, 1.0, 3.0]})
    >>> y = xr.DataArray([0.0, 2.0], dims="y", coords={"y": [0.0, 2.0]})
    >>> divergence(u=3 * x + 0 * y, v=4 * y + 0 * x).values
    array([[7., 7.],
           [7., 7.],
           [7., 7.]])
    """
    obj, names = _together(components, {"u": u, "v": v, "w": w}, "divergence")
    return divergence_of(obj, names, form, **options)


def divergence_of(
    obj: xr.Dataset, components: Mapping[Any, Hashable], form: Form = "advective",
    **options: Unpack[LabelledFieldOptions],
) -> xr.DataArray:  # fmt: skip
    """:func:`divergence` of variables of a Dataset."""

    def one(plain: xr.Dataset, own: Options) -> xr.DataArray:
        (found,) = divergences(plain, components, own, form)
        return _labelled(plain, [found], own)[found.name]

    result: xr.DataArray = _given(_only(obj, components), options, one)
    return result


def divergences(
    obj: xr.Dataset, components: Any, options: Options, form: str = "advective"
) -> list[Combination]:
    """What :func:`divergence` gives, checked and not begun."""
    fields = _Fields(obj, components, options, form)
    parts = tuple(part for dim in fields.dims for part in fields.across(dim, dim, 1.0))
    return [fields.combination("divergence", parts)]


def curl(
    components: Mapping[Any, xr.DataArray] | None = None,
    *,
    u: xr.DataArray | None = None,
    v: xr.DataArray | None = None,
    w: xr.DataArray | None = None,
    form: Form = "advective",
    **options: Unpack[LabelledFieldOptions],
) -> xr.DataArray | xr.Dataset:
    """Curl of a vector field: ``dv/dx - du/dy`` of two components, a vector of three.

    On a sphere the vertical component is ``1/(R cos φ) dv/dλ - 1/R du/dφ + u tan(φ)/R``, the
    relative vorticity; at a pole its limit ``-2/R du/dφ`` in solid-body rotation.  The two
    horizontal ones of three are those of a shallow fluid, ``dw/dy - dv/dz`` and ``du/dz - dw/dx``.

    Parameters
    ----------
    components, u, v, w, form, **options
        As for :func:`divergence`.  Dimensions are right-handed in the order given; those of a
        sphere are east and north in any order.

    Returns
    -------
    DataArray or Dataset
        Of two components a DataArray ``curl``; of three a Dataset ``curl_<dim>``.

    Raises
    ------
    CoordinateError, ChunkError, TypeError, ValueError
        As :func:`divergence`, and if there are not two or three components.

    Examples
    --------
    >>> import xarray as xr
    >>> x = xr.DataArray([0.0, 1.0, 3.0], dims="x", coords={"x": [0.0, 1.0, 3.0]})
    >>> y = xr.DataArray([0.0, 2.0], dims="y", coords={"y": [0.0, 2.0]})
    >>> curl(u=-y + 0 * x, v=x + 0 * y).values
    array([[2., 2., 2.],
           [2., 2., 2.]])
    """
    obj, names = _together(components, {"u": u, "v": v, "w": w}, "curl")
    return curl_of(obj, names, form, **options)


def curl_of(
    obj: xr.Dataset, components: Mapping[Any, Hashable], form: Form = "advective",
    **options: Unpack[LabelledFieldOptions],
) -> xr.DataArray | xr.Dataset:  # fmt: skip
    """:func:`curl` of variables of a Dataset."""

    def all_of_it(plain: xr.Dataset, own: Options) -> xr.DataArray | xr.Dataset:
        found = curls(plain, components, own, form)
        results = _labelled(plain, found, own)
        return results[found[0].name] if len(found) == 1 else results

    result: xr.DataArray | xr.Dataset = _given(_only(obj, components), options, all_of_it)
    return result


def curls(
    obj: xr.Dataset, components: Any, options: Options, form: str = "advective"
) -> list[Combination]:
    """What :func:`curl` gives, checked and not begun."""
    if not isinstance(components, Mapping) or len(components) not in (2, 3):
        given = list(components) if isinstance(components, Mapping) else components
        raise ValueError(
            f"`components` are {given!r}; a curl is made of two components, or of three"
        )
    fields = _Fields(obj, components, options, form)
    dims = fields.right_handed()
    if len(dims) == 2:
        return [fields.combination("curl", fields.rotation(*dims))]
    x, y, z = dims
    return [
        fields.combination(f"curl_{name}", fields.rotation(one, other))
        for name, one, other in ((x, y, z), (y, z, x), (z, x, y))
    ]


class _Fields:
    """Components of a vector field on one grid, and their derivatives."""

    def __init__(self, obj: xr.Dataset, components: Any, options: Options, form: str) -> None:
        if not isinstance(components, Mapping) or not components:
            raise ValueError(
                f"`components` are {components!r}; give a mapping of dimensions to components, "
                "such as {'x': 'u', 'y': 'v'}"
            )
        for name in components.values():
            if name not in obj:
                raise ValueError(
                    f"`components` name {name!r}, which does not exist; variables are "
                    f"{list(obj.data_vars)}"
                )
        if form not in ("advective", "flux"):
            raise ValueError(f"`form` is {form!r}; give 'advective' or 'flux'")
        self.form = form
        names = list(dict.fromkeys(components.values()))
        self.asked = asked_for(obj[names], list(components), options)
        self.options = self.asked.options
        self.place = self.asked.place
        self._require_a_form()
        first = obj.variables[names[0]]
        self.dims = [along.dim for along in self.asked.spacings]
        self._along = dict(zip(self.dims, self.asked.spacings, strict=True))
        self.origin = dict(zip(self.dims, components.values(), strict=True))
        self._variables = {name: _on_grid(obj, name, names[0]) for name in names}
        self.first = first

    def _require_a_form(self) -> None:
        if self.form == "advective":
            return
        if self.place is None or self.place.is_curvilinear or self.options.skipna:
            raise ValueError(
                "`form` is 'flux', which is that of latitude and longitude on a sphere without "
                "gaps; give `metric='sphere'` with coordinates of one dimension and without "
                "`skipna`, or leave it out"
            )

    def right_handed(self) -> list[Hashable]:
        """The dimensions, with the one that runs east before the one that runs north."""
        place = self.place
        horizontal = [d for d in self.dims if place is not None and place.has(d)]
        if place is None or place.is_curvilinear or len(horizontal) < 2:
            return self.dims
        east, north = sorted(horizontal, key=place.is_northward)
        return [east, north, *(dim for dim in self.dims if dim not in horizontal)]

    def rotation(self, one: Hashable, other: Hashable) -> tuple[Part, ...]:
        """``d(other component)/d(one) - d(one component)/d(other)``."""
        return (*self.across(other, one, 1.0), *self.across(one, other, -1.0))

    def across(self, component: Hashable, dim: Hashable, sign: float) -> Iterator[Part]:
        """``sign`` times the derivative of a component along a dimension.

        With what the curvature adds to it, where component and dimension both lie on the sphere.
        """
        part = self._part(component, dim)
        place = self.place
        if place is None or not place.has(dim):
            yield replace(part, factor=None if sign == 1 else sign)
        elif not place.has(component):
            factor = place.eastward() * sign if place.is_eastward(dim) else sign
            yield replace(part, factor=factor)
        elif place.is_curvilinear:
            yield replace(part, factor=None if sign == 1 else sign)
            yield self._values(part, growth(place, dim) * sign)
        elif self.form == "flux":
            inside, before = place.cosines()
            yield replace(
                part, factor=before * sign, inside=inside if place.is_northward(dim) else None
            )
        elif place.is_eastward(dim):
            yield replace(part, factor=place.eastward(at_the_pole=0.0) * sign)
        else:
            doubled = place.northward_of_vectors()
            plain = None if sign == 1 else sign
            yield replace(part, factor=plain if doubled is None else doubled * sign)
            yield self._values(part, place.slope(-sign))

    def _part(self, component: Hashable, dim: Hashable) -> Part:
        name = self.origin[component]
        (found,) = possible(
            self._alone(name), {name: self._variables[name]}, [(self._along[dim],)], self.options
        )
        _refuse_times(name, found.variable)
        return Part(name, found.variable, found.chain[0], found.schemes[0])

    def _alone(self, name: Hashable) -> xr.DataArray:
        return xr.DataArray(self._variables[name], name=name)

    def _values(self, part: Part, factor: xr.Variable) -> Part:
        return Part(part.origin, part.variable, factor=factor)

    def combination(self, name: str, parts: tuple[Part, ...]) -> Combination:
        """The sum of the parts, with its attributes."""
        labels = [label_of(n, v) for n, v in self._variables.items()]
        text = f"{name.replace('_', ' along ')} of {', '.join(labels[:-1])} and {labels[-1]}"
        if len(labels) == 1:
            text = f"{name} of {labels[0]}"
        return Combination(
            name, parts, described(self.first, text, _common_units(parts, self.options))
        )


def _on_grid(obj: xr.Dataset, name: Hashable, first: Hashable) -> xr.Variable:
    """A component with the order of dimensions of the first one."""
    variable, like = obj.variables[name], obj.variables[first]
    if set(variable.dims) != set(like.dims):
        raise CoordinateError(
            f"`components` {first!r} with dimensions {like.dims} and {name!r} with "
            f"{variable.dims} are on different grids; select or interpolate one of them first"
        )
    return variable.transpose(*like.dims)


def _by_variable(
    obj: Any, dim: Dim, options: Options
) -> Iterator[tuple[Hashable, tuple[Part, ...], Asked]]:
    """For each variable that has the dimensions its derivatives along them."""
    asked = asked_for(obj, dim, options)
    several = isinstance(obj, xr.Dataset)
    taking_part: dict[Hashable, list[tuple[Spacing, ...]]] = {
        name: [(a,) for a in asked.spacings if a.dim in variable.dims]
        for name, variable in asked.variables.items()
    }
    whole = {
        name: chains
        for name, chains in taking_part.items()
        if chains and (dim is None or len(chains) == len(asked.spacings))
    }
    if not whole:
        # The error names what is missing.
        possible(obj, asked.variables, [tuple(asked.spacings)], asked.options)
    for name, chains in whole.items():
        variables = {name: asked.variables[name]}
        _refuse_times(name, variables[name])
        one = obj if several else xr.DataArray(variables[name], obj.coords, name=name)
        found = possible(one, variables, chains, asked.options)
        yield name, tuple(_scaled(d.origin, d.variable, d.chain[0], d.schemes[0], asked)
                          for d in found), asked  # fmt: skip


def _scaled(
    origin: Hashable, variable: xr.Variable, along: Spacing, scheme: Any, asked: Asked
) -> Part:
    factor = None if asked.place is None else asked.place.factor(along.dim)
    return Part(origin, variable, along, scheme, factor)


def _refuse_times(name: Hashable, variable: xr.Variable) -> None:
    if variable.dtype.kind in "mM":
        raise TypeError(
            f"{name!r} has dtype {variable.dtype}; subtract a time and divide by a unit first"
        )


def _common_units(parts: tuple[Part, ...], options: Options) -> str | None:
    """Units of a sum of derivatives; None where they differ or are unknown."""
    found = {
        units_of(part.variable, [part.along], options) for part in parts if part.along is not None
    }
    return found.pop() if len(found) == 1 else None


def _named(name: Hashable, what: str) -> str:
    return what if name is None else f"{name}_{what}"


def _given(obj: Any, options: Any, operation: Callable[[Any, Options], Any]) -> Any:
    """Run an operation on plain numbers, with its options."""
    units = options.pop("units", None)
    own = Options(**options)
    return quantities.through(obj, lambda plain: operation(plain, own), units)


def _only(obj: xr.Dataset, components: Any) -> xr.Dataset:
    """The components alone: the others may be quantities, or on other grids."""
    if not isinstance(components, Mapping) or not all(n in obj for n in components.values()):
        return obj  # refused later on
    return obj[list(dict.fromkeys(components.values()))]


def _labelled(obj: Any, found: list[Combination], options: Options) -> xr.Dataset:
    return labelled(obj, found, lambda one: one.values(validate=options.validate))


def _like(obj: Any, found: list[Combination], options: Options) -> Any:
    """Results as a DataArray of a DataArray, and as a Dataset of a Dataset."""
    results = _labelled(obj, found, options)
    if isinstance(obj, xr.Dataset):
        return results
    (result,) = results.data_vars.values()
    return result


_AXES = {"u": "X", "v": "Y", "w": "Z"}


def _together(
    components: Mapping[Any, xr.DataArray] | None, loose: Mapping[str, Any], what: str
) -> tuple[xr.Dataset, dict[Hashable, Hashable]]:
    """Components of one grid as a Dataset, and which dimension each belongs to."""
    given = {key: value for key, value in loose.items() if value is not None}
    if (components is None) == (not given):
        raise ValueError(
            f"`components` are {components!r} and {list(given)} are given; give {what} either a "
            "mapping of dimensions to components, or `u`, `v` and `w`"
        )
    if components is None:
        components = {_dim_of(key, value): value for key, value in given.items()}
    if not isinstance(components, Mapping):
        raise TypeError(f"`components` is {components!r}; give a mapping of dimensions to arrays")
    for dim, array in components.items():
        if not isinstance(array, xr.DataArray):
            raise TypeError(
                f"`components` for {dim!r} is a {type(array).__name__}; give a DataArray"
            )
    names = [array.name for array in components.values()]
    if None in names or len(set(names)) < len(names):
        names = [f"component_{dim}" for dim in components]
    arrays = list(components.values())
    for array, name in zip(arrays[1:], names[1:], strict=True):
        _require_one_grid(arrays[0], names[0], array, name)
    found = xr.Dataset(coords=arrays[0].coords)
    for name, array in zip(names, arrays, strict=True):
        found[name] = array.variable
    return found, dict(zip(components, names, strict=True))


def _dim_of(key: str, array: Any) -> Hashable:
    """The dimension that a component is along, by CF attributes, then by name."""
    if not isinstance(array, xr.DataArray):
        raise TypeError(f"`{key}` is a {type(array).__name__}; give a DataArray")
    named = cf.meant(array, _AXES[key], array.dims)
    if len(named) != 1:
        raise CoordinateError(
            f"`{key}` has dimensions {array.dims}, none of which is marked or named as its axis; "
            f"give `components={{dim: {key}, ...}}`"
        )
    return named[0]


def _require_one_grid(
    first: xr.DataArray, name: Hashable, other: xr.DataArray, other_name: Hashable
) -> None:
    both = f"`components` {name!r} and {other_name!r}"
    remedy = "interpolate one of them, or select what they share"
    if set(first.dims) != set(other.dims):
        raise CoordinateError(
            f"{both} have dimensions {first.dims} and {other.dims}: different grids; {remedy}"
        )
    for dim in first.dims:
        if first.sizes[dim] != other.sizes[dim]:
            raise CoordinateError(
                f"{both} have sizes {first.sizes[dim]} and {other.sizes[dim]} along {dim!r}: "
                f"different grids; {remedy}"
            )
    for coord in set(first.coords) & set(other.coords):
        one, another = first.coords[coord].variable, other.coords[coord].variable
        if isinstance(one.data, da.Array) or isinstance(another.data, da.Array):
            continue
        different = _first_difference(one, another)
        if different is not None:
            raise CoordinateError(f"{both} have unequal coordinates {coord!r}{different}; {remedy}")


def _first_difference(one: xr.Variable, other: xr.Variable) -> str | None:
    if one.dims != other.dims:
        return f", of dimensions {one.dims} and {other.dims}"
    if one.equals(other):
        return None
    same: AnyArray = np.asarray(one.values == other.values)
    index = tuple(int(k) for k in np.argwhere(~same)[0]) if not same.all() else ()
    where = index[0] if len(index) == 1 else index
    return f": {one.values[index]} and {other.values[index]} at index {where}"


#: What a store-to-store job can be asked for.
OPERATIONS: dict[str, Callable[..., list[Combination]]] = {
    "gradient": first_derivatives,
    "magnitude": magnitudes,
    "laplacian": laplacians,
    "divergence": divergences,
    "curl": curls,
}
