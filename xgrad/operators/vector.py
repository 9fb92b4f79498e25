"""Vector operators: divergence and curl."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import Any, Unpack

import xarray as xr

from xgrad._typing import Form
from xgrad.arrays.term import Term
from xgrad.labels.attributes import described, label_of
from xgrad.labels.keywords import LabelledFieldOptions, spelled_out
from xgrad.labels.options import Options
from xgrad.operators import metric_terms
from xgrad.operators.components import on_grid, together
from xgrad.operators.evaluate import labelled, on_numbers
from xgrad.operators.result import Result
from xgrad.operators.selection import select
from xgrad.operators.terms import common_units, differentiable, refuse_times


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
    limit over the longitudes is right for any smooth flow.  On a curvilinear grid, assumed to be
    orthogonal, the components are along the grid: ``du/ds + u d ln(h)/ds + ...``.

    Parameters
    ----------
    components : mapping of hashable to DataArray, optional
        Per dimension, or coordinate along it, the component in its direction.
    u, v, w : DataArray, optional
        Instead of `components`, the components along x (or longitude), y (or latitude) and z.
        These axes are found by their CF attributes or names.
    form : {"advective", "flux"}, default: "advective"
        On a sphere, how the curvature terms are written.
    spacing, edge_order, datetime_unit, boundary, period, skipna, accuracy, validate
        As for :func:`gradient`.
    metric, radius, units
        As for :func:`gradient`.

    Returns
    -------
    DataArray
        Named ``divergence``, with the dimensions and chunks of the first component.

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
    obj, names = together(components, {"u": u, "v": v, "w": w}, "divergence")
    return divergence_of(obj, names, form, **options)


def divergence_of(
    obj: xr.Dataset, components: Mapping[Any, Hashable], form: Form = "advective",
    **options: Unpack[LabelledFieldOptions],
) -> xr.DataArray:  # fmt: skip
    """:func:`divergence` of variables of a Dataset."""

    def one(plain: xr.Dataset, own: Options) -> xr.DataArray:
        (found,) = divergences(plain, components, own, form)
        return labelled(plain, [found])[found.name]

    result: xr.DataArray = on_numbers(_only(obj, components), options, one)
    return result


def divergences(
    obj: xr.Dataset, components: Any, options: Options, form: str = "advective"
) -> list[Result]:
    """Check the arguments of :func:`divergence` and describe its result; compute nothing."""
    field = _Field(obj, components, options, form)
    terms = [term for dim in field.dims for term in field.across(dim, dim, 1.0)]
    return [field.result("divergence", terms)]


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
    solid-body rotation.  With three components, the two horizontal ones are those of a shallow
    fluid, ``dw/dy - dv/dz`` and ``du/dz - dw/dx``.

    Parameters
    ----------
    components, u, v, w, form
        As for :func:`divergence`.  The dimensions form a right-handed system in the order given,
        except that on a sphere east always comes before north.
    spacing, edge_order, datetime_unit, boundary, period, skipna, accuracy, validate
        As for :func:`gradient`.
    metric, radius, units
        As for :func:`gradient`.

    Returns
    -------
    DataArray or Dataset
        A DataArray ``curl`` for two components, a Dataset of three ``curl_<dim>`` for three.

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
    obj, names = together(components, {"u": u, "v": v, "w": w}, "curl")
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

    result: xr.DataArray | xr.Dataset = on_numbers(_only(obj, components), options, all_of_it)
    return result


def curls(
    obj: xr.Dataset, components: Any, options: Options, form: str = "advective"
) -> list[Result]:
    """Check the arguments of :func:`curl` and describe its results; compute nothing."""
    if not isinstance(components, Mapping) or len(components) not in (2, 3):
        given = list(components) if isinstance(components, Mapping) else components
        raise ValueError(f"`components` is {given!r}; a curl needs two or three components")
    field = _Field(obj, components, options, form)
    dims = field.right_handed()
    if len(dims) == 2:
        return [field.result("curl", field.rotation(*dims))]
    x, y, z = dims
    return [
        field.result(f"curl_{name}", field.rotation(one, other))
        for name, one, other in ((x, y, z), (y, z, x), (z, x, y))
    ]


def _only(obj: xr.Dataset, components: Any) -> xr.Dataset:
    """Drop all other variables, which may be quantities or on other grids."""
    if not isinstance(components, Mapping) or not all(n in obj for n in components.values()):
        return obj  # an error is raised later
    return obj[list(dict.fromkeys(components.values()))]


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
                    f"{list(obj.data_vars)}"
                )
        if form not in ("advective", "flux"):
            raise ValueError(f"`form` is {form!r}; give 'advective' or 'flux'")
        self.form = form
        names = list(dict.fromkeys(components.values()))
        self.asked = select(obj[names], list(components), options)
        self.options = self.asked.options
        self.place = self.asked.place
        self._require_a_form()
        first = obj.variables[names[0]]
        self.dims = [along.dim for along in self.asked.spacings]
        self._along = dict(zip(self.dims, self.asked.spacings, strict=True))
        self.origin = dict(zip(self.dims, components.values(), strict=True))
        self._variables = {name: on_grid(obj, name, names[0]) for name in names}
        self.first = first

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
        labels = [label_of(n, v) for n, v in self._variables.items()]
        text = f"{name.replace('_', ' along ')} of {', '.join(labels[:-1])} and {labels[-1]}"
        if len(labels) == 1:
            text = f"{name} of {labels[0]}"
        used = {term.operand: self._variables[term.operand] for term in terms}
        pairs = [
            (self._variables[term.operand], self._along[self.first.dims[term.axis]])
            for term in terms
            if term.axis is not None
        ]
        attrs = described(self.first, text, common_units(pairs, self.options))
        return Result(name, used, tuple(terms), attrs)
