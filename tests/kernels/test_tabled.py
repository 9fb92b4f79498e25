from __future__ import annotations

import itertools
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from tests.helpers import numpy_gradient, same_bits
from xgrad.arrays.term import Term
from xgrad.kernels import layout, tabled, tabled_loops
from xgrad.stencils.scheme import Scheme
from xgrad.stencils.table import first_derivative

DTYPES = ["f2", "f4", "f8", "g", "F", "D", "G", "b", "B", "i4", "u8", ">f4", ">f8", ">c16", ">i2"]


@pytest.fixture(autouse=True, params=["compiled", "numpy's"])
def own(request: Any, monkeypatch: Any) -> str:
    """With compiled loops, and without: as before they are loaded."""
    monkeypatch.setattr(tabled, "are_loaded", lambda _: request.param == "compiled")
    return str(request.param)


def whole(values: Any, steps: Any, axis: int, edge_order: int) -> Any:
    """Differentiate one block that is the whole array."""
    dtype = layout.result_dtype(values.dtype)
    real = np.empty(0, dtype).real.dtype.newbyteorder("=")
    out = np.empty_like(values, dtype=dtype)
    nothing = np.take(values, [], axis=axis)
    table = first_derivative(steps, values.shape[axis], edge_order, real)
    tabled.differentiate(values, nothing, nothing, table, axis, out)
    return out


def values_of(dtype: str, shape: tuple[int, ...]) -> Any:
    rng = np.random.default_rng(1)
    numbers = rng.normal(size=shape) * 40 + 60
    if np.dtype(dtype).kind == "c":
        return (numbers + 1j * rng.normal(size=shape)).astype(dtype)
    return numbers.astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("edge_order", [1, 2])
@pytest.mark.parametrize("spacing", ["python", "f4", "f8", "uneven f4", "uneven f8"])
def test_a_block_equals_numpy(dtype: str, edge_order: int, spacing: str) -> None:
    for shape in [(5,), (4, 5, 6), (40, 4, 3), (2, 3, 40)]:
        values = values_of(dtype, shape)
        for axis, size in enumerate(shape):
            if size <= edge_order:
                continue
            kind = "f4" if spacing.endswith("f4") else "f8"
            x = np.cumsum(np.random.default_rng(2).random(size) + 0.1).astype(kind)
            positions = {"python": 0.3, "f4": np.float32(0.3), "f8": np.float64(0.3)}.get(
                spacing, x
            )
            steps = np.diff(x) if "uneven" in spacing else positions
            expected = numpy_gradient(values, positions, axis, edge_order)
            assert same_bits(whole(values, steps, axis, edge_order), expected)


@pytest.mark.parametrize("dtype", ["f4", "f8", "F", "D"])
@pytest.mark.parametrize("steps", [0.3, np.array([0.3, 0.5, 0.1, 0.9])])
def test_special_values_are_numpys(dtype: str, steps: Any) -> None:
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-38, 1.0]
    parts = np.random.default_rng(3).choice(special, size=(2, 50, 5))
    values = parts[0].astype(dtype)
    if dtype in "FD":
        values.imag = parts[1]
    positions = steps if np.ndim(steps) == 0 else np.concatenate([[0], np.cumsum(steps)])
    used = steps if np.ndim(steps) == 0 else np.diff(positions)
    assert same_bits(whole(values, used, 1, 2), numpy_gradient(values, positions, 1, 2))


@pytest.mark.parametrize("dtype", ["f4", "f8", "F", "D"])
@pytest.mark.parametrize("kind", ["f4", "f8"])
@pytest.mark.parametrize("inside", [False, True])
def test_numpys_loops_have_the_bits_of_the_compiled_ones(
    dtype: str, kind: str, inside: bool, monkeypatch: Any
) -> None:
    rng = np.random.default_rng(5)
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-38]
    for order, accuracy, boundary in itertools.product(
        [1, 2, 3], [2, 4, 6], ["one-sided", "extend"]
    ):
        scheme = Scheme(order=order, accuracy=accuracy, boundary=(boundary, boundary))
        steps = rng.random(19).astype(kind) + 0.1
        factor = rng.random(20) if inside and boundary == "one-sided" else None
        term = Term("f", 1, steps, scheme, inside=factor)
        table = term.stencil(20, np.dtype(dtype)).table[:, 4:]
        for shape in [(3, 20, 5), (40, 20, 3), (2, 20, 40), (50, 20, 1)]:
            cells = values_of(dtype, shape)
            cells[rng.random(shape) < 0.02] = rng.choice(special)
            depth = scheme.depth if boundary == "extend" else 0
            parts = cells[:, :4], cells[:, 4:], cells[:, 20 - depth :]
            found = []
            for compiled in (True, False):
                monkeypatch.setattr(tabled, "are_loaded", lambda _, answer=compiled: answer)
                found.append(np.empty_like(parts[1]))
                with np.errstate(all="ignore"):
                    tabled.differentiate(parts[1], parts[0], parts[2], table, 1, found[-1])
            assert same_bits(found[0], found[1])


