"""Ghost cells: the values, positions and steps assumed beyond the edges of an array.

::

    periodic    y z | a b c ... x y z | a b
    extend      a a | a b c ... x y z | z z     at the edge spacing
    reflect     c b | a b c ... x y z | y x     mirrored spacing
    a number v  v v | a b c ... x y z | v v     at the edge spacing
    nan           NaN                           stencils that reach a ghost give NaN
    one-sided       | a b c ... x y z |         no ghosts: the stencil stays inside
"""

from __future__ import annotations

from typing import Any

import numpy as np

from xgrad._typing import AnyArray, Boundary, Steps


def values(face: AnyArray, boundary: Boundary, depth: int, axis: int, *, below: bool) -> AnyArray:
    """Values of the ghost cells beyond an edge that is not periodic.

    Periodic ghosts are copies of the cells at the other edge: the caller has them.

    Parameters
    ----------
    face : array of shape (..., depth + 1 or more, ...)
        The outermost cells of the array along `axis`.  Without "reflect", `depth` are enough.
    boundary : str or number
        What is assumed beyond the edge.
    depth : int
        Number of ghosts.
    axis : int
        Axis of `face`.
    below : bool
        True for the edge at the first cell, False for the edge at the last.

    Returns
    -------
    array of shape (..., depth, ...)
        In the order of the axis.  Empty for a one-sided edge.

    Examples
    --------
    >>> values(np.array([1.0, 2.0, 3.0]), "reflect", 2, 0, below=True)
    array([3., 2.])
    >>> values(np.array([7.0, 8.0]), 0, 1, 0, below=False)
    array([0.])
    """
    size = face.shape[axis]
    if boundary == "one-sided":
        return face[(*(slice(None),) * axis, slice(0, 0))]  # np.take would copy the face first
    if boundary == "extend":
        return np.take(face, [0 if below else size - 1] * depth, axis=axis)
    if boundary == "reflect":
        from_edge = np.arange(1, depth + 1)
        return np.take(face, from_edge[::-1] if below else size - 1 - from_edge, axis=axis)
    shape = (*face.shape[:axis], depth, *face.shape[axis + 1 :])
    if boundary == "nan":
        boundary = np.nan
        if face.dtype.kind in "mM":
            return np.full(shape, "NaT", face.dtype)
    # Integers cannot hold NaN or 0.5; the kernels compute with float64 in any case.
    dtype = face.dtype if face.dtype.kind in "fc" else np.dtype("f8")
    return np.full(shape, boundary, dtype)


def positions(
    face: AnyArray, boundary: Boundary, depth: int, axis: int, *, below: bool
) -> AnyArray:
    """Positions of the ghost cells beyond an edge: mirrored, or continued at the edge spacing.

    Parameters and result are those of :func:`values`.

    Examples
    --------
    >>> positions(np.array([0.0, 1.0, 3.0]), "reflect", 2, 0, below=True)
    array([-3., -1.])
    >>> positions(np.array([0.0, 1.0, 3.0]), "extend", 2, 0, below=False)
    array([5., 7.])
    """
    if boundary == "one-sided" or depth == 0:
        return face[(*(slice(None),) * axis, slice(0, 0))]  # np.take would copy the face first
    cells = np.moveaxis(face, axis, 0)
    if not below:
        cells = cells[::-1]
    away = np.arange(depth, 0, -1)
    if boundary == "reflect":
        ghosts = cells[0] - (cells[away] - cells[0])
    else:
        column = away.reshape(-1, *[1] * (cells.ndim - 1)).astype(cells.dtype)
        ghosts = cells[0] - column * (cells[1] - cells[0])
    if boundary == "nan":
        ghosts = np.full_like(ghosts, np.nan)
    return np.moveaxis(ghosts if below else ghosts[::-1], 0, axis)


def steps(
    inside: Steps, boundary: tuple[Boundary, Boundary], depth: int, seam: Any
) -> tuple[AnyArray, AnyArray]:
    """Steps between the ghosts beyond both edges, up to the outermost cell.

    Parameters
    ----------
    inside : number or array of shape (n - 1,)
        Steps between the cells of the array; a number if the axis is even.
    boundary : tuple of (str or number)
        What is assumed beyond the left and the right edge.
    depth : int
        Number of ghosts beyond each edge.
    seam : number or None
        Step from the last cell to the first cell of the next period, for a periodic axis.

    Returns
    -------
    tuple of two arrays of shape (depth,)
        In the order of the axis.  Empty for a one-sided edge.

    Examples
    --------
    >>> left, right = steps(np.array([1.0, 2.0, 3.0]), ("reflect", "extend"), 2, None)
    >>> left, right
    (array([2., 1.]), array([3., 3.]))
    >>> steps(1.0, ("periodic", "periodic"), 2, 4.0)
    (array([1., 4.]), array([4., 1.]))
    """
    strong = np.asarray(inside)
    along = np.full(depth, strong) if strong.ndim == 0 else strong
    sides: list[AnyArray] = []
    for kind, ends in zip(boundary, (along[:depth], along[::-1][:depth]), strict=True):
        if kind == "one-sided":
            away = along[:0]
        elif kind == "reflect":
            away = ends
        elif kind == "periodic":
            other = along[::-1] if len(sides) == 0 else along
            away = np.concatenate([np.asarray([seam], along.dtype), other[: depth - 1]])
        else:
            away = np.full(depth, np.nan if kind == "nan" else ends[0], along.dtype)
        sides.append(away)
    return sides[0][::-1], sides[1]


def origins(cells: AnyArray, size: int, boundary: tuple[Boundary, Boundary]) -> AnyArray:
    """Which cell of an axis each cell is, or copies if it is a ghost; -1 for a ghost of none.

    Parameters
    ----------
    cells : int array
        Indices, below 0 and from `size` on beyond the edges.
    size : int
        Number of cells along the axis.
    boundary : tuple of (str or number)
        What is assumed beyond the left and the right edge.

    Examples
    --------
    >>> origins(np.arange(-2, 6), 4, ("reflect", 1.5))
    array([ 2,  1,  0,  1,  2,  3, -1, -1])
    """
    found, last = cells.copy(), size - 1
    for kind, beyond in zip(boundary, (cells < 0, cells > last), strict=True):
        if kind == "periodic":
            found[beyond] %= size
        elif kind == "reflect":
            found[beyond] = last - abs(last - abs(cells[beyond]))
        else:
            found[beyond] = cells[beyond].clip(0, last) if kind == "extend" else -1
    return found
