"""Vector operators: divergence and curl."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import Any, Unpack

import xarray as xr

from xgrad._typing import Form
from xgrad.arrays.term import Term
from xgrad.errors import CoordinateError
from xgrad.labels import cf, flow_names, links, vertical
from xgrad.labels.attributes import described, label_of
from xgrad.labels.keywords import LabelledFieldOptions, spelled_out
from xgrad.labels.lookup import of_positions
from xgrad.labels.options import Options
from xgrad.labels.spacing import Spacing
from xgrad.labels.suggestions import did_you_mean
from xgrad.operators import constant, metric_terms
from xgrad.operators.components import is_along_the_grid, on_grid, require_growth, together
from xgrad.operators.direction import Direction
from xgrad.operators.evaluate import labelled, on_numbers
from xgrad.operators.horizontal import Horizontal
from xgrad.operators.result import Result
from xgrad.operators.selection import select
from xgrad.operators.surface import Surface
from xgrad.operators.terms import common_units, differentiable, refuse_times, term_of
from xgrad.operators.uncertainty import with_errors


@spelled_out(LabelledFieldOptions)
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

    On a sphere it is ``1/(R cos φ) du/dλ + 1/R dv/dφ - v tan(φ)/R`` or, in flux form,
    ``1/(R cos φ) (du/dλ + d(v cos φ)/dφ)``, whose sum over the closed sphere is zero.  At a pole it
    is ``2/R dv/dφ``, the limit for a flow that is the same at all longitudes; the mean of this
    limit over the longitudes is right for any smooth flow.  On a curvilinear grid it is
    ``(D_i (V · (p_j × n)) + D_j (V · (n × p_i))) / J``, with the tangents ``p`` of the grid lines
    per index, the normal ``n`` and the area ``J``; the axes may meet at any angle.

    Over a depth, a vertical coordinate that is ``positive: down`` and no pressure, the derivative
    of a component that is positive upward by its standard_name has the opposite sign,
    ``dw/dz = -dw/ddepth``.  A component whose standard_name has neither the word "upward" nor
    "downward" is taken as positive downward, and a warning says so.

    Parameters
    ----------
    components : mapping of hashable to DataArray, optional
        Per dimension, or coordinate along it, the component in its direction.  On a curvilinear
        grid the two longitude and latitude coordinates mean eastward and northward, its two
        dimensions the directions along the grid.
    u, v, w : DataArray, optional
        Instead of `components`, the components along x (or longitude), y (or latitude) and z.
        These axes are found by their CF attributes or names.  On a curvilinear grid the
        standard_name of a component decides whether it is eastward or along the grid; one without
        is refused.
    form : {"advective", "flux"}, default: "advective"
        On a sphere, how the curvature terms are written.
    spacing, edge_order, datetime_unit, boundary, period, skipna, accuracy, validate
        As for :func:`gradient`.
    window, bandwidth, polyorder, weights
        As for :func:`gradient`.
    uncertainty, sigma
        As for :func:`gradient`.  The noise of different components is independent, and `sigma` is
        one number; not in flux form.
    constant, constant_by, metric, radius, units
        As for :func:`gradient`.

    Returns
    -------
    DataArray
        Named ``divergence``, with the dimensions and chunks of the first component.  With
        `uncertainty`, a Dataset of the divergence and its standard error.

    Raises
    ------
    CoordinateError
        If the components are on different grids.
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
    obj, names = together(components, {"u": u, "v": v, "w": w}, "divergence", options.get("metric"))
    return divergence_of(obj, names, form, **options)


def divergence_of(
    obj: xr.Dataset, components: Mapping[Any, Hashable], form: Form = "advective",
    **options: Unpack[LabelledFieldOptions],
) -> xr.DataArray:  # fmt: skip
    """:func:`divergence` of variables of a Dataset."""

    def one(plain: xr.Dataset, own: Options) -> xr.DataArray | xr.Dataset:
        found = divergences(plain, components, own, form)
        results = labelled(plain, found)
        return results[found[0].name] if len(found) == 1 else results

    result: xr.DataArray = on_numbers(_only(obj, components, options), options, one)
    return result


def divergences(
    obj: xr.Dataset, components: Any, options: Options, form: str = "advective"
) -> list[Result]:
    """Check the arguments of :func:`divergence` and describe its result; compute nothing."""
    field = _Field(obj, components, options, form)
    terms = [term for dim in field.dims for term in field.across(dim, dim, 1.0)]
    if field.horizontal is not None:
        terms = [*field.horizontal.divergence(), *terms]
    return field.with_errors([field.result("divergence", terms)])


@spelled_out(LabelledFieldOptions)
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

    On a sphere the vertical component is the relative vorticity,
    ``1/(R cos φ) dv/dλ - 1/R du/dφ + u tan(φ)/R``; at a pole it is ``-2/R du/dφ``, the limit for
    solid-body rotation.  On a curvilinear grid it is ``(D_i (V · p_j) - D_j (V · p_i)) / J``, see
    :func:`divergence`.  With three components, the two horizontal ones are those of a shallow
    fluid, ``dw/dy - dv/dz`` and ``du/dz - dw/dx``.  Over a depth, z is upward all the same:
    ``d/dz`` is ``-d/ddepth``, and a component that is positive downward has the opposite
    sign.

    Parameters
    ----------
    components, u, v, w, form
        As for :func:`divergence`.  The dimensions form a right-handed system in the order given,
        except that on a sphere east always comes before north.
    spacing, edge_order, datetime_unit, boundary, period, skipna, accuracy, validate
        As for :func:`gradient`.
    window, bandwidth, polyorder, weights
        As for :func:`gradient`.
    uncertainty, sigma
        As for :func:`gradient`.  The noise of different components is independent, and `sigma` is
        one number; not in flux form.
    constant, constant_by, metric, radius, units
        As for :func:`gradient`.

    Returns
    -------
    DataArray or Dataset
        A DataArray ``curl`` for two components, a Dataset of three ``curl_<dim>`` for three.  With
        `uncertainty`, always a Dataset, with the standard errors.

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
    obj, names = together(components, {"u": u, "v": v, "w": w}, "curl", options.get("metric"))
    return curl_of(obj, names, form, **options)


def curl_of(
    obj: xr.Dataset, components: Mapping[Any, Hashable], form: Form = "advective",
    **options: Unpack[LabelledFieldOptions],
) -> xr.DataArray | xr.Dataset:  # fmt: skip
    """:func:`curl` of variables of a Dataset."""

    def all_of_it(plain: xr.Dataset, own: Options) -> xr.DataArray | xr.Dataset:
        found = curls(plain, components, own, form)
        results = labelled(plain, found)
        return results[found[0].name] if len(found) == 1 else results

    result: xr.DataArray | xr.Dataset = on_numbers(
        _only(obj, components, options), options, all_of_it
    )
    return result


def curls(
    obj: xr.Dataset, components: Any, options: Options, form: str = "advective"
) -> list[Result]:
    """Check the arguments of :func:`curl` and describe its results; compute nothing."""
    if not isinstance(components, Mapping) or len(components) not in (2, 3):
        given = list(components) if isinstance(components, Mapping) else components
        raise ValueError(f"`components` is {given!r}; a curl needs two or three components")
    field = _Field(obj, components, options, form)
    if field.horizontal is not None:
        return field.curl_on_the_surface()
    dims = field.right_handed()
    if len(dims) == 2:
        return field.with_errors([field.result("curl", field.rotation(*dims))])
    x, y, z = dims
    found = [
        field.result(f"curl_{name}", field.rotation(one, other))
        for name, one, other in ((x, y, z), (y, z, x), (z, x, y))
    ]
    return field.with_errors(found)


def _only(obj: xr.Dataset, components: Any, options: Mapping[str, Any]) -> xr.Dataset:
    """Drop all other variables, which may be quantities or on other grids, but for named ones."""
    if not isinstance(components, Mapping) or not all(n in obj for n in components.values()):
        return obj  # an error is raised later
    names = list(components.values())
    noise = {"sigma": options.get("sigma")}
    positions = of_positions(obj, options.get("spacing"), options.get("constant"), noise)
    return links.only(links.as_coordinates(obj, names), [*names, *positions])


def _with_positions(obj: xr.Dataset, names: list[Hashable], options: Options) -> xr.Dataset:
    """The components, with the variables that are positions or heights as coordinates."""
    positions = of_positions(obj, options.spacing, options.constant)
    return obj.set_coords([one for one in positions if one not in names])[names]


def _attributes_along(obj: xr.Dataset, along: Spacing, options: Options) -> Mapping[Any, Any]:
    """Attributes of the positions along a dimension, wherever they are from."""
    given = (options.spacing or {}).get(along.dim)
    own: Mapping[Any, Any] = getattr(given, "attrs", {})
    return own or (obj.variables[along.name].attrs if along.name in obj.variables else {})


class _Field:
    """A vector field on one grid, and the derivatives of its components."""

    def __init__(self, obj: xr.Dataset, components: Any, options: Options, form: str) -> None:
        if not isinstance(components, Mapping) or not components:
            raise ValueError(
                f"`components` is {components!r}; give a mapping of dimensions to components, "
                "such as {'x': 'u', 'y': 'v'}"
            )
        for name in components.values():
            if name not in obj:
                raise ValueError(
                    f"`components` names {name!r}, which does not exist; variables are "
                    f"{list(obj.data_vars)}{did_you_mean(name, obj.data_vars)}"
                )
        if form not in ("advective", "flux"):
            raise ValueError(f"`form` is {form!r}; give 'advective' or 'flux'")
        self.form = form
        names = list(dict.fromkeys(components.values()))
        field = _with_positions(obj, names, options)
        self.asked = select(field, list(components), options, partial=True)
        self.asked.refuse_a_track("divergence or curl")
        self.asked.warn_of_degrees(obj, "divergence or curl")
        self.options = self.asked.options
        self.place = self.asked.place
        self._require_a_form()
        first = obj.variables[names[0]]
        self._variables = {name: on_grid(obj, name, names[0]) for name in names}
        self.first = first
        keys = dict(zip(self.asked.names, components.values(), strict=True))
        self._obj, self._components = obj, keys
        self.horizontal = self._horizontal(obj, keys)
        on_surface = () if self.horizontal is None else self.horizontal.surface.dims
        plain = [along for along in self.asked.spacings if along.dim not in on_surface]
        self.dims = [along.dim for along in plain]
        self._along = {along.dim: along for along in plain}
        self.origin = {along.dim: keys[along.name] for along in plain}
        self._signs = {
            along.dim: vertical.signs_over_depth(along.name, name, self._variables[name].attrs)
            for along, name in zip(plain, self.origin.values(), strict=True)
            if vertical.is_depth(_attributes_along(obj, along, options))
        }
        self._units: dict[Hashable, Spacing | Direction] = {**self._along}
        self._units |= self._unit_directions()

    def _horizontal(self, obj: xr.Dataset, keys: Mapping[Hashable, Hashable]) -> Horizontal | None:
        """The components that are on a surface of two dimensions, if there are two."""
        place, partials = self.place, [one.name for one in self.asked.partials]
        grid = [key for key in keys if self._is_along_the_grid(key)]
        if not partials and not grid:
            return None
        if len(partials or grid) != 2 or (partials and grid):
            raise CoordinateError(
                f"`components` names {list(keys)}; give both directions of a horizontal field, of "
                "one kind: two coordinates, such as longitude and latitude, or the two dimensions "
                "of their grid"
            )
        if place is not None and place.is_curvilinear:
            surface = Surface.on_earth(place, self.options)
        else:
            coords = [obj.coords[name] for name in partials]
            surface = Surface.on_plane(coords, coords[0].dims, self.options)
        own = {key: keys[key] for key in partials or grid}
        for key in grid:
            if is_along_the_grid(obj[keys[key]]):
                require_growth(
                    f"`components` {keys[key]!r}", obj[keys[key]], key, self.options.metric
                )
        for name in self._variables:
            refuse_times(name, self._variables[name])
        return Horizontal(surface, own, self._variables, self.options)

    def _is_along_the_grid(self, key: Hashable) -> bool:
        dims = {along.name: along.dim for along in self.asked.spacings}
        place = self.place
        return place is not None and place.is_curvilinear and place.has(dims.get(key))

    def _unit_directions(self) -> dict[Hashable, Direction]:
        """Per dimension of the surface a direction with its units."""
        if self.horizontal is None:
            return {}
        dims = self.horizontal.surface.dims
        if self.asked.partials:
            return dict(zip(dims, self.asked.partials, strict=True))
        return {dim: Direction(dim, str(dim), "m") for dim in dims}

    def curl_on_the_surface(self) -> list[Result]:
        """The component across the surface, and with a third dimension the two along it."""
        horizontal = self.horizontal
        assert horizontal is not None
        if not self.dims:
            return [self.result("curl", horizontal.rotation())]
        (z,), (x, y) = self.dims, horizontal.components
        if not self.asked.partials:
            raise CoordinateError(
                f"`components` names the dimensions {x!r} and {y!r} of a curvilinear grid and "
                f"{z!r}; a curl of three components needs eastward and northward ones: name "
                "longitude and latitude"
            )
        (w,), u, v = self.origin.values(), horizontal.components[x], horizontal.components[y]
        up = self._sign(component=z)
        return [
            self.result(f"curl_{x}", [*horizontal.along(y, w, up), self._along_z(z, v, -1.0)]),
            self.result(f"curl_{y}", [self._along_z(z, u, 1.0), *horizontal.along(x, w, -up)]),
            self.result(f"curl_{z}", horizontal.rotation()),
        ]

    def _sign(self, dim: Hashable = None, component: Hashable = None) -> float:
        """Sign of a derivative along `dim` of a component, with the vertical upward."""
        along, _ = self._signs.get(dim, (1.0, 1.0))
        _, own = self._signs.get(component, (1.0, 1.0))
        return along * own

    def _along_z(self, z: Hashable, name: Hashable, sign: float) -> Term:
        sign *= self._sign(z)
        factor = None if sign == 1 else sign
        return term_of(name, self._variables[name], self._along[z], self.options, factor=factor)

    def _require_a_form(self) -> None:
        if self.form == "advective":
            return
        if self.place is None or self.place.is_curvilinear or self.options.skipna:
            raise ValueError(
                "`form` is 'flux', which needs 1-D latitude and longitude with `metric='sphere'` "
                "and without `skipna`; change these options, or leave `form` out"
            )

    def right_handed(self) -> list[Hashable]:
        """The dimensions, with the eastward one before the northward one."""
        place = self.place
        horizontal = [d for d in self.dims if place is not None and place.has(d)]
        if place is None or place.is_curvilinear or len(horizontal) < 2:
            return self.dims
        east, north = sorted(horizontal, key=place.is_northward)
        return [east, north, *(dim for dim in self.dims if dim not in horizontal)]

    def rotation(self, one: Hashable, other: Hashable) -> list[Term]:
        """``d(other component)/d(one) - d(one component)/d(other)``."""
        return [*self.across(other, one, 1.0), *self.across(one, other, -1.0)]

    def across(self, component: Hashable, dim: Hashable, sign: float) -> Iterator[Term]:
        """``sign`` times the derivative of a component along a dimension.

        If both component and dimension are on the sphere, this includes the curvature terms.
        """
        name, along = self.origin[component], self._along[dim]
        sign *= self._sign(dim, component)
        variable = self._variables[name]
        alone = xr.DataArray(variable, name=name)
        differentiable(alone, {name: variable}, [(along,)], self.options)
        refuse_times(name, variable)
        on_sphere = self.place is not None and self.place.has(component)
        return metric_terms.of_component(
            name, variable, along, self.asked, sign, form=self.form, on_sphere=on_sphere
        )

    def result(self, name: str, terms: list[Term]) -> Result:
        """The sum of the terms, with its attributes."""
        used = {term.operand: self._variables[term.operand] for term in terms}
        pairs = [
            (self._variables[term.operand], self._units[self.first.dims[term.axis]])
            for term in terms
            if term.axis is not None
        ]
        units = common_units(pairs, self.options)
        called, own = self._called(name, units)
        labels = [label_of(n, v) for n, v in self._variables.items()]
        text = f"{called} of {', '.join(labels[:-1])} and {labels[-1]}"
        if len(labels) == 1:
            text = f"{called} of {labels[0]}"
        dims = [self.first.dims[term.axis] for term in terms if term.axis is not None]
        text += constant.words(self.first, dims, self.options)
        return Result(name, used, tuple(terms), described(self.first, text, units) | own)

    def with_errors(self, results: list[Result]) -> list[Result]:
        """See :func:`xgrad.operators.uncertainty.with_errors`."""
        return with_errors(self._obj, results, self.options)

    def _called(self, name: str, units: str | None) -> tuple[str, dict[Hashable, Any]]:
        """A result in words, and its standard_name."""
        keys = list(self._components)
        if self.place is not None and cf.meant(self._obj, "Y", keys[:1]):
            keys.reverse()  # on the Earth, east comes first in the curl
        rightly = {key: self._components[key] for key in keys}
        called, of_curl, of_divergence = flow_names.named(self._obj, rightly, units)
        if name == "curl":
            return called, of_curl
        return name.replace("_", " along "), of_divergence if name == "divergence" else {}
