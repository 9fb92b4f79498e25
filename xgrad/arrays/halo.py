"""The one rule for the cells beside a block: from a neighbour, the other end, or ghosts."""

from __future__ import annotations

from collections.abc import Callable

from xgrad._typing import AnyArray
from xgrad.kernels.cells import Cells, along
from xgrad.stencils.scheme import Scheme


def surrounded(
    block: AnyArray, own: slice, size: int, axis: int, scheme: Scheme, face: int,
    beside: Callable[[slice], AnyArray], ghosts: Callable[..., AnyArray],
) -> Cells:  # fmt: skip
    """A block with the cells on either side of it that its stencils need.

    Parameters
    ----------
    block : array of shape (..., n, ...)
        The block.
    own : slice
        The cells of the block along the axis.
    size : int
        Number of cells along the whole axis.
    axis : int
        Not negative.
    scheme : Scheme
        Determines how many cells are needed, and what is beyond the edges of the axis.
    face : int
        Number of cells at an edge that the ghosts are computed from.
    beside : callable
        Takes a slice of the axis, and returns these cells over the cross-section of the block.
    ghosts : callable
        Computes the cells beyond an edge: :func:`xgrad.stencils.ghosts.values` or ``positions``.

    Examples
    --------
    >>> import numpy as np
    >>> from xgrad.stencils import ghosts
    >>> f = np.arange(6.0)
    >>> scheme = Scheme(boundary=("one-sided", "extend"))
    >>> surrounded(f[4:], slice(4, 6), 6, 0, scheme, 1, f.__getitem__, ghosts.values).parts
    (array([3.]), array([4., 5.]), array([5.]))
    """
    depth, n = scheme.depth, block.shape[axis]
    one, other = sides(own, size, scheme)
    if one is not None:
        below = beside(one)
    else:
        first = block[along(axis, slice(0, face))]
        below = ghosts(first, scheme.boundary[0], depth, axis, below=True)
    if other is not None:
        above = beside(other)
    else:
        last = block[along(axis, slice(n - face, n))]
        above = ghosts(last, scheme.boundary[1], depth, axis, below=False)
    return Cells(below, block, above, axis, scheme.reach)


def sides(own: slice, size: int, scheme: Scheme) -> tuple[slice | None, slice | None]:
    """The cells that a block needs from below and from above; None beyond an edge.

    Examples
    --------
    >>> sides(slice(0, 3), 6, Scheme()), sides(slice(3, 6), 6, Scheme(boundary=("periodic",) * 2))
    ((None, slice(3, 4, None)), (slice(2, 3, None), slice(0, 1, None)))
    """
    depth, around = scheme.depth, "periodic" in scheme.boundary
    below = slice(own.start - depth, own.start) if own.start > 0 else None
    above = slice(own.stop, own.stop + depth) if own.stop < size else None
    if around:
        below, above = below or slice(size - depth, size), above or slice(0, depth)
    return below, above


def of_factor(scheme: Scheme) -> Scheme:
    """The scheme for a known factor of the data, which has no value of its own beyond an edge.

    Examples
    --------
    >>> of_factor(Scheme(boundary=(0.0, "reflect"))).boundary
    ('extend', 'reflect')
    """
    own = ("one-sided", "periodic", "reflect")
    left, right = (side if side in own else "extend" for side in scheme.boundary)
    return scheme._replace(boundary=(left, right))


def at_both_edges(
    array: AnyArray, axis: int, scheme: Scheme, face: int, ghosts: Callable[..., AnyArray]
) -> Cells:
    """A whole array with the cells beyond its edges; see :func:`surrounded`.

    Examples
    --------
    >>> import numpy as np
    >>> from xgrad.stencils import ghosts
    >>> scheme = Scheme(boundary=("periodic", "periodic"))
    >>> at_both_edges(np.arange(4.0), 0, scheme, 1, ghosts.values).parts
    (array([3.]), array([0., 1., 2., 3.]), array([0.]))
    """
    size = array.shape[axis]
    return surrounded(
        array, slice(0, size), size, axis, scheme, face, lambda cells: array[along(axis, cells)],
        ghosts,
    )  # fmt: skip


def between_faces(
    block: AnyArray, faces: AnyArray, sides: AnyArray, axis: int, scheme: Scheme, face: int,
    ghosts: Callable[..., AnyArray],
) -> Cells:  # fmt: skip
    """A chunk with the cells that its neighbours passed on; see :func:`surrounded`.

    Parameters
    ----------
    block : array
        The chunk.
    faces, sides : arrays
        The chunk's part of the two arrays of a :class:`xgrad.arrays.chunk_faces.Halo`.
    axis, scheme, face, ghosts
        As for :func:`surrounded`.

    Examples
    --------
    >>> import numpy as np
    >>> from xgrad.stencils import ghosts
    >>> f, faces = np.array([3.0, 4.0]), np.array([2.0, 3.0, 4.0])
    >>> between_faces(f, faces, np.array([1, 0, 1, 0]), 0, Scheme(), 1, ghosts.values).below
    array([2.])
    """
    n, is_below, is_above = block.shape[axis], int(sides[0]), int(sides[1])
    # Counted from the first cell that was passed on; faces are [below], first, last, [above].
    start = face * is_below
    stop = start + n

    def beside(cells: slice) -> AnyArray:
        shift = 0 if cells.start < start else 2 * face - n
        return faces[along(axis, slice(cells.start + shift, cells.stop + shift))]

    # Here the seam of a periodic axis is between two neighbours, as dask has passed its cells on.
    size = stop + face * is_above
    own = slice(start, stop)
    return surrounded(block, own, size, axis, scheme, face, beside, ghosts)
