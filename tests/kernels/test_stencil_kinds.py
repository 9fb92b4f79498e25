"""The law of kinds: a part of a stencil gives the same part of the derivative."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import xgrad
from tests.arrays.helpers import reduced
from tests.helpers import nothing_computed, same_bits
from tests.kernels.helpers import parts_of, stencils
from xgrad._typing import AnyArray, Steps
from xgrad.arrays import combine
from xgrad.kernels import stencil_kinds
from xgrad.kernels.cells import Cells
from xgrad.kernels.stencil_kinds import AnyStencil, Gaps, OfAnAxis, Tabled
from xgrad.stencils.columns import Repeating, Windowed
from xgrad.stencils.scheme import Scheme


def applied(stencil: Any, cells: Cells) -> Any:
    out = np.empty_like(cells.block)
    assert stencil.apply(cells, out)
    return out


@given(st.data())
def test_a_part_of_a_stencil_gives_a_part_of_the_derivative(data: Any) -> None:
    stencil, cells = data.draw(stencils())
    box = tuple(data.draw(parts_of(n)) for n in cells.block.shape)
    found = applied(stencil.cut(box, cells.axis), cells.cut(box))
    assert same_bits(found, applied(stencil, cells)[box])


@pytest.mark.parametrize(
    ("scheme", "kind"),
    [
        (Scheme(), Tabled),
        (Scheme(order=3, accuracy=6), Tabled),
        (Scheme(skipna=True), Gaps),
        (Scheme(skipna=True, edge_order=2), Gaps),
        (Scheme(order=2, skipna=True), AnyStencil),
        (Scheme(accuracy=4, skipna=True), AnyStencil),
    ],
)
def test_a_scheme_decides_the_kind(scheme: Scheme, kind: type[OfAnAxis]) -> None:
    assert stencil_kinds.kind_of(scheme) is kind


def check_parts(found: Any, expected: Any) -> None:
    """Parts of a table, and parts of these, are those of the table that is written out."""
    assert found.shape == expected.shape
    size = expected.shape[1]
    for part in (slice(0, 9), slice(5, 99), slice(30, 30_030), slice(size - 7, size), slice(9, 9)):
        assert same_bits(np.asarray(found[:, part]), expected[:, part])
        assert same_bits(np.asarray(found[:, part][:, 2:]), expected[:, part][:, 2:])
    assert same_bits(np.asarray(found), expected)


long_axes = [
    pytest.mark.parametrize("skipna", [False, pytest.param(True, marks=pytest.mark.thorough)]),
    pytest.mark.parametrize(
        ("order", "accuracy"),
        [
            (1, 2),
            (4, 4),
            *(pytest.param(*one, marks=pytest.mark.thorough) for one in ((1, 8), (2, 2))),
        ],
    ),
    pytest.mark.parametrize(
        "boundary",
        [
            ("periodic", "periodic"), ("one-sided", "reflect"),
            *(pytest.param(pair, marks=pytest.mark.thorough)
              for pair in (("one-sided", "one-sided"), ("reflect", "nan"), ("extend", 0.5))),
        ],
    ),
]  # fmt: skip


def on_long_axes(test: Any) -> Any:
    for mark in long_axes:
        test = mark(test)
    return test


@on_long_axes
def test_a_long_uneven_axis_has_the_table_that_is_written_out(
    order: int, accuracy: int, skipna: bool, boundary: Any
) -> None:
    size, dtype = 2**16 + 1, np.dtype("f8")
    steps = 0.3 + np.random.default_rng(0).random(size - 1)
    steps[100:200] = 0.5  # even in a part only
    for edge_order in (1, 2):
        scheme = Scheme(order, accuracy, edge_order, skipna, boundary)
        seam = 0.7 if "periodic" in boundary else None
        found = stencil_kinds.of_axis(steps, size, scheme, dtype, seam).table
        assert isinstance(found, Windowed)
        expected = stencil_kinds.kind_of(scheme).table_of(steps, size, scheme, dtype, seam)
        check_parts(found, expected)
        check_parts(found.held(), expected)


@on_long_axes
def test_a_long_even_axis_has_the_table_that_is_written_out(
    order: int, accuracy: int, skipna: bool, boundary: Any
) -> None:
    for edge_order in (1, 2):
        scheme = Scheme(order, accuracy, edge_order, skipna, boundary)
        size, step, dtype = 2**16 + 1, np.float64(0.1), np.dtype("f8")
        seam = 0.7 if "periodic" in boundary else None
        found = stencil_kinds.of_axis(step, size, scheme, dtype, seam).table
        assert isinstance(found, Repeating)
        expected = stencil_kinds.kind_of(scheme).table_of(step, size, scheme, dtype, seam)
        check_parts(found, expected)


BEYOND = 0.125


class Rise(OfAnAxis):
    """A toy: the rise to the next cell over the step to it; beyond the last cell is a number."""

    @staticmethod
    def fits(scheme: Scheme) -> bool:
        return scheme.boundary == (BEYOND, BEYOND)

    @staticmethod
    def table_of(steps: Steps, size: int, *_: Any) -> AnyArray:
        inside = np.broadcast_to(np.asarray(steps, "f8"), size - 1)
        return np.append(inside, inside[-1])[np.newaxis]

    def apply(self, cells: Cells, out: AnyArray) -> bool:
        block = np.moveaxis(np.concatenate(cells.parts[1:], cells.axis), cells.axis, -1)
        n = cells.block.shape[cells.axis]
        rise = block[..., 1 : n + 1] - block[..., :n]
        out[...] = np.moveaxis(rise / self.table[0], -1, cells.axis)
        return True


@pytest.fixture
def with_rise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stencil_kinds, "KINDS", [*stencil_kinds.KINDS, Rise])


def rises(values: Any, x: Any, axis: int) -> Any:
    """The same of a whole array."""
    steps = np.append(np.diff(x), x[-1] - x[-2])
    beyond = np.full_like(np.take(values, [0], axis), BEYOND)
    found = np.diff(np.concatenate([values, beyond], axis), axis=axis)
    return found / np.expand_dims(steps, tuple(k for k in range(values.ndim) if k != axis))


@pytest.mark.usefixtures("with_rise")
@pytest.mark.parametrize("axis", [0, 1])
def test_a_new_kind_of_stencil_works_everywhere(axis: int, tmp_path: Path) -> None:
    # Rows are long enough for the fused loop, which must leave other kinds alone.
    values = np.random.default_rng(0).normal(size=(9, 70))
    x = np.arange(values.shape[axis]) ** 1.5
    expected = rises(values, x, axis)
    scheme = Scheme(boundary=(BEYOND, BEYOND))
    assert same_bits(combine.differentiate(values, reduced(x), axis, scheme), expected)
    with nothing_computed():
        lazy = combine.differentiate(da.from_array(values, chunks=(4, 7)), reduced(x), axis, scheme)
    assert same_bits(lazy.compute(scheduler="sync"), expected)

    dims, coords = ("y", "x"), {"yx"[axis]: x}
    f = xr.DataArray(values, coords, dims, "f")
    both = [rises(values, f[dim].values, k) for k, dim in enumerate(dims)]
    size = f.fdgrad.magnitude(boundary=BEYOND)
    assert same_bits(size.values, np.sqrt(both[0] ** 2 + both[1] ** 2))

    f.to_dataset().chunk(y=4, x=7).to_zarr(tmp_path / "in.zarr", zarr_format=2)
    target, dim = tmp_path / "out.zarr", dims[axis]
    xgrad.gradient_to_zarr(tmp_path / "in.zarr", target, dim=[dim], boundary=BEYOND)
    with xr.open_zarr(target, chunks=None) as found:
        assert same_bits(found[f"df_d{dim}"].values, expected)


def test_a_kind_without_weights_refuses_a_factor_inside() -> None:
    stencil = stencil_kinds.of_axis(1.0, 5, Scheme(skipna=True), np.dtype("f8"))
    with pytest.raises(ValueError, match="Gaps has no weights"):
        stencil.of_products(np.ones(5))
