"""Operations on the nodes of a DataTree, and its accessor."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Unpack

import xarray as xr

from xgrad._typing import Dim, Form
from xgrad.errors import CoordinateError
from xgrad.labels import links
from xgrad.labels.keywords import LabelledFieldOptions, LabelledOptions, spelled_out
from xgrad.operators.gradient import derivative, gradient
from xgrad.operators.scalar import direction, hessian, laplacian, magnitude
from xgrad.operators.selection import concerns
from xgrad.operators.smooth import smooth


def mapped(
    tree: xr.DataTree, operation: Callable[[xr.Dataset], xr.Dataset], dim: Dim = None,
    options: Mapping[str, Any] = MappingProxyType({}),
) -> xr.DataTree:  # fmt: skip
    """Run an operation on each node that can be differentiated along all of `dim`.

    Nodes without the dimensions of `constant` are left out too.

    Parameters
    ----------
    tree : DataTree
        Each node is passed on as a Dataset that includes inherited coordinates.
    operation : callable
        Takes and returns a Dataset.
    dim : hashable or iterable of hashable, optional
        Dimensions or coordinates, looked up by name in each node.  Default: use every node that
        has anything to differentiate.
    options : mapping, optional
        Options of the operation.  A CRS as `metric` gives nodes with projection coordinates a
        longitude and a latitude.

    Returns
    -------
    DataTree
        The results, at the paths of their nodes.

    Raises
    ------
    CoordinateError
        If no node can be differentiated.

    Examples
    --------
    >>> nodes = {"/a": xr.Dataset({"t": ("x", [0.0, 1.0])}), "/b": xr.Dataset({"n": 3})}
    >>> list(mapped(xr.DataTree.from_dict(nodes), lambda node: node + 1, "x").children)
    ['a']
    """
    nodes = {
        f"/{'' if path == '.' else path}": links.as_coordinates(node.to_dataset())
        for path, node in tree.subtree_with_keys
    }
    results: dict[str, xr.Dataset | None] = {}
    constant, metric = options.get("constant"), options.get("metric")
    levels = set(constant) if isinstance(constant, Mapping) else set()
    for path, node in nodes.items():
        if levels <= set(node.dims) and concerns(node, dim, metric):
            try:
                results[path] = operation(node)
            except Exception as error:
                error.add_note(f"This happened in node {path!r} of the tree.")
                raise
    if not results:
        dims = {path: dict(node.sizes) for path, node in nodes.items()}
        what = "numbers" if dim is None else f"numbers along `dim`, which is {dim!r}"
        what += f", and the dimensions {sorted(levels, key=str)} of `constant`" if levels else ""
        raise CoordinateError(
            f"no node of the tree has {what}; nodes and their dimensions are {dims}"
        )
    return xr.DataTree.from_dict(results, name=tree.name)


def methods_of(accessor: object) -> list[str]:
    """The public methods of an accessor.

    Examples
    --------
    >>> methods_of(DataTreeAccessor(xr.DataTree()))[:2]
    ['curl', 'derivative']
    """
    return [name for name in dir(accessor) if not name.startswith("_")]


def _as_dataset(found: xr.DataArray | xr.Dataset) -> xr.Dataset:
    """What a node holds; an operation on components gives an array if it has one result."""
    return found if isinstance(found, xr.Dataset) else found.to_dataset()


@xr.register_datatree_accessor("fdgrad")
class DataTreeAccessor:
    """Finite differences of the nodes of a DataTree, as ``tree.fdgrad``."""

    def __init__(self, tree: xr.DataTree) -> None:
        self._tree = tree

    def __repr__(self) -> str:
        """The nodes, and the methods."""
        nodes = [node.path for node in self._tree.subtree if node.data_vars]
        return f"xgrad for the nodes {nodes}\nmethods: {', '.join(methods_of(self))}"

    @spelled_out(LabelledFieldOptions)
    def gradient(self, dim: Dim = None, **options: Unpack[LabelledFieldOptions]) -> xr.DataTree:
        """Gradients of the nodes that have `dim`.

        :func:`xgrad.gradient` describes the arguments and the errors.

        Examples
        --------
        >>> import xarray as xr, xgrad
        >>> ds = xr.Dataset({"t": ("x", [0.0, 1.0, 4.0])}, {"x": [0.0, 1.0, 2.0]})
        >>> tree = xr.DataTree.from_dict({"/fine": ds, "/constant": xr.Dataset({"g": 9.81})})
        >>> list(tree.fdgrad.gradient("x").children)
        ['fine']
        """
        return mapped(self._tree, lambda node: gradient(node, dim, **options), dim, options)

    @spelled_out(LabelledOptions)
    def derivative(
        self,
        dim: Hashable | Iterable[Hashable],
        order: int = 1,
        **options: Unpack[LabelledOptions],
    ) -> xr.DataTree:
        """One derivative of each node that has `dim`.

        :func:`xgrad.derivative` describes the arguments and the errors.

        Examples
        --------
        >>> import xarray as xr, xgrad
        >>> tree = xr.DataTree(xr.Dataset({"t": ("x", [0.0, 1.0, 4.0, 9.0])}))
        >>> tree.fdgrad.derivative("x", order=2).d2t_dx2.values.round(12)
        array([2., 2., 2., 2.])
        """
        return mapped(
            self._tree, lambda node: derivative(node, dim, order, **options), dim, options
        )

    @spelled_out(LabelledFieldOptions)
    def magnitude(self, dim: Dim = None, **options: Unpack[LabelledFieldOptions]) -> xr.DataTree:
        """Magnitude of the gradient of each node that has `dim`.

        :func:`xgrad.magnitude` describes the arguments and the errors.

        Examples
        --------
        >>> import xarray as xr, xgrad
        >>> tree = xr.DataTree(xr.Dataset({"t": ("x", [0.0, -1.0, -2.0])}))
        >>> tree.fdgrad.magnitude().t_gradient_magnitude.values
        array([1., 1., 1.])
        """
        return mapped(self._tree, lambda node: magnitude(node, dim, **options), dim, options)

    @spelled_out(LabelledFieldOptions)
    def direction(self, dim: Dim, **options: Unpack[LabelledFieldOptions]) -> xr.DataTree:
        """Direction of steepest ascent in each node that has `dim`.

        :func:`xgrad.direction` describes the arguments and the errors.

        Examples
        --------
        >>> import xarray as xr, xgrad
        >>> tree = xr.DataTree(xr.Dataset({"t": (("y", "x"), [[0.0, 1.0], [0.0, 1.0]])}))
        >>> tree.fdgrad.direction(("y", "x")).t_gradient_direction.values[0]
        array([0., 0.])
        """
        return mapped(self._tree, lambda node: direction(node, dim, **options), dim, options)

    @spelled_out(LabelledFieldOptions)
    def laplacian(self, dim: Dim = None, **options: Unpack[LabelledFieldOptions]) -> xr.DataTree:
        """Laplacian of each node that has `dim`.

        :func:`xgrad.laplacian` describes the arguments and the errors.

        Examples
        --------
        >>> import xarray as xr, xgrad
        >>> tree = xr.DataTree(xr.Dataset({"t": ("x", [0.0, 1.0, 4.0, 9.0])}))
        >>> tree.fdgrad.laplacian().t_laplacian.values.round(12)
        array([2., 2., 2., 2.])
        """
        return mapped(self._tree, lambda node: laplacian(node, dim, **options), dim, options)

    @spelled_out(LabelledFieldOptions)
    def hessian(self, dim: Dim = None, **options: Unpack[LabelledFieldOptions]) -> xr.DataTree:
        """All second derivatives of each node that has `dim`.

        :func:`xgrad.hessian` describes the arguments and the errors.

        Examples
        --------
        >>> import xarray as xr, xgrad
        >>> tree = xr.DataTree(xr.Dataset({"t": ("x", [0.0, 1.0, 4.0, 9.0])}))
        >>> tree.fdgrad.hessian().d2t_dx2.values.round(12)
        array([2., 2., 2., 2.])
        """
        return mapped(self._tree, lambda node: hessian(node, dim, **options), dim, options)

    @spelled_out(LabelledOptions)
    def smooth(
        self, dim: Hashable | Iterable[Hashable], **options: Unpack[LabelledOptions]
    ) -> xr.DataTree:
        """The fit itself in each node that has `dim`.

        :func:`xgrad.smooth` describes the arguments and the errors.

        Examples
        --------
        >>> import xarray as xr, xgrad
        >>> tree = xr.DataTree(xr.Dataset({"t": ("x", [0.0, 3.0, 0.0])}))
        >>> tree.fdgrad.smooth("x", window=3, polyorder=0).t.values.round(12)
        array([1., 1., 1.])
        """
        return mapped(self._tree, lambda node: smooth(node, dim, **options), dim, options)

    @spelled_out(LabelledFieldOptions)
    def divergence(
        self, components: Mapping[Any, Hashable], form: Form = "advective",
        **options: Unpack[LabelledFieldOptions],
    ) -> xr.DataTree:  # fmt: skip
        """Divergence in each node that has the dimensions.

        :func:`xgrad.divergence` describes the arguments and the errors.  The components are names:
        ``{dim: component}``.

        Examples
        --------
        >>> import xarray as xr, xgrad
        >>> tree = xr.DataTree(xr.Dataset({"u": ("x", [0.0, 2.0, 4.0])}))
        >>> tree.fdgrad.divergence({"x": "u"}).divergence.values
        array([2., 2., 2.])
        """
        from xgrad.operators.vector import divergence_of  # noqa: PLC0415

        return mapped(
            self._tree,
            lambda node: _as_dataset(divergence_of(node, components, form, **options)),
            list(components),
            options,
        )

    @spelled_out(LabelledFieldOptions)
    def curl(
        self, components: Mapping[Any, Hashable], form: Form = "advective",
        **options: Unpack[LabelledFieldOptions],
    ) -> xr.DataTree:  # fmt: skip
        """Curl in each node that has the dimensions.

        :func:`xgrad.curl` describes the arguments and the errors.  The components are names:
        ``{dim: component}``.

        Examples
        --------
        >>> import xarray as xr, xgrad
        >>> u = xr.DataArray([[0.0, 1.0], [0.0, 1.0]], dims=("x", "y"))
        >>> tree = xr.DataTree(xr.Dataset({"u": u, "v": 0 * u}))
        >>> tree.fdgrad.curl({"x": "u", "y": "v"}).curl.values[0]
        array([-1., -1.])
        """
        from xgrad.operators.vector import curl_of  # noqa: PLC0415

        return mapped(
            self._tree,
            lambda node: _as_dataset(curl_of(node, components, form, **options)),
            list(components),
            options,
        )
