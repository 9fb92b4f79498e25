"""``.fdgrad`` on DataArray and Dataset: one line each, the work is in :mod:`xgrad.gradient`."""

from __future__ import annotations

from typing import Generic, TypeVar

import xarray as xr

from xgrad._typing import DatetimeUnit, Dim, EdgeOrder, SpacingLike
from xgrad.gradient import gradient

_Object = TypeVar("_Object", xr.DataArray, xr.Dataset)


class FdgradAccessor(Generic[_Object]):
    """What both accessors offer."""

    def __init__(self, obj: _Object) -> None:
        self._obj: _Object = obj

    def gradient(
        self,
        dim: Dim = None,
        *,
        spacing: SpacingLike = None,
        edge_order: EdgeOrder = 1,
        datetime_unit: DatetimeUnit | None = None,
    ) -> xr.Dataset:
        """Gradient along `dim`; see :func:`xgrad.gradient` for the parameters.

        Examples
        --------
        >>> import xarray as xr, xgrad
        >>> da = xr.DataArray([0.0, 1.0, 4.0], coords={"x": [0.0, 1.0, 2.0]}, name="t")
        >>> da.fdgrad.gradient("x").dt_dx.values
        array([1., 2., 3.])
        """
        return gradient(
            self._obj, dim, spacing=spacing, edge_order=edge_order, datetime_unit=datetime_unit
        )


@xr.register_dataarray_accessor("fdgrad")
class DataArrayAccessor(FdgradAccessor[xr.DataArray]):
    """Finite differences of a DataArray, as ``da.fdgrad``."""


@xr.register_dataset_accessor("fdgrad")
class DatasetAccessor(FdgradAccessor[xr.Dataset]):
    """Finite differences of a Dataset's variables, as ``ds.fdgrad``."""
