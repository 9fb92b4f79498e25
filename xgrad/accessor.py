"""The accessor ``.fdgrad`` of DataArray, Dataset and DataTree, a thin layer over the operators."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, Unpack, overload

import xarray as xr

from xgrad._typing import Dim, Form, Operation, To
from xgrad.labels import summary
from xgrad.labels.keywords import (
    LabelledFieldOptions,
    LabelledOptions,
    OperationOptions,
    PlaceOptions,
    spelled_out,
)
from xgrad.operators.gradient import derivative, gradient
from xgrad.operators.scalar import direction, hessian, laplacian, magnitude
from xgrad.operators.smooth import smooth
from xgrad.operators.trees import DataTreeAccessor, methods_of

if TYPE_CHECKING:
    from xgrad.jobs.run import Report

# Divergence, curl and jobs are imported where they are used: most programs need none of them.

_Object = TypeVar("_Object", xr.DataArray, xr.Dataset)


class FdgradAccessor(Generic[_Object]):
    """The methods that DataArray and Dataset share."""

    def __init__(self, obj: _Object) -> None:
        self._obj: _Object = obj

    def __repr__(self) -> str:
        """What is differentiated along what, and the methods."""
        return summary.of(self._obj, methods_of(self))

    @spelled_out(LabelledFieldOptions)
    def gradient(self, dim: Dim = None, **options: Unpack[LabelledFieldOptions]) -> xr.Dataset:
        """Gradient along `dim`.

        :func:`xgrad.gradient` describes the arguments, the result and the errors.

        Examples
        --------
        >>> import xarray as xr, xgrad
        >>> da = xr.DataArray([0.0, 1.0, 4.0], coords={"x": [0.0, 1.0, 2.0]}, name="t")
        >>> da.fdgrad.gradient("x").dt_dx.values
        array([1., 2., 3.])
        """
        return gradient(self._obj, dim, **options)

    @spelled_out(LabelledOptions)
    def derivative(
        self,
        dim: Hashable | Iterable[Hashable],
        order: int = 1,
        **options: Unpack[LabelledOptions],
    ) -> _Object:
        """One derivative, of higher order or mixed.

        :func:`xgrad.derivative` describes the arguments, the result and the errors.

        Examples
        --------
        >>> import xarray as xr, xgrad
        >>> da = xr.DataArray([0.0, 1.0, 4.0, 9.0], coords={"x": [0.0, 1.0, 2.0, 3.0]}, name="t")
        >>> da.fdgrad.derivative("x", order=2).values.round(12)
        array([2., 2., 2., 2.])
        """
        return derivative(self._obj, dim, order, **options)

    @spelled_out(LabelledFieldOptions)
    def magnitude(self, dim: Dim = None, **options: Unpack[LabelledFieldOptions]) -> _Object:
        """Magnitude of the gradient.

        :func:`xgrad.magnitude` describes the arguments, the result and the errors.

        Examples
        --------
        >>> import xarray as xr, xgrad
        >>> da = xr.DataArray([[0.0, 4.0], [3.0, 7.0]], dims=("y", "x"), name="t")
        >>> da.fdgrad.magnitude().values.tolist()
        [[5.0, 5.0], [5.0, 5.0]]
        """
        return magnitude(self._obj, dim, **options)

    @spelled_out(LabelledFieldOptions)
    def direction(self, dim: Dim, **options: Unpack[LabelledFieldOptions]) -> _Object:
        """Direction of steepest ascent, ``arctan2(d/dy, d/dx)``.

        :func:`xgrad.direction` describes the arguments, the result and the errors.

        Examples
        --------
        >>> import xarray as xr, xgrad
        >>> da = xr.DataArray([[0.0, 1.0], [0.0, 1.0]], dims=("y", "x"), name="t")
        >>> da.fdgrad.direction(("y", "x")).values.tolist()
        [[0.0, 0.0], [0.0, 0.0]]
        """
        return direction(self._obj, dim, **options)

    @spelled_out(LabelledFieldOptions)
    def laplacian(self, dim: Dim = None, **options: Unpack[LabelledFieldOptions]) -> _Object:
        """Sum of the second derivatives.

        :func:`xgrad.laplacian` describes the arguments, the result and the errors.

        Examples
        --------
        >>> import xarray as xr, xgrad
        >>> da = xr.DataArray([0.0, 1.0, 4.0, 9.0], dims="x", name="t")
        >>> da.fdgrad.laplacian().values.round(12)
        array([2., 2., 2., 2.])
        """
        return laplacian(self._obj, dim, **options)

    @spelled_out(LabelledFieldOptions)
    def hessian(self, dim: Dim = None, **options: Unpack[LabelledFieldOptions]) -> xr.Dataset:
        """All second derivatives.

        :func:`xgrad.hessian` describes the arguments, the result and the errors.

        Examples
        --------
        >>> import numpy as np, xarray as xr, xgrad
        >>> da = xr.DataArray(np.outer(np.arange(4.0), np.arange(4.0)), dims=("y", "x"), name="t")
        >>> list(da.fdgrad.hessian())
        ['d2t_dy2', 'd2t_dydx', 'd2t_dx2']
        """
        return hessian(self._obj, dim, **options)

    @spelled_out(LabelledOptions)
    def smooth(
        self, dim: Hashable | Iterable[Hashable], **options: Unpack[LabelledOptions]
    ) -> _Object:
        """The polynomial that is fitted, itself.

        :func:`xgrad.smooth` describes the arguments, the result and the errors.

        Examples
        --------
        >>> import xarray as xr, xgrad
        >>> da = xr.DataArray([0.0, 3.0, 0.0], dims="x", name="t")
        >>> da.fdgrad.smooth("x", window=3, polyorder=0).values.round(12)
        array([1., 1., 1.])
        """
        return smooth(self._obj, dim, **options)

    @spelled_out(OperationOptions)
    def to_zarr(
        self,
        target: str | Path,
        operation: Operation = "gradient",
        dim: Dim = None,
        **options: Unpack[OperationOptions],
    ) -> Report:
        """Compute an operation region by region into a Zarr store.

        The source is this object.  :func:`xgrad.to_zarr` describes the other arguments, the report
        and the errors.

        Examples
        --------
        >>> import tempfile, xarray as xr, xgrad
        >>> da = xr.DataArray([0.0, 1.0, 4.0], coords={"x": [0.0, 1.0, 2.0]}, name="t")
        >>> store = f"{tempfile.mkdtemp()}/out.zarr"
        >>> report = da.chunk(x=2).fdgrad.to_zarr(store, "gradient", "x")
        >>> xr.open_zarr(store).dt_dx.values
        array([1., 2., 3.])
        """
        from xgrad.jobs.api import to_zarr  # noqa: PLC0415

        found: Report = to_zarr(operation, self._obj, target, None, dim, **options)
        return found


@xr.register_dataarray_accessor("fdgrad")
class DataArrayAccessor(FdgradAccessor[xr.DataArray]):
    """Finite differences of a DataArray, as ``da.fdgrad``."""


@xr.register_dataset_accessor("fdgrad")
class DatasetAccessor(FdgradAccessor[xr.Dataset]):
    """Finite differences of a Dataset's variables, as ``ds.fdgrad``."""

    @spelled_out(LabelledFieldOptions)
    def divergence(
        self,
        components: Mapping[Any, Hashable] | None = None,
        form: Form = "advective",
        *,
        u: Hashable | None = None,
        v: Hashable | None = None,
        w: Hashable | None = None,
        **options: Unpack[LabelledFieldOptions],
    ) -> xr.DataArray:
        """Divergence of a vector field.

        :func:`xgrad.divergence` describes the arguments, the result and the errors.
        The components are names: ``{dim: component}``, or `u`, `v` and `w`.

        Examples
        --------
        >>> import xarray as xr, xgrad
        >>> ds = xr.Dataset({"u": ("x", [0.0, 2.0, 4.0])})
        >>> ds.fdgrad.divergence({"x": "u"}).values, ds.fdgrad.divergence(u="u").values
        (array([2., 2., 2.]), array([2., 2., 2.]))
        """
        from xgrad.operators.components import named  # noqa: PLC0415
        from xgrad.operators.vector import divergence_of  # noqa: PLC0415

        loose = {"u": u, "v": v, "w": w}
        found = named(self._obj, components, loose, "divergence", options.get("metric"))
        return divergence_of(self._obj, found, form, **options)

    @spelled_out(LabelledFieldOptions)
    def curl(
        self,
        components: Mapping[Any, Hashable] | None = None,
        form: Form = "advective",
        *,
        u: Hashable | None = None,
        v: Hashable | None = None,
        w: Hashable | None = None,
        **options: Unpack[LabelledFieldOptions],
    ) -> xr.DataArray | xr.Dataset:
        """Curl of a vector field.

        :func:`xgrad.curl` describes the arguments, the result and the errors.
        The components are names: ``{dim: component}``, or `u`, `v` and `w`.

        Examples
        --------
        >>> import xarray as xr, xgrad
        >>> u = xr.DataArray([[0.0, 1.0], [0.0, 1.0]], dims=("x", "y"))
        >>> xr.Dataset({"u": u, "v": 0 * u}).fdgrad.curl({"x": "u", "y": "v"}).values
        array([[-1., -1.],
               [-1., -1.]])
        """
        from xgrad.operators.components import named  # noqa: PLC0415
        from xgrad.operators.vector import curl_of  # noqa: PLC0415

        loose = {"u": u, "v": v, "w": w}
        found = named(self._obj, components, loose, "curl", options.get("metric"))
        return curl_of(self._obj, found, form, **options)

    @spelled_out(PlaceOptions)
    def rotate(
        self,
        components: Mapping[Any, Hashable] | None = None,
        *,
        u: Hashable | None = None,
        v: Hashable | None = None,
        to: To,
        **options: Unpack[PlaceOptions],
    ) -> xr.Dataset:
        """Turn components to east and north, or to the grid.

        :func:`xgrad.rotate` describes the arguments, the result and the errors.
        The components are names: ``{dim: component}``, or `u` and `v`.

        Examples
        --------
        >>> import numpy as np, xarray as xr, xgrad
        >>> lon, lat = np.meshgrid([2.0, 1.0, 0.0], [-1.0, 0.0, 1.0])  # to the west, to the north
        >>> places = {"lat": (("y", "x"), lat), "lon": (("y", "x"), lon)}
        >>> ds = xr.Dataset({"a": (("y", "x"), lat), "b": (("y", "x"), lat)}, places)
        >>> true = ds.fdgrad.rotate(u="a", v="b", to="earth")
        >>> float(true.a[0, 0].round(3)), float(true.b[0, 0].round(3))
        (1.0, -1.0)
        """
        from xgrad.operators.components import named  # noqa: PLC0415
        from xgrad.operators.rotation import rotate_of  # noqa: PLC0415

        found = named(self._obj, components, {"u": u, "v": v}, "rotate")
        return rotate_of(self._obj, found, to, **options)