def test_who_differentiates_little_does_not_wait_for_numba() -> None:
    code = (
        "import sys, numpy as np, xarray as xr, xgrad\n"
        "f = xr.DataArray(np.ones((50, 60, 70), 'f4'), dims=('z', 'y', 'x'), name='f')\n"
        "for dim in f.dims: f.fdgrad.gradient(dim), f.fdgrad.magnitude()\n"
        "print('numba' in sys.modules)\n"
        "f.isel(z=0).fdgrad.gradient('x', skipna=True)\n"
        "for _ in range(10): f.fdgrad.gradient('x')\n"
        "print('xgrad.kernels.tabled_loops' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["False", "True"]


@pytest.mark.parametrize("layout", ["C", "F", "strided", "reversed", "broadcast", "transposed"])
def test_any_memory_layout(layout: str) -> None:
    base = values_of("f4", (6, 7, 8))
    values = {
        "C": base,
        "F": np.asfortranarray(base),
        "strided": np.repeat(base, 2, axis=1)[:, ::2],
        "reversed": base[::-1, :, ::-1],
        "broadcast": np.broadcast_to(base[:, :1], (6, 7, 8)),
        "transposed": base.transpose(1, 2, 0),
    }[layout]
    for axis in range(3):
        steps = np.diff(np.arange(values.shape[axis]) ** 1.5)
        expected = numpy_gradient(values, np.arange(values.shape[axis]) ** 1.5, axis)
        found = whole(values, steps, axis, 1)
        assert same_bits(found, expected)
        assert found.strides == expected.strides


def test_read_only_and_unaligned_input_is_read_and_left_alone() -> None:
    values = values_of("f8", (5, 6))
    before = values.copy()
    values.flags.writeable = False
    assert same_bits(whole(values, 0.5, 0, 1), numpy_gradient(before, 0.5, 0))
    assert same_bits(values, before)
    raw = np.zeros(values.nbytes + 1, "u1")
    unaligned = raw[1:].view("f8").reshape(5, 6)
    unaligned[...] = before
    assert not unaligned.flags.aligned
    assert same_bits(whole(unaligned, 0.5, 1, 2), numpy_gradient(before, 0.5, 1, 2))


def test_an_empty_block() -> None:
    assert whole(np.empty((0, 4)), 1.0, 1, 1).shape == (0, 4)


def test_all_layouts_and_kinds_of_memory_share_six_compiled_variants() -> None:
    for dtype in DTYPES:
        for steps in (0.5, np.float32(0.5), np.float64(0.5), np.array([1.0, 2.0, 3.0], "f4")):
            whole(values_of(dtype, (4, 40)), steps, 0, 1)
    assert len(tabled_loops._differentiate.signatures) <= 6


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_times_as_data_lose_no_tick(unit: str) -> None:
    # One tick a step, 50 years after 1970: in float64 seconds a nanosecond would vanish.
    ticks = np.arange(6) + np.datetime64("2020-01-01", unit).astype("i8")
    slopes = whole(ticks.astype(f"M8[{unit}]"), 1.0, 0, 2)
    tick = np.timedelta64(1, unit) / np.timedelta64(1, "s")
    np.testing.assert_allclose(slopes, tick, rtol=1e-14)


def test_no_time_gives_nan_where_a_stencil_meets_it() -> None:
    days = np.array(["2000-01-01", "2000-01-02", "NaT", "2000-01-04", "2000-01-05", "2000-01-06"])
    slopes = whole(days.astype("M8[s]"), np.array([1.0, 1.0, 1.5, 1.0, 1.0]), 0, 1)
    np.testing.assert_array_equal(np.isnan(slopes), [False, True, True, True, False, False])


@pytest.mark.parametrize("dtype", ["?", "U3", "S3", "O"])
def test_values_without_differences_are_refused(dtype: str) -> None:
    with pytest.raises(TypeError, match="cannot be differentiated"):
        layout.result_dtype(np.dtype(dtype))
