"""``.fdgrad`` on DataArray and Dataset: one line each, the work is in :mod:`xgrad.gradient`."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar, Unpack

import xarray as xr

from xgrad._typing import DerivativeOptions, Dim
from xgrad.gradient import derivative, gradient

_Object = TypeVar("_Object", xr.DataArray, xr.Dataset)


class FdgradAccessor(Generic[_Object]):
    """What both accessors offer."""

    def __init__(self, obj: _Object) -> None:
        self._obj: _Object = obj

    def gradient(self, dim: Dim = None, **options: Unpack[DerivativeOptions]) -> xr.Dataset:
        """Gradient along `dim`; see :func:`xgrad.gradient` for the options.

        Examples
        --------
        >>> import xarray as xr, xgrad
        >>> da = xr.DataArray([0.0, 1.0, 4.0], coords={"x": [0.0, 1.0, 2.0]}, name="t")
        >>> da.fdgrad.gradient("x").dt_dx.values
        array([1., 2., 3.])
        """
        return gradient(self._obj, dim, **options)

    def derivative(
        self,
        dim: Hashable | Iterable[Hashable],
        order: int = 1,
        **options: Unpack[DerivativeOptions],
    ) -> _Object:
        """One derivative, of higher order or mixed; see :func:`xgrad.derivative`.

        Examples
        --------
        >>> import xarray as xr, xgrad
        >>> da = xr.DataArray([0.0, 1.0, 4.0, 9.0], coords={"x": [0.0, 1.0, 2.0, 3.0]}, name="t")
        >>> da.fdgrad.derivative("x", order=2).values.round(12)
        array([2., 2., 2., 2.])
        """
        return derivative(self._obj, dim, order, **options)


@xr.register_dataarray_accessor("fdgrad")
class DataArrayAccessor(FdgradAccessor[xr.DataArray]):
    """Finite differences of a DataArray, as ``da.fdgrad``."""


@xr.register_dataset_accessor("fdgrad")
class DatasetAccessor(FdgradAccessor[xr.Dataset]):
    """Finite differences of a Dataset's variables, as ``ds.fdgrad``."""
