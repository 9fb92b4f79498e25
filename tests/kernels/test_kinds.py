"""A kind of stencil is added in one place, and works for all kinds of arrays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr

import xgrad
from tests.helpers import same_bits
from xgrad._typing import Steps
from xgrad.kernels import kinds
from xgrad.kernels.cells import Cells
from xgrad.stencils.scheme import Scheme

X = np.cumsum(np.random.default_rng(0).uniform(0.5, 2.0, 24))
VALUES = np.random.default_rng(1).normal(size=(6, 24))


class Upwind(kinds.OfAnAxis):
    """The difference to the cell below, at the first cell to the one above."""

    @staticmethod
    def fits(scheme: Scheme) -> bool:
        return scheme.accuracy == 8 and not scheme.skipna

    @staticmethod
    def table_of(steps: Steps, size: int, scheme: Scheme, dtype: Any, seam: Any) -> Any:
        del scheme, dtype, seam
        below = np.broadcast_to(np.asarray(steps, np.float64), size - 1)
        return np.stack([np.r_[below[:1], below], np.arange(size)])

    def apply(self, cells: Cells, out: Any) -> bool:
        axis, n = cells.axis, cells.block.shape[cells.axis]
        whole = np.moveaxis(np.concatenate(cells.parts, axis=axis), axis, -1)
        here = cells.below.shape[axis] + np.arange(n)
        above = np.where(self.table[1] == 0, here + 1, here)
        rise = whole[..., above] - whole[..., above - 1]
        out[...] = np.moveaxis(rise / self.table[0], -1, axis)
        return True


@pytest.fixture
def upwind() -> Iterator[None]:
    kinds.KINDS.append(Upwind)
    yield
    kinds.KINDS.remove(Upwind)


@pytest.mark.usefixtures("upwind")
def test_a_new_kind_of_stencil_works_everywhere(tmp_path: Path) -> None:
    f = xr.DataArray(VALUES, {"x": X}, ("t", "x"), name="f")
    rise = np.diff(VALUES) / np.diff(X)
    expected = np.concatenate([rise[:, :1], rise], axis=1)
    assert same_bits(f.fdgrad.gradient("x", accuracy=8).df_dx, expected)
    lazy = f.chunk(t=2, x=5).fdgrad.gradient("x", accuracy=8).df_dx
    assert isinstance(lazy.data, da.Array)
    assert same_bits(lazy, expected)
    f.to_dataset().chunk(t=2, x=6).to_zarr(tmp_path / "in.zarr", zarr_format=2)
    xgrad.gradient_to_zarr(tmp_path / "in.zarr", tmp_path / "out.zarr", dim="x", accuracy=8)
    with xr.open_zarr(tmp_path / "out.zarr") as job:
        assert same_bits(job.df_dx, expected)
    magnitude = f.chunk(x=7).fdgrad.magnitude("x", accuracy=8)
    assert same_bits(magnitude, abs(expected))


def test_without_it_numbers_are_as_before() -> None:
    f = xr.DataArray(VALUES, {"x": X}, ("t", "x"), name="f")
    rise = np.diff(VALUES) / np.diff(X)
    found = f.fdgrad.gradient("x", accuracy=8).df_dx.values[:, 1:]
    assert not np.allclose(found, rise)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("accuracy", [2, 4, 6, 8])
@pytest.mark.parametrize("skipna", [False, True])
def test_one_kind_fits_each_scheme(order: int, accuracy: int, skipna: bool) -> None:
    scheme = Scheme(order, accuracy, skipna=skipna)
    assert sum(kind.fits(scheme) for kind in kinds.KINDS) == 1


def test_a_kind_without_weights_refuses_products() -> None:
    stencil = kinds.of_axis(1.0, 5, Scheme(skipna=True), np.dtype("f8"))
    with pytest.raises(ValueError, match="Gaps has no weights"):
        stencil.of_products(np.ones(5))