@overload
def fdgrad(obj: xr.DataArray) -> DataArrayAccessor: ...


@overload
def fdgrad(obj: xr.Dataset) -> DatasetAccessor: ...


@overload
def fdgrad(obj: xr.DataTree) -> DataTreeAccessor: ...


def fdgrad(obj: Any) -> Any:
    """The accessor of an object, as ``obj.fdgrad``, with its type.

    Type checkers and editors know the attributes of xarray's own classes only, so that
    ``obj.fdgrad`` is of type Any to them.

    Parameters
    ----------
    obj : DataArray, Dataset or DataTree
        The data.

    Returns
    -------
    DataArrayAccessor, DatasetAccessor or DataTreeAccessor
        The same as ``obj.fdgrad``.

    Raises
    ------
    TypeError
        If it is anything else.

    Examples
    --------
    >>> import xarray as xr
    >>> da = xr.DataArray([0.0, 1.0, 4.0], coords={"x": [0.0, 1.0, 2.0]}, name="t")
    >>> fdgrad(da).gradient("x").dt_dx.values
    array([1., 2., 3.])
    """
    if not isinstance(obj, xr.DataArray | xr.Dataset | xr.DataTree):
        raise TypeError(f"`obj` is a {type(obj).__name__}; give a DataArray, Dataset or DataTree")
    return obj.fdgrad
