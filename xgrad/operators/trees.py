"""Apply an operation on Datasets to the nodes of a DataTree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import xarray as xr

from xgrad._typing import Dim
from xgrad.errors import CoordinateError
from xgrad.labels import links
from xgrad.operators.selection import concerns


def mapped(
    tree: xr.DataTree, operation: Callable[[xr.Dataset], xr.Dataset], dim: Dim = None,
    metric: Any = None,
) -> xr.DataTree:  # fmt: skip
    """Run an operation on each node that can be differentiated along all of `dim`.

    Parameters
    ----------
    tree : DataTree
        Each node is passed on as a Dataset that includes inherited coordinates.
    operation : callable
        Takes and returns a Dataset.
    dim : hashable or iterable of hashable, optional
        Dimensions or coordinates, looked up by name in each node.  Default: use every node that
        has anything to differentiate.
    metric : object, optional
        A CRS gives nodes with projection coordinates a longitude and a latitude.

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
    for path, node in nodes.items():
        if concerns(node, dim, metric):
            try:
                results[path] = operation(node)
            except Exception as error:
                error.add_note(f"This happened in node {path!r} of the tree.")
                raise
    if not results:
        dims = {path: dict(node.sizes) for path, node in nodes.items()}
        what = "numbers" if dim is None else f"numbers along `dim`, which is {dim!r}"
        raise CoordinateError(
            f"no node of the tree has {what}; nodes and their dimensions are {dims}"
        )
    return xr.DataTree.from_dict(results, name=tree.name)
