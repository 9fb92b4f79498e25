"""An operation on Datasets, on the nodes of a DataTree."""

from __future__ import annotations

from collections.abc import Callable

import xarray as xr

from xgrad._typing import Dim
from xgrad.errors import CoordinateError
from xgrad.operators.selection import concerns


def mapped(
    tree: xr.DataTree, operation: Callable[[xr.Dataset], xr.Dataset], dim: Dim = None
) -> xr.DataTree:
    """Run an operation on each node that has something along all of `dim`.

    Parameters
    ----------
    tree : DataTree
        Its nodes are Datasets, each with the coordinates that it inherits.
    operation : callable
        From a Dataset to a Dataset.
    dim : hashable or iterable of hashable, optional
        Dimensions or coordinates, whose names are looked up in each node.  Default: every node
        that has something to differentiate.

    Returns
    -------
    DataTree
        Of these nodes only, at the places where they were.

    Raises
    ------
    CoordinateError
        If there is no such node.

    Examples
    --------
    >>> nodes = {"/a": xr.Dataset({"t": ("x", [0.0, 1.0])}), "/b": xr.Dataset({"n": 3})}
    >>> list(mapped(xr.DataTree.from_dict(nodes), lambda node: node + 1, "x").children)
    ['a']
    """
    nodes = {
        f"/{'' if path == '.' else path}": node.to_dataset()
        for path, node in tree.subtree_with_keys
    }
    results: dict[str, xr.Dataset | None] = {}
    for path, node in nodes.items():
        if concerns(node, dim):
            try:
                results[path] = operation(node)
            except Exception as error:
                error.add_note(f"This is in the node {path!r} of the tree.")
                raise
    if not results:
        dims = {path: dict(node.sizes) for path, node in nodes.items()}
        what = "has a number" if dim is None else f"has numbers along `dim`, which is {dim!r}"
        raise CoordinateError(f"no node of the tree {what}; nodes and their dimensions are {dims}")
    return xr.DataTree.from_dict(results, name=tree.name)
