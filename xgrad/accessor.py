"""``.fdgrad`` on DataArray, Dataset and DataTree: one line each, the work is done below."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar, Unpack

import xarray as xr

from xgrad._typing import Dim, LabelledOptions
from xgrad.gradient import derivative, gradient
from xgrad.trees import mapped

_Object = TypeVar("_Object", xr.DataArray, xr.Dataset)


class FdgradAccessor(Generic[_Object]):
    """What both accessors offer."""

    def __init__(self, obj: _Object) -> None:
        self._obj: _Object = obj

    def gradient(self, dim: Dim = None, **options: Unpack[LabelledOptions]) -> xr.Dataset:
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
        **options: Unpack[LabelledOptions],
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


@xr.register_datatree_accessor("fdgrad")
class DataTreeAccessor:
    """Finite differences of the nodes of a DataTree, as ``tree.fdgrad``."""

    def __init__(self, tree: xr.DataTree) -> None:
        self._tree = tree

    def gradient(self, dim: Dim = None, **options: Unpack[LabelledOptions]) -> xr.DataTree:
        """Gradients of the nodes that have `dim`; see :func:`xgrad.gradient` for the options.

        Examples
        --------
        >>> import xarray as xr, xgrad
        >>> ds = xr.Dataset({"t": ("x", [0.0, 1.0, 4.0])}, {"x": [0.0, 1.0, 2.0]})
        >>> tree = xr.DataTree.from_dict({"/fine": ds, "/constant": xr.Dataset({"g": 9.81})})
        >>> list(tree.fdgrad.gradient("x").children)
        ['fine']
        """
        return mapped(self._tree, lambda node: gradient(node, dim, **options), dim)

    def derivative(
        self,
        dim: Hashable | Iterable[Hashable],
        order: int = 1,
        **options: Unpack[LabelledOptions],
    ) -> xr.DataTree:
        """One derivative of the nodes that have `dim`; see :func:`xgrad.derivative`.

        Examples
        --------
        >>> import xarray as xr, xgrad
        >>> tree = xr.DataTree(xr.Dataset({"t": ("x", [0.0, 1.0, 4.0, 9.0])}))
        >>> tree.fdgrad.derivative("x", order=2).d2t_dx2.values.round(12)
        array([2., 2., 2., 2.])
        """
        return mapped(self._tree, lambda node: derivative(node, dim, order, **options), dim)
