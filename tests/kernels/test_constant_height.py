"""A stencil over columns that are taken at the height of the cell itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.helpers import same_bits
from xgrad.arrays.halo import at_both_edges
from xgrad.kernels.constant_height import WAYS, AtHeight
from xgrad.kernels.stencil_kinds import of_axis
from xgrad.stencils import ghosts
from xgrad.stencils.scheme import Scheme


def stencil(f: Any, z: Any, axis: int, levels: int, by: str, **options: Any) -> AtHeight:
    scheme = Scheme(**options)
    of_cells, of_heights = (
        at_both_edges(one, axis, scheme, scheme.face, ghosts.values) for one in (f, z)
    )
    own = of_axis(0.5, f.shape[axis], scheme, np.dtype("f8"))
    return AtHeight(own, of_cells, of_heights, levels, by)


def columns(shape: tuple[int, ...], levels: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    z = np.cumsum(rng.random(shape) + 0.2, axis=levels)
    return rng.normal(size=shape), z


def by_numpy(f: Any, z: Any, axis: int, levels: int) -> Any:
    """The derivative of columns taken by np.interp, where both neighbours reach the height."""
    f, z = (np.moveaxis(one, (axis, levels), (0, 1)) for one in (f, z))
    out = np.full(f.shape, np.nan)
    for index in np.ndindex(f.shape[2:]):
        own, there = f[(..., *index)], z[(..., *index)]
        for i in range(1, len(own) - 1):
            low, high = (
                np.interp(there[i], there[k], own[k], left=np.nan, right=np.nan)
                for k in (i - 1, i + 1)
            )
            out[(i, slice(None), *index)] = high - low
    return np.moveaxis(out, (0, 1), (axis, levels))


@pytest.mark.parametrize(("axis", "levels"), [(0, 1), (1, 0), (2, 0), (2, 1), (0, 2), (1, 2)])
def test_lines_are_those_of_numpy_along_any_axis(axis: int, levels: int) -> None:
    f, z = columns((6, 7, 5), levels)
    own = stencil(f, z, axis, levels, "linear")
    out = np.empty_like(f)
    assert own.apply(own.cells, out)
    inner = tuple(slice(1, -1) if k == axis else slice(None) for k in range(3))
    np.testing.assert_allclose(out[inner], by_numpy(f, z, axis, levels)[inner], rtol=1e-10)


@pytest.mark.parametrize("by", WAYS)
@pytest.mark.parametrize("skipna", [False, True])
def test_a_part_has_the_bits_of_the_whole(by: str, skipna: bool) -> None:
    f, z = columns((5, 6, 9), 1)
    f[2, :, 4] = np.nan
    own = stencil(f, z, 2, 1, by, skipna=skipna, edge_order=2)
    whole = np.empty_like(f)
    own.apply(own.cells, whole)
    box = (slice(1, 3), slice(2, 5), slice(0, 7))
    part = own.cut(box, 2)
    out = np.empty_like(f[box])
    part.apply(own.cells.cut(box), out)
    assert same_bits(out, whole[box])
    again = part.cut((slice(1, 2), slice(1, 2), slice(4, 7)), 2)
    out = np.empty((1, 1, 3))
    again.apply(part.cells, out)
    assert same_bits(out, whole[2:3, 3:4, 4:7])


def test_columns_that_are_not_monotonic_are_reported() -> None:
    f, z = columns((4, 6), 1)
    z[1, 3] = z[1, 2]
    own = stencil(f, z, 0, 1, "interpolation")
    out = np.empty_like(f)
    assert not own.apply(own.cells, out)
    assert np.isnan(out[:3]).all()
